#include <string.h>

#include "tests/model/generate_parts.h"

#define FIRST_DATE 20260105u

struct command
generate_fee(uint32_t instrument, int32_t maker_ppm, int32_t taker_ppm)
{
    struct command command = command_admin(CELL_KIND_FEE_SET);

    command.cells[0].fee_set.instrument = instrument;
    command.cells[0].fee_set.maker_ppm = maker_ppm;
    command.cells[0].fee_set.taker_ppm = taker_ppm;
    return command;
}

/* some_fee is of an instrument without orders, if there is one. */
static struct command
some_fee(struct generator *g)
{
    struct random *random = &g->random;
    uint32_t instrument = random_below(random, g->profile->instruments_cnt + 1);

    for (uint32_t i = 0; i < g->profile->instruments_cnt && random_permille(random, 900); i++) {
        const struct model_order *o = g->model->live;

        while (o != NULL && o->instrument != i)
            o = o->next_live;
        if (o == NULL)
            instrument = i;
    }
    return generate_fee(instrument, (int32_t)random_below(random, 400) - 200,
                        random_permille(random, 50) ? 1000001 : (int32_t)random_below(random, 500));
}

/* some_subject picks a level up to the firm, and who is there; now and then nobody. */
static uint32_t
some_subject(struct generator *g, uint8_t first, uint8_t *level)
{
    static const uint32_t counts[] = {1, SESSIONS, ACCOUNTS, GROUPS, FIRMS};

    *level = (uint8_t)(first + random_below(&g->random, OE_RISK_LEVEL_FIRM - first + 1u));
    return random_permille(&g->random, 20) ? 40u + *level
                                           : random_below(&g->random, counts[*level]);
}

/* some_cash: mostly a deposit that lasts for some orders, now and then the end of
 * the range. */
static struct command
some_cash(struct generator *g, bool easier)
{
    struct random *random = &g->random;
    struct command command = command_admin(CELL_KIND_CASH_MOVE);
    struct cell_cash_move *move = &command.cells[0].cash_move;
    const int64_t unit = MIDDLE_PX * g->profile->qty_max;

    move->account = random_below(random, ACCOUNTS + random_permille(random, 20));
    move->amount = unit / 7 * random_below(random, 60);
    if (!easier && random_permille(random, 500))
        move->amount = -move->amount / 3;
    if (random_permille(random, 300))
        move->mode = CELL_MOVE_MODE_SET;
    if (random_permille(random, g->profile->is_vast ? 300 : 10))
        move->amount = random_permille(random, 500) ? INT64_MIN : INT64_MAX;
    return command;
}

static struct command
some_position(struct generator *g)
{
    struct random *random = &g->random;
    struct command command = command_admin(CELL_KIND_POSITION_MOVE);
    struct cell_position_move *move = &command.cells[0].position_move;

    move->account = random_below(random, ACCOUNTS);
    move->instrument = generate_instrument(g);
    move->qty = (int64_t)random_below(random, g->profile->qty_max * 8) - 3 * g->profile->qty_max;
    if (random_permille(random, 300))
        move->mode = CELL_MOVE_MODE_SET;
    if (random_permille(random, g->profile->is_vast ? 100 : 5)) {
        move->mode = CELL_MOVE_MODE_SET;
        move->qty = random_permille(random, 500) ? (int64_t)1 << 61 : ((int64_t)1 << 62) + 1;
    }
    return command;
}

static struct command
some_mark(struct generator *g)
{
    struct random *random = &g->random;
    struct command command = command_admin(CELL_KIND_MARK_SET);
    struct cell_mark_set *set = &command.cells[0].mark_set;

    set->instrument = random_below(random, g->profile->instruments_cnt);
    set->px = generate_px(g, random_permille(random, 500));
    set->settlement = random_permille(random, 400);
    if (random_permille(random, 30))
        set->px = random_permille(random, 500) ? 0 : set->px + 1;
    return command;
}

static struct command
some_restriction(struct generator *g, bool easier)
{
    struct random *random = &g->random;
    struct command command = command_admin(CELL_KIND_RESTRICTION_SET);
    struct cell_restriction_set *set = &command.cells[0].restriction_set;

    set->subject = some_subject(g, OE_RISK_LEVEL_ACCOUNT, &set->level);
    set->restricted = !easier && random_permille(random, 700);
    set->instrument = random_permille(random, 400) ? CELL_ANY : generate_instrument(g);
    if (random_permille(random, 10))
        set->instrument = g->profile->instruments_cnt;
    if (random_permille(random, 10))
        set->level = (uint8_t)random_below(random, MODEL_LEVELS);
    return command;
}

/* some_rule takes one type or time in force away, or gives all back. */
static struct command
some_rule(struct generator *g, bool easier)
{
    struct random *random = &g->random;
    struct command command = command_admin(CELL_KIND_ORDER_RULE_SET);
    struct cell_order_rule_set *set = &command.cells[0].order_rule_set;
    const bool of_account = random_permille(random, 500);

    set->level = of_account ? OE_RISK_LEVEL_ACCOUNT : OE_RISK_LEVEL_INSTRUMENT;
    set->subject = of_account ? random_below(random, ACCOUNTS)
                              : random_below(random, g->profile->instruments_cnt);
    set->types = 0x3f;
    set->tifs = 0x7f;
    if (!easier && random_permille(random, 400))
        set->types &= (uint8_t) ~(1u << random_below(random, 6));
    if (!easier && random_permille(random, 400))
        set->tifs &= (uint8_t) ~(1u << random_below(random, 7));
    if (of_account)
        set->covered = !easier && random_permille(random, 500);
    else
        set->references = (uint8_t)random_below(random, 16);
    if (!of_account && easier)
        set->references |= 9;
    if (!of_account)
        set->unreferenced = easier || random_permille(random, 300);
    if (random_permille(random, 20))
        command.cells[0].bytes[24 + random_below(random, 5)] |=
            (uint8_t)(1u << random_below(random, 8));
    return command;
}

static struct command
some_day(struct generator *g)
{
    struct command command = command_admin(CELL_KIND_DAY_ROLL);
    uint32_t date = g->model->date == 0 ? FIRST_DATE : g->model->date + 1;

    if (date % 100 > 28)
        date += 100 - 27;
    if (date / 100 % 100 > 12)
        date += 10000 - 1200;
    if (random_permille(&g->random, 50))
        date = date / 100 * 100 + 30 + random_below(&g->random, 4);
    else if (random_permille(&g->random, 50))
        date = g->model->date - random_below(&g->random, 3);
    command.cells[0].day_roll.date = date;
    return command;
}

/* is_stopped: killed, latched, or at a stage that refuses. */
static bool
is_stopped(const struct model_subject *subject)
{
    const unsigned hard = 1u << CELL_RISK_STAGE_SLOWED | 1u << CELL_RISK_STAGE_CLOSE_ONLY |
                          1u << CELL_RISK_STAGE_BLOCKED;

    if (subject->is_killed || subject->is_latched)
        return true;
    for (unsigned i = 0; i < MODEL_LIMITS; i++)
        if ((subject->limits[i].stages & hard) != 0)
            return true;
    return false;
}

/* some_enable enables somebody who was stopped, if there is one; all else follows from
 * chance. */
static struct command
some_enable(struct generator *g, bool *found)
{
    uint8_t level;
    uint32_t subject = some_subject(g, OE_RISK_LEVEL_SESSION, &level);

    *found = false;
    for (unsigned i = 0; i < 30 && !*found; i++) {
        uint8_t at;
        const uint32_t id = some_subject(g, OE_RISK_LEVEL_SESSION, &at);

        if (!is_stopped(&g->model->subjects[at][id]))
            continue;
        *found = true;
        level = at;
        subject = id;
    }
    return command_enable(level, subject);
}

/* clear takes back a restriction or a rule, if there is one. */
static bool
clear(struct generator *g, struct command *command)
{
    for (uint8_t level = OE_RISK_LEVEL_ACCOUNT; level <= OE_RISK_LEVEL_FIRM; level++)
        for (uint32_t id = 0; id < ACCOUNTS; id++) {
            const struct model_subject *subject = &g->model->subjects[level][id];
            const uint32_t instrument = random_below(&g->random, g->profile->instruments_cnt);

            if (!subject->is_blacklisted && !subject->restricted[instrument])
                continue;
            *command = command_admin(CELL_KIND_RESTRICTION_SET);
            command->cells[0].restriction_set.level = level;
            command->cells[0].restriction_set.subject = id;
            command->cells[0].restriction_set.instrument =
                subject->is_blacklisted ? CELL_ANY : instrument;
            return true;
        }
    return false;
}

/* make_easier gives back one of the things that stop orders. */
static struct command
make_easier(struct generator *g)
{
    bool found = false;
    struct command command;

    if (random_permille(&g->random, 500) && generate_lift(g, &command))
        return command;
    command = some_enable(g, &found);
    if (found && random_permille(&g->random, 800))
        return command;
    if (random_permille(&g->random, 300) && generate_revive(g, &command))
        return command;
    if (random_permille(&g->random, 300) && clear(g, &command))
        return command;
    switch (random_below(&g->random, 10)) {
    case 0:
        return some_cash(g, true);
    case 1:
    case 2:
        return some_rule(g, true);
    case 3:
        return some_position(g);
    default:
        return generate_limit(g, true);
    }
}

static struct command
make_harder(struct generator *g)
{
    bool unused;
    uint8_t level;
    uint32_t subject;

    switch (random_below(&g->random, 32)) {
    case 0:
        return some_fee(g);
    case 1:
    case 2:
        return some_cash(g, false);
    case 3:
    case 4:
        return some_position(g);
    case 5:
    case 6:
    case 7:
        return some_mark(g);
    case 8:
    case 9:
        subject = some_subject(g, OE_RISK_LEVEL_SESSION, &level);
        return command_kill(level, subject, random_permille(&g->random, 600));
    case 10:
        return some_enable(g, &unused);
    case 11:
        return some_day(g);
    case 12:
    case 13:
        return some_restriction(g, false);
    case 14:
    case 15:
        return some_rule(g, false);
    default:
        return generate_limit(g, false);
    }
}

/* generate_risk holds the orders that are refused at about 30 % if the profile is strict,
 * and otherwise gives back mostly. */
void
generate_risk(struct generator *g, struct step *step)
{
    const bool much = g->refused_cnt * UINT64_C(100) > g->orders_cnt * UINT64_C(27);
    const bool easier = random_permille(&g->random, !g->profile->is_strict ? 500
                                                    : much                 ? 850
                                                                           : 150);

    step->command = easier ? make_easier(g) : make_harder(g);
    if (random_permille(&g->random, 10))
        step->command.cells[1].author.name[0] = '\0';
    else if (random_permille(&g->random, 10))
        memset(step->command.cells[1].author.text, 0, sizeof step->command.cells[1].author.text);
}
