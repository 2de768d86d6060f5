#include "tools/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *
memory_take(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (mem == MAP_FAILED)
        return NULL;
    /* Advice: a kernel without huge pages is as good, only slower. */
    (void)madvise(mem, bytes, MADV_HUGEPAGE);
    if (madvise(mem, bytes, MADV_POPULATE_WRITE) == 0)
        return mem;
    if (errno == EINVAL) { /* older than Linux 5.14 */
        memset(mem, 0, bytes);
        return mem;
    }
    const int error = errno;
    munmap(mem, bytes);
    errno = error;
    return NULL;
}

void *
memory_room(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return mem == MAP_FAILED ? NULL : mem;
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
