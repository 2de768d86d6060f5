#include "tools/request.h"

#include <string.h>

#include "proto/orders.h"

#include "tools/clock.h"
#include "tools/text.h"

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

/* identifier reads an optional u64; absent gives the null value. */
static bool
identifier(const char *text, uint64_t *value)
{
    *value = UINT64_MAX;
    return text == NULL || text_u64_parse(text, value);
}

/* account_of returns the account named or, if none is, the firm's first. */
static const struct config_account *
account_of(const struct request *request,
           const struct config *config,
           const struct config_session *session)
{
    if (request->account != NULL)
        return config_account(config, request->account);
    for (unsigned i = 0; i < config->accounts_cnt; i++)
        if (config->groups[config->accounts[i].group].firm == session->firm)
            return &config->accounts[i];
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
    static const char *const sides[] = {"buy", "sell", NULL};
    static const char *const types[] = {"market", "limit", NULL};
    static const char *const tifs[] = {"day", "gtc", "ioc", "fok", NULL};
    const struct config_instrument *instrument =
        request->instrument == NULL ? NULL : config_instrument(config, request->instrument);
    const struct config_account *account = account_of(request, config, session);
    struct oe_new_order_single msg = {
        .cl_ord_id = clord,
        .price = OE_NEW_ORDER_SINGLE_PRICE_NULL,
        .stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL,
        .expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL,
        .display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL,
        .min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL,
        .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
        .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
        .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
        .peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL,
        .linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL,
        .display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL,
        .order_capacity = OE_ORDER_CAPACITY_AGENCY,
    };
    int64_t px = 0;

    const int side = request->side == NULL ? -1 : choose(request->side, sides, "12");
    const int type = choose(request->type == NULL ? "limit" : request->type, types, "12");
    const int tif = choose(request->tif == NULL ? "day" : request->tif, tifs, "0134");
    uint32_t qty;

    if (instrument == NULL)
        return "--instrument: expected a symbol of the configuration";
    if (account == NULL)
        return "--account: expected an account of the configuration";
    if (side < 0 || type < 0 || tif < 0)
        return "--side, --type or --tif: expected one of the words in the help";
    if (!quantity(request->qty, &qty))
        return "--qty: expected a whole number, at most 4294967294";
    if (type == OE_ORD_TYPE_LIMIT && (request->px == NULL || !text_px_parse(request->px, &px)))
        return "--px: needed by a limit order, a price with at most 8 decimals such as 100.25";
    if (type == OE_ORD_TYPE_LIMIT)
        msg.price = px;
    msg.security_id = instrument->id;
    msg.account = account->id;
    msg.order_qty = qty;
    msg.side = (uint8_t)side;
    msg.ord_type = (uint8_t)type;
    msg.time_in_force = (uint8_t)tif;
    msg.exec_inst = request->post_only ? OE_EXEC_INST_POST_ONLY : 0;
    *len = oe_new_order_single_encode(buf, REQUEST_BYTES_MAX, &msg);
    return NULL;
}

/* make_change makes a cancel or a replace. */
static const char *
make_change(const struct request *request,
            const struct config *config,
            bool replace,
            uint64_t clord,
            uint8_t *buf,
            size_t *len)
{
    const struct config_instrument *instrument =
        request->instrument == NULL ? NULL : config_instrument(config, request->instrument);
    uint64_t order_id, orig;
    uint32_t qty = 0;
    int64_t px = 0;

    if (instrument == NULL)
        return "--instrument: expected a symbol of the configuration";
    if (!identifier(request->order_id, &order_id) || !identifier(request->orig_clord, &orig) ||
        (order_id == UINT64_MAX) == (orig == UINT64_MAX))
        return "expected one of --order-id and --orig-clord, a number";
    if (!replace) {
        *len = oe_order_cancel_request_encode(
            buf, REQUEST_BYTES_MAX,
            &(struct oe_order_cancel_request){.cl_ord_id = clord,
                                              .orig_cl_ord_id = orig,
                                              .order_id = order_id,
                                              .security_id = instrument->id});
        return NULL;
    }
    if (!quantity(request->qty, &qty))
        return "--qty: expected the new total, a whole number, at most 4294967294";
    if (request->px == NULL || !text_px_parse(request->px, &px))
        return "--px: expected a price with at most 8 decimals";
    *len = oe_order_cancel_replace_request_encode(
        buf, REQUEST_BYTES_MAX,
        &(struct oe_order_cancel_replace_request){
            .cl_ord_id = clord,
            .orig_cl_ord_id = orig,
            .order_id = order_id,
            .price = px,
            .stop_px = OE_ORDER_CANCEL_REPLACE_REQUEST_STOP_PX_NULL,
            .expire_time = OE_ORDER_CANCEL_REPLACE_REQUEST_EXPIRE_TIME_NULL,
            .security_id = instrument->id,
            .order_qty = qty,
            .display_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_DISPLAY_QTY_NULL,
            .min_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_MIN_QTY_NULL});
    return NULL;
}

static const char *
make_mass(const struct request *request,
          const struct config *config,
          uint64_t clord,
          uint8_t *buf,
          size_t *len)
{
    static const char *const sides[] = {"any", "buy", "sell", NULL};
    const struct config_instrument *instrument =
        request->instrument == NULL ? NULL : config_instrument(config, request->instrument);
    const int side = choose(request->side == NULL ? "any" : request->side, sides, "012");

    if (request->instrument != NULL && instrument == NULL)
        return "--instrument: expected a symbol of the configuration";
    if (side < 0)
        return "--side: expected buy or sell";
    *len = oe_order_mass_cancel_request_encode(
        buf, REQUEST_BYTES_MAX,
        &(struct oe_order_mass_cancel_request){
            .cl_ord_id = clord,
            .security_id_filter = instrument == NULL
                                      ? OE_ORDER_MASS_CANCEL_REQUEST_SECURITY_ID_FILTER_NULL
                                      : instrument->id,
            .account_filter = OE_ORDER_MASS_CANCEL_REQUEST_ACCOUNT_FILTER_NULL,
            .mass_cancel_scope = OE_MASS_CANCEL_SCOPE_SESSION,
            .side_filter = (uint8_t)side});
    return NULL;
}

const char *
request_make(const struct request *request,
             const struct config *config,
             const struct config_session *session,
             uint8_t *buf,
             size_t *len)
{
    uint64_t clord = clock_utc_ns();

    if (request->clord != NULL && (!text_u64_parse(request->clord, &clord) || clord == UINT64_MAX))
        return "--clord: expected a number";
    if (strcmp(request->verb, "new") == 0)
        return make_new(request, config, session, clord, buf, len);
    if (strcmp(request->verb, "cancel") == 0)
        return make_change(request, config, false, clord, buf, len);
    if (strcmp(request->verb, "replace") == 0)
        return make_change(request, config, true, clord, buf, len);
    if (strcmp(request->verb, "mass-cancel") == 0)
        return make_mass(request, config, clord, buf, len);
    return "expected CONFIG and one of new, cancel, replace, mass-cancel";
}
