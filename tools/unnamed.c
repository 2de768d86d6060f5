#include "tools/unnamed.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/inside.h"

#include "tools/roster.h"
#include "tools/view.h"
#include "tools/words.h"

/* What the configuration names, as engine_config_get calls it. */
struct key {
    uint32_t kind;
    uint32_t id;
    uint32_t id2;
};

struct walk {
    const struct exchange *exchange;
    FILE *out;
    struct roster roster;
    struct key *named; /* sorted */
    size_t named_cnt;
    uint64_t told_cnt;
};

static int
compare(const void *left, const void *right)
{
    const struct key *a = left;
    const struct key *b = right;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->id2 < b->id2 ? -1 : a->id2 > b->id2;
}

/* names gathers what the configuration names; false without memory. */
static bool
names(struct walk *walk)
{
    const struct config *config = walk->exchange->config;
    const size_t cnt = (size_t)config->limits_cnt + config->rules_cnt + config->positions_cnt;
    struct key *key = calloc(cnt + 1, sizeof *key);

    walk->named = key;
    walk->named_cnt = cnt;
    if (key == NULL)
        return false;
    for (unsigned i = 0; i < config->limits_cnt; i++) {
        const struct cell_limit_set *set = &config->limits[i];

        *key++ =
            (struct key){CELL_KIND_LIMIT_SET, set->subject, view_limit_key(set->level, set->limit)};
    }
    for (unsigned i = 0; i < config->rules_cnt; i++)
        *key++ = (struct key){CELL_KIND_ORDER_RULE_SET, config->rules[i].subject,
                              config->rules[i].level};
    for (unsigned i = 0; i < config->positions_cnt; i++)
        *key++ = (struct key){CELL_KIND_POSITION_LIMIT_SET,
                              config->accounts[config->positions[i].account].id,
                              config->instruments[config->positions[i].instrument].id};
    qsort(walk->named, cnt, sizeof *walk->named, compare);
    return true;
}

/* is_left says whether the engine has it, from a configuration, and this one does not
 * name it; then cell is what it has. */
static bool
is_left(const struct walk *walk, const struct key *key, union cell *cell)
{
    const struct engine *engine = walk->exchange->engine;
    union cell now[CELL_COMMAND_MAX];

    if (engine_config_get(engine, key->kind, key->id, key->id2, now) == 0 ||
        bsearch(key, walk->named, walk->named_cnt, sizeof *key, compare) != NULL ||
        view_by_hand(engine, key->kind, key->id, key->id2))
        return false;
    *cell = now[0];
    return true;
}

/* counts_one counts, and says whether there is a line for it. */
static bool
counts_one(struct walk *walk)
{
    return walk->told_cnt++ < UNNAMED_LINES_MAX;
}

/* has_own_key: such limits are part of what the configuration says of the subject. */
static bool
has_own_key(uint8_t level, uint8_t limit)
{
    return level == OE_RISK_LEVEL_ACCOUNT && limit <= CELL_RISK_LIMIT_SHORT;
}

_Static_assert(CELL_RISK_LIMIT_ORDER_QTY == 1 && CELL_RISK_LIMIT_SHORT == 4, "has_own_key");

static void
tell_limits(struct walk *walk, uint8_t level, uint32_t id)
{
    char name[ROSTER_NAME_BYTES];
    char amount[WORDS_AMOUNT_BYTES];
    union cell cell;

    for (uint8_t limit = 1; limit < RISK_LIMITS_CNT; limit++) {
        const struct key key = {CELL_KIND_LIMIT_SET, id, view_limit_key(level, limit)};

        if (has_own_key(level, limit) || !is_left(walk, &key, &cell) ||
            cell.limit_set.value == RISK_LIMIT_OFF || !counts_one(walk))
            continue;
        fprintf(walk->out, "outcry: %s of %s %s: value is %s, not in the configuration: kept\n",
                words_limit_name(limit), words_level_name(level),
                roster_name(&walk->roster, level, id, name),
                words_amount(limit, cell.limit_set.value, amount));
    }
}

/* is_default says whether a rule is as if it had never been set. */
static bool
is_default(const struct cell_order_rule_set *set)
{
    return set->types == WORDS_TYPES_ALL && set->tifs == WORDS_TIFS_ALL && set->covered == 0 &&
           set->unreferenced == 0 &&
           (set->level == OE_RISK_LEVEL_ACCOUNT || set->references == WORDS_REFERENCES_DEFAULT);
}

static void
tell_rule(struct walk *walk, uint8_t level, uint32_t id)
{
    const struct key key = {CELL_KIND_ORDER_RULE_SET, id, level};
    char name[ROSTER_NAME_BYTES];
    char rule[WORDS_RULE_BYTES];
    union cell cell;

    if (!is_left(walk, &key, &cell) || is_default(&cell.order_rule_set) || !counts_one(walk))
        return;
    fprintf(walk->out, "outcry: order rule of %s %s: %s, not in the configuration: kept\n",
            words_level_name(level), roster_name(&walk->roster, level, id, name),
            words_rule(&cell.order_rule_set, rule));
}

static void
tell_pair(struct walk *walk, const struct risk *risk, uint32_t idx)
{
    const struct risk_pair pair = risk_pair_of(risk, risk_position_slot(risk, idx));
    const struct key key = {CELL_KIND_POSITION_LIMIT_SET, pair.account, pair.instrument};
    char account[ROSTER_NAME_BYTES];
    char instrument[ROSTER_NAME_BYTES];
    union cell cell;

    if (!is_left(walk, &key, &cell) || !counts_one(walk))
        return;
    fprintf(walk->out, "outcry: position limit of %s in %s: not in the configuration: kept\n",
            roster_name(&walk->roster, OE_RISK_LEVEL_ACCOUNT, pair.account, account),
            roster_name(&walk->roster, OE_RISK_LEVEL_INSTRUMENT, pair.instrument, instrument));
}

static void
tell(struct walk *walk)
{
    const struct exchange *exchange = walk->exchange;
    const struct risk *risk = engine_risk(exchange->engine);

    for (uint32_t id = 0; id < exchange->config->engine.sessions_max; id++)
        tell_limits(walk, OE_RISK_LEVEL_SESSION, id);
    for (uint8_t level = OE_RISK_LEVEL_ACCOUNT; level <= OE_RISK_LEVEL_INSTRUMENT; level++)
        for (uint32_t id = 0; id < risk_subjects_cnt(risk, level); id++) {
            if (level != OE_RISK_LEVEL_INSTRUMENT)
                tell_limits(walk, level, id);
            if (level == OE_RISK_LEVEL_ACCOUNT || level == OE_RISK_LEVEL_INSTRUMENT)
                tell_rule(walk, level, id);
        }
    for (uint32_t i = 0; i < risk_positions_cnt(risk); i++)
        tell_pair(walk, risk, i);
}

void
unnamed_say(const struct exchange *exchange, FILE *out)
{
    struct walk walk = {.exchange = exchange, .out = out};

    if (!names(&walk))
        return;
    roster_init(&walk.roster, exchange->config);
    tell(&walk);
    if (walk.told_cnt > UNNAMED_LINES_MAX)
        fprintf(out, "outcry: %" PRIu64 " more are not in the configuration: kept\n",
                walk.told_cnt - UNNAMED_LINES_MAX);
    roster_fini(&walk.roster);
    free(walk.named);
}
