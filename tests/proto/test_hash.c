/*
 * Goal: stored hashes can be read by everybody else's XXH3, and cutting a text
 * into updates does not change its hash.
 * Method: values of the reference library, then every cut of a page.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "proto/hash.h"

#define PAGE_BYTES 4096

static uint8_t page[PAGE_BYTES];

static void
fill_page(void)
{
    for (size_t i = 0; i < sizeof(page); i++)
        page[i] = (uint8_t)(i * 7 + (i >> 8));
}

TestSuite(hash, .init = fill_page);

Test(hash, known_texts_have_their_known_hashes)
{
    struct hash128 empty = hash128_of(NULL, 0);
    struct hash128 text = hash128_of("outcry", 6);

    cr_assert_eq(empty.hi, UINT64_C(0x99aa06d3014798d8));
    cr_assert_eq(empty.lo, UINT64_C(0x6001c324468d497f));
    cr_assert_eq(text.hi, UINT64_C(0x385fedc4ca85dd28));
    cr_assert_eq(text.lo, UINT64_C(0x74c207e253b80c85));
    cr_assert_eq(hash64_of(NULL, 0), UINT64_C(0x2d06800538d394c2));
}

Test(hash, any_cut_into_updates_gives_the_hash_of_the_whole)
{
    struct hash128 whole = hash128_of(page, sizeof(page));

    for (size_t cut = 0; cut <= sizeof(page); cut += 61) {
        struct hash_state state;

        hash_init(&state);
        hash_update(&state, page, cut);
        hash_update(&state, NULL, 0);
        hash_update(&state, page + cut, sizeof(page) - cut);
        cr_assert(hash128_equal(hash_digest(&state), whole), "cut at %zu", cut);
    }
}

Test(hash, page_with_another_first_line_hashes_as_its_copy_does)
{
    uint8_t copy[PAGE_BYTES];
    uint8_t line[64];

    cr_assert(hash128_equal(hash128_of_page(page, page), hash128_of(page, sizeof page)));
    for (size_t i = 0; i < PAGE_BYTES; i += 37) {
        page[i] ^= 0x5a;
        memcpy(copy, page, sizeof copy);
        memset(line, (int)i, sizeof line);
        memcpy(copy, line, sizeof line);
        cr_assert(hash128_equal(hash128_of_page(line, page), hash128_of(copy, sizeof copy)),
                  "byte %zu", i);
    }
}

Test(hash, text_may_go_on_after_a_digest)
{
    struct hash_state state;

    hash_init(&state);
    hash_update(&state, page, 64);
    cr_assert(hash128_equal(hash_digest(&state), hash128_of(page, 64)));
    hash_update(&state, page + 64, 64);
    cr_assert(hash128_equal(hash_digest(&state), hash128_of(page, 128)));
}

Test(hash, used_state_starts_again_without_a_trace)
{
    struct hash_state state;

    hash_init(&state);
    hash_update(&state, page, 1000);
    hash_init(&state);
    cr_assert(hash128_equal(hash_digest(&state), hash128_of(NULL, 0)));
}

Test(hash, every_flipped_bit_of_a_cell_is_noticed)
{
    struct hash128 whole = hash128_of(page, 64);
    uint64_t table = hash64_of(page, 64);

    for (size_t bit = 0; bit < (size_t)64 * 8; bit++) {
        page[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        cr_assert(!hash128_equal(hash128_of(page, 64), whole), "bit %zu", bit);
        cr_assert_neq(hash64_of(page, 64), table, "bit %zu", bit);
        page[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    cr_assert(hash128_equal(hash128_of(page, 64), whole));
}

Test(hash, address_of_the_text_does_not_matter)
{
    uint8_t moved[64 + 1];

    memcpy(moved + 1, page, 64);
    cr_assert(hash128_equal(hash128_of(moved + 1, 64), hash128_of(page, 64)));
}

Test(hash, of_a_line_in_line_is_that_of_the_library)
{
    uint64_t seed = 0;

    for (size_t at = 0; at + 64 <= sizeof(page); at += 5) {
        const uint64_t hash = hash64_of_line_seeded(page + at, seed);

        cr_assert_eq(hash, hash64_of_seeded(page + at, 64, seed), "at %zu", at);
        seed = hash;
    }
}
