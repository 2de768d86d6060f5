#include <inttypes.h>

#include "tests/scenario/text_parts.h"

static void
put_account(struct line *line, const union cell *cells)
{
    const struct cell_account_set *set = &cells[0].account_set;
    const struct cell_account_limits *limits = &cells[1].account_limits;

    text_put(line, "account A%u G%u", set->account, set->group);
    if (set->state != CELL_ACCOUNT_STATE_ACTIVE)
        text_put(line, " state %s", cell_account_state_name(set->state));
    if (limits->order_qty_max != UINT32_MAX)
        text_put(line, " qty-max %u", limits->order_qty_max);
    if (limits->order_value_max != INT64_MAX)
        text_put_px(line, " value-max ", limits->order_value_max);
    text_put(line, " long %" PRIu64 " short %" PRIu64, limits->long_max, limits->short_max);
}

static void
put_instrument_set(struct line *line, const union cell *cells)
{
    const struct cell_instrument_set *set = &cells[0].instrument_set;
    const struct cell_instrument_limits *limits = &cells[1].instrument_limits;

    text_put(line, "instrument I%u", set->instrument);
    text_put_px(line, " tick ", set->tick_px);
    text_put(line, " lot %u", set->lot_qty);
    if (set->state != CELL_INSTRUMENT_STATE_OPEN)
        text_put(line, " state %s", cell_instrument_state_name(set->state));
    if (set->algorithm != CELL_MATCH_ALGORITHM_PRICE_TIME)
        text_put(line, " algorithm %s", cell_match_algorithm_name(set->algorithm));
    if (set->allocation_min != 0)
        text_put(line, " allocation-min %u", set->allocation_min);
    if (set->fifo_permille != 0)
        text_put(line, " fifo-permille %u", set->fifo_permille);
    if (set->top_max != 0)
        text_put(line, " top-max %u", set->top_max);
    text_put(line, " qty-min %u", limits->order_qty_min);
    if (limits->order_qty_max != UINT32_MAX)
        text_put(line, " qty-max %u", limits->order_qty_max);
    if (limits->order_value_max != INT64_MAX)
        text_put_px(line, " value-max ", limits->order_value_max);
    if (limits->reference_px != 0)
        text_put_px(line, " ref ", limits->reference_px);
    if (limits->collar_ticks != 0)
        text_put(line, " collar-ticks %u", limits->collar_ticks);
    if (limits->collar_permille != 0)
        text_put(line, " collar-permille %u", limits->collar_permille);
    if (limits->band_low_px != 0)
        text_put_px(line, " low ", limits->band_low_px);
    if (limits->band_high_px != 0)
        text_put_px(line, " high ", limits->band_high_px);
}

/* put_uuid says which of its session's UUIDs it is, if it is not the first. */
static void
put_uuid(struct line *line, const uint8_t uuid[16])
{
    if (uuid[15] != 1)
        text_put(line, " uuid %u", uuid[15]);
}

void
text_put_setup(struct line *line, const union cell *cells)
{
    switch (cell_kind(cells)) {
    case CELL_KIND_FIRM_SET:
        text_put(line, "firm F%u", cells->firm_set.firm);
        break;
    case CELL_KIND_GROUP_SET:
        text_put(line, "group G%u F%u", cells->group_set.group, cells->group_set.firm);
        break;
    case CELL_KIND_SESSION_SET:
        text_put(line, "session S%u F%u", cells->session_set.session, cells->session_set.firm);
        if (cells->session_set.cancel_on_disconnect_ms != 0)
            text_put(line, " grace %u", cells->session_set.cancel_on_disconnect_ms);
        break;
    case CELL_KIND_SESSION_NEGOTIATE:
        text_put(line, "negotiate S%u", cells->session_negotiate.session);
        put_uuid(line, cells->session_negotiate.uuid);
        break;
    case CELL_KIND_SESSION_ESTABLISH:
        text_put(line, "establish S%u", cells->session_establish.session);
        put_uuid(line, cells->session_establish.uuid);
        break;
    case CELL_KIND_SESSION_UNBIND:
        text_put(line, "unbind S%u", cells->session_unbind.session);
        put_uuid(line, cells->session_unbind.uuid);
        if (cells->session_unbind.reason == CELL_UNBIND_REASON_FINISHED)
            text_put(line, " finished");
        break;
    case CELL_KIND_ACCOUNT_SET:
        put_account(line, cells);
        break;
    case CELL_KIND_INSTRUMENT_SET:
        put_instrument_set(line, cells);
        break;
    case CELL_KIND_INSTRUMENT_STATE_SET:
        text_put(line, "state I%u %s", cells->instrument_state_set.instrument,
                 cell_instrument_state_name(cells->instrument_state_set.state));
        break;
    case CELL_KIND_JOURNAL_SPACE:
        text_put(line, "journal-low %u", cells->journal_space.low);
        break;
    case CELL_KIND_POSITION_LIMIT_SET:
        text_put(line, "position-limit A%u I%u long %" PRIu64 " short %" PRIu64,
                 cells->position_limit_set.account, cells->position_limit_set.instrument,
                 cells->position_limit_set.long_max, cells->position_limit_set.short_max);
        break;
    case CELL_KIND_PERMISSION_SET:
        text_put(line, "permission G%u I%u %s", cells->permission_set.group,
                 cells->permission_set.instrument,
                 cells->permission_set.restricted != 0 ? "restricted" : "allowed");
        break;
    case CELL_KIND_CLOCK:
        text_put(line, "wait %" PRIu64 "ns", cells->clock.time);
        break;
    case CELL_KIND_SESSION_SEQUENCE:
        text_put(line, "skip S%u %" PRIu64, cells->session_sequence.session,
                 cells->session_sequence.next_no);
        if (cells->session_sequence.finished != 0)
            text_put(line, " finished");
        break;
    default:
        if (!text_put_admin(line, cells))
            text_put(line, "# %s", cell_kind_name(cell_kind(cells)));
        break;
    }
}
