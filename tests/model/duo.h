/*
 * Duo: the engine and the model side by side. Each command goes to both; all
 * cells of both groups must be equal.
 *
 * duo_apply stamps the command: a time that goes on by a little, and by what
 * a Clock says; and the next number of the session's flow plus what the caller
 * left in in_no (0 for a command in its place) or, of a SessionSequence, in
 * next_no. So a command means the same when others before it are left out. Behind
 * one command of a hundred the engine is made anew from its image.
 */
#ifndef OUTCRY_TESTS_MODEL_DUO_H
#define OUTCRY_TESTS_MODEL_DUO_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/reckon.h"

#include "tests/model/commands.h"
#include "tests/model/model.h"

struct duo {
    struct engine *engine;
    struct engine_cfg cfg; /* of the engine */
    struct model *model;
    void *mem;
    struct reckon *reckon; /* of what the engine writes; NULL: none is kept */
    uint64_t now_ns;
    uint32_t out_cnt;     /* cells of the last group, 0: dropped */
    struct command last;  /* as it was applied */
    union cell *out;      /* MODEL_GROUP_CELLS */
    char complaint[1024]; /* where they differ */
};

/* duo_cfg is a small exchange that fits the model. */
struct engine_cfg duo_cfg(void);

struct duo *duo_new(const struct engine_cfg *cfg);
void duo_free(struct duo *duo);

/* duo_apply returns false, with a complaint, if the groups differ. The origin is
 * noted in the model's order. */
NODISCARD bool duo_apply(struct duo *duo, const struct command *command, uint32_t origin);

/* duo_check compares all that can be seen from outside: levels, queues, last
 * prices, positions, risk; and lets the engine check itself. */
NODISCARD bool duo_check(struct duo *duo);

/* duo_check_risk compares limits, what is used of them, and cash. */
NODISCARD bool duo_check_risk(struct duo *duo);

/* duo_bind sets up a session of a firm and binds it. */
NODISCARD bool duo_bind(struct duo *duo, uint16_t session, uint32_t firm);

/* duo_outcome returns the outcome of the last command that was not dropped. */
static inline uint16_t
duo_outcome(const struct duo *duo)
{
    ASSERT(duo->out_cnt > 0);
    return cell_outcome(duo->out);
}

#endif
