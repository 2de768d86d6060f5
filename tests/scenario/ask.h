/*
 * Ask: the questions of a scenario, which scenario.h lists, and what the engine
 * answers to them.
 */
#ifndef OUTCRY_TESTS_SCENARIO_ASK_H
#define OUTCRY_TESTS_SCENARIO_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/engine.h"

#include "tests/scenario/given.h"
#include "tests/scenario/words.h"

#define ASK_ANSWER_BYTES 8192u

/* ask_answer reads a question up to its answer and writes what the engine
 * answers; false if the line is no question. */
NODISCARD bool ask_answer(const struct engine *engine,
                          const struct given *given,
                          struct words *words,
                          char answer[ASK_ANSWER_BYTES]);

#endif
