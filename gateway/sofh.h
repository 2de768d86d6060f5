/*
 * SOFH: where a message begins and ends on a stream, without any I/O.
 *
 *   SOFH, before each SBE message; both numbers are big-endian:
 *
 *     0        4      6
 *     | length | EB50 | message ...           length counts these 6 bytes too
 *
 *   SOUP, the packets of SoupBinTCP:
 *
 *     0        2
 *     | length | type, payload ...            length does not count these 2
 *
 * A framer cuts what a stream brings into frames, whatever pieces it comes in. A
 * frame that lies whole in a piece is returned where it is; of one that does not,
 * the framer keeps what it has until the rest comes.
 *
 * Hostile bytes: a frame that is shorter than the shortest message, longer than
 * FRAME_PAYLOAD_MAX or of another encoding is bad as soon as its header is there;
 * nothing is kept of it, and where the next begins nobody can tell, so the stream
 * must end.
 */
#ifndef OUTCRY_GATEWAY_SOFH_H
#define OUTCRY_GATEWAY_SOFH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/port.h"
#include "proto/base.h"
#include "proto/limits.h"

#define SOFH_BYTES        6u
#define SOFH_ENCODING_SBE 0xeb50u /* SBE 1.0, little-endian */
#define SOFH_MESSAGE_MIN  8u      /* an SBE header */
#define SOUP_LENGTH_BYTES 2u
#define FRAME_PAYLOAD_MAX DATAGRAM_BYTES_MAX
#define FRAME_BYTES_MAX   (SOFH_BYTES + FRAME_PAYLOAD_MAX)

/* frame_header_bytes returns the bytes before what a frame carries. */
static inline size_t
frame_header_bytes(enum framing framing)
{
    return framing == FRAMING_SOFH ? SOFH_BYTES : SOUP_LENGTH_BYTES;
}

/* sofh_put writes the header of a message of len bytes. */
static inline void
sofh_put(uint8_t header[SOFH_BYTES], size_t len)
{
    const uint32_t length = (uint32_t)(len + SOFH_BYTES);

    header[0] = (uint8_t)(length >> 24);
    header[1] = (uint8_t)(length >> 16);
    header[2] = (uint8_t)(length >> 8);
    header[3] = (uint8_t)length;
    header[4] = SOFH_ENCODING_SBE >> 8;
    header[5] = SOFH_ENCODING_SBE & 0xff;
}

/* frame_bytes returns the length of the frame whose header is at buf, the header
 * counted; 0 if it is no frame. */
size_t frame_bytes(enum framing framing, const uint8_t *header);

/* sofh_frame puts messages that lie one behind the other in buf each into a frame
 * of its own and returns the bytes written to out, at most sofh_framed_max(len).
 * Where a message ends that is not known cannot be told: it takes the rest. */
size_t sofh_frame(const uint8_t *buf, size_t len, uint8_t *out);

static inline size_t
sofh_framed_max(size_t len)
{
    return len + (len / SOFH_MESSAGE_MIN + 1) * SOFH_BYTES;
}

/* What a framer keeps of a frame that is not whole; zeroed: nothing. */
struct framer {
    uint32_t have;
    uint32_t want; /* bytes of the whole frame; 0: its header is not there yet */
    uint8_t bytes[FRAME_BYTES_MAX];
};

enum frame_verdict {
    FRAME_NONE,  /* the piece is used up */
    FRAME_WHOLE, /* one is in payload */
    FRAME_BAD    /* the stream must end */
};

/* A piece of a stream, eaten from its beginning. */
struct frame_piece {
    const uint8_t *at;
    size_t left;
};

struct frame {
    const uint8_t *payload; /* in the piece or in the framer */
    size_t len;
    bool kept; /* in the framer: gone with the next call */
};

/* frame_next takes the next frame from a piece of the stream. */
enum frame_verdict frame_next(struct framer *framer,
                              enum framing framing,
                              struct frame_piece *piece,
                              struct frame *frame);

#endif
