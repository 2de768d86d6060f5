/*
 * Reload: an engine taken down to its image and made anew in other memory, under
 * another salt. What tests go on with is then what a snapshot would have brought
 * back, so all that they assert holds for it, too.
 *
 * No Criterion in here: the model and the fuzzers use it, too.
 */
#ifndef OUTCRY_TESTS_ENGINE_RELOAD_H
#define OUTCRY_TESTS_ENGINE_RELOAD_H

#include <stdlib.h>
#include <string.h>

#include "engine/save.h"
#include "proto/base.h"

/* An image in memory. */
struct reload_image {
    struct image_out out; /* first: put finds the rest by it */
    uint8_t *bytes;
    size_t cnt;
    size_t max;
};

static inline void
reload_put(struct image_out *out, const void *bytes, size_t cnt)
{
    struct reload_image *image = (struct reload_image *)(void *)out;

    if (image->max - image->cnt < cnt) {
        image->max = 2 * image->max + cnt;
        image->bytes = realloc(image->bytes, image->max);
        ASSERT(image->bytes != NULL);
    }
    memcpy(image->bytes + image->cnt, bytes, cnt);
    image->cnt += cnt;
}

/* reload_save makes the image of an engine; its bytes are to be freed. */
static inline struct reload_image
reload_save(const struct engine *engine)
{
    struct reload_image image = {.out = {.put = reload_put}};

    engine_save(engine, &image.out);
    return image;
}

/* reload makes the engine anew in mem, which is zeroed and of its footprint. */
static inline struct engine *
reload(const struct engine *engine, const struct engine_cfg *cfg, void *mem, uint64_t salt)
{
    struct reload_image image = reload_save(engine);
    struct image_in in = {.at = image.bytes, .left = image.cnt};
    struct engine *fresh = engine_init(mem, cfg);

    engine_salt(fresh, salt);
    ASSERT(hash128_equal(engine_shape(fresh), engine_shape(engine)));

    const bool loaded = engine_load(fresh, &in);

    ASSERT(loaded);
    ASSERT(in.left == 0);
    ASSERT(hash128_equal(engine_hash(fresh), engine_hash(engine)));

    struct reload_image again = reload_save(fresh);

    ASSERT(again.cnt == image.cnt);
    ASSERT(memcmp(again.bytes, image.bytes, image.cnt) == 0);
    free(again.bytes);
    free(image.bytes);
    return fresh;
}

#endif
