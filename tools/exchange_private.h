/*
 * Private to tools/exchange*.c: the steps of exchange_open that are about the
 * journal, and what all steps share.
 *
 * Every step returns 0, or -1 with a line in why; exchange_close gives back what
 * the steps before took.
 */
#ifndef OUTCRY_TOOLS_EXCHANGE_PRIVATE_H
#define OUTCRY_TOOLS_EXCHANGE_PRIVATE_H

#include <signal.h>

#include "tools/exchange.h"

/* exchange_stop_signals fills set with those that end a run in good order: SIGTERM,
 * SIGINT and, unless nohup or a supervisor ignores it, SIGHUP: a terminal that is
 * closed is no crash. */
void exchange_stop_signals(sigset_t *set);

/* exchange_refuse writes why and returns -1. */
int exchange_refuse(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* exchange_take takes memory for `what`; exchange_take_later does not touch it yet. */
NODISCARD int
exchange_take(struct exchange_memory *memory, size_t bytes, const char *what, char *why);
NODISCARD int
exchange_take_later(struct exchange_memory *memory, size_t bytes, const char *what, char *why);

/* exchange_touch touches what exchange_take_later took. */
NODISCARD int exchange_touch(const struct exchange_memory *memory, const char *what, char *why);

/* exchange_check_journal compares the Genesis of the journal, if there is one,
 * with the configuration. Reads only. */
NODISCARD int exchange_check_journal(struct exchange *exchange, char *why);

/* exchange_make_gateways makes the gateway and the door, or others in their place:
 * fresh ones. exchange_recover gives both a message of the journal. */
NODISCARD int exchange_make_gateways(struct exchange *exchange, char *why);
void exchange_recover(struct exchange *exchange, const union cell *cells);

/* exchange_make_engine fills engine and gateway from snapshot and journal, or makes
 * an empty engine. Reads only. */
NODISCARD int exchange_make_engine(struct exchange *exchange, char *why);

/* exchange_open_writer makes the journal writable. The first change on disk is
 * here. */
NODISCARD int exchange_open_writer(struct exchange *exchange, char *why);

#endif
