/*
 * The journal's part of opening an exchange: look, replay, recover.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "journal/replay.h"
#include "proto/limits.h"

#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/exchange_private.h"
#include "tools/memory.h"

/* During a replay, how often somebody who wants us to stop is listened to. */
#define STOP_LOOK_MESSAGES 65536u

/* Names of the sizes of a Genesis, to say which one contradicts. */
struct size_name {
    size_t offset;
    const char *name;
};

static const struct size_name size_names[] = {
    {offsetof(struct engine_cfg, orders_max), "orders"},
    {offsetof(struct engine_cfg, instruments_max), "instruments"},
    {offsetof(struct engine_cfg, accounts_max), "accounts"},
    {offsetof(struct engine_cfg, groups_max), "groups"},
    {offsetof(struct engine_cfg, firms_max), "firms"},
    {offsetof(struct engine_cfg, sessions_max), "sessions"},
    {offsetof(struct engine_cfg, positions_max), "positions"},
    {offsetof(struct engine_cfg, pages_max), "pages"},
    {offsetof(struct engine_cfg, extras_max), "extras"},
};

static uint32_t
size_of(const struct engine_cfg *cfg, size_t offset)
{
    uint32_t value;

    memcpy(&value, (const char *)cfg + offset, sizeof value);
    return value;
}

/* check_genesis compares the sizes of the journal with the configuration's. */
static int
check_genesis(const struct config *config, const union cell *cell, char *why)
{
    struct engine_cfg cfg;

    if (cell_genesis_view(cell) != NULL && cell->genesis.rules_version != RULES_VERSION)
        return exchange_refuse(
            why,
            "the journal in %s was written under rules version %u, this outcry has "
            "%u",
            config->journal_folder, cell->genesis.rules_version, RULES_VERSION);
    if (!engine_cfg_of(cell, &cfg))
        return exchange_refuse(why, "the journal in %s does not begin with a Genesis",
                               config->journal_folder);
    if (cfg.shard != config->engine.shard)
        return exchange_refuse(
            why, "%s: exchange.shard is %u, but the journal in %s is of shard %u", config->file,
            config->engine.shard, config->journal_folder, cfg.shard);
    for (unsigned i = 0; i < ARRAY_LEN(size_names); i++) {
        const uint32_t ours = size_of(&config->engine, size_names[i].offset);
        const uint32_t theirs = size_of(&cfg, size_names[i].offset);

        if (ours != theirs)
            return exchange_refuse(
                why,
                "%s: pools.%s is %u, but the journal in %s was made with %u; sizes "
                "are for ever, expected %u or an empty folder",
                config->file, size_names[i].name, ours, config->journal_folder, theirs, theirs);
    }
    return 0;
}

static int
refuse_journal(const struct exchange *exchange,
               int rc,
               const struct journal_fault *fault,
               char *why)
{
    return exchange_refuse(why, "the journal in %s cannot be used: %s%s%s",
                           exchange->config->journal_folder,
                           fault->text[0] != '\0' ? fault->text : strerror(-rc),
                           rc == -EBADMSG ? "; nothing was changed, see: outcry verify " : "",
                           rc == -EBADMSG ? exchange->config->journal_folder : "");
}

/* open_reader opens the journal to read; *reader is NULL if there is none. */
static int
open_reader(const struct exchange *exchange, struct journal_reader **reader, char *why)
{
    const struct config *config = exchange->config;
    struct journal_fault fault = {.text = ""};
    const int rc =
        journal_reader_open(reader, config->journal_folder, config->engine.shard, &fault);

    if (rc == 0)
        return 0;
    *reader = NULL;
    return rc == -ENOENT ? 0 : refuse_journal(exchange, rc, &fault, why);
}

/* exchange_check_journal looks at the first message only. */
int
exchange_check_journal(const struct exchange *exchange, char *why)
{
    struct journal_reader *reader;
    const union cell *cells;
    int rc = open_reader(exchange, &reader, why);

    if (rc != 0 || reader == NULL)
        return rc;
    const int count = journal_reader_next(reader, &cells);
    if (count < 0)
        rc = refuse_journal(exchange, count, journal_reader_fault(reader), why);
    else if (count > 0)
        rc = check_genesis(exchange->config, cells, why);
    journal_reader_close(reader);
    return rc;
}

struct replay_ctx {
    struct gateway *gateway;
    uint64_t messages_cnt;
};

/* on_message hands each recovered message to the gateway. Nothing has been
 * written yet, so somebody who wants to stop can have it at once. */
static void
on_message(void *ctx, const union cell *cells)
{
    struct replay_ctx *replay = ctx;
    sigset_t pending;

    gateway_recover(replay->gateway, cells);
    if (++replay->messages_cnt % STOP_LOOK_MESSAGES != 0)
        return;
    sigpending(&pending);
    if (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT) ||
        sigismember(&pending, SIGHUP)) {
        fputs("outcry: stopped while the journal was read; nothing was changed\n", stderr);
        _exit(EXIT_FINE);
    }
}

/* The engine's memory is taken by the replay when there is a journal, through
 * a function without context; it is kept here until the exchange has it. */
static struct exchange_memory replay_memory;

static void *
replay_take(size_t bytes)
{
    replay_memory = (struct exchange_memory){memory_take(bytes), bytes};
    return replay_memory.mem;
}

/* draw_salt draws the secret of this run's ClOrdID map. */
static uint64_t
draw_salt(void)
{
    uint64_t salt;

    if (getrandom(&salt, sizeof salt, 0) != sizeof salt)
        UNREACHABLE("8 bytes of randomness are always to be had");
    return salt;
}

static int
replay_journal(struct exchange *exchange, struct journal_reader *reader, char *why)
{
    struct replay_ctx ctx = {.gateway = exchange->gateway};
    const struct replay_cfg cfg = {
        .on_message = on_message, .ctx = &ctx, .salt = draw_salt(), .alloc = replay_take};
    const uint64_t begin_ns = clock_utc_ns();
    struct replay_result result = {.engine = NULL};
    const int rc = replay_run(reader, &cfg, &result);

    exchange->engine_memory = replay_memory;
    replay_memory = (struct exchange_memory){NULL, 0};
    if (rc == -EBADMSG)
        return refuse_journal(exchange, rc, journal_reader_fault(reader), why);
    if (rc != 0)
        return exchange_refuse(why, "the journal in %s cannot be replayed: %s",
                               exchange->config->journal_folder,
                               result.text[0] != '\0' ? result.text : strerror(-rc));
    if (result.engine != NULL && !result.identical)
        return exchange_refuse(
            why, "the journal in %s does not replay to itself from seq %" PRIu64 ": %s",
            exchange->config->journal_folder, result.diverged_seq, result.text);
    exchange->engine = result.engine;
    exchange->recovered.commands_cnt = result.commands_cnt;
    exchange->recovered.last_seq = result.last_seq;
    exchange->recovered.elapsed_ns = clock_utc_ns() - begin_ns;
    return 0;
}

/* exchange_make_engine fills the engine from the journal, or makes an empty one. */
int
exchange_make_engine(struct exchange *exchange, char *why)
{
    const struct engine_cfg *cfg = &exchange->config->engine;
    struct journal_reader *reader;

    if (open_reader(exchange, &reader, why) != 0)
        return -1;
    if (reader != NULL) {
        const int rc = replay_journal(exchange, reader, why);

        journal_reader_close(reader);
        if (rc != 0)
            return rc;
    }
    if (exchange->engine == NULL) {
        if (exchange_take(&exchange->engine_memory, engine_footprint(cfg), "the engine", why) != 0)
            return -1;
        exchange->engine = engine_init(exchange->engine_memory.mem, cfg);
        engine_salt(exchange->engine, draw_salt());
    }
    exchange->recovered.state_hash = engine_hash(exchange->engine);
    return exchange_check_fixed(exchange->engine, exchange->config, why);
}

int
exchange_open_writer(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;
    struct journal_fault fault = {.text = ""};
    char text[256] = "";

    int rc = journal_recover(config->journal_folder, config->engine.shard, &exchange->end, &fault);
    if (rc != 0)
        return refuse_journal(exchange, rc, &fault, why);
    const struct journal_end *end = &exchange->end;
    const uint32_t last = engine_epoch(exchange->engine);
    exchange->epoch = (last > end->epoch ? last : end->epoch) + 1;
    exchange->recovered.dropped_cells = end->dropped_cells;
    exchange->recovered.zeroed_bytes = end->zeroed_bytes;

    const struct journal_writer_cfg cfg = {
        .dir = config->journal_folder,
        .shard = config->engine.shard,
        .epoch = exchange->epoch,
        .segment_bytes =
            end->segment_bytes != 0 ? end->segment_bytes : (uint64_t)config->segment_mib << 20,
        .ack_mode = config->ack_mode,
        .interval_ns = (uint64_t)config->interval_ms * 1000000u,
        .next_page_no = end->next_page_no,
        .prev_hash = end->prev_hash,
        .journal = end->journal,
        .config_hash = exchange->config_hash,
        .binary_hash = exchange->binary_hash,
    };
    rc = journal_writer_open(&exchange->journal, &cfg, &exchange->out_journal, text);
    if (rc != 0)
        return exchange_refuse(why, "the journal in %s cannot be written: %s",
                               config->journal_folder, text[0] != '\0' ? text : strerror(-rc));
    return 0;
}
