#include "proto/image.h"

#include <string.h>

struct run {
    uint64_t off;
    uint64_t cnt;
};

_Static_assert(sizeof(struct run) == 16, "no padding");
_Static_assert(sizeof(struct run) < IMAGE_GAP, "a gap costs more than a run");

/* is_zero tells whether a piece of at most IMAGE_GAP bytes is zero. */
static inline bool
is_zero(const uint8_t *bytes, size_t cnt)
{
    uint64_t any = 0;
    size_t i = 0;

    for (; i + 8 <= cnt; i += 8) {
        uint64_t word;

        memcpy(&word, bytes + i, sizeof word);
        any |= word;
    }
    for (; i < cnt; i++)
        any |= bytes[i];
    return any == 0;
}

static inline size_t
piece_of(size_t bytes, size_t off)
{
    return bytes - off < IMAGE_GAP ? bytes - off : IMAGE_GAP;
}

void
image_put_sparse(struct image_out *out, const void *mem, size_t bytes)
{
    const uint8_t *from = mem;
    const uint64_t total = bytes;
    const struct run end = {.off = bytes, .cnt = 0};

    image_put(out, &total, sizeof total);
    for (size_t off = 0; off < bytes;) {
        size_t stop = off;

        while (stop < bytes && !is_zero(from + stop, piece_of(bytes, stop)))
            stop += piece_of(bytes, stop);
        if (stop > off) {
            const struct run run = {.off = off, .cnt = stop - off};

            image_put(out, &run, sizeof run);
            image_put(out, from + off, stop - off);
        }
        off = stop;
        while (off < bytes && is_zero(from + off, piece_of(bytes, off)))
            off += piece_of(bytes, off);
    }
    image_put(out, &end, sizeof end);
}

const void *
image_take(struct image_in *in, size_t cnt)
{
    const uint8_t *at = in->at;

    if (in->bad || cnt > in->left) {
        in->bad = true;
        return NULL;
    }
    in->at += cnt;
    in->left -= cnt;
    return at;
}

bool
image_get(struct image_in *in, void *to, size_t cnt)
{
    const void *from = image_take(in, cnt);

    if (from == NULL)
        return false;
    if (cnt != 0)
        memcpy(to, from, cnt);
    return true;
}

bool
image_get_sparse(struct image_in *in, void *mem, size_t bytes)
{
    uint8_t *to = mem;
    uint64_t total;
    uint64_t off = 0;
    struct run run;

    if (!image_get(in, &total, sizeof total) || total != bytes) {
        in->bad = true;
        return false;
    }
    while (image_get(in, &run, sizeof run)) {
        if (run.cnt == 0 && run.off == total)
            return true;
        if (run.cnt == 0 || run.off < off || run.off > total || run.cnt > total - run.off)
            break;
        if (!image_get(in, to + run.off, run.cnt))
            break;
        off = run.off + run.cnt;
    }
    in->bad = true;
    return false;
}
