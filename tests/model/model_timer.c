/*
 * What time brings: sessions that did not come back lose what lasts a day, and
 * orders expire. Time is looked at in ticks of 2^20 ns; a deadline counts as the
 * end of the tick in which it lies. In a tick the one armed first comes first.
 */
#include "tests/model/model_parts.h"

struct due {
    uint64_t tick;
    uint64_t armed_no;
    struct model_session *session; /* one of both */
    struct model_order *order;
};

/* consider makes a timer the next one if it is due and comes before. */
static void
consider(struct due *next, const struct model *model, uint64_t deadline_ns, struct due due)
{
    const uint64_t tick_ns = UINT64_C(1) << 20;

    if (deadline_ns == 0)
        return;
    due.tick = deadline_ns / tick_ns + (deadline_ns % tick_ns != 0);
    if (due.tick > model->time_ns / tick_ns)
        return;
    if (next->armed_no == 0 || due.tick < next->tick ||
        (due.tick == next->tick && due.armed_no < next->armed_no))
        *next = due;
}

static struct due
next_due(struct model *model)
{
    struct due next = {.armed_no = 0};

    for (uint32_t i = 0; i < MODEL_SESSIONS; i++) {
        struct model_session *session = &model->sessions[i];

        consider(&next, model, session->deadline_ns,
                 (struct due){.armed_no = session->armed_no, .session = session});
    }
    for (struct model_order *o = model->live; o != NULL; o = o->next_live)
        consider(&next, model, o->expire_ns, (struct due){.armed_no = o->armed_no, .order = o});
    return next;
}

/* model_clock lets time pass. */
void
model_clock(struct model *model, const union cell *cells)
{
    struct due due;

    model_emit_command(model, cells, 0, NULL);
    while ((due = next_due(model)).armed_no != 0) {
        if (due.order != NULL) {
            model_cancel(model, due.order, OE_CANCEL_REASON_EXPIRED);
            continue;
        }
        due.session->deadline_ns = 0;
        model_disconnect(model, (uint16_t)(due.session - model->sessions));
    }
}
