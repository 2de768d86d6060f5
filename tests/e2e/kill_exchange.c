/*
 * Kill test: an exchange is ended at any moment, and nobody was told a lie.
 *
 *   kill_exchange OUTCRY [ROUNDS [SEED [[tcp-]MODE [PRELOAD]]]]
 *
 * Three brokers trade with `outcry serve` through kernel sockets (with tcp- before the
 * mode two of them over TCP, through a gateway of its own), as fast as
 * their windows allow. After a random time the process is ended, started again
 * in the same folder, and the brokers go on. What each of them is told before
 * and after is held against its ledger (tests/e2e/ledger.h).
 *
 *   durable   SIGKILL; sessions are resumed under their UUIDs. Nothing told may
 *             be lost, changed or told twice; what was sent is answered or not
 *             applied. Some rounds end in the middle of the handshake.
 *   drain     SIGTERM; all that was received is answered, sessions are
 *             terminated, the exit code is 0. What is left is not applied. Who has a
 *             hole in his reports then cannot ask for it any more, and is not counted.
 *   fault     a completion of the journal's write or sync fails, once: serve ends by
 *             itself with exit code 3 and the reason; else as durable
 *   memory    SIGKILL with ack memory: told orders may be lost, so the old
 *   interval  UUIDs are refused as unnegotiated, and sessions begin anew.
 *
 * In the end a mass cancel by each session must take exactly the orders that its
 * reports left, both sides of all trades must agree, and `outcry replay` and
 * `outcry verify` must find every command in the journal as it was; they
 * do so after every tenth round too, on the journal as the kill left it.
 *
 * OUTCRY_KILLS overrides ROUNDS, OUTCRY_SEED the seed. Prints one line; that of
 * a failure has the seed and the round, and the folder is kept.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/base.h"

#include "tests/e2e/broker.h"
#include "tests/e2e/exchange.h"
#include "tests/seeds.h"

#define ROUNDS_DEFAULT  50u
#define REPLAY_EVERY    10u
#define TRAFFIC_MS_MIN  20u
#define TRAFFIC_MS_MAX  300u
#define WINDOW_MAX      64u
#define KEPT            64u /* reports, by the exchange */
#define BACK_MAX        500u
#define SENDS_PER_POLL  16u
#define ONE_MS          1000000ull
#define CONNECT_WAIT_NS (30000 * ONE_MS)
#define ANSWER_WAIT_NS  (30000 * ONE_MS)
#define DRAIN_WAIT_NS   (60000 * ONE_MS)
#define FAULT_WAIT_NS   (60000 * ONE_MS)
#define NAP_NS          50000
#define EXIT_FATAL      3

enum mode {
    MODE_DURABLE,
    MODE_DRAIN,
    MODE_FAULT,
    MODE_MEMORY,
    MODE_INTERVAL,
    MODES_CNT
};

static const char *const mode_names[MODES_CNT] = {"durable", "drain", "fault", "memory",
                                                  "interval"};

struct run {
    struct exchange exchange;
    struct broker brokers[BROKERS];
    struct rng rng;
    enum mode mode;
    bool tcp;
    const char *preload; /* of mode fault */
    uint64_t seed;
    uint64_t rounds;
    uint64_t round;
    uint64_t requests; /* sent by all */
    char why[768];
};

__attribute__((format(printf, 2, 3))) static bool
fail(struct run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (run->why[0] == '\0')
        vsnprintf(run->why, sizeof run->why, format, args);
    va_end(args);
    return false;
}

static uint64_t
clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

/* poll_all polls each broker once; false if a ledger found a contradiction. */
static bool
poll_all(struct run *run, uint64_t now_ns, int *done)
{
    *done = 0;
    for (unsigned i = 0; i < BROKERS; i++) {
        struct broker *broker = &run->brokers[i];

        *done += broker_poll(broker, now_ns);
        if (ledger_why(broker->ledger)[0] != '\0')
            return fail(run, "%s", ledger_why(broker->ledger));
    }
    return true;
}

typedef bool (*condition_fn)(const struct broker *broker);

static bool
is_established(const struct broker *broker)
{
    return client_state(broker->client) == CLIENT_ESTABLISHED;
}

/* has_all: reports that were asked for again at a resume have come. */
static bool
has_all(const struct broker *broker)
{
    return client_missing(broker->client) == 0;
}

static bool
is_closed(const struct broker *broker)
{
    return client_state(broker->client) == CLIENT_CLOSED;
}

static bool
is_answered(const struct broker *broker)
{
    return ledger_pending(broker->ledger) == 0;
}

/* wait_all polls until the condition holds for each broker. */
static bool
wait_all(struct run *run, condition_fn condition, uint64_t wait_ns, const char *what)
{
    const uint64_t until_ns = clock_now_ns() + wait_ns;

    for (;;) {
        const uint64_t now_ns = clock_now_ns();
        unsigned hold = 0;
        int done;

        if (!poll_all(run, now_ns, &done))
            return false;
        for (unsigned i = 0; i < BROKERS; i++) {
            const struct broker *broker = &run->brokers[i];

            hold += condition(broker);
            if (!condition(broker) && condition != is_closed && is_closed(broker))
                return fail(run, "broker %u should be %s, but is closed: %s", i, what,
                            client_error(broker->client));
            if (!condition(broker) && now_ns > until_ns)
                return fail(run, "broker %u is not %s in time, %" PRIu64 " pending", i, what,
                            ledger_pending(broker->ledger));
        }
        if (hold == BROKERS)
            return true;
        if (done == 0)
            nap();
    }
}

static void
connect_all(struct run *run, enum broker_connect how)
{
    for (unsigned i = 0; i < BROKERS; i++)
        broker_connect(&run->brokers[i], how, rng_below(&run->rng, BACK_MAX), clock_now_ns());
}

/* traffic sends random requests for a while, from whoever is established. */
static bool
traffic(struct run *run, uint64_t for_ns)
{
    const uint64_t until_ns = clock_now_ns() + for_ns;
    const uint64_t window = 1 + rng_below(&run->rng, WINDOW_MAX);
    uint64_t now_ns;

    while ((now_ns = clock_now_ns()) < until_ns) {
        unsigned sent = 0;
        int done;

        if (!poll_all(run, now_ns, &done))
            return false;
        for (unsigned i = 0; i < BROKERS; i++)
            if (is_established(&run->brokers[i]))
                sent += broker_fill(&run->brokers[i], window, SENDS_PER_POLL, now_ns);
        run->requests += sent;
        if (done == 0 && sent == 0)
            nap();
    }
    return true;
}

/* take_rest takes what the exchange sent before it was gone. */
static bool
take_rest(struct run *run)
{
    int done;

    do {
        if (!poll_all(run, clock_now_ns(), &done))
            return false;
    } while (done > 0);
    return true;
}

/* resume brings all brokers back under their UUIDs and waits until each request
 * that was sent before is answered or not applied. */
static bool
resume(struct run *run)
{
    connect_all(run, BROKER_RESUME);
    return wait_all(run, is_established, CONNECT_WAIT_NS, "established") &&
           wait_all(run, is_answered, ANSWER_WAIT_NS, "answered") &&
           wait_all(run, has_all, ANSWER_WAIT_NS, "told what it asked for again");
}

static bool
negotiate(struct run *run)
{
    connect_all(run, BROKER_NEW);
    return wait_all(run, is_established, CONNECT_WAIT_NS, "established");
}

/* mass_cancel ends all orders; the ledgers check that it takes what is live. */
static bool
mass_cancel(struct run *run)
{
    for (unsigned i = 0; i < BROKERS; i++)
        broker_mass_cancel(&run->brokers[i], clock_now_ns());
    return wait_all(run, is_answered, ANSWER_WAIT_NS, "answered");
}

/* renegotiate is what is left after a run that could lose what it told: the old
 * UUID is unknown, a new one is taken, and all orders are canceled. */
static bool
renegotiate(struct run *run)
{
    connect_all(run, BROKER_RESUME);
    if (!wait_all(run, is_closed, CONNECT_WAIT_NS, "refused"))
        return false;
    for (unsigned i = 0; i < BROKERS; i++) {
        const char *error = client_error(run->brokers[i].client);

        if (strstr(error, "Unnegotiated") == NULL)
            return fail(run, "broker %u was refused because of: %s", i, error);
        ledger_renegotiated(run->brokers[i].ledger);
    }
    if (!negotiate(run) || !mass_cancel(run))
        return false;
    for (unsigned i = 0; i < BROKERS; i++)
        ledger_settled(run->brokers[i].ledger);
    return true;
}

static bool
start(struct run *run)
{
    return exchange_start(&run->exchange) || fail(run, "%s", run->exchange.why);
}

/* check_journal replays and verifies the journal; nobody writes it now. */
static bool
check_journal(struct run *run)
{
    struct exchange *exchange = &run->exchange;

    if (!exchange_run(exchange, "replay", "--json") || !exchange_run(exchange, "verify", NULL))
        return fail(run, "%s", exchange->why);
    return true;
}

/* drain asks the exchange to stop and sees that it does so in good order. */
static bool
drain(struct run *run)
{
    const uint64_t until_ns = clock_now_ns() + DRAIN_WAIT_NS;
    int code = 0;
    int done;

    exchange_terminate(&run->exchange);
    while (!exchange_exited(&run->exchange, &code)) {
        if (!poll_all(run, clock_now_ns(), &done))
            return false;
        if (clock_now_ns() > until_ns)
            return fail(run, "serve does not end after SIGTERM");
        if (done == 0)
            nap();
    }
    if (code != 0)
        return fail(run, "serve ends with %d after SIGTERM: %.400s", code, run->exchange.said);
    if (!take_rest(run) || !wait_all(run, is_closed, ONE_MS, "terminated"))
        return false;
    return true;
}

/* note_left notes what a drained exchange left pending with each broker. */
static void
note_left(struct run *run)
{
    for (unsigned i = 0; i < BROKERS; i++) {
        struct broker *broker = &run->brokers[i];

        broker->left = ledger_pending(broker->ledger);
        broker->left_missing = client_missing(broker->client);
        broker->left_not_applied = ledger_stats(broker->ledger)->not_applied;
    }
}

/* check_left: what was left pending was never received. */
static bool
check_left(struct run *run)
{
    for (unsigned i = 0; i < BROKERS; i++) {
        const struct broker *broker = &run->brokers[i];
        const uint64_t not_applied =
            ledger_stats(broker->ledger)->not_applied - broker->left_not_applied;

        if (broker->left_missing == 0 && not_applied != broker->left)
            return fail(run,
                        "of broker %u %" PRIu64 " requests were received but not answered before "
                        "the end, behind which %" PRIu64 " datagrams came",
                        i, broker->left - not_applied, broker->overtaken);
    }
    return true;
}

static bool
round_drain(struct run *run)
{
    if (!start(run) || !(run->round == 0 ? negotiate(run) : resume(run)))
        return false;
    if (run->round > 0 && !check_left(run))
        return false;
    if (!traffic(run, (TRAFFIC_MS_MIN + rng_below(&run->rng, TRAFFIC_MS_MAX)) * ONE_MS) ||
        !drain(run))
        return false;
    note_left(run);
    return true;
}

/* set_fault chooses the completion that fails. Behind a new journal come the commands
 * of its configuration, one by one. */
static void
set_fault(struct run *run, int *error)
{
    static const int errors[] = {EIO, ENOSPC, EINTR, 0};
    const uint32_t at = (run->round == 0 ? 200 : 10) + rng_below(&run->rng, 300);

    *error = errors[rng_below(&run->rng, 4)];
    /* Every other completion is of a sync, which cannot come short. */
    snprintf(run->exchange.fault, sizeof run->exchange.fault, "%u:%d", *error == 0 ? at & ~1u : at,
             *error);
}

/* round_fault trades until a completion fails and serve ends by itself. */
static bool
round_fault(struct run *run)
{
    const uint64_t until_ns = clock_now_ns() + FAULT_WAIT_NS;
    int error = 0;
    int code = 0;

    set_fault(run, &error);
    if (!start(run) || !(run->round == 0 ? negotiate(run) : resume(run)))
        return false;
    while (!exchange_exited(&run->exchange, &code)) {
        if (!traffic(run, ONE_MS))
            return false;
        if (clock_now_ns() > until_ns)
            return fail(run, "serve goes on after fault %s", run->exchange.fault);
    }
    if (code != EXIT_FATAL)
        return fail(run, "serve ends with %d after fault %s: %.400s", code, run->exchange.fault,
                    run->exchange.said);
    /* What comes short is told as an input/output error. */
    if (strstr(run->exchange.said, strerror(error == 0 ? EIO : error)) == NULL)
        return fail(run, "fault %s, but serve says: %.400s", run->exchange.fault,
                    run->exchange.said);
    return take_rest(run);
}

static bool
round_kill(struct run *run)
{
    const bool lossy = run->mode != MODE_DURABLE;
    const bool hasty = !lossy && run->round > 0 && rng_below(&run->rng, 8) == 0;
    uint32_t ms = TRAFFIC_MS_MIN + rng_below(&run->rng, TRAFFIC_MS_MAX - TRAFFIC_MS_MIN);

    if (!start(run))
        return false;
    if (hasty) {
        connect_all(run, BROKER_RESUME);
        ms = rng_below(&run->rng, 4);
    } else if (!(run->round == 0 ? negotiate(run) : lossy ? renegotiate(run) : resume(run))) {
        return false;
    }
    if (!traffic(run, ms * ONE_MS))
        return false;
    if (!exchange_kill(&run->exchange))
        return fail(run, "%s", run->exchange.why);
    return take_rest(run);
}

/* finish checks that what is live is what the reports left, and that both
 * sides of all trades were told the same. */
static bool
finish(struct run *run)
{
    const bool lossy = run->mode == MODE_MEMORY || run->mode == MODE_INTERVAL;
    uint64_t match_sum = 0;

    run->exchange.preload = NULL;
    if (!start(run) || !(lossy ? renegotiate(run) : resume(run)) || !mass_cancel(run))
        return false;
    for (unsigned i = 0; i < BROKERS; i++)
        match_sum += ledger_stats(run->brokers[i].ledger)->match_sum;
    if (!lossy && match_sum != 0)
        return fail(run, "the two sides of the trades were not told the same");
    return drain(run) && check_journal(run);
}

static bool
run_rounds(struct run *run)
{
    for (run->round = 0; run->round < run->rounds; run->round++) {
        const bool passed = run->mode == MODE_DRAIN   ? round_drain(run)
                            : run->mode == MODE_FAULT ? round_fault(run)
                                                      : round_kill(run);

        if (!passed)
            return false;
        if ((run->round + 1) % REPLAY_EVERY == 0 && !check_journal(run))
            return false;
    }
    return finish(run);
}

static void
print_result(const struct run *run, bool passed)
{
    struct ledger_stats sum = {0};

    if (!passed) {
        printf("kill_exchange: FAILED mode=%s%s seed=%" PRIu64 " round=%" PRIu64 " folder=%s: %s\n",
               run->tcp ? "tcp-" : "", mode_names[run->mode], run->seed, run->round,
               run->exchange.folder, run->why);
        return;
    }
    for (unsigned i = 0; i < BROKERS; i++) {
        const struct ledger_stats *stats = ledger_stats(run->brokers[i].ledger);

        sum.reports += stats->reports;
        sum.told_again += stats->told_again;
        sum.not_applied += stats->not_applied;
        sum.trades += stats->trades;
    }
    printf("kill_exchange: mode=%s%s seed=%" PRIu64 " rounds=%" PRIu64 " requests=%" PRIu64
           " reports=%" PRIu64 " trades=%" PRIu64 " told_again=%" PRIu64 " not_applied=%" PRIu64
           "\n",
           run->tcp ? "tcp-" : "", mode_names[run->mode], run->seed, run->rounds, run->requests,
           sum.reports, sum.trades, sum.told_again, sum.not_applied);
}

static bool
run_open(struct run *run, const char *binary)
{
    static const char *const acks[MODES_CNT] = {"durable", "durable", "durable", "memory",
                                                "interval"};

    if (!exchange_open(&run->exchange, binary, acks[run->mode], run->tcp, KEPT))
        return fail(run, "%s", run->exchange.why);
    run->exchange.preload = run->preload;
    for (unsigned i = 0; i < BROKERS; i++)
        if (!(run->tcp && i > 0
                  ? broker_open_tcp(&run->brokers[i], i, run->seed, run->exchange.tcp_port)
                  : broker_open(&run->brokers[i], i, run->seed, run->exchange.udp_port)))
            return fail(run, "no socket for broker %u", i);
    return true;
}

int
main(int argc, char **argv)
{
    struct run run = {.mode = MODE_DURABLE, .seed = seed_first(), .rounds = ROUNDS_DEFAULT};

    if (argc < 2) {
        fprintf(stderr, "usage: kill_exchange OUTCRY [ROUNDS [SEED [[tcp-]MODE [PRELOAD]]]]\n");
        return 2;
    }
    if (argc > 2)
        run.rounds = strtoull(argv[2], NULL, 10);
    if (argc > 3)
        run.seed = strtoull(argv[3], NULL, 10);
    run.tcp = argc > 4 && strncmp(argv[4], "tcp-", 4) == 0;
    while (argc > 4 && strcmp(mode_names[run.mode], argv[4] + (run.tcp ? 4 : 0)) != 0)
        if (++run.mode == MODES_CNT) {
            fprintf(stderr, "kill_exchange: no mode %s\n", argv[4]);
            return 2;
        }
    if (argc > 5)
        run.preload = argv[5];
    if (run.mode == MODE_FAULT && run.preload == NULL) {
        fprintf(stderr, "kill_exchange: mode fault needs a library to preload\n");
        return 2;
    }
    run.rounds = seed_of_env("OUTCRY_KILLS", run.rounds);
    run.rng.state = run.seed;

    const bool passed = run_open(&run, argv[1]) && run_rounds(&run);

    /* A serve that gave up is often the reason why clients were not served. */
    if (!passed && !exchange_kill(&run.exchange) && run.exchange.said[0] != '\0')
        fprintf(stderr, "kill_exchange: serve said: %s\n", run.exchange.said);
    print_result(&run, passed);
    exchange_close(&run.exchange, !passed);
    for (unsigned i = 0; i < BROKERS; i++)
        broker_close(&run.brokers[i]);
    return passed ? 0 : 1;
}
