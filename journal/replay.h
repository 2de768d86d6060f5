/*
 * Replay: a journal back into an engine, and the proof that nothing changed.
 *
 *   reader -> command -> engine_apply -> cells ==? the journal's cells, byte for byte
 *
 * Used at start-up to rebuild the exchange and by `outcry replay`. Every
 * message, verified, is also handed to a callback in order: that is how routes,
 * retransmission memory and event hashes are rebuilt.
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

/* Called with each message (its first cell, the others behind it). */
typedef void (*replay_message_fn)(void *ctx, const union cell *cells);

/* Called with the engine behind each command, before the next is applied. */
typedef void (*replay_command_fn)(void *ctx,
                                  const struct engine *engine,
                                  const union cell *command);

struct replay_cfg {
    uint64_t until_seq;           /* stop behind this command; 0: at the end */
    replay_message_fn on_message; /* may be NULL */
    replay_command_fn on_command; /* may be NULL */
    void *ctx;
    uint64_t salt;                /* for engine_salt */
    void *(*alloc)(size_t bytes); /* zeroed, CACHE_LINE aligned, or NULL: fails */
};

struct replay_result {
    struct engine *engine; /* in memory from alloc; NULL if the journal is empty */
    struct engine_cfg cfg;
    uint64_t commands_cnt;
    uint64_t messages_cnt;
    uint64_t cells_cnt;
    uint64_t trades_cnt;
    uint64_t last_seq;
    uint64_t event_hash; /* see engine/event_hash.h */
    bool identical;
    uint64_t diverged_seq; /* first command that came out otherwise, 0: none */
    char text[512];        /* of the divergence: field, expected, actual; or of the error */
};

/* replay_run replays all that reader has from its start. 0 (also when not
 * identical: then it stops at the divergence), or -errno: -EPROTO when the
 * first command is no Genesis or of other rules, -ENOMEM, -EBADMSG damage.
 * Where the reader stands afterwards is not told: seek before reading on. */
NODISCARD int replay_run(struct journal_reader *reader,
                         const struct replay_cfg *cfg,
                         struct replay_result *result);

#endif
