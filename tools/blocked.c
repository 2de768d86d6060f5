#include "tools/blocked.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/inside.h"

#include "tools/view.h"
#include "tools/words.h"

/* What a slice may cost, in subjects. */
#define SLICE_MAX 4096u

void
blocked_begin(struct blocked *blocked)
{
    memset(blocked, 0, sizeof *blocked);
    blocked->level = OE_RISK_LEVEL_SESSION;
}

static void
add(struct blocked *blocked, const struct blocked_row *row)
{
    blocked->counts[row->what]++;
    blocked->cnt++;
    if (blocked->rows_cnt < BLOCKED_ROWS_MAX)
        blocked->rows[blocked->rows_cnt++] = *row;
}

static void
add_if(struct blocked *blocked, bool holds, enum blocked_what what)
{
    const struct blocked_row row = {
        .level = blocked->level, .subject = blocked->at, .what = (uint8_t)what};

    if (holds)
        add(blocked, &row);
}

static void
add_session(struct blocked *blocked, const struct engine *engine)
{
    bool barred;
    bool killed;

    if (!engine_session_stopped(engine, blocked->at, &barred, &killed))
        return;
    add_if(blocked, killed, BLOCKED_KILLED);
    add_if(blocked, barred, BLOCKED_BLOCKED);
}

/* add_stages adds the limits of which a stage holds that stops anything. */
static void
add_stages(struct blocked *blocked, const struct engine *engine)
{
    for (uint8_t limit = 1; limit < RISK_LIMITS_CNT; limit++) {
        struct blocked_row row = {
            .level = blocked->level, .subject = blocked->at, .what = BLOCKED_STAGE, .limit = limit};
        struct view_use use;

        if (!view_use(engine, blocked->level, blocked->at, 0, limit, &use) ||
            use.limit.stage == CELL_RISK_STAGE_NONE || use.limit.stage == CELL_RISK_STAGE_WARNED)
            continue;
        row.stage = use.limit.stage;
        add(blocked, &row);
    }
}

static void
add_latch(struct blocked *blocked)
{
    const struct blocked_row row = {.level = blocked->level,
                                    .subject = blocked->at,
                                    .what = BLOCKED_LATCHED,
                                    .limit = CELL_RISK_LIMIT_EXECUTIONS};

    add(blocked, &row);
}

/* add_restrictions goes through the instruments of a group or firm; false: the slice is
 * used up before all were seen. */
static bool
add_restrictions(struct blocked *blocked, const struct risk *risk, unsigned *budget)
{
    const uint32_t end = risk_subjects_cnt(risk, OE_RISK_LEVEL_INSTRUMENT);
    struct blocked_row row = {
        .level = blocked->level, .subject = blocked->at, .what = BLOCKED_RESTRICTED};

    while (*budget > 0) {
        const uint32_t from = blocked->restriction;
        const bool found =
            risk_restriction_next(risk, blocked->level, blocked->at, &blocked->restriction, end);
        const uint32_t cost = 1 + (blocked->restriction - from) / 64;

        *budget -= cost < *budget ? cost : *budget;
        if (!found) {
            blocked->restriction = 0;
            return true;
        }
        row.instrument = blocked->restriction++;
        add(blocked, &row);
    }
    return false;
}

static void
add_party(struct blocked *blocked, const struct engine *engine, const struct risk_standing *seen)
{
    add_if(blocked, seen->killed, BLOCKED_KILLED);
    add_if(blocked, seen->blacklisted, BLOCKED_BLACKLISTED);
    if (seen->latched)
        add_latch(blocked);
    add_if(blocked, seen->state == CELL_ACCOUNT_STATE_SUSPENDED, BLOCKED_SUSPENDED);
    add_if(blocked, seen->state == CELL_ACCOUNT_STATE_BLOCKED, BLOCKED_BLOCKED);
    add_if(blocked, seen->state == CELL_ACCOUNT_STATE_CLOSE_ONLY, BLOCKED_CLOSE_ONLY);
    if (seen->staged)
        add_stages(blocked, engine);
}

static void
add_instrument(struct blocked *blocked, const struct risk *risk)
{
    if (!risk_instrument_known(risk, blocked->at))
        return;

    const uint8_t state = risk_instrument_state(risk, blocked->at);

    add_if(blocked, state == CELL_INSTRUMENT_STATE_HALTED, BLOCKED_HALTED);
    add_if(blocked, state == CELL_INSTRUMENT_STATE_CLOSED, BLOCKED_CLOSED);
}

static void
add_pair(struct blocked *blocked, const struct risk *risk)
{
    const struct risk_pair pair = risk_pair_of(risk, risk_position_slot(risk, blocked->at));
    const struct blocked_row row = {.level = OE_RISK_LEVEL_ACCOUNT,
                                    .what = BLOCKED_RESTRICTED,
                                    .subject = pair.account,
                                    .instrument = pair.instrument};

    if (pair.restricted)
        add(blocked, &row);
}

/* subjects_cnt returns how many places of a level there are to look at. */
static uint32_t
subjects_cnt(const struct risk *risk, uint8_t level)
{
    if (level == OE_RISK_LEVEL_SESSION)
        return SESSIONS_MAX;
    if (level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        return risk_positions_cnt(risk);
    return risk_subjects_cnt(risk, level);
}

/* add_subject looks at one; false: the slice is used up before it was seen whole. */
static bool
add_subject(struct blocked *blocked, const struct engine *engine, unsigned *budget)
{
    const struct risk *risk = engine_risk(engine);
    struct risk_standing seen;

    switch (blocked->level) {
    case OE_RISK_LEVEL_SESSION:
        add_session(blocked, engine);
        return true;
    case OE_RISK_LEVEL_INSTRUMENT:
        add_instrument(blocked, risk);
        return true;
    case OE_RISK_LEVEL_ACCOUNT_INSTRUMENT:
        add_pair(blocked, risk);
        return true;
    default:
        if (!risk_standing_get(risk, blocked->level, blocked->at, &seen))
            return true;
        if (!blocked->begun)
            add_party(blocked, engine, &seen);
        blocked->begun = true;
        return blocked->level == OE_RISK_LEVEL_ACCOUNT || add_restrictions(blocked, risk, budget);
    }
}

bool
blocked_step(struct blocked *blocked, const struct engine *engine)
{
    const struct risk *risk = engine_risk(engine);
    unsigned budget = SLICE_MAX;

    blocked->seq = engine_seq(engine);
    while (budget > 0 && blocked->level <= OE_RISK_LEVEL_ACCOUNT_INSTRUMENT) {
        if (blocked->at >= subjects_cnt(risk, blocked->level)) {
            blocked->level++;
            blocked->at = 0;
            continue;
        }
        budget--;
        if (!add_subject(blocked, engine, &budget))
            continue;
        blocked->at++;
        blocked->begun = false;
    }
    return blocked->level <= OE_RISK_LEVEL_ACCOUNT_INSTRUMENT;
}

const char *
blocked_name(uint8_t what, uint8_t stage)
{
    static const char *const names[BLOCKED_WHAT_CNT] = {
        [BLOCKED_KILLED] = "killed",   [BLOCKED_BLACKLISTED] = "blacklisted",
        [BLOCKED_LATCHED] = "latched", [BLOCKED_SUSPENDED] = "suspended",
        [BLOCKED_BLOCKED] = "blocked", [BLOCKED_CLOSE_ONLY] = "close_only",
        [BLOCKED_STAGE] = "stage",     [BLOCKED_RESTRICTED] = "restricted",
        [BLOCKED_HALTED] = "halted",   [BLOCKED_CLOSED] = "closed",
    };

    ASSERT(what < BLOCKED_WHAT_CNT);
    return stage != CELL_RISK_STAGE_NONE ? cell_risk_stage_name(stage) : names[what];
}

size_t
blocked_text(const struct blocked *blocked, const struct roster *roster, char *text, size_t bytes)
{
    size_t len = (size_t)snprintf(text, bytes, "ok show\nblocked\t%" PRIu64 "\nseq\t%" PRIu64 "\n",
                                  blocked->cnt, blocked->seq);

    if (blocked->cnt > blocked->rows_cnt)
        len += (size_t)snprintf(text + len, bytes - len, "not_listed\t%" PRIu64 "\n",
                                blocked->cnt - blocked->rows_cnt);
    for (unsigned i = 0; i < blocked->rows_cnt; i++) {
        const struct blocked_row *row = &blocked->rows[i];
        char subject[ROSTER_NAME_BYTES];
        char symbol[ROSTER_NAME_BYTES];
        const int more = snprintf(
            text + len, bytes - len, "hold\t%s\t%s\t%s\t%s\t%s\n", words_level_name(row->level),
            roster_name(roster, row->level, row->subject, subject),
            blocked_name(row->what, row->stage),
            row->what == BLOCKED_RESTRICTED
                ? roster_name(roster, OE_RISK_LEVEL_INSTRUMENT, row->instrument, symbol)
                : "-",
            row->limit != CELL_RISK_LIMIT_NONE ? words_limit_name(row->limit) : "-");

        ASSERT(more > 0 && (size_t)more < bytes - len);
        len += (size_t)more;
    }
    return len;
}
