#include "journal/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/command.h"
#include "engine/event_hash.h"
#include "journal/diverge.h"
#include "journal/reader_span.h"
#include "journal/replay_parts.h"

bool
replay_take_span(struct replay *replay)
{
    const union cell *cells;
    const int cnt = reader_span(replay->reader, &cells);

    replay->end = cnt;
    if (UNLIKELY(cnt <= 0))
        return false;
    reader_skip(replay->reader, (unsigned)cnt);
    replay->spans[replay->span_end++ % SPANS] = (struct span){.cells = cells, .cnt = (unsigned)cnt};
    return true;
}

/* gather_span takes a span and gathers its commands; false at the end. */
static bool
gather_span(struct replay *replay)
{
    if (UNLIKELY(!replay_take_span(replay)))
        return false;

    const struct span *span = &replay->spans[(replay->span_end - 1) % SPANS];

    ASSERT(replay->ring_end - replay->ring_pos + span->cnt <= RING_CELLS);
    replay->ring_end =
        gather_cells(replay->ring, RING_CELLS - 1, replay->ring_end, span->cells, span->cnt);
    return true;
}

/* gather sees to it that commands are there to be applied and to be looked at. */
static inline void
gather(struct replay *replay)
{
    while (replay->ring_end - replay->ring_pos < AHEAD_CELLS &&
           replay->span_end - replay->span_first < SPANS && gather_span(replay))
        continue;
}

/* more_spans takes a span when compare has come to the end of those that were taken. */
static COLD bool
more_spans(struct replay *replay)
{
    return replay->pair != NULL ? replay_take_span(replay) : gather_span(replay);
}

static inline const struct span *
next_span(struct replay *replay)
{
    if (replay->span_first != replay->span_end) {
        const struct span *span = &replay->spans[replay->span_first % SPANS];

        if (LIKELY(replay->at < span->cnt))
            return span;
        replay->span_first++;
        replay->at = 0;
        journal_reader_forget(replay->reader, replay->group_cells_cnt != 0
                                                  ? replay->group
                                                  : &span->cells[span->cnt - 1]);
    }
    if (UNLIKELY(replay->span_first == replay->span_end) && !more_spans(replay))
        return NULL;
    return &replay->spans[replay->span_first % SPANS];
}

const struct span *
replay_next_span(struct replay *replay)
{
    return next_span(replay);
}

/* count_cells counts cells that came out right, and hashes them. Flattened: the parts of
 * the hash are small, and left out of line else. */
static __attribute__((flatten, noinline)) void
count_cells(struct replay *replay, const union cell *cells, unsigned cnt)
{
    struct replay_result *result = &replay->result;
    uint64_t hash = result->event_hash;
    unsigned messages_cnt = 0;
    unsigned trades_cnt = 0;
    unsigned groups_cnt = 0;
    unsigned group_at = 0;

    for (unsigned i = 0; i < cnt; i++) {
        const unsigned is_last = cell_is_last(&cells[i]);

        hash = event_hash_cell(hash, &cells[i]);
        messages_cnt += cell_count(&cells[i]) != 0;
        trades_cnt += cell_kind(&cells[i]) == CELL_KIND_TRADE;
        groups_cnt += is_last;
        group_at = is_last ? i + 1 : group_at;
    }
    result->event_hash = hash;
    result->cells_cnt += cnt;
    result->messages_cnt += messages_cnt;
    result->trades_cnt += trades_cnt;
    result->commands_cnt += groups_cnt;
    result->last_seq += groups_cnt;
    if (groups_cnt != 0 || replay->group_cells_cnt == 0) {
        replay->group = &cells[group_at];
        replay->group_cells_cnt = 0;
    }
    replay->group_cells_cnt += cnt - group_at;
}

/* hand_on gives whole messages to the callback. */
static void
hand_on(const struct replay *replay, const union cell *cells, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i += cell_count(&cells[i]))
        replay->cfg.on_message(replay->cfg.ctx, &cells[i]);
}

static inline void
came_out_right(struct replay *replay, const union cell *cells, unsigned cnt)
{
    count_cells(replay, cells, cnt);
    replay->at += cnt;
    if (replay->cfg.on_message != NULL)
        hand_on(replay, cells, cnt);
}

void
replay_came_out_right(struct replay *replay, const union cell *cells, unsigned cnt)
{
    came_out_right(replay, cells, cnt);
}

/* show_journal keeps what the journal has of the group in work from here on. */
static COLD void
show_journal(struct replay *replay, struct replay_diverged *shown)
{
    const struct span *span;

    shown->expected_more = true;
    while (shown->expected_more && shown->expected_cnt < REPLAY_SHOWN_CELLS &&
           (span = next_span(replay)) != NULL) {
        const union cell *cell = &span->cells[replay->at++];

        shown->expected[shown->expected_cnt++] = *cell;
        shown->expected_more = !cell_is_last(cell);
    }
}

/* show_engine keeps what the engine has of it: the group ends within cnt cells, or
 * goes on in a slice that is not made any more. */
static COLD void
show_engine(struct replay_diverged *shown, const union cell *actual, unsigned cnt)
{
    shown->actual_more = cnt != 0;
    for (unsigned i = 0; i < cnt && i < REPLAY_SHOWN_CELLS && shown->actual_more; i++) {
        shown->actual[shown->actual_cnt++] = actual[i];
        shown->actual_more = !cell_is_last(&actual[i]);
    }
}

/* show keeps the command in work and what both have of its group from here on. */
static COLD void
show(struct replay *replay, const union cell *actual, unsigned actual_cnt)
{
    struct replay_diverged *shown = &replay->diverged;

    shown->first_no = replay->group_cells_cnt;
    show_journal(replay, shown);
    show_engine(shown, actual, actual_cnt);

    const union cell *command = shown->first_no != 0 ? replay->group : shown->expected;
    const bool there = shown->first_no != 0 || shown->expected_cnt != 0;

    shown->command_cnt = there && cell_is_command(command) ? cell_count(command) : 0;
    for (unsigned i = 0; i < shown->command_cnt; i++)
        shown->command[i] = command[i];
    replay->result.identical = false;
}

/* equal_cells returns how many cells are the same before the first that is not. */
static COLD unsigned
equal_cells(const union cell *expected, const union cell *actual)
{
    unsigned equal = 0;

    while (cells_equal(&expected[equal], &actual[equal], 1))
        equal++;
    return equal;
}

COLD bool
replay_diverge(struct replay *replay,
               const union cell *expected,
               const union cell *actual,
               unsigned cnt)
{
    const unsigned equal = expected == NULL ? 0 : equal_cells(expected, actual);
    unsigned whole = 0;

    for (unsigned i = 0; i <= equal; i++)
        whole = cell_count(&actual[i]) != 0 ? i : whole;
    if (whole != 0)
        came_out_right(replay, expected, whole);
    show(replay, &actual[whole], cnt - whole);
    replay->diverged.cell_no = replay->diverged.first_no + equal - whole;
    diverge_cell(&replay->result, replay->result.last_seq + 1, replay->diverged.cell_no,
                 expected == NULL ? NULL : &expected[equal], &actual[equal]);
    return false;
}

/* compare compares what the engine wrote with the journal; it is in the sink from
 * its start. False when it is not the same. */
static inline bool
compare(struct replay *replay)
{
    const union cell *actual = replay->sink.cells;
    unsigned left = (unsigned)replay->sink.pos;

    while (left > 0) {
        const struct span *span = next_span(replay);

        if (UNLIKELY(span == NULL))
            return replay_diverge(replay, NULL, actual, left);

        const union cell *expected = &span->cells[replay->at];
        const unsigned there = span->cnt - replay->at;
        const unsigned cnt = left < there ? left : there;

        if (UNLIKELY(!cells_equal(expected, actual, cnt)))
            return replay_diverge(replay, expected, actual, left);
        came_out_right(replay, expected, cnt);
        actual += cnt;
        left -= cnt;
    }
    replay->sink.pos = 0;
    return true;
}

/* check_genesis makes the engine that the first command describes. */
static int
check_genesis(struct replay *replay, const union cell *first)
{
    struct replay_result *result = &replay->result;
    const unsigned shard = journal_reader_shard(replay->reader);

    if (journal_reader_first_segment(replay->reader) != 0) {
        snprintf(result->text, sizeof result->text,
                 "the journal begins with segment %" PRIu64 ", seq %" PRIu64
                 ", since older ones were pruned; no snapshot is of use to begin with",
                 journal_reader_first_segment(replay->reader), cell_seq(first));
        return -EPROTO;
    }
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

int
replay_check_command(struct replay *replay, const union cell *cells, unsigned count)
{
    if (LIKELY(command_well_formed(cells, count)))
        return cell_kind(cells) == CELL_KIND_RESTART ? check_restart(replay, cells) : 0;
    snprintf(replay->result.text, sizeof replay->result.text,
             "command %" PRIu64 " is not formed as one of its kind is", cell_seq(cells));
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

/* begin finds the first command to apply, behind what a given engine has had, and
 * checks it: 1, or 0 if there is none yet, or -errno. */
static int
begin(struct replay *replay)
{
    const union cell *cells;
    int cnt;

    while ((cnt = reader_span(replay->reader, &cells)) > 0) {
        if (cell_seq(cells) > replay->result.last_seq) {
            const int rc = check_first(replay, cells);

            return rc == 0 ? 1 : rc;
        }
        reader_skip(replay->reader, cell_count(cells));
    }
    replay->end = cnt;
    return cnt;
}

COLD void
replay_drop(struct replay *replay, const union cell *command)
{
    diverge_dropped(&replay->result, command);
    show(replay, command, 0);
}

/* apply_one applies the next command by itself. ENGINE_DROPPED: it was not
 * admitted, or error is set. */
static enum engine_result
apply_one(struct replay *replay)
{
    const union cell *command = &replay->ring[replay->ring_pos % RING_CELLS];
    const unsigned count = cell_count(command);
    union cell whole[CELL_COMMAND_MAX];

    ASSERT(count != 0);
    ASSERT(count <= CELL_COMMAND_MAX);
    ASSERT(count <= replay->ring_end - replay->ring_pos);
    for (unsigned i = 0; i < count; i++)
        whole[i] = replay->ring[(replay->ring_pos + i) % RING_CELLS];
    replay->error = replay_check_command(replay, whole, count);
    if (replay->error != 0)
        return ENGINE_DROPPED;

    const enum engine_result rc = engine_apply(replay->engine, whole, &replay->sink);

    if (UNLIKELY(rc == ENGINE_DROPPED)) {
        replay_drop(replay, whole);
        return rc;
    }
    replay->ring_pos += count;
    return rc;
}

/* run_cells returns how many cells engine_run may have, at most most commands:
 * to the end of the group that is looked at, and of its last message. */
static inline uint32_t
run_cells(const struct replay *replay, uint64_t most)
{
    const uint64_t pos = replay->ring_pos;
    const uint64_t left = replay->ring_end - pos;
    uint64_t cnt = RUN_CELLS - pos % RUN_CELLS;

    if (UNLIKELY(most < cnt)) {
        cnt = 0;
        for (uint64_t i = 0; i < most && cnt < left; i++)
            cnt += cell_count(&replay->ring[(pos + cnt) % RING_CELLS]);
    } else if (left > cnt) {
        const union cell *next = &replay->ring[(pos + cnt) % RING_CELLS];

        cnt += cell_kind(next) == CELL_KIND_REPLACE_DETAIL;
    }

    const uint64_t in_one_piece = RING_CELLS - pos % RING_CELLS;

    cnt = cnt < left ? cnt : left;
    return (uint32_t)(cnt < in_one_piece ? cnt : in_one_piece);
}

/* apply applies some of the commands that are gathered, most at most. */
static inline enum engine_result
apply(struct replay *replay, uint64_t most)
{
    enum engine_result rc;

    engine_look_ahead(replay->engine, &replay->ahead, replay->ring, RING_CELLS - 1,
                      replay->ring_pos, replay->ring_end);

    const uint32_t taken_cnt =
        engine_run(replay->engine, &replay->ring[replay->ring_pos % RING_CELLS],
                   run_cells(replay, most), SINK_UNTIL, &replay->sink, &rc);

    replay->ring_pos += taken_cnt;
    return LIKELY(taken_cnt != 0) ? rc : apply_one(replay);
}

/* watched applies one command and hands the engine to the callback. */
static COLD bool
watched(struct replay *replay)
{
    const struct span *span = next_span(replay);
    const union cell *command = &span->cells[replay->at];
    enum engine_result rc = apply_one(replay);

    while (rc != ENGINE_DROPPED && compare(replay)) {
        if (rc == ENGINE_DONE) {
            replay->cfg.on_command(replay->cfg.ctx, replay->engine, command);
            return true;
        }
        rc = engine_resume(replay->engine, &replay->sink);
    }
    return false;
}

/* step applies some commands, most at most, and compares all that they caused.
 * False when it is not the same, or at an error. */
static inline bool
step(struct replay *replay, uint64_t most)
{
    const uint64_t before_seq = replay->result.last_seq;
    enum engine_result rc = apply(replay, most);

    if (UNLIKELY(rc == ENGINE_DROPPED) || UNLIKELY(!compare(replay)))
        return false;
    while (UNLIKELY(rc == ENGINE_MORE)) {
        rc = engine_resume(replay->engine, &replay->sink);
        if (!compare(replay))
            return false;
    }
    ASSERT(replay->result.last_seq == engine_seq(replay->engine));
    ASSERT(replay->result.last_seq - before_seq <= most);
    return true;
}

static int
replay_until(struct replay *replay, uint64_t until_seq)
{
    struct replay_result *result = &replay->result;

    if (result->commands_cnt == 0) {
        const int rc = begin(replay);

        if (rc <= 0)
            return rc;
    }
    if (replay->pair != NULL)
        return replay_pair_until(replay, until_seq);
    while (result->last_seq < until_seq) {
        gather(replay);
        if (replay->ring_pos == replay->ring_end)
            return replay->end;
        if (!(replay->cfg.on_command == NULL ? step(replay, until_seq - result->last_seq)
                                             : watched(replay)))
            return replay->error;
    }
    return 0;
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
    made->sink = (struct cell_sink){.cells = made->sink_cells, .mask = SINK_CELLS - 1};
    if (cfg->engine != NULL) {
        made->result.cfg = cfg->engine_cfg;
        made->result.last_seq = engine_seq(cfg->engine);
    }
    if (cfg->pair && cfg->on_command == NULL)
        made->pair = replay_pair_make(made);
    *replay = made;
    return 0;
}

int
replay_more(struct replay *replay, uint64_t until_seq, struct replay_result *result)
{
    if (replay->error == 0 && replay->result.identical)
        replay->error = replay_until(replay, until_seq == 0 ? UINT64_MAX : until_seq);
    if (replay->error == -EBADMSG)
        snprintf(replay->result.text, sizeof replay->result.text, "%s",
                 journal_reader_fault(replay->reader)->text);
    *result = replay->result;
    return replay->error;
}

const struct replay_diverged *
replay_diverged(const struct replay *replay)
{
    return replay->result.identical ? NULL : &replay->diverged;
}

void
replay_close(struct replay *replay)
{
    replay_pair_free(replay->pair);
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
