/*
 * Private to tools/config*.c: reading section by section, and finding names.
 *
 * Each config_read_* takes its section of the document into the config; a
 * refusal is kept by the doc. The order is: general, wiring, entities; within
 * entities what is referred to comes before what refers to it.
 */
#ifndef OUTCRY_TOOLS_CONFIG_READ_H
#define OUTCRY_TOOLS_CONFIG_READ_H

#include "tools/config.h"
#include "tools/config_doc.h"

#define CONFIG_NAME_EXPECTED \
 "a name of 1 to 16 letters, digits, '.', '_' or '-' that begins with a letter or digit"
#define CONFIG_SYMBOL_EXPECTED \
 "a symbol of 1 to 8 letters, digits, '.', '_', '-' or '/' that begins with a letter or digit"
#define CONFIG_ADDRESS_EXPECTED "an IPv4 address like 127.0.0.1"

#define CONFIG_STATE_WORDS      "active suspended close_only blocked"
#define CONFIG_INSTRUMENT_WORDS "open halted closed"
#define CONFIG_ALGORITHM_WORDS  "price-time pro-rata split"
#define CONFIG_ACK_WORDS        "durable interval memory"
#define CONFIG_STAGE_WORDS      "gateway engine journal door"
#define CONFIG_PORT_STAGE_WORDS "gateway door"
#define CONFIG_IDLE_WORDS       "spin yield block"
#define CONFIG_KIND_WORDS       "udp dpdk tcp"
#define CONFIG_THROTTLE_WORDS   "reject queue"

void config_read_threads(struct config *config, const struct doc_map *root);
void config_read_ports(struct config *config, const struct doc_map *root);
void config_read_entities(struct config *config, const struct doc_map *root);

/* config_read_throttle reads the rates of a session, or those of all. */
void config_read_throttle(const struct doc_map *map,
                          const struct gateway_throttle *fallback,
                          struct gateway_throttle *throttle);

void config_read_fees(const struct doc_map *map, struct config_instrument *instrument);

/* config_read_risk reads limits and rules, behind all that they speak of;
 * config_print_risk prints them. */
void config_read_risk(struct config *config, const struct doc_map *root);
void config_print_risk(const struct config *config, FILE *out);

/* config_read_name reads the name at key into name, which has len_max + 1 bytes;
 * also names the characters that a symbol may have. */
void config_read_name(const struct doc_map *map,
                      const char *key,
                      size_t len_max,
                      const char *expected,
                      char *name);

/* config_array takes zeroed memory for cnt elements; never NULL for cnt 0.
 * Without memory the process ends: nothing runs yet. */
void *config_array(size_t cnt, size_t bytes);

/* config_word returns word number `word` of words, in buf. */
const char *config_word(const char *words, unsigned word, char buf[16]);

#endif
