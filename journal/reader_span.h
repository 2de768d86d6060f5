/*
 * Spans: the reader by many messages at a time. Private to journal/.
 *
 * Replay looks ahead to prefetch what the next commands will touch, so it wants
 * the finished cells of a page at once instead of message by message.
 */
#ifndef OUTCRY_JOURNAL_READER_SPAN_H
#define OUTCRY_JOURNAL_READER_SPAN_H

#include "journal/reader.h"

/* reader_span sets cells to the next message and returns how many cells lie
 * there in whole messages of finished groups, 0 at the end or -errno. */
int reader_span(struct journal_reader *reader, const union cell **cells);

/* reader_skip goes on behind whole messages of the span. */
void reader_skip(struct journal_reader *reader, unsigned count);

#endif
