/*
 * OUCH names: instruments by their symbols, both ways, as the journal told them.
 *
 *   InstrumentSet --ouch_names_learn--> symbol[instrument], instrument of symbol
 *
 * A symbol never changes its instrument. An instrument whose tick is no multiple of
 * 10^-4 is not entered: OUCH has four decimals, and nothing is rounded.
 *
 * Written by the publisher, read by decoder and encoder, all of one thread. An image of
 * them is the symbols by instrument, up to the last, behind their number.
 */
#ifndef OUTCRY_GATEWAY_OUCH_NAMES_H
#define OUTCRY_GATEWAY_OUCH_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/cell.h"
#include "proto/image.h"

#define OUCH_SYMBOL_BYTES 8u

/* Least step of a price, 10^-8: four decimals. */
#define OUCH_PX_UNIT INT64_C(10000)

struct ouch_names;

/* ouch_names_footprint: bytes for instruments 0 .. instruments_max - 1; 0 if there are
 * none or too many. */
size_t ouch_names_footprint(uint32_t instruments_max);

/* ouch_names_init makes names in mem: zeroed, CACHE_LINE aligned. */
struct ouch_names *ouch_names_init(void *mem, uint32_t instruments_max);

/* ouch_names_learn takes an InstrumentSet that was accepted. */
void ouch_names_learn(struct ouch_names *names, const struct cell_instrument_set *cell);

/* ouch_names_symbol returns OUCH_SYMBOL_BYTES characters, padded with spaces; NULL if
 * the instrument is unknown or not traded in this dialect. */
const char *ouch_names_symbol(const struct ouch_names *names, uint32_t instrument);

/* ouch_names_find returns the instrument of a symbol as OUCH has it, CELL_ANY if there
 * is none. Cost: one or two lines of memory. */
uint32_t ouch_names_find(const struct ouch_names *names, const char symbol[OUCH_SYMBOL_BYTES]);

/* ouch_names_save puts them into an image; names is NULL: none. ouch_names_load fills
 * fresh ones, or passes them by if names is NULL; false: it is no such image, and they
 * are as they were. */
void ouch_names_save(const struct ouch_names *names, struct image_out *out);
NODISCARD bool ouch_names_load(struct ouch_names *names, struct image_in *in);

#endif
