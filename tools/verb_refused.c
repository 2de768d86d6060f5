#include "tools/verb_refused.h"

#include "proto/base.h"
#include "proto/cell.h"
#include "proto/orders.h"

/* conflict words what is there already and is in the way. */
static const char *
conflict(unsigned kind)
{
    switch (kind) {
    case CELL_KIND_CASH_MOVE:
        return "the account would have less than its orders have reserved, or a balance beyond all "
               "range: show account tells what is free";
    case CELL_KIND_POSITION_MOVE:
        return "a covered account would have fewer units than its open sells, or a position beyond "
               "all range: show pair tells both";
    case CELL_KIND_FEE_SET:
        return "orders of the instrument are live, and have reserved the fees of now: halt it and "
               "cancel them first";
    default:
        return "it contradicts what is there";
    }
}

/* range words what does not exist or cannot be. */
static const char *
range(unsigned kind)
{
    switch (kind) {
    case CELL_KIND_DAY_ROLL:
        return "the day is not later than that of now, or none at all";
    case CELL_KIND_MARK_SET:
        return "there is no such instrument, or the price is no tick of it";
    case CELL_KIND_FEE_SET:
        return "there is no such instrument, or the rates are out of range or negative in sum";
    case CELL_KIND_LIMIT_SET:
        return "there is no such subject, the limit does not exist at that level, or the value is "
               "out of range";
    case CELL_KIND_POSITION_MOVE:
        return "there is no such account or instrument, or the position is out of range";
    default:
        return "there is no such subject, or a value is out of range";
    }
}

const char *
verb_refused(unsigned kind, uint16_t reason)
{
    switch (reason) {
    case OE_REJECT_REASON_CONFIGURATION_CONFLICT:
        return conflict(kind);
    case OE_REJECT_REASON_CONFIGURATION_RANGE:
        return range(kind);
    case OE_REJECT_REASON_POSITION_POOL_FULL:
        return "no record is left for the pair, expected a larger pools.positions";
    default:
        return "see the reject reasons of the protocol";
    }
}
