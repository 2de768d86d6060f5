/*
 * Goal: a stream cut into any pieces gives the frames that it gives whole, and no
 * byte outside the piece is read.
 * Input: the framing, a byte that sizes the pieces, then the stream. Each piece is a
 * copy in memory of its own size, so that the sanitizer sees its end.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/sofh.h"

#define FRAMES_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    unsigned cnt;
    bool bad;
    size_t lens[FRAMES_MAX];
    uint32_t sums[FRAMES_MAX];
};

static void
see(struct seen *seen, const struct frame *frame)
{
    uint32_t sum = 0;

    ASSERT(frame->len >= 1);
    ASSERT(frame->len <= FRAME_PAYLOAD_MAX);
    ASSERT(seen->cnt < FRAMES_MAX);
    for (size_t i = 0; i < frame->len; i++)
        sum = sum * 31 + frame->payload[i];
    seen->lens[seen->cnt] = frame->len;
    seen->sums[seen->cnt++] = sum;
}

/* feed gives one piece to the framer. */
static void
feed(struct framer *framer,
     enum framing framing,
     const uint8_t *bytes,
     size_t len,
     struct seen *seen)
{
    uint8_t *copy = malloc(len);
    struct frame_piece piece = {.at = copy, .left = len};
    enum frame_verdict verdict;
    struct frame frame;

    ASSERT(copy != NULL);
    memcpy(copy, bytes, len);
    while ((verdict = frame_next(framer, framing, &piece, &frame)) == FRAME_WHOLE)
        see(seen, &frame);
    seen->bad = verdict == FRAME_BAD;
    ASSERT(seen->bad || piece.left == 0);
    ASSERT(framer->have <= sizeof framer->bytes);
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct seen whole;
    static struct seen parts;
    struct framer of_whole = {0};
    struct framer of_parts = {0};

    if (size < 3 || size > FRAMES_MAX)
        return 0;

    const enum framing framing = data[0] % 2 == 0 ? FRAMING_SOFH : FRAMING_SOUP;
    const size_t step = data[1] + 1u;

    whole = (struct seen){.cnt = 0};
    parts = (struct seen){.cnt = 0};
    feed(&of_whole, framing, data + 2, size - 2, &whole);
    for (size_t off = 2; off < size && !parts.bad; off += step)
        feed(&of_parts, framing, data + off, size - off < step ? size - off : step, &parts);
    ASSERT(whole.cnt == parts.cnt);
    ASSERT(whole.bad == parts.bad);
    ASSERT(memcmp(whole.lens, parts.lens, whole.cnt * sizeof whole.lens[0]) == 0);
    ASSERT(memcmp(whole.sums, parts.sums, whole.cnt * sizeof whole.sums[0]) == 0);
    return 0;
}
