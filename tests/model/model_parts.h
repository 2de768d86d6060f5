/*
 * What the parts of the model share; nobody else includes it.
 *
 *   model.c        admission, setup, sessions    model_order.c   new, cancel, replace
 *   model_book.c   lists, trades, events         model_mass.c    mass cancels, timers
 *   model_risk.c   checks
 */
#ifndef OUTCRY_TESTS_MODEL_MODEL_PARTS_H
#define OUTCRY_TESTS_MODEL_MODEL_PARTS_H

#include "tests/model/model.h"

/* An order id has the order's slot in its low 24 bits. */
#define MODEL_SLOT(order_id) ((order_id)&0xffffffu)

/* model_firm_of_session is UINT32_MAX for the exchange itself. */
uint32_t model_firm_of_session(const struct model *model, uint16_t session);
void model_use_position(struct model *model, uint32_t account, uint32_t instrument);

/* Events and the command's own message; detail is NULL, or without a level, if
 * there are no numbers behind its outcome. */
union cell *model_emit(struct model *model, const union cell *cell);
union cell *model_emit_command(struct model *model,
                               const union cell *cells,
                               uint16_t outcome,
                               const struct cell_risk_detail *detail);
void model_emit_canceled(struct model *model, const struct model_order *order, uint8_t reason);

/* The book. */
void model_note_id(struct model *model, uint64_t order_id);
void model_insert(struct model *model, struct model_order *order);
void model_unlink(struct model *model, const struct model_order *order);
bool model_would_trade(const struct model *model, uint32_t instrument, bool sell, px_t px);
uint64_t model_reachable(const struct model *model, uint32_t instrument, bool sell, px_t px);
void model_trade(struct model *model, struct model_order *taker);

/* Commands. */
void model_order_new(struct model *model,
                     const union cell *cells,
                     const union cell *engine_group,
                     uint32_t engine_cnt,
                     uint32_t origin);
void model_order_cancel(struct model *model, const union cell *cells);
void model_order_replace(struct model *model,
                         const union cell *cells,
                         const union cell *engine_group,
                         uint32_t engine_cnt);
void model_mass_cancel(struct model *model, const union cell *cells);
void model_clock(struct model *model, const union cell *cells);

#endif
