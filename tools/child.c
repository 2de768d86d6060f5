#include "tools/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/clock.h"

static void
pipe_close(int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

/* become turns the forked process into the program; never returns. */
_Noreturn static void
become(char *const *argv, const char *out_path, int out, int err)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (out_path != NULL)
        out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(127);
    if (err >= 0 && dup2(err, STDERR_FILENO) < 0)
        _exit(127);
    execv(argv[0], argv);
    _exit(127);
}

int
child_start(struct child *child, char *const *argv, const char *out_path, bool listen)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};

    if ((out_path == NULL && pipe2(out, O_CLOEXEC) != 0) ||
        (listen && pipe2(err, O_CLOEXEC) != 0)) {
        const int error = errno;
        pipe_close(out);
        return -error;
    }
    const pid_t pid = fork();
    if (pid == 0)
        become(argv, out_path, out[1], err[1]);
    if (pid < 0) {
        const int error = errno;
        pipe_close(out);
        pipe_close(err);
        return -error;
    }
    if (out[1] >= 0)
        close(out[1]);
    if (err[1] >= 0)
        close(err[1]);
    *child = (struct child){.pid = pid, .out = out[0], .err = err[0]};
    return 0;
}

static int
exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool
child_wait_line(struct child *child, const char *word, int timeout_ms, char *text, size_t bytes)
{
    const uint64_t until_ns = clock_utc_ns() + (uint64_t)timeout_ms * 1000000u;
    size_t len = 0;

    ASSERT(child->err >= 0 && bytes > 1);
    text[0] = '\0';
    while (strstr(text, word) == NULL && len + 1 < bytes) {
        struct pollfd waits = {.fd = child->err, .events = POLLIN};
        const uint64_t now_ns = clock_utc_ns();

        if (now_ns >= until_ns || poll(&waits, 1, (int)((until_ns - now_ns) / 1000000ull) + 1) < 0)
            return false;
        if (waits.revents == 0)
            continue;
        const ssize_t got = read(child->err, text + len, bytes - len - 1);
        if (got <= 0)
            return false;
        len += (size_t)got;
        text[len] = '\0';
    }
    return strstr(text, word) != NULL;
}

int
child_read(struct child *child, char *text, size_t bytes)
{
    size_t len = 0;
    ssize_t got;
    int status = 0;

    text[0] = '\0';
    while (child->out >= 0 && len + 1 < bytes &&
           (got = read(child->out, text + len, bytes - len - 1)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    if (child->out >= 0)
        close(child->out);
    child->out = -1;
    if (waitpid(child->pid, &status, 0) != child->pid)
        return -1;
    child->pid = -1;
    return exit_code(status);
}

/* drain throws away what the child still says, so that it cannot block on us. */
static void
drain(int fd, int timeout_ms)
{
    char rest[4096];
    struct pollfd waits = {.fd = fd, .events = POLLIN};

    if (poll(&waits, 1, timeout_ms) > 0)
        (void)!read(fd, rest, sizeof rest);
}

int
child_stop(struct child *child, int timeout_ms)
{
    const uint64_t until_ns = clock_utc_ns() + (uint64_t)timeout_ms * 1000000u;
    int status = 0;

    if (child->pid <= 0)
        return -1;
    kill(child->pid, SIGTERM);
    while (waitpid(child->pid, &status, WNOHANG) == 0) {
        if (clock_utc_ns() > until_ns)
            kill(child->pid, SIGKILL);
        if (child->err >= 0)
            drain(child->err, 5);
        else
            poll(NULL, 0, 5);
    }
    child->pid = -1;
    if (child->err >= 0)
        close(child->err);
    if (child->out >= 0)
        close(child->out);
    child->err = child->out = -1;
    return exit_code(status);
}
