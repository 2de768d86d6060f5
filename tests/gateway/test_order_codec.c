/*
 * Goal: what a broker sends and sees is the published schema, byte for byte,
 * and nothing is rounded or guessed on the way. Method: golden bytes written
 * down from orders.xml by hand, one message of each template, in both
 * directions; each rule about nulls; and each way to be malformed, made from
 * the valid message by one change.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/order_codec.h"
#include "proto/fixp.h"
#include "proto/limits.h"
#include "proto/orders.h"

#define SESSION 7u
#define NO      0x10002ull /* low 16 bits: 2 */
#define TIME_NS 1700000000123456789ull

#define BYTES_MAX 1600u

struct bytes {
    uint8_t data[BYTES_MAX];
    size_t len;
};

static unsigned
nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* hex reads pairs of digits; blanks are for the reader. */
static struct bytes
hex(const char *text)
{
    struct bytes bytes = {.len = 0};

    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        cr_assert_lt(bytes.len, BYTES_MAX);
        bytes.data[bytes.len++] = (uint8_t)(nibble(text[0]) << 4 | nibble(text[1]));
        text++;
    }
    return bytes;
}

static unsigned
decode(const struct bytes *bytes, union cell *cells)
{
    const unsigned cnt = order_decode(bytes->data, bytes->len, SESSION, NO, TIME_NS, cells);

    cr_assert_leq(cnt, CELL_COMMAND_MAX);
    for (unsigned i = 0; i < cnt; i++)
        cr_assert(cell_valid(&cells[i]), "cell %u", i);
    cr_assert_eq(cell_count(&cells[0]), cnt);
    cr_assert_eq(cell_time(&cells[0]), TIME_NS);
    cr_assert_eq(cell_session(&cells[0]), SESSION);
    cr_assert_eq(cells[0].order_new.in_no, NO & 0xffff);
    return cnt;
}

static void
assert_refused(const struct bytes *bytes, uint16_t template_id, uint16_t reason, const char *what)
{
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(bytes, cells), 1, "%s", what);
    cr_assert_eq(cell_kind(cells), CELL_KIND_MESSAGE_REFUSED, "%s", what);
    cr_assert_eq(cells->message_refused.ref_no, NO, "%s", what);
    cr_assert_eq(cells->message_refused.template_id, template_id, "%s", what);
    cr_assert_eq(cells->message_refused.reason, reason, "%s", what);
}

/* One change of a valid message. */
struct change {
    const char *what;
    size_t off; /* in the block */
    const char *bytes;
};

static void
assert_malformed(struct bytes valid, uint16_t template_id, const struct change *changes, size_t cnt)
{
    union cell cells[CELL_COMMAND_MAX];

    decode(&valid, cells);
    cr_assert_neq(cell_kind(cells), CELL_KIND_MESSAGE_REFUSED, "the valid one");
    for (size_t i = 0; i < cnt; i++) {
        struct bytes bad = valid;
        const struct bytes patch = hex(changes[i].bytes);

        memcpy(bad.data + 8 + changes[i].off, patch.data, patch.len);
        assert_refused(&bad, template_id, OE_REJECT_REASON_MALFORMED_MESSAGE, changes[i].what);
    }

    struct bytes bad = valid;
    bad.len--;
    assert_refused(&bad, template_id, OE_REJECT_REASON_MALFORMED_MESSAGE, "cut short");
    bad = valid;
    bad.data[0]--;
    assert_refused(&bad, template_id, OE_REJECT_REASON_MALFORMED_MESSAGE, "block too short");
    bad = valid;
    bad.data[0]++;
    assert_refused(&bad, template_id, OE_REJECT_REASON_MALFORMED_MESSAGE, "block too long");
}

/* ClOrdID 0x1122, price 100.25, no stop, no expiry, instrument 3, quantity 100,
 * no display or minimum quantity, account 9, no short codes, sell, limit, day,
 * post only, cancel both, principal. */
static const char *const new_order =
    "4800 0a00 6400 0000 2211000000000000 405c895502000000 0000000000000080 ffffffffffffffff "
    "03000000 64000000 ffffffff ffffffff 09000000 ffffffff ffffffff ffffffff "
    "32 32 30 01 03 50 0000";

Test(order_codec, new_order_is_one_cell)
{
    const struct bytes bytes = hex(new_order);
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&bytes, cells), 1);
    const struct cell_order_new *order = &cells->order_new;

    cr_assert_eq(order->kind, CELL_KIND_ORDER_NEW);
    cr_assert_eq(order->shape, 1 | CELL_SELL);
    cr_assert_eq(order->outcome, 0);
    cr_assert_eq(order->instrument, 3);
    cr_assert_eq(order->seq, 0);
    cr_assert_eq(order->clord, 0x1122);
    cr_assert_eq(order->order_id, 0);
    cr_assert_eq(order->px, 10025000000);
    cr_assert_eq(order->qty, 100);
    cr_assert_eq(order->ord_type, OE_ORD_TYPE_LIMIT);
    cr_assert_eq(order->tif, OE_TIME_IN_FORCE_DAY);
    cr_assert_eq(order->exec_inst, OE_EXEC_INST_POST_ONLY);
    cr_assert_eq(cell_stp(order->stp_capacity), 3);
    cr_assert_eq(cell_capacity(order->stp_capacity), 'P');
    cr_assert_eq(order->account, 9);
}

Test(order_codec, market_order_has_no_price)
{
    struct bytes bytes = hex(new_order);
    union cell cells[CELL_COMMAND_MAX];

    memcpy(bytes.data + 8 + 8, hex("0000000000000080").data, 8);
    bytes.data[8 + 64] = '1';
    bytes.data[8 + 65] = '1';
    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_eq(cells->order_new.px, 0);
    cr_assert_eq(cells->order_new.shape, 1);
}

Test(order_codec, negative_price_is_for_the_engine_to_refuse)
{
    struct bytes bytes = hex(new_order);
    union cell cells[CELL_COMMAND_MAX];

    memset(bytes.data + 8 + 8, 0xff, 8);
    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_eq(cells->order_new.px, -1);
}

/* The same with the fields of version 1: peg offset -0.5, linked to ClOrdID 0x33,
 * display range 20. */
static const char *const new_order_v1 =
    "6000 0a00 6400 0100 2211000000000000 405c895502000000 0000000000000080 ffffffffffffffff "
    "03000000 64000000 ffffffff ffffffff 09000000 ffffffff ffffffff ffffffff "
    "32 32 30 01 03 50 0000 800f05fdffffffff 3300000000000000 14000000 00000000";

/* v1_without gives it with those fields null. */
static struct bytes
v1_without(void)
{
    struct bytes bytes = hex(new_order_v1);

    memcpy(bytes.data + 8 + 72, hex("0000000000000080 ffffffffffffffff ffffffff").data, 20);
    return bytes;
}

Test(order_codec, fields_of_version_1_make_an_extension_and_a_link)
{
    const struct bytes bytes = hex(new_order_v1);
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&bytes, cells), 3);
    cr_assert_eq(cells[0].order_new.kind, CELL_KIND_ORDER_NEW);
    cr_assert_eq(cells[0].order_new.shape, 3 | CELL_SELL);
    cr_assert_eq(cells[1].order_extension.kind, CELL_KIND_ORDER_EXTENSION);
    cr_assert_eq(cells[1].order_extension.peg_offset_px, -50000000);
    cr_assert_eq(cells[1].order_extension.display_range, 20);
    cr_assert_eq(cells[1].order_extension.display_qty, 0);
    cr_assert_eq(cells[2].order_link.kind, CELL_KIND_ORDER_LINK);
    cr_assert_eq(cells[2].order_link.linked_clord, 0x33);
}

Test(order_codec, null_fields_of_version_1_add_nothing)
{
    const struct bytes old = hex(new_order);
    const struct bytes bytes = v1_without();
    union cell cells[CELL_COMMAND_MAX];
    union cell expected[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&old, expected), 1);
    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_arr_eq(cells[0].bytes, expected[0].bytes, CELL_BYTES);
}

Test(order_codec, peg_offset_of_0_is_none)
{
    struct bytes bytes = v1_without();
    union cell cells[CELL_COMMAND_MAX];

    memset(bytes.data + 8 + 72, 0, 8);
    cr_assert_eq(decode(&bytes, cells), 1);
}

Test(order_codec, link_alone_has_an_empty_extension_before_it)
{
    struct bytes bytes = v1_without();
    union cell expected = {.words = {0}};
    union cell cells[CELL_COMMAND_MAX];

    bytes.data[8 + 80] = 1;
    memset(bytes.data + 8 + 81, 0, 7);
    expected.bytes[0] = CELL_KIND_ORDER_EXTENSION;
    cr_assert_eq(decode(&bytes, cells), 3);
    cr_assert_arr_eq(cells[1].bytes, expected.bytes, CELL_BYTES);
    cr_assert_eq(cells[2].order_link.linked_clord, 1);
}

Test(order_codec, longer_block_that_says_version_0_has_no_newer_fields)
{
    struct bytes bytes = hex(new_order_v1);
    union cell cells[CELL_COMMAND_MAX];

    bytes.data[6] = 0;
    bytes.data[8 + 92] = 1; /* not looked at either */
    cr_assert_eq(decode(&bytes, cells), 1);
}

Test(order_codec, malformed_fields_of_version_1_are_refused)
{
    static const struct change changes[] = {
        {"LinkedClOrdID 0", 80, "0000000000000000"},
        {"DisplayRange 0", 88, "00000000"},
        {"DisplayRange 65536", 88, "00000100"},
        {"first reserved byte", 92, "01"},
        {"last reserved byte", 95, "01"},
    };
    const struct bytes valid = hex(new_order_v1);
    union cell cells[CELL_COMMAND_MAX];

    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct bytes bad = valid;
        const struct bytes patch = hex(changes[i].bytes);

        memcpy(bad.data + 8 + changes[i].off, patch.data, patch.len);
        assert_refused(&bad, OE_NEW_ORDER_SINGLE_ID, OE_REJECT_REASON_MALFORMED_MESSAGE,
                       changes[i].what);
    }
    /* The largest range there is. */
    struct bytes most = valid;

    memcpy(most.data + 8 + 88, hex("ffff0000").data, 4);
    cr_assert_eq(decode(&most, cells), 3);
    cr_assert_eq(cells[1].order_extension.display_range, 65535);
}

Test(order_codec, longer_block_of_a_newer_schema_is_read)
{
    struct bytes bytes = v1_without();
    union cell cells[CELL_COMMAND_MAX];

    bytes.data[0] = 104;
    bytes.data[6] = 2;
    memset(bytes.data + bytes.len, 0xee, 8);
    bytes.len += 8;
    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_eq(cells->order_new.clord, 0x1122);
}

Test(order_codec, each_rare_attribute_makes_an_extension)
{
    static const struct {
        size_t off;
        const char *bytes;
        size_t cell_off;
        size_t cell_bytes;
    } rows[] = {
        {.off = 40, .bytes = "05000000", .cell_off = 4, .cell_bytes = 4},
        {.off = 16, .bytes = "0100000000000000", .cell_off = 8, .cell_bytes = 8},
        {.off = 24, .bytes = "1526aeab0100000f", .cell_off = 16, .cell_bytes = 8},
        {.off = 44, .bytes = "07000000", .cell_off = 24, .cell_bytes = 4},
        {.off = 52, .bytes = "01020304", .cell_off = 28, .cell_bytes = 4},
        {.off = 56, .bytes = "feffffff", .cell_off = 32, .cell_bytes = 4},
        {.off = 60, .bytes = "03000000", .cell_off = 36, .cell_bytes = 4},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct bytes value = hex(rows[i].bytes);
        struct bytes bytes = hex(new_order);
        union cell cells[CELL_COMMAND_MAX];
        union cell expected = {.words = {0}};

        memcpy(bytes.data + 8 + rows[i].off, value.data, value.len);
        cr_assert_eq(decode(&bytes, cells), 2, "row %zu", i);
        cr_assert_eq(cells->order_new.shape, 2 | CELL_SELL, "row %zu", i);
        expected.bytes[0] = CELL_KIND_ORDER_EXTENSION;
        memcpy(expected.bytes + rows[i].cell_off, value.data, rows[i].cell_bytes);
        cr_assert_arr_eq(cells[1].bytes, expected.bytes, CELL_BYTES, "row %zu", i);
    }
}

Test(order_codec, malformed_new_orders_are_refused)
{
    static const struct change changes[] = {
        {"ClOrdID null", 0, "ffffffffffffffff"},
        {"ClOrdID 0", 0, "0000000000000000"},
        {"Price 0", 8, "0000000000000000"},
        {"StopPx 0", 16, "0000000000000000"},
        {"ExpireTime 0", 24, "0000000000000000"},
        {"SecurityID null", 32, "ffffffff"},
        {"OrderQty null", 36, "ffffffff"},
        {"DisplayQty 0", 40, "00000000"},
        {"MinQty 0", 44, "00000000"},
        {"Account null", 48, "ffffffff"},
        {"ClientShortCode 0", 52, "00000000"},
        {"DecisionShortCode 0", 56, "00000000"},
        {"ExecutionShortCode 0", 60, "00000000"},
        {"Side 3", 64, "33"},
        {"Side null", 64, "00"},
        {"OrdType 5", 65, "35"},
        {"TimeInForce 5", 66, "35"},
        {"ExecInst unknown", 67, "20"},
        {"SelfMatchPrevention 5", 68, "05"},
        {"OrderCapacity X", 69, "58"},
        {"first reserved byte", 70, "01"},
        {"second reserved byte", 71, "80"},
    };

    assert_malformed(hex(new_order), OE_NEW_ORDER_SINGLE_ID, changes, ARRAY_LEN(changes));
}

/* ClOrdID 2, OrigClOrdID 1, no OrderID, instrument 3. */
static const char *const cancel_by_clord =
    "2000 0b00 6400 0000 0200000000000000 0100000000000000 ffffffffffffffff 03000000 00000000";

Test(order_codec, cancel_names_the_order_by_clord)
{
    const struct bytes bytes = hex(cancel_by_clord);
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_eq(cells->order_cancel.kind, CELL_KIND_ORDER_CANCEL);
    cr_assert_eq(cells->order_cancel.shape, 1);
    cr_assert_eq(cells->order_cancel.clord, 2);
    cr_assert_eq(cells->order_cancel.orig_clord, 1);
    cr_assert_eq(cells->order_cancel.order_id, 0);
    cr_assert_eq(cells->order_cancel.instrument, 3);
}

Test(order_codec, cancel_by_order_id_goes_before_clord)
{
    struct bytes bytes = hex(cancel_by_clord);
    union cell cells[CELL_COMMAND_MAX];

    memcpy(bytes.data + 8 + 16, hex("0500000000000010").data, 8);
    for (int with_orig = 1; with_orig >= 0; with_orig--) {
        if (!with_orig)
            memset(bytes.data + 8 + 8, 0xff, 8);
        cr_assert_eq(decode(&bytes, cells), 1);
        cr_assert_eq(cells->order_cancel.shape, 1 | CELL_BY_ID);
        cr_assert_eq(cells->order_cancel.order_id, 0x1000000000000005);
        cr_assert_eq(cells->order_cancel.orig_clord, 0, "a result");
    }
}

Test(order_codec, malformed_cancels_are_refused)
{
    static const struct change changes[] = {
        {"ClOrdID null", 0, "ffffffffffffffff"}, {"OrigClOrdID 0", 8, "0000000000000000"},
        {"OrderID 0", 16, "0000000000000000"},   {"neither id", 8, "ffffffffffffffff"},
        {"SecurityID null", 24, "ffffffff"},
    };

    assert_malformed(hex(cancel_by_clord), OE_ORDER_CANCEL_REQUEST_ID, changes, ARRAY_LEN(changes));
}

/* ClOrdID 2, OrigClOrdID 1, no OrderID, price 0.5, no stop, no expiry,
 * instrument 3, quantity 70, display 10, no minimum. */
static const char *const replace_by_clord =
    "4000 0c00 6400 0000 0200000000000000 0100000000000000 ffffffffffffffff 80f0fa0200000000 "
    "0000000000000080 ffffffffffffffff 03000000 46000000 0a000000 ffffffff";

Test(order_codec, replace_is_two_cells)
{
    const struct bytes bytes = hex(replace_by_clord);
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&bytes, cells), 2);
    cr_assert_eq(cells[0].order_replace.kind, CELL_KIND_ORDER_REPLACE);
    cr_assert_eq(cells[0].order_replace.shape, 2);
    cr_assert_eq(cells[0].order_replace.clord, 2);
    cr_assert_eq(cells[0].order_replace.order_id, 0);
    cr_assert_eq(cells[0].order_replace.px, 50000000);
    cr_assert_eq(cells[0].order_replace.qty, 70);
    cr_assert_eq(cells[0].order_replace.instrument, 3);
    cr_assert_eq(cells[0].order_replace.ord_type, 0);
    cr_assert_eq(cells[0].order_replace.account, 0);
    cr_assert_eq(cells[1].replace_detail.orig_clord, 1);
    cr_assert_eq(cells[1].replace_detail.display_qty, 10);
    cr_assert_eq(cells[1].replace_detail.min_qty, 0);
    cr_assert_eq(cells[1].replace_detail.stop_px, 0);
    cr_assert_eq(cells[1].replace_detail.expire_time, 0);
    cr_assert_eq(cells[1].replace_detail.new_order_id, 0);
}

Test(order_codec, replace_by_order_id_is_marked)
{
    struct bytes bytes = hex(replace_by_clord);
    union cell cells[CELL_COMMAND_MAX];

    memcpy(bytes.data + 8 + 8, hex("ffffffffffffffff 0500000000000000").data, 16);
    cr_assert_eq(decode(&bytes, cells), 2);
    cr_assert_eq(cells[0].order_replace.shape, 2 | CELL_BY_ID);
    cr_assert_eq(cells[0].order_replace.order_id, 5);
    cr_assert_eq(cells[1].replace_detail.orig_clord, 0);
}

Test(order_codec, malformed_replaces_are_refused)
{
    static const struct change changes[] = {
        {"ClOrdID null", 0, "ffffffffffffffff"},  {"ClOrdID 0", 0, "0000000000000000"},
        {"OrigClOrdID 0", 8, "0000000000000000"}, {"neither id", 8, "ffffffffffffffff"},
        {"OrderID 0", 16, "0000000000000000"},    {"Price 0", 24, "0000000000000000"},
        {"StopPx 0", 32, "0000000000000000"},     {"ExpireTime 0", 40, "0000000000000000"},
        {"SecurityID null", 48, "ffffffff"},      {"OrderQty null", 52, "ffffffff"},
        {"DisplayQty 0", 56, "00000000"},         {"MinQty 0", 60, "00000000"},
    };

    assert_malformed(hex(replace_by_clord), OE_ORDER_CANCEL_REPLACE_REQUEST_ID, changes,
                     ARRAY_LEN(changes));
}

/* ClOrdID 4, instrument 0, account 9, scope account, sells. */
static const char *const mass_cancel =
    "1800 0d00 6400 0000 0400000000000000 00000000 09000000 01 32 000000000000";

Test(order_codec, mass_cancel_of_an_account_names_it)
{
    const struct bytes bytes = hex(mass_cancel);
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_eq(cells->mass_cancel.kind, CELL_KIND_MASS_CANCEL);
    cr_assert_eq(cells->mass_cancel.shape, 1);
    cr_assert_eq(cells->mass_cancel.clord, 4);
    cr_assert_eq(cells->mass_cancel.instrument, 0);
    cr_assert_eq(cells->mass_cancel.account, 9);
    cr_assert_eq(cells->mass_cancel.target, 9);
    cr_assert_eq(cells->mass_cancel.scope, OE_MASS_CANCEL_SCOPE_ACCOUNT);
    cr_assert_eq(cells->mass_cancel.side, OE_SIDE_FILTER_SELL);
    cr_assert_eq(cells->mass_cancel.reason, OE_CANCEL_REASON_MASS_CANCEL);
}

Test(order_codec, null_filters_of_a_mass_cancel_are_any)
{
    struct bytes bytes = hex(mass_cancel);
    union cell cells[CELL_COMMAND_MAX];

    memcpy(bytes.data + 8 + 8, hex("ffffffff ffffffff 00 30").data, 10);
    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_eq(cells->mass_cancel.instrument, CELL_ANY);
    cr_assert_eq(cells->mass_cancel.account, CELL_ANY);
    cr_assert_eq(cells->mass_cancel.target, 0);
}

Test(order_codec, firm_of_a_mass_cancel_is_not_in_the_message)
{
    struct bytes bytes = hex(mass_cancel);
    union cell cells[CELL_COMMAND_MAX];

    bytes.data[8 + 16] = OE_MASS_CANCEL_SCOPE_FIRM;
    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_eq(cells->mass_cancel.scope, OE_MASS_CANCEL_SCOPE_FIRM);
    cr_assert_eq(cells->mass_cancel.target, CELL_ANY, "nobody's, until the gateway says whose");
}

/* ClOrdID 4, no filters, scope group, both sides, group 0. */
static const char *const mass_cancel_v1 =
    "2000 0d00 6400 0100 0400000000000000 ffffffff ffffffff 02 30 000000000000 00000000 00000000";

Test(order_codec, mass_cancel_names_a_group)
{
    const struct bytes bytes = hex(mass_cancel_v1);
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&bytes, cells), 1);
    cr_assert_eq(cells->mass_cancel.scope, OE_MASS_CANCEL_SCOPE_GROUP);
    cr_assert_eq(cells->mass_cancel.target, 0);
    cr_assert_eq(cells->mass_cancel.account, CELL_ANY);
}

Test(order_codec, group_goes_with_its_scope_alone)
{
    struct bytes null_group = hex(mass_cancel_v1);
    struct bytes old = hex(mass_cancel);

    memset(null_group.data + 8 + 24, 0xff, 4);
    assert_refused(&null_group, OE_ORDER_MASS_CANCEL_REQUEST_ID, OE_REJECT_REASON_MALFORMED_MESSAGE,
                   "scope Group without TargetGroup");
    old.data[8 + 16] = OE_MASS_CANCEL_SCOPE_GROUP;
    assert_refused(&old, OE_ORDER_MASS_CANCEL_REQUEST_ID, OE_REJECT_REASON_MALFORMED_MESSAGE,
                   "scope Group of version 0");
    for (uint8_t scope = 0; scope < 4; scope++) {
        struct bytes other = hex(mass_cancel_v1);
        union cell cells[CELL_COMMAND_MAX];

        memset(other.data + 8 + 12, 0, 4); /* for the scope of an account */
        other.data[8 + 16] = scope;
        if (scope != OE_MASS_CANCEL_SCOPE_GROUP)
            assert_refused(&other, OE_ORDER_MASS_CANCEL_REQUEST_ID,
                           OE_REJECT_REASON_MALFORMED_MESSAGE, "TargetGroup of another scope");
        memset(other.data + 8 + 24, 0xff, 4);
        if (scope != OE_MASS_CANCEL_SCOPE_GROUP)
            cr_assert_eq(decode(&other, cells), 1, "without it");
    }
}

Test(order_codec, malformed_mass_cancels_are_refused)
{
    static const struct change changes[] = {
        {"ClOrdID null", 0, "ffffffffffffffff"},
        {"account scope without account", 12, "ffffffff"},
        {"MassCancelScope 4", 16, "04"},
        {"SideFilter 3", 17, "33"},
    };

    assert_malformed(hex(mass_cancel), OE_ORDER_MASS_CANCEL_REQUEST_ID, changes,
                     ARRAY_LEN(changes));
}

/* Quote id 0x44, account 9, cancel both, principal. Instrument 3: 10 at 0.5,
 * 20 at 0.75. Instrument 0: an offer of 5 at 1 alone. */
static const char *const mass_quote =
    "1000 0e00 6400 0100 4400000000000000 09000000 03 50 0000 1c00 0200 "
    "80f0fa0200000000 c068780400000000 03000000 0a000000 14000000 "
    "0000000000000080 00e1f50500000000 00000000 00000000 05000000";

Test(order_codec, mass_quote_is_a_cell_and_one_for_two_entries)
{
    const struct bytes bytes = hex(mass_quote);
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&bytes, cells), 2);
    const struct cell_mass_quote *quote = &cells[0].mass_quote;
    const struct cell_quote_pair *pair = &cells[1].quote_pair;

    cr_assert_eq(quote->kind, CELL_KIND_MASS_QUOTE);
    cr_assert_eq(quote->shape, 2);
    cr_assert_eq(quote->entries_cnt, 2);
    cr_assert_eq(quote->clord, 0x44);
    cr_assert_eq(quote->account, 9);
    cr_assert_eq(cell_stp(quote->stp_capacity), 3);
    cr_assert_eq(cell_capacity(quote->stp_capacity), 'P');
    cr_assert_eq(pair->kind, CELL_KIND_QUOTE_PAIR);
    cr_assert_eq(pair->instrument1, 3);
    cr_assert_eq(pair->bid_px1, 50000000);
    cr_assert_eq(pair->ask_px1, 75000000);
    cr_assert_eq(pair->bid_qty1, 10);
    cr_assert_eq(pair->ask_qty1, 20);
    cr_assert_eq(pair->instrument2, 0);
    cr_assert_eq(pair->bid_px2, 0);
    cr_assert_eq(pair->ask_px2, 100000000);
    cr_assert_eq(pair->bid_qty2, 0);
    cr_assert_eq(pair->ask_qty2, 5);
}

/* quotes makes a mass quote of that many entries, instruments 1, 2, ... */
static struct bytes
quotes(unsigned cnt)
{
    const struct oe_mass_quote msg = {
        .quote_id = 1, .order_capacity = OE_ORDER_CAPACITY_AGENCY, .account = 2};
    struct oe_mass_quote_quote_entries entries[QUOTE_ENTRIES_MAX + 1];
    struct bytes bytes;

    for (unsigned i = 0; i < cnt; i++)
        entries[i] = (struct oe_mass_quote_quote_entries){
            .bid_px = 10, .offer_px = 20 + i, .security_id = 1 + i, .bid_size = 7, .offer_size = 8};
    bytes.len = oe_mass_quote_encode(bytes.data, sizeof bytes.data, &msg, entries, (uint16_t)cnt);
    cr_assert_eq(bytes.len, 28 + 28 * cnt);
    return bytes;
}

Test(order_codec, mass_quote_of_any_length_is_whole)
{
    for (unsigned cnt = 1; cnt <= QUOTE_ENTRIES_MAX; cnt++) {
        const struct bytes bytes = quotes(cnt);
        union cell cells[CELL_COMMAND_MAX];

        cr_assert_eq(decode(&bytes, cells), 1 + (cnt + 1) / 2);
        cr_assert_eq(cells[0].mass_quote.entries_cnt, cnt);
        for (unsigned i = 0; i < cnt; i++) {
            const struct cell_quote_pair *pair = &cells[1 + i / 2].quote_pair;

            cr_assert_eq(i % 2 == 0 ? pair->instrument1 : pair->instrument2, 1 + i);
            cr_assert_eq(i % 2 == 0 ? pair->ask_px1 : pair->ask_px2, 20 + i);
        }
        if (cnt % 2 != 0) {
            const struct cell_quote_pair *last = &cells[1 + cnt / 2].quote_pair;

            cr_assert_eq(last->instrument2, 0);
            cr_assert_eq(last->bid_px2 | last->ask_px2, 0);
            cr_assert_eq(last->bid_qty2 | last->ask_qty2, 0);
        }
    }
}

Test(order_codec, longest_mass_quote_fits_into_a_datagram)
{
    cr_assert_leq(quotes(QUOTE_ENTRIES_MAX).len + 8 + FIXP_CONTEXT_BLOCK, DATAGRAM_BYTES_MAX);
}

Test(order_codec, mass_quote_without_entries_or_with_too_many_is_refused)
{
    const struct bytes none = quotes(0);
    const struct bytes many = quotes(QUOTE_ENTRIES_MAX + 1);

    assert_refused(&none, OE_MASS_QUOTE_ID, OE_REJECT_REASON_MALFORMED_MESSAGE, "none");
    assert_refused(&many, OE_MASS_QUOTE_ID, OE_REJECT_REASON_MALFORMED_MESSAGE, "too many");
}

Test(order_codec, malformed_mass_quotes_are_refused)
{
    static const struct change changes[] = {
        {"QuoteID null", 0, "ffffffffffffffff"},
        {"QuoteID 0", 0, "0000000000000000"},
        {"Account null", 8, "ffffffff"},
        {"SelfMatchPrevention 5", 12, "05"},
        {"OrderCapacity X", 13, "58"},
        {"entries shorter", 16, "1b00"},
        {"more entries than bytes", 18, "0300"},
        {"BidPx 0", 20, "0000000000000000"},
        {"OfferPx 0", 28, "0000000000000000"},
        {"SecurityID null", 36, "ffffffff"},
        {"BidSize null", 40, "ffffffff"},
        {"OfferSize null", 44, "ffffffff"},
        {"BidPx without BidSize", 40, "00000000"},
        {"OfferPx without OfferSize", 72, "00000000"},
    };

    assert_malformed(hex(mass_quote), OE_MASS_QUOTE_ID, changes, ARRAY_LEN(changes));
}

Test(order_codec, longer_entries_of_a_newer_schema_are_read)
{
    const struct bytes narrow = quotes(3);
    union cell expected[CELL_COMMAND_MAX];
    union cell cells[CELL_COMMAND_MAX];
    struct bytes wide = narrow;

    wide.len = 28;
    wide.data[24] = 28 + 4;
    for (unsigned i = 0; i < 3; i++) {
        memcpy(wide.data + wide.len, narrow.data + 28 + 28 * i, 28);
        memset(wide.data + wide.len + 28, 0xee, 4);
        wide.len += 32;
    }
    cr_assert_eq(decode(&narrow, expected), 3);
    cr_assert_eq(decode(&wide, cells), 3);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_arr_eq(cells[i].bytes, expected[i].bytes, CELL_BYTES);
}

Test(order_codec, other_templates_are_unsupported)
{
    static const uint8_t templates[] = {
        0,
        1,
        9,
        15,
        99,
        OE_EXECUTION_REPORT_NEW_ID,
        OE_EXECUTION_REPORT_TRADE_ID,
        OE_ORDER_CANCEL_REJECT_ID,
        OE_BUSINESS_MESSAGE_REJECT_ID,
        OE_MASS_CANCEL_REPORT_ID,
    };

    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        struct bytes bytes = hex(new_order);

        bytes.data[2] = templates[i];
        assert_refused(&bytes, templates[i], OE_REJECT_REASON_UNSUPPORTED_MESSAGE, "template");
    }
}

Test(order_codec, less_than_a_header_is_malformed)
{
    struct bytes bytes = hex(new_order);

    bytes.len = 7;
    assert_refused(&bytes, 0, OE_REJECT_REASON_MALFORMED_MESSAGE, "no header");
}

/* From here on: cells to reports. Time 0x0102030405060708, shard 1, seq 5:
 * ExecID 0x1000000000500000 plus the index. */
#define SHARD    1u
#define REPORT_T 0x0102030405060708ull

static union cell
frame(unsigned kind, unsigned shape)
{
    union cell cell = {.words = {0}};

    cell.order_new.kind = (uint8_t)kind;
    cell.order_new.shape = (uint8_t)shape;
    cell.order_new.instrument = 3;
    cell.order_new.seq = 5;
    cell.order_new.time = REPORT_T;
    cell.order_new.clord = 0x1122;
    cell.order_new.account = 9;
    cell.order_new.session = SESSION;
    return cell;
}

static void
assert_report(const union cell *cells, bool maker, const char *expected_hex)
{
    const struct route_recipient recipient = {.session = SESSION, .maker = maker, .no = 1};
    const struct bytes expected = hex(expected_hex);
    uint8_t buf[REPORT_BYTES_MAX];

    cr_assert_eq(order_encode(cells, SHARD, &recipient, buf, sizeof buf), expected.len);
    cr_assert_arr_eq(buf, expected.data, expected.len);
    cr_assert_eq(order_encode(cells, SHARD, &recipient, buf, expected.len - 1), 0, "no room");
}

static void
order_new_fill(struct cell_order_new *order)
{
    order->order_id = 0x1000000000000005;
    order->px = 10025000000;
    order->qty = 100;
    order->ord_type = OE_ORD_TYPE_LIMIT;
    order->tif = OE_TIME_IN_FORCE_DAY;
    order->exec_inst = OE_EXEC_INST_POST_ONLY;
    order->stp_capacity = cell_stp_capacity(3, 'P');
}

Test(order_codec, accepted_order)
{
    union cell cell = frame(CELL_KIND_ORDER_NEW, 1 | CELL_SELL | CELL_LAST);

    order_new_fill(&cell.order_new);
    assert_report(&cell, false,
                  "5800 1400 6400 0100 0500000000000010 2211000000000000 0000500000000010 "
                  "0807060504030201 405c895502000000 0000000000000080 ffffffffffffffff "
                  "03000000 64000000 ffffffff ffffffff 09000000 32 32 30 01 03 50 000000000000");
}

Test(order_codec, accepted_order_with_rare_attributes)
{
    union cell cells[2] = {frame(CELL_KIND_ORDER_NEW, 2), {.words = {0}}};

    order_new_fill(&cells[0].order_new);
    cells[0].order_new.px = 0;
    cells[0].order_new.ord_type = OE_ORD_TYPE_STOP;
    cells[1].order_extension = (struct cell_order_extension){
        .kind = CELL_KIND_ORDER_EXTENSION,
        .display_qty = 5,
        .stop_px = 1,
        .expire_time = 2,
        .min_qty = 7,
        .client_code = 11,
    };
    assert_report(cells, false,
                  "5800 1400 6400 0100 0500000000000010 2211000000000000 0000500000000010 "
                  "0807060504030201 0000000000000080 0100000000000000 0200000000000000 "
                  "03000000 64000000 05000000 07000000 09000000 31 33 30 01 03 50 000000000000");
}

Test(order_codec, rejected_order)
{
    union cell cell = frame(CELL_KIND_ORDER_NEW, 1);

    order_new_fill(&cell.order_new);
    cell.order_new.order_id = 0;
    cell.order_new.outcome = OE_REJECT_REASON_INVALID_TICK;
    assert_report(&cell, false,
                  "5000 1500 6400 0100 2211000000000000 0000500000000010 0807060504030201 "
                  "405c895502000000 0000000000000080 0000000000000080 0000000000000080 "
                  "03000000 64000000 09000000 0c00 31 32 00 00000000000000");
}

Test(order_codec, risk_rejected_order_has_the_numbers)
{
    union cell cells[3] = {
        frame(CELL_KIND_ORDER_NEW, 3 | CELL_SELL), {.words = {0}}, {.words = {0}}};

    order_new_fill(&cells[0].order_new);
    cells[0].order_new.outcome = OE_REJECT_REASON_SHORT_POSITION_LIMIT;
    cells[1].order_extension.kind = CELL_KIND_ORDER_EXTENSION;
    cells[2].risk_detail = (struct cell_risk_detail){
        .kind = CELL_KIND_RISK_DETAIL,
        .level = OE_RISK_LEVEL_ACCOUNT,
        .limit = 100,
        .used = -2,
        .value = 0,
    };
    assert_report(cells, false,
                  "5000 1500 6400 0100 2211000000000000 0000500000000010 0807060504030201 "
                  "405c895502000000 6400000000000000 feffffffffffffff 0000000000000000 "
                  "03000000 64000000 09000000 4c00 32 32 02 00000000000000");
}

Test(order_codec, canceled_order)
{
    union cell cell = frame(CELL_KIND_ORDER_CANCEL, 1 | CELL_BY_ID | CELL_SELL);

    cell.order_cancel.order_id = 6;
    cell.order_cancel.orig_clord = 0x33;
    cell.order_cancel.removed_qty = 40;
    cell.order_cancel.cum_qty = 60;
    assert_report(&cell, false,
                  "4000 1600 6400 0100 0600000000000000 2211000000000000 3300000000000000 "
                  "0000500000000010 0807060504030201 03000000 09000000 3c000000 28000000 00 32 "
                  "000000000000");
}

Test(order_codec, refused_cancel)
{
    union cell cell = frame(CELL_KIND_ORDER_CANCEL, 1);

    cell.order_cancel.outcome = OE_REJECT_REASON_UNKNOWN_ORDER;
    cell.order_cancel.orig_clord = 0x33;
    assert_report(&cell, false,
                  "4800 1e00 6400 0100 2211000000000000 3300000000000000 ffffffffffffffff "
                  "0807060504030201 0000000000000080 0000000000000080 0000000000000080 "
                  "03000000 0600 31 00 0000000000000000");
}

static void
order_replace_fill(union cell *cells)
{
    cells[0].order_replace.order_id = 6;
    cells[0].order_replace.px = 50000000;
    cells[0].order_replace.qty = 70;
    cells[1].replace_detail = (struct cell_replace_detail){
        .kind = CELL_KIND_REPLACE_DETAIL,
        .cum_qty = 20,
        .orig_clord = 0x33,
        .new_order_id = 8,
        .new_leaves = 50,
        .display_qty = 10,
    };
}

Test(order_codec, replaced_order)
{
    union cell cells[2] = {frame(CELL_KIND_ORDER_REPLACE, 2), {.words = {0}}};

    order_replace_fill(cells);
    assert_report(cells, false,
                  "7000 1700 6400 0100 0800000000000000 0600000000000000 2211000000000000 "
                  "3300000000000000 0000500000000010 0807060504030201 80f0fa0200000000 "
                  "0000000000000080 ffffffffffffffff 03000000 46000000 0a000000 ffffffff "
                  "14000000 32000000 09000000 31 0000000000000000000000");
}

Test(order_codec, refused_replace_has_the_numbers)
{
    union cell cells[3] = {frame(CELL_KIND_ORDER_REPLACE, 3), {.words = {0}}, {.words = {0}}};

    order_replace_fill(cells);
    cells[0].order_replace.outcome = OE_REJECT_REASON_MAX_ORDER_VALUE;
    cells[2].risk_detail = (struct cell_risk_detail){
        .kind = CELL_KIND_RISK_DETAIL,
        .level = OE_RISK_LEVEL_INSTRUMENT,
        .limit = 1,
        .used = 2,
        .value = 3,
    };
    assert_report(cells, false,
                  "4800 1e00 6400 0100 2211000000000000 3300000000000000 0600000000000000 "
                  "0807060504030201 0100000000000000 0200000000000000 0300000000000000 "
                  "03000000 4600 32 05 0000000000000000");
}

static void
trade_fill(union cell *cells)
{
    cells[0] = frame(CELL_KIND_TRADE, 2 | CELL_SELL);
    cells[0].trade.order_id = 6;
    cells[0].trade.px = 50000000;
    cells[0].trade.qty = 70;
    cells[0].trade.leaves_qty = 30;
    cells[1].trade_maker = (struct cell_trade_maker){
        .kind = CELL_KIND_TRADE_MAKER,
        .session = 1,
        .account = 4,
        .clord = 0x55,
        .order_id = 2,
        .match_id = cell_exec_id(SHARD, 5, 1),
        .cum_qty = 71,
        .leaves_qty = 1,
        .taker_cum_qty = 75,
    };
}

Test(order_codec, trade_as_the_taker_sees_it)
{
    union cell cells[2];

    trade_fill(cells);
    assert_report(cells, false,
                  "4800 1800 6400 0100 0600000000000000 2211000000000000 0100500000000010 "
                  "0100500000000010 0807060504030201 80f0fa0200000000 03000000 46000000 4b000000 "
                  "1e000000 09000000 32 01 0000");
}

Test(order_codec, trade_as_the_maker_sees_it)
{
    union cell cells[2];

    trade_fill(cells);
    assert_report(cells, true,
                  "4800 1800 6400 0100 0200000000000000 5500000000000000 0200500000000010 "
                  "0100500000000010 0807060504030201 80f0fa0200000000 03000000 46000000 47000000 "
                  "01000000 04000000 31 00 0000");
}

Test(order_codec, order_canceled_by_the_venue)
{
    union cell cell = frame(CELL_KIND_ORDER_CANCELED, 1);

    cell.order_canceled.order_id = 6;
    cell.order_canceled.removed_qty = 40;
    cell.order_canceled.cum_qty = 60;
    cell.order_canceled.index = 3;
    cell.order_canceled.reason = OE_CANCEL_REASON_DISCONNECT;
    assert_report(&cell, false,
                  "4000 1600 6400 0100 0600000000000000 2211000000000000 2211000000000000 "
                  "0300500000000010 0807060504030201 03000000 09000000 3c000000 28000000 04 31 "
                  "000000000000");
}

Test(order_codec, expired_order)
{
    union cell cell = frame(CELL_KIND_ORDER_CANCELED, 1 | CELL_SELL);

    cell.order_canceled.order_id = 6;
    cell.order_canceled.removed_qty = 40;
    cell.order_canceled.cum_qty = 60;
    cell.order_canceled.index = 3;
    cell.order_canceled.reason = OE_CANCEL_REASON_EXPIRED;
    assert_report(&cell, false,
                  "3800 1900 6400 0100 0600000000000000 2211000000000000 0300500000000010 "
                  "0807060504030201 03000000 09000000 3c000000 28000000 32 00000000000000");
}

Test(order_codec, restated_order)
{
    union cell cell = frame(CELL_KIND_ORDER_RESTATED, 1 | CELL_SELL);

    cell.order_restated.order_id = 6;
    cell.order_restated.px = 50000000;
    cell.order_restated.leaves_qty = 40;
    cell.order_restated.index = 2;
    cell.order_restated.reason = CELL_RESTATE_REASON_SELF_MATCH_DECREMENT;
    assert_report(&cell, false,
                  "3800 1b00 6400 0100 0600000000000000 2211000000000000 0200500000000010 "
                  "0807060504030201 80f0fa0200000000 03000000 28000000 09000000 02 32 0000");
}

Test(order_codec, parked_order_has_no_price)
{
    union cell cell = frame(CELL_KIND_ORDER_RESTATED, 1);

    cell.order_restated.order_id = 6;
    cell.order_restated.leaves_qty = 40;
    cell.order_restated.index = 1;
    cell.order_restated.reason = CELL_RESTATE_REASON_PEG;
    assert_report(&cell, false,
                  "3800 1b00 6400 0100 0600000000000000 2211000000000000 0100500000000010 "
                  "0807060504030201 0000000000000080 03000000 28000000 09000000 03 31 0000");
}

Test(order_codec, triggered_order)
{
    union cell cells[2] = {frame(CELL_KIND_ORDER_TRIGGERED, 2), {.words = {0}}};

    cells[0].order_triggered.order_id = 6;
    cells[0].order_triggered.leaves_qty = 40;
    cells[0].order_triggered.index = 4;
    cells[1].trigger_detail.kind = CELL_KIND_TRIGGER_DETAIL;
    cells[1].trigger_detail.stop_px = 50000000;
    cells[1].trigger_detail.last_px = 60000000;
    assert_report(cells, false,
                  "4000 1a00 6400 0100 0600000000000000 2211000000000000 0400500000000010 "
                  "0807060504030201 0000000000000080 80f0fa0200000000 03000000 28000000 09000000 "
                  "31 000000");
}

static void
prevented_fill(union cell *cells)
{
    trade_fill(cells);
    cells[0].match_prevented.kind = CELL_KIND_MATCH_PREVENTED;
}

Test(order_codec, prevented_match_as_the_taker_sees_it)
{
    union cell cells[2];

    prevented_fill(cells);
    assert_report(cells, false,
                  "4800 1c00 6400 0100 0600000000000000 2211000000000000 0100500000000010 "
                  "0100500000000010 0807060504030201 80f0fa0200000000 03000000 46000000 4b000000 "
                  "1e000000 09000000 32 01 0000");
}

Test(order_codec, prevented_match_as_the_maker_sees_it)
{
    union cell cells[2];

    prevented_fill(cells);
    assert_report(cells, true,
                  "4800 1c00 6400 0100 0200000000000000 5500000000000000 0200500000000010 "
                  "0100500000000010 0807060504030201 80f0fa0200000000 03000000 46000000 47000000 "
                  "01000000 04000000 31 00 0000");
}

Test(order_codec, mass_quote_as_a_whole)
{
    union cell cells[3] = {frame(CELL_KIND_MASS_QUOTE, 3), {.words = {0}}, {.words = {0}}};

    cells[0].mass_quote.entries_cnt = 4;
    assert_report(cells, false,
                  "2800 2100 6400 0100 2211000000000000 0000500000000010 0807060504030201 "
                  "09000000 04000000 0000 000000000000");
    cells[0].mass_quote.outcome = OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    assert_report(cells, false,
                  "2800 2100 6400 0100 2211000000000000 0000500000000010 0807060504030201 "
                  "09000000 04000000 0400 000000000000");
}

Test(order_codec, entry_of_a_mass_quote)
{
    union cell cell = frame(CELL_KIND_QUOTE_ENTRY, 1);

    cell.quote_entry.bid_order_id = 0x1000000000000005;
    cell.quote_entry.ask_outcome = OE_REJECT_REASON_INVALID_TICK;
    cell.quote_entry.index = 7;
    cell.quote_entry.entry_no = 50;
    assert_report(&cell, false,
                  "3800 2200 6400 0100 2211000000000000 0700500000000010 0807060504030201 "
                  "0500000000000010 ffffffffffffffff 03000000 09000000 0000 0c00 32 000000");
}

Test(order_codec, refused_mass_cancel)
{
    union cell cell = frame(CELL_KIND_MASS_CANCEL, 1);

    cell.mass_cancel.outcome = OE_REJECT_REASON_SCOPE_NOT_ALLOWED;
    cell.mass_cancel.instrument = CELL_ANY;
    cell.mass_cancel.scope = OE_MASS_CANCEL_SCOPE_FIRM;
    cell.mass_cancel.side = OE_SIDE_FILTER_ANY;
    assert_report(&cell, false,
                  "3000 2000 6400 0100 2211000000000000 0000500000000010 0807060504030201 "
                  "ffffffff 09000000 00000000 1200 03 30 0000000000000000");
}

Test(order_codec, complete_mass_cancel)
{
    union cell cell = frame(CELL_KIND_MASS_CANCELED, 1);

    cell.mass_canceled.account = CELL_ANY;
    cell.mass_canceled.scope = OE_MASS_CANCEL_SCOPE_SESSION;
    cell.mass_canceled.side = OE_SIDE_FILTER_BUY;
    cell.mass_canceled.count = 258;
    cell.mass_canceled.index = 259;
    assert_report(&cell, false,
                  "3000 2000 6400 0100 2211000000000000 0301500000000010 0807060504030201 "
                  "03000000 ffffffff 02010000 0000 00 31 0000000000000000");
}

Test(order_codec, refused_message)
{
    union cell cell = {.message_refused = {
                           .kind = CELL_KIND_MESSAGE_REFUSED,
                           .shape = 1,
                           .seq = 5,
                           .time = REPORT_T,
                           .ref_no = NO,
                           .template_id = 99,
                           .reason = OE_REJECT_REASON_UNSUPPORTED_MESSAGE,
                           .session = SESSION,
                       }};

    assert_report(&cell, false,
                  "1800 1f00 6400 0100 0200010000000000 0807060504030201 a000 6300 00000000");
}

Test(order_codec, refused_message_of_the_null_template)
{
    struct bytes bytes = hex("0800 ffff 6400 0000 0000000000000000");
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode(&bytes, cells), 1);
    cells->message_refused.seq = 5;
    cells->message_refused.time = REPORT_T;
    assert_report(cells, false,
                  "1800 1f00 6400 0100 0200010000000000 0807060504030201 a000 0000 00000000");
}

Test(order_codec, numbers_that_never_came)
{
    union cell cell = {.session_not_applied = {
                           .kind = CELL_KIND_SESSION_NOT_APPLIED,
                           .shape = 1,
                           .seq = 5,
                           .time = REPORT_T,
                           .from_no = 101,
                           .count = 99,
                           .session = SESSION,
                       }};

    /* The vector of the FIXP reference. */
    assert_report(&cell, false, "0c00 1200 bc0a 0000 6500000000000000 63000000");
}

Test(order_codec, messages_without_a_report_encode_to_nothing)
{
    static const uint8_t kinds[] = {
        CELL_KIND_RESTART,
        CELL_KIND_CLOCK,
        CELL_KIND_SESSION_NEGOTIATE,
        CELL_KIND_MASS_CANCEL,
        CELL_KIND_SESSION_UNBIND,
        CELL_KIND_ORDER_REFRESHED,
        CELL_KIND_INSTRUMENT_STATE_SET,
        CELL_KIND_JOURNAL_SPACE,
    };
    const struct route_recipient recipient = {.session = SESSION, .no = 1};
    uint8_t buf[REPORT_BYTES_MAX];

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const union cell cell = frame(kinds[i], 1);

        cr_assert_eq(order_encode(&cell, SHARD, &recipient, buf, sizeof buf), 0);
    }
}
