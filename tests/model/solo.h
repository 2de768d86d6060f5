/*
 * Solo: the model without an engine, to try it against numbers worked out by hand.
 * What it takes from the engine, ids of orders and the word on configuration, is
 * made up: every id is free and every configuration is accepted.
 */
#ifndef OUTCRY_TESTS_MODEL_SOLO_H
#define OUTCRY_TESTS_MODEL_SOLO_H

#include <stdint.h>

#include "tests/model/commands.h"
#include "tests/model/model.h"

struct solo {
    struct model *model;
    uint64_t now_ns;
    uint64_t ids_cnt;
};

/* solo_new makes an exchange of two firms, each with a group and two accounts: 0
 * and 1 of firm 0, 2 and 3 of firm 1; two instruments with a tick of 0.01; and for
 * each firm a session that is bound. */
struct solo *solo_new(void);
void solo_free(struct solo *solo);

/* solo_apply applies a command one nanosecond after the last; its group is in the
 * model. Returns its outcome. */
uint16_t solo_apply(struct solo *solo, const struct command *command);

/* solo_find finds the n-th cell of a kind in the last group, NULL if there are not
 * so many; n begins with 0. */
const union cell *solo_find(const struct solo *solo, unsigned kind, unsigned n);

#endif
