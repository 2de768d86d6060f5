#include "tools/desk.h"

#include <stdio.h>
#include <string.h>

/* Rows of a sheet at one poll. */
#define CHECKS_MAX 256u
#define ROWS_MAX   64u

void
desk_init(struct desk *desk,
          struct sequencer *all,
          struct ring_writer *ring,
          struct ring_reader *ring_reader)
{
    desk->engine = all->engine;
    desk->all = all;
    desk->ring = ring;
    sequencer_init(&desk->alone, all->engine, all->out, 1);
    sequencer_add_in(&desk->alone, ring_reader);
}

void
desk_ask(struct desk *desk, enum desk_task task)
{
    desk->task = task;
    desk->good = false;
    desk->done_cnt = 0;
    desk->first_seq = 0;
    desk->refused_line = 0;
    __atomic_store_n(&desk->turn, DESK_THEIRS, __ATOMIC_RELEASE); /* R3 pairs with A3 */
}

bool
desk_is_ours(const struct desk *desk)
{
    return __atomic_load_n(&desk->turn, __ATOMIC_ACQUIRE) == DESK_OURS; /* A4 pairs with R4 */
}

bool
desk_give_space(struct desk *desk, const union cell *cell)
{
    /* A6 pairs with R6 */
    if (__atomic_load_n(&desk->space_turn, __ATOMIC_ACQUIRE) != DESK_OURS)
        return false;
    desk->space = *cell;
    __atomic_store_n(&desk->space_turn, DESK_THEIRS, __ATOMIC_RELEASE); /* R5 pairs with A5 */
    return true;
}

static void
give_back(struct desk *desk)
{
    desk->busy = false;
    desk->last_seq = engine_seq(desk->engine);
    desk->out_pos = desk->all->out->sink.pos;
    __atomic_store_n(&desk->turn, DESK_OURS, __ATOMIC_RELEASE); /* R4 pairs with A4 */
}

/* complete fills in what a verb leaves to the engine. */
static bool
complete(struct desk *desk)
{
    struct verb *verb = &desk->verb;
    union cell now[CELL_COMMAND_MAX];

    if (verb->kind != VERB_PART)
        return true;
    return verb_complete(
        verb, now,
        engine_config_get(desk->engine, cell_kind(&verb->cells[0]), verb->id, verb->id2, now),
        desk->why);
}

/* submit writes a command into the admin ring, where it is alone. */
static void
submit(struct desk *desk, union cell *cells, unsigned count, uint64_t now_ns)
{
    ASSERT(ring_writer_room(desk->ring, count) >= count);
    cells[0].firm_set.time = now_ns;
    ring_write(desk->ring, cells, count);
    ring_publish(desk->ring);
}

/* send submits the verb; what cannot be completed and cells that are no command are not
 * sent. */
static bool
send(struct desk *desk, uint64_t now_ns)
{
    struct verb *verb = &desk->verb;

    if (!complete(desk))
        return false;
    for (unsigned i = 0; i < verb->count; i++)
        if (!cell_valid(&verb->cells[i])) {
            snprintf(desk->why, sizeof desk->why, "it is no command, expected one of the verbs");
            return false;
        }
    submit(desk, verb->cells, verb->count, now_ns);
    return true;
}

/* look answers a question, or does a slice of what it takes. */
static void
look(struct desk *desk)
{
    const bool blocked = desk->task == DESK_BLOCKED;

    if (!desk->looking && blocked)
        blocked_begin(&desk->blocked);
    if (!desk->looking && !blocked)
        show_take(&desk->show, desk->engine, desk->verb.level, desk->verb.subject,
                  desk->verb.instrument);
    desk->looking =
        blocked ? blocked_step(&desk->blocked, desk->engine) : show_step(&desk->show, desk->engine);
    if (desk->looking)
        return;
    desk->good = blocked || desk->show.known;
    give_back(desk);
}

static void
begin(struct desk *desk, uint64_t now_ns)
{
    switch (desk->task) {
    case DESK_COMMAND:
        desk->good = send(desk, now_ns);
        give_back(desk);
        break;
    case DESK_SHOW:
    case DESK_BLOCKED:
        look(desk);
        break;
    case DESK_CHECK:
    case DESK_LOAD:
        ASSERT(desk->sheet.rows_cnt > 0);
        desk->busy = true;
        desk->row_sent = false;
        desk->checked_cnt = 0;
        break;
    case DESK_NONE:
    default:
        UNREACHABLE("nothing was asked");
    }
}

/* outcome_of finds the outcome of the row that is in work in what was written from
 * pos on; false if it is not there yet. */
static bool
outcome_of(const struct desk *desk, uint64_t pos, unsigned kind, uint16_t *outcome)
{
    const struct cell_sink *sink = &desk->all->out->sink;

    for (; pos < sink->pos; pos++) {
        const union cell *cell = &sink->cells[pos & sink->mask];

        if (cell_kind(cell) != kind)
            continue;
        *outcome = cell_outcome(cell);
        return true;
    }
    return false;
}

/* load_step goes on with the row in work; false if there is no room for now. */
static bool
load_step(struct desk *desk, uint64_t now_ns)
{
    const struct sheet_row *row = sheet_at(&desk->sheet, desk->done_cnt);
    const uint64_t pos = desk->all->out->sink.pos;
    union cell cells[2] = {row->cell, desk->sheet.author};

    if (!desk->row_sent) {
        cells[0].bytes[1] = 2;
        submit(desk, cells, 2, now_ns);
        desk->row_sent = true;
        desk->row_seen = false;
    }
    if (sequencer_poll(&desk->alone, 0) == 0)
        return false;
    desk->row_seen =
        desk->row_seen || outcome_of(desk, pos, cell_kind(&row->cell), &desk->refused_outcome);
    if (!desk->row_seen || desk->alone.in_work)
        return true;
    desk->row_sent = false;
    if (desk->refused_outcome != OE_REJECT_REASON_NONE) {
        desk->refused_line = row->line;
        return true;
    }
    if (desk->done_cnt++ == 0)
        desk->first_seq = engine_seq(desk->engine);
    return true;
}

/* check_some checks rows against the engine, before the first is submitted. */
static int
check_some(struct desk *desk)
{
    struct sheet *sheet = &desk->sheet;

    for (unsigned i = 0; i < CHECKS_MAX && desk->checked_cnt < sheet->rows_cnt; i++)
        sheet_check(sheet, desk->engine, desk->checked_cnt++);
    if (desk->checked_cnt < sheet->rows_cnt)
        return 1;
    desk->good = sheet->wrong_cnt == 0;
    if (!desk->good || desk->task == DESK_CHECK)
        give_back(desk);
    return 1;
}

static int
load_some(struct desk *desk, uint64_t now_ns)
{
    int work = 0;

    for (unsigned i = 0; i < ROWS_MAX && load_step(desk, now_ns); i++) {
        work++;
        if (desk->refused_line == 0 && desk->done_cnt < desk->sheet.rows_cnt)
            continue;
        desk->all->applied_cnt += desk->alone.applied_cnt;
        desk->alone.applied_cnt = 0;
        give_back(desk);
        break;
    }
    return work;
}

/* take_space submits what the thread that looks at the disk says. */
static COLD void
take_space(struct desk *desk, uint64_t now_ns)
{
    submit(desk, &desk->space, 1, now_ns);
    __atomic_store_n(&desk->space_turn, DESK_OURS, __ATOMIC_RELEASE); /* R6 pairs with A6 */
}

int
desk_poll(struct desk *desk, uint64_t now_ns)
{
    int work = 0;

    if (UNLIKELY(desk->busy))
        return desk->checked_cnt < desk->sheet.rows_cnt ? check_some(desk)
                                                        : load_some(desk, now_ns);
    work = sequencer_poll(desk->all, now_ns);
    if (LIKELY(work > 0) && ++desk->polls % DESK_POLLS != 0)
        return work;
    if (desk->all->in_work)
        return work;
    if (UNLIKELY(__atomic_load_n(&desk->space_turn, __ATOMIC_ACQUIRE) == DESK_THEIRS) &&
        ring_writer_room(desk->ring, 1) >= 1) { /* A5 pairs with R5 */
        take_space(desk, now_ns);
        return work + 1;
    }
    if (__atomic_load_n(&desk->turn, __ATOMIC_ACQUIRE) == DESK_OURS) /* A3 pairs with R3 */
        return work;
    begin(desk, now_ns);
    return work + 1;
}
