/*
 * What a configuration cannot change, and what it does not name.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cell.h"

#include "tools/exchange.h"
#include "tools/text.h"

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
    memcpy(symbol, instrument->symbol, strlen(instrument->symbol));
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

    if (engine_config_get(engine, CELL_KIND_SESSION_SET, session->id, 0, now) == 0)
        return 0;
    if (now[0].session_set.drop_copy != session->drop_copy) {
        snprintf(why, EXCHANGE_WHY_BYTES,
                 "%s: session %s is %s drop copy here, but in the journal session %u is %s; this "
                 "never changes, expected an id of its own for a new session",
                 config->file, session->name, session->drop_copy ? "a" : "no", session->id,
                 session->drop_copy ? "none" : "one");
        return -1;
    }
    if (now[0].session_set.firm == config->firms[session->firm].id)
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
