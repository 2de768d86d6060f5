#include "journal/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/event_hash.h"
#include "journal/diverge.h"
#include "journal/reader_span.h"
#include "proto/limits.h"

/* How far ahead of the command in work its successors' data is fetched, in
 * cells: enough to hide a miss, not so far that it is gone again. */
#define AHEAD_CELLS 24u

/* Room for one slice. */
#define SINK_CELLS 256u
_Static_assert(SLICE_CELLS_MAX <= SINK_CELLS, "a slice fits into the sink");

/* Finished cells of one page, as the reader gives them. */
struct span {
    const union cell *cells;
    unsigned cnt;
};

struct replay {
    struct journal_reader *reader;
    struct replay_cfg cfg;
    struct replay_result result;
    struct engine *engine;
    struct span span; /* at lies in here */
    struct span next;
    unsigned at;               /* next cell of span to go through */
    unsigned ahead;            /* next to fetch for: counts through span into next */
    int end;                   /* what the reader said behind next: 0 or -errno */
    int error;                 /* that ended the replay, 0: none */
    const union cell *message; /* in work: its first cell */
    struct cell_sink sink;
    union cell cells[SINK_CELLS];
};

/* shift goes on to the next span and asks for the one behind it. */
static void
shift(struct replay *replay)
{
    const union cell *cells;

    ASSERT(replay->at == replay->span.cnt);
    replay->ahead -= replay->ahead < replay->span.cnt ? replay->ahead : replay->span.cnt;
    replay->at = 0;
    replay->span = replay->next;
    replay->next = (struct span){0};
    replay->end = 0;

    const int cnt = reader_span(replay->reader, &cells);

    if (cnt <= 0) {
        replay->end = cnt;
        return;
    }
    reader_skip(replay->reader, (unsigned)cnt);
    replay->next = (struct span){.cells = cells, .cnt = (unsigned)cnt};
}

/* refill makes span hold the next cell; false at the end as it is now. */
static bool
refill(struct replay *replay)
{
    shift(replay);
    /* Nothing was known to lie behind: at the start, or where it ended before. */
    if (replay->span.cnt == 0 && replay->next.cnt != 0)
        shift(replay);
    return replay->span.cnt != 0;
}

/* peek returns the journal's next cell, NULL at the end. */
static inline const union cell *
peek(struct replay *replay)
{
    if (UNLIKELY(replay->at == replay->span.cnt) && !refill(replay))
        return NULL;
    return &replay->span.cells[replay->at];
}

/* prefetch fetches what the commands in the window will touch. */
static inline void
prefetch(struct replay *replay)
{
    const unsigned span_cnt = replay->span.cnt;
    unsigned end = replay->at + AHEAD_CELLS;

    if (end > span_cnt + replay->next.cnt)
        end = span_cnt + replay->next.cnt;
    while (replay->ahead < end) {
        const union cell *cell = replay->ahead < span_cnt
                                     ? &replay->span.cells[replay->ahead]
                                     : &replay->next.cells[replay->ahead - span_cnt];

        if (cell_is_command(cell))
            engine_prefetch(replay->engine, cell);
        replay->ahead += cell_count(cell);
    }
}

static inline bool
cell_equal(const union cell *a, const union cell *b)
{
    uint64_t differ = 0;

    for (unsigned i = 0; i < CELL_BYTES / 8; i++)
        differ |= a->words[i] ^ b->words[i];
    return differ == 0;
}

/* count_message counts a message that came out right and hands it on. */
static inline void
count_message(struct replay *replay)
{
    struct replay_result *result = &replay->result;

    result->messages_cnt++;
    result->trades_cnt += cell_kind(replay->message) == CELL_KIND_TRADE;
    if (replay->cfg.on_message != NULL)
        replay->cfg.on_message(replay->cfg.ctx, replay->message);
}

/* compare_slice compares what the engine wrote from pos on with the journal.
 * False at the first cell that is not the same. */
static inline bool
compare_slice(struct replay *replay, uint64_t pos, uint64_t seq, unsigned *index)
{
    struct replay_result *result = &replay->result;

    for (; pos < replay->sink.pos; pos++) {
        const union cell *actual = &replay->cells[pos & replay->sink.mask];
        const union cell *expected = peek(replay);

        if (UNLIKELY(expected == NULL || !cell_equal(expected, actual))) {
            diverge_cell(result, seq, *index, expected, actual);
            return false;
        }
        if (cell_count(expected) != 0)
            replay->message = expected;
        result->event_hash = event_hash_cell(result->event_hash, expected);
        result->cells_cnt++;
        replay->at++;
        ++*index;
        if (expected == replay->message + (cell_count(replay->message) - 1))
            count_message(replay);
    }
    return true;
}

/* replay_command applies the command at `command` and compares its group. */
static bool
replay_command(struct replay *replay, const union cell *command)
{
    const uint64_t seq = cell_seq(command);
    unsigned index = 0;
    uint64_t pos = replay->sink.pos;
    enum engine_result rc = engine_apply(replay->engine, command, &replay->sink);

    if (UNLIKELY(rc == ENGINE_DROPPED)) {
        diverge_dropped(&replay->result, command);
        return false;
    }
    while (compare_slice(replay, pos, seq, &index)) {
        if (rc == ENGINE_DONE) {
            replay->result.commands_cnt++;
            replay->result.last_seq = seq;
            if (UNLIKELY(replay->cfg.on_command != NULL))
                replay->cfg.on_command(replay->cfg.ctx, replay->engine, command);
            return true;
        }
        pos = replay->sink.pos;
        rc = engine_resume(replay->engine, &replay->sink);
    }
    return false;
}

/* check_genesis makes the engine that the first command describes. */
static int
check_genesis(struct replay *replay, const union cell *first)
{
    struct replay_result *result = &replay->result;
    const unsigned shard = journal_reader_shard(replay->reader);

    if (cell_kind(first) != CELL_KIND_GENESIS) {
        snprintf(result->text, sizeof result->text, "the first command is %s, not Genesis",
                 cell_kind_name(cell_kind(first)));
        return -EPROTO;
    }
    if (first->genesis.rules_version != RULES_VERSION) {
        snprintf(result->text, sizeof result->text,
                 "written under rules version %u, this program has %u",
                 first->genesis.rules_version, RULES_VERSION);
        return -EPROTO;
    }
    if (!engine_cfg_of(first, &result->cfg) || result->cfg.shard != shard) {
        snprintf(result->text, sizeof result->text, "Genesis is not valid in a journal of shard %u",
                 shard);
        return -EPROTO;
    }

    const size_t bytes = engine_footprint(&result->cfg);
    void *mem = bytes == 0 ? NULL : replay->cfg.alloc(bytes);

    if (mem == NULL) {
        snprintf(result->text, sizeof result->text, "no memory for an engine of %zu bytes", bytes);
        return -ENOMEM;
    }
    replay->engine = engine_init(mem, &result->cfg);
    engine_salt(replay->engine, replay->cfg.salt);
    result->engine = replay->engine;
    return 0;
}

/* check_restart refuses a run that was made under other rules. */
static int
check_restart(struct replay *replay, const union cell *command)
{
    if (command->restart.rules_version == RULES_VERSION)
        return 0;
    snprintf(replay->result.text, sizeof replay->result.text,
             "epoch %u was written under rules version %u, this program has %u",
             command->restart.epoch, command->restart.rules_version, RULES_VERSION);
    return -EPROTO;
}

/* check_first is for the first command there is: it makes the engine, or it is
 * the one that the given engine waits for. */
static int
check_first(struct replay *replay, const union cell *command)
{
    const uint64_t next_seq = replay->result.last_seq + 1;

    if (replay->engine == NULL)
        return check_genesis(replay, command);
    if (cell_seq(command) == next_seq)
        return 0;
    snprintf(replay->result.text, sizeof replay->result.text,
             "the engine waits for command %" PRIu64 ", the journal goes on with %" PRIu64,
             next_seq, cell_seq(command));
    return -EPROTO;
}

/* pass_over goes behind what a given engine has had already. */
static void
pass_over(struct replay *replay)
{
    const union cell *cells;

    while ((cells = peek(replay)) != NULL && cell_seq(cells) <= replay->result.last_seq)
        replay->at += cell_count(cells);
}

static int
replay_until(struct replay *replay, uint64_t until_seq)
{
    struct replay_result *result = &replay->result;
    const union cell *command;

    if (result->commands_cnt == 0 && replay->engine != NULL)
        pass_over(replay);
    while (result->last_seq < until_seq && (command = peek(replay)) != NULL) {
        int rc = 0;

        if (UNLIKELY(result->commands_cnt == 0))
            rc = check_first(replay, command);
        if (rc == 0 && UNLIKELY(cell_kind(command) == CELL_KIND_RESTART))
            rc = check_restart(replay, command);
        if (rc != 0)
            return rc;
        prefetch(replay);
        if (!replay_command(replay, command)) {
            result->identical = false;
            return 0;
        }
    }
    if (result->last_seq >= until_seq || replay->end == 0)
        return 0;
    if (replay->end == -EBADMSG)
        snprintf(result->text, sizeof result->text, "%s",
                 journal_reader_fault(replay->reader)->text);
    return replay->end;
}

int
replay_open(struct replay **replay, struct journal_reader *reader, const struct replay_cfg *cfg)
{
    struct replay *made = aligned_alloc(CACHE_LINE, sizeof *made);

    if (made == NULL)
        return -ENOMEM;
    *made = (struct replay){
        .reader = reader,
        .cfg = *cfg,
        .engine = cfg->engine,
        .result = {.engine = cfg->engine, .identical = true, .event_hash = cfg->event_hash},
    };
    made->sink = (struct cell_sink){.cells = made->cells, .mask = SINK_CELLS - 1};
    if (cfg->engine != NULL) {
        made->result.cfg = cfg->engine_cfg;
        made->result.last_seq = engine_seq(cfg->engine);
    }
    *replay = made;
    return 0;
}

int
replay_more(struct replay *replay, uint64_t until_seq, struct replay_result *result)
{
    if (replay->error == 0 && replay->result.identical)
        replay->error = replay_until(replay, until_seq == 0 ? UINT64_MAX : until_seq);
    *result = replay->result;
    return replay->error;
}

void
replay_close(struct replay *replay)
{
    free(replay);
}

int
replay_run(struct journal_reader *reader,
           const struct replay_cfg *cfg,
           struct replay_result *result)
{
    struct replay *replay;
    int rc = journal_reader_seek_seq(reader, 0);

    *result = (struct replay_result){.identical = true};
    if (rc == -EBADMSG)
        snprintf(result->text, sizeof result->text, "%s", journal_reader_fault(reader)->text);
    if (rc == 0)
        rc = replay_open(&replay, reader, cfg);
    if (rc != 0)
        return rc;
    rc = replay_more(replay, cfg->until_seq, result);
    replay_close(replay);
    return rc;
}
