#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/admin.h"
#include "tools/admin_client.h"

/* With the number of its line in front a row must fit a line of the socket. */
#define ROW_BYTES (ADMIN_LINE_BYTES - 16)

/* A file on its way to rows. */
struct csv {
    const char *path;
    uint32_t line;
    FILE *out;
    uint32_t rows_cnt;
    char *why;
};

static __attribute__((format(printf, 2, 3))) bool
refuse(const struct csv *csv, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(csv->why, ADMIN_WHY_BYTES, "%s:%u: %s; nothing was done", csv->path, csv->line, text);
    return false;
}

/* take_quoted takes a field in quotes, *at behind the first; two quotes are one. */
static bool
take_quoted(const struct csv *csv, const char **at, char *field, size_t *len)
{
    for (;; (*at)++) {
        if (**at == '\0')
            return refuse(csv, "a quote is not closed, expected \" at the end of the field");
        if (**at == '"' && (*at)[1] != '"')
            break;
        *at += **at == '"';
        field[(*len)++] = **at;
    }
    (*at)++;
    *at += strspn(*at, " ");
    return **at == ',' || **at == '\0' ||
           refuse(csv, "a field goes on behind its quote, expected a comma or the end of the line");
}

/* take_row takes a line apart and writes it with tabs. */
static bool
take_row(struct csv *csv, const char *at)
{
    char field[ROW_BYTES];
    bool more = true;

    fprintf(csv->out, "%u", csv->line);
    while (more) {
        size_t len = 0;

        at += strspn(at, " ");
        if (*at == '"') {
            at++;
            if (!take_quoted(csv, &at, field, &len))
                return false;
        } else {
            while (*at != ',' && *at != '\0')
                field[len++] = *at++;
            while (len > 0 && field[len - 1] == ' ')
                len--;
        }
        fprintf(csv->out, "\t%.*s", (int)len, field);
        more = *at == ',';
        at += more;
    }
    fputc('\n', csv->out);
    csv->rows_cnt++;
    return true;
}

/* take_line takes a line, without its end. */
static bool
take_line(struct csv *csv, char *line, size_t len)
{
    if (strlen(line) != len)
        return refuse(csv, "a zero byte, expected printable ASCII");
    if (len > 0 && line[len - 1] == '\r')
        line[--len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (line[i] < ' ' || line[i] > '~')
            return refuse(csv, "a byte 0x%02x, expected printable ASCII", (unsigned char)line[i]);
    if (len == 0 || line[0] == '#')
        return true;
    if (len >= ROW_BYTES)
        return refuse(csv, "%zu characters, expected less than %u", len, ROW_BYTES);
    return take_row(csv, line);
}

bool
admin_read_csv(const char *path, struct admin_request *request, char why[ADMIN_WHY_BYTES])
{
    struct csv csv = {.path = path, .why = why};
    FILE *in = fopen(path, "re");
    char *line = NULL;
    size_t bytes = 0;
    ssize_t got;
    bool good = in != NULL;

    if (!good) {
        snprintf(why, ADMIN_WHY_BYTES, "%s cannot be read (%s), expected a CSV file", path,
                 strerror(errno));
        return false;
    }
    csv.out = open_memstream(&request->rows, &request->rows_bytes);
    ASSERT(csv.out != NULL);
    while (good && (got = getline(&line, &bytes, in)) > 0) {
        csv.line++;
        if (line[got - 1] == '\n')
            line[--got] = '\0';
        /* What spreadsheets put in front of all. */
        const size_t mark = csv.line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

        good = take_line(&csv, line + mark, (size_t)got - mark);
    }
    if (good && ferror(in)) {
        snprintf(why, ADMIN_WHY_BYTES, "%s cannot be read (%s), expected a CSV file", path,
                 strerror(errno));
        good = false;
    }
    if (good && csv.rows_cnt == 0) {
        csv.line = 1;
        good = refuse(&csv, "no row, expected day, limit, cash or position");
    }
    free(line);
    fclose(in);
    fclose(csv.out);
    request->rows_cnt = csv.rows_cnt;
    if (!good)
        admin_free_csv(request);
    return good;
}

void
admin_free_csv(struct admin_request *request)
{
    free(request->rows);
    request->rows = NULL;
}
