#include "perf/wire_veth.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base.h"

#define WHY_BYTES 128

/* Without addresses of its own the kernel says nothing on the wire between the two. */
#define MAKE_PAIR                                                         \
 "ip link add " WIRE_VETH_SERVER " type veth peer name " WIRE_VETH_CLIENT \
 " && ip link set " WIRE_VETH_SERVER " addrgenmode none"                  \
 " && ip link set " WIRE_VETH_CLIENT " addrgenmode none"                  \
 " && ip link set " WIRE_VETH_SERVER " up"                                \
 " && ip link set " WIRE_VETH_CLIENT " up"

int
wire_veth_enter(char why[WHY_BYTES])
{
    const int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || unshare(CLONE_NEWNET) != 0) {
        const int error = -errno;

        snprintf(why, WHY_BYTES, "no network namespace: %s", strerror(-error));
        if (fd >= 0)
            close(fd);
        return error;
    }
    if (system(MAKE_PAIR) != 0) {
        snprintf(why, WHY_BYTES, "no pair of veth can be made by ip");
        wire_veth_leave(fd);
        return -ENODEV;
    }
    return fd;
}

void
wire_veth_leave(int fd)
{
    if (setns(fd, CLONE_NEWNET) != 0)
        UNREACHABLE("who could leave a namespace may come back to it");
    close(fd);
}
