#include <stdio.h>
#include <string.h>

#include "tools/admin_client.h"
#include "tools/blocked.h"
#include "tools/show.h"

static const char *const limit_columns[SHOW_COLUMNS] = {
    "level", "subject", "limit", "value", "used", "headroom", "window", "stages", "stage", "by"};
static const char *const hold_columns[BLOCKED_COLUMNS] = {"level", "subject", "what", "instrument",
                                                          "limit"};

#define FACTS_MAX 64u
#define ROWS_MAX  BLOCKED_ROWS_MAX

_Static_assert(ROWS_MAX >= SHOW_ROWS_MAX, "all that may come");
_Static_assert(SHOW_COLUMNS >= BLOCKED_COLUMNS, "a row is as long as the longer");

/* Lines of one kind. */
struct table {
    const char *line; /* what its lines begin with */
    const char *name; /* in JSON */
    const char *const *columns;
    unsigned columns_cnt;
    unsigned numbers; /* a bit for each column that is right aligned */
    unsigned rows_cnt;
    const char *rows[ROWS_MAX][SHOW_COLUMNS];
};

/* An answer taken apart. */
struct shown {
    const char *keys[FACTS_MAX];
    const char *values[FACTS_MAX];
    unsigned facts_cnt;
    struct table limits;
    struct table holds;
};

static void
take_row(struct table *table, char *rest)
{
    const char **row = table->rows[table->rows_cnt++];

    for (unsigned i = 0; i < table->columns_cnt; i++) {
        const char *field = strsep(&rest, "\t");

        row[i] = field != NULL ? field : "";
    }
}

static void
take_apart(struct shown *shown, char *lines)
{
    struct table *const tables[] = {&shown->limits, &shown->holds};
    char *line;

    while ((line = strsep(&lines, "\n")) != NULL) {
        const char *key = strsep(&line, "\t");
        struct table *table = NULL;

        if (line == NULL)
            continue;
        for (unsigned i = 0; i < 2; i++)
            if (strcmp(key, tables[i]->line) == 0 && tables[i]->rows_cnt < ROWS_MAX)
                table = tables[i];
        if (table != NULL) {
            take_row(table, line);
        } else if (shown->facts_cnt < FACTS_MAX) {
            shown->keys[shown->facts_cnt] = key;
            shown->values[shown->facts_cnt++] = line;
        }
    }
}

static void
print_cells(const struct table *table, const char *const *fields, const int *widths)
{
    for (unsigned i = 0; i < table->columns_cnt; i++) {
        const bool last = i + 1 == table->columns_cnt;

        printf("%*s%s",
               (table->numbers >> i & 1) != 0 ? widths[i]
               : last                         ? 0
                                              : -widths[i],
               fields[i], last ? "\n" : "  ");
    }
}

static void
print_table(const struct table *table)
{
    int widths[SHOW_COLUMNS];

    if (table->rows_cnt == 0)
        return;
    for (unsigned i = 0; i < table->columns_cnt; i++) {
        widths[i] = (int)strlen(table->columns[i]);
        for (unsigned k = 0; k < table->rows_cnt; k++)
            if ((int)strlen(table->rows[k][i]) > widths[i])
                widths[i] = (int)strlen(table->rows[k][i]);
    }
    putchar('\n');
    print_cells(table, table->columns, widths);
    for (unsigned k = 0; k < table->rows_cnt; k++)
        print_cells(table, table->rows[k], widths);
}

/* print_rows prints all values as text: money is exact, and larger than a script's
 * numbers may be. What we print needs no escapes: names are letters, digits and
 * "._-/". */
static void
print_rows(const struct table *table)
{
    printf("\"%s\": [", table->name);
    for (unsigned k = 0; k < table->rows_cnt; k++) {
        for (unsigned i = 0; i < table->columns_cnt; i++)
            printf("%s\"%s\": \"%s\"",
                   i > 0   ? ", "
                   : k > 0 ? ", {"
                           : "{",
                   table->columns[i], table->rows[k][i]);
        putchar('}');
    }
    putchar(']');
}

static void
print_json(const struct shown *shown)
{
    putchar('{');
    for (unsigned i = 0; i < shown->facts_cnt; i++)
        printf("\"%s\": \"%s\", ", shown->keys[i], shown->values[i]);
    print_rows(&shown->limits);
    fputs(", ", stdout);
    print_rows(&shown->holds);
    puts("}");
}

void
admin_print_show(char *lines, bool json)
{
    static struct shown shown = {
        .limits = {.line = "limit",
                   .name = "limits",
                   .columns = limit_columns,
                   .columns_cnt = SHOW_COLUMNS,
                   .numbers = 0x78},
        .holds = {.line = "hold",
                  .name = "holds",
                  .columns = hold_columns,
                  .columns_cnt = BLOCKED_COLUMNS},
    };

    take_apart(&shown, lines);
    if (json) {
        print_json(&shown);
        return;
    }
    for (unsigned i = 0; i < shown.facts_cnt; i++)
        printf("%-16s  %s\n", shown.keys[i], shown.values[i]);
    print_table(&shown.limits);
    print_table(&shown.holds);
}
