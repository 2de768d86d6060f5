/*
 * The image of a gateway: what it learned of the journal, and nothing of transports.
 *
 *   head   route   symbols   { session, its reports, its history index }...   end
 *
 * A report is its length in 16 bits and its bytes; those of a session are the last
 * min(retransmit_max, all) that it was given, oldest first. The index leads to all
 * others in the journal (history_index.h). Of an OUCH session no report is saved: one
 * has a word in it that only the configuration knows, and a follower has none. The
 * journal gives them when they are asked for; how they are numbered is saved.
 */
#include <errno.h>
#include <string.h>

#include "gateway/fixp_session.h"

struct saved_head {
    uint32_t sessions_max;
    uint32_t retransmit_max;
    uint32_t journal_low;
    uint32_t date;
    uint32_t flows_epoch;
    uint32_t zero;
};

struct saved_session {
    uint32_t number;   /* SAVED_END: the end */
    uint32_t firm;     /* CELL_ANY: not known */
    uint64_t reports;  /* bytes of reports behind this */
    uint64_t first_no; /* of the first report */
    uint64_t next_no;
    uint64_t negotiate_time;
    uint64_t establish_time;
    uint8_t uuid[16];
    uint32_t negotiated;
    uint32_t finish; /* SAVED_FINISHING, SAVED_FINALISED */
    uint32_t ouch;   /* 1: flow is of use, and no reports are here */
    uint32_t zero;
    uint64_t end_no;       /* of the flow that is finished; 0: it is not */
    struct soup_flow flow; /* zeros if ouch is 0 */
};

_Static_assert(sizeof(struct saved_session) == 88 + sizeof(struct soup_flow), "no padding");
_Static_assert(sizeof(struct soup_flow) == 40, "no padding");

#define SAVED_FINISHING 1u
#define SAVED_FINALISED 2u

#define SAVED_END UINT32_MAX

/* first_kept returns the oldest report of those before next_no that max leaves. */
static inline uint64_t
first_kept(uint64_t next_no, uint64_t max)
{
    return next_no > max ? next_no - max : 1;
}

static void
save_session(const struct gateway *gateway, uint16_t number, struct image_out *out)
{
    const struct fixp_session *session = &gateway->sessions[number];
    const uint64_t next_no = route_next_no(gateway->route, number);
    struct saved_session saved = {
        .number = number,
        .firm = session->firm,
        .first_no =
            session_is_ouch(session) ? next_no : first_kept(next_no, gateway->cfg.retransmit_max),
        .next_no = next_no,
        .ouch = session_is_ouch(session),
        .negotiate_time = session->negotiate_time,
        .establish_time = session->establish_time,
        .negotiated = session->negotiated,
        .finish =
            (session->finishing ? SAVED_FINISHING : 0) | (session->finalised ? SAVED_FINALISED : 0),
        .end_no = session->end_no,
    };

    memcpy(saved.uuid, session->uuid, sizeof saved.uuid);
    if (saved.ouch != 0)
        saved.flow = session->flow;
    for (uint64_t no = saved.first_no; no < next_no; no++)
        saved.reports += sizeof(uint16_t) + session_slot(gateway, session, no)->len;
    image_put(out, &saved, sizeof saved);
    for (uint64_t no = saved.first_no; no < next_no; no++) {
        const struct report_slot *slot = session_slot(gateway, session, no);

        image_put(out, slot, sizeof slot->len + slot->len);
    }
    history_index_save(session->history, saved.ouch != 0 ? saved.flow.next_no : next_no, out);
}

void
gateway_save(const struct gateway *gateway, struct image_out *out)
{
    const struct saved_head head = {.sessions_max = gateway->cfg.sessions_max,
                                    .retransmit_max = gateway->cfg.retransmit_max,
                                    .journal_low = gateway->journal_low,
                                    .date = gateway->date,
                                    .flows_epoch = gateway->flows_epoch};
    const struct saved_session end = {.number = SAVED_END};

    image_put(out, &head, sizeof head);
    route_save(gateway->route, out);
    ouch_names_save(gateway->names, out);
    for (uint16_t i = 0; i < gateway->cfg.sessions_max; i++) {
        ASSERT(gateway->sessions[i].used);
        if (gateway->sessions[i].firm != CELL_ANY)
            save_session(gateway, i, out);
    }
    image_put(out, &end, sizeof end);
}

/* reports_fit walks through the reports of a session. */
static bool
reports_fit(const struct saved_session *saved, const uint8_t *bytes)
{
    uint64_t left = saved->reports;

    for (uint64_t no = saved->first_no; no < saved->next_no; no++) {
        uint16_t len;

        if (left < sizeof len)
            return false;
        memcpy(&len, bytes, sizeof len);
        if (len == 0 || len > sizeof(((struct report_slot *)0)->bytes) || left - sizeof len < len)
            return false;
        bytes += sizeof len + len;
        left -= sizeof len + len;
    }
    return left == 0;
}

/* finish_fits: what is finalised is finished, and that has an end that is reached, or
 * will be with the next report. */
static bool
finish_fits(const struct saved_session *saved)
{
    if (saved->finish == 0)
        return saved->end_no == 0;
    return (saved->finish == SAVED_FINISHING ||
            saved->finish == (SAVED_FINISHING | SAVED_FINALISED)) &&
           saved->end_no != 0 && saved->end_no - 1 <= saved->next_no;
}

/* flow_fits tells whether a session's numbers can be those of its dialect. */
static bool
flow_fits(const struct saved_session *saved, uint32_t retransmit_max)
{
    static const struct soup_flow none;
    const struct soup_flow *flow = &saved->flow;

    if (saved->ouch == 0)
        return memcmp(flow, &none, sizeof none) == 0 &&
               saved->first_no == first_kept(saved->next_no, retransmit_max);
    /* StartOfDay is there from the beginning. */
    return saved->ouch == 1 && saved->first_no == saved->next_no && flow->next_no >= 2 &&
           flow->end_no < flow->next_no && flow->end_no != 1 && flow->disabled <= 1;
}

/* take_session takes the next session of an image and sets reports and index to its own:
 * 1, 0 at the end, or -errno. */
static int
take_session(const struct gateway *gateway,
             uint32_t retransmit_max,
             struct image_in *in,
             struct saved_session *saved,
             const uint8_t **reports,
             struct history_index *index)
{
    if (!image_get(in, saved, sizeof *saved))
        return -EBADMSG;
    if (saved->number == SAVED_END)
        return 0;
    if (saved->number >= gateway->cfg.sessions_max || saved->negotiated > 1 || saved->zero != 0 ||
        saved->next_no < 1 || !finish_fits(saved) || !flow_fits(saved, retransmit_max))
        return -EBADMSG;
    *reports = image_take(in, saved->reports);
    if (*reports == NULL || !reports_fit(saved, *reports) ||
        !history_index_load(index, in, saved->ouch != 0 ? saved->flow.next_no : saved->next_no,
                            saved->ouch == 0))
        return -EBADMSG;
    /* What a client may ask for must be here. */
    if (gateway->sessions[saved->number].used && saved->ouch == 0 &&
        !session_is_ouch(&gateway->sessions[saved->number]) &&
        saved->first_no > first_kept(saved->next_no, gateway->cfg.retransmit_max))
        return -ERANGE;
    return 1;
}

/* image_fits goes through an image from where the sessions begin; 0 or -errno. */
static int
image_fits(const struct gateway *gateway, uint32_t retransmit_max, struct image_in in)
{
    struct saved_session saved;
    struct history_index index;
    const uint8_t *reports;
    int64_t before = -1;
    int rc;

    while ((rc = take_session(gateway, retransmit_max, &in, &saved, &reports, &index)) > 0) {
        if ((int64_t)saved.number <= before)
            return -EBADMSG;
        before = saved.number;
    }
    return rc;
}

static void
load_session(struct gateway *gateway,
             const struct saved_session *saved,
             const uint8_t *reports,
             const struct history_index *index)
{
    struct fixp_session *session = &gateway->sessions[saved->number];

    session->firm = saved->firm;
    session->sent_no = saved->next_no;
    if (!session->used)
        return;
    if (gateway->cfg.follower)
        session->ouch = saved->ouch != 0;
    /* One that speaks another dialect by now begins anew. */
    if (session_is_ouch(session) != (saved->ouch != 0)) {
        session->sent_no = session_is_ouch(session) ? 1 : saved->next_no;
        return;
    }
    memcpy(session->uuid, saved->uuid, sizeof session->uuid);
    session->negotiated = saved->negotiated != 0;
    if (session_is_ouch(session)) {
        session->flow = saved->flow;
        session->kept_no = saved->flow.next_no;
        session->sent_no = saved->flow.next_no;
    }
    session->negotiate_time = saved->negotiate_time;
    session->establish_time = saved->establish_time;
    session->finishing = (saved->finish & SAVED_FINISHING) != 0;
    session->finalised = (saved->finish & SAVED_FINALISED) != 0;
    session->end_no = saved->end_no;
    *session->history = *index;

    const uint64_t first_no = first_kept(saved->next_no, gateway->cfg.retransmit_max);

    for (uint64_t no = saved->first_no; no < saved->next_no; no++) {
        uint16_t len;

        memcpy(&len, reports, sizeof len);
        if (no >= first_no)
            memcpy(session_slot(gateway, session, no), reports, sizeof len + len);
        reports += sizeof len + len;
    }
}

/* numbers_agree says whether the route counts as the sessions do. */
static bool
numbers_agree(const struct gateway *gateway, uint32_t retransmit_max, struct image_in in)
{
    struct saved_session saved;
    struct history_index index;
    const uint8_t *reports;
    uint32_t behind = 0; /* sessions before it were looked at */

    while (take_session(gateway, retransmit_max, &in, &saved, &reports, &index) > 0) {
        for (; behind < saved.number; behind++)
            if (route_next_no(gateway->route, (uint16_t)behind) != 1)
                return false;
        if (route_next_no(gateway->route, (uint16_t)behind++) != saved.next_no)
            return false;
    }
    for (; behind < gateway->cfg.sessions_max; behind++)
        if (route_next_no(gateway->route, (uint16_t)behind) != 1)
            return false;
    return true;
}

int
gateway_load(struct gateway *gateway, struct image_in *in)
{
    struct saved_head head;
    struct image_in names;
    struct history_index index;
    struct saved_session saved;
    const uint8_t *reports;
    int rc;

    ASSERT(gateway->poll_no == 0);
    if (!image_get(in, &head, sizeof head) || head.sessions_max != gateway->cfg.sessions_max ||
        head.retransmit_max == 0 || head.journal_low > 1 || head.zero != 0 ||
        !route_load(gateway->route, in))
        return -EBADMSG;
    names = *in;
    if (!ouch_names_load(NULL, in)) {
        route_init(gateway->route, gateway->cfg.sessions_max);
        return -EBADMSG;
    }
    rc = image_fits(gateway, head.retransmit_max, *in);
    if (rc == 0 && !numbers_agree(gateway, head.retransmit_max, *in))
        rc = -EBADMSG;
    if (rc == 0 && !ouch_names_load(gateway->names, &names))
        rc = -EBADMSG;
    if (rc != 0) {
        route_init(gateway->route, gateway->cfg.sessions_max);
        return rc;
    }
    while (take_session(gateway, head.retransmit_max, in, &saved, &reports, &index) > 0)
        load_session(gateway, &saved, reports, &index);
    gateway->journal_low = head.journal_low != 0;
    gateway->date = head.date;
    gateway->flows_epoch = head.flows_epoch;
    gateway->ack_mode = route_ack_mode(gateway->route);
    return 0;
}
