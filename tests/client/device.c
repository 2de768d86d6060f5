/* A broker on the exchange's machine, by DPDK's shared memory: logs in, and leaves. */
#include <errno.h>
#include <outcry/client.h>
#include <stdio.h>
#include <time.h>

#define OURS  0x0a630002u /* 10.99.0.2 */
#define THEIR 0x0a630001u /* 10.99.0.1 */

static uint64_t
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* dial_device waits until the exchange is there; vdev as its configuration has it. */
static int
dial_device(struct client_cfg *cfg, const char *vdev, char why[256])
{
    const char *const eal[] = {"--no-huge", "--no-shconf",    "-m", "128",
                               "--no-pci",  "--no-telemetry", vdev, NULL};
    const struct port_dpdk_cfg device = {
        .eal_argv = eal,
        .ip = OURS,
        .gateway_ip = THEIR,
        .udp_port_first = 50000, /* one for each session */
        .udp_port_cnt = 1,
    };
    struct datagram datagrams[PORT_BURST_MAX];
    int rc;

    do
        rc = port_dpdk_open(&cfg->port, &device, why);
    while (rc == -EAGAIN);
    while (rc == 0 && !port_ready(cfg->port)) {
        port_rx(cfg->port, datagrams, PORT_BURST_MAX);
        port_tx_flush(cfg->port);
    }
    cfg->server = (struct peer){.ip = THEIR, .udp_port = 9000};
    cfg->udp_source = 50000;
    return rc;
}

int
main(int argc, char **argv)
{
    struct client_cfg cfg = {.keepalive_ms = 1000};
    char why[256] = "usage: device VDEV NAME KEY";

    if (argc != 4 || dial_device(&cfg, argv[1], why) != 0)
        return fprintf(stderr, "%s\n", why), 2;
    cfg.name = argv[2];
    cfg.key = argv[3];

    struct client *client = client_new(&cfg);
    bool established = false;

    if (client == NULL)
        return 1;
    client_connect(client, now());
    while (client_state(client) != CLIENT_CLOSED) {
        client_receive(client, now());
        if (client_state(client) == CLIENT_ESTABLISHED) {
            established = true;
            client_terminate(client, now());
        }
    }
    printf("%s%s\n", established ? "closed" : "failed: ", client_error(client));
    client_free(client);
    port_close(cfg.port);
    return !established;
}
