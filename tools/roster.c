#include "tools/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/config_read.h"
#include "tools/text.h"

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct roster_entry *)a)->name, ((const struct roster_entry *)b)->name);
}

static int
by_id(const void *a, const void *b)
{
    const uint32_t x = ((const struct roster_entry *)a)->id;
    const uint32_t y = ((const struct roster_entry *)b)->id;

    return (x > y) - (x < y);
}

static void
open_table(struct roster_table *table, unsigned cnt)
{
    table->cnt = 0;
    table->by_name = config_array(cnt, sizeof *table->by_name);
    table->by_id = config_array(cnt, sizeof *table->by_id);
}

static void
put(struct roster_table *table, const char *name, uint32_t id)
{
    table->by_name[table->cnt++] = (struct roster_entry){.name = name, .id = id};
}

static void
seal(struct roster_table *table)
{
    qsort(table->by_name, table->cnt, sizeof *table->by_name, by_name);
    memcpy(table->by_id, table->by_name, table->cnt * sizeof *table->by_id);
    qsort(table->by_id, table->cnt, sizeof *table->by_id, by_id);
}

void
roster_init(struct roster *roster, const struct config *config)
{
    struct roster_table *tables = roster->tables;

    memset(roster, 0, sizeof *roster);
    open_table(&tables[OE_RISK_LEVEL_SESSION], config->sessions_cnt);
    open_table(&tables[OE_RISK_LEVEL_ACCOUNT], config->accounts_cnt);
    open_table(&tables[OE_RISK_LEVEL_GROUP], config->groups_cnt);
    open_table(&tables[OE_RISK_LEVEL_FIRM], config->firms_cnt);
    open_table(&tables[OE_RISK_LEVEL_INSTRUMENT], config->instruments_cnt);
    for (unsigned i = 0; i < config->sessions_cnt; i++)
        put(&tables[OE_RISK_LEVEL_SESSION], config->sessions[i].name, config->sessions[i].id);
    for (unsigned i = 0; i < config->accounts_cnt; i++)
        put(&tables[OE_RISK_LEVEL_ACCOUNT], config->accounts[i].name, config->accounts[i].id);
    for (unsigned i = 0; i < config->groups_cnt; i++)
        put(&tables[OE_RISK_LEVEL_GROUP], config->groups[i].name, config->groups[i].id);
    for (unsigned i = 0; i < config->firms_cnt; i++)
        put(&tables[OE_RISK_LEVEL_FIRM], config->firms[i].name, config->firms[i].id);
    for (unsigned i = 0; i < config->instruments_cnt; i++)
        put(&tables[OE_RISK_LEVEL_INSTRUMENT], config->instruments[i].symbol,
            config->instruments[i].id);
    for (unsigned i = OE_RISK_LEVEL_SESSION; i < ROSTER_LEVELS; i++)
        seal(&tables[i]);
}

void
roster_fini(struct roster *roster)
{
    for (unsigned i = 0; i < ROSTER_LEVELS; i++) {
        free(roster->tables[i].by_name);
        free(roster->tables[i].by_id);
    }
    memset(roster, 0, sizeof *roster);
}

bool
roster_find(const struct roster *roster, uint8_t level, const char *text, uint32_t *id)
{
    const struct roster_entry key = {.name = text};
    uint64_t number;

    ASSERT(level >= OE_RISK_LEVEL_SESSION);
    ASSERT(level < ROSTER_LEVELS);

    const struct roster_table *table = &roster->tables[level];
    const struct roster_entry *entry =
        bsearch(&key, table->by_name, table->cnt, sizeof key, by_name);

    if (entry != NULL) {
        *id = entry->id;
        return true;
    }
    if (!text_u64_parse(text, &number) || number >= UINT32_MAX)
        return false;
    *id = (uint32_t)number;
    return true;
}

const char *
roster_name(const struct roster *roster, uint8_t level, uint32_t id, char buf[ROSTER_NAME_BYTES])
{
    const struct roster_entry key = {.id = id};

    ASSERT(level >= OE_RISK_LEVEL_SESSION);
    ASSERT(level < ROSTER_LEVELS);

    const struct roster_table *table = &roster->tables[level];
    const struct roster_entry *entry = bsearch(&key, table->by_id, table->cnt, sizeof key, by_id);

    if (entry != NULL)
        return entry->name;
    snprintf(buf, ROSTER_NAME_BYTES, "%u", id);
    return buf;
}
