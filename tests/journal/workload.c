#include "tests/journal/workload.h"

#include <string.h>

#define INSTRUMENTS 8u
#define MID_PX      1000

void *
workload_memory(size_t bytes)
{
    const size_t rounded = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    void *mem = aligned_alloc(CACHE_LINE, rounded);

    if (mem != NULL)
        memset(mem, 0, rounded);
    return mem;
}

/* take appends what the engine wrote. */
static void
take(struct rig_cells *all, const union cell *cells, uint64_t cnt)
{
    rig_reserve(all, cnt);
    memcpy(&all->cells[all->cnt], cells, cnt * sizeof *cells);
    all->cnt += cnt;
}

/* apply applies one command with all its slices; returns its first cell. */
static const union cell *
apply(struct workload *workload, union cell *command)
{
    static union cell cells[256];
    struct cell_sink sink = {.cells = cells, .mask = 255};
    const size_t from = workload->all->cnt;
    enum engine_result rc;

    command->words[2] = workload->time_ns += 1000;
    rc = engine_apply(workload->engine, command, &sink);
    CHECK(rc != ENGINE_DROPPED, "%s", cell_kind_name(cell_kind(command)));
    take(workload->all, cells, sink.pos);
    while (rc == ENGINE_MORE) {
        sink.pos = 0;
        rc = engine_resume(workload->engine, &sink);
        take(workload->all, cells, sink.pos);
    }
    workload->all->whole = workload->all->cnt;
    workload->all->seq = engine_seq(workload->engine);
    return &workload->all->cells[from];
}

/* configure applies one command of the exchange itself, which must be accepted. */
static void
configure(struct workload *workload, union cell *cells, unsigned kind, unsigned cells_cnt)
{
    cells[0].bytes[0] = (uint8_t)kind;
    cells[0].bytes[1] = (uint8_t)cells_cnt;
    cells[0].order_new.session = CELL_SESSION;

    const unsigned outcome = cell_outcome(apply(workload, cells));

    CHECK(outcome == 0, "%s: %u", cell_kind_name(kind), outcome);
}

static void
genesis(struct workload *workload)
{
    const struct engine_cfg cfg = {
        .shard = 3,
        .orders_max = 4096,
        .instruments_max = INSTRUMENTS,
        .accounts_max = 2,
        .groups_max = 1,
        .firms_max = 1,
        .sessions_max = 1,
        .positions_max = 64,
        .pages_max = 1024,
    };
    union cell cell = {0};

    workload->engine = engine_init(workload_memory(engine_footprint(&cfg)), &cfg);
    engine_genesis(&cfg, 1, &cell);
    (void)apply(workload, &cell);
}

/* parties sets up one firm with two accounts and all instruments. */
static void
parties(struct workload *workload)
{
    union cell firm = {.firm_set = {.name = "firm"}};
    union cell group = {.group_set = {.name = "group"}};

    configure(workload, &firm, CELL_KIND_FIRM_SET, 1);
    configure(workload, &group, CELL_KIND_GROUP_SET, 1);
    for (uint32_t i = 0; i < 2; i++) {
        union cell cells[2] = {
            {.account_set = {.account = i, .name = "account"}},
            {.account_limits = {.kind = CELL_KIND_ACCOUNT_LIMITS,
                                .order_qty_max = 90,
                                .order_value_max = INT64_MAX,
                                .long_max = POSITION_LIMIT_MAX,
                                .short_max = POSITION_LIMIT_MAX}},
        };

        configure(workload, cells, CELL_KIND_ACCOUNT_SET, 2);
    }
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        union cell cells[2] = {
            {.instrument_set = {.instrument = i, .symbol = "SYM", .tick_px = 1, .lot_qty = 1}},
            {.instrument_limits = {.kind = CELL_KIND_INSTRUMENT_LIMITS,
                                   .order_qty_max = UINT32_MAX,
                                   .order_value_max = INT64_MAX}},
        };

        cells[0].instrument_set.symbol[3] = (char)('A' + i);
        configure(workload, cells, CELL_KIND_INSTRUMENT_SET, 2);
    }
}

void
workload_begin(struct workload *workload, uint32_t epoch)
{
    union cell restart = {.restart = {.epoch = epoch, .rules_version = RULES_VERSION}};

    if (epoch == 1)
        genesis(workload);
    configure(workload, &restart, CELL_KIND_RESTART, 1);
    if (epoch == 1)
        parties(workload);
}

/* enter applies a new order; some are refused by risk, for their quantity. */
static void
enter(struct workload *workload, uint64_t random)
{
    const bool sell = (random & 1) != 0;
    const int64_t away = (int64_t)(random >> 8 & 15) - 4;
    union cell cell = {.order_new = {
                           .kind = CELL_KIND_ORDER_NEW,
                           .shape = (uint8_t)(1u | (sell ? CELL_SELL : 0u)),
                           .instrument = (uint32_t)(random >> 16) % INSTRUMENTS,
                           .clord = ++workload->clord,
                           .px = MID_PX + (sell ? away : -away),
                           .qty = 1 + (uint32_t)(random >> 24) % 92,
                           .ord_type = OE_ORD_TYPE_LIMIT,
                           .tif = (random >> 40) % 8 == 0 ? OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL
                                                          : OE_TIME_IN_FORCE_DAY,
                           .account = (uint32_t)(random >> 48) & 1,
                           .session = CELL_SESSION,
                       }};

    workload->ids[(random >> 50) % WORKLOAD_IDS] = apply(workload, &cell)->order_new.order_id;
}

/* amend cancels or replaces an order that may be gone. */
static void
amend(struct workload *workload, uint64_t random, bool replace)
{
    const uint64_t order_id = workload->ids[(random >> 50) % WORKLOAD_IDS];
    union cell cells[2] = {{.order_cancel = {
                                .kind = CELL_KIND_ORDER_CANCEL,
                                .shape = 1u | CELL_BY_ID,
                                .clord = ++workload->clord,
                                .order_id = order_id,
                                .session = CELL_SESSION,
                            }}};

    if (replace) {
        cells[0].order_replace.kind = CELL_KIND_ORDER_REPLACE;
        cells[0].order_replace.shape = 2u | CELL_BY_ID;
        cells[0].order_replace.px = MID_PX - 8 + (int64_t)(random >> 8 & 15);
        cells[0].order_replace.qty = 1 + (uint32_t)(random >> 24) % 60;
        cells[1].replace_detail.kind = CELL_KIND_REPLACE_DETAIL;
    }
    (void)apply(workload, cells);
}

void
workload_cancel_all(struct workload *workload)
{
    union cell cell = {.mass_cancel = {
                           .kind = CELL_KIND_MASS_CANCEL,
                           .shape = 1,
                           .instrument = CELL_ANY,
                           .clord = ++workload->clord,
                           .scope = OE_MASS_CANCEL_SCOPE_FIRM,
                           .side = OE_SIDE_FILTER_ANY,
                           .reason = OE_CANCEL_REASON_MASS_CANCEL,
                           .account = CELL_ANY,
                           .session = CELL_SESSION,
                       }};

    (void)apply(workload, &cell);
}

void
workload_step(struct workload *workload)
{
    const uint64_t random = rig_random(&workload->random);
    const uint64_t pick = rig_random(&workload->random) % 1000;

    if (pick < 2)
        workload_cancel_all(workload);
    else if (pick < 250)
        amend(workload, random, false);
    else if (pick < 400)
        amend(workload, random, true);
    else
        enter(workload, random);
}

void
workload_open(struct workload *workload, char dir[64])
{
    rig_dir_make(dir);
    workload->random = rig_seed();
}

void
workload_close(struct workload *workload, const char *dir)
{
    rig_dir_remove(dir);
    free(workload->engine);
    free(workload->all->cells);
}

void
workload_run(struct workload *workload, const char *dir, uint32_t epoch, unsigned steps)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    const size_t from = workload->all->cnt;
    struct rig rig;

    workload_begin(workload, epoch);
    for (unsigned i = 0; i < steps; i++)
        workload_step(workload);
    rig_open(&rig, dir, &cfg);
    CHECK(cfg.epoch == epoch, "run %u, not %u", cfg.epoch, epoch);
    rig_put(&rig, workload->all, from, workload->all->cnt);
    rig_close(&rig);
}
