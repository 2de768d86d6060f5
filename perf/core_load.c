#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/base.h"

#include "perf/core_crowd.h"
#include "perf/core_flow.h"
#include "perf/core_guard.h"

void *
flow_map(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (mem == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    (void)madvise(mem, bytes, MADV_HUGEPAGE);
    return mem;
}

void
flow_unmap(void *mem, size_t bytes)
{
    if (mem != NULL)
        (void)munmap(mem, bytes);
}

void
flow_fill_begin(struct flow *flow)
{
    flow->fill_random = flow->seed;
    crowd_begin(flow);
}

void
flow_apply(struct engine *engine, const union cell *cells, struct cell_sink *out)
{
    enum engine_result result = engine_apply(engine, cells, out);

    while (result == ENGINE_MORE)
        result = engine_resume(engine, out);
    ASSERT(result == ENGINE_DONE);
}

struct engine *
flow_load(struct flow *flow, const struct engine_cfg *cfg, void *mem, struct cell_sink *out)
{
    struct engine *engine;

    memset(mem, 0, engine_footprint(cfg));
    engine = engine_init(mem, cfg);
    for (uint32_t at = 0; at < flow->setup_cnt; at += cell_count(&flow->setup[at])) {
        const union cell *own = cell_sink_at(out, 0);

        flow_apply(engine, &flow->setup[at], out);
        ASSERT(cell_outcome(own) == OE_REJECT_REASON_NONE);
    }
    if (flow->crowd == FLOW_GUARDED && !cfg->no_risk)
        guard_set(flow, engine, out);
    flow_fill_begin(flow);
    for (uint32_t i = 0; i < flow->fill_cnt; i++) {
        const union cell *own = cell_sink_at(out, 0);
        union cell cell = {.words = {0}};

        flow->fill(flow, i, &cell);
        flow_apply(engine, &cell, out);
        ASSERT(cell_outcome(own) == OE_REJECT_REASON_NONE);
        if (flow->engine == engine) {
            flow->ids[i + 1] = own->order_new.order_id;
            flow->clords[i + 1] = own->order_new.clord;
        }
    }
    return engine;
}

void
flow_name(struct flow *flow, enum flow_naming naming)
{
    for (uint32_t at = 0; at < flow->cells_cnt; at += cell_count(&flow->cells[at])) {
        const uint32_t named = flow->names[at];
        const bool by_clord = naming == FLOW_BY_CLORD;
        struct cell_order_cancel *cell = &flow->cells[at].order_cancel;

        if (named == 0)
            continue;
        cell->shape = (uint8_t)((cell->shape & ~CELL_BY_ID) | (by_clord ? 0u : CELL_BY_ID));
        cell->order_id = naming == FLOW_BY_ORDINAL ? named : flow->ids[named];
        if (by_clord)
            cell->order_id = 0;
        if (cell_kind(&flow->cells[at]) == CELL_KIND_ORDER_REPLACE)
            flow->cells[at + 1].replace_detail.orig_clord = by_clord ? flow->clords[named] : 0;
        else
            cell->orig_clord = by_clord ? flow->clords[named] : 0;
    }
}
