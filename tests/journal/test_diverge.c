/*
 * Goal: what replay says of a cell that came out otherwise has each number as it is,
 * negative ones too.
 * Method: every field of every kind of cell, by the tables that are made from the schema,
 * gets the bits of -1 in what the engine wrote and of -2 in the journal; besides some
 * cells of each kind of field by hand.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "journal/diverge.h"

/* says tells of two cells, and expects the whole of it. */
static void
says(const union cell *expected, const union cell *actual, const char *text)
{
    static struct replay_result result;

    diverge_cell(&result, 7, 1, expected, actual);
    cr_assert_eq(result.diverged_seq, 7);
    cr_assert_str_eq(result.text, text);
}

Test(diverge, a_negative_price_is_told_as_one)
{
    union cell engine = {.trade = {.kind = CELL_KIND_TRADE, .shape = 2, .px = -150000000}};
    union cell journal = engine;

    journal.trade.px = 150000000;
    says(&journal, &engine,
         "command 7, cell 1 of its group: Trade: px is -150000000, the journal has 150000000");
    says(&engine, &journal,
         "command 7, cell 1 of its group: Trade: px is 150000000, the journal has -150000000");
}

Test(diverge, a_negative_number_of_four_bytes_is_told_as_one)
{
    union cell engine = {.fee_set = {.kind = CELL_KIND_FEE_SET, .shape = 2, .maker_ppm = -5}};
    union cell journal = engine;

    journal.fee_set.maker_ppm = 5;
    journal.fee_set.taker_ppm = INT32_MIN;
    says(&journal, &engine,
         "command 7, cell 1 of its group: FeeSet: maker_ppm is -5, the journal has 5; "
         "taker_ppm is 0, the journal has -2147483648");
}

/* expect_field says what is to be told of a field with these bits. */
static void
expect_field(const struct cell_field *field, char *text, size_t room)
{
    const uint64_t mask = UINT64_MAX >> (64u - 8u * field->size);

    if (field->type == CELL_FIELD_U)
        snprintf(text, room, "%s is %" PRIu64 ", the journal has %" PRIu64, field->name, mask,
                 mask - 1);
    else
        snprintf(text, room, "%s is -1, the journal has -2", field->name);
}

Test(diverge, every_number_has_its_sign)
{
    static struct replay_result result;
    unsigned signed_cnt = 0;

    for (unsigned kind = 0; kind < 256; kind++) {
        unsigned cnt = 0;
        const struct cell_field *fields = cell_fields((uint8_t)kind, &cnt);

        for (unsigned i = 0; i < cnt; i++) {
            union cell engine = {.bytes = {(uint8_t)kind, 1}};
            union cell journal = engine;
            char text[120];

            if (fields[i].type > CELL_FIELD_PRICE || fields[i].offset < 2)
                continue;
            memset(&engine.bytes[fields[i].offset], 0xff, fields[i].size);
            memset(&journal.bytes[fields[i].offset], 0xff, fields[i].size);
            journal.bytes[fields[i].offset] = 0xfe;
            expect_field(&fields[i], text, sizeof text);
            diverge_cell(&result, 7, 0, &journal, &engine);
            cr_assert(strstr(result.text, text) != NULL, "%s, not: %s", result.text, text);
            signed_cnt += fields[i].type != CELL_FIELD_U;
        }
    }
    cr_assert_gt(signed_cnt, 30);
}
