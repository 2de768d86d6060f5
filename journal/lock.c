#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "journal/writer.h"

int
journal_lock(const char *dir)
{
    char path[4096];
    const int len = snprintf(path, sizeof path, "%s/lock", dir);

    if (len < 0 || (size_t)len >= sizeof path)
        return -ENAMETOOLONG;

    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;

        close(fd);
        return -error;
    }
    return fd;
}

void
journal_fatal(const char *what, int error)
{
    char line[512];
    const int len = snprintf(line, sizeof line, "outcry: journal: %s%s%s\n", what,
                             error == 0 ? "" : ": ", error == 0 ? "" : strerror(error));
    const size_t bytes = len < 0 ? 0 : (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;

    /* Other threads may hold any lock: one write, and no exit handlers. */
    (void)!write(STDERR_FILENO, line, bytes);
    _exit(3);
}
