#include "tools/verb.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"

#include "tools/clock.h"
#include "tools/text.h"
#include "tools/verb_private.h"
#include "tools/words.h"

/* How far ahead of the clock a day may be. */
#define DAYS_AHEAD_MAX 31u
#define DAY_NS         UINT64_C(86400000000000)

bool
verb_wrong(struct verb_reading *in, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(in->why, VERB_WHY_BYTES, format, args);
    va_end(args);
    return false;
}

/* open_cells begins a command of `count` cells. */
void
verb_open(struct verb *verb, unsigned kind, unsigned count)
{
    ASSERT(count < VERB_CELLS_MAX);
    memset(verb->cells, 0, sizeof verb->cells);
    verb->count = count;
    verb->cells[0].bytes[0] = (uint8_t)kind;
    verb->cells[0].bytes[1] = (uint8_t)count;
    verb->cells[0].order_new.session = CELL_SESSION;
    verb->needs_author = cell_takes_author(kind);
}

void
verb_say(struct verb *verb, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(verb->what, VERB_WHAT_BYTES, format, args);
    va_end(args);
}

bool
verb_find(struct verb_reading *in, uint8_t level, const char *text, uint32_t *id)
{
    if (roster_find(in->roster, level, text, id))
        return true;
    return verb_wrong(in, "%.40s is no %s, expected %s of the configuration, or an id", text,
                      words_level_name(level),
                      level == OE_RISK_LEVEL_INSTRUMENT ? "a symbol" : "a name");
}

/* read_subject reads LEVEL SUBJECT; levels is a bit for each that may be. */
static bool
read_subject(struct verb_reading *in, unsigned levels, uint8_t *level, uint32_t *id)
{
    char names[WORDS_LEVELS_BYTES];

    *level = words_level(in->words[0]);
    if ((levels & RISK_LEVEL_BIT(*level)) == 0 || *level == OE_RISK_LEVEL_NONE)
        return verb_wrong(in, "%.40s is no level here, expected %s", in->words[0],
                          words_levels(levels, names));
    return verb_find(in, *level, in->words[1], id);
}

static bool
read_state(struct verb_reading *in, struct verb *verb)
{
    static const char *const states[] = {"open", "halted", "closed"};
    _Static_assert(CELL_INSTRUMENT_STATE_OPEN == 0 && CELL_INSTRUMENT_STATE_HALTED == 1 &&
                       CELL_INSTRUMENT_STATE_CLOSED == 2,
                   "indexes of the words");
    uint32_t id;

    if (!verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[0], &id))
        return false;
    verb_open(verb, CELL_KIND_INSTRUMENT_STATE_SET, 1);
    verb->cells[0].instrument_state_set.instrument = id;
    verb->cells[0].instrument_state_set.state = (uint8_t)in->variant;
    verb_say(verb, "%s %s", in->words[0], states[in->variant]);
    return true;
}

static bool
read_fee(struct verb_reading *in, struct verb *verb)
{
    int32_t ppm[2];
    uint32_t id;

    if (!verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[0], &id))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        const char *text = in->words[1 + i];
        const bool rebate = text[0] == '-';
        uint64_t value;

        if (!text_u64_parse(text + rebate, &value) || value > FEE_PPM_MAX || (rebate && i == 1))
            return verb_wrong(in, "%.40s is no rate, expected parts per million, %s", text,
                              i == 0 ? "-1000000 to 1000000" : "0 to 1000000");
        ppm[i] = rebate ? -(int32_t)value : (int32_t)value;
    }
    if (ppm[0] + ppm[1] < 0)
        return verb_wrong(in, "the rebate %d is more than the fee %d, expected a sum of 0 or more",
                          ppm[0], ppm[1]);
    verb_open(verb, CELL_KIND_FEE_SET, 1);
    verb->cells[0].fee_set.instrument = id;
    verb->cells[0].fee_set.maker_ppm = ppm[0];
    verb->cells[0].fee_set.taker_ppm = ppm[1];
    verb_say(verb, "%s has fees of %d ppm for the maker and %d ppm for the taker", in->words[0],
             ppm[0], ppm[1]);
    return true;
}

bool
verb_read_cash(struct verb_reading *in, struct verb *verb)
{
    static const char *const what[] = {"deposited for", "withdrawn from", "is the balance of"};
    const char *text = in->words[1];
    px_t amount;
    uint32_t id;

    if (!verb_find(in, OE_RISK_LEVEL_ACCOUNT, in->words[0], &id))
        return false;
    if (!text_px_parse(text, &amount) || (in->variant != VERB_SET && amount <= 0))
        return verb_wrong(in, "%.40s is no amount, expected a%s decimal with at most 8 places",
                          text, in->variant == VERB_SET ? "" : " positive");
    verb_open(verb, CELL_KIND_CASH_MOVE, 1);
    verb->cells[0].cash_move.account = id;
    verb->cells[0].cash_move.amount = in->variant == VERB_TAKE ? -amount : amount;
    verb->cells[0].cash_move.mode =
        in->variant == VERB_SET ? CELL_MOVE_MODE_SET : CELL_MOVE_MODE_ADD;
    verb_say(verb, "%s %s account %s", text, what[in->variant], in->words[0]);
    return true;
}

bool
verb_read_position(struct verb_reading *in, struct verb *verb)
{
    const char *text = in->words[2];
    const bool negative = text[0] == '-';
    uint64_t value;
    uint32_t account;
    uint32_t instrument;

    if (!verb_find(in, OE_RISK_LEVEL_ACCOUNT, in->words[0], &account) ||
        !verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[1], &instrument))
        return false;
    if (!text_u64_parse(text + negative, &value) || value > POSITION_LIMIT_MAX)
        return verb_wrong(in, "%.40s is no number of units, expected a whole number, -2^62 to 2^62",
                          text);
    verb_open(verb, CELL_KIND_POSITION_MOVE, 1);
    verb->cells[0].position_move.account = account;
    verb->cells[0].position_move.instrument = instrument;
    verb->cells[0].position_move.qty = negative ? -(int64_t)value : (int64_t)value;
    verb->cells[0].position_move.mode =
        in->variant == VERB_SET ? CELL_MOVE_MODE_SET : CELL_MOVE_MODE_ADD;
    verb_say(verb, "%s %s account %s in %s", text,
             in->variant == VERB_SET ? "is the position of" : "added to the position of",
             in->words[0], in->words[1]);
    return true;
}

static bool
read_mark(struct verb_reading *in, struct verb *verb)
{
    const char *text = in->words[1];
    uint32_t id;
    px_t px;

    if (!verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[0], &id))
        return false;
    if (!text_px_parse(text, &px) || px <= 0)
        return verb_wrong(in,
                          "%.40s is no price, expected a positive decimal with at most 8 "
                          "places",
                          text);
    verb_open(verb, CELL_KIND_MARK_SET, 1);
    verb->cells[0].mark_set.instrument = id;
    verb->cells[0].mark_set.px = px;
    verb->cells[0].mark_set.settlement = (uint8_t)in->variant;
    verb_say(verb, "%s is marked at %s%s", in->words[0], text,
             in->variant != 0 ? ", which is its settlement price" : "");
    return true;
}

static bool
read_restriction(struct verb_reading *in, struct verb *verb)
{
    const bool blacklist = in->cnt == 2;
    const bool restricted = in->variant != 0;
    uint32_t instrument = CELL_ANY;
    uint32_t subject;
    uint8_t level;

    if (!read_subject(in, RISK_AT_PARTIES, &level, &subject) ||
        (!blacklist && !verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[2], &instrument)))
        return false;
    verb_open(verb, CELL_KIND_RESTRICTION_SET, 1);
    verb->cells[0].restriction_set.subject = subject;
    verb->cells[0].restriction_set.instrument = instrument;
    verb->cells[0].restriction_set.level = level;
    verb->cells[0].restriction_set.restricted = restricted;
    if (blacklist)
        verb_say(verb, "%s %s is %s the blacklist", in->words[0], in->words[1],
                 restricted ? "on" : "off");
    else
        verb_say(verb, "%s %s may %strade %s", in->words[0], in->words[1], restricted ? "not " : "",
                 in->words[2]);
    return true;
}

#define KILL_LEVELS (RISK_AT_SESSION | RISK_AT_PARTIES)

static bool
read_kill(struct verb_reading *in, struct verb *verb)
{
    const bool keeps = in->cnt == 3;
    uint32_t subject;
    uint8_t level;

    if (!read_subject(in, KILL_LEVELS, &level, &subject))
        return false;
    if (keeps && strcmp(in->words[2], "keep") != 0)
        return verb_wrong(in, "%.40s is not understood, expected keep, or nothing", in->words[2]);
    verb_open(verb, CELL_KIND_KILL, 1);
    verb->cells[0].kill.subject = subject;
    verb->cells[0].kill.level = level;
    verb->cells[0].kill.cancels = !keeps;
    verb_say(verb, "%s %s killed", in->words[0], in->words[1]);
    return true;
}

static bool
read_enable(struct verb_reading *in, struct verb *verb)
{
    uint32_t subject;
    uint8_t level;

    if (!read_subject(in, KILL_LEVELS, &level, &subject))
        return false;
    verb_open(verb, CELL_KIND_ENABLE, 1);
    verb->cells[0].enable.subject = subject;
    verb->cells[0].enable.level = level;
    verb_say(verb, "%s %s enabled", in->words[0], in->words[1]);
    return true;
}

bool
verb_read_day(struct verb_reading *in, struct verb *verb)
{
    uint64_t at_ns;
    uint32_t date;

    if (!words_day_parse(in->words[0], &date) || !text_time_parse(in->words[0], &at_ns))
        return verb_wrong(in, "%.40s is no day, expected YYYY-MM-DD", in->words[0]);
    /* Days only go forward: a wrong year could not be taken back. */
    if (at_ns > clock_utc_ns() + DAYS_AHEAD_MAX * DAY_NS)
        return verb_wrong(in, "%.40s is more than %u days ahead, expected a day nearer to today",
                          in->words[0], DAYS_AHEAD_MAX);
    verb_open(verb, CELL_KIND_DAY_ROLL, 1);
    verb->cells[0].day_roll.date = date;
    verb_say(verb, "day %s", in->words[0]);
    return true;
}

static bool
read_account_state(struct verb_reading *in, struct verb *verb)
{
    static const char *const states[] = {"active", "suspended", "close_only", "blocked"};
    uint32_t id;

    if (!verb_find(in, OE_RISK_LEVEL_ACCOUNT, in->words[0], &id))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(states); i++) {
        if (strcmp(states[i], in->words[1]) != 0)
            continue;
        verb_open(verb, CELL_KIND_ACCOUNT_SET, 2);
        verb_part(verb, id, 0);
        verb->needs_author = true;
        verb->cells[0].account_set.account = id;
        verb->cells[0].account_set.state = (uint8_t)i;
        verb_name(verb, 0, &verb->cells[0].account_set.state, 1);
        verb_say(verb, "account %s is %s", in->words[0], states[i]);
        return true;
    }
    return verb_wrong(in, "%.40s is no state, expected active, suspended, close_only or blocked",
                      in->words[1]);
}

#define SHOW_USAGE \
 "show session|account|group|firm|instrument SUBJECT, show pair ACCOUNT SYMBOL, or show blocked"

static bool
read_show(struct verb_reading *in, struct verb *verb)
{
    const bool pair = in->cnt == 3;

    verb->kind = VERB_SHOW;
    verb->needs_author = false;
    verb->level = OE_RISK_LEVEL_NONE;
    if (in->cnt == 1 && strcmp(in->words[0], "blocked") == 0)
        return true;
    if (in->cnt == 1)
        return verb_wrong(in, "expected " SHOW_USAGE);
    if (pair && strcmp(in->words[0], "pair") == 0) {
        verb->level = OE_RISK_LEVEL_ACCOUNT_INSTRUMENT;
        return verb_find(in, OE_RISK_LEVEL_ACCOUNT, in->words[1], &verb->subject) &&
               verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[2], &verb->instrument);
    }
    if (pair || strcmp(in->words[0], "pair") == 0)
        return verb_wrong(in, "expected " SHOW_USAGE);
    return read_subject(in, KILL_LEVELS | RISK_AT_INSTRUMENT, &verb->level, &verb->subject);
}

/* A verb: how many words may follow, and who reads them. */
struct verb_form {
    const char *name;
    bool (*read)(struct verb_reading *in, struct verb *verb);
    unsigned variant;
    unsigned cnt_min;
    unsigned cnt_max;
    const char *usage;
};

static const struct verb_form forms[] = {
    {"open", read_state, CELL_INSTRUMENT_STATE_OPEN, 1, 1, "open SYMBOL"},
    {"halt", read_state, CELL_INSTRUMENT_STATE_HALTED, 1, 1, "halt SYMBOL"},
    {"close", read_state, CELL_INSTRUMENT_STATE_CLOSED, 1, 1, "close SYMBOL"},
    {"limit", verb_read_limit, 0, 4, VERB_WORDS_MAX, VERB_LIMIT_USAGE},
    {"fee", read_fee, 0, 3, 3, "fee SYMBOL MAKER_PPM TAKER_PPM"},
    {"deposit", verb_read_cash, VERB_ADD, 2, 2, "deposit ACCOUNT AMOUNT"},
    {"withdraw", verb_read_cash, VERB_TAKE, 2, 2, "withdraw ACCOUNT AMOUNT"},
    {"cash", verb_read_cash, VERB_SET, 2, 2, "cash ACCOUNT BALANCE"},
    {"move", verb_read_position, VERB_ADD, 3, 3, "move ACCOUNT SYMBOL UNITS"},
    {"position", verb_read_position, VERB_SET, 3, 3, "position ACCOUNT SYMBOL UNITS"},
    {"mark", read_mark, 0, 2, 2, "mark SYMBOL PRICE"},
    {"settle", read_mark, 1, 2, 2, "settle SYMBOL PRICE"},
    {"restrict", read_restriction, 1, 3, 3, "restrict account|group|firm SUBJECT SYMBOL"},
    {"permit", read_restriction, 0, 3, 3, "permit account|group|firm SUBJECT SYMBOL"},
    {"blacklist", read_restriction, 1, 2, 2, "blacklist account|group|firm SUBJECT"},
    {"clear", read_restriction, 0, 2, 2, "clear account|group|firm SUBJECT"},
    {"rule", verb_read_rule, 0, 3, VERB_WORDS_MAX, VERB_RULE_USAGE},
    {"instrument", verb_read_instrument, 0, 2, VERB_WORDS_MAX, VERB_INSTRUMENT_USAGE},
    {"release", verb_read_release, 0, 2, 5, VERB_RELEASE_USAGE},
    {"kill", read_kill, 0, 2, 3, "kill session|account|group|firm SUBJECT [keep]"},
    {"enable", read_enable, 0, 2, 2, "enable session|account|group|firm SUBJECT"},
    {"account", read_account_state, 0, 2, 2, "account ACCOUNT active|suspended|close_only|blocked"},
    {"day", verb_read_day, 0, 1, 1, "day YYYY-MM-DD"},
    {"show", read_show, 0, 1, 3, SHOW_USAGE},
};

/* A start-of-day file has these; cash and position set what is there. */
static bool
is_row(const struct verb_form *form)
{
    return form->read == verb_read_limit || form->read == verb_read_day ||
           (form->variant == VERB_SET &&
            (form->read == verb_read_cash || form->read == verb_read_position));
}

static bool
read_form(struct verb_reading *in, struct verb *verb, const struct verb_form *form)
{
    *verb = (struct verb){.kind = VERB_COMMAND, .count = 0};
    in->variant = form->variant;
    if (in->cnt < form->cnt_min || in->cnt > form->cnt_max)
        return verb_wrong(in, "%s has %u words behind it, expected %s", form->name, in->cnt,
                          form->usage);
    return form->read(in, verb);
}

static bool
parse(struct verb *verb, struct verb_reading *in, bool rows, const char *expected)
{
    const char *name = in->cnt > 0 ? in->words[0] : "";

    for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
        if (strcmp(forms[i].name, name) != 0 || (rows && !is_row(&forms[i])))
            continue;
        in->words++;
        in->cnt--;
        return read_form(in, verb, &forms[i]);
    }
    return verb_wrong(in, "%.40s is not known, expected %s", name[0] != '\0' ? name : "nothing",
                      expected);
}

bool
verb_parse(struct verb *verb,
           const struct roster *roster,
           char *const *words,
           unsigned cnt,
           char why[VERB_WHY_BYTES])
{
    struct verb_reading in = {.roster = roster, .words = words, .cnt = cnt, .why = why};

    return parse(
        verb, &in, false,
        "open, halt or close, limit, fee, deposit, withdraw, cash, move, position, mark, "
        "settle, restrict, permit, blacklist, clear, rule, instrument, release, kill, enable, "
        "account, day or "
        "show");
}

bool
verb_row(struct verb *verb,
         const struct roster *roster,
         char *const *words,
         unsigned cnt,
         char why[VERB_WHY_BYTES])
{
    struct verb_reading in = {
        .roster = roster, .words = words, .cnt = cnt, .why = why, .row = true};

    return parse(verb, &in, true, "day, limit, cash or position");
}

void
verb_sign(struct verb *verb, uint32_t uid, const char *name, const char *text)
{
    struct cell_author *author = &verb->cells[verb->count].author;

    ASSERT(verb->count < VERB_CELLS_MAX);
    memset(author, 0, sizeof *author);
    author->kind = CELL_KIND_AUTHOR;
    author->uid = uid;
    memcpy(author->name, name, strnlen(name, sizeof author->name));
    memcpy(author->text, text, strnlen(text, sizeof author->text));
    verb->count++;
    verb->cells[0].bytes[1] = (uint8_t)verb->count;
}

bool
verb_is_text(const char *text, size_t bytes, bool blanks)
{
    const size_t len = strlen(text);

    if (len == 0 || len > bytes || text[0] == ' ' || text[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < (blanks ? ' ' : '!') || text[i] > '~')
            return false;
    return true;
}
