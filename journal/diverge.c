#include "journal/diverge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* add appends to the text; what does not fit is cut off. */
__attribute__((format(printf, 2, 3))) static void
add(struct replay_result *result, const char *format, ...)
{
    const size_t len = strlen(result->text);
    va_list args;

    va_start(args, format);
    vsnprintf(result->text + len, sizeof result->text - len, format, args);
    va_end(args);
}

/* add_value appends the value of a field. */
static void
add_value(struct replay_result *result, const struct cell_field *field, const union cell *cell)
{
    const uint8_t *bytes = &cell->bytes[field->offset];
    uint64_t value = 0;

    switch ((enum cell_field_type)field->type) {
    case CELL_FIELD_U:
    case CELL_FIELD_I:
    case CELL_FIELD_PRICE:
        memcpy(&value, bytes, field->size); /* little-endian, as we are */
        if (field->type != CELL_FIELD_U) {
            const unsigned spare = 64u - 8u * field->size;

            add(result, "%" PRId64, (int64_t)(value << spare) >> spare);
        } else {
            add(result, "%" PRIu64, value);
        }
        break;
    case CELL_FIELD_CHARS:
        add(result, "\"%.*s\"", (int)field->size, (const char *)bytes);
        break;
    case CELL_FIELD_HEX:
    default:
        for (unsigned i = 0; i < field->size; i++)
            add(result, "%02x", bytes[i]);
        break;
    }
}

/* add_fields appends every field that differs in two cells of one kind. */
static void
add_fields(struct replay_result *result, const union cell *expected, const union cell *actual)
{
    const char *before = "";
    unsigned cnt;
    const struct cell_field *fields = cell_fields(cell_kind(actual), &cnt);

    for (unsigned i = 0; i < cnt; i++) {
        const struct cell_field *field = &fields[i];

        if (memcmp(&expected->bytes[field->offset], &actual->bytes[field->offset], field->size) ==
            0)
            continue;
        add(result, "%s%s is ", before, field->name);
        add_value(result, field, actual);
        add(result, ", the journal has ");
        add_value(result, field, expected);
        before = "; ";
    }
}

void
diverge_cell(struct replay_result *result,
             uint64_t seq,
             unsigned index,
             const union cell *expected,
             const union cell *actual)
{
    result->diverged_seq = seq;
    result->text[0] = '\0';
    add(result, "command %" PRIu64 ", cell %u of its group: ", seq, index);
    if (expected == NULL) {
        add(result, "the engine writes %s, the journal ends", cell_kind_name(cell_kind(actual)));
    } else if (cell_kind(expected) != cell_kind(actual)) {
        add(result, "the engine writes %s, the journal has %s", cell_kind_name(cell_kind(actual)),
            cell_kind_name(cell_kind(expected)));
    } else {
        add(result, "%s: ", cell_kind_name(cell_kind(actual)));
        add_fields(result, expected, actual);
    }
}

void
diverge_dropped(struct replay_result *result, const union cell *command)
{
    result->diverged_seq = cell_seq(command);
    result->text[0] = '\0';
    add(result, "command %" PRIu64 " (%s): the engine does not admit it", cell_seq(command),
        cell_kind_name(cell_kind(command)));
}
