/*
 * Account: the layout of what the checks of an order touch. Private to risk/.
 *
 *   hot, read and written by every order
 *
 *     bounds[instrument]   a line: tick, lot, collar and band, prepared (risk/state.h)
 *     pairs[slot]          a line: account x instrument, its rooms, run of equal orders
 *     accounts[account]    a line: rooms of value, cash and open orders; both buckets
 *     groups[group]        32 bytes, two to a line: room of value, what was traded today
 *     firms[firm]          a line: the same; both buckets, messages
 *
 *   warm, touched by a fill besides the hot ones
 *
 *     accounts_warm             a line: balance, what was traded today, loss, fills that are
 *                               counted
 *     groups_warm               4 bytes: flags
 *
 *   cold (risk/state.h): limits, names, kills, sets of restrictions
 *
 * Room, not use. A line does not hold how much is used and how much may be, but
 * the difference: a check is one comparison, a reservation one subtraction, and
 * a limit that is off is a room so large (RISK_ROOM_OFF) that nothing uses it up.
 * No flag is tested. Use is a base less room, where somebody asks.
 *
 * 64 bits of 128. Sums of money have 128 bits. What an order compares with has 64, a part
 * of the true room that is cut off at RISK_ROOM_MAX:
 *
 *   true room   = limit - use                     128 bits, reckoned where somebody asks
 *   room        = min(true room, RISK_ROOM_MAX)   when it is made anew, then moved
 *   value_base  = use + room + traded             of risk_subject; traded: bought + sold
 *                                                 today, if DailyGross is limited, else 0
 *   cash_base   = reserved - balance + cash_room  the same of cash
 *
 *   loss_room   = min(bound + profit, RISK_ROOM_MAX)   bound: of DailyLoss
 *   profit_base = profit - loss_room              of risk_subject
 *   balance, bought, sold                         what they have grown by over their bases
 *                                                 of risk_subject
 *
 * Whatever moves a room leaves the base alone, so use is found again exactly. A sum that
 * would not fit 64 bits goes into its base and begins at 0 again. A room that
 * is used up, or does not take what comes back, is made anew of use and limits, which
 * with limits that fit 62 bits never happens to the second.
 *
 * One room for two limits. OpenNotional and DailyGross both count open value:
 *
 *   true room = min(open_bound, gross_bound - bought - sold) - open value
 *
 * A fill takes its value off as if DailyGross were the tighter of the two, so the room
 * may be less than the truth, never more. A room that is used up is made anew, exactly, by the
 * commit that used it up (risk_look).
 *
 * order_max says in one number that nothing else is to be asked of a subject: the largest
 * value that an order may have for DailyNet, which counts fills alone, on either side:
 *
 *   true order_max = bound - |bought - sold|
 *
 * and -1, which nothing passes, if that is negative, or while anything about the subject needs
 * a look (RISK_LINE_SHUT). A fill takes its value off, whatever its side, so order_max may be
 * less than the truth, never more; it is made anew by the fill that used it up, and by an
 * order that it did not let pass. What does not fit takes the slow road.
 *
 * Prepared, not looked up. qty_max, value_max and both rooms of a pair come of the
 * limits of all levels, of restrictions, covered accounts and order rules: the
 * tightest holds, found out once. `version` is that of the configuration they
 * came of (risk->version, raised by each command that could change one of many; what
 * changes a single pair prepares it at once); a pair of another version is prepared anew by the
 * next order that looks at it. Where one comparison cannot say it (a restriction, an order rule
 * that is not "all"), qty_max is 0 and the slow road is taken.
 *
 * The hot road is written twice: risk/hot.h has token, checks and reservation of a plain
 * order in one, check.c and trade.c have the steps one by one, for all others.
 *
 * The slow road. The hot checks are sufficient, not necessary: what passes them is
 * let pass; what fails goes through every check in the order of docs/risk.md, is
 * let pass or refused there, and only there a reason and its numbers are made. Both
 * roads commit the same numbers. Slow builds assert that what the hot road lets
 * pass the slow one does, too.
 *
 * Invariants (risk_check_*)
 *  1. value_base - traded - room of an account = sum of px * leaves over its live
 *     orders; of a group and a firm the same over their accounts. room is at most
 *     what is left of their limits.
 *  2. cash_base + balance - cash_room = sum of risk_cash_of over its live orders;
 *     cash_room is at most balance + credit less that.
 *  3. open_room = bound - number of its live orders.
 *  4. room[0] of a pair = long_max - position - open buys, room[1] = short_max +
 *     position - open sells, with the maxima in its cold half.
 *  5. position = start of day + moves + bought - sold.
 *  6. bought and sold of a group and a firm are the sums over their accounts; over
 *     all accounts bought and sold are equal, and the sum of balances plus fees is
 *     the sum of all moves of cash.
 *  7. What is prepared (qty_max, value_max, version, bounds, flags, rooms) follows
 *     from what is used, which is hashed in its place.
 */
#ifndef OUTCRY_RISK_ACCOUNT_H
#define OUTCRY_RISK_ACCOUNT_H

#include <stdint.h>

#include "proto/base.h"
#include "proto/px_qty.h"
#include "risk/bucket.h"
#include "risk/limits.h"

/* Room of a limit that is off: 2^24 orders of 2^95 and a life of trades fit. */
#define RISK_ROOM_OFF ((notional_t)1 << 125)

/* The largest room that is made, all of its bits ones. What is moved at once is not more
 * than that, either, so that no room wraps that was not above it before. */
#define RISK_ROOM_MAX ((INT64_C(1) << 62) - 1)

/* The first part of an account, of a group and of a firm. */
struct risk_party_line {
    int64_t room;      /* value: OpenNotional and DailyGross */
    int64_t order_max; /* value of one order */
};

/* An account as every order sees it. */
struct risk_account_line {
    struct risk_party_line party;
    int64_t cash_room;
    int64_t message_ready_ns; /* see bucket.h */
    int64_t cancel_ready_ns;
    int32_t open_room;
    uint16_t group;
    uint16_t firm; /* the group's */
    uint8_t flags; /* RISK_LINE_ */
    uint8_t message_rate;
    uint8_t cancel_rate;
    uint8_t zero[13];
};

/* Of accounts, groups and firms alike. DOUBT: something about it needs a look: it is
 * not active, killed, latched, closed only, blocked, restricted as a whole, or out of
 * its loss. The slow road. A line that was never set has none; nor has it any pair. */
#define RISK_LINE_DOUBT   1u
/* Cancels are counted; a fill must look at latch and loss. */
#define RISK_LINE_CANCELS 2u
#define RISK_LINE_FILLS   4u
/* The next commit goes through the stages, whatever is used. */
#define RISK_LINE_LOOK    8u
/* There is a pause between two messages. */
#define RISK_LINE_SLOW    16u
/* DailyGross is limited, so cap moves with fills. */
#define RISK_LINE_GROSS   32u
#define RISK_LINE_KNOWN   64u
/* Equal orders are counted. */
#define RISK_LINE_EQUALS  128u

/* The hot road is shut. */
#define RISK_LINE_SHUT (RISK_LINE_DOUBT | RISK_LINE_LOOK | RISK_LINE_SLOW)

/* A group as every order and fill sees it. */
struct risk_group_line {
    struct risk_party_line party;
    int64_t bought; /* over its base, as is sold */
    int64_t sold;
};

/* A firm as every order and fill sees it. */
struct risk_firm_line {
    struct risk_party_line party;
    int64_t message_ready_ns; /* see bucket.h */
    int64_t cancel_ready_ns;
    int64_t bought; /* as of a group */
    int64_t sold;
    uint64_t trades_cnt;   /* of today, as are messages */
    uint16_t messages_cnt; /* times RISK_MESSAGE, beyond the 1,024s that its subject has */
    uint8_t message_rate;
    uint8_t cancel_rate;
    uint8_t flags; /* RISK_LINE_ */
    uint8_t zero[3];
};

/* What a message counts, so that 1,024 of them come to 0 again. */
#define RISK_MESSAGE  64u
#define RISK_MESSAGES ((UINT16_MAX + 1u) / RISK_MESSAGE)

/* Account x instrument as every order sees it. */
struct risk_pair_line {
    uint32_t instrument;
    uint32_t account;
    int64_t position_qty;
    int64_t room[2]; /* buys, sells */
    px_t value_max;
    qty_t qty_max;
    uint32_t version;       /* 0: the slot is free */
    uint32_t run_tick_sell; /* the last order: tick * 2 + is a sell */
    qty_t run_qty;
    uint64_t run; /* time / 2^16 of the first such order * 2^16 + their number */
};

/* What a fill moves besides; DayRoll makes all but the balance 0. */
struct risk_account_warm {
    int64_t balance; /* this and the next two over their bases */
    int64_t bought;
    int64_t sold;
    int64_t loss_room; /* profit of today against the mark, fees taken off, may fall by this */
    uint64_t executions_since_ns;
    uint32_t executions_window_ns; /* RISK_WINDOW_LONG: as the limit says */
    uint16_t executions_max;       /* 0: none */
    uint16_t executions_cnt;       /* of the window; 0: none is open */
    uint64_t zero[2];
};

/* A window of executions that does not fit 32 bits. */
#define RISK_WINDOW_LONG UINT32_MAX

/* What fills ask of a group besides. */
struct risk_group_warm {
    uint16_t parent; /* its firm */
    uint8_t flags;   /* RISK_LINE_ */
    uint8_t zero;
};

/* Part of a session's line in the engine: risk reads and writes it when asked. */
struct risk_session {
    int64_t message_ready_ns; /* see bucket.h */
    int64_t cancel_ready_ns;
    uint32_t orders_max; /* live, UINT32_MAX: no limit */
    uint8_t message_rate;
    uint8_t cancel_rate;
    uint8_t killed;
    uint8_t by_hand; /* a bit for orders_max, message_rate and cancel_rate each */
};

_Static_assert(sizeof(struct risk_account_line) == CACHE_LINE, "one line");
_Static_assert(sizeof(struct risk_group_line) == CACHE_LINE / 2, "two to a line");
_Static_assert(sizeof(struct risk_firm_line) == CACHE_LINE, "one line");
_Static_assert(sizeof(struct risk_pair_line) == CACHE_LINE, "one line");
_Static_assert(sizeof(struct risk_account_warm) == CACHE_LINE, "one line");
_Static_assert(sizeof(struct risk_session) == 24, "no padding");
_Static_assert(GROUPS_MAX <= UINT16_MAX + 1u && FIRMS_MAX <= UINT16_MAX + 1u, "ids in 16 bits");

#endif
