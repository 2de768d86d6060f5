/*
 * Admin: the operator's word to an exchange that runs, over a Unix socket.
 *
 *   outcry admin --- "kill firm ALPHA by kim because runaway\n" --> FOLDER/admin
 *                                   |                                  |
 *                    "ok ... seq N\n" <-- behind the gate <-- desk --> engine
 *
 * One line in, an answer out, and the connection ends. The lines:
 *
 *   VERB WORDS... [by NAME because TEXT]     see tools/verb.h; one blank between two.
 *                                            open, halt and close: [by NAME [because TEXT]]
 *   load ROWS [check] by NAME because TEXT   ROWS lines follow, each the number of a
 *                                            line of a file and its fields, a tab
 *                                            between two; check: only checked
 * and the answers:
 *
 *   ok TEXT seq N        done; in ack mode durable on disk
 *   ok show, ...         lines of tools/show.h
 *   ok checked N rows    of a load with check
 *   refused REASON seq N: WHY  by the engine, by a reject reason
 *   error TEXT           not understood or not allowed, nothing was done; of a load one
 *                        line for each row that is wrong
 *   stopped TEXT         of a load of which the engine took only some
 *
 * Who may: the socket lies in the journal's folder, mode 0600; 0666 if the
 * configuration names others. Besides that a peer is asked who it is: the user of
 * the exchange, root, or who is named; to others no word is listened. The user id
 * goes into the command's Author, whatever NAME says.
 *
 * Polled by the gateway's thread, it looks at its sockets only every 10 ms, so
 * that an exchange without visitors pays one comparison a poll; nothing here
 * ever blocks. At most ADMIN_CLIENTS_MAX connections are listened to, each for a
 * line of 511 bytes and 5 seconds at most; who comes after waits in the backlog.
 *
 * Invariants
 *  1. At most one request is on its way. A command is alone in the admin ring, so the
 *     next message of its kind that comes back is its answer.
 *  2. A client that has gone by then changes nothing: the command is carried out. One
 *     that goes before its load is whole has said nothing.
 *  3. Only one client at a time loads.
 */
#ifndef OUTCRY_TOOLS_ADMIN_H
#define OUTCRY_TOOLS_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ring.h"
#include "proto/base.h"
#include "proto/cell.h"

#include "tools/config.h"
#include "tools/desk.h"
#include "tools/roster.h"

#define ADMIN_NAME         "admin"
#define ADMIN_LINE_BYTES   512u
#define ADMIN_REPLY_BYTES  1024u /* an answer of one line, which is never cut */
#define ADMIN_ANSWER_BYTES SHOW_TEXT_BYTES
#define ADMIN_CLIENTS_MAX  4u

struct admin_client {
    int fd; /* -1: free */
    uint32_t uid;
    size_t len;
    uint64_t since_ns;
    bool whole; /* its request has come */
    bool loads; /* and is a load */
    char line[ADMIN_LINE_BYTES];
};

struct admin_stats {
    uint64_t commands; /* given to the engine */
    uint64_t rows;     /* of sheets that it took */
    uint64_t questions;
    uint64_t refused; /* by the engine */
    uint64_t wrong;   /* lines that were not understood, or not allowed */
    uint64_t foreign; /* peers that may not */
};

struct admin {
    const struct config *config;
    struct desk *desk;
    const struct ring_reader *out; /* of the gateway: what is before it may be told */
    struct roster roster;
    int folder; /* descriptor of the journal's folder, -1: not open */
    int listener;
    uint64_t looked_ns;
    enum desk_task task; /* on its way, DESK_NONE: none */
    unsigned kind;       /* of the command that is */
    uint64_t seq;        /* of a kill whose end is awaited, else 0 */
    int asker;           /* client that asked for it, -1: gone */
    int loader;          /* client that loads, -1: none */
    bool check_only;     /* its load */
    uint32_t rows_left;
    struct admin_stats stats;
    struct admin_client clients[ADMIN_CLIENTS_MAX];
};

/* admin_address fills the address of the socket `name` in the folder that is open
 * as `folder`: however long its path is, this fits. */
struct sockaddr_un;
void admin_address(int folder, const char *name, struct sockaddr_un *address);

/* admin_init makes it closed; admin_open makes the socket in the journal's
 * folder, whose lock is ours: 0 or -errno. */
void admin_init(struct admin *admin);
NODISCARD int admin_open(struct admin *admin,
                         const struct config *config,
                         struct desk *desk,
                         const struct ring_reader *out);

/* admin_poll accepts, reads, submits and answers; returns requests submitted. */
int admin_poll(struct admin *admin, uint64_t now_ns);

/* admin_is_busy says whether a request is on its way. */
bool admin_is_busy(const struct admin *admin);

/* admin_came_back takes what gateway_watch shows, from behind the gate. */
void admin_came_back(struct admin *admin, const union cell *cell);

/* admin_close hangs up on all and removes the socket; admin->stats stay. */
void admin_close(struct admin *admin);

#endif
