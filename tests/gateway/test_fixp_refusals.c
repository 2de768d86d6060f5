/*
 * Goal: each code with which FIXP refuses Negotiate and Establish is given for its
 * reason, with the request's own UUID and time, in no more bytes than the request
 * had. Method: rig.h; requests made by hand, one for each row of the two tables in
 * docs/protocol.md.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "proto/fixp.h"
#include "proto/limits.h"

#include "tests/gateway/rig.h"

#define ACCEPTED 100u /* what asking returns besides the codes */
#define SILENCE  101u

/* One exchange; session 0 has a client, session 1 is asked for by hand. */
struct desk {
    struct rig *rig;
    struct rig_client *living;
    struct port *port; /* of who asks */
    struct trap answers;
    uint8_t uuid[16];
};

static void
desk_open(struct desk *desk, uint64_t seed)
{
    memset(desk, 0, sizeof *desk);
    desk->rig = rig_new(seed, 0, 0);
    desk->living = rig_connect(desk->rig, 0, 0);
    desk->port = rig_client(desk->rig, 1, 1)->port;
    rig_client_drop(&desk->rig->clients[1]);
    desk->answers.from_server = true;
    memset(desk->uuid, 0x4a, sizeof desk->uuid);
    desk->uuid[8] = 0x8a;
    trap_set(desk->rig, &desk->answers);
}

/* asked sends a request and returns the code of its answer. */
static unsigned
asked(struct desk *desk, const uint8_t *buf, size_t len)
{
    const struct fixp_negotiation_reject *reject;
    const struct fixp_header *hdr = (const struct fixp_header *)desk->answers.last.data;

    desk->answers.seen_cnt = 0;
    rig_raw(desk->rig, desk->port, buf, len);
    rig_run(desk->rig, 1);
    if (desk->answers.seen_cnt == 0)
        return SILENCE;
    cr_assert_eq(desk->answers.seen_cnt, 1);
    cr_assert_leq(desk->answers.last.len, len);
    cr_assert_arr_eq(desk->answers.last.data + 8, buf + 8, 16 + 8, "UUID and time are echoed");
    if (hdr->template_id == FIXP_NEGOTIATION_RESPONSE_ID ||
        hdr->template_id == FIXP_ESTABLISHMENT_ACK_ID)
        return ACCEPTED;
    cr_assert(hdr->template_id == FIXP_NEGOTIATION_REJECT_ID ||
              hdr->template_id == FIXP_ESTABLISHMENT_REJECT_ID);
    /* Both have the same block. */
    reject = (const struct fixp_negotiation_reject *)(desk->answers.last.data + sizeof *hdr);
    return reject->code;
}

static unsigned
negotiate(struct desk *desk, const uint8_t uuid[16], uint64_t time, uint8_t flow)
{
    struct fixp_negotiate msg = {.timestamp = time, .client_flow = flow};
    uint8_t buf[128];

    memcpy(msg.session_id, uuid, sizeof msg.session_id);

    const size_t len = fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0);

    return asked(desk, buf, rig_sign(desk->rig, 1, buf, len));
}

static unsigned
establish(struct desk *desk, const uint8_t uuid[16], uint64_t time, uint32_t keepalive_ms)
{
    struct fixp_establish msg = {
        .timestamp = time, .keepalive_interval = keepalive_ms, .next_seq_no = 7};
    uint8_t buf[128];

    memcpy(msg.session_id, uuid, sizeof msg.session_id);

    const size_t len = fixp_establish_encode(buf, sizeof buf, &msg, NULL, 0);

    return asked(desk, buf, rig_sign(desk->rig, 1, buf, len));
}

/* block makes the operator turn session 1 away. */
static void
block(struct desk *desk, bool blocked)
{
    union cell cell = {.session_set = {
                           .kind = CELL_KIND_SESSION_SET,
                           .shape = 1,
                           .time = desk->rig->net.now_ns,
                           .blocked = blocked,
                           .session = 1,
                       }};

    memcpy(cell.session_set.name, "BROKER1", 7);
    rig_admin(desk->rig, &cell, 1);
    rig_run(desk->rig, 1);
}

Test(fixp_refusals, every_refusal_of_negotiate_is_given)
{
    struct desk desk;
    uint8_t uuid[16];

    desk_open(&desk, 101);

    const uint64_t now_ns = desk.rig->net.now_ns;

    /* Credentials. */
    struct fixp_negotiate msg = {.timestamp = now_ns, .client_flow = 1};
    uint8_t buf[128];
    const size_t len =
        rig_sign(desk.rig, 1, buf, fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0));

    buf[len - 1] ^= 1;
    cr_assert_eq(asked(&desk, buf, len), FIXP_NEGOTIATION_REJECT_CODE_CREDENTIALS);
    /* FlowTypeNotSupported. */
    for (uint8_t flow = 0; flow <= FIXP_FLOW_TYPE_NONE; flow++) {
        if (flow != FIXP_FLOW_TYPE_IDEMPOTENT)
            cr_assert_eq(negotiate(&desk, desk.uuid, now_ns, flow),
                         FIXP_NEGOTIATION_REJECT_CODE_FLOW_TYPE_NOT_SUPPORTED, "flow %u", flow);
    }
    /* DuplicateId: of another session, and then its own of before. */
    cr_assert_eq(negotiate(&desk, desk.living->uuid, now_ns, 1),
                 FIXP_NEGOTIATION_REJECT_CODE_DUPLICATE_ID);
    cr_assert_eq(negotiate(&desk, desk.uuid, now_ns + 1, 1), ACCEPTED);
    cr_assert_eq(establish(&desk, desk.uuid, now_ns + 2, 1000), ACCEPTED);
    cr_assert_eq(negotiate(&desk, desk.uuid, now_ns + 3, 1),
                 FIXP_NEGOTIATION_REJECT_CODE_DUPLICATE_ID);
    /* Unspecified: no random UUID, old, of another time, blocked. */
    memset(uuid, 0, sizeof uuid);
    cr_assert_eq(negotiate(&desk, uuid, now_ns + 4, 1), FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED);
    memcpy(uuid, desk.uuid, sizeof uuid);
    uuid[0] = 1;
    cr_assert_eq(negotiate(&desk, uuid, now_ns, 1), FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED);
    cr_assert_eq(negotiate(&desk, uuid, now_ns + 3600000 * RIG_MS, 1),
                 FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED);
    block(&desk, true);
    cr_assert_eq(negotiate(&desk, uuid, now_ns + 5, 1), FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED);
    block(&desk, false);
    cr_assert_eq(negotiate(&desk, uuid, now_ns + 6, 1), ACCEPTED);
    rig_free(desk.rig);
}

/* While session 0 lives on its own transport, nobody else is let in to it. */
Test(fixp_refusals, negotiate_of_a_bound_session_is_refused_elsewhere)
{
    struct desk desk;
    struct fixp_negotiate msg = {.client_flow = 1};
    uint8_t buf[128];

    desk_open(&desk, 102);
    msg.timestamp = desk.rig->net.now_ns;
    memcpy(msg.session_id, desk.uuid, sizeof msg.session_id);

    const size_t len = fixp_negotiate_encode(buf, sizeof buf, &msg, NULL, 0);

    cr_assert_eq(asked(&desk, buf, rig_sign(desk.rig, 0, buf, len)),
                 FIXP_NEGOTIATION_REJECT_CODE_UNSPECIFIED);
    cr_assert_eq(rig_session_state(desk.rig, 0), ENGINE_SESSION_BOUND);
    rig_free(desk.rig);
}

Test(fixp_refusals, every_refusal_of_establish_is_given)
{
    struct desk desk;
    struct fixp_establish msg = {.keepalive_interval = 1000};
    uint8_t buf[128];

    desk_open(&desk, 103);

    const uint64_t now_ns = desk.rig->net.now_ns;

    /* Unnegotiated: never, and another than was. */
    cr_assert_eq(establish(&desk, desk.uuid, now_ns, 1000),
                 FIXP_ESTABLISHMENT_REJECT_CODE_UNNEGOTIATED);
    cr_assert_eq(negotiate(&desk, desk.uuid, now_ns, 1), ACCEPTED);
    cr_assert_eq(establish(&desk, desk.living->uuid, now_ns + 1, 1000),
                 FIXP_ESTABLISHMENT_REJECT_CODE_UNNEGOTIATED);
    /* SessionBlocked. */
    block(&desk, true);
    cr_assert_eq(establish(&desk, desk.uuid, now_ns + 1, 1000),
                 FIXP_ESTABLISHMENT_REJECT_CODE_SESSION_BLOCKED);
    block(&desk, false);
    /* KeepaliveInterval. */
    cr_assert_eq(establish(&desk, desk.uuid, now_ns + 2, KEEPALIVE_MS_MIN - 1),
                 FIXP_ESTABLISHMENT_REJECT_CODE_KEEPALIVE_INTERVAL);
    cr_assert_eq(establish(&desk, desk.uuid, now_ns + 2, KEEPALIVE_MS_MAX + 1),
                 FIXP_ESTABLISHMENT_REJECT_CODE_KEEPALIVE_INTERVAL);
    /* Unspecified: of another time, of the transport of another session. */
    cr_assert_eq(establish(&desk, desk.uuid, now_ns - 3600000 * RIG_MS, 1000),
                 FIXP_ESTABLISHMENT_REJECT_CODE_UNSPECIFIED);
    desk.port = desk.living->port;
    cr_assert_eq(establish(&desk, desk.uuid, now_ns + 3, 1000),
                 FIXP_ESTABLISHMENT_REJECT_CODE_UNSPECIFIED);
    desk.port = desk.rig->clients[1].port;
    /* AlreadyEstablished: session 0 lives elsewhere. */
    memcpy(msg.session_id, desk.living->uuid, sizeof msg.session_id);
    msg.timestamp = now_ns + 4;

    size_t len = fixp_establish_encode(buf, sizeof buf, &msg, NULL, 0);

    len = rig_sign(desk.rig, 0, buf, len);
    cr_assert_eq(asked(&desk, buf, len), FIXP_ESTABLISHMENT_REJECT_CODE_ALREADY_ESTABLISHED);
    /* Credentials. */
    buf[len - 1] ^= 1;
    cr_assert_eq(asked(&desk, buf, len), FIXP_ESTABLISHMENT_REJECT_CODE_CREDENTIALS);
    /* The NextSeqNo of an idempotent flow means nothing, so 7 does no harm. */
    cr_assert_eq(establish(&desk, desk.uuid, now_ns + 5, 1000), ACCEPTED);
    cr_assert_eq(rig_session_state(desk.rig, 1), ENGINE_SESSION_BOUND);
    rig_free(desk.rig);
}
