/*
 * The parts of replay, for its two ways: one thread (replay.c), or two (replay_pair.c).
 * Private to journal/.
 *
 *  journal   |ccectt..|ecccc..|     spans: pages that lie between gather and compare
 *             ^compare       ^gather
 *               |              '--> ring   ...cccccccc...    the commands alone
 *               |                             ^pos    ^end
 *               |                             engine_run
 *               '--------- == ------------ sink  ccecttecc
 *
 * Commands are copied out of the journal, far enough ahead that the engine can
 * look at them, and applied by runs; what comes out is compared by spans. With two threads
 * ring and sink are rings of engine/ring.h between them.
 */
#ifndef OUTCRY_JOURNAL_REPLAY_PARTS_H
#define OUTCRY_JOURNAL_REPLAY_PARTS_H

#include "journal/replay.h"
#include "proto/limits.h"

/* Commands that are there beyond the one in work, in cells. */
#define AHEAD_CELLS ((ENGINE_AHEAD_GROUPS + 1) * ENGINE_AHEAD_GROUP)

/* They come by spans of a page at most, and a command may still be in work. */
#define RING_CELLS 256u
_Static_assert(AHEAD_CELLS + JOURNAL_PAGE_CELLS + CELL_COMMAND_MAX <= RING_CELLS, "they fit");

/* Cells that engine_run is given at once, so that looking ahead keeps its pace. */
#define RUN_CELLS ENGINE_AHEAD_GROUP

#define SPANS      256u
#define SINK_CELLS 1024u
#define SINK_UNTIL (SINK_CELLS - SLICE_CELLS_MAX - RUN_CELLS - CELL_COMMAND_MAX)

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
    int error; /* that ended the replay, 0: none */
    int end;   /* what the reader said last, if not above 0: the end or -errno */

    struct span spans[SPANS];
    unsigned span_first; /* compare is in here; counts on, as span_end does */
    unsigned span_end;
    unsigned at; /* next cell of the first span to compare */

    uint64_t ring_pos;        /* next to apply */
    uint64_t ring_end;        /* behind the last that is gathered */
    const union cell *group;  /* in the journal: of which compare has seen a part */
    unsigned group_cells_cnt; /* that part */
    struct engine_ahead ahead;
    struct cell_sink sink;
    struct replay_diverged diverged;
    struct pair *pair; /* NULL: all in one thread */
    _Alignas(CACHE_LINE) union cell ring[RING_CELLS];
    union cell sink_cells[SINK_CELLS];
};

/* What a command's frame has of its outcome. */
#define WORD_OUTCOME UINT64_C(0xffff0000)

/* gather_cells copies the commands among cells into the ring from `end` on, without their
 * outcome: a run passes over what looks refused. Kinds alternate without a
 * pattern, so each cell is copied, and only commands are kept. Returns where they end. */
static ALWAYS_INLINE uint64_t
gather_cells(union cell *ring, uint64_t mask, uint64_t end, const union cell *cells, unsigned cnt)
{
    bool in_command = false;

    for (unsigned i = 0; i < cnt; i++) {
        union cell *copy = &ring[end & mask];
        const bool is_command = cell_is_command(&cells[i]);

        *copy = cells[i];
        copy->words[0] &= ~(WORD_OUTCOME & -(uint64_t)is_command);
        in_command = is_command | (in_command & (cell_kind(&cells[i]) >= CELL_KIND_CONTINUATIONS));
        end += in_command;
    }
    return end;
}

/* Half a cell. Said so, as the compiler by itself takes four cells at once and sorts their
 * words, which is four times the instructions. */
typedef uint64_t cell_half __attribute__((vector_size(32), aligned(32), may_alias));

/* cells_equal tells whether cells, which lie on lines of their own, are the same. */
static inline bool
cells_equal(const union cell *a, const union cell *b, unsigned cnt)
{
    const cell_half *x = (const cell_half *)(const void *)a;
    const cell_half *y = (const cell_half *)(const void *)b;
    cell_half differ = {0};

    for (size_t i = 0; i < 2 * (size_t)cnt; i += 2)
        differ |= (x[i] ^ y[i]) | (x[i + 1] ^ y[i + 1]);
    return (differ[0] | differ[1] | differ[2] | differ[3]) == 0;
}

/* replay_take_span takes one more span from the reader; false at the end. There is room. */
bool replay_take_span(struct replay *replay);

/* replay_next_span returns the span that holds the next cell to compare, NULL at the
 * end of the journal. */
const struct span *replay_next_span(struct replay *replay);

/* replay_came_out_right counts cells that did, hashes them and hands them on. */
void replay_came_out_right(struct replay *replay, const union cell *cells, unsigned cnt);

/* replay_diverge tells of the first cell that is not the same, which there is among the
 * cnt that the engine wrote, and counts the messages before it. expected NULL: the
 * journal has ended. Returns false. */
bool replay_diverge(struct replay *replay,
                    const union cell *expected,
                    const union cell *actual,
                    unsigned cnt);

/* replay_check_command refuses cells that no engine took for a command, and a new run under
 * other rules, with a text in the result. */
int replay_check_command(struct replay *replay, const union cell *cells, unsigned count);

/* replay_drop tells that the engine does not admit a command. */
void replay_drop(struct replay *replay, const union cell *command);

/* replay_pair_make makes what two threads need; NULL: no memory, so one will do. */
struct pair *replay_pair_make(struct replay *replay);

/* replay_pair_until is replay_more by two threads, behind begin. */
int replay_pair_until(struct replay *replay, uint64_t until_seq);
void replay_pair_free(struct pair *pair);

#endif
