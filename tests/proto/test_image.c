/*
 * Goal: what is put into an image comes out of it, zeros cost nothing, and no bytes
 * make loading read or write where it must not.
 * Method: random memory with holes through put and get; every cut and many changes of
 * one byte; the memory on both sides of what is loaded is watched.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "proto/image.h"

#define MEM_BYTES 5003u /* no multiple of anything */
#define OUT_BYTES 16384u
#define GUARD     64u

struct buffer {
    struct image_out out;
    uint8_t bytes[OUT_BYTES];
    size_t cnt;
};

static void
put(struct image_out *out, const void *bytes, size_t cnt)
{
    struct buffer *buffer = (struct buffer *)(void *)out;

    cr_assert_leq(buffer->cnt + cnt, sizeof buffer->bytes);
    memcpy(buffer->bytes + buffer->cnt, bytes, cnt);
    buffer->cnt += cnt;
}

static uint64_t
next(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *random >> 33;
}

/* scatter fills mem with runs of bytes and runs of zeros. */
static void
scatter(uint8_t mem[MEM_BYTES], uint64_t *random)
{
    memset(mem, 0, MEM_BYTES);
    for (size_t at = next(random) % 300; at < MEM_BYTES; at += next(random) % 700)
        for (size_t end = at + next(random) % 90; at < end && at < MEM_BYTES; at++)
            mem[at] = (uint8_t)next(random);
}

/* load loads into guarded memory and says whether it went. */
static bool
load(const uint8_t *bytes, size_t cnt, uint8_t mem[MEM_BYTES])
{
    static uint8_t guarded[GUARD + MEM_BYTES + GUARD];
    struct image_in in = {.at = bytes, .left = cnt};

    memset(guarded, 0xee, sizeof guarded);
    memset(guarded + GUARD, 0, MEM_BYTES);

    const bool good = image_get_sparse(&in, guarded + GUARD, MEM_BYTES);

    for (unsigned i = 0; i < GUARD; i++) {
        cr_assert_eq(guarded[i], 0xee);
        cr_assert_eq(guarded[GUARD + MEM_BYTES + i], 0xee);
    }
    cr_assert_eq(in.bad, !good);
    cr_assert_leq(in.left, cnt);
    memcpy(mem, guarded + GUARD, MEM_BYTES);
    return good;
}

Test(image, memory_with_holes_comes_back_and_its_holes_cost_nothing)
{
    static uint8_t mem[MEM_BYTES];
    static uint8_t back[MEM_BYTES];
    uint64_t random = 1;

    for (unsigned round = 0; round < 200; round++) {
        struct buffer buffer = {.out = {.put = put}};
        size_t used = 0;

        scatter(mem, &random);
        image_put_sparse(&buffer.out, mem, sizeof mem);
        cr_assert(load(buffer.bytes, buffer.cnt, back));
        cr_assert_eq(memcmp(mem, back, sizeof mem), 0);
        for (size_t i = 0; i < MEM_BYTES; i++)
            used += mem[i] != 0;
        cr_assert_leq(buffer.cnt, 24 + used * (16 + 2 * IMAGE_GAP));
    }
}

Test(image, zeros_alone_are_three_numbers_and_nothing_is_none)
{
    static const uint8_t zeros[MEM_BYTES];
    static uint8_t back[MEM_BYTES];
    struct buffer buffer = {.out = {.put = put}};

    image_put_sparse(&buffer.out, zeros, sizeof zeros);
    cr_assert_eq(buffer.cnt, 24);
    cr_assert(load(buffer.bytes, buffer.cnt, back));

    struct image_in in = {.at = buffer.bytes, .left = 0};

    cr_assert(image_get(&in, NULL, 0));
    cr_assert_null(image_take(&in, 1));
    cr_assert(in.bad);
    cr_assert_null(image_take(&in, 0)); /* bad stays bad */
}

Test(image, every_cut_is_refused)
{
    static uint8_t mem[MEM_BYTES];
    static uint8_t back[MEM_BYTES];
    struct buffer buffer = {.out = {.put = put}};
    uint64_t random = 7;

    scatter(mem, &random);
    image_put_sparse(&buffer.out, mem, sizeof mem);
    for (size_t cnt = 0; cnt < buffer.cnt; cnt++)
        cr_assert(!load(buffer.bytes, cnt, back), "cut to %zu", cnt);
}

Test(image, changed_bytes_never_write_outside)
{
    static uint8_t mem[MEM_BYTES];
    static uint8_t back[MEM_BYTES];
    struct buffer buffer = {.out = {.put = put}};
    uint64_t random = 9;
    unsigned refused_cnt = 0;

    scatter(mem, &random);
    image_put_sparse(&buffer.out, mem, sizeof mem);
    for (size_t at = 0; at < buffer.cnt; at++) {
        const uint8_t before = buffer.bytes[at];

        buffer.bytes[at] = (uint8_t)next(&random);
        refused_cnt += !load(buffer.bytes, buffer.cnt, back);
        buffer.bytes[at] = before;
    }
    cr_assert_gt(refused_cnt, 100); /* sizes and places; content is not its business */
}

Test(image, runs_that_overlap_go_back_or_leave_are_refused)
{
    static uint8_t back[MEM_BYTES];
    const uint64_t bad[][7] = {
        {MEM_BYTES, 64, 0, MEM_BYTES, 0},                /* an empty run */
        {MEM_BYTES, 8, 8, 1, 0, 8, 1},                   /* back */
        {MEM_BYTES, MEM_BYTES - 4, 8, 1, MEM_BYTES, 0},  /* over the end */
        {MEM_BYTES, UINT64_MAX - 3, 8, 1, MEM_BYTES, 0}, /* so far that it wraps */
        {MEM_BYTES, 8, UINT64_MAX - 7, 1, MEM_BYTES, 0}, /* so long that it does */
        {MEM_BYTES, MEM_BYTES + 1, 0, 0, 0},             /* an end elsewhere */
        {MEM_BYTES - 1, MEM_BYTES - 1, 0, 0},            /* of other memory */
    };
    const uint64_t good[] = {MEM_BYTES, 8, 8, 1, MEM_BYTES, 0};

    cr_assert(load((const uint8_t *)good, sizeof good, back));
    cr_assert_eq(back[8], 1);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(!load((const uint8_t *)bad[i], sizeof bad[i], back), "case %u", i);
}
