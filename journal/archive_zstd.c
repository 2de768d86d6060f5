#include "journal/archive_zstd.h"

#include <zstd.h>

/* A journal of orders becomes 4.5 times smaller; at level 9 it would be 7 % less. */
#define LEVEL 3

size_t
archive_zstd_bound(size_t bytes)
{
    const size_t bound = ZSTD_compressBound(bytes);

    return ZSTD_isError(bound) ? 0 : bound;
}

size_t
archive_zstd_pack(const void *plain, size_t bytes, void *packed, size_t packed_max)
{
    const size_t packed_bytes = ZSTD_compress(packed, packed_max, plain, bytes, LEVEL);

    return ZSTD_isError(packed_bytes) ? 0 : packed_bytes;
}

bool
archive_zstd_unpack(const void *packed, size_t bytes, void *plain, size_t plain_bytes)
{
    /* One frame and nothing behind it: ZSTD_decompress takes several. */
    if (ZSTD_findFrameCompressedSize(packed, bytes) != bytes ||
        ZSTD_getFrameContentSize(packed, bytes) != plain_bytes)
        return false;
    return ZSTD_decompress(plain, plain_bytes, packed, bytes) == plain_bytes;
}
