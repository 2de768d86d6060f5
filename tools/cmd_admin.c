/*
 * outcry admin: says one line to an exchange that runs, and prints the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/admin.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/config.h"

#define ANSWER_SECONDS 10

static const char help[] =
    "usage: outcry admin CONFIG open|halt|close SYMBOL\n"
    "\n"
    "Changes the state of an instrument of the exchange that serves CONFIG, on this\n"
    "machine, as the user of the exchange or as root. It returns when the change is as\n"
    "certain as the exchange's ack mode makes everything else.\n"
    "\n"
    "  open   takes orders\n"
    "  halt   takes cancels only\n"
    "  close  takes cancels only; day orders and quotes expire\n"
    "\n"
    "exit codes: 0 done; 1 the exchange refused it; 2 wrong usage; 3 no exchange there\n";

/* dial connects to the exchange of the folder; the descriptor, or -errno. */
static int
dial(const char *path)
{
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_un address;
    int rc = 0;

    if (folder < 0)
        return -errno;
    admin_address(folder, &address);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        rc = -errno;
    close(folder);
    if (rc == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return rc;
}

/* ask says the line and reads the answer, without its line end. 0 or -errno. */
static int
ask(int fd, const char *line, char *reply, size_t bytes)
{
    size_t len = 0;
    ssize_t got = 1;

    if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line))
        return errno != 0 ? -errno : -EIO;
    while (got > 0 && len < bytes - 1) {
        got = recv(fd, reply + len, bytes - 1 - len, 0);
        if (got < 0)
            return -errno;
        len += (size_t)got;
    }
    reply[len] = '\0';
    if (len == 0 || reply[len - 1] != '\n')
        return -ECONNRESET;
    reply[len - 1] = '\0';
    return 0;
}

/* report prints the answer; returns the exit code. */
static int
report(const char *reply)
{
    if (strncmp(reply, "ok ", 3) == 0) {
        printf("%s\n", reply + 3);
        return EXIT_FINE;
    }
    if (strncmp(reply, "refused ", 8) == 0) {
        printf("%s\n", reply);
        return EXIT_CHECK;
    }
    return cli_fail(EXIT_USAGE, "admin", "%s", reply);
}

static int
say(const struct config *config, const char *verb, const char *symbol)
{
    char line[ADMIN_LINE_BYTES];
    char reply[2 * ADMIN_LINE_BYTES];

    if (strcmp(verb, "open") != 0 && strcmp(verb, "halt") != 0 && strcmp(verb, "close") != 0)
        return cli_wrong("admin", "expected open, halt or close, not %.20s", verb);
    if (config_instrument(config, symbol) == NULL)
        return cli_wrong("admin", "expected a symbol of the configuration, not %.20s", symbol);
    snprintf(line, sizeof line, "%s %s\n", verb, symbol);

    const int fd = dial(config->journal_folder);
    if (fd < 0)
        return cli_fail(EXIT_SETUP, "admin", "no exchange listens in %s: %s",
                        config->journal_folder, strerror(-fd));
    const int rc = ask(fd, line, reply, sizeof reply);
    close(fd);
    if (rc == -EAGAIN)
        return cli_fail(EXIT_SETUP, "admin", "no answer for %d seconds; it may still be done",
                        ANSWER_SECONDS);
    if (rc != 0)
        return cli_fail(EXIT_SETUP, "admin", "the exchange hung up: %s", strerror(-rc));
    return report(reply);
}

int
cmd_admin(int argc, char **argv)
{
    static const struct option options[] = {{0}};
    struct cli cli = {.help = help, .arguments = 3};
    char why[CONFIG_WHY_BYTES];

    if (cli_next(&cli, argc, argv, options) < 0)
        return cli.exit;
    struct config *config = config_load(argv[optind], why);
    if (config == NULL)
        return cli_fail(EXIT_SETUP, "admin", "%s", why);
    const int code = say(config, argv[optind + 1], argv[optind + 2]);
    config_free(config);
    return code;
}
