#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "gateway/eal_args.h"
#include "gateway/eal_gate.h"
#include "gateway/neighbours.h"
#include "gateway/packet.h"
#include "gateway/port.h"

#define WHY_BYTES   256
#define QUEUE       0u
#define DESCRIPTORS 1024u
#define MBUF_CACHE  256u
#define MTU_BYTES   1500u /* of one datagram of DATAGRAM_BYTES_MAX; no jumbo frames */
#define MEMIF       "net_memif"
#define MEMIF_LOG   "pmd.net.memif"

/* How often a full device is offered the rest of a burst before it is dropped:
 * about a microsecond, for a reader that is only a little behind. */
#define TX_TRIES 8u

/* Between two ARP requests. */
#define ASK_INTERVAL_MS 10u

/* Between two attempts to reach a memif server: one that was not there is tried
 * again soon; one that was gets time for its handshake, since its listener does
 * not survive a connection that closes before it is accepted. */
#define RESTART_MS   100u
#define HANDSHAKE_MS 3000u

/* What the control thread gets to run its handlers, which are due at once. */
#define CONTROL_US 20u

_Static_assert(PACKET_FRAME_BYTES_MAX - PACKET_ETHER_BYTES == MTU_BYTES, "no more, no less");

struct dpdk_port {
    struct port port;
    struct packet_self self;
    uint16_t ethdev;
    uint16_t udp_port; /* source of what is claimed */
    uint16_t vlan;     /* 0: frames have no tag */
    uint16_t queues;   /* to receive from */
    uint16_t queue;    /* the next to be looked at first */
    bool was_ready;
    bool flush_owed; /* a flush found the gate shut */
    bool entered;    /* the owning thread is known to EAL */
    bool steered;    /* datagrams come to the queues behind the first, by a rule */
    bool is_memif;   /* its peer comes and goes, so it is behind the gate */
    struct eal_gate_seat seat;
    uint32_t gateway_ip;
    unsigned held_cnt; /* mbufs that the datagrams of the last rx point into */
    unsigned tx_cnt;
    struct rte_mbuf *claimed;
    struct peer claimed_peer;
    struct rte_mempool *pool;
    uint64_t asked_tsc;
    uint64_t started_tsc;
    unsigned restart_ms; /* how long after that the next attempt may be */
    struct rte_mbuf *held[PORT_BURST_MAX];
    struct rte_mbuf *tx[PORT_BURST_MAX];
    uint16_t tx_payload[PORT_BURST_MAX]; /* payload bytes, 0: not a datagram */
    struct neighbours neighbours;
};

/* One EAL and one set of devices per process; opened from one thread. */
static struct {
    bool started;
    int error;
    bool gated; /* the control thread parks at the gate */
    struct eal_gate gate;
    struct eal_args args;
    struct dpdk_port *waiting[RTE_MAX_ETHPORTS]; /* set up, not started yet */
} eal;

static inline struct dpdk_port *
dpdk_of_port(struct port *port)
{
    return (struct dpdk_port *)(void *)port;
}

/* is_shut makes room for the control thread if that waits; then the device may
 * not be touched. */
static inline bool
is_shut(struct dpdk_port *dpdk)
{
    return dpdk->is_memif && eal_gate_is_shut(&eal.gate, &dpdk->seat);
}

/* has_yielded says whether the last rx made room, and the device is not ours yet
 * again: what an open rx brought in can still be answered. */
static inline bool
has_yielded(struct dpdk_port *dpdk)
{
    return dpdk->is_memif && eal_gate_has_yielded(&eal.gate, &dpdk->seat);
}

/* interval_is_over says whether ms have passed since *tsc, and notes now. */
static bool
interval_is_over(uint64_t *tsc, unsigned ms)
{
    const uint64_t now = rte_rdtsc();

    if (*tsc != 0 && now - *tsc < rte_get_tsc_hz() / 1000 * ms)
        return false;
    *tsc = now;
    return true;
}

/* enter_thread gives the owning thread an EAL id, by which mempools find its
 * cache; without one every allocation goes to the shared ring. A failure costs
 * speed alone. */
static COLD void
enter_thread(struct dpdk_port *dpdk)
{
    dpdk->entered = true;
    if (rte_lcore_id() == LCORE_ID_ANY)
        (void)rte_thread_register();
}

/* drop_queue drops what is queued from number `from` on. */
static COLD void
drop_queue(struct dpdk_port *dpdk, unsigned from)
{
    dpdk->port.stats.tx_dropped += dpdk->tx_cnt - from;
    rte_pktmbuf_free_bulk(&dpdk->tx[from], dpdk->tx_cnt - from);
    dpdk->tx_cnt = 0;
}

/* flush_queue offers the queue to the device a few times and drops the rest.
 * Behind a shut gate the queue waits for the next rx or flush, unless it is full. */
static __attribute__((noinline)) HOT void
flush_queue(struct port *port)
{
    struct dpdk_port *dpdk = dpdk_of_port(port);
    unsigned next = 0;

    if (UNLIKELY(has_yielded(dpdk))) {
        if (dpdk->tx_cnt == PORT_BURST_MAX)
            drop_queue(dpdk, 0);
        dpdk->flush_owed = dpdk->tx_cnt != 0;
        return;
    }
    for (unsigned tries = 0; next < dpdk->tx_cnt && tries < TX_TRIES; tries++) {
        const unsigned left = dpdk->tx_cnt - next;
        unsigned sent = rte_eth_tx_burst(dpdk->ethdev, QUEUE, &dpdk->tx[next], (uint16_t)left);

        /* memif answers -1 if it sent but could not tell a sleeping peer so. */
        sent = RTE_MIN(sent, left);
        for (unsigned end = next + sent; next < end; next++) {
            port->stats.tx_datagrams += dpdk->tx_payload[next] != 0;
            port->stats.tx_bytes += dpdk->tx_payload[next];
        }
        if (UNLIKELY(sent < left))
            rte_pause();
    }
    if (UNLIKELY(next < dpdk->tx_cnt))
        drop_queue(dpdk, next);
    dpdk->tx_cnt = 0;
}

/* dpdk_tx_flush is called far more often than there is anything to send: by each session
 * of a client, in each turn. */
static HOT void
dpdk_tx_flush(struct port *port)
{
    if (dpdk_of_port(port)->tx_cnt != 0)
        flush_queue(port);
}

/* queue_frame queues a frame of frame_len bytes. */
static inline void
queue_frame(struct dpdk_port *dpdk, struct rte_mbuf *mbuf, size_t frame_len, size_t payload_len)
{
    mbuf->data_len = (uint16_t)frame_len;
    mbuf->pkt_len = (uint32_t)frame_len;
    if (UNLIKELY(dpdk->vlan != 0)) {
        mbuf->vlan_tci = dpdk->vlan;
        if (rte_vlan_insert(&mbuf) != 0)
            UNREACHABLE("an mbuf of ours has one owner and room for a tag");
    }
    dpdk->tx[dpdk->tx_cnt] = mbuf;
    dpdk->tx_payload[dpdk->tx_cnt] = (uint16_t)payload_len;
    if (++dpdk->tx_cnt == PORT_BURST_MAX)
        dpdk_tx_flush(&dpdk->port);
}

/* answer_frame turns an ARP request or a ping into its answer in place. */
static COLD void
answer_frame(struct dpdk_port *dpdk,
             struct rte_mbuf *mbuf,
             enum packet_verdict verdict,
             const struct peer *asker)
{
    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);

    if (verdict == PACKET_ARP_REQUEST) {
        dpdk->port.stats.arp_replies++;
        queue_frame(dpdk, mbuf, packet_arp_reply(frame, &dpdk->self, asker), 0);
        return;
    }
    dpdk->port.stats.icmp_replies++;
    queue_frame(dpdk, mbuf, packet_ping_reply(frame, mbuf->data_len, &dpdk->self), 0);
}

/* is_tagged tells whether the frame has a tag, or the device has taken one out. */
static inline bool
is_tagged(const struct rte_mbuf *mbuf)
{
    const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, const struct rte_ether_hdr *);

    return (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 ||
           (mbuf->data_len >= sizeof *ether + sizeof(struct rte_vlan_hdr) &&
            ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN));
}

/* take_tag takes the tag out of the frame and returns its VLAN; 0 tells a priority
 * alone. */
static COLD uint16_t
take_tag(struct rte_mbuf *mbuf)
{
    if ((mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0 && rte_vlan_strip(mbuf) != 0)
        return 0;
    return mbuf->vlan_tci & RTE_VLAN_ID_MASK;
}

/* take_mbuf disposes of one received mbuf: held for the caller if it carries a
 * datagram (true), answered, or freed and counted. */
static HOT bool
take_mbuf(struct dpdk_port *dpdk, struct rte_mbuf *mbuf, struct datagram *datagram)
{
    enum packet_verdict verdict = PACKET_INVALID;

    /* An mbuf holds any frame of our MTU; one that needed several is larger. */
    if (LIKELY(mbuf->nb_segs == 1)) {
        const uint16_t vlan = UNLIKELY(is_tagged(mbuf)) ? take_tag(mbuf) : 0;

        verdict = PACKET_FOREIGN;
        if (LIKELY(vlan == dpdk->vlan))
            verdict = packet_parse(rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len,
                                   &dpdk->self, datagram);
    }
    if (LIKELY(verdict == PACKET_UDP)) {
        neighbours_learn(&dpdk->neighbours, datagram->peer.ip, datagram->peer.mac);
        dpdk->port.stats.rx_datagrams++;
        dpdk->port.stats.rx_bytes += datagram->len;
        dpdk->held[dpdk->held_cnt++] = mbuf;
        return true;
    }
    switch (verdict) {
    case PACKET_ARP_REQUEST:
    case PACKET_ARP_REPLY:
    case PACKET_PING:
        /* A probe for a free address has no sender yet. */
        if (datagram->peer.ip != 0)
            neighbours_learn(&dpdk->neighbours, datagram->peer.ip, datagram->peer.mac);
        if (verdict != PACKET_ARP_REPLY) {
            answer_frame(dpdk, mbuf, verdict, &datagram->peer);
            return false;
        }
        break;
    case PACKET_INVALID:
        dpdk->port.stats.rx_invalid++;
        break;
    case PACKET_FOREIGN:
    case PACKET_UDP:
    default:
        dpdk->port.stats.rx_foreign++;
        break;
    }
    rte_pktmbuf_free(mbuf);
    return false;
}

/* receive takes up to want mbufs, from each queue in its turn: one that is always full
 * leaves the others their share. */
static inline unsigned
receive(struct dpdk_port *dpdk, struct rte_mbuf **mbufs, unsigned want)
{
    unsigned got = 0;

    if (LIKELY(dpdk->queues == 1))
        return rte_eth_rx_burst(dpdk->ethdev, QUEUE, mbufs, (uint16_t)want);
    for (unsigned i = 0; i < dpdk->queues && got < want; i++) {
        got += rte_eth_rx_burst(dpdk->ethdev, dpdk->queue, mbufs + got, (uint16_t)(want - got));
        dpdk->queue = (uint16_t)((dpdk->queue + 1) % dpdk->queues);
    }
    return got;
}

static HOT int
dpdk_rx(struct port *port, struct datagram *datagrams, int max)
{
    struct dpdk_port *dpdk = dpdk_of_port(port);
    struct rte_mbuf *mbufs[PORT_BURST_MAX];
    const unsigned want = max < (int)PORT_BURST_MAX ? (unsigned)max : PORT_BURST_MAX;
    const uint64_t answers = port->stats.arp_replies + port->stats.icmp_replies;
    int cnt = 0;

    ASSERT(max > 0);
    if (UNLIKELY(!dpdk->entered))
        enter_thread(dpdk);
    if (dpdk->held_cnt != 0) {
        rte_pktmbuf_free_bulk(dpdk->held, dpdk->held_cnt);
        dpdk->held_cnt = 0;
    }
    if (UNLIKELY(is_shut(dpdk)))
        return 0;
    if (UNLIKELY(dpdk->flush_owed)) {
        dpdk->flush_owed = false;
        dpdk_tx_flush(port);
    }
    const unsigned got = receive(dpdk, mbufs, want);

    for (unsigned i = 0; i < got; i++)
        cnt += take_mbuf(dpdk, mbufs[i], &datagrams[cnt]);
    if (UNLIKELY(port->stats.arp_replies + port->stats.icmp_replies != answers))
        dpdk_tx_flush(port);
    return cnt;
}

/* ask_for sends an ARP request, not more often than the network has use for. */
static COLD void
ask_for(struct dpdk_port *dpdk, uint32_t ip)
{
    struct rte_mbuf *mbuf;

    if (!interval_is_over(&dpdk->asked_tsc, ASK_INTERVAL_MS))
        return;
    mbuf = rte_pktmbuf_alloc(dpdk->pool);
    if (mbuf == NULL)
        return;
    queue_frame(dpdk, mbuf, packet_arp_request(rte_pktmbuf_mtod(mbuf, uint8_t *), &dpdk->self, ip),
                0);
    dpdk_tx_flush(&dpdk->port);
}

/* dpdk_tx_claim prefers the MAC that the peer's address was last seen behind to
 * the one in the peer, which may be from before it changed machines. */
static HOT uint8_t *
dpdk_tx_claim(struct port *port, const struct peer *peer)
{
    static const uint8_t zero[PACKET_MAC_BYTES];
    struct dpdk_port *dpdk = dpdk_of_port(port);
    const uint8_t *mac = neighbours_find(&dpdk->neighbours, peer->ip);

    ASSERT(dpdk->claimed == NULL);
    dpdk->claimed_peer = *peer;
    if (LIKELY(mac != NULL)) {
        memcpy(dpdk->claimed_peer.mac, mac, PACKET_MAC_BYTES);
    } else if (memcmp(peer->mac, zero, PACKET_MAC_BYTES) == 0) {
        port->stats.tx_dropped++;
        ask_for(dpdk, peer->ip);
        return NULL;
    }
    dpdk->claimed = rte_pktmbuf_alloc(dpdk->pool);
    if (UNLIKELY(dpdk->claimed == NULL)) {
        port->stats.tx_dropped++;
        return NULL;
    }
    return rte_pktmbuf_mtod(dpdk->claimed, uint8_t *) + PACKET_HEADERS_BYTES;
}

static HOT void
dpdk_tx_push(struct port *port, size_t len)
{
    struct dpdk_port *dpdk = dpdk_of_port(port);
    struct rte_mbuf *mbuf = dpdk->claimed;

    ASSERT(mbuf != NULL);
    ASSERT(len <= DATAGRAM_BYTES_MAX);
    dpdk->claimed = NULL;
    if (UNLIKELY(len == 0)) {
        rte_pktmbuf_free(mbuf);
        return;
    }
    queue_frame(dpdk, mbuf,
                packet_udp_build(rte_pktmbuf_mtod(mbuf, uint8_t *), &dpdk->self, dpdk->udp_port,
                                 &dpdk->claimed_peer, len),
                len);
}

static void
dpdk_source(struct port *port, uint16_t udp_port)
{
    dpdk_of_port(port)->udp_port = udp_port;
}

/* device_start starts the device; a memif client fails as long as its server is
 * not there, which is no reason for a line in the log each time. */
static COLD int
device_start(struct dpdk_port *dpdk)
{
    int type = -1;
    int level = 0;
    int error;

    dpdk->started_tsc = rte_rdtsc();
    if (dpdk->is_memif && (type = rte_log_register(MEMIF_LOG)) >= 0) {
        level = rte_log_get_level((uint32_t)type);
        (void)rte_log_set_level((uint32_t)type, RTE_LOG_CRIT);
    }
    error = rte_eth_dev_start(dpdk->ethdev);
    if (type >= 0)
        (void)rte_log_set_level((uint32_t)type, (uint32_t)level);
    dpdk->restart_ms = error == 0 ? HANDSHAKE_MS : RESTART_MS;
    if (error == 0)
        return 0;
    return dpdk->is_memif ? -EAGAIN : error;
}

/* device_stop is the end of device_open. */
static COLD void
device_stop(struct dpdk_port *dpdk)
{
    if (dpdk->is_memif)
        eal_gate_take_floor(&eal.gate);
    (void)rte_eth_dev_stop(dpdk->ethdev);
    if (dpdk->is_memif) {
        eal_gate_leave(&eal.gate, &dpdk->seat);
        eal_gate_give_floor(&eal.gate);
    }
}

/* device_open starts the device and has its thread asked at the gate. */
static COLD int
device_open(struct dpdk_port *dpdk)
{
    int error;

    if (!dpdk->is_memif)
        return device_start(dpdk);
    eal_gate_take_floor(&eal.gate);
    error = device_start(dpdk);
    if (error == 0 && (error = eal_gate_sit(&eal.gate, &dpdk->seat)) != 0)
        (void)rte_eth_dev_stop(dpdk->ethdev);
    eal_gate_give_floor(&eal.gate);
    return error;
}

/* drop_arrivals takes one burst for the sake of the ARP replies in it. What the
 * last rx gave out stays valid, so no more is taken than could be held. */
static COLD void
drop_arrivals(struct dpdk_port *dpdk)
{
    struct rte_mbuf *mbufs[PORT_BURST_MAX];
    const uint16_t want = (uint16_t)(PORT_BURST_MAX - dpdk->held_cnt);
    struct datagram datagram;
    unsigned got = 0;

    if (want != 0)
        got = rte_eth_rx_burst(dpdk->ethdev, QUEUE, mbufs, want);
    for (unsigned i = 0; i < got; i++) {
        if (take_mbuf(dpdk, mbufs[i], &datagram))
            rte_pktmbuf_free(dpdk->held[--dpdk->held_cnt]);
    }
    dpdk_tx_flush(&dpdk->port);
}

/* become_ready says whether we are, and works on it: a memif link that went
 * down is started anew, and the gateway is asked for until it answers. What else
 * arrives meanwhile belongs to no session. */
static COLD bool
become_ready(struct dpdk_port *dpdk)
{
    struct rte_eth_link link = {.link_status = RTE_ETH_LINK_DOWN};

    if (rte_eth_link_get_nowait(dpdk->ethdev, &link) != 0)
        return false;
    if (link.link_status == RTE_ETH_LINK_DOWN) {
        /* Behind the next link may be another machine with the same address. */
        neighbours_forget(&dpdk->neighbours, dpdk->gateway_ip);
        if (dpdk->was_ready)
            dpdk->restart_ms = RESTART_MS;
        if (dpdk->is_memif && dpdk->gateway_ip != 0 &&
            interval_is_over(&dpdk->started_tsc, dpdk->restart_ms)) {
            eal_gate_take_floor(&eal.gate);
            (void)rte_eth_dev_stop(dpdk->ethdev);
            (void)device_start(dpdk);
            eal_gate_give_floor(&eal.gate);
        }
        return false;
    }
    if (dpdk->gateway_ip == 0 || neighbours_find(&dpdk->neighbours, dpdk->gateway_ip) != NULL)
        return true;
    /* In this order: a burst is what gives memif's other end room to answer. */
    drop_arrivals(dpdk);
    if (neighbours_find(&dpdk->neighbours, dpdk->gateway_ip) != NULL)
        return true;
    ask_for(dpdk, dpdk->gateway_ip);
    return false;
}

/* dpdk_ready repeats what it said last while the control thread is at work. */
static COLD bool
dpdk_ready(struct port *port)
{
    struct dpdk_port *dpdk = dpdk_of_port(port);

    if (!is_shut(dpdk))
        dpdk->was_ready = become_ready(dpdk);
    return dpdk->was_ready;
}

static COLD void
dpdk_close(struct port *port)
{
    struct dpdk_port *dpdk = dpdk_of_port(port);

    dpdk_tx_flush(port);
    rte_pktmbuf_free_bulk(dpdk->held, dpdk->held_cnt);
    if (dpdk->claimed != NULL)
        rte_pktmbuf_free(dpdk->claimed);
    drop_queue(dpdk, 0);
    if (dpdk->is_memif)
        eal_gate_take_floor(&eal.gate);
    (void)rte_eth_dev_stop(dpdk->ethdev);
    (void)rte_eth_dev_close(dpdk->ethdev);
    if (dpdk->is_memif) {
        eal_gate_leave(&eal.gate, &dpdk->seat);
        eal_gate_give_floor(&eal.gate);
    }
    rte_mempool_free(dpdk->pool);
    rte_free(dpdk);
}

static const struct port_ops dpdk_ops = {
    .rx = dpdk_rx,
    .tx_claim = dpdk_tx_claim,
    .tx_push = dpdk_tx_push,
    .tx_flush = dpdk_tx_flush,
    .source = dpdk_source,
    .ready = dpdk_ready,
    .close = dpdk_close,
};

/* clear_sockets makes room for the memif servers of the arguments. */
static COLD int
clear_sockets(char *why)
{
    char path[EAL_ARGS_PATH_MAX];
    int next = 0;

    while (eal_args_server_socket(&eal.args, &next, path)) {
        const int error = eal_args_clear_socket(path);

        if (error != 0) {
            snprintf(why, WHY_BYTES, "memif socket %s: %s", path, strerror(-error));
            return error;
        }
    }
    return 0;
}

/* eal_start starts EAL at the first call and repeats its answer later. Standard
 * output belongs to the program: EAL would log there. */
static COLD int
eal_start(const char *const *eal_argv, char *why)
{
    cpu_set_t cpus;
    int error;

    if (eal.started) {
        if (eal.error != 0)
            snprintf(why, WHY_BYTES, "EAL did not start, and does not start twice");
        return eal.error;
    }
    error = eal_args_build(&eal.args, eal_argv);
    if (error != 0) {
        snprintf(why, WHY_BYTES, "too many EAL arguments");
        return error;
    }
    error = clear_sockets(why);
    if (error != 0)
        return error;
    eal.started = true;
    rte_openlog_stream(stderr);
    error = pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus);
    if (rte_eal_init(eal.args.argc, eal.args.argv) < 0) {
        eal.error = rte_errno != 0 ? -rte_errno : -EIO;
        snprintf(why, WHY_BYTES, "EAL does not start: %s", rte_strerror(-eal.error));
    }
    if (error == 0)
        (void)pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
    return eal.error;
}

/* park_control runs in the control thread, as an alarm that sets itself again:
 * the handlers of memif run between two of them. */
static void
park_control(void *arg)
{
    eal_gate_park(&eal.gate);
    if (rte_eal_alarm_set(CONTROL_US, park_control, arg) != 0)
        UNREACHABLE("an alarm follows the one before, in its memory");
}

/* gate_start brings the control thread to the gate, once. */
static COLD int
gate_start(void)
{
    int error;

    if (eal.gated)
        return 0;
    error = eal_gate_open(&eal.gate);
    if (error == 0)
        error = rte_eal_alarm_set(1, park_control, NULL);
    eal.gated = error == 0;
    return error;
}

/* device_conf fills in what is asked of the device, and no more than it can. With several
 * queues it spreads what comes by address and port, so that what comes from one client
 * stays in order; where a rule steers, that does so, and all else is queue 0's. */
static COLD void
device_conf(const struct dpdk_port *dpdk,
            const struct rte_eth_dev_info *info,
            struct rte_eth_conf *conf)
{
    static const uint64_t spread = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP;

    *conf = (struct rte_eth_conf){
        .txmode.offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE & info->tx_offload_capa,
    };
    if (dpdk->queues == 1 || dpdk->steered || (info->flow_type_rss_offloads & spread) == 0)
        return;
    conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & spread;
}

/* device_steer makes the rule for our datagrams: to queue 1, or spread over all but
 * queue 0. Whatever floods the device else, they find their queue empty. */
static COLD int
device_steer(const struct dpdk_port *dpdk, char *why)
{
    const struct rte_flow_item_vlan vlan = {.tci = RTE_BE16(dpdk->vlan)};
    const struct rte_flow_item_vlan vlan_mask = {.tci = RTE_BE16(RTE_VLAN_ID_MASK)};
    const struct rte_flow_item_ipv4 ip = {.hdr.dst_addr = rte_cpu_to_be_32(dpdk->self.ip)};
    const struct rte_flow_item_ipv4 ip_mask = {.hdr.dst_addr = RTE_BE32(UINT32_MAX)};
    const struct rte_flow_item_udp udp = {.hdr.dst_port =
                                              rte_cpu_to_be_16(dpdk->self.udp_port_first)};
    const struct rte_flow_item_udp udp_mask = {.hdr.dst_port = RTE_BE16(UINT16_MAX)};
    const struct rte_flow_action_queue one = {.index = 1};
    uint16_t queues[PORT_DPDK_QUEUES_MAX];
    const struct rte_flow_action_rss spread = {
        .types = RTE_ETH_RSS_NONFRAG_IPV4_UDP,
        .queue_num = dpdk->queues - 1u,
        .queue = queues,
    };
    const struct rte_flow_item untagged[] = {
        {.type = RTE_FLOW_ITEM_TYPE_ETH},
        {.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ip, .mask = &ip_mask},
        {.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask},
        {.type = RTE_FLOW_ITEM_TYPE_END},
    };
    const struct rte_flow_item tagged[] = {
        {.type = RTE_FLOW_ITEM_TYPE_ETH},
        {.type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &vlan, .mask = &vlan_mask},
        untagged[1],
        untagged[2],
        untagged[3],
    };
    const struct rte_flow_action actions[] = {
        {.type = dpdk->queues == 2 ? RTE_FLOW_ACTION_TYPE_QUEUE : RTE_FLOW_ACTION_TYPE_RSS,
         .conf = dpdk->queues == 2 ? (const void *)&one : (const void *)&spread},
        {.type = RTE_FLOW_ACTION_TYPE_END},
    };
    struct rte_flow_error said = {.message = NULL};

    for (uint16_t i = 0; i + 1 < dpdk->queues; i++)
        queues[i] = (uint16_t)(i + 1);
    if (rte_flow_create(dpdk->ethdev, &(const struct rte_flow_attr){.ingress = 1},
                        dpdk->vlan != 0 ? tagged : untagged, actions, &said) != NULL)
        return 0;
    snprintf(why, WHY_BYTES, "device %u takes no flow rule for UDP port %u: %s (%.100s)",
             dpdk->ethdev, dpdk->self.udp_port_first, rte_strerror(rte_errno),
             said.message != NULL ? said.message : "it gives no reason");
    return rte_errno != 0 ? -rte_errno : -ENOTSUP;
}

/* device_queues sets up the queues. Some devices insist on as many to send by, of which
 * we use the first. */
static COLD int
device_queues(const struct dpdk_port *dpdk,
              const struct rte_eth_txconf *tx_conf,
              uint16_t rx_cnt,
              uint16_t tx_cnt)
{
    const unsigned socket = (unsigned)rte_eth_dev_socket_id(dpdk->ethdev);
    int error = 0;

    for (uint16_t i = 0; i < dpdk->queues && error == 0; i++) {
        error = rte_eth_rx_queue_setup(dpdk->ethdev, i, rx_cnt, socket, NULL, dpdk->pool);
        if (error == 0)
            error = rte_eth_tx_queue_setup(dpdk->ethdev, i, tx_cnt, socket, tx_conf);
    }
    return error;
}

/* device_set_up configures the queues. Checksums are ours, so there is
 * no offload to ask for but one of memory: all mbufs that we send are from one
 * pool and have one owner. Not every device knows promiscuous mode. */
static COLD int
device_set_up(struct dpdk_port *dpdk, const struct rte_eth_dev_info *info)
{
    struct rte_eth_conf conf;
    struct rte_eth_txconf tx_conf = info->default_txconf;
    uint16_t rx_cnt = DESCRIPTORS;
    uint16_t tx_cnt = DESCRIPTORS;
    struct rte_ether_addr mac;
    char name[RTE_MEMPOOL_NAMESIZE];
    const int socket = rte_eth_dev_socket_id(dpdk->ethdev);
    int error;

    device_conf(dpdk, info, &conf);
    error = rte_eth_dev_configure(dpdk->ethdev, dpdk->queues, dpdk->queues, &conf);
    if (error == 0)
        error = rte_eth_dev_adjust_nb_rx_tx_desc(dpdk->ethdev, &rx_cnt, &tx_cnt);
    if (error != 0)
        return error;
    snprintf(name, sizeof name, "outcry_%u", dpdk->ethdev);
    dpdk->pool = rte_pktmbuf_pool_create(
        name, rte_align32pow2((uint32_t)dpdk->queues * rx_cnt + tx_cnt + 4 * MBUF_CACHE) - 1,
        MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, socket);
    if (dpdk->pool == NULL)
        return -rte_errno;
    tx_conf.offloads = conf.txmode.offloads;
    error = device_queues(dpdk, &tx_conf, rx_cnt, tx_cnt);
    if (error == 0)
        error = rte_eth_macaddr_get(dpdk->ethdev, &mac);
    if (error != 0)
        return error;
    memcpy(dpdk->self.mac, mac.addr_bytes, PACKET_MAC_BYTES);
    (void)rte_eth_promiscuous_enable(dpdk->ethdev);
    return 0;
}

/* mtu_check refuses a device whose frames are all too small, or all too large. */
static COLD int
mtu_check(const struct dpdk_port *dpdk, const struct rte_eth_dev_info *info, char *why)
{
    if (info->max_mtu >= MTU_BYTES && info->min_mtu <= MTU_BYTES)
        return 0;
    snprintf(why, WHY_BYTES,
             "device %u (%s) has an MTU from %u to %u bytes, expected %u to be in it", dpdk->ethdev,
             info->driver_name, info->min_mtu, info->max_mtu, MTU_BYTES);
    return -EINVAL;
}

/* mtu_set gives the device the MTU that our largest datagram needs, and with it no
 * jumbo frames, which would not fit an mbuf. Some devices know no MTU, and pass any. */
static COLD int
mtu_set(const struct dpdk_port *dpdk, const struct rte_eth_dev_info *info, char *why)
{
    const int error = rte_eth_dev_set_mtu(dpdk->ethdev, MTU_BYTES);

    if (error == 0 || error == -ENOTSUP)
        return 0;
    snprintf(why, WHY_BYTES,
             "device %u (%s) does not take the MTU of %u bytes that datagrams of %u need: %s",
             dpdk->ethdev, info->driver_name, MTU_BYTES, DATAGRAM_BYTES_MAX, rte_strerror(-error));
    return error;
}

/* port_make allocates the port of a device and sets the device up. */
static COLD int
port_make(struct dpdk_port **made, const struct port_dpdk_cfg *cfg, char *why)
{
    struct rte_eth_dev_info info;
    struct dpdk_port *dpdk;
    int error = -ENODEV;

    if (rte_eth_dev_is_valid_port(cfg->ethdev))
        error = rte_eth_dev_info_get(cfg->ethdev, &info);
    if (error != 0) {
        snprintf(why, WHY_BYTES, "no device %u by these EAL arguments", cfg->ethdev);
        return error;
    }
    if (cfg->rx_queues > info.max_rx_queues || cfg->rx_queues > info.max_tx_queues) {
        snprintf(why, WHY_BYTES, "device %u (%s) has %u queues, not %u", cfg->ethdev,
                 info.driver_name, RTE_MIN(info.max_rx_queues, info.max_tx_queues), cfg->rx_queues);
        return -EINVAL;
    }
    dpdk = rte_zmalloc("outcry_port", sizeof *dpdk, CACHE_LINE);
    if (dpdk == NULL) {
        snprintf(why, WHY_BYTES, "no memory for device %u", cfg->ethdev);
        return -ENOMEM;
    }
    dpdk->ethdev = cfg->ethdev;
    dpdk->queues = cfg->rx_queues != 0 ? cfg->rx_queues : 1;
    dpdk->steered = cfg->flow_rule;
    dpdk->is_memif = strcmp(info.driver_name, MEMIF) == 0;
    error = mtu_check(dpdk, &info, why);
    if (error == 0 && dpdk->is_memif)
        error = gate_start();
    if (error == 0)
        error = device_set_up(dpdk, &info);
    if (error == 0)
        error = mtu_set(dpdk, &info, why);
    if (error != 0) {
        if (why[0] == '\0')
            snprintf(why, WHY_BYTES, "device %u (%s): %s", cfg->ethdev, info.driver_name,
                     rte_strerror(-error));
        rte_mempool_free(dpdk->pool);
        rte_free(dpdk);
        return error;
    }
    *made = dpdk;
    return 0;
}

/* device_find puts the index of the device that has a name in the place of what is there. */
static COLD int
device_find(struct port_dpdk_cfg *cfg, char *why)
{
    if (cfg->device == NULL || cfg->device[0] == '\0' ||
        rte_eth_dev_get_port_by_name(cfg->device, &cfg->ethdev) == 0)
        return 0;
    snprintf(why, WHY_BYTES, "no device %.64s by these EAL arguments", cfg->device);
    return -ENODEV;
}

COLD int
port_dpdk_open(struct port **port, const struct port_dpdk_cfg *asked, char why[WHY_BYTES])
{
    struct port_dpdk_cfg own = *asked;
    const struct port_dpdk_cfg *const cfg = &own;
    const bool server = cfg->udp_port != 0;
    struct dpdk_port *dpdk;
    int error;

    why[0] = '\0';
    if (cfg->ip == 0 || (!server && cfg->udp_port_cnt == 0) || cfg->ethdev >= RTE_MAX_ETHPORTS ||
        cfg->vlan > VLAN_MAX || cfg->rx_queues > PORT_DPDK_QUEUES_MAX ||
        (cfg->flow_rule && (!server || cfg->rx_queues < 2))) {
        snprintf(why, WHY_BYTES, "a DPDK port needs an address, a UDP port and a device");
        return -EINVAL;
    }
    error = eal_start(cfg->eal_argv, why);
    if (error == 0)
        error = device_find(&own, why);
    if (error == 0 && eal.waiting[cfg->ethdev] == NULL)
        error = port_make(&eal.waiting[cfg->ethdev], cfg, why);
    if (error != 0)
        return error;
    dpdk = eal.waiting[cfg->ethdev];
    error = device_open(dpdk);
    if (error != 0) {
        snprintf(why, WHY_BYTES, "device %u does not start: %s", cfg->ethdev,
                 error == -EAGAIN ? "its memif server is not there" : rte_strerror(-error));
        return error;
    }
    dpdk->port.ops = &dpdk_ops;
    dpdk->self.ip = cfg->ip;
    dpdk->self.udp_port_first = server ? cfg->udp_port : cfg->udp_port_first;
    dpdk->self.udp_port_cnt = server ? 1 : cfg->udp_port_cnt;
    dpdk->udp_port = dpdk->self.udp_port_first;
    dpdk->gateway_ip = cfg->gateway_ip;
    dpdk->vlan = cfg->vlan;
    if (dpdk->steered && (error = device_steer(dpdk, why)) != 0) {
        device_stop(dpdk);
        return error;
    }
    eal.waiting[cfg->ethdev] = NULL;
    *port = &dpdk->port;
    return 0;
}
