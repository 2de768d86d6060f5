#include "gateway/eal_args.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(EAL_ARGS_PATH_MAX == sizeof(((struct sockaddr_un *)NULL)->sun_path),
               "a path that fits a socket address fits ours");

/* args_add copies one argument; false if there is no room. */
static bool
args_add(struct eal_args *args, const char *arg)
{
    const size_t bytes = strlen(arg) + 1;

    if (args->argc == EAL_ARGS_MAX || bytes > sizeof args->text - args->text_bytes)
        return false;
    args->argv[args->argc++] = memcpy(args->text + args->text_bytes, arg, bytes);
    args->argv[args->argc] = NULL;
    args->text_bytes += bytes;
    return true;
}

static bool
has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* args_have says whether one of the arguments begins with the prefix. */
static bool
args_have(const char *const *eal_argv, const char *prefix)
{
    for (; *eal_argv != NULL; eal_argv++) {
        if (has_prefix(*eal_argv, prefix))
            return true;
    }
    return false;
}

/* names_cores says whether the configuration has a core option of any kind. */
static bool
names_cores(const char *const *eal_argv)
{
    static const char *const options[] = {"--lcores", "-l", "-c", "-s", "-S"};

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (args_have(eal_argv, options[i]))
            return true;
    }
    return false;
}

/* write_lcores writes the option for one logical core on all cpus of the
 * calling thread, as ranges; false if they do not fit. */
static bool
write_lcores(char *text, size_t text_bytes)
{
    cpu_set_t cpus;
    size_t at = 0;

    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
        return false;
    at += (size_t)snprintf(text, text_bytes, "--lcores=0@(");
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        size_t last = cpu;

        if (!CPU_ISSET(cpu, &cpus))
            continue;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &cpus))
            last++;
        at += (size_t)snprintf(text + at, text_bytes - at, "%zu-%zu,", cpu, last);
        if (at >= text_bytes)
            return false;
        cpu = last;
    }
    text[at - 1] = ')';
    return true;
}

COLD int
eal_args_build(struct eal_args *args, const char *const *eal_argv)
{
    char lcores[EAL_ARGS_CPUS_MAX];
    bool fits;

    *args = (struct eal_args){.argc = 0};
    fits = args_add(args, "outcry");
    if (!args_have(eal_argv, "--log-level"))
        fits = fits && args_add(args, "--log-level=error");
    if (!names_cores(eal_argv))
        fits = fits && write_lcores(lcores, sizeof lcores) && args_add(args, lcores);
    for (; fits && *eal_argv != NULL; eal_argv++)
        fits = args_add(args, *eal_argv);
    return fits ? 0 : -E2BIG;
}

/* device_value copies the value of key=value, up to the next comma, out of a
 * device's arguments; false if it is missing or too long. */
static bool
device_value(const char *device, const char *key, char *value, size_t value_bytes)
{
    const size_t key_bytes = strlen(key);

    for (const char *at = strchr(device, ','); at != NULL; at = strchr(at, ',')) {
        at++;
        if (strncmp(at, key, key_bytes) != 0 || at[key_bytes] != '=')
            continue;
        at += key_bytes + 1;
        const size_t len = strcspn(at, ",");

        if (len >= value_bytes)
            return false;
        memcpy(value, at, len);
        value[len] = '\0';
        return true;
    }
    return false;
}

COLD bool
eal_args_server_socket(const struct eal_args *args, int *next, char path[EAL_ARGS_PATH_MAX])
{
    char value[16];

    while (*next < args->argc) {
        const char *device = args->argv[(*next)++];

        if (has_prefix(device, "--vdev="))
            device += strlen("--vdev=");
        if (!has_prefix(device, "net_memif"))
            continue;
        if (!device_value(device, "role", value, sizeof value) || strcmp(value, "server") != 0)
            continue;
        /* An abstract name, which is the default, ends with its server. */
        if (!device_value(device, "socket-abstract", value, sizeof value) ||
            strcmp(value, "no") != 0)
            continue;
        if (device_value(device, "socket", path, EAL_ARGS_PATH_MAX))
            return true;
    }
    return false;
}

COLD int
eal_args_clear_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    int error = 0;
    int fd;

    if (lstat(path, &status) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode) || strlen(path) >= sizeof address.sun_path)
        return -EADDRINUSE;
    /* Of another type than memif's, so that a server does not notice: it would
     * be refused for that (EPROTOTYPE), and for nobody at all otherwise. */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 || errno == EPROTOTYPE)
        error = -EADDRINUSE;
    else if (errno != ECONNREFUSED)
        error = -errno;
    else if (unlink(path) != 0)
        error = -errno;
    close(fd);
    return error;
}
