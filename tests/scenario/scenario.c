#include "tests/scenario/scenario.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"

#include "tests/model/duo.h"
#include "tests/scenario/text.h"
#include "tests/scenario/words.h"

#define NAMES_MAX    4096u
#define LEVELS_MAX   256u
#define QUEUE_MAX    2048u
#define SEED_FIRMS   3u
#define SEED_ACCOUNT 6u

/* The id that the venue gave to what a session entered under its own. */
struct given_id {
    uint16_t session;
    uint64_t clord;
    uint64_t order_id;
};

struct scenario {
    struct duo *duo;
    struct engine_cfg cfg;
    bool is_bare;
    bool is_seeded;
    struct given_id *given;
    uint32_t given_cnt;
    uint32_t shown; /* cells of the last group that were expected so far */
    bool is_open;   /* a command's group has not been expected to its end */
    char *complaint;
    size_t complaint_bytes;
};

__attribute__((format(printf, 2, 3))) static bool
fail(struct scenario *scenario, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(scenario->complaint, scenario->complaint_bytes, format, args);
    va_end(args);
    return false;
}

static bool
apply(struct scenario *scenario, const struct command *command)
{
    struct duo *duo = scenario->duo;

    if (!duo_apply(duo, command, 0) || !duo_check(duo))
        return fail(scenario, "engine and model differ: %s", duo->complaint);
    return true;
}

/* seed_firms sets up the firms and their groups, before anything else. */
static bool
seed_firms(struct scenario *scenario)
{
    for (uint32_t i = 1; i < SEED_FIRMS; i++) {
        const struct command firm = command_firm(i), group = command_group(i, i);

        if (!apply(scenario, &firm) || !apply(scenario, &group))
            return false;
    }
    return true;
}

/* seed sets up what the file left open. */
static bool
seed(struct scenario *scenario)
{
    static const uint32_t groups[SEED_ACCOUNT] = {0, 1, 1, 1, 2, 2};
    const struct model *model = scenario->duo->model;

    for (uint32_t i = 1; i < SEED_ACCOUNT; i++) {
        const struct command account = command_account(i, groups[i]);

        if (!model->accounts[i].known && !apply(scenario, &account))
            return false;
    }
    for (uint32_t i = 1; i <= 2; i++) {
        const struct command instrument = command_instrument(i);

        if (!model->instruments[i].known && !apply(scenario, &instrument))
            return false;
    }
    for (uint16_t i = 1; i <= 4; i++)
        if (!model->sessions[i].known && !duo_bind(scenario->duo, i, i < 4 ? 1 : 2))
            return fail(scenario, "%s", scenario->duo->complaint);
    return true;
}

/* note_given keeps the order id of an accepted order. */
static void
note_given(struct scenario *scenario)
{
    const union cell *group = scenario->duo->out;
    const uint64_t order_id = cell_kind(group) == CELL_KIND_ORDER_NEW
                                  ? group[0].order_new.order_id
                                  : group[1].replace_detail.new_order_id;
    uint32_t i = 0;

    while (i < scenario->given_cnt && (scenario->given[i].session != group[0].order_new.session ||
                                       scenario->given[i].clord != group[0].order_new.clord))
        i++;
    if (i == NAMES_MAX)
        return;
    if (i == scenario->given_cnt)
        scenario->given_cnt++;
    scenario->given[i] =
        (struct given_id){group[0].order_new.session, group[0].order_new.clord, order_id};
    /* The name that a replace took away still leads to the order. */
    for (i = 0; cell_kind(group) == CELL_KIND_ORDER_REPLACE && i < scenario->given_cnt; i++)
        if (scenario->given[i].order_id == group[0].order_replace.order_id)
            scenario->given[i].order_id = order_id;
}

static void
fill_id(const struct scenario *scenario, struct command *command, const struct text_target *target)
{
    uint64_t order_id = 0;

    for (uint32_t i = 0; i < scenario->given_cnt; i++)
        if (scenario->given[i].session == target->session &&
            scenario->given[i].clord == target->clord)
            order_id = scenario->given[i].order_id;
    command_by_id(command, order_id);
}

/* is_setup says whether the command may come before the exchange is complete. */
static bool
is_setup(const struct command *command)
{
    return cell_kind(command->cells) < CELL_KIND_ORDER_NEW;
}

static bool
run_command(struct scenario *scenario, const char *line)
{
    struct text_target target;
    struct command command;
    const char *reason;

    if (!text_read_command(line, &command, &target, &reason))
        return fail(scenario, "%s", reason);
    if (!is_setup(&command) && !scenario->is_seeded && !scenario->is_bare) {
        scenario->is_seeded = true;
        if (!seed(scenario))
            return false;
    }
    if (target.by_id)
        fill_id(scenario, &command, &target);
    if (!apply(scenario, &command))
        return false;
    scenario->shown = 0;
    scenario->is_open = true;
    if (scenario->duo->out_cnt > 0 && duo_outcome(scenario->duo) == 0 &&
        (cell_kind(command.cells) == CELL_KIND_ORDER_NEW ||
         cell_kind(command.cells) == CELL_KIND_ORDER_REPLACE))
        note_given(scenario);
    return true;
}

/* next_text writes the next message of the last group, or what stands for its
 * end, and goes on. */
static void
next_text(struct scenario *scenario, char text[TEXT_LINE_MAX])
{
    const struct duo *duo = scenario->duo;

    if (!scenario->is_open) {
        snprintf(text, TEXT_LINE_MAX, "nothing more");
    } else if (duo->out_cnt == 0) {
        snprintf(text, TEXT_LINE_MAX, "dropped");
        scenario->is_open = false;
    } else {
        scenario->shown += text_write_message(&duo->out[scenario->shown], text);
        scenario->is_open = scenario->shown < duo->out_cnt;
    }
}

/* same_words compares two lines without regard to their blanks. */
static bool
same_words(const char *a, const char *b)
{
    struct words left, right;

    if (!words_split(&left, a) || !words_split(&right, b) || left.cnt != right.cnt)
        return false;
    for (unsigned i = 0; i < left.cnt; i++)
        if (strcmp(left.at[i], right.at[i]) != 0)
            return false;
    return true;
}

static bool
expect(struct scenario *scenario, const char *line)
{
    char text[TEXT_LINE_MAX];

    next_text(scenario, text);
    return same_words(line, text) || fail(scenario, "expected%.300s but got: %s", line, text);
}

/* expect_end is called before the next command: the group must have been
 * expected to its end. A command without expectations is one that was accepted
 * and caused nothing. */
static bool
expect_end(struct scenario *scenario)
{
    char text[TEXT_LINE_MAX];

    if (!scenario->is_open)
        return true;
    next_text(scenario, text);
    if (scenario->shown == cell_count(scenario->duo->out) && scenario->duo->out_cnt > 0 &&
        strncmp(text, "accepted", 8) == 0 && !scenario->is_open)
        return true;
    scenario->is_open = false;
    return fail(scenario, "the command above also caused: %s", text);
}

/* put_book writes the answer to a question for a side of the book. */
static void
put_book(const struct engine *engine, uint32_t instrument, bool sell, char *text, size_t bytes)
{
    static struct engine_level levels[LEVELS_MAX];
    const uint32_t cnt = engine_depth(engine, instrument, sell, levels, LEVELS_MAX);
    size_t used = (size_t)snprintf(text, bytes, "%s", cnt == 0 ? "empty" : "");

    for (uint32_t i = 0; i < cnt && used < bytes; i++) {
        char px[32];

        text_write_px(levels[i].px, px);
        used += (size_t)snprintf(text + used, bytes - used, " %s %" PRIu64 "x%u", px, levels[i].qty,
                                 levels[i].orders_cnt);
    }
}

static void
put_queue(const struct engine *engine,
          uint32_t instrument,
          bool sell,
          px_t px,
          char *text,
          size_t bytes)
{
    static struct engine_order orders[QUEUE_MAX];
    const uint32_t cnt = engine_level_orders(engine, instrument, sell, px, orders, QUEUE_MAX);
    char word[32];
    size_t used;

    text_write_px(px, word);
    used = (size_t)snprintf(text, bytes, "%s:", word);
    for (uint32_t i = 0; i < cnt && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, " %" PRIu64, orders[i].clord);
}

/* answer writes what the engine answers to a question, in the words that the
 * rest of the line must have; false if the line is no question. */
static bool
answer(struct scenario *scenario, struct words *words, char *text, size_t bytes)
{
    const struct engine *engine = scenario->duo->engine;
    const bool is_book = words_take(words, "book");
    struct risk_position position = {0};

    if (is_book || words_take(words, "queue")) {
        const uint32_t instrument = words_instrument(words);
        const bool sell = words_take(words, "ask");

        if (!sell && !words_take(words, "bid"))
            return false;
        if (is_book) {
            put_book(engine, instrument, sell, text, bytes);
            return true;
        }

        /* The price, up to its colon. */
        char px_text[32];
        px_t px = 0;

        snprintf(px_text, sizeof px_text, "%.*s",
                 (int)strcspn(words->next < words->cnt ? words->at[words->next] : "", ":"),
                 words->next < words->cnt ? words->at[words->next] : "");
        if (!text_read_px(px_text, &px))
            return false;
        put_queue(engine, instrument, sell, px, text, bytes);
        return true;
    }

    const bool is_open = words_take(words, "open");

    if (is_open || words_take(words, "position")) {
        const uint32_t account = words_name(words, 'A');

        risk_position_get(engine_risk(engine), account, words_instrument(words), &position);
        if (is_open)
            snprintf(text, bytes, "%" PRIu64 " %" PRIu64, position.open_buy_qty,
                     position.open_sell_qty);
        else
            snprintf(text, bytes, "%" PRId64, position.position_qty);
        return !words->failed;
    }
    if (words_take(words, "last")) {
        const px_t px = engine_last_px(engine, words_instrument(words));

        text_write_px(px, text);
        if (px == 0)
            snprintf(text, bytes, "none");
        return true;
    }
    return false;
}

static bool
ask(struct scenario *scenario, const char *line, bool *is_question)
{
    char text[8192], rest[512];
    size_t used = 0;
    struct words words;

    *is_question = words_split(&words, line) && answer(scenario, &words, text, sizeof text);
    if (!*is_question)
        return true;
    rest[0] = '\0';
    for (unsigned i = words.next; i < words.cnt; i++)
        used += (size_t)snprintf(rest + used, sizeof rest - used, " %s", words.at[i]);
    return same_words(rest, text) || fail(scenario, "it is: %.400s", text);
}

/* run_line runs one line that says something. */
static bool
run_line(struct scenario *scenario, const char *line)
{
    bool is_question;

    if (*line == ' ' || *line == '\t')
        return expect(scenario, line);
    if (!expect_end(scenario) || !ask(scenario, line, &is_question))
        return false;
    return is_question || run_command(scenario, line);
}

/* begin reads the lines that must come first, and makes the exchange when they
 * are through; true if this was one of them. */
static bool
begin(struct scenario *scenario, const char *line, bool *good)
{
    if (scenario->duo != NULL)
        return false;
    if (strncmp(line, "bare", 4) == 0) {
        scenario->is_bare = true;
        return true;
    }
    if (strncmp(line, "orders ", 7) == 0) {
        scenario->cfg.orders_max = (uint32_t)strtoul(line + 7, NULL, 10);
        return true;
    }
    scenario->duo = duo_new(&scenario->cfg);
    *good = scenario->is_bare || seed_firms(scenario);
    return false;
}

bool
scenario_run(const char *path, char *complaint, size_t bytes)
{
    struct scenario scenario = {
        .cfg = duo_cfg(),
        .given = calloc(NAMES_MAX, sizeof *scenario.given),
        .complaint = complaint,
        .complaint_bytes = bytes,
    };
    FILE *file = fopen(path, "r");
    char line[TEXT_LINE_MAX], what[2 * TEXT_LINE_MAX];
    unsigned number = 0, commands = 0;
    bool good = true;

    if (file == NULL || scenario.given == NULL)
        return fail(&scenario, "cannot be read");
    while (good && fgets(line, sizeof line, file) != NULL) {
        number++;
        line[strcspn(line, "\n")] = '\0';
        if (line[strspn(line, " \t")] == '\0' || line[strspn(line, " \t")] == '#')
            continue;
        commands++;
        if (!begin(&scenario, line, &good))
            good = good && run_line(&scenario, line);
    }
    good = good && (scenario.duo == NULL || expect_end(&scenario));
    if (!good) {
        snprintf(what, sizeof what, "%s", complaint);
        snprintf(complaint, bytes, "line %u: %s", number, what);
    } else if (commands == 0) {
        good = fail(&scenario, "says nothing");
    }
    fclose(file);
    if (scenario.duo != NULL)
        duo_free(scenario.duo);
    free(scenario.given);
    return good;
}
