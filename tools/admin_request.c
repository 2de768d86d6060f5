#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/admin_private.h"
#include "tools/text.h"
#include "tools/verb_refused.h"
#include "tools/words.h"

/* A line taken apart. Points into it. */
struct request {
    char *words[VERB_WORDS_MAX + 1];
    unsigned cnt;
    const char *name; /* of the author, NULL: none */
    const char *text; /* NULL: none, of a verb that does without */
};

static void
wrong(struct admin *admin, struct admin_client *client, const char *why)
{
    admin->stats.wrong++;
    admin_answer(admin, client, "error %s\n", why);
}

/* needs_no_reason says whether the line begins with a verb that may stand without, so
 * that what it ends in can be BY NAME alone. */
static bool
needs_no_reason(const char *line)
{
    return strncmp(line, "open ", 5) == 0 || strncmp(line, "halt ", 5) == 0 ||
           strncmp(line, "close ", 6) == 0;
}

/* cut_name cuts " by NAME" off, where no reason follows. */
static void
cut_name(char *line, struct request *request)
{
    char *by = NULL;

    for (char *at = strstr(line, " by "); at != NULL; at = strstr(at + 1, " by "))
        by = at;
    if (by == NULL)
        return;
    *by = '\0';
    request->name = by + strlen(" by ");
}

/* cut_author cuts " by NAME because TEXT" off. What is missing is found later. */
static void
cut_author(char *line, struct request *request)
{
    char *because = strstr(line, " because ");
    char *by = NULL;

    if (because == NULL) {
        if (needs_no_reason(line))
            cut_name(line, request);
        return;
    }
    *because = '\0';
    for (char *at = strstr(line, " by "); at != NULL; at = strstr(at + 1, " by "))
        by = at;
    request->text = because + strlen(" because ");
    request->name = "";
    if (by == NULL)
        return;
    *by = '\0';
    request->name = by + strlen(" by ");
}

/* take_apart cuts a line into words and author; NULL, or what is wrong. */
static const char *
take_apart(char *line, struct request *request)
{
    char *word;

    *request = (struct request){.cnt = 0};
    for (const char *at = line; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            return "a line has a character that is not printable ASCII, expected none";
    cut_author(line, request);
    if (request->name != NULL && !verb_is_text(request->name, 16, false))
        return "the author is missing or no name, expected by NAME because TEXT, the name 1 to 16 "
               "characters without a blank";
    if (request->text != NULL && !verb_is_text(request->text, 40, true))
        return "the reason is empty or too long, expected 1 to 40 characters behind because";
    while ((word = strsep(&line, " ")) != NULL) {
        if (*word == '\0')
            return "a word is missing, expected a verb and its words, one blank between two";
        if (request->cnt == VERB_WORDS_MAX)
            return "a line has too many words, expected 16 at most";
        request->words[request->cnt++] = word;
    }
    return NULL;
}

/* is_loading says whether a load comes in, waits or is in work. */
static bool
is_loading(const struct admin *admin)
{
    bool loading = admin->task == DESK_CHECK || admin->task == DESK_LOAD;

    for (unsigned i = 0; i < ADMIN_CLIENTS_MAX; i++)
        loading = loading || (admin->clients[i].fd >= 0 && admin->clients[i].loads);
    return loading;
}

/* begin_load begins load ROWS [check]: lines follow. */
static void
begin_load(struct admin *admin, struct admin_client *client, const struct request *request)
{
    struct verb verb = {.count = 0};
    uint64_t rows;

    if (request->cnt < 2 || request->cnt > 3 || !text_u64_parse(request->words[1], &rows) ||
        rows < 1 || rows > SHEET_ROWS_MAX ||
        (request->cnt == 3 && strcmp(request->words[2], "check") != 0))
        wrong(admin, client,
              "expected load and the number of rows, 1 to 1048576, then check or "
              "nothing");
    else if (request->name == NULL)
        wrong(admin, client, "load needs who and why, expected by NAME because TEXT");
    else if (is_loading(admin))
        wrong(admin, client, "another load is in work, expected one at a time");
    else {
        verb_sign(&verb, client->uid, request->name, request->text);
        sheet_begin(&admin->desk->sheet);
        admin->desk->sheet.author = verb.cells[0];
        admin->desk->sheet.author.bytes[1] = 0;
        admin->loader = (int)(client - admin->clients);
        client->loads = true;
        admin->check_only = request->cnt == 3;
        admin->rows_left = (uint32_t)rows;
    }
}

void
admin_begin(struct admin *admin, struct admin_client *client)
{
    char line[ADMIN_LINE_BYTES];
    struct request request;

    memcpy(line, client->line, strlen(client->line) + 1);

    const char *why = take_apart(line, &request);

    if (why != NULL)
        wrong(admin, client, why);
    else if (strcmp(request.words[0], "load") == 0)
        begin_load(admin, client, &request);
    else
        client->whole = true;
}

/* admin_row cuts NUMBER, tab, FIELD, tab, ... of a row. */
void
admin_row(struct admin *admin, struct admin_client *client, char *line)
{
    char *words[VERB_WORDS_MAX];
    unsigned cnt = 0;
    uint64_t number;
    char *word;

    while ((word = strsep(&line, "\t")) != NULL && cnt < VERB_WORDS_MAX)
        words[cnt++] = word;
    if (word != NULL || !text_u64_parse(words[0], &number) || number > UINT32_MAX) {
        wrong(admin, client,
              "a row is no row, expected the number of its line, then at most 15 "
              "fields, a tab between two");
        return;
    }
    sheet_add(&admin->desk->sheet, &admin->roster, (uint32_t)number, words + 1, cnt - 1);
    if (--admin->rows_left > 0)
        return;
    if (client->len > 0) {
        wrong(admin, client, "a load has more lines than it said, expected as many");
        return;
    }
    admin->loader = -1;
    client->whole = true;
}

/* answer_wrong_rows tells what is wrong with a sheet. */
static void
answer_wrong_rows(struct admin *admin, struct admin_client *client)
{
    struct sheet *sheet = &admin->desk->sheet;
    char text[SHEET_TEXT_BYTES + 128];
    int len = (int)sheet->text_len;

    admin->stats.wrong++;
    memcpy(text, sheet->text, sheet->text_len);
    len += snprintf(text + len, sizeof text - (size_t)len,
                    "error rows that are wrong: %" PRIu32 "; nothing was done\n", sheet->wrong_cnt);
    admin_tell(admin, client, text, (size_t)len);
}

/* ask hands over what is in the desk. */
static void
ask(struct admin *admin, const struct admin_client *client, enum desk_task task)
{
    admin->task = task;
    admin->asker = (int)(client - admin->clients);
    admin->seq = 0;
    desk_ask(admin->desk, task);
}

static void
submit_sheet(struct admin *admin, struct admin_client *client)
{
    struct sheet *sheet = &admin->desk->sheet;

    if (sheet->wrong_cnt > 0) {
        answer_wrong_rows(admin, client);
        return;
    }
    sheet_order(sheet);
    ask(admin, client, admin->check_only ? DESK_CHECK : DESK_LOAD);
}

/* sign puts who and why behind the command: always, for the kernel knows who calls. */
static void
sign(struct verb *verb, const struct admin_client *client, const struct request *request)
{
    char name[17];

    snprintf(name, sizeof name, "uid-%" PRIu32, client->uid);
    verb_sign(verb, client->uid, request->name != NULL ? request->name : name,
              request->text != NULL ? request->text : "no reason given");
}

void
admin_submit(struct admin *admin, struct admin_client *client)
{
    struct verb *verb = &admin->desk->verb;
    char line[ADMIN_LINE_BYTES];
    char why[VERB_WHY_BYTES];
    struct request request;

    ASSERT(admin->task == DESK_NONE);
    if (client->loads) {
        submit_sheet(admin, client);
        return;
    }
    memcpy(line, client->line, strlen(client->line) + 1);
    if (take_apart(line, &request) != NULL)
        UNREACHABLE("it was taken apart before");
    if (!verb_parse(verb, &admin->roster, request.words, request.cnt, why)) {
        wrong(admin, client, why);
        return;
    }
    if (verb->needs_author && request.name == NULL) {
        wrong(admin, client,
              "why is missing, expected --because TEXT; in a line of the socket by NAME because "
              "TEXT at its end");
        return;
    }
    if (verb->kind == VERB_SHOW) {
        admin->stats.questions++;
        ask(admin, client, verb->level == OE_RISK_LEVEL_NONE ? DESK_BLOCKED : DESK_SHOW);
        return;
    }
    sign(verb, client, &request);
    admin->stats.commands++;
    admin->kind = cell_kind(&verb->cells[0]);
    ask(admin, client, DESK_COMMAND);
}

/* asker_of returns who waits for the answer, NULL if it has gone. */
static struct admin_client *
asker_of(struct admin *admin)
{
    return admin->asker >= 0 ? &admin->clients[admin->asker] : NULL;
}

static void
settle_command(struct admin *admin)
{
    struct admin_client *client = asker_of(admin);

    if (admin->desk->good)
        return; /* what comes of it comes back */
    admin->task = DESK_NONE;
    admin->stats.commands--;
    if (client != NULL)
        wrong(admin, client, admin->desk->why);
}

static void
settle_show(struct admin *admin)
{
    struct admin_client *client = asker_of(admin);
    char text[SHOW_TEXT_BYTES];

    const enum desk_task task = admin->task;

    admin->task = DESK_NONE;
    if (client == NULL)
        return;
    if (task == DESK_BLOCKED) {
        admin_tell(admin, client, text,
                   blocked_text(&admin->desk->blocked, &admin->roster, text, sizeof text));
        return;
    }
    if (!admin->desk->good) {
        snprintf(text, sizeof text, "the exchange knows no such %s, expected one that was set up",
                 words_level_name(admin->desk->show.level));
        wrong(admin, client, text);
        return;
    }
    admin_tell(admin, client, text, show_text(&admin->desk->show, &admin->roster, text));
}

static void
settle_sheet(struct admin *admin)
{
    struct admin_client *client = asker_of(admin);
    const struct desk *desk = admin->desk;
    const enum desk_task task = admin->task;

    /* What was done may be told when it is behind the gate. */
    if (admin->out->pos < desk->out_pos && task == DESK_LOAD && desk->good)
        return;
    admin->task = DESK_NONE;
    admin->stats.rows += desk->done_cnt;
    admin->stats.refused += desk->refused_line != 0;
    if (client == NULL)
        return;
    if (!desk->good)
        answer_wrong_rows(admin, client);
    else if (task == DESK_CHECK)
        admin_answer(admin, client, "ok checked %" PRIu32 " rows\n", desk->sheet.rows_cnt);
    else if (desk->refused_line == 0)
        admin_answer(admin, client, "ok loaded %" PRIu32 " rows seq %" PRIu64 "\n", desk->done_cnt,
                     desk->last_seq);
    else
        admin_answer(admin, client,
                     "stopped line %" PRIu32 " was refused by the engine: %s, %s; %" PRIu32
                     " rows before it are done\n",
                     desk->refused_line, oe_reject_reason_name(desk->refused_outcome),
                     verb_refused(cell_kind(&sheet_at(&desk->sheet, desk->done_cnt)->cell),
                                  desk->refused_outcome),
                     desk->done_cnt);
}

void
admin_settle(struct admin *admin)
{
    if (!desk_is_ours(admin->desk))
        return;
    switch (admin->task) {
    case DESK_COMMAND:
        settle_command(admin);
        break;
    case DESK_SHOW:
    case DESK_BLOCKED:
        settle_show(admin);
        break;
    case DESK_CHECK:
    case DESK_LOAD:
        settle_sheet(admin);
        break;
    case DESK_NONE:
    default:
        UNREACHABLE("nothing is on its way");
    }
}

/* done tells the asker and makes room for the next. */
static void
done(struct admin *admin, uint64_t seq, uint16_t outcome, const char *more)
{
    struct admin_client *client = asker_of(admin);

    admin->task = DESK_NONE;
    admin->seq = 0;
    admin->stats.refused += outcome != OE_REJECT_REASON_NONE;
    if (client == NULL)
        return;
    if (outcome == OE_REJECT_REASON_NONE)
        admin_answer(admin, client, "ok %s%s seq %" PRIu64 "\n", admin->desk->verb.what, more, seq);
    else
        admin_answer(admin, client, "refused %s seq %" PRIu64 ": %s\n",
                     oe_reject_reason_name(outcome), seq, verb_refused(admin->kind, outcome));
}

/* admin_stage returns what a RiskAction says when the command at hand has canceled its
 * orders; None: it cancels none. */
static uint8_t
admin_stage(const struct admin *admin)
{
    const union cell *cell = &admin->desk->verb.cells[0];

    if (admin->kind == CELL_KIND_KILL)
        return CELL_RISK_STAGE_KILLED;
    if (admin->kind == CELL_KIND_LIMIT_SET && cell->limit_set.cancels != 0)
        return CELL_RISK_STAGE_LOWERED;
    return CELL_RISK_STAGE_NONE;
}

void
admin_came_back(struct admin *admin, const union cell *cell)
{
    const struct cell_risk_action *action = &cell->risk_action;
    char more[64];

    if (admin->task != DESK_COMMAND)
        return;
    if (cell_kind(cell) == CELL_KIND_RISK_ACTION) {
        /* What cancels has been carried out: how many orders it took is told. */
        if (admin->seq == 0 || action->seq != admin->seq || action->stage != admin_stage(admin))
            return;
        snprintf(more, sizeof more, ", %" PRIu32 " orders canceled", action->count);
        done(admin, action->seq, OE_REJECT_REASON_NONE, more);
        return;
    }
    if (cell_kind(cell) != admin->kind || !desk_is_ours(admin->desk))
        return;
    if (admin_stage(admin) != CELL_RISK_STAGE_NONE && cell_outcome(cell) == OE_REJECT_REASON_NONE)
        admin->seq = cell_seq(cell);
    else
        done(admin, cell_seq(cell), cell_outcome(cell), "");
}
