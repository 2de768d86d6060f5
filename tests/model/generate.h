/*
 * Generate: endless streams of hostile commands, one seed each.
 *
 * A profile says what a stream is bad at: deep queues, a book of one tick, huge
 * sweeps, ids used again and again, replaces of partly filled orders, limits so
 * tight that much is refused, mass cancels. The generator looks at the model to
 * aim at orders that are there, or were.
 *
 * A step names the order it aims at by the step that made it, not by its id. So
 * steps can be left out and the others still mean the same: that is what
 * minimising lives on.
 */
#ifndef OUTCRY_TESTS_MODEL_GENERATE_H
#define OUTCRY_TESTS_MODEL_GENERATE_H

#include <stdint.h>

#include "tests/model/duo.h"
#include "tests/model/random.h"

#define STEP_NONE UINT32_MAX

struct step {
    struct command command;
    uint32_t target; /* the step that made the order it names, or STEP_NONE */
};

enum action {
    ACTION_LIMIT,
    ACTION_POST_ONLY,
    ACTION_IOC,
    ACTION_FOK,
    ACTION_MARKET,
    ACTION_SWEEP,
    ACTION_CANCEL,
    ACTION_REPLACE,
    ACTION_MASS_CANCEL,
    ACTION_HOSTILE,
    ACTION_CONFIGURE,
    ACTION_SESSION,
    ACTIONS
};

struct profile {
    const char *name;
    uint32_t spread_ticks; /* prices lie this far around the middle */
    uint32_t apart_ticks;  /* buys so much lower, sells so much higher */
    uint32_t qty_max;
    uint32_t clords_max; /* client ids are drawn from so many */
    uint32_t orders_max;
    bool is_tight;
    uint16_t weights[ACTIONS];
};

#define PROFILES 8u
extern const struct profile profiles[PROFILES];

struct generator {
    const struct profile *profile;
    struct random random;
    bool unbinding; /* sessions were lost since the last Clock */
};

#define SETUP_STEPS_MAX 64u

/* generate_cfg gives the sizes of the exchange of a profile. */
struct engine_cfg generate_cfg(const struct profile *profile);

/* generate_setup fills steps with the commands that build the exchange of a
 * profile, and returns how many there are. */
uint32_t generate_setup(const struct profile *profile, struct step steps[SETUP_STEPS_MAX]);

/* generate_step makes step number `number`. */
void generate_step(struct generator *generator,
                   const struct model *model,
                   uint32_t number,
                   struct step *step);

/* step_apply applies a step to the duo. ids has a place for each step, for the
 * id that the step's order had last. */
NODISCARD bool step_apply(struct duo *duo, const struct step *step, uint32_t number, uint64_t *ids);

#endif
