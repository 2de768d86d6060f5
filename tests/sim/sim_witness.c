#include "tests/sim/sim_witness.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

#include "tests/sim/sim_told.h"

#define OUT_CELLS 256u
_Static_assert(SLICE_CELLS_MAX <= OUT_CELLS, "a slice fits");

__attribute__((format(printf, 2, 3))) static void
complain(struct sim_witness *witness, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (witness->why[0] == '\0')
        vsnprintf(witness->why, sizeof witness->why, format, args);
    va_end(args);
}

void
sim_witness_init(struct sim_witness *witness, const struct engine_cfg *cfg)
{
    const size_t bytes = engine_footprint(cfg);

    memset(witness, 0, sizeof *witness);
    witness->cfg = cfg;
    witness->mem = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    ASSERT(witness->mem != NULL);
    memset(witness->mem, 0, bytes);
    witness->shadow = engine_init(witness->mem, cfg);
    witness->duo.model = model_new(&(struct model_cfg){
        .shard = cfg->shard,
        .orders_max = cfg->orders_max,
        .positions_max = cfg->positions_max,
        .pages_max = cfg->pages_max,
        .extras_max = cfg->extras_max,
    });
}

void
sim_witness_fini(struct sim_witness *witness)
{
    model_free(witness->duo.model);
    free(witness->mem);
    free(witness->cells);
}

void
sim_witness_poll(struct sim_witness *witness, struct ring_reader *out)
{
    const uint64_t cnt = ring_reader_available(out, UINT32_MAX);

    if (witness->cnt + cnt > witness->max) {
        union cell *cells;

        witness->max = 2 * (witness->cnt + cnt) + 4096;
        cells = aligned_alloc(CACHE_LINE, witness->max * sizeof *cells);
        ASSERT(cells != NULL);
        if (witness->cnt != 0)
            memcpy(cells, witness->cells, witness->cnt * sizeof *cells);
        free(witness->cells);
        witness->cells = cells;
    }
    for (uint64_t i = 0; i < cnt; i++)
        witness->cells[witness->cnt++] = *ring_reader_cell(out, i);
    ring_reader_advance(out, cnt);
    ring_reader_release(out);
}

void
sim_witness_replay(struct sim_witness *witness, uint64_t seq)
{
    size_t at = 0;

    while (at < witness->cnt && cell_seq(&witness->cells[at]) <= seq)
        at += cell_count(&witness->cells[at]);
    witness->came_back = at;
}

void
sim_witness_message(struct sim_witness *witness, const union cell *cells)
{
    const unsigned cnt = cell_count(cells);

    witness->differs = witness->differs || witness->came_back + cnt > witness->cnt ||
                       memcmp(&witness->cells[witness->came_back], cells, cnt * sizeof *cells) != 0;
    if (witness->came_back + cnt > witness->cnt)
        complain(witness, "the journal has more than ever was");
    else if (memcmp(&witness->cells[witness->came_back], cells, cnt * sizeof *cells) != 0)
        complain(witness, "cell %zu of the journal is another one than was written, seq %" PRIu64,
                 witness->came_back, cell_seq(cells));
    witness->came_back += cnt;
}

/* group_end returns the cell behind the group that begins at `from`. */
static size_t
group_end(const struct sim_witness *witness, size_t from)
{
    size_t at = from;

    while (!cell_is_last(&witness->cells[at]))
        at++;
    ASSERT(at < witness->came_back);
    return at + 1;
}

/* shadow_apply gives a group's command to the engine of our own. */
static void
shadow_apply(struct sim_witness *witness, size_t from, size_t end)
{
    static union cell out[OUT_CELLS];
    struct cell_sink sink = {.cells = out, .mask = OUT_CELLS - 1};
    enum engine_result result = engine_apply(witness->shadow, &witness->cells[from], &sink);
    size_t at = from;

    for (;;) {
        if (result == ENGINE_DROPPED || at + sink.pos > end ||
            memcmp(&witness->cells[at], out, sink.pos * sizeof *out) != 0) {
            complain(witness, "an engine of its own makes another group of seq %" PRIu64,
                     cell_seq(&witness->cells[from]));
            return;
        }
        at += sink.pos;
        if (result == ENGINE_DONE)
            break;
        sink.pos = 0;
        result = engine_resume(witness->shadow, &sink);
    }
    if (at != end)
        complain(witness, "an engine of its own makes a shorter group of seq %" PRIu64,
                 cell_seq(&witness->cells[from]));
}

static void
model_take(struct sim_witness *witness, size_t from, size_t end)
{
    struct model *model = witness->duo.model;
    const union cell *group = &witness->cells[from];

    model_apply(model, group, group, (uint32_t)(end - from), 0);
    if (model->complaint != NULL)
        complain(witness, "model, seq %" PRIu64 ": %s", cell_seq(group), model->complaint);
    else if (model->group_cnt != end - from ||
             memcmp(model->group, group, (end - from) * sizeof *group) != 0)
        complain(witness, "the model makes another group of seq %" PRIu64 ", a %s", cell_seq(group),
                 cell_kind_name(cell_kind(group)));
}

static bool
is_config(const union cell *cell)
{
    switch (cell_kind(cell)) {
    case CELL_KIND_FIRM_SET:
    case CELL_KIND_GROUP_SET:
    case CELL_KIND_ACCOUNT_SET:
    case CELL_KIND_INSTRUMENT_SET:
    case CELL_KIND_SESSION_SET:
        return true;
    default:
        return false;
    }
}

/* go_on gives shadow and model what came back and they do not have yet. */
static void
go_on(struct sim_witness *witness)
{
    if (witness->applied > witness->came_back)
        complain(witness, "%zu cells came back, after %zu had come back once", witness->came_back,
                 witness->applied);
    while (witness->applied < witness->came_back && witness->why[0] == '\0') {
        const size_t from = witness->applied;
        const size_t end = group_end(witness, from);

        shadow_apply(witness, from, end);
        model_take(witness, from, end);
        witness->config_cnt += is_config(&witness->cells[from]);
        witness->applied = end;
    }
}

void
sim_witness_judge(struct sim_witness *witness, struct engine *engine, size_t must)
{
    if (witness->came_back < must)
        complain(witness, "%zu cells were acknowledged, %zu came back", must, witness->came_back);
    witness->cnt = witness->came_back;
    go_on(witness);
    if (witness->why[0] != '\0' || engine == NULL)
        return;
    if (!hash128_equal(engine_hash(engine), engine_hash(witness->shadow)))
        complain(witness, "the state at seq %" PRIu64 " is another one than its commands make",
                 engine_seq(engine));
    witness->duo.engine = engine;
    if (witness->why[0] == '\0' && !duo_check(&witness->duo))
        complain(witness, "engine and model at seq %" PRIu64 ": %s", engine_seq(engine),
                 witness->duo.complaint);
    witness->duo.engine = NULL;
}

void
sim_witness_told(struct sim_witness *witness, struct ledger *const *ledgers, unsigned cnt)
{
    struct sim_told told = {
        .shard = witness->cfg->shard,
        .sessions_max = witness->cfg->sessions_max,
        .cells = witness->cells,
        .cells_cnt = witness->cnt,
        .ledgers = ledgers,
        .ledgers_cnt = cnt,
    };

    if (!sim_told_check(&told))
        complain(witness, "%s", told.why);
}
