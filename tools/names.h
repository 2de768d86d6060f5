/*
 * Names: what firms, groups, accounts, instruments and sessions are called, as
 * the configuration commands of a journal say it.
 *
 * Fed with every message in order (names_message), it knows at each moment the
 * names that were valid then. Grows with the largest id that was set; commands
 * that were refused change nothing.
 */
#ifndef OUTCRY_TOOLS_NAMES_H
#define OUTCRY_TOOLS_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/cell.h"

struct names_entity {
    char name[17];  /* "" if it was never set */
    uint32_t owner; /* firm of a group or session, group of an account */
    uint8_t px_decimals;
};

struct names_table {
    struct names_entity *entities;
    uint32_t cnt;
};

struct names {
    struct names_table firms;
    struct names_table groups;
    struct names_table accounts;
    struct names_table instruments;
    struct names_table sessions;
};

void names_message(struct names *names, const union cell *cells);
void names_free(struct names *names);

/* names_get returns what id is called, NULL if it was never set. */
const struct names_entity *names_get(const struct names_table *table, uint32_t id);

/* Names of the firm to which a session or an account belongs, "" if unknown. */
const char *names_firm_of_session(const struct names *names, uint16_t session);
const char *names_firm_of_account(const struct names *names, uint32_t account);

#endif
