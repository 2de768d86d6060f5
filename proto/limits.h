/*
 * Limits: every bound of the exchange that is not in the configuration, and
 * the relations between them, each with a sentence of proof.
 */
#ifndef OUTCRY_PROTO_LIMITS_H
#define OUTCRY_PROTO_LIMITS_H

/* Behaviour of the rules. A journal written under other rules is refused. */
#define RULES_VERSION 5u

/* Shards 0 to 15: four bits of every order id. */
#define SHARDS_MAX 16u

/* Live orders of a shard: 24 bits of the order id hold the slot. */
#define ORDERS_MAX (1u << 24)

#define INSTRUMENTS_MAX (1u << 20)
#define ACCOUNTS_MAX    (1u << 20)
#define GROUPS_MAX      (1u << 16)
#define FIRMS_MAX       (1u << 16)
#define SESSIONS_MAX    (1u << 14)
#define POSITIONS_MAX   (1u << 24)
#define PAGES_MAX       (1u << 24)
#define EXTRAS_MAX      (1u << 24)

/* Ticks of an instrument: valid tick indexes are 1 to TICKS_MAX - 1. */
#define TICKS_MAX (1u << 30)

/* Position limits and open quantities: far below overflow of an int64. */
#define POSITION_LIMIT_MAX (1ull << 62)

/* Fees, parts per million of price times quantity: at most all of it, so that a
 * seller is never asked for more than the trade brings. */
#define FEE_PPM_MAX 1000000

/* Rates of messages: distinct pairs of interval and burst in use; a byte names
 * one. An hour for a message and 2^20 of them at once are below 2^62 ns. */
#define RISK_RATES_MAX       255u
#define RISK_INTERVAL_NS_MAX 3600000000000ull
#define RISK_BURST_MAX       (1u << 20)

/* Windows in which equal orders and executions are counted: up to a day. A count
 * has 16 bits. */
#define RISK_WINDOW_NS_MAX 86400000000000ull
#define RISK_COUNT_MAX     65535u

/* An iceberg's quantity is at most so many times the least that it shows: each
 * refresh is a trade and two or three cells, however large the taker. */
#define ICEBERG_PARTS_MAX 1000u

/* Live pegged orders of an instrument: one command that changes a reference moves
 * all of them, and each that trades may have the walk over them begin anew, so
 * their number squared bounds what a command of one broker costs all others. */
#define PEGS_MAX 1000u

/* Entries of a mass quote: two to a cell, one cell in front. */
#define QUOTE_ENTRIES_MAX 50u

/*
 * A slice of work begins no step once it has written SLICE_CELLS cells, made
 * SLICE_STEPS steps or looked at SLICE_SCAN orders. One step (a trade with two
 * linked orders and a refreshed iceberg, say) writes at most STEP_CELLS_MAX.
 * Before its steps a slice writes what the slice before held back, or its
 * command, one message either way; behind them one more event.
 */
#define SLICE_CELLS     128u
#define SLICE_STEPS     1024u
#define SLICE_SCAN      4096u
#define STEP_CELLS_MAX  8u
#define SLICE_CELLS_MAX (26u + SLICE_CELLS + STEP_CELLS_MAX + 4u)

/* Commands taken from one in-ring before the next is looked at. */
#define BURST_COMMANDS_MAX 16u

/* Largest UDP payload that we send or take. 1500 less IPv4 and UDP headers. */
#define DATAGRAM_BYTES_MAX 1472u

/* Readers of one ring. */
/* Identifiers of an IEEE 802.1Q tag: 4095 is reserved. */
#define VLAN_MAX 4094u

#define RING_READERS_MAX 4u

/* Keepalive that a client may ask for, milliseconds. */
#define KEEPALIVE_MS_MIN 100u
#define KEEPALIVE_MS_MAX 60000u

#endif
