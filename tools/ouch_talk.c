#include "tools/ouch_talk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/ouch_codec.h"
#include "proto/orders.h"
#include "proto/ouch.h"

#include "tools/cli.h"
#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/ouch_put.h"
#include "tools/text.h"

#define ANSWER_NS (LINK_ANSWER_S * UINT64_C(1000000000))
_Static_assert(LINK_ANSWER_S == 30, "as talk says");

struct dialog {
    uint32_t ref;  /* of the message; 0: it has none of its own */
    uint32_t orig; /* of the order that it is about; 0: of none */
    bool replaces;
    bool answered;
    bool refused;
    bool over; /* the query was answered */
};

static int
complain(const char *why)
{
    return cli_fail(EXIT_SETUP, "send", "%s", why);
}

/* --- words ------------------------------------------------------------------- */

/* make turns the words into a message; clord stands for --clord if that is not there. NULL
 * or what is wrong. */
static const char *
make(const struct request *request,
     const struct link_cfg *cfg,
     const char *clord,
     uint8_t *buf,
     size_t *len)
{
    struct request plain = *request;
    struct ouch_put put = {
        .config = cfg->config,
        .session = cfg->sessions[0],
        .now_ns = clock_utc_ns(),
    };
    uint8_t sbe[REQUEST_BYTES_MAX];
    uint64_t total = 0;
    size_t sbe_len;
    const char *wrong;

    if (plain.clord == NULL)
        plain.clord = clord;
    if (strcmp(plain.verb, "cancel") == 0 && plain.qty != NULL) {
        if (!text_u64_parse(plain.qty, &total) || total == 0 || total >= OUCH_QTY_END)
            return "--qty: expected the total that is to be left, 1 to 999999";
        plain.qty = NULL;
        put.total_qty = (uint32_t)total;
    }
    if (strcmp(plain.verb, "replace") == 0) {
        put.hidden = plain.hidden;
        plain.hidden = false;
    }
    /* The order says in what it is; OUCH does not. */
    if ((strcmp(plain.verb, "cancel") == 0 || strcmp(plain.verb, "replace") == 0) &&
        plain.instrument == NULL && cfg->config->instruments_cnt > 0)
        plain.instrument = cfg->config->instruments[0].symbol;
    wrong = request_make(&plain, cfg->config, cfg->sessions[0], sbe, &sbe_len);
    return wrong != NULL ? wrong : ouch_put(&put, sbe, sbe_len, buf, len);
}

/* dialog_begin notes which numbers the message bears. */
static void
dialog_begin(struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct ouch_enter_order *enter = ouch_enter_order_view(buf, len);
    const struct ouch_replace_order *replace = ouch_replace_order_view(buf, len);
    const struct ouch_cancel_order *cancel = ouch_cancel_order_view(buf, len);
    const struct ouch_mass_cancel *mass = ouch_mass_cancel_view(buf, len);

    if (enter != NULL) {
        dialog->ref = ouch_enter_order_user_ref_num(enter);
    } else if (replace != NULL) {
        dialog->ref = ouch_replace_order_user_ref_num(replace);
        dialog->orig = ouch_replace_order_orig_user_ref_num(replace);
        dialog->replaces = true;
    } else if (cancel != NULL) {
        dialog->orig = ouch_cancel_order_user_ref_num(cancel);
    } else if (mass != NULL) {
        dialog->ref = ouch_mass_cancel_user_ref_num(mass);
    }
}

/* --- what is said ------------------------------------------------------------ */

static const char *
price_text(uint64_t price, char buf[TEXT_PX_BYTES])
{
    if (price == OUCH_PRICE_MARKET)
        return "market";
    if (price == 0)
        return "peg";
    return price > OUCH_PRICE_MARKET ? "?" : text_px((px_t)price * OUCH_PX_UNIT, 2, buf);
}

/* symbol_bytes returns the characters of a symbol before its spaces. */
static int
symbol_bytes(const char symbol[OUCH_SYMBOL_BYTES])
{
    int bytes = OUCH_SYMBOL_BYTES;

    while (bytes > 0 && symbol[bytes - 1] == ' ')
        bytes--;
    return bytes;
}

/* answer notes that the message was answered. */
static void
answer(struct dialog *dialog, bool refused)
{
    dialog->answered = true;
    dialog->refused |= refused;
}

static void
say_accepted(struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct ouch_accepted *msg = ouch_accepted_view(buf, len);
    char px[TEXT_PX_BYTES];

    if (msg == NULL)
        return;
    printf("accepted: %s %u %.*s @ %s, UserRefNum %u, order reference %" PRIu64 "\n",
           ouch_side_name(msg->side), ouch_accepted_quantity(msg), symbol_bytes(msg->symbol),
           msg->symbol, price_text(ouch_accepted_price(msg), px), ouch_accepted_user_ref_num(msg),
           ouch_accepted_order_ref_num(msg));
    if (ouch_accepted_user_ref_num(msg) == dialog->ref)
        answer(dialog, false);
}

static void
say_replaced(struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct ouch_replaced *msg = ouch_replaced_view(buf, len);
    char px[TEXT_PX_BYTES];

    if (msg == NULL)
        return;
    printf("replaced: UserRefNum %u, was %u, now %u in all %.*s @ %s, order reference %" PRIu64
           "%s\n",
           ouch_replaced_user_ref_num(msg), ouch_replaced_orig_user_ref_num(msg),
           ouch_replaced_quantity(msg), symbol_bytes(msg->symbol), msg->symbol,
           price_text(ouch_replaced_price(msg), px), ouch_replaced_order_ref_num(msg),
           msg->order_state == OUCH_ORDER_STATE_DEAD ? ", nothing is left" : "");
    if (ouch_replaced_user_ref_num(msg) == dialog->ref)
        answer(dialog, false);
}

static void
say_executed(const uint8_t *buf, size_t len)
{
    const struct ouch_executed *msg = ouch_executed_view(buf, len);
    char px[TEXT_PX_BYTES];

    if (msg != NULL)
        printf("executed: %u @ %s, UserRefNum %u, liquidity %s, match %" PRIu64 "\n",
               ouch_executed_quantity(msg), price_text(ouch_executed_price(msg), px),
               ouch_executed_user_ref_num(msg), ouch_liquidity_name(msg->liquidity),
               ouch_executed_match_number(msg));
}

static void
say_canceled(struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct ouch_canceled *msg = ouch_canceled_view(buf, len);
    const struct ouch_cancel_reject *reject = ouch_cancel_reject_view(buf, len);

    if (msg != NULL) {
        printf("canceled: UserRefNum %u, %u taken out (%s)\n", ouch_canceled_user_ref_num(msg),
               ouch_canceled_quantity(msg), ouch_cancel_reason_name(msg->reason));
        /* A replace that could not be takes its order with it. */
        if (ouch_canceled_user_ref_num(msg) == dialog->orig && !dialog->answered)
            answer(dialog, dialog->replaces);
    } else if (reject != NULL) {
        printf("cancel refused: UserRefNum %u\n", ouch_cancel_reject_user_ref_num(reject));
        if (ouch_cancel_reject_user_ref_num(reject) == dialog->orig)
            answer(dialog, true);
    }
}

static void
say_rejected(struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct ouch_rejected *msg = ouch_rejected_view(buf, len);

    if (msg == NULL)
        return;
    printf("rejected: UserRefNum %u, %s (0x%02x)\n", ouch_rejected_user_ref_num(msg),
           ouch_reject_reason_name(ouch_rejected_reason(msg)), ouch_rejected_reason(msg));
    if (ouch_rejected_user_ref_num(msg) == dialog->ref)
        answer(dialog, true);
}

/* say_event tells what the venue did on its own. */
static void
say_event(const uint8_t *buf, size_t len)
{
    const struct ouch_aiq_canceled *prevented = ouch_aiq_canceled_view(buf, len);
    const struct ouch_modified *modified = ouch_modified_view(buf, len);
    const struct ouch_priority_update *moved = ouch_priority_update_view(buf, len);
    const struct ouch_restated *restated = ouch_restated_view(buf, len);
    const struct ouch_system_event *event = ouch_system_event_view(buf, len);
    char px[TEXT_PX_BYTES];

    if (prevented != NULL)
        printf("match prevented: UserRefNum %u, %u @ %s\n",
               ouch_aiq_canceled_user_ref_num(prevented),
               ouch_aiq_canceled_quantity_prevented(prevented),
               price_text(ouch_aiq_canceled_execution_price(prevented), px));
    else if (modified != NULL)
        printf("modified: UserRefNum %u, %u open\n", ouch_modified_user_ref_num(modified),
               ouch_modified_quantity(modified));
    else if (moved != NULL)
        printf("moved: UserRefNum %u, now @ %s\n", ouch_priority_update_user_ref_num(moved),
               price_text(ouch_priority_update_price(moved), px));
    else if (restated != NULL)
        printf("restated: UserRefNum %u (%s)\n", ouch_restated_user_ref_num(restated),
               ouch_restate_reason_name(restated->reason));
    else if (event != NULL)
        printf("system event: %s\n", ouch_event_code_name(event->event_code));
}

static void
on_report(void *ctx, unsigned index, uint64_t no, const uint8_t *buf, size_t len)
{
    struct dialog *dialog = ctx;
    const struct ouch_mass_cancel_response *mass = ouch_mass_cancel_response_view(buf, len);

    (void)index;
    (void)no;
    say_accepted(dialog, buf, len);
    say_replaced(dialog, buf, len);
    say_executed(buf, len);
    say_canceled(dialog, buf, len);
    say_rejected(dialog, buf, len);
    say_event(buf, len);
    if (mass != NULL) {
        printf("mass cancel done: UserRefNum %u\n", ouch_mass_cancel_response_user_ref_num(mass));
        answer(dialog, false);
    }
    dialog->over |= ouch_query_response_view(buf, len) != NULL;
}

/* --- the talk ---------------------------------------------------------------- */

/* say sends the message and listens until the query behind it is answered. */
static int
say(struct link *link, struct dialog *dialog, const uint8_t *buf, size_t len)
{
    static const uint8_t query = OUCH_ACCOUNT_QUERY_TYPE;
    const uint64_t until_ns = clock_utc_ns() + ANSWER_NS;

    if (link_send(link, 0, buf, len) == 0 || link_send(link, 0, &query, sizeof query) == 0)
        return complain("the session is not established");
    link_flush(link);
    while (!dialog->over) {
        link_poll(link);
        link_flush(link);
        if (*link_error(link) != '\0')
            return complain(link_error(link));
        if (!dialog->over && link_now_ns(link) > until_ns)
            return complain("no answer for 30 seconds");
    }
    if (!dialog->answered && dialog->orig != 0)
        puts("ignored: no such order is live, or nothing of it would change");
    else if (!dialog->answered)
        puts("ignored: the UserRefNum was used, or passed over");
    return dialog->answered && !dialog->refused ? EXIT_FINE : EXIT_CHECK;
}

int
ouch_talk(const struct request *request, struct link_cfg *cfg, uint64_t connect_ns)
{
    struct dialog dialog = {0};
    uint8_t buf[OUCH_PUT_BYTES_MAX];
    char clord[16] = "1";
    char why[LINK_WHY_BYTES];
    size_t len;
    int code;
    const char *wrong;

    /* Which number is free the exchange says; whether the words are right need not wait. */
    wrong = make(request, cfg, clord, buf, &len);
    if (wrong != NULL)
        return cli_wrong("send", "%s", wrong);
    cfg->events = (struct link_events){.on_report = on_report, .ctx = &dialog};
    struct link *link = link_open(cfg, why);
    if (link == NULL)
        return complain(why);
    if (!link_connect(link, connect_ns, why)) {
        link_close(link);
        return complain(why);
    }
    snprintf(clord, sizeof clord, "%u", link_next_ref(link));
    wrong = make(request, cfg, clord, buf, &len);
    if (wrong != NULL) {
        code = cli_wrong("send", "%s", wrong);
    } else {
        dialog_begin(&dialog, buf, len);
        code = say(link, &dialog, buf, len);
    }
    link_close(link);
    return code;
}
