/*
 * Embed: what makes the engine easy to use inside another program.
 *
 *     embed_order_new(cells, OE_SIDE_BUY)->px = ...      fill in a command
 *     embed_apply(&group, engine, cells)                 apply it
 *     while ((message = embed_next(&group)) != NULL)     read what came of it
 *
 * There is nothing here that engine/engine.h and proto/cells.h cannot do: the
 * builders write the cells of a command with what every one of its kind has,
 * and give back the struct in which the caller sets the rest; embed_next walks
 * the messages of a group and asks for further slices by itself. All is inline.
 *
 * Units and ranges: a price is in 10^-8 of the currency (PX_ONE), a multiple of
 * the instrument's tick and at most 2^30 - 1 ticks; a quantity is 1 to 2^32 - 1
 * and a multiple of the instrument's lot; ids of instruments, accounts, groups
 * and firms are indexes below the maximum in engine_cfg; a ClOrdID is any
 * number that no other live order of its session has; time is nanoseconds UTC
 * and 0 stands for the time of the command before.
 *
 * Errors: what the market refuses is an outcome, a value of enum
 * oe_reject_reason (oe_reject_reason_name tells it). embed_apply is false for a
 * command that the engine drops, which can only be one of a session; builders
 * make commands of no session (CELL_SESSION), which the engine trusts. A cell
 * that is not valid ends the process: whoever takes cells from strangers asks
 * cell_valid first.
 *
 * Lifetime: cells belong to the caller and may be used again as soon as
 * embed_apply returns. A message of a group is there until the next call of
 * embed_next or embed_apply. Keep the cells of messages and nothing that points
 * into an engine.
 *
 * Time: GTD orders and what else has a timer need embed_clock. Before a command
 * whose time is at or past engine_deadline_ns, apply a Clock of that time.
 *
 * Cost: a builder clears and writes 64 or 128 bytes; embed_next is a few
 * instructions a message. A group is 16 KiB and wants to be used again and
 * again, so that it stays in the cache. No allocation, no I/O.
 */
#ifndef OUTCRY_ENGINE_EMBED_H
#define OUTCRY_ENGINE_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/sink.h"
#include "proto/cell.h"
#include "proto/types.h"

/* embed_cfg configures a small engine without risk, of some 7 MiB: one
 * instrument, 65,536 live orders, 1,024 of them with rare attributes, 1,024 pages
 * of price levels. The caller changes what does not fit. positions_max is how
 * many pairs of account and instrument can have quotes. */
static inline void
embed_cfg(struct engine_cfg *cfg)
{
    memset(cfg, 0, sizeof *cfg);
    cfg->orders_max = 65536;
    cfg->instruments_max = 1;
    cfg->accounts_max = 1;
    cfg->groups_max = 1;
    cfg->firms_max = 1;
    cfg->sessions_max = 1;
    cfg->positions_max = 1024;
    cfg->pages_max = 1024;
    cfg->extras_max = 1024;
    cfg->no_risk = true;
}

/* embed_begin clears the cells of a command and writes its frame. */
static inline void
embed_begin(union cell *cells, unsigned kind, unsigned count)
{
    memset(cells, 0, count * sizeof *cells);
    cells[0].order_new.kind = (uint8_t)kind;
    cells[0].order_new.shape = (uint8_t)count;
    cells[0].order_new.session = CELL_SESSION;
}

/* embed_name copies a text into a field of bytes, NUL padded; a longer one is cut. */
static inline void
embed_name(char *field, size_t bytes, const char *text)
{
    for (size_t i = 0; i < bytes && text[i] != '\0'; i++)
        field[i] = text[i];
}

/* embed_instrument_set makes an instrument that is open, has price-time
 * priority, lots of 1 and no limits. The caller sets tick_px, and what else it
 * wants there and in cells[1].instrument_limits. */
static inline struct cell_instrument_set *
embed_instrument_set(union cell cells[2], uint32_t instrument, const char *symbol)
{
    embed_begin(cells, CELL_KIND_INSTRUMENT_SET, 2);
    cells[0].instrument_set.instrument = instrument;
    cells[0].instrument_set.lot_qty = 1;
    embed_name(cells[0].instrument_set.symbol, sizeof cells[0].instrument_set.symbol, symbol);
    cells[1].instrument_limits.kind = CELL_KIND_INSTRUMENT_LIMITS;
    cells[1].instrument_limits.order_qty_max = QTY_MAX;
    cells[1].instrument_limits.order_value_max = PX_MAX;
    return &cells[0].instrument_set;
}

/* embed_instrument_state_set opens, halts or closes an instrument. */
static inline struct cell_instrument_state_set *
embed_instrument_state_set(union cell *cells, uint32_t instrument, enum cell_instrument_state state)
{
    embed_begin(cells, CELL_KIND_INSTRUMENT_STATE_SET, 1);
    cells[0].instrument_state_set.instrument = instrument;
    cells[0].instrument_state_set.state = (uint8_t)state;
    return &cells[0].instrument_state_set;
}

/* embed_firm_set, embed_group_set and embed_account_set make the parties of an
 * engine with risk: an account belongs to a group, a group to a firm. An account
 * has no limits unless the caller sets some in cells[1].account_limits. */
static inline struct cell_firm_set *
embed_firm_set(union cell *cells, uint32_t firm, const char *name)
{
    embed_begin(cells, CELL_KIND_FIRM_SET, 1);
    cells[0].firm_set.firm = firm;
    embed_name(cells[0].firm_set.name, sizeof cells[0].firm_set.name, name);
    return &cells[0].firm_set;
}

static inline struct cell_group_set *
embed_group_set(union cell *cells, uint32_t group, const char *name)
{
    embed_begin(cells, CELL_KIND_GROUP_SET, 1);
    cells[0].group_set.group = group;
    embed_name(cells[0].group_set.name, sizeof cells[0].group_set.name, name);
    return &cells[0].group_set;
}

static inline struct cell_account_set *
embed_account_set(union cell cells[2], uint32_t account, const char *name)
{
    embed_begin(cells, CELL_KIND_ACCOUNT_SET, 2);
    cells[0].account_set.account = account;
    embed_name(cells[0].account_set.name, sizeof cells[0].account_set.name, name);
    cells[1].account_limits.kind = CELL_KIND_ACCOUNT_LIMITS;
    cells[1].account_limits.order_qty_max = QTY_MAX;
    cells[1].account_limits.order_value_max = PX_MAX;
    cells[1].account_limits.long_max = UINT64_C(1) << 62;
    cells[1].account_limits.short_max = UINT64_C(1) << 62;
    return &cells[0].account_set;
}

/* embed_order_new enters a limit order, good for the day. The caller sets
 * instrument, clord, px and qty, account if accounts matter, and ord_type, tif,
 * exec_inst and stp_capacity if it wants another. */
static inline struct cell_order_new *
embed_order_new(union cell *cells, enum oe_side side)
{
    embed_begin(cells, CELL_KIND_ORDER_NEW, 1);
    if (side == OE_SIDE_SELL)
        cells[0].order_new.shape |= CELL_SELL;
    cells[0].order_new.ord_type = OE_ORD_TYPE_LIMIT;
    cells[0].order_new.tif = OE_TIME_IN_FORCE_DAY;
    return &cells[0].order_new;
}

/* embed_order_extension adds a second cell to an order for its rare attributes:
 * stop price, display and minimum quantity, expire time, peg offset. */
static inline struct cell_order_extension *
embed_order_extension(union cell cells[2])
{
    cells[0].order_new.shape = (uint8_t)((cells[0].order_new.shape & ~CELL_SHAPE_COUNT) | 2u);
    memset(&cells[1], 0, sizeof cells[1]);
    cells[1].order_extension.kind = CELL_KIND_ORDER_EXTENSION;
    return &cells[1].order_extension;
}

/* embed_order_link adds a third cell to an order that has an extension: a trade
 * of either cancels the other. */
static inline void
embed_order_link(union cell cells[3], uint64_t linked_clord)
{
    cells[0].order_new.shape = (uint8_t)((cells[0].order_new.shape & ~CELL_SHAPE_COUNT) | 3u);
    memset(&cells[2], 0, sizeof cells[2]);
    cells[2].order_link.kind = CELL_KIND_ORDER_LINK;
    cells[2].order_link.linked_clord = linked_clord;
}

/* embed_order_cancel cancels the order of that id. */
static inline struct cell_order_cancel *
embed_order_cancel(union cell *cells, uint32_t instrument, uint64_t order_id)
{
    embed_begin(cells, CELL_KIND_ORDER_CANCEL, 1);
    cells[0].order_cancel.shape |= CELL_BY_ID;
    cells[0].order_cancel.instrument = instrument;
    cells[0].order_cancel.order_id = order_id;
    return &cells[0].order_cancel;
}

/* embed_order_replace changes the order of that id. The caller sets clord, the
 * order's from now on, px, and qty, which is the new total with fills counted
 * in; in cells[1].replace_detail display quantity, stop price and expire time if
 * they change. The order's id afterwards is new_order_id there, in the message
 * that comes back. */
static inline struct cell_order_replace *
embed_order_replace(union cell cells[2], uint32_t instrument, uint64_t order_id)
{
    embed_begin(cells, CELL_KIND_ORDER_REPLACE, 2);
    cells[0].order_replace.shape |= CELL_BY_ID;
    cells[0].order_replace.instrument = instrument;
    cells[0].order_replace.order_id = order_id;
    cells[1].replace_detail.kind = CELL_KIND_REPLACE_DETAIL;
    return &cells[0].order_replace;
}

/* embed_mass_cancel cancels the orders of no session, all of them unless the
 * caller sets instrument, account or side, or another scope. */
static inline struct cell_mass_cancel *
embed_mass_cancel(union cell *cells)
{
    embed_begin(cells, CELL_KIND_MASS_CANCEL, 1);
    cells[0].mass_cancel.instrument = CELL_ANY;
    cells[0].mass_cancel.account = CELL_ANY;
    cells[0].mass_cancel.side = OE_SIDE_FILTER_ANY;
    cells[0].mass_cancel.scope = OE_MASS_CANCEL_SCOPE_SESSION;
    cells[0].mass_cancel.target = CELL_SESSION;
    return &cells[0].mass_cancel;
}

/* embed_clock lets time pass: what is due at or before time_ns happens. */
static inline struct cell_clock *
embed_clock(union cell *cells, uint64_t time_ns)
{
    embed_begin(cells, CELL_KIND_CLOCK, 1);
    cells[0].clock.time = time_ns;
    return &cells[0].clock;
}

/* A command and what came of it, slice by slice. */
struct embed_group {
    struct engine *engine;
    struct cell_sink sink;
    uint64_t at; /* of the next message */
    enum engine_result result;
    union cell cells[ENGINE_SLICE_CELLS_MAX]; /* of the slice in hand */
};

/* embed_apply applies a command; false if the engine dropped it. The group of
 * the command before has been read to its end. Its first message, the command
 * itself with its outcome, is in group->cells until embed_next goes beyond it. */
OUTCRY_NODISCARD static inline bool
embed_apply(struct embed_group *group, struct engine *engine, const union cell *cells)
{
    group->engine = engine;
    group->sink.cells = group->cells;
    group->sink.mask = ENGINE_SLICE_CELLS_MAX - 1;
    group->sink.pos = 0;
    group->at = 0;
    group->result = engine_apply(engine, cells, &group->sink);
    return group->result != ENGINE_DROPPED;
}

/* embed_next returns the next message of the group: cell_count cells, one behind
 * the other. NULL if there is none; then the command is done. */
static inline const union cell *
embed_next(struct embed_group *group)
{
    const union cell *message;

    while (group->at == group->sink.pos) {
        if (group->result != ENGINE_MORE)
            return NULL;
        group->at = 0;
        group->sink.pos = 0;
        group->result = engine_resume(group->engine, &group->sink);
    }
    message = &group->cells[group->at];
    group->at += cell_count(message);
    return message;
}

/* embed_run applies a command and reads over what comes of it. Returns its
 * outcome, 0 if it was accepted, -1 if it was dropped. */
OUTCRY_NODISCARD static inline int
embed_run(struct embed_group *group, struct engine *engine, const union cell *cells)
{
    int outcome;

    if (!embed_apply(group, engine, cells))
        return -1;
    outcome = cell_outcome(&group->cells[0]);
    while (embed_next(group) != NULL)
        continue;
    return outcome;
}

#endif
