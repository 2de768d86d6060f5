#include "tools/memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* room maps memory. */
static void *
room(size_t bytes, int flags)
{
    void *mem =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    return mem == MAP_FAILED ? NULL : mem;
}

void *
memory_room(size_t bytes)
{
    return room(bytes, MAP_NORESERVE);
}

void *
memory_later(size_t bytes)
{
    void *mem = room(bytes, 0);

    /* Advice: a kernel without huge pages is as good, only slower. */
    if (mem != NULL)
        (void)madvise(mem, bytes, MADV_HUGEPAGE);
    return mem;
}

int
memory_touch(void *mem, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (madvise(mem, bytes, MADV_POPULATE_WRITE) == 0)
        return 0;
    if (errno != EINVAL)
        return -errno;
    /* Older than Linux 5.14. The engine may be at work in it: nothing is written. */
    for (size_t off = 0; off < bytes; off += page)
        (void)__atomic_fetch_add((char *)mem + off, 0, __ATOMIC_RELAXED);
    return 0;
}

void *
memory_take(size_t bytes)
{
    void *mem = memory_later(bytes);
    const int rc = mem == NULL ? 0 : memory_touch(mem, bytes);

    if (rc == 0)
        return mem;
    munmap(mem, bytes);
    errno = -rc;
    return NULL;
}

void
memory_give(void *mem, size_t bytes)
{
    if (mem != NULL)
        munmap(mem, bytes);
}

size_t
memory_of_machine(void)
{
    return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}
