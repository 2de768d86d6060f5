/*
 * The configuration as commands, and how they differ from what the engine has.
 *
 * Each entity is made into the command that would set it; if engine_config_get
 * gives the same request, nothing is sent. So a restart with an unchanged file
 * adds no command but Restart to the journal.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cell.h"

#include "tools/clock.h"
#include "tools/exchange.h"
#include "tools/text.h"

/* A command in the making and what a person calls it. */
struct proposal {
    union cell cells[CELL_COMMAND_MAX];
    unsigned count;
    char what[96];
};

static void
open_proposal(struct proposal *proposal, unsigned kind, unsigned count)
{
    memset(proposal, 0, sizeof *proposal);
    proposal->count = count;
    proposal->cells[0].bytes[0] = (uint8_t)kind;
    proposal->cells[0].bytes[1] = (uint8_t)count;
    proposal->cells[0].order_new.session = CELL_SESSION;
}

/* Every name in a cell is NUL padded and may fill it. */
static void
put_name(char *to, size_t bytes, const char *name)
{
    memcpy(to, name, strnlen(name, bytes));
}

/* same_request compares what is asked for: all but outcome, seq, time, in_no
 * and the LAST flag. `in_frame` has the session as well where that is no part
 * of the request. */
static bool
same_request(const struct proposal *proposal, const union cell *now, unsigned count)
{
    const bool session = cell_kind(now) == CELL_KIND_SESSION_SET;

    if (count != proposal->count)
        return false;
    for (unsigned i = 0; i < count; i++) {
        union cell a = proposal->cells[i];
        union cell b = now[i];

        a.bytes[1] &= (uint8_t)~CELL_LAST;
        b.bytes[1] &= (uint8_t)~CELL_LAST;
        if (i == 0) {
            memcpy(&a.bytes[2], &b.bytes[2], 2);
            memcpy(&a.bytes[8], &b.bytes[8], 16);
            memcpy(&a.bytes[62], &b.bytes[62], 2);
            if (!session)
                memcpy(&a.bytes[60], &b.bytes[60], 2);
        }
        if (memcmp(&a, &b, sizeof a) != 0)
            return false;
    }
    return true;
}

/* propose sends the command unless the engine has it so already. */
static int
propose(struct exchange *exchange, struct proposal *proposal, uint32_t id, uint32_t id2, char *why)
{
    const unsigned kind = cell_kind(&proposal->cells[0]);
    union cell now[CELL_COMMAND_MAX];
    const unsigned count = engine_config_get(exchange->engine, kind, id, id2, now);

    if (count > 0 && same_request(proposal, now, count))
        return 0;
    proposal->cells[0].firm_set.time = clock_utc_ns();
    const enum oe_reject_reason reason =
        exchange_command(exchange, proposal->cells, proposal->count);
    if (reason == OE_REJECT_REASON_NONE)
        return 0;
    snprintf(why, EXCHANGE_WHY_BYTES, "%s: %s was refused by the engine: %s",
             exchange->config->file, proposal->what, oe_reject_reason_name(reason));
    return -1;
}

static int
configure_firms(struct exchange *exchange, char *why)
{
    const struct config *config = exchange->config;

    for (unsigned i = 0; i < config->firms_cnt; i++) {
        const struct config_firm *firm = &config->firms[i];
        struct proposal proposal;

        open_proposal(&proposal, CELL_KIND_FIRM_SET, 1);
        struct cell_firm_set *cell = &proposal.cells[0].firm_set;
        cell->firm = firm->id;
        put_name(cell->name, sizeof cell->name, firm->name);
        snprintf(proposal.what, sizeof proposal.what, "firm %s", firm->name);
        if (propose(exchange, &proposal, firm->id, 0, why) != 0)
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

        open_proposal(&proposal, CELL_KIND_INSTRUMENT_SET, 2);
        struct cell_instrument_set *cell = &proposal.cells[0].instrument_set;
        cell->instrument = instrument->id;
        put_name(cell->symbol, sizeof cell->symbol, instrument->symbol);
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
        if (propose(exchange, &proposal, instrument->id, 0, why) != 0)
            return -1;
    }
    return 0;
}

static int
configure_group(struct exchange *exchange, const struct config_group *group, char *why)
{
    struct proposal proposal;

    open_proposal(&proposal, CELL_KIND_GROUP_SET, 1);
    struct cell_group_set *cell = &proposal.cells[0].group_set;
    cell->group = group->id;
    cell->firm = exchange->config->firms[group->firm].id;
    put_name(cell->name, sizeof cell->name, group->name);
    snprintf(proposal.what, sizeof proposal.what, "group %s", group->name);
    return propose(exchange, &proposal, group->id, 0, why);
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
    open_proposal(&proposal, CELL_KIND_PERMISSION_SET, 1);
    struct cell_permission_set *cell = &proposal.cells[0].permission_set;
    cell->group = group->id;
    cell->instrument = instrument->id;
    cell->restricted = restricted;
    snprintf(proposal.what, sizeof proposal.what, "restriction of group %s in %s", group->name,
             instrument->symbol);
    return propose(exchange, &proposal, group->id, instrument->id, why);
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

        open_proposal(&proposal, CELL_KIND_ACCOUNT_SET, 2);
        struct cell_account_set *cell = &proposal.cells[0].account_set;
        cell->account = account->id;
        cell->group = config->groups[account->group].id;
        cell->state = account->state;
        put_name(cell->name, sizeof cell->name, account->name);
        struct cell_account_limits *limits = &proposal.cells[1].account_limits;
        limits->kind = CELL_KIND_ACCOUNT_LIMITS;
        limits->order_qty_max = account->order_qty_max;
        limits->order_value_max = account->order_value_max;
        limits->long_max = account->long_max;
        limits->short_max = account->short_max;
        snprintf(proposal.what, sizeof proposal.what, "account %s", account->name);
        if (propose(exchange, &proposal, account->id, 0, why) != 0)
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

        open_proposal(&proposal, CELL_KIND_POSITION_LIMIT_SET, 1);
        struct cell_position_limit_set *cell = &proposal.cells[0].position_limit_set;
        cell->account = account->id;
        cell->instrument = instrument->id;
        cell->long_max = position->long_max;
        cell->short_max = position->short_max;
        snprintf(proposal.what, sizeof proposal.what, "position limit of %s in %s", account->name,
                 instrument->symbol);
        if (propose(exchange, &proposal, account->id, instrument->id, why) != 0)
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

        open_proposal(&proposal, CELL_KIND_SESSION_SET, 1);
        struct cell_session_set *cell = &proposal.cells[0].session_set;
        cell->session = (uint16_t)session->id;
        cell->firm = config->firms[session->firm].id;
        cell->cancel_on_disconnect_ms = session->cancel_on_disconnect_ms;
        cell->blocked = session->blocked;
        put_name(cell->name, sizeof cell->name, session->name);
        snprintf(proposal.what, sizeof proposal.what, "session %s", session->name);
        if (propose(exchange, &proposal, session->id, 0, why) != 0)
            return -1;
    }
    return 0;
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
    return rc;
}

static int
check_instrument(const struct engine *engine,
                 const struct config *config,
                 const struct config_instrument *instrument,
                 char *why)
{
    char symbol[CONFIG_SYMBOL_MAX] = {0};
    union cell now[CELL_COMMAND_MAX];
    char tick[TEXT_PX_BYTES];

    if (engine_config_get(engine, CELL_KIND_INSTRUMENT_SET, instrument->id, 0, now) == 0)
        return 0;
    const struct cell_instrument_set *set = &now[0].instrument_set;
    put_name(symbol, sizeof symbol, instrument->symbol);
    if (memcmp(symbol, set->symbol, sizeof symbol) == 0 && instrument->tick_px == set->tick_px &&
        instrument->lot_qty == set->lot_qty)
        return 0;
    snprintf(why, EXCHANGE_WHY_BYTES,
             "%s: instrument %u is %s here, but in the journal it is %.8s with tick %s and lot %u; "
             "these never change, expected an id of its own for a new instrument",
             config->file, instrument->id, instrument->symbol, set->symbol,
             text_px(set->tick_px, 0, tick), set->lot_qty);
    return -1;
}

static int
check_group(const struct engine *engine,
            const struct config *config,
            const struct config_group *group,
            char *why)
{
    union cell now[CELL_COMMAND_MAX];

    if (engine_config_get(engine, CELL_KIND_GROUP_SET, group->id, 0, now) == 0 ||
        now[0].group_set.firm == config->firms[group->firm].id)
        return 0;
    snprintf(why, EXCHANGE_WHY_BYTES,
             "%s: group %s is of firm %s here, but in the journal group %u is of firm %u; this "
             "never changes, expected an id of its own for a new group",
             config->file, group->name, config->firms[group->firm].name, group->id,
             now[0].group_set.firm);
    return -1;
}

static int
check_account(const struct engine *engine,
              const struct config *config,
              const struct config_account *account,
              char *why)
{
    const struct config_group *group = &config->groups[account->group];
    union cell now[CELL_COMMAND_MAX];

    if (engine_config_get(engine, CELL_KIND_ACCOUNT_SET, account->id, 0, now) == 0 ||
        now[0].account_set.group == group->id)
        return 0;
    snprintf(why, EXCHANGE_WHY_BYTES,
             "%s: account %s is of group %s here, but in the journal account %u is of group %u; "
             "this never changes, expected an id of its own for a new account",
             config->file, account->name, group->name, account->id, now[0].account_set.group);
    return -1;
}

static int
check_session(const struct engine *engine,
              const struct config *config,
              const struct config_session *session,
              char *why)
{
    union cell now[CELL_COMMAND_MAX];

    if (engine_config_get(engine, CELL_KIND_SESSION_SET, session->id, 0, now) == 0 ||
        now[0].session_set.firm == config->firms[session->firm].id)
        return 0;
    snprintf(why, EXCHANGE_WHY_BYTES,
             "%s: session %s is of firm %s here, but in the journal session %u is of firm %u; this "
             "never changes, expected an id of its own for a new session",
             config->file, session->name, config->firms[session->firm].name, session->id,
             now[0].session_set.firm);
    return -1;
}

int
exchange_check_fixed(const struct engine *engine,
                     const struct config *config,
                     char why[EXCHANGE_WHY_BYTES])
{
    for (unsigned i = 0; i < config->instruments_cnt; i++)
        if (check_instrument(engine, config, &config->instruments[i], why) != 0)
            return -1;
    for (unsigned i = 0; i < config->groups_cnt; i++)
        if (check_group(engine, config, &config->groups[i], why) != 0)
            return -1;
    for (unsigned i = 0; i < config->accounts_cnt; i++)
        if (check_account(engine, config, &config->accounts[i], why) != 0)
            return -1;
    for (unsigned i = 0; i < config->sessions_cnt; i++)
        if (check_session(engine, config, &config->sessions[i], why) != 0)
            return -1;
    return 0;
}

/* count_unnamed counts the ids of a kind that the engine has and entities, cnt
 * structs of `bytes` that begin with their id, have not. */
static unsigned
count_unnamed(const struct engine *engine,
              unsigned kind,
              uint32_t ids_max,
              const void *entities,
              unsigned cnt,
              size_t bytes)
{
    bool *named = calloc(ids_max, sizeof *named);
    union cell now[CELL_COMMAND_MAX];
    unsigned unnamed = 0;

    if (named == NULL)
        return 0;
    for (unsigned i = 0; i < cnt; i++) {
        uint32_t id;

        memcpy(&id, (const char *)entities + i * bytes, sizeof id);
        ASSERT(id < ids_max);
        named[id] = true;
    }
    for (uint32_t id = 0; id < ids_max; id++)
        unnamed += !named[id] && engine_config_get(engine, kind, id, 0, now) > 0;
    free(named);
    return unnamed;
}

_Static_assert(offsetof(struct config_firm, id) == 0, "count_unnamed");
_Static_assert(offsetof(struct config_group, id) == 0, "count_unnamed");
_Static_assert(offsetof(struct config_account, id) == 0, "count_unnamed");
_Static_assert(offsetof(struct config_instrument, id) == 0, "count_unnamed");
_Static_assert(offsetof(struct config_session, id) == 0, "count_unnamed");

void
exchange_count_unnamed(const struct exchange *exchange, struct exchange_unnamed *unnamed)
{
    const struct config *config = exchange->config;
    const struct engine_cfg *cfg = &config->engine;
    const struct engine *engine = exchange->engine;

    *unnamed = (struct exchange_unnamed){
        .firms = count_unnamed(engine, CELL_KIND_FIRM_SET, cfg->firms_max, config->firms,
                               config->firms_cnt, sizeof *config->firms),
        .groups = count_unnamed(engine, CELL_KIND_GROUP_SET, cfg->groups_max, config->groups,
                                config->groups_cnt, sizeof *config->groups),
        .accounts = count_unnamed(engine, CELL_KIND_ACCOUNT_SET, cfg->accounts_max,
                                  config->accounts, config->accounts_cnt, sizeof *config->accounts),
        .instruments = count_unnamed(engine, CELL_KIND_INSTRUMENT_SET, cfg->instruments_max,
                                     config->instruments, config->instruments_cnt,
                                     sizeof *config->instruments),
        .sessions = count_unnamed(engine, CELL_KIND_SESSION_SET, cfg->sessions_max,
                                  config->sessions, config->sessions_cnt, sizeof *config->sessions),
    };
}
