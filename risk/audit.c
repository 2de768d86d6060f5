#include "risk/state.h"

/*
 * The hash of all that can change an outcome, and the invariants. What is prepared
 * is not hashed but what it follows from: uses in place of rooms.
 */

static void
add(struct hash_state *hash, const void *data, size_t bytes)
{
    hash_update(hash, data, bytes);
}

static void
add_u64(struct hash_state *hash, uint64_t value)
{
    hash_update(hash, &value, sizeof value);
}

static void
hash_subject(const struct risk *risk, uint8_t level, uint32_t id, struct hash_state *hash)
{
    const struct risk_subject *subject = risk_subject_of(risk, level, id);

    add_u64(hash, subject->flags & (unsigned)~RISK_IS_OUT);
    if ((subject->flags & RISK_IS_KNOWN) == 0)
        return;

    const struct risk_usage usage = risk_usage_get(risk, level, id);
    const notional_t amounts[] = {usage.value,    usage.bought,  usage.sold,
                                  usage.reserved, usage.balance, usage.profit};

    add(hash, amounts, sizeof amounts);
    add_u64(hash, (uint64_t)usage.orders_cnt);
    for (unsigned i = 0; i < RISK_LIMITS_CNT; i++)
        add(hash, &subject->limits[i], sizeof subject->limits[i]);
    add_u64(hash, subject->slow_full_ns);
    add_u64(hash, subject->pending_next);
    add_u64(hash, (uint64_t)subject->by_hand << 32 | (uint64_t)subject->state << 16 |
                      (uint64_t)subject->types << 8 | subject->tifs);
    add(hash, subject->name, sizeof subject->name);
}

static void
hash_account(const struct risk *risk, uint32_t id, struct hash_state *hash)
{
    const struct risk_account_line *line = &risk->accounts[id];
    const struct risk_account_warm *warm = &risk->accounts_warm[id];

    hash_subject(risk, OE_RISK_LEVEL_ACCOUNT, id, hash);
    add_u64(hash, (uint64_t)line->group << 32 | (uint64_t)(line->flags & RISK_LINE_LOOK) << 16 |
                      (uint64_t)line->message_rate << 8 | line->cancel_rate);
    add_u64(hash,
            risk_bucket_full(line->message_ready_ns, risk_rate_get(risk, line->message_rate)));
    add_u64(hash, risk_bucket_full(line->cancel_ready_ns, risk_rate_get(risk, line->cancel_rate)));
    add_u64(hash, warm->executions_since_ns);
    add_u64(hash, warm->executions_cnt);
}

static void
hash_party(const struct risk *risk, uint8_t level, uint32_t id, struct hash_state *hash)
{
    const bool is_firm = level == OE_RISK_LEVEL_FIRM;
    static const struct risk_firm_line none; /* of a group */
    const struct risk_firm_line *line = is_firm ? &risk->firms[id] : &none;
    const uint32_t parent = is_firm ? 0 : risk->groups_warm[id].parent;

    ASSERT(is_firm || level == OE_RISK_LEVEL_GROUP);
    hash_subject(risk, level, id, hash);
    add_u64(hash, (uint64_t)parent << 32 |
                      (uint64_t)(*risk_flags_of(risk, level, id) & RISK_LINE_LOOK) << 16 |
                      (uint64_t)line->message_rate << 8 | line->cancel_rate);
    add_u64(hash,
            risk_bucket_full(line->message_ready_ns, risk_rate_get(risk, line->message_rate)));
    add_u64(hash, risk_bucket_full(line->cancel_ready_ns, risk_rate_get(risk, line->cancel_rate)));
    add_u64(hash, is_firm ? risk_messages(risk, id) : 0);
    add_u64(hash, line->trades_cnt);
    add(hash, risk_restricted_row(risk, level, id),
        (risk->marks.instruments_cnt + 63) / 64 * sizeof(uint64_t));
    add(hash, risk_by_hand_row(risk, level, id),
        (risk->marks.instruments_cnt + 63) / 64 * sizeof(uint64_t));
}

static void
hash_instrument(const struct risk *risk, uint32_t id, struct hash_state *hash)
{
    const struct risk_instrument *instrument = &risk->instruments[id];
    const px_t prices[] = {instrument->tick_px,       instrument->reference_px,
                           instrument->settlement_px, instrument->band_low_px,
                           instrument->band_high_px,  risk->bounds[id].mark_px};
    const uint32_t numbers[] = {instrument->order_qty_min,
                                instrument->lot_qty,
                                instrument->collar_ticks,
                                instrument->collar_permille,
                                instrument->known,
                                instrument->state,
                                instrument->px_decimals,
                                instrument->references,
                                instrument->unreferenced,
                                instrument->types,
                                instrument->tifs,
                                instrument->by_hand,
                                (uint32_t)instrument->fees.maker_ppm,
                                (uint32_t)instrument->fees.taker_ppm};

    ASSERT(id < risk->marks.instruments_cnt);
    add(hash, prices, sizeof prices);
    add(hash, numbers, sizeof numbers);
    add(hash, instrument->limits, sizeof instrument->limits);
    add(hash, &instrument->moved_qty, sizeof instrument->moved_qty);
    add(hash, risk->symbols[id], sizeof risk->symbols[id]);
}

static void
hash_pair(const struct risk *risk, uint32_t at, struct hash_state *hash)
{
    const struct risk_pair_line *pair = &risk->pairs[at];
    const struct risk_pair_cold *cold = &risk->pairs_cold[at];

    ASSERT(pair->version != 0);
    add_u64(hash, at);
    add_u64(hash, (uint64_t)pair->account << 32 | pair->instrument);
    add_u64(hash, (uint64_t)pair->position_qty);
    add_u64(hash, risk_pair_open(risk, at, false));
    add_u64(hash, risk_pair_open(risk, at, true));
    add_u64(hash, (uint64_t)pair->run_tick_sell << 32 | pair->run_qty);
    add_u64(hash, pair->run);
    add(hash, cold->own_qty, sizeof cold->own_qty);
    add_u64(hash, (uint64_t)cold->has_own[0] << 24 | (uint64_t)cold->has_own[1] << 16 |
                      (uint64_t)cold->restricted << 8 | cold->by_hand);
}

void
risk_hash(const struct risk *risk, struct hash_state *hash)
{
    const struct risk_marks *marks = &risk->marks;
    const notional_t amounts[] = {risk->cash_moved, risk->fees};
    const struct risk_rate unlimited = {0, RISK_TIME_NS_MAX};

    add(hash, &risk->cfg, sizeof risk->cfg);
    add(hash, marks, sizeof *marks);
    add(hash, amounts, sizeof amounts);
    add(hash, &unlimited, sizeof unlimited);
    for (unsigned i = 1; i < RISK_RATES_CNT; i++) {
        add_u64(hash, risk->rates_interval_ns[i]);
        add_u64(hash, risk->rates_slack_ns[i]);
    }
    add(hash, risk->rates_users, sizeof risk->rates_users);
    add_u64(hash, (uint64_t)risk->date << 32 | risk->pending_head);
    add_u64(hash, (uint64_t)risk->moving_instrument << 32 | risk->pending_tail);
    add_u64(hash, (uint64_t)risk->moving_px);
    for (uint32_t i = 0; i < marks->accounts_cnt; i++)
        hash_account(risk, i, hash);
    for (uint32_t i = 0; i < marks->groups_cnt; i++)
        hash_party(risk, OE_RISK_LEVEL_GROUP, i, hash);
    for (uint32_t i = 0; i < marks->firms_cnt; i++)
        hash_party(risk, OE_RISK_LEVEL_FIRM, i, hash);
    for (uint32_t i = 0; i < marks->instruments_cnt; i++)
        hash_instrument(risk, i, hash);
    for (uint32_t i = 0; i < marks->positions_cnt; i++)
        hash_pair(risk, risk->used[i], hash);
}

void
risk_position_check(const struct risk *risk,
                    uint32_t position,
                    uint64_t open_buy_qty,
                    uint64_t open_sell_qty)
{
    ASSERT(position <= risk->slots_mask);

    const struct risk_pair_line *pair = &risk->pairs[position];

    ASSERT(pair->version != 0);
    ASSERT(risk_pair_open(risk, position, false) == open_buy_qty);
    ASSERT(risk_pair_open(risk, position, true) == open_sell_qty);
    ASSERT(risk_pair_find(risk, pair->account, pair->instrument) == position);
}

void
risk_account_check(const struct risk *risk, uint32_t account, const struct risk_sums *sums)
{
    ASSERT(account < risk->marks.accounts_cnt);

    const struct risk_subject *subject = risk_subject_of(risk, OE_RISK_LEVEL_ACCOUNT, account);
    const bool known = (subject->flags & RISK_IS_KNOWN) != 0;

    if (!known) {
        ASSERT(sums->orders_cnt == 0);
        return;
    }

    const struct risk_usage usage = risk_usage_get(risk, OE_RISK_LEVEL_ACCOUNT, account);
    const struct risk_limit *credit = &subject->limits[CELL_RISK_LIMIT_CREDIT];

    ASSERT(usage.value == sums->value);
    ASSERT(usage.reserved == sums->cash);
    ASSERT(usage.orders_cnt == sums->orders_cnt);
    if (credit->value != RISK_LIMIT_OFF && (subject->flags & RISK_IS_LOWERED) == 0)
        ASSERT(risk_cash_free(risk, account) >= 0);
}

/* total_check asserts that a group or firm uses what its members do. */
static void
total_check(const struct risk *risk, uint8_t level, uint32_t id, const struct risk_total *total)
{
    if ((risk_subject_of(risk, level, id)->flags & RISK_IS_KNOWN) == 0)
        return;

    const struct risk_usage usage = risk_usage_get(risk, level, id);

    ASSERT(usage.value == total->value);
    ASSERT(usage.bought == total->bought);
    ASSERT(usage.sold == total->sold);
}

static void
total_add(struct risk_total *total, const struct risk_usage *usage)
{
    ASSERT(usage->bought >= 0);
    ASSERT(usage->sold >= 0);
    total->value += usage->value;
    total->bought += usage->bought;
    total->sold += usage->sold;
}

/* check_money sums over all accounts. */
static void
check_money(const struct risk *risk)
{
    struct risk_total *groups = risk->totals;
    struct risk_total *firms = &risk->totals[risk->cfg.groups_max];
    struct risk_total all = {.value = 0};
    notional_t balances = 0;

    for (uint32_t i = 0; i < risk->marks.groups_cnt; i++)
        groups[i] = (struct risk_total){.value = 0};
    for (uint32_t i = 0; i < risk->marks.firms_cnt; i++)
        firms[i] = (struct risk_total){.value = 0};
    for (uint32_t i = 0; i < risk->marks.accounts_cnt; i++) {
        if ((risk->subjects[0][i].flags & RISK_IS_KNOWN) == 0)
            continue;

        const struct risk_usage usage = risk_usage_get(risk, OE_RISK_LEVEL_ACCOUNT, i);
        const struct risk_account_line *line = &risk->accounts[i];

        ASSERT(line->firm == risk->groups_warm[line->group].parent);
        total_add(&groups[line->group], &usage);
        total_add(&firms[line->firm], &usage);
        total_add(&all, &usage);
        balances += usage.balance;
    }
    for (uint32_t i = 0; i < risk->marks.groups_cnt; i++)
        total_check(risk, OE_RISK_LEVEL_GROUP, i, &groups[i]);
    for (uint32_t i = 0; i < risk->marks.firms_cnt; i++)
        total_check(risk, OE_RISK_LEVEL_FIRM, i, &firms[i]);
    ASSERT(all.bought == all.sold);
    ASSERT(balances + risk->fees == risk->cash_moved);
}

void
risk_conservation_check(const struct risk *risk)
{
    struct risk_instrument *instruments = risk->instruments;
    uint32_t users_cnt = 0;

    check_money(risk);
    for (uint32_t i = 0; i < risk->marks.instruments_cnt; i++)
        instruments[i].sum_qty = 0;
    for (uint32_t i = 0; i < risk->marks.positions_cnt; i++) {
        const struct risk_pair_line *pair = &risk->pairs[risk->used[i]];

        ASSERT(pair->version != 0);
        instruments[pair->instrument].sum_qty += pair->position_qty;
    }
    for (uint32_t i = 0; i < risk->marks.instruments_cnt; i++)
        ASSERT(instruments[i].sum_qty == instruments[i].moved_qty);
    for (unsigned i = 0; i < RISK_RATES_CNT; i++)
        users_cnt += risk->rates_users[i];
    ASSERT(users_cnt <= 2 * (risk->marks.accounts_cnt + risk->marks.firms_cnt + SESSIONS_MAX));
    ASSERT(risk->rates_interval_ns[RISK_RATE_NONE] == 0);
}
