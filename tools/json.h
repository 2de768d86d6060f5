/*
 * Json: prints one flat JSON object, a line, for scripts to read.
 *
 *   struct json json;
 *   json_begin(&json, stdout);
 *   json_u64(&json, "commands", 12);
 *   json_text(&json, "state_hash", "...");
 *   json_end(&json);                         {"commands": 12, "state_hash": "..."}
 *
 * Keys are literals of ours. Texts are escaped; a byte that is not ASCII
 * becomes \u00XX, so that the output is valid whatever a journal holds.
 */
#ifndef OUTCRY_TOOLS_JSON_H
#define OUTCRY_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool first;
};

void json_begin(struct json *json, FILE *out);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_i64(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_text(struct json *json, const char *key, const char *value);

/* json_chars prints len bytes as json_text does, NULs as well. */
void json_chars(struct json *json, const char *key, const char *bytes, size_t len);

/* json_real prints a measured value with three decimals. */
void json_real(struct json *json, const char *key, double value);

/* json_key prints the key alone: its value, an array or an object, is the caller's.
 * json_close ends an object that is inside of another, without ending the line. */
void json_key(struct json *json, const char *key);
void json_close(struct json *json);

/* json_end closes the object and ends the line. */
void json_end(struct json *json);

#endif
