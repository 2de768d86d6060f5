#include <string.h>

#include "engine/work.h"

void
engine_genesis(const struct engine_cfg *cfg, uint64_t time_ns, union cell *cell)
{
    cell->genesis = (struct cell_genesis){
        .kind = CELL_KIND_GENESIS,
        .shape = 1,
        .orders_max = cfg->orders_max,
        .time = time_ns,
        .instruments_max = cfg->instruments_max,
        .accounts_max = cfg->accounts_max,
        .groups_max = cfg->groups_max,
        .firms_max = cfg->firms_max,
        .sessions_max = cfg->sessions_max,
        .positions_max = cfg->positions_max,
        .pages_max = cfg->pages_max,
        .extras_max = cfg->extras_max,
        .no_risk = cfg->no_risk,
        .rules_version = RULES_VERSION,
        .session = CELL_SESSION,
        .shard = cfg->shard,
    };
}

bool
engine_cfg_of(const union cell *genesis, struct engine_cfg *cfg)
{
    const struct cell_genesis *cell = cell_genesis_view(genesis);

    if (cell == NULL || cell->rules_version != RULES_VERSION)
        return false;

    const struct engine_cfg found = {
        .shard = cell->shard,
        .orders_max = cell->orders_max,
        .instruments_max = cell->instruments_max,
        .accounts_max = cell->accounts_max,
        .groups_max = cell->groups_max,
        .firms_max = cell->firms_max,
        .sessions_max = cell->sessions_max,
        .positions_max = cell->positions_max,
        .pages_max = cell->pages_max,
        .extras_max = cell->extras_max,
        .no_risk = cell->no_risk != 0,
    };

    if (engine_footprint(&found) == 0)
        return false;
    *cfg = found;
    return true;
}

/* genesis_check accepts only the first command of a life, and only if it tells
 * of the memory that this engine has. */
static enum oe_reject_reason
genesis_check(const struct engine *engine, const union cell *cell, bool first)
{
    struct engine_cfg cfg;

    if (!first || !engine_cfg_of(cell, &cfg))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (cfg.shard != engine->cfg.shard || cfg.orders_max != engine->cfg.orders_max ||
        cfg.instruments_max != engine->cfg.instruments_max ||
        cfg.accounts_max != engine->cfg.accounts_max || cfg.groups_max != engine->cfg.groups_max ||
        cfg.firms_max != engine->cfg.firms_max || cfg.sessions_max != engine->cfg.sessions_max ||
        cfg.positions_max != engine->cfg.positions_max || cfg.pages_max != engine->cfg.pages_max ||
        cfg.extras_max != engine->cfg.extras_max || cfg.no_risk != engine->cfg.no_risk)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    return OE_REJECT_REASON_NONE;
}

/* restart begins a run. A run that died before its Restart was on disk has
 * used up an epoch that the engine never heard of, so they need not be dense. */
static enum oe_reject_reason
restart(struct engine *engine, const struct cell_restart *cell)
{
    if (cell->epoch <= engine->epoch)
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    sessions_restart(&engine->sessions, engine->ack_mode != CELL_ACK_MODE_DURABLE, engine->time_ns);
    engine->epoch = cell->epoch;
    engine->ack_mode = cell->ack_mode;
    return OE_REJECT_REASON_NONE;
}

/* book_is_idle says whether no order is anywhere in the book. */
static bool
book_is_idle(const struct book *book, const struct book_rare *rare)
{
    return book->sides[0].root == LADDER_NONE && book->sides[1].root == LADDER_NONE &&
           rare->held_head == ORDER_NONE && (book->flags & (BOOK_STOPS | BOOK_PEGS)) == 0;
}

/* book_init makes the book of a new instrument. */
static void
book_init(struct engine *engine, const struct cell_instrument_set *set)
{
    struct book *book = &engine->books[set->instrument];
    struct book_rare *rare = &engine->rares[set->instrument];
    const struct px_divisor divisor = px_divisor_of(set->tick_px);

    *book =
        (struct book){.tick_px = set->tick_px,
                      .tick_inverse = divisor.inverse,
                      .tick_shift = (uint8_t)divisor.shift,
                      .flags = set->lot_qty != 1 || divisor.tick_end < TICK_MAX ? BOOK_LOTS : 0};
    *rare = (struct book_rare){.pegs_head = ORDER_NONE,
                               .pegs_tail = ORDER_NONE,
                               .held_head = ORDER_NONE,
                               .held_tail = ORDER_NONE,
                               .lot_qty = set->lot_qty,
                               .tick_end = divisor.tick_end};
    for (unsigned sell = 0; sell < 2; sell++) {
        ladder_init(&book->sides[sell]);
        ladder_init(&rare->stops[sell]);
    }
    if (engine->books_cnt <= set->instrument)
        engine->books_cnt = set->instrument + 1;
}

/* set_state changes the state of a book and says whether that closes it. Its pegs
 * waited while there was no trading: they follow when it opens. */
static bool
set_state(struct engine *engine, uint32_t instrument, uint8_t state)
{
    struct book *book = &engine->books[instrument];
    const bool closes = state == CELL_INSTRUMENT_STATE_CLOSED && book->state != state;

    book->state = state;
    if (state == CELL_INSTRUMENT_STATE_OPEN && (book->flags & BOOK_PEGS) != 0)
        engine_disturb(engine, instrument);
    return closes;
}

/* instrument_set makes or changes an instrument; *closes says whether its day
 * orders are to expire. */
static enum oe_reject_reason
instrument_set(struct engine *engine, const union cell *cells, bool *closes)
{
    const struct cell_instrument_set *set = &cells[0].instrument_set;
    const bool known = risk_instrument_known(engine->risk, set->instrument);

    if (!cell_match_algorithm_valid(set->algorithm) || set->fifo_permille > 1000)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    if (known && engine->books[set->instrument].algorithm != set->algorithm &&
        !book_is_idle(&engine->books[set->instrument], &engine->rares[set->instrument]))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;

    const enum oe_reject_reason reason =
        risk_instrument_set(engine->risk, set, &cells[1].instrument_limits);

    if (reason != OE_REJECT_REASON_NONE)
        return reason;
    if (!known)
        book_init(engine, set);

    struct book *book = &engine->books[set->instrument];
    struct book_rare *rare = &engine->rares[set->instrument];

    book->algorithm = set->algorithm;
    *closes = set_state(engine, set->instrument, set->state) && known;
    rare->allocation_min = set->allocation_min;
    rare->fifo_permille = set->fifo_permille;
    rare->top_max = set->top_max;
    return OE_REJECT_REASON_NONE;
}

static enum oe_reject_reason
instrument_state_set(struct engine *engine,
                     const struct cell_instrument_state_set *set,
                     bool *closes)
{
    const enum oe_reject_reason reason = risk_instrument_state_set(engine->risk, set);

    if (reason != OE_REJECT_REASON_NONE)
        return reason;

    *closes = set_state(engine, set->instrument, set->state);
    return OE_REJECT_REASON_NONE;
}

/* emit_setting writes the command: the cells that its kind has, then its author if
 * it has one. */
static void
emit_setting(const struct engine *engine,
             const union cell *cells,
             unsigned cells_cnt,
             enum oe_reject_reason reason,
             struct cell_sink *out)
{
    if (cell_count(&cells[0]) > cells_cnt) {
        ASSERT(cell_kind(&cells[cells_cnt]) == CELL_KIND_AUTHOR);
        ASSERT(cell_valid(&cells[cells_cnt]));
        cells_cnt++;
    }
    (void)engine_emit_command(engine, cells, out, cells_cnt, 0, reason);
    for (unsigned i = 1; i < cells_cnt; i++) {
        union cell *cell = engine_emit(out);

        *cell = cells[i];
        cell->bytes[1] = 0;
    }
}

enum engine_result
config_apply(struct engine *engine, const union cell *cells, bool first, struct cell_sink *out)
{
    enum oe_reject_reason reason = OE_REJECT_REASON_NONE;
    unsigned cells_cnt = 1;
    bool closes = false;

    switch (cell_kind(&cells[0])) {
    case CELL_KIND_GENESIS:
        reason = genesis_check(engine, &cells[0], first);
        if (reason == OE_REJECT_REASON_NONE)
            engine->random = engine->time_ns;
        break;
    case CELL_KIND_RESTART:
        reason = restart(engine, &cells[0].restart);
        break;
    case CELL_KIND_FIRM_SET:
        reason = risk_firm_set(engine->risk, &cells[0].firm_set);
        break;
    case CELL_KIND_GROUP_SET:
        reason = risk_group_set(engine->risk, &cells[0].group_set);
        break;
    case CELL_KIND_ACCOUNT_SET:
        ASSERT(cell_kind(&cells[1]) == CELL_KIND_ACCOUNT_LIMITS);
        ASSERT(cell_valid(&cells[1]));
        cells_cnt = 2;
        reason = risk_account_set(engine->risk, &cells[0].account_set, &cells[1].account_limits);
        break;
    case CELL_KIND_INSTRUMENT_SET:
        ASSERT(cell_kind(&cells[1]) == CELL_KIND_INSTRUMENT_LIMITS);
        ASSERT(cell_valid(&cells[1]));
        cells_cnt = 2;
        reason = instrument_set(engine, cells, &closes);
        break;
    case CELL_KIND_INSTRUMENT_STATE_SET:
        reason = instrument_state_set(engine, &cells[0].instrument_state_set, &closes);
        break;
    case CELL_KIND_POSITION_LIMIT_SET:
        reason = risk_position_limit_set(engine->risk, &cells[0].position_limit_set);
        break;
    case CELL_KIND_PERMISSION_SET:
        reason = risk_permission_set(engine->risk, &cells[0].permission_set);
        break;
    case CELL_KIND_SESSION_SET:
        reason = sessions_set(&engine->sessions, engine->risk, &cells[0].session_set);
        break;
    default:
        /* Risk does not take the word of an operator yet. */
        ASSERT(cell_takes_author(cell_kind(&cells[0])));
        ASSERT(cell_count(&cells[0]) == 2);
        reason = OE_REJECT_REASON_CONFIGURATION_CONFLICT;
        break;
    }
    emit_setting(engine, cells, cells_cnt, reason, out);
    engine->work.index = 0;
    if (!closes)
        return work_settled(engine, out);
    work_begin(engine, WORK_CLOSE, PHASE_NEXT);
    engine->work.instrument = cells[0].instrument_set.instrument;
    return work_run(engine, out);
}
