#include "perf/rbtree.h"

static bool
is_red(const struct rbnode *node)
{
    return node != NULL && node->red;
}

/* side_of says which child of its parent a node is. */
static unsigned
side_of(const struct rbnode *node)
{
    return node->parent->child[1] == node;
}

/* replace_child puts another node where old hangs. */
static void
replace_child(struct rbtree *tree, const struct rbnode *old, struct rbnode *node)
{
    if (old->parent == NULL)
        tree->root = node;
    else
        old->parent->child[side_of(old)] = node;
    if (node != NULL)
        node->parent = old->parent;
}

/* rotate lets the child on the other side take the place of node, which goes
 * down to side. */
static void
rotate(struct rbtree *tree, struct rbnode *node, unsigned side)
{
    struct rbnode *up = node->child[!side];

    node->child[!side] = up->child[side];
    if (up->child[side] != NULL)
        up->child[side]->parent = node;
    replace_child(tree, node, up);
    up->child[side] = node;
    node->parent = up;
}

void
rbtree_add(struct rbtree *tree, struct rbnode *parent, unsigned side, struct rbnode *node)
{
    *node = (struct rbnode){.parent = parent, .red = true};
    if (parent == NULL)
        tree->root = node;
    else
        parent->child[side] = node;

    /* A red node has no red child: push the one that has upwards. */
    while (is_red(node->parent)) {
        struct rbnode *above = node->parent;
        struct rbnode *top = above->parent;
        const unsigned at = side_of(above);
        struct rbnode *uncle = top->child[!at];

        if (is_red(uncle)) {
            above->red = false;
            uncle->red = false;
            top->red = true;
            node = top;
            continue;
        }
        if (side_of(node) != at) {
            rotate(tree, above, at);
            above = node;
        }
        above->red = false;
        top->red = true;
        rotate(tree, top, !at);
        break;
    }
    tree->root->red = false;
}

/* repair restores the number of black nodes below parent's child `side`, which
 * has one too few. */
static void
repair(struct rbtree *tree, struct rbnode *parent, unsigned side)
{
    while (parent != NULL && !is_red(parent->child[side])) {
        struct rbnode *sibling = parent->child[!side];

        if (is_red(sibling)) {
            sibling->red = false;
            parent->red = true;
            rotate(tree, parent, side);
            sibling = parent->child[!side];
        }
        if (!is_red(sibling->child[0]) && !is_red(sibling->child[1])) {
            sibling->red = true;
            if (parent->parent == NULL)
                return;
            side = side_of(parent);
            parent = parent->parent;
            continue;
        }
        if (!is_red(sibling->child[!side])) {
            sibling->child[side]->red = false;
            sibling->red = true;
            rotate(tree, sibling, !side);
            sibling = parent->child[!side];
        }
        sibling->red = parent->red;
        parent->red = false;
        sibling->child[!side]->red = false;
        rotate(tree, parent, side);
        return;
    }
    if (parent != NULL)
        parent->child[side]->red = false;
    else if (tree->root != NULL)
        tree->root->red = false;
}

void
rbtree_remove(struct rbtree *tree, struct rbnode *node)
{
    if (node->child[0] != NULL && node->child[1] != NULL) {
        /* Let the next node, which has no lesser child, change places with it. */
        struct rbnode *next = rbtree_neighbor(node, 1);
        const struct rbnode was = *next;

        next->red = node->red;
        next->child[0] = node->child[0];
        next->child[0]->parent = next;
        if (was.parent != node) {
            next->child[1] = node->child[1];
            next->child[1]->parent = next;
            was.parent->child[0] = node;
            replace_child(tree, node, next);
            node->parent = was.parent;
        } else {
            replace_child(tree, node, next);
            next->child[1] = node;
            node->parent = next;
        }
        node->child[0] = NULL;
        node->child[1] = was.child[1];
        if (was.child[1] != NULL)
            was.child[1]->parent = node;
        node->red = was.red;
    }

    struct rbnode *child = node->child[0] != NULL ? node->child[0] : node->child[1];
    struct rbnode *parent = node->parent;
    const unsigned side = parent != NULL ? side_of(node) : 0;

    replace_child(tree, node, child);
    if (!node->red)
        repair(tree, parent, side);
}

struct rbnode *
rbtree_neighbor(const struct rbnode *node, unsigned side)
{
    if (node->child[side] != NULL) {
        struct rbnode *at = node->child[side];

        while (at->child[!side] != NULL)
            at = at->child[!side];
        return at;
    }
    while (node->parent != NULL && side_of(node) == side)
        node = node->parent;
    return node->parent;
}
