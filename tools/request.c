#include "tools/request.h"

#include <stddef.h>
#include <string.h>

#include "proto/base.h"
#include "proto/orders.h"

#include "tools/clock.h"
#include "tools/text.h"

/* An expire time from now: 100 years. */
#define SECONDS_MAX 3155760000u

static const char no_instrument[] = "--instrument: expected a symbol of the configuration";
static const char no_account[] = "--account: expected an account of the configuration";

/* choose finds text among names of letters; -1 if it is none of them. */
static int
choose(const char *text, const char *const *names, const char *values)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(text, names[i]) == 0)
            return values[i];
    return -1;
}

static bool
quantity(const char *text, uint32_t *qty)
{
    uint64_t value;

    if (text == NULL || !text_u64_parse(text, &value) || value >= UINT32_MAX)
        return false;
    *qty = (uint32_t)value;
    return true;
}

/* identifier reads an optional u64; absent gives the null value. 0 names nothing. */
static bool
identifier(const char *text, uint64_t *value)
{
    *value = UINT64_MAX;
    return text == NULL || (text_u64_parse(text, value) && *value != 0);
}

/* Readers of attributes that need not be there: absent, the value is left as it
 * is, which is the field's null. */
static bool
optional_qty(const char *text, uint32_t *qty)
{
    return text == NULL || (quantity(text, qty) && *qty != 0);
}

static bool
optional_px(const char *text, int64_t *px)
{
    px_t value;

    if (text == NULL)
        return true;
    if (!text_px_parse(text, &value))
        return false;
    *px = value;
    return true;
}

/* optional_time reads a time, or +SECONDS from now. */
static bool
optional_time(const char *text, uint64_t *time_ns)
{
    uint64_t seconds;

    if (text == NULL)
        return true;
    if (text[0] != '+')
        return text_time_parse(text, time_ns);
    if (!text_u64_parse(text + 1, &seconds) || seconds > SECONDS_MAX)
        return false;
    *time_ns = clock_utc_ns() + seconds * 1000000000u;
    return true;
}

/* optional_word finds text among names, or leaves the value. */
static bool
optional_word(const char *text, const char *const *names, const char *values, uint8_t *value)
{
    const int found = text == NULL ? *value : choose(text, names, values);

    if (found < 0)
        return false;
    *value = (uint8_t)found;
    return true;
}

/* account_of returns the account named or, if none is, the session's own, in OUCH, or the
 * firm's first. */
static const struct config_account *
account_of(const struct request *request,
           const struct config *config,
           const struct config_session *session)
{
    if (request->account != NULL)
        return config_account(config, request->account);
    if (session->dialect == GATEWAY_OUCH)
        return &config->accounts[session->account];
    for (unsigned i = 0; i < config->accounts_cnt; i++)
        if (config->groups[config->accounts[i].group].firm == session->firm)
            return &config->accounts[i];
    return NULL;
}

/* instrument_of returns the instrument named, NULL if none is or it is unknown. */
static const struct config_instrument *
instrument_of(const struct request *request, const struct config *config)
{
    return request->instrument == NULL ? NULL : config_instrument(config, request->instrument);
}

/* Words of orders and quotes alike. */
static const char *const stps[] = {"none", "aggressive", "passive", "both", "decrement", NULL};
static const char *const capacities[] = {"agency", "principal", "riskless", NULL};

/* new_words reads what is one of a few words. */
static const char *
new_words(const struct request *request, struct oe_new_order_single *msg)
{
    static const char *const sides[] = {"buy", "sell", NULL};
    static const char *const types[] = {"market",          "limit",  "stop", "stop-limit",
                                        "market-to-limit", "pegged", NULL};
    static const char *const tifs[] = {"day", "gtc", "opg", "ioc", "fok", "gtd", "atc", NULL};
    static const char *const pegs[] = {"primary", "opposite", "mid", NULL};
    const int side = request->side == NULL ? -1 : choose(request->side, sides, "12");
    uint8_t peg = 0;

    msg->ord_type = OE_ORD_TYPE_LIMIT;
    msg->time_in_force = OE_TIME_IN_FORCE_DAY;
    msg->order_capacity = OE_ORDER_CAPACITY_AGENCY;
    if (side < 0 || !optional_word(request->type, types, "1234KP", &msg->ord_type) ||
        !optional_word(request->tif, tifs, "0123467", &msg->time_in_force))
        return "--side, --type or --tif: expected one of the words in the help";
    if (!optional_word(request->stp, stps, "\0\1\2\3\4", &msg->self_match_prevention_instruction) ||
        !optional_word(request->capacity, capacities, "APR", &msg->order_capacity) ||
        !optional_word(request->peg, pegs, "\0\1\2", &peg))
        return "--stp, --capacity or --peg: expected one of the words in the help";
    msg->side = (uint8_t)side;
    msg->exec_inst = (uint8_t)((request->post_only ? OE_EXEC_INST_POST_ONLY : 0u) |
                               (request->reprice ? OE_EXEC_INST_POST_ONLY_REPRICE : 0u) |
                               (request->hidden ? OE_EXEC_INST_HIDDEN : 0u) |
                               (peg == 1   ? OE_EXEC_INST_PEG_OPPOSITE
                                : peg == 2 ? OE_EXEC_INST_PEG_MID
                                           : 0u));
    return NULL;
}

/* new_prices reads what is a price. */
static const char *
new_prices(const struct request *request, struct oe_new_order_single *msg)
{
    const bool limit =
        msg->ord_type == OE_ORD_TYPE_LIMIT || msg->ord_type == OE_ORD_TYPE_STOP_LIMIT;
    int64_t px = OE_NEW_ORDER_SINGLE_PRICE_NULL;
    int64_t stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL;
    int64_t peg_offset = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL;

    if (!optional_px(request->px, &px) || (limit && request->px == NULL))
        return "--px: needed by limit and stop-limit, a price with at most 8 decimals such as "
               "100.25";
    if (!optional_px(request->stop_px, &stop_px) || !optional_px(request->peg_offset, &peg_offset))
        return "--stop-px or --peg-offset: expected a price with at most 8 decimals";
    msg->price = px;
    msg->stop_px = stop_px;
    msg->peg_offset_value = peg_offset;
    return NULL;
}

/* new_numbers reads quantities, times and numbers of orders. */
static const char *
new_numbers(const struct request *request, struct oe_new_order_single *msg)
{
    uint32_t display = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL;
    uint32_t range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL;
    uint32_t min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL;
    uint64_t expire = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL;
    uint64_t linked;
    uint32_t qty;

    if (!quantity(request->qty, &qty))
        return "--qty: expected a whole number, at most 4294967294";
    if (!optional_qty(request->display, &display) ||
        !optional_qty(request->display_range, &range) || !optional_qty(request->min_qty, &min_qty))
        return "--display, --display-range or --min-qty: expected a whole number from 1";
    if (!optional_time(request->expire, &expire))
        return "--expire: expected a time like 2025-01-31T17:30:00Z, or +SECONDS from now";
    if (!identifier(request->link, &linked))
        return "--link: expected a ClOrdID, a number from 1";
    msg->order_qty = qty;
    msg->display_qty = display;
    msg->display_range = range;
    msg->min_qty = min_qty;
    msg->expire_time = expire;
    msg->linked_cl_ord_id = linked;
    return NULL;
}

static const char *
make_new(const struct request *request,
         const struct config *config,
         const struct config_session *session,
         uint64_t clord,
         uint8_t *buf,
         size_t *len)
{
    const struct config_instrument *instrument = instrument_of(request, config);
    const struct config_account *account = account_of(request, config, session);
    struct oe_new_order_single msg = {
        .cl_ord_id = clord,
        .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
        .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
        .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
    };

    if (instrument == NULL)
        return no_instrument;
    if (account == NULL)
        return no_account;
    const char *wrong = new_words(request, &msg);
    if (wrong == NULL)
        wrong = new_prices(request, &msg);
    if (wrong == NULL)
        wrong = new_numbers(request, &msg);
    if (wrong != NULL)
        return wrong;
    msg.security_id = instrument->id;
    msg.account = account->id;
    *len = oe_new_order_single_encode(buf, REQUEST_BYTES_MAX, &msg);
    return NULL;
}

/* names reads how the request names its order. */
static bool
names(const struct request *request, uint64_t *order_id, uint64_t *orig)
{
    return identifier(request->order_id, order_id) && identifier(request->orig_clord, orig) &&
           (*order_id == UINT64_MAX) != (*orig == UINT64_MAX);
}

static const char no_order[] = "expected one of --order-id and --orig-clord, a number from 1";

static const char *
make_cancel(const struct request *request,
            const struct config *config,
            uint64_t clord,
            uint8_t *buf,
            size_t *len)
{
    const struct config_instrument *instrument = instrument_of(request, config);
    struct oe_order_cancel_request msg = {.cl_ord_id = clord};
    uint64_t order_id, orig;

    if (instrument == NULL)
        return no_instrument;
    if (!names(request, &order_id, &orig))
        return no_order;
    msg.orig_cl_ord_id = orig;
    msg.order_id = order_id;
    msg.security_id = instrument->id;
    *len = oe_order_cancel_request_encode(buf, REQUEST_BYTES_MAX, &msg);
    return NULL;
}

static const char *
make_replace(const struct request *request,
             const struct config *config,
             uint64_t clord,
             uint8_t *buf,
             size_t *len)
{
    const struct config_instrument *instrument = instrument_of(request, config);
    uint64_t expire = OE_ORDER_CANCEL_REPLACE_REQUEST_EXPIRE_TIME_NULL;
    int64_t px = OE_ORDER_CANCEL_REPLACE_REQUEST_PRICE_NULL;
    int64_t stop_px = OE_ORDER_CANCEL_REPLACE_REQUEST_STOP_PX_NULL;
    uint32_t display = OE_ORDER_CANCEL_REPLACE_REQUEST_DISPLAY_QTY_NULL;
    uint32_t min_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_MIN_QTY_NULL;
    uint32_t qty = 0;
    uint64_t order_id, orig;

    if (instrument == NULL)
        return no_instrument;
    if (!names(request, &order_id, &orig))
        return no_order;
    if (!quantity(request->qty, &qty))
        return "--qty: expected the new total, a whole number, at most 4294967294";
    if (!optional_px(request->px, &px) || !optional_px(request->stop_px, &stop_px))
        return "--px or --stop-px: expected a price with at most 8 decimals";
    if (!optional_qty(request->display, &display) || !optional_qty(request->min_qty, &min_qty))
        return "--display or --min-qty: expected a whole number from 1";
    if (!optional_time(request->expire, &expire))
        return "--expire: expected a time like 2025-01-31T17:30:00Z, or +SECONDS from now";
    *len = oe_order_cancel_replace_request_encode(
        buf, REQUEST_BYTES_MAX,
        &(struct oe_order_cancel_replace_request){.cl_ord_id = clord,
                                                  .orig_cl_ord_id = orig,
                                                  .order_id = order_id,
                                                  .price = px,
                                                  .stop_px = stop_px,
                                                  .expire_time = expire,
                                                  .security_id = instrument->id,
                                                  .order_qty = qty,
                                                  .display_qty = display,
                                                  .min_qty = min_qty});
    return NULL;
}

/* group_id finds the group named. */
static bool
group_id(const struct config *config, const char *name, uint32_t *id)
{
    for (unsigned i = 0; i < config->groups_cnt; i++)
        if (strcmp(config->groups[i].name, name) == 0) {
            *id = config->groups[i].id;
            return true;
        }
    return false;
}

static const char *
make_mass_cancel(const struct request *request,
                 const struct config *config,
                 uint64_t clord,
                 uint8_t *buf,
                 size_t *len)
{
    static const char *const sides[] = {"any", "buy", "sell", NULL};
    static const char *const scopes[] = {"session", "account", "group", "firm", NULL};
    const struct config_instrument *instrument = instrument_of(request, config);
    const struct config_account *account =
        request->account == NULL ? NULL : config_account(config, request->account);
    uint8_t side = OE_SIDE_FILTER_ANY;
    uint8_t scope = OE_MASS_CANCEL_SCOPE_SESSION;
    uint32_t group = OE_ORDER_MASS_CANCEL_REQUEST_TARGET_GROUP_NULL;

    if (request->instrument != NULL && instrument == NULL)
        return no_instrument;
    if (request->account != NULL && account == NULL)
        return no_account;
    if (request->group != NULL && !group_id(config, request->group, &group))
        return "--group: expected a group of the configuration";
    if (!optional_word(request->side, sides, "012", &side))
        return "--side: expected buy or sell";
    if (!optional_word(request->scope, scopes, "\0\1\2\3", &scope))
        return "--scope: expected session, account, group or firm";
    if (scope == OE_MASS_CANCEL_SCOPE_ACCOUNT && account == NULL)
        return "--account: needed by --scope account";
    if ((scope == OE_MASS_CANCEL_SCOPE_GROUP) != (request->group != NULL))
        return "--group: needed by --scope group, and not for others";
    *len = oe_order_mass_cancel_request_encode(
        buf, REQUEST_BYTES_MAX,
        &(struct oe_order_mass_cancel_request){
            .cl_ord_id = clord,
            .security_id_filter = instrument == NULL
                                      ? OE_ORDER_MASS_CANCEL_REQUEST_SECURITY_ID_FILTER_NULL
                                      : instrument->id,
            .account_filter =
                account == NULL ? OE_ORDER_MASS_CANCEL_REQUEST_ACCOUNT_FILTER_NULL : account->id,
            .mass_cancel_scope = scope,
            .side_filter = side,
            .target_group = group});
    return NULL;
}

/* quote_side reads QTY@PX, or nothing for no quote on that side. */
static bool
quote_side(char *text, uint32_t *qty, int64_t *px)
{
    char *at = strchr(text, '@');

    *qty = 0;
    *px = INT64_MIN;
    if (*text == '\0')
        return true;
    if (at == NULL)
        return false;
    *at = '\0';
    return quantity(text, qty) && *qty != 0 && optional_px(at + 1, px);
}

/* quote_entry reads SYMBOL:QTY@PX/QTY@PX; false if it is none. */
static bool
quote_entry(const struct config *config,
            const char *text,
            struct oe_mass_quote_quote_entries *entry)
{
    char copy[128];
    uint32_t bid_size, offer_size;
    int64_t bid_px, offer_px;

    if (strlen(text) >= sizeof copy)
        return false;
    memcpy(copy, text, strlen(text) + 1);
    char *bid = strchr(copy, ':');
    char *offer = bid == NULL ? NULL : strchr(bid, '/');
    if (bid == NULL || offer == NULL)
        return false;
    *bid++ = '\0';
    *offer++ = '\0';
    const struct config_instrument *instrument = config_instrument(config, copy);
    if (instrument == NULL || !quote_side(bid, &bid_size, &bid_px) ||
        !quote_side(offer, &offer_size, &offer_px))
        return false;
    *entry = (struct oe_mass_quote_quote_entries){.bid_px = bid_px,
                                                  .offer_px = offer_px,
                                                  .security_id = instrument->id,
                                                  .bid_size = bid_size,
                                                  .offer_size = offer_size};
    return true;
}

static const char *
make_mass_quote(const struct request *request,
                const struct config *config,
                const struct config_session *session,
                uint64_t clord,
                uint8_t *buf,
                size_t *len)
{
    const struct config_account *account = account_of(request, config, session);
    struct oe_mass_quote_quote_entries entries[QUOTE_ENTRIES_MAX];
    struct oe_mass_quote msg = {.quote_id = clord, .order_capacity = OE_ORDER_CAPACITY_PRINCIPAL};

    if (account == NULL)
        return no_account;
    if (request->quotes_cnt < 1 || request->quotes_cnt > QUOTE_ENTRIES_MAX)
        return "--quote: expected 1 to 50 of them";
    for (unsigned i = 0; i < request->quotes_cnt; i++)
        if (!quote_entry(config, request->quotes[i], &entries[i]))
            return "--quote: expected SYMBOL:QTY@PX/QTY@PX, bid and offer, either may be empty";
    if (!optional_word(request->stp, stps, "\0\1\2\3\4", &msg.self_match_prevention_instruction) ||
        !optional_word(request->capacity, capacities, "APR", &msg.order_capacity))
        return "--stp or --capacity: expected one of the words in the help";
    msg.account = account->id;
    *len =
        oe_mass_quote_encode(buf, REQUEST_BYTES_MAX, &msg, entries, (uint16_t)request->quotes_cnt);
    return NULL;
}

/* Which requests take which words. A word that would mean nothing is refused: who
 * cancels with --qty wants something else than what would happen. */
enum {
    NEW = 1,
    CANCEL = 2,
    REPLACE = 4,
    MASS_CANCEL = 8,
    MASS_QUOTE = 16
};

#define WORD(field, name, verbs)                                                 \
 {                                                                               \
  offsetof(struct request, field), verbs, name ": this request does not take it" \
 }

static const struct word {
    size_t offset;
    unsigned verbs;
    const char *why;
} words[] = {
    WORD(account, "--account", NEW | MASS_CANCEL | MASS_QUOTE),
    WORD(instrument, "--instrument", NEW | CANCEL | REPLACE | MASS_CANCEL),
    WORD(side, "--side", NEW | MASS_CANCEL),
    WORD(type, "--type", NEW),
    WORD(tif, "--tif", NEW),
    WORD(px, "--px", NEW | REPLACE),
    WORD(qty, "--qty", NEW | REPLACE),
    WORD(order_id, "--order-id", CANCEL | REPLACE),
    WORD(orig_clord, "--orig-clord", CANCEL | REPLACE),
    WORD(stop_px, "--stop-px", NEW | REPLACE),
    WORD(display, "--display", NEW | REPLACE),
    WORD(display_range, "--display-range", NEW),
    WORD(min_qty, "--min-qty", NEW | REPLACE),
    WORD(expire, "--expire", NEW | REPLACE),
    WORD(link, "--link", NEW),
    WORD(stp, "--stp", NEW | MASS_QUOTE),
    WORD(capacity, "--capacity", NEW | MASS_QUOTE),
    WORD(peg, "--peg", NEW),
    WORD(peg_offset, "--peg-offset", NEW),
    WORD(scope, "--scope", MASS_CANCEL),
    WORD(group, "--group", MASS_CANCEL),
    WORD(quotes[0], "--quote", MASS_QUOTE),
};

/* surplus finds a word that the request does not take. */
static const char *
surplus(const struct request *request)
{
    static const char *const verbs[] = {"new", "cancel", "replace", "mass-cancel", "mass-quote"};
    unsigned verb = 0;

    for (unsigned i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(request->verb, verbs[i]) == 0)
            verb = 1u << i;
    if (verb == 0)
        return NULL; /* refused as such */
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        const char *text;

        memcpy(&text, (const char *)request + words[i].offset, sizeof text);
        if (text != NULL && (words[i].verbs & verb) == 0)
            return words[i].why;
    }
    if (verb != NEW && (request->post_only || request->reprice || request->hidden))
        return "--post-only, --reprice or --hidden: this request does not take it";
    return NULL;
}

const char *
request_make(const struct request *request,
             const struct config *config,
             const struct config_session *session,
             uint8_t *buf,
             size_t *len)
{
    const char *wrong = surplus(request);
    uint64_t clord = clock_utc_ns();

    if (request->clord != NULL &&
        (!text_u64_parse(request->clord, &clord) || clord == 0 || clord == UINT64_MAX))
        return "--clord: expected a number from 1";
    if (wrong != NULL)
        return wrong;
    if (strcmp(request->verb, "new") == 0)
        return make_new(request, config, session, clord, buf, len);
    if (strcmp(request->verb, "cancel") == 0)
        return make_cancel(request, config, clord, buf, len);
    if (strcmp(request->verb, "replace") == 0)
        return make_replace(request, config, clord, buf, len);
    if (strcmp(request->verb, "mass-cancel") == 0)
        return make_mass_cancel(request, config, clord, buf, len);
    if (strcmp(request->verb, "mass-quote") == 0)
        return make_mass_quote(request, config, session, clord, buf, len);
    return "expected CONFIG and one of new, cancel, replace, mass-cancel, mass-quote";
}
