/*
 * The journal's part of opening an exchange: look, restore, replay, recover.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal/replay.h"
#include "proto/limits.h"

#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/cores.h"
#include "tools/exchange_private.h"
#include "tools/memory.h"
#include "tools/restore.h"

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

/* exchange_check_journal looks at the first message only. A journal that was pruned has
 * its Genesis in a snapshot, which is compared when it is taken up. */
int
exchange_check_journal(struct exchange *exchange, char *why)
{
    struct journal_reader *reader;
    const union cell *cells;
    int rc = open_reader(exchange, &reader, why);

    if (rc != 0 || reader == NULL)
        return rc;
    const int count = journal_reader_next(reader, &cells);
    if (count < 0)
        rc = refuse_journal(exchange, count, journal_reader_fault(reader), why);
    else if (count > 0 && cell_seq(cells) == 1)
        rc = check_genesis(exchange->config, cells, why);
    exchange->first_seq = count > 0 ? cell_seq(cells) : 0;
    journal_reader_close(reader);
    return rc;
}

struct replay_ctx {
    struct exchange *exchange;
    uint64_t messages_cnt;
};

/* on_message hands each recovered message to the gateways. Nothing has been
 * written yet, so somebody who wants to stop can have it at once. */
static void
on_message(void *ctx, const union cell *cells)
{
    struct replay_ctx *replay = ctx;
    sigset_t pending;

    exchange_recover(replay->exchange, cells);
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
    replay_memory = (struct exchange_memory){memory_later(bytes), bytes};
    return replay_memory.mem;
}

/* load_gateways fills the gateway, and the door if there is one, from one image. */
static int
load_gateways(const struct exchange *exchange, struct image_in in)
{
    struct image_in again = in;
    const int rc = gateway_load(exchange->gateway, &in);

    if (rc != 0 || exchange->door == NULL)
        return rc;
    return gateway_load(exchange->door, &again);
}

/* take_sessions lets the gateways take up what the snapshot has of sessions. Sizes are for
 * ever, so those of the snapshot are those of the journal's Genesis, and ours. */
static bool
take_sessions(void *ctx, const struct snapshot_info *info, struct image_in in, char *why)
{
    const struct exchange *exchange = ctx;
    const int rc = info->cfg.sessions_max == exchange->config->engine.sessions_max
                       ? load_gateways(exchange, in)
                       : -EBADMSG;

    if (rc == -ERANGE)
        snprintf(why, SNAPSHOT_WHY_BYTES,
                 "it keeps fewer reports of a session than pools.retransmit, which is %" PRIu32
                 ": give outcry follow --retransmit %" PRIu32,
                 exchange->config->retransmit, exchange->config->retransmit);
    else if (rc != 0)
        snprintf(why, SNAPSHOT_WHY_BYTES, "what it holds is no state of a gateway");
    return rc == 0;
}

/* refuse_diverged tells of a divergence; of a replay of the whole journal also what to do. */
static COLD int
refuse_diverged(const struct exchange *exchange,
                const struct replay_result *result,
                bool whole,
                char *why)
{
    const char *dir = exchange->config->journal_folder;
    char way_out[PATH_MAX + 128] = "";

    if (whole)
        snprintf(way_out, sizeof way_out,
                 "; nothing was changed, and what lies before can be saved: outcry verify %s "
                 "--salvage NEW --to %" PRIu64,
                 dir, result->diverged_seq - 1);
    return -exchange_refuse(
        why, "the journal in %s does not replay to itself from seq %" PRIu64 ": %s%s", dir,
        result->diverged_seq, result->text, way_out);
}

/* replay_from gives the engine what reader has from where it stands; 0, 1 when it does
 * not come out the same, or -1; then why has a line. */
static int
replay_from(struct exchange *exchange,
            struct journal_reader *reader,
            const struct replay_cfg *cfg,
            char *why)
{
    struct replay_result result = {.engine = NULL};
    struct replay *replay;
    int rc = replay_open(&replay, reader, cfg);

    if (rc != 0)
        return exchange_refuse(why, "no memory for the replay");
    rc = replay_more(replay, 0, &result);
    replay_close(replay);
    exchange->engine = result.engine;
    if (rc == -EBADMSG)
        return refuse_journal(exchange, rc, journal_reader_fault(reader), why);
    if (rc != 0)
        return exchange_refuse(why, "the journal in %s cannot be replayed: %s",
                               exchange->config->journal_folder,
                               result.text[0] != '\0' ? result.text : strerror(-rc));
    if (result.engine != NULL && !result.identical)
        return refuse_diverged(exchange, &result, cfg->engine == NULL, why);
    exchange->recovered.commands_cnt = result.commands_cnt;
    exchange->recovered.last_seq = result.last_seq;
    return 0;
}

/* replay_behind begins with a snapshot: 1 if it and what lies behind it are taken up, 0
 * if there is none of use, or -1. A snapshot is a help and never the truth: if what lies
 * behind it does not come out the same, the whole journal decides. */
static int
replay_behind(struct exchange *exchange, char *why)
{
    struct replay_ctx ctx = {.exchange = exchange};
    struct restored restored;
    const struct restore_cfg restore = {
        .dir = exchange->config->journal_folder,
        .shard = exchange->config->engine.shard,
        .salt = restore_draw_salt(),
        .cfg = &exchange->config->engine,
        .take = memory_later,
        .take_rest = take_sessions,
        .ctx = exchange,
    };

    if (!restore_newest(&restore, &restored))
        return 0;
    exchange->engine_memory = (struct exchange_memory){restored.mem, restored.bytes};

    const struct replay_cfg cfg = {
        .engine = restored.engine,
        .engine_cfg = restored.info.cfg,
        .pair = exchange->recovered.threads == 2,
        .on_message = on_message,
        .ctx = &ctx,
    };
    const int rc = replay_from(exchange, restored.reader, &cfg, why);

    journal_reader_close(restored.reader);
    if (rc <= 0) {
        exchange->from = restored.info.place;
        return rc == 0 ? 1 : rc;
    }
    fprintf(stderr, "outcry: snapshot %s/%s is of no use: %s; the whole journal is replayed\n",
            restore.dir, restored.info.name, why);
    memory_give(restored.mem, restored.bytes);
    exchange->engine_memory = (struct exchange_memory){NULL, 0};
    exchange->engine = NULL;
    return exchange_make_gateways(exchange, why);
}

static int
replay_whole(struct exchange *exchange, struct journal_reader *reader, char *why)
{
    struct replay_ctx ctx = {.exchange = exchange};
    const struct replay_cfg cfg = {
        .pair = exchange->recovered.threads == 2,
        .on_message = on_message,
        .ctx = &ctx,
        .salt = restore_draw_salt(),
        .alloc = replay_take,
    };
    const int rc = replay_from(exchange, reader, &cfg, why);

    exchange->engine_memory = replay_memory;
    replay_memory = (struct exchange_memory){NULL, 0};
    return rc == 0 ? 0 : -1;
}

/* replay_journal fills the engine from what is in the folder, if anything is. */
static int
replay_journal(struct exchange *exchange, char *why)
{
    const uint64_t begin_ns = clock_utc_ns();
    struct journal_reader *reader;
    int rc;

    /* Nothing else of the exchange runs yet. */
    exchange->recovered.threads = cores_cnt(2);
    rc = replay_behind(exchange, why);

    if (rc == 0 && exchange->first_seq > 1)
        return exchange_refuse(
            why,
            "the journal in %s begins with seq %" PRIu64
            ", older ones were pruned, and no snapshot is of use to begin with: put one back",
            exchange->config->journal_folder, exchange->first_seq);
    if (rc == 0) {
        rc = open_reader(exchange, &reader, why);
        if (rc == 0 && reader != NULL) {
            rc = replay_whole(exchange, reader, why);
            journal_reader_close(reader);
        }
    }
    exchange->recovered.elapsed_ns = clock_utc_ns() - begin_ns;
    return rc < 0 ? -1 : 0;
}

/* exchange_make_engine fills the engine from snapshot and journal, or makes an empty
 * one. */
int
exchange_make_engine(struct exchange *exchange, char *why)
{
    const struct engine_cfg *cfg = &exchange->config->engine;

    if (replay_journal(exchange, why) != 0)
        return -1;
    if (exchange->engine == NULL) {
        if (exchange_take_later(&exchange->engine_memory, engine_footprint(cfg), "the engine",
                                why) != 0)
            return -1;
        exchange->engine = engine_init(exchange->engine_memory.mem, cfg);
        engine_salt(exchange->engine, restore_draw_salt());
    }
    exchange->recovered.state_hash = engine_hash(exchange->engine);
    /* Behind a snapshot this is left to exchange_run: clients wait. */
    if (exchange->from.page_no == 0 &&
        (exchange_touch(&exchange->engine_memory, "the engine", why) != 0 ||
         exchange_touch(&exchange->gateway_memory, "the gateway", why) != 0 ||
         (exchange->door != NULL && exchange_touch(&exchange->door_memory, "the door", why) != 0)))
        return -1;
    return exchange_check_fixed(exchange->engine, exchange->config, why);
}

int
exchange_open_writer(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;
    struct journal_fault fault = {.text = ""};
    char text[256] = "";

    int rc = journal_recover_at(config->journal_folder, config->engine.shard, &exchange->from,
                                &exchange->end, &fault);
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
