/*
 * Roster: what the configuration calls sessions, accounts, groups, firms and
 * instruments, found by name and by id in a handful of comparisons.
 *
 *   "A1" <--> account 0        at each of the levels of enum oe_risk_level
 *
 * A name that consists of digits hides the id of the same digits. What only the
 * journal knows has no name here; it is called by its id.
 *
 * Made once at start, never changed. O(names) of memory.
 */
#ifndef OUTCRY_TOOLS_ROSTER_H
#define OUTCRY_TOOLS_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/orders.h"

#include "tools/config.h"

#define ROSTER_LEVELS     (OE_RISK_LEVEL_INSTRUMENT + 1)
#define ROSTER_NAME_BYTES (CONFIG_NAME_MAX + 1)

struct roster_entry {
    const char *name; /* of the configuration, which outlives this */
    uint32_t id;
};

struct roster_table {
    struct roster_entry *by_name;
    struct roster_entry *by_id;
    unsigned cnt;
};

struct roster {
    struct roster_table tables[ROSTER_LEVELS];
};

/* roster_init takes what config names; it must outlive the roster. */
void roster_init(struct roster *roster, const struct config *config);
void roster_fini(struct roster *roster);

/* roster_find finds a name, or reads an id; false if it is neither. */
NODISCARD bool
roster_find(const struct roster *roster, uint8_t level, const char *text, uint32_t *id);

/* roster_name returns what the id is called: its digits, in buf, if nothing. */
const char *
roster_name(const struct roster *roster, uint8_t level, uint32_t id, char buf[ROSTER_NAME_BYTES]);

#endif
