#include "tools/cores.h"

#include <sched.h>

unsigned
cores_cnt(unsigned most)
{
    cpu_set_t cores;

    /* It fails where there are more cores than the set has room for. */
    if (sched_getaffinity(0, sizeof cores, &cores) != 0 || (unsigned)CPU_COUNT(&cores) > most)
        return most;
    return (unsigned)CPU_COUNT(&cores);
}
