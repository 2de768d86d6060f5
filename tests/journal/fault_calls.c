#include "tests/journal/fault_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

ssize_t __real_pwrite64(int fd, const void *data, size_t bytes, off_t off);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_fallocate64(int fd, int mode, off_t off, off_t bytes);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_openat64(int dir_fd, const char *path, int flags, ...);

ssize_t __wrap_pwrite64(int fd, const void *data, size_t bytes, off_t off);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t bytes);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_openat64(int dir_fd, const char *path, int flags, ...);

/* fails tells whether a call fails; errno is set. */
static bool
fails(enum fault_call call)
{
    if (!fault_is_due(call))
        return false;
    errno = fault_plan->error;
    return true;
}

ssize_t
__wrap_pwrite64(int fd, const void *data, size_t bytes, off_t off)
{
    if (!fault_is_due(FAULT_PWRITE))
        return __real_pwrite64(fd, data, bytes, off);
    if (fault_plan->error == 0)
        return __real_pwrite64(fd, data, bytes / 2 / 512 * 512, off);
    errno = fault_plan->error;
    return -1;
}

int
__wrap_fdatasync(int fd)
{
    return fails(FAULT_FDATASYNC) ? -1 : __real_fdatasync(fd);
}

int
__wrap_fsync(int fd)
{
    return fails(FAULT_FSYNC) ? -1 : __real_fsync(fd);
}

int
__wrap_fallocate64(int fd, int mode, off_t off, off_t bytes)
{
    return fails(FAULT_FALLOCATE) ? -1 : __real_fallocate64(fd, mode, off, bytes);
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return fails(FAULT_RENAME) ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

int
__wrap_openat64(int dir_fd, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(FAULT_OPEN) ? -1 : __real_openat64(dir_fd, path, flags, mode);
}
