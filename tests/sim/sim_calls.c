/*
 * The system calls of the journal, as the linker's --wrap leads them here: each
 * does what it does and tells the disk. When the disk is off they are as ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/writer.h"

#include "tests/sim/sim_disk.h"

int __real_open64(const char *path, int flags, ...);
int __real_openat64(int dir_fd, const char *path, int flags, ...);
int __real_close(int fd);
void *__real_mmap64(void *addr, size_t bytes, int prot, int flags, int fd, off_t off);
int __real_munmap(void *addr, size_t bytes);
ssize_t __real_pwrite64(int fd, const void *data, size_t bytes, off_t off);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_fallocate64(int fd, int mode, off_t off, off_t bytes);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_unlinkat(int dir_fd, const char *path, int flags);

int __wrap_open64(const char *path, int flags, ...);
int __wrap_openat64(int dir_fd, const char *path, int flags, ...);
int __wrap_close(int fd);
void *__wrap_mmap64(void *addr, size_t bytes, int prot, int flags, int fd, off_t off);
int __wrap_munmap(void *addr, size_t bytes);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t bytes, off_t off);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t bytes);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_unlinkat(int dir_fd, const char *path, int flags);

_Noreturn void __wrap_journal_fatal(const char *what, int error);

_Noreturn void
__wrap_journal_fatal(const char *what, int error)
{
    ASSERT(sim_disk.is_on);
    snprintf(sim_disk.why, sizeof sim_disk.why, "%s%s%s", what, error == 0 ? "" : ": ",
             error == 0 ? "" : strerror(error));
    sim_leave(SIM_FATAL);
}

uint8_t *
sim_zeros_take(void)
{
    void *bytes = __real_mmap64(NULL, SIM_FILE_BYTES, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ASSERT(bytes != MAP_FAILED);
    return bytes;
}

void
sim_zeros_give(uint8_t *bytes)
{
    if (bytes != NULL)
        __real_munmap(bytes, SIM_FILE_BYTES);
}

/* is_ours tells whether the descriptor is a file in the folder of the disk. */
static bool
is_ours(int dir_fd)
{
    struct stat st;

    return sim_disk.is_on && fstat(dir_fd, &st) == 0 && st.st_ino == sim_disk.dir_ino;
}

/* keep notes a descriptor that a crash takes away. A number may be there from
 * one that a closedir closed. */
static int
keep(int fd)
{
    if (!sim_disk.is_on || fd < 0)
        return fd;
    for (uint32_t i = 0; i < sim_disk.fds_cnt; i++) {
        if (sim_disk.fds[i] == fd)
            return fd;
    }
    ASSERT(sim_disk.fds_cnt < SIM_HANDLES_MAX);
    sim_disk.fds[sim_disk.fds_cnt++] = fd;
    return fd;
}

int
__wrap_open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return keep(__real_open64(path, flags, mode));
}

/* name_change notes a change of the folder that is not synced. */
static void
name_change(const char *from, const char *to)
{
    struct sim_name *name = &sim_disk.names[sim_disk.names_cnt++];

    ASSERT(sim_disk.names_cnt <= SIM_NAMES_MAX);
    ASSERT(strlen(from) < SIM_NAME_BYTES);
    ASSERT(strlen(to) < SIM_NAME_BYTES);
    strcpy(name->from, from);
    strcpy(name->to, to);
}

int
__wrap_openat64(int dir_fd, const char *path, int flags, ...)
{
    struct stat st;
    va_list args;
    bool is_new;
    mode_t mode;
    int fd;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!sim_disk.is_on || (flags & O_CREAT) == 0 || !is_ours(dir_fd))
        return keep(__real_openat64(dir_fd, path, flags, mode));
    is_new = fstatat(dir_fd, path, &st, 0) != 0;
    fd = keep(__real_openat64(dir_fd, path, flags, mode));
    if (fd < 0)
        return fd;
    if ((flags & O_TRUNC) != 0) {
        struct sim_file *file = sim_file_of(fd, false);

        /* What a file held that is begun anew is of no interest to anybody. */
        if (file != NULL)
            sim_file_free(file);
    }
    (void)sim_file_of(fd, true);
    if (is_new)
        name_change("", path);
    sim_boundary(SIM_CREATE);
    return fd;
}

int
__wrap_close(int fd)
{
    for (uint32_t i = 0; i < sim_disk.fds_cnt && sim_disk.is_on; i++) {
        if (sim_disk.fds[i] == fd)
            sim_disk.fds[i] = sim_disk.fds[--sim_disk.fds_cnt];
    }
    return __real_close(fd);
}

void *
__wrap_mmap64(void *addr, size_t bytes, int prot, int flags, int fd, off_t off)
{
    void *mem = __real_mmap64(addr, bytes, prot, flags, fd, off);

    if (sim_disk.is_on && mem != MAP_FAILED) {
        ASSERT(sim_disk.maps_cnt < SIM_HANDLES_MAX);
        sim_disk.maps[sim_disk.maps_cnt] = mem;
        sim_disk.map_bytes[sim_disk.maps_cnt++] = bytes;
    }
    return mem;
}

int
__wrap_munmap(void *addr, size_t bytes)
{
    for (uint32_t i = 0; i < sim_disk.maps_cnt && sim_disk.is_on; i++) {
        if (sim_disk.maps[i] != addr)
            continue;
        sim_disk.maps[i] = sim_disk.maps[--sim_disk.maps_cnt];
        sim_disk.map_bytes[i] = sim_disk.map_bytes[sim_disk.maps_cnt];
    }
    return __real_munmap(addr, bytes);
}

/* fails rolls the dice for a call that fails; errno is set. */
static bool
fails(enum sim_fault fault, int error)
{
    if (!sim_happens(fault))
        return false;
    errno = error;
    return true;
}

ssize_t
__wrap_pwrite64(int fd, const void *data, size_t bytes, off_t off)
{
    struct sim_file *file = sim_disk.is_on ? sim_file_of(fd, true) : NULL;
    ssize_t done = (ssize_t)bytes;

    if (file == NULL)
        return __real_pwrite64(fd, data, bytes, off);
    if (fails(SIM_CALL_EIO, EIO))
        return -1;
    (void)sim_file_done(file, sim_file_write(file, data, (uint32_t)bytes, (uint64_t)off, false));
    sim_boundary(bytes == SIM_PAGE_BYTES ? SIM_RECOVERY_WRITE : SIM_FILL);
    done = __real_pwrite64(fd, data, bytes, off);
    ASSERT(done == (ssize_t)bytes);
    return done;
}

int
__wrap_fdatasync(int fd)
{
    struct sim_file *file = sim_disk.is_on ? sim_file_of(fd, false) : NULL;

    if (file == NULL)
        return sim_disk.is_on ? 0 : __real_fdatasync(fd);
    if (fails(SIM_CALL_EIO, EIO))
        return -1;
    sim_boundary(SIM_FILE_SYNC_BEFORE);
    sim_file_sync(file);
    sim_boundary(SIM_FILE_SYNC_DONE);
    return 0;
}

int
__wrap_fsync(int fd)
{
    if (!sim_disk.is_on)
        return __real_fsync(fd);
    if (!is_ours(fd))
        return __wrap_fdatasync(fd);
    if (fails(SIM_CALL_EIO, EIO))
        return -1;
    sim_disk.names_cnt = 0;
    sim_boundary(SIM_FOLDER_SYNC_DONE);
    return 0;
}

int
__wrap_fallocate64(int fd, int mode, off_t off, off_t bytes)
{
    if (sim_disk.is_on && sim_full()) {
        errno = ENOSPC;
        return -1;
    }
    return __real_fallocate64(fd, mode, off, bytes);
}

/* forget drops what is known of a file that is to be removed: its number may come
 * again. */
static void
forget(int dir_fd, const char *path)
{
    const int fd = __real_openat64(dir_fd, path, O_RDONLY | O_CLOEXEC);
    struct sim_file *file = fd < 0 ? NULL : sim_file_of(fd, false);

    if (file != NULL)
        sim_file_free(file);
    if (fd >= 0)
        (void)__real_close(fd);
}

int
__wrap_unlinkat(int dir_fd, const char *path, int flags)
{
    if (is_ours(dir_fd))
        forget(dir_fd, path);
    return __real_unlinkat(dir_fd, path, flags);
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    int rc;

    if (!is_ours(from_fd))
        return __real_renameat(from_fd, from, to_fd, to);
    if (fails(SIM_CALL_EIO, EIO))
        return -1;
    forget(to_fd, to);
    rc = __real_renameat(from_fd, from, to_fd, to);
    ASSERT(rc == 0);
    name_change(from, to);
    sim_boundary(SIM_RENAME);
    return rc;
}
