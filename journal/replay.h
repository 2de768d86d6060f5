/*
 * Replay: a journal back into an engine, and the proof that nothing changed.
 *
 *   reader -> command -> engine_apply -> cells ==? the journal's cells, byte for byte
 *
 * Used at start-up to rebuild the exchange, by a follower and by `outcry
 * replay`. Every message, verified, is also handed to a callback in order: that
 * is how routes, retransmission memory and event hashes are rebuilt.
 *
 *   replay_open -> replay_more ... -> replay_close
 *
 * A replay can go on. It stops behind a command, or where the journal ends for
 * now; replay_more called again goes on from there, with what a live journal
 * has got meanwhile. It begins with Genesis and an engine of its own, or with an
 * engine that was loaded from elsewhere and the command behind its last.
 *
 * The journal's own command cells go into the engine: they hold the request
 * unchanged, and the engine ignores the results beside it. A group that
 * never happened (see format.h) is never applied.
 */
#ifndef OUTCRY_JOURNAL_REPLAY_H
#define OUTCRY_JOURNAL_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "journal/reader.h"

struct replay;

/* Called with each message (its first cell, the others behind it). */
typedef void (*replay_message_fn)(void *ctx, const union cell *cells);

/* Called with the engine behind each command, before the next is applied. */
typedef void (*replay_command_fn)(void *ctx,
                                  const struct engine *engine,
                                  const union cell *command);

struct replay_cfg {
    /* To go on with an engine: the command behind engine_seq comes next, and
     * what the reader gives before it is passed over. NULL: from Genesis. */
    struct engine *engine;
    struct engine_cfg engine_cfg; /* of that engine */
    uint64_t event_hash;          /* of all that came before, if it is to go on */

    /* The engine runs in a thread of its own while replay_more does, for who has a second
     * core: the same comes out, faster. All callbacks come from the caller's thread. Not
     * with on_command. */
    bool pair;

    uint64_t until_seq;           /* of replay_run: stop behind this command; 0: at the end */
    replay_message_fn on_message; /* may be NULL */
    replay_command_fn on_command; /* may be NULL */
    void *ctx;
    uint64_t salt;                /* for engine_salt, of an engine that replay makes */
    void *(*alloc)(size_t bytes); /* zeroed, CACHE_LINE aligned, or NULL: fails */
};

/* Numbers are those of all that was replayed since replay_open. */
struct replay_result {
    struct engine *engine; /* given, or in memory from alloc; NULL if the journal is empty */
    struct engine_cfg cfg;
    uint64_t commands_cnt;
    uint64_t messages_cnt;
    uint64_t cells_cnt;
    uint64_t trades_cnt;
    uint64_t last_seq;   /* of the last command that came out right */
    uint64_t event_hash; /* see engine/event_hash.h */
    bool identical;
    uint64_t diverged_seq; /* first command that came out otherwise, 0: none */
    char text[512];        /* of the divergence: field, expected, actual; or of the error */
};

/* A divergence: the journal's command, and what journal and engine have of its group
 * from the first message on that is not the same in both. */
#define REPLAY_SHOWN_CELLS 64u
struct replay_diverged {
    unsigned cell_no;      /* of the group, from 0: the first that differs */
    unsigned first_no;     /* of the group: the first that is shown */
    unsigned command_cnt;  /* cells; of expected and actual too */
    unsigned expected_cnt; /* the journal's */
    unsigned actual_cnt;   /* the engine's; 0: it does not admit the command */
    bool expected_more;    /* the group goes on behind what is shown */
    bool actual_more;
    union cell command[CELL_COMMAND_MAX];
    union cell expected[REPLAY_SHOWN_CELLS];
    union cell actual[REPLAY_SHOWN_CELLS];
};

/* replay_open begins a replay of what reader gives from where it stands. The
 * reader stays the caller's, who does not read on with it before replay_close;
 * cfg is copied. 0 or -ENOMEM. */
NODISCARD int
replay_open(struct replay **replay, struct journal_reader *reader, const struct replay_cfg *cfg);

/*
 * replay_more goes on until behind the command until_seq, 0: to the end as it is
 * now. 0 also when not identical: then it stopped at the divergence and the
 * engine is of no more use, as it is after an error. -errno: -EPROTO when the
 * first command is no Genesis, not the one behind engine_seq, or of other rules, or
 * when a command is not well formed (engine/command.h), as no engine wrote it;
 * -ENOMEM; -EBADMSG damage. What it said of a divergence or an error it says
 * again when it is called again.
 */
NODISCARD int replay_more(struct replay *replay, uint64_t until_seq, struct replay_result *result);

/* replay_diverged returns what there is to show of the divergence, NULL if none was
 * found; valid until replay_close. */
const struct replay_diverged *replay_diverged(const struct replay *replay);

/* replay_close ends the replay; the engine stays. Where the reader stands
 * afterwards is not told: seek before reading on. */
void replay_close(struct replay *replay);

/* replay_run replays all that reader has from its start: the three in one. */
NODISCARD int replay_run(struct journal_reader *reader,
                         const struct replay_cfg *cfg,
                         struct replay_result *result);

#endif
