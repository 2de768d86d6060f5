#include "perf/rbtree_state.h"

/* check_node returns the number of black nodes from here down. */
static unsigned
check_node(const struct rbnode *node, const struct rbnode *parent)
{
    if (node == NULL)
        return 0;

    const struct level *level = (const struct level *)node;
    uint64_t qty = 0;

    ASSERT(node->parent == parent);
    ASSERT(!node->red || (parent != NULL && !parent->red));
    for (const struct order *order = level->head; order != NULL; order = order->next) {
        ASSERT(order->level == level);
        ASSERT(order->px == level->px);
        ASSERT(order->next != NULL || level->tail == order);
        qty += order->leaves_qty;
    }
    ASSERT(level->qty == qty);
    for (unsigned side = 0; side < 2; side++) {
        const struct level *child = (const struct level *)node->child[side];

        ASSERT(child == NULL || (child->px > level->px) == (side == 1));
    }

    const unsigned black = check_node(node->child[0], node);
    const unsigned black_too = check_node(node->child[1], node);

    ASSERT(black == black_too);
    return black + !node->red;
}

void
rbtree_book_check(const struct rbtree_book *book)
{
    for (uint32_t i = 0; i < book->cfg.instruments_max; i++)
        for (unsigned sell = 0; sell < 2; sell++) {
            const struct side *side = &book->instruments[i].sides[sell];

            (void)check_node(side->levels.root, NULL);
            ASSERT((side->best == NULL) == (side->levels.root == NULL));
            ASSERT(side->best == NULL || rbtree_neighbor(&side->best->node, !sell) == NULL);
        }
}
