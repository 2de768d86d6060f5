#include "tools/view.h"

static notional_t
wide(struct engine_wide value)
{
    return (notional_t)((__uint128_t)(uint64_t)value.high << 64 | value.low);
}

bool
view_known(const struct engine *engine, uint8_t level, uint32_t subject)
{
    static const uint8_t kinds[] = {
        [OE_RISK_LEVEL_SESSION] = CELL_KIND_SESSION_SET,
        [OE_RISK_LEVEL_ACCOUNT] = CELL_KIND_ACCOUNT_SET,
        [OE_RISK_LEVEL_GROUP] = CELL_KIND_GROUP_SET,
        [OE_RISK_LEVEL_FIRM] = CELL_KIND_FIRM_SET,
        [OE_RISK_LEVEL_INSTRUMENT] = CELL_KIND_INSTRUMENT_SET,
        [OE_RISK_LEVEL_ACCOUNT_INSTRUMENT] = CELL_KIND_ACCOUNT_SET,
    };
    union cell now[CELL_COMMAND_MAX];

    return level != OE_RISK_LEVEL_NONE && level < ARRAY_LEN(kinds) &&
           engine_config_get(engine, kinds[level], subject, 0, now) > 0;
}

bool
view_use(const struct engine *engine,
         uint8_t level,
         uint32_t subject,
         uint32_t instrument,
         uint8_t limit,
         struct view_use *use)
{
    struct engine_risk_use seen;

    if (!engine_risk_use(engine, level, subject, instrument, limit, &seen))
        return false;
    *use = (struct view_use){
        .limit = {.value = seen.value,
                  .window_ns = seen.window_ns,
                  .slow_ms = seen.slow_ms,
                  .stage = seen.stage,
                  .by_hand = seen.by_hand},
        .used = wide(seen.used),
        .headroom = wide(seen.headroom),
    };
    for (unsigned i = 0; i < RISK_STAGES_CNT; i++)
        use->limit.permille[i] = seen.permille[i];
    return true;
}

bool
view_cash(const struct engine *engine, uint32_t account, struct view_cash *cash)
{
    struct engine_risk_cash seen;

    if (!engine_risk_cash(engine, account, &seen))
        return false;
    *cash = (struct view_cash){
        .balance = wide(seen.balance),
        .reserved = wide(seen.reserved),
        .free = wide(seen.free),
    };
    return true;
}

bool
view_by_hand(const struct engine *engine, unsigned kind, uint32_t id, uint32_t id2)
{
    return engine_config_by_hand(engine, kind, id, id2);
}
