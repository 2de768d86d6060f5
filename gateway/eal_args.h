/*
 * EAL arguments: what DPDK is started with, around what the configuration says.
 *
 *   outcry --log-level=error --lcores=0@(cpus of the caller) <eal_argv ...>
 *
 * EAL pins the thread that starts it and a worker thread to every core unless
 * --lcores says otherwise, so it is told of one logical core that may run
 * wherever the caller may. Both are left out if the configuration has its own.
 *
 * This file knows the syntax of the arguments and nothing of DPDK.
 */
#ifndef OUTCRY_GATEWAY_EAL_ARGS_H
#define OUTCRY_GATEWAY_EAL_ARGS_H

#include "proto/base.h"

#define EAL_ARGS_MAX      64
#define EAL_ARGS_TEXT_MAX 4096
#define EAL_ARGS_CPUS_MAX 512
#define EAL_ARGS_PATH_MAX 108

/* EAL permutes argv and keeps pointers into it: lives as long as the process. */
struct eal_args {
    int argc;
    char *argv[EAL_ARGS_MAX + 1]; /* NULL terminated */
    size_t text_bytes;
    char text[EAL_ARGS_TEXT_MAX];
};

/* eal_args_build copies what the configuration says, which is NULL terminated,
 * behind what we say. 0, or -E2BIG if there is no room for all of it. */
NODISCARD int eal_args_build(struct eal_args *args, const char *const *eal_argv);

/* eal_args_server_socket finds the path that a memif server of the arguments from
 * number *next on will bind, and takes *next, which is 0 at first, behind it; false if
 * there is none, or no other, in the file system. */
bool eal_args_server_socket(const struct eal_args *args, int *next, char path[EAL_ARGS_PATH_MAX]);

/* eal_args_clear_socket removes a socket that a server which is no more left
 * behind, since memif cannot bind it otherwise. 0: the path is free now;
 * -EADDRINUSE: a server listens there, or it is something else. */
NODISCARD int eal_args_clear_socket(const char *path);

#endif
