#include <stdlib.h>

#include "tests/model/model_parts.h"

/* One entry of a request and what becomes of it; bid, then offer. */
struct entry {
    uint32_t instrument;
    uint8_t number;
    px_t px[2];
    qty_t qty[2];
    uint16_t outcomes[2];
    struct model_order *orders[2];
};

/* read_entry reads entry number `at`, from 0: two lie in one cell. */
static struct entry
read_entry(const union cell *cells, uint32_t at)
{
    const struct cell_quote_pair *pair = &cells[1 + at / 2].quote_pair;

    if (at % 2 == 0)
        return (struct entry){
            .instrument = pair->instrument1,
            .number = (uint8_t)(at + 1),
            .px = {pair->bid_px1, pair->ask_px1},
            .qty = {pair->bid_qty1, pair->ask_qty1},
        };
    return (struct entry){
        .instrument = pair->instrument2,
        .number = (uint8_t)(at + 1),
        .px = {pair->bid_px2, pair->ask_px2},
        .qty = {pair->bid_qty2, pair->ask_qty2},
    };
}

static struct model_order *
quote_of(const struct model *model, uint32_t account, uint32_t instrument, bool sell)
{
    for (struct model_order *o = model->live; o != NULL; o = o->next_live)
        if (o->is_quote && o->account == account && o->instrument == instrument && o->sell == sell)
            return o;
    return NULL;
}

static bool
is_quoter(const struct model *model, uint32_t account, uint32_t instrument)
{
    for (uint32_t i = 0; i < model->quoters_cnt; i++)
        if (model->quoters[i].account == account && model->quoters[i].instrument == instrument)
            return true;
    return false;
}

/* was_named says whether an entry before this one named its instrument. */
static bool
was_named(const union cell *cells, const struct entry *entry)
{
    for (uint32_t i = 0; i + 1 < entry->number; i++)
        if (read_entry(cells, i).instrument == entry->instrument)
            return true;
    return false;
}

/* refuse_both finds what is wrong with an entry as a whole. */
static uint16_t
refuse_both(const struct model *model, const union cell *cells, const struct entry *entry)
{
    if (was_named(cells, entry))
        return OE_REJECT_REASON_DUPLICATE_ENTRY;
    if (entry->qty[0] != 0 && entry->qty[1] != 0 && entry->px[0] >= entry->px[1])
        return OE_REJECT_REASON_INVALID_PRICE;
    if (!is_quoter(model, cells->mass_quote.account, entry->instrument) &&
        model->quoters_cnt == model->cfg.positions_max)
        return OE_REJECT_REASON_QUOTE_POOL_FULL;
    return 0;
}

/* check_side does the checks of one quote, and gives what it would be. The pages
 * that the bid will want are not the offer's. */
static uint16_t
check_side(const struct model *model,
           const struct cell_mass_quote *req,
           const struct entry *entry,
           bool sell,
           struct model_order *like)
{
    struct model_question question = {
        .instrument = entry->instrument,
        .account = req->account,
        .firm = model_firm_of_session(model, req->session),
        .session = req->session,
        .px = entry->px[sell],
        .qty = entry->qty[sell],
        .leaves_qty = entry->qty[sell],
        .sell = sell,
        .is_quote = true,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .tif = OE_TIME_IN_FORCE_DAY,
    };
    uint16_t reason;

    if (model->journal_low)
        return OE_REJECT_REASON_JOURNAL_SPACE;
    if (model->orders_cnt == model->cfg.orders_max)
        return OE_REJECT_REASON_ORDER_POOL_FULL;
    reason = model_risk(model, &question);
    if (reason != 0)
        return reason;
    *like = (struct model_order){
        .clord = req->clord,
        .px = question.px,
        .hold_px = question.px,
        .leaves_qty = entry->qty[sell],
        .instrument = entry->instrument,
        .account = req->account,
        .session = req->session,
        .sell = sell,
        .is_quote = true,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .tif = OE_TIME_IN_FORCE_DAY,
        .stp_capacity = req->stp_capacity,
    };
    return model_check_book(
        model, like,
        entry->orders[0] == NULL ? 0 : model_pages_wanted(model, entry->orders[0], false));
}

/* given_id finds the id that the engine gave to a quote. */
static uint64_t
given_id(const struct model *model, const struct entry *entry, bool sell)
{
    for (uint32_t i = 0; i < model->engine_cnt; i++) {
        const struct cell_quote_entry *cell = &model->engine_group[i].quote_entry;

        if (cell->kind == CELL_KIND_QUOTE_ENTRY && cell->entry_no == entry->number)
            return sell ? cell->ask_order_id : cell->bid_order_id;
    }
    return 0;
}

/* make_quotes makes the orders of an entry that pass the checks. */
static void
make_quotes(struct model *model, const union cell *cells, struct entry *entry)
{
    const struct cell_mass_quote *req = &cells->mass_quote;
    const uint16_t reason = refuse_both(model, cells, entry);
    struct model_order like;

    for (unsigned sell = 0; sell < 2; sell++) {
        if (entry->qty[sell] == 0)
            continue;
        entry->outcomes[sell] = reason != 0 ? reason : check_side(model, req, entry, sell, &like);
        if (entry->outcomes[sell] != 0)
            continue;
        like.order_id = given_id(model, entry, sell);
        entry->orders[sell] = model_order_make(model, &like);
        model_commit(model, req->account, entry->instrument);
        if (!is_quoter(model, req->account, entry->instrument))
            model->quoters[model->quoters_cnt++] =
                (struct model_quoter){req->account, entry->instrument};
    }
}

static void
emit_entry(struct model *model, const struct cell_mass_quote *req, const struct entry *entry)
{
    const union cell cell = {
        .quote_entry = {
            .kind = CELL_KIND_QUOTE_ENTRY,
            .shape = 1,
            .instrument = entry->instrument,
            .seq = model->seq,
            .time = model->time_ns,
            .clord = req->clord,
            .bid_order_id = entry->orders[0] == NULL ? 0 : entry->orders[0]->order_id,
            .ask_order_id = entry->orders[1] == NULL ? 0 : entry->orders[1]->order_id,
            .bid_outcome = entry->outcomes[0],
            .ask_outcome = entry->outcomes[1],
            .index = ++model->event_index,
            .account = req->account,
            .session = req->session,
            .entry_no = entry->number,
        }};

    model_emit(model, &cell);
}

/* refuse_request finds what is wrong with the request as a whole: its quotes are
 * not touched then. */
static uint16_t
refuse_request(const struct model *model, const union cell *cells)
{
    const struct cell_mass_quote *req = &cells->mass_quote;
    const uint32_t firm = model_firm_of_session(model, req->session);

    if (req->entries_cnt == 0 || req->entries_cnt > QUOTE_ENTRIES_MAX ||
        1 + (req->entries_cnt + 1) / 2 != cell_count(cells) ||
        (req->stp_capacity & 0xf) > OE_SELF_MATCH_PREVENTION_INSTRUCTION_DECREMENT)
        return OE_REJECT_REASON_ATTRIBUTE_NOT_ALLOWED;
    if (model->cfg.no_risk)
        return 0;
    if (req->account >= MODEL_ACCOUNTS || !model->accounts[req->account].known)
        return OE_REJECT_REASON_UNKNOWN_ACCOUNT;
    if (firm != UINT32_MAX && model_account_firm(model, req->account) != firm)
        return OE_REJECT_REASON_ACCOUNT_NOT_OF_FIRM;
    return 0;
}

void
model_mass_quote(struct model *model, const union cell *cells)
{
    const struct cell_mass_quote *req = &cells->mass_quote;
    struct cell_risk_detail unused;
    uint16_t reason = model_take_message(model, req->session, req->account, false, &unused);

    if (reason == 0)
        reason = refuse_request(model, cells);
    model_emit_command(model, cells, reason, NULL);
    if (reason != 0)
        return;
    for (uint32_t i = 0; i < req->entries_cnt; i++)
        for (unsigned sell = 0; sell < 2; sell++) {
            struct model_order *former =
                quote_of(model, req->account, read_entry(cells, i).instrument, sell);

            if (former != NULL)
                model_cancel(model, former, OE_CANCEL_REASON_QUOTE_REPLACED);
        }
    for (uint32_t i = 0; i < req->entries_cnt; i++) {
        struct entry entry = read_entry(cells, i);

        make_quotes(model, cells, &entry);
        emit_entry(model, req, &entry);
        for (unsigned sell = 0; sell < 2; sell++)
            if (entry.orders[sell] != NULL)
                model_work(model, entry.orders[sell]);
        model_run_stops(model);
    }
}
