/*
 * Goal: order ids are unique for all time and the pool says when it is full.
 * Method: the pool alone, with slots put at the end of their generations.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "engine/order.h"

#define ORDERS 3u

Test(order_pool, slot_comes_back_last_in_first_out_with_a_new_id)
{
    struct order orders[ORDERS] = {{.order_id = 0}};
    struct order_pool pool;

    order_pool_init(&pool, orders, ORDERS);
    const uint32_t first = order_take(&pool, 5);
    const uint32_t second = order_take(&pool, 5);
    const uint64_t id = orders[first].order_id;

    cr_assert_eq(first, 0);
    cr_assert_eq(id, cell_order_id(5, 1, 0));
    orders[first].flags = ORDER_LIVE;
    cr_assert_eq(order_find(&pool, id), first);
    order_give(&pool, second);
    order_give(&pool, first);
    cr_assert_eq(order_find(&pool, id), ORDER_NONE);
    cr_assert_eq(order_take(&pool, 5), first);
    orders[first].flags = ORDER_LIVE;
    cr_assert_eq(orders[first].order_id, cell_order_id(5, 2, 0));
    cr_assert_eq(order_find(&pool, id), ORDER_NONE);
    cr_assert_eq(order_find(&pool, orders[first].order_id), first);
    cr_assert_eq(order_take(&pool, 5), second);
}

Test(order_pool, full_pool_says_so)
{
    struct order orders[ORDERS] = {{.order_id = 0}};
    struct order_pool pool;

    order_pool_init(&pool, orders, ORDERS);
    for (unsigned i = 0; i < ORDERS; i++) {
        cr_assert_eq(order_pool_room(&pool), OE_REJECT_REASON_NONE);
        (void)order_take(&pool, 0);
    }
    cr_assert_eq(order_pool_room(&pool), OE_REJECT_REASON_ORDER_POOL_FULL);
    order_give(&pool, 1);
    cr_assert_eq(order_pool_room(&pool), OE_REJECT_REASON_NONE);
}

Test(order_pool, slot_without_generations_is_retired)
{
    struct order orders[ORDERS] = {{.order_id = 0}};
    struct order_pool pool;

    order_pool_init(&pool, orders, 1);
    (void)order_take(&pool, 15);
    orders[0].order_id = cell_order_id(15, ORDER_GENERATION_MAX - 1, 0);
    cr_assert(order_has_next_id(orders[0].order_id));
    order_give(&pool, 0);
    cr_assert_eq(order_take(&pool, 15), 0);
    cr_assert_eq(orders[0].order_id, cell_order_id(15, ORDER_GENERATION_MAX, 0));
    cr_assert(!order_has_next_id(orders[0].order_id));
    order_give(&pool, 0);
    cr_assert_eq(pool.retired_cnt, 1);
    cr_assert_eq(order_pool_room(&pool), OE_REJECT_REASON_ORDER_IDS_EXHAUSTED);
}
