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

#endif
