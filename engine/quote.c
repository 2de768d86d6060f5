/*
 * Mass quotes: an account's bid and offer in many instruments, all replaced by
 * one command (docs/matching.md).
 *
 * A quote is an order without an entry in the id map. The account's record in
 * the instrument names its two slots, so the former quotes are found without
 * a search. Records are never given back, as positions are not.
 */
#include <string.h>

#include "engine/terms.h"

#define QUOTE_SIDES 2u

static uint32_t
home_of(const struct quotes *quotes, uint32_t account, uint32_t instrument)
{
    const uint64_t key = (uint64_t)account << 32 | instrument;

    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & quotes->mask;
}

struct quote *
quote_find(const struct engine *engine, uint32_t account, uint32_t instrument)
{
    const struct quotes *quotes = &engine->quotes;
    uint32_t at = home_of(quotes, account, instrument);

    for (; quotes->index[at] != 0; at = (at + 1) & quotes->mask) {
        struct quote *quote = &quotes->at[quotes->index[at] - 1];

        if (quote->account == account && quote->instrument == instrument)
            return quote;
    }
    return NULL;
}

/* index_enter names a record, which is not in the index yet. */
static void
index_enter(struct quotes *quotes, uint32_t idx)
{
    const struct quote *quote = &quotes->at[idx];
    uint32_t at = home_of(quotes, quote->account, quote->instrument);

    while (quotes->index[at] != 0)
        at = (at + 1) & quotes->mask;
    quotes->index[at] = idx + 1;
}

void
quote_index(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->quotes.cnt; i++)
        index_enter(&engine->quotes, i);
}

/* quote_obtain returns the record, a new one if need be; there is room. */
static struct quote *
quote_obtain(struct engine *engine, uint32_t account, uint32_t instrument)
{
    struct quotes *quotes = &engine->quotes;
    struct quote *quote = quote_find(engine, account, instrument);

    if (quote != NULL)
        return quote;
    ASSERT(quotes->cnt < quotes->max);
    quote = &quotes->at[quotes->cnt];
    *quote = (struct quote){.account = account, .instrument = instrument};
    index_enter(quotes, quotes->cnt++);
    return quote;
}

void
quote_forget(struct engine *engine, uint32_t slot)
{
    const struct order *order = &engine->orders.orders[slot];
    struct quote *quote = quote_find(engine, order->account, order->instrument);

    ASSERT(quote != NULL);
    ASSERT(quote->slot1[order_is_sell(order)] == slot + 1);
    quote->slot1[order_is_sell(order)] = 0;
}

/* read_entries copies the entries; false if their number is not that of the
 * cells. */
static bool
read_entries(const union cell *cells, struct quote_entry entries[QUOTE_ENTRIES_MAX])
{
    const uint32_t cnt = cells[0].mass_quote.entries_cnt;

    if (cnt < 1 || cnt > QUOTE_ENTRIES_MAX || cell_count(cells) != 1 + (cnt + 1) / 2)
        return false;
    for (uint32_t i = 0; i < cnt; i++) {
        const struct cell_quote_pair *pair = &cells[1 + i / 2].quote_pair;

        entries[i] = i % 2 == 0 ? (struct quote_entry){pair->instrument1,
                                                       {pair->bid_px1, pair->ask_px1},
                                                       {pair->bid_qty1, pair->ask_qty1}}
                                : (struct quote_entry){pair->instrument2,
                                                       {pair->bid_px2, pair->ask_px2},
                                                       {pair->bid_qty2, pair->ask_qty2}};
    }
    return true;
}

/* check_request checks the request as a whole: nobody takes the quotes of
 * another firm out. */
static enum oe_reject_reason
check_request(struct engine *engine, const union cell *cells, const struct session *session)
{
    const struct cell_mass_quote *in = &cells[0].mass_quote;
    uint32_t group;
    uint32_t firm;

    if (!read_entries(cells, engine->work.entries) ||
        cell_stp(in->stp_capacity) > OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT)
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (engine->cfg.no_risk)
        return OE_REJECT_REASON_NONE;
    if (!risk_account_firm(engine->risk, in->account, &group, &firm))
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    return session->firm == firm || session->firm == RISK_FIRM_ANY
               ? OE_REJECT_REASON_NONE
               : OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM;
}

enum engine_result
quote_mass(struct engine *engine,
           const union cell *cells,
           struct session *session,
           struct cell_sink *out)
{
    struct work *work = &engine->work;
    const unsigned cells_cnt = cell_count(cells);
    struct risk_detail detail; /* not told of a quote */
    enum oe_reject_reason reason = engine_take_message(engine, session, cells[0].mass_quote.session,
                                                       cells[0].mass_quote.account, false, &detail);

    if (reason == OE_REJECT_REASON_NONE)
        reason = check_request(engine, cells, session);
    (void)engine_emit_command(engine, cells, out, cells_cnt, 0, reason);
    for (unsigned i = 1; i < cells_cnt; i++) {
        union cell *cell = engine_emit(out);

        *cell = cells[i];
        cell->bytes[1] = 0;
    }
    work->index = 0;
    if (reason != OE_REJECT_REASON_NONE)
        return work_settled(engine, out);
    work_begin(engine, WORK_QUOTE, PHASE_NEXT);
    work->quote = cells[0].mass_quote;
    work->entry = 0;
    work->removed = 0;
    work->sides[0] = ORDER_NONE;
    work->sides[1] = ORDER_NONE;
    return work_run(engine, out);
}

/* remove_former cancels one side of a former quote; false if all are done. */
static bool
remove_former(struct engine *engine, struct cell_sink *out)
{
    struct work *work = &engine->work;

    if (work->removed == QUOTE_SIDES * work->quote.entries_cnt)
        return false;

    const struct quote *quote = quote_find(engine, work->quote.account,
                                           work->entries[work->removed / QUOTE_SIDES].instrument);
    const uint32_t slot1 = quote != NULL ? quote->slot1[work->removed % QUOTE_SIDES] : 0;

    work->removed++;
    if (slot1 != 0)
        order_retire(engine, slot1 - 1, OE_CANCEL_REASON_QUOTE_REPLACED, out);
    return true;
}

static bool
is_named_before(const struct work *work)
{
    for (uint32_t i = 0; i < work->entry; i++)
        if (work->entries[i].instrument == work->entries[work->entry].instrument)
            return true;
    return false;
}

/* make_side checks one side of an entry and makes its order, in no place yet.
 * other is the room that the other side will take. */
static enum oe_reject_reason
make_side(struct engine *engine, const struct quote_entry *entry, bool sell, uint32_t *other_pages)
{
    struct work *work = &engine->work;
    const struct book *books = engine->books;
    struct risk_order question =
        terms_ask(engine, session_of(&engine->sessions, work->quote.session), work->quote.session,
                  entry->instrument);
    struct risk_detail detail;
    struct risk_ticket ticket;
    enum oe_reject_reason reason =
        engine->journal_low ? OE_REJECT_REASON_JOURNAL_SPACE : order_pool_room(&engine->orders);

    question.account = work->quote.account;
    question.px = entry->px[sell];
    question.qty = entry->qty[sell];
    question.leaves_qty = entry->qty[sell];
    question.sell = sell;
    question.ord_type = OE_ORD_TYPE_LIMIT;
    question.tif = OE_TIME_IN_FORCE_DAY;
    question.quote = true;
    /* The bid of the entry does not live yet, but it will. */
    question.session_cnt += work->sides[0] != ORDER_NONE;
    if (reason == OE_REJECT_REASON_NONE)
        reason = terms_check(engine, &question, &ticket, &detail);
    if (reason != OE_REJECT_REASON_NONE)
        return reason;

    const uint32_t wanted = ladder_pages_wanted(
        &engine->pages, &books[entry->instrument].sides[sell], ladder_key(ticket.tick, sell));

    if (wanted + *other_pages > ladder_room(&engine->pages))
        return OE_REJECT_REASON_LEVEL_POOL_FULL;
    *other_pages = wanted;
    if (!engine->cfg.no_risk)
        risk_reserve_new(engine->risk, &question, &ticket);

    const uint32_t slot = order_take(&engine->orders, engine->cfg.shard);
    struct order *order = &engine->orders.orders[slot];

    *order = (struct order){
        .order_id = order->order_id,
        .clord = work->quote.clord,
        .leaves_qty = entry->qty[sell],
        .instrument = entry->instrument,
        .account = work->quote.account,
        .position = ticket.position,
        .level = LADDER_NONE,
        .tick = ticket.tick,
        .session = work->quote.session,
        .flags = (uint8_t)(ORDER_QUOTE | ORDER_RARE | (sell ? ORDER_SELL : 0u)),
        .ord_type = OE_ORD_TYPE_LIMIT,
        .tif = OE_TIME_IN_FORCE_DAY,
        .stp_capacity = work->quote.stp_capacity,
        .place = PLACE_TAKER,
        .extra = EXTRA_NONE,
    };
    work->sides[sell] = slot;
    return OE_REJECT_REASON_NONE;
}

/* refuse_entry says whether both sides are refused for a common reason. */
static enum oe_reject_reason
refuse_entry(const struct engine *engine, const struct quote_entry *entry)
{
    if (is_named_before(&engine->work))
        return OE_REJECT_REASON_DUPLICATE_ENTRY;
    if (entry->qty[0] != 0 && entry->qty[1] != 0 && entry->px[0] >= entry->px[1])
        return OE_REJECT_REASON_INVALID_PRICE;
    if (engine->quotes.cnt == engine->quotes.max &&
        quote_find(engine, engine->work.quote.account, entry->instrument) == NULL)
        return OE_REJECT_REASON_QUOTE_POOL_FULL;
    return OE_REJECT_REASON_NONE;
}

/* begin_entry does the checks of the next entry and tells what came of them. */
static void
begin_entry(struct engine *engine, struct cell_sink *out)
{
    struct work *work = &engine->work;
    const struct quote_entry *entry = &work->entries[work->entry];
    const uint64_t no_id = 0;
    enum oe_reject_reason outcome[2] = {OE_REJECT_REASON_NONE, OE_REJECT_REASON_NONE};
    const enum oe_reject_reason common = refuse_entry(engine, entry);
    uint32_t pages = 0;

    for (unsigned sell = 0; sell < QUOTE_SIDES; sell++) {
        work->sides[sell] = ORDER_NONE;
        if (entry->qty[sell] == 0)
            continue;
        outcome[sell] =
            common != OE_REJECT_REASON_NONE ? common : make_side(engine, entry, sell, &pages);
        if (outcome[sell] == OE_REJECT_REASON_NONE)
            quote_obtain(engine, work->quote.account, entry->instrument)->slot1[sell] =
                work->sides[sell] + 1;
    }
    work->entry++;
    engine_emit(out)->quote_entry = (struct cell_quote_entry){
        .kind = CELL_KIND_QUOTE_ENTRY,
        .shape = 1,
        .instrument = entry->instrument,
        .seq = engine->seq,
        .time = engine->time_ns,
        .clord = work->quote.clord,
        .bid_order_id =
            work->sides[0] == ORDER_NONE ? no_id : engine->orders.orders[work->sides[0]].order_id,
        .ask_order_id =
            work->sides[1] == ORDER_NONE ? no_id : engine->orders.orders[work->sides[1]].order_id,
        .bid_outcome = (uint16_t)outcome[0],
        .ask_outcome = (uint16_t)outcome[1],
        .index = ++work->index,
        .account = work->quote.account,
        .session = work->quote.session,
        .entry_no = (uint8_t)work->entry,
    };
}

/* quote_step does the next thing: a former quote out, a side of the entry at
 * hand in, the next entry. The stops that an entry elected come before the next
 * entry, but after both its sides. */
void
quote_step(struct engine *engine, struct slice *slice, struct cell_sink *out)
{
    struct work *work = &engine->work;

    slice->budget -= STEP_COST;
    if (remove_former(engine, out))
        return;
    for (unsigned sell = 0; sell < QUOTE_SIDES; sell++) {
        const uint32_t slot = work->sides[sell];

        if (slot == ORDER_NONE)
            continue;
        work->sides[sell] = ORDER_NONE;
        sweep_begin(engine, slot);
        return;
    }
    if (work->entry == work->quote.entries_cnt) {
        work->complete = true;
        return;
    }
    begin_entry(engine, out);
}
