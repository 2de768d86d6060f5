#include "tools/config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/ring.h"
#include "gateway/gateway.h"
#include "journal/retain.h"
#include "proto/hash.h"
#include "proto/limits.h"

#include "tools/commands.h"
#include "tools/config_read.h"

#define FILE_BYTES_MAX     (256u << 20)
#define RING_CELLS_MAX     (1u << 26)
#define OUT_RING_CELLS_MIN 1024u
#define RETRANSMIT_MIN     64u
#define RETRANSMIT_MAX     (1u << 20)

_Static_assert(OUT_RING_CELLS_MIN >= 4 * SLICE_CELLS_MAX, "room for slices while others are read");

void *
config_array(size_t cnt, size_t bytes)
{
    void *mem = calloc(cnt > 0 ? cnt : 1, bytes);

    if (mem == NULL) {
        fputs("outcry: no memory for the configuration\n", stderr);
        exit(EXIT_SETUP);
    }
    return mem;
}

const char *
config_word(const char *words, unsigned word, char buf[16])
{
    for (; word > 0; word--)
        words += strcspn(words, " ") + 1;
    snprintf(buf, 16, "%.*s", (int)strcspn(words, " "), words);
    return buf;
}

static bool
is_name(const char *text, size_t len_max, const char *also)
{
    const size_t len = strlen(text);

    if (len == 0 || len > len_max || strchr("._-/", text[0]) != NULL)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              strchr(also, c) != NULL))
            return false;
    }
    return true;
}

void
config_read_name(const struct doc_map *map,
                 const char *key,
                 size_t len_max,
                 const char *expected,
                 char *name)
{
    const char *text = doc_text(map, key, NULL, expected);

    if (doc_failed(map->doc))
        return;
    if (!is_name(text, len_max, strchr(expected, '/') != NULL ? "._-/" : "._-")) {
        doc_refuse(map, key, "is \"%.40s\", expected %s", text, expected);
        return;
    }
    memcpy(name, text, strlen(text) + 1);
}

static void
read_exchange(struct config *config, const struct doc_map *root)
{
    struct doc_map map;

    doc_map(root, "exchange", "shard ack interval_ms", &map);
    config->engine.shard = (uint16_t)doc_u64(&map, "shard", 0, SHARDS_MAX - 1, 0);
    config->ack_mode =
        (uint8_t)doc_word(&map, "ack", CONFIG_ACK_WORDS, (uint32_t)CELL_ACK_MODE_DURABLE);
    config->interval_ms = (uint32_t)doc_u64(&map, "interval_ms", 1, 10000, 10);
    if (doc_given(&map, "interval_ms") && config->ack_mode != CELL_ACK_MODE_INTERVAL)
        doc_refuse(&map, "interval_ms", "is given, expected only with ack: interval");
}

/* read_power reads a power of two. */
static uint32_t
read_power(const struct doc_map *map,
           const char *key,
           uint32_t min,
           uint32_t max,
           uint32_t fallback)
{
    const uint64_t value = doc_u64(map, key, min, max, fallback);

    if (!is_pow2_u64(value))
        doc_refuse(map, key, "is %lu, expected a power of two", (unsigned long)value);
    return (uint32_t)value;
}

static void
read_pools(struct config *config, const struct doc_map *root)
{
    struct engine_cfg *engine = &config->engine;
    struct doc_map map;

    doc_map(root, "pools",
            "orders instruments accounts groups firms sessions positions pages extras "
            "in_ring_cells out_ring_cells retransmit",
            &map);
    engine->orders_max = (uint32_t)doc_u64(&map, "orders", 1, ORDERS_MAX, 1000000);
    engine->instruments_max = (uint32_t)doc_u64(&map, "instruments", 1, INSTRUMENTS_MAX, 1024);
    engine->accounts_max = (uint32_t)doc_u64(&map, "accounts", 1, ACCOUNTS_MAX, 1024);
    engine->groups_max = (uint32_t)doc_u64(&map, "groups", 1, GROUPS_MAX, 64);
    engine->firms_max = (uint32_t)doc_u64(&map, "firms", 1, FIRMS_MAX, 64);
    engine->sessions_max = (uint32_t)doc_u64(&map, "sessions", 1, SESSIONS_MAX, 64);
    engine->positions_max = (uint32_t)doc_u64(&map, "positions", 1, POSITIONS_MAX, 65536);
    engine->pages_max = (uint32_t)doc_u64(&map, "pages", 1, PAGES_MAX, 65536);
    engine->extras_max = (uint32_t)doc_u64(&map, "extras", 0, EXTRAS_MAX, 65536);
    config->in_ring_cells = read_power(&map, "in_ring_cells", 64, RING_CELLS_MAX, 16384);
    config->out_ring_cells =
        read_power(&map, "out_ring_cells", OUT_RING_CELLS_MIN, RING_CELLS_MAX, 262144);
    config->retransmit = read_power(&map, "retransmit", RETRANSMIT_MIN, RETRANSMIT_MAX, 65536);
    if (!doc_failed(map.doc) && engine_footprint(engine) == 0)
        doc_refuse(&map, NULL, "are sizes that the engine does not take, expected smaller ones");
}

/* read_path makes a path absolute: relative ones begin at the folder of the
 * configuration file. */
static void
read_path(struct config *config,
          const struct doc_map *map,
          const char *key,
          const char *path,
          char out[PATH_MAX])
{
    char file[PATH_MAX];
    char base[PATH_MAX];
    int len;

    memcpy(file, config->file, sizeof file);
    if (*path == '/')
        len = snprintf(out, PATH_MAX, "%s", path);
    else if (realpath(dirname(file), base) == NULL)
        len = snprintf(out, PATH_MAX, "%s", path);
    else
        len = snprintf(out, PATH_MAX, "%s/%s", base, path);
    if (len >= PATH_MAX)
        doc_refuse(map, key, "is too long, expected less than %d characters", PATH_MAX);
}

static void
read_journal(struct config *config, const struct doc_map *root)
{
    static const char expected[] = "the path of an existing folder";
    struct doc_map map;

    doc_map(root, "journal", "folder segment_mib reserve_mib retain_years archive_key", &map);

    const char *folder = doc_text(&map, "folder", NULL, expected);
    const char *key = doc_text(&map, "archive_key", "", "the path of a file");

    config->segment_mib = (uint32_t)doc_u64(&map, "segment_mib", 1, 65536, 256);
    config->reserve_mib = (uint32_t)doc_u64(&map, "reserve_mib", 0, 16777216, config->segment_mib);
    config->retain_years = (uint32_t)doc_u64(&map, "retain_years", 1, RETAIN_YEARS_MAX, 0);
    if (doc_failed(map.doc))
        return;
    if (*folder == '\0')
        doc_refuse(&map, "folder", "is empty, expected %s", expected);
    else
        read_path(config, &map, "folder", folder, config->journal_folder);
    if (*key != '\0')
        read_path(config, &map, "archive_key", key, config->archive_key);
}

/* read_admins reads who else may speak at the admin socket. */
static void
read_admins(struct config *config, const struct doc_map *root)
{
    struct doc_list list;

    doc_list(root, "admins", CONFIG_ADMINS_MAX, &list);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct doc_map map;

        doc_item(&list, i, "uid", &map);
        config->admins[config->admins_cnt++] =
            (uint32_t)doc_u64(&map, "uid", 0, UINT32_MAX - 1, DOC_NEEDED);
    }
}

static void
read_gateway(struct config *config, const struct doc_map *root)
{
    struct doc_map map;

    doc_map(root, "gateway",
            "keepalive_ms credentials_window_ms plain_credentials require_context login_rate "
            "messages_per_s cancels_per_s bytes_per_s burst_ms throttle message_bytes",
            &map);
    config->keepalive_ms =
        (uint32_t)doc_u64(&map, "keepalive_ms", KEEPALIVE_MS_MIN, KEEPALIVE_MS_MAX, 1000);
    config->credentials_window_ms =
        (uint32_t)doc_u64(&map, "credentials_window_ms", CREDENTIALS_WINDOW_MS_MIN,
                          CREDENTIALS_WINDOW_MS_MAX, CREDENTIALS_WINDOW_MS);
    config->plain_credentials = doc_bool(&map, "plain_credentials", false);
    config->require_context = doc_bool(&map, "require_context", false);
    config_read_throttle(&map, &(struct gateway_throttle){0}, &config->throttle);
    config->throttle_burst_ms =
        (uint32_t)doc_u64(&map, "burst_ms", 1, THROTTLE_BURST_MS_MAX, THROTTLE_BURST_MS);
    config->throttle_queue = doc_word(&map, "throttle", CONFIG_THROTTLE_WORDS, 0) == 1;
    config->message_bytes = (uint32_t)doc_u64(&map, "message_bytes", MESSAGE_BYTES_MIN,
                                              DATAGRAM_BYTES_MAX, DATAGRAM_BYTES_MAX);
    config->login_rate = (uint32_t)doc_u64(&map, "login_rate", 1, LOGIN_RATE_MAX, LOGIN_RATE);
}

static void
read_general(struct config *config, const struct doc_map *root)
{
    read_exchange(config, root);
    read_pools(config, root);
    read_journal(config, root);
    read_gateway(config, root);
    read_admins(config, root);
}

struct config *
config_parse(const char *text, size_t len, const char *name, char why[CONFIG_WHY_BYTES])
{
    struct config *config = config_array(1, sizeof *config);
    struct doc_map root;

    snprintf(config->file, sizeof config->file, "%s", name);
    struct doc *doc = doc_open(text, len, config->file, why, CONFIG_WHY_BYTES);
    if (doc == NULL) {
        snprintf(why, CONFIG_WHY_BYTES, "%s:1: no memory to read it", name);
        free(config);
        return NULL;
    }
    doc_root(doc,
             "exchange journal pools threads ports firms groups accounts positions instruments "
             "sessions gateway admins limits rules",
             &root);
    read_general(config, &root);
    config_read_ports(config, &root);
    config_read_threads(config, &root);
    config_read_entities(config, &root);
    config_read_risk(config, &root);
    if (doc_failed(doc)) {
        config_free(config);
        config = NULL;
    }
    doc_close(doc);
    return config;
}

/* read_file returns the whole file, NULL with errno set. */
static char *
read_file(const char *path, size_t *len)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char *text = NULL;
    ssize_t got = 1;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) != 0)
        goto out;
    errno = S_ISDIR(status.st_mode) ? EISDIR : status.st_size > FILE_BYTES_MAX ? EFBIG : 0;
    if (errno != 0)
        goto out;
    const size_t room = (size_t)status.st_size + (1u << 16);
    text = config_array(room, 1);
    for (*len = 0; *len < room && got > 0; *len += (size_t)(got > 0 ? got : 0))
        got = read(fd, text + *len, room - *len);
    if (got != 0) {
        errno = got > 0 ? EFBIG : errno;
        free(text);
        text = NULL;
    }
out:
    close(fd);
    return text;
}

struct config *
config_load(const char *path, char why[CONFIG_WHY_BYTES])
{
    size_t len = 0;
    char *text = read_file(path, &len);

    if (text == NULL) {
        snprintf(why, CONFIG_WHY_BYTES, "%s:1: cannot be read (%s), expected a configuration file",
                 path, strerror(errno));
        return NULL;
    }
    struct config *config = config_parse(text, len, path, why);
    free(text);
    return config;
}

static void
free_args(const char *const *args)
{
    if (args == NULL)
        return;
    for (const char *const *arg = args; *arg != NULL; arg++)
        free((void *)(uintptr_t)*arg);
    free((void *)(uintptr_t)args);
}

void
config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (unsigned i = 0; i < config->ports_cnt; i++) {
        free_args(config->ports[i].eal);
        free_args(config->ports[i].client.eal);
    }
    for (unsigned i = 0; i < config->groups_cnt; i++)
        free((void *)(uintptr_t)config->groups[i].restricted);
    free(config->firms);
    free(config->groups);
    free(config->accounts);
    free(config->positions);
    free(config->instruments);
    free(config->sessions);
    free(config->limits);
    free(config->rules);
    free(config);
}

const struct config_instrument *
config_instrument(const struct config *config, const char *symbol)
{
    for (unsigned i = 0; i < config->instruments_cnt; i++)
        if (strcmp(config->instruments[i].symbol, symbol) == 0)
            return &config->instruments[i];
    return NULL;
}

const struct config_account *
config_account(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->accounts_cnt; i++)
        if (strcmp(config->accounts[i].name, name) == 0)
            return &config->accounts[i];
    return NULL;
}

const struct config_session *
config_session(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->sessions_cnt; i++)
        if (strcmp(config->sessions[i].name, name) == 0)
            return &config->sessions[i];
    return NULL;
}

const struct config_port *
config_port(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->ports_cnt; i++)
        if (strcmp(config->ports[i].name, name) == 0)
            return &config->ports[i];
    return NULL;
}

const struct config_thread *
config_thread_of(const struct config *config, enum config_stage stage)
{
    for (unsigned i = 0; i < config->threads_cnt; i++)
        for (unsigned k = 0; k < config->threads[i].stages_cnt; k++)
            if (config->threads[i].stages[k] == stage)
                return &config->threads[i];
    ASSERT(stage == CONFIG_DOOR);
    return NULL;
}
