/*
 * Sheet: a start-of-day file on its way into the engine, all or nothing.
 *
 *   rows --sheet_add--> checked in itself, none twice --sheet_order--> days first,
 *   then limits, cash, positions --sheet_check--> against the engine as it stands
 *
 * Rows are kept as the cell that they become; what is wrong is kept as text, up to
 * SHEET_WRONG_MAX rows of it, and counted beyond.
 *
 * Memory for all rows is reserved when the exchange starts and touched when it is
 * used. Filled by the gateway's thread, then handed through the desk to the
 * engine's, and back.
 */
#ifndef OUTCRY_TOOLS_SHEET_H
#define OUTCRY_TOOLS_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "proto/base.h"
#include "proto/cell.h"

#include "tools/verb.h"

#define SHEET_ROWS_MAX   (1u << 20)
#define SHEET_WRONG_MAX  20u
#define SHEET_TEXT_BYTES 14336u

struct sheet_row {
    union cell cell;
    uint32_t line;
    uint32_t zero;
};

struct sheet {
    struct sheet_row *rows; /* SHEET_ROWS_MAX */
    uint32_t *places;       /* of a hash table, twice as many: row + 1, 0: free */
    uint32_t *order;        /* rows as they are submitted */
    uint32_t positions_max; /* records of account and instrument that the engine has */
    uint32_t pairs_cnt;     /* of them that rows will take, as far as checked */
    uint32_t rows_cnt;
    uint32_t wrong_cnt;
    size_t text_len;
    char text[SHEET_TEXT_BYTES]; /* one line for each wrong row */
    union cell author;
};

/* sheet_open reserves the memory; -ENOMEM without. positions_max is the engine's. */
NODISCARD int sheet_open(struct sheet *sheet, uint32_t positions_max);
void sheet_close(struct sheet *sheet);

/* sheet_begin empties it. */
void sheet_begin(struct sheet *sheet);

/* sheet_add reads the row of a line of the file. */
void sheet_add(struct sheet *sheet,
               const struct roster *roster,
               uint32_t line,
               char *const *words,
               unsigned cnt);

/* sheet_order puts rows into the order of submission. */
void sheet_order(struct sheet *sheet);

/* sheet_at returns the row that is submitted idx-th. */
static inline const struct sheet_row *
sheet_at(const struct sheet *sheet, uint32_t idx)
{
    return &sheet->rows[sheet->order[idx]];
}

/* sheet_check asks the engine whether it would take the idx-th row, given those
 * before it; what is wrong is kept. By the engine's thread. */
void sheet_check(struct sheet *sheet, const struct engine *engine, uint32_t idx);

#endif
