/* Bytes of test vectors: read from hex, compared one by one. */
#ifndef OUTCRY_TESTS_PROTO_WIRE_BYTES_H
#define OUTCRY_TESTS_PROTO_WIRE_BYTES_H

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <criterion/criterion.h>

/* unhex reads hex digits, blanks between them, and returns the bytes. */
static inline size_t
unhex(uint8_t *out, const char *text)
{
    size_t cnt = 0;

    for (; *text != '\0'; text++) {
        unsigned byte;

        if (isspace((unsigned char)*text))
            continue;
        cr_assert_eq(sscanf(text++, "%2x", &byte), 1, "not hex: %s", text);
        out[cnt++] = (uint8_t)byte;
    }
    return cnt;
}

static inline void
expect_bytes(const uint8_t *got, size_t got_cnt, const char *want_text)
{
    uint8_t want[512];
    const size_t want_cnt = unhex(want, want_text);

    cr_assert_eq(got_cnt, want_cnt, "%zu bytes, not %zu", got_cnt, want_cnt);
    for (size_t i = 0; i < want_cnt; i++)
        cr_assert_eq(got[i], want[i], "byte %zu is %02x, not %02x", i, got[i], want[i]);
}

#endif
