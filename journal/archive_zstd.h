/*
 * Archive zstd: one frame, compressed or not. Private to journal/archive*.c; the only
 * file that knows the library is the one behind this header.
 */
#ifndef OUTCRY_JOURNAL_ARCHIVE_ZSTD_H
#define OUTCRY_JOURNAL_ARCHIVE_ZSTD_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base.h"

/* archive_zstd_bound returns the most that bytes can become; 0: too many. */
size_t archive_zstd_bound(size_t bytes);

/* archive_zstd_pack compresses into packed, of archive_zstd_bound. Returns how
 * many bytes, 0 without memory. */
size_t archive_zstd_pack(const void *plain, size_t bytes, void *packed, size_t packed_max);

/* archive_zstd_unpack accepts one frame that is exactly plain_bytes. */
NODISCARD bool
archive_zstd_unpack(const void *packed, size_t bytes, void *plain, size_t plain_bytes);

#endif
