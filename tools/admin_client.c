#include "tools/admin_client.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/admin.h"
#include "tools/config.h"

#define ANSWER_SECONDS 10
#define LOAD_SECONDS   600

static __attribute__((format(printf, 2, 3))) bool
refuse(char *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, ADMIN_WHY_BYTES, format, args);
    va_end(args);
    return false;
}

/* find_socket splits where the socket is into folder and name. */
static bool
find_socket(const char *where, char folder[PATH_MAX], char name[64], char *why)
{
    struct stat status;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s", where);
    if (stat(where, &status) == 0 && S_ISSOCK(status.st_mode)) {
        snprintf(name, 64, "%s", basename(path));
        snprintf(path, sizeof path, "%s", where);
        snprintf(folder, PATH_MAX, "%s", dirname(path));
        return true;
    }

    char text[CONFIG_WHY_BYTES];
    struct config *config = config_load(where, text);

    if (config == NULL)
        return refuse(why, "%.*s", ADMIN_WHY_BYTES - 1, text);
    snprintf(folder, PATH_MAX, "%s", config->journal_folder);
    snprintf(name, 64, "%s", ADMIN_NAME);
    config_free(config);
    return true;
}

/* dial connects; the descriptor, or -errno. */
static int
dial(const char *path, const char *name, int seconds)
{
    const struct timeval patience = {.tv_sec = seconds};
    const int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_un address;
    int rc = 0;

    if (folder < 0)
        return -errno;
    admin_address(folder, name, &address);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        rc = -errno;
    close(folder);
    if (rc == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return rc;
}

/* say sends all of it; who hangs up meanwhile may have said why. */
static void
say(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

/* hear reads the answer up to its end. 0 or -errno. */
static int
hear(int fd, char *reply)
{
    size_t len = 0;
    ssize_t got = 1;

    while (got > 0 && len < ADMIN_ANSWER_BYTES - 1) {
        got = recv(fd, reply + len, ADMIN_ANSWER_BYTES - 1 - len, 0);
        if (got < 0 && len == 0)
            return -errno;
        len += got > 0 ? (size_t)got : 0;
    }
    reply[len] = '\0';
    return len > 0 && reply[len - 1] == '\n' ? 0 : -ECONNRESET;
}

bool
admin_ask(const char *where,
          const struct admin_request *request,
          char *reply,
          char why[ADMIN_WHY_BYTES])
{
    const int seconds = request->rows_cnt > 0 ? LOAD_SECONDS : ANSWER_SECONDS;
    char folder[PATH_MAX];
    char name[64];

    if (!find_socket(where, folder, name, why))
        return false;

    const int fd = dial(folder, name, seconds);

    if (fd == -EACCES)
        return refuse(why,
                      "the exchange in %s does not listen to this user, expected its own, "
                      "root or one of admins in its configuration",
                      folder);
    if (fd < 0)
        return refuse(why, "no exchange listens in %s: %s", folder, strerror(-fd));
    say(fd, request->line, strlen(request->line));
    if (request->rows_cnt > 0)
        say(fd, request->rows, request->rows_bytes);
    const int rc = hear(fd, reply);
    close(fd);
    if (rc == -EAGAIN)
        return refuse(why, "no answer for %d seconds; it may still be done", seconds);
    if (rc != 0)
        return refuse(why, "the exchange hung up: %s", strerror(-rc));
    return true;
}
