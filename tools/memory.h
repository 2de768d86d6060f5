/*
 * Memory: what the exchange runs in, taken once, touched before it is used.
 *
 * Zeroed, page aligned, in huge pages where the kernel gives them. Pages are
 * touched when it is taken, so that none is missing later: what the machine
 * does not have is an error at start and not a stall at noon. Who is in a hurry, a
 * start from a snapshot, takes it untouched and lets it be touched soon afterwards, while
 * orders come in already.
 */
#ifndef OUTCRY_TOOLS_MEMORY_H
#define OUTCRY_TOOLS_MEMORY_H

#include <stddef.h>

#include "proto/base.h"

/* memory_take returns bytes of it, NULL with errno set. */
void *memory_take(size_t bytes);

/* memory_room returns bytes of it that are not touched and not reserved: the machine
 * gives what is used when it is used. memory_later is the same, in huge pages, for what
 * memory_touch comes to soon. */
void *memory_room(size_t bytes);
void *memory_later(size_t bytes);

/* memory_touch touches what is not touched yet, which may be in use; its content stays.
 * 0 or -errno. */
NODISCARD int memory_touch(void *mem, size_t bytes);

void memory_give(void *mem, size_t bytes);

/* memory_of_machine returns the bytes of the machine's memory. */
size_t memory_of_machine(void);

#endif
