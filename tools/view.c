#include "tools/view.h"

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
    (void)engine;
    (void)level;
    (void)subject;
    (void)instrument;
    (void)limit;
    (void)use;
    return false;
}

bool
view_cash(const struct engine *engine, uint32_t account, struct view_cash *cash)
{
    (void)engine;
    (void)account;
    (void)cash;
    return false;
}

bool
view_by_hand(const struct engine *engine, unsigned kind, uint32_t id, uint32_t id2)
{
    (void)engine;
    (void)kind;
    (void)id;
    (void)id2;
    return false;
}
