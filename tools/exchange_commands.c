/*
 * The configuration as commands: each entity is made into the command that would
 * set it. Whether it is sent is for tools/proposal.h to say.
 */
#include <stdio.h>
#include <string.h>

#include "proto/cell.h"

#include "tools/exchange.h"
#include "tools/proposal.h"
#include "tools/roster.h"
#include "tools/view.h"
#include "tools/words.h"

static int
configure_firms(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    for (unsigned i = 0; i < config->firms_cnt; i++) {
        const struct config_firm *firm = &config->firms[i];
        struct proposal proposal;

        proposal_open(&proposal, CELL_KIND_FIRM_SET, 1);
        struct cell_firm_set *cell = &proposal.cells[0].firm_set;
        cell->firm = firm->id;
        proposal_put_name(cell->name, sizeof cell->name, firm->name);
        snprintf(proposal.what, sizeof proposal.what, "firm %s", firm->name);
        if (proposal_send(exchange, &proposal, firm->id, 0, why) != 0)
            return -1;
    }
    return 0;
}

/* state_of returns what the file says or, if it says nothing, what is: a halt
 * outlives a restart. */
static uint8_t
state_of(const struct engine *engine, const struct config_instrument *instrument)
{
    union cell now[CELL_COMMAND_MAX];

    if (instrument->state_given ||
        engine_config_get(engine, CELL_KIND_INSTRUMENT_SET, instrument->id, 0, now) == 0)
        return instrument->state;
    return now[0].instrument_set.state;
}

static int
configure_instruments(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    for (unsigned i = 0; i < config->instruments_cnt; i++) {
        const struct config_instrument *instrument = &config->instruments[i];
        struct proposal proposal;

        proposal_open(&proposal, CELL_KIND_INSTRUMENT_SET, 2);
        struct cell_instrument_set *cell = &proposal.cells[0].instrument_set;
        cell->instrument = instrument->id;
        proposal_put_name(cell->symbol, sizeof cell->symbol, instrument->symbol);
        cell->tick_px = instrument->tick_px;
        cell->lot_qty = instrument->lot_qty;
        cell->state = state_of(exchange->engine, instrument);
        cell->algorithm = instrument->algorithm;
        cell->allocation_min = instrument->allocation_min;
        cell->fifo_permille = instrument->fifo_permille;
        cell->top_max = instrument->top_max;
        cell->px_decimals = instrument->px_decimals;
        struct cell_instrument_limits *limits = &proposal.cells[1].instrument_limits;
        limits->kind = CELL_KIND_INSTRUMENT_LIMITS;
        limits->order_qty_max = instrument->order_qty_max;
        limits->order_qty_min = instrument->order_qty_min;
        limits->order_value_max = instrument->order_value_max;
        limits->reference_px = instrument->reference_px;
        limits->collar_ticks = instrument->collar_ticks;
        limits->collar_permille = instrument->collar_permille;
        limits->band_low_px = instrument->band_low_px;
        limits->band_high_px = instrument->band_high_px;
        snprintf(proposal.what, sizeof proposal.what, "instrument %s", instrument->symbol);
        if (proposal_send(exchange, &proposal, instrument->id, 0, why) != 0)
            return -1;
    }
    return 0;
}

static int
configure_group(struct exchange *exchange, const struct config_group *group, char *why)
{
    struct proposal proposal;

    proposal_open(&proposal, CELL_KIND_GROUP_SET, 1);
    struct cell_group_set *cell = &proposal.cells[0].group_set;
    cell->group = group->id;
    cell->firm = exchange->config->firms[group->firm].id;
    proposal_put_name(cell->name, sizeof cell->name, group->name);
    snprintf(proposal.what, sizeof proposal.what, "group %s", group->name);
    return proposal_send(exchange, &proposal, group->id, 0, why);
}

static int
configure_permission(struct exchange *exchange,
                     const struct config_group *group,
                     const struct config_instrument *instrument,
                     bool restricted,
                     char *why)
{
    union cell now[CELL_COMMAND_MAX];
    struct proposal proposal;

    /* All may until told otherwise: what was never restricted needs no word. */
    if (!restricted && engine_config_get(exchange->engine, CELL_KIND_PERMISSION_SET, group->id,
                                         instrument->id, now) == 0)
        return 0;
    proposal_open(&proposal, CELL_KIND_PERMISSION_SET, 1);
    struct cell_permission_set *cell = &proposal.cells[0].permission_set;
    cell->group = group->id;
    cell->instrument = instrument->id;
    cell->restricted = restricted;
    snprintf(proposal.what, sizeof proposal.what, "restriction of group %s in %s", group->name,
             instrument->symbol);
    return proposal_send(exchange, &proposal, group->id, instrument->id, why);
}

/* configure_groups sets groups and what they may trade. A restriction that the
 * file no longer has is lifted. */
static int
configure_groups(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    for (unsigned i = 0; i < config->groups_cnt; i++) {
        const struct config_group *group = &config->groups[i];
        unsigned next = 0;

        if (configure_group(exchange, group, why) != 0)
            return -1;
        for (unsigned k = 0; k < config->instruments_cnt; k++) {
            const bool restricted = next < group->restricted_cnt && group->restricted[next] == k;

            next += restricted;
            if (configure_permission(exchange, group, &config->instruments[k], restricted, why) !=
                0)
                return -1;
        }
    }
    return 0;
}

static int
configure_accounts(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    for (unsigned i = 0; i < config->accounts_cnt; i++) {
        const struct config_account *account = &config->accounts[i];
        struct proposal proposal;

        proposal_open(&proposal, CELL_KIND_ACCOUNT_SET, 2);
        struct cell_account_set *cell = &proposal.cells[0].account_set;
        cell->account = account->id;
        cell->group = config->groups[account->group].id;
        cell->state = account->state;
        proposal_put_name(cell->name, sizeof cell->name, account->name);
        struct cell_account_limits *limits = &proposal.cells[1].account_limits;
        limits->kind = CELL_KIND_ACCOUNT_LIMITS;
        limits->order_qty_max = account->order_qty_max;
        limits->order_value_max = account->order_value_max;
        limits->long_max = account->long_max;
        limits->short_max = account->short_max;
        snprintf(proposal.what, sizeof proposal.what, "account %s", account->name);
        if (proposal_send(exchange, &proposal, account->id, 0, why) != 0)
            return -1;
    }
    return 0;
}

static int
configure_positions(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    for (unsigned i = 0; i < config->positions_cnt; i++) {
        const struct config_position *position = &config->positions[i];
        const struct config_account *account = &config->accounts[position->account];
        const struct config_instrument *instrument = &config->instruments[position->instrument];
        struct proposal proposal;

        proposal_open(&proposal, CELL_KIND_POSITION_LIMIT_SET, 1);
        struct cell_position_limit_set *cell = &proposal.cells[0].position_limit_set;
        cell->account = account->id;
        cell->instrument = instrument->id;
        cell->long_max = position->long_max;
        cell->short_max = position->short_max;
        snprintf(proposal.what, sizeof proposal.what, "position limit of %s in %s", account->name,
                 instrument->symbol);
        if (proposal_send(exchange, &proposal, account->id, instrument->id, why) != 0)
            return -1;
    }
    return 0;
}

static int
configure_sessions(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    for (unsigned i = 0; i < config->sessions_cnt; i++) {
        const struct config_session *session = &config->sessions[i];
        struct proposal proposal;

        proposal_open(&proposal, CELL_KIND_SESSION_SET, 1);
        struct cell_session_set *cell = &proposal.cells[0].session_set;
        cell->session = (uint16_t)session->id;
        cell->firm = config->firms[session->firm].id;
        cell->cancel_on_disconnect_ms = session->cancel_on_disconnect_ms;
        cell->blocked = session->blocked;
        cell->drop_copy = session->drop_copy;
        proposal_put_name(cell->name, sizeof cell->name, session->name);
        snprintf(proposal.what, sizeof proposal.what, "session %s", session->name);
        if (proposal_send(exchange, &proposal, session->id, 0, why) != 0)
            return -1;
    }
    return 0;
}

static int
configure_fees(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    for (unsigned i = 0; i < config->instruments_cnt; i++) {
        const struct config_instrument *instrument = &config->instruments[i];
        struct proposal proposal;

        if (!instrument->fees_given)
            continue;
        proposal_open(&proposal, CELL_KIND_FEE_SET, 1);
        struct cell_fee_set *cell = &proposal.cells[0].fee_set;
        cell->instrument = instrument->id;
        cell->maker_ppm = instrument->maker_ppm;
        cell->taker_ppm = instrument->taker_ppm;
        snprintf(proposal.what, sizeof proposal.what, "fees of %s", instrument->symbol);
        if (proposal_send(exchange, &proposal, instrument->id, 0, why) != 0)
            return -1;
    }
    return 0;
}

/* configure_limits sets the limits that have no key with their subject. */
static int
configure_limits(struct exchange *exchange, const struct roster *roster, char *why)
{
    const struct config *config = exchange->config;
    char name[ROSTER_NAME_BYTES];

    for (unsigned i = 0; i < config->limits_cnt; i++) {
        const struct cell_limit_set *set = &config->limits[i];
        struct proposal proposal;

        proposal_open(&proposal, CELL_KIND_LIMIT_SET, 1);
        proposal.cells[0].limit_set = *set;
        proposal.cells[0].limit_set.shape = 1;
        proposal.cells[0].limit_set.session = CELL_SESSION;
        snprintf(proposal.what, sizeof proposal.what, "%s of %s %s", words_limit_name(set->limit),
                 words_level_name(set->level), roster_name(roster, set->level, set->subject, name));
        if (proposal_send(exchange, &proposal, set->subject, view_limit_key(set->level, set->limit),
                          why) != 0)
            return -1;
    }
    return 0;
}

static int
configure_rules(struct exchange *exchange, const struct roster *roster, char *why)
{
    const struct config *config = exchange->config;
    char name[ROSTER_NAME_BYTES];

    for (unsigned i = 0; i < config->rules_cnt; i++) {
        const struct cell_order_rule_set *set = &config->rules[i];
        struct proposal proposal;

        proposal_open(&proposal, CELL_KIND_ORDER_RULE_SET, 1);
        proposal.cells[0].order_rule_set = *set;
        proposal.cells[0].order_rule_set.shape = 1;
        proposal.cells[0].order_rule_set.session = CELL_SESSION;
        snprintf(proposal.what, sizeof proposal.what, "order rule of %s %s",
                 words_level_name(set->level), roster_name(roster, set->level, set->subject, name));
        if (proposal_send(exchange, &proposal, set->subject, set->level, why) != 0)
            return -1;
    }
    return 0;
}

static int
configure_risk(struct exchange *exchange, char *why)
{
    struct roster roster;

    roster_init(&roster, exchange->config);
    int rc = configure_fees(exchange, why);
    if (rc == 0)
        rc = configure_limits(exchange, &roster, why);
    if (rc == 0)
        rc = configure_rules(exchange, &roster, why);
    roster_fini(&roster);
    return rc;
}

int
exchange_configure(struct exchange *exchange, char why[EXCHANGE_WHY_BYTES])
{
    int rc = configure_firms(exchange, why);

    if (rc == 0)
        rc = configure_instruments(exchange, why);
    if (rc == 0)
        rc = configure_groups(exchange, why);
    if (rc == 0)
        rc = configure_accounts(exchange, why);
    if (rc == 0)
        rc = configure_positions(exchange, why);
    if (rc == 0)
        rc = configure_sessions(exchange, why);
    if (rc == 0)
        rc = configure_risk(exchange, why);
    return rc;
}
