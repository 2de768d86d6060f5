#include <inttypes.h>

#include "tests/scenario/text_parts.h"

void
text_put_subject(struct line *line, uint8_t level, uint32_t subject)
{
    static const char letters[] = "?SAGFIA";

    text_put(line, " %c%" PRIu32, level < sizeof letters - 1 ? letters[level] : '?', subject);
}

void
text_put_amount(struct line *line, const char *before, uint8_t limit, int64_t amount)
{
    if (text_limit_is_money(limit))
        text_put_px(line, before, amount);
    else
        text_put(line, "%s%" PRId64, before, amount);
}

static void
put_limit(struct line *line, const struct cell_limit_set *set)
{
    text_put(line, "limit");
    text_put_subject(line, set->level, set->subject);
    if (set->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        text_put(line, " I%u", set->instrument);
    text_put(line, " %s", cell_risk_limit_name(set->limit));
    if (set->value == INT64_MAX)
        text_put(line, " none");
    else
        text_put_amount(line, " ", set->limit, set->value);
    if (set->window_ns != 0)
        text_put(line, " in %" PRIu64 "ns", set->window_ns);
    if (set->warn_permille != 0)
        text_put(line, " warn %u", set->warn_permille);
    if (set->slow_permille != 0)
        text_put(line, " slow %u", set->slow_permille);
    if (set->close_permille != 0)
        text_put(line, " close %u", set->close_permille);
    if (set->block_permille != 0)
        text_put(line, " block %u", set->block_permille);
    if (set->slow_ms != 0)
        text_put(line, " pause-ms %u", set->slow_ms);
    if (set->cancels != 0)
        text_put(line, " cancels");
}

static void
put_restriction(struct line *line, const struct cell_restriction_set *set)
{
    text_put(line, "restriction");
    text_put_subject(line, set->level, set->subject);
    if (set->instrument == CELL_ANY)
        text_put(line, " all");
    else
        text_put(line, " I%u", set->instrument);
    text_put(line, set->restricted != 0 ? " restricted" : " allowed");
}

static void
put_order_rule(struct line *line, const struct cell_order_rule_set *set)
{
    text_put(line, "order-rule");
    text_put_subject(line, set->level, set->subject);
    text_put(line, " types %u tifs %u", set->types, set->tifs);
    if (set->references != 0)
        text_put(line, " references %u", set->references);
    if (set->covered != 0)
        text_put(line, " covered");
    if (set->unreferenced != 0)
        text_put(line, " unreferenced");
}

bool
text_put_admin(struct line *line, const union cell *cells)
{
    static const char *const modes[] = {"add", "set"};

    switch (cell_kind(cells)) {
    case CELL_KIND_LIMIT_SET:
        put_limit(line, &cells->limit_set);
        return true;
    case CELL_KIND_FEE_SET:
        text_put(line, "fees I%u maker %d taker %d", cells->fee_set.instrument,
                 cells->fee_set.maker_ppm, cells->fee_set.taker_ppm);
        return true;
    case CELL_KIND_CASH_MOVE:
        text_put(line, "cash A%u %s", cells->cash_move.account, modes[cells->cash_move.mode]);
        text_put_px(line, " ", cells->cash_move.amount);
        return true;
    case CELL_KIND_POSITION_MOVE:
        text_put(line, "units A%u I%u %s %" PRId64, cells->position_move.account,
                 cells->position_move.instrument, modes[cells->position_move.mode],
                 cells->position_move.qty);
        return true;
    case CELL_KIND_MARK_SET:
        text_put(line, "mark I%u", cells->mark_set.instrument);
        text_put_px(line, " ", cells->mark_set.px);
        text_put(line, cells->mark_set.settlement != 0 ? " settlement" : "");
        return true;
    case CELL_KIND_KILL:
        text_put(line, "kill");
        text_put_subject(line, cells->kill.level, cells->kill.subject);
        text_put(line, cells->kill.cancels != 0 ? "" : " block-only");
        return true;
    case CELL_KIND_ENABLE:
        text_put(line, "enable");
        text_put_subject(line, cells->enable.level, cells->enable.subject);
        return true;
    case CELL_KIND_DAY_ROLL:
        text_put(line, "day %u", cells->day_roll.date);
        return true;
    case CELL_KIND_RESTRICTION_SET:
        put_restriction(line, &cells->restriction_set);
        return true;
    case CELL_KIND_ORDER_RULE_SET:
        put_order_rule(line, &cells->order_rule_set);
        return true;
    default:
        return false;
    }
}
