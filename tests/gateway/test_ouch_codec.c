/*
 * Goal: what an OUCH client sends and hears is the published layout, byte for
 * byte; what a cell cannot say is refused with a reason, and nothing is rounded.
 * Method: golden bytes, captured ones where there are any, against cells, both
 * ways; each refusal made from a valid message by one change; and random
 * messages, of which each gives a command that the engine takes.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/command.h"
#include "gateway/ouch_codec.h"
#include "proto/orders.h"
#include "proto/ouch.h"
#include "proto/types.h"

#include "tests/proto/wire_bytes.h"

#define SESSION  7u
#define ACCOUNT  5u
#define CVLT     3u
#define DAY_NS   UINT64_C(86400000000000)
#define NIGHT_NS (UINT64_C(19675) * DAY_NS) /* a midnight */
#define TIME     UINT64_C(0x0000289b4d64af87)
#define TIME_NS  (NIGHT_NS + TIME)
#define TIME_HEX "0000289b4d64af87"

/* Captured, but for the marking of the sale. */
#define ENTER                                                               \
 "4f 00000071 53 000000e1 43564c5420202020 0000000000099db8 30 59 41 4e 4e" \
 "4838465542384956202020202020"
#define REPLACE                                            \
 "55 00000071 00000072 000000c8 0000000000099dc2 30 59 4e" \
 "4838465542384957202020202020"
#define MASS_CANCEL "43 00000073 4c494d45 43564c5420202020"

static const struct ouch_party party = {
    .account = ACCOUNT,
    .firm = {'L', 'I', 'M', 'E'},
    .stp = OE_SELF_MATCH_PREVENTION_INSTRUCTION_CANCEL_PASSIVE,
};

static uint64_t memory[512] __attribute__((aligned(64)));
static struct ouch_names *names;
static struct ouch_origin origin;

static void
instrument(uint32_t number, const char *symbol, px_t tick_px)
{
    struct cell_instrument_set cell = {.instrument = number, .tick_px = tick_px};

    memcpy(cell.symbol, symbol, strnlen(symbol, sizeof cell.symbol));
    ouch_names_learn(names, &cell);
}

static void
start(void)
{
    cr_assert_leq(ouch_names_footprint(8), sizeof memory);
    memset(memory, 0, sizeof memory);
    names = ouch_names_init(memory, 8);
    instrument(CVLT, "CVLT", 1000000);
    instrument(4, "EIGHTLTR", 10000);
    instrument(5, "FINE", 1000);
    origin = (struct ouch_origin){
        .names = names, .party = &party, .next_no = 119, .time_ns = TIME_NS, .session = SESSION};
}

TestSuite(ouch_codec, .init = start);

static unsigned
decode_bytes(const uint8_t *buf, size_t len, union cell cells[CELL_COMMAND_MAX])
{
    unsigned cnt;

    memset(cells, 0xee, CELL_COMMAND_MAX * sizeof *cells);
    cnt = ouch_decode(&origin, buf, len, cells);
    cr_assert_leq(cnt, CELL_COMMAND_MAX);
    if (cnt == 0)
        return 0;
    cr_assert_eq(cell_count(cells), cnt);
    cr_assert(command_well_formed(cells, cnt));
    cr_assert_eq(cell_time(cells), TIME_NS);
    cr_assert_eq(cell_session(cells), SESSION);
    return cnt;
}

static unsigned
decode(const char *hex, union cell cells[CELL_COMMAND_MAX])
{
    uint8_t buf[600];
    const size_t len = unhex(buf, hex);

    return decode_bytes(buf, len, cells);
}

static size_t
encode(const union cell *cells, bool maker, uint8_t *buf)
{
    const struct route_recipient recipient = {.session = SESSION, .maker = maker, .no = 1};
    size_t len = ouch_encode(names, &party, cells, &recipient, buf, OUCH_REPORT_BYTES_MAX);

    cr_assert_leq(len, OUCH_REPORT_BYTES_MAX);
    /* What does not fit is not begun. */
    for (size_t cap = 0; cap < len; cap++) {
        uint8_t less[OUCH_REPORT_BYTES_MAX];
        const size_t got = ouch_encode(names, &party, cells, &recipient, less, cap);

        cr_assert_leq(got, cap);
    }
    return len;
}

static void
expect_report(const union cell *cells, bool maker, const char *hex)
{
    uint8_t buf[OUCH_REPORT_BYTES_MAX];

    expect_bytes(buf, encode(cells, maker, buf), hex);
}

static void
expect_silence(const union cell *cells)
{
    uint8_t buf[OUCH_REPORT_BYTES_MAX];

    cr_assert_eq(encode(cells, false, buf), 0);
    cr_assert_eq(encode(cells, true, buf), 0);
}

/* One change of a valid message: at an offset, or the options behind it. */
struct change {
    const char *what;
    int off; /* -1: these are the options */
    const char *bytes;
    uint16_t reason;
    uint16_t code;
};

static size_t
changed(const char *valid, const struct change *change, uint8_t *buf)
{
    size_t len = unhex(buf, valid);
    uint8_t patch[64];
    const size_t cnt = unhex(patch, change->bytes);

    memcpy(buf + (change->off < 0 ? (int)len : change->off), patch, cnt);
    return change->off < 0 ? len + cnt : len;
}

/* --- orders ---------------------------------------------------------------- */

Test(ouch_codec, an_order_becomes_a_command)
{
    union cell cells[CELL_COMMAND_MAX];
    static const char *const tails[] = {"", "0000", "0006 05024c494d45", "0006 050220202020"};

    for (size_t i = 0; i < 4; i++) {
        char hex[256];

        snprintf(hex, sizeof hex, "%s%s", ENTER, tails[i]);
        cr_assert_eq(decode(hex, cells), 2, "%s", tails[i]);

        const struct cell_order_new *order = &cells[0].order_new;

        cr_assert_eq(order->kind, CELL_KIND_ORDER_NEW);
        cr_assert_eq(order->shape, 2 | CELL_SELL);
        cr_assert_eq(order->instrument, CVLT);
        cr_assert_eq(order->clord, 0x71);
        cr_assert_eq(order->in_no, 0x71);
        cr_assert_eq(order->px, 6302000000);
        cr_assert_eq(order->qty, 225);
        cr_assert_eq(order->ord_type, OE_ORD_TYPE_LIMIT);
        cr_assert_eq(order->tif, OE_TIME_IN_FORCE_DAY);
        cr_assert_eq(order->exec_inst, 0);
        cr_assert_eq(cell_stp(order->stp_capacity), party.stp);
        cr_assert_eq(cell_capacity(order->stp_capacity), 'A');
        cr_assert_eq(order->account, ACCOUNT);
        cr_assert_eq(order->outcome, 0);
        cr_assert_eq(memcmp(cells[1].order_extension.text, "H8FUB8IV\0\0\0\0\0\0\0\0", 16), 0);
    }
}

Test(ouch_codec, an_order_without_text_is_one_cell)
{
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode("4f 00000002 42 000000c8 45494748544c5452 00000000000f4c68 33 59 50 4e 4e"
                        "20202020202020202020 20202020 0000",
                        cells),
                 1);
    cr_assert_eq(cells[0].order_new.instrument, 4);
    cr_assert_eq(cells[0].order_new.px, 10026000000);
    cr_assert_eq(cells[0].order_new.tif, OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL);
    cr_assert_eq(cell_is_sell(cells), false);
    cr_assert_eq(cell_capacity(cells[0].order_new.stp_capacity), 'P');
}

Test(ouch_codec, options_become_attributes)
{
    union cell cells[CELL_COMMAND_MAX];
    const struct cell_order_new *order = &cells[0].order_new;
    const struct cell_order_extension *ext = &cells[1].order_extension;

    /* MinQty, MaxFloor, PostOnly, RandomReserves. */
    cr_assert_eq(decode(ENTER "0015 0503 00000064 0505 00000032 020c50 050d 0000000a", cells), 2);
    cr_assert_eq(ext->min_qty, 100);
    cr_assert_eq(ext->display_qty, 50);
    cr_assert_eq(ext->display_range, 10);
    cr_assert_eq(order->exec_inst, OE_EXEC_INST_POST_ONLY);
    /* Pegs: market, midpoint, primary; PegOffset. */
    decode(ENTER "0009 020650 0507 0000000a", cells);
    cr_assert_eq(order->ord_type, OE_ORD_TYPE_PEGGED);
    cr_assert_eq(order->exec_inst, OE_EXEC_INST_PEG_OPPOSITE);
    cr_assert_eq(ext->peg_offset_px, 100000);
    decode(ENTER "0009 02064d 0507 fffffff6", cells);
    cr_assert_eq(order->exec_inst, OE_EXEC_INST_PEG_MID);
    cr_assert_eq(ext->peg_offset_px, -100000);
    decode(ENTER "0003 020652", cells);
    cr_assert_eq(order->ord_type, OE_ORD_TYPE_PEGGED);
    cr_assert_eq(order->exec_inst, 0);
    decode(ENTER "0003 02064c", cells);
    cr_assert_eq(order->ord_type, OE_ORD_TYPE_LIMIT);
    /* Those that ask for nothing, that the venue alone sends, and unknown ones. */
    decode(ENTER "0029 020c4e 02044e 050e20202020 021020 02114f 021230 0909 0000000000000001 0218",
           cells);
    cr_assert_eq(cell_kind(cells), CELL_KIND_MESSAGE_REFUSED, "it is not whole");
    decode(ENTER "0026 020c4e 02044e 050e20202020 02104e 021120 021230 0901 0000000000000001"
                 "0318 0000 021c00",
           cells);
    cr_assert_eq(cell_kind(cells), CELL_KIND_ORDER_NEW);
    decode(ENTER "0003 02ff41", cells);
    cr_assert_eq(cell_kind(cells), CELL_KIND_ORDER_NEW);
}

/* with gives the message with other bytes at an offset, and options. */
static unsigned
decode_with(const char *valid,
            size_t off,
            const char *bytes,
            const char *options,
            union cell *cells)
{
    uint8_t buf[256];
    size_t len = unhex(buf, valid);

    (void)unhex(buf + off, bytes);
    len += unhex(buf + len, options);
    return decode_bytes(buf, len, cells);
}

Test(ouch_codec, times_in_force_and_crosses_become_the_engines)
{
    union cell cells[CELL_COMMAND_MAX];
    const struct cell_order_new *order = &cells[0].order_new;
    const struct cell_order_extension *ext = &cells[1].order_extension;

    decode_with(ENTER, 26, "36", "0006 050f 0000c350", cells);
    cr_assert_eq(order->tif, OE_TIME_IN_FORCE_GOOD_TILL_DATE);
    cr_assert_eq(ext->expire_time, NIGHT_NS + 50000 * UINT64_C(1000000000));
    decode_with(ENTER, 26, "33", "0006 0503 000000e1", cells);
    cr_assert_eq(order->tif, OE_TIME_IN_FORCE_FILL_OR_KILL, "all of it");
    cr_assert_eq(ext->min_qty, 0);
    decode_with(ENTER, 26, "33", "0006 0503 000000e0", cells);
    cr_assert_eq(order->tif, OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL);
    cr_assert_eq(ext->min_qty, 224);
    decode_with(ENTER, 30, "4f", "", cells);
    cr_assert_eq(order->tif, OE_TIME_IN_FORCE_AT_THE_OPENING);
    cr_assert_eq(order->ord_type, OE_ORD_TYPE_LIMIT);
    decode_with(ENTER, 18, "0000000077359400 30 59 41 4e 43", "", cells);
    cr_assert_eq(order->tif, OE_TIME_IN_FORCE_AT_THE_CLOSE);
    cr_assert_eq(order->ord_type, OE_ORD_TYPE_MARKET);
    cr_assert_eq(order->px, 0);
    decode_with(ENTER, 27, "4e", "", cells);
    cr_assert_eq(order->exec_inst, OE_EXEC_INST_HIDDEN);
    decode_with(ENTER, 18, "00000000773593 9c", "", cells);
    cr_assert_eq(order->px, 19999999000000, "the largest");
}

Test(ouch_codec, what_an_order_cannot_carry_is_refused_with_a_reason)
{
    static const struct change changes[] = {
        {"short", 5, "54", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x09},
        {"short exempt", 5, "45", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x09},
        {"side", 5, "58", OE_REJECT_REASON_MALFORMED_MESSAGE, 0x09},
        {"no quantity", 6, "00000000", OE_REJECT_REASON_INVALID_QUANTITY, 0x13},
        {"1,000,000", 6, "000f4240", OE_REJECT_REASON_INVALID_QUANTITY, 0x13},
        {"symbol", 10, "58", OE_REJECT_REASON_UNKNOWN_INSTRUMENT, 0x17},
        {"finer tick", 10, "46494e45", OE_REJECT_REASON_UNKNOWN_INSTRUMENT, 0x17},
        {"no symbol", 10, "2020202020202020", OE_REJECT_REASON_UNKNOWN_INSTRUMENT, 0x17},
        {"no price", 18, "0000000000000000", OE_REJECT_REASON_INVALID_PRICE, 0x1d},
        {"price", 18, "000000007735939d", OE_REJECT_REASON_INVALID_PRICE, 0x1d},
        {"market", 18, "0000000077359400", OE_REJECT_REASON_INVALID_PRICE, 0x1d},
        {"huge price", 18, "ffffffffffffffff", OE_REJECT_REASON_INVALID_PRICE, 0x1d},
        {"extended", 26, "35", OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED, 0x0f},
        {"after hours", 26, "45", OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED, 0x0f},
        {"no expire time", 26, "36", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"expire time", -1, "0006 050f 0000c350", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"attributable", 27, "41", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x03},
        {"capacity", 28, "4f", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"sweep", 29, "59", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x08},
        {"halt cross", 30, "48", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x14},
        {"ClOrdID", 31, "00", OE_REJECT_REASON_MALFORMED_MESSAGE, 0x0f},
        {"firm", -1, "0006 05024d4c524f", OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM, 0x0c},
        {"options", -1, "0007 05024c494d45", OE_REJECT_REASON_MALFORMED_MESSAGE, 0x0f},
        {"market maker peg", -1, "0003 020651", OE_REJECT_REASON_ORDER_TYPE_NOT_ALLOWED, 0x05},
        {"offset", -1, "0006 0507 00000001", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x05},
        {"post-only", -1, "0003 020c51", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"range", -1, "0006 050d 00000001", OE_REJECT_REASON_INVALID_DISPLAY_QTY, 0x04},
        {"wide range", -1, "000c 0505 000000c8 050d 00010000", OE_REJECT_REASON_INVALID_DISPLAY_QTY,
         0x04},
        {"retail", -1, "0003 020452", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x1a},
        {"route", -1, "0006 050e4e415344", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x16},
        {"discretion", -1, "000a 0909 0000000000000001", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED,
         0x11},
        {"trade now", -1, "0003 021059", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"handling", -1, "0003 02114f", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"group", -1, "0004 0318 0001", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"located", -1, "0003 021959", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"broker", -1, "0006 051a4c4f4341", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
        {"index", -1, "0003 021c01", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0x0f},
    };
    union cell cells[CELL_COMMAND_MAX];
    uint8_t buf[256];

    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *what = changes[i].what;

        cr_expect_eq(decode_bytes(buf, changed(ENTER, &changes[i], buf), cells), 1, "%s", what);
        cr_expect_eq(cell_kind(cells), CELL_KIND_MESSAGE_REFUSED, "%s", what);
        cr_expect_eq(cells->message_refused.ref_no, 0x71, "%s", what);
        cr_expect_eq(cells->message_refused.template_id, 'O', "%s", what);
        cr_expect_eq(cells->message_refused.reason, changes[i].reason, "%s: %u", what,
                     cells->message_refused.reason);
        cr_expect_eq(cells->message_refused.code, changes[i].code, "%s: %x", what,
                     cells->message_refused.code);
    }
    decode_with(ENTER, 26, "36", "0006 050f 00015180", cells);
    cr_assert_eq(cells->message_refused.reason, OE_REJECT_REASON_INVALID_EXPIRE_TIME);
    origin.disabled = true;
    decode(ENTER, cells);
    cr_assert_eq(cells->message_refused.reason, OE_REJECT_REASON_KILL_SWITCH);
    cr_assert_eq(cells->message_refused.code, 0x0c);
    cr_assert_str_eq(cells->message_refused.text, "H8FUB8IV");
}

/* --- what is said of orders -------------------------------------------------- */

Test(ouch_codec, a_replace_says_what_its_order_must_be)
{
    union cell cells[CELL_COMMAND_MAX];
    const struct cell_order_replace *replace = &cells[0].order_replace;
    const struct cell_replace_detail *detail = &cells[1].replace_detail;
    const struct cell_replace_terms *terms = &cells[2].replace_terms;

    cr_assert_eq(decode(REPLACE, cells), 3);
    cr_assert_eq(replace->kind, CELL_KIND_ORDER_REPLACE);
    cr_assert_eq(replace->instrument, CELL_ANY);
    cr_assert_eq(replace->clord, 0x72);
    cr_assert_eq(detail->orig_clord, 0x71);
    cr_assert_eq(replace->px, 6302100000);
    cr_assert_eq(replace->qty, 200, "the total");
    cr_assert_eq(detail->expire_time, 0);
    cr_assert_eq(terms->flags, CELL_REPLACE_FLAGS_OR_CANCEL);
    cr_assert_eq(terms->tif, OE_TIME_IN_FORCE_DAY);
    cr_assert_eq(terms->side, 0);
    cr_assert_eq(terms->ord_type, 0);
    cr_assert_eq(terms->exec_mask, OE_EXEC_INST_HIDDEN);
    cr_assert_eq(terms->exec_inst, 0);
    cr_assert_eq(terms->refusal, OE_REJECT_REASON_NONE);
    cr_assert_str_eq(terms->text, "H8FUB8IW");
    /* MinQty, MaxFloor, PriceType, PostOnly, Side. */
    decode(REPLACE "0015 0503 00000001 0505 00000032 020652 020c4e 021b53", cells);
    cr_assert_eq(detail->min_qty, 1);
    cr_assert_eq(detail->display_qty, 50);
    cr_assert_eq(terms->ord_type, OE_ORD_TYPE_PEGGED);
    cr_assert_eq(terms->exec_mask, OE_EXEC_INST_HIDDEN | OE_EXEC_INST_POST_ONLY |
                                       OE_EXEC_INST_PEG_MID | OE_EXEC_INST_PEG_OPPOSITE);
    cr_assert_eq(terms->exec_inst, 0);
    cr_assert_eq(terms->side, OE_SIDE_SELL);
    decode_with(REPLACE, 21, "36", "0006 050f 0000c350", cells);
    cr_assert_eq(terms->tif, OE_TIME_IN_FORCE_GOOD_TILL_DATE);
    cr_assert_eq(detail->expire_time, NIGHT_NS + 50000 * UINT64_C(1000000000));
}

Test(ouch_codec, what_is_wrong_with_a_replace_is_left_to_the_engine)
{
    static const struct change changes[] = {
        {"no quantity", 9, "00000000", OE_REJECT_REASON_INVALID_QUANTITY, 0},
        {"price", 13, "0000000077359400", OE_REJECT_REASON_INVALID_PRICE, 0},
        {"extended", 21, "35", OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED, 0},
        {"attributable", 22, "41", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0},
        {"sweep", 23, "59", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0},
        {"ClOrdID", 24, "07", OE_REJECT_REASON_MALFORMED_MESSAGE, 0},
        {"firm", -1, "0006 05024d4c524f", OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM, 0},
        {"short", -1, "0003 021b54", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0},
        {"offset", -1, "0006 0507 00000001", OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED, 0},
        {"options", -1, "00", OE_REJECT_REASON_MALFORMED_MESSAGE, 0},
    };
    union cell cells[CELL_COMMAND_MAX];
    uint8_t buf[256];

    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *what = changes[i].what;

        cr_expect_eq(decode_bytes(buf, changed(REPLACE, &changes[i], buf), cells), 3, "%s", what);
        cr_expect_eq(cells[0].order_replace.clord, 0x72, "%s", what);
        cr_expect_eq(cells[2].replace_terms.refusal, changes[i].reason, "%s", what);
    }
    origin.disabled = true;
    decode(REPLACE, cells);
    cr_assert_eq(cells[2].replace_terms.refusal, OE_REJECT_REASON_KILL_SWITCH);
    cr_assert_not(command_replace_cancels(cells, OE_REJECT_REASON_KILL_SWITCH));
    cr_assert(command_replace_cancels(cells, OE_REJECT_REASON_INVALID_PRICE));
}

Test(ouch_codec, both_forms_of_a_cancel_are_taken)
{
    union cell cells[CELL_COMMAND_MAX];

    /* Captured: of 9 bytes; and of 11. */
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(decode(i == 0 ? "58 00752e71 00000000" : "58 00752e71 00000000 0000", cells),
                     1);
        cr_assert_eq(cells->order_cancel.kind, CELL_KIND_ORDER_CANCEL);
        cr_assert_eq(cells->order_cancel.orig_clord, 7679601);
        cr_assert_eq(cells->order_cancel.clord, 7679601);
        cr_assert_eq(cells->order_cancel.instrument, CELL_ANY);
    }
    cr_assert_eq(decode("58 00752e71 00000000 0001", cells), 0);
    cr_assert_eq(decode("58 00752e71 00000000 00", cells), 0);
    cr_assert_eq(decode("58 00000000 00000000", cells), 0);
    cr_assert_eq(decode("58 00752e71 00000064", cells), 3, "a part");
    cr_assert_eq(cells[0].order_replace.clord, 7679601);
    cr_assert_eq(cells[0].order_replace.qty, 100, "the total that is intended");
    cr_assert_eq(cells[1].replace_detail.orig_clord, 7679601);
    cr_assert_eq(cells[2].replace_terms.flags, CELL_REPLACE_FLAGS_REDUCE);
}

/* Every message of a client without options: without their length, with one of nothing, and
 * with an option that nobody knows, which is skipped where there may be options. */
Test(ouch_codec, every_message_of_a_client_comes_in_both_forms)
{
    static const char *const valid[] = {ENTER,
                                        REPLACE,
                                        "58 00752e71 00000000",
                                        "58 00752e71 00000064",
                                        "4d 00000071 53 00000064",
                                        MASS_CANCEL,
                                        "44 00000074 4c494d45",
                                        "45 00000074 4c494d45",
                                        "51"};
    static const char *const tails[] = {"0000", "0003 02ff41"};
    union cell shorter[CELL_COMMAND_MAX];
    union cell longer[CELL_COMMAND_MAX];

    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        const unsigned cnt = decode(valid[i], shorter);

        cr_assert_gt(cnt, 0, "%s", valid[i]);
        for (size_t tail = 0; tail < sizeof tails / sizeof tails[0]; tail++) {
            char hex[256];

            snprintf(hex, sizeof hex, "%s%s", valid[i], tails[tail]);
            cr_assert_eq(decode(hex, longer), cnt, "%s", hex);
            cr_assert_eq(memcmp(shorter, longer, cnt * sizeof *shorter), 0, "%s", hex);
        }
    }
}

Test(ouch_codec, a_modify_makes_an_order_smaller_and_marks_no_sale)
{
    union cell cells[CELL_COMMAND_MAX];

    cr_assert_eq(decode("4d 00000071 53 00000064 0000", cells), 3);
    cr_assert_eq(cells[0].order_replace.qty, 100);
    cr_assert_eq(cells[2].replace_terms.flags,
                 CELL_REPLACE_FLAGS_REDUCE | CELL_REPLACE_FLAGS_MODIFY);
    cr_assert_eq(cells[2].replace_terms.side, OE_SIDE_SELL);
    cr_assert_eq(cells[2].replace_terms.refusal, OE_REJECT_REASON_NONE);
    decode("4d 00000071 42 00000064", cells);
    cr_assert_eq(cells[2].replace_terms.side, OE_SIDE_BUY);
    decode("4d 00000071 54 00000064", cells);
    cr_assert_eq(cells[2].replace_terms.refusal, OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED);
}

Test(ouch_codec, a_mass_cancel_has_filters)
{
    union cell cells[CELL_COMMAND_MAX];
    const struct cell_mass_cancel *mass = &cells->mass_cancel;

    cr_assert_eq(decode(MASS_CANCEL, cells), 1);
    cr_assert_eq(mass->kind, CELL_KIND_MASS_CANCEL);
    cr_assert_eq(mass->clord, 0x73);
    cr_assert_eq(mass->scope, OE_MASS_CANCEL_SCOPE_SESSION);
    cr_assert_eq(mass->side, OE_SIDE_FILTER_ANY);
    cr_assert_eq(mass->instrument, CVLT);
    cr_assert_eq(mass->account, ACCOUNT);
    cr_assert_eq(decode("43 00000073 20202020 2020202020202020 0000", cells), 1);
    cr_assert_eq(mass->instrument, CELL_ANY);
    cr_assert_eq(mass->account, CELL_ANY);
    decode("43 00000073 4d4c524f 2020202020202020", cells);
    cr_assert_eq(cells->message_refused.code, 0x0c, "another firm");
    decode("43 00000073 20202020 5820202020202020", cells);
    cr_assert_eq(cells->message_refused.code, 0x17, "no such symbol");
    cr_assert_eq(cells->message_refused.ref_no, 0x73);
    cr_assert_eq(decode("43 00000000 20202020 2020202020202020", cells), 0);
}

Test(ouch_codec, what_the_gateway_answers_is_noted)
{
    union cell cells[CELL_COMMAND_MAX];
    const struct cell_message_refused *cell = &cells->message_refused;

    cr_assert_eq(decode("44 00000074 4c494d45", cells), 1);
    cr_assert_eq(cell->reason, OE_REJECT_REASON_NONE);
    cr_assert_eq(cell->template_id, 'D');
    cr_assert_eq(cell->ref_no, 0x74);
    expect_report(cells, false, "47" TIME_HEX "00000074 4c494d45");
    decode("45 00000075 20202020 0000", cells);
    cr_assert_eq(cell->template_id, 'E');
    expect_report(cells, false, "4b" TIME_HEX "00000075 20202020");
    decode("45 00000075 4d4c524f", cells);
    expect_report(cells, false, "4a" TIME_HEX "00000075 000c 2020202020202020202020202020");
    cr_assert_eq(decode("51", cells), 1);
    cr_assert_eq(cell->ref_no, 0, "it has no number");
    expect_report(cells, false, "51" TIME_HEX "00000077");
    cr_assert_eq(decode("51 0000", cells), 1);
    cr_assert_eq(decode("51 00", cells), 0);
}

Test(ouch_codec, what_is_no_message_of_a_client_is_nothing)
{
    static const char *const valid[] = {ENTER,
                                        REPLACE,
                                        "58 00752e71 00000000",
                                        "4d 00000071 53 00000064",
                                        MASS_CANCEL,
                                        "44 00000074 4c494d45",
                                        "45 00000074 4c494d45"};
    union cell cells[CELL_COMMAND_MAX];
    uint8_t buf[OUCH_MESSAGE_BYTES_MAX + 1] = {0};

    cr_assert_eq(decode("", cells), 0);
    cr_assert_eq(decode("41 0000", cells), 0);
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        const size_t len = unhex(buf, valid[i]);

        for (size_t cut = 0; cut < len; cut++)
            cr_expect_eq(decode_bytes(buf, cut, cells), 0, "%s cut at %zu", valid[i], cut);
    }
    buf[0] = 'O';
    cr_assert_eq(decode_bytes(buf, sizeof buf, cells), 0, "too long");
    cr_assert_eq(decode_with(ENTER, 1, "00000000", "", cells), 0, "numbers begin with 1");
    cr_assert_eq(decode_with(REPLACE, 1, "00000000", "", cells), 0);
    cr_assert_eq(decode_with(REPLACE, 5, "00000000", "", cells), 0);
}

/* --- reports ----------------------------------------------------------------- */

/* accepted is an order as the engine gives it back. */
static unsigned
accepted(const char *hex, const char *options, union cell cells[CELL_COMMAND_MAX])
{
    char all[512];
    unsigned cnt;

    snprintf(all, sizeof all, "%s%s", hex, options);
    cnt = decode(all, cells);
    cr_assert_eq(cell_kind(cells), CELL_KIND_ORDER_NEW);
    cells[0].order_new.order_id = 257340661;
    cells[0].order_new.seq = 99;
    return cnt;
}

#define ACCEPTED_HEAD                                                         \
 "41" TIME_HEX "00000071 53 000000e1 43564c5420202020 0000000000099db8 30 59" \
 "000000000f56b4f5 41 4e 4e 4c 4838465542384956202020202020"

Test(ouch_codec, an_acceptance_has_all_that_was_asked_for)
{
    union cell cells[CELL_COMMAND_MAX];

    accepted(ENTER, "", cells);
    expect_report(cells, false, ACCEPTED_HEAD "0006 05024c494d45");
    accepted(ENTER, "001b 0503 00000064 0505 00000032 020c50 050d 0000000a 05024c494d45", cells);
    expect_report(cells, false,
                  ACCEPTED_HEAD "001b 05024c494d45 0503 00000064 0505 00000032 020c50"
                                "050d 0000000a");
    accepted(ENTER, "0009 02064d 0507 fffffff6", cells);
    expect_report(cells, false, ACCEPTED_HEAD "000f 05024c494d45 02064d 0507 fffffff6");
}

/* expect_tif accepts an order that differs by some bytes and has an acceptance that
 * differs by others. */
static void
expect_change(size_t off, const char *bytes, const char *options, size_t at, const char *want)
{
    union cell cells[CELL_COMMAND_MAX];
    uint8_t buf[OUCH_REPORT_BYTES_MAX];
    uint8_t wanted[64];
    const size_t cnt = unhex(wanted, want);

    decode_with(ENTER, off, bytes, options, cells);
    cr_assert_eq(cell_kind(cells), CELL_KIND_ORDER_NEW, "%s", want);
    cells[0].order_new.order_id = 1;
    cr_assert_geq(encode(cells, false, buf), 62, "%s", want);
    for (size_t i = 0; i < cnt; i++)
        cr_assert_eq(buf[at + i], wanted[i], "%s, byte %zu: %02x", want, i, buf[at + i]);
}

Test(ouch_codec, what_was_asked_for_comes_back_as_it_was)
{
    expect_change(26, "33", "", 34, "33");
    expect_change(26, "33", "0006 0503 000000e1", 62, "000c 05024c494d45 0503 000000e1");
    expect_change(26, "36", "0006 050f 0000c350", 62, "000c 05024c494d45 050f 0000c350");
    expect_change(26, "36", "0006 050f 0000c350", 34, "36");
    expect_change(27, "4e", "", 35, "4e");
    expect_change(28, "52", "", 44, "52");
    expect_change(30, "4f", "", 46, "4f");
    expect_change(18, "0000000077359400 30 59 41 4e 43", "", 26, "0000000077359400 30 59");
    expect_change(18, "0000000077359400 30 59 41 4e 43", "", 46, "43");
    expect_change(5, "42", "", 13, "42");
    expect_change(10, "4549474854 4c5452", "", 18, "4549474854 4c5452");
}

Test(ouch_codec, a_refusal_of_the_engine_has_a_code_and_the_clients_text)
{
    static const struct {
        uint16_t reason, code;
    } codes[] = {
        {OE_REJECT_REASON_INSTRUMENT_HALTED, 0x07},
        {OE_REJECT_REASON_INSTRUMENT_CLOSED, 0x02},
        {OE_REJECT_REASON_INVALID_TICK, 0x1d},
        {OE_REJECT_REASON_INVALID_LOT, 0x13},
        {OE_REJECT_REASON_INVALID_DISPLAY_QTY, 0x04},
        {OE_REJECT_REASON_INVALID_MIN_QTY, 0x0d},
        {OE_REJECT_REASON_WOULD_TRADE, 0x12},
        {OE_REJECT_REASON_ORDER_POOL_FULL, 0x0a},
        {OE_REJECT_REASON_MAX_ORDER_QTY, 0x31},
        {OE_REJECT_REASON_MAX_ORDER_VALUE, 0x30},
        {OE_REJECT_REASON_PRICE_COLLAR_HIGH, 0x26},
        {OE_REJECT_REASON_THROTTLED, 0x29},
        {OE_REJECT_REASON_DUPLICATIVE_ORDER, 0x2a},
        {OE_REJECT_REASON_OPEN_NOTIONAL, 0x20},
        {OE_REJECT_REASON_BLACKLISTED, 0x22},
        {OE_REJECT_REASON_KILL_SWITCH, 0x0c},
        {OE_REJECT_REASON_TIME_IN_FORCE_NOT_ALLOWED, 0x0f},
    };
    union cell cells[CELL_COMMAND_MAX];

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char want[128];

        decode(ENTER, cells);
        cells[0].order_new.outcome = codes[i].reason;
        snprintf(want, sizeof want, "4a" TIME_HEX "00000071 %04x 4838465542384956202020202020",
                 codes[i].code);
        expect_report(cells, false, want);
    }
    /* And every reason has one that OUCH knows. */
    for (unsigned reason = 1; reason < 256; reason++) {
        uint8_t buf[OUCH_REPORT_BYTES_MAX];

        if (!oe_reject_reason_valid((uint16_t)reason))
            continue;
        decode(ENTER, cells);
        cells[0].order_new.outcome = (uint16_t)reason;
        cr_assert_not_null(ouch_rejected_view(buf, encode(cells, false, buf)), "%u", reason);
    }
}

Test(ouch_codec, a_cancel_is_answered_with_what_it_took_or_not_at_all)
{
    union cell cells[CELL_COMMAND_MAX];

    decode("58 00000071 00000000", cells);
    cells->order_cancel.removed_qty = 40;
    expect_report(cells, false, "43" TIME_HEX "00000071 00000028 55");
    cells->order_cancel.outcome = OE_REJECT_REASON_UNKNOWN_ORDER;
    expect_silence(cells);
    cells->order_cancel.outcome = OE_REJECT_REASON_THROTTLED;
    expect_report(cells, false, "49" TIME_HEX "00000071");
}

Test(ouch_codec, a_partial_cancel_and_a_modify_are_answered_in_their_own_words)
{
    union cell cells[CELL_COMMAND_MAX];

    decode("58 00000071 00000064", cells);
    cells[0].bytes[1] |= CELL_SELL;
    cells[1].replace_detail.old_leaves = 220;
    cells[1].replace_detail.new_leaves = 95;
    expect_report(cells, false, "43" TIME_HEX "00000071 0000007d 55");
    cells[1].replace_detail.old_leaves = 95;
    expect_silence(cells);
    cells[1].replace_detail.new_leaves = 0;
    expect_silence(cells);
    cells[0].order_replace.outcome = OE_REJECT_REASON_INVALID_QUANTITY;
    expect_silence(cells);
    cells[0].order_replace.outcome = OE_REJECT_REASON_UNKNOWN_ORDER;
    expect_silence(cells);
    cells[0].order_replace.outcome = OE_REJECT_REASON_INVALID_LOT;
    expect_report(cells, false, "49" TIME_HEX "00000071");

    decode("4d 00000071 53 00000064", cells);
    cells[0].bytes[1] |= CELL_SELL;
    cells[1].replace_detail.old_leaves = 220;
    cells[1].replace_detail.new_leaves = 95;
    expect_report(cells, false, "4d" TIME_HEX "00000071 53 0000005f");
    cells[0].order_replace.outcome = OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    expect_report(cells, false, "49" TIME_HEX "00000071");
    cells[0].order_replace.outcome = OE_REJECT_REASON_THROTTLED;
    expect_report(cells, false, "49" TIME_HEX "00000071");
}

/* replaced is a replace as the engine gives it back. */
static void
replaced(const char *hex, union cell cells[CELL_COMMAND_MAX])
{
    decode(hex, cells);
    cells[0].bytes[1] |= CELL_SELL;
    cells[0].order_replace.instrument = CVLT;
    cells[0].order_replace.order_id = 257340661;
    cells[0].order_replace.ord_type = OE_ORD_TYPE_LIMIT;
    cells[0].order_replace.tif = OE_TIME_IN_FORCE_DAY;
    cells[0].order_replace.stp_capacity = cell_stp_capacity(0, 'A');
    cells[1].replace_detail.new_order_id = 257340662;
    cells[1].replace_detail.cum_qty = 50;
    cells[1].replace_detail.new_leaves = 150;
}

#define REPLACED_HEAD                                                                  \
 "55" TIME_HEX "00000071 00000072 53 000000c8 43564c5420202020 0000000000099dc2 30 59" \
 "000000000f56b4f6 41 4e 4e"

Test(ouch_codec, a_replace_is_answered_with_the_total_or_with_what_became_of_the_order)
{
    union cell cells[CELL_COMMAND_MAX];

    replaced(REPLACE, cells);
    expect_report(cells, false, REPLACED_HEAD "4c 4838465542384957202020202020 0006 05024c494d45");
    cells[1].replace_detail.new_leaves = 0;
    expect_report(cells, false, REPLACED_HEAD "44 4838465542384957202020202020 0006 05024c494d45");
    replaced(REPLACE "0006 0505 00000032", cells);
    expect_report(cells, false,
                  REPLACED_HEAD "4c 4838465542384957202020202020"
                                "000c 05024c494d45 0505 00000032");
    cells[0].order_replace.outcome = OE_REJECT_REASON_UNKNOWN_ORDER;
    expect_silence(cells);
    cells[0].order_replace.outcome = OE_REJECT_REASON_DUPLICATE_CL_ORD_ID;
    expect_silence(cells);
    cells[0].order_replace.outcome = OE_REJECT_REASON_INVALID_TICK;
    expect_silence(cells);
    cells[0].order_replace.outcome = OE_REJECT_REASON_THROTTLED;
    expect_report(cells, false, "4a" TIME_HEX "00000072 0029 4838465542384957202020202020");
}

Test(ouch_codec, a_trade_tells_each_side_what_it_did)
{
    union cell cells[2] = {
        {.trade = {.kind = CELL_KIND_TRADE,
                   .shape = 2,
                   .instrument = CVLT,
                   .time = TIME_NS,
                   .clord = 0x71,
                   .px = 6302000000,
                   .qty = 100,
                   .session = SESSION}},
        {.trade_maker = {
             .kind = CELL_KIND_TRADE_MAKER, .session = SESSION, .clord = 0x99, .match_id = 777}}};

    expect_report(cells, false,
                  "45" TIME_HEX "00000071 00000064 0000000000099db8 52 0000000000000309");
    expect_report(cells, true,
                  "45" TIME_HEX "00000099 00000064 0000000000099db8 41 0000000000000309");
    cells[0].trade.px++;
    expect_silence(cells);
    cells[0].trade.px--;
    cells[0].trade.kind = CELL_KIND_MATCH_PREVENTED;
    expect_report(cells, false,
                  "44" TIME_HEX "00000071 00000000 51 00000064 0000000000099db8 52 20");
    expect_report(cells, true,
                  "44" TIME_HEX "00000099 00000000 51 00000064 0000000000099db8 41 20");
}

Test(ouch_codec, a_cancel_by_the_venue_has_a_reason)
{
    static const struct {
        uint8_t reason;
        char code; /* 0: no report */
    } reasons[] = {
        {OE_CANCEL_REASON_REQUESTED, 'U'},
        {OE_CANCEL_REASON_IMMEDIATE_OR_CANCEL, 'I'},
        {OE_CANCEL_REASON_FILL_OR_KILL, 'I'},
        {OE_CANCEL_REASON_MASS_CANCEL, 'U'},
        {OE_CANCEL_REASON_DISCONNECT, 'S'},
        {OE_CANCEL_REASON_REPLACED_BELOW_FILLED, 0},
        {OE_CANCEL_REASON_SELF_MATCH_PREVENTION, 'Q'},
        {OE_CANCEL_REASON_KILL_SWITCH, 'S'},
        {OE_CANCEL_REASON_EXPIRED, 'T'},
        {OE_CANCEL_REASON_MIN_QTY, 'I'},
        {OE_CANCEL_REASON_LINKED, 'Z'},
        {OE_CANCEL_REASON_NO_ROOM, 'K'},
        {OE_CANCEL_REASON_QUOTE_REPLACED, 'Z'},
        {OE_CANCEL_REASON_RISK_LIMIT, 'Z'},
        {OE_CANCEL_REASON_REPLACE_REFUSED, 'Z'},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        const union cell cell = {.order_canceled = {.kind = CELL_KIND_ORDER_CANCELED,
                                                    .shape = 1,
                                                    .time = TIME_NS,
                                                    .clord = 0x71,
                                                    .removed_qty = 40,
                                                    .reason = reasons[i].reason,
                                                    .session = SESSION}};
        char want[64];

        snprintf(want, sizeof want, "43" TIME_HEX "00000071 00000028 %02x", reasons[i].code);
        if (reasons[i].code == 0)
            expect_silence(&cell);
        else
            expect_report(&cell, false, want);
    }
    cr_assert_not(oe_cancel_reason_valid(15), "the table has them all");
}

Test(ouch_codec, what_else_the_venue_does_is_told)
{
    union cell cell = {.mass_canceled = {.kind = CELL_KIND_MASS_CANCELED,
                                         .shape = 1,
                                         .instrument = CVLT,
                                         .time = TIME_NS,
                                         .clord = 0x73,
                                         .count = 2,
                                         .account = ACCOUNT,
                                         .session = SESSION}};
    uint8_t buf[16];

    expect_report(&cell, false, "58" TIME_HEX "00000073 4c494d45 43564c5420202020");
    cell.mass_canceled.instrument = CELL_ANY;
    cell.mass_canceled.account = CELL_ANY;
    expect_report(&cell, false, "58" TIME_HEX "00000073 20202020 2020202020202020");
    cell = (union cell){.mass_cancel = {.kind = CELL_KIND_MASS_CANCEL,
                                        .shape = 1,
                                        .outcome = OE_REJECT_REASON_THROTTLED,
                                        .time = TIME_NS,
                                        .clord = 0x73}};
    expect_report(&cell, false, "4a" TIME_HEX "00000073 0029 2020202020202020202020202020");
    cell.mass_cancel.outcome = OE_REJECT_REASON_NONE;
    expect_silence(&cell);

    cell = (union cell){.order_restated = {.kind = CELL_KIND_ORDER_RESTATED,
                                           .shape = 1 | CELL_SELL,
                                           .time = TIME_NS,
                                           .clord = 0x71,
                                           .order_id = 257340661,
                                           .px = 6302000000,
                                           .leaves_qty = 95,
                                           .reason = CELL_RESTATE_REASON_POST_ONLY_REPRICE}};
    expect_report(&cell, false, "54" TIME_HEX "00000071 0000000000099db8 20 000000000f56b4f5");
    cell.order_restated.reason = CELL_RESTATE_REASON_SELF_MATCH_DECREMENT;
    expect_report(&cell, false, "4d" TIME_HEX "00000071 53 0000005f");
    cell.order_restated.reason = CELL_RESTATE_REASON_PEG;
    cell.order_restated.px = 0;
    expect_report(&cell, false, "52" TIME_HEX "00000071 50");
    cr_assert_eq(ouch_encode_event(TIME_NS, OUCH_EVENT_CODE_START_OF_DAY, buf, 9), 0);
    expect_bytes(buf, ouch_encode_event(TIME_NS, OUCH_EVENT_CODE_END_OF_DAY, buf, 10),
                 "53" TIME_HEX "45");
}

Test(ouch_codec, an_order_of_another_dialect_has_no_reports_in_this_one)
{
    union cell cells[CELL_COMMAND_MAX];
    union cell quote = {.quote_entry = {.kind = CELL_KIND_QUOTE_ENTRY, .shape = 1, .clord = 1}};

    accepted(ENTER, "", cells);
    cells[0].order_new.clord = UINT64_C(1) << 32;
    expect_silence(cells);
    accepted(ENTER, "", cells);
    cells[0].order_new.ord_type = OE_ORD_TYPE_STOP;
    expect_silence(cells);
    accepted(ENTER, "", cells);
    cells[0].order_new.instrument = 5;
    expect_silence(cells);
    accepted(ENTER, "", cells);
    cells[0].order_new.tif = OE_TIME_IN_FORCE_GOOD_TILL_CANCEL;
    expect_silence(cells);
    accepted(ENTER, "", cells);
    cells[0].order_new.px++;
    expect_silence(cells);
    expect_silence(&quote);
    quote.bytes[0] = CELL_KIND_SESSION_NOT_APPLIED;
    expect_silence(&quote);
}

/* --- whatever comes ----------------------------------------------------------- */

#define ROUNDS 200000u

/* mutated makes one of the valid messages, with options, a little wrong. */
static size_t
mutated(unsigned *seed, uint8_t *buf)
{
    static const char *const valid[] = {
        ENTER,
        ENTER "0015 0503 00000064 0505 00000032 020c50 050d 0000000a",
        ENTER "0009 020650 0507 0000000a",
        REPLACE,
        REPLACE "0015 0503 00000001 0505 00000032 020652 020c4e 021b53",
        "58 00000071 00000064",
        "4d 00000071 53 00000064 0000",
        MASS_CANCEL,
        "44 00000074 4c494d45",
        "51 0000",
    };
    size_t len = unhex(buf, valid[(unsigned)rand_r(seed) % (sizeof valid / sizeof valid[0])]);

    for (int i = rand_r(seed) % 4; i > 0; i--)
        buf[(size_t)rand_r(seed) % len] = (uint8_t)rand_r(seed);
    if (rand_r(seed) % 8 == 0)
        len = (size_t)rand_r(seed) % (len + 1);
    return len;
}

Test(ouch_codec, whatever_decodes_is_a_command_that_the_engine_takes)
{
    union cell cells[CELL_COMMAND_MAX];
    uint8_t buf[256];
    unsigned seed = 20261127;
    unsigned taken = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        origin.disabled = i % 16 == 0;
        memset(buf, 0, sizeof buf);
        /* decode_bytes asserts that it is well formed. */
        if (decode_bytes(buf, mutated(&seed, buf), cells) != 0)
            taken++;
    }
    cr_assert_gt(taken, ROUNDS / 4, "seed 20261127");
}

Test(ouch_codec, symbols_are_found_by_all_their_characters)
{
    cr_assert_eq(ouch_names_find(names, "CVLT    "), CVLT);
    cr_assert_eq(ouch_names_find(names, "CVLT   X"), CELL_ANY);
    cr_assert_eq(ouch_names_find(names, "EIGHTLTR"), 4);
    cr_assert_eq(ouch_names_find(names, "FINE    "), CELL_ANY, "its tick has five decimals");
    cr_assert_null(ouch_names_symbol(names, 5));
    cr_assert_null(ouch_names_symbol(names, 8));
    cr_assert_null(ouch_names_symbol(names, CELL_ANY));
    cr_assert_eq(memcmp(ouch_names_symbol(names, CVLT), "CVLT    ", 8), 0);
    instrument(6, "CVLT", 10000);
    cr_assert_eq(ouch_names_find(names, "CVLT    "), CVLT, "the first has it");
    cr_assert_eq(ouch_names_footprint(0), 0);
    for (uint32_t i = 0; i < 8; i++) {
        char symbol[9];

        snprintf(symbol, sizeof symbol, "S%u", i);
        if (ouch_names_symbol(names, i) == NULL)
            instrument(i, symbol, 10000);
        cr_assert_not_null(ouch_names_symbol(names, i));
        cr_assert_eq(ouch_names_find(names, ouch_names_symbol(names, i)), i);
    }
}
