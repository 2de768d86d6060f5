#include "tests/e2e/broker.h"

#include <stdio.h>
#include <string.h>

#include "proto/base.h"
#include "proto/orders.h"
#include "proto/px_qty.h"

#define LOCALHOST    0x7f000001u
#define KEEPALIVE_MS 2000u
#define UNSENT_BYTES (1u << 20)
#define SLOW_MS      60000u
#define MESSAGE_MAX  256u

/* Prices from 90.00 to 110.00 in ticks of 0.01. */
#define PX_TICK  (PX_ONE / 100)
#define PX_LOW   (90 * PX_ONE)
#define PX_TICKS 2001u

/* Beyond this many live orders cancels win over new ones. */
#define LIVE_MAX 400u

static void
on_report(void *ctx, uint64_t no, const uint8_t *buf, size_t len)
{
    struct broker *broker = ctx;

    ledger_report(broker->ledger, no, buf, len);
}

/* on_receipt: every other broker asks for receipts, which must not be in the way of
 * reports. */
static void
on_receipt(void *ctx, const struct oe_latency_receipt *receipt)
{
    struct broker *broker = ctx;

    (void)receipt;
    broker->receipts++;
}

static void
on_not_applied(void *ctx, uint64_t from, uint64_t count)
{
    struct broker *broker = ctx;

    ledger_not_applied(broker->ledger, from, count);
}

void
broker_init(struct broker *broker, unsigned index, uint64_t seed)
{
    *broker = (struct broker){.index = index, .rng = {seed * 1000003u + index}};
    broker->ledger = ledger_new(index);
}

bool
broker_open(struct broker *broker, unsigned index, uint64_t seed, uint16_t udp_port)
{
    broker_init(broker, index, seed);
    broker->server = (struct peer){.ip = LOCALHOST, .udp_port = udp_port};
    if (port_udp_open(&broker->port, &(struct port_udp_cfg){.ip = LOCALHOST}) != 0)
        return false;
    broker->udp_source = port_udp_local(broker->port);
    return true;
}

bool
broker_open_tcp(struct broker *broker, unsigned index, uint64_t seed, uint16_t tcp_port)
{
    const struct port_tcp_cfg cfg = {
        .client = true,
        .ip = LOCALHOST,
        .tcp_port = tcp_port,
        .connections_max = 1,
        .unsent_max = UNSENT_BYTES,
        .slow_ms = SLOW_MS,
    };
    char why[256];

    broker_init(broker, index, seed);
    broker->server = (struct peer){.ip = LOCALHOST, .udp_port = tcp_port};
    return port_tcp_open(&broker->port, &cfg, why) == 0;
}

void
broker_close(struct broker *broker)
{
    if (broker->client != NULL)
        client_free(broker->client);
    if (broker->port != NULL)
        port_close(broker->port);
    ledger_free(broker->ledger);
}

/* uuid_make makes a version 4 UUID out of the seed. */
static void
uuid_make(struct rng *rng, uint8_t uuid[16])
{
    const uint64_t random[2] = {rng_next(rng), rng_next(rng)};

    memcpy(uuid, random, sizeof random);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

void
broker_connect(struct broker *broker, enum broker_connect how, uint64_t back, uint64_t now_ns)
{
    const uint64_t next_report_no = ledger_next_report_no(broker->ledger);
    char name[16];
    char key[16];
    struct client_cfg cfg = {
        .port = broker->port,
        .server = broker->server,
        .udp_source = broker->udp_source,
        .name = name,
        .key = key,
        .keepalive_ms = KEEPALIVE_MS,
        .context = broker->context,
        .resume = how == BROKER_RESUME,
        .resume_no = ledger_next_no(broker->ledger),
        .resume_next_report_no = next_report_no > back ? next_report_no - back : 1,
        .on_report = on_report,
        .on_not_applied = on_not_applied,
        .on_receipt = broker->index % 2 == 1 ? on_receipt : NULL,
        .ctx = broker,
    };

    snprintf(name, sizeof name, "BROKER%u", broker->index);
    snprintf(key, sizeof key, "key-%u", broker->index);
    if (how == BROKER_NEW)
        uuid_make(&broker->rng, broker->uuid);
    else
        ledger_begin(broker->ledger, cfg.resume_next_report_no);
    memcpy(cfg.uuid, broker->uuid, sizeof cfg.uuid);
    if (broker->client != NULL)
        client_free(broker->client);
    broker->client = client_new(&cfg);
    ASSERT(broker->client != NULL);
    client_connect(broker->client, now_ns);
    port_tx_flush(broker->port);
}

int
broker_poll(struct broker *broker, uint64_t now_ns)
{
    struct datagram datagrams[PORT_BURST_MAX];
    const int cnt = port_rx(broker->port, datagrams, PORT_BURST_MAX);

    for (int i = 0; i < cnt; i++) {
        broker->overtaken += client_state(broker->client) == CLIENT_CLOSED;
        client_datagram(broker->client, &datagrams[i], now_ns);
    }
    client_poll(broker->client, now_ns);
    client_flush(broker->client, now_ns);
    port_tx_flush(broker->port);
    return cnt;
}

static size_t
encode_new(struct broker *broker, struct request *request, uint8_t *buf)
{
    struct rng *rng = &broker->rng;
    /* Sellers ask for more on average, so that some orders rest. */
    const uint32_t tick = rng_below(rng, PX_TICKS / 2) + (request->sell ? PX_TICKS / 3 : 0);
    const bool ioc = rng_below(rng, 6) == 0;

    request->kind = REQUEST_NEW;
    request->px = PX_LOW + (int64_t)tick * PX_TICK;
    request->qty = 1 + rng_below(rng, 100);
    request->instrument = rng_below(rng, BROKER_INSTRUMENTS);
    return oe_new_order_single_encode(
        buf, MESSAGE_MAX,
        &(struct oe_new_order_single){
            .cl_ord_id = request->clord,
            .price = request->px,
            .stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL,
            .expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL,
            .security_id = request->instrument,
            .order_qty = request->qty,
            .display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL,
            .min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL,
            .account = broker->index,
            .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
            .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
            .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
            .peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL,
            .linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL,
            .display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL,
            .side = request->sell ? OE_SIDE_SELL : OE_SIDE_BUY,
            .ord_type = OE_ORD_TYPE_LIMIT,
            .time_in_force = ioc ? OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL : OE_TIME_IN_FORCE_DAY,
            .self_match_prevention_instruction = rng_below(rng, 2) == 0
                                                     ? OE_SELF_MATCH_PREVENTION_INSTRUCTION_NONE
                                                     : (uint8_t)(1 + rng_below(rng, 4)),
            .order_capacity = OE_ORDER_CAPACITY_PRINCIPAL,
        });
}

/* name_order names a live order in the request, by one of its two names. */
static const struct ledger_order *
name_order(struct broker *broker, struct request *request)
{
    const uint32_t at = rng_below(&broker->rng, ledger_live_cnt(broker->ledger));
    const struct ledger_order *order = ledger_live(broker->ledger, at);

    if (rng_below(&broker->rng, 2) == 0)
        request->order_id = order->order_id;
    else
        request->orig_clord = order->clord;
    request->instrument = order->instrument;
    return order;
}

static size_t
encode_cancel(struct broker *broker, struct request *request, uint8_t *buf)
{
    request->kind = REQUEST_CANCEL;
    name_order(broker, request);
    return oe_order_cancel_request_encode(
        buf, MESSAGE_MAX,
        &(struct oe_order_cancel_request){
            .cl_ord_id = request->clord,
            .orig_cl_ord_id = request->orig_clord != 0
                                  ? request->orig_clord
                                  : OE_ORDER_CANCEL_REQUEST_ORIG_CL_ORD_ID_NULL,
            .order_id =
                request->order_id != 0 ? request->order_id : OE_ORDER_CANCEL_REQUEST_ORDER_ID_NULL,
            .security_id = request->instrument,
        });
}

static size_t
encode_replace(struct broker *broker, struct request *request, uint8_t *buf)
{
    const struct ledger_order *order = name_order(broker, request);

    request->kind = REQUEST_REPLACE;
    /* One in two keeps the price, and some of those their priority. */
    request->px = order->px;
    if (rng_below(&broker->rng, 2) == 0)
        request->px += ((int64_t)rng_below(&broker->rng, 21) - 10) * PX_TICK;
    request->qty = order->cum_qty + 1 + rng_below(&broker->rng, 100);
    return oe_order_cancel_replace_request_encode(
        buf, MESSAGE_MAX,
        &(struct oe_order_cancel_replace_request){
            .cl_ord_id = request->clord,
            .orig_cl_ord_id = request->orig_clord != 0
                                  ? request->orig_clord
                                  : OE_ORDER_CANCEL_REPLACE_REQUEST_ORIG_CL_ORD_ID_NULL,
            .order_id = request->order_id != 0 ? request->order_id
                                               : OE_ORDER_CANCEL_REPLACE_REQUEST_ORDER_ID_NULL,
            .price = request->px,
            .stop_px = OE_ORDER_CANCEL_REPLACE_REQUEST_STOP_PX_NULL,
            .expire_time = OE_ORDER_CANCEL_REPLACE_REQUEST_EXPIRE_TIME_NULL,
            .security_id = request->instrument,
            .order_qty = request->qty,
            .display_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_DISPLAY_QTY_NULL,
            .min_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_MIN_QTY_NULL,
        });
}

static void
send_request(struct broker *broker, const struct request *request, const uint8_t *buf, size_t len)
{
    const uint64_t next_no = ledger_next_no(broker->ledger);

    ASSERT(len > 0);
    ledger_request(broker->ledger, request);
    const uint64_t no = client_send(broker->client, buf, len);
    ASSERT(no == next_no);
}

unsigned
broker_fill(struct broker *broker, uint64_t window, unsigned max, uint64_t now_ns)
{
    uint8_t buf[MESSAGE_MAX];
    unsigned sent = 0;

    while (sent < max && ledger_pending(broker->ledger) < window) {
        const uint32_t live_cnt = ledger_live_cnt(broker->ledger);
        const uint32_t dice = rng_below(&broker->rng, live_cnt > LIVE_MAX ? 50 : 100);
        struct request request = {
            .clord = ledger_clord(broker->ledger),
            .sell = rng_below(&broker->rng, 2) == 0,
        };
        size_t len;

        if (live_cnt > 0 && dice < 25)
            len = encode_cancel(broker, &request, buf);
        else if (live_cnt > 0 && dice < 40)
            len = encode_replace(broker, &request, buf);
        else
            len = encode_new(broker, &request, buf);
        send_request(broker, &request, buf, len);
        sent++;
    }
    client_flush(broker->client, now_ns);
    port_tx_flush(broker->port);
    return sent;
}

void
broker_mass_cancel(struct broker *broker, uint64_t now_ns)
{
    const struct request request = {
        .clord = ledger_clord(broker->ledger),
        .kind = REQUEST_MASS_CANCEL,
    };
    uint8_t buf[MESSAGE_MAX];
    const size_t len = oe_order_mass_cancel_request_encode(
        buf, sizeof buf,
        &(struct oe_order_mass_cancel_request){
            .cl_ord_id = request.clord,
            .security_id_filter = OE_ORDER_MASS_CANCEL_REQUEST_SECURITY_ID_FILTER_NULL,
            .account_filter = OE_ORDER_MASS_CANCEL_REQUEST_ACCOUNT_FILTER_NULL,
            .mass_cancel_scope = OE_MASS_CANCEL_SCOPE_SESSION,
            .side_filter = OE_SIDE_FILTER_ANY,
            .target_group = OE_ORDER_MASS_CANCEL_REQUEST_TARGET_GROUP_NULL,
        });

    send_request(broker, &request, buf, len);
    client_flush(broker->client, now_ns);
    port_tx_flush(broker->port);
}
