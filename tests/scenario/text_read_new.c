#include <string.h>

#include "tests/scenario/text_parts.h"

/* read_peg reads what follows `peg`. */
static void
read_peg(struct words *words, struct command *command)
{
    struct cell_order_new *req = &command->cells[0].order_new;

    req->ord_type = OE_ORD_TYPE_PEGGED;
    if (words_take(words, "opposite"))
        req->exec_inst |= OE_EXEC_INST_PEG_OPPOSITE;
    else if (words_take(words, "mid"))
        req->exec_inst |= OE_EXEC_INST_PEG_MID;
    else if (!words_take(words, "primary"))
        words->failed = true;
    if (words_take(words, "offset")) {
        command->cells[1].order_extension.peg_offset_px = words_px(words);
        command->count = 2;
    }
    if (words_take(words, "@"))
        req->px = words_px(words);
}

/* read_price reads type and price of a new order. */
static void
read_price(struct words *words, struct command *command)
{
    struct cell_order_new *req = &command->cells[0].order_new;

    if (words_take(words, "@")) {
        req->px = words_px(words);
    } else if (words_take(words, "market")) {
        req->ord_type = OE_ORD_TYPE_MARKET;
    } else if (words_take(words, "market-to-limit")) {
        req->ord_type = OE_ORD_TYPE_MARKET_TO_LIMIT;
    } else if (words_take(words, "peg")) {
        read_peg(words, command);
    } else if (words_take(words, "stop")) {
        command->cells[1].order_extension.stop_px = words_px(words);
        command->count = 2;
        req->ord_type = OE_ORD_TYPE_STOP;
        if (words_take(words, "@")) {
            req->ord_type = OE_ORD_TYPE_STOP_LIMIT;
            req->px = words_px(words);
        }
    } else {
        words->failed = true;
    }
}

/* A word without a value. */
struct flag {
    const char *word;
    uint8_t value;
};

/* take_flag returns the value of the next word if it is in the table, else 0. */
static uint8_t
take_flag(struct words *words, const struct flag *table, size_t cnt)
{
    for (size_t i = 0; i < cnt; i++)
        if (words_take(words, table[i].word))
            return table[i].value;
    return 0;
}

/* read_flag reads a time in force or an instruction. */
static bool
read_flag(struct words *words, struct command *command)
{
    static const struct flag tifs[] = {
        {"day", OE_TIME_IN_FORCE_DAY},
        {"gtc", OE_TIME_IN_FORCE_GOOD_TILL_CANCEL},
        {"ioc", OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL},
        {"fok", OE_TIME_IN_FORCE_FILL_OR_KILL},
        {"opg", OE_TIME_IN_FORCE_AT_THE_OPENING},
        {"atc", OE_TIME_IN_FORCE_AT_THE_CLOSE},
        {"gtd", OE_TIME_IN_FORCE_GOOD_TILL_DATE},
    };
    static const struct flag instructions[] = {
        {"post-only", OE_EXEC_INST_POST_ONLY},
        {"reprice", OE_EXEC_INST_POST_ONLY_REPRICE},
        {"hidden", OE_EXEC_INST_HIDDEN},
    };
    struct cell_order_new *req = &command->cells[0].order_new;
    const uint8_t tif = take_flag(words, tifs, ARRAY_LEN(tifs));

    if (tif != 0)
        req->tif = tif;
    if (tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE) {
        command->cells[1].order_extension.expire_time = words_time(words);
        command->count = command->count < 2 ? 2 : command->count;
    }
    if (tif != 0)
        return true;

    const uint8_t instruction = take_flag(words, instructions, ARRAY_LEN(instructions));

    req->exec_inst |= instruction;
    return instruction != 0;
}

/* read_rare reads an attribute that stands in the extension. */
static bool
read_rare(struct words *words, struct command *command)
{
    static const struct keyed rare[] = {
        {"display", offsetof(struct cell_order_extension, display_qty), 4, KEYED_NUMBER},
        {"range", offsetof(struct cell_order_extension, display_range), 2, KEYED_NUMBER},
        {"min", offsetof(struct cell_order_extension, min_qty), 4, KEYED_NUMBER},
        {"stop", offsetof(struct cell_order_extension, stop_px), 8, KEYED_PX},
        {"expire", offsetof(struct cell_order_extension, expire_time), 8, KEYED_TIME},
        {"peg-offset", offsetof(struct cell_order_extension, peg_offset_px), 8, KEYED_PX},
        {"client", offsetof(struct cell_order_extension, client_code), 4, KEYED_NUMBER},
        {"decision", offsetof(struct cell_order_extension, decision_code), 4, KEYED_NUMBER},
        {"execution", offsetof(struct cell_order_extension, execution_code), 4, KEYED_NUMBER},
    };
    struct cell_order_extension *extension = &command->cells[1].order_extension;

    if (words_take(words, "link")) {
        command->cells[2].order_link.linked_clord = words_number(words);
        command->count = 3;
        return true;
    }
    if (words_take(words, "text")) {
        const char *word = words_any(words);

        if (strlen(word) > sizeof extension->text)
            words->failed = true;
        else
            memcpy(extension->text, word, strlen(word));
    } else if (!text_read_keyed(words, &command->cells[1], rare, ARRAY_LEN(rare))) {
        return false;
    }
    command->count = command->count < 2 ? 2 : command->count;
    return true;
}

static bool
read_attribute(struct words *words, struct command *command)
{
    static const struct keyed keys[] = {
        {"exec-inst", offsetof(struct cell_order_new, exec_inst), 1, KEYED_NUMBER},
        {"in-no", offsetof(struct cell_order_new, in_no), 2, KEYED_NUMBER},
    };
    struct cell_order_new *req = &command->cells[0].order_new;

    if (words_take(words, "type"))
        req->ord_type = words_value(words, oe_ord_type_name);
    else if (words_take(words, "tif"))
        req->tif = words_value(words, oe_time_in_force_name);
    else
        return read_flag(words, command) || read_rare(words, command) ||
               text_read_stp_capacity(words, &req->stp_capacity) ||
               text_read_keyed(words, &command->cells[0], keys, ARRAY_LEN(keys));
    return true;
}

void
text_read_new(struct words *words, struct command *command)
{
    struct command_order order = {.session = words_session(words)};

    order.account = words_name(words, 'A');
    order.instrument = words_instrument(words);
    order.sell = words_take(words, "sell");
    if (!order.sell && !words_take(words, "buy"))
        words->failed = true;
    order.qty = (qty_t)words_number(words);
    *command = command_new(&order);
    read_price(words, command);
    if (!words_take(words, "id"))
        words->failed = true;
    command->cells[0].order_new.clord = words_number(words);
    while (!words->failed && words->next < words->cnt)
        if (!read_attribute(words, command))
            words->failed = true;
    command->cells[0].bytes[1] = (uint8_t)(command->cells[0].bytes[1] + command->count - 1);
    if (command->count > 1)
        command->cells[1].bytes[0] = CELL_KIND_ORDER_EXTENSION;
    if (command->count > 2)
        command->cells[2].bytes[0] = CELL_KIND_ORDER_LINK;
}
