#include "tests/model/duo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"
#include "proto/limits.h"

#include "tests/engine/reload.h"

#define START_NS      UINT64_C(1700000000000000000)
#define COMPLAIN(...) snprintf(duo->complaint, sizeof duo->complaint, __VA_ARGS__)
#define LEVELS_MAX    4096u
#define QUEUE_MAX     8192u
#define RELOAD_EVERY  101u /* commands */

struct engine_cfg
duo_cfg(void)
{
    return (struct engine_cfg){
        .shard = 3,
        .orders_max = 1024,
        .instruments_max = MODEL_INSTRUMENTS,
        .accounts_max = MODEL_ACCOUNTS,
        .groups_max = MODEL_GROUPS,
        .firms_max = MODEL_FIRMS,
        .sessions_max = MODEL_SESSIONS,
        .positions_max = 256,
        .pages_max = 1024,
        .extras_max = 512,
    };
}

/* take returns zeroed memory for an engine or a reckoning. */
static void *
take(size_t bytes)
{
    ASSERT(bytes > 0);

    void *mem = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);

    ASSERT(mem != NULL);
    memset(mem, 0, bytes);
    return mem;
}

struct duo *
duo_new(const struct engine_cfg *cfg)
{
    /* Not calloc: it holds cells, which are aligned to a line. */
    struct duo *duo = aligned_alloc(CACHE_LINE, sizeof *duo);

    ASSERT(duo != NULL);
    memset(duo, 0, sizeof *duo);
    duo->cfg = *cfg;
    duo->mem = take(engine_footprint(cfg));
    duo->reckon = reckon_init(take(reckon_footprint(cfg)), cfg);
    duo->out = model_cells_new();
    duo->engine = engine_init(duo->mem, cfg);
    duo->model = model_new(&(struct model_cfg){
        .shard = cfg->shard,
        .orders_max = cfg->orders_max,
        .positions_max = cfg->positions_max,
        .pages_max = cfg->pages_max,
        .extras_max = cfg->extras_max,
        .no_risk = cfg->no_risk,
    });
    duo->now_ns = START_NS;

    struct command genesis = {.count = 1};

    engine_genesis(cfg, START_NS, &genesis.cells[0]);
    if (!duo_apply(duo, &genesis, 0)) {
        fprintf(stderr, "%s\n", duo->complaint);
        abort();
    }
    return duo;
}

void
duo_free(struct duo *duo)
{
    model_free(duo->model);
    free(duo->mem);
    free(duo->reckon);
    model_cells_free(duo->out);
    free(duo);
}

/* stamp completes the command as the sequencer's inputs would have it. */
static void
stamp(struct duo *duo, struct command *command)
{
    struct cell_order_new *frame = &command->cells[0].order_new;
    const unsigned kind = cell_kind(command->cells);

    duo->now_ns += 1 + duo->model->seq % 1000;
    if (kind == CELL_KIND_CLOCK)
        duo->now_ns += frame->time;
    if (kind != CELL_KIND_GENESIS)
        frame->time = duo->now_ns;
    if (frame->session < MODEL_SESSIONS && kind == CELL_KIND_SESSION_SEQUENCE)
        command->cells[0].session_sequence.next_no +=
            duo->model->sessions[frame->session].next_in_no;
    if (frame->session < MODEL_SESSIONS && kind >= CELL_KIND_ORDER_NEW &&
        kind <= CELL_KIND_MASS_QUOTE)
        frame->in_no = (uint16_t)(frame->in_no + duo->model->sessions[frame->session].next_in_no);
}

/* run_engine applies the command and lets the engine finish it. */
static void
run_engine(struct duo *duo)
{
    struct cell_sink sink = {.cells = duo->out, .mask = MODEL_GROUP_CELLS - 1};
    enum engine_result result = engine_apply(duo->engine, duo->last.cells, &sink);

    while (result == ENGINE_MORE) {
        ASSERT(sink.pos + SLICE_CELLS_MAX <= MODEL_GROUP_CELLS);
        result = engine_resume(duo->engine, &sink);
    }
    ASSERT((result == ENGINE_DROPPED) == (sink.pos == 0));
    duo->out_cnt = (uint32_t)sink.pos;
}

/* complain_cell names the fields in which two cells differ. */
static void
complain_cell(struct duo *duo, uint32_t at, const union cell *engine, const union cell *model)
{
    unsigned cnt;
    const struct cell_field *fields = cell_fields(cell_kind(model), &cnt);
    int used = COMPLAIN("cell %u of the group: engine has %s, model has %s;", at,
                        cell_kind_name(cell_kind(engine)), cell_kind_name(cell_kind(model)));

    if (cell_kind(engine) != cell_kind(model))
        return;
    for (unsigned i = 0; i < cnt && used > 0 && (size_t)used < sizeof duo->complaint; i++) {
        uint64_t a = 0, b = 0;

        if (fields[i].size > sizeof a)
            continue;
        memcpy(&a, &engine->bytes[fields[i].offset], fields[i].size);
        memcpy(&b, &model->bytes[fields[i].offset], fields[i].size);
        if (a != b)
            used += snprintf(duo->complaint + used, sizeof duo->complaint - (size_t)used,
                             " %s %" PRIu64 " for %" PRIu64, fields[i].name, a, b);
    }
}

/* reload_engine makes the engine anew from its image; it goes on as if nothing had
 * been. */
static void
reload_engine(struct duo *duo)
{
    void *mem = take(engine_footprint(&duo->cfg));

    duo->engine = reload(duo->engine, &duo->cfg, mem, engine_seq(duo->engine));
    free(duo->mem);
    duo->mem = mem;
}

bool
duo_apply(struct duo *duo, const struct command *command, uint32_t origin)
{
    const struct model *model = duo->model;

    duo->last = *command;
    stamp(duo, &duo->last);
    for (unsigned i = 0; i < command->count; i++)
        ASSERT(cell_valid(&duo->last.cells[i]));
    run_engine(duo);
    for (uint32_t at = 0; at < duo->out_cnt; at += cell_count(&duo->out[at]))
        reckon_take(duo->reckon, &duo->out[at]);
    model_apply(duo->model, duo->last.cells, duo->out, duo->out_cnt, origin);

    for (uint32_t i = 0; i < duo->out_cnt && i < model->group_cnt; i++)
        if (memcmp(&duo->out[i], &model->group[i], sizeof(union cell)) != 0) {
            complain_cell(duo, i, &duo->out[i], &model->group[i]);
            return false;
        }
    if (duo->out_cnt != model->group_cnt) {
        COMPLAIN("engine wrote %u cells, model %u", duo->out_cnt, model->group_cnt);
        return false;
    }
    if (model->complaint != NULL) {
        COMPLAIN("%s", model->complaint);
        return false;
    }
    if (engine_seq(duo->engine) != model->seq || engine_time_ns(duo->engine) != model->time_ns) {
        COMPLAIN("seq or time: engine has %" PRIu64 " at %" PRIu64 ", model %" PRIu64
                 " at %" PRIu64,
                 engine_seq(duo->engine), engine_time_ns(duo->engine), model->seq, model->time_ns);
        return false;
    }
    if (model->seq % RELOAD_EVERY == 0 && duo->out_cnt != 0)
        reload_engine(duo);
    return true;
}

/* same_order compares an order as engine and model have it. */
static bool
same_order(const struct engine_order *a, const struct model_order *b)
{
    static const enum engine_place places[] = {
        [MODEL_BOOK] = ENGINE_PLACE_BOOK,
        [MODEL_STOP] = ENGINE_PLACE_STOP,
        [MODEL_HELD] = ENGINE_PLACE_HELD,
        [MODEL_PARKED] = ENGINE_PLACE_PARKED,
    };

    return a->order_id == b->order_id && a->clord == b->clord && a->px == b->px &&
           a->stop_px == b->stop_px && a->shown_qty == b->shown_qty &&
           a->place == places[b->place] && a->leaves_qty == b->leaves_qty &&
           a->cum_qty == b->cum_qty && a->instrument == b->instrument && a->account == b->account &&
           a->session == b->session && a->sell == b->sell;
}

/* check_orders compares all live orders, wherever they stand. */
static bool
check_orders(struct duo *duo)
{
    for (const struct model_order *o = duo->model->live; o != NULL; o = o->next_live) {
        struct engine_order order = {.order_id = 0};

        if (engine_order_get(duo->engine, o->order_id, &order) && same_order(&order, o))
            continue;
        COMPLAIN("order %" PRIx64 " differs: engine has %" PRIu32 " of %" PRIu32 " at %" PRId64
                 " stop %" PRId64 " place %d, model %" PRIu32 " of %" PRIu32 " at %" PRId64
                 " stop %" PRId64 " place %d",
                 o->order_id, order.shown_qty, order.leaves_qty, order.px, order.stop_px,
                 (int)order.place, o->shown_qty, o->leaves_qty, o->px, o->stop_px, (int)o->place);
        return false;
    }
    return true;
}

/* check_queue compares where an order of the book stands in its queue. */
static bool
check_queue(struct duo *duo,
            const struct model_order *order,
            uint32_t ahead_cnt,
            uint64_t ahead_qty)
{
    struct engine_queue queue;

    if (engine_queue_position(duo->engine, order->order_id, &queue) &&
        queue.ahead_cnt == ahead_cnt && queue.ahead_qty == ahead_qty)
        return true;
    COMPLAIN("order %" PRIx64 " at %" PRId64 ": engine has %u orders ahead of it, model %u",
             order->order_id, order->px, queue.ahead_cnt, ahead_cnt);
    return false;
}

/* check_level compares one level and its queue; order is its first one. Returns
 * the first order behind it, or fails. */
static bool
check_level(struct duo *duo, const struct engine_level *level, const struct model_order **order)
{
    static struct engine_order queue[QUEUE_MAX];
    const struct model_order *o = *order;
    struct engine_level alone;
    const uint32_t cnt =
        engine_level_orders(duo->engine, o->instrument, o->sell, o->px, queue, QUEUE_MAX);
    uint64_t shown_qty = 0, all_qty = 0;
    uint32_t i = 0;

    for (; o != NULL && o->px == (*order)->px; o = o->next, i++) {
        if (i >= cnt || !same_order(&queue[i], o)) {
            COMPLAIN("instrument %u, %s: place %u in the queue at %" PRId64 " differs",
                     o->instrument, o->sell ? "asks" : "bids", i, o->px);
            return false;
        }
        if (!check_queue(duo, o, i, model_is_hidden(o) ? all_qty : shown_qty))
            return false;
        shown_qty += o->shown_qty;
        all_qty += o->leaves_qty;
    }
    if (!engine_depth_at(duo->engine, (*order)->instrument, (*order)->sell, level->px, &alone) ||
        alone.qty != level->qty || alone.orders_cnt != level->orders_cnt) {
        COMPLAIN("level %" PRId64 " is another one alone", level->px);
        return false;
    }
    if (level->px != (*order)->px || level->qty != shown_qty ||
        level->reserve_qty != all_qty - shown_qty || level->orders_cnt != i || cnt != i) {
        COMPLAIN("instrument %u, %s: level %" PRId64 " has %" PRIu64 " and %" PRIu64
                 " in %u, model %" PRId64 " %" PRIu64 " and %" PRIu64 " in %u",
                 (*order)->instrument, (*order)->sell ? "asks" : "bids", level->px, level->qty,
                 level->reserve_qty, level->orders_cnt, (*order)->px, shown_qty,
                 all_qty - shown_qty, i);
        return false;
    }
    *order = o;
    return true;
}

static bool
check_side(struct duo *duo, uint32_t instrument, bool sell)
{
    static struct engine_level levels[LEVELS_MAX];
    struct engine_level best = {.px = 0};
    const uint32_t cnt = engine_depth(duo->engine, instrument, sell, levels, LEVELS_MAX);
    const struct model_order *order = duo->model->instruments[instrument].side[sell];
    uint32_t i = 0;

    if (engine_best(duo->engine, instrument, sell, &best) != (order != NULL) ||
        best.px != (order == NULL ? 0 : order->px)) {
        COMPLAIN("instrument %u, %s: the best price differs", instrument, sell ? "asks" : "bids");
        return false;
    }
    for (; order != NULL && i < cnt; i++)
        if (!check_level(duo, &levels[i], &order))
            return false;
    if (order == NULL && i == cnt)
        return true;
    COMPLAIN("instrument %u, %s: engine has %u levels, model %s", instrument,
             sell ? "asks" : "bids", cnt, order != NULL ? "more" : "fewer");
    return false;
}

static bool
check_position(struct duo *duo, uint32_t account, uint32_t instrument)
{
    const struct model_position *position = &duo->model->positions[account][instrument];
    struct risk_position seen = {0};
    const bool is_used = risk_position_get(engine_risk(duo->engine), account, instrument, &seen);

    if (is_used == position->used && seen.position_qty == position->qty &&
        seen.open_buy_qty == model_open_qty(duo->model, account, instrument, false) &&
        seen.open_sell_qty == model_open_qty(duo->model, account, instrument, true))
        return true;
    COMPLAIN("position of account %u in instrument %u: engine has %" PRId64 " (open %" PRIu64
             " and %" PRIu64 "), model %" PRId64,
             account, instrument, seen.position_qty, seen.open_buy_qty, seen.open_sell_qty,
             position->qty);
    return false;
}

static bool
check_instrument(struct duo *duo, uint32_t at)
{
    const struct model_instrument *instrument = &duo->model->instruments[at];

    if (!check_side(duo, at, false) || !check_side(duo, at, true))
        return false;
    if (engine_last_px(duo->engine, at) != instrument->last_px ||
        engine_instrument_state(duo->engine, at) != instrument->set.state) {
        COMPLAIN("last price or state of instrument %u", at);
        return false;
    }
    for (uint32_t a = 0; a < MODEL_ACCOUNTS && !duo->model->cfg.no_risk; a++)
        if (!check_position(duo, a, at))
            return false;
    return true;
}

/* check_deadline: the engine asks for a Clock before the first timer is due, and
 * for none if none is armed. */
static bool
check_deadline(struct duo *duo)
{
    const uint64_t asked_ns = engine_deadline_ns(duo->engine);
    const uint64_t due_ns = model_deadline_ns(duo->model);

    if (due_ns == UINT64_MAX ? asked_ns == UINT64_MAX : asked_ns <= due_ns)
        return true;
    COMPLAIN("engine wants a Clock at %" PRIu64 ", model at %" PRIu64, asked_ns, due_ns);
    return false;
}

bool
duo_check(struct duo *duo)
{
    engine_check(duo->engine);
    if (duo->reckon != NULL)
        reckon_check(duo->reckon, duo->engine);
    if (engine_orders_cnt(duo->engine) != duo->model->orders_cnt) {
        COMPLAIN("engine has %u orders, model %u", engine_orders_cnt(duo->engine),
                 duo->model->orders_cnt);
        return false;
    }
    if (!check_orders(duo) || !check_deadline(duo))
        return false;
    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++)
        if (duo->model->instruments[i].known && !check_instrument(duo, i))
            return false;
    return duo->model->cfg.no_risk || duo_check_risk(duo);
}

bool
duo_bind(struct duo *duo, uint16_t session, uint32_t firm)
{
    const struct command steps[] = {
        command_session(session, firm),
        command_negotiate(session, 1),
        command_establish(session, 1),
    };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (!duo_apply(duo, &steps[i], 0))
            return false;
        if (duo->out_cnt == 0 || duo_outcome(duo) != 0) {
            COMPLAIN("session %u cannot be bound: step %zu", session, i);
            return false;
        }
    }
    return true;
}
