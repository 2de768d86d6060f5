/*
 * Replay by two threads: the engine in one, all else in the caller's.
 *
 *   caller   reader -> spans -> feed  == in ==> | look ahead, run |   the other
 *                        '----- drain <== out = |                 |
 *
 * Reading, checking pages, comparing and hashing are two fifths of the work and do not
 * wait for each other's lines. The caller feeds commands as far as rings and until_seq
 * let him, so the other stops by itself where it should. Callbacks, texts and all that is
 * told of a divergence are the caller's: what the engine did behind one nobody sees.
 *
 * The other lives within one replay_more: behind it the engine is the caller's alone.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "engine/ring.h"
#include "journal/replay_parts.h"

#define IN_CELLS  2048u
#define OUT_CELLS 8192u

/* Room for a run of commands and what the last of them writes. */
#define RUN_ROOM (SLICE_CELLS_MAX + RUN_CELLS + CELL_COMMAND_MAX)

_Static_assert(AHEAD_CELLS + JOURNAL_PAGE_CELLS + CELL_COMMAND_MAX <= IN_CELLS, "they fit");
_Static_assert(RUN_ROOM <= OUT_CELLS / 2, "it can go on while the rest is compared");

/* How often who has nothing to do looks before he gives his core away. */
#define LOOKS 200u

struct pair {
    struct replay *replay;
    void *in_mem;
    void *out_mem;

    /* The caller's. */
    struct ring_writer in_writer;
    struct ring_reader out_reader;
    unsigned fed_span; /* of spans, counts on: the next to feed is in it */
    unsigned fed_at;
    uint64_t fed_cells; /* of the journal, since replay_open */
    bool at_end;        /* of the journal, for this replay_more */
    bool threaded;
    pthread_t thread;

    /* The other's. */
    _Alignas(2 * CACHE_LINE) struct ring_reader in_reader;
    struct ring_writer out_writer;
    struct engine_ahead ahead;
    bool more;       /* a command is in work */
    int error;       /* why it stands still */
    bool is_dropped; /* or that */

    _Alignas(2 * CACHE_LINE) int stop;   /* atomic: the caller wants it to end */
    _Alignas(2 * CACHE_LINE) int stands; /* atomic: it goes no further by itself */
};

/* cells_run returns how many cells engine_run may have: to the end of the group that is
 * looked at, and of its last message. */
static inline uint32_t
cells_run(const struct ring_reader *in, uint64_t left)
{
    uint64_t cnt = RUN_CELLS - in->pos % RUN_CELLS;

    if (left > cnt)
        cnt += cell_kind(&in->cells[(in->pos + cnt) & in->mask]) == CELL_KIND_REPLACE_DETAIL;

    const uint64_t in_one_piece = in->mask + 1 - (in->pos & in->mask);

    cnt = cnt < left ? cnt : left;
    return (uint32_t)(cnt < in_one_piece ? cnt : in_one_piece);
}

/* apply_one applies the next command by itself. */
static enum engine_result
apply_one(struct pair *pair)
{
    struct ring_reader *in = &pair->in_reader;
    const unsigned count = cell_count(ring_reader_cell(in, 0));
    union cell whole[CELL_COMMAND_MAX];

    ASSERT(count != 0);
    ASSERT(count <= CELL_COMMAND_MAX);
    ASSERT(count <= ring_reader_available(in, count));
    for (unsigned i = 0; i < count; i++)
        whole[i] = *ring_reader_cell(in, i);
    pair->error = replay_check_command(pair->replay, whole, count);
    if (pair->error != 0)
        return ENGINE_DROPPED;

    const enum engine_result rc = engine_apply(pair->replay->engine, whole, &pair->out_writer.sink);

    pair->is_dropped = rc == ENGINE_DROPPED;
    if (rc != ENGINE_DROPPED)
        ring_reader_advance(in, count);
    return rc;
}

/* apply applies some of the commands that are there; there is room for what they cause. */
static inline enum engine_result
apply(struct pair *pair, uint64_t left)
{
    struct ring_reader *in = &pair->in_reader;
    struct ring_writer *out = &pair->out_writer;
    enum engine_result rc;

    engine_look_ahead(pair->replay->engine, &pair->ahead, in->cells, in->mask, in->pos,
                      in->pos + left);

    const uint32_t taken_cnt =
        engine_run(pair->replay->engine, ring_reader_cell(in, 0), cells_run(in, left),
                   out->released + out->size - RUN_ROOM, &out->sink, &rc);

    ring_reader_advance(in, taken_cnt);
    return LIKELY(taken_cnt != 0) ? rc : apply_one(pair);
}

/* engine_slice does a run or a slice, if there is one to do and room for it. */
static bool
engine_slice(struct pair *pair)
{
    const uint64_t left = ring_reader_available(&pair->in_reader, AHEAD_CELLS);
    enum engine_result rc;

    if ((left == 0 && !pair->more) || pair->error != 0 || pair->is_dropped ||
        ring_writer_room(&pair->out_writer, RUN_ROOM + 1) < RUN_ROOM + 1)
        return false;
    ring_writer_ahead(&pair->out_writer);
    rc = UNLIKELY(pair->more) ? engine_resume(pair->replay->engine, &pair->out_writer.sink)
                              : apply(pair, left);
    pair->more = rc == ENGINE_MORE;
    ring_publish(&pair->out_writer);
    ring_reader_release(&pair->in_reader);
    if (UNLIKELY(rc == ENGINE_DROPPED))
        __atomic_store_n(&pair->stands, 1, __ATOMIC_RELEASE); /* S1 pairs with S2 */
    return true;
}

/* look_again is for who found nothing to do, for the n-th time. */
static inline void
look_again(unsigned n)
{
    if (n >= LOOKS)
        (void)sched_yield();
    else
        __builtin_ia32_pause();
}

static void *
engine_thread(void *ctx)
{
    struct pair *pair = ctx;
    unsigned idle = 0;

    while (!__atomic_load_n(&pair->stop, __ATOMIC_RELAXED)) {
        if (LIKELY(engine_slice(pair)))
            idle = 0;
        else
            look_again(idle++);
    }
    return NULL;
}

/* fed_limit returns how many of cnt cells come before the first command above until_seq. */
static unsigned
fed_limit(const union cell *cells, unsigned cnt, uint64_t until_seq)
{
    if (LIKELY(until_seq - cell_seq(cells) >= cnt && until_seq >= cell_seq(cells)))
        return cnt;
    for (unsigned i = 0; i < cnt; i += cell_count(&cells[i]))
        if (cell_is_command(&cells[i]) && cell_seq(&cells[i]) > until_seq)
            return i;
    return cnt;
}

/* feed_span feeds what it may of the next span: false if that is nothing. */
static bool
feed_span(struct pair *pair, uint64_t until_seq)
{
    struct replay *replay = pair->replay;
    struct ring_writer *in = &pair->in_writer;

    if (pair->fed_span == replay->span_end) {
        if (pair->at_end || replay->span_end - replay->span_first == SPANS)
            return false;
        pair->at_end = !replay_take_span(replay);
        if (pair->at_end)
            return false;
    }
    if (ring_writer_room(in, JOURNAL_PAGE_CELLS) < JOURNAL_PAGE_CELLS)
        return false;

    const struct span *span = &replay->spans[pair->fed_span % SPANS];
    const union cell *cells = &span->cells[pair->fed_at];
    const unsigned cnt = fed_limit(cells, span->cnt - pair->fed_at, until_seq);

    in->sink.pos = gather_cells(in->sink.cells, in->sink.mask, in->sink.pos, cells, cnt);
    pair->fed_cells += cnt;
    pair->fed_at += cnt;
    if (pair->fed_at == span->cnt) {
        pair->fed_span++;
        pair->fed_at = 0;
    }
    return cnt != 0;
}

/* end ends the other thread: all that it did is the caller's to see. */
static void
end(struct pair *pair)
{
    __atomic_store_n(&pair->stop, 1, __ATOMIC_RELAXED);
    if (pair->threaded)
        pthread_join(pair->thread, NULL);
    pair->threaded = false;
}

/* diverge takes what the engine wrote, expected or not, out of the ring. */
static COLD bool
diverge(struct pair *pair, const union cell *expected)
{
    struct ring_reader *out = &pair->out_reader;
    union cell *actual = pair->replay->sink_cells;

    end(pair);

    const uint64_t there = ring_reader_available(out, SINK_CELLS);
    const unsigned cnt = (unsigned)(there < SINK_CELLS ? there : SINK_CELLS);

    for (unsigned i = 0; i < cnt; i++)
        actual[i] = *ring_reader_cell(out, i);
    return replay_diverge(pair->replay, expected, actual, cnt);
}

/* drain compares what has come out; false when it is not the same. did: something had. */
static bool
drain(struct pair *pair, bool *did)
{
    struct replay *replay = pair->replay;
    struct ring_reader *out = &pair->out_reader;
    uint64_t left = ring_reader_available(out, 1);

    *did = left != 0;
    while (left != 0) {
        const struct span *span = replay_next_span(replay);

        if (UNLIKELY(span == NULL))
            return diverge(pair, NULL);

        const union cell *expected = &span->cells[replay->at];
        const unsigned there = span->cnt - replay->at;
        const unsigned cnt = left < there ? (unsigned)left : there;
        const uint64_t to_wrap = out->mask + 1 - (out->pos & out->mask);
        const unsigned piece = cnt < to_wrap ? cnt : (unsigned)to_wrap;

        if (UNLIKELY(!cells_equal(expected, ring_reader_cell(out, 0), piece)) ||
            UNLIKELY(!cells_equal(expected + piece, out->cells, cnt - piece)))
            return diverge(pair, expected);
        replay_came_out_right(replay, expected, cnt);
        ring_reader_advance(out, cnt);
        left -= cnt;
    }
    ring_reader_release(out);
    return true;
}

/* stands_still is for when the engine goes no further and all before was compared. */
static COLD int
stands_still(struct pair *pair)
{
    struct replay *replay = pair->replay;

    end(pair);
    if (pair->is_dropped) {
        union cell command = *ring_reader_cell(&pair->in_reader, 0);

        replay_drop(replay, &command);
    }
    return pair->error;
}

/* go_on feeds and compares until all is done, or it cannot go on. */
static int
go_on(struct pair *pair, uint64_t until_seq)
{
    struct replay *replay = pair->replay;
    unsigned idle = 0;

    while (replay->result.last_seq < until_seq) {
        const int stands = __atomic_load_n(&pair->stands, __ATOMIC_ACQUIRE); /* S2 pairs with S1 */
        bool did = feed_span(pair, until_seq);
        bool compared;

        if (did)
            ring_publish(&pair->in_writer);
        if (UNLIKELY(!drain(pair, &compared)))
            return 0;
        did |= compared;
        if (LIKELY(did)) {
            idle = 0;
            continue;
        }
        if (stands)
            return stands_still(pair);
        if (pair->at_end && replay->result.cells_cnt == pair->fed_cells)
            return replay->end;
        if (pair->threaded || !engine_slice(pair))
            look_again(idle++);
    }
    return 0;
}

int
replay_pair_until(struct replay *replay, uint64_t until_seq)
{
    struct pair *pair = replay->pair;

    if (replay->result.last_seq >= until_seq)
        return 0;
    pair->at_end = false;
    pair->stop = 0;
    pair->threaded = pthread_create(&pair->thread, NULL, engine_thread, pair) == 0;

    const int rc = go_on(pair, until_seq);

    end(pair);
    if (rc >= 0 && replay->result.identical)
        ASSERT(replay->result.last_seq == engine_seq(replay->engine));
    return rc;
}

struct pair *
replay_pair_make(struct replay *replay)
{
    struct pair *pair = aligned_alloc(2 * CACHE_LINE, sizeof *pair);
    void *in_mem = aligned_alloc(RING_ALIGN, ring_footprint(IN_CELLS, 1));
    void *out_mem = aligned_alloc(RING_ALIGN, ring_footprint(OUT_CELLS, 1));

    if (pair == NULL || in_mem == NULL || out_mem == NULL) {
        free(pair);
        free(in_mem);
        free(out_mem);
        return NULL;
    }
    *pair = (struct pair){.replay = replay, .in_mem = in_mem, .out_mem = out_mem};

    struct ring *in = ring_init(in_mem, IN_CELLS, 1);
    struct ring *out = ring_init(out_mem, OUT_CELLS, 1);

    ring_writer_init(&pair->in_writer, in);
    ring_reader_init(&pair->in_reader, in, 0);
    ring_writer_init(&pair->out_writer, out);
    ring_reader_init(&pair->out_reader, out, 0);
    return pair;
}

void
replay_pair_free(struct pair *pair)
{
    if (pair == NULL)
        return;
    free(pair->in_mem);
    free(pair->out_mem);
    free(pair);
}
