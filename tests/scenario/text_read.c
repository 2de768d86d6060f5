#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

#include "tests/scenario/text_parts.h"

bool
text_read_keyed(struct words *words, union cell *cell, const struct keyed *table, size_t cnt)
{
    for (size_t i = 0; i < cnt; i++)
        if (words_take(words, table[i].word)) {
            const uint64_t value = table[i].value == KEYED_PX     ? (uint64_t)words_px(words)
                                   : table[i].value == KEYED_TIME ? words_time(words)
                                                                  : words_number(words);

            /* A number that the field cannot hold would be another one. */
            if (table[i].size < sizeof value && value >> (8 * table[i].size) != 0)
                words->failed = true;
            memcpy(&cell->bytes[table[i].offset], &value, table[i].size);
            return true;
        }
    return false;
}

bool
text_read_stp_capacity(struct words *words, uint8_t *stp_capacity)
{
    uint8_t stp = cell_stp(*stp_capacity);
    char capacity = cell_capacity(*stp_capacity);

    if (words_take(words, "stp"))
        stp = words_value(words, oe_self_match_prevention_instruction_name);
    else if (words_take(words, "capacity"))
        capacity = (char)words_value(words, oe_order_capacity_name);
    else if (words_take(words, "stp-capacity")) {
        *stp_capacity = (uint8_t)words_number(words);
        return true;
    } else
        return false;
    *stp_capacity = cell_stp_capacity(stp, capacity);
    return true;
}

/* read_target reads how an order is named and returns its orig_clord. */
static uint64_t
read_target(struct words *words, struct text_target *target)
{
    if (words_take(words, "id"))
        return words_number(words);
    target->by_id = true;
    if (words_take(words, "bid"))
        target->kind = TEXT_BID;
    else if (words_take(words, "ask"))
        target->kind = TEXT_ASK;
    else if (!words_take(words, "order"))
        words->failed = true;

    if (!text_read_order(words_any(words), &target->session, &target->clord))
        words->failed = true;
    return 0;
}

static uint64_t
read_as(struct words *words)
{
    if (!words_take(words, "as"))
        words->failed = true;
    return words_number(words);
}

static void
read_cancel(struct words *words, struct command *command, struct text_target *target)
{
    const uint16_t session = words_session(words);
    const uint32_t instrument = words_instrument(words);
    const uint64_t orig_clord = read_target(words, target);

    *command = command_cancel(session, instrument, orig_clord, read_as(words));
    if (target->by_id)
        command_by_id(command, 0);
}

static void
read_replace(struct words *words, struct command *command, struct text_target *target)
{
    static const struct keyed keys[] = {
        {"display", offsetof(struct cell_replace_detail, display_qty), 4, KEYED_NUMBER},
        {"min", offsetof(struct cell_replace_detail, min_qty), 4, KEYED_NUMBER},
        {"stop", offsetof(struct cell_replace_detail, stop_px), 8, KEYED_PX},
        {"expire", offsetof(struct cell_replace_detail, expire_time), 8, KEYED_TIME},
    };
    struct command_order order = {.session = words_session(words)};

    order.instrument = words_instrument(words);

    const uint64_t orig_clord = read_target(words, target);

    if (!words_take(words, "to"))
        words->failed = true;
    order.qty = (qty_t)words_number(words);
    if (words_take(words, "@"))
        order.px = words_px(words);
    order.clord = read_as(words);
    *command = command_replace(&order, orig_clord);
    if (target->by_id)
        command_by_id(command, 0);
    while (!words->failed && words->next < words->cnt)
        if (!text_read_keyed(words, &command->cells[1], keys, ARRAY_LEN(keys)))
            words->failed = true;
}

static void
read_mass_cancel(struct words *words, struct command *command)
{
    const uint16_t session = words_session(words);
    uint8_t scope = OE_MASS_CANCEL_SCOPE_SESSION;
    uint32_t number = 0;

    if (words_take(words, "account")) {
        scope = OE_MASS_CANCEL_SCOPE_ACCOUNT;
        number = words_name(words, 'A');
    } else if (words_take(words, "group")) {
        scope = OE_MASS_CANCEL_SCOPE_GROUP;
        number = words_name(words, 'G');
    } else if (words_take(words, "firm")) {
        scope = OE_MASS_CANCEL_SCOPE_FIRM;
        number = words_name(words, 'F');
    } else if (!words_take(words, "session")) {
        words->failed = true;
    } else if (session == CELL_SESSION) {
        number = words_name(words, 'S');
    }
    *command = command_mass_cancel(session, scope, number, 0);

    struct cell_mass_cancel *req = &command->cells[0].mass_cancel;

    if (words_take(words, "in"))
        req->instrument = words_name(words, 'I');
    if (words_take(words, "of"))
        req->account = words_name(words, 'A');
    if (words_take(words, "buy"))
        req->side = OE_SIDE_FILTER_BUY;
    else if (words_take(words, "sell"))
        req->side = OE_SIDE_FILTER_SELL;
    if (words_take(words, "reason"))
        req->reason = words_value(words, oe_cancel_reason_name);
    req->clord = read_as(words);
}

/* read_quote reads quantity and price behind `bid` or `ask`, if there is one. */
static void
read_quote(struct words *words, const char *side, qty_t *qty, px_t *px)
{
    if (!words_take(words, side))
        return;
    *qty = (qty_t)words_number(words);
    if (!words_take(words, "@"))
        words->failed = true;
    *px = words_px(words);
}

/* read_entry reads an entry into its half of a pair. */
static void
read_entry(struct words *words, struct cell_quote_pair *pair, bool second)
{
    const uint32_t instrument = words_name(words, 'I');
    px_t bid_px = 0, ask_px = 0;
    qty_t bid_qty = 0, ask_qty = 0;

    read_quote(words, "bid", &bid_qty, &bid_px);
    read_quote(words, "ask", &ask_qty, &ask_px);
    pair->kind = CELL_KIND_QUOTE_PAIR;
    if (!second) {
        pair->instrument1 = instrument;
        pair->bid_px1 = bid_px;
        pair->ask_px1 = ask_px;
        pair->bid_qty1 = bid_qty;
        pair->ask_qty1 = ask_qty;
    } else {
        pair->instrument2 = instrument;
        pair->bid_px2 = bid_px;
        pair->ask_px2 = ask_px;
        pair->bid_qty2 = bid_qty;
        pair->ask_qty2 = ask_qty;
    }
}

static void
read_mass_quote(struct words *words, struct command *command)
{
    struct cell_mass_quote *req = &command->cells[0].mass_quote;
    unsigned cnt = 0;

    *command = (struct command){.count = 1};
    req->kind = CELL_KIND_MASS_QUOTE;
    req->session = words_session(words);
    req->account = words_name(words, 'A');
    if (!words_take(words, "id"))
        words->failed = true;
    req->clord = words_number(words);
    while (text_read_stp_capacity(words, &req->stp_capacity))
        ;

    const bool is_counted = words_take(words, "entries");
    const uint32_t entries_cnt = is_counted ? (uint32_t)words_number(words) : 0;

    for (; !words->failed && words->next < words->cnt && cnt < QUOTE_ENTRIES_MAX; cnt++)
        read_entry(words, &command->cells[1 + cnt / 2].quote_pair, cnt % 2 != 0);
    req->entries_cnt = is_counted ? entries_cnt : cnt;
    command->count = 1 + (cnt + 1) / 2;
    req->shape = (uint8_t)command->count;
}

static void
read_skip(struct words *words, struct command *command)
{
    struct cell_session_sequence *req = &command->cells[0].session_sequence;

    *command = (struct command){.count = 1};
    req->kind = CELL_KIND_SESSION_SEQUENCE;
    req->shape = 1;
    req->session = words_session(words);
    req->next_no = words_number(words);
    req->finished = words_take(words, "finished");
}

bool
text_read_command(const char *line,
                  struct command *command,
                  struct text_target *target,
                  const char **reason)
{
    struct words words;

    *target = (struct text_target){.by_id = false};
    *reason = "the line is too long";
    if (!words_split(&words, line))
        return false;
    *reason = "the line is no command";
    if (words_take(&words, "new"))
        text_read_new(&words, command);
    else if (words_take(&words, "cancel"))
        read_cancel(&words, command, target);
    else if (words_take(&words, "replace"))
        read_replace(&words, command, target);
    else if (words_take(&words, "mass-cancel"))
        read_mass_cancel(&words, command);
    else if (words_take(&words, "mass-quote"))
        read_mass_quote(&words, command);
    else if (words_take(&words, "skip"))
        read_skip(&words, command);
    else if (words_take(&words, "wait"))
        *command = command_clock(words_duration(&words));
    else if (!text_read_setup(&words, command) && !text_read_admin(&words, command))
        return false;
    *reason = "a word is missing, unknown or in the wrong place";
    return !words.failed && words.next == words.cnt;
}
