/*
 * Inside: what the rest of the tree may ask of an engine and embedders may not,
 * because the answer's header is not public.
 */
#ifndef OUTCRY_ENGINE_INSIDE_H
#define OUTCRY_ENGINE_INSIDE_H

#include "engine/engine.h"
#include "risk/risk.h"

/* engine_risk returns the engine's risk, for risk_position_get and the like. */
const struct risk *engine_risk(const struct engine *engine);

/* engine_prices returns what prices of an instrument are measured against now; false
 * if it is unknown. */
bool engine_prices(const struct engine *engine, uint32_t instrument, struct risk_prices *out);

/* engine_session_stopped says whether a session may not negotiate (SessionSet), and whether
 * it is killed; false if no SessionSet has made it. */
bool
engine_session_stopped(const struct engine *engine, uint32_t session, bool *blocked, bool *killed);

#endif
