/*
 * Generate: endless streams of hostile commands, one seed each.
 *
 * A profile says what a stream is bad at: deep queues, a book of one tick, huge
 * sweeps, ids used again and again, replaces of partly filled orders, stops in
 * chains, pegs on the move, links everywhere, prevention among accounts of one
 * group, allotment, quotes of fifty entries, halts and closes, pools of next to
 * nothing, limits that refuse a third of all, numbers at the ends. The generator looks at the model
 * to aim at orders that are there, or were.
 *
 * A step that names an order by its order id says which session entered it under
 * which ClOrdID, as a scenario does. So steps can be left out and the others
 * still mean the same: that is what minimising lives on.
 */
#ifndef OUTCRY_TESTS_MODEL_GENERATE_H
#define OUTCRY_TESTS_MODEL_GENERATE_H

#include <stdint.h>

#include "tests/model/duo.h"
#include "tests/model/random.h"
#include "tests/scenario/given.h"
#include "tests/scenario/text.h"

struct step {
    struct command command;
    struct text_target target;
};

enum action {
    ACTION_LIMIT,
    ACTION_POST_ONLY,
    ACTION_IOC,
    ACTION_FOK,
    ACTION_MARKET,
    ACTION_TO_LIMIT,
    ACTION_SWEEP,
    ACTION_STOP,
    ACTION_PEG,
    ACTION_HELD,
    ACTION_QUOTE,
    ACTION_CANCEL,
    ACTION_REPLACE,
    ACTION_MASS_CANCEL,
    ACTION_HOSTILE,
    ACTION_CONFIGURE,
    ACTION_STATE,
    ACTION_SESSION,
    ACTION_CLOCK,
    ACTION_RISK,
    ACTIONS
};

/* So many orders in a thousand have it, of those that can. */
struct permille {
    uint16_t stp;
    uint16_t link;
    uint16_t iceberg;
    uint16_t hidden;
    uint16_t minimum;
    uint16_t gtd;
};

/* Which instruments share out, and how. */
enum allotment {
    ALLOT_NONE,
    ALLOT_SOME,
    ALLOT_ALL
};

struct profile {
    const char *name;
    uint32_t spread_ticks; /* prices lie this far around the middle */
    uint32_t apart_ticks;  /* buys so much lower, sells so much higher */
    uint32_t qty_max;
    uint32_t clords_max; /* client ids are drawn from so many */
    uint32_t orders_max;
    uint32_t extras_max;
    uint32_t positions_max;
    uint32_t pages_max;
    uint32_t instruments_cnt;
    enum allotment allotment;
    bool is_tight;
    bool is_strict; /* limits of every kind, so that about 30 % are refused */
    bool is_far;
    bool is_vast; /* with risk: prices, quantities and limits at the ends of their ranges */
    bool is_mute; /* no operator says anything */
    bool no_risk;
    struct permille permille;
    uint16_t weights[ACTIONS];
};

#define PROFILES 22u
extern const struct profile profiles[PROFILES];

/* profile_of returns the profile that a seed picks. */
static inline unsigned
profile_of(uint64_t seed)
{
    return (unsigned)(seed % PROFILES);
}

struct generator {
    const struct profile *profile;
    struct random random;
    const struct model *model;
    const struct step *steps; /* those before */
    uint32_t number;          /* of the step to make */
    bool unbinding;           /* sessions were lost since the last Clock */
    uint32_t orders_cnt;      /* new orders so far, and those of them that were refused */
    uint32_t refused_cnt;
    uint16_t reason; /* of the last that was refused, 0: none yet */
    uint32_t instrument;
    struct cell_risk_detail detail;
};

#define SETUP_STEPS_MAX 128u

/* generate_cfg gives the sizes of the exchange of a profile. */
struct engine_cfg generate_cfg(const struct profile *profile);

/* generate_setup fills steps with the commands that build the exchange of a
 * profile, and returns how many there are. */
uint32_t generate_setup(const struct profile *profile, struct step steps[SETUP_STEPS_MAX]);

/* generate_step makes the next step. */
void generate_step(struct generator *generator, struct step *step);

/* generate_note tells the generator how the last step went. */
void generate_note(struct generator *generator, const union cell *group, uint32_t cells_cnt);

/* step_apply applies a step to the duo; given keeps the ids of orders. */
NODISCARD bool
step_apply(struct duo *duo, const struct step *step, uint32_t number, struct given *given);

#endif
