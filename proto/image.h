#ifndef OUTCRY_PROTO_IMAGE_H
#define OUTCRY_PROTO_IMAGE_H

/*
 * Image: state as a row of bytes, to be taken up again by another process.
 *
 *   engine_save, gateway_save --> image_out --> a file, a hash, a buffer
 *   engine_load, gateway_load <-- image_in  <-- bytes that may be anybody's
 *
 * Who saves puts pieces one behind the other; who loads takes them in the same
 * order and knows how long each is. There are no pointers in an image, no names and
 * no types: what it is an image of, and of which layout, is known from outside.
 *
 * Sparse pieces. Of memory that is largely zero only what is not is put:
 *
 *   bytes:u64  { off:u64  cnt:u64  cnt bytes }...  bytes:u64  0:u64
 *
 * Offsets go up, runs do not meet, and a run ends where IMAGE_GAP zero bytes
 * follow. They are loaded into memory that is zero, and what is zero is not
 * touched: memory that the operating system gives on demand stays with it.
 *
 * Invariants
 *  1. What is put follows from the content of memory alone, so two images of the
 *     same content are equal.
 *  2. Loading never reads behind the bytes given, nor writes outside of the memory
 *     given, whatever the bytes are. What does not fit makes the image bad, and it
 *     stays so.
 *
 * Cost: that of copying. Integers are little-endian, as everything of ours.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

/* A gap of zeros as long as this one ends a run: the two numbers that begin the
 * next are shorter. */
#define IMAGE_GAP 64u

/* Where pieces go. Errors are the owner's: put takes all that it is given. */
struct image_out {
    void (*put)(struct image_out *out, const void *bytes, size_t cnt);
};

/* Where they come from. */
struct image_in {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static inline void
image_put(struct image_out *out, const void *bytes, size_t cnt)
{
    if (cnt != 0)
        out->put(out, bytes, cnt);
}

/* image_put_sparse puts memory of which much is zero. */
void image_put_sparse(struct image_out *out, const void *mem, size_t bytes);

/* image_take returns the next cnt bytes where they lie, of no alignment; NULL, and
 * the image is bad, if there are not so many. */
NODISCARD const void *image_take(struct image_in *in, size_t cnt);

/* image_get copies the next cnt bytes. */
NODISCARD bool image_get(struct image_in *in, void *to, size_t cnt);

/* image_get_sparse fills memory, which is zero, from a sparse piece of exactly so
 * many bytes. False: the image is bad, and a part of the memory may be filled. */
NODISCARD bool image_get_sparse(struct image_in *in, void *mem, size_t bytes);

#endif
