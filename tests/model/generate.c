#include "tests/model/generate.h"

#include <string.h>

#include "tests/model/generate_parts.h"

/* some_action draws one by the weights of the profile. */
static enum action
some_action(struct generator *g)
{
    uint32_t total = 0, action = 0;

    for (unsigned i = 0; i < ACTIONS; i++)
        total += g->profile->weights[i];
    for (uint32_t dice = random_below(&g->random, total); dice >= g->profile->weights[action];
         action++)
        dice -= g->profile->weights[action];
    return (enum action)action;
}

void
generate_step(struct generator *g, struct step *step)
{
    const enum action action = some_action(g);

    memset(step, 0, sizeof *step);
    switch (action) {
    case ACTION_QUOTE:
        generate_quote(g, step);
        break;
    case ACTION_CANCEL:
        generate_cancel(g, step);
        break;
    case ACTION_REPLACE:
        generate_replace(g, step);
        break;
    case ACTION_MASS_CANCEL:
        generate_mass_cancel(g, step);
        break;
    case ACTION_HOSTILE:
        generate_hostile(g, step);
        break;
    case ACTION_CONFIGURE:
        generate_configure(g, step);
        break;
    case ACTION_STATE:
        generate_state(g, step);
        break;
    case ACTION_SESSION:
        generate_session(g, step);
        break;
    case ACTION_CLOCK:
        generate_clock(g, step);
        break;
    case ACTION_RISK:
        generate_risk(g, step);
        break;
    case ACTION_LIMIT:
    case ACTION_POST_ONLY:
    case ACTION_IOC:
    case ACTION_FOK:
    case ACTION_MARKET:
    case ACTION_TO_LIMIT:
    case ACTION_SWEEP:
    case ACTION_STOP:
    case ACTION_PEG:
    case ACTION_HELD:
    case ACTIONS:
        generate_new(g, action, step);
        break;
    }
}

void
generate_note(struct generator *g, const union cell *group, uint32_t cells_cnt)
{
    if (cells_cnt == 0 || cell_kind(group) != CELL_KIND_ORDER_NEW)
        return;
    g->orders_cnt++;
    if (cell_outcome(group) == 0)
        return;

    const union cell *last = &group[cell_count(group) - 1];

    g->refused_cnt++;
    g->reason = cell_outcome(group);
    g->instrument = group->order_new.instrument;
    g->detail = cell_kind(last) == CELL_KIND_RISK_DETAIL ? last->risk_detail
                                                         : (struct cell_risk_detail){.level = 0};
}

bool
step_apply(struct duo *duo, const struct step *step, uint32_t number, struct given *given)
{
    struct command command = step->command;

    if (step->target.by_id)
        command_by_id(&command,
                      given_find(given, &step->target, command.cells[0].order_cancel.instrument));
    if (!duo_apply(duo, &command, number))
        return false;
    given_note(given, duo->out, duo->out_cnt);
    return true;
}
