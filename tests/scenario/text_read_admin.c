/*
 * The word of an operator on risk: text.h says how it is written.
 */
#include <string.h>

#include "tests/scenario/text_parts.h"

/* read_subject reads whom a command is about: a letter says at which level. */
static uint32_t
read_subject(struct words *words, uint8_t *level)
{
    static const char letters[] = {[OE_RISK_LEVEL_SESSION] = 'S',
                                   [OE_RISK_LEVEL_ACCOUNT] = 'A',
                                   [OE_RISK_LEVEL_GROUP] = 'G',
                                   [OE_RISK_LEVEL_FIRM] = 'F',
                                   [OE_RISK_LEVEL_INSTRUMENT] = 'I'};
    const char *word = words_any(words);
    uint32_t number = 0;

    for (uint8_t i = OE_RISK_LEVEL_SESSION; i <= OE_RISK_LEVEL_INSTRUMENT; i++)
        if (text_read_name(word, letters[i], &number)) {
            *level = i;
            return number;
        }
    words->failed = true;
    *level = OE_RISK_LEVEL_NONE;
    return 0;
}

/* begin makes a command of a kind with the author that tests have. */
static void
begin(struct command *command, unsigned kind)
{
    *command = (struct command){.count = 2};
    command->cells[0].bytes[0] = (uint8_t)kind;
    command->cells[0].bytes[1] = 2;
    command->cells[0].order_new.session = CELL_SESSION;
    command->cells[1].author = (struct cell_author){
        .kind = CELL_KIND_AUTHOR, .uid = 1000, .name = "operator", .text = "scenario"};
}

bool
text_limit_is_money(uint8_t limit)
{
    return limit == CELL_RISK_LIMIT_ORDER_VALUE ||
           (limit >= CELL_RISK_LIMIT_OPEN_NOTIONAL && limit <= CELL_RISK_LIMIT_CREDIT);
}

static void
read_limit(struct words *words, struct command *command)
{
    static const struct keyed keys[] = {
        {"warn", offsetof(struct cell_limit_set, warn_permille), 2, KEYED_NUMBER},
        {"slow", offsetof(struct cell_limit_set, slow_permille), 2, KEYED_NUMBER},
        {"close", offsetof(struct cell_limit_set, close_permille), 2, KEYED_NUMBER},
        {"block", offsetof(struct cell_limit_set, block_permille), 2, KEYED_NUMBER},
        {"pause-ms", offsetof(struct cell_limit_set, slow_ms), 2, KEYED_NUMBER},
    };
    struct cell_limit_set *set = &command->cells[0].limit_set;
    uint8_t level;

    begin(command, CELL_KIND_LIMIT_SET);
    set->subject = read_subject(words, &level);
    set->level = level;
    if (level == OE_RISK_LEVEL_ACCOUNT && words->next < words->cnt &&
        text_read_name(words->at[words->next], 'I', &set->instrument)) {
        words->next++;
        set->level = OE_RISK_LEVEL_ACCOUNT_INSTRUMENT;
    }
    set->limit = words_value(words, cell_risk_limit_name);
    if (words_take(words, "none"))
        set->value = INT64_MAX;
    else
        set->value =
            text_limit_is_money(set->limit) ? words_px(words) : (int64_t)words_number(words);
    while (!words->failed && words->next < words->cnt)
        if (words_take(words, "in") || words_take(words, "per"))
            set->window_ns = words_duration(words);
        else if (words_take(words, "cancels"))
            set->cancels = 1;
        else if (!text_read_keyed(words, &command->cells[0], keys, ARRAY_LEN(keys)))
            words->failed = true;
}

/* read_signed reads a number that may be negative. */
static int64_t
read_signed(struct words *words)
{
    const bool negative = words->next < words->cnt && words->at[words->next][0] == '-';
    int64_t number;

    if (negative)
        words->at[words->next]++;
    number = (int64_t)words_number(words);
    return negative ? -number : number;
}

static void
read_fees(struct words *words, struct command *command)
{
    struct cell_fee_set *set = &command->cells[0].fee_set;

    begin(command, CELL_KIND_FEE_SET);
    set->instrument = words_name(words, 'I');
    if (!words_take(words, "maker"))
        words->failed = true;
    set->maker_ppm = (int32_t)read_signed(words);
    if (!words_take(words, "taker"))
        words->failed = true;
    set->taker_ppm = (int32_t)read_signed(words);
}

/* read_mode reads whether something is added or set. */
static uint8_t
read_mode(struct words *words)
{
    if (words_take(words, "add"))
        return CELL_MOVE_MODE_ADD;
    if (!words_take(words, "set"))
        words->failed = true;
    return CELL_MOVE_MODE_SET;
}

static void
read_cash(struct words *words, struct command *command)
{
    begin(command, CELL_KIND_CASH_MOVE);
    command->cells[0].cash_move.account = words_name(words, 'A');
    command->cells[0].cash_move.mode = read_mode(words);
    command->cells[0].cash_move.amount = words_px(words);
}

static void
read_units(struct words *words, struct command *command)
{
    begin(command, CELL_KIND_POSITION_MOVE);
    command->cells[0].position_move.account = words_name(words, 'A');
    command->cells[0].position_move.instrument = words_name(words, 'I');
    command->cells[0].position_move.mode = read_mode(words);
    command->cells[0].position_move.qty = read_signed(words);
}

static void
read_mark(struct words *words, struct command *command)
{
    begin(command, CELL_KIND_MARK_SET);
    command->cells[0].mark_set.instrument = words_name(words, 'I');
    command->cells[0].mark_set.px = words_px(words);
    command->cells[0].mark_set.settlement = words_take(words, "settlement");
}

static void
read_kill(struct words *words, struct command *command)
{
    begin(command, CELL_KIND_KILL);
    command->cells[0].kill.subject = read_subject(words, &command->cells[0].kill.level);
    command->cells[0].kill.cancels = !words_take(words, "block-only");
}

static void
read_restriction(struct words *words, struct command *command)
{
    struct cell_restriction_set *set = &command->cells[0].restriction_set;

    begin(command, CELL_KIND_RESTRICTION_SET);
    set->subject = read_subject(words, &set->level);
    set->instrument = words_take(words, "all") ? CELL_ANY : words_name(words, 'I');
    set->restricted = words_take(words, "restricted");
    if (!set->restricted && !words_take(words, "allowed"))
        words->failed = true;
}

static void
read_order_rule(struct words *words, struct command *command)
{
    static const struct keyed keys[] = {
        {"types", offsetof(struct cell_order_rule_set, types), 1, KEYED_NUMBER},
        {"tifs", offsetof(struct cell_order_rule_set, tifs), 1, KEYED_NUMBER},
        {"references", offsetof(struct cell_order_rule_set, references), 1, KEYED_NUMBER},
    };
    struct cell_order_rule_set *set = &command->cells[0].order_rule_set;

    begin(command, CELL_KIND_ORDER_RULE_SET);
    set->types = 0x3f;
    set->tifs = 0x7f;
    set->subject = read_subject(words, &set->level);
    while (!words->failed && words->next < words->cnt)
        if (words_take(words, "covered"))
            set->covered = 1;
        else if (words_take(words, "unreferenced"))
            set->unreferenced = 1;
        else if (!text_read_keyed(words, &command->cells[0], keys, ARRAY_LEN(keys)))
            words->failed = true;
}

bool
text_read_admin(struct words *words, struct command *command)
{
    if (words_take(words, "limit"))
        read_limit(words, command);
    else if (words_take(words, "fees"))
        read_fees(words, command);
    else if (words_take(words, "cash"))
        read_cash(words, command);
    else if (words_take(words, "units"))
        read_units(words, command);
    else if (words_take(words, "mark"))
        read_mark(words, command);
    else if (words_take(words, "kill"))
        read_kill(words, command);
    else if (words_take(words, "enable")) {
        begin(command, CELL_KIND_ENABLE);
        command->cells[0].enable.subject = read_subject(words, &command->cells[0].enable.level);
    } else if (words_take(words, "day")) {
        begin(command, CELL_KIND_DAY_ROLL);
        command->cells[0].day_roll.date = (uint32_t)words_number(words);
    } else if (words_take(words, "restriction"))
        read_restriction(words, command);
    else if (words_take(words, "order-rule"))
        read_order_rule(words, command);
    else
        return false;
    return true;
}
