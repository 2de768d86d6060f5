/*
 * Show: limits, use and headroom of one subject, as `outcry admin show` has them.
 *
 *   engine's thread  show_take --> struct show --> show_text  gateway's thread
 *
 * Of an account it also has the limits of its group and its firm that are set, and what
 * stops these: a kill, the blacklist, a stage, restrictions. In the text each line is KEY, a tab
 * and the value; a line of a limit has more:
 *
 *   limit LEVEL SUBJECT NAME VALUE USED HEADROOM WINDOW STAGES STAGE BY
 *
 * `none` where there is no limit, `-` where a column does not apply. BY is `hand`
 * or `configuration`.
 */
#ifndef OUTCRY_TOOLS_SHOW_H
#define OUTCRY_TOOLS_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "risk/risk.h"

#include "tools/roster.h"
#include "tools/view.h"

#define SHOW_ROWS_MAX   40u
#define SHOW_NAMES_MAX  24u /* symbols that are named of a list */
#define SHOW_TEXT_BYTES 16384u
#define SHOW_COLUMNS    10u

struct show_row {
    uint8_t level;
    uint8_t limit;
    bool by_hand;
    uint32_t subject;
    struct view_use use;
};

/* What stops an account, a group or a firm. */
struct show_party {
    uint8_t level;
    uint32_t subject;
    struct risk_standing standing;
    uint8_t stage;           /* the worst of its limits that stops anything */
    uint32_t restricted_cnt; /* and the first of them */
    uint32_t restricted[SHOW_NAMES_MAX];
};

#define SHOW_PARTIES_MAX 3u

struct show {
    bool known;
    uint8_t level;
    uint32_t subject;
    uint32_t instrument; /* of a pair */
    uint64_t seq;        /* as of this command */
    bool has_cash;
    bool free_is_all; /* no credit is set: cash is not checked */
    struct view_cash cash;
    unsigned set_cnt; /* cells of set: the command that would make it what it is */
    union cell set[CELL_COMMAND_MAX];
    bool has_fee;
    union cell fee;
    bool has_rule;
    union cell rule;
    bool bound;   /* a session */
    bool blocked; /* and what stops it */
    bool killed;
    uint32_t firm; /* of account, group, session */
    bool has_prices;
    px_t last_px;
    struct risk_prices prices;
    struct risk_position position; /* of a pair; 0: it has none */
    bool restricted;               /* and whether the account may not trade it */
    unsigned values_by_hand;       /* of an instrument: RISK_VALUE_ */
    unsigned parties_cnt;          /* itself, then what stands above it */
    struct show_party parties[SHOW_PARTIES_MAX];
    unsigned party;       /* whose restrictions are looked for, */
    uint32_t restriction; /* from this instrument on */
    unsigned rows_cnt;
    struct show_row rows[SHOW_ROWS_MAX];
};

/* show_take looks; by the engine's thread, between commands. What is a long way to look
 * for is left to show_step, which goes on for a bounded slice and returns whether there
 * is more to do. */
void show_take(struct show *show,
               const struct engine *engine,
               uint8_t level,
               uint32_t subject,
               uint32_t instrument);
bool show_step(struct show *show, const struct engine *engine);

/* show_text writes the lines and returns their length. */
size_t show_text(const struct show *show, const struct roster *roster, char text[SHOW_TEXT_BYTES]);

#endif
