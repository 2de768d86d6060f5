/*
 * Goal: a bit that means nothing wakes nothing. In 2012 a flag that had once been another
 * feature's was used again, and one machine of eight still had the old feature. Method: in
 * every kind of cell, and in the flags of the wire, each bit without a meaning is set
 * alone: the message must be refused.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/order_codec.h"
#include "proto/cell.h"
#include "proto/orders.h"
#include "proto/px_qty.h"

/* has_field says whether a byte of a kind belongs to a field. */
static bool
has_field(unsigned kind, unsigned at)
{
    unsigned cnt;
    const struct cell_field *fields = cell_fields(kind, &cnt);

    for (unsigned i = 0; i < cnt; i++)
        if (at >= fields[i].offset && at < fields[i].offset + fields[i].size)
            return true;
    return false;
}

/* some_valid makes a cell of a kind that passes: zero, but for fields of characters. */
static union cell
some_valid(unsigned kind)
{
    static const char values[] = {0, 1, '0', '1', '2', 'A'};
    unsigned cnt;
    const struct cell_field *fields = cell_fields(kind, &cnt);
    union cell cell = {.bytes = {(uint8_t)kind}};

    for (unsigned i = 0; i < cnt && !cell_valid(&cell); i++)
        for (unsigned v = 0;
             v < sizeof values && fields[i].size == 1 && fields[i].offset > 1 && !cell_valid(&cell);
             v++) {
            cell.bytes[fields[i].offset] = (uint8_t)values[v];
            for (unsigned w = 0;
                 w < sizeof values && !cell_valid(&cell) && i + 1 < cnt && fields[i + 1].size == 1;
                 w++)
                cell.bytes[fields[i + 1].offset] = (uint8_t)values[w];
        }
    return cell;
}

Test(bits, reserved_bits_of_every_cell_are_refused)
{
    unsigned kinds = 0, bits = 0;

    for (unsigned kind = 0; kind < 256; kind++) {
        unsigned cnt;

        if (cell_fields(kind, &cnt) == NULL)
            continue;

        const union cell good = some_valid(kind);

        cr_assert(cell_valid(&good), "%s", cell_kind_name(kind));
        kinds++;
        for (unsigned bit = 16; bit < 512; bit++) {
            union cell cell = good;

            cell.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (has_field(kind, bit / 8))
                continue;
            bits++;
            cr_expect(!cell_valid(&cell), "%s: bit %u", cell_kind_name(kind), bit);
        }
    }
    cr_expect_geq(kinds, 40);
    cr_expect_geq(bits, 2000);
}

Test(bits, bits_of_an_order_without_a_meaning_are_refused_in_its_cell)
{
    union cell cell = {.order_new = {.kind = CELL_KIND_ORDER_NEW,
                                     .shape = 1,
                                     .ord_type = OE_ORD_TYPE_LIMIT,
                                     .tif = OE_TIME_IN_FORCE_DAY}};

    for (unsigned bit = 0; bit < 8; bit++) {
        cell.order_new.exec_inst = (uint8_t)(1u << bit);
        cr_expect_eq(cell_valid(&cell), (OE_EXEC_INST_ALL & 1u << bit) != 0);
    }
}

static const struct oe_new_order_single wire_order = {
    .cl_ord_id = 1,
    .price = PX_ONE,
    .stop_px = INT64_MIN,
    .expire_time = UINT64_MAX,
    .security_id = 1,
    .order_qty = 1,
    .display_qty = UINT32_MAX,
    .min_qty = UINT32_MAX,
    .account = 1,
    .client_short_code = UINT32_MAX,
    .decision_short_code = UINT32_MAX,
    .execution_short_code = UINT32_MAX,
    .peg_offset_value = INT64_MIN,
    .linked_cl_ord_id = UINT64_MAX,
    .display_range = UINT32_MAX,
    .side = OE_SIDE_BUY,
    .ord_type = OE_ORD_TYPE_LIMIT,
    .time_in_force = OE_TIME_IN_FORCE_DAY,
    .order_capacity = OE_ORDER_CAPACITY_AGENCY,
};

/* decode gives the kind of command that comes of an order with one byte changed. */
static unsigned
decode(const struct oe_new_order_single *order, union cell cells[CELL_COMMAND_MAX])
{
    uint8_t buf[256];
    const size_t len = oe_new_order_single_encode(buf, sizeof buf, order);

    cr_assert_gt(len, 0);
    cr_assert_gt(order_decode(buf, len, 0, 1, 0, cells), 0);
    return cell_kind(cells);
}

Test(bits, flags_of_the_wire_without_a_meaning_are_refused)
{
    union cell cells[CELL_COMMAND_MAX];

    for (unsigned flags = 0; flags < 256; flags++) {
        struct oe_new_order_single order = wire_order;
        const bool known = (flags & ~(unsigned)OE_EXEC_INST_ALL) == 0;

        order.exec_inst = (uint8_t)flags;
        cr_expect_eq(decode(&order, cells), known ? CELL_KIND_ORDER_NEW : CELL_KIND_MESSAGE_REFUSED,
                     "flags %x", flags);
        if (!known)
            cr_expect_eq(cells->message_refused.reason, OE_REJECT_REASON_MALFORMED_MESSAGE);
    }
}

Test(bits, words_of_the_wire_that_were_never_given_are_refused)
{
    const size_t at[] = {offsetof(struct oe_new_order_single, side),
                         offsetof(struct oe_new_order_single, ord_type),
                         offsetof(struct oe_new_order_single, time_in_force),
                         offsetof(struct oe_new_order_single, order_capacity),
                         offsetof(struct oe_new_order_single, self_match_prevention_instruction)};
    static const char *const known[] = {"12", "1234KP", "0123467", "APR", "\1\2\3\4"};
    union cell cells[CELL_COMMAND_MAX];

    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        for (unsigned value = i == 4; value < 256; value++) {
            struct oe_new_order_single order = wire_order;

            ((uint8_t *)&order)[at[i]] = (uint8_t)value;
            if (value != 0 && strchr(known[i], (int)value) != NULL)
                continue;
            cr_expect_eq(decode(&order, cells), CELL_KIND_MESSAGE_REFUSED, "byte %zu: %u", at[i],
                         value);
        }
}
