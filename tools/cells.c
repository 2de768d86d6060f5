#include "tools/cells.h"

#include <inttypes.h>
#include <string.h>

#include "tools/text.h"

#define VALUE_BYTES 168u

/* A field of a cell as text. */
struct value {
    char text[VALUE_BYTES];
    bool zero;
};

/* number_of returns a field that is a number. */
static uint64_t
number_of(const struct cell_field *field, const union cell *cell)
{
    uint64_t value = 0;

    memcpy(&value, &cell->bytes[field->offset], field->size); /* little-endian, as we are */
    if (field->type != CELL_FIELD_U && field->size < sizeof value)
        value = (uint64_t)((int64_t)(value << (64 - 8 * field->size)) >> (64 - 8 * field->size));
    return value;
}

/* chars_len returns how many bytes of a field of characters are said: all but the
 * NULs behind the last. */
static size_t
chars_len(const struct cell_field *field, const union cell *cell)
{
    size_t len = field->size;

    while (len > 0 && cell->bytes[field->offset + len - 1] == '\0')
        len--;
    return len;
}

/* hex_of writes bytes as hex digits. */
static void
hex_of(const struct cell_field *field, const union cell *cell, char *text)
{
    for (unsigned i = 0; i < field->size; i++)
        snprintf(&text[2 * (size_t)i], 3, "%02x", cell->bytes[field->offset + i]);
}

/* quote makes a text that cannot be mistaken: bytes that are not visible become
 * \xNN. A field has 40 bytes at most. */
static void
quote(const uint8_t *bytes, size_t bytes_cnt, char to[VALUE_BYTES])
{
    size_t len = 0;

    to[len++] = '"';
    for (size_t i = 0; i < bytes_cnt && len + 6 < VALUE_BYTES; i++) {
        if (bytes[i] < 0x20 || bytes[i] >= 0x7f || bytes[i] == '"' || bytes[i] == '\\')
            len += (size_t)snprintf(&to[len], 5, "\\x%02x", bytes[i]);
        else
            to[len++] = (char)bytes[i];
    }
    to[len++] = '"';
    to[len] = '\0';
}

/* value_of makes the text of a field. */
static void
value_of(const struct cell_field *field, const union cell *cell, struct value *value)
{
    uint64_t number = 0;

    switch ((enum cell_field_type)field->type) {
    case CELL_FIELD_U:
        number = number_of(field, cell);
        if (field->value_name != NULL)
            snprintf(value->text, sizeof value->text, "%s", field->value_name((unsigned)number));
        /* A number that no name has must not be lost. */
        if (field->value_name == NULL || strcmp(value->text, "?") == 0)
            snprintf(value->text, sizeof value->text, "%" PRIu64, number);
        value->zero = number == 0;
        break;
    case CELL_FIELD_I:
        number = number_of(field, cell);
        snprintf(value->text, sizeof value->text, "%" PRId64, (int64_t)number);
        value->zero = number == 0;
        break;
    case CELL_FIELD_PRICE:
        number = number_of(field, cell);
        text_px((px_t)number, 0, value->text);
        value->zero = number == 0;
        break;
    case CELL_FIELD_CHARS:
        quote(&cell->bytes[field->offset], chars_len(field, cell), value->text);
        value->zero = chars_len(field, cell) == 0;
        break;
    case CELL_FIELD_HEX:
    default:
        hex_of(field, cell, value->text);
        value->zero = strspn(value->text, "0") == strlen(value->text);
        break;
    }
}

/* is_frame says whether a field is told elsewhere: kind and shape, and of the first
 * cell seq and time. */
static bool
is_frame(const union cell *cell, const struct cell_field *field)
{
    return field->offset < 2 ||
           (cell_count(cell) != 0 && (field->offset == 8 || field->offset == 16));
}

static void
text_fields(FILE *out, const union cell *cell)
{
    unsigned cnt;
    const struct cell_field *fields = cell_fields(cell_kind(cell), &cnt);

    for (unsigned i = 0; i < cnt; i++) {
        struct value value;

        value_of(&fields[i], cell, &value);
        if (!value.zero && !is_frame(cell, &fields[i]))
            fprintf(out, " %s=%s", fields[i].name, value.text);
    }
}

void
cells_text(FILE *out, const union cell *cells)
{
    char time[TEXT_TIME_BYTES];

    fprintf(out, "%" PRIu64 " %s %s%s", cell_seq(cells), text_time(cell_time(cells), time),
            cell_is_command(cells) ? "" : "  ", cell_kind_name(cell_kind(cells)));
    if (cell_is_sell(cells))
        fputs(" sell", out);
    if ((cell_shape(cells) & CELL_BY_ID) != 0)
        fputs(" by_id", out);
    text_fields(out, &cells[0]);
    for (unsigned i = 1; i < cell_count(cells); i++) {
        fprintf(out, " %s", cell_kind_name(cell_kind(&cells[i])));
        text_fields(out, &cells[i]);
    }
    fputc('\n', out);
}

static void
json_field(struct json *json, const struct cell_field *field, const union cell *cell)
{
    char chars[2 * CELL_BYTES + 1];
    uint64_t number = 0;

    switch ((enum cell_field_type)field->type) {
    case CELL_FIELD_U:
        number = number_of(field, cell);
        if (field->value_name != NULL && strcmp(field->value_name((unsigned)number), "?") != 0)
            json_text(json, field->name, field->value_name((unsigned)number));
        else
            json_u64(json, field->name, number);
        break;
    case CELL_FIELD_I:
    case CELL_FIELD_PRICE:
        json_i64(json, field->name, (int64_t)number_of(field, cell));
        break;
    case CELL_FIELD_CHARS:
        json_chars(json, field->name, (const char *)&cell->bytes[field->offset],
                   chars_len(field, cell));
        break;
    case CELL_FIELD_HEX:
    default:
        hex_of(field, cell, chars);
        json_text(json, field->name, chars);
        break;
    }
}

static void
json_fields(struct json *json, const union cell *cell)
{
    unsigned cnt;
    const struct cell_field *fields = cell_fields(cell_kind(cell), &cnt);

    for (unsigned i = 0; i < cnt; i++)
        if (!is_frame(cell, &fields[i]))
            json_field(json, &fields[i], cell);
}

void
cells_json(FILE *out, const union cell *cells)
{
    struct json json;

    json_begin(&json, out);
    json_u64(&json, "seq", cell_seq(cells));
    json_u64(&json, "time", cell_time(cells));
    json_text(&json, "kind", cell_kind_name(cell_kind(cells)));
    json_bool(&json, "sell", cell_is_sell(cells));
    json_bool(&json, "by_id", (cell_shape(cells) & CELL_BY_ID) != 0);
    json_bool(&json, "last", cell_is_last(&cells[cell_count(cells) - 1]));
    json_fields(&json, &cells[0]);
    if (cell_count(cells) > 1) {
        json_key(&json, "more");
        for (unsigned i = 1; i < cell_count(cells); i++) {
            struct json more;

            fputs(i == 1 ? "[" : ", ", out);
            json_begin(&more, out);
            json_text(&more, "kind", cell_kind_name(cell_kind(&cells[i])));
            json_fields(&more, &cells[i]);
            json_close(&more);
        }
        fputc(']', out);
    }
    json_close(&json);
}

/* cell_at returns cell i, NULL behind the last. */
static const union cell *
cell_at(const union cell *cells, unsigned cnt, unsigned i)
{
    return i < cnt ? &cells[i] : NULL;
}

/* shape_text writes what a shape byte says. */
static const char *
shape_text(const union cell *cell, char text[64])
{
    snprintf(text, 64, "%u cell%s%s%s%s", cell_count(cell), cell_count(cell) == 1 ? "" : "s",
             cell_is_sell(cell) ? ", sell" : "",
             (cell_shape(cell) & CELL_BY_ID) != 0 ? ", by id" : "",
             cell_is_last(cell) ? ", last of the group" : "");
    return text;
}

static void
differ_row(FILE *out, const char *name, const char *expected, const char *actual)
{
    if (actual == NULL)
        fprintf(out, "      %-16s %s\n", name, expected);
    else if (strcmp(expected, actual) == 0)
        fprintf(out, "      %-16s %-30s %s\n", name, expected, actual);
    else
        fprintf(out, "    ! %-16s %-30s %s\n", name, expected, actual);
}

/* fields_text writes the fields of a cell, or of two of one kind side by side. */
static void
fields_text(FILE *out, const union cell *expected, const union cell *actual)
{
    unsigned cnt;
    const struct cell_field *fields = cell_fields(cell_kind(expected), &cnt);
    char shapes[2][64];

    differ_row(out, "shape", shape_text(expected, shapes[0]),
               actual == NULL ? NULL : shape_text(actual, shapes[1]));
    for (unsigned i = 0; i < cnt; i++) {
        struct value values[2];

        if (fields[i].offset < 2)
            continue;
        value_of(&fields[i], expected, &values[0]);
        if (actual != NULL)
            value_of(&fields[i], actual, &values[1]);
        differ_row(out, fields[i].name, values[0].text, actual == NULL ? NULL : values[1].text);
    }
}

/* cell_pair_text writes what journal and engine have at one place of the group. */
static void
cell_pair_text(FILE *out, unsigned number, const union cell *expected, const union cell *actual)
{
    if (expected != NULL && actual != NULL && cell_kind(expected) == cell_kind(actual)) {
        const bool same = memcmp(expected, actual, sizeof *expected) == 0;

        fprintf(out, "  cell %u of the group, %s: %s\n", number,
                cell_kind_name(cell_kind(expected)), same ? "the same" : "the journal, the engine");
        if (!same)
            fields_text(out, expected, actual);
        return;
    }
    if (expected != NULL) {
        fprintf(out, "  cell %u of the group, the journal's: %s\n", number,
                cell_kind_name(cell_kind(expected)));
        fields_text(out, expected, NULL);
    }
    if (actual != NULL) {
        fprintf(out, "  cell %u of the group, the engine's: %s\n", number,
                cell_kind_name(cell_kind(actual)));
        fields_text(out, actual, NULL);
    }
}

void
cells_diverged_text(FILE *out, const struct replay_diverged *diverged)
{
    fputs("command, as the journal has it\n  ", out);
    if (diverged->command_cnt != 0)
        cells_text(out, diverged->command);
    else
        fputs("none\n", out);
    if (diverged->first_no != 0)
        fprintf(out, "  cells 0 to %u of its group: the same\n", diverged->first_no - 1);
    if (diverged->actual_cnt == 0)
        fputs("the engine does not admit it; what the journal has\n", out);
    for (unsigned i = 0; i < diverged->expected_cnt || i < diverged->actual_cnt; i++)
        cell_pair_text(out, diverged->first_no + i,
                       cell_at(diverged->expected, diverged->expected_cnt, i),
                       cell_at(diverged->actual, diverged->actual_cnt, i));
    if (diverged->expected_more)
        fputs("  ... the group goes on in the journal\n", out);
    if (diverged->actual_more)
        fputs("  ... the engine goes on with the group\n", out);
}

/* json_messages writes messages as an array; one that is cut off at the end of what
 * is shown is left out. */
static void
json_messages(struct json *json, const char *key, const union cell *cells, unsigned cnt)
{
    json_key(json, key);
    fputc('[', json->out);
    for (unsigned i = 0; i < cnt && cell_count(&cells[i]) != 0 && i + cell_count(&cells[i]) <= cnt;
         i += cell_count(&cells[i])) {
        fputs(i == 0 ? "" : ", ", json->out);
        cells_json(json->out, &cells[i]);
    }
    fputc(']', json->out);
}

void
cells_diverged_json(struct json *json, const struct replay_diverged *diverged)
{
    json_u64(json, "cell_no", diverged->cell_no);
    json_messages(json, "command", diverged->command, diverged->command_cnt);
    json_messages(json, "expected", diverged->expected, diverged->expected_cnt);
    json_messages(json, "actual", diverged->actual, diverged->actual_cnt);
    json_bool(json, "expected_more", diverged->expected_more);
    json_bool(json, "actual_more", diverged->actual_more);
}
