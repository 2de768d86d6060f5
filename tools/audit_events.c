#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "proto/base.h"
#include "proto/limits.h"
#include "proto/orders.h"

#include "tools/audit_rows.h"

/* put_order fills what all events of one order have; the instrument comes first,
 * for prices. */
static void
put_order(struct audit *audit, const union cell *cells, const char *event, uint32_t index)
{
    const struct cell_order_canceled *order = &cells[0].order_canceled;

    audit_put(audit, AUDIT_EVENT, event);
    audit_put_session(audit, order->session);
    audit_put_account(audit, order->account);
    audit_put_instrument(audit, order->instrument);
    audit_put_side(audit, cell_is_sell(&cells[0]));
    audit_put_u64(audit, AUDIT_ORDER_ID, order->order_id);
    audit_put_u64(audit, AUDIT_CLORD, order->clord);
    audit_put_u64(audit, AUDIT_EXEC_ID, cell_exec_id(audit->shard, cell_seq(&cells[0]), index));
}

static const char *
event_of_reason(uint8_t reason)
{
    switch (reason) {
    case OE_CANCEL_REASON_REQUESTED:
    case OE_CANCEL_REASON_MASS_CANCEL:
    case OE_CANCEL_REASON_REPLACED_BELOW_FILLED:
    case OE_CANCEL_REASON_QUOTE_REPLACED:
        return "CAME";
    case OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL:
    case OE_CANCEL_REASON_FILL_OR_KILL:
    case OE_CANCEL_REASON_MIN_QTY:
    case OE_CANCEL_REASON_EXPIRED:
        return "EXPI";
    default:
        return "CAMO";
    }
}

static void
row_order_canceled(struct audit *audit, const union cell *cells)
{
    const struct cell_order_canceled *canceled = &cells[0].order_canceled;

    put_order(audit, cells, event_of_reason(canceled->reason), canceled->index);
    audit_put(audit, AUDIT_REASON, oe_cancel_reason_name(canceled->reason));
    audit_put_u64(audit, AUDIT_LEAVES_QTY, 0);
    audit_put_u64(audit, AUDIT_CUM_QTY, canceled->cum_qty);
    audit_put_u64(audit, AUDIT_REMOVED_QTY, canceled->removed_qty);
}

/* One side of a trade, or of one that was prevented. */
struct side {
    uint16_t session;
    uint32_t account;
    uint64_t clord;
    uint64_t order_id;
    uint64_t exec_id;
    qty_t leaves_qty;
    qty_t cum_qty;
    px_t fee;
    bool sell;
    bool taker;
};

static void
row_side(struct audit *audit, const union cell *cells, const struct side *side)
{
    const struct cell_trade *trade = &cells[0].trade;
    const bool traded = cell_kind(&cells[0]) == CELL_KIND_TRADE;

    audit_put(audit, AUDIT_EVENT, !traded ? "PRVM" : side->leaves_qty == 0 ? "FILL" : "PARF");
    audit_put_session(audit, side->session);
    audit_put_account(audit, side->account);
    audit_put_instrument(audit, trade->instrument);
    audit_put_side(audit, side->sell);
    audit_put_u64(audit, AUDIT_LEAVES_QTY, side->leaves_qty);
    audit_put_u64(audit, AUDIT_CUM_QTY, side->cum_qty);
    audit_put_px(audit, traded ? AUDIT_EXEC_PRICE : AUDIT_LIMIT_PRICE, trade->px);
    audit_put_u64(audit, traded ? AUDIT_EXEC_QTY : AUDIT_QTY, trade->qty);
    audit_put(audit, AUDIT_AGGRESSOR, side->taker ? "AGRE" : "PASV");
    audit_put_u64(audit, AUDIT_MATCH_ID, cells[1].trade_maker.match_id);
    audit_put_u64(audit, AUDIT_EXEC_ID, side->exec_id);
    audit_put_u64(audit, AUDIT_ORDER_ID, side->order_id);
    audit_put_u64(audit, AUDIT_CLORD, side->clord);
    if (traded)
        audit_put_px(audit, AUDIT_FEE, side->fee);
}

/* MatchPrevented lies as Trade does up to the account and the session. */
_Static_assert(offsetof(struct cell_trade, px) == offsetof(struct cell_match_prevented, px) &&
                   offsetof(struct cell_trade, qty) == offsetof(struct cell_match_prevented, qty) &&
                   offsetof(struct cell_trade, leaves_qty) ==
                       offsetof(struct cell_match_prevented, leaves_qty),
               "read as a trade");

static void
rows_of_trade(struct audit *audit, const union cell *cells, const struct audit_place *place)
{
    const struct cell_trade *trade = &cells[0].trade;
    const struct cell_trade_maker *maker = &cells[1].trade_maker;
    const bool taker_sells = cell_is_sell(&cells[0]);
    const struct side sides[] = {
        {trade->session, trade->account, trade->clord, trade->order_id, maker->match_id,
         trade->leaves_qty, maker->taker_cum_qty, maker->taker_fee, taker_sells, true},
        {maker->session, maker->account, maker->clord, maker->order_id, maker->match_id + 1,
         maker->leaves_qty, maker->cum_qty, maker->maker_fee, !taker_sells, false},
    };

    for (unsigned i = 0; i < ARRAY_LEN(sides); i++) {
        audit_begin(audit, &cells[0], place);
        row_side(audit, cells, &sides[i]);
        audit_end(audit);
    }
}

static void
row_restated(struct audit *audit, const union cell *cells)
{
    const struct cell_order_restated *event = &cells[0].order_restated;

    put_order(audit, cells, "REMA", event->index);
    audit_put(audit, AUDIT_REASON, cell_restate_reason_name(event->reason));
    audit_put_given_px(audit, AUDIT_LIMIT_PRICE, event->px);
    audit_put_u64(audit, AUDIT_LEAVES_QTY, event->leaves_qty);
}

static void
row_refreshed(struct audit *audit, const union cell *cells)
{
    const struct cell_order_refreshed *event = &cells[0].order_refreshed;

    put_order(audit, cells, "RFSH", event->index);
    audit_put_px(audit, AUDIT_LIMIT_PRICE, event->px);
    audit_put_u64(audit, AUDIT_DISPLAY_QTY, event->shown_qty);
}

static void
row_triggered(struct audit *audit, const union cell *cells)
{
    const struct cell_order_triggered *event = &cells[0].order_triggered;

    put_order(audit, cells, "TRIG", event->index);
    audit_put_given_px(audit, AUDIT_LIMIT_PRICE, event->px);
    audit_put_u64(audit, AUDIT_LEAVES_QTY, event->leaves_qty);
    audit_put_px(audit, AUDIT_STOP_PRICE, cells[1].trigger_detail.stop_px);
    audit_add(audit, "last_px=%" PRId64, cells[1].trigger_detail.last_px);
}

/* row_mass_quote keeps the request: its prices are not in what comes of it. */
static void
row_mass_quote(struct audit *audit, const union cell *cells)
{
    const struct cell_mass_quote *quote = &cells[0].mass_quote;

    memcpy(audit->quote, cells, cell_count(cells) * sizeof *cells);
    audit_put_outcome(audit, &cells[0], "MQUO", "MQRJ");
    audit_put_session(audit, quote->session);
    audit_put_account(audit, quote->account);
    audit_put_capacity(audit, quote->stp_capacity);
    audit_put_u64(audit, AUDIT_CLORD, quote->clord);
    audit_add(audit, "entries_cnt=%u", quote->entries_cnt);
    if (cell_stp(quote->stp_capacity) != OE_SELF_MATCH_PREVENTION_INSTRUCTION_NONE)
        audit_add(audit, "stp=%s",
                  oe_self_match_prevention_instruction_name(cell_stp(quote->stp_capacity)));
}

/* One side of an entry: what was asked for, 0 if that is not known, and what
 * came of it. */
struct quoted {
    px_t px;
    qty_t qty;
    uint64_t order_id;
    uint16_t outcome;
};

/* quoted_of finds the side of the entry in the request that was kept. */
static struct quoted
quoted_of(const struct audit *audit, const struct cell_quote_entry *entry, bool sell)
{
    const struct cell_mass_quote *request = &audit->quote[0].mass_quote;
    struct quoted quoted = {
        .order_id = sell ? entry->ask_order_id : entry->bid_order_id,
        .outcome = sell ? entry->ask_outcome : entry->bid_outcome,
    };

    if (request->kind != CELL_KIND_MASS_QUOTE || request->seq != entry->seq ||
        entry->entry_no < 1 || (entry->entry_no + 1u) / 2 >= cell_count(&audit->quote[0]))
        return quoted;

    const struct cell_quote_pair *pair = &audit->quote[(entry->entry_no + 1u) / 2].quote_pair;

    if (entry->entry_no % 2 != 0) {
        quoted.px = sell ? pair->ask_px1 : pair->bid_px1;
        quoted.qty = sell ? pair->ask_qty1 : pair->bid_qty1;
    } else {
        quoted.px = sell ? pair->ask_px2 : pair->bid_px2;
        quoted.qty = sell ? pair->ask_qty2 : pair->bid_qty2;
    }
    return quoted;
}

static void
row_quoted(struct audit *audit, const union cell *cells, const struct quoted *quoted, bool sell)
{
    const struct cell_quote_entry *entry = &cells[0].quote_entry;
    const bool good = quoted->outcome == OE_REJECT_REASON_NONE;

    audit_put(audit, AUDIT_EVENT, good ? "NEWO" : "REMO");
    audit_put(audit, AUDIT_OUTCOME, good ? "accepted" : "refused");
    if (!good)
        audit_put(audit, AUDIT_REASON, oe_reject_reason_name(quoted->outcome));
    audit_put_session(audit, entry->session);
    audit_put_account(audit, entry->account);
    audit_put_instrument(audit, entry->instrument);
    audit_put_side(audit, sell);
    audit_put(audit, AUDIT_TYPE, oe_ord_type_name(OE_ORD_TYPE_LIMIT));
    audit_put(audit, AUDIT_TIF, oe_time_in_force_name(OE_TIME_IN_FORCE_DAY));
    audit_put_given_px(audit, AUDIT_LIMIT_PRICE, quoted->px);
    audit_put_u64(audit, AUDIT_QTY, quoted->qty);
    audit_put_u64(audit, AUDIT_LEAVES_QTY, good ? quoted->qty : 0);
    audit_put_u64(audit, AUDIT_CUM_QTY, 0);
    audit_put_given(audit, AUDIT_ORDER_ID, quoted->order_id);
    audit_put_u64(audit, AUDIT_CLORD, entry->clord);
    audit_put_u64(audit, AUDIT_EXEC_ID, cell_exec_id(audit->shard, entry->seq, entry->index));
    audit_add(audit, "entry_no=%u", entry->entry_no);
}

/* rows_of_entry writes a row for each side that was asked for or refused. */
static void
rows_of_entry(struct audit *audit, const union cell *cells, const struct audit_place *place)
{
    for (unsigned sell = 0; sell < 2; sell++) {
        const struct quoted quoted = quoted_of(audit, &cells[0].quote_entry, sell != 0);

        if (quoted.qty == 0 && quoted.order_id == 0 && quoted.outcome == OE_REJECT_REASON_NONE)
            continue;
        audit_begin(audit, &cells[0], place);
        row_quoted(audit, cells, &quoted, sell != 0);
        audit_end(audit);
    }
}

bool
audit_two_sides(struct audit *audit, const union cell *cells, const struct audit_place *place)
{
    switch (cell_kind(&cells[0])) {
    case CELL_KIND_TRADE:
    case CELL_KIND_MATCH_PREVENTED:
        if (!audit_has_second(cells, CELL_KIND_TRADE_MAKER))
            return false;
        rows_of_trade(audit, cells, place);
        return true;
    case CELL_KIND_QUOTE_ENTRY:
        rows_of_entry(audit, cells, place);
        return true;
    default:
        return false;
    }
}

bool
audit_event(struct audit *audit, const union cell *cells)
{
    switch (cell_kind(&cells[0])) {
    case CELL_KIND_ORDER_CANCELED:
        row_order_canceled(audit, cells);
        return true;
    case CELL_KIND_ORDER_RESTATED:
        row_restated(audit, cells);
        return true;
    case CELL_KIND_ORDER_REFRESHED:
        row_refreshed(audit, cells);
        return true;
    case CELL_KIND_ORDER_TRIGGERED:
        if (!audit_has_second(cells, CELL_KIND_TRIGGER_DETAIL))
            return false;
        row_triggered(audit, cells);
        return true;
    case CELL_KIND_MASS_QUOTE:
        row_mass_quote(audit, cells);
        return true;
    default:
        return false;
    }
}
