#include "perf/wire_pair.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLACK_NS 20000000000ull

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    return walk->level > 0 ? remove(path) : 0;
}

void
wire_pair_empty(const char *folder)
{
    (void)nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

struct wire_shared *
wire_pair_map(void)
{
    struct wire_shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (shared == MAP_FAILED) {
        perror("wire_pair");
        exit(1);
    }
    return shared;
}

/* fork_role runs one side in a process that ends with this one. */
static pid_t
fork_role(int (*role)(struct wire_shared *), struct wire_shared *shared)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(getppid() == parent ? role(shared) : 1);
    }
    return pid;
}

/* reap waits for a child until the deadline and ends it then. */
static bool
reap(pid_t pid, uint64_t until_ns)
{
    int status = 0;
    pid_t got;

    while ((got = waitpid(pid, &status, WNOHANG)) == 0 && wire_clock_ns() < until_ns)
        usleep(20000);
    if (got == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    return got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
wire_pair_run(struct wire_shared *shared, const struct wire_cfg *cfg, const char *folder)
{
    uint64_t until_ns = wire_clock_ns() + SLACK_NS;

    wire_pair_empty(folder);
    memset(shared, 0, sizeof *shared);
    shared->cfg = *cfg;
    shared->cfg.gap_ns = cfg->dpdk ? GAP_NS : GAP_SOCKET_NS;
    snprintf(shared->cfg.folder, sizeof shared->cfg.folder, "%s", folder);
    for (uint32_t i = 0; i < cfg->steps_cnt; i++)
        until_ns += (uint64_t)cfg->steps[i].orders_cnt * 1000000000u / cfg->steps[i].rate;

    const pid_t exchange = fork_role(wire_exchange, shared);
    const pid_t client = fork_role(wire_client, shared);
    const bool sent = client > 0 && reap(client, until_ns);

    atomic_store(&shared->client_state, WIRE_DONE);
    const bool served = exchange > 0 && reap(exchange, wire_clock_ns() + SLACK_NS);

    if (sent && served)
        return true;
    fprintf(stderr, "wire: exchange: %s; client: %s\n",
            served                              ? "fine"
            : shared->exchange_error[0] != '\0' ? shared->exchange_error
                                                : "ended by a signal or too late",
            sent                              ? "fine"
            : shared->client_error[0] != '\0' ? shared->client_error
                                              : "ended by a signal or too late");
    return false;
}
