/*
 * Goal: frames are cut as they were made, whatever pieces the stream comes in,
 * and what is no frame is refused as soon as its header is there.
 * Method: the byte vectors of the FIXP reference with their headers, each cut at
 * every place; hostile headers; a stream of frames in pieces by a seed.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/sofh.h"
#include "proto/fixp.h"

#include "tests/seeds.h"

#define UUID \
 0x79, 0x61, 0xe1, 0x9c, 0x3f, 0x3a, 0x45, 0x5d, 0x91, 0x58, 0xa5, 0xd9, 0x73, 0x19, 0xe8, 0xe9
#define TIME_0 0x00, 0x00, 0x2a, 0x36, 0xfe, 0x9c, 0x97, 0x17
#define TIME_1 0x01, 0x00, 0x2a, 0x36, 0xfe, 0x9c, 0x97, 0x17

static const uint8_t negotiate[] = {0, 0, 0,    0x2e,   0xeb, 0x50, 0x19, 0,   1,   0,   0xbc, 0x0a,
                                    0, 0, UUID, TIME_0, 1,    5,    0,    'U', 's', 'e', 'r',  '1'};
static const uint8_t ack[] = {0,    0,    0, 0x32, 0xeb, 0x50,   0x24, 0,    6, 0,
                              0xbc, 0x0a, 0, 0,    UUID, TIME_1, 0xe8, 0x03, 0, 0,
                              1,    0,    0, 0,    0,    0,      0,    0};
static const uint8_t sequence[] = {0,    0, 0, 0x16, 0xeb, 0x50, 8, 0, 8, 0, 0xbc,
                                   0x0a, 0, 0, 1,    0,    0,    0, 0, 0, 0, 0};
static const uint8_t heartbeat[] = {0, 0, 0, 0x0e, 0xeb, 0x50, 0, 0, 0x0a, 0, 0xbc, 0x0a, 0, 0};
static const uint8_t soup_heartbeat[] = {0, 1, 'R'};
static const uint8_t soup_login_reject[] = {0, 2, 'J', 'A'};

static struct frame_piece
piece_of(const uint8_t *at, size_t left)
{
    return (struct frame_piece){.at = at, .left = left};
}

/* check_cut expects one frame from bytes that come in two pieces. */
static void
check_cut(enum framing framing, const uint8_t *bytes, size_t len, size_t cut)
{
    const size_t header = frame_header_bytes(framing);
    struct frame_piece first = piece_of(bytes, cut);
    struct frame_piece second = piece_of(bytes + cut, len - cut);
    struct framer framer = {0};
    struct frame frame = {0};

    cr_assert_eq(frame_next(&framer, framing, &first, &frame), FRAME_NONE, "cut at %zu", cut);
    cr_assert_eq(first.left, 0);
    cr_assert_eq(frame_next(&framer, framing, &second, &frame), FRAME_WHOLE, "cut at %zu", cut);
    cr_assert_eq(frame.kept, cut > 0);
    cr_assert_eq(frame.len, len - header);
    cr_assert_eq(memcmp(frame.payload, bytes + header, frame.len), 0);
    cr_assert_eq(second.left, 0);
    cr_assert_eq(frame_next(&framer, framing, &second, &frame), FRAME_NONE);
}

static void
check_vector(enum framing framing, const uint8_t *bytes, size_t len)
{
    cr_assert_eq(frame_bytes(framing, bytes), len);
    for (size_t cut = 0; cut < len; cut++)
        check_cut(framing, bytes, len, cut);
}

Test(sofh, vectors_are_cut_whole_from_any_two_pieces)
{
    check_vector(FRAMING_SOFH, negotiate, sizeof negotiate);
    check_vector(FRAMING_SOFH, ack, sizeof ack);
    check_vector(FRAMING_SOFH, sequence, sizeof sequence);
    check_vector(FRAMING_SOFH, heartbeat, sizeof heartbeat);
    check_vector(FRAMING_SOUP, soup_heartbeat, sizeof soup_heartbeat);
    check_vector(FRAMING_SOUP, soup_login_reject, sizeof soup_login_reject);
}

Test(sofh, messages_are_framed_as_in_the_vectors)
{
    uint8_t messages[256];
    uint8_t expected[256];
    uint8_t framed[512];
    size_t len = 0;
    size_t expected_len = 0;
    const struct {
        const uint8_t *bytes;
        size_t len;
    } vectors[] = {{negotiate, sizeof negotiate}, {ack, sizeof ack}, {sequence, sizeof sequence}};

    for (size_t i = 0; i < 3; i++) {
        memcpy(messages + len, vectors[i].bytes + SOFH_BYTES, vectors[i].len - SOFH_BYTES);
        len += vectors[i].len - SOFH_BYTES;
        memcpy(expected + expected_len, vectors[i].bytes, vectors[i].len);
        expected_len += vectors[i].len;
    }
    cr_assert_eq(sofh_frame(messages, len, framed), expected_len);
    cr_assert_leq(expected_len, sofh_framed_max(len));
    cr_assert_eq(memcmp(framed, expected, expected_len), 0);
}

Test(sofh, a_message_of_unknown_length_takes_the_rest)
{
    uint8_t bytes[40] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t framed[64];

    memcpy(bytes + 20, sequence + SOFH_BYTES, 16);
    cr_assert_eq(sofh_frame(bytes, sizeof bytes, framed), sizeof bytes + SOFH_BYTES);
    cr_assert_eq(frame_bytes(FRAMING_SOFH, framed), sizeof bytes + SOFH_BYTES);
}

/* A length or encoding that cannot be, whole or byte by byte. */
static void
check_bad(enum framing framing, const uint8_t *header)
{
    const size_t bytes = frame_header_bytes(framing);
    struct frame_piece piece = piece_of(header, bytes);
    struct framer framer = {0};
    struct frame frame;

    cr_assert_eq(frame_bytes(framing, header), 0);
    cr_assert_eq(frame_next(&framer, framing, &piece, &frame), FRAME_BAD);
    for (size_t i = 0; i < bytes; i++) {
        piece = piece_of(header + i, 1);
        cr_assert_eq(frame_next(&framer, framing, &piece, &frame),
                     i + 1 < bytes ? FRAME_NONE : FRAME_BAD);
    }
}

Test(sofh, hostile_headers_are_bad_at_once)
{
    static const uint8_t bad[][SOFH_BYTES] = {
        {0, 0, 0, 0, 0xeb, 0x50},             /* nothing */
        {0, 0, 0, 6, 0xeb, 0x50},             /* no message */
        {0, 0, 0, 13, 0xeb, 0x50},            /* less than a header of one */
        {0, 0, 0x05, 0xc7, 0xeb, 0x50},       /* one byte too long */
        {0xff, 0xff, 0xff, 0xff, 0xeb, 0x50}, /* as long as can be said */
        {0, 1, 0, 22, 0xeb, 0x50},            /* the lower half would do */
        {0, 0, 0, 22, 0x5b, 0xe0},            /* SBE, big-endian */
        {0, 0, 0, 22, 0x50, 0xeb},            /* turned round */
        {0x16, 0, 0, 0, 0xeb, 0x50},          /* turned round */
    };
    static const uint8_t soup_bad[][SOUP_LENGTH_BYTES] = {{0, 0}, {0x05, 0xc1}, {0xff, 0xff}};

    cr_assert_eq(FRAME_BYTES_MAX, 0x5c6);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_bad(FRAMING_SOFH, bad[i]);
    for (size_t i = 0; i < sizeof soup_bad / sizeof soup_bad[0]; i++)
        check_bad(FRAMING_SOUP, soup_bad[i]);
}

Test(sofh, shortest_and_longest_frames_are_good)
{
    static const uint8_t shortest[] = {0, 0, 0, 14, 0xeb, 0x50};
    static const uint8_t longest[] = {0, 0, 0x05, 0xc6, 0xeb, 0x50};
    static const uint8_t soup_longest[] = {0x05, 0xc0};

    cr_assert_eq(frame_bytes(FRAMING_SOFH, shortest), 14);
    cr_assert_eq(frame_bytes(FRAMING_SOFH, longest), FRAME_BYTES_MAX);
    cr_assert_eq(frame_bytes(FRAMING_SOUP, soup_longest), FRAME_PAYLOAD_MAX + SOUP_LENGTH_BYTES);
}

static uint64_t
random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

/* stream_make fills bytes with frames whose payload counts them. */
static size_t
stream_make(uint64_t *state, uint8_t *bytes, size_t max, unsigned *cnt)
{
    size_t len = 0;

    for (*cnt = 0; len + FRAME_BYTES_MAX <= max; ++*cnt) {
        const size_t payload =
            SOFH_MESSAGE_MIN + random_next(state) % (FRAME_PAYLOAD_MAX - SOFH_MESSAGE_MIN + 1);

        sofh_put(bytes + len, payload);
        memset(bytes + len + SOFH_BYTES, (int)(*cnt & 0xff), payload);
        len += SOFH_BYTES + payload;
    }
    return len;
}

Test(sofh, a_stream_in_pieces_gives_every_frame_once)
{
    static uint8_t bytes[1u << 20];
    uint64_t state = seed_first();
    unsigned made = 0;
    unsigned got = 0;
    const size_t len = stream_make(&state, bytes, sizeof bytes, &made);
    struct framer framer = {0};
    struct frame frame;

    cr_log_info("seed %llu", (unsigned long long)seed_first());
    for (size_t off = 0, cnt; off < len; off += cnt) {
        cnt = 1 + random_next(&state) % 4096;
        if (cnt > len - off)
            cnt = len - off;

        struct frame_piece piece = piece_of(bytes + off, cnt);

        while (frame_next(&framer, FRAMING_SOFH, &piece, &frame) == FRAME_WHOLE) {
            for (size_t i = 0; i < frame.len; i++)
                cr_assert_eq(frame.payload[i], got & 0xff, "frame %u", got);
            got++;
        }
        cr_assert_eq(piece.left, 0);
    }
    cr_assert_eq(got, made);
    cr_assert_eq(framer.have, 0);
}
