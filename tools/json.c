#include "tools/json.h"

#include <inttypes.h>
#include <string.h>

static void
put_bytes(FILE *out, const char *bytes, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)bytes[i];

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

void
json_key(struct json *json, const char *key)
{
    fprintf(json->out, json->first ? "\"%s\": " : ", \"%s\": ", key);
    json->first = false;
}

void
json_begin(struct json *json, FILE *out)
{
    *json = (struct json){.out = out, .first = true};
    fputc('{', out);
}

void
json_u64(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void
json_i64(struct json *json, const char *key, int64_t value)
{
    json_key(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void
json_bool(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    fputs(value ? "true" : "false", json->out);
}

void
json_text(struct json *json, const char *key, const char *value)
{
    json_key(json, key);
    put_bytes(json->out, value, strlen(value));
}

void
json_chars(struct json *json, const char *key, const char *bytes, size_t len)
{
    json_key(json, key);
    put_bytes(json->out, bytes, len);
}

void
json_real(struct json *json, const char *key, double value)
{
    json_key(json, key);
    fprintf(json->out, "%.3f", value);
}

void
json_close(struct json *json)
{
    fputc('}', json->out);
}

void
json_end(struct json *json)
{
    fputs("}\n", json->out);
}
