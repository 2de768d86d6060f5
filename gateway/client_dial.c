#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/client.h"

/* Bytes of an IPv4 address in text, its end counted. */
#define ADDRESS_BYTES 16u

/* Unsent bytes that a connection of ours holds. */
#define UNSENT_BYTES (1u << 18)

/* where_read takes "ADDRESS:PORT" apart; false if it is none. */
static bool
where_read(const char *where, struct peer *peer)
{
    const char *colon = strchr(where, ':');
    const size_t len = colon != NULL ? (size_t)(colon - where) : 0;
    char address[ADDRESS_BYTES];
    struct in_addr in;
    unsigned long port;
    char *end;

    if (len == 0 || len >= sizeof address || colon[1] < '0' || colon[1] > '9')
        return false;
    memcpy(address, where, len);
    address[len] = '\0';
    port = strtoul(colon + 1, &end, 10);
    if (inet_pton(AF_INET, address, &in) != 1 || *end != '\0' || port == 0 || port > UINT16_MAX)
        return false;
    *peer = (struct peer){.ip = ntohl(in.s_addr), .udp_port = (uint16_t)port};
    return true;
}

static int
open_tcp(struct client_cfg *cfg, char why[256])
{
    return port_tcp_open(&cfg->port,
                         &(struct port_tcp_cfg){.client = true,
                                                .ip = cfg->server.ip,
                                                .tcp_port = cfg->server.udp_port,
                                                .framing = FRAMING_SOFH,
                                                .busy_poll_us = PORT_TCP_BUSY_POLL_US,
                                                .connections_max = 1,
                                                .unsent_max = UNSENT_BYTES},
                         why);
}

static int
open_udp(struct client_cfg *cfg, char why[256])
{
    const int rc = port_udp_open(&cfg->port, &(struct port_udp_cfg){.busy_poll = true});

    if (rc != 0)
        snprintf(why, 256, "cannot open a socket: %s", strerror(-rc));
    return rc;
}

int
client_dial(struct client_cfg *cfg, const char *where, char why[256])
{
    const bool tcp = strncmp(where, "tcp:", 4) == 0;

    why[0] = '\0';
    if ((!tcp && strncmp(where, "udp:", 4) != 0) || !where_read(where + 4, &cfg->server)) {
        snprintf(why, 256, "expected udp:ADDRESS:PORT or tcp:ADDRESS:PORT");
        return -EINVAL;
    }
    return tcp ? open_tcp(cfg, why) : open_udp(cfg, why);
}
