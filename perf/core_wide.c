/*
 * The shape "wide": the mix of "resting" on many instruments.
 *
 * Instrument i, from 0, has weight 1 / (i + 1) (Zipf with exponent 1), in the
 * fill as among the new orders: of 10,000 the first has a tenth of everything
 * and the last a hundred-thousandth. Cancels and replaces take orders without
 * regard to the instrument, so they are spread like the orders.
 *
 * The commands are meant to arrive by ring, all of them waiting: what is then
 * measured is the sequencer, which looks ahead.
 */
#include <stdlib.h>

#include "proto/base.h"

#include "perf/core_flow.h"
#include "perf/core_resting.h"

struct flow *
flow_wide(uint32_t instruments_cnt,
          uint32_t resting_cnt,
          uint32_t commands_cnt,
          enum flow_crowd crowd)
{
    const struct engine_cfg cfg = {
        .orders_max = resting_cnt + resting_cnt / 4 + 1000,
        .instruments_max = instruments_cnt,
        .positions_max = crowd == FLOW_GUARDED ? resting_cnt + commands_cnt : 1024,
        .pages_max = 24 * instruments_cnt,
    };
    struct flow *flow = flow_new(&cfg, UINT64_C(362436069521288629), crowd);
    uint64_t sum = 0; /* stays below 2^32 */

    flow->instruments_cnt = instruments_cnt;
    flow->zipf = malloc(instruments_cnt * sizeof *flow->zipf);
    ASSERT(flow->zipf != NULL);
    for (uint32_t i = 0; i < instruments_cnt; i++) {
        sum += (UINT64_C(1) << 28) / (i + 1);
        flow->zipf[i] = sum;
    }
    flow->fill = resting_fill;
    flow->fill_cnt = resting_cnt;
    flow_begin(flow, commands_cnt + commands_cnt / 10 + 100, commands_cnt);
    resting_commands(flow, commands_cnt);
    flow_end(flow);
    return flow;
}
