/*
 * Admin: the operator's word to an exchange that runs, over a Unix socket.
 *
 *   outcry admin --- "halt ACME\n" --> FOLDER/admin --> admin ring --> sequencer
 *                <-- "ok ...\n" ------------------ behind the gate <-- out-ring
 *
 * One line in, one line out, and the connection ends. The lines:
 *
 *   open SYMBOL, halt SYMBOL, close SYMBOL      the instrument's state
 *   ok SYMBOL STATE seq N                       done; in ack mode durable on disk
 *   refused REASON                              by the engine, by a reject reason
 *   error TEXT                                  not understood, nothing was done
 *
 * The socket lies in the journal's folder, mode 0600, and besides that a peer is
 * asked who it is: the user of the exchange, or root; others are hung up on. It
 * is there while the exchange takes orders.
 *
 * Polled by the gateway's thread, it looks at its sockets only every 10 ms, so
 * that an exchange without visitors pays one comparison a poll; nothing here
 * ever blocks. At most ADMIN_CLIENTS_MAX connections are listened to, each for a
 * line of 63 bytes and 5 seconds at most; who comes after waits in the backlog.
 *
 * Invariants
 *  1. At most one command is on its way. It is alone in the admin ring, so the
 *     next InstrumentStateSet that comes back is its answer.
 *  2. A client that has gone by then changes nothing: the command is carried out.
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

#define ADMIN_NAME        "admin"
#define ADMIN_LINE_BYTES  64u
#define ADMIN_CLIENTS_MAX 4u

struct admin_client {
    int fd; /* -1: free */
    size_t len;
    uint64_t since_ns;
    bool whole; /* its line has come */
    char line[ADMIN_LINE_BYTES];
};

struct admin {
    const struct config *config;
    struct ring_writer *ring;
    int folder; /* descriptor of the journal's folder, -1: not open */
    int listener;
    uint64_t looked_ns;
    bool on_its_way; /* a command is */
    int asker;       /* client that asked for it, -1: gone */
    struct admin_client clients[ADMIN_CLIENTS_MAX];
};

/* admin_address fills the address of the socket in the folder that is open as
 * `folder`: however long its path is, this fits. */
struct sockaddr_un;
void admin_address(int folder, struct sockaddr_un *address);

/* admin_init makes it closed; admin_open makes the socket in the journal's
 * folder, whose lock is ours: 0 or -errno. The ring is written by whoever polls. */
void admin_init(struct admin *admin);
NODISCARD int
admin_open(struct admin *admin, const struct config *config, struct ring_writer *ring);

/* admin_poll accepts, reads and submits; returns commands submitted. */
int admin_poll(struct admin *admin, uint64_t now_ns);

/* admin_came_back takes an InstrumentStateSet from behind the gate. */
void admin_came_back(struct admin *admin, const union cell *cell);

/* admin_close hangs up on all and removes the socket. */
void admin_close(struct admin *admin);

#endif
