#include "risk/bounds.h"

enum oe_reject_reason
risk_check_new(const struct risk *risk,
               const struct risk_order *order,
               struct risk_ticket *ticket,
               struct risk_detail *detail)
{
    const enum oe_reject_reason reason = risk_check_slow(risk, order, NULL, ticket, detail);

    ASSERT(reason != OE_REJECT_REASON_NONE || ticket->position <= risk->slots_mask);
    if (reason == OE_REJECT_REASON_NONE && risk->pairs[ticket->position].version != 0)
        risk_pair_prepare(risk, ticket->position);
    return reason;
}

enum oe_reject_reason
risk_check_amend(const struct risk *risk,
                 const struct risk_order *order,
                 const struct risk_hold *hold,
                 struct risk_ticket *ticket,
                 struct risk_detail *detail)
{
    ASSERT(hold->position <= risk->slots_mask);
    ASSERT(risk->pairs[hold->position].version != 0);
    return risk_check_slow(risk, order, hold, ticket, detail);
}

enum oe_reject_reason
risk_check_replace(struct risk *risk,
                   const struct risk_order *order,
                   uint32_t position,
                   qty_t old_leaves_qty,
                   struct risk_ticket *ticket,
                   struct risk_detail *detail)
{
    const struct risk_hold hold = {
        .position = position, .leaves_qty = old_leaves_qty, .px = PX_ONE, .sell = order->sell};
    const enum oe_reject_reason reason = risk_check_amend(risk, order, &hold, ticket, detail);

    if (reason == OE_REJECT_REASON_NONE) {
        risk_release(risk, position, order->sell, old_leaves_qty);
        risk_reserve(risk, position, order->sell, order->leaves_qty);
    }
    return reason;
}

void
risk_prefetch(const struct risk *risk, uint32_t account, uint32_t instrument)
{
    if (account < risk->cfg.accounts_max && instrument < risk->cfg.instruments_max) {
        PREFETCH_W(&risk->accounts[account]);
        PREFETCH_R(&risk->bounds[instrument]);
        PREFETCH_W(&risk->pairs[risk_pair_home(risk, account, instrument)]);
    }
}

void
risk_prefetch_position(const struct risk *risk, uint32_t position)
{
    ASSERT(position <= risk->slots_mask);
    PREFETCH_W(&risk->pairs[position]);
}

void
risk_prefetch_account(const struct risk *risk, uint32_t account)
{
    if (account < risk->cfg.accounts_max)
        PREFETCH_W(&risk->accounts[account]);
}

void
risk_prefetch_parties(const struct risk *risk, uint32_t account)
{
    if (account < risk->cfg.accounts_max) {
        const uint32_t group = risk->accounts[account].group;

        ASSERT(group < risk->cfg.groups_max);
        PREFETCH_W(&risk->groups[group]);
        PREFETCH_W(&risk->firms[risk->groups[group].parent]);
    }
}

void
risk_prefetch_fill(const struct risk *risk, uint32_t account)
{
    if (account < risk->cfg.accounts_max) {
        PREFETCH_W(&risk->accounts_warm[account]);
        PREFETCH_W(&risk->accounts_pace[account]);
    }
}
