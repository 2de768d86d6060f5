/*
 * The parts of the configuration that become commands: firms, groups, accounts,
 * positions, instruments, sessions.
 *
 * What refers to something by name is resolved as it is read, through sorted
 * tables, so that a million accounts cost a million look-ups of a table and not
 * of a list.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"
#include "gateway/soup.h"
#include "proto/limits.h"

#include "tools/config_read.h"
#include "tools/text.h"

/* One entity of a list: its name, its id and where it is. */
struct entry {
    const char *name;
    uint32_t id;
    unsigned at;
};

struct table {
    struct entry *entries; /* sorted by name */
    unsigned cnt;
};

static int
by_name(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    const int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int
by_id(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* table_seal sorts what was put in and refuses ids and names given twice. */
static void
table_seal(struct table *table, const struct doc_list *list)
{
    struct entry *entries = table->entries;

    qsort(entries, table->cnt, sizeof *entries, by_id);
    for (unsigned i = 1; i < table->cnt && !doc_failed(list->doc); i++)
        if (entries[i].id == entries[i - 1].id)
            doc_refuse_item(list, entries[i].at, "has the id %u of %s, expected an id of its own",
                            entries[i].id, entries[i - 1].name);
    qsort(entries, table->cnt, sizeof *entries, by_name);
    for (unsigned i = 1; i < table->cnt && !doc_failed(list->doc); i++)
        if (strcmp(entries[i].name, entries[i - 1].name) == 0)
            doc_refuse_item(list, entries[i].at,
                            "has the name %s of %s[%u], expected a name of its own",
                            entries[i].name, list->what, entries[i - 1].at);
}

static void
table_put(struct table *table, const char *name, uint32_t id)
{
    table->entries[table->cnt] = (struct entry){.name = name, .id = id, .at = table->cnt};
    table->cnt++;
}

static bool
table_find(const struct table *table, const char *name, unsigned *at)
{
    unsigned low = 0;
    unsigned high = table->cnt;

    while (low < high) {
        const unsigned middle = low + (high - low) / 2;
        const int order = strcmp(table->entries[middle].name, name);

        if (order == 0) {
            *at = table->entries[middle].at;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* read_ref reads a name and finds it. */
static unsigned
read_ref(const struct doc_map *map,
         const char *key,
         const struct table *table,
         const char *expected)
{
    const char *name = doc_text(map, key, NULL, expected);
    unsigned at = 0;

    if (!doc_failed(map->doc) && !table_find(table, name, &at))
        doc_refuse(map, key, "is %.40s, which is not there, expected %s", name, expected);
    return at;
}

static uint32_t
read_id(const struct doc_map *map, uint32_t pool)
{
    return (uint32_t)doc_u64(map, "id", 0, pool - 1, DOC_NEEDED);
}

static void
read_firms(struct config *config, const struct doc_map *root, struct table *table)
{
    struct doc_list list;

    doc_list(root, "firms", config->engine.firms_max, &list);
    config->firms = config_array(list.cnt, sizeof *config->firms);
    table->entries = config_array(list.cnt, sizeof *table->entries);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct config_firm *firm = &config->firms[config->firms_cnt++];
        struct doc_map map;

        doc_item(&list, i, "id name", &map);
        firm->id = read_id(&map, config->engine.firms_max);
        config_read_name(&map, "name", CONFIG_NAME_MAX, CONFIG_NAME_EXPECTED, firm->name);
        table_put(table, firm->name, firm->id);
    }
    table_seal(table, &list);
}

/* check_instrument refuses limits that contradict each other or the tick. */
static void
check_instrument(const struct doc_map *map,
                 const struct doc_map *limits,
                 const struct config_instrument *instrument)
{
    const px_t prices[] = {instrument->reference_px, instrument->band_low_px,
                           instrument->band_high_px};
    static const char *const keys[] = {"reference", "band_low", "band_high"};
    char px[TEXT_PX_BYTES];
    px_t unit = PX_ONE;
    uint32_t tick;

    if (doc_failed(map->doc))
        return;
    for (unsigned i = 0; i < instrument->px_decimals; i++)
        unit /= 10;
    if (instrument->tick_px % unit != 0)
        doc_refuse(map, "price_decimals",
                   "is %u but the tick is %s, expected as many decimals as "
                   "the tick has",
                   instrument->px_decimals, text_px(instrument->tick_px, 0, px));
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        if (prices[i] != 0 && !px_to_tick(prices[i], instrument->tick_px, &tick))
            doc_refuse(limits, keys[i],
                       "is off tick or beyond 2^30 ticks, expected a multiple of %s",
                       text_px(instrument->tick_px, 0, px));
    if (instrument->band_high_px != 0 && instrument->band_low_px > instrument->band_high_px)
        doc_refuse(limits, "band_low", "is above band_high, expected it below");
    if (instrument->order_qty_min > instrument->order_qty_max)
        doc_refuse(limits, "order_qty_min", "is above order_qty, expected it below");
    if ((instrument->collar_ticks != 0 || instrument->collar_permille != 0) &&
        instrument->reference_px == 0)
        doc_refuse(limits, NULL,
                   "has a collar but no reference, expected the price from which the "
                   "collar is measured before the first trade");
}

/* read_matching reads how orders of the instrument share a trade. What another
 * algorithm would need is refused, not ignored. */
static void
read_matching(const struct doc_map *map, struct config_instrument *instrument)
{
    const uint32_t algorithm = doc_word(map, "algorithm", CONFIG_ALGORITHM_WORDS,
                                        (uint32_t)CELL_MATCH_ALGORITHM_PRICE_TIME);
    static const char *const shares[] = {"allocation_min", "top_max"};

    instrument->algorithm = (uint8_t)algorithm;
    instrument->allocation_min = (uint32_t)doc_u64(map, "allocation_min", 0, QTY_MAX, 0);
    instrument->fifo_permille = (uint16_t)doc_u64(
        map, "fifo_permille", 0, 1000, algorithm == CELL_MATCH_ALGORITHM_SPLIT ? DOC_NEEDED : 0);
    instrument->top_max = (uint32_t)doc_u64(map, "top_max", 0, QTY_MAX, 0);
    if (algorithm != CELL_MATCH_ALGORITHM_SPLIT && doc_given(map, "fifo_permille"))
        doc_refuse(map, "fifo_permille", "is given, expected only with algorithm: split");
    for (unsigned i = 0; i < ARRAY_LEN(shares); i++)
        if (algorithm == CELL_MATCH_ALGORITHM_PRICE_TIME && doc_given(map, shares[i]))
            doc_refuse(map, shares[i], "is given, expected only with algorithm: pro-rata or split");
}

static void
read_instrument(const struct doc_map *map, struct config_instrument *instrument)
{
    struct doc_map limits;
    px_t rest;
    uint8_t decimals = 8;

    config_read_name(map, "symbol", CONFIG_SYMBOL_MAX, CONFIG_SYMBOL_EXPECTED, instrument->symbol);
    instrument->tick_px = doc_px(map, "tick", 1, PX_MAX, DOC_NEEDED_PX);
    for (rest = instrument->tick_px; decimals > 0 && rest % 10 == 0; rest /= 10)
        decimals--;
    instrument->lot_qty = (qty_t)doc_u64(map, "lot", 1, QTY_MAX, 1);
    instrument->px_decimals = (uint8_t)doc_u64(map, "price_decimals", 0, 8, decimals);
    instrument->state = (uint8_t)doc_word(map, "state", CONFIG_INSTRUMENT_WORDS, 0);
    instrument->state_given = doc_given(map, "state");
    read_matching(map, instrument);
    config_read_fees(map, instrument);

    doc_map(map, "limits",
            "order_qty order_qty_min order_value reference collar_ticks collar_permille band_low "
            "band_high",
            &limits);
    instrument->order_qty_max = (qty_t)doc_u64(&limits, "order_qty", 1, QTY_MAX, QTY_MAX);
    instrument->order_qty_min = (qty_t)doc_u64(&limits, "order_qty_min", 0, QTY_MAX, 0);
    instrument->order_value_max = doc_px(&limits, "order_value", 1, PX_MAX, PX_MAX);
    instrument->reference_px = doc_px(&limits, "reference", 1, PX_MAX, 0);
    instrument->collar_ticks = (uint32_t)doc_u64(&limits, "collar_ticks", 1, TICK_MAX, 0);
    instrument->collar_permille = (uint32_t)doc_u64(&limits, "collar_permille", 1, 1000000, 0);
    instrument->band_low_px = doc_px(&limits, "band_low", 1, PX_MAX, 0);
    instrument->band_high_px = doc_px(&limits, "band_high", 1, PX_MAX, 0);
    check_instrument(map, &limits, instrument);
}

static void
read_instruments(struct config *config, const struct doc_map *root, struct table *table)
{
    struct doc_list list;

    doc_list(root, "instruments", config->engine.instruments_max, &list);
    config->instruments = config_array(list.cnt, sizeof *config->instruments);
    table->entries = config_array(list.cnt, sizeof *table->entries);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct config_instrument *instrument = &config->instruments[config->instruments_cnt++];
        struct doc_map map;

        doc_item(&list, i,
                 "id symbol tick lot price_decimals state algorithm allocation_min "
                 "fifo_permille top_max fees limits",
                 &map);
        instrument->id = read_id(&map, config->engine.instruments_max);
        read_instrument(&map, instrument);
        table_put(table, instrument->symbol, instrument->id);
    }
    table_seal(table, &list);
}

static int
by_number(const void *a, const void *b)
{
    const unsigned x = *(const unsigned *)a;
    const unsigned y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

/* read_restricted reads the symbols and keeps them sorted by place. */
static void
read_restricted(const struct doc_map *map, struct config_group *group, const struct table *symbols)
{
    struct doc_list list;

    doc_list(map, "restricted", INSTRUMENTS_MAX, &list);
    unsigned *restricted = config_array(list.cnt, sizeof *restricted);
    group->restricted = restricted;
    for (unsigned i = 0; i < list.cnt && !doc_failed(map->doc); i++) {
        const char *symbol = doc_item_text(&list, i);

        if (!doc_failed(map->doc) && !table_find(symbols, symbol, &restricted[i])) {
            doc_refuse_item(&list, i,
                            "is %.40s, which is not there, expected the symbol of an "
                            "instrument",
                            symbol);
            return;
        }
        group->restricted_cnt++;
    }
    qsort(restricted, group->restricted_cnt, sizeof *restricted, by_number);
    for (unsigned i = 1; i < group->restricted_cnt; i++)
        if (restricted[i] == restricted[i - 1])
            doc_refuse(map, "restricted", "has an instrument twice, expected each once");
}

static void
read_groups(struct config *config,
            const struct doc_map *root,
            const struct table *firms,
            const struct table *symbols,
            struct table *table)
{
    struct doc_list list;

    doc_list(root, "groups", config->engine.groups_max, &list);
    config->groups = config_array(list.cnt, sizeof *config->groups);
    table->entries = config_array(list.cnt, sizeof *table->entries);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct config_group *group = &config->groups[config->groups_cnt++];
        struct doc_map map;

        doc_item(&list, i, "id name firm restricted", &map);
        group->id = read_id(&map, config->engine.groups_max);
        config_read_name(&map, "name", CONFIG_NAME_MAX, CONFIG_NAME_EXPECTED, group->name);
        group->firm = read_ref(&map, "firm", firms, "the name of a firm");
        read_restricted(&map, group, symbols);
        table_put(table, group->name, group->id);
    }
    table_seal(table, &list);
}

static void
read_accounts(struct config *config,
              const struct doc_map *root,
              const struct table *groups,
              struct table *table)
{
    struct doc_list list;

    doc_list(root, "accounts", config->engine.accounts_max, &list);
    config->accounts = config_array(list.cnt, sizeof *config->accounts);
    table->entries = config_array(list.cnt, sizeof *table->entries);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct config_account *account = &config->accounts[config->accounts_cnt++];
        struct doc_map map;
        struct doc_map limits;

        doc_item(&list, i, "id name group state limits", &map);
        account->id = read_id(&map, config->engine.accounts_max);
        config_read_name(&map, "name", CONFIG_NAME_MAX, CONFIG_NAME_EXPECTED, account->name);
        account->group = read_ref(&map, "group", groups, "the name of a group");
        account->state = (uint8_t)doc_word(&map, "state", CONFIG_STATE_WORDS, 0);
        doc_map(&map, "limits", "order_qty order_value long short", &limits);
        account->order_qty_max = (qty_t)doc_u64(&limits, "order_qty", 1, QTY_MAX, QTY_MAX);
        account->order_value_max = doc_px(&limits, "order_value", 1, PX_MAX, PX_MAX);
        account->long_max = doc_u64(&limits, "long", 0, POSITION_LIMIT_MAX, POSITION_LIMIT_MAX);
        account->short_max = doc_u64(&limits, "short", 0, POSITION_LIMIT_MAX, POSITION_LIMIT_MAX);
        table_put(table, account->name, account->id);
    }
    table_seal(table, &list);
}

static int
by_pair(const void *a, const void *b)
{
    const struct config_position *x = *(const struct config_position *const *)a;
    const struct config_position *y = *(const struct config_position *const *)b;

    if (x->account != y->account)
        return x->account < y->account ? -1 : 1;
    if (x->instrument != y->instrument)
        return x->instrument < y->instrument ? -1 : 1;
    return (x > y) - (x < y);
}

static void
check_positions(const struct config *config, const struct doc_list *list)
{
    const struct config_position **sorted = config_array(config->positions_cnt, sizeof(void *));

    for (unsigned i = 0; i < config->positions_cnt; i++)
        sorted[i] = &config->positions[i];
    qsort(sorted, config->positions_cnt, sizeof *sorted, by_pair);
    for (unsigned i = 1; i < config->positions_cnt && !doc_failed(list->doc); i++)
        if (sorted[i]->account == sorted[i - 1]->account &&
            sorted[i]->instrument == sorted[i - 1]->instrument)
            doc_refuse_item(list, (unsigned)(sorted[i] - config->positions),
                            "has the account and instrument of %s[%u], expected each pair once",
                            list->what, (unsigned)(sorted[i - 1] - config->positions));
    free(sorted);
}

static void
read_positions(struct config *config,
               const struct doc_map *root,
               const struct table *accounts,
               const struct table *symbols)
{
    struct doc_list list;

    doc_list(root, "positions", config->engine.positions_max, &list);
    config->positions = config_array(list.cnt, sizeof *config->positions);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct config_position *position = &config->positions[config->positions_cnt++];
        struct doc_map map;

        doc_item(&list, i, "account instrument long short", &map);
        position->account = read_ref(&map, "account", accounts, "the name of an account");
        position->instrument = read_ref(&map, "instrument", symbols, "the symbol of an instrument");
        position->long_max = doc_u64(&map, "long", 0, POSITION_LIMIT_MAX, POSITION_LIMIT_MAX);
        position->short_max = doc_u64(&map, "short", 0, POSITION_LIMIT_MAX, POSITION_LIMIT_MAX);
    }
    check_positions(config, &list);
}

static void
read_key(const struct doc_map *map, struct config_session *session)
{
    static const char expected[] = "an access key of 1 to 32 visible characters";
    const char *key = doc_text(map, "key", NULL, expected);
    const size_t len = strlen(key);
    bool good = len > 0 && len <= CONFIG_KEY_MAX;

    if (doc_failed(map->doc))
        return;
    for (size_t i = 0; i < len; i++)
        good = good && key[i] > ' ' && key[i] <= '~';
    if (good)
        memcpy(session->key, key, len + 1);
    else
        doc_refuse(map, "key", "is not usable, expected %s", expected);
}

void
config_read_throttle(const struct doc_map *map,
                     const struct gateway_throttle *fallback,
                     struct gateway_throttle *throttle)
{
    throttle->messages_per_s = (uint32_t)doc_u64(
        map, "messages_per_s", 0, GATEWAY_MESSAGES_PER_S_MAX, fallback->messages_per_s);
    throttle->cancels_per_s = (uint32_t)doc_u64(map, "cancels_per_s", 0, GATEWAY_MESSAGES_PER_S_MAX,
                                                fallback->cancels_per_s);
    throttle->bytes_per_s =
        (uint32_t)doc_u64(map, "bytes_per_s", 0, GATEWAY_BYTES_PER_S_MAX, fallback->bytes_per_s);
}

/* read_mpid reads the four characters that an account is called by in OUCH. */
static void
read_mpid(const struct doc_map *map, struct config_session *session)
{
    static const char expected[] = "1 to 4 capital letters and digits";
    const char *mpid = doc_text(map, "mpid", NULL, expected);
    const size_t len = strlen(mpid);
    bool good = len >= 1 && len < sizeof session->mpid;

    if (doc_failed(map->doc))
        return;
    for (size_t i = 0; i < len; i++)
        good = good && ((mpid[i] >= 'A' && mpid[i] <= 'Z') || (mpid[i] >= '0' && mpid[i] <= '9'));
    if (good)
        memcpy(session->mpid, mpid, len + 1);
    else
        doc_refuse(map, "mpid", "is %.40s, expected %s", mpid, expected);
}

/* check_soup_ports refuses a port at which nobody could log in. */
static void
check_soup_ports(const struct config *config, const struct doc_map *root)
{
    for (unsigned i = 0; i < config->sessions_cnt; i++)
        if (config->sessions[i].dialect == GATEWAY_OUCH)
            return;
    for (unsigned i = 0; i < config->ports_cnt; i++)
        if (config->ports[i].dialect == GATEWAY_OUCH)
            doc_refuse(root, "ports", "have %s of dialect ouch, expected a session that speaks it",
                       config->ports[i].name);
}

/* read_dialect reads what a session speaks, and what belongs to that. */
static void
read_dialect(const struct config *config,
             const struct doc_map *map,
             const struct table *accounts,
             struct config_session *session)
{
    static const char *const of_ouch[] = {"account", "mpid", "self_match"};

    session->dialect = (uint8_t)doc_word(map, "dialect", CONFIG_DIALECT_WORDS, GATEWAY_FIXP);
    if (session->dialect == GATEWAY_FIXP) {
        for (size_t i = 0; i < ARRAY_LEN(of_ouch); i++)
            if (doc_given(map, of_ouch[i]))
                doc_refuse(map, of_ouch[i], "is given, expected only with dialect ouch");
        return;
    }
    if (session->drop_copy)
        doc_refuse(map, "drop_copy", "is true, expected false with dialect ouch");
    session->account = read_ref(map, "account", accounts, "the name of an account");
    read_mpid(map, session);
    session->self_match = (uint8_t)doc_word(map, "self_match", CONFIG_SELF_MATCH_WORDS,
                                            OE_SELF_MATCH_PREVENTION_INSTRUCTION_NONE);
    if (doc_failed(map->doc))
        return;
    if (config->groups[config->accounts[session->account].group].firm != session->firm)
        doc_refuse(map, "account", "is %s, which is not of the session's firm",
                   config->accounts[session->account].name);
    else if (strlen(session->name) > SOUP_USER_LEN)
        doc_refuse(map, "name", "is %s, expected at most %u characters with dialect ouch",
                   session->name, SOUP_USER_LEN);
    else if (strlen(session->key) > SOUP_PASSWORD_LEN)
        doc_refuse(map, "key", "is too long, expected at most %u characters with dialect ouch",
                   SOUP_PASSWORD_LEN);
}

static void
read_sessions(struct config *config,
              const struct doc_map *root,
              const struct table *firms,
              const struct table *accounts)
{
    struct table table = {NULL, 0};
    struct doc_list list;

    doc_list(root, "sessions", config->engine.sessions_max, &list);
    config->sessions = config_array(list.cnt, sizeof *config->sessions);
    table.entries = config_array(list.cnt, sizeof *table.entries);
    for (unsigned i = 0; i < list.cnt && !doc_failed(root->doc); i++) {
        struct config_session *session = &config->sessions[config->sessions_cnt++];
        struct doc_map map;

        doc_item(&list, i,
                 "id name firm key cancel_on_disconnect_ms blocked drop_copy messages_per_s "
                 "cancels_per_s bytes_per_s dialect account mpid self_match",
                 &map);
        session->id = read_id(&map, config->engine.sessions_max);
        config_read_name(&map, "name", CONFIG_NAME_MAX, CONFIG_NAME_EXPECTED, session->name);
        session->firm = read_ref(&map, "firm", firms, "the name of a firm");
        read_key(&map, session);
        session->cancel_on_disconnect_ms =
            (uint32_t)doc_u64(&map, "cancel_on_disconnect_ms", 0, 86400000, 0);
        session->blocked = doc_bool(&map, "blocked", false);
        session->drop_copy = doc_bool(&map, "drop_copy", false);
        for (unsigned k = 0; k < i && session->drop_copy; k++)
            if (config->sessions[k].drop_copy && config->sessions[k].firm == session->firm)
                doc_refuse(&map, "drop_copy", "is true of %s as well, expected one of a firm",
                           config->sessions[k].name);
        config_read_throttle(&map, &config->throttle, &session->throttle);
        read_dialect(config, &map, accounts, session);
        table_put(&table, session->name, session->id);
    }
    table_seal(&table, &list);
    free(table.entries);
    if (!doc_failed(root->doc))
        check_soup_ports(config, root);
}

void
config_read_entities(struct config *config, const struct doc_map *root)
{
    struct table firms = {NULL, 0};
    struct table symbols = {NULL, 0};
    struct table groups = {NULL, 0};
    struct table accounts = {NULL, 0};

    read_firms(config, root, &firms);
    read_instruments(config, root, &symbols);
    read_groups(config, root, &firms, &symbols, &groups);
    read_accounts(config, root, &groups, &accounts);
    read_positions(config, root, &accounts, &symbols);
    read_sessions(config, root, &firms, &accounts);
    free(firms.entries);
    free(symbols.entries);
    free(groups.entries);
    free(accounts.entries);
}
