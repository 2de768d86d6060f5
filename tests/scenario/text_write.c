#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/scenario/text.h"

/* A line that grows; what does not fit is cut, which no line comes near. */
struct line {
    char *text;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void
put(struct line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int len = vsnprintf(line->text + line->used, TEXT_LINE_MAX - line->used, format, args);

    va_end(args);
    ASSERT(len >= 0);
    line->used += (size_t)len;
    ASSERT(line->used < TEXT_LINE_MAX);
}

static void
put_px(struct line *line, const char *before, px_t px)
{
    char word[32];

    text_write_px(px, word);
    put(line, "%s%s", before, word);
}

static void
put_session(struct line *line, uint16_t session)
{
    if (session == CELL_SESSION)
        put(line, " X");
    else
        put(line, " S%u", session);
}

static void
put_instrument(struct line *line, uint32_t instrument)
{
    if (instrument != 1)
        put(line, " I%u", instrument);
}

static void
put_extension(struct line *line, const struct cell_order_extension *extension)
{
    put(line, " client %u", extension->client_code);
    if (extension->display_qty != 0)
        put(line, " display %u", extension->display_qty);
    if (extension->min_qty != 0)
        put(line, " min %u", extension->min_qty);
    if (extension->stop_px != 0)
        put_px(line, " stop ", extension->stop_px);
    if (extension->expire_time != 0)
        put(line, " expire %" PRIu64, extension->expire_time);
    if (extension->peg_offset_px != 0)
        put_px(line, " peg ", extension->peg_offset_px);
}

static void
put_tif(struct line *line, uint8_t tif)
{
    if (tif == OE_TIME_IN_FORCE_GOOD_TILL_CANCEL)
        put(line, " gtc");
    else if (tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL)
        put(line, " ioc");
    else if (tif == OE_TIME_IN_FORCE_FILL_OR_KILL)
        put(line, " fok");
    else if (tif != OE_TIME_IN_FORCE_DAY)
        put(line, " tif %s", oe_time_in_force_name(tif));
}

static void
put_new(struct line *line, const struct command *command)
{
    const struct cell_order_new *req = &command->cells[0].order_new;
    const bool market = req->ord_type == OE_ORD_TYPE_MARKET && req->px == 0;

    put(line, "new");
    put_session(line, req->session);
    put(line, " A%u", req->account);
    put_instrument(line, req->instrument);
    put(line, " %s %u", cell_is_sell(command->cells) ? "sell" : "buy", req->qty);
    if (market)
        put(line, " market");
    else
        put_px(line, " @ ", req->px);
    put(line, " id %" PRIu64, req->clord);
    if (!market && req->ord_type != OE_ORD_TYPE_LIMIT)
        put(line, " type %s", oe_ord_type_name(req->ord_type));
    put_tif(line, req->tif);
    if (req->exec_inst == OE_EXEC_INST_POST_ONLY)
        put(line, " post-only");
    else if (req->exec_inst != 0)
        put(line, " exec-inst %u", req->exec_inst);
    if (req->stp_capacity != 0)
        put(line, " stp-capacity %u", req->stp_capacity);
    if (req->in_no != 0)
        put(line, " in-no %u", req->in_no);
    if (command->count > 1)
        put_extension(line, &command->cells[1].order_extension);
}

static void
put_target(struct line *line, const struct text_target *target, uint64_t orig_clord)
{
    if (target->by_id)
        put(line, " order S%u/%" PRIu64, target->session, target->clord);
    else
        put(line, " id %" PRIu64, orig_clord);
}

static void
put_cancel(struct line *line, const struct command *command, const struct text_target *target)
{
    const struct cell_order_cancel *req = &command->cells[0].order_cancel;

    put(line, "cancel");
    put_session(line, req->session);
    put_instrument(line, req->instrument);
    put_target(line, target, req->orig_clord);
    put(line, " as %" PRIu64, req->clord);
}

static void
put_replace(struct line *line, const struct command *command, const struct text_target *target)
{
    const struct cell_order_replace *req = &command->cells[0].order_replace;

    put(line, "replace");
    put_session(line, req->session);
    put_instrument(line, req->instrument);
    put_target(line, target, command->cells[1].replace_detail.orig_clord);
    put(line, " to %u", req->qty);
    put_px(line, " @ ", req->px);
    put(line, " as %" PRIu64, req->clord);
}

static void
put_mass_cancel(struct line *line, const struct cell_mass_cancel *req)
{
    static const char letters[] = {'S', 'A', 'G', 'F'};
    static const char *const scopes[] = {"session", "account", "group", "firm"};

    put(line, "mass-cancel");
    put_session(line, req->session);
    put(line, " %s", scopes[req->scope]);
    if (req->scope != OE_MASS_CANCEL_SCOPE_SESSION)
        put(line, " %c%u", letters[req->scope], req->target);
    if (req->instrument != CELL_ANY)
        put(line, " in I%u", req->instrument);
    if (req->account != CELL_ANY)
        put(line, " of A%u", req->account);
    if (req->side != OE_SIDE_FILTER_ANY)
        put(line, req->side == OE_SIDE_FILTER_SELL ? " sell" : " buy");
    if (req->reason != OE_CANCEL_REASON_MASS_CANCEL)
        put(line, " reason %s", oe_cancel_reason_name(req->reason));
    put(line, " as %" PRIu64, req->clord);
}

static void
put_account(struct line *line, const union cell *cells)
{
    const struct cell_account_set *set = &cells[0].account_set;
    const struct cell_account_limits *limits = &cells[1].account_limits;

    put(line, "account A%u G%u", set->account, set->group);
    if (set->state != CELL_ACCOUNT_STATE_ACTIVE)
        put(line, " state %s", cell_account_state_name(set->state));
    if (limits->order_qty_max != UINT32_MAX)
        put(line, " qty-max %u", limits->order_qty_max);
    if (limits->order_value_max != INT64_MAX)
        put_px(line, " value-max ", limits->order_value_max);
    put(line, " long %" PRIu64 " short %" PRIu64, limits->long_max, limits->short_max);
}

static void
put_instrument_set(struct line *line, const union cell *cells)
{
    const struct cell_instrument_set *set = &cells[0].instrument_set;
    const struct cell_instrument_limits *limits = &cells[1].instrument_limits;

    put(line, "instrument I%u", set->instrument);
    put_px(line, " tick ", set->tick_px);
    put(line, " lot %u", set->lot_qty);
    if (set->state != CELL_INSTRUMENT_STATE_OPEN)
        put(line, " state %s", cell_instrument_state_name(set->state));
    put(line, " qty-min %u", limits->order_qty_min);
    if (limits->order_qty_max != UINT32_MAX)
        put(line, " qty-max %u", limits->order_qty_max);
    if (limits->order_value_max != INT64_MAX)
        put_px(line, " value-max ", limits->order_value_max);
    if (limits->reference_px != 0)
        put_px(line, " ref ", limits->reference_px);
    if (limits->collar_ticks != 0)
        put(line, " collar-ticks %u", limits->collar_ticks);
    if (limits->collar_permille != 0)
        put(line, " collar-permille %u", limits->collar_permille);
    if (limits->band_low_px != 0)
        put_px(line, " low ", limits->band_low_px);
    if (limits->band_high_px != 0)
        put_px(line, " high ", limits->band_high_px);
}

/* put_setup writes a command that configures the exchange. */
static void
put_setup(struct line *line, const union cell *cells)
{
    switch (cell_kind(cells)) {
    case CELL_KIND_FIRM_SET:
        put(line, "firm F%u", cells->firm_set.firm);
        break;
    case CELL_KIND_GROUP_SET:
        put(line, "group G%u F%u", cells->group_set.group, cells->group_set.firm);
        break;
    case CELL_KIND_SESSION_SET:
        put(line, "session S%u F%u", cells->session_set.session, cells->session_set.firm);
        if (cells->session_set.cancel_on_disconnect_ms != 0)
            put(line, " grace %u", cells->session_set.cancel_on_disconnect_ms);
        break;
    case CELL_KIND_SESSION_NEGOTIATE:
        put(line, "negotiate S%u", cells->session_negotiate.session);
        break;
    case CELL_KIND_SESSION_ESTABLISH:
        put(line, "establish S%u", cells->session_establish.session);
        break;
    case CELL_KIND_SESSION_UNBIND:
        put(line, "unbind S%u", cells->session_unbind.session);
        break;
    case CELL_KIND_ACCOUNT_SET:
        put_account(line, cells);
        break;
    case CELL_KIND_INSTRUMENT_SET:
        put_instrument_set(line, cells);
        break;
    case CELL_KIND_POSITION_LIMIT_SET:
        put(line, "position-limit A%u I%u long %" PRIu64 " short %" PRIu64,
            cells->position_limit_set.account, cells->position_limit_set.instrument,
            cells->position_limit_set.long_max, cells->position_limit_set.short_max);
        break;
    case CELL_KIND_PERMISSION_SET:
        put(line, "permission G%u I%u %s", cells->permission_set.group,
            cells->permission_set.instrument,
            cells->permission_set.restricted != 0 ? "restricted" : "allowed");
        break;
    case CELL_KIND_CLOCK:
        put(line, "wait %" PRIu64, cells->clock.time);
        break;
    case CELL_KIND_SESSION_SEQUENCE:
        put(line, "skip S%u %" PRIu64, cells->session_sequence.session,
            cells->session_sequence.next_no);
        break;
    default:
        put(line, "# %s", cell_kind_name(cell_kind(cells)));
        break;
    }
}

void
text_write_command(const struct command *command,
                   const struct text_target *target,
                   char text[TEXT_LINE_MAX])
{
    struct line line = {.text = text};

    switch (cell_kind(command->cells)) {
    case CELL_KIND_ORDER_NEW:
        put_new(&line, command);
        break;
    case CELL_KIND_ORDER_CANCEL:
        put_cancel(&line, command, target);
        break;
    case CELL_KIND_ORDER_REPLACE:
        put_replace(&line, command, target);
        break;
    case CELL_KIND_MASS_CANCEL:
        put_mass_cancel(&line, &command->cells[0].mass_cancel);
        break;
    default:
        put_setup(&line, command->cells);
        break;
    }
}

/* put_outcome writes what became of the command itself. */
static void
put_outcome(struct line *line, const union cell *message)
{
    const struct cell_replace_detail *detail = &message[1].replace_detail;

    if (cell_outcome(message) != 0) {
        put(line, "rejected %s", oe_reject_reason_name(cell_outcome(message)));
        return;
    }
    put(line, "accepted");
    if (cell_kind(message) == CELL_KIND_ORDER_CANCEL)
        put(line, ", %u out", message->order_cancel.removed_qty);
    if (cell_kind(message) == CELL_KIND_ORDER_REPLACE && detail->new_leaves > 0)
        put(line, ", %s priority",
            detail->new_order_id == message->order_replace.order_id ? "keeps" : "loses");
}

unsigned
text_write_message(const union cell *message, char text[TEXT_LINE_MAX])
{
    struct line line = {.text = text};

    switch (cell_kind(message)) {
    case CELL_KIND_TRADE:
        put(&line, "trade %u", message->trade.qty);
        put_px(&line, " @ ", message->trade.px);
        put(&line, " with id %" PRIu64, message[1].trade_maker.clord);
        break;
    case CELL_KIND_ORDER_CANCELED:
        put(&line, "canceled id %" PRIu64 " %u %s", message->order_canceled.clord,
            message->order_canceled.removed_qty,
            oe_cancel_reason_name(message->order_canceled.reason));
        break;
    case CELL_KIND_MASS_CANCELED:
        put(&line, "mass-canceled %u", message->mass_canceled.count);
        break;
    case CELL_KIND_SESSION_NOT_APPLIED:
        put(&line, "not-applied %" PRIu64 " from %" PRIu64, message->session_not_applied.count,
            message->session_not_applied.from_no);
        break;
    default:
        put_outcome(&line, message);
        break;
    }
    return cell_count(message);
}
