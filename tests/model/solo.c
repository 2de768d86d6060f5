#include "tests/model/solo.h"

#include <stdlib.h>

#include "proto/limits.h"

#define ORDERS_OF_SOLO 64u

/* new_id gives an id in a slot that no live order has. */
static uint64_t
new_id(struct solo *solo)
{
    uint32_t slot = 0;
    bool is_free;

    do {
        is_free = true;
        for (const struct model_order *o = solo->model->live; o != NULL; o = o->next_live)
            is_free = is_free && (o->order_id & 0xffffff) != slot;
        slot += !is_free;
    } while (!is_free);
    return cell_order_id(0, ++solo->ids_cnt, slot % ORDERS_OF_SOLO);
}

/* imagine makes up what the model takes from the engine, and returns its length. */
static uint32_t
imagine(struct solo *solo, const struct command *command, union cell *group)
{
    const uint32_t entries_cnt = command->cells[0].mass_quote.entries_cnt;

    for (unsigned i = 0; i < command->count; i++)
        group[i] = command->cells[i];
    switch (cell_kind(group)) {
    case CELL_KIND_ORDER_NEW:
        group[0].order_new.order_id = new_id(solo);
        return command->count;
    case CELL_KIND_ORDER_REPLACE:
        group[1].replace_detail.new_order_id = new_id(solo);
        return command->count;
    case CELL_KIND_MASS_QUOTE:
        ASSERT(entries_cnt <= 1);
        group[command->count].quote_entry = (struct cell_quote_entry){
            .kind = CELL_KIND_QUOTE_ENTRY,
            .bid_order_id = new_id(solo),
            .ask_order_id = new_id(solo) + 1,
            .entry_no = 1,
        };
        return command->count + 1;
    default:
        return command->count;
    }
}

uint16_t
solo_apply(struct solo *solo, const struct command *command)
{
    struct command stamped = *command;
    struct cell_order_new *frame = &stamped.cells[0].order_new;
    union cell group[CELL_COMMAND_MAX + 1];

    solo->now_ns += 1;
    if (cell_kind(stamped.cells) == CELL_KIND_CLOCK)
        solo->now_ns += frame->time;
    frame->time = solo->now_ns;
    if (cell_kind(stamped.cells) >= CELL_KIND_ORDER_NEW && frame->session < MODEL_SESSIONS)
        frame->in_no = (uint16_t)solo->model->sessions[frame->session].next_in_no;
    model_apply(solo->model, stamped.cells, group, imagine(solo, &stamped, group), 0);
    ASSERT(solo->model->group_cnt > 0);
    ASSERT(solo->model->complaint == NULL);
    return cell_outcome(solo->model->group);
}

const union cell *
solo_find(const struct solo *solo, unsigned kind, unsigned n)
{
    for (uint32_t i = 0; i < solo->model->group_cnt; i++)
        if (cell_kind(&solo->model->group[i]) == kind && n-- == 0)
            return &solo->model->group[i];
    return NULL;
}

struct solo *
solo_new(void)
{
    struct solo *solo = calloc(1, sizeof *solo);

    ASSERT(solo != NULL);
    solo->now_ns = UINT64_C(1) << 60;
    solo->model = model_new(&(struct model_cfg){
        .orders_max = ORDERS_OF_SOLO,
        .positions_max = 64,
        .pages_max = 1024,
        .extras_max = 64,
    });
    for (uint32_t i = 0; i < 2; i++) {
        const struct command steps[] = {
            command_firm(i),
            command_group(i, i),
            command_account(2 * i, i),
            command_account(2 * i + 1, i),
            command_instrument(i),
            command_session((uint16_t)i, i),
            command_negotiate((uint16_t)i, 1),
            command_establish((uint16_t)i, 1),
        };

        for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++)
            (void)solo_apply(solo, &steps[k]);
    }
    return solo;
}

void
solo_free(struct solo *solo)
{
    model_free(solo->model);
    free(solo);
}
