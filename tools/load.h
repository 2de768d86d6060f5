/*
 * Load: open-loop order flow over the real wire, and what came back.
 *
 *   source --message n--> session --wire--> exchange --reports--> match by ClOrdID
 *
 * Message n is due at start + n / rate, whether or not the ones before were
 * answered; its latency counts from then, so a stall is paid for by every
 * message that had to wait (no coordinated omission). ClOrdIDs are a base,
 * different in each run, plus n; the first report that answers a ClOrdID is
 * its answer. What the exchange never received (NotApplied) is sent again under
 * the same ClOrdID and keeps its due time. In OUCH the base is a UserRefNum that is free
 * in every session, and an interpreter stands between. At most window messages are
 * unanswered at a time, so that a dead exchange is noticed.
 */
#ifndef OUTCRY_TOOLS_LOAD_H
#define OUTCRY_TOOLS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#include "tools/histogram.h"
#include "tools/interpreter.h"
#include "tools/link.h"

#define LOAD_MESSAGE_BYTES_MAX 512u

/* Where messages come from. A source sees every report of its orders. */
struct load_source {
    /* Writes message no with ClOrdID base + no into buf and sets the session;
     * returns its bytes. */
    size_t (*make)(void *ctx, uint64_t base, uint32_t no, unsigned *session, uint8_t *buf);
    /* buf is a report from its SBE header on. */
    void (*on_report)(void *ctx, uint64_t base, const uint8_t *buf, size_t len);
    void *ctx;
};

/* What to do when nothing is due and nothing has come. Napping lets go of the
 * core for the journal's thread and the kernel's when they share it: against
 * sched_yield the scheduler protects the slice of who runs, for milliseconds. */
enum load_idle {
    LOAD_SPIN,
    LOAD_YIELD,
    LOAD_NAP
};

struct load_cfg {
    const struct load_source *source;
    struct interpreter *interpreter; /* the link speaks OUCH; NULL: FIXP */
    uint32_t messages_cnt;
    double rate;     /* messages a second; 0: as fast as the window lets them */
    uint32_t window; /* unanswered messages at a time */
    enum load_idle idle;
    const char *label; /* of the progress line on stderr; NULL: no progress */
};

/* Where time goes inside of the exchange, out of its latency receipts. */
enum load_leg {
    LOAD_SEQUENCED, /* from received on */
    LOAD_MATCHED,   /* from sequenced on, and so forth */
    LOAD_DURABLE,
    LOAD_SENT,
    LOAD_INSIDE, /* from received to sent */
    LOAD_LEGS_CNT
};

struct load_result {
    uint64_t sent;
    uint64_t acknowledged;      /* answered by acceptance */
    uint64_t rejected;          /* answered by a refusal */
    uint64_t filled;            /* trades, counted once, on the aggressor's side */
    uint64_t lost;              /* never answered */
    uint64_t resent;            /* after NotApplied */
    uint64_t elapsed_ns;        /* from the first due time to the last answer */
    char error[LINK_WHY_BYTES]; /* "" unless the run was cut short */
    struct histogram latency;
    uint64_t receipts; /* with all their times */
    struct histogram legs[LOAD_LEGS_CNT];
};

struct load;

/* load_new makes a load whose events go into link_cfg.events before the link is
 * opened; NULL without memory. */
struct load *load_new(const struct load_cfg *cfg);
struct link_events load_events(struct load *load);

/* load_run sends everything and waits for the answers. */
void load_run(struct load *load, struct link *link, struct load_result *result);
void load_free(struct load *load);

#endif
