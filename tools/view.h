/*
 * View: what tools ask the engine about limits, use and cash. All reads go through
 * here, by whoever may look at the engine: its own thread, between commands.
 */
#ifndef OUTCRY_TOOLS_VIEW_H
#define OUTCRY_TOOLS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "proto/px_qty.h"
#include "risk/limits.h"

struct view_use {
    struct risk_limit limit;
    notional_t used;
    notional_t headroom; /* negative: above the limit; of no limit: meaningless */
};

struct view_cash {
    notional_t balance;
    notional_t reserved;
    notional_t free; /* balance + credit - reserved */
};

/* view_use fills use; false if the subject does not exist or has no such limit. */
bool view_use(const struct engine *engine,
              uint8_t level,
              uint32_t subject,
              uint32_t instrument,
              uint8_t limit,
              struct view_use *use);
bool view_cash(const struct engine *engine, uint32_t account, struct view_cash *cash);

/* view_known says whether the subject of a level exists. */
bool view_known(const struct engine *engine, uint8_t level, uint32_t subject);

/* view_by_hand says whether what engine_config_get would give was last set by an
 * author who is not the configuration. */
bool view_by_hand(const struct engine *engine, unsigned kind, uint32_t id, uint32_t id2);

/* view_limit_key is the id2 of a LimitSet. */
static inline uint32_t
view_limit_key(uint8_t level, uint8_t limit)
{
    return (uint32_t)level << 8 | limit;
}

#endif
