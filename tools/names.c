#include "tools/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

#include "tools/commands.h"

/* Ids come out of a file: one that no engine can have had names nothing. */
#define IDS_MAX (1u << 20)

_Static_assert(IDS_MAX >= ACCOUNTS_MAX, "every account");
_Static_assert(IDS_MAX >= INSTRUMENTS_MAX, "every instrument");

static void
set(struct names_table *table, uint32_t id, const char *name, size_t bytes, uint32_t owner)
{
    if (id >= IDS_MAX)
        return;
    if (id >= table->cnt) {
        const uint32_t cnt = id < 32 ? 64 : id * 2;
        struct names_entity *entities = realloc(table->entities, cnt * sizeof *entities);

        if (entities == NULL) {
            fputs("outcry: no memory for names\n", stderr);
            exit(EXIT_SETUP);
        }
        memset(entities + table->cnt, 0, (cnt - table->cnt) * sizeof *entities);
        table->entities = entities;
        table->cnt = cnt;
    }
    struct names_entity *entity = &table->entities[id];
    memset(entity->name, 0, sizeof entity->name);
    memcpy(entity->name, name, strnlen(name, bytes));
    entity->owner = owner;
}

void
names_message(struct names *names, const union cell *cells)
{
    const union cell *cell = &cells[0];

    if (cell_outcome(cell) != OE_REJECT_REASON_NONE)
        return;
    switch (cell_kind(cell)) {
    case CELL_KIND_FIRM_SET:
        set(&names->firms, cell->firm_set.firm, cell->firm_set.name, 16, 0);
        break;
    case CELL_KIND_GROUP_SET:
        set(&names->groups, cell->group_set.group, cell->group_set.name, 16, cell->group_set.firm);
        break;
    case CELL_KIND_ACCOUNT_SET:
        set(&names->accounts, cell->account_set.account, cell->account_set.name, 16,
            cell->account_set.group);
        break;
    case CELL_KIND_INSTRUMENT_SET:
        set(&names->instruments, cell->instrument_set.instrument, cell->instrument_set.symbol, 8,
            0);
        if (cell->instrument_set.instrument < names->instruments.cnt &&
            cell->instrument_set.px_decimals <= 8)
            names->instruments.entities[cell->instrument_set.instrument].px_decimals =
                cell->instrument_set.px_decimals;
        break;
    case CELL_KIND_SESSION_SET:
        set(&names->sessions, cell->session_set.session, cell->session_set.name, 16,
            cell->session_set.firm);
        break;
    default:
        break;
    }
}

void
names_free(struct names *names)
{
    free(names->firms.entities);
    free(names->groups.entities);
    free(names->accounts.entities);
    free(names->instruments.entities);
    free(names->sessions.entities);
    *names = (struct names){.firms = {NULL, 0}};
}

const struct names_entity *
names_get(const struct names_table *table, uint32_t id)
{
    if (id >= table->cnt || table->entities[id].name[0] == '\0')
        return NULL;
    return &table->entities[id];
}

static const char *
name_or_empty(const struct names_table *table, uint32_t id)
{
    const struct names_entity *entity = names_get(table, id);

    return entity != NULL ? entity->name : "";
}

const char *
names_firm_of_session(const struct names *names, uint16_t session)
{
    const struct names_entity *entity = names_get(&names->sessions, session);

    return entity != NULL ? name_or_empty(&names->firms, entity->owner) : "";
}

const char *
names_firm_of_account(const struct names *names, uint32_t account)
{
    const struct names_entity *entity = names_get(&names->accounts, account);
    const struct names_entity *group =
        entity != NULL ? names_get(&names->groups, entity->owner) : NULL;

    return group != NULL ? name_or_empty(&names->firms, group->owner) : "";
}
