/*
 * Goal: what the client library does for a program beside speaking FIXP (which the tests
 * of fixp_ show): it opens ports, draws UUIDs and fills in requests that the exchange
 * takes. Method: rig.h, and sockets that nobody answers at.
 */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/gateway/rig.h"

#define PX 10000000000ll /* 100.00 */

Test(client, requests_that_it_fills_in_are_taken)
{
    struct rig *rig = rig_new(601, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct oe_order_cancel_replace_request replace;
    struct oe_order_cancel_request cancel;
    uint8_t buf[CLIENT_MESSAGE_MAX];

    rig_order(rig, rc, 1, false, PX);
    client_order_replace(&replace);
    replace.cl_ord_id = 2;
    replace.orig_cl_ord_id = 1;
    replace.price = PX - 1000000;
    replace.order_qty = 5;
    client_send(rc->client, buf, oe_order_cancel_replace_request_encode(buf, sizeof buf, &replace));
    client_order_cancel(&cancel);
    cancel.cl_ord_id = 3;
    cancel.orig_cl_ord_id = 2;
    client_send(rc->client, buf, oe_order_cancel_request_encode(buf, sizeof buf, &cancel));
    rig_wait(rig, 2);
    cr_assert_eq(rc->reports_cnt, 3);
    cr_assert_eq(rig_template(&rc->reports[0]), OE_EXECUTION_REPORT_NEW_ID);
    cr_assert_eq(client_template(rc->reports[1].bytes), OE_EXECUTION_REPORT_REPLACE_ID);
    cr_assert_eq(client_template(rc->reports[2].bytes), OE_EXECUTION_REPORT_CANCEL_ID);
    cr_assert_eq(engine_orders_cnt(rig->engine), 0);
    rig_free(rig);
}

Test(client, uuid_is_drawn_if_none_is_given)
{
    struct client_cfg cfg = {.name = "A", .key = "a", .keepalive_ms = 1000};
    struct client *one = client_new(&cfg), *other = client_new(&cfg);

    cr_assert_not_null(one);
    cr_assert_not_null(other);
    cr_assert_arr_neq(client_uuid(one), client_uuid(other), 16);
    cr_assert_eq(client_uuid(one)[6] & 0xf0, 0x40, "of version 4");
    cr_assert_eq(client_uuid(one)[8] & 0xc0, 0x80);
    memcpy(cfg.uuid, client_uuid(one), sizeof cfg.uuid);
    client_free(other);
    cfg.resume = true;
    other = client_new(&cfg);
    cr_assert_arr_eq(client_uuid(one), client_uuid(other), 16);
    client_free(one);
    client_free(other);
}

/* What is cut would be refused by the exchange as a wrong key. */
Test(client, name_and_key_that_do_not_fit_are_refused)
{
    static const char longest[] = "12345678901234567890123456789012";
    static const struct {
        const char *name;
        const char *key;
        bool good;
    } cases[] = {
        {longest + 16, longest, true},
        {"B", "k", true},
        {longest + 15, "k", false},
        {"", "k", true},
        {"B", "", true},
        {"B", "123456789012345678901234567890123", false},
        {NULL, "k", false},
        {"B", NULL, false},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct client_cfg cfg = {.name = cases[i].name, .key = cases[i].key};
        struct client *client = client_new(&cfg);

        cr_assert_eq(client != NULL, cases[i].good, "case %u", i);
        client_free(client);
    }
}

Test(client, dials_addresses_and_nothing_else)
{
    static const char *const bad[] = {
        "",
        "udp:",
        "udp:127.0.0.1",
        "udp:127.0.0.1:",
        "udp:127.0.0.1:0",
        "udp:127.0.0.1:65536",
        "udp:127.0.0.1:99999999999999999999",
        "udp:127.0.0.1:-1",
        "udp:127.0.0.1: 9",
        "udp:127.0.0.1:9x",
        "udp::9",
        "udp:127.0.0:9",
        "udp:127.0.0.1.127.0.0.1:9",
        "tcp:localhost:9",
        "http:127.0.0.1:9",
        "127.0.0.1:9",
    };
    struct client_cfg cfg = {0};
    char why[256];

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        cr_assert_eq(client_dial(&cfg, bad[i], why), -EINVAL, "%s", bad[i]);
        cr_assert_str_eq(why, "expected udp:ADDRESS:PORT or tcp:ADDRESS:PORT");
        cr_assert_null(cfg.port);
    }
    cr_assert_eq(client_dial(&cfg, "udp:127.0.0.2:65535", why), 0, "%s", why);
    cr_assert_eq(cfg.server.ip, 0x7f000002);
    cr_assert_eq(cfg.server.udp_port, 65535);
    cr_assert_not(cfg.port->stream);
    port_close(cfg.port);
    cr_assert_eq(client_dial(&cfg, "tcp:127.0.0.1:1", why), 0, "%s", why);
    cr_assert(cfg.port->stream);
    port_close(cfg.port);
}
