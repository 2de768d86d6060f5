/* outcry send: one request from the command line, answers in plain words. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/orders.h"

#include "tools/cli.h"
#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/config.h"
#include "tools/link.h"
#include "tools/ouch_talk.h"
#include "tools/refusal.h"
#include "tools/request.h"
#include "tools/text.h"

#define CONNECT_NS 5000000000ull
_Static_assert(LINK_ANSWER_S == 30, "as talk says");

#define ANSWER_NS (LINK_ANSWER_S * 1000000000ull)
#define QUIET_NS  50000000ull /* after the answer: trades come right behind it */

struct options {
    const char *config;
    const char *port;
    const char *session;
    const char *udp_port;
    struct request request;
};

struct dialog {
    const struct config *config;
    unsigned quotes_cnt; /* entries of the request */
    bool answered;
    bool refused;
    uint64_t last_ns;
};

static const char help[] =
    "usage: outcry send CONFIG new     --instrument SYM --side buy|sell --qty N\n"
    "                                  [--px P] [--type TYPE] [--tif TIF] [--account NAME]\n"
    "                                  [--stop-px P] [--expire T] [--min-qty N]\n"
    "                                  [--display N [--display-range N]] [--hidden]\n"
    "                                  [--post-only [--reprice]] [--peg PEG]\n"
    "                                  [--peg-offset P] [--link CLORD] [--stp STP]\n"
    "                                  [--capacity agency|principal|riskless]\n"
    "       outcry send CONFIG cancel  --instrument SYM --order-id ID | --orig-clord N\n"
    "       outcry send CONFIG replace --instrument SYM --order-id ID | --orig-clord N\n"
    "                                  --qty TOTAL [--px P] [--display N] [--stop-px P]\n"
    "                                  [--expire T]\n"
    "       outcry send CONFIG mass-cancel [--instrument SYM] [--side buy|sell]\n"
    "                                  [--scope session|account|group|firm]\n"
    "                                  [--account NAME] [--group NAME]\n"
    "       outcry send CONFIG mass-quote --quote SYM:QTY@PX/QTY@PX [--quote ...]\n"
    "                                  [--account NAME] [--stp STP] [--capacity ...]\n"
    "\n"
    "Sends one request to a serving exchange and prints the answers.\n"
    "\n"
    "  TYPE  limit (default), market, stop, stop-limit, market-to-limit, pegged\n"
    "  TIF   day (default), gtc, gtd, ioc, fok, opg, atc\n"
    "  PEG   primary (default), opposite, mid\n"
    "  STP   none (default), aggressive, passive, both, decrement: what a match with an\n"
    "        order of one's own group cancels\n"
    "  T     a time like 2025-01-31T17:30:00Z, or +SECONDS from now\n"
    "  A quote is a bid and an offer; either may be empty, as in ACME:/10@100.50\n"
    "\n"
    "  --session NAME  whose order it is (the first of the configuration\n"
    "                  that speaks what the port does)\n"
    "  --clord N       ClOrdID or quote id (from the clock)\n"
    "  --port NAME     port of the configuration (the first that speaks what the session\n"
    "                  does)\n"
    "  --udp-port N    where the configuration leaves it open; --tcp-port for kind tcp\n"
    "\n"
    "The session is negotiated anew; its orders in the book stay. The total of a\n"
    "replace counts fills in.\n"
    "\n"
    "A session or port whose dialect is ouch is spoken to in OUCH 5.0 over SoupBinTCP. An\n"
    "order is then named by its UserRefNum (--clord, --orig-clord; the exchange says which\n"
    "is free), cancels and replaces need no --instrument, a cancel may have --qty, the\n"
    "total that is to be left, and a replace --hidden, if the order is. What OUCH has no\n"
    "word for is refused here.\n"
    "\n"
    "Exit codes: 0 accepted, 1 refused or ignored, 2 usage, 3 no exchange.\n";

static int
complain(const char *why)
{
    return cli_fail(EXIT_SETUP, "send", "%s", why);
}

/* options_parse returns -1 to go on, else the exit code. */
static int
options_parse(int argc, char **argv, struct options *options)
{
    struct request *request = &options->request;
    const struct {
        struct option option;
        const char **to;
    } words[] = {
        {{"port", required_argument, NULL, 1}, &options->port},
        {{"session", required_argument, NULL, 2}, &options->session},
        {{"account", required_argument, NULL, 3}, &request->account},
        {{"instrument", required_argument, NULL, 4}, &request->instrument},
        {{"side", required_argument, NULL, 5}, &request->side},
        {{"type", required_argument, NULL, 6}, &request->type},
        {{"tif", required_argument, NULL, 7}, &request->tif},
        {{"px", required_argument, NULL, 8}, &request->px},
        {{"qty", required_argument, NULL, 9}, &request->qty},
        {{"order-id", required_argument, NULL, 10}, &request->order_id},
        {{"orig-clord", required_argument, NULL, 11}, &request->orig_clord},
        {{"clord", required_argument, NULL, 12}, &request->clord},
        {{"udp-port", required_argument, NULL, 13}, &options->udp_port},
        {{"stop-px", required_argument, NULL, 14}, &request->stop_px},
        {{"display", required_argument, NULL, 15}, &request->display},
        {{"display-range", required_argument, NULL, 16}, &request->display_range},
        {{"min-qty", required_argument, NULL, 17}, &request->min_qty},
        {{"expire", required_argument, NULL, 18}, &request->expire},
        {{"link", required_argument, NULL, 19}, &request->link},
        {{"stp", required_argument, NULL, 20}, &request->stp},
        {{"capacity", required_argument, NULL, 21}, &request->capacity},
        {{"peg", required_argument, NULL, 22}, &request->peg},
        {{"peg-offset", required_argument, NULL, 23}, &request->peg_offset},
        {{"scope", required_argument, NULL, 24}, &request->scope},
        {{"group", required_argument, NULL, 25}, &request->group},
        {{"tcp-port", required_argument, NULL, 26}, &options->udp_port},
    };
    const struct option others[] = {
        {"post-only", no_argument, NULL, 'P'},
        {"reprice", no_argument, NULL, 'R'},
        {"hidden", no_argument, NULL, 'H'},
        {"quote", required_argument, NULL, 'Q'},
    };
    struct option longs[ARRAY_LEN(words) + ARRAY_LEN(others) + 1] = {0};
    struct cli cli = {.help = help, .arguments = 2};
    int option;

    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        longs[i] = words[i].option;
    memcpy(&longs[ARRAY_LEN(words)], others, sizeof others);
    while ((option = cli_next(&cli, argc, argv, longs)) > 0) {
        request->post_only |= option == 'P';
        request->reprice |= option == 'R';
        request->hidden |= option == 'H';
        /* One too many is kept, to be refused. */
        if (option == 'Q' && request->quotes_cnt < ARRAY_LEN(request->quotes))
            request->quotes[request->quotes_cnt++] = optarg;
        else if (option <= (int)ARRAY_LEN(words))
            *words[option - 1].to = optarg;
    }
    if (option < 0)
        return cli.exit;
    options->config = argv[optind];
    request->verb = argv[optind + 1];
    return -1;
}

static const char *
px_text(int64_t px, char buf[TEXT_PX_BYTES])
{
    return px == OE_NEW_ORDER_SINGLE_PRICE_NULL ? "market" : text_px(px, 2, buf);
}

/* accepted_px tells at which price an order came in: a price that its type
 * ignores is none. */
static const char *
accepted_px(const struct oe_execution_report_new *accepted, char buf[TEXT_PX_BYTES])
{
    if (accepted->ord_type == OE_ORD_TYPE_PEGGED)
        return "peg";
    if (accepted->ord_type == OE_ORD_TYPE_LIMIT || accepted->ord_type == OE_ORD_TYPE_STOP_LIMIT)
        return px_text(accepted->price, buf);
    return "market";
}

static const char *
symbol_of(const struct dialog *dialog, uint32_t id)
{
    for (unsigned i = 0; i < dialog->config->instruments_cnt; i++)
        if (dialog->config->instruments[i].id == id)
            return dialog->config->instruments[i].symbol;
    return "?";
}

/* risk_say prints the numbers behind a refusal, if there are any. */
static void
risk_say(uint16_t reason, uint8_t level, int64_t limit, int64_t used, int64_t value)
{
    char text[REFUSAL_TEXT_BYTES];

    puts(refusal_text(
        &(struct refusal){
            .reason = reason, .level = level, .limit = limit, .used = used, .value = value},
        text));
}

static void
say_execution(struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct oe_execution_report_new *accepted = oe_execution_report_new_view(buf, len);
    const struct oe_execution_report_cancel *canceled = oe_execution_report_cancel_view(buf, len);
    const struct oe_execution_report_replace *replaced = oe_execution_report_replace_view(buf, len);
    const struct oe_execution_report_trade *trade = oe_execution_report_trade_view(buf, len);
    char px[TEXT_PX_BYTES];

    if (accepted != NULL)
        printf("accepted: %s %u %s @ %s, order id %" PRIu64 ", ClOrdID %" PRIu64 "\n",
               oe_side_name(accepted->side), accepted->order_qty,
               symbol_of(dialog, accepted->security_id), accepted_px(accepted, px),
               accepted->order_id, accepted->cl_ord_id);
    else if (canceled != NULL)
        printf("canceled: order id %" PRIu64 ", %u taken out, %u filled before (%s)\n",
               canceled->order_id, canceled->cxl_qty, canceled->cum_qty,
               oe_cancel_reason_name(canceled->cancel_reason));
    else if (replaced != NULL)
        printf("replaced: order id %" PRIu64 ", was %" PRIu64 ", now %u @ %s, %u open\n",
               replaced->order_id, replaced->replaced_order_id, replaced->order_qty,
               replaced->price == OE_EXECUTION_REPORT_REPLACE_PRICE_NULL
                   ? "no price"
                   : px_text(replaced->price, px),
               replaced->leaves_qty);
    else if (trade != NULL)
        printf("traded: %s %u %s @ %s, order id %" PRIu64 ", %u open, match %" PRIu64 "\n",
               oe_side_name(trade->side), trade->last_qty, symbol_of(dialog, trade->security_id),
               px_text(trade->last_px, px), trade->order_id, trade->leaves_qty,
               trade->trd_match_id);
    dialog->answered = dialog->answered || accepted != NULL || canceled != NULL || replaced != NULL;
}

/* say_event tells what the venue did on its own. */
static void
say_event(const struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct oe_execution_report_restated *restated =
        oe_execution_report_restated_view(buf, len);
    const struct oe_execution_report_triggered *triggered =
        oe_execution_report_triggered_view(buf, len);
    const struct oe_execution_report_expire *expired = oe_execution_report_expire_view(buf, len);
    const struct oe_execution_report_prevented_match *prevented =
        oe_execution_report_prevented_match_view(buf, len);
    char px[TEXT_PX_BYTES];
    char stop_px[TEXT_PX_BYTES];

    if (restated != NULL)
        printf("restated: order id %" PRIu64 ", now %u open @ %s (%s)\n", restated->order_id,
               restated->leaves_qty,
               restated->price == OE_EXECUTION_REPORT_RESTATED_PRICE_NULL
                   ? "no price"
                   : px_text(restated->price, px),
               oe_exec_restatement_reason_name(restated->exec_restatement_reason));
    else if (triggered != NULL)
        printf("triggered: order id %" PRIu64 ", stop price %s, now %u open @ %s\n",
               triggered->order_id, px_text(triggered->stop_px, stop_px), triggered->leaves_qty,
               px_text(triggered->price, px));
    else if (expired != NULL)
        printf("expired: order id %" PRIu64 ", %u taken out, %u filled before\n", expired->order_id,
               expired->cxl_qty, expired->cum_qty);
    else if (prevented != NULL)
        printf("match prevented: %s %u %s @ %s, order id %" PRIu64 "\n",
               oe_side_name(prevented->side), prevented->prevented_qty,
               symbol_of(dialog, prevented->security_id), px_text(prevented->price, px),
               prevented->order_id);
}

/* say_quoted tells one side of an entry; nothing if there is none. */
static void
say_quoted(const char *side, uint64_t order_id, unsigned reason)
{
    if (reason != OE_REJECT_REASON_NONE)
        printf(", %s refused: %s", side, oe_reject_reason_name(reason));
    else if (order_id != OE_QUOTE_ENTRY_REPORT_BID_ORDER_ID_NULL)
        printf(", %s order id %" PRIu64, side, order_id);
}

static void
say_quotes(struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct oe_mass_quote_report *whole = oe_mass_quote_report_view(buf, len);
    const struct oe_quote_entry_report *entry = oe_quote_entry_report_view(buf, len);

    if (whole != NULL) {
        const bool good = whole->reject_reason == OE_REJECT_REASON_NONE;

        if (good)
            printf("mass quote taken: %u entries, quote id %" PRIu64 "\n",
                   whole->tot_no_quote_entries, whole->quote_id);
        else
            printf("mass quote refused: %s\n", oe_reject_reason_name(whole->reject_reason));
        dialog->refused |= !good;
        dialog->answered |= !good;
    } else if (entry != NULL) {
        printf("quoted: entry %u, %s", entry->entry_number, symbol_of(dialog, entry->security_id));
        say_quoted("bid", entry->bid_order_id, entry->bid_reject_reason);
        say_quoted("offer", entry->offer_order_id, entry->offer_reject_reason);
        puts("");
        dialog->refused |= entry->bid_reject_reason != OE_REJECT_REASON_NONE ||
                           entry->offer_reject_reason != OE_REJECT_REASON_NONE;
        dialog->answered |= entry->entry_number == dialog->quotes_cnt;
    }
}

static void
say_refusal(struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const struct oe_execution_report_reject *reject = oe_execution_report_reject_view(buf, len);
    const struct oe_order_cancel_reject *cancel = oe_order_cancel_reject_view(buf, len);
    const struct oe_business_message_reject *business = oe_business_message_reject_view(buf, len);
    const struct oe_mass_cancel_report *mass = oe_mass_cancel_report_view(buf, len);

    if (reject != NULL) {
        printf("refused: %s", oe_reject_reason_name(reject->reject_reason));
        risk_say(reject->reject_reason, reject->risk_level, reject->risk_limit, reject->risk_use,
                 reject->risk_value);
    } else if (cancel != NULL) {
        printf("%s refused: %s", oe_cxl_rej_response_to_name(cancel->cxl_rej_response_to),
               oe_reject_reason_name(cancel->reject_reason));
        risk_say(cancel->reject_reason, cancel->risk_level, cancel->risk_limit, cancel->risk_use,
                 cancel->risk_value);
    } else if (business != NULL) {
        printf("refused: %s\n", oe_reject_reason_name(business->reject_reason));
    } else if (mass != NULL && mass->reject_reason == OE_REJECT_REASON_NONE) {
        printf("mass cancel done: %u orders\n", mass->total_affected_orders);
        dialog->answered = true;
        return;
    } else if (mass != NULL) {
        printf("mass cancel refused: %s\n", oe_reject_reason_name(mass->reject_reason));
    } else {
        return;
    }
    dialog->answered = true;
    dialog->refused = true;
}

static void
on_report(void *ctx, unsigned index, uint64_t no, const uint8_t *buf, size_t len)
{
    struct dialog *dialog = ctx;

    (void)index;
    (void)no;
    say_execution(dialog, buf, len);
    say_event(dialog, buf, len);
    say_quotes(dialog, buf, len);
    say_refusal(dialog, buf, len);
    dialog->last_ns = clock_utc_ns();
}

static void
on_not_applied(void *ctx, unsigned index, uint64_t from, uint64_t count)
{
    struct dialog *dialog = ctx;

    (void)index;
    printf("not received: %" PRIu64 " message(s) from number %" PRIu64 "\n", count, from);
    dialog->answered = true;
    dialog->refused = true;
}

/* talk sends the request and listens until it is answered and quiet. */
static int
talk(struct link *link, struct dialog *dialog, const uint8_t *buf, size_t len)
{
    const uint64_t until_ns = clock_utc_ns() + ANSWER_NS;

    if (link_send(link, 0, buf, len) == 0)
        return complain("the session is not established");
    link_flush(link);
    for (;;) {
        link_poll(link);
        link_flush(link);
        if (dialog->answered && link_now_ns(link) > dialog->last_ns + QUIET_NS)
            return dialog->refused ? EXIT_CHECK : EXIT_FINE;
        if (*link_error(link) != '\0')
            return complain(link_error(link));
        if (!dialog->answered && link_now_ns(link) > until_ns)
            return complain("no answer for 30 seconds");
    }
}

/* pick finds port and session: those that are named, or the first; one that is not named
 * speaks what the other does, if there is such a one. */
static int
pick(const struct options *options, const struct config *config, struct link_cfg *cfg)
{
    unsigned port = 0;
    unsigned session = 0;

    if (config->ports_cnt == 0 ||
        (options->port != NULL && config_port(config, options->port) == NULL))
        return cli_wrong("send", "--port: expected a port of the configuration");
    if (config->sessions_cnt == 0 ||
        (options->session != NULL && config_session(config, options->session) == NULL))
        return cli_wrong("send", "--session: expected a session of the configuration");
    cfg->sessions[0] = options->session != NULL ? config_session(config, options->session) : NULL;
    cfg->port = options->port != NULL ? config_port(config, options->port) : NULL;
    while (cfg->port == NULL && cfg->sessions[0] != NULL && port + 1 < config->ports_cnt &&
           config->ports[port].dialect != cfg->sessions[0]->dialect)
        port++;
    if (cfg->port == NULL)
        cfg->port = &config->ports[port];
    while (session + 1 < config->sessions_cnt &&
           config->sessions[session].dialect != cfg->port->dialect)
        session++;
    if (cfg->sessions[0] == NULL)
        cfg->sessions[0] = &config->sessions[session];
    return EXIT_FINE;
}

static int
run(const struct options *options, const struct config *config)
{
    struct dialog dialog = {.config = config, .quotes_cnt = options->request.quotes_cnt};
    struct link_cfg cfg = {
        .config = config,
        .sessions_cnt = 1,
        .events = {.on_report = on_report, .on_not_applied = on_not_applied, .ctx = &dialog},
    };
    char why[LINK_WHY_BYTES];
    uint8_t buf[REQUEST_BYTES_MAX];
    uint64_t udp_port = 0;
    size_t len;

    if (options->udp_port != NULL &&
        (!text_u64_parse(options->udp_port, &udp_port) || udp_port == 0 || udp_port > 65535))
        return cli_wrong("send", "--udp-port %s: expected 1 to 65535", options->udp_port);
    cfg.udp_port = (uint16_t)udp_port;
    const int wrong_code = pick(options, config, &cfg);
    if (wrong_code != EXIT_FINE)
        return wrong_code;
    if (cfg.port->dialect == GATEWAY_OUCH)
        return ouch_talk(&options->request, &cfg, CONNECT_NS);
    const char *wrong = request_make(&options->request, config, cfg.sessions[0], buf, &len);
    if (wrong != NULL)
        return cli_wrong("send", "%s", wrong);

    struct link *link = link_open(&cfg, why);
    if (link == NULL)
        return complain(why);
    const int code =
        link_connect(link, CONNECT_NS, why) ? talk(link, &dialog, buf, len) : complain(why);
    link_close(link);
    return code;
}

int
cmd_send(int argc, char **argv)
{
    struct options options = {0};
    char why[CONFIG_WHY_BYTES];
    int code = options_parse(argc, argv, &options);

    if (code != -1)
        return code;
    struct config *config = config_load(options.config, why);
    if (config == NULL)
        return complain(why);
    code = run(&options, config);
    config_free(config);
    return code;
}
