/*
 * outcry serve: runs the exchange of a configuration, and says what it does in
 * words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/blocked.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/config.h"
#include "tools/exchange.h"
#include "tools/text.h"
#include "tools/unnamed.h"

static const char help[] =
    "usage: outcry serve CONFIG [--check]\n"
    "\n"
    "Runs the exchange of the configuration file until SIGTERM or SIGINT. The journal's\n"
    "folder must exist; what is in it is recovered first. A line that begins with\n"
    "`outcry: ready` on stderr says that orders are taken, and where.\n"
    "\n"
    "  --check   only read CONFIG and print it as it is understood, defaults included\n"
    "            (and access keys)\n"
    "\n"
    "exit codes: 0 stopped by a signal, or CONFIG is good; 2 wrong usage; 3 the\n"
    "configuration, the journal or the machine does not allow it\n";

static void
say_ack(const struct config *config)
{
    switch ((enum cell_ack_mode)config->ack_mode) {
    case CELL_ACK_MODE_DURABLE:
        fputs("outcry: ack durable: a crash loses nothing that was told to a client\n", stderr);
        break;
    case CELL_ACK_MODE_INTERVAL:
        fprintf(stderr,
                "outcry: ack interval: a crash may lose what was told to clients in the last %u ms "
                "and the time of one write; sessions then begin anew\n",
                config->interval_ms);
        break;
    case CELL_ACK_MODE_MEMORY:
        fputs("outcry: ack memory: a crash of the machine may lose all that was told to clients "
              "since the last segment, a crash of the process the last moments; sessions then "
              "begin anew\n",
              stderr);
        break;
    default:
        UNREACHABLE("no such ack mode");
    }
}

/* say_notes says how the journal is written, if not as it would like to. */
static void
say_notes(const char *notes)
{
    for (size_t len = strcspn(notes, "\n"); len > 0; len = strcspn(notes, "\n")) {
        fprintf(stderr, "outcry: %.*s\n", (int)len, notes);
        notes += len + (notes[len] == '\n');
    }
}

static void
say_recovered(const struct exchange *exchange)
{
    const struct exchange_recovered *recovered = &exchange->recovered;
    char hash[TEXT_HASH_BYTES];

    fprintf(stderr,
            "outcry: journal %s: %" PRIu64 " commands recovered in %" PRIu64
            " ms by %s, last seq %" PRIu64 ", state hash %s\n",
            exchange->config->journal_folder, recovered->commands_cnt,
            recovered->elapsed_ns / 1000000u,
            recovered->threads == 2 ? "two threads" : "one thread", recovered->last_seq,
            text_hash(recovered->state_hash, hash));
    if (recovered->dropped_cells > 0 || recovered->zeroed_bytes > 0)
        fprintf(stderr,
                "outcry: journal: the end was torn: %" PRIu64 " cells of an unfinished command "
                "dropped, %" PRIu64 " bytes zeroed; nothing of it was durable\n",
                recovered->dropped_cells, recovered->zeroed_bytes);
    say_notes(journal_writer_notes(exchange->journal));
}

/* say_changed tells what is not as it was in the run before. The Restart that was
 * just written has the new hashes, so the journal knows from where on. */
static void
say_changed(const struct exchange *exchange)
{
    const struct journal_end *before = &exchange->end;

    if (!before->restarted)
        return;
    if (before->config_hash != exchange->config_hash)
        fprintf(stderr,
                "outcry: the configuration is another than in the run before (hash %016" PRIx64
                ", it was %016" PRIx64 "); the Restart of epoch %u records it\n",
                exchange->config_hash, before->config_hash, exchange->epoch);
    if (before->binary_hash != exchange->binary_hash)
        fprintf(stderr,
                "outcry: this program is another than in the run before (hash %016" PRIx64
                ", it was %016" PRIx64 "); the Restart of epoch %u records it\n",
                exchange->binary_hash, before->binary_hash, exchange->epoch);
}

/* say_unnamed tells what lives on although the file does not name it. */
static void
say_unnamed(const struct exchange *exchange)
{
    struct exchange_unnamed unnamed;

    exchange_count_unnamed(exchange, &unnamed);
    if (unnamed.firms + unnamed.groups + unnamed.accounts + unnamed.instruments +
            unnamed.sessions ==
        0)
        return;
    fprintf(stderr,
            "outcry: the journal has %u firms, %u groups, %u accounts, %u instruments and %u "
            "sessions that the configuration does not name: they stay as they are, but such "
            "a session cannot log in\n",
            unnamed.firms, unnamed.groups, unnamed.accounts, unnamed.instruments, unnamed.sessions);
}

/* say_credentials warns of keys in clear text. */
static void
say_credentials(const struct config *config)
{
    if (config->plain_credentials)
        fputs("outcry: plain_credentials: keys may come in clear text, for everybody to read who "
              "sees the network\n",
              stderr);
}

/* say_blocked tells that something is stopped: a kill of last week still holds. */
static void
say_blocked(const struct exchange *exchange)
{
    static struct blocked blocked;
    bool first = true;

    blocked_begin(&blocked);
    while (blocked_step(&blocked, exchange->engine))
        continue;
    if (blocked.cnt == 0)
        return;
    fprintf(stderr, "outcry: blocked:");
    for (unsigned i = 0; i < BLOCKED_WHAT_CNT; i++) {
        if (blocked.counts[i] == 0)
            continue;
        fprintf(stderr, "%s %" PRIu64 " %s", first ? "" : ",", blocked.counts[i],
                blocked_name((uint8_t)i, CELL_RISK_STAGE_NONE));
        first = false;
    }
    fprintf(stderr, "; outcry admin CONFIG show blocked tells what\n");
}

static void
say_layout(const struct config *config)
{
    static const char *const stages[] = {"gateway", "engine", "journal", "door"};
    static const char *const idles[] = {"spins", "yields", "sleeps"};

    for (unsigned i = 0; i < config->threads_cnt; i++) {
        const struct config_thread *thread = &config->threads[i];

        fprintf(stderr, "outcry: thread %s", thread->name);
        if (thread->core >= 0)
            fprintf(stderr, " on core %d", thread->core);
        for (unsigned k = 0; k < thread->stages_cnt; k++)
            fprintf(stderr, "%s %s", k == 0 ? ":" : ",", stages[thread->stages[k]]);
        fprintf(stderr, "; %s when idle\n", idles[thread->idle]);
    }
}

/* say_tcp says what a port of kind tcp does not have that it could have. */
static void
say_tcp(const struct config_port *from, const struct port *port)
{
    if (port_tcp_plain(port))
        fprintf(stderr,
                "outcry: port %s: this kernel has no io_uring with multishot receive, or "
                "does not allow it: epoll and plain system calls are used\n",
                from->name);
    if (from->tcp.busy_poll_us != 0 && port_tcp_busy_poll(port) != from->tcp.busy_poll_us)
        fprintf(stderr,
                "outcry: port %s: busy_poll_us: %u is not permitted here (CAP_NET_ADMIN), "
                "connections have %u\n",
                from->name, from->tcp.busy_poll_us, port_tcp_busy_poll(port));
}

static void
say_ready(const struct exchange *exchange)
{
    static const char *const kinds[] = {"udp", "dpdk", "tcp"};
    const struct config *config = exchange->config;
    char ip[16];

    for (unsigned i = 0; i < config->ports_cnt; i++) {
        fprintf(stderr, "outcry: port %s: %s %s:%u\n", config->ports[i].name,
                kinds[config->ports[i].kind], text_ipv4(config->ports[i].address, ip),
                exchange->udp_ports[i]);
        if (config->ports[i].kind == CONFIG_PORT_TCP)
            say_tcp(&config->ports[i], exchange->ports[i]);
    }
    fprintf(stderr, "outcry: ready epoch %u", exchange->epoch);
    for (unsigned i = 0; i < config->ports_cnt; i++)
        fprintf(stderr, " %s=%s:%u", config->ports[i].name, text_ipv4(config->ports[i].address, ip),
                exchange->udp_ports[i]);
    fputc('\n', stderr);
}

static void
say_ports(const struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->ports_cnt; i++) {
        const struct port_stats *stats = &exchange->ports[i]->stats;

        fprintf(stderr,
                "outcry: port %s: %" PRIu64 " datagrams in, %" PRIu64 " out, %" PRIu64
                " foreign, %" PRIu64 " invalid, %" PRIu64 " dropped\n",
                exchange->config->ports[i].name, stats->rx_datagrams, stats->tx_datagrams,
                stats->rx_foreign, stats->rx_invalid, stats->tx_dropped);
        if (exchange->ports[i]->stream)
            fprintf(stderr,
                    "outcry: port %s: %" PRIu64 " connections, %" PRIu64 " too many, %" PRIu64
                    " slow, %" PRIu64 " idle, %" PRIu64 " half open\n",
                    exchange->config->ports[i].name, stats->connections, stats->connections_refused,
                    stats->connections_slow, stats->connections_idle, stats->connections_half_open);
    }
}

static void
say_gateway(const char *name, const struct gateway *gateway)
{
    struct gateway_stats stats;

    gateway_stats_get(gateway, &stats);
    fprintf(stderr,
            "outcry: %s: %" PRIu64 " messages, %" PRIu64 " reports, %" PRIu64 " receipts, %" PRIu64
            " retransmitted (%" PRIu64 " from the journal), %" PRIu64 " duplicates, %" PRIu64
            " gaps, %" PRIu64 " refused, %" PRIu64 " timeouts, %" PRIu64 " fell behind\n",
            name, stats.messages, stats.reports, stats.receipts, stats.retransmitted,
            stats.from_journal, stats.duplicates, stats.gaps, stats.refused, stats.timeouts,
            stats.fell_behind);
    fprintf(stderr,
            "outcry: %s: bad frames %" PRIu64 ", schemas %" PRIu64 ", sessions %" PRIu64
            ", credentials %" PRIu64 ", contexts %" PRIu64 "; logins dropped %" PRIu64
            ", throttled %" PRIu64 ", not held %" PRIu64 ", no room %" PRIu64 "\n",
            name, stats.bad_frame, stats.bad_schema, stats.bad_session, stats.bad_credentials,
            stats.bad_context, stats.logins_dropped, stats.throttled, stats.hold_full,
            stats.low_dropped);
}

static void
say_stats(const struct exchange *exchange)
{
    const struct sequencer *sequencer = &exchange->sequencer;
    struct journal_writer_stats journal;

    say_ports(exchange);
    say_gateway("gateway", exchange->gateway);
    if (exchange->door != NULL)
        say_gateway("door", exchange->door);
    fprintf(stderr,
            "outcry: engine: %" PRIu64 " commands, %" PRIu64 " duplicates dropped, %" PRIu64
            " invalid, %" PRIu64 " stalls\n",
            sequencer->applied_cnt, sequencer->dropped_cnt, sequencer->invalid_cnt,
            sequencer->stall_cnt);
    fprintf(stderr,
            "outcry: admin: %" PRIu64 " commands, %" PRIu64 " rows, %" PRIu64 " questions, %" PRIu64
            " refused, %" PRIu64 " wrong, %" PRIu64 " foreign\n",
            exchange->admin.stats.commands, exchange->admin.stats.rows,
            exchange->admin.stats.questions, exchange->admin.stats.refused,
            exchange->admin.stats.wrong, exchange->admin.stats.foreign);
    journal_writer_stats_get(exchange->journal, &journal);
    fprintf(stderr,
            "outcry: journal: %" PRIu64 " cells, %" PRIu64 " pages, %" PRIu64 " writes, %" PRIu64
            " syncs, %" PRIu64 " stalls\n",
            journal.cells, journal.pages, journal.batches, journal.syncs, journal.stalls);
}

static int
serve(const struct config *config)
{
    static struct exchange exchange;
    char why[EXCHANGE_WHY_BYTES];

    if (exchange_open(&exchange, config, why) != 0)
        return cli_fail(EXIT_SETUP, "serve", "%s", why);
    say_ack(config);
    say_recovered(&exchange);
    say_changed(&exchange);
    say_unnamed(&exchange);
    unnamed_say(&exchange, stderr);
    say_credentials(exchange.config);
    say_blocked(&exchange);
    say_layout(config);
    say_ready(&exchange);
    const int rc = exchange_run(&exchange, why);
    if (rc == 0)
        say_stats(&exchange);
    const uint64_t seq = engine_seq(exchange.engine);
    exchange_close(&exchange);
    if (rc != 0)
        return cli_fail(EXIT_SETUP, "serve", "%s", why);
    fprintf(stderr, "outcry: stopped at seq %" PRIu64 "; everything is on disk\n", seq);
    return EXIT_FINE;
}

int
cmd_serve(int argc, char **argv)
{
    static const struct option options[] = {{"check", no_argument, NULL, 'c'}, {0}};
    struct cli cli = {.help = help, .arguments = 1};
    char why[CONFIG_WHY_BYTES];
    bool check = false;
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0)
        check = true;
    if (option < 0)
        return cli.exit;
    struct config *config = config_load(argv[optind], why);
    if (config == NULL) {
        fprintf(stderr, "%s\n", why);
        return EXIT_SETUP;
    }
    int code = EXIT_FINE;
    if (check)
        config_print(config, stdout);
    else
        code = serve(config);
    config_free(config);
    return code;
}
