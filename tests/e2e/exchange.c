#include "tests/e2e/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/port.h"
#include "proto/base.h"

#include "tests/e2e/broker.h"

#define READY_WAIT_MS 20000
#define RUN_WAIT_MS   60000
#define SAID_WAIT_MS  100

static uint64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void
path_in(const struct exchange *exchange, const char *name, char path[PATH_MAX])
{
    const int len = snprintf(path, PATH_MAX, "%s/%s", exchange->folder, name);

    ASSERT(len < PATH_MAX);
}

/* free_tcp_port finds a TCP port that nobody has now. */
static uint16_t
free_tcp_port(void)
{
    const struct port_tcp_cfg cfg = {
        .ip = 0x7f000001,
        .plain = true,
        .connections_max = 1,
        .unsent_max = 2 * PORT_TCP_ROOM,
    };
    struct port *port;
    char why[256];

    if (port_tcp_open(&port, &cfg, why) != 0)
        return 0;
    const uint16_t tcp_port = port_tcp_local(port);

    port_close(port);
    return tcp_port;
}

/* free_port finds a UDP port that nobody has now. */
static uint16_t
free_port(void)
{
    struct port *port;

    if (port_udp_open(&port, &(struct port_udp_cfg){.ip = 0x7f000001}) != 0)
        return 0;
    const uint16_t udp_port = port_udp_local(port);

    port_close(port);
    return udp_port;
}

/* first_core returns the first core that we may use. The thread that sends stays
 * on it: the loopback device keeps the order of datagrams per core only, and
 * then a Terminate cannot overtake the reports before it. */
static int
first_core(void)
{
    cpu_set_t cores;
    int core = 0;

    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return -1;
    while (core < CPU_SETSIZE && !CPU_ISSET((size_t)core, &cores))
        core++;
    return core < CPU_SETSIZE ? core : -1;
}

/* write_entity writes firm, group, account or session i: each broker has one of
 * each. */
static void
write_entity(FILE *file, unsigned section, unsigned i)
{
    switch (section) {
    case 0:
        fprintf(file, "- {id: %u, name: FIRM%u}\n", i, i);
        break;
    case 1:
        fprintf(file, "- {id: %u, name: GROUP%u, firm: FIRM%u}\n", i, i, i);
        break;
    case 2:
        fprintf(file, "- {id: %u, name: ACCOUNT%u, group: GROUP%u}\n", i, i, i);
        break;
    default:
        fprintf(file, "- {id: %u, name: BROKER%u, firm: FIRM%u, key: key-%u}\n", i, i, i, i);
        break;
    }
}

static bool
write_config(struct exchange *exchange, const char *ack, uint32_t retransmit)
{
    static const char *const symbols[BROKER_INSTRUMENTS] = {"ALPHA", "BETA", "GAMMA"};
    char path[PATH_MAX];

    path_in(exchange, "outcry.yaml", path);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    fprintf(file,
            "exchange: {shard: 3, ack: %s}\n"
            "journal: {folder: %s/journal, segment_mib: 4}\n"
            "gateway: {keepalive_ms: 2000}\n"
            "pools: {orders: 4096, instruments: 8, accounts: 8, groups: 8, firms: 8,\n"
            "        sessions: 8, positions: 64, pages: 1024, in_ring_cells: 4096,\n"
            "        out_ring_cells: 16384, retransmit: %u}\n"
            "threads:\n"
            "- {name: exchange, stages: [gateway, engine], idle: yield, core: %d}\n"
            "- {name: journal, stages: [journal], idle: block}\n"
            "%s"
            "ports:\n"
            "- {name: orders, kind: udp, address: 127.0.0.1, udp_port: %u}\n",
            ack, exchange->folder, retransmit, first_core(),
            exchange->tcp_port != 0 ? "- {name: door, stages: [door], idle: yield}\n" : "",
            exchange->udp_port);
    if (exchange->tcp_port != 0)
        fprintf(file,
                "- {name: tcp, kind: tcp, address: 127.0.0.1, tcp_port: %u, connections: 8}\n",
                exchange->tcp_port);
    fprintf(file, "instruments:\n");
    for (unsigned i = 0; i < BROKER_INSTRUMENTS; i++)
        fprintf(file, "- {id: %u, symbol: %s, tick: 0.01}\n", i, symbols[i]);
    for (unsigned section = 0; section < 4; section++) {
        static const char *const names[] = {"firms", "groups", "accounts", "sessions"};

        fprintf(file, "%s:\n", names[section]);
        for (unsigned i = 0; i < BROKERS; i++)
            write_entity(file, section, i);
    }
    return fclose(file) == 0;
}

bool
exchange_open(struct exchange *exchange,
              const char *binary,
              const char *ack,
              bool tcp,
              uint32_t retransmit)
{
    const char *base = getenv("TMPDIR");
    char path[PATH_MAX];

    *exchange = (struct exchange){.binary = binary, .udp_port = free_port()};
    if (tcp)
        exchange->tcp_port = free_tcp_port();
    snprintf(exchange->folder, PATH_MAX - 64, "%s/outcry-kill-XXXXXX",
             base != NULL ? base : "/tmp");
    if (exchange->udp_port == 0 || (tcp && exchange->tcp_port == 0) ||
        mkdtemp(exchange->folder) == NULL) {
        snprintf(exchange->why, sizeof exchange->why, "no port or no folder: %s", strerror(errno));
        exchange->folder[0] = '\0';
        return false;
    }
    path_in(exchange, "journal", path);
    if (mkdir(path, 0700) == 0 && write_config(exchange, ack, retransmit))
        return true;
    snprintf(exchange->why, sizeof exchange->why, "cannot write in it: %s", strerror(errno));
    return false;
}

/* spawn starts outcry with what it prints to `report` in a pipe whose read end
 * it returns, and the other stream in serve.log. */
static int
spawn(struct exchange *exchange, char *const argv[], int report, pid_t *pid)
{
    const pid_t parent = getpid();
    char log[PATH_MAX];
    int ends[2];

    path_in(exchange, "serve.log", log);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    *pid = fork();
    if (*pid == 0) {
        const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || fd < 0 || dup2(ends[1], report) < 0 ||
            dup2(fd, report == STDERR_FILENO ? STDOUT_FILENO : STDERR_FILENO) < 0)
            _exit(126);
        if (report == STDERR_FILENO && exchange->preload != NULL) {
            setenv("LD_PRELOAD", exchange->preload, 1);
            setenv("OUTCRY_FAULT", exchange->fault, 1);
        }
        execv(exchange->binary, argv);
        _exit(127);
    }
    close(ends[1]);
    if (*pid > 0)
        return ends[0];
    close(ends[0]);
    return -1;
}

/* read_until reads lines until one contains word (NULL: to the end), at most
 * to the deadline. Keeps the last bytes in text. */
static bool
read_until(int fd, const char *word, uint64_t until_ms, char *text, size_t text_bytes)
{
    size_t len = 0;

    for (;;) {
        const uint64_t now = now_ms();
        struct pollfd ready = {.fd = fd, .events = POLLIN};

        if (now >= until_ms || poll(&ready, 1, (int)(until_ms - now)) <= 0)
            return false;
        if (len + 1 == text_bytes) { /* keep the later half */
            memmove(text, text + len / 2, len - len / 2);
            len -= len / 2;
        }
        const ssize_t got = read(fd, text + len, text_bytes - 1 - len);
        if (got <= 0)
            return got == 0 && word == NULL;
        len += (size_t)got;
        text[len] = '\0';
        const char *found = word != NULL ? strstr(text, word) : NULL;
        if (found != NULL && strchr(found, '\n') != NULL)
            return true;
    }
}

/* reap waits for the child until the deadline, then kills it. Returns its exit
 * code, 128 + signal if a signal ended it. */
static int
reap(pid_t pid, uint64_t until_ms)
{
    int status;
    pid_t got;

    while ((got = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    if (got == 0) {
        kill(pid, SIGKILL);
        got = waitpid(pid, &status, 0);
    }
    ASSERT(got == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* last_line cuts text down to its last line. */
static const char *
last_line(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    const char *line = strrchr(text, '\n');
    return line != NULL ? line + 1 : text;
}

/* ended notes that serve has been reaped, and what it said. */
static int
ended(struct exchange *exchange, int code)
{
    exchange->said[0] = '\0';
    read_until(exchange->stderr_fd, NULL, now_ms() + SAID_WAIT_MS, exchange->said,
               sizeof exchange->said);
    close(exchange->stderr_fd);
    exchange->pid = 0;
    return code;
}

bool
exchange_start(struct exchange *exchange)
{
    char serve[] = "serve";
    char config[PATH_MAX];
    char name[] = "outcry";
    char *const argv[] = {name, serve, config, NULL};
    char text[4096] = "";

    ASSERT(exchange->pid == 0);
    path_in(exchange, "outcry.yaml", config);
    exchange->stderr_fd = spawn(exchange, argv, STDERR_FILENO, &exchange->pid);
    if (exchange->stderr_fd < 0) {
        exchange->pid = 0;
        snprintf(exchange->why, sizeof exchange->why, "cannot fork: %s", strerror(errno));
        return false;
    }
    if (read_until(exchange->stderr_fd, "outcry: ready", now_ms() + READY_WAIT_MS, text,
                   sizeof text))
        return true;
    const int code = ended(exchange, reap(exchange->pid, now_ms()));
    snprintf(exchange->why, sizeof exchange->why, "serve is not ready, it ended with %d: %.400s",
             code, last_line(text));
    return false;
}

bool
exchange_kill(struct exchange *exchange)
{
    if (exchange->pid == 0)
        return false;
    kill(exchange->pid, SIGKILL);

    const int code = ended(exchange, reap(exchange->pid, now_ms() + RUN_WAIT_MS));

    if (code == 128 + SIGKILL)
        return true;
    snprintf(exchange->why, sizeof exchange->why, "serve ended by itself with %d: %.400s", code,
             last_line(exchange->said));
    return false;
}

void
exchange_terminate(struct exchange *exchange)
{
    ASSERT(exchange->pid != 0);
    kill(exchange->pid, SIGTERM);
}

bool
exchange_exited(struct exchange *exchange, int *code)
{
    int status;

    if (waitpid(exchange->pid, &status, WNOHANG) != exchange->pid)
        return false;
    *code = ended(exchange, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return true;
}

bool
exchange_run(struct exchange *exchange, const char *command, const char *option)
{
    const uint64_t until_ms = now_ms() + RUN_WAIT_MS;
    char name[] = "outcry";
    char word[32];
    char flag[32] = "";
    char journal[PATH_MAX];
    char *const argv[] = {name, word, journal, option != NULL ? flag : NULL, NULL};
    pid_t pid;

    snprintf(word, sizeof word, "%s", command);
    snprintf(flag, sizeof flag, "%s", option != NULL ? option : "");
    path_in(exchange, "journal", journal);
    exchange->output[0] = '\0';
    const int fd = spawn(exchange, argv, STDOUT_FILENO, &pid);
    if (fd < 0) {
        snprintf(exchange->why, sizeof exchange->why, "cannot fork: %s", strerror(errno));
        return false;
    }
    read_until(fd, NULL, until_ms, exchange->output, sizeof exchange->output);
    close(fd);
    const int code = reap(pid, until_ms);
    if (code == 0)
        return true;
    snprintf(exchange->why, sizeof exchange->why, "%s ends with %d: %.400s", command, code,
             exchange->output);
    return false;
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void
exchange_close(struct exchange *exchange, bool keep)
{
    (void)exchange_kill(exchange);
    if (!keep && exchange->folder[0] != '\0')
        nftw(exchange->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
