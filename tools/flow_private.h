/*
 * Private to tools/flow*.c: what a flow knows, and how its messages are made.
 *
 *   flow.c        which message comes next, which orders live
 *   flow_make.c   the messages
 */
#ifndef OUTCRY_TOOLS_FLOW_PRIVATE_H
#define OUTCRY_TOOLS_FLOW_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/flow.h"

/* What message no was, and, if it made an order that lives, which. */
struct order {
    uint64_t order_id;
    uint32_t live_at; /* place in its session's list, NOT_LIVE if none */
    uint32_t qty;
    uint32_t account;    /* its id */
    uint16_t instrument; /* index in the configuration */
    uint16_t session;
    uint8_t kind;
    bool sell;
};

enum kind {
    KIND_NEW,
    KIND_IOC,
    KIND_CANCEL,
    KIND_REPLACE,
    KIND_RARE,
    KIND_QUOTES,
    KIND_MASS_CANCEL
};

#define NOT_LIVE UINT32_MAX

struct flow_session {
    const unsigned *accounts;
    unsigned accounts_cnt;
    unsigned *accounts_mem;
    uint32_t *live; /* message numbers of live orders */
    uint32_t live_cnt;
};

struct flow {
    const struct config *config;
    unsigned sessions_cnt;
    uint32_t messages_cnt;
    bool all;    /* of every kind */
    bool clords; /* orders are named by them */
    uint64_t random;
    unsigned *instruments; /* indexes of the open ones */
    unsigned instruments_cnt;
    struct flow_session sessions[LINK_SESSIONS_MAX];
    struct order *orders;
    bool *made;
};

/* flow_draw returns a number below bound: splitmix64. */
uint32_t flow_draw(struct flow *flow, uint32_t bound);

/* Each fills in the order and writes a message with ClOrdID clord into buf, which
 * has LOAD_MESSAGE_BYTES_MAX; returns its bytes. Cancel and replace are of the order
 * that target is, which was message base + its number. base is the ClOrdID of message 0. */
size_t
flow_make_order(struct flow *flow, struct order *order, uint64_t clord, bool ioc, uint8_t *buf);
size_t
flow_make_rare(struct flow *flow, struct order *order, uint64_t base, uint64_t clord, uint8_t *buf);
size_t flow_make_quotes(struct flow *flow, const struct order *order, uint64_t clord, uint8_t *buf);
size_t
flow_make_mass_cancel(struct flow *flow, const struct order *order, uint64_t clord, uint8_t *buf);
size_t flow_make_cancel(const struct flow *flow,
                        struct order *order,
                        const struct order *target,
                        uint64_t clord,
                        uint8_t *buf);
size_t flow_make_replace(struct flow *flow,
                         struct order *order,
                         const struct order *target,
                         uint64_t clord,
                         uint8_t *buf);

#endif
