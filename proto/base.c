#include "proto/base.h"

#include <stdlib.h>
#include <unistd.h>

/* A longer line is cut; the end of the line is never lost. */
#define LINE_BYTES_MAX 512

struct line {
    size_t cnt;
    char bytes[LINE_BYTES_MAX];
};

static COLD void
line_add(struct line *line, const char *text)
{
    for (; *text != '\0' && line->cnt < sizeof(line->bytes) - 1; text++)
        line->bytes[line->cnt++] = *text;
}

static COLD void
line_add_int(struct line *line, int value)
{
    char digits[12];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    line_add(line, &digits[at]);
}

void
outcry_assert_failed(const char *expr, const char *file, int line, const char *func)
{
    struct line text = {.cnt = 0};

    line_add(&text, "outcry: assertion failed at ");
    line_add(&text, file);
    line_add(&text, ":");
    line_add_int(&text, line);
    line_add(&text, " in ");
    line_add(&text, func);
    line_add(&text, ": ");
    line_add(&text, expr);
    text.bytes[text.cnt++] = '\n';

    /* We are about to die: there is nobody to tell that the write failed. */
    ssize_t written = write(STDERR_FILENO, text.bytes, text.cnt);
    MAYBE(written < 0);
    abort();
}
