#include "engine/command.h"

#include "proto/limits.h"
#include "proto/orders.h"

/* is_author says whether an Author stands where it may. */
static bool
is_author(const union cell *cells, unsigned at, unsigned place)
{
    return at == place && cell_kind(&cells[at]) == CELL_KIND_AUTHOR;
}

/* continues says whether the cell at place `at` may stand there in the message
 * that cells[0] opens. A RiskDetail is what a journaled refusal has; it is no
 * part of a request, but harmless, and ends the message. */
static bool
continues(const union cell *cells, unsigned at)
{
    const unsigned kind = cell_kind(&cells[at]);
    const unsigned before = cell_kind(&cells[at - 1]);

    switch (cell_kind(cells)) {
    case CELL_KIND_ACCOUNT_SET:
        return (at == 1 && kind == CELL_KIND_ACCOUNT_LIMITS) || is_author(cells, at, 2);
    case CELL_KIND_INSTRUMENT_SET:
        return (at == 1 && kind == CELL_KIND_INSTRUMENT_LIMITS) || is_author(cells, at, 2);
    case CELL_KIND_FIRM_SET:
    case CELL_KIND_GROUP_SET:
    case CELL_KIND_POSITION_LIMIT_SET:
    case CELL_KIND_PERMISSION_SET:
    case CELL_KIND_SESSION_SET:
    case CELL_KIND_INSTRUMENT_STATE_SET:
        return is_author(cells, at, 1);
    case CELL_KIND_ORDER_CANCEL:
        return at == 1 && kind == CELL_KIND_RISK_DETAIL;
    case CELL_KIND_ORDER_REPLACE:
        if (at == 1)
            return kind == CELL_KIND_REPLACE_DETAIL;
        return kind == CELL_KIND_RISK_DETAIL ? before != CELL_KIND_RISK_DETAIL
                                             : at == 2 && kind == CELL_KIND_REPLACE_TERMS;
    case CELL_KIND_ORDER_NEW:
        if (kind == CELL_KIND_ORDER_LINK)
            return before == CELL_KIND_ORDER_EXTENSION;
        return kind == CELL_KIND_RISK_DETAIL ? before != CELL_KIND_RISK_DETAIL
                                             : at == 1 && kind == CELL_KIND_ORDER_EXTENSION;
    case CELL_KIND_MASS_QUOTE:
        return kind == CELL_KIND_QUOTE_PAIR;
    default:
        return cell_takes_author(cell_kind(cells)) && is_author(cells, at, 1);
    }
}

/* quotes_whole says whether a mass quote of count cells has as many entries as
 * it says, and nothing where the second entry of the last pair is none. */
static bool
quotes_whole(const union cell *cells, unsigned count)
{
    const struct cell_mass_quote *quote = &cells[0].mass_quote;

    if (quote->entries_cnt < 1 || quote->entries_cnt > QUOTE_ENTRIES_MAX ||
        count != 1 + (quote->entries_cnt + 1) / 2 ||
        !oe_self_match_prevention_instruction_valid(cell_stp(quote->stp_capacity)))
        return false;
    if (quote->entries_cnt % 2 == 0)
        return true;

    const struct cell_quote_pair *last = &cells[count - 1].quote_pair;

    return last->instrument2 == 0 && last->bid_px2 == 0 && last->ask_px2 == 0 &&
           last->bid_qty2 == 0 && last->ask_qty2 == 0;
}

/* cells_min returns the least number of cells of a command. */
static unsigned
cells_min(unsigned kind)
{
    switch (kind) {
    case CELL_KIND_ACCOUNT_SET:
    case CELL_KIND_INSTRUMENT_SET:
    case CELL_KIND_ORDER_REPLACE:
    case CELL_KIND_MASS_QUOTE:
        return 2;
    default:
        return cell_takes_author(kind) ? 2 : 1;
    }
}

/* terms_whole says whether a replace with terms asks for what there is: only what gets
 * smaller names an order by the id that it keeps. */
static bool
terms_whole(const union cell *cells)
{
    const struct cell_replace_terms *terms = &cells[2].replace_terms;
    const struct cell_replace_detail *detail = &cells[1].replace_detail;

    if ((terms->flags & CELL_REPLACE_FLAGS_REDUCE) == 0)
        return (terms->flags & CELL_REPLACE_FLAGS_MODIFY) == 0;
    return (cell_shape(cells) & CELL_BY_ID) == 0 &&
           cells->order_replace.clord == detail->orig_clord &&
           (terms->flags & CELL_REPLACE_FLAGS_OR_CANCEL) == 0 &&
           (detail->display_qty | detail->min_qty) == 0 && detail->stop_px == 0 &&
           detail->expire_time == 0;
}

bool
command_replace_cancels(const union cell *cells, unsigned reason)
{
    const union cell *terms = replace_terms(cells);

    if (terms == NULL || (terms->replace_terms.flags & CELL_REPLACE_FLAGS_OR_CANCEL) == 0)
        return false;
    switch (reason) {
    case OE_REJECT_REASON_NONE:
    case OE_REJECT_REASON_UNKNOWN_ORDER:
    case OE_REJECT_REASON_DUPLICATE_CL_ORD_ID:
    /* It is not what is asked for: it may not be asked for now. */
    case OE_REJECT_REASON_THROTTLED:
    case OE_REJECT_REASON_KILL_SWITCH:
    case OE_REJECT_REASON_JOURNAL_SPACE:
        return false;
    default:
        return true;
    }
}

bool
command_well_formed(const union cell *cells, unsigned count)
{
    const unsigned kind = cell_kind(cells);

    if (UNLIKELY(!cell_is_command(cells) || count < cells_min(kind) || !cell_valid(cells)))
        return false;
    for (unsigned i = 1; i < count; i++)
        if (UNLIKELY(!continues(cells, i) || !cell_valid(&cells[i])))
            return false;
    if (UNLIKELY(kind == CELL_KIND_ORDER_REPLACE) && UNLIKELY(count > 2) &&
        cell_kind(&cells[2]) == CELL_KIND_REPLACE_TERMS)
        return terms_whole(cells);
    return LIKELY(kind != CELL_KIND_MASS_QUOTE) || quotes_whole(cells, count);
}
