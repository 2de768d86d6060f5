/*
 * Preloaded into a command that writes files: the process is killed before a call that
 * changes one.
 *
 *   LD_PRELOAD=libkill_preload.so OUTCRY_KILL=3 outcry follow ...
 *
 * Of all calls of write, fsync, renameat and unlinkat that the command itself makes, call
 * 3, counted from 0, is never made; of a write half is done. So who counts up until
 * the command ends by itself has seen it die in every state that a crash can leave.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* is_due tells whether this call is the one. */
static bool
is_due(void)
{
    static long left = -1;
    static bool known;

    if (!known) {
        const char *text = getenv("OUTCRY_KILL");

        known = true;
        left = text == NULL ? -1 : atol(text);
    }
    return left >= 0 && left-- == 0;
}

static void
die(void)
{
    (void)raise(SIGKILL);
}

static void *
next(const char *name)
{
    void *call = dlsym(RTLD_NEXT, name);

    if (call == NULL)
        abort();
    return call;
}

ssize_t
write(int fd, const void *data, size_t bytes)
{
    ssize_t (*call)(int, const void *, size_t) = NULL;
    const bool due = fd > STDERR_FILENO && is_due();

    *(void **)&call = next("write");

    const ssize_t done = call(fd, data, due ? bytes / 2 : bytes);

    if (due)
        die();
    return done;
}

int
fsync(int fd)
{
    int (*call)(int) = NULL;

    *(void **)&call = next("fsync");
    if (is_due())
        die();
    return call(fd);
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    int (*call)(int, const char *, int, const char *) = NULL;

    *(void **)&call = next("renameat");
    if (is_due())
        die();
    return call(from_fd, from, to_fd, to);
}

int
unlinkat(int fd, const char *name, int flags)
{
    int (*call)(int, const char *, int) = NULL;

    *(void **)&call = next("unlinkat");
    if (is_due())
        die();
    return call(fd, name, flags);
}
