#include "tests/scenario/text_parts.h"

static void
read_account(struct words *words, struct command *command)
{
    static const struct keyed keys[] = {
        {"qty-max", offsetof(struct cell_account_limits, order_qty_max), 4, KEYED_NUMBER},
        {"value-max", offsetof(struct cell_account_limits, order_value_max), 8, KEYED_PX},
        {"long", offsetof(struct cell_account_limits, long_max), 8, KEYED_NUMBER},
        {"short", offsetof(struct cell_account_limits, short_max), 8, KEYED_NUMBER},
    };
    const uint32_t account = words_name(words, 'A');

    *command = command_account(account, words_name(words, 'G'));
    while (!words->failed && words->next < words->cnt)
        if (words_take(words, "state"))
            command->cells[0].account_set.state = words_value(words, cell_account_state_name);
        else if (!text_read_keyed(words, &command->cells[1], keys, ARRAY_LEN(keys)))
            words->failed = true;
}

static void
read_instrument(struct words *words, struct command *command)
{
    static const struct keyed sets[] = {
        {"tick", offsetof(struct cell_instrument_set, tick_px), 8, KEYED_PX},
        {"lot", offsetof(struct cell_instrument_set, lot_qty), 4, KEYED_NUMBER},
        {"allocation-min", offsetof(struct cell_instrument_set, allocation_min), 4, KEYED_NUMBER},
        {"fifo-permille", offsetof(struct cell_instrument_set, fifo_permille), 2, KEYED_NUMBER},
        {"top-max", offsetof(struct cell_instrument_set, top_max), 4, KEYED_NUMBER},
    };
    static const struct keyed limits[] = {
        {"qty-min", offsetof(struct cell_instrument_limits, order_qty_min), 4, KEYED_NUMBER},
        {"qty-max", offsetof(struct cell_instrument_limits, order_qty_max), 4, KEYED_NUMBER},
        {"value-max", offsetof(struct cell_instrument_limits, order_value_max), 8, KEYED_PX},
        {"ref", offsetof(struct cell_instrument_limits, reference_px), 8, KEYED_PX},
        {"collar-ticks", offsetof(struct cell_instrument_limits, collar_ticks), 4, KEYED_NUMBER},
        {"collar-permille", offsetof(struct cell_instrument_limits, collar_permille), 4,
         KEYED_NUMBER},
        {"low", offsetof(struct cell_instrument_limits, band_low_px), 8, KEYED_PX},
        {"high", offsetof(struct cell_instrument_limits, band_high_px), 8, KEYED_PX},
    };

    *command = command_instrument(words_name(words, 'I'));

    struct cell_instrument_set *set = &command->cells[0].instrument_set;

    while (!words->failed && words->next < words->cnt)
        if (words_take(words, "state"))
            set->state = words_value(words, cell_instrument_state_name);
        else if (words_take(words, "algorithm"))
            set->algorithm = words_value(words, cell_match_algorithm_name);
        else if (!text_read_keyed(words, &command->cells[0], sets, ARRAY_LEN(sets)) &&
                 !text_read_keyed(words, &command->cells[1], limits, ARRAY_LEN(limits)))
            words->failed = true;
}

static void
read_position_limit(struct words *words, struct command *command)
{
    static const struct keyed keys[] = {
        {"long", offsetof(struct cell_position_limit_set, long_max), 8, KEYED_NUMBER},
        {"short", offsetof(struct cell_position_limit_set, short_max), 8, KEYED_NUMBER},
    };
    struct cell_position_limit_set *req = &command->cells[0].position_limit_set;

    *command = (struct command){.count = 1};
    req->kind = CELL_KIND_POSITION_LIMIT_SET;
    req->shape = 1;
    req->session = CELL_SESSION;
    req->account = words_name(words, 'A');
    req->instrument = words_name(words, 'I');
    while (!words->failed && words->next < words->cnt)
        if (!text_read_keyed(words, &command->cells[0], keys, ARRAY_LEN(keys)))
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
read_state(struct words *words, struct command *command)
{
    struct cell_instrument_state_set *req = &command->cells[0].instrument_state_set;

    *command = (struct command){.count = 1};
    req->kind = CELL_KIND_INSTRUMENT_STATE_SET;
    req->shape = 1;
    req->session = CELL_SESSION;
    req->instrument = words_name(words, 'I');
    req->state = words_value(words, cell_instrument_state_name);
}

static void
read_space(struct words *words, struct command *command)
{
    struct cell_journal_space *req = &command->cells[0].journal_space;

    *command = (struct command){.count = 1};
    req->kind = CELL_KIND_JOURNAL_SPACE;
    req->shape = 1;
    req->session = CELL_SESSION;
    req->reserve_bytes = 1000;
    req->low = (uint8_t)words_number(words);
    req->free_bytes = req->low != 0 ? 500 : 2000;
}

/* read_bound reads a session, and the number of its UUID if that is not the first. */
static void
read_bound(struct words *words,
           struct command *command,
           struct command (*made)(uint16_t session, uint8_t uuid))
{
    const uint16_t session = words_session(words);

    *command = made(session, words_take(words, "uuid") ? (uint8_t)words_number(words) : 1);
}

bool
text_read_setup(struct words *words, struct command *command)
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
        read_bound(words, command, command_negotiate);
    else if (words_take(words, "establish"))
        read_bound(words, command, command_establish);
    else if (words_take(words, "unbind")) {
        read_bound(words, command, command_unbind);
        if (words_take(words, "finished"))
            command->cells[0].session_unbind.reason = CELL_UNBIND_REASON_FINISHED;
    } else if (words_take(words, "account"))
        read_account(words, command);
    else if (words_take(words, "instrument"))
        read_instrument(words, command);
    else if (words_take(words, "state"))
        read_state(words, command);
    else if (words_take(words, "journal-low"))
        read_space(words, command);
    else if (words_take(words, "position-limit"))
        read_position_limit(words, command);
    else if (words_take(words, "permission"))
        read_permission(words, command);
    else
        return false;
    return true;
}
