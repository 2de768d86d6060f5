#include "gateway/history.h"

#include <string.h>

#include "engine/route.h"

#define POLL_MESSAGES_MAX 4096u

struct history {
    struct ring_reader *asks;
    struct ring_writer *told;
    struct history_source source;
    struct route *route; /* numbers: of the session that is read, the others' mean nothing */
    struct history_ask ask;
    uint64_t begin_ns;
    bool busy;
    bool placed; /* the source stands where route counts ask's session from */
};

static size_t
route_offset(void)
{
    return (sizeof(struct history) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

size_t
history_footprint(uint32_t sessions_max)
{
    return route_offset() + route_footprint(sessions_max);
}

struct history *
history_init(void *mem,
             uint32_t sessions_max,
             const struct route *sessions,
             struct ring_reader *asks,
             struct ring_writer *told,
             const struct history_source *source)
{
    struct history *history = mem;

    ASSERT((uintptr_t)mem % CACHE_LINE == 0);
    *history = (struct history){.asks = asks, .told = told, .source = *source};
    history->route = route_init((uint8_t *)mem + route_offset(), sessions_max);
    route_copy(history->route, sessions);
    return history;
}

bool
history_idle(const struct history *history)
{
    return !history->busy;
}

/* tell writes one cell of what is told, and the message of a report; there is room. */
static void
tell(struct history *history,
     enum history_what what,
     const union cell *cells,
     const struct route_recipient *recipient)
{
    struct history_told told = {
        .token = history->ask.token,
        .session = history->ask.session,
        .what = (uint8_t)what,
        .cells = cells == NULL ? 0 : (uint8_t)cell_count(cells),
    };
    union cell head;

    if (recipient != NULL) {
        told.no = recipient->no;
        told.maker = recipient->maker;
        told.copy = recipient->copy;
        told.of = recipient->of;
    }
    memcpy(&head, &told, sizeof head);
    ring_write(history->told, &head, 1);
    if (cells != NULL)
        ring_write(history->told, cells, told.cells);
}

static void
finish(struct history *history, enum history_what what)
{
    tell(history, what, NULL, NULL);
    history->busy = false;
    history->placed = what == HISTORY_END;
}

/* goes_on tells whether the ask begins where the one before ended. */
static bool
goes_on(const struct history *history, const struct history_ask *ask)
{
    return history->placed && ask->session == history->ask.session &&
           memcmp(ask->uuid, history->ask.uuid, sizeof ask->uuid) == 0 &&
           ask->from_no == route_next_no(history->route, ask->session);
}

/* begin takes the next ask; false if there is none. */
static bool
begin(struct history *history, uint64_t now_ns)
{
    struct history_ask ask;

    if (ring_reader_available(history->asks, 1) == 0)
        return false;
    memcpy(&ask, ring_reader_cell(history->asks, 0), sizeof ask);
    ring_reader_advance(history->asks, 1);
    ring_reader_release(history->asks);
    ASSERT(ask.count > 0);
    ASSERT(ask.place.route_no <= ask.from_no);

    const bool placed = goes_on(history, &ask);

    history->ask = ask;
    history->busy = true;
    history->begin_ns = now_ns;
    if (!placed) {
        route_seek(history->route, ask.session, ask.uuid, ask.place.route_no);
        if (history->source.seek(history->source.ctx, ask.place.seq) != 0)
            finish(history, HISTORY_FAILED);
    }
    return true;
}

/* take looks at the next message: is it one that was asked for? */
static void
take(struct history *history, const union cell *cells)
{
    const struct history_ask *ask = &history->ask;
    const uint64_t end_no = ask->from_no + ask->count;
    struct route_recipient recipients[ROUTE_RECIPIENTS_MAX];
    const unsigned cnt = route_message(history->route, cells, recipients);

    for (unsigned i = 0; i < cnt; i++)
        if (recipients[i].session == ask->session && recipients[i].no >= ask->from_no &&
            recipients[i].no < end_no)
            tell(history, HISTORY_REPORT, cells, &recipients[i]);
    if (route_next_no(history->route, ask->session) >= end_no)
        finish(history, HISTORY_END);
}

int
history_poll(struct history *history, uint64_t now_ns)
{
    const uint64_t room = ROUTE_RECIPIENTS_MAX * (1 + CELL_MESSAGE_MAX) + 1;
    int done = 0;

    while (done < (int)POLL_MESSAGES_MAX && ring_writer_room(history->told, room) >= room) {
        const union cell *cells;
        int rc;

        if (!history->busy) {
            if (!begin(history, now_ns))
                break;
            done++;
            continue;
        }
        rc = history->source.next(history->source.ctx, &cells);
        if (rc == 0 && now_ns - history->begin_ns < HISTORY_WAIT_NS)
            break;
        if (rc <= 0)
            finish(history, HISTORY_FAILED);
        else
            take(history, cells);
        done++;
    }
    ring_publish(history->told);
    return done;
}
