#include "tools/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/clock.h"

/* Source ports on a shared device: from the dynamic range. */
#define SOURCE_FIRST 50000u

#define LOCALHOST 0x7f000001u

/* What may wait for an exchange that does not read, and how long. */
#define UNSENT_BYTES 65536u
#define SLOW_MS      10000u

#define CLOSE_WAIT_NS 200000000ull
#define OPEN_WAIT_NS  5000000000ull

struct link_session {
    struct link *link;
    unsigned index;
    struct port *port;        /* a socket of its own, or the shared device */
    struct client *client;    /* of FIXP, */
    struct ouch_client *ouch; /* or of OUCH */
};

struct link {
    struct link_cfg cfg;
    struct port *shared;
    uint64_t now_ns;
    unsigned sessions_cnt; /* opened */
    struct link_session sessions[LINK_SESSIONS_MAX];
};

static void
report(void *ctx, uint64_t no, const uint8_t *buf, size_t len)
{
    const struct link_session *session = ctx;
    const struct link_events *events = &session->link->cfg.events;

    events->on_report(events->ctx, session->index, no, buf, len);
}

static void
not_applied(void *ctx, uint64_t from, uint64_t count)
{
    const struct link_session *session = ctx;
    const struct link_events *events = &session->link->cfg.events;

    events->on_not_applied(events->ctx, session->index, from, count);
}

static void
receipt(void *ctx, const struct oe_latency_receipt *receipt)
{
    const struct link_session *session = ctx;
    const struct link_events *events = &session->link->cfg.events;

    events->on_receipt(events->ctx, receipt);
}

static bool
socket_open(struct port **port, char why[LINK_WHY_BYTES])
{
    const int result = port_udp_open(port, &(struct port_udp_cfg){.busy_poll = true});

    if (result == 0)
        return true;
    snprintf(why, LINK_WHY_BYTES, "cannot open a socket: %s", strerror(-result));
    return false;
}

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* device_open waits for the other side of a memif to be there. */
static bool
device_open(struct link *link, char why[LINK_WHY_BYTES])
{
    const struct config_port *where = link->cfg.port;
    const uint64_t until_ns = clock_utc_ns() + OPEN_WAIT_NS;
    char reason[256] = "";
    int result;

    if (!where->client.given) {
        snprintf(why, LINK_WHY_BYTES, "port %s: has no client section, expected address and eal",
                 where->name);
        return false;
    }
    do {
        result = port_dpdk_open(&link->shared,
                                &(struct port_dpdk_cfg){
                                    .eal_argv = where->client.eal,
                                    .ip = where->client.address,
                                    .udp_port_first = SOURCE_FIRST,
                                    .udp_port_cnt = LINK_SESSIONS_MAX,
                                    .gateway_ip = where->address,
                                    .vlan = where->vlan,
                                },
                                reason);
        if (result == -EAGAIN)
            nap();
    } while (result == -EAGAIN && clock_utc_ns() < until_ns);
    if (result != 0) {
        snprintf(why, LINK_WHY_BYTES, "port %s: %s", where->name,
                 reason[0] != '\0' ? reason : strerror(-result));
        return false;
    }
    while (!port_ready(link->shared)) {
        struct datagram datagrams[PORT_BURST_MAX];

        port_rx(link->shared, datagrams, PORT_BURST_MAX);
        port_tx_flush(link->shared);
        if (clock_utc_ns() >= until_ns) {
            snprintf(why, LINK_WHY_BYTES, "port %s: the exchange does not answer, is it serving?",
                     where->name);
            return false;
        }
        nap();
    }
    return true;
}

/* is_spoken tells whether the sessions speak what the port does. */
static bool
is_spoken(const struct link_cfg *cfg, char why[LINK_WHY_BYTES])
{
    static const char *const names[] = {[GATEWAY_FIXP] = "FIXP", [GATEWAY_OUCH] = "OUCH"};

    for (unsigned i = 0; i < cfg->sessions_cnt; i++)
        if (cfg->sessions[i]->dialect != cfg->port->dialect) {
            snprintf(why, LINK_WHY_BYTES, "session %s: it speaks %s, and port %s %s",
                     cfg->sessions[i]->name, names[cfg->sessions[i]->dialect], cfg->port->name,
                     names[cfg->port->dialect]);
            return false;
        }
    return true;
}

/* connections_open makes the port that has a connection for each session. */
static bool
connections_open(struct link *link, char why[LINK_WHY_BYTES])
{
    const struct config_port *where = link->cfg.port;
    char reason[256];
    const int result = port_tcp_open(
        &link->shared,
        &(struct port_tcp_cfg){
            .client = true,
            .ip = where->address != 0 ? where->address : LOCALHOST,
            .tcp_port = link->cfg.udp_port != 0 ? link->cfg.udp_port : where->udp_port,
            .framing = where->dialect == GATEWAY_OUCH ? FRAMING_SOUP : FRAMING_SOFH,
            .busy_poll_us = where->tcp.busy_poll_us,
            .connections_max = link->cfg.sessions_cnt,
            .unsent_max = UNSENT_BYTES,
            .slow_ms = SLOW_MS,
        },
        reason);

    if (result == 0)
        return true;
    snprintf(why, LINK_WHY_BYTES, "cannot open a socket: %s", reason);
    return false;
}

static bool
is_ouch(const struct link *link)
{
    return link->cfg.port->dialect == GATEWAY_OUCH;
}

/* client_open makes the client of a session; false without memory. */
static bool
client_open(struct link *link, struct link_session *session, struct client_cfg *cfg)
{
    if (is_ouch(link))
        session->ouch = ouch_client_new(&(struct ouch_client_cfg){
            .port = cfg->port,
            .server = cfg->server,
            .source = cfg->udp_source,
            .user = cfg->name,
            .password = cfg->key,
            .on_message = report,
            .ctx = session,
        });
    else
        session->client = client_new(cfg);
    return session->ouch != NULL || session->client != NULL;
}

static bool
session_open(struct link *link, unsigned index, char why[LINK_WHY_BYTES])
{
    const struct config_port *where = link->cfg.port;
    struct link_session *session = &link->sessions[index];
    const uint16_t udp_port = link->cfg.udp_port != 0 ? link->cfg.udp_port : where->udp_port;
    struct client_cfg cfg = {
        .server = {.ip = where->address != 0 ? where->address : LOCALHOST, .udp_port = udp_port},
        .udp_source = (uint16_t)(SOURCE_FIRST + index),
        .name = link->cfg.sessions[index]->name,
        .key = link->cfg.sessions[index]->key,
        .keepalive_ms = link->cfg.config->keepalive_ms,
        .context = link->cfg.config->require_context,
        .on_report = report,
        .on_not_applied = not_applied,
        .on_receipt = link->cfg.events.on_receipt != NULL ? receipt : NULL,
        .ctx = session,
    };

    *session = (struct link_session){.link = link, .index = index, .port = link->shared};
    if (session->port == NULL && !socket_open(&session->port, why))
        return false;
    link->sessions_cnt = index + 1;
    cfg.port = session->port;
    if (!client_open(link, session, &cfg)) {
        snprintf(why, LINK_WHY_BYTES, "out of memory");
        return false;
    }
    return true;
}

static void
link_free(struct link *link)
{
    for (unsigned i = 0; i < link->sessions_cnt; i++) {
        if (link->sessions[i].client != NULL)
            client_free(link->sessions[i].client);
        ouch_client_free(link->sessions[i].ouch);
        if (link->shared == NULL)
            port_close(link->sessions[i].port);
    }
    if (link->shared != NULL)
        port_close(link->shared);
    free(link);
}

struct link *
link_open(const struct link_cfg *cfg, char why[LINK_WHY_BYTES])
{
    struct link *link = calloc(1, sizeof *link);

    ASSERT(cfg->sessions_cnt <= LINK_SESSIONS_MAX);
    if (link == NULL) {
        snprintf(why, LINK_WHY_BYTES, "out of memory");
        return NULL;
    }
    link->cfg = *cfg;
    link->now_ns = clock_utc_ns();
    if (!is_spoken(cfg, why))
        goto fail;
    if (cfg->port->kind != CONFIG_PORT_DPDK && cfg->port->udp_port == 0 && cfg->udp_port == 0) {
        snprintf(why, LINK_WHY_BYTES, "port %s: the configuration leaves its %s open, expected %s",
                 cfg->port->name, cfg->port->kind == CONFIG_PORT_TCP ? "tcp_port" : "udp_port",
                 cfg->port->kind == CONFIG_PORT_TCP ? "--tcp-port" : "--udp-port");
        goto fail;
    }
    if (cfg->port->kind == CONFIG_PORT_TCP && !connections_open(link, why))
        goto fail;
    if (cfg->port->kind == CONFIG_PORT_DPDK && !device_open(link, why))
        goto fail;
    for (unsigned i = 0; i < cfg->sessions_cnt; i++)
        if (!session_open(link, i, why))
            goto fail;
    return link;
fail:
    link_free(link);
    return NULL;
}

static int
socket_poll(struct link *link, struct link_session *session)
{
    struct datagram datagrams[PORT_BURST_MAX];
    const int cnt = port_rx(session->port, datagrams, PORT_BURST_MAX);

    if (cnt > 0)
        link->now_ns = clock_utc_ns();
    for (int i = 0; i < cnt; i++)
        client_datagram(session->client, &datagrams[i], link->now_ns);
    return cnt;
}

static int
device_poll(struct link *link)
{
    struct datagram datagrams[PORT_BURST_MAX];
    const int cnt = port_rx(link->shared, datagrams, PORT_BURST_MAX);

    if (cnt > 0)
        link->now_ns = clock_utc_ns();
    for (int i = 0; i < cnt; i++) {
        const unsigned index = datagrams[i].udp_port - SOURCE_FIRST;

        if (index >= link->sessions_cnt)
            continue;
        if (is_ouch(link))
            ouch_client_datagram(link->sessions[index].ouch, &datagrams[i], link->now_ns);
        else
            client_datagram(link->sessions[index].client, &datagrams[i], link->now_ns);
    }
    return cnt;
}

/* device_drain takes what has come, up to some bursts for each of the sessions: a look at
 * a thousand of them takes long, and a backlog of theirs must get shorter by it. */
static int
device_drain(struct link *link)
{
    const unsigned bursts_max = 1 + 2 * link->sessions_cnt / PORT_BURST_MAX;
    int done = 0;
    int cnt = PORT_BURST_MAX;

    for (unsigned i = 0; i < bursts_max && cnt == PORT_BURST_MAX; i++) {
        cnt = device_poll(link);
        done += cnt;
    }
    return done;
}

int
link_poll(struct link *link)
{
    int done = 0;

    link->now_ns = clock_utc_ns();
    if (link->shared != NULL)
        done = device_drain(link);
    else
        for (unsigned i = 0; i < link->sessions_cnt; i++)
            done += socket_poll(link, &link->sessions[i]);
    for (unsigned i = 0; i < link->sessions_cnt; i++)
        if (is_ouch(link))
            ouch_client_poll(link->sessions[i].ouch, link->now_ns);
        else
            client_poll(link->sessions[i].client, link->now_ns);
    return done;
}

/* What a session is, in either dialect. */
static bool
is_live(const struct link_session *session)
{
    return session->ouch != NULL ? ouch_client_state(session->ouch) == OUCH_CLIENT_LIVE
                                 : client_state(session->client) == CLIENT_ESTABLISHED;
}

static bool
is_closed(const struct link_session *session)
{
    return session->ouch != NULL ? ouch_client_state(session->ouch) == OUCH_CLIENT_CLOSED
                                 : client_state(session->client) == CLIENT_CLOSED;
}

static bool
is_leaving(const struct link_session *session)
{
    return session->ouch != NULL ? ouch_client_state(session->ouch) == OUCH_CLIENT_LEAVING
                                 : client_state(session->client) == CLIENT_TERMINATING;
}

static const char *
error_of(const struct link_session *session)
{
    return session->ouch != NULL ? ouch_client_error(session->ouch) : client_error(session->client);
}

static void
session_connect(struct link_session *session, uint64_t now_ns)
{
    if (session->ouch != NULL)
        ouch_client_connect(session->ouch, now_ns);
    else
        client_connect(session->client, now_ns);
}

static void
session_leave(struct link_session *session, uint64_t now_ns)
{
    if (session->ouch != NULL)
        ouch_client_logout(session->ouch, now_ns);
    else
        client_terminate(session->client, now_ns);
}

bool
link_connect(struct link *link, uint64_t timeout_ns, char why[LINK_WHY_BYTES])
{
    const uint64_t until_ns = clock_utc_ns() + timeout_ns;
    unsigned established = 0;

    for (unsigned i = 0; i < link->sessions_cnt; i++)
        session_connect(&link->sessions[i], link->now_ns);
    link_flush(link);
    while (established < link->sessions_cnt) {
        if (link_poll(link) == 0)
            nap();
        link_flush(link);
        established = 0;
        for (unsigned i = 0; i < link->sessions_cnt; i++) {
            const struct link_session *session = &link->sessions[i];

            established += is_live(session);
            if (is_closed(session)) {
                snprintf(why, LINK_WHY_BYTES, "session %s: %s", link->cfg.sessions[i]->name,
                         error_of(session));
                return false;
            }
        }
        if (established < link->sessions_cnt && link->now_ns >= until_ns) {
            snprintf(why, LINK_WHY_BYTES, "port %s: the exchange does not answer, is it serving?",
                     link->cfg.port->name);
            return false;
        }
    }
    return true;
}

uint32_t
link_next_ref(const struct link *link)
{
    uint32_t next = 1;

    for (unsigned i = 0; i < link->sessions_cnt; i++) {
        const struct ouch_client *ouch = link->sessions[i].ouch;

        if (ouch != NULL && ouch_client_next_ref(ouch) > next)
            next = ouch_client_next_ref(ouch);
    }
    return next;
}

unsigned
link_sessions(const struct link *link)
{
    return link->sessions_cnt;
}

uint64_t
link_now_ns(const struct link *link)
{
    return link->now_ns;
}

uint64_t
link_send(struct link *link, unsigned index, const void *message, size_t len)
{
    if (is_ouch(link))
        return ouch_client_send(link->sessions[index].ouch, message, len);
    return client_send(link->sessions[index].client, message, len);
}

void
link_flush(struct link *link)
{
    for (unsigned i = 0; i < link->sessions_cnt; i++) {
        if (is_ouch(link)) {
            ouch_client_flush(link->sessions[i].ouch, link->now_ns);
            continue;
        }
        client_flush(link->sessions[i].client, link->now_ns);
        if (link->shared == NULL)
            port_tx_flush(link->sessions[i].port);
    }
    if (link->shared != NULL)
        port_tx_flush(link->shared);
}

const char *
link_error(const struct link *link)
{
    for (unsigned i = 0; i < link->sessions_cnt; i++)
        if (is_closed(&link->sessions[i]))
            return error_of(&link->sessions[i]);
    return "";
}

void
link_close(struct link *link)
{
    const uint64_t until_ns = clock_utc_ns() + CLOSE_WAIT_NS;
    unsigned open = link->sessions_cnt;

    for (unsigned i = 0; i < link->sessions_cnt; i++)
        if (is_live(&link->sessions[i]))
            session_leave(&link->sessions[i], link->now_ns);
    while (open > 0 && clock_utc_ns() < until_ns) {
        link_flush(link);
        if (link_poll(link) == 0)
            nap();
        open = 0;
        for (unsigned i = 0; i < link->sessions_cnt; i++)
            open += is_leaving(&link->sessions[i]);
    }
    link_free(link);
}
