#include "engine/sequencer.h"

#include "engine/command.h"
#include "proto/limits.h"

#define BURST_LIMIT 64u

/* How a step went on. */
enum step {
    STEP_DONE, /* a command is complete */
    STEP_MORE, /* a command is in work */
    STEP_WAIT  /* nothing was done: no room, or nothing whole to read */
};

void
sequencer_init(struct sequencer *sequencer,
               struct engine *engine,
               struct ring_writer *out,
               uint32_t burst_max)
{
    ASSERT(burst_max >= 1);
    ASSERT(burst_max <= BURST_LIMIT);
    ASSERT(out->size >= SLICE_CELLS_MAX);
    *sequencer = (struct sequencer){.engine = engine, .out = out, .burst_max = burst_max};
}

void
sequencer_add_in(struct sequencer *sequencer, struct ring_reader *in)
{
    ASSERT(sequencer->ins_cnt < SEQUENCER_INS_MAX);
    sequencer->ins[sequencer->ins_cnt++] = in;
}

/* has_room says whether the out-ring takes a whole slice. What a reader has
 * not been shown it cannot give back, so a full ring is published. */
static inline bool
has_room(struct sequencer *sequencer)
{
    if (LIKELY(ring_writer_room(sequencer->out, SLICE_CELLS_MAX) >= SLICE_CELLS_MAX))
        return true;
    ring_publish(sequencer->out);
    sequencer->stall_cnt++;
    return false;
}

/* count_result keeps the counters and says how the engine left the command. */
static inline enum step
count_result(struct sequencer *sequencer, enum engine_result result, bool begun)
{
    sequencer->in_work = result == ENGINE_MORE;
    if (result == ENGINE_DROPPED)
        sequencer->dropped_cnt++;
    else
        sequencer->applied_cnt += begun;
    return result == ENGINE_MORE ? STEP_MORE : STEP_DONE;
}

/* apply applies one whole command; there is room for its first slice. */
static inline enum step
apply(struct sequencer *sequencer, const union cell *cells)
{
    const uint64_t from = sequencer->out->sink.pos;
    const enum engine_result result = engine_apply(sequencer->engine, cells, &sequencer->out->sink);

    ASSERT(sequencer->out->sink.pos - from <= SLICE_CELLS_MAX);
    return count_result(sequencer, result, true);
}

/* resume does the next slice of the command in work. */
static enum step
resume(struct sequencer *sequencer)
{
    ASSERT(sequencer->in_work);
    if (!has_room(sequencer))
        return STEP_WAIT;

    const uint64_t from = sequencer->out->sink.pos;
    const enum engine_result result = engine_resume(sequencer->engine, &sequencer->out->sink);

    ASSERT(sequencer->out->sink.pos - from <= SLICE_CELLS_MAX);
    ASSERT(result != ENGINE_DROPPED);
    return count_result(sequencer, result, false);
}

/* fire_timers applies a Clock command of time_ns; there is room for it. */
static COLD enum step
fire_timers(struct sequencer *sequencer, uint64_t time_ns)
{
    const union cell clock = {
        .clock = {.kind = CELL_KIND_CLOCK, .shape = 1, .time = time_ns, .session = CELL_SESSION}};

    return apply(sequencer, &clock);
}

/* is_due says whether a timer must fire before a command of time_ns. The
 * engine's time never goes back, so an older stamp counts as the engine's. */
static inline bool
is_due(const struct sequencer *sequencer, uint64_t time_ns)
{
    const uint64_t deadline_ns = engine_deadline_ns(sequencer->engine);

    return UNLIKELY(time_ns >= deadline_ns || engine_time_ns(sequencer->engine) >= deadline_ns);
}

/* gather returns the count cells at the reader's position one behind the other:
 * in place, or copied to spare if they wrap around the end of the ring. */
static inline const union cell *
gather(const struct ring_reader *in, unsigned count, union cell spare[CELL_COMMAND_MAX])
{
    if (LIKELY((in->pos & in->mask) + count <= in->mask + 1))
        return ring_reader_cell(in, 0);
    for (unsigned i = 0; i < count; i++)
        spare[i] = *ring_reader_cell(in, i);
    return spare;
}

/*
 * step_in takes one command from an in-ring: the Clock that must come before it
 * if one is due, and then, in the same step, the command. The in-ring is not
 * released: that is done once per burst.
 */
static inline enum step
step_in(struct sequencer *sequencer, struct ring_reader *in)
{
    const uint64_t cells_cnt = ring_reader_available(in, 1);
    union cell spare[CELL_COMMAND_MAX];

    if (cells_cnt == 0)
        return STEP_WAIT;

    const unsigned count = cell_count(ring_reader_cell(in, 0));

    if (UNLIKELY(count == 0 || count > CELL_COMMAND_MAX)) {
        ring_reader_advance(in, 1);
        sequencer->invalid_cnt++;
        return STEP_DONE;
    }
    /* A writer publishes whole messages; the rest of this one is on its way. */
    if (UNLIKELY(ring_reader_available(in, count) < count))
        return STEP_WAIT;

    const union cell *cells = gather(in, count, spare);

    if (UNLIKELY(!command_well_formed(cells, count))) {
        ring_reader_advance(in, count);
        sequencer->invalid_cnt++;
        return STEP_DONE;
    }
    if (!has_room(sequencer))
        return STEP_WAIT;
    if (is_due(sequencer, cell_time(cells)))
        /* Not advanced: the command itself is for the next step. */
        return fire_timers(sequencer, cell_time(cells));

    const enum step step = apply(sequencer, cells);

    ring_reader_advance(in, count);
    return step;
}

/* run_in lets the engine take commands from an in-ring that it does at once, from
 * at most cells_cnt cells, as far as they lie in one piece and the out-ring has
 * room whatever comes of them. Returns the number of commands, 0 if the next one
 * is for step_in. */
static inline uint32_t
run_in(struct sequencer *sequencer, struct ring_reader *in, uint64_t cells_cnt)
{
    struct engine *engine = sequencer->engine;
    const uint64_t piece_cnt = in->mask + 1 - (in->pos & in->mask);
    const uint64_t span_cnt = cells_cnt < piece_cnt ? cells_cnt : piece_cnt;
    const uint64_t want = SLICE_CELLS_MAX + BURST_LIMIT;
    const uint64_t room = ring_writer_room(sequencer->out, want);

    if (UNLIKELY(room < want) || UNLIKELY(span_cnt == 0))
        return 0;

    const uint64_t before_seq = engine_seq(engine);
    enum engine_result result = ENGINE_DONE;
    const uint32_t taken_cnt =
        engine_run(engine, ring_reader_cell(in, 0), (uint32_t)span_cnt,
                   sequencer->out->sink.pos + room - want, &sequencer->out->sink, &result);
    const uint32_t commands_cnt = (uint32_t)(engine_seq(engine) - before_seq);

    ring_reader_advance(in, taken_cnt);
    sequencer->applied_cnt += commands_cnt;
    sequencer->in_work = commands_cnt != 0 && result == ENGINE_MORE;
    return commands_cnt;
}

/* burst_in takes up to burst_max commands from one in-ring, shows what came of
 * them and gives the cells back. Returns the number of steps done. */
static int
burst_in(struct sequencer *sequencer, unsigned number)
{
    struct ring_reader *in = sequencer->ins[number];
    const uint64_t cells_cnt = ring_reader_available(in, sequencer->burst_max);
    uint32_t done = 0;
    enum step step = STEP_DONE;

    if (cells_cnt == 0)
        return 0;
    engine_look_ahead(sequencer->engine, &sequencer->aheads[number], in->cells, in->mask, in->pos,
                      in->published);
    ring_writer_ahead(sequencer->out);
    while (done < sequencer->burst_max && step == STEP_DONE && !sequencer->in_work) {
        const uint64_t rest = sequencer->burst_max - done;
        const uint64_t left = in->published - in->pos;
        const uint32_t commands_cnt = run_in(sequencer, in, left < rest ? left : rest);

        done += commands_cnt;
        if (commands_cnt != 0)
            continue;
        step = step_in(sequencer, in);
        done += step != STEP_WAIT;
    }
    if (done > 0) {
        ring_publish(sequencer->out);
        ring_reader_release(in);
    }
    return (int)done;
}

int
sequencer_poll(struct sequencer *sequencer, uint64_t now_ns)
{
    int done = 0;

    if (UNLIKELY(sequencer->in_work)) {
        const enum step step = resume(sequencer);

        ring_publish(sequencer->out);
        return step != STEP_WAIT;
    }

    for (unsigned i = 0; i < sequencer->ins_cnt && !sequencer->in_work; i++) {
        const unsigned number = sequencer->next_in;
        const uint64_t stall_cnt = sequencer->stall_cnt;
        const int taken_cnt = burst_in(sequencer, number);

        done += taken_cnt;
        /* Whoever found no room at all is the first for what there is next time. */
        if (LIKELY(sequencer->stall_cnt == stall_cnt) || taken_cnt > 0)
            sequencer->next_in = number + 1 == sequencer->ins_cnt ? 0 : number + 1;
        if (UNLIKELY(sequencer->stall_cnt != stall_cnt))
            break;
    }
    /* Commands bring their own time; the caller's is for when none came. */
    if (done == 0 && now_ns != 0 && is_due(sequencer, now_ns) && has_room(sequencer)) {
        (void)fire_timers(sequencer, now_ns);
        ring_publish(sequencer->out);
        done = 1;
    }
    return done;
}
