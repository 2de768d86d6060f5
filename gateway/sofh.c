#include "gateway/sofh.h"

#include <string.h>

#include "proto/fixp.h"
#include "proto/orders.h"

_Static_assert(SOFH_MESSAGE_MIN == sizeof(struct oe_header), "the shortest message is a header");
_Static_assert(sizeof(struct oe_header) == sizeof(struct fixp_header), "of either schema");

static size_t
sofh_bytes(const uint8_t *header)
{
    const uint32_t length = (uint32_t)header[0] << 24 | (uint32_t)header[1] << 16 |
                            (uint32_t)header[2] << 8 | header[3];
    const uint32_t encoding = (uint32_t)header[4] << 8 | header[5];

    if (encoding != SOFH_ENCODING_SBE || length < SOFH_BYTES + SOFH_MESSAGE_MIN ||
        length > FRAME_BYTES_MAX)
        return 0;
    return length;
}

static size_t
soup_bytes(const uint8_t *header)
{
    const uint32_t length = (uint32_t)header[0] << 8 | header[1];

    if (length < 1 || length > FRAME_PAYLOAD_MAX)
        return 0;
    return length + SOUP_LENGTH_BYTES;
}

size_t
frame_bytes(enum framing framing, const uint8_t *header)
{
    return framing == FRAMING_SOFH ? sofh_bytes(header) : soup_bytes(header);
}

size_t
sofh_frame(const uint8_t *buf, size_t len, uint8_t *out)
{
    size_t done = 0;

    for (size_t off = 0, bytes; off < len; off += bytes) {
        bytes = oe_message_length(buf + off, len - off);
        if (bytes == 0)
            bytes = fixp_message_length(buf + off, len - off);
        if (bytes == 0)
            bytes = len - off;
        sofh_put(out + done, bytes);
        memcpy(out + done + SOFH_BYTES, buf + off, bytes);
        done += SOFH_BYTES + bytes;
    }
    return done;
}

/* keep moves bytes of the piece into the framer until it has `until` of them;
 * false if there are not so many. */
static bool
keep(struct framer *framer, struct frame_piece *piece, size_t until)
{
    size_t cnt = until - framer->have;

    ASSERT(until <= sizeof framer->bytes);
    if (cnt > piece->left)
        cnt = piece->left;
    memcpy(framer->bytes + framer->have, piece->at, cnt);
    framer->have += (uint32_t)cnt;
    piece->at += cnt;
    piece->left -= cnt;
    return framer->have == until;
}

/* next_kept goes on with the frame that is in the framer. */
static enum frame_verdict
next_kept(struct framer *framer,
          enum framing framing,
          struct frame_piece *piece,
          struct frame *frame)
{
    const size_t header = frame_header_bytes(framing);

    if (framer->want == 0) {
        if (!keep(framer, piece, header))
            return FRAME_NONE;
        framer->want = (uint32_t)frame_bytes(framing, framer->bytes);
        if (framer->want == 0)
            return FRAME_BAD;
    }
    if (!keep(framer, piece, framer->want))
        return FRAME_NONE;
    *frame = (struct frame){
        .payload = framer->bytes + header, .len = framer->want - header, .kept = true};
    framer->have = 0;
    framer->want = 0;
    return FRAME_WHOLE;
}

enum frame_verdict
frame_next(struct framer *framer,
           enum framing framing,
           struct frame_piece *piece,
           struct frame *frame)
{
    const size_t header = frame_header_bytes(framing);

    if (piece->left == 0)
        return FRAME_NONE;
    if (framer->have > 0 || piece->left < header)
        return next_kept(framer, framing, piece, frame);

    const size_t bytes = frame_bytes(framing, piece->at);

    if (UNLIKELY(bytes == 0))
        return FRAME_BAD;
    if (UNLIKELY(bytes > piece->left))
        return next_kept(framer, framing, piece, frame);
    *frame = (struct frame){.payload = piece->at + header, .len = bytes - header};
    piece->at += bytes;
    piece->left -= bytes;
    return FRAME_WHOLE;
}
