#include "tests/model/generate_parts.h"

/* A limit somewhere: level, subject and which. */
struct where {
    uint8_t level;
    uint8_t limit;
    uint32_t subject;
    uint32_t instrument;
};

static uint32_t
subject_at(struct generator *g, uint8_t level)
{
    const uint32_t counts[] = {
        1, SESSIONS, ACCOUNTS, GROUPS, FIRMS, g->profile->instruments_cnt, ACCOUNTS};

    return random_below(&g->random, counts[level]);
}

/* where picks one of the limits that exist. */
static struct where
where(struct generator *g)
{
    /* Levels of a limit: bits. */
    static const uint8_t levels_of[MODEL_LIMITS] = {
        [CELL_RISK_LIMIT_ORDER_QTY] = 0x3c,     [CELL_RISK_LIMIT_ORDER_VALUE] = 0x3c,
        [CELL_RISK_LIMIT_LONG] = 0x44,          [CELL_RISK_LIMIT_SHORT] = 0x44,
        [CELL_RISK_LIMIT_OPEN_ORDERS] = 0x06,   [CELL_RISK_LIMIT_OPEN_NOTIONAL] = 0x1c,
        [CELL_RISK_LIMIT_DAILY_GROSS] = 0x1c,   [CELL_RISK_LIMIT_DAILY_NET] = 0x1c,
        [CELL_RISK_LIMIT_DAILY_LOSS] = 0x04,    [CELL_RISK_LIMIT_CREDIT] = 0x04,
        [CELL_RISK_LIMIT_MESSAGE_RATE] = 0x16,  [CELL_RISK_LIMIT_CANCEL_RATE] = 0x16,
        [CELL_RISK_LIMIT_DUPLICATES] = 0x04,    [CELL_RISK_LIMIT_EXECUTIONS] = 0x04,
        [CELL_RISK_LIMIT_ORDER_TO_TRADE] = 0x10};
    static const uint8_t rare[] = {CELL_RISK_LIMIT_DAILY_LOSS, CELL_RISK_LIMIT_CREDIT,
                                   CELL_RISK_LIMIT_DUPLICATES, CELL_RISK_LIMIT_EXECUTIONS};
    struct where at = {.limit = (uint8_t)(1 + random_below(&g->random, MODEL_LIMITS - 1))};

    /* What is met most seldom is set most often. */
    if (g->profile->is_strict && random_permille(&g->random, 400))
        at.limit = rare[random_below(&g->random, ARRAY_LEN(rare))];
    do
        at.level = (uint8_t)(1 + random_below(&g->random, MODEL_LEVELS - 1));
    while ((levels_of[at.limit] & 1u << at.level) == 0);
    at.subject = subject_at(g, at.level);
    if (at.level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        at.instrument = generate_instrument(g);
    return at;
}

static const struct model_limit *
limit_at(const struct generator *g, const struct where *at)
{
    return &g->model->subjects[at->level][at->subject].limits[at->limit];
}

/* One typical order. */
static int64_t
order_value(const struct generator *g)
{
    return MIDDLE_PX * g->profile->qty_max / 2;
}

/* near_use lies about what is in use: `room` more, or of a strict profile now and then
 * a little less. */
static int64_t
near_use(struct generator *g, notional_t use, int64_t unit, uint32_t room)
{
    notional_t value = use + (notional_t)unit * random_below(&g->random, room + 1);

    if (g->profile->is_strict && random_permille(&g->random, 300))
        value = use - unit + (int64_t)random_below(&g->random, 3) - 1;
    if (value < 0)
        value = random_below(&g->random, 2) * unit;
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* end_value lies at an end of the range, or at what is in use. */
static int64_t
end_value(struct generator *g, const struct where *at)
{
    const bool summed =
        at->limit >= CELL_RISK_LIMIT_OPEN_ORDERS && at->limit <= CELL_RISK_LIMIT_DAILY_LOSS;
    const int64_t about = (int64_t)random_below(&g->random, 3) - 1;
    const notional_t use =
        summed ? model_use(g->model, at->level, at->subject, at->limit) : (int64_t)1 << 62;

    switch (random_below(&g->random, 4)) {
    case 0:
        return random_below(&g->random, 2);
    case 1:
        return INT64_MAX - 1;
    case 2:
        return use < 1 || use >= INT64_MAX ? INT64_MAX - 2 : (int64_t)use + about;
    default:
        return (int64_t)(random_u64(&g->random) >> (1 + random_below(&g->random, 40)));
    }
}

/* some_value is one that will be met now and then. */
static int64_t
some_value(struct generator *g, const struct where *at)
{
    struct random *random = &g->random;
    const bool strict = g->profile->is_strict;
    const uint32_t room = strict ? 12 : 100;
    const struct model_account *account = &g->model->accounts[at->subject];

    if (g->profile->is_vast && at->limit <= CELL_RISK_LIMIT_CREDIT)
        return end_value(g, at);
    switch (at->limit) {
    case CELL_RISK_LIMIT_ORDER_QTY:
        return (int64_t)g->profile->qty_max * (5 + random_below(random, strict ? 8 : 80)) / 10;
    case CELL_RISK_LIMIT_ORDER_VALUE:
        return order_value(g) * (10 + random_below(random, strict ? 15 : 160)) / 10;
    case CELL_RISK_LIMIT_LONG:
    case CELL_RISK_LIMIT_SHORT:
        return (int64_t)g->profile->qty_max * random_below(random, strict ? 12 : 80);
    case CELL_RISK_LIMIT_CREDIT:
        return near_use(g, model_reserved_cash(g->model, at->subject) - account->balance,
                        order_value(g), room);
    case CELL_RISK_LIMIT_DAILY_LOSS:
        return near_use(g, model_use(g->model, at->level, at->subject, at->limit),
                        order_value(g) / 1000, room * 5);
    case CELL_RISK_LIMIT_DAILY_NET:
    case CELL_RISK_LIMIT_DAILY_GROSS:
    case CELL_RISK_LIMIT_OPEN_NOTIONAL:
        return near_use(g, model_use(g->model, at->level, at->subject, at->limit), order_value(g),
                        at->level == OE_RISK_LEVEL_ACCOUNT ? room : 4 * room);
    case CELL_RISK_LIMIT_OPEN_ORDERS:
        return near_use(g, model_use(g->model, at->level, at->subject, at->limit), 1, room);
    case CELL_RISK_LIMIT_DUPLICATES:
        return 1 + random_below(random, strict ? 2 : 4);
    case CELL_RISK_LIMIT_EXECUTIONS:
        return 1 + random_below(random, strict ? 30 : 300);
    case CELL_RISK_LIMIT_ORDER_TO_TRADE:
        return random_below(random, strict ? 2 : 4);
    default:
        return 1 + random_below(random, strict ? 10 : 100);
    }
}

/* A stream goes through some 3 ms by itself. */
static uint64_t
some_window_ns(struct generator *g, uint8_t limit)
{
    struct random *random = &g->random;

    switch (limit) {
    case CELL_RISK_LIMIT_MESSAGE_RATE:
    case CELL_RISK_LIMIT_CANCEL_RATE:
        /* Few different ones, or now and then any. */
        return random_permille(random, 900) ? 1000u << random_below(random, 4)
                                            : 1 + random_below(random, 20000);
    case CELL_RISK_LIMIT_DUPLICATES:
    case CELL_RISK_LIMIT_EXECUTIONS:
        return 1 + random_below(random, 1u << (10 + random_below(random, 15)));
    default:
        return 0;
    }
}

static void
some_stages(struct generator *g, struct cell_limit_set *set)
{
    struct random *random = &g->random;
    uint16_t *permilles[] = {&set->warn_permille, &set->slow_permille, &set->close_permille,
                             &set->block_permille};
    const uint32_t often[] = {600, 250, 250, 200};

    if (set->limit < CELL_RISK_LIMIT_OPEN_ORDERS || set->limit > CELL_RISK_LIMIT_DAILY_LOSS ||
        (set->limit == CELL_RISK_LIMIT_OPEN_ORDERS && set->level != OE_RISK_LEVEL_ACCOUNT) ||
        random_permille(random, 500))
        return;
    for (unsigned i = 0; i < ARRAY_LEN(often); i++)
        if (random_permille(random, often[i]))
            *permilles[i] = (uint16_t)(1 + random_below(random, 999));
    set->slow_ms = (uint16_t)random_below(random, 3);
}

/* spoil makes it a limit that must not be. */
static void
spoil(struct generator *g, struct cell_limit_set *set)
{
    struct random *random = &g->random;

    switch (random_below(random, 9)) {
    case 8:
        set->cancels = (uint8_t)(1 + random_below(random, 2));
        break;
    case 0:
        set->level = (uint8_t)random_below(random, MODEL_LEVELS);
        break;
    case 1:
        set->limit = (uint8_t)random_below(random, MODEL_LIMITS);
        break;
    case 2:
        set->subject = random_permille(random, 500) ? UINT32_MAX : ACCOUNTS + GROUPS;
        break;
    case 3:
        set->value = random_permille(random, 500) ? -1 : INT64_MIN;
        break;
    case 4:
        set->value = 0;
        break;
    case 5:
        set->value = 65535 + random_below(random, 2);
        break;
    case 6:
        set->window_ns = random_permille(random, 500) ? 0 : UINT64_MAX;
        break;
    default:
        set->block_permille = (uint16_t)(999 + random_below(random, 2));
        break;
    }
}

struct command
generate_limit(struct generator *g, bool easier)
{
    struct where at = where(g);

    /* What is set somewhere is found by looking for it. */
    for (unsigned i = 0;
         i < 20 && easier &&
         (limit_at(g, &at)->value == MODEL_NONE || at.limit == CELL_RISK_LIMIT_ORDER_TO_TRADE);
         i++)
        at = where(g);

    const bool lifts = easier ? !random_permille(&g->random, 200) : random_permille(&g->random, 50);
    struct command command =
        command_limit(at.level, at.subject, at.limit, lifts ? MODEL_NONE : some_value(g, &at));
    struct cell_limit_set *set = &command.cells[0].limit_set;

    set->instrument = at.instrument;
    set->cancels =
        random_permille(&g->random, 100) &&
        (at.level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT ||
         (at.limit >= CELL_RISK_LIMIT_OPEN_ORDERS && at.limit <= CELL_RISK_LIMIT_CREDIT));
    if (lifts)
        return command;
    set->window_ns = some_window_ns(g, at.limit);
    some_stages(g, set);
    if (!g->profile->is_polite && random_permille(&g->random, 30))
        spoil(g, set);
    return command;
}

bool
generate_lift(struct generator *g, struct command *command)
{
    static const struct {
        uint16_t reason;
        uint8_t limit;
    } causes[] = {{OE_REJECT_REASON_MAX_ORDER_QTY, CELL_RISK_LIMIT_ORDER_QTY},
                  {OE_REJECT_REASON_MAX_ORDER_VALUE, CELL_RISK_LIMIT_ORDER_VALUE},
                  {OE_REJECT_REASON_LONG_POSITION_LIMIT, CELL_RISK_LIMIT_LONG},
                  {OE_REJECT_REASON_SHORT_POSITION_LIMIT, CELL_RISK_LIMIT_SHORT},
                  {OE_REJECT_REASON_MAX_OPEN_ORDERS, CELL_RISK_LIMIT_OPEN_ORDERS},
                  {OE_REJECT_REASON_OPEN_NOTIONAL, CELL_RISK_LIMIT_OPEN_NOTIONAL},
                  {OE_REJECT_REASON_DAILY_GROSS, CELL_RISK_LIMIT_DAILY_GROSS},
                  {OE_REJECT_REASON_DAILY_NET, CELL_RISK_LIMIT_DAILY_NET},
                  {OE_REJECT_REASON_DAILY_LOSS, CELL_RISK_LIMIT_DAILY_LOSS},
                  {OE_REJECT_REASON_INSUFFICIENT_FUNDS, CELL_RISK_LIMIT_CREDIT},
                  {OE_REJECT_REASON_THROTTLED, CELL_RISK_LIMIT_MESSAGE_RATE},
                  {OE_REJECT_REASON_DUPLICATIVE_ORDER, CELL_RISK_LIMIT_DUPLICATES}};

    for (unsigned i = 0; i < ARRAY_LEN(causes); i++)
        if (causes[i].reason == g->reason && g->detail.level != OE_RISK_LEVEL_NONE) {
            *command =
                command_limit(g->detail.level, g->detail.subject, causes[i].limit, MODEL_NONE);
            if (g->detail.level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
                command->cells[0].limit_set.instrument = g->instrument;
            return true;
        }
    return false;
}
