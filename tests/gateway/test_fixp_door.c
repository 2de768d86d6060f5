/*
 * Goal: who forges a source, or sends without end, gains nothing: what does not
 * begin with Context and the session's UUID is nobody's where that is required; no
 * answer before establishment is longer than what came; of a flood of requests no
 * more is looked at than is allowed, and who was here before is let in all the
 * same. Method: rig.h; an attacker who sends from any address, by a seed.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "proto/fixp.h"

#include "tests/gateway/rig.h"

#define PX          10000000000ll /* 100.00 */
#define FLOOD_STEPS 1000u
#define FLOOD_BURST 30u /* in a step: no more than two polls take */

/* forge sends bytes as if they came from there. */
static void
forge(struct rig *rig, struct peer from, const uint8_t *bytes, size_t len)
{
    struct net_packet packet = {
        .from = from,
        .to = {.ip = RIG_SERVER_IP, .udp_port = RIG_SERVER_PORT},
        .len = (uint32_t)len,
    };

    ASSERT(len <= sizeof packet.data);
    memcpy(packet.data, bytes, len);
    net_queue(&rig->net, &packet);
}

static struct peer
peer_of(const struct rig_client *rc)
{
    return ((const struct net_port *)(const void *)rc->port)->self;
}

static struct rig *
rig_with_context(uint64_t seed)
{
    struct rig *rig = rig_new(seed, 0, 0);

    rig->require_context = true;
    rig_restart(rig, 0);
    return rig;
}

Test(fixp_door, session_with_context_works_as_any_other)
{
    struct rig *rig = rig_with_context(201);
    struct trap trap = {.template_id = FIXP_SEQUENCE_ID, .from_server = true, .lose_cnt = 1};
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rig_wait(rig, 20 * RIG_KEEPALIVE_MS);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED, "heartbeats are heard");
    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_order(rig, rc, 2, false, PX);
    rig_run(rig, 5);
    rig_order(rig, rc, 3, false, PX);
    rig_wait(rig, 100);
    cr_assert_eq(rc->reports_cnt, 3, "what was lost was asked for");
    cr_assert_gt(client_retransmits(rc->client), 0);
    client_terminate(rc->client, rig->net.now_ns);
    rig_run(rig, 3);
    cr_assert_eq(client_state(rc->client), CLIENT_CLOSED);
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    rc = rig_resume(rig, 0);
    cr_assert_eq(rig_order(rig, rc, 4, false, PX), 4);
    rig_run(rig, 2);
    cr_assert_eq(rc->reports_cnt, 4);
    cr_assert_eq(rig_stats(rig).bad_context, 0);
    rig_free(rig);
}

/* forge_all sends what a bound client could, from its address, with another UUID or
 * with none; returns how many datagrams. */
static unsigned
forge_all(struct rig *rig, const struct rig_client *rc, uint64_t next_no)
{
    const struct fixp_sequence sequence = {.next_seq_no = next_no};
    struct fixp_context context = {.next_seq_no = next_no};
    struct fixp_terminate terminate = {.code = 0};
    struct fixp_finished_sending finished = {.last_seq_no = next_no + 100};
    uint8_t buf[256];
    size_t len;

    forge(rig, peer_of(rc), buf, fixp_sequence_encode(buf, sizeof buf, &sequence));
    memcpy(context.session_id, rc->uuid, sizeof context.session_id);
    context.session_id[15] ^= 1;
    len = fixp_context_encode(buf, sizeof buf, &context);
    forge(rig, peer_of(rc), buf, len);
    len += fixp_terminate_encode(buf + len, sizeof buf - len, &terminate, NULL, 0);
    forge(rig, peer_of(rc), buf, len);
    memcpy(terminate.session_id, rc->uuid, sizeof terminate.session_id);
    forge(rig, peer_of(rc), buf, fixp_terminate_encode(buf, sizeof buf, &terminate, NULL, 0));
    memcpy(finished.session_id, rc->uuid, sizeof finished.session_id);
    forge(rig, peer_of(rc), buf, fixp_finished_sending_encode(buf, sizeof buf, &finished));
    memset(buf, 0, sizeof buf);
    fixp_header_put(buf, FIXP_UNSEQUENCED_HEARTBEAT_ID, 0);
    forge(rig, peer_of(rc), buf, 8);
    fixp_header_put(buf, FIXP_APPLIED_ID, FIXP_APPLIED_BLOCK);
    forge(rig, peer_of(rc), buf, 8 + FIXP_APPLIED_BLOCK);
    forge(rig, peer_of(rc), buf, 5);
    forge(rig, peer_of(rc), buf, 0);
    return 9;
}

Test(fixp_door, forged_source_is_nobody_without_the_uuid)
{
    struct rig *rig = rig_with_context(202);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct trap trap = {.template_id = FIXP_CONTEXT_ID};

    trap_set(rig, &trap);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);

    const struct hash128 before = rig_hash(rig);
    const uint64_t log_cnt = rig->log_cnt;
    struct net_packet order = trap.last;
    unsigned forged_cnt = forge_all(rig, rc, 2);

    /* A new order as the client would send it, but for one bit of the UUID. */
    order.data[8 + 16] = 2;
    order.data[8] ^= 1;
    net_queue(&rig->net, &order);
    forged_cnt++;
    rig_run(rig, 2);
    cr_assert(hash128_equal(rig_hash(rig), before));
    cr_assert_eq(rig->log_cnt, log_cnt);
    cr_assert_eq(rig_stats(rig).bad_context + rig_stats(rig).bad_frame, forged_cnt);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    order.data[8] ^= 1;
    net_queue(&rig->net, &order);
    rig_run(rig, 2);
    cr_assert_neq(rig->log_cnt, log_cnt, "with it the order is one");
    rig_free(rig);
}

Test(fixp_door, forged_datagrams_do_not_keep_a_session_alive)
{
    struct rig *rig = rig_with_context(203);
    struct rig_client *rc = rig_connect(rig, 0, 0);

    rc->frozen = true;
    for (unsigned ms = 0; ms < 2 * RIG_KEEPALIVE_MS + 100; ms++) {
        if (ms % 50 == 0)
            forge_all(rig, rc, 1);
        rig_step(rig, RIG_MS);
    }
    cr_assert_eq(rig_session_state(rig, 0), ENGINE_SESSION_NEGOTIATED);
    cr_assert_eq(rig_stats(rig).timeouts, 1);
    rig_free(rig);
}

/* meter_see counts the bytes that the exchange sends; strangers are not there. */
static bool
meter_see(void *ctx, const struct net_packet *packet)
{
    uint64_t *bytes = ctx;

    if (packet->from.ip != RIG_SERVER_IP)
        return false;
    *bytes += packet->len;
    return packet->to.udp_port < 20000;
}

/* request_at writes one of the requests that somebody may send, good or bad, signed,
 * in clear text or neither. */
static size_t
request_at(struct rig *rig, uint64_t *random, const uint8_t uuid[16], uint8_t buf[256])
{
    static const char plain[] = "BROKER1:key-1";
    const uint64_t draw = net_random(random);
    const uint64_t time = rig->net.now_ns - (draw >> 8) % 3 * 4000 * RIG_MS;
    struct fixp_negotiate negotiate = {.timestamp = time, .client_flow = (draw >> 12) % 4};
    struct fixp_establish establish = {.timestamp = time,
                                       .keepalive_interval = (uint32_t)(draw >> 16) % 2};
    const bool clear = (draw >> 20) % 3 == 0;
    const uint16_t plain_len = (uint16_t)(clear ? sizeof plain - 1 : 0);
    size_t len;

    memcpy(negotiate.session_id, uuid, 16);
    memcpy(establish.session_id, uuid, 16);
    if ((draw >> 24) % 4 == 0)
        negotiate.session_id[6] ^= 0x10;
    len = draw % 2 == 0
              ? fixp_negotiate_encode(buf, 256, &negotiate, clear ? plain : NULL, plain_len)
              : fixp_establish_encode(buf, 256, &establish, clear ? plain : NULL, plain_len);
    if (!clear && (draw >> 28) % 4 != 0)
        len = rig_sign(rig, 1, buf, len);
    /* But no good KeepaliveInterval: in clear text nothing is signed. */
    if ((draw >> 32) % 4 == 0 && ((draw >> 36) % len < 32 || (draw >> 36) % len >= 36))
        buf[(draw >> 36) % len] ^= (uint8_t)(draw >> 48);
    if ((draw >> 40) % 8 == 0)
        len = (draw >> 44) % len;
    return len;
}

/* other_at writes what is no request, for a session that is not bound. */
static size_t
other_at(uint64_t *random, const uint8_t uuid[16], uint8_t buf[256])
{
    const uint64_t draw = net_random(random);
    struct fixp_terminate terminate = {.code = 0};
    struct fixp_retransmit_request ask = {.timestamp = draw, .from_seq_no = 1, .count = 1};
    const struct fixp_sequence sequence = {.next_seq_no = draw % 5};

    switch (draw % 5) {
    case 0:
        memcpy(terminate.session_id, uuid, 16);
        return fixp_terminate_encode(buf, 256, &terminate, NULL, 0);
    case 1:
        memcpy(ask.session_id, uuid, 16);
        return fixp_retransmit_request_encode(buf, 256, &ask);
    case 2:
        return fixp_sequence_encode(buf, 256, &sequence);
    default:
        for (unsigned i = 0; i < 256; i++)
            buf[i] = (uint8_t)net_random(random);
        buf[4] = 0xbc;
        buf[5] = 0x0a;
        buf[2] %= 20;
        buf[3] = 0;
        return net_random(random) % 256;
    }
}

Test(fixp_door, no_answer_before_establishment_is_longer_than_what_came)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct rig *rig = rig_new(seed, 0, 0);
        uint64_t random = seed;
        uint64_t answers = 0;
        uint64_t bytes = 0;
        struct rig_client *left;

        rig->plain_credentials = seed % 2 == 0;
        rig->require_context = seed % 3 == 0;
        rig_restart(rig, 0);
        left = rig_connect(rig, 0, 1);
        client_terminate(left->client, rig->net.now_ns);
        rig_run(rig, 3);
        rig_client_drop(left);
        rig->net.drop = meter_see;
        rig->net.drop_ctx = &bytes;
        for (unsigned i = 0; i < 1500; i++) {
            struct peer from = peer_of(left);
            uint8_t buf[256];
            size_t len;

            if (net_random(&random) % 2 == 0)
                from = (struct peer){.ip = (uint32_t)net_random(&random) | 1, .udp_port = 9};
            len = net_random(&random) % 3 == 0 ? other_at(&random, left->uuid, buf)
                                               : request_at(rig, &random, left->uuid, buf);
            bytes = 0;
            forge(rig, from, buf, len);
            rig_step(rig, RIG_MS);
            rig_step(rig, 0);
            cr_assert_leq(bytes, len, "seed %llu, datagram %u", (unsigned long long)seed, i);
            answers += bytes != 0;
        }
        cr_assert_gt(answers, 100);
        cr_assert_neq(rig_session_state(rig, 1), ENGINE_SESSION_BOUND);
        rig_free(rig);
    }
}

/* flood sends requests that all look right, from everywhere. */
static void
flood(struct rig *rig, uint64_t *random)
{
    for (unsigned i = 0; i < FLOOD_BURST; i++) {
        struct fixp_negotiate msg = {.timestamp = rig->net.now_ns, .client_flow = 1};
        struct peer from = {.ip = (uint32_t)net_random(random) | 1, .udp_port = 1};
        uint8_t buf[128];
        size_t len;

        msg.session_id[6] = 0x40;
        msg.session_id[8] = 0x80;
        len = rig_sign(rig, 3, buf, fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0));
        buf[len - 1] ^= 1;
        forge(rig, from, buf, len);
    }
}

Test(fixp_door, flood_of_requests_is_looked_at_in_part)
{
    struct rig *rig = rig_new(205, 0, 0);
    struct rig_client *rc = rig_connect(rig, 0, 0);
    struct rig_client *back = rig_connect(rig, 1, 1);
    uint64_t random = 205;
    uint64_t bytes = 0;

    client_terminate(back->client, rig->net.now_ns);
    rig_run(rig, 3);
    rig_order(rig, rc, 1, false, PX);
    rig_run(rig, 2);
    rig->net.drop = meter_see;
    rig->net.drop_ctx = &bytes;

    const uint64_t begin_ns = rig->net.now_ns;
    const uint64_t log_cnt = rig->log_cnt;

    for (unsigned i = 0; i < FLOOD_STEPS; i++) {
        flood(rig, &random);
        rig_step(rig, RIG_MS);
    }

    const uint64_t ms = (rig->net.now_ns - begin_ns) / RIG_MS;
    const struct gateway_stats stats = rig_stats(rig);

    cr_assert_eq(rig->log_cnt, log_cnt, "none of it is in the journal");
    cr_assert_leq(stats.bad_credentials, LOGIN_RATE * (ms + 100) / 1000);
    cr_assert_geq(stats.logins_dropped,
                  (uint64_t)FLOOD_STEPS * FLOOD_BURST - LOGIN_RATE * (ms + 100) / 1000);
    cr_assert_eq(client_state(rc->client), CLIENT_ESTABLISHED);
    /* Who was here before is let in at the first try. */
    struct client_cfg cfg = {
        .name = "BROKER1",
        .key = "key-1",
        .keepalive_ms = RIG_KEEPALIVE_MS,
        .resume = true,
        .resume_no = 1,
        .resume_next_report_no = 1,
    };

    back = rig_client_new(rig, 1, 1, &cfg);
    flood(rig, &random);
    client_connect(back->client, rig->net.now_ns);
    flood(rig, &random);
    for (unsigned i = 0; i < 6; i++)
        rig_step(rig, RIG_MS / 10);
    cr_assert_eq(client_state(back->client), CLIENT_ESTABLISHED);
    rig_free(rig);
}

Test(fixp_door, one_address_does_not_keep_the_others_out)
{
    struct rig *rig = rig_new(206, 0, 0);
    uint64_t random = 206;
    struct peer from = {.ip = 0x0a0000aa};
    uint8_t buf[128];
    uint64_t dropped_cnt;
    uint64_t bytes = 0;

    rig->net.drop = meter_see;
    rig->net.drop_ctx = &bytes;
    for (unsigned step = 0; step < 100; step++) {
        for (unsigned i = 0; i < FLOOD_BURST; i++) {
            struct fixp_negotiate msg = {.timestamp = rig->net.now_ns, .client_flow = 1};

            from.udp_port = (uint16_t)(net_random(&random) % 20000);
            forge(rig, from, buf,
                  rig_sign(rig, 3, buf, fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0)));
        }
        rig_step(rig, RIG_MS);
    }
    dropped_cnt = rig_stats(rig).logins_dropped;
    cr_assert_gt(dropped_cnt, 0);
    cr_assert_eq(client_state(rig_connect(rig, 0, 0)->client), CLIENT_ESTABLISHED);
    cr_assert_eq(rig_stats(rig).logins_dropped, dropped_cnt, "none of that client's");
    rig_free(rig);
}

Test(fixp_door, one_request_of_a_session_is_on_its_way)
{
    struct rig *rig = rig_new(207, 0, 0);
    const uint64_t log_cnt = rig->log_cnt;
    uint64_t negotiates = 0;
    uint8_t buf[128];

    rig->hold_engine = true;
    for (unsigned i = 0; i < 200; i++) {
        struct fixp_negotiate msg = {.timestamp = rig->net.now_ns, .client_flow = 1};
        const struct peer from = {.ip = 0x0a000100 + i, .udp_port = 1};

        memset(msg.session_id, 0x40 + (int)i % 16, sizeof msg.session_id);
        msg.session_id[6] = 0x40;
        msg.session_id[8] = 0x80;
        forge(rig, from, buf,
              rig_sign(rig, 2, buf, fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0)));
        rig_step(rig, RIG_MS);
    }
    rig->hold_engine = false;
    rig_run(rig, 2);
    for (uint64_t i = log_cnt; i < rig->log_cnt; i++)
        negotiates += cell_kind(&rig->log[i]) == CELL_KIND_SESSION_NEGOTIATE;
    cr_assert_eq(negotiates, 1);
    rig_free(rig);
}
