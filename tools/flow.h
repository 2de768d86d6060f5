/*
 * Flow: random order flow for load tests, seeded.
 *
 * Of each 100 messages about 50 are limit orders that rest up to 20 ticks from
 * the instrument's reference price, 10 IOCs that cross, 30 cancels and 10
 * replaces of own live orders; with few live orders, new ones instead. Sides,
 * sizes (1 to 10 lots), accounts and instruments are drawn evenly. A source
 * for load.h: it learns from reports which orders live.
 *
 * In the mix of all kinds 300 of 1000 messages are others: 5 mass cancels of one
 * side in one instrument, 40 mass quotes of up to 16 entries, and 255 orders of
 * every other type and attribute, drawn evenly, with any self-match prevention.
 */
#ifndef OUTCRY_TOOLS_FLOW_H
#define OUTCRY_TOOLS_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/config.h"
#include "tools/load.h"

struct flow;

/* flow_new makes a flow for these sessions; NULL with one line in why when the
 * configuration has no account for a session or no open instrument. */
struct flow *flow_new(const struct config *config,
                      const struct config_session *const *sessions,
                      unsigned sessions_cnt,
                      uint32_t messages_cnt,
                      uint64_t seed,
                      bool all,
                      char why[LINK_WHY_BYTES]);

/* flow_name_by_clord lets cancels and replaces name their order by its ClOrdID, not by the
 * exchange's id: a dialect may have that alone. */
void flow_name_by_clord(struct flow *flow);
struct load_source flow_source(struct flow *flow);
void flow_free(struct flow *flow);

#endif
