#include <inttypes.h>

#include "tests/scenario/text_parts.h"

/* put_outcome writes what became of the command itself. */
static void
put_outcome(struct line *line, const union cell *message)
{
    const struct cell_replace_detail *detail = &message[1].replace_detail;

    if (cell_outcome(message) != 0) {
        text_put(line, "rejected %s", oe_reject_reason_name(cell_outcome(message)));
        return;
    }
    text_put(line, "accepted");
    if (cell_kind(message) == CELL_KIND_ORDER_CANCEL)
        text_put(line, ", %u out", message->order_cancel.removed_qty);
    if (cell_kind(message) == CELL_KIND_ORDER_REPLACE && detail->new_leaves > 0)
        text_put(line, ", %s priority",
                 detail->new_order_id == message->order_replace.order_id ? "keeps" : "loses");
}

/* put_taker names the order that took if the command did not enter it. */
static void
put_taker(struct line *line, const union cell *message)
{
    const union cell *command = message;

    /* In a group only the command itself has the kind of one. */
    while (!cell_is_command(command))
        command--;
    if (message->trade.session != command->order_new.session ||
        message->trade.clord != command->order_new.clord)
        text_put(line, " by id %" PRIu64, message->trade.clord);
}

/* put_fees writes what both sides pay, if that is anything. */
static void
put_fees(struct line *line, const struct cell_trade_maker *maker)
{
    if (maker->taker_fee == 0 && maker->maker_fee == 0)
        return;
    text_put_px(line, ", fees ", maker->taker_fee);
    text_put_px(line, " ", maker->maker_fee);
}

/* put_stage writes what became of use of a limit, or of the word of an operator. */
static void
put_stage(struct line *line, const union cell *message)
{
    const struct cell_risk_action *event = &message->risk_action;

    text_put_subject(line, event->level, event->subject);
    if (event->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        text_put(line, " I%u", event->instrument);
    text_put(line, " %s", cell_risk_stage_name(event->stage));
    if (event->limit != CELL_RISK_LIMIT_NONE) {
        text_put(line, " by %s", cell_risk_limit_name(event->limit));
        text_put_amount(line, ", ", event->limit, event->used);
        if (event->value == INT64_MAX)
            text_put(line, " of none");
        else
            text_put_amount(line, " of ", event->limit, event->value);
    }
    if (event->kind == CELL_KIND_RISK_ACTION &&
        (event->stage == CELL_RISK_STAGE_BLOCKED || event->stage == CELL_RISK_STAGE_KILLED ||
         event->stage == CELL_RISK_STAGE_LOWERED))
        text_put(line, ", %u out", event->count);
}

/* put_result writes what became of one side of a quote. */
static void
put_result(struct line *line, const char *side, uint64_t order_id, uint16_t outcome)
{
    const char *result = order_id != 0 ? "accepted" : "none";

    text_put(line, " %s %s", side, outcome != 0 ? oe_reject_reason_name(outcome) : result);
}

/* put_change writes an event that leaves an order live. */
static void
put_change(struct line *line, const union cell *message)
{
    switch (cell_kind(message)) {
    case CELL_KIND_ORDER_RESTATED:
        text_put(line, "restated id %" PRIu64 " %u", message->order_restated.clord,
                 message->order_restated.leaves_qty);
        if (message->order_restated.px != 0)
            text_put_px(line, " @ ", message->order_restated.px);
        else
            text_put(line, " %s",
                     message->order_restated.reason == CELL_RESTATE_REASON_PEG ? "parked"
                                                                               : "market");
        text_put(line, " %s", cell_restate_reason_name(message->order_restated.reason));
        break;
    case CELL_KIND_ORDER_REFRESHED:
        text_put(line, "refreshed id %" PRIu64 " shows %u", message->order_refreshed.clord,
                 message->order_refreshed.shown_qty);
        text_put_px(line, " @ ", message->order_refreshed.px);
        break;
    case CELL_KIND_ORDER_TRIGGERED:
        text_put(line, "triggered id %" PRIu64 " %u", message->order_triggered.clord,
                 message->order_triggered.leaves_qty);
        if (message->order_triggered.px != 0)
            text_put_px(line, " @ ", message->order_triggered.px);
        else
            text_put(line, " market");
        text_put_px(line, ", stop ", message[1].trigger_detail.stop_px);
        text_put_px(line, ", last ", message[1].trigger_detail.last_px);
        break;
    default:
        UNREACHABLE("not such an event");
    }
}

unsigned
text_write_message(const union cell *message, char text[TEXT_LINE_MAX])
{
    struct line line = {.text = text};

    switch (cell_kind(message)) {
    case CELL_KIND_TRADE:
    case CELL_KIND_MATCH_PREVENTED: /* its cells are laid out alike */
        text_put(&line, "%s %u", cell_kind(message) == CELL_KIND_TRADE ? "trade" : "prevented",
                 message->trade.qty);
        text_put_px(&line, " @ ", message->trade.px);
        text_put(&line, " with id %" PRIu64, message[1].trade_maker.clord);
        put_taker(&line, message);
        put_fees(&line, &message[1].trade_maker);
        break;
    case CELL_KIND_RISK_WARNING: /* laid out as an action is */
    case CELL_KIND_RISK_ACTION:
        text_put(&line, cell_kind(message) == CELL_KIND_RISK_WARNING ? "warning" : "action");
        put_stage(&line, message);
        break;
    case CELL_KIND_ORDER_RESTATED:
    case CELL_KIND_ORDER_REFRESHED:
    case CELL_KIND_ORDER_TRIGGERED:
        put_change(&line, message);
        break;
    case CELL_KIND_QUOTE_ENTRY:
        text_put(&line, "entry I%u", message->quote_entry.instrument);
        put_result(&line, "bid", message->quote_entry.bid_order_id,
                   message->quote_entry.bid_outcome);
        text_put(&line, ",");
        put_result(&line, "ask", message->quote_entry.ask_order_id,
                   message->quote_entry.ask_outcome);
        break;
    case CELL_KIND_ORDER_CANCELED:
        text_put(&line, "canceled id %" PRIu64 " %u %s", message->order_canceled.clord,
                 message->order_canceled.removed_qty,
                 oe_cancel_reason_name(message->order_canceled.reason));
        break;
    case CELL_KIND_MASS_CANCELED:
        text_put(&line, "mass-canceled %u", message->mass_canceled.count);
        break;
    case CELL_KIND_SESSION_NOT_APPLIED:
        text_put(&line, "not-applied %" PRIu64 " from %" PRIu64, message->session_not_applied.count,
                 message->session_not_applied.from_no);
        break;
    default:
        put_outcome(&line, message);
        break;
    }
    return cell_count(message);
}
