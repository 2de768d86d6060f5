/*
 * Private to tools/audit*.c: how a row is filled, and the rows of events.
 *
 *   audit.c          what every row has, commands of orders
 *   audit_events.c   what came of them: trades, cancels, quotes, ...
 *   audit_other.c    what is not about one order: configuration, risk, sessions
 */
#ifndef OUTCRY_TOOLS_AUDIT_ROWS_H
#define OUTCRY_TOOLS_AUDIT_ROWS_H

#include <stdbool.h>

#include "proto/px_qty.h"

#include "tools/audit.h"

/* audit_begin empties the row and fills what every one has; audit_end gives it
 * away. */
void audit_begin(struct audit *audit, const union cell *cell, const struct audit_place *place);
void audit_end(struct audit *audit);

void audit_put(struct audit *audit, enum audit_column column, const char *text);
void audit_put_u64(struct audit *audit, enum audit_column column, uint64_t value);

/* Of an attribute whose 0 means that it is not there. */
void audit_put_given(struct audit *audit, enum audit_column column, uint64_t value);

/* Prices: after the instrument, which says how many decimals they have. */
void audit_put_px(struct audit *audit, enum audit_column column, px_t px);
void audit_put_given_px(struct audit *audit, enum audit_column column, px_t px);

/* Of a limit's unit: money as a price, all else as a number. */
void audit_put_amount(struct audit *audit, enum audit_column column, int64_t value, bool money);

void audit_put_side(struct audit *audit, bool sell);
void audit_put_session(struct audit *audit, uint16_t session);
void audit_put_account(struct audit *audit, uint32_t account);
void audit_put_instrument(struct audit *audit, uint32_t instrument);
void audit_put_capacity(struct audit *audit, uint8_t stp_capacity);

/* audit_put_outcome tells how a command ended; returns whether it was accepted. */
bool audit_put_outcome(struct audit *audit,
                       const union cell *cell,
                       const char *accepted,
                       const char *refused);

/* audit_add appends one NAME=VALUE to the detail. */
void audit_add(struct audit *audit, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* audit_has_second tells whether the message goes on with a cell of this kind. A
 * page can be whole and hold what no engine of ours wrote. */
static inline bool
audit_has_second(const union cell *cells, unsigned kind)
{
    return cell_count(&cells[0]) >= 2 && cell_kind(&cells[1]) == kind;
}

/* audit_two_sides writes the rows of a message that has one for each side; false
 * if it is none. */
bool audit_two_sides(struct audit *audit, const union cell *cells, const struct audit_place *place);

/* audit_event fills the row that was begun; false if it knows no such event. */
bool audit_event(struct audit *audit, const union cell *cells);

/* audit_other fills the row that was begun with what is not about one order. */
void audit_other(struct audit *audit, const union cell *cells);

#endif
