/*
 * Commands: requests as tests send them, one function per kind.
 *
 * Each returns a whole command with seq, time and in_no left 0; struct duo
 * fills these in. A test changes a field afterwards to ask for more.
 */
#ifndef OUTCRY_TESTS_MODEL_COMMANDS_H
#define OUTCRY_TESTS_MODEL_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/cell.h"
#include "proto/px_qty.h"

struct command {
    union cell cells[CELL_COMMAND_MAX];
    unsigned count;
};

/* What a plain limit order needs. */
struct command_order {
    uint32_t instrument;
    uint32_t account;
    uint16_t session;
    bool sell;
    qty_t qty;
    px_t px;
    uint64_t clord;
};

struct command command_firm(uint32_t firm);
struct command command_group(uint32_t group, uint32_t firm);

/* An account and an instrument without any limit, the instrument with a tick of
 * 0.01 and a lot of 1. */
struct command command_account(uint32_t account, uint32_t group);
struct command command_instrument(uint32_t instrument);

struct command command_session(uint16_t session, uint32_t firm);
struct command command_negotiate(uint16_t session, uint8_t uuid);
struct command command_establish(uint16_t session, uint8_t uuid);
struct command command_unbind(uint16_t session, uint8_t uuid);

/* command_clock lets so much time pass. */
struct command command_clock(uint64_t passed_ns);

/* command_new is a Day limit order. */
struct command command_new(const struct command_order *order);

/* command_cancel and command_replace name the order by orig_clord. */
struct command
command_cancel(uint16_t session, uint32_t instrument, uint64_t orig_clord, uint64_t clord);
struct command command_replace(const struct command_order *order, uint64_t orig_clord);

/* command_by_id turns a cancel or replace into one that names an order id. */
void command_by_id(struct command *command, uint64_t order_id);

/* command_mass_cancel takes all instruments, accounts and sides. */
struct command
command_mass_cancel(uint16_t session, uint8_t scope, uint32_t target, uint64_t clord);

/* command_admin is the word of an operator on risk, with nothing in it but who
 * says it and why. */
struct command command_admin(uint8_t kind);

/* command_limit sets a limit without window and stages. */
struct command command_limit(uint8_t level, uint32_t subject, uint8_t limit, int64_t value);
struct command command_kill(uint8_t level, uint32_t subject, bool cancels);
struct command command_enable(uint8_t level, uint32_t subject);

/* command_sign adds its author to a command that may do without. */
void command_sign(struct command *command);

#endif
