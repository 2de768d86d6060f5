/* A broker: bids for 100 of instrument 0 at 99.50, says what is reported, and leaves. */
#include <outcry/client.h>
#include <stdio.h>
#include <time.h>

static bool answered;

static uint64_t
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
on_report(void *ctx, uint64_t no, const uint8_t *buf, size_t len)
{
    const struct oe_execution_report_reject *refused = oe_execution_report_reject_view(buf, len);

    (void)ctx;
    printf("report %u: template %u\n", (unsigned)no, client_template(buf));
    if (refused != NULL)
        printf("%s\n", oe_reject_reason_name(refused->reject_reason));
    answered = true;
}

static void
bid(struct client *client)
{
    struct oe_new_order_single order;
    uint8_t buf[CLIENT_MESSAGE_MAX];

    client_order_new(&order); /* what is not set here is null, or 0, or usual */
    order.cl_ord_id = now();  /* none of our live orders has it */
    order.price = 9950000000; /* in 10^-8 */
    order.order_qty = 100;
    order.side = OE_SIDE_BUY;
    client_send(client, buf, oe_new_order_single_encode(buf, sizeof buf, &order));
    client_flush(client, now());
}

int
main(int argc, char **argv)
{
    struct client_cfg cfg = {.keepalive_ms = 1000, .on_report = on_report};
    char why[256] = "usage: client udp:ADDRESS:PORT NAME KEY";

    if (argc != 4 || client_dial(&cfg, argv[1], why) != 0)
        return fprintf(stderr, "%s\n", why), 2;
    cfg.name = argv[2];
    cfg.key = argv[3];

    struct client *client = client_new(&cfg);

    if (client == NULL)
        return 1;
    client_connect(client, now());
    for (bool sent = false; client_state(client) != CLIENT_CLOSED;) {
        client_receive(client, now()); /* never waits: this loop spins */
        if (client_state(client) == CLIENT_ESTABLISHED && !sent)
            bid(client), sent = true;
        else if (client_state(client) == CLIENT_ESTABLISHED && answered)
            client_terminate(client, now());
    }
    printf("closed%s%s\n", *client_error(client) != '\0' ? ": " : "", client_error(client));
    client_free(client);
    port_close(cfg.port);
    return answered ? 0 : 1;
}
