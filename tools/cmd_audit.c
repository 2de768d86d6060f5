/*
 * outcry audit: a journal as CSV, RFC 4180, or as JSON lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "journal/reader.h"

#include "tools/audit.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/point.h"
#include "tools/text.h"

static const char help[] =
    "usage: outcry audit DIR --format csv|json [--account A] [--instrument I]\n"
    "                        [--from T] [--to T]\n"
    "\n"
    "Writes what happened, a line for each message and side, to stdout. Times are UTC with\n"
    "nanoseconds. Names are those that were valid then; the columns are explained in\n"
    "docs/journal.md. Works while an exchange writes. Nothing is done against formulas beyond\n"
    "quoting: import the columns as text into a program that runs formulas.\n"
    "\n"
    "  --format csv    RFC 4180: a header line, CRLF, quotes where they are needed\n"
    "  --format json   JSON lines: an object for each row, of the columns that are not\n"
    "                  empty; counts and small ids are numbers, all else is text\n"
    "  --account A     rows of one account, by name or id\n"
    "  --instrument I  rows of one instrument, by symbol or id\n"
    "  --from T        from this command on\n"
    "  --to T          up to this command, its rows included\n"
    "                  T is a sequence number, or a time like 2025-01-31 or\n"
    "                  2025-01-31T09:30:00.000000001Z; a time of --to is not included\n"
    "\n"
    "exit codes: 0 written to the end; 1 the journal is damaged, the rows before it are\n"
    "written, or all of the range was pruned; 2 wrong usage; 3 no journal there, or stdout "
    "cannot be written\n";

/* An account or instrument, by name or by id. */
struct subject {
    const char *name; /* NULL: all */
    uint64_t id;      /* UINT64_MAX: the name is no number */
    bool seen;        /* a row was its */
};

struct filter {
    struct subject account;
    struct subject instrument;
    struct point from;
    struct point to;
    bool json;
    FILE *out;
    uint64_t first_seq; /* of the journal; 0: it is empty */
    bool reaches_back;  /* what is asked for begins before it, or with it */
    bool met;           /* it has a command of what is asked for */
};

static void
parse_subject(const char *text, struct subject *subject)
{
    subject->name = text;
    if (!text_u64_parse(text, &subject->id))
        subject->id = UINT64_MAX;
}

/* is_subject tells whether the row's subject, with this id and name, is meant. */
static bool
is_subject(struct subject *subject, uint32_t id, const char *name)
{
    if (subject->name == NULL)
        return true;
    if (id == CELL_ANY || (subject->id != id && strcmp(subject->name, name) != 0))
        return false;
    subject->seen = true;
    return true;
}

/* note_place notes what the journal has of the range that is asked for. */
static void
note_place(struct filter *filter, const union cell *cells)
{
    const bool begun = point_begun(&filter->from, cell_seq(cells), cell_time(cells));

    if (filter->first_seq == 0) {
        filter->first_seq = cell_seq(cells);
        filter->reaches_back = begun;
    }
    filter->met = filter->met || begun;
}

/* judge_range speaks of commands that are not there: an empty answer must not look like
 * a day on which nothing happened. */
static int
judge_range(const struct filter *filter, const char *dir)
{
    const bool pruned = filter->first_seq > 1 && filter->reaches_back;

    if (pruned)
        fprintf(stderr,
                "outcry audit: the journal in %s begins with seq %" PRIu64
                ": what was before it was pruned\n",
                dir, filter->first_seq);
    if (filter->met || (!filter->from.given && !filter->to.given))
        return EXIT_FINE;
    fprintf(stderr, "outcry audit: the journal in %s has no command in that range\n", dir);
    return pruned ? EXIT_CHECK : EXIT_FINE;
}

/* warn_unseen speaks of a name that no row had: nothing found because of a slip of
 * the pen must not look like nothing done. */
static void
warn_unseen(const struct subject *subject, const char *what)
{
    if (subject->name != NULL && !subject->seen)
        fprintf(stderr, "outcry audit: what was read knows no %s %s\n", what, subject->name);
}

/* put_field quotes what RFC 4180 wants quoted. Bytes that are not visible ASCII,
 * which no name of ours has, come out as \xNN. */
static void
put_field(FILE *out, const char *text)
{
    const bool quoted = strpbrk(text, ",\"\r\n ") != NULL;

    if (quoted)
        putc_unlocked('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c >= 0x7f) {
            fprintf(out, "\\x%02x", c);
            continue;
        }
        if (c == '"')
            putc_unlocked('"', out);
        putc_unlocked(c, out);
    }
    if (quoted)
        putc_unlocked('"', out);
}

static void
put_header(FILE *out)
{
    for (unsigned i = 0; i < AUDIT_COLUMNS_CNT; i++)
        fprintf(out, "%s%s", i > 0 ? "," : "", audit_column_name((enum audit_column)i));
    fputs("\r\n", out);
}

static void
put_csv(FILE *out, const struct audit_row *row)
{
    for (unsigned i = 0; i < AUDIT_COLUMNS_CNT; i++) {
        if (i > 0)
            putc_unlocked(',', out);
        put_field(out, audit_text(row, (enum audit_column)i));
    }
    fputs("\r\n", out);
}

/* is_number says whether a column is one for JSON: it holds whole numbers that any
 * reader keeps, below 2^53. Prices and money, ids of 64 bits and times are not. */
static bool
is_number(enum audit_column column)
{
    switch ((unsigned)column) {
    case AUDIT_SEQ:
    case AUDIT_SUB_SEQ:
    case AUDIT_SESSION_ID:
    case AUDIT_ACCOUNT_ID:
    case AUDIT_INSTRUMENT_ID:
    case AUDIT_QTY:
    case AUDIT_DISPLAY_QTY:
    case AUDIT_MIN_QTY:
    case AUDIT_LEAVES_QTY:
    case AUDIT_CUM_QTY:
    case AUDIT_REMOVED_QTY:
    case AUDIT_EXEC_QTY:
    case AUDIT_CLIENT_CODE:
    case AUDIT_DECISION_CODE:
    case AUDIT_EXECUTION_CODE:
    case AUDIT_EPOCH:
    case AUDIT_PAGE:
    case AUDIT_CELL:
        return true;
    default:
        return false;
    }
}

static void
put_json(FILE *out, const struct audit_row *row)
{
    struct json json;

    json_begin(&json, out);
    for (unsigned i = 0; i < AUDIT_COLUMNS_CNT; i++) {
        const char *name = audit_column_name((enum audit_column)i);
        const char *text = audit_text(row, (enum audit_column)i);
        uint64_t number;

        if (*text == '\0')
            continue;
        if (is_number((enum audit_column)i) && text_u64_parse(text, &number))
            json_u64(&json, name, number);
        else
            json_text(&json, name, text);
    }
    json_end(&json);
}

static void
on_row(void *ctx, const struct audit *audit, const struct audit_row *row)
{
    struct filter *filter = ctx;
    const bool of_account = is_subject(&filter->account, row->account, row->text[AUDIT_ACCOUNT]);
    const bool of_instrument =
        is_subject(&filter->instrument, row->instrument, row->text[AUDIT_INSTRUMENT]);

    (void)audit;
    if (!of_account || !of_instrument || !point_begun(&filter->from, row->seq, row->time_ns))
        return;
    if (filter->json)
        put_json(filter->out, row);
    else
        put_csv(filter->out, row);
}

/* export reads from the start, for the names, whatever --from says. Returns as
 * journal_reader_next does at the end. */
static int export(struct journal_reader *reader, struct filter *filter)
{
    struct audit audit = {
        .shard = journal_reader_shard(reader),
        .on_row = on_row,
        .ctx = filter,
    };
    const union cell *cells;
    int count;

    if (!filter->json)
        put_header(filter->out);
    while ((count = journal_reader_next(reader, &cells)) > 0 && !ferror(filter->out)) {
        const struct page *page = journal_reader_page(reader);
        const struct audit_place place = {
            .epoch = page->header.epoch,
            .page_no = page->header.page_no,
            .cell = (unsigned)(cells - page->cells),
        };

        if (point_past(&filter->to, cell_seq(cells), cell_time(cells))) {
            if (filter->first_seq == 0) {
                filter->first_seq = cell_seq(cells);
                filter->reaches_back = true;
            }
            break;
        }
        note_place(filter, cells);
        audit_message(&audit, cells, &place);
        journal_reader_forget(reader, cells);
    }
    audit_free(&audit);
    return count;
}

static int
run(const char *dir, struct filter *filter)
{
    struct journal_fault fault = {.text = ""};
    struct journal_reader *reader;
    int code = EXIT_FINE;
    int rc = journal_reader_open(&reader, dir, -1, &fault);

    if (rc == -ENOENT)
        return cli_no_journal("audit", dir);
    if (rc != 0)
        return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "audit",
                        "the journal in %s cannot be read: %s", dir,
                        fault.text[0] != '\0' ? fault.text : strerror(-rc));
    rc = export(reader, filter);
    if (rc < 0)
        code = cli_fail(EXIT_CHECK, "audit", "the journal in %s is damaged: %s", dir,
                        journal_reader_fault(reader)->text);
    else
        code = judge_range(filter, dir);
    warn_unseen(&filter->account, "account");
    warn_unseen(&filter->instrument, "instrument");
    journal_reader_close(reader);
    if (fflush(filter->out) != 0 || ferror(filter->out))
        return cli_fail(EXIT_SETUP, "audit", "the output cannot be written: %s", strerror(errno));
    return code;
}

int
cmd_audit(int argc, char **argv)
{
    static const struct option options[] = {
        {"format", required_argument, NULL, 'f'},     {"account", required_argument, NULL, 'a'},
        {"instrument", required_argument, NULL, 'i'}, {"from", required_argument, NULL, 'b'},
        {"to", required_argument, NULL, 'e'},         {0},
    };
    struct cli cli = {.help = help, .arguments = 1, .keys = true};
    struct filter filter = {.out = stdout};
    bool csv = false;
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        if (option == 'f') {
            csv = strcmp(optarg, "csv") == 0;
            filter.json = strcmp(optarg, "json") == 0;
            if (!csv && !filter.json)
                return cli_wrong("audit", "--format %s is not known, only csv and json", optarg);
        }
        if (option == 'a')
            parse_subject(optarg, &filter.account);
        if (option == 'i')
            parse_subject(optarg, &filter.instrument);
        if ((option == 'b' && !point_parse(optarg, &filter.from)) ||
            (option == 'e' && !point_parse(optarg, &filter.to)))
            return cli_wrong("audit", "%s is no sequence number and no time", optarg);
    }
    if (option < 0)
        return cli.exit;
    if (!csv && !filter.json)
        return cli_wrong("audit", "--format csv or --format json is missing");
    return run(argv[optind], &filter);
}
