/* outcry send: one request from the command line, answers in plain words. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/orders.h"

#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/config.h"
#include "tools/link.h"
#include "tools/text.h"

#define CONNECT_NS 5000000000ull
#define ANSWER_NS  5000000000ull
#define QUIET_NS   50000000ull /* after the answer: trades come right behind it */

struct options {
    const char *config;
    const char *port;
    const char *session;
    const char *account;
    const char *instrument;
    const char *side;
    const char *type;
    const char *tif;
    const char *px;
    const char *qty;
    const char *order_id;
    const char *orig_clord;
    const char *clord;
    uint16_t udp_port;
    bool post_only;
};

struct dialog {
    const struct config *config;
    bool answered;
    bool refused;
    uint64_t last_ns;
};

static void
help(void)
{
    puts("Usage: outcry send CONFIG new     --instrument SYM --side buy|sell --qty N\n"
         "                                  [--px P] [--type limit|market]\n"
         "                                  [--tif day|gtc|ioc|fok] [--post-only]\n"
         "                                  [--account NAME]\n"
         "       outcry send CONFIG cancel  --instrument SYM --order-id ID | --orig-clord N\n"
         "       outcry send CONFIG replace --instrument SYM --order-id ID | --orig-clord N\n"
         "                                  --qty TOTAL --px P\n"
         "       outcry send CONFIG mass-cancel [--instrument SYM] [--side buy|sell]\n"
         "\n"
         "Sends one request to a serving exchange and prints the answers.\n"
         "\n"
         "  --session NAME  whose order it is (the first of the configuration)\n"
         "  --clord N       ClOrdID (from the clock)\n"
         "  --port NAME     port of the configuration (the first)\n"
         "  --udp-port N    where the configuration leaves it open\n"
         "\n"
         "The session is negotiated anew; its orders in the book stay. The total of a\n"
         "replace counts fills in. Exit codes: 0 accepted, 1 refused, 2 usage, 3 no\n"
         "exchange.");
}

static int
complain(const char *why)
{
    fprintf(stderr, "outcry send: %s\n", why);
    return EXIT_SETUP;
}

static int
misuse(const char *what)
{
    fprintf(stderr, "outcry send: %s, see --help\n", what);
    return EXIT_USAGE;
}

/* options_parse returns -1 to go on, else the exit code. */
static int
options_parse(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"port", required_argument, NULL, 'p'},
        {"session", required_argument, NULL, 's'},
        {"account", required_argument, NULL, 'a'},
        {"instrument", required_argument, NULL, 'i'},
        {"side", required_argument, NULL, 'd'},
        {"type", required_argument, NULL, 't'},
        {"tif", required_argument, NULL, 'f'},
        {"px", required_argument, NULL, 'x'},
        {"qty", required_argument, NULL, 'q'},
        {"order-id", required_argument, NULL, 'o'},
        {"orig-clord", required_argument, NULL, 'g'},
        {"clord", required_argument, NULL, 'c'},
        {"udp-port", required_argument, NULL, 'u'},
        {"post-only", no_argument, NULL, 'P'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint64_t value;
    int option;

    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (option) {
        case 'p':
            options->port = optarg;
            break;
        case 's':
            options->session = optarg;
            break;
        case 'a':
            options->account = optarg;
            break;
        case 'i':
            options->instrument = optarg;
            break;
        case 'd':
            options->side = optarg;
            break;
        case 't':
            options->type = optarg;
            break;
        case 'f':
            options->tif = optarg;
            break;
        case 'x':
            options->px = optarg;
            break;
        case 'q':
            options->qty = optarg;
            break;
        case 'o':
            options->order_id = optarg;
            break;
        case 'g':
            options->orig_clord = optarg;
            break;
        case 'c':
            options->clord = optarg;
            break;
        case 'P':
            options->post_only = true;
            break;
        case 'u':
            if (!text_u64_parse(optarg, &value) || value == 0 || value > 65535)
                return misuse("--udp-port: expected 1 to 65535");
            options->udp_port = (uint16_t)value;
            break;
        case 'h':
            help();
            return EXIT_FINE;
        default:
            return EXIT_USAGE;
        }
    }
    if (argc - optind != 2)
        return misuse("expected CONFIG and one of new, cancel, replace, mass-cancel");
    options->config = argv[optind];
    return -1;
}

static const char *
px_text(int64_t px, char buf[TEXT_PX_BYTES])
{
    return px == OE_NEW_ORDER_SINGLE_PRICE_NULL ? "market" : text_px(px, 2, buf);
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
risk_say(uint8_t level, int64_t limit, int64_t use, int64_t value)
{
    if (level != OE_RISK_LEVEL_NONE)
        printf(" (%s limit %" PRId64 ", in use %" PRId64 ", this order %" PRId64 ")",
               oe_risk_level_name(level), limit, use, value);
    puts("");
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
               symbol_of(dialog, accepted->security_id), px_text(accepted->price, px),
               accepted->order_id, accepted->cl_ord_id);
    else if (canceled != NULL)
        printf("canceled: order id %" PRIu64 ", %u taken out, %u filled before (%s)\n",
               canceled->order_id, canceled->cxl_qty, canceled->cum_qty,
               oe_cancel_reason_name(canceled->cancel_reason));
    else if (replaced != NULL)
        printf("replaced: order id %" PRIu64 ", was %" PRIu64 ", now %u @ %s, %u open\n",
               replaced->order_id, replaced->replaced_order_id, replaced->order_qty,
               px_text(replaced->price, px), replaced->leaves_qty);
    else if (trade != NULL)
        printf("traded: %s %u %s @ %s, order id %" PRIu64 ", %u open, match %" PRIu64 "\n",
               oe_side_name(trade->side), trade->last_qty, symbol_of(dialog, trade->security_id),
               px_text(trade->last_px, px), trade->order_id, trade->leaves_qty,
               trade->trd_match_id);
    dialog->answered = dialog->answered || accepted != NULL || canceled != NULL || replaced != NULL;
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
        risk_say(reject->risk_level, reject->risk_limit, reject->risk_use, reject->risk_value);
    } else if (cancel != NULL) {
        printf("%s refused: %s", oe_cxl_rej_response_to_name(cancel->cxl_rej_response_to),
               oe_reject_reason_name(cancel->reject_reason));
        risk_say(cancel->risk_level, cancel->risk_limit, cancel->risk_use, cancel->risk_value);
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

static const char *
make_new(const struct options *options,
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
        options->instrument == NULL ? NULL : config_instrument(config, options->instrument);
    const struct config_account *account = NULL;
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
        .order_capacity = OE_ORDER_CAPACITY_AGENCY,
    };
    int64_t px = 0;

    for (unsigned i = 0; i < config->accounts_cnt && account == NULL; i++)
        if (options->account != NULL
                ? strcmp(config->accounts[i].name, options->account) == 0
                : config->groups[config->accounts[i].group].firm == session->firm)
            account = &config->accounts[i];
    const int side = options->side == NULL ? -1 : choose(options->side, sides, "12");
    const int type = choose(options->type == NULL ? "limit" : options->type, types, "12");
    const int tif = choose(options->tif == NULL ? "day" : options->tif, tifs, "0134");
    uint32_t qty;

    if (instrument == NULL)
        return "--instrument: expected a symbol of the configuration";
    if (account == NULL)
        return "--account: expected an account of the configuration";
    if (side < 0 || type < 0 || tif < 0)
        return "--side, --type or --tif: expected one of the words in the help";
    if (!quantity(options->qty, &qty))
        return "--qty: expected a whole number";
    if (type == OE_ORD_TYPE_LIMIT && (options->px == NULL || !text_px_parse(options->px, &px)))
        return "--px: expected a price with at most 8 decimals";
    if (type == OE_ORD_TYPE_LIMIT)
        msg.price = px;
    msg.security_id = instrument->id;
    msg.account = account->id;
    msg.order_qty = qty;
    msg.side = (uint8_t)side;
    msg.ord_type = (uint8_t)type;
    msg.time_in_force = (uint8_t)tif;
    msg.exec_inst = options->post_only ? OE_EXEC_INST_POST_ONLY : 0;
    *len = oe_new_order_single_encode(buf, 256, &msg);
    return NULL;
}

/* make_change makes a cancel or a replace. */
static const char *
make_change(const struct options *options,
            const struct config *config,
            bool replace,
            uint64_t clord,
            uint8_t *buf,
            size_t *len)
{
    const struct config_instrument *instrument =
        options->instrument == NULL ? NULL : config_instrument(config, options->instrument);
    uint64_t order_id, orig;
    uint32_t qty = 0;
    int64_t px = 0;

    if (instrument == NULL)
        return "--instrument: expected a symbol of the configuration";
    if (!identifier(options->order_id, &order_id) || !identifier(options->orig_clord, &orig) ||
        (order_id == UINT64_MAX) == (orig == UINT64_MAX))
        return "expected one of --order-id and --orig-clord, a number";
    if (!replace) {
        *len = oe_order_cancel_request_encode(
            buf, 256,
            &(struct oe_order_cancel_request){.cl_ord_id = clord,
                                              .orig_cl_ord_id = orig,
                                              .order_id = order_id,
                                              .security_id = instrument->id});
        return NULL;
    }
    if (!quantity(options->qty, &qty))
        return "--qty: expected the new total, a whole number";
    if (options->px == NULL || !text_px_parse(options->px, &px))
        return "--px: expected a price with at most 8 decimals";
    *len = oe_order_cancel_replace_request_encode(
        buf, 256,
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
make_mass(const struct options *options,
          const struct config *config,
          uint64_t clord,
          uint8_t *buf,
          size_t *len)
{
    static const char *const sides[] = {"any", "buy", "sell", NULL};
    const struct config_instrument *instrument =
        options->instrument == NULL ? NULL : config_instrument(config, options->instrument);
    const int side = choose(options->side == NULL ? "any" : options->side, sides, "012");

    if (options->instrument != NULL && instrument == NULL)
        return "--instrument: expected a symbol of the configuration";
    if (side < 0)
        return "--side: expected buy or sell";
    *len = oe_order_mass_cancel_request_encode(
        buf, 256,
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
            return complain("no answer for 5 seconds");
    }
}

static int
run(const struct options *options, const struct config *config, const char *verb)
{
    struct dialog dialog = {.config = config};
    struct link_cfg cfg = {
        .config = config,
        .udp_port = options->udp_port,
        .sessions_cnt = 1,
        .events = {.on_report = on_report, .on_not_applied = on_not_applied, .ctx = &dialog},
    };
    char why[LINK_WHY_BYTES];
    uint64_t clord = 0;
    uint8_t buf[256];
    size_t len = 0;

    cfg.port = options->port != NULL ? config_port(config, options->port) : &config->ports[0];
    if (cfg.port == NULL || config->ports_cnt == 0)
        return misuse("--port: expected a port of the configuration");
    cfg.sessions[0] =
        options->session != NULL ? config_session(config, options->session) : &config->sessions[0];
    if (cfg.sessions[0] == NULL || config->sessions_cnt == 0)
        return misuse("--session: expected a session of the configuration");
    if (options->clord == NULL)
        clord = clock_utc_ns();
    else if (!text_u64_parse(options->clord, &clord) || clord == UINT64_MAX)
        return misuse("--clord: expected a number");

    const char *wrong = "expected one of new, cancel, replace, mass-cancel";
    if (strcmp(verb, "new") == 0)
        wrong = make_new(options, config, cfg.sessions[0], clord, buf, &len);
    else if (strcmp(verb, "cancel") == 0 || strcmp(verb, "replace") == 0)
        wrong = make_change(options, config, strcmp(verb, "replace") == 0, clord, buf, &len);
    else if (strcmp(verb, "mass-cancel") == 0)
        wrong = make_mass(options, config, clord, buf, &len);
    if (wrong != NULL)
        return misuse(wrong);

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
    code = run(&options, config, argv[argc - 1]);
    config_free(config);
    return code;
}
