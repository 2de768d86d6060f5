/*
 * History reader: the thread that gets old reports out of the journal for the gateway
 * (gateway/history.h), which knows nothing of files.
 *
 * It sleeps until something is asked; it takes time that the others leave, for a broker
 * that asks for the morning's reports must not slow those of now. All memory is taken at
 * start, but for what a reader of the journal maps.
 */
#ifndef OUTCRY_TOOLS_HISTORY_READER_H
#define OUTCRY_TOOLS_HISTORY_READER_H

#include <stdint.h>

#include "gateway/gateway.h"
#include "proto/base.h"

struct history_reader;

/* history_reader_start makes rings, attaches them to the gateway, which is not polled
 * yet, and starts the thread; dir is kept by reference. 0 or -errno. */
NODISCARD int history_reader_start(struct history_reader **reader,
                                   struct gateway *gateway,
                                   const char *dir,
                                   uint16_t shard,
                                   uint32_t sessions_max);

/* history_reader_stop ends the thread, wherever it is, and gives all back. The gateway
 * is polled no more. NULL is none. */
void history_reader_stop(struct history_reader *reader);

#endif
