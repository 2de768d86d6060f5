#include <string.h>

#include "engine/work.h"

/* User id of an author that is the configuration. */
#define AUTHOR_CONFIGURATION UINT32_MAX

_Static_assert(offsetof(struct cell_firm_set, firm) ==
                   offsetof(struct cell_instrument_set, instrument),
               "ids of one place");
_Static_assert(offsetof(struct cell_group_set, group) ==
                   offsetof(struct cell_instrument_set, instrument),
               "ids of one place");

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

/* journal_space is the exchange's word alone. It does nothing to what is in the
 * books. */
static enum oe_reject_reason
journal_space(struct engine *engine, const struct cell_journal_space *cell)
{
    if (cell->low > 1)
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    engine->journal_low = cell->low != 0;
    return OE_REJECT_REASON_NONE;
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

/* setting_cells returns how many cells a command has without its author. */
static unsigned
setting_cells(unsigned kind)
{
    return kind == CELL_KIND_ACCOUNT_SET || kind == CELL_KIND_INSTRUMENT_SET ? 2 : 1;
}

/* author_of returns who gave a command, NULL if it does not say so. */
static const struct cell_author *
author_of(const union cell *cells)
{
    const unsigned at = setting_cells(cell_kind(&cells[0]));

    ASSERT(cell_count(&cells[0]) >= at);
    if (cell_count(&cells[0]) == at)
        return NULL;
    ASSERT(cell_kind(&cells[at]) == CELL_KIND_AUTHOR);
    ASSERT(cell_valid(&cells[at]));
    return &cells[at].author;
}

/* emit_setting writes the command, with its author if it has one. */
static void
emit_setting(const struct engine *engine,
             const union cell *cells,
             enum oe_reject_reason reason,
             struct cell_sink *out)
{
    const unsigned cells_cnt = cell_count(&cells[0]);

    (void)engine_emit_command(engine, cells, out, cells_cnt, 0, reason);
    for (unsigned i = 1; i < cells_cnt; i++) {
        union cell *cell = engine_emit(out);

        *cell = cells[i];
        cell->bytes[1] = 0;
    }
}

/* apply_setting does what the command says, or says why not; *closes says whether
 * it closes an instrument. */
static enum oe_reject_reason
apply_setting(struct engine *engine, const union cell *cells, bool first, bool *closes)
{
    enum oe_reject_reason reason;

    switch (cell_kind(&cells[0])) {
    case CELL_KIND_GENESIS:
        reason = genesis_check(engine, &cells[0], first);
        if (reason == OE_REJECT_REASON_NONE)
            engine->random = engine->time_ns;
        return reason;
    case CELL_KIND_RESTART:
        return restart(engine, &cells[0].restart);
    case CELL_KIND_JOURNAL_SPACE:
        return journal_space(engine, &cells[0].journal_space);
    case CELL_KIND_FIRM_SET:
        return risk_firm_set(engine->risk, &cells[0].firm_set);
    case CELL_KIND_GROUP_SET:
        return risk_group_set(engine->risk, &cells[0].group_set);
    case CELL_KIND_ACCOUNT_SET:
        ASSERT(cell_kind(&cells[1]) == CELL_KIND_ACCOUNT_LIMITS);
        ASSERT(cell_valid(&cells[1]));
        return risk_account_set(engine->risk, &cells[0].account_set, &cells[1].account_limits);
    case CELL_KIND_INSTRUMENT_SET:
        ASSERT(cell_kind(&cells[1]) == CELL_KIND_INSTRUMENT_LIMITS);
        ASSERT(cell_valid(&cells[1]));
        return instrument_set(engine, cells, closes);
    case CELL_KIND_INSTRUMENT_STATE_SET:
        return instrument_state_set(engine, &cells[0].instrument_state_set, closes);
    case CELL_KIND_POSITION_LIMIT_SET:
        return risk_position_limit_set(engine->risk, &cells[0].position_limit_set);
    case CELL_KIND_PERMISSION_SET:
        return risk_permission_set(engine->risk, &cells[0].permission_set);
    case CELL_KIND_SESSION_SET:
        return sessions_set(&engine->sessions, engine->risk, &cells[0].session_set);
    default:
        return admin_apply(engine, cells);
    }
}

/* values_changed returns which values of an instrument a command will change. */
static unsigned
values_changed(const struct engine *engine, const union cell *cells)
{
    if (cell_kind(&cells[0]) != CELL_KIND_INSTRUMENT_SET)
        return 0;
    return risk_instrument_changes(engine->risk, cells[0].instrument_set.instrument,
                                   &cells[1].instrument_limits);
}

/* note_by_hand notes that what was just set was set by an operator: at the next start
 * the configuration leaves it as it is. Of an instrument those are the values that were
 * changed, and no other. */
static void
note_by_hand(struct engine *engine, const union cell *cells, unsigned changed)
{
    const unsigned kind = cell_kind(&cells[0]);
    uint32_t id = cells[0].instrument_set.instrument;
    uint32_t id2 = 0;

    switch (kind) {
    case CELL_KIND_SESSION_SET:
        engine->sessions.cold[cells[0].session_set.session + 1u].by_hand = 1;
        return;
    case CELL_KIND_ACCOUNT_SET:
        id = cells[0].account_set.account;
        break;
    case CELL_KIND_POSITION_LIMIT_SET:
        id = cells[0].position_limit_set.account;
        id2 = cells[0].position_limit_set.instrument;
        break;
    case CELL_KIND_PERMISSION_SET:
        id = cells[0].permission_set.group;
        id2 = cells[0].permission_set.instrument;
        break;
    case CELL_KIND_RESTRICTION_SET:
        id = (uint32_t)cells[0].restriction_set.level << 24 | cells[0].restriction_set.subject;
        id2 = cells[0].restriction_set.instrument;
        break;
    case CELL_KIND_ORDER_RULE_SET:
        id = cells[0].order_rule_set.subject;
        id2 = cells[0].order_rule_set.level;
        break;
    case CELL_KIND_INSTRUMENT_SET:
        id2 = changed;
        break;
    case CELL_KIND_FIRM_SET:
    case CELL_KIND_GROUP_SET:
    case CELL_KIND_INSTRUMENT_STATE_SET:
    case CELL_KIND_FEE_SET:
    case CELL_KIND_MARK_SET:
        break;
    default:
        return;
    }
    risk_note_by_hand(engine->risk, kind, id, id2);
}

/* apply_by does so by the word of author, if that is complete. */
static enum oe_reject_reason
apply_by(struct engine *engine,
         const union cell *cells,
         const struct cell_author *author,
         bool first,
         bool *closes)
{
    if (engine->cfg.no_risk && cell_takes_author(cell_kind(&cells[0])))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    if (author != NULL && (author->name[0] == '\0' || author->text[0] == '\0'))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;

    const unsigned changed = author != NULL ? values_changed(engine, cells) : 0;
    const enum oe_reject_reason reason = apply_setting(engine, cells, first, closes);

    if (reason == OE_REJECT_REASON_NONE && author != NULL && author->uid != AUTHOR_CONFIGURATION)
        note_by_hand(engine, cells, changed);
    return reason;
}

enum engine_result
config_apply(struct engine *engine, const union cell *cells, bool first, struct cell_sink *out)
{
    bool closes = false;
    const enum oe_reject_reason reason = apply_by(engine, cells, author_of(cells), first, &closes);

    emit_setting(engine, cells, reason, out);
    engine->work.index = 0;
    if (reason == OE_REJECT_REASON_NONE && admin_work(engine, cells))
        return work_run(engine, out);
    if (!closes)
        return work_settled(engine, out);
    work_begin(engine, WORK_CLOSE, PHASE_NEXT);
    engine->work.instrument = cells[0].instrument_set.instrument;
    return work_run(engine, out);
}
