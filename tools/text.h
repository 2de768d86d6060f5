/*
 * Text: numbers as people read and write them, exact both ways.
 *
 *   price   i64, 10^-8   "100.25"   no exponent, no float, never rounded
 *   time    u64 ns UTC   "2025-01-31T09:30:00.000000001Z"
 *
 * The writers fill a buffer of the caller and return it, so that several can be
 * arguments of one printf.
 */
#ifndef OUTCRY_TOOLS_TEXT_H
#define OUTCRY_TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/hash.h"
#include "proto/px_qty.h"

#define TEXT_PX_BYTES   32u
#define TEXT_TIME_BYTES 32u
#define TEXT_HASH_BYTES 33u

/* text_px writes px with as few decimals as are exact, but at least decimals
 * (0 to 8). */
const char *text_px(px_t px, unsigned decimals, char buf[TEXT_PX_BYTES]);

/* text_px_parse reads a whole text; false if it is no decimal number, has more
 * than 8 decimals or does not fit. */
NODISCARD bool text_px_parse(const char *text, px_t *px);

/* text_u64_parse reads a whole text of decimal digits; false if it is none or
 * does not fit. */
NODISCARD bool text_u64_parse(const char *text, uint64_t *value);

/* text_time writes nanoseconds UTC as ISO 8601 with nine decimals. */
const char *text_time(uint64_t time_ns, char buf[TEXT_TIME_BYTES]);

/* text_time_parse reads ISO 8601 in UTC: YYYY-MM-DD, with or without Thh:mm:ss,
 * a fraction of up to nine digits and a Z. */
NODISCARD bool text_time_parse(const char *text, uint64_t *time_ns);

/* text_hash writes 32 hex digits, the high half first. */
const char *text_hash(struct hash128 hash, char buf[TEXT_HASH_BYTES]);

/* text_ipv4 writes an address in host order; text_ipv4_parse reads a.b.c.d. */
const char *text_ipv4(uint32_t ip, char buf[16]);
NODISCARD bool text_ipv4_parse(const char *text, uint32_t *ip);

#endif
