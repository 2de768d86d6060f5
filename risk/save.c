#include "risk/state.h"

/*
 * An image of risk: what struct risk has behind its pointers, then the whole block of
 * arrays behind struct risk, sparse. No array is named, so one that comes or goes needs
 * nothing here; memory not in use is zero, so it costs nothing there.
 */

#define PLAIN_OFF offsetof(struct risk, marks)

/* block_of returns where the arrays begin, block_bytes how much they take. */
static inline uint8_t *
block_of(const struct risk *risk)
{
    return (uint8_t *)(uintptr_t)risk + sizeof *risk;
}

static size_t
block_bytes(const struct risk *risk)
{
    return risk_footprint(&risk->cfg) - sizeof *risk;
}

void
risk_save(const struct risk *risk, struct image_out *out)
{
    ASSERT((const uint8_t *)risk->accounts >= block_of(risk));
    image_put(out, (const uint8_t *)risk + PLAIN_OFF, sizeof *risk - PLAIN_OFF);
    image_put_sparse(out, block_of(risk), block_bytes(risk));
}

/* marks_fit says whether the marks lie within the arrays, and the pairs in use are
 * there: what risk_hash goes by. */
static bool
marks_fit(const struct risk *risk)
{
    const struct risk_marks *marks = &risk->marks;
    const struct risk_cfg *cfg = &risk->cfg;

    if (marks->firms_cnt > cfg->firms_max || marks->groups_cnt > cfg->groups_max ||
        marks->accounts_cnt > cfg->accounts_max || marks->instruments_cnt > cfg->instruments_max ||
        marks->positions_cnt > cfg->positions_max || risk->version == 0)
        return false;
    for (uint32_t i = 0; i < marks->positions_cnt; i++) {
        const uint32_t at = risk->used[i];

        if (at > risk->slots_mask || risk->pairs[at].version == 0)
            return false;
    }
    return true;
}

bool
risk_load(struct risk *risk, struct image_in *in)
{
    ASSERT(risk->marks.positions_cnt == 0);
    return image_get(in, (uint8_t *)risk + PLAIN_OFF, sizeof *risk - PLAIN_OFF) &&
           image_get_sparse(in, block_of(risk), block_bytes(risk)) && marks_fit(risk);
}

void
risk_shape(const struct risk *risk, struct hash_state *hash)
{
    const uint64_t sizes[] = {
        risk_footprint(&risk->cfg),
        sizeof(struct risk),
        PLAIN_OFF,
        sizeof(struct risk_account_line),
        sizeof(struct risk_group_line),
        sizeof(struct risk_firm_line),
        sizeof(struct risk_pair_line),
        sizeof(struct risk_bounds),
        sizeof(struct risk_account_warm),
        sizeof(struct risk_group_warm),
        sizeof(struct risk_pair_cold),
        sizeof(struct risk_subject),
        sizeof(struct risk_instrument),
        sizeof(struct risk_total),
    };

    hash_update(hash, sizes, sizeof sizes);
}
