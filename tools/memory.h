/*
 * Memory: what the exchange runs in, taken once, touched before it is used.
 *
 * Zeroed, page aligned, in huge pages where the kernel gives them. Pages are
 * touched when it is taken, so that none is missing later: what the machine
 * does not have is an error at start and not a stall at noon.
 */
#ifndef OUTCRY_TOOLS_MEMORY_H
#define OUTCRY_TOOLS_MEMORY_H

#include <stddef.h>

/* memory_take returns bytes of it, NULL with errno set. */
void *memory_take(size_t bytes);

/* memory_room returns bytes of it that are not touched and not reserved: the machine
 * gives what is used when it is used. For who has no hurry. */
void *memory_room(size_t bytes);
void memory_give(void *mem, size_t bytes);

/* memory_of_machine returns the bytes of the machine's memory. */
size_t memory_of_machine(void);

#endif
