/*
 * Harness: an engine for tests, set up in two lines and asserted at every step.
 *
 *     struct harness h;
 *     harness_init(&h, NULL);                     default memory and parties
 *     harness_new(&h, (struct harness_order){.clord = 1, .px = 100, .qty = 5});
 *     cr_assert_eq(harness_outcome(&h), OE_REJECT_REASON_NONE);
 *     harness_message(&h, CELL_KIND_TRADE, 0)     first Trade of the group, or NULL
 *     harness_fini(&h);
 *
 * harness_apply applies one command with all its slices and keeps its group in
 * h->cells[0 .. cells_cnt). After each command it asserts:
 *
 *   - the group is well formed: seq without hole, time, cell counts, LAST on
 *     the very last cell, every cell valid;
 *   - engine_check, and that the engine has what it told (engine/reckon.h);
 *   - a second engine that is given the command as the first one wrote it
 *     writes the same bytes and has the same hash: that is what replay does. Behind
 *     one command of five it is made anew from its own image: that is what a
 *     snapshot does.
 *
 * Default parties: firms 0 and 1; group g and accounts 2g and 2g + 1 of firm g;
 * instruments 0 to 3 with tick 1 (px 1 is 10^-8), lot 1 and no limits;
 * sessions 0 and 1 of firm 0, 2 and 3 of firm 1, bound; session s has
 * UUID harness_uuid(s). Prices in tests are therefore small integers.
 */
#ifndef OUTCRY_TESTS_ENGINE_HARNESS_H
#define OUTCRY_TESTS_ENGINE_HARNESS_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <criterion/criterion.h>

#include "engine/engine.h"
#include "engine/inside.h"
#include "engine/reckon.h"
#include "proto/base.h"
#include "proto/limits.h"

#include "tests/engine/reload.h"

#define HARNESS_SESSIONS    4u
#define HARNESS_INSTRUMENTS 4u
#define HARNESS_ACCOUNTS    4u
#define HARNESS_CELLS_MAX   (1u << 17)

struct harness {
    struct engine_cfg cfg;
    struct engine *engine;
    struct engine *twin;   /* NULL: no replay beside */
    struct reckon *reckon; /* of what the engine writes */
    union cell *cells;     /* of the last group */
    union cell *twin_cells;
    uint64_t cells_cnt;
    uint64_t slices_cnt;
    uint64_t time_ns; /* given to the next command */
    bool check;       /* run engine_check after each command */
    bool dropped;     /* the last command was dropped */
    enum engine_result result;
};

/* An order as tests write it; 0 is limit, Day, buy, session 0, account of the
 * session's firm, instrument 0. */
struct harness_order {
    uint64_t clord;
    px_t px;
    qty_t qty;
    uint16_t session;
    uint32_t instrument;
    uint32_t account; /* 0: the first of the session's firm */
    bool sell;
    uint8_t ord_type;
    uint8_t tif;
    uint8_t exec_inst;
    uint8_t stp_capacity;
    const struct cell_order_extension *extension;
};

struct harness_replace {
    uint64_t orig_clord; /* or by id */
    uint64_t order_id;   /* 0: by orig_clord */
    uint64_t clord;
    px_t px;
    qty_t qty;
    uint16_t session;
    uint32_t instrument;
};

static inline void *
harness_map(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    cr_assert(mem != MAP_FAILED);
    return mem;
}

static inline void
harness_uuid(uint16_t session, uint8_t uuid[16])
{
    for (unsigned i = 0; i < 16; i++)
        uuid[i] = (uint8_t)(0x10 + session * 16u + i);
    uuid[6] = 0x41;
    uuid[8] = 0x81;
}

/* harness_run applies a command with all its slices to one engine. */
static inline enum engine_result
harness_run(struct engine *engine,
            const union cell *command,
            union cell *cells,
            uint64_t *cells_cnt,
            uint64_t *slices_cnt)
{
    struct cell_sink sink = {.cells = cells, .mask = HARNESS_CELLS_MAX - 1};
    enum engine_result result = engine_apply(engine, command, &sink);

    *slices_cnt = 1;
    cr_assert_leq(sink.pos, SLICE_CELLS_MAX);
    while (result == ENGINE_MORE) {
        const uint64_t before = sink.pos;
        const union cell shown = cells[(before - 1) & sink.mask];

        result = engine_resume(engine, &sink);
        cr_assert_neq(result, ENGINE_DROPPED);
        cr_assert_leq(sink.pos - before, SLICE_CELLS_MAX);
        /* Readers may have seen the slice before. */
        if (before > 0)
            cr_assert_eq(memcmp(&shown, &cells[before - 1], sizeof shown), 0);
        ++*slices_cnt;
    }
    *cells_cnt = sink.pos;
    return result;
}

/* harness_assert_group asserts the form of the last group. */
static inline void
harness_assert_group(const struct harness *h, const union cell *command)
{
    uint64_t at = 0;

    cr_assert_gt(h->cells_cnt, 0);
    cr_assert_eq(cell_kind(&h->cells[0]), cell_kind(command));
    while (at < h->cells_cnt) {
        const union cell *cell = &h->cells[at];
        const unsigned cnt = cell_count(cell);

        cr_assert_geq(cnt, 1);
        cr_assert_leq(at + cnt, h->cells_cnt);
        cr_assert(at == 0 ? cell_is_command(cell) : cell_is_event(cell));
        cr_assert_eq(cell_seq(cell), engine_seq(h->engine));
        cr_assert_eq(cell_time(cell), engine_time_ns(h->engine));
        for (unsigned i = 0; i < cnt; i++) {
            cr_assert(cell_valid(&cell[i]), "cell %u of kind %u", (unsigned)at + i,
                      cell_kind(&cell[i]));
            cr_assert_eq(cell_is_last(&cell[i]), at + i + 1 == h->cells_cnt);
            if (i > 0) {
                cr_assert_geq(cell_kind(&cell[i]), CELL_KIND_CONTINUATIONS);
                cr_assert_eq(cell_count(&cell[i]), 0);
            }
        }
        at += cnt;
    }
}

/* harness_reload makes the second engine anew, from its image and elsewhere. */
static inline void
harness_reload(struct harness *h)
{
    const size_t bytes = engine_footprint(&h->cfg);
    struct engine *fresh = reload(h->twin, &h->cfg, harness_map(bytes), engine_seq(h->twin));

    engine_check(fresh);
    (void)munmap(h->twin, bytes);
    h->twin = fresh;
}

/* harness_apply applies a command and asserts what the top of this file says. */
static inline enum engine_result
harness_apply(struct harness *h, const union cell *command)
{
    const uint64_t seq = engine_seq(h->engine);
    union cell given[CELL_COMMAND_MAX];
    const unsigned given_cnt = cell_count(command);

    cr_assert_leq(given_cnt, CELL_COMMAND_MAX);
    memcpy(given, command, given_cnt * sizeof *given);
    h->result = harness_run(h->engine, given, h->cells, &h->cells_cnt, &h->slices_cnt);
    h->dropped = h->result == ENGINE_DROPPED;
    cr_assert_eq(memcmp(given, command, given_cnt * sizeof *given), 0);
    if (h->dropped) {
        cr_assert_eq(h->cells_cnt, 0);
        cr_assert_eq(engine_seq(h->engine), seq);
        return h->result;
    }
    cr_assert_eq(engine_seq(h->engine), seq + 1);
    harness_assert_group(h, command);
    for (uint64_t at = 0; at < h->cells_cnt; at += cell_count(&h->cells[at]))
        reckon_take(h->reckon, &h->cells[at]);
    if (h->twin != NULL) {
        uint64_t cells_cnt;
        uint64_t slices_cnt;
        union cell journaled[CELL_MESSAGE_MAX];

        memcpy(journaled, h->cells, cell_count(&h->cells[0]) * sizeof *journaled);
        (void)harness_run(h->twin, journaled, h->twin_cells, &cells_cnt, &slices_cnt);
        cr_assert_eq(cells_cnt, h->cells_cnt);
        cr_assert_eq(memcmp(h->cells, h->twin_cells, cells_cnt * sizeof *h->cells), 0);
        cr_assert(hash128_equal(engine_hash(h->engine), engine_hash(h->twin)));
        if (engine_seq(h->twin) % 5 == 0)
            harness_reload(h);
    }
    if (h->check) {
        engine_check(h->engine);
        reckon_check(h->reckon, h->engine);
    }
    return h->result;
}

/* harness_outcome returns the outcome of the last command. */
static inline unsigned
harness_outcome(const struct harness *h)
{
    return cell_outcome(&h->cells[0]);
}

/* harness_message returns the nth message of a kind in the last group. */
static inline const union cell *
harness_message(const struct harness *h, unsigned kind, unsigned nth)
{
    for (uint64_t at = 0; at < h->cells_cnt; at += cell_count(&h->cells[at]))
        if (cell_kind(&h->cells[at]) == kind && nth-- == 0)
            return &h->cells[at];
    return NULL;
}

static inline unsigned
harness_message_cnt(const struct harness *h, unsigned kind)
{
    unsigned cnt = 0;

    while (harness_message(h, kind, cnt) != NULL)
        cnt++;
    return cnt;
}

/* What risk keeps of the default accounts and instruments, tokens aside. */
struct harness_seen {
    struct risk_position positions[HARNESS_ACCOUNTS][HARNESS_INSTRUMENTS];
    struct engine_cash cash[HARNESS_ACCOUNTS];
    struct engine_wide open_value[HARNESS_ACCOUNTS];
    struct engine_wide open_orders[HARNESS_ACCOUNTS];
};

static inline struct engine_wide
harness_used(const struct harness *h, uint32_t account, uint8_t limit)
{
    struct engine_use use;

    cr_assert(engine_risk_use(h->engine, OE_RISK_LEVEL_ACCOUNT, account, 0, limit, &use));
    return use.used;
}

static inline void
harness_see(const struct harness *h, struct harness_seen *seen)
{
    memset(seen, 0, sizeof *seen);
    for (uint32_t account = 0; account < HARNESS_ACCOUNTS; account++) {
        for (uint32_t instrument = 0; instrument < HARNESS_INSTRUMENTS; instrument++)
            (void)risk_position_get(engine_risk(h->engine), account, instrument,
                                    &seen->positions[account][instrument]);
        cr_assert(engine_risk_cash(h->engine, account, &seen->cash[account]));
        seen->open_value[account] = harness_used(h, account, CELL_RISK_LIMIT_OPEN_NOTIONAL);
        seen->open_orders[account] = harness_used(h, account, CELL_RISK_LIMIT_OPEN_ORDERS);
    }
}

static inline uint16_t
harness_in_no(const struct harness *h, uint16_t session)
{
    struct engine_session seen;

    if (session == CELL_SESSION)
        return 0;
    engine_session_get(h->engine, session, &seen);
    return (uint16_t)seen.next_in_no;
}

/* harness_order_cells writes an OrderNew; returns its number of cells. */
static inline unsigned
harness_order_cells(const struct harness *h, struct harness_order order, union cell cells[2])
{
    memset(cells, 0, 2 * sizeof *cells);
    cells[0].order_new = (struct cell_order_new){
        .kind = CELL_KIND_ORDER_NEW,
        .shape = (uint8_t)((order.extension != NULL ? 2u : 1u) | (order.sell ? CELL_SELL : 0u)),
        .instrument = order.instrument,
        .time = h->time_ns,
        .clord = order.clord,
        .px = order.px,
        .qty = order.qty,
        .ord_type = order.ord_type != 0 ? order.ord_type : (uint8_t)OE_ORD_TYPE_LIMIT,
        .tif = order.tif != 0 ? order.tif : (uint8_t)OE_TIME_IN_FORCE_DAY,
        .exec_inst = order.exec_inst,
        .stp_capacity = order.stp_capacity,
        .account = order.account != 0 || order.session == CELL_SESSION ? order.account
                                                                       : (order.session / 2u) * 2u,
        .session = order.session,
        .in_no = harness_in_no(h, order.session),
    };
    if (order.extension == NULL)
        return 1;
    cells[1].order_extension = *order.extension;
    cells[1].order_extension.kind = CELL_KIND_ORDER_EXTENSION;
    return 2;
}

/* harness_new enters an order and returns its id, 0 if it was refused. */
static inline uint64_t
harness_new(struct harness *h, struct harness_order order)
{
    union cell cells[2];

    (void)harness_order_cells(h, order, cells);
    cr_assert_eq(harness_apply(h, cells), ENGINE_DONE);
    return h->cells[0].order_new.order_id;
}

static inline unsigned
harness_cancel_named(struct harness *h,
                     uint16_t session,
                     uint32_t instrument,
                     uint64_t order_id,
                     uint64_t orig_clord,
                     bool by_id)
{
    union cell cell = {.order_cancel = {
                           .kind = CELL_KIND_ORDER_CANCEL,
                           .shape = (uint8_t)(1u | (by_id ? CELL_BY_ID : 0u)),
                           .instrument = instrument,
                           .time = h->time_ns,
                           .clord = 999999,
                           .order_id = order_id,
                           .orig_clord = orig_clord,
                           .session = session,
                           .in_no = harness_in_no(h, session),
                       }};

    cr_assert_eq(harness_apply(h, &cell), ENGINE_DONE);
    return harness_outcome(h);
}

/* harness_cancel cancels by order id in instrument 0; returns the outcome. */
static inline unsigned
harness_cancel(struct harness *h, uint16_t session, uint64_t order_id)
{
    return harness_cancel_named(h, session, 0, order_id, 0, true);
}

/* harness_cancel_clord cancels by the client's own id. */
static inline unsigned
harness_cancel_clord(struct harness *h, uint16_t session, uint64_t orig_clord)
{
    return harness_cancel_named(h, session, 0, 0, orig_clord, false);
}

/* harness_replace replaces and returns the outcome; the detail is cells[1]. */
static inline unsigned
harness_replace(struct harness *h, struct harness_replace replace)
{
    union cell cells[2];

    memset(cells, 0, sizeof cells);
    cells[0].order_replace = (struct cell_order_replace){
        .kind = CELL_KIND_ORDER_REPLACE,
        .shape = (uint8_t)(2u | (replace.order_id != 0 ? CELL_BY_ID : 0u)),
        .instrument = replace.instrument,
        .time = h->time_ns,
        .clord = replace.clord,
        .order_id = replace.order_id,
        .px = replace.px,
        .qty = replace.qty,
        .session = replace.session,
        .in_no = harness_in_no(h, replace.session),
    };
    cells[1].replace_detail.kind = CELL_KIND_REPLACE_DETAIL;
    cells[1].replace_detail.orig_clord = replace.orig_clord;
    cr_assert_eq(harness_apply(h, cells), ENGINE_DONE);
    return harness_outcome(h);
}

/* harness_mass_cancel cancels by scope; other fields of the cell are as given. */
static inline unsigned
harness_mass_cancel(struct harness *h, struct cell_mass_cancel mass)
{
    union cell cell = {.mass_cancel = mass};

    cell.mass_cancel.kind = CELL_KIND_MASS_CANCEL;
    cell.mass_cancel.shape = 1;
    cell.mass_cancel.time = h->time_ns;
    if (mass.side == 0)
        cell.mass_cancel.side = OE_SIDE_FILTER_ANY;
    cell.mass_cancel.in_no = harness_in_no(h, mass.session);
    cr_assert_eq(harness_apply(h, &cell), ENGINE_DONE);
    return harness_outcome(h);
}

static inline unsigned
harness_firm_set(struct harness *h, uint32_t firm)
{
    union cell cell = {.firm_set = {.kind = CELL_KIND_FIRM_SET,
                                    .shape = 1,
                                    .firm = firm,
                                    .time = h->time_ns,
                                    .name = "firm",
                                    .session = CELL_SESSION}};

    (void)harness_apply(h, &cell);
    return harness_outcome(h);
}

static inline unsigned
harness_group_set(struct harness *h, uint32_t group, uint32_t firm)
{
    union cell cell = {.group_set = {.kind = CELL_KIND_GROUP_SET,
                                     .shape = 1,
                                     .group = group,
                                     .time = h->time_ns,
                                     .name = "group",
                                     .firm = firm,
                                     .session = CELL_SESSION}};

    (void)harness_apply(h, &cell);
    return harness_outcome(h);
}

/* harness_no_account_limits and harness_no_instrument_limits return limits that
 * limit nothing, for tests to change one of them. */
static inline struct cell_account_limits
harness_no_account_limits(void)
{
    return (struct cell_account_limits){.kind = CELL_KIND_ACCOUNT_LIMITS,
                                        .order_qty_max = UINT32_MAX,
                                        .order_value_max = INT64_MAX,
                                        .long_max = POSITION_LIMIT_MAX,
                                        .short_max = POSITION_LIMIT_MAX};
}

static inline struct cell_instrument_limits
harness_no_instrument_limits(void)
{
    return (struct cell_instrument_limits){.kind = CELL_KIND_INSTRUMENT_LIMITS,
                                           .order_qty_max = UINT32_MAX,
                                           .order_value_max = INT64_MAX};
}

static inline unsigned
harness_account_set(struct harness *h,
                    uint32_t account,
                    uint32_t group,
                    uint8_t state,
                    struct cell_account_limits limits)
{
    union cell cells[2] = {{.account_set = {.kind = CELL_KIND_ACCOUNT_SET,
                                            .shape = 2,
                                            .group = group,
                                            .time = h->time_ns,
                                            .name = "account",
                                            .state = state,
                                            .account = account,
                                            .session = CELL_SESSION}},
                           {.account_limits = limits}};

    (void)harness_apply(h, cells);
    return harness_outcome(h);
}

/* harness_instrument_set names the instrument after its id. */
static inline unsigned
harness_instrument_set(struct harness *h,
                       uint32_t instrument,
                       px_t tick_px,
                       uint32_t lot_qty,
                       uint8_t state,
                       struct cell_instrument_limits limits)
{
    union cell cells[2] = {{.instrument_set = {.kind = CELL_KIND_INSTRUMENT_SET,
                                               .shape = 2,
                                               .instrument = instrument,
                                               .time = h->time_ns,
                                               .symbol = "I00",
                                               .tick_px = tick_px,
                                               .lot_qty = lot_qty,
                                               .state = state,
                                               .session = CELL_SESSION}},
                           {.instrument_limits = limits}};

    cells[0].instrument_set.symbol[1] = (char)('0' + instrument / 10 % 10);
    cells[0].instrument_set.symbol[2] = (char)('0' + instrument % 10);
    (void)harness_apply(h, cells);
    return harness_outcome(h);
}

static inline unsigned
harness_session_set(struct harness *h, uint16_t session, uint32_t firm, uint32_t cod_ms)
{
    union cell cell = {.session_set = {.kind = CELL_KIND_SESSION_SET,
                                       .shape = 1,
                                       .firm = firm,
                                       .time = h->time_ns,
                                       .name = "session",
                                       .cancel_on_disconnect_ms = cod_ms,
                                       .session = session}};

    (void)harness_apply(h, &cell);
    return harness_outcome(h);
}

static inline unsigned
harness_negotiate(struct harness *h,
                  uint16_t session,
                  const uint8_t uuid[16],
                  uint64_t request_time)
{
    union cell cell = {.session_negotiate = {.kind = CELL_KIND_SESSION_NEGOTIATE,
                                             .shape = 1,
                                             .time = h->time_ns,
                                             .request_time = request_time,
                                             .client_flow = 1,
                                             .server_flow = 0,
                                             .session = session}};

    memcpy(cell.session_negotiate.uuid, uuid, 16);
    (void)harness_apply(h, &cell);
    return harness_outcome(h);
}

static inline unsigned
harness_establish(struct harness *h, uint16_t session, const uint8_t uuid[16], bool takeover)
{
    union cell cell = {.session_establish = {.kind = CELL_KIND_SESSION_ESTABLISH,
                                             .shape = 1,
                                             .time = h->time_ns,
                                             .keepalive_ms = 1000,
                                             .session = session,
                                             .takeover = takeover}};

    memcpy(cell.session_establish.uuid, uuid, 16);
    (void)harness_apply(h, &cell);
    return harness_outcome(h);
}

static inline enum engine_result
harness_unbind(struct harness *h, uint16_t session, const uint8_t uuid[16])
{
    union cell cell = {
        .session_unbind = {
            .kind = CELL_KIND_SESSION_UNBIND, .shape = 1, .time = h->time_ns, .session = session}};

    memcpy(cell.session_unbind.uuid, uuid, 16);
    return harness_apply(h, &cell);
}

/* harness_clock applies a Clock command of that time. */
static inline void
harness_clock(struct harness *h, uint64_t time_ns)
{
    union cell cell = {
        .clock = {.kind = CELL_KIND_CLOCK, .shape = 1, .time = time_ns, .session = CELL_SESSION}};

    h->time_ns = time_ns;
    cr_assert_eq(harness_apply(h, &cell), ENGINE_DONE);
}

static inline unsigned
harness_restart(struct harness *h, uint32_t epoch, uint8_t ack_mode)
{
    union cell cell = {.restart = {.kind = CELL_KIND_RESTART,
                                   .shape = 1,
                                   .epoch = epoch,
                                   .time = h->time_ns,
                                   .rules_version = RULES_VERSION,
                                   .ack_mode = ack_mode,
                                   .session = CELL_SESSION}};

    (void)harness_apply(h, &cell);
    return harness_outcome(h);
}

/* harness_parties sets up the default parties. */
static inline void
harness_parties(struct harness *h)
{
    for (uint32_t firm = 0; firm < 2; firm++) {
        cr_assert_eq(harness_firm_set(h, firm), 0);
        cr_assert_eq(harness_group_set(h, firm, firm), 0);
    }
    for (uint32_t account = 0; account < HARNESS_ACCOUNTS; account++)
        cr_assert_eq(harness_account_set(h, account, account / 2, CELL_ACCOUNT_STATE_ACTIVE,
                                         harness_no_account_limits()),
                     0);
    for (uint32_t instrument = 0; instrument < HARNESS_INSTRUMENTS; instrument++)
        cr_assert_eq(harness_instrument_set(h, instrument, 1, 1, CELL_INSTRUMENT_STATE_OPEN,
                                            harness_no_instrument_limits()),
                     0);
    for (uint16_t session = 0; session < HARNESS_SESSIONS; session++) {
        uint8_t uuid[16];

        harness_uuid(session, uuid);
        cr_assert_eq(harness_session_set(h, session, session / 2u, 0), 0);
        cr_assert_eq(harness_negotiate(h, session, uuid, 1), 0);
        cr_assert_eq(harness_establish(h, session, uuid, false), 0);
    }
}

static inline struct engine_cfg
harness_default_cfg(void)
{
    return (struct engine_cfg){
        .shard = 3,
        .orders_max = 1024,
        .instruments_max = 16,
        .accounts_max = 16,
        .groups_max = 8,
        .firms_max = 4,
        .sessions_max = 8,
        .positions_max = 64,
        .pages_max = 256,
        .extras_max = 256,
    };
}

/* harness_init_bare makes the engines alone: nothing is applied. */
static inline void
harness_init_bare(struct harness *h, const struct engine_cfg *cfg)
{
    const struct engine_cfg some = cfg != NULL ? *cfg : harness_default_cfg();
    const size_t bytes = engine_footprint(&some);

    cr_assert_neq(bytes, 0);
    *h = (struct harness){.cfg = some, .check = true, .time_ns = 1000};
    h->engine = engine_init(harness_map(bytes), &some);
    h->twin = engine_init(harness_map(bytes), &some);
    h->reckon = reckon_init(harness_map(reckon_footprint(&some)), &some);
    engine_salt(h->twin, UINT64_C(0x5a17ed)); /* of no effect */
    h->cells = harness_map(HARNESS_CELLS_MAX * sizeof *h->cells);
    h->twin_cells = harness_map(HARNESS_CELLS_MAX * sizeof *h->cells);
}

/* harness_init makes the engines, applies Genesis and sets up the parties. */
static inline void
harness_init(struct harness *h, const struct engine_cfg *cfg)
{
    union cell genesis;

    harness_init_bare(h, cfg);
    engine_genesis(&h->cfg, h->time_ns, &genesis);
    cr_assert_eq(harness_apply(h, &genesis), ENGINE_DONE);
    cr_assert_eq(harness_outcome(h), 0);
    harness_parties(h);
}

static inline void
harness_fini(struct harness *h)
{
    const size_t bytes = engine_footprint(&h->cfg);

    (void)munmap(h->engine, bytes);
    (void)munmap(h->reckon, reckon_footprint(&h->cfg));
    if (h->twin != NULL)
        (void)munmap(h->twin, bytes);
    (void)munmap(h->cells, HARNESS_CELLS_MAX * sizeof *h->cells);
    (void)munmap(h->twin_cells, HARNESS_CELLS_MAX * sizeof *h->cells);
}

/* harness_quiet drops the checks that cost O(state) per command, for long
 * runs. There is no way back: the twin is no longer at the same place. */
static inline void
harness_quiet(struct harness *h)
{
    h->check = false;
    if (h->twin != NULL)
        (void)munmap(h->twin, engine_footprint(&h->cfg));
    h->twin = NULL;
}

#endif
