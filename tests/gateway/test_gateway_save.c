/*
 * Goal: a gateway made of an image tells clients what the one that was saved would have
 * told them; what is no such image, or keeps too little, changes nothing.
 * Method: gateways without ports that learn of sessions and reports. That sessions go on
 * behind an image is asserted by every restart of the rig.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/fixp_session.h"

#include "tests/engine/reload.h"

#define SESSIONS 3u

static struct gateway_session_cfg logins[SESSIONS];

static struct gateway *
make(uint32_t retransmit, unsigned used)
{
    const struct gateway_cfg cfg = {
        .shard = 1,
        .sessions_max = SESSIONS,
        .sessions = logins,
        .retransmit_max = retransmit,
        .keepalive_ms = 1000,
        .ports_max = 1,
    };

    for (unsigned i = 0; i < SESSIONS; i++)
        logins[i] = (struct gateway_session_cfg){.name = "S", .key = "-", .used = i < used};

    const size_t bytes = gateway_footprint(&cfg);
    void *mem = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);

    memset(mem, 0, bytes);
    return gateway_init(mem, &cfg);
}

/* learn lets it know of a session and of cnt reports to it. */
static void
learn(struct gateway *gateway, uint16_t session, uint64_t cnt)
{
    const union cell set = {
        .session_set = {
            .kind = CELL_KIND_SESSION_SET, .shape = 1 | CELL_LAST, .firm = 7, .session = session}};
    const union cell negotiate = {.session_negotiate = {.kind = CELL_KIND_SESSION_NEGOTIATE,
                                                        .shape = 1 | CELL_LAST,
                                                        .uuid = {1, 2, (uint8_t)session},
                                                        .request_time = 99,
                                                        .session = session}};

    gateway_recover(gateway, &set);
    gateway_recover(gateway, &negotiate);
    for (uint64_t i = 1; i <= cnt; i++) {
        const union cell order = {.order_new = {.kind = CELL_KIND_ORDER_NEW,
                                                .shape = 1 | CELL_LAST,
                                                .seq = i,
                                                .clord = 1000 * session + i,
                                                .px = 5,
                                                .qty = 1,
                                                .ord_type = OE_ORD_TYPE_LIMIT,
                                                .tif = OE_TIME_IN_FORCE_DAY,
                                                .session = session}};

        gateway_recover(gateway, &order);
    }
}

static struct reload_image
save(const struct gateway *gateway)
{
    struct reload_image image = {.out = {.put = reload_put}};

    gateway_save(gateway, &image.out);
    return image;
}

static int
load(struct gateway *gateway, const struct reload_image *image, size_t cnt)
{
    struct image_in in = {.at = image->bytes, .left = cnt};
    const int rc = gateway_load(gateway, &in);

    cr_assert(rc != 0 || in.left == 0);
    return rc;
}

/* assert_kept asserts that both keep the last cnt reports of a session. */
static void
assert_kept(const struct gateway *a, const struct gateway *b, uint16_t session, uint64_t cnt)
{
    const uint64_t next = route_next_no(a->route, session);
    const struct fixp_session *one = &a->sessions[session];
    const struct fixp_session *two = &b->sessions[session];

    cr_assert_eq(route_next_no(b->route, session), next);
    cr_assert_eq(memcmp(one->uuid, two->uuid, sizeof one->uuid), 0);
    cr_assert_eq(one->negotiated, two->negotiated);
    cr_assert_eq(one->negotiate_time, two->negotiate_time);
    cr_assert_eq(one->firm, two->firm);
    cr_assert_eq(two->sent_no, next);
    for (uint64_t no = next - cnt; no < next; no++) {
        const struct report_slot *x = &one->slots[no & (a->cfg.retransmit_max - 1)];
        const struct report_slot *y = &two->slots[no & (b->cfg.retransmit_max - 1)];

        cr_assert_gt(x->len, 0);
        cr_assert_eq(x->len, y->len);
        cr_assert_eq(memcmp(x->bytes, y->bytes, x->len), 0);
    }
}

Test(gateway_save, numbers_and_reports_come_back)
{
    struct gateway *keeper = make(128, SESSIONS);

    learn(keeper, 0, 300);
    learn(keeper, 2, 5);

    struct reload_image image = save(keeper);
    struct gateway *same = make(128, SESSIONS);
    struct gateway *less = make(64, SESSIONS);

    cr_assert_eq(load(same, &image, image.cnt), 0);
    assert_kept(keeper, same, 0, 128);
    assert_kept(keeper, same, 2, 5);
    cr_assert_eq(route_next_no(same->route, 1), 1);
    cr_assert_eq(load(less, &image, image.cnt), 0);
    assert_kept(keeper, less, 0, 64);

    struct reload_image again = save(same);

    cr_assert_eq(again.cnt, image.cnt);
    cr_assert_eq(memcmp(again.bytes, image.bytes, image.cnt), 0);
    free(again.bytes);
    free(image.bytes);
    free(keeper);
    free(same);
    free(less);
}

Test(gateway_save, too_few_reports_are_refused_only_if_somebody_could_ask_for_them)
{
    struct gateway *keeper = make(64, SESSIONS);

    learn(keeper, 0, 64);
    learn(keeper, 1, 65);

    struct reload_image image = save(keeper);
    struct gateway *more = make(128, SESSIONS);
    struct gateway *one = make(128, 1);

    cr_assert_eq(load(more, &image, image.cnt), -ERANGE);
    for (uint16_t i = 0; i < SESSIONS; i++) {
        cr_assert_eq(route_next_no(more->route, i), 1);
        cr_assert_eq(more->sessions[i].firm, CELL_ANY);
    }
    /* All that there were of session 0, and nobody is session 1. */
    cr_assert_eq(load(one, &image, image.cnt), 0);
    cr_assert_eq(route_next_no(one->route, 1), 66);
    free(image.bytes);
    free(keeper);
    free(more);
    free(one);
}

Test(gateway_save, every_cut_and_wrong_number_is_refused_and_changes_nothing)
{
    struct gateway *keeper = make(64, SESSIONS);
    struct gateway *fresh = make(64, SESSIONS);
    unsigned refused_cnt = 0;

    learn(keeper, 0, 100);
    learn(keeper, 1, 3);

    struct reload_image image = save(keeper);

    for (size_t cnt = 0; cnt < image.cnt; cnt++)
        cr_assert_eq(load(fresh, &image, cnt), -EBADMSG, "cut to %zu", cnt);
    for (size_t at = 0; at < image.cnt; at++) {
        struct image_in in = {.at = image.bytes, .left = image.cnt};
        struct gateway *other = make(64, SESSIONS);

        image.bytes[at] ^= 0x41;
        refused_cnt += gateway_load(other, &in) != 0;
        image.bytes[at] ^= 0x41;
        free(other);
    }
    cr_assert_gt(refused_cnt, 200); /* numbers and lengths; what reports say is not its business */
    cr_assert_eq(load(fresh, &image, image.cnt), 0);
    assert_kept(keeper, fresh, 0, 64);
    assert_kept(keeper, fresh, 1, 3);
    free(image.bytes);
    free(keeper);
    free(fresh);
}
