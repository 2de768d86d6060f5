/*
 * Given: the order ids that the venue gave to what sessions entered under ids of
 * their own, so that a scenario can name an order as a client who names it by
 * its order id.
 *
 * A replaced order is found under its new id and under each former one. An id
 * that is used again leads to the order that used it last.
 */
#ifndef OUTCRY_TESTS_SCENARIO_GIVEN_H
#define OUTCRY_TESTS_SCENARIO_GIVEN_H

#include <stdint.h>

#include "tests/scenario/text.h"

/* instrument is 0 but for a quote. */
struct given_id {
    enum text_kind kind;
    uint16_t session;
    uint32_t instrument;
    uint64_t clord;
    uint64_t order_id;
};

struct given {
    struct given_id *ids; /* in the order in which they were first used */
    uint32_t cnt;
    uint32_t max;
};

/* given_note keeps the ids of an accepted command and of its quotes. */
void given_note(struct given *given, const union cell *group, uint32_t cells_cnt);

/* given_find returns the order id, 0 if there never was one. instrument says
 * which order of a quote. */
uint64_t
given_find(const struct given *given, const struct text_target *target, uint32_t instrument);

void given_free(struct given *given);

#endif
