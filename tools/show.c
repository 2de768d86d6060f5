#include "tools/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/inside.h"

#include "tools/words.h"

/* Instruments that a slice of show_step looks at. */
#define STEP_INSTRUMENTS 4096u

static void
take_rows(struct show *show, const struct engine *engine, uint8_t level, uint32_t subject, bool all)
{
    for (uint8_t limit = 1; limit < RISK_LIMITS_CNT; limit++) {
        struct show_row *row = &show->rows[show->rows_cnt];

        if (show->rows_cnt == SHOW_ROWS_MAX ||
            (risk_limit_levels(limit) & RISK_LEVEL_BIT(level)) == 0 ||
            !view_use(engine, level, subject, show->instrument, limit, &row->use))
            continue;
        if (!all && row->use.limit.value == RISK_LIMIT_OFF)
            continue;
        row->level = level;
        row->limit = limit;
        row->subject = subject;
        row->by_hand = row->use.limit.by_hand != 0;
        show->rows_cnt++;
    }
}

/* worst_of returns the worst stage of the limits of a subject that stops anything. */
static uint8_t
worst_of(const struct engine *engine, uint8_t level, uint32_t subject)
{
    uint8_t worst = CELL_RISK_STAGE_NONE;

    for (uint8_t limit = 1; limit < RISK_LIMITS_CNT; limit++) {
        struct view_use use;

        if (view_use(engine, level, subject, 0, limit, &use) &&
            use.limit.stage != CELL_RISK_STAGE_WARNED &&
            risk_stage_rank(use.limit.stage) > risk_stage_rank(worst))
            worst = use.limit.stage;
    }
    return worst;
}

/* take_party adds what stops an account, a group or a firm. */
static void
take_party(struct show *show, const struct engine *engine, uint8_t level, uint32_t subject)
{
    struct show_party *party = &show->parties[show->parties_cnt];

    ASSERT(show->parties_cnt < SHOW_PARTIES_MAX);
    if (!risk_standing_get(engine_risk(engine), level, subject, &party->standing))
        return;
    party->level = level;
    party->subject = subject;
    if (party->standing.staged)
        party->stage = worst_of(engine, level, subject);
    show->parties_cnt++;
}

/* take_group follows a group to its firm. */
static void
take_group(struct show *show, const struct engine *engine, uint32_t group)
{
    union cell cells[CELL_COMMAND_MAX];

    if (engine_config_get(engine, CELL_KIND_GROUP_SET, group, 0, cells) == 0)
        return;
    show->firm = cells[0].group_set.firm;
}

static void
take_account(struct show *show, const struct engine *engine)
{
    const uint32_t group = show->set[0].account_set.group;
    struct view_use credit;

    show->has_cash = view_cash(engine, show->subject, &show->cash);
    show->free_is_all = !view_use(engine, OE_RISK_LEVEL_ACCOUNT, show->subject, 0,
                                  CELL_RISK_LIMIT_CREDIT, &credit) ||
                        credit.limit.value == RISK_LIMIT_OFF;
    take_group(show, engine, group);
    take_party(show, engine, OE_RISK_LEVEL_ACCOUNT, show->subject);
    take_party(show, engine, OE_RISK_LEVEL_GROUP, group);
    take_party(show, engine, OE_RISK_LEVEL_FIRM, show->firm);
    if (show->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        return;
    take_rows(show, engine, OE_RISK_LEVEL_GROUP, group, false);
    take_rows(show, engine, OE_RISK_LEVEL_FIRM, show->firm, false);
}

static void
take_session(struct show *show, const struct engine *engine)
{
    struct engine_session session;

    engine_session_get(engine, (uint16_t)show->subject, &session);
    (void)engine_session_stopped(engine, show->subject, &show->blocked, &show->killed);
    show->bound = session.state >= ENGINE_SESSION_BOUND;
    show->firm = session.firm;
}

static bool
take_one(const struct engine *engine, unsigned kind, uint32_t id, uint32_t id2, union cell *to)
{
    union cell cells[CELL_COMMAND_MAX];

    if (engine_config_get(engine, kind, id, id2, cells) == 0)
        return false;
    *to = cells[0];
    return true;
}

static void
take_instrument(struct show *show, const struct engine *engine, uint32_t instrument)
{
    show->has_prices = engine_prices(engine, instrument, &show->prices);
    show->values_by_hand = 0;
    for (unsigned value = RISK_VALUE_REFERENCE; value <= RISK_VALUE_ORDER_QTY_MIN; value <<= 1)
        if (view_by_hand(engine, CELL_KIND_INSTRUMENT_SET, instrument, value))
            show->values_by_hand |= value;
    show->last_px = engine_last_px(engine, instrument);
}

/* take_pair takes the position of a pair. A restriction of it is one in the range that
 * is the instrument alone. */
static void
take_pair(struct show *show, const struct engine *engine)
{
    const struct risk *risk = engine_risk(engine);
    uint32_t at = show->instrument;

    if (!risk_instrument_known(risk, at))
        return;
    (void)risk_position_get(risk, show->subject, at, &show->position);
    show->restricted =
        risk_restriction_next(risk, OE_RISK_LEVEL_ACCOUNT, show->subject, &at, at + 1);
    take_instrument(show, engine, show->instrument);
}

static unsigned
kind_of(uint8_t level)
{
    switch (level) {
    case OE_RISK_LEVEL_SESSION:
        return CELL_KIND_SESSION_SET;
    case OE_RISK_LEVEL_GROUP:
        return CELL_KIND_GROUP_SET;
    case OE_RISK_LEVEL_FIRM:
        return CELL_KIND_FIRM_SET;
    case OE_RISK_LEVEL_INSTRUMENT:
        return CELL_KIND_INSTRUMENT_SET;
    default:
        return CELL_KIND_ACCOUNT_SET;
    }
}

void
show_take(struct show *show,
          const struct engine *engine,
          uint8_t level,
          uint32_t subject,
          uint32_t instrument)
{
    memset(show, 0, sizeof *show);
    show->level = level;
    show->subject = subject;
    show->instrument = instrument;
    show->seq = engine_seq(engine);
    show->set_cnt = engine_config_get(engine, kind_of(level), subject, 0, show->set);
    show->known = show->set_cnt > 0;
    if (!show->known)
        return;
    take_rows(show, engine, level, subject, true);
    if (kind_of(level) == CELL_KIND_ACCOUNT_SET)
        take_account(show, engine);
    if (level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        take_pair(show, engine);
    if (level == OE_RISK_LEVEL_GROUP) {
        show->firm = show->set[0].group_set.firm;
        take_party(show, engine, level, subject);
        take_party(show, engine, OE_RISK_LEVEL_FIRM, show->firm);
    }
    if (level == OE_RISK_LEVEL_FIRM)
        take_party(show, engine, level, subject);
    if (level == OE_RISK_LEVEL_INSTRUMENT)
        take_instrument(show, engine, subject);
    if (level == OE_RISK_LEVEL_SESSION)
        take_session(show, engine);
    if (level == OE_RISK_LEVEL_INSTRUMENT)
        show->has_fee = take_one(engine, CELL_KIND_FEE_SET, subject, 0, &show->fee);
    if (level == OE_RISK_LEVEL_INSTRUMENT || level == OE_RISK_LEVEL_ACCOUNT)
        show->has_rule = take_one(engine, CELL_KIND_ORDER_RULE_SET, subject, level, &show->rule);
}

bool
show_step(struct show *show, const struct engine *engine)
{
    const struct risk *risk = engine_risk(engine);
    const uint32_t end = risk_subjects_cnt(risk, OE_RISK_LEVEL_INSTRUMENT);

    if (!show->known || show->party >= show->parties_cnt)
        return false;

    struct show_party *party = &show->parties[show->party];
    const uint32_t stop =
        end - show->restriction < STEP_INSTRUMENTS ? end : show->restriction + STEP_INSTRUMENTS;

    while (risk_restriction_next(risk, party->level, party->subject, &show->restriction, stop)) {
        if (party->restricted_cnt < SHOW_NAMES_MAX)
            party->restricted[party->restricted_cnt] = show->restriction;
        party->restricted_cnt++;
        show->restriction++;
    }
    if (stop == end) {
        show->restriction = 0;
        show->party++;
    }
    return show->party < show->parties_cnt;
}

/* Text in the making; what does not fit is cut, which SHOW_TEXT_BYTES rules out. */
struct text {
    char *bytes;
    size_t len;
};

static __attribute__((format(printf, 2, 3))) void
put(struct text *text, const char *format, ...)
{
    const size_t room = SHOW_TEXT_BYTES - text->len;
    va_list args;

    va_start(args, format);
    const int len = vsnprintf(text->bytes + text->len, room, format, args);
    va_end(args);
    if (len > 0)
        text->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* put_bits writes the names of bits with a + between two. */
static void
put_bits(struct text *text, const char *key, const char *names, unsigned bits)
{
    bool first = true;

    put(text, "%s\t", key);
    for (; *names != '\0'; bits >>= 1) {
        const int len = (int)strcspn(names, " ");

        if ((bits & 1u) != 0) {
            put(text, "%s%.*s", first ? "" : "+", len, names);
            first = false;
        }
        names += len + (names[len] == ' ');
    }
    put(text, first ? "none\n" : "\n");
}

static void
put_rule(struct text *text, const struct cell_order_rule_set *rule)
{
    put_bits(text, "types", WORDS_TYPES, rule->types);
    put_bits(text, "tifs", WORDS_TIFS, rule->tifs);
    if (rule->level == OE_RISK_LEVEL_ACCOUNT) {
        put(text, "covered\t%s\n", rule->covered != 0 ? "yes" : "no");
        return;
    }
    put_bits(text, "references", WORDS_REFERENCES, rule->references);
    put(text, "unreferenced\t%s\n", rule->unreferenced != 0 ? "yes" : "no");
}

/* put_restricted names the instruments that a party may not trade. */
static void
put_restricted(struct text *text,
               const char *key,
               const struct show_party *party,
               const struct roster *roster)
{
    char name[ROSTER_NAME_BYTES];

    put(text, "%s\t", key);
    for (unsigned i = 0; i < party->restricted_cnt && i < SHOW_NAMES_MAX; i++)
        put(text, "%s%s", i == 0 ? "" : "+",
            roster_name(roster, OE_RISK_LEVEL_INSTRUMENT, party->restricted[i], name));
    if (party->restricted_cnt > SHOW_NAMES_MAX)
        put(text, "+%u", party->restricted_cnt - SHOW_NAMES_MAX);
    put(text, party->restricted_cnt == 0 ? "none\n" : "\n");
}

/* put_above says in one line what stops a group or firm above the subject. */
static void
put_above(struct text *text, const struct show_party *party, const struct roster *roster)
{
    const char *level = words_level_name(party->level);
    const char *const held[] = {
        party->standing.killed ? "killed" : NULL,
        party->standing.blacklisted ? "blacklisted" : NULL,
        party->stage != CELL_RISK_STAGE_NONE ? cell_risk_stage_name(party->stage) : NULL,
    };
    char key[32];
    bool any = false;

    put(text, "%s_held\t", level);
    for (unsigned i = 0; i < ARRAY_LEN(held); i++) {
        if (held[i] == NULL)
            continue;
        put(text, "%s%s", any ? "+" : "", held[i]);
        any = true;
    }
    put(text, any ? "\n" : "no\n");
    snprintf(key, sizeof key, "%s_restricted", level);
    put_restricted(text, key, party, roster);
}

static const char *
yes(bool is)
{
    return is ? "yes" : "no";
}

static void
put_parties(struct text *text, const struct show *show, const struct roster *roster)
{
    const struct show_party *own = &show->parties[0];
    char amount[WORDS_AMOUNT_BYTES];

    if (show->parties_cnt == 0)
        return;
    put(text, "killed\t%s\nblacklisted\t%s\n", yes(own->standing.killed),
        yes(own->standing.blacklisted));
    if (own->level == OE_RISK_LEVEL_ACCOUNT)
        put(text, "latched\t%s\n", yes(own->standing.latched));
    put_restricted(text, "restricted", own, roster);
    for (unsigned i = 1; i < show->parties_cnt; i++)
        put_above(text, &show->parties[i], roster);
    if (own->level == OE_RISK_LEVEL_FIRM)
        put(text, "messages\t%" PRIu64 "\nfills\t%" PRIu64 "\n", own->standing.messages_cnt,
            own->standing.fills_cnt);
    if (own->level != OE_RISK_LEVEL_ACCOUNT)
        return;
    put(text, "bought\t%s\n", words_money(own->standing.bought, amount));
    put(text, "sold\t%s\n", words_money(own->standing.sold, amount));
    put(text, "profit\t%s\n", words_money(own->standing.profit, amount));
}

/* put_price writes a price; 0: there is none. */
static void
put_price(struct text *text, const char *key, px_t px)
{
    char amount[WORDS_AMOUNT_BYTES];

    put(text, "%s\t%s\n", key, px == 0 ? "none" : words_money(px, amount));
}

static void
put_collar(struct text *text, const struct risk_prices *prices)
{
    char amount[WORDS_AMOUNT_BYTES];

    put_price(text, "collar_from", prices->reference_px);
    if (!prices->has_collar) {
        put(text, "collar_low\tnone\ncollar_high\tnone\n");
        return;
    }
    put(text, "collar_low\t%s\n", words_money(prices->low_px, amount));
    put(text, "collar_high\t%s\n", words_money(prices->high_px, amount));
}

/* put_by_hand names the values that the configuration leaves alone. */
static void
put_by_hand(struct text *text, unsigned values)
{
    static const char *const names[] = {"reference", "collar_ticks", "collar_permille",
                                        "band_low",  "band_high",    "order_qty_min"};
    bool any = false;
    _Static_assert(RISK_VALUE_REFERENCE << 5 == RISK_VALUE_ORDER_QTY_MIN, "one name each");

    put(text, "by_hand\t");
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if ((values & RISK_VALUE_REFERENCE << i) == 0)
            continue;
        put(text, "%s%s", any ? "+" : "", names[i]);
        any = true;
    }
    put(text, any ? "\n" : "none\n");
}

/* put_instrument writes what prices and quantities are measured against. */
static void
put_instrument(struct text *text, const struct show *show)
{
    const struct cell_instrument_limits *limits = &show->set[1].instrument_limits;

    put_price(text, "last", show->last_px);
    put_price(text, "mark", show->prices.mark_px);
    put_price(text, "settlement", show->prices.settlement_px);
    put_price(text, "reference", limits->reference_px);
    put(text, "collar_ticks\t%u\ncollar_permille\t%u\n", limits->collar_ticks,
        limits->collar_permille);
    put_collar(text, &show->prices);
    put_price(text, "band_low", limits->band_low_px);
    put_price(text, "band_high", limits->band_high_px);
    put(text, "order_qty_min\t%u\n", limits->order_qty_min);
    put_by_hand(text, show->values_by_hand);
}

static void
put_pair(struct text *text, const struct show *show)
{
    put(text, "position\t%" PRId64 "\nopen_buy\t%" PRIu64 "\nopen_sell\t%" PRIu64 "\n",
        show->position.position_qty, show->position.open_buy_qty, show->position.open_sell_qty);
    put(text, "pair_restricted\t%s\n", yes(show->restricted));
    put_price(text, "last", show->last_px);
    put_price(text, "mark", show->prices.mark_px);
}

static void
put_account(struct text *text, const struct show *show, const struct roster *roster)
{
    static const char *const states[] = {"active", "suspended", "close_only", "blocked"};
    const struct cell_account_set *set = &show->set[0].account_set;
    char name[ROSTER_NAME_BYTES];
    char amount[WORDS_AMOUNT_BYTES];

    put(text, "group\t%s\n", roster_name(roster, OE_RISK_LEVEL_GROUP, set->group, name));
    put(text, "firm\t%s\n", roster_name(roster, OE_RISK_LEVEL_FIRM, show->firm, name));
    put(text, "state\t%s\n", set->state < ARRAY_LEN(states) ? states[set->state] : "unknown");
    if (!show->has_cash)
        return;
    put(text, "balance\t%s\n", words_money(show->cash.balance, amount));
    put(text, "reserved\t%s\n", words_money(show->cash.reserved, amount));
    put(text, "free\t%s\n", show->free_is_all ? "unlimited" : words_money(show->cash.free, amount));
}

static void
put_facts(struct text *text, const struct show *show, const struct roster *roster)
{
    static const char *const states[] = {"open", "halted", "closed"};
    char name[ROSTER_NAME_BYTES];

    switch (show->level) {
    case OE_RISK_LEVEL_SESSION:
        put(text, "firm\t%s\nbound\t%s\nblocked\t%s\nkilled\t%s\n",
            roster_name(roster, OE_RISK_LEVEL_FIRM, show->firm, name), yes(show->bound),
            yes(show->blocked), yes(show->killed));
        break;
    case OE_RISK_LEVEL_GROUP:
        put(text, "firm\t%s\n", roster_name(roster, OE_RISK_LEVEL_FIRM, show->firm, name));
        break;
    case OE_RISK_LEVEL_INSTRUMENT:
        put(text, "state\t%s\n",
            show->set[0].instrument_set.state < ARRAY_LEN(states)
                ? states[show->set[0].instrument_set.state]
                : "unknown");
        if (show->has_fee)
            put(text, "maker_ppm\t%d\ntaker_ppm\t%d\n", show->fee.fee_set.maker_ppm,
                show->fee.fee_set.taker_ppm);
        if (show->has_prices)
            put_instrument(text, show);
        break;
    case OE_RISK_LEVEL_ACCOUNT:
    case OE_RISK_LEVEL_ACCOUNT_INSTRUMENT:
        put_account(text, show, roster);
        if (show->has_prices)
            put_pair(text, show);
        break;
    default:
        break;
    }
    put_parties(text, show, roster);
    if (show->has_rule)
        put_rule(text, &show->rule.order_rule_set);
}

static void
put_stages(struct text *text, const struct risk_limit *limit)
{
    static const char *const names[RISK_STAGES_CNT] = {"warn", "slow", "close", "block"};
    bool any = false;

    for (unsigned i = 0; i < RISK_STAGES_CNT; i++) {
        if (limit->permille[i] == 0)
            continue;
        put(text, "%s%s=%u", any ? " " : "", names[i], limit->permille[i]);
        any = true;
    }
    if (limit->slow_ms != 0)
        put(text, " pause=%ums", limit->slow_ms);
    put(text, "%s", any ? "" : "-");
}

static void
put_row(struct text *text, const struct show_row *row, const struct roster *roster)
{
    const struct risk_limit *limit = &row->use.limit;
    const bool off = limit->value == RISK_LIMIT_OFF;
    const uint8_t level =
        row->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT ? OE_RISK_LEVEL_ACCOUNT : row->level;
    char name[ROSTER_NAME_BYTES];
    char amount[WORDS_AMOUNT_BYTES];
    char span[WORDS_SPAN_BYTES];

    put(text, "limit\t%s\t%s\t%s\t", words_level_name(row->level),
        roster_name(roster, level, row->subject, name), words_limit_name(row->limit));
    put(text, "%s\t", off ? "none" : words_amount(row->limit, limit->value, amount));
    put(text, "%s\t", words_amount(row->limit, row->use.used, amount));
    put(text, "%s\t", off ? "-" : words_amount(row->limit, row->use.headroom, amount));
    put(text, "%s\t", limit->window_ns == 0 ? "-" : words_span(limit->window_ns, span));
    put_stages(text, limit);
    put(text, "\t%s\t%s\n",
        limit->stage == CELL_RISK_STAGE_NONE ? "-" : cell_risk_stage_name(limit->stage),
        row->by_hand ? "hand" : "configuration");
}

size_t
show_text(const struct show *show, const struct roster *roster, char bytes[SHOW_TEXT_BYTES])
{
    struct text text = {.bytes = bytes, .len = 0};
    const bool pair = show->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT;
    char name[ROSTER_NAME_BYTES];

    put(&text, "ok show\n%s\t%s\n", pair ? "account" : words_level_name(show->level),
        roster_name(roster, pair ? OE_RISK_LEVEL_ACCOUNT : show->level, show->subject, name));
    if (pair)
        put(&text, "instrument\t%s\n",
            roster_name(roster, OE_RISK_LEVEL_INSTRUMENT, show->instrument, name));
    put(&text, "id\t%u\nseq\t%" PRIu64 "\n", show->subject, show->seq);
    put_facts(&text, show, roster);
    for (unsigned i = 0; i < show->rows_cnt; i++)
        put_row(&text, &show->rows[i], roster);
    return text.len;
}
