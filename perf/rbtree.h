/*
 * A red-black tree with the nodes inside what they order: as plain as textbooks
 * have it, for rbtree_book.h to be compared with.
 *
 * The caller searches by itself, from root by child[0] (less) and child[1], and
 * links a new node where the search ended; rbtree_add and rbtree_remove keep the
 * tree balanced, in O(log n). rbtree_next and rbtree_prev are the neighbors.
 */
#ifndef OUTCRY_PERF_RBTREE_H
#define OUTCRY_PERF_RBTREE_H

#include <stdbool.h>
#include <stddef.h>

struct rbnode {
    struct rbnode *parent;
    struct rbnode *child[2];
    bool red;
};

struct rbtree {
    struct rbnode *root;
};

/* rbtree_add links node below parent (NULL: the tree is empty) on a side that
 * is free there. */
void rbtree_add(struct rbtree *tree, struct rbnode *parent, unsigned side, struct rbnode *node);

void rbtree_remove(struct rbtree *tree, struct rbnode *node);

/* rbtree_neighbor returns the next node on side 1, the one before on side 0. */
struct rbnode *rbtree_neighbor(const struct rbnode *node, unsigned side);

#endif
