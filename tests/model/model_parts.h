/*
 * What the parts of the model share; nobody else includes it.
 *
 *   model.c         admission, dispatch          model_peg.c      pegged orders
 *   model_setup.c   configuration, sessions      model_quote.c    mass quotes
 *   model_list.c    where orders stand           model_replace.c  replace
 *   model_emit.c    events                       model_mass.c     cancels of many
 *   model_form.c    checks of a new order        model_timer.c    what time brings
 *   model_order.c   new orders, cancel           model_page.c     room for levels
 *   model_match.c   match steps, coming to rest  model_yield.c    FOK, minimum
 *   model_share.c   pro-rata and split           model_stop.c     stops
 *
 * and, of risk:
 *
 *   model_risk.c    the checks, in order         model_price.c    collar and band
 *   model_sum.c     what counts, summed up       model_use.c      checks of it
 *   model_fill.c    what a fill moves, marks     model_stage.c    stages, events
 *   model_rate.c    messages                     model_admin.c    commands of operators
 *   model_limit.c   LimitSet
 *
 * An order that ends stays in memory until its command is done, so a pointer to
 * it stays good: its place says that it has ended.
 */
#ifndef OUTCRY_TESTS_MODEL_MODEL_PARTS_H
#define OUTCRY_TESTS_MODEL_MODEL_PARTS_H

#include "proto/limits.h"

#include "tests/model/model.h"

/* An order id has the order's slot in its low 24 bits. */
#define MODEL_SLOT(order_id) ((order_id)&0xffffffu)

/* model_firm_of_session is UINT32_MAX for the exchange itself. */
uint32_t model_firm_of_session(const struct model *model, uint16_t session);
uint32_t model_group_of(const struct model *model, uint32_t account);
void model_use_position(struct model *model, uint32_t account, uint32_t instrument);
bool model_is_open(const struct model *model, uint32_t instrument);

/* Configuration and sessions. */
void model_set_up(struct model *model, const union cell *cells);
bool model_session_sequence(struct model *model, const union cell *cells);

/* Events and the command's own message; detail is NULL, or without a level, if
 * there are no numbers behind its outcome. */
union cell *model_emit(struct model *model, const union cell *cell);
union cell *model_emit_command(struct model *model,
                               const union cell *cells,
                               uint16_t outcome,
                               const struct cell_risk_detail *detail);
void model_emit_canceled(struct model *model,
                         const struct model_order *order,
                         qty_t removed_qty,
                         uint8_t reason);
void model_emit_restated(struct model *model, const struct model_order *order, uint8_t reason);
void model_emit_refreshed(struct model *model, const struct model_order *order);
void model_emit_triggered(struct model *model, const struct model_order *order, px_t last_px);
void model_emit_trade(struct model *model,
                      const struct model_order *taker,
                      const struct model_order *maker,
                      qty_t qty,
                      const px_t fees[2]);
void model_emit_prevented(struct model *model,
                          const struct model_order *taker,
                          const struct model_order *maker,
                          qty_t qty);

/* Orders and where they stand. model_order_make makes a live order that stands
 * nowhere yet; model_put puts it where order->place says; model_take_out makes it
 * stand nowhere again; model_end ends it, whereever it is. */
struct model_order *model_order_make(struct model *model, const struct model_order *like);
void model_put(struct model *model, struct model_order *order, enum model_place place);
void model_take_out(struct model *model, struct model_order *order);
void model_end(struct model *model, struct model_order *order);
void model_free_ended(struct model *model);
void model_note_id(struct model *model, uint64_t order_id);
void model_link(struct model *model, struct model_order *a, struct model_order *b);
void model_unlink(struct model_order *order);
void model_cancel(struct model *model, struct model_order *order, uint8_t reason);
void model_arm_order(struct model *model, struct model_order *order, uint64_t expire_ns);

/* model_can_reach: an order of that side and limit would meet this one. */
bool model_can_reach(const struct model_order *maker, bool sell, px_t px);
bool model_would_trade(const struct model *model, uint32_t instrument, bool sell, px_t px);
px_t model_reprice_px(const struct model *model, const struct model_order *order);
bool model_is_pegged(const struct model_order *order);
/* An order that lives on when its matching is done. */
bool model_may_rest(uint8_t ord_type, uint8_t tif);

/* Checks. What the risk is asked about: a new order, or an old one as a replace
 * or its election would leave it. */
struct model_question {
    uint32_t instrument;
    uint32_t account;
    uint32_t firm; /* UINT32_MAX: of the exchange itself */
    uint16_t session;
    px_t px; /* replaced by its limit if it is a market order */
    qty_t qty;
    qty_t leaves_qty;
    bool sell;
    bool market;    /* limited by the collar */
    bool no_bounds; /* neither collar nor band */
    bool is_quote;
    bool is_elected;
    uint8_t ord_type;
    uint8_t tif;
    const struct model_order *old;  /* of a replace or an election, else NULL */
    struct cell_risk_detail detail; /* result: the numbers behind a refusal */
};

/* The levels above an order, from the account up. */
#define MODEL_UPWARD 3u
extern const uint8_t model_upward[MODEL_UPWARD];

/* model_id_at finds the account, group or firm of an account; model_subject one of
 * a level by its id. */
uint32_t model_id_at(const struct model *model, uint8_t level, uint32_t account);
struct model_subject *model_subject(struct model *model, uint8_t level, uint32_t id);
const struct model_subject *
model_subject_of(const struct model *model, uint8_t level, uint32_t account);

/* model_refuse notes the numbers behind a reason. */
uint16_t model_refuse(struct model_question *question,
                      uint16_t reason,
                      uint8_t level,
                      uint32_t subject,
                      const notional_t numbers[3]);
int64_t model_clip(notional_t amount);

/* model_risk answers with a reject reason, and its numbers in question->detail
 * if it has any, or 0 and the limit in question->px. */
uint16_t model_risk(const struct model *model, struct model_question *question);

/* Its parts: prices, use, and what is asked of a Stop once more. */
uint16_t model_check_price(const struct model *model, struct model_question *question);
uint16_t model_check_collar(const struct model *model, struct model_question *question);
uint16_t model_check_band(const struct model *model, struct model_question *question);
uint16_t model_check_value(const struct model *model, struct model_question *question);
uint16_t model_check_fee(const struct model *model, struct model_question *question);
uint16_t model_check_position(const struct model *model, struct model_question *question);
uint16_t model_check_equals(const struct model *model, struct model_question *question);
uint16_t model_check_orders(const struct model *model, struct model_question *question);
uint16_t model_check_open(const struct model *model, struct model_question *question);
uint16_t model_check_gross(const struct model *model, struct model_question *question);
uint16_t model_check_net(const struct model *model, struct model_question *question);
uint16_t model_check_loss(const struct model *model, struct model_question *question);
uint16_t model_check_cash(const struct model *model, struct model_question *question);
bool model_passes_elected(const struct model *model, const struct model_order *order, px_t px);

/* model_may_reduce returns how much an order of that side may be to reduce the position
 * and no more, all that is open on its side counted as filled; negative: too much is. */
notional_t model_may_reduce(const struct model *model, const struct model_question *question);

/* model_reduces_only says whether the position, with all that is open on the order's
 * side, still does not pass through zero. */
bool model_reduces_only(const struct model *model, const struct model_question *question);

/* model_has_stage says whether a stage of any limit of a subject holds. */
bool model_has_stage(const struct model_subject *subject, uint8_t stage);

/* model_take_message is checks 1 and 2: it takes tokens, or refuses. account is
 * CELL_ANY if none is named. */
uint16_t model_take_message(struct model *model,
                            uint16_t session,
                            uint32_t account,
                            bool cancels,
                            struct cell_risk_detail *detail);

/* What was let pass: a new order, a fill, which makes the order less and returns its
 * fee, a mark. */
void model_note_equals(struct model *model, const struct model_order *order);
px_t model_fill(struct model *model, struct model_order *order, px_t px, qty_t qty, bool maker);
void model_mark(struct model *model, uint32_t instrument, px_t px);

/* model_fee_of_lot rounds up; model_fee_reserved is at the higher rate, and not
 * negative. model_cash_of an order is what it reserves. */
notional_t model_fee_of_lot(px_t px, int32_t ppm);
notional_t model_cash_of(const struct model *model, uint32_t instrument, px_t px, qty_t qty);

/* Stages and what is told. model_commit looks at all staged limits of an account and
 * of who is above it; model_run_risk tells what is due. */
void model_commit(struct model *model, uint32_t account, uint32_t instrument);
/* model_unlatch lets an account trade again; its fills are counted anew. */
void model_unlatch(struct model *model, uint32_t account);
void model_add_due(struct model *model, const struct model_due *due);
void model_run_risk(struct model *model);

/* Commands of operators. model_cancel_subject cancels all that a session, account,
 * group or firm has, and returns how many orders. */
void model_admin(struct model *model, const union cell *cells);
/* model_limit_exists says whether a level has a limit. */
bool model_limit_exists(uint8_t level, uint8_t limit);
uint16_t model_set_limit(struct model *model, const struct cell_limit_set *set);
/* model_lower_limit does what a limit that was set with cancels asks for;
 * model_cancel_limited cancels the orders that the limit counts. */
void model_lower_limit(struct model *model, const struct cell_limit_set *set);
uint32_t model_cancel_limited(struct model *model, const struct cell_limit_set *set);
uint32_t model_cancel_subject(struct model *model, uint8_t level, uint32_t subject);
void model_emit_action(struct model *model, const struct model_due *due, uint32_t count);
void model_emit_warning(struct model *model, const struct model_due *due);

/* model_px_allowed says whether collar and band, if there is risk, let px pass. */
bool model_px_allowed(const struct model *model, uint32_t instrument, px_t px);

/* model_market_px finds the limit of a market order of this moment, 0: none. */
px_t model_market_px(const struct model *model, uint32_t instrument, bool sell);

/* A new order as it is asked for: the cells of the command, read. */
struct model_wish {
    const struct cell_order_new *req;
    struct cell_order_extension ext; /* zero if there is none */
    bool sell;
    bool has_link;
    uint64_t linked_clord;
    struct model_order *linked; /* that it names, NULL: none */
};

void model_wish_read(const struct model *model, const union cell *cells, struct model_wish *wish);
/* Checks 1, 2 and 3; check 4. */
uint16_t model_check_form(const struct model *model, const struct model_wish *wish);
uint16_t model_check_attributes(const struct model *model, const struct model_wish *wish);
uint16_t model_check_stop_px(const struct model *model, uint32_t instrument, px_t stop_px);
uint16_t model_check_display(const struct model *model,
                             uint32_t instrument,
                             qty_t qty,
                             qty_t display_qty,
                             uint16_t display_range);
/* Check 6: order is as it would enter. So many pages are promised to others. */
uint16_t model_check_book(const struct model *model,
                          const struct model_order *order,
                          uint32_t pages_promised);

/* model_pages_wanted counts the pages that a level for the order would take, at
 * its price or its stop price; model_pages_free those that are left. */
uint32_t
model_pages_wanted(const struct model *model, const struct model_order *order, bool of_stops);
uint32_t model_pages_free(const struct model *model);

/* Matching. model_enter sends a live order in, from nowhere; model_work lets one
 * that has a price trade and then rest or end. */
void model_enter(struct model *model, struct model_order *order, qty_t min_qty, bool is_new);
void model_work(struct model *model, struct model_order *order);
void model_match(struct model *model, struct model_order *taker);
void model_step(struct model *model, struct model_order *taker, struct model_order *maker);
bool model_is_own(const struct model *model,
                  const struct model_order *taker,
                  const struct model_order *maker);
/* model_trade returns whether it took a linked order out of the maker's level. */
bool
model_trade(struct model *model, struct model_order *taker, struct model_order *maker, qty_t qty);
void model_self_match(struct model *model, struct model_order *taker, struct model_order *maker);
void model_share_step(struct model *model, struct model_order *taker);
bool model_can_yield(const struct model *model, const struct model_order *taker, qty_t min_qty);

/* Stops and pegs. */
void model_stop_enter(struct model *model, struct model_order *order);
void model_elect(struct model *model, uint32_t instrument);
void model_run_stops(struct model *model);
void model_peg_enter(struct model *model, struct model_order *order);
void model_run_pegs(struct model *model);

/* Commands. */
void model_order_new(struct model *model, const union cell *cells);
void model_order_cancel(struct model *model, const union cell *cells);
struct model_order *model_named(const struct model *model,
                                const struct cell_order_cancel *frame,
                                uint64_t order_id,
                                uint64_t orig_clord);
void model_set_side(union cell *own, bool sell);
void model_order_replace(struct model *model, const union cell *cells);
void model_mass_quote(struct model *model, const union cell *cells);
void model_mass_cancel(struct model *model, const union cell *cells);
/* What an iceberg shows at least is a thousandth of its quantity. */
#define MODEL_PARTS 1000u
/* Pegs of an instrument. */
#define MODEL_PEGS  1000u

void model_disconnect(struct model *model, const bool due[MODEL_SESSIONS]);
void model_close(struct model *model, uint32_t instrument);
void model_clock(struct model *model, const union cell *cells);

#endif
