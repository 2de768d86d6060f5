#include "engine/engine.h"

#include "engine/plain.h"
#include "engine/work.h"

_Static_assert(ENGINE_ALIGN == CACHE_LINE, "engine.h has it as a number");
_Static_assert(SLICE_CELLS_MAX <= ENGINE_SLICE_CELLS_MAX, "what embedders make room for");

struct layout {
    size_t risk;
    size_t books;
    size_t rares;
    size_t disturbed;
    size_t extras;
    size_t quotes;
    size_t quotes_index;
    size_t orders;
    size_t pages;
    size_t ids;
    size_t sessions;
    size_t cold;
    size_t names;
    size_t timers;
    size_t sums;
    size_t account_sums;
    size_t session_sums;
    size_t bytes;
};

static size_t
take(size_t *bytes, size_t wanted_bytes)
{
    const size_t at = *bytes;

    *bytes = (at + wanted_bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    return at;
}

static struct risk_cfg
risk_cfg_of(const struct engine_cfg *cfg)
{
    return (struct risk_cfg){
        .instruments_max = cfg->instruments_max,
        .accounts_max = cfg->accounts_max,
        .groups_max = cfg->groups_max,
        .firms_max = cfg->firms_max,
        .positions_max = cfg->positions_max,
    };
}

/* slots_of returns how many slots positions of that many pairs have. */
static size_t
slots_of(uint32_t positions_max)
{
    size_t cnt = 2;

    while (cnt < 2 * (size_t)positions_max)
        cnt *= 2;
    return cnt;
}

static bool
layout_of(const struct engine_cfg *cfg, struct layout *at)
{
    const struct risk_cfg risk_cfg = risk_cfg_of(cfg);
    const size_t risk_bytes = risk_footprint(&risk_cfg);

    if (risk_bytes == 0 || cfg->shard >= SHARDS_MAX || cfg->orders_max < 1 ||
        cfg->orders_max > ORDERS_MAX || cfg->sessions_max < 1 || cfg->sessions_max > SESSIONS_MAX ||
        cfg->pages_max < 1 || cfg->pages_max > PAGES_MAX || cfg->extras_max > EXTRAS_MAX)
        return false;
    *at = (struct layout){.bytes = 0};
    (void)take(&at->bytes, sizeof(struct engine));
    at->risk = take(&at->bytes, risk_bytes);
    at->books = take(&at->bytes, cfg->instruments_max * sizeof(struct book));
    at->rares = take(&at->bytes, cfg->instruments_max * sizeof(struct book_rare));
    at->disturbed = take(&at->bytes, (cfg->instruments_max + 63) / 64 * sizeof(uint64_t));
    at->extras = take(&at->bytes, (cfg->extras_max + (size_t)1) * sizeof(struct extra));
    at->quotes = take(&at->bytes, cfg->positions_max * sizeof(struct quote));
    at->quotes_index = take(&at->bytes, slots_of(cfg->positions_max) * sizeof(uint32_t));
    at->orders = take(&at->bytes, cfg->orders_max * sizeof(struct order));
    at->pages = take(&at->bytes, ladder_pool_footprint(cfg->pages_max));
    at->ids = take(&at->bytes, idmap_footprint(cfg->orders_max));
    at->sessions = take(&at->bytes, (cfg->sessions_max + 1) * sizeof(struct session));
    at->cold = take(&at->bytes, (cfg->sessions_max + 1) * sizeof(struct session_cold));
    at->names = take(&at->bytes, (cfg->sessions_max + 1) * 16);
    at->timers = take(&at->bytes, timers_footprint(cfg->sessions_max + 1 + cfg->extras_max));
    at->sums = take(&at->bytes, slots_of(cfg->positions_max) * sizeof(struct position_sum));
    at->account_sums = take(&at->bytes, cfg->accounts_max * sizeof(struct risk_sums));
    at->session_sums = take(&at->bytes, (cfg->sessions_max + 1) * sizeof(struct session_sum));
    return true;
}

size_t
engine_footprint(const struct engine_cfg *cfg)
{
    struct layout at;

    return layout_of(cfg, &at) ? at.bytes : 0;
}

struct engine *
engine_init(void *mem, const struct engine_cfg *cfg)
{
    const struct risk_cfg risk_cfg = risk_cfg_of(cfg);
    uint8_t *base = mem;
    struct engine *engine = mem;
    struct layout at;
    const bool valid = layout_of(cfg, &at);

    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    ASSERT(valid);
    engine->cfg = *cfg;
    engine->risk = risk_init(base + at.risk, &risk_cfg);
    ASSERT(risk_slots_cnt(engine->risk) == slots_of(cfg->positions_max));
    engine->books = (struct book *)(void *)(base + at.books);
    engine->rares = (struct book_rare *)(void *)(base + at.rares);
    engine->disturbed_books = (uint64_t *)(void *)(base + at.disturbed);
    engine->extras = (struct extra_pool){.extras = (struct extra *)(void *)(base + at.extras),
                                         .extras_max = cfg->extras_max};
    engine->quotes = (struct quotes){.at = (struct quote *)(void *)(base + at.quotes),
                                     .index = (uint32_t *)(void *)(base + at.quotes_index),
                                     .mask = (uint32_t)slots_of(cfg->positions_max) - 1,
                                     .max = cfg->positions_max};
    engine->sums = (struct position_sum *)(void *)(base + at.sums);
    engine->account_sums = (struct risk_sums *)(void *)(base + at.account_sums);
    engine->session_sums = (struct session_sum *)(void *)(base + at.session_sums);
    order_pool_init(&engine->orders, (struct order *)(void *)(base + at.orders), cfg->orders_max);
    ladder_pool_init(&engine->pages, base + at.pages, cfg->pages_max);
    idmap_init(&engine->ids, base + at.ids, cfg->orders_max);
    engine->sessions = (struct sessions){
        .at = (struct session *)(void *)(base + at.sessions),
        .cold = (struct session_cold *)(void *)(base + at.cold),
        .names = (char(*)[16])(void *)(base + at.names),
        .sessions_max = cfg->sessions_max,
        .used_cnt = 1,
    };
    timers_init(&engine->sessions.timers, base + at.timers,
                cfg->sessions_max + 1 + cfg->extras_max);
    engine->sessions.at[0].state = ENGINE_SESSION_BOUND;
    engine->sessions.at[0].firm = RISK_FIRM_ANY;
    engine->sessions.at[0].risk.orders_max = UINT32_MAX;
    return engine;
}

void
engine_salt(struct engine *engine, uint64_t salt)
{
    idmap_salt(&engine->ids, salt);
}

/* begin numbers an admitted command. */
static inline void
begin(struct engine *engine, const union cell *cell)
{
    engine->seq++;
    if (LIKELY(cell_time(cell) > engine->time_ns))
        engine->time_ns = cell_time(cell);
}

/* admit lets a numbered command of a bound session in, if its number is the
 * next; NULL drops it. */
static inline struct session *
admit(struct engine *engine, const union cell *cell)
{
    const uint32_t idx = (uint16_t)(cell_session(cell) + 1); /* 0: the exchange itself */

    if (UNLIKELY(idx > engine->sessions.sessions_max))
        return NULL;

    struct session *session = &engine->sessions.at[idx];

    if (UNLIKELY(session->state != ENGINE_SESSION_BOUND))
        return NULL;
    if (session->numbered != 0 && cell->order_new.in_no != (uint16_t)session->next_in_no)
        return NULL;
    session->next_in_no += session->numbered;
    begin(engine, cell);
    return session;
}

static enum engine_result
apply_negotiate(struct engine *engine, const union cell *cell, struct cell_sink *out)
{
    begin(engine, cell);

    const enum oe_reject_reason reason =
        sessions_negotiate(&engine->sessions, &cell->session_negotiate, engine->time_ns);

    (void)engine_emit_command(engine, cell, out, 1, 0, reason);
    return engine_finish(engine, out);
}

static enum engine_result
apply_establish(struct engine *engine, const union cell *cell, struct cell_sink *out)
{
    uint64_t next_in_no = 0;

    begin(engine, cell);

    const enum oe_reject_reason reason =
        sessions_establish(&engine->sessions, &cell->session_establish, &next_in_no);

    engine_emit_command(engine, cell, out, 1, 0, reason)->session_establish.next_in_no = next_in_no;
    return engine_finish(engine, out);
}

static enum engine_result
apply_unbind(struct engine *engine, const union cell *cell, struct cell_sink *out)
{
    if (!sessions_unbind_admitted(&engine->sessions, &cell->session_unbind))
        return ENGINE_DROPPED;
    begin(engine, cell);
    sessions_unbind(&engine->sessions, cell_session(cell), engine->time_ns);
    (void)engine_emit_command(engine, cell, out, 1, 0, OE_REJECT_REASON_NONE);
    return engine_finish(engine, out);
}

static enum engine_result
apply_sequence(struct engine *engine, const union cell *cell, struct cell_sink *out)
{
    const struct cell_session_sequence *in = &cell->session_sequence;
    struct session *session = session_of(&engine->sessions, in->session);

    if (in->session == CELL_SESSION || session == NULL || session->state != ENGINE_SESSION_BOUND ||
        in->next_no <= session->next_in_no)
        return ENGINE_DROPPED;
    begin(engine, cell);
    (void)engine_emit_command(engine, cell, out, 1, 0, OE_REJECT_REASON_NONE);
    engine_emit(out)->session_not_applied = (struct cell_session_not_applied){
        .kind = CELL_KIND_SESSION_NOT_APPLIED,
        .shape = 1,
        .seq = engine->seq,
        .time = engine->time_ns,
        .from_no = session->next_in_no,
        .count = in->next_no - session->next_in_no,
        .session = in->session,
    };
    session->next_in_no = in->next_no;
    return engine_finish(engine, out);
}

static enum engine_result
apply_refused(struct engine *engine, const union cell *cell, struct cell_sink *out)
{
    if (admit(engine, cell) == NULL)
        return ENGINE_DROPPED;
    (void)engine_emit_command(engine, cell, out, 1, 0, OE_REJECT_REASON_NONE);
    return engine_finish(engine, out);
}

/* apply_rare does the kinds that are no orders. */
static enum engine_result
apply_rare(struct engine *engine, const union cell *cells, struct cell_sink *out)
{
    ASSERT(cell_valid(cells));
    switch (cell_kind(cells)) {
    case CELL_KIND_MESSAGE_REFUSED:
        return apply_refused(engine, cells, out);
    case CELL_KIND_SESSION_NEGOTIATE:
        return apply_negotiate(engine, cells, out);
    case CELL_KIND_SESSION_ESTABLISH:
        return apply_establish(engine, cells, out);
    case CELL_KIND_SESSION_UNBIND:
        return apply_unbind(engine, cells, out);
    case CELL_KIND_SESSION_SEQUENCE:
        return apply_sequence(engine, cells, out);
    case CELL_KIND_CLOCK:
        begin(engine, cells);
        return mass_clock(engine, cells, out);
    default:
        ASSERT(cell_is_command(cells));
        begin(engine, cells);
        return config_apply(engine, cells, engine->seq == 1, out);
    }
}

void
engine_check_seldom(const struct engine *engine)
{
    if (engine->cfg.orders_max <= 1024 ||
        engine->seq % (engine->cfg.orders_max / 8 + engine->orders.used_cnt) == 0)
        engine_check(engine);
}

/* checked checks the invariants behind a command in slow builds. */
static inline enum engine_result
checked(const struct engine *engine, enum engine_result result)
{
    if (OUTCRY_SLOW_CHECKS && result == ENGINE_DONE)
        engine_check_seldom(engine);
    return result;
}

/* apply does what the short road does not take. */
static enum engine_result
apply(struct engine *engine, const union cell *cells, struct cell_sink *out)
{
    struct session *session;

    switch (cell_kind(cells)) {
    case CELL_KIND_ORDER_NEW:
        ASSERT(cell_order_new_view(cells) != NULL);
        session = admit(engine, cells);
        return session != NULL ? match_new(engine, cells, session, out) : ENGINE_DROPPED;
    case CELL_KIND_ORDER_CANCEL:
        ASSERT(cell_order_cancel_view(cells) != NULL);
        session = admit(engine, cells);
        return session != NULL ? amend_cancel(engine, cells, session, out) : ENGINE_DROPPED;
    case CELL_KIND_ORDER_REPLACE:
        ASSERT(cell_order_replace_view(cells) != NULL);
        session = admit(engine, cells);
        return session != NULL ? amend_replace(engine, cells, session, out) : ENGINE_DROPPED;
    case CELL_KIND_MASS_CANCEL:
        ASSERT(cell_mass_cancel_view(cells) != NULL);
        session = admit(engine, cells);
        return session != NULL ? mass_cancel(engine, cells, session, out) : ENGINE_DROPPED;
    case CELL_KIND_MASS_QUOTE:
        ASSERT(cell_mass_quote_view(cells) != NULL);
        session = admit(engine, cells);
        return session != NULL ? quote_mass(engine, cells, session, out) : ENGINE_DROPPED;
    default:
        return apply_rare(engine, cells, out);
    }
}

HOT enum engine_result
engine_apply(struct engine *engine, const union cell *cells, struct cell_sink *out)
{
    struct plain_run run = {.until_ns = UINT64_MAX, .until_pos = UINT64_MAX};

    ASSERT(engine->work.kind == WORK_NONE);
    if (LIKELY(plain_run(engine, cells, cell_count(cells), &run, out) != 0))
        return run.result;
    return checked(engine, apply(engine, cells, out));
}

HOT uint32_t
engine_run(struct engine *engine,
           const union cell *cells,
           uint32_t cells_cnt,
           uint64_t until_pos,
           struct cell_sink *out,
           enum engine_result *result)
{
    /* Where a timer is due for the engine's own time, a Clock comes first. */
    const uint64_t deadline_ns = engine_deadline_ns(engine);
    struct plain_run run = {.until_ns = engine->time_ns < deadline_ns ? deadline_ns : 0,
                            .until_pos = until_pos};

    ASSERT(engine->work.kind == WORK_NONE);
    if (UNLIKELY(cells_cnt == 0))
        return 0;

    const uint32_t taken_cnt = plain_run(engine, cells, cells_cnt, &run, out);

    *result = run.result;
    return taken_cnt;
}

enum engine_result
engine_resume(struct engine *engine, struct cell_sink *out)
{
    ASSERT(engine->work.kind != WORK_NONE);
    return checked(engine, work_resume(engine, out));
}
