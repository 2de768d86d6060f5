/*
 * Admin: the word of an operator on risk (docs/risk.md, Administration). What
 * concerns orders in books or sessions is the engine's, all else risk's.
 */
#include "engine/work.h"

/* risk_session_of returns what risk keeps in the session that a command names, NULL
 * if its level is another. False if there is no such session. */
static bool
risk_session_of(struct engine *engine,
                uint8_t level,
                uint32_t subject,
                struct risk_session **session)
{
    *session = NULL;
    if (level != OE_RISK_LEVEL_SESSION)
        return true;

    struct session *found = session_set_of(&engine->sessions, subject);

    if (found == NULL)
        return false;
    *session = &found->risk;
    return true;
}

static enum oe_reject_reason
limit_set(struct engine *engine, const struct cell_limit_set *set, const struct cell_author *author)
{
    struct risk_session *session;

    if (!risk_session_of(engine, set->level, set->subject, &session))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    return risk_apply_limit(engine->risk, session, set, author);
}

/* fee_set: the fees of an instrument stay while any order has reserved at them. What
 * is out of range is left to risk, which says so first. */
static enum oe_reject_reason
fee_set(struct engine *engine, const struct cell_fee_set *set)
{
    const bool in_range = set->maker_ppm >= -FEE_PPM_MAX && set->maker_ppm <= FEE_PPM_MAX &&
                          set->taker_ppm >= 0 && set->taker_ppm <= FEE_PPM_MAX &&
                          set->maker_ppm + set->taker_ppm >= 0;

    if (in_range && risk_instrument_known(engine->risk, set->instrument) &&
        !book_is_idle(&engine->books[set->instrument], &engine->rares[set->instrument]))
        return OE_REJECT_REASON_CONFIGURATION_CONFLICT;
    return risk_apply_fee(engine->risk, set);
}

/* order_rule_set also notes in the book whether its middle is asked for. */
static enum oe_reject_reason
order_rule_set(struct engine *engine, const struct cell_order_rule_set *set)
{
    const enum oe_reject_reason reason = risk_apply_order_rule(engine->risk, set);

    if (reason == OE_REJECT_REASON_NONE && set->level == OE_RISK_LEVEL_INSTRUMENT) {
        uint8_t *flags = &engine->books[set->subject].flags;
        const unsigned mid = risk_wants_mid(engine->risk, set->subject) ? BOOK_MID : 0u;
        const unsigned unlasted = risk_wants_last(engine->risk, set->subject) ? 0u : BOOK_UNLASTED;

        *flags = (uint8_t)((*flags & ~(BOOK_MID | BOOK_UNLASTED)) | mid | unlasted);
    }
    return reason;
}

static enum oe_reject_reason
kill_set(struct engine *engine, const struct cell_kill *kill)
{
    struct risk_session *session;

    if (!risk_session_of(engine, kill->level, kill->subject, &session))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    return risk_apply_kill(engine->risk, session, kill);
}

static enum oe_reject_reason
enable_set(struct engine *engine, const struct cell_enable *enable)
{
    struct risk_session *session;

    if (!risk_session_of(engine, enable->level, enable->subject, &session))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    return risk_apply_enable(engine->risk, session, enable);
}

static enum oe_reject_reason
hand_back(struct engine *engine, const struct cell_hand_back *back)
{
    struct risk_session *session;

    if (!risk_session_of(engine, back->level, back->subject, &session))
        return OE_REJECT_REASON_CONFIGURATION_RANGE;
    return risk_apply_hand_back(engine->risk, session, back);
}

enum oe_reject_reason
admin_apply(struct engine *engine, const union cell *cells)
{
    ASSERT(cell_kind(&cells[1]) == CELL_KIND_AUTHOR);
    ASSERT(!engine->cfg.no_risk);
    switch (cell_kind(&cells[0])) {
    case CELL_KIND_LIMIT_SET:
        return limit_set(engine, &cells[0].limit_set, &cells[1].author);
    case CELL_KIND_FEE_SET:
        return fee_set(engine, &cells[0].fee_set);
    case CELL_KIND_CASH_MOVE:
        return risk_apply_cash(engine->risk, &cells[0].cash_move);
    case CELL_KIND_POSITION_MOVE:
        return risk_apply_position(engine->risk, &cells[0].position_move);
    case CELL_KIND_RESTRICTION_SET:
        return risk_apply_restriction(engine->risk, &cells[0].restriction_set);
    case CELL_KIND_ORDER_RULE_SET:
        return order_rule_set(engine, &cells[0].order_rule_set);
    case CELL_KIND_KILL:
        return kill_set(engine, &cells[0].kill);
    case CELL_KIND_ENABLE:
        return enable_set(engine, &cells[0].enable);
    case CELL_KIND_HAND_BACK:
        return hand_back(engine, &cells[0].hand_back);
    case CELL_KIND_MARK_SET:
        return risk_mark_begin(engine->risk, &cells[0].mark_set);
    case CELL_KIND_DAY_ROLL:
        return risk_day_begin(engine->risk, &cells[0].day_roll);
    default:
        UNREACHABLE("kinds that take an author");
    }
}

bool
admin_work(struct engine *engine, const union cell *cells)
{
    switch (cell_kind(&cells[0])) {
    case CELL_KIND_LIMIT_SET:
        if (cells[0].limit_set.cancels == 0)
            return false;
        limit_begin(engine, &cells[0].limit_set);
        return true;
    case CELL_KIND_KILL:
        kill_begin(engine, &cells[0].kill);
        return true;
    case CELL_KIND_MARK_SET:
        work_begin(engine, WORK_MARK, PHASE_NEXT);
        return true;
    case CELL_KIND_DAY_ROLL:
        work_begin(engine, WORK_DAY, PHASE_NEXT);
        return true;
    default:
        return false;
    }
}

/* end_step ends a step over subjects, of which there may be more. */
static void
end_step(struct work *work, struct slice *slice, bool more)
{
    if (more)
        slice->budget = 0;
    work->complete = !more;
}

void
mark_step(struct engine *engine, struct slice *slice)
{
    end_step(&engine->work, slice,
             risk_mark_step(engine->risk, &engine->work.slot, (uint32_t)slice->budget));
}

void
day_step(struct engine *engine, struct slice *slice)
{
    end_step(&engine->work, slice,
             risk_day_step(engine->risk, &engine->work.slot, (uint32_t)slice->budget));
}
