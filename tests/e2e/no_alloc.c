/*
 * A trap to be preloaded: a stage of the exchange that takes memory ends the process.
 *
 * Stages run in threads that have the name that the configuration gives them; the first
 * thread and the helper that makes segments have that of the program. So whoever
 * takes memory in a thread of another name than the program is caught, with the
 * address he called from, and the process aborts.
 *
 * OUTCRY_TRAP_SELF=1: a thread with a name takes memory at once. That is how a test
 * knows that the trap is there.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t cnt, size_t bytes);
void *__libc_realloc(void *mem, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

/* is_stage tells whether this thread is one that must not take memory. */
static bool
is_stage(char name[16])
{
    if (syscall(SYS_gettid) == getpid() || prctl(PR_GET_NAME, name, 0, 0, 0) != 0)
        return false;
    return strcmp(name, "outcry") != 0;
}

static void
trap(const char *call, const void *from)
{
    char name[16];
    char line[128];

    if (!is_stage(name))
        return;

    const int len =
        snprintf(line, sizeof line, "trap: thread %s called %s from %p\n", name, call, from);

    (void)!write(STDERR_FILENO, line, (size_t)len);
    abort();
}

EXPORT void *
malloc(size_t bytes)
{
    trap("malloc", __builtin_return_address(0));
    return __libc_malloc(bytes);
}

EXPORT void *
calloc(size_t cnt, size_t bytes)
{
    trap("calloc", __builtin_return_address(0));
    return __libc_calloc(cnt, bytes);
}

EXPORT void *
realloc(void *mem, size_t bytes)
{
    trap("realloc", __builtin_return_address(0));
    return __libc_realloc(mem, bytes);
}

EXPORT void *
aligned_alloc(size_t align, size_t bytes)
{
    trap("aligned_alloc", __builtin_return_address(0));
    return __libc_memalign(align, bytes);
}

EXPORT int
posix_memalign(void **mem, size_t align, size_t bytes)
{
    trap("posix_memalign", __builtin_return_address(0));
    *mem = __libc_memalign(align, bytes);
    return *mem == NULL ? ENOMEM : 0;
}

EXPORT void *
mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t off)
{
    trap("mmap", __builtin_return_address(0));
    /* The wrapper of the library is this one now. */
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, off);
}

static void *
take(void *arg)
{
    void *volatile mem;

    (void)arg;
    prctl(PR_SET_NAME, "stage", 0, 0, 0);
    mem = malloc(1000);
    free(mem);
    return NULL;
}

__attribute__((constructor)) static void
try_self(void)
{
    pthread_t thread;

    if (getenv("OUTCRY_TRAP_SELF") == NULL)
        return;
    if (pthread_create(&thread, NULL, take, NULL) == 0)
        pthread_join(thread, NULL);
}
