#include "engine/order.h"

/* Slots of a batch. */
#define EXTEND_CNT 16u

COLD void
order_pool_extend(struct order_pool *pool, unsigned shard)
{
    const uint32_t first = pool->used_cnt;
    const uint32_t rest = pool->orders_max - first;
    const uint32_t end = first + (rest < EXTEND_CNT ? rest : EXTEND_CNT);

    ASSERT(pool->free_head == ORDER_NONE);
    ASSERT(first < pool->orders_max);
    for (uint32_t slot = first; slot < end; slot++) {
        pool->orders[slot].order_id = cell_order_id(shard, 0, slot);
        pool->orders[slot].next = slot + 1 < end ? slot + 1 : ORDER_NONE;
    }
    pool->free_head = first;
    pool->used_cnt = end;
}

struct extra *
extra_take(struct extra_pool *pool, struct order *orders, uint32_t slot)
{
    uint32_t at = pool->free_head;

    ASSERT(order_extra(&orders[slot]) == EXTRA_NONE);
    if (at != EXTRA_NONE) {
        pool->free_head = pool->extras[at].next_free;
    } else {
        ASSERT(pool->used_cnt < pool->extras_max);
        at = ++pool->used_cnt;
    }
    pool->taken_cnt++;
    pool->extras[at] = (struct extra){
        .slot = slot,
        .partner = ORDER_NONE,
        .peg_next = ORDER_NONE,
        .peg_prev = ORDER_NONE,
    };
    orders[slot].extra = at;
    orders[slot].flags |= ORDER_RARE;
    return &pool->extras[at];
}

void
extra_give(struct extra_pool *pool, struct order *order)
{
    const uint32_t at = order->extra;

    ASSERT(at != EXTRA_NONE);
    ASSERT(pool->taken_cnt > 0);
    pool->extras[at] = (struct extra){.next_free = pool->free_head};
    pool->free_head = at;
    pool->taken_cnt--;
    order->extra = EXTRA_NONE;
}
