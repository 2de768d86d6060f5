#include "gateway/gateway.h"

#include "gateway/fixp_session.h"

#define RETRANSMIT_MIN 64u
#define RETRANSMIT_MAX (1u << 20)

static size_t
round_up(size_t bytes)
{
    return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

static COLD bool
session_cfg_valid(const struct gateway_session_cfg *cfg)
{
    const size_t key_len = strnlen(cfg->key, sizeof cfg->key);

    if (!cfg->used)
        return true;
    if (cfg->throttle.messages_per_s > GATEWAY_MESSAGES_PER_S_MAX ||
        cfg->throttle.cancels_per_s > GATEWAY_MESSAGES_PER_S_MAX ||
        cfg->throttle.bytes_per_s > GATEWAY_BYTES_PER_S_MAX)
        return false;
    if (cfg->dialect > GATEWAY_OUCH ||
        (cfg->dialect == GATEWAY_OUCH &&
         (strnlen(cfg->name, sizeof cfg->name) > SOUP_USER_LEN || key_len > SOUP_PASSWORD_LEN)))
        return false;
    return cfg->name[0] != '\0' && memchr(cfg->name, ':', sizeof cfg->name) == NULL &&
           key_len >= 1 && key_len < sizeof cfg->key;
}

static COLD bool
cfg_valid(const struct gateway_cfg *cfg)
{
    if (cfg->shard >= SHARDS_MAX || cfg->sessions_max < 1 || cfg->sessions_max > SESSIONS_MAX ||
        cfg->sessions == NULL)
        return false;
    if (cfg->retransmit_max < RETRANSMIT_MIN || cfg->retransmit_max > RETRANSMIT_MAX ||
        !is_pow2_u64(cfg->retransmit_max))
        return false;
    if (cfg->keepalive_ms < KEEPALIVE_MS_MIN || cfg->keepalive_ms > KEEPALIVE_MS_MAX)
        return false;
    if (cfg->ports_max < 1 || cfg->ports_max > GATEWAY_PORTS_MAX || cfg->index >= GATEWAYS_MAX)
        return false;
    if (cfg->login_rate > LOGIN_RATE_MAX || cfg->throttle_burst_ms > THROTTLE_BURST_MS_MAX)
        return false;
    if (cfg->message_max != 0 &&
        (cfg->message_max < MESSAGE_BYTES_MIN || cfg->message_max > DATAGRAM_BYTES_MAX))
        return false;
    if (cfg->credentials_window_ms != 0 &&
        (cfg->credentials_window_ms < CREDENTIALS_WINDOW_MS_MIN ||
         cfg->credentials_window_ms > CREDENTIALS_WINDOW_MS_MAX))
        return false;
    if (cfg->instruments_max > INSTRUMENTS_MAX)
        return false;
    for (uint16_t i = 0; i < cfg->sessions_max; i++) {
        if (!session_cfg_valid(&cfg->sessions[i]) ||
            (cfg->sessions[i].used && cfg->sessions[i].dialect == GATEWAY_OUCH &&
             cfg->instruments_max == 0))
            return false;
    }
    return true;
}

/* Where each part lies in the memory of a gateway. */
struct layout {
    size_t sessions_off;
    size_t route_off;
    size_t directory_off;
    size_t bound_off;
    size_t dirty_off;
    size_t history_off;
    size_t holding_off;
    size_t holds_off;
    size_t names_off;
    size_t conns_off;
    size_t slots_off;
    size_t bytes;
};

/* holds tells whether what the session sends may have to wait. */
static COLD bool
holds(const struct gateway_cfg *cfg, uint16_t session)
{
    const struct gateway_throttle *throttle = &cfg->sessions[session].throttle;

    return cfg->throttle_queue && cfg->sessions[session].used &&
           (throttle->messages_per_s | throttle->cancels_per_s | throttle->bytes_per_s) != 0;
}

static COLD struct layout
layout_of(const struct gateway_cfg *cfg)
{
    const size_t list_bytes = round_up(cfg->sessions_max * sizeof(uint16_t));
    struct layout layout;
    size_t used_cnt = 0;
    size_t holds_cnt = 0;

    for (uint16_t i = 0; i < cfg->sessions_max; i++) {
        used_cnt += cfg->sessions[i].used;
        holds_cnt += holds(cfg, i);
    }
    layout.sessions_off = round_up(sizeof(struct gateway));
    layout.route_off = layout.sessions_off + cfg->sessions_max * sizeof(struct fixp_session);
    layout.directory_off = layout.route_off + round_up(route_footprint(cfg->sessions_max));
    layout.bound_off = layout.directory_off + directory_footprint(cfg->sessions_max);
    layout.dirty_off = layout.bound_off + list_bytes;
    layout.history_off = layout.dirty_off + list_bytes;
    layout.holding_off = layout.history_off + round_up(used_cnt * sizeof(struct history_index));
    layout.holds_off = layout.holding_off + list_bytes;
    layout.names_off = layout.holds_off + holds_cnt * round_up(sizeof(struct hold));
    layout.conns_off = layout.names_off + ouch_names_footprint(cfg->instruments_max);
    layout.slots_off =
        layout.conns_off +
        (cfg->instruments_max != 0 ? round_up(soup_conns_footprint(cfg->sessions_max)) : 0);
    layout.bytes = layout.slots_off + used_cnt * cfg->retransmit_max * sizeof(struct report_slot);
    return layout;
}

COLD size_t
gateway_footprint(const struct gateway_cfg *cfg)
{
    return cfg_valid(cfg) ? layout_of(cfg).bytes : 0;
}

static COLD void
sessions_init(struct gateway *gateway, const struct layout *layout, uint8_t *bytes)
{
    struct history_index *history = (struct history_index *)(void *)(bytes + layout->history_off);
    struct report_slot *slots = (struct report_slot *)(void *)(bytes + layout->slots_off);
    const struct gateway_cfg *cfg = &gateway->cfg;
    uint8_t *hold_bytes = bytes + layout->holds_off;

    for (uint16_t i = 0; i < gateway->cfg.sessions_max; i++) {
        struct fixp_session *session = &gateway->sessions[i];

        session->used = gateway->cfg.sessions[i].used;
        session->sent_no = 1;
        session->flow.next_no = 1;
        session->kept_no = 1;
        session->ouch = cfg->sessions[i].used && cfg->sessions[i].dialect == GATEWAY_OUCH;
        session->conn = SOUP_CONN_NONE;
        session->firm = CELL_ANY;
        session->limited =
            throttle_init(&session->throttle, &cfg->sessions[i].throttle, cfg->throttle_burst_ms);
        if (holds(cfg, i)) {
            session->hold = (struct hold *)(void *)hold_bytes;
            hold_bytes += round_up(sizeof(struct hold));
        }
        if (session->used) {
            session->history = history++;
            session->slots = slots;
            slots += gateway->cfg.retransmit_max;
        }
    }
}

COLD struct gateway *
gateway_init(void *mem, const struct gateway_cfg *cfg)
{
    struct gateway *gateway = mem;
    uint8_t *bytes = mem;

    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    ASSERT(cfg_valid(cfg));

    const struct layout layout = layout_of(cfg);

    gateway->cfg = *cfg;
    if (cfg->credentials_window_ms == 0)
        gateway->cfg.credentials_window_ms = CREDENTIALS_WINDOW_MS;
    if (cfg->throttle_burst_ms == 0)
        gateway->cfg.throttle_burst_ms = THROTTLE_BURST_MS;
    if (cfg->message_max == 0)
        gateway->cfg.message_max = DATAGRAM_BYTES_MAX;
    login_limit_init(&gateway->login_limit, cfg->login_rate == 0 ? LOGIN_RATE : cfg->login_rate);
    gateway->sessions = (struct fixp_session *)(void *)(bytes + layout.sessions_off);
    gateway->route = route_init(bytes + layout.route_off, cfg->sessions_max);
    gateway->bound = (uint16_t *)(void *)(bytes + layout.bound_off);
    gateway->dirty = (uint16_t *)(void *)(bytes + layout.dirty_off);
    directory_init(&gateway->directory, bytes + layout.directory_off, cfg->sessions,
                   cfg->sessions_max);
    gateway->holding = (uint16_t *)(void *)(bytes + layout.holding_off);
    if (cfg->instruments_max != 0) {
        gateway->names = ouch_names_init(bytes + layout.names_off, cfg->instruments_max);
        soup_conns_init(&gateway->conns, bytes + layout.conns_off, cfg->sessions_max);
    }
    sessions_init(gateway, &layout, bytes);
    return gateway;
}

COLD void
gateway_add_port(struct gateway *gateway, struct port *port)
{
    ASSERT(gateway->ports_cnt < gateway->cfg.ports_max);
    gateway->ports[gateway->ports_cnt++] = port;
}

COLD void
gateway_add_soup_port(struct gateway *gateway, struct port *port)
{
    ASSERT(port->stream);
    ASSERT(gateway->names != NULL);
    gateway->soup_ports |= 1u << gateway->ports_cnt;
    gateway_add_port(gateway, port);
}

COLD void
gateway_attach(struct gateway *gateway,
               struct ring_writer *in,
               struct ring_reader *out,
               const uint64_t *gate)
{
    /* A ring too small for every datagram takes them one by one, and of those
     * that are too long for it a part. */
    gateway->datagram_cells = DATAGRAM_CELLS_MAX;
    if (in->size < 2 * DATAGRAM_CELLS_MAX)
        gateway->datagram_cells = (uint32_t)(in->size / 2);
    ASSERT(gateway->datagram_cells >= MESSAGE_CELLS_MAX);
    gateway->in = in;
    gateway->out = out;
    gateway->gate = gate;
}

const struct route *
gateway_route(const struct gateway *gateway)
{
    return gateway->route;
}

COLD void
gateway_attach_history(struct gateway *gateway, const struct gateway_history *history)
{
    ASSERT(history->told->mask + 1 >= HISTORY_TOLD_CELLS);
    gateway->history = *history;
}

COLD void
gateway_watch(struct gateway *gateway, gateway_watcher *watcher, void *ctx)
{
    gateway->watcher = watcher;
    gateway->watcher_ctx = ctx;
}

void
gateway_recover(struct gateway *gateway, const union cell *cells)
{
    publisher_take(gateway, cells, false);
}

/* receive takes a burst from one port, no more datagrams than the in-ring has
 * room for: what stays in the port is lost there, if at all. */
static int
receive(struct gateway *gateway, unsigned port_idx)
{
    const uint64_t room = ring_writer_room(gateway->in, PORT_BURST_MAX * DATAGRAM_CELLS_MAX);
    const uint64_t max = gateway->datagram_cells == DATAGRAM_CELLS_MAX
                             ? room / DATAGRAM_CELLS_MAX
                             : room >= gateway->datagram_cells;
    struct datagram datagrams[PORT_BURST_MAX];

    if (UNLIKELY(max == 0)) {
        gateway->stats.in_ring_full++;
        return 0;
    }

    const int cnt = port_rx(gateway->ports[port_idx], datagrams,
                            max < PORT_BURST_MAX ? (int)max : (int)PORT_BURST_MAX);

    const bool soup = (gateway->soup_ports >> port_idx & 1) != 0;

    for (int i = 0; i < cnt; i++) {
        if (soup)
            soup_server_datagram(gateway, port_idx, &datagrams[i]);
        else
            fixp_server_datagram(gateway, port_idx, &datagrams[i]);
    }
    return cnt;
}

/* clock_back makes times that lie in the future now: the clock was set back, and
 * no heartbeat would be due, nobody be found silent, until it is there again. */
static inline void
clock_back(uint64_t now_ns, uint64_t *since_ns)
{
    if (UNLIKELY(*since_ns > now_ns))
        *since_ns = now_ns;
}

/* session_timer sends a heartbeat when it is due and ends what is silent. Who
 * waits for a farewell hears heartbeats too: the disk may take its time. */
static void
session_timer(struct gateway *gateway, struct fixp_session *session)
{
    const uint64_t silence_ns = 2 * session->keepalive_ms * NS_PER_MS + SILENCE_GRACE_NS;

    if (session_is_ouch(session)) {
        soup_session_timer(gateway, session);
        return;
    }
    clock_back(gateway->now_ns, &session->last_rx_ns);
    clock_back(gateway->now_ns, &session->last_tx_ns);
    clock_back(gateway->now_ns, &session->leaving_ns);
    if (UNLIKELY(session->leaving) &&
        elapsed_ns(gateway->now_ns, session->leaving_ns) > silence_ns) {
        fixp_leave(gateway, session, true);
        return;
    }
    if (session_listens(session) && elapsed_ns(gateway->now_ns, session->last_rx_ns) > silence_ns) {
        if (ring_writer_room(gateway->in, 1) < 1)
            return;
        gateway->stats.timeouts++;
        fixp_close_told(gateway, session, CELL_UNBIND_REASON_TIMED_OUT, "timed out");
        return;
    }
    if (session_hears(session) && !session->dirty &&
        elapsed_ns(gateway->now_ns, session->last_tx_ns) >= gateway->cfg.keepalive_ms * NS_PER_MS) {
        if (session->end_no != 0 && session->sent_no >= session->end_no)
            fixp_send_finished_sending(gateway, session);
        else
            fixp_send_sequence(gateway, session);
    }
}

/* timers goes round the bound sessions, a few in a poll, one round at most each
 * TIMERS_NS. */
static void
timers(struct gateway *gateway)
{
    if (gateway->timer_idx == 0) {
        if (gateway->now_ns - gateway->timers_ns < TIMERS_NS)
            return;
        gateway->timers_ns = gateway->now_ns;
    }
    for (unsigned i = 0; i < POLL_TIMERS_MAX && gateway->timer_idx < gateway->bound_cnt; i++) {
        const uint16_t number = gateway->bound[gateway->timer_idx++];

        session_timer(gateway, &gateway->sessions[number]);
    }
    if (gateway->timer_idx >= gateway->bound_cnt)
        gateway->timer_idx = 0;
}

/*
 * drain brings the gateway to rest. The unbinds lie behind all commands in the
 * in-ring, so when the last has come back everything accepted was answered.
 */
static void
drain(struct gateway *gateway)
{
    /* Who is about to be bound is waited for. */
    if (gateway->requests_cnt > 0)
        return;
    for (uint32_t i = 0; i < gateway->bound_cnt; i++) {
        struct fixp_session *session = &gateway->sessions[gateway->bound[i]];

        if (session->state != FIXP_BOUND)
            continue;
        if (ring_writer_room(gateway->in, 1) < 1)
            return;
        fixp_close(gateway, session, CELL_UNBIND_REASON_DRAIN, FAREWELL_TERMINATE);
    }
}

/* at_rest: nothing is bound, in the in-ring, or waits for its gate. */
static bool
at_rest(struct gateway *gateway)
{
    return gateway->requests_cnt == 0 && gateway->bound_cnt == 0 &&
           ring_writer_room(gateway->in, gateway->in->size) == gateway->in->size &&
           ring_reader_available(gateway->out, 1) == 0;
}

static inline void
flush(struct gateway *gateway)
{
    for (unsigned i = 0; i < gateway->ports_cnt; i++)
        port_tx_flush(gateway->ports[i]);
}

int
gateway_poll(struct gateway *gateway, uint64_t now_ns)
{
    const bool unsent = gateway->dirty_cnt > 0;
    int done;

    ASSERT(gateway->in != NULL);
    gateway->now_ns = now_ns;
    gateway->poll_no++;
    /* What is due goes out before what came is read: it has waited longer. */
    done = publisher_poll(gateway);
    if (UNLIKELY(gateway->history_cnt > 0))
        done += retransmit_poll(gateway);
    if (done > 0 || UNLIKELY(unsent))
        flush(gateway);
    if (LIKELY(!gateway->stopping)) {
        if (UNLIKELY(gateway->holding_cnt > 0))
            done += fixp_server_held(gateway);
        for (unsigned i = 0; i < gateway->ports_cnt; i++)
            done += receive(gateway, i);
    } else {
        drain(gateway);
    }
    timers(gateway);
    if (gateway->soup_ports != 0)
        soup_timers(gateway);
    ring_publish(gateway->in);
    flush(gateway);
    if (UNLIKELY(gateway->stopping))
        gateway->stopped = at_rest(gateway);
    return done;
}

void
gateway_stop(struct gateway *gateway)
{
    gateway->stopping = true;
}

bool
gateway_stopped(const struct gateway *gateway)
{
    return gateway->stopped;
}

void
gateway_stats_get(const struct gateway *gateway, struct gateway_stats *stats)
{
    *stats = gateway->stats;
}
