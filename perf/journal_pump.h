/*
 * Journal pump: the journal's writer at work, seen from the out-ring.
 *
 *   core 0   commands - in-ring - sequencer, engine - out-ring
 *   core 1                                              \- writer: a thread that sleeps
 *
 *   group    the out-ring filled with cells as fast as there is room: what group commit
 *            makes of the disk
 *   rate     orders that are due at fixed times, open loop, through the in-ring; the
 *            latency of an order runs from its time to the durable cursor
 *   loss     bursts that fit into the out-ring, at full speed, with the writer behind it
 *            and with a reader that only looks at the cells: what the engine's thread
 *            loses. The ring is empty when a burst begins.
 *
 * Segments are large, and measuring begins when the next one is prepared, so that what is
 * measured is writing; a roll is part of it.
 *
 * Gaps. The loop of rate reads the clock once a turn. A turn without work that took
 * a microsecond or more was the machine's: those are the hiccups in the same window.
 */
#ifndef OUTCRY_PERF_JOURNAL_PUMP_H
#define OUTCRY_PERF_JOURNAL_PUMP_H

#include <stdbool.h>
#include <stdint.h>

struct pump_group {
    double mb_s; /* 10^6 bytes, padding included */
    double batch_bytes;
    double fill; /* cells in use of 63 */
    uint64_t stalls;
};
struct pump_group pump_group(const char *dir, uint64_t bytes);

struct pump_rate {
    uint64_t orders_cnt;
    double per_second; /* durable, until the last was */
    double p50_us, p99_us, p999_us, max_us;
    double batch_bytes;
    uint64_t gaps_cnt; /* turns without work of 1 us or more */
    double gap_p99_us, gap_max_us, gap_share;
    uint64_t stalls;
};
struct pump_rate pump_rate(const char *dir, uint32_t rate, unsigned seconds);

struct pump_loss {
    double on_mps; /* medians of the bursts */
    double off_mps;
};
struct pump_loss pump_loss(const char *dir, unsigned bursts);

/* A journal of commands_cnt commands, written as fast as the disk takes it, and the
 * hash of the state that they lead to. */
struct pump_day {
    double written_mps;
    double fill;
    uint64_t bytes;
    uint64_t orders_live;
    uint64_t state_lo, state_hi;
};
struct pump_day pump_day(const char *dir, uint64_t commands_cnt);

#endif
