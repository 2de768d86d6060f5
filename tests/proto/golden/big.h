#ifndef PROTO_BIG_H
#define PROTO_BIG_H

/*
 * big.h: made from big.xml by codegen.py, do not edit.
 *
 * Big-endian messages that start with their type byte.
 *
 * Numbers are big endian on the wire: members *_be are raw, read and write them
 * with the functions of the same name. *_view() gives NULL if the bytes are too
 * few, the type byte differs, or a required enum is not valid.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
# error "these codecs are for little-endian machines"
#endif

#define BIG_SCHEMA_ID      3u
#define BIG_SCHEMA_VERSION 0u

enum big_side {
    BIG_SIDE_BUY = 'B',
    BIG_SIDE_SELL = 'S',
};

static inline bool
big_side_valid(uint8_t v)
{
    switch (v) {
    case BIG_SIDE_BUY:
    case BIG_SIDE_SELL:
        return true;
    default:
        return false;
    }
}

static inline const char *
big_side_name(unsigned v)
{
    switch (v) {
    case BIG_SIDE_BUY:
        return "Buy";
    case BIG_SIDE_SELL:
        return "Sell";
    default:
        return "?";
    }
}

enum big_cause {
    BIG_CAUSE_USER = 1,
    BIG_CAUSE_HALT = 2,
};

static inline bool
big_cause_valid(uint16_t v)
{
    return v >= BIG_CAUSE_USER && v <= BIG_CAUSE_HALT;
}

static inline const char *
big_cause_name(unsigned v)
{
    switch (v) {
    case BIG_CAUSE_USER:
        return "User";
    case BIG_CAUSE_HALT:
        return "Halt";
    default:
        return "?";
    }
}

static inline uint64_t
big_big_get(const uint8_t *buf, size_t cnt)
{
    uint64_t v = 0;

    for (size_t i = 0; i < cnt; i++)
        v = v << 8 | buf[i];
    return v;
}

static inline void
big_big_put(uint8_t *buf, uint64_t v, size_t cnt)
{
    for (size_t i = cnt; i > 0; i--, v >>= 8)
        buf[i - 1] = (uint8_t)v;
}

#define BIG_ADD_ORDER_ID         65u
#define BIG_ADD_ORDER_BLOCK      34u
#define BIG_ADD_ORDER_TYPE       'A'
#define BIG_ADD_ORDER_CAUSE_NULL UINT16_MAX

/* An order was added to the book. */
struct big_add_order {
    uint8_t message_type;  /* 0 */
    uint16_t locate_be;    /* 1 */
    uint8_t timestamp[6];  /* 3: nanoseconds since midnight */
    uint64_t order_ref_be; /* 9 */
    uint8_t side;          /* 17 */
    char stock[8];         /* 18 */
    uint8_t reserved_0[2]; /* 26 */
    uint32_t price_be;     /* 28 */
    uint16_t cause_be;     /* 32, optional */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct big_add_order) == 34, "size");
static_assert(offsetof(struct big_add_order, message_type) == 0, "offset");
static_assert(offsetof(struct big_add_order, locate_be) == 1, "offset");
static_assert(offsetof(struct big_add_order, timestamp) == 3, "offset");
static_assert(offsetof(struct big_add_order, order_ref_be) == 9, "offset");
static_assert(offsetof(struct big_add_order, side) == 17, "offset");
static_assert(offsetof(struct big_add_order, stock) == 18, "offset");
static_assert(offsetof(struct big_add_order, price_be) == 28, "offset");
static_assert(offsetof(struct big_add_order, cause_be) == 32, "offset");

static inline uint16_t
big_add_order_locate(const struct big_add_order *msg)
{
    return __builtin_bswap16(msg->locate_be);
}

static inline void
big_add_order_set_locate(struct big_add_order *msg, uint16_t v)
{
    msg->locate_be = __builtin_bswap16(v);
}

static inline uint64_t
big_add_order_timestamp(const struct big_add_order *msg)
{
    uint8_t raw[8] = {0};
    uint64_t v;

    memcpy(raw + 2, msg->timestamp, 6);
    memcpy(&v, raw, sizeof(v));
    return __builtin_bswap64(v);
}

static inline void
big_add_order_set_timestamp(struct big_add_order *msg, uint64_t v)
{
    uint8_t raw[8];

    v = __builtin_bswap64(v);
    memcpy(raw, &v, sizeof(v));
    memcpy(msg->timestamp, raw + 2, 6);
}

static inline uint64_t
big_add_order_order_ref(const struct big_add_order *msg)
{
    return __builtin_bswap64(msg->order_ref_be);
}

static inline void
big_add_order_set_order_ref(struct big_add_order *msg, uint64_t v)
{
    msg->order_ref_be = __builtin_bswap64(v);
}

static inline int32_t
big_add_order_price(const struct big_add_order *msg)
{
    return (int32_t)__builtin_bswap32(msg->price_be);
}

static inline void
big_add_order_set_price(struct big_add_order *msg, int32_t v)
{
    msg->price_be = __builtin_bswap32((uint32_t)v);
}

static inline uint16_t
big_add_order_cause(const struct big_add_order *msg)
{
    return __builtin_bswap16(msg->cause_be);
}

static inline void
big_add_order_set_cause(struct big_add_order *msg, uint16_t v)
{
    msg->cause_be = __builtin_bswap16(v);
}

static inline const struct big_add_order *
big_add_order_view(const uint8_t *buf, size_t len)
{
    const struct big_add_order *msg = (const struct big_add_order *)buf;

    if (len < sizeof(*msg))
        return NULL;
    if (msg->message_type != BIG_ADD_ORDER_TYPE)
        return NULL;
    if (!big_side_valid(msg->side))
        return NULL;
    if (big_add_order_cause(msg) != BIG_ADD_ORDER_CAUSE_NULL &&
        !big_cause_valid(big_add_order_cause(msg)))
        return NULL;
    return msg;
}

static inline size_t
big_add_order_encode(uint8_t *buf, size_t cap, const struct big_add_order *msg)
{
    if (cap < BIG_ADD_ORDER_BLOCK)
        return 0;
    memcpy(buf, msg, BIG_ADD_ORDER_BLOCK);
    buf[0] = BIG_ADD_ORDER_TYPE;
    memset(buf + 26, 0, 2);
    return BIG_ADD_ORDER_BLOCK;
}

#define BIG_PING_ID    0u
#define BIG_PING_BLOCK 4u

/* A message without a type byte. */
struct big_ping {
    uint32_t count_be; /* 0 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct big_ping) == 4, "size");
static_assert(offsetof(struct big_ping, count_be) == 0, "offset");

static inline uint32_t
big_ping_count(const struct big_ping *msg)
{
    return __builtin_bswap32(msg->count_be);
}

static inline void
big_ping_set_count(struct big_ping *msg, uint32_t v)
{
    msg->count_be = __builtin_bswap32(v);
}

static inline const struct big_ping *
big_ping_view(const uint8_t *buf, size_t len)
{
    const struct big_ping *msg = (const struct big_ping *)buf;

    if (len < sizeof(*msg))
        return NULL;
    return msg;
}

static inline size_t
big_ping_encode(uint8_t *buf, size_t cap, const struct big_ping *msg)
{
    if (cap < BIG_PING_BLOCK)
        return 0;
    memcpy(buf, msg, BIG_PING_BLOCK);
    return BIG_PING_BLOCK;
}

#define BIG_OPTIONS_ID 1u

#define BIG_OPTIONS_FIRM_TAG      2u
#define BIG_OPTIONS_OFFSET_TAG    7u
#define BIG_OPTIONS_REF_TAG       9u
#define BIG_OPTIONS_POST_ONLY_TAG 12u

#define BIG_OPTIONS_HAS_FIRM      (UINT64_C(1) << 2)
#define BIG_OPTIONS_HAS_OFFSET    (UINT64_C(1) << 7)
#define BIG_OPTIONS_HAS_REF       (UINT64_C(1) << 9)
#define BIG_OPTIONS_HAS_POST_ONLY (UINT64_C(1) << 12)

/* What may follow an order. */
struct big_options {
    uint64_t has;         /* bits: which of the others are there */
    char firm[4];         /* tag 2 */
    int32_t offset;       /* tag 7: 4 decimals */
    uint64_t ref;         /* tag 9 */
    uint8_t post_only;    /* tag 12 */
    uint32_t unknown_cnt; /* options with a tag that is none of these */
};

static inline bool
big_options_take(struct big_options *msg, unsigned tag, const uint8_t *value, size_t cnt)
{
    uint64_t has;
    size_t want;

    switch (tag) {
    case BIG_OPTIONS_FIRM_TAG:
        has = BIG_OPTIONS_HAS_FIRM;
        want = 4;
        break;
    case BIG_OPTIONS_OFFSET_TAG:
        has = BIG_OPTIONS_HAS_OFFSET;
        want = 4;
        break;
    case BIG_OPTIONS_REF_TAG:
        has = BIG_OPTIONS_HAS_REF;
        want = 8;
        break;
    case BIG_OPTIONS_POST_ONLY_TAG:
        has = BIG_OPTIONS_HAS_POST_ONLY;
        want = 1;
        break;
    default:
        msg->unknown_cnt++;
        return true;
    }
    if (cnt != want || (msg->has & has) != 0)
        return false;
    msg->has |= has;
    switch (tag) {
    case BIG_OPTIONS_FIRM_TAG:
        memcpy(msg->firm, value, cnt);
        break;
    case BIG_OPTIONS_OFFSET_TAG:
        msg->offset = (int32_t)big_big_get(value, cnt);
        break;
    case BIG_OPTIONS_REF_TAG:
        msg->ref = (uint64_t)big_big_get(value, cnt);
        break;
    case BIG_OPTIONS_POST_ONLY_TAG:
        msg->post_only = (uint8_t)big_big_get(value, cnt);
        break;
    default:
        break;
    }
    return true;
}

/*
 * big_options_parse reads the options, from their length on; none if len is 0.
 * It is false if the lengths do not agree, one comes twice or a value has not
 * the size of its tag.
 */
static inline bool
big_options_parse(const uint8_t *buf, size_t len, struct big_options *msg)
{
    size_t off = 2;

    memset(msg, 0, sizeof(*msg));
    if (len == 0)
        return true;
    if (len < off || big_big_get(buf, 2) != len - off)
        return false;
    while (off < len) {
        const size_t cnt = buf[off];

        if (cnt < 1 || cnt > len - off - 1)
            return false;
        if (!big_options_take(msg, buf[off + 1], buf + off + 2, cnt - 1))
            return false;
        off += 1 + cnt;
    }
    return true;
}

static inline uint8_t *
big_options_claim(uint8_t *buf, size_t cap, size_t *off, unsigned tag, size_t cnt)
{
    uint8_t *option = buf + *off;

    if (cap - *off < 2 + cnt)
        return NULL;
    option[0] = (uint8_t)(1 + cnt);
    option[1] = (uint8_t)tag;
    *off += 2 + cnt;
    return option + 2;
}

/*
 * big_options_put writes those that are there, in the order of this schema,
 * behind their length; 0 if they do not fit.
 */
static inline size_t
big_options_put(uint8_t *buf, size_t cap, const struct big_options *msg)
{
    size_t off = 2;
    uint8_t *value;

    if (cap < off)
        return 0;
    if ((msg->has & BIG_OPTIONS_HAS_FIRM) != 0) {
        value = big_options_claim(buf, cap, &off, BIG_OPTIONS_FIRM_TAG, 4);
        if (value == NULL)
            return 0;
        memcpy(value, msg->firm, 4);
    }
    if ((msg->has & BIG_OPTIONS_HAS_OFFSET) != 0) {
        value = big_options_claim(buf, cap, &off, BIG_OPTIONS_OFFSET_TAG, 4);
        if (value == NULL)
            return 0;
        big_big_put(value, (uint32_t)msg->offset, 4);
    }
    if ((msg->has & BIG_OPTIONS_HAS_REF) != 0) {
        value = big_options_claim(buf, cap, &off, BIG_OPTIONS_REF_TAG, 8);
        if (value == NULL)
            return 0;
        big_big_put(value, msg->ref, 8);
    }
    if ((msg->has & BIG_OPTIONS_HAS_POST_ONLY) != 0) {
        value = big_options_claim(buf, cap, &off, BIG_OPTIONS_POST_ONLY_TAG, 1);
        if (value == NULL)
            return 0;
        big_big_put(value, msg->post_only, 1);
    }
    big_big_put(buf, off - 2, 2);
    return off;
}

static inline const char *
big_message_name(unsigned template_id)
{
    switch (template_id) {
    case BIG_ADD_ORDER_ID:
        return "AddOrder";
    case BIG_PING_ID:
        return "Ping";
    case BIG_OPTIONS_ID:
        return "Options";
    default:
        return "?";
    }
}

#endif /* PROTO_BIG_H */
