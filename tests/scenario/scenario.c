#include "tests/scenario/scenario.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"

#include "tests/model/duo.h"
#include "tests/scenario/ask.h"
#include "tests/scenario/given.h"
#include "tests/scenario/text.h"
#include "tests/scenario/words.h"

#define ATTRIBUTES   256u
#define SEED_FIRMS   3u
#define SEED_ACCOUNT 6u

struct scenario {
    struct duo *duo;
    struct engine_cfg cfg;
    bool is_bare;
    bool is_seeded;
    struct given given;
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

/* apply gives a command to both exchanges; the last one of several that the same
 * line makes is followed by a comparison of all that can be seen. */
static bool
apply(struct scenario *scenario, const struct command *command, bool is_last)
{
    struct duo *duo = scenario->duo;

    if (!duo_apply(duo, command, 0) || (is_last && !duo_check(duo)))
        return fail(scenario, "engine and model differ: %s", duo->complaint);
    return true;
}

/* seed_firms sets up the firms and their groups, before anything else. */
static bool
seed_firms(struct scenario *scenario)
{
    for (uint32_t i = 1; i < SEED_FIRMS; i++) {
        const struct command firm = command_firm(i), group = command_group(i, i);

        if (!apply(scenario, &firm, true) || !apply(scenario, &group, true))
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

        if (!model->accounts[i].known && !apply(scenario, &account, true))
            return false;
    }
    for (uint32_t i = 1; i <= 2; i++) {
        const struct command instrument = command_instrument(i);

        if (!model->instruments[i].known && !apply(scenario, &instrument, true))
            return false;
    }
    for (uint16_t i = 1; i <= 4; i++)
        if (!model->sessions[i].known && !duo_bind(scenario->duo, i, i < 4 ? 1 : 2))
            return fail(scenario, "%s", scenario->duo->complaint);
    return true;
}

/* is_setup says whether the command may come before the exchange is complete. */
static bool
is_setup(const struct command *command)
{
    return cell_kind(command->cells) < CELL_KIND_ORDER_NEW &&
           !cell_takes_author(cell_kind(command->cells));
}

/* seed_if_needed completes the exchange before the first command that is not
 * about what it is made of. */
static bool
seed_if_needed(struct scenario *scenario, const struct command *command)
{
    if (is_setup(command) || scenario->is_seeded || scenario->is_bare)
        return true;
    scenario->is_seeded = true;
    return seed(scenario);
}

static bool
run_command(struct scenario *scenario, const char *line, bool is_last)
{
    struct duo *duo = scenario->duo;
    struct text_target target;
    struct command command;
    const char *reason;

    if (!text_read_command(line, &command, &target, &reason))
        return fail(scenario, "%s", reason);
    if (!seed_if_needed(scenario, &command))
        return false;
    if (target.by_id)
        command_by_id(&command, given_find(&scenario->given, &target,
                                           command.cells[0].order_cancel.instrument));
    if (!apply(scenario, &command, is_last))
        return false;
    scenario->shown = 0;
    scenario->is_open = true;
    given_note(&scenario->given, duo->out, duo->out_cnt);
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

static bool
ask(struct scenario *scenario, const char *line, bool *is_question)
{
    char answer[ASK_ANSWER_BYTES], rest[TEXT_LINE_MAX];
    size_t used = 0;
    struct words words;

    *is_question = words_split(&words, line) &&
                   ask_answer(scenario->duo->engine, &scenario->given, &words, answer);
    if (!*is_question)
        return true;
    if (words.failed)
        return fail(scenario, "a word is missing, unknown or in the wrong place");
    rest[0] = '\0';
    for (unsigned i = words.next; i < words.cnt; i++)
        used += (size_t)snprintf(rest + used, sizeof rest - used, " %s", words.at[i]);
    return same_words(rest, answer) || fail(scenario, "it is: %.400s", answer);
}

/* run_one runs one line that says something. */
static bool
run_one(struct scenario *scenario, const char *line, bool is_last)
{
    bool is_question;

    if (*line == ' ' || *line == '\t')
        return expect(scenario, line);
    if (!expect_end(scenario) || !ask(scenario, line, &is_question))
        return false;
    return is_question || run_command(scenario, line, is_last);
}

/* repeat runs a line several times; the first number behind `id` is one more
 * each time. */
static bool
repeat(struct scenario *scenario, const char *line, unsigned long times, const char *rest)
{
    const char *id = strstr(rest, " id ");
    char again[2 * TEXT_LINE_MAX], *end = NULL;
    const uint64_t first = id != NULL ? strtoull(id + 4, &end, 10) : 0;

    if (id == NULL || end == id + 4)
        return fail(scenario, "there is no id to count");
    for (unsigned long i = 0; i < times; i++) {
        snprintf(again, sizeof again, "%.*s%.*s%" PRIu64 "%s", (int)strspn(line, " \t"), line,
                 (int)(id + 4 - rest), rest, first + i, end);
        if (!run_one(scenario, again, i + 1 == times))
            return false;
    }
    return true;
}

static bool
run_line(struct scenario *scenario, const char *line)
{
    const char *number = line + strspn(line, " \t");
    char *end;
    const unsigned long times = strtoul(number, &end, 10);

    if (*number >= '1' && *number <= '9' && strncmp(end, " times ", 7) == 0)
        return repeat(scenario, line, times, end + 7);
    return run_one(scenario, line, true);
}

/* begin reads the lines that must come first, and makes the exchange when they
 * are through; true if this was one of them. */
static bool
begin(struct scenario *scenario, const char *line, bool *good)
{
    struct engine_cfg *cfg = &scenario->cfg;
    const struct {
        const char *word;
        uint32_t *size;
    } sizes[] = {
        {"orders", &cfg->orders_max},
        {"attributes", &cfg->extras_max},
        {"pages", &cfg->pages_max},
        {"positions", &cfg->positions_max},
    };
    struct words words;

    if (scenario->duo != NULL || !words_split(&words, line))
        return false;
    if (words_take(&words, "bare")) {
        scenario->is_bare = true;
        return true;
    }
    if (words_take(&words, "no-risk")) {
        cfg->no_risk = true;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (words_take(&words, sizes[i].word)) {
            *sizes[i].size = (uint32_t)words_number(&words);
            return true;
        }
    scenario->duo = duo_new(cfg);
    ASSERT(engine_time_ns(scenario->duo->engine) == TEXT_START_NS);
    *good = scenario->is_bare || seed_firms(scenario);
    return false;
}

bool
scenario_run(const char *path, char *complaint, size_t bytes)
{
    struct scenario scenario = {
        .cfg = duo_cfg(),
        .complaint = complaint,
        .complaint_bytes = bytes,
    };
    FILE *file = fopen(path, "r");
    char line[TEXT_LINE_MAX], what[2 * TEXT_LINE_MAX];
    unsigned number = 0, commands = 0;
    bool good = true;

    if (file == NULL)
        return fail(&scenario, "cannot be read");
    scenario.cfg.extras_max = ATTRIBUTES;
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
    given_free(&scenario.given);
    return good;
}
