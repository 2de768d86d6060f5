/*
 * Goal: what is written down is read back as the same command, and what is no
 * command is refused.
 * Method: lines as they are written come back word for word; lines with a field
 * of an order changed at random, from one seed, come back as the same cells.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/model/random.h"
#include "tests/scenario/text.h"

static const char *const written[] = {
    "new S1 A2 buy 100 @ 10.05 id 1",
    "new S1 A2 I7 sell 4294967295 @ -0.00000001 id 18446744073709551615 gtc",
    "new X A2 buy 1 market id 1 ioc in-no 3",
    "new S1 A2 buy 1 market-to-limit id 1 fok",
    "new S1 A2 buy 1 stop 10.10 id 1 gtd 5000000ns",
    "new S1 A2 buy 1 stop 10.10 @ 10.20 id 1 link 7",
    "new S1 A2 buy 1 peg primary id 1",
    "new S1 A2 buy 1 peg opposite offset -0.01 @ 10.00 id 1 hidden",
    "new S1 A2 buy 1 peg mid id 1 link 2",
    "new S1 A2 buy 1 peg mid id 1 client 0",
    "new S1 A2 buy 1 @ 10.00 id 1 opg",
    "new S1 A2 buy 1 @ 10.00 id 1 atc post-only reprice stp Decrement capacity Principal",
    "new S1 A2 buy 100 @ 10.00 id 1 display 20 range 5 client 7 decision 8 execution 9 text ab",
    "new S1 A2 buy 100 @ 10.00 id 1 hidden min 50",
    "new S1 A2 buy 100 @ 10.00 id 1 type Stop tif GoodTillDate exec-inst 24 stp-capacity 5",
    "new S1 A2 buy 100 @ 10.00 id 1 stop 9.00 expire 17 peg-offset -0.05",
    "cancel S1 id 1 as 2",
    "cancel S1 I3 order S2/1 as 2",
    "cancel S1 bid S2/1 as 2",
    "cancel S1 ask S2/18446744073709551615 as 2",
    "replace S1 id 1 to 50 @ 10.00 as 2",
    "replace S1 I2 order S1/1 to 50 as 2 display 10 min 5 stop 9.00 expire 0ns",
    "mass-cancel S1 session as 1",
    "mass-cancel S1 account A1 in I1 of A2 buy as 1",
    "mass-cancel X group G1 sell reason KillSwitch as 1",
    "mass-cancel X firm F1 as 1",
    "mass-quote S1 A1 id 7 I1 bid 100 @ 10.00 ask 90 @ 10.05",
    "mass-quote S1 A1 id 7 stp CancelPassive I1 I2 ask 5 @ 9.00 I3 bid 0 @ 1.00",
    "mass-quote S1 A1 id 7 stp-capacity 5 I1",
    "mass-quote S1 A1 id 7 entries 1 I1 bid 5 @ 9.00 I0 ask 1 @ 2.00",
    "mass-quote S1 A1 id 7 entries 9 I1 bid 5 @ 9.00 I2",
    "skip S1 3",
    "skip S1 3 finished",
    "wait 5ns",
    "firm F1",
    "group G1 F2",
    "session S1 F1 grace 100",
    "negotiate S1",
    "establish S1",
    "unbind S1",
    "negotiate S1 uuid 2",
    "establish S1 uuid 255",
    "unbind S1 uuid 0 finished",
    "account A1 G1 state Suspended qty-max 5 value-max 100.00 long 0 short 9",
    "instrument I1 tick 0.05 lot 10 state Halted algorithm Split allocation-min 2 "
    "fifo-permille 400 top-max 50 qty-min 20 qty-max 100 value-max 1000.00 ref 10.00 "
    "collar-ticks 5 collar-permille 20 low 9.00 high 11.00",
    "state I1 Closed",
    "position-limit A1 I1 long 5 short 6",
    "permission G1 I1 restricted",
    "permission G1 I1 allowed",
    "journal-low 1",
    "limit A1 OpenNotional 1000.00 warn 100 slow 200 close 300 block 400 pause-ms 5",
    "limit S1 MessageRate 5 in 1000ns",
    "limit A1 I2 Long 7",
    "limit F1 DailyLoss none",
    "limit I1 OrderValue 5.00",
    "fees I1 maker -5 taker 20",
    "cash A1 add -5.00",
    "cash A1 set 5.00",
    "units A1 I1 add -7",
    "units A1 I1 set 7",
    "mark I1 10.00",
    "mark I1 10.00 settlement",
    "kill S1",
    "kill G1 block-only",
    "enable F1",
    "day 20240229",
    "restriction A1 I1 restricted",
    "restriction F1 all allowed",
    "order-rule A1 types 63 tifs 127 covered",
    "order-rule I1 types 2 tifs 1 references 15 unreferenced",
};

Test(text, what_is_written_is_read_back_as_it_was)
{
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        struct text_target target;
        struct command command;
        const char *reason;
        char line[TEXT_LINE_MAX];

        cr_assert(text_read_command(written[i], &command, &target, &reason), "%s: %s", written[i],
                  reason);
        text_write_command(&command, &target, line);
        cr_assert_str_eq(line, written[i]);
        for (unsigned c = 0; c < command.count; c++)
            cr_assert(cell_valid(&command.cells[c]), "%s", written[i]);
        cr_assert_eq(cell_count(command.cells), command.count, "%s", written[i]);
    }
}

Test(text, times_are_read_in_every_unit)
{
    static const struct {
        const char *line;
        uint64_t expire;
    } cases[] = {
        {"new S1 A1 buy 1 @ 1.00 id 1 gtd 2s", TEXT_START_NS + 2000000000},
        {"new S1 A1 buy 1 @ 1.00 id 1 gtd 3ms", TEXT_START_NS + 3000000},
        {"new S1 A1 buy 1 @ 1.00 id 1 gtd 4us", TEXT_START_NS + 4000},
        {"new S1 A1 buy 1 @ 1.00 id 1 gtd 5ns", TEXT_START_NS + 5},
        {"new S1 A1 buy 1 @ 1.00 id 1 gtd 6", 6},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text_target target;
        struct command command;
        const char *reason;

        cr_assert(text_read_command(cases[i].line, &command, &target, &reason));
        cr_assert_eq(command.cells[1].order_extension.expire_time, cases[i].expire, "%s",
                     cases[i].line);
    }
}

Test(text, what_is_no_command_is_refused)
{
    static const char *const lines[] = {
        "",
        "buy 100",
        "new S1 A1 buy 1 id 1",
        "new S1 A1 hold 1 @ 1.00 id 1",
        "new S1 A1 buy 1 @ 1.000000001 id 1",
        "new S1 A1 buy 1 @ 1.00 id 1 display",
        "new S1 A1 buy 1 @ 1.00 id 1 range 65536",
        "new S1 A1 buy 1 @ 1.00 id 1 gtd 5h",
        "new S1 A1 buy 1 @ 1.00 id 1 stp Perhaps",
        "new S1 A1 buy 1 @ 1.00 id 1 text 12345678901234567",
        "new S1 A1 buy 1 peg best id 1",
        "new A1 S1 buy 1 @ 1.00 id 1",
        "cancel S1 id 1",
        "cancel S1 order 1 as 2",
        "cancel S1 order S1/ as 2",
        "replace S1 id 1 @ 1.00 as 2",
        "mass-cancel S1 desk A1 as 1",
        "mass-quote S1 A1 id 1 bid 1 @ 1.00",
        "mass-quote S1 A1 id 1 I1 bid 1",
        "state I1 Asleep",
        "wait long",
        "instrument I1 algorithm Lottery",
        "limit A1 Courage 5",
        "limit A1 OpenOrders",
        "limit B1 OpenOrders 5",
        "cash A1 5.00",
        "fees I1 taker 5",
        "kill I",
        "restriction A1 I1",
        "order-rule A1 naked",
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct text_target target;
        struct command command;
        const char *reason = NULL;

        cr_assert_not(text_read_command(lines[i], &command, &target, &reason), "%s", lines[i]);
        cr_assert_not_null(reason);
    }
}

/* shuffle_order makes an order of any type with any attributes, sensible or not. */
static void
shuffle_order(struct command *command, struct random *random)
{
    static const uint8_t types[] = "1234KP", tifs[] = "0123467";
    struct cell_order_new *req = &command->cells[0].order_new;
    struct cell_order_extension *extension = &command->cells[1].order_extension;

    *command = command_new(&(struct command_order){.session = 1, .account = 1, .instrument = 1});
    req->qty = (qty_t)random_below(random, 1000);
    req->px = (px_t)random_below(random, 3) * 1000;
    req->clord = random_below(random, 100);
    req->ord_type = types[random_below(random, 6)];
    req->tif = tifs[random_below(random, 7)];
    req->exec_inst = (uint8_t)random_below(random, 32);
    req->stp_capacity = (uint8_t)(random_below(random, 5) | random_below(random, 3) << 4);
    command->count = 1 + (unsigned)random_below(random, 3);
    req->shape = (uint8_t)command->count;
    if (command->count == 1)
        return;
    extension->kind = CELL_KIND_ORDER_EXTENSION;
    extension->display_qty = (qty_t)random_below(random, 3);
    extension->display_range = (uint16_t)random_below(random, 3);
    extension->min_qty = (qty_t)random_below(random, 3);
    extension->stop_px = (px_t)random_below(random, 3) * 500;
    extension->peg_offset_px = (px_t)random_below(random, 3) - 1;
    extension->expire_time = random_below(random, 2) * (TEXT_START_NS - 1 + req->qty);
    extension->client_code = (uint32_t)random_below(random, 2);
    if (command->count == 2)
        return;
    command->cells[2].order_link.kind = CELL_KIND_ORDER_LINK;
    command->cells[2].order_link.linked_clord = random_below(random, 100);
}

Test(text, any_order_is_read_back_as_the_same_cells)
{
    struct random random = {.state = 1};

    for (unsigned i = 0; i < 20000; i++) {
        const struct text_target none = {.by_id = false};
        struct text_target target;
        struct command command, back;
        const char *reason;
        char line[TEXT_LINE_MAX];

        shuffle_order(&command, &random);
        text_write_command(&command, &none, line);
        cr_assert(text_read_command(line, &back, &target, &reason), "%s: %s", line, reason);
        cr_assert_eq(back.count, command.count, "%s", line);
        cr_assert_eq(memcmp(back.cells, command.cells, command.count * sizeof back.cells[0]), 0,
                     "%s", line);
    }
}
