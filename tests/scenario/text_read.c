#include <stdlib.h>
#include <string.h>

#include "tests/scenario/text.h"
#include "tests/scenario/words.h"

/* A word and the number that stands behind it, for fields of rare use. */
struct keyed {
    const char *word;
    uint8_t offset;
    uint8_t size;
    bool is_px;
};

/* read_keyed reads a word of the table with its value; false if the next word
 * is not in it. */
static bool
read_keyed(struct words *words, union cell *cell, const struct keyed *table, size_t cnt)
{
    for (size_t i = 0; i < cnt; i++)
        if (words_take(words, table[i].word)) {
            const uint64_t value = table[i].is_px ? (uint64_t)words_px(words) : words_number(words);

            memcpy(&cell->bytes[table[i].offset], &value, table[i].size);
            return true;
        }
    return false;
}

static bool
read_side(struct words *words)
{
    const bool sell = words_take(words, "sell");

    if (!sell && !words_take(words, "buy"))
        words->failed = true;
    return sell;
}

static bool
read_attribute(struct words *words, struct command *command)
{
    static const struct keyed keys[] = {
        {"exec-inst", offsetof(struct cell_order_new, exec_inst), 1, false},
        {"stp-capacity", offsetof(struct cell_order_new, stp_capacity), 1, false},
        {"in-no", offsetof(struct cell_order_new, in_no), 2, false},
    };
    static const struct keyed rare[] = {
        {"display", offsetof(struct cell_order_extension, display_qty), 4, false},
        {"min", offsetof(struct cell_order_extension, min_qty), 4, false},
        {"stop", offsetof(struct cell_order_extension, stop_px), 8, true},
        {"expire", offsetof(struct cell_order_extension, expire_time), 8, false},
        {"peg", offsetof(struct cell_order_extension, peg_offset_px), 8, true},
        {"client", offsetof(struct cell_order_extension, client_code), 4, false},
    };
    struct cell_order_new *req = &command->cells[0].order_new;

    if (words_take(words, "day"))
        req->tif = OE_TIME_IN_FORCE_DAY;
    else if (words_take(words, "gtc"))
        req->tif = OE_TIME_IN_FORCE_GOOD_TILL_CANCEL;
    else if (words_take(words, "ioc"))
        req->tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    else if (words_take(words, "fok"))
        req->tif = OE_TIME_IN_FORCE_FILL_OR_KILL;
    else if (words_take(words, "post-only"))
        req->exec_inst |= OE_EXEC_INST_POST_ONLY;
    else if (words_take(words, "type"))
        req->ord_type = words_value(words, oe_ord_type_name);
    else if (words_take(words, "tif"))
        req->tif = words_value(words, oe_time_in_force_name);
    else if (read_keyed(words, &command->cells[1], rare, ARRAY_LEN(rare)))
        command->count = 2;
    else
        return read_keyed(words, &command->cells[0], keys, ARRAY_LEN(keys));
    return true;
}

static void
read_new(struct words *words, struct command *command)
{
    struct command_order order = {.session = words_session(words)};

    order.account = words_name(words, 'A');
    order.instrument = words_instrument(words);
    order.sell = read_side(words);
    order.qty = (qty_t)words_number(words);

    const bool market = words_take(words, "market");

    if (!market && !words_take(words, "@"))
        words->failed = true;
    if (!market)
        order.px = words_px(words);
    if (!words_take(words, "id"))
        words->failed = true;
    order.clord = words_number(words);
    *command = command_new(&order);
    if (market)
        command->cells[0].order_new.ord_type = OE_ORD_TYPE_MARKET;
    while (!words->failed && words->next < words->cnt)
        if (!read_attribute(words, command))
            words->failed = true;
    if (command->count == 2) {
        command->cells[0].bytes[1] = (uint8_t)(command->cells[0].bytes[1] + 1);
        command->cells[1].bytes[0] = CELL_KIND_ORDER_EXTENSION;
    }
}

/* read_target reads how an order is named and returns its orig_clord. */
static uint64_t
read_target(struct words *words, struct text_target *target)
{
    if (words_take(words, "id"))
        return words_number(words);
    if (!words_take(words, "order")) {
        words->failed = true;
        return 0;
    }

    /* S1/7 */
    char *word = strdup(words_any(words));
    char *slash = word != NULL ? strchr(word, '/') : NULL;
    uint32_t session = 0, clord = 0;

    if (slash != NULL)
        *slash = 'N';
    if (slash == NULL || !text_read_name(slash, 'N', &clord))
        words->failed = true;
    if (slash != NULL)
        *slash = '\0';
    if (slash != NULL && !text_read_name(word, 'S', &session))
        words->failed = true;
    free(word);
    *target = (struct text_target){.by_id = true, .session = (uint16_t)session, .clord = clord};
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
    struct command_order order = {.session = words_session(words)};

    order.instrument = words_instrument(words);

    const uint64_t orig_clord = read_target(words, target);

    if (!words_take(words, "to"))
        words->failed = true;
    order.qty = (qty_t)words_number(words);
    if (!words_take(words, "@"))
        words->failed = true;
    order.px = words_px(words);
    order.clord = read_as(words);
    *command = command_replace(&order, orig_clord);
    if (target->by_id)
        command_by_id(command, 0);
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

static void
read_account(struct words *words, struct command *command)
{
    static const struct keyed keys[] = {
        {"qty-max", offsetof(struct cell_account_limits, order_qty_max), 4, false},
        {"value-max", offsetof(struct cell_account_limits, order_value_max), 8, true},
        {"long", offsetof(struct cell_account_limits, long_max), 8, false},
        {"short", offsetof(struct cell_account_limits, short_max), 8, false},
    };
    const uint32_t account = words_name(words, 'A');

    *command = command_account(account, words_name(words, 'G'));
    while (!words->failed && words->next < words->cnt)
        if (words_take(words, "state"))
            command->cells[0].account_set.state = words_value(words, cell_account_state_name);
        else if (!read_keyed(words, &command->cells[1], keys, ARRAY_LEN(keys)))
            words->failed = true;
}

static void
read_instrument(struct words *words, struct command *command)
{
    static const struct keyed sets[] = {
        {"tick", offsetof(struct cell_instrument_set, tick_px), 8, true},
        {"lot", offsetof(struct cell_instrument_set, lot_qty), 4, false},
    };
    static const struct keyed limits[] = {
        {"qty-min", offsetof(struct cell_instrument_limits, order_qty_min), 4, false},
        {"qty-max", offsetof(struct cell_instrument_limits, order_qty_max), 4, false},
        {"value-max", offsetof(struct cell_instrument_limits, order_value_max), 8, true},
        {"ref", offsetof(struct cell_instrument_limits, reference_px), 8, true},
        {"collar-ticks", offsetof(struct cell_instrument_limits, collar_ticks), 4, false},
        {"collar-permille", offsetof(struct cell_instrument_limits, collar_permille), 4, false},
        {"low", offsetof(struct cell_instrument_limits, band_low_px), 8, true},
        {"high", offsetof(struct cell_instrument_limits, band_high_px), 8, true},
    };

    *command = command_instrument(words_name(words, 'I'));
    while (!words->failed && words->next < words->cnt)
        if (words_take(words, "state"))
            command->cells[0].instrument_set.state = words_value(words, cell_instrument_state_name);
        else if (!read_keyed(words, &command->cells[0], sets, ARRAY_LEN(sets)) &&
                 !read_keyed(words, &command->cells[1], limits, ARRAY_LEN(limits)))
            words->failed = true;
}

static void
read_position_limit(struct words *words, struct command *command)
{
    static const struct keyed keys[] = {
        {"long", offsetof(struct cell_position_limit_set, long_max), 8, false},
        {"short", offsetof(struct cell_position_limit_set, short_max), 8, false},
    };
    struct cell_position_limit_set *req = &command->cells[0].position_limit_set;

    *command = (struct command){.count = 1};
    req->kind = CELL_KIND_POSITION_LIMIT_SET;
    req->shape = 1;
    req->session = CELL_SESSION;
    req->account = words_name(words, 'A');
    req->instrument = words_name(words, 'I');
    while (!words->failed && words->next < words->cnt)
        if (!read_keyed(words, &command->cells[0], keys, ARRAY_LEN(keys)))
            words->failed = true;
}

static void
read_permission(struct words *words, struct command *command)
{
    struct cell_permission_set *req = &command->cells[0].permission_set;

    *command = (struct command){.count = 1};
    req->kind = CELL_KIND_PERMISSION_SET;
    req->shape = 1;
    req->session = CELL_SESSION;
    req->group = words_name(words, 'G');
    req->instrument = words_name(words, 'I');
    req->restricted = words_take(words, "restricted");
    if (!req->restricted && !words_take(words, "allowed"))
        words->failed = true;
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
}

/* read_setup reads the commands that configure the exchange; false if the line
 * is none of them. */
static bool
read_setup(struct words *words, struct command *command)
{
    if (words_take(words, "firm"))
        *command = command_firm(words_name(words, 'F'));
    else if (words_take(words, "group")) {
        const uint32_t group = words_name(words, 'G');

        *command = command_group(group, words_name(words, 'F'));
    } else if (words_take(words, "session")) {
        const uint16_t session = words_session(words);

        *command = command_session(session, words_name(words, 'F'));
        if (words_take(words, "grace"))
            command->cells[0].session_set.cancel_on_disconnect_ms = (uint32_t)words_number(words);
    } else if (words_take(words, "negotiate"))
        *command = command_negotiate(words_session(words), 1);
    else if (words_take(words, "establish"))
        *command = command_establish(words_session(words), 1);
    else if (words_take(words, "unbind"))
        *command = command_unbind(words_session(words), 1);
    else if (words_take(words, "account"))
        read_account(words, command);
    else if (words_take(words, "instrument"))
        read_instrument(words, command);
    else if (words_take(words, "position-limit"))
        read_position_limit(words, command);
    else if (words_take(words, "permission"))
        read_permission(words, command);
    else
        return false;
    return true;
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
        read_new(&words, command);
    else if (words_take(&words, "cancel"))
        read_cancel(&words, command, target);
    else if (words_take(&words, "replace"))
        read_replace(&words, command, target);
    else if (words_take(&words, "mass-cancel"))
        read_mass_cancel(&words, command);
    else if (words_take(&words, "skip"))
        read_skip(&words, command);
    else if (words_take(&words, "wait"))
        *command = command_clock(words_number(&words));
    else if (!read_setup(&words, command))
        return false;
    *reason = "a word is missing, unknown or in the wrong place";
    return !words.failed && words.next == words.cnt;
}
