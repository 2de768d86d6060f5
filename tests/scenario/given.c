#include "tests/scenario/given.h"

#include <stdlib.h>

static void
note(struct given *given, const struct given_id *id)
{
    uint32_t i = 0;

    while (i < given->cnt &&
           (given->ids[i].kind != id->kind || given->ids[i].session != id->session ||
            given->ids[i].instrument != id->instrument || given->ids[i].clord != id->clord))
        i++;
    if (i == given->max) {
        given->max = given->max == 0 ? 64 : given->max * 2;
        given->ids = realloc(given->ids, given->max * sizeof *given->ids);
        ASSERT(given->ids != NULL);
    }
    given->ids[i] = *id;
    if (i == given->cnt)
        given->cnt++;
}

static void
note_replace(struct given *given, const union cell *group)
{
    const struct cell_order_replace *replace = &group[0].order_replace;
    const uint64_t order_id = group[1].replace_detail.new_order_id;

    for (uint32_t i = 0; i < given->cnt; i++)
        if (given->ids[i].order_id == replace->order_id)
            given->ids[i].order_id = order_id;
    note(given, &(struct given_id){.kind = TEXT_ORDER,
                                   .session = replace->session,
                                   .clord = replace->clord,
                                   .order_id = order_id});
}

static void
note_entry(struct given *given, const struct cell_quote_entry *entry)
{
    struct given_id id = {
        .session = entry->session, .instrument = entry->instrument, .clord = entry->clord};

    id.kind = TEXT_BID;
    id.order_id = entry->bid_order_id;
    note(given, &id);
    id.kind = TEXT_ASK;
    id.order_id = entry->ask_order_id;
    note(given, &id);
}

void
given_note(struct given *given, const union cell *group, uint32_t cells_cnt)
{
    if (cells_cnt == 0 || cell_outcome(group) != 0)
        return;
    if (cell_kind(group) == CELL_KIND_ORDER_NEW)
        note(given, &(struct given_id){.kind = TEXT_ORDER,
                                       .session = group->order_new.session,
                                       .clord = group->order_new.clord,
                                       .order_id = group->order_new.order_id});
    else if (cell_kind(group) == CELL_KIND_ORDER_REPLACE)
        note_replace(given, group);
    else if (cell_kind(group) == CELL_KIND_MASS_QUOTE)
        for (uint32_t i = 0; i < cells_cnt; i += cell_count(&group[i]))
            if (cell_kind(&group[i]) == CELL_KIND_QUOTE_ENTRY)
                note_entry(given, &group[i].quote_entry);
}

uint64_t
given_find(const struct given *given, const struct text_target *target, uint32_t instrument)
{
    const uint32_t wanted = target->kind == TEXT_ORDER ? 0 : instrument;

    for (uint32_t i = 0; i < given->cnt; i++) {
        const struct given_id *id = &given->ids[i];

        if (id->kind == target->kind && id->session == target->session &&
            id->instrument == wanted && id->clord == target->clord)
            return id->order_id;
    }
    return 0;
}

void
given_free(struct given *given)
{
    free(given->ids);
    *given = (struct given){.ids = NULL};
}
