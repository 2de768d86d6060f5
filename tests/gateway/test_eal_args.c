/*
 * Goal: EAL is told what it needs, the configuration's word goes before ours,
 * and only a socket that nobody listens at is removed.
 * Method: arguments in, arguments out; sockets in a folder of the test's own.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "gateway/eal_args.h"

static struct eal_args args;

/* find_arg returns the first argument with the prefix, NULL if there is none. */
static const char *
find_arg(const char *prefix)
{
    for (int i = 0; i < args.argc; i++) {
        if (strncmp(args.argv[i], prefix, strlen(prefix)) == 0)
            return args.argv[i];
    }
    return NULL;
}

Test(eal_args, ours_come_first_and_the_configurations_follow)
{
    static const char *const eal_argv[] = {"--no-huge", "-m", "128", NULL};

    cr_assert_eq(eal_args_build(&args, eal_argv), 0);
    cr_assert_eq(args.argc, 6);
    cr_assert_str_eq(args.argv[0], "outcry");
    cr_assert_str_eq(args.argv[1], "--log-level=error");
    cr_assert_eq(strncmp(args.argv[2], "--lcores=0@(", 12), 0);
    cr_assert_str_eq(args.argv[3], "--no-huge");
    cr_assert_str_eq(args.argv[4], "-m");
    cr_assert_str_eq(args.argv[5], "128");
    cr_assert_null(args.argv[6]);
}

Test(eal_args, logical_core_runs_where_the_caller_may)
{
    static const char *const eal_argv[] = {NULL};
    cpu_set_t all;
    cpu_set_t one;
    char expected[64];
    size_t cpu = 0;

    cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    snprintf(expected, sizeof expected, "--lcores=0@(%zu-%zu)", cpu, cpu);
    cr_assert_eq(eal_args_build(&args, eal_argv), 0);
    cr_assert_str_eq(args.argv[2], expected);
}

Test(eal_args, configuration_with_its_own_cores_and_level_keeps_them)
{
    static const char *const eal_argv[] = {"-l", "1", "--log-level=debug", NULL};

    cr_assert_eq(eal_args_build(&args, eal_argv), 0);
    cr_assert_eq(args.argc, 4);
    cr_assert_null(find_arg("--lcores"));
    cr_assert_str_eq(find_arg("--log-level"), "--log-level=debug");
}

Test(eal_args, more_than_there_is_room_for_is_refused)
{
    static char longest[EAL_ARGS_TEXT_MAX];
    static const char *const one[] = {longest, NULL};
    static const char *many[EAL_ARGS_MAX + 1];

    memset(longest, 'x', sizeof longest - 1);
    cr_assert_eq(eal_args_build(&args, one), -E2BIG);
    for (size_t i = 0; i < EAL_ARGS_MAX; i++)
        many[i] = "-v";
    cr_assert_eq(eal_args_build(&args, many), -E2BIG);
    many[EAL_ARGS_MAX - 3] = NULL;
    cr_assert_eq(eal_args_build(&args, many), 0);
}

Test(eal_args, socket_of_a_server_is_found)
{
    static const char *const joined[] = {
        "--vdev=net_memif0,role=server,id=0,socket=/run/x.sock,socket-abstract=no", NULL};
    static const char *const parted[] = {
        "--vdev", "net_memif1,socket-abstract=no,socket=/y,role=server", NULL};
    char path[EAL_ARGS_PATH_MAX];
    int next = 0;

    cr_assert_eq(eal_args_build(&args, joined), 0);
    cr_assert(eal_args_server_socket(&args, &next, path));
    cr_assert_str_eq(path, "/run/x.sock");
    cr_assert_eq(eal_args_build(&args, parted), 0);
    next = 0;
    cr_assert(eal_args_server_socket(&args, &next, path));
    cr_assert_str_eq(path, "/y");
}

Test(eal_args, sockets_of_several_servers_are_found_one_after_the_other)
{
    static const char *const eal_argv[] = {
        "--vdev=net_memif0,role=server,socket=/a,socket-abstract=no",
        "--vdev=net_memif1,role=client,socket=/b,socket-abstract=no", "--vdev",
        "net_memif2,role=server,socket=/c,socket-abstract=no", NULL};
    char path[EAL_ARGS_PATH_MAX];
    int next = 0;

    cr_assert_eq(eal_args_build(&args, eal_argv), 0);
    cr_assert(eal_args_server_socket(&args, &next, path));
    cr_assert_str_eq(path, "/a");
    cr_assert(eal_args_server_socket(&args, &next, path));
    cr_assert_str_eq(path, "/c");
    cr_assert(!eal_args_server_socket(&args, &next, path));
    cr_assert(!eal_args_server_socket(&args, &next, path));
}

Test(eal_args, socket_of_others_is_not_found)
{
    static const char *const devices[] = {
        "--vdev=net_memif0,role=client,socket=/run/x.sock,socket-abstract=no",
        "--vdev=net_memif0,role=server,socket=/run/x.sock",
        "--vdev=net_memif0,role=server,socket=/run/x.sock,socket-abstract=yes",
        "--vdev=net_memif0,role=server,socket-abstract=no",
        "--vdev=net_memif0",
        "--vdev=net_tap0,role=server,socket=/run/x.sock,socket-abstract=no",
    };
    char path[EAL_ARGS_PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        const char *const eal_argv[] = {devices[i], NULL};
        int next = 0;

        cr_assert_eq(eal_args_build(&args, eal_argv), 0);
        cr_assert(!eal_args_server_socket(&args, &next, path), "%s", devices[i]);
    }
}

static char folder[] = "/tmp/outcry-eal-XXXXXX";
static char path[64];

static void
make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sock", folder);
}

static void
remove_folder(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(eal_socket, .init = make_folder, .fini = remove_folder);

/* listen_at returns a listening socket bound to the path. */
static int
listen_at(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    cr_assert_geq(fd, 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 1), 0);
    return fd;
}

Test(eal_socket, left_behind_is_removed)
{
    close(listen_at());
    cr_assert_eq(access(path, F_OK), 0);
    cr_assert_eq(eal_args_clear_socket(path), 0);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(eal_args_clear_socket(path), 0);
}

Test(eal_socket, in_use_is_left_alone)
{
    const int fd = listen_at();

    cr_assert_eq(eal_args_clear_socket(path), -EADDRINUSE);
    cr_assert_eq(access(path, F_OK), 0);
    close(fd);
}

Test(eal_socket, file_that_is_no_socket_is_left_alone)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fclose(file);
    cr_assert_eq(eal_args_clear_socket(path), -EADDRINUSE);
    cr_assert_eq(access(path, F_OK), 0);
}
