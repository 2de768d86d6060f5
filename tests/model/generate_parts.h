/*
 * What the parts of the generator share; nobody else includes it.
 *
 *   generate.c         dispatch                  generate_order.c   new orders
 *   profiles.c         what a stream is bad at   generate_amend.c   of orders that are there
 *   generate_setup.c   the exchange, its changes generate_quote.c   mass quotes
 *   generate_risk.c    words of operators        generate_limit.c   their limits
 */
#ifndef OUTCRY_TESTS_MODEL_GENERATE_PARTS_H
#define OUTCRY_TESTS_MODEL_GENERATE_PARTS_H

#include "tests/model/generate.h"

#define FIRMS     2u
#define GROUPS    3u
#define ACCOUNTS  6u
#define SESSIONS  5u
#define MIDDLE_PX (100 * PX_ONE)
#define TICK_PX   (PX_ONE / 100)
/* Tick of some instruments, whose fees have to be rounded. */
#define FINE_PX   (TICK_PX / 1000)

/* Firm of a session, account of a firm: most orders are for an account that is of
 * the session's firm. */
uint32_t generate_firm(uint16_t session);
uint32_t generate_account(struct generator *g, uint16_t session);
uint32_t generate_instrument(struct generator *g);
px_t generate_px(struct generator *g, bool sell);
qty_t generate_qty(struct generator *g, uint32_t instrument);
struct command_order generate_order(struct generator *g);

/* generate_live picks one of the live orders, NULL if there is none. */
const struct model_order *generate_live(struct generator *g);

/* generate_new makes a new order of the wanted kind. */
void generate_new(struct generator *g, enum action action, struct step *step);
void generate_quote(struct generator *g, struct step *step);
/* generate_hostile asks for what cannot be had. */
void generate_hostile(struct generator *g, struct step *step);

void generate_cancel(struct generator *g, struct step *step);
void generate_replace(struct generator *g, struct step *step);
void generate_mass_cancel(struct generator *g, struct step *step);

void generate_configure(struct generator *g, struct step *step);
bool generate_revive(struct generator *g, struct command *command);
void generate_state(struct generator *g, struct step *step);
void generate_session(struct generator *g, struct step *step);
void generate_clock(struct generator *g, struct step *step);

/* generate_risk is the word of an operator: it makes trading easier or harder. */
void generate_risk(struct generator *g, struct step *step);
struct command generate_limit(struct generator *g, bool easier);
/* generate_lift lifts the limit by which the last order was refused; false if it was
 * none. */
bool generate_lift(struct generator *g, struct command *command);
struct command generate_fee(uint32_t instrument, int32_t maker_ppm, int32_t taker_ppm);

#endif
