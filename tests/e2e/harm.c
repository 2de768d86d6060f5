/*
 * Harm: an engine that goes wrong, for who has to find that. Linked in front of
 * engine_check, which `outcry verify --full` calls behind each command; behind the command
 * OUTCRY_HARM_SEQ it does OUTCRY_HARM to the state first:
 *
 *   fill    a unit of account 1 is account 0's: what a fill of a wrong account leaves
 *   cash    a reservation is less than what orders have reserved
 */
#include <stdlib.h>
#include <string.h>

#include "engine/work.h"
#include "risk/state.h"

void __real_engine_check(const struct engine *engine);
void __wrap_engine_check(const struct engine *engine);

static void
move_unit(struct risk *risk, uint32_t account, int64_t qty)
{
    const uint32_t at = risk_pair_find(risk, account, 0);

    ASSERT(risk->pairs[at].version != 0);
    risk->pairs[at].position_qty += qty;
    risk_room_add(&risk->pairs[at].room[0], -qty);
    risk_room_add(&risk->pairs[at].room[1], qty);
}

void
__wrap_engine_check(const struct engine *engine)
{
    const char *seq = getenv("OUTCRY_HARM_SEQ");
    const char *harm = getenv("OUTCRY_HARM");

    if (seq != NULL && harm != NULL && strtoull(seq, NULL, 10) == engine_seq(engine)) {
        if (strcmp(harm, "fill") == 0) {
            move_unit(engine->risk, 0, 1);
            move_unit(engine->risk, 1, -1);
        } else {
            engine->risk->accounts[0].cash_room++;
        }
    }
    __real_engine_check(engine);
}
