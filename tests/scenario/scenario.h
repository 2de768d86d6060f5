/*
 * Scenario: a file of commands and of what must come of them.
 *
 *     # Cancel of the head of a queue.
 *     new S1 A1 buy 100 @ 10.05 id 1
 *       accepted
 *     book bid 10.05 100x1
 *     queue bid 10.05: 1
 *     position A1 0
 *     last none
 *
 * A line is a command (tests/scenario/text.h) or a question; indented lines
 * below a command are its outcome and its events, all of them, in order, or
 * `dropped`; a command without such lines was accepted and caused nothing. `N
 * times` in front of a command or an event repeats it, the id one more each time.
 * Empty lines and lines that begin with # say nothing.
 *
 *     book [I] bid|ask PX QTYxORDERS[+MORE] ...   all levels, best first, or `empty`
 *     best [I] bid|ask PX QTYxORDERS[+MORE]  or `none`
 *     depth [I] bid|ask PX: QTYxORDERS[+MORE]  or `nobody`
 *     queue [I] bid|ask PX: ID ...           the ids at one price, first come first
 *     shown [I] bid|ask PX: ID QTY, ID QTY/LEAVES, ID hidden LEAVES ...   or `nobody`
 *     stops [I] buy|sell ID @ PX, ...        who waits for which price, or `none`
 *     parked [I] buy|sell ID, ...            pegs without a price, or `none`
 *     held [I] buy|sell ID, ...              for the auctions, or `none`
 *     order S/N: rests @ PX|waits for PX|is held|is parked, QTY left, QTY done
 *                                            or `is gone`
 *     ahead of S/N: ORDERS of ORDERS, QTY    who is in front, or `not in a queue`
 *     is [I] Open|Halted|Closed
 *     position A [I] QTY                     bought minus sold
 *     open A [I] BUY SELL                    what is open on both sides
 *     last [I] PX|none                       price of the last trade
 *     use S|A|G|F LIMIT N|PX                 what is used of a limit
 *     balance A PX      free A PX            cash, and what of it is free
 *
 * QTY of a book is what it shows, MORE what is hidden; ORDERS are all.
 *
 * The exchange has firms F1 and F2, group G1 of F1 and G2 of F2, and, as far as
 * the file has not set them up before its first order, accounts A1 to A3 of G1
 * and A4 and A5 of G2, sessions S1 to S3 of F1 and S4 of F2, bound, and
 * instruments I1 and I2 with a tick of 0.01 and no limits. Some lines may come
 * first of all: `bare` for an exchange with nothing in it; `orders N`,
 * `attributes N`, `pages N`, `positions N` for the sizes of its pools.
 *
 * Each command goes to the engine and to the model, and the whole state of both
 * is compared after it; so a file that passes says that both do the same and
 * that it is what the file says.
 */
#ifndef OUTCRY_TESTS_SCENARIO_SCENARIO_H
#define OUTCRY_TESTS_SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

/* scenario_run runs a file; on a failure it writes what is wrong and the line
 * into complaint. */
bool scenario_run(const char *path, char *complaint, size_t bytes);

#endif
