/*
 * What time brings: sessions that did not come back lose what lasts a day, and
 * orders expire. Time is looked at in ticks of 2^20 ns; a deadline counts as the
 * end of the tick in which it lies. In a tick the one armed first comes first.
 */
#include "tests/model/model_parts.h"

#define TICK_NS (UINT64_C(1) << 20)

struct due {
    uint64_t tick;
    uint64_t armed_no;
    uint16_t session;
    struct model_order *order; /* NULL: of the session */
};

/* consider makes a timer the next one if it comes before. */
static void
consider(struct due *next, uint64_t deadline_ns, struct due due)
{
    if (deadline_ns == 0)
        return;
    due.tick = deadline_ns / TICK_NS + (deadline_ns % TICK_NS != 0);
    if (next->armed_no == 0 || due.tick < next->tick ||
        (due.tick == next->tick && due.armed_no < next->armed_no))
        *next = due;
}

/* first finds the timer that comes first; armed_no is 0 if none is armed. */
static struct due
first(const struct model *model)
{
    struct due next = {.armed_no = 0};

    for (uint16_t i = 0; i < MODEL_SESSIONS; i++) {
        const struct model_session *session = &model->sessions[i];

        consider(&next, session->deadline_ns,
                 (struct due){.armed_no = session->armed_no, .session = i});
    }
    for (struct model_order *o = model->live; o != NULL; o = o->next_live)
        consider(&next, o->expire_ns, (struct due){.armed_no = o->armed_no, .order = o});
    return next;
}

uint64_t
model_deadline_ns(const struct model *model)
{
    const struct due due = first(model);

    return due.armed_no == 0 ? UINT64_MAX : due.tick * TICK_NS;
}

/* model_clock lets time pass: orders expire, then the sessions whose time is up
 * lose what lasts a day, all of them together. */
void
model_clock(struct model *model, const union cell *cells)
{
    bool silent[MODEL_SESSIONS] = {false};
    struct due due;

    model_emit_command(model, cells, 0, NULL);
    while ((due = first(model)).armed_no != 0 && due.tick <= model->time_ns / TICK_NS) {
        if (due.order != NULL) {
            model_cancel(model, due.order, OE_CANCEL_REASON_EXPIRED);
            continue;
        }
        model->sessions[due.session].deadline_ns = 0;
        silent[due.session] = true;
    }
    model_disconnect(model, silent);
}
