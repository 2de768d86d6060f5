#include <stdio.h>
#include <string.h>

#include "tools/admin_client.h"
#include "tools/show.h"

static const char *const columns[SHOW_COLUMNS] = {"level",    "subject", "limit",  "value", "used",
                                                  "headroom", "window",  "stages", "stage", "by"};

#define LINES_MAX 64u

struct row {
    const char *fields[SHOW_COLUMNS];
};

/* An answer taken apart. */
struct shown {
    const char *keys[LINES_MAX];
    const char *values[LINES_MAX];
    unsigned facts_cnt;
    struct row rows[LINES_MAX];
    unsigned rows_cnt;
};

static void
take_limit(struct shown *shown, char *rest)
{
    struct row *row = &shown->rows[shown->rows_cnt++];

    for (unsigned i = 0; i < SHOW_COLUMNS; i++) {
        const char *field = strsep(&rest, "\t");

        row->fields[i] = field != NULL ? field : "";
    }
}

static void
take_apart(struct shown *shown, char *lines)
{
    char *line;

    while ((line = strsep(&lines, "\n")) != NULL) {
        const char *key = strsep(&line, "\t");

        if (line == NULL)
            continue;
        if (strcmp(key, "limit") == 0 && shown->rows_cnt < LINES_MAX)
            take_limit(shown, line);
        else if (shown->facts_cnt < LINES_MAX) {
            shown->keys[shown->facts_cnt] = key;
            shown->values[shown->facts_cnt++] = line;
        }
    }
}

/* Numbers are right aligned, words left. */
static bool
is_number(unsigned column)
{
    return column >= 3 && column <= 6;
}

static void
print_cells(const char *const *fields, const int *widths)
{
    for (unsigned i = 0; i < SHOW_COLUMNS; i++) {
        const bool last = i + 1 == SHOW_COLUMNS;

        printf("%*s%s",
               is_number(i) ? widths[i]
               : last       ? 0
                            : -widths[i],
               fields[i], last ? "\n" : "  ");
    }
}

static void
print_table(const struct shown *shown)
{
    int widths[SHOW_COLUMNS];

    for (unsigned i = 0; i < shown->facts_cnt; i++)
        printf("%-12s  %s\n", shown->keys[i], shown->values[i]);
    if (shown->rows_cnt == 0)
        return;
    for (unsigned i = 0; i < SHOW_COLUMNS; i++) {
        widths[i] = (int)strlen(columns[i]);
        for (unsigned k = 0; k < shown->rows_cnt; k++)
            if ((int)strlen(shown->rows[k].fields[i]) > widths[i])
                widths[i] = (int)strlen(shown->rows[k].fields[i]);
    }
    putchar('\n');
    print_cells(columns, widths);
    for (unsigned k = 0; k < shown->rows_cnt; k++)
        print_cells(shown->rows[k].fields, widths);
}

/* print_json prints all values as text: money is exact, and larger than a script's
 * numbers may be. What we print needs no escapes: names are letters, digits and
 * "._-/". */
static void
print_json(const struct shown *shown)
{
    putchar('{');
    for (unsigned i = 0; i < shown->facts_cnt; i++)
        printf("\"%s\": \"%s\", ", shown->keys[i], shown->values[i]);
    fputs("\"limits\": [", stdout);
    for (unsigned k = 0; k < shown->rows_cnt; k++) {
        for (unsigned i = 0; i < SHOW_COLUMNS; i++)
            printf("%s\"%s\": \"%s\"",
                   i > 0   ? ", "
                   : k > 0 ? ", {"
                           : "{",
                   columns[i], shown->rows[k].fields[i]);
        putchar('}');
    }
    puts("]}");
}

void
admin_print_show(char *lines, bool json)
{
    static struct shown shown;

    take_apart(&shown, lines);
    if (json)
        print_json(&shown);
    else
        print_table(&shown);
}
