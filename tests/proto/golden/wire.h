#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

/*
 * wire.h: made from wire.xml by codegen.py, do not edit.
 *
 * Little-endian wire messages: one of everything that the generator knows.
 *
 * A message is the 8-byte header, the root block, then groups and variable
 * data. *_view() takes the bytes from the header on and gives the block in
 * place, or NULL if the header does not match, the message does not fit, a
 * value is not allowed or a reserved byte is not zero; nothing else may be read
 * before. *_encode() gives the bytes written, 0 if they do not fit. *_begin()
 * writes the header and gives the block in place, to be assigned as a whole (a
 * compound literal has its reserved bytes zero), or NULL if it does not fit:
 * nothing is then copied. Structs are packed: read members by value, never take
 * their address.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
# error "these codecs are for little-endian machines"
#endif

#define WIRE_SCHEMA_ID      1000u
#define WIRE_SCHEMA_VERSION 1u

enum wire_side {
    WIRE_SIDE_BUY = '1',  /* takes offers */
    WIRE_SIDE_SELL = '2', /* takes bids */
};

static inline bool
wire_side_valid(uint8_t v)
{
    return v >= WIRE_SIDE_BUY && v <= WIRE_SIDE_SELL;
}

static inline const char *
wire_side_name(unsigned v)
{
    switch (v) {
    case WIRE_SIDE_BUY:
        return "Buy";
    case WIRE_SIDE_SELL:
        return "Sell";
    default:
        return "?";
    }
}

enum wire_settlement {
    WIRE_SETTLEMENT_CASH = 1,
    WIRE_SETTLEMENT_PHYSICAL = 2,
};

static inline bool
wire_settlement_valid(uint8_t v)
{
    return v >= WIRE_SETTLEMENT_CASH && v <= WIRE_SETTLEMENT_PHYSICAL;
}

static inline const char *
wire_settlement_name(unsigned v)
{
    switch (v) {
    case WIRE_SETTLEMENT_CASH:
        return "Cash";
    case WIRE_SETTLEMENT_PHYSICAL:
        return "Physical";
    default:
        return "?";
    }
}

enum wire_ord_type {
    WIRE_ORD_TYPE_MARKET = '1',
    WIRE_ORD_TYPE_LIMIT = '2',
    WIRE_ORD_TYPE_PEGGED = 'P',
};

static inline bool
wire_ord_type_valid(uint8_t v)
{
    switch (v) {
    case WIRE_ORD_TYPE_MARKET:
    case WIRE_ORD_TYPE_LIMIT:
    case WIRE_ORD_TYPE_PEGGED:
        return true;
    default:
        return false;
    }
}

static inline const char *
wire_ord_type_name(unsigned v)
{
    switch (v) {
    case WIRE_ORD_TYPE_MARKET:
        return "Market";
    case WIRE_ORD_TYPE_LIMIT:
        return "Limit";
    case WIRE_ORD_TYPE_PEGGED:
        return "Pegged";
    default:
        return "?";
    }
}

enum wire_time_in_force {
    WIRE_TIME_IN_FORCE_DAY = '0',
    WIRE_TIME_IN_FORCE_IOC = '3',
    WIRE_TIME_IN_FORCE_FOK = '4',
};

static inline bool
wire_time_in_force_valid(uint8_t v)
{
    switch (v) {
    case WIRE_TIME_IN_FORCE_DAY:
    case WIRE_TIME_IN_FORCE_IOC:
    case WIRE_TIME_IN_FORCE_FOK:
        return true;
    default:
        return false;
    }
}

static inline const char *
wire_time_in_force_name(unsigned v)
{
    switch (v) {
    case WIRE_TIME_IN_FORCE_DAY:
        return "Day";
    case WIRE_TIME_IN_FORCE_IOC:
        return "IOC";
    case WIRE_TIME_IN_FORCE_FOK:
        return "FOK";
    default:
        return "?";
    }
}

/* Why an order was refused */
enum wire_reject_reason {
    WIRE_REJECT_REASON_NONE = 0,
    WIRE_REJECT_REASON_UNKNOWN_INSTRUMENT = 1,
    WIRE_REJECT_REASON_PRICE_OFF_TICK = 300,
};

static inline bool
wire_reject_reason_valid(uint16_t v)
{
    switch (v) {
    case WIRE_REJECT_REASON_NONE:
    case WIRE_REJECT_REASON_UNKNOWN_INSTRUMENT:
    case WIRE_REJECT_REASON_PRICE_OFF_TICK:
        return true;
    default:
        return false;
    }
}

static inline const char *
wire_reject_reason_name(unsigned v)
{
    switch (v) {
    case WIRE_REJECT_REASON_NONE:
        return "None";
    case WIRE_REJECT_REASON_UNKNOWN_INSTRUMENT:
        return "UnknownInstrument";
    case WIRE_REJECT_REASON_PRICE_OFF_TICK:
        return "PriceOffTick";
    default:
        return "?";
    }
}

/* What the order must or must not do */
enum wire_exec_inst {
    WIRE_EXEC_INST_POST_ONLY = 1u << 0, /* never takes liquidity */
    WIRE_EXEC_INST_HIDDEN = 1u << 3,
    WIRE_EXEC_INST_ALL = 0x9,
};

#define WIRE_RIGHTS_TRADE (UINT64_C(1) << 0)
#define WIRE_RIGHTS_HALT  (UINT64_C(1) << 40)
#define WIRE_RIGHTS_ALL   UINT64_C(0x10000000001)

/* The SBE message header. */
struct wire_header {
    uint16_t block_length; /* 0: bytes of the root block alone */
    uint16_t template_id;  /* 2 */
    uint16_t schema_id;    /* 4 */
    uint16_t version;      /* 6 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_header) == 8, "size");

/*
 * wire_header_matches tells whether the message at buf is of the template, has
 * at least the block that we know, and holds its block in len bytes.
 */
static inline bool
wire_header_matches(const uint8_t *buf, size_t len, unsigned template_id, unsigned block)
{
    const struct wire_header *hdr = (const struct wire_header *)buf;

    return len >= sizeof(*hdr) && hdr->template_id == template_id &&
           hdr->schema_id == WIRE_SCHEMA_ID && hdr->block_length >= block &&
           hdr->block_length <= len - sizeof(*hdr);
}

/* wire_header_put writes the header of a message. */
static inline void
wire_header_put(uint8_t *buf, uint16_t template_id, uint16_t block)
{
    struct wire_header *hdr = (struct wire_header *)buf;

    hdr->block_length = block;
    hdr->template_id = template_id;
    hdr->schema_id = WIRE_SCHEMA_ID;
    hdr->version = WIRE_SCHEMA_VERSION;
}

/*
 * wire_data8_end gives the offset behind the variable data at off, 0 if it does
 * not fit in len. An off of 0 stays 0, so that calls can be chained.
 */
static inline size_t
wire_data8_end(const uint8_t *buf, size_t len, size_t off)
{
    uint8_t cnt;

    if (off == 0 || len - off < sizeof(cnt))
        return 0;
    memcpy(&cnt, buf + off, sizeof(cnt));
    off += sizeof(cnt);
    return cnt != UINT8_MAX && cnt <= len - off ? off + cnt : 0;
}

/*
 * wire_data16_end gives the offset behind the variable data at off, 0 if it
 * does not fit in len. An off of 0 stays 0, so that calls can be chained.
 */
static inline size_t
wire_data16_end(const uint8_t *buf, size_t len, size_t off)
{
    uint16_t cnt;

    if (off == 0 || len - off < sizeof(cnt))
        return 0;
    memcpy(&cnt, buf + off, sizeof(cnt));
    off += sizeof(cnt);
    return cnt != UINT16_MAX && cnt <= len - off ? off + cnt : 0;
}

/* What stands before the entries of a repeating group. */
struct wire_group_size {
    uint16_t block_length; /* 0: bytes of one entry, the stride */
    uint16_t num_in_group; /* 2 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_group_size) == 4, "size");

/*
 * wire_group_end gives the offset behind the group at off, 0 if it does not fit
 * in len or its entries are smaller than entry_bytes. An off of 0 stays 0.
 */
static inline size_t
wire_group_end(const uint8_t *buf, size_t len, size_t off, size_t entry_bytes)
{
    const struct wire_group_size *size;
    size_t total;

    if (off == 0 || len - off < sizeof(*size))
        return 0;
    size = (const struct wire_group_size *)(buf + off);
    off += sizeof(*size);
    if (size->num_in_group == UINT16_MAX || size->block_length < entry_bytes)
        return 0;
    total = (size_t)size->num_in_group * size->block_length;
    return total <= len - off ? off + total : 0;
}

/*
 * wire_zeros tells whether reserved bytes are zero: what a later version says
 * with them is not to be overheard.
 */
static inline bool
wire_zeros(const uint8_t *bytes, size_t cnt)
{
    uint8_t all = 0;

    for (size_t i = 0; i < cnt; i++)
        all = (uint8_t)(all | bytes[i]);
    return all == 0;
}

/* A month, or a day or week of it */
struct wire_month_year {
    uint16_t year;      /* 0 */
    uint8_t month;      /* 2 */
    uint8_t day;        /* 3, optional */
    uint8_t side;       /* 4 */
    uint8_t settlement; /* 5 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_month_year) == 6, "size");
static_assert(offsetof(struct wire_month_year, year) == 0, "offset");
static_assert(offsetof(struct wire_month_year, month) == 2, "offset");
static_assert(offsetof(struct wire_month_year, day) == 3, "offset");
static_assert(offsetof(struct wire_month_year, side) == 4, "offset");
static_assert(offsetof(struct wire_month_year, settlement) == 5, "offset");

#define WIRE_NEW_ORDER_SINGLE_ID               10u
#define WIRE_NEW_ORDER_SINGLE_BLOCK            64u
#define WIRE_NEW_ORDER_SINGLE_PRICE_NULL       INT64_MIN
#define WIRE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL UINT32_MAX
#define WIRE_NEW_ORDER_SINGLE_MIN_QTY_NULL     UINT32_MAX

/* Enters an order. */
struct wire_new_order_single {
    char cl_ord_id[16];     /* 0: unique among live orders */
    uint32_t security_id;   /* 16 */
    uint32_t order_qty;     /* 20 */
    int64_t price;          /* 24, x 10^-8, optional: limit */
    uint32_t display_qty;   /* 32, optional */
    uint32_t min_qty;       /* 36, optional */
    uint64_t transact_time; /* 40: nanoseconds since 1970 UTC */
    uint32_t account;       /* 48 */
    uint8_t side;           /* 52 */
    uint8_t ord_type;       /* 53 */
    uint8_t time_in_force;  /* 54 */
    uint8_t exec_inst;      /* 55 */
    uint8_t reserved_0[8];  /* 56 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_new_order_single) == 64, "size");
static_assert(offsetof(struct wire_new_order_single, cl_ord_id) == 0, "offset");
static_assert(offsetof(struct wire_new_order_single, security_id) == 16, "offset");
static_assert(offsetof(struct wire_new_order_single, order_qty) == 20, "offset");
static_assert(offsetof(struct wire_new_order_single, price) == 24, "offset");
static_assert(offsetof(struct wire_new_order_single, display_qty) == 32, "offset");
static_assert(offsetof(struct wire_new_order_single, min_qty) == 36, "offset");
static_assert(offsetof(struct wire_new_order_single, transact_time) == 40, "offset");
static_assert(offsetof(struct wire_new_order_single, account) == 48, "offset");
static_assert(offsetof(struct wire_new_order_single, side) == 52, "offset");
static_assert(offsetof(struct wire_new_order_single, ord_type) == 53, "offset");
static_assert(offsetof(struct wire_new_order_single, time_in_force) == 54, "offset");
static_assert(offsetof(struct wire_new_order_single, exec_inst) == 55, "offset");

static inline const struct wire_new_order_single *
wire_new_order_single_view(const uint8_t *buf, size_t len)
{
    const struct wire_new_order_single *msg;

    if (!wire_header_matches(buf, len, WIRE_NEW_ORDER_SINGLE_ID, WIRE_NEW_ORDER_SINGLE_BLOCK))
        return NULL;
    msg = (const struct wire_new_order_single *)(buf + sizeof(struct wire_header));
    if (msg->security_id == UINT32_MAX)
        return NULL;
    if (msg->order_qty == UINT32_MAX)
        return NULL;
    if (msg->transact_time == UINT64_MAX)
        return NULL;
    if (msg->account == UINT32_MAX)
        return NULL;
    if (!wire_side_valid(msg->side))
        return NULL;
    if (!wire_ord_type_valid(msg->ord_type))
        return NULL;
    if (!wire_time_in_force_valid(msg->time_in_force))
        return NULL;
    if ((msg->exec_inst & ~WIRE_EXEC_INST_ALL) != 0)
        return NULL;
    if (!wire_zeros(msg->reserved_0, 8))
        return NULL;
    return msg;
}

static inline size_t
wire_new_order_single_encode(uint8_t *buf, size_t cap, const struct wire_new_order_single *msg)
{
    size_t total = sizeof(struct wire_header) + WIRE_NEW_ORDER_SINGLE_BLOCK;

    if (total > cap)
        return 0;
    wire_header_put(buf, WIRE_NEW_ORDER_SINGLE_ID, WIRE_NEW_ORDER_SINGLE_BLOCK);
    memcpy(buf + sizeof(struct wire_header), msg, WIRE_NEW_ORDER_SINGLE_BLOCK);
    memset(buf + sizeof(struct wire_header) + 56, 0, 8);
    return total;
}

static inline struct wire_new_order_single *
wire_new_order_single_begin(uint8_t *buf, size_t cap)
{
    if (cap < sizeof(struct wire_header) + WIRE_NEW_ORDER_SINGLE_BLOCK)
        return NULL;
    wire_header_put(buf, WIRE_NEW_ORDER_SINGLE_ID, WIRE_NEW_ORDER_SINGLE_BLOCK);
    return (struct wire_new_order_single *)(buf + sizeof(struct wire_header));
}

#define WIRE_BUSINESS_MESSAGE_REJECT_ID    31u
#define WIRE_BUSINESS_MESSAGE_REJECT_BLOCK 16u

/* Refuses a message. */
struct wire_business_message_reject {
    uint64_t ref_seq_num;            /* 0: the message refused */
    uint32_t business_reject_reason; /* 8 */
    uint8_t reserved_0[4];           /* 12 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_business_message_reject) == 16, "size");
static_assert(offsetof(struct wire_business_message_reject, ref_seq_num) == 0, "offset");
static_assert(offsetof(struct wire_business_message_reject, business_reject_reason) == 8, "offset");

static inline const struct wire_business_message_reject *
wire_business_message_reject_view(const uint8_t *buf, size_t len)
{
    const struct wire_business_message_reject *msg;
    size_t end;

    if (!wire_header_matches(buf, len, WIRE_BUSINESS_MESSAGE_REJECT_ID,
                             WIRE_BUSINESS_MESSAGE_REJECT_BLOCK))
        return NULL;
    end = sizeof(struct wire_header) + ((const struct wire_header *)buf)->block_length;
    end = wire_data16_end(buf, len, end);
    if (end == 0)
        return NULL;
    msg = (const struct wire_business_message_reject *)(buf + sizeof(struct wire_header));
    if (msg->ref_seq_num == UINT64_MAX)
        return NULL;
    if (msg->business_reject_reason == UINT32_MAX)
        return NULL;
    if (!wire_zeros(msg->reserved_0, 4))
        return NULL;
    return msg;
}

/*
 * wire_business_message_reject_text gives the bytes and their number, after a
 * successful view. It is for people.
 */
static inline const uint8_t *
wire_business_message_reject_text(const uint8_t *buf, uint16_t *len)
{
    uint16_t cnt;
    size_t off = sizeof(struct wire_header) + ((const struct wire_header *)buf)->block_length;

    memcpy(&cnt, buf + off, sizeof(cnt));
    *len = cnt;
    return buf + off + sizeof(cnt);
}

static inline size_t
wire_business_message_reject_encode(uint8_t *buf,
                                    size_t cap,
                                    const struct wire_business_message_reject *msg,
                                    const void *text,
                                    uint16_t text_len)
{
    size_t total = sizeof(struct wire_header) + WIRE_BUSINESS_MESSAGE_REJECT_BLOCK;
    size_t off = total;

    total += sizeof(uint16_t) + text_len;
    if (total > cap)
        return 0;
    if (text_len >= UINT16_MAX)
        return 0;
    wire_header_put(buf, WIRE_BUSINESS_MESSAGE_REJECT_ID, WIRE_BUSINESS_MESSAGE_REJECT_BLOCK);
    memcpy(buf + sizeof(struct wire_header), msg, WIRE_BUSINESS_MESSAGE_REJECT_BLOCK);
    memset(buf + sizeof(struct wire_header) + 12, 0, 4);
    memcpy(buf + off, &text_len, sizeof(text_len));
    off += sizeof(text_len);
    if (text_len > 0)
        memcpy(buf + off, text, text_len);
    return total;
}

#define WIRE_HEARTBEAT_ID    0u
#define WIRE_HEARTBEAT_BLOCK 0u

/* Nothing to say. It has no fields: the struct stays incomplete. */
struct wire_heartbeat;

static inline const struct wire_heartbeat *
wire_heartbeat_view(const uint8_t *buf, size_t len)
{
    if (!wire_header_matches(buf, len, WIRE_HEARTBEAT_ID, WIRE_HEARTBEAT_BLOCK))
        return NULL;
    return (const struct wire_heartbeat *)(buf + sizeof(struct wire_header));
}

static inline size_t
wire_heartbeat_encode(uint8_t *buf, size_t cap)
{
    size_t total = sizeof(struct wire_header);

    if (total > cap)
        return 0;
    wire_header_put(buf, WIRE_HEARTBEAT_ID, WIRE_HEARTBEAT_BLOCK);
    return total;
}

#define WIRE_TEMPLATE_ID                           40u
#define WIRE_TEMPLATE_BLOCK                        60u
#define WIRE_TEMPLATE_BLOCK_V0                     52u
#define WIRE_TEMPLATE_VENUE                        "GOLD"
#define WIRE_TEMPLATE_SIDE_OF_BOOK                 '2'
#define WIRE_TEMPLATE_LOTS_NULL                    UINT32_C(0)
#define WIRE_TEMPLATE_LOTS_MAX                     UINT32_C(999999)
#define WIRE_TEMPLATE_SHORT_NULL                   (INT32_C(-1))
#define WIRE_TEMPLATE_REASON_NULL                  UINT16_MAX
#define WIRE_TEMPLATE_LAST_QTY_OF_VERSION_ONE_NULL UINT32_MAX

/*
 * Shows the rest: constants, gaps, null values of its own, a composite, sets
 * beyond 32 bits, names that are keywords, and a description that is too long
 * for one line.
 */
struct wire_template {
    uint32_t lots;                     /* 0, optional */
    uint8_t reserved_0[4];             /* 4 */
    int32_t short_;                    /* 8, optional: the balance, which may be negative and
                                        * then says how much is owed to the house at the end of
                                        * day */
    uint8_t reserved_1[2];             /* 12 */
    uint16_t reason;                   /* 14, optional */
    uint64_t rights;                   /* 16 */
    struct wire_month_year maturity;   /* 24 */
    uint64_t digest[2];                /* 30 */
    uint8_t letter;                    /* 46 */
    uint8_t reserved_2[5];             /* 47 */
    uint8_t appended_with_version_one; /* 52 */
    uint8_t reserved_3[3];             /* 53 */
    uint32_t last_qty_of_version_one;  /* 56, optional */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_template) == 60, "size");
static_assert(offsetof(struct wire_template, lots) == 0, "offset");
static_assert(offsetof(struct wire_template, short_) == 8, "offset");
static_assert(offsetof(struct wire_template, reason) == 14, "offset");
static_assert(offsetof(struct wire_template, rights) == 16, "offset");
static_assert(offsetof(struct wire_template, maturity) == 24, "offset");
static_assert(offsetof(struct wire_template, digest) == 30, "offset");
static_assert(offsetof(struct wire_template, letter) == 46, "offset");
static_assert(offsetof(struct wire_template, appended_with_version_one) == 52, "offset");
static_assert(offsetof(struct wire_template, last_qty_of_version_one) == 56, "offset");

/*
 * wire_template_has_appended_with_version_one tells, after a successful view,
 * whether the sender knows the field, which came with version 1; without that
 * it must not be read.
 */
static inline bool
wire_template_has_appended_with_version_one(const uint8_t *buf)
{
    const struct wire_header *hdr = (const struct wire_header *)buf;

    return hdr->version >= 1 && hdr->block_length >= 53;
}

/*
 * wire_template_has_last_qty_of_version_one tells, after a successful view,
 * whether the sender knows the field, which came with version 1; without that
 * it must not be read.
 */
static inline bool
wire_template_has_last_qty_of_version_one(const uint8_t *buf)
{
    const struct wire_header *hdr = (const struct wire_header *)buf;

    return hdr->version >= 1 && hdr->block_length >= 60;
}

static inline const struct wire_template *
wire_template_view(const uint8_t *buf, size_t len)
{
    const struct wire_template *msg;

    if (!wire_header_matches(buf, len, WIRE_TEMPLATE_ID, WIRE_TEMPLATE_BLOCK_V0))
        return NULL;
    msg = (const struct wire_template *)(buf + sizeof(struct wire_header));
    if (msg->reason != WIRE_TEMPLATE_REASON_NULL && !wire_reject_reason_valid(msg->reason))
        return NULL;
    if ((msg->rights & ~(uint64_t)WIRE_RIGHTS_ALL) != 0)
        return NULL;
    if (msg->maturity.year == UINT16_MAX)
        return NULL;
    if (msg->maturity.month == UINT8_MAX)
        return NULL;
    if (!wire_side_valid(msg->maturity.side))
        return NULL;
    if (!wire_settlement_valid(msg->maturity.settlement))
        return NULL;
    if (msg->letter == '\0')
        return NULL;
    if (wire_template_has_appended_with_version_one(buf) &&
        !wire_side_valid(msg->appended_with_version_one))
        return NULL;
    if (!wire_zeros(msg->reserved_0, 4))
        return NULL;
    if (!wire_zeros(msg->reserved_1, 2))
        return NULL;
    if (!wire_zeros(msg->reserved_2, 5))
        return NULL;
    if (wire_template_has_appended_with_version_one(buf) &&
        (((const struct wire_header *)buf)->block_length >= 56 && !wire_zeros(msg->reserved_3, 3)))
        return NULL;
    return msg;
}

static inline size_t
wire_template_encode(uint8_t *buf, size_t cap, const struct wire_template *msg)
{
    size_t total = sizeof(struct wire_header) + WIRE_TEMPLATE_BLOCK;

    if (total > cap)
        return 0;
    wire_header_put(buf, WIRE_TEMPLATE_ID, WIRE_TEMPLATE_BLOCK);
    memcpy(buf + sizeof(struct wire_header), msg, WIRE_TEMPLATE_BLOCK);
    memset(buf + sizeof(struct wire_header) + 4, 0, 4);
    memset(buf + sizeof(struct wire_header) + 12, 0, 2);
    memset(buf + sizeof(struct wire_header) + 47, 0, 5);
    memset(buf + sizeof(struct wire_header) + 53, 0, 3);
    return total;
}

static inline struct wire_template *
wire_template_begin(uint8_t *buf, size_t cap)
{
    if (cap < sizeof(struct wire_header) + WIRE_TEMPLATE_BLOCK)
        return NULL;
    wire_header_put(buf, WIRE_TEMPLATE_ID, WIRE_TEMPLATE_BLOCK);
    return (struct wire_template *)(buf + sizeof(struct wire_header));
}

#define WIRE_MASS_QUOTE_ID    41u
#define WIRE_MASS_QUOTE_BLOCK 8u

/* Quotes several instruments. */
struct wire_mass_quote {
    uint64_t quote_id; /* 0 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_mass_quote) == 8, "size");
static_assert(offsetof(struct wire_mass_quote, quote_id) == 0, "offset");

#define WIRE_MASS_QUOTE_ENTRIES_QUOTE_SIDE_NULL '\0'

/* One instrument */
struct wire_mass_quote_entries {
    uint32_t instrument;   /* 0 */
    uint8_t quote_side;    /* 4, optional */
    uint8_t reserved_0[3]; /* 5 */
    int64_t bid_px;        /* 8, x 10^-8 */
    uint32_t bid_size;     /* 16 */
    uint8_t reserved_1[4]; /* 20 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_mass_quote_entries) == 24, "size");
static_assert(offsetof(struct wire_mass_quote_entries, instrument) == 0, "offset");
static_assert(offsetof(struct wire_mass_quote_entries, quote_side) == 4, "offset");
static_assert(offsetof(struct wire_mass_quote_entries, bid_px) == 8, "offset");
static_assert(offsetof(struct wire_mass_quote_entries, bid_size) == 16, "offset");

/*
 * wire_mass_quote_entries_view gives the first entry, how many there are and
 * how many bytes apart, after a successful view of the message. Entry i is the
 * struct wire_mass_quote_entries at i * stride.
 */
static inline const uint8_t *
wire_mass_quote_entries_view(const uint8_t *buf, uint16_t *count, uint16_t *stride)
{
    const struct wire_group_size *size;
    size_t off = sizeof(struct wire_header) + ((const struct wire_header *)buf)->block_length;

    size = (const struct wire_group_size *)(buf + off);
    *count = size->num_in_group;
    *stride = size->block_length;
    return buf + off + sizeof(*size);
}

/*
 * wire_mass_quote_entries_valid tells whether all entries hold values that are
 * allowed. The group must fit.
 */
static inline bool
wire_mass_quote_entries_valid(const uint8_t *buf)
{
    const struct wire_mass_quote_entries *entry;
    uint16_t count, stride;
    const uint8_t *first = wire_mass_quote_entries_view(buf, &count, &stride);

    for (size_t i = 0; i < count; i++) {
        entry = (const struct wire_mass_quote_entries *)(first + i * stride);
        if (entry->instrument == UINT32_MAX)
            return false;
        if (entry->quote_side != WIRE_MASS_QUOTE_ENTRIES_QUOTE_SIDE_NULL &&
            !wire_side_valid(entry->quote_side))
            return false;
        if (entry->bid_px == INT64_MIN)
            return false;
        if (entry->bid_size == UINT32_MAX)
            return false;
        if (!wire_zeros(entry->reserved_0, 3))
            return false;
        if (!wire_zeros(entry->reserved_1, 4))
            return false;
    }
    return true;
}

/*
 * wire_mass_quote_entries_put writes the group at off and gives the offset
 * behind it.
 */
static inline size_t
wire_mass_quote_entries_put(uint8_t *buf,
                            size_t off,
                            const struct wire_mass_quote_entries *entries,
                            uint16_t cnt)
{
    struct wire_group_size *size = (struct wire_group_size *)(buf + off);

    size->block_length = sizeof(*entries);
    size->num_in_group = cnt;
    off += sizeof(*size);
    for (size_t i = 0; i < cnt; i++) {
        memcpy(buf + off, &entries[i], sizeof(*entries));
        memset(buf + off + 5, 0, 3);
        memset(buf + off + 20, 0, 4);
        off += sizeof(*entries);
    }
    return off;
}

struct wire_mass_quote_legs {
    uint8_t leg_ref; /* 0 */
} __attribute__((packed, aligned(1)));

static_assert(sizeof(struct wire_mass_quote_legs) == 1, "size");
static_assert(offsetof(struct wire_mass_quote_legs, leg_ref) == 0, "offset");

/*
 * wire_mass_quote_legs_view gives the first entry, how many there are and how
 * many bytes apart, after a successful view of the message. Entry i is the
 * struct wire_mass_quote_legs at i * stride.
 */
static inline const uint8_t *
wire_mass_quote_legs_view(const uint8_t *buf, uint16_t *count, uint16_t *stride)
{
    const struct wire_group_size *size;
    size_t off = sizeof(struct wire_header) + ((const struct wire_header *)buf)->block_length;

    off = wire_group_end(buf, SIZE_MAX, off, sizeof(struct wire_mass_quote_entries));
    size = (const struct wire_group_size *)(buf + off);
    *count = size->num_in_group;
    *stride = size->block_length;
    return buf + off + sizeof(*size);
}

/*
 * wire_mass_quote_legs_valid tells whether all entries hold values that are
 * allowed. The group must fit.
 */
static inline bool
wire_mass_quote_legs_valid(const uint8_t *buf)
{
    const struct wire_mass_quote_legs *entry;
    uint16_t count, stride;
    const uint8_t *first = wire_mass_quote_legs_view(buf, &count, &stride);

    for (size_t i = 0; i < count; i++) {
        entry = (const struct wire_mass_quote_legs *)(first + i * stride);
        if (entry->leg_ref == UINT8_MAX)
            return false;
    }
    return true;
}

/*
 * wire_mass_quote_legs_put writes the group at off and gives the offset behind
 * it.
 */
static inline size_t
wire_mass_quote_legs_put(uint8_t *buf,
                         size_t off,
                         const struct wire_mass_quote_legs *entries,
                         uint16_t cnt)
{
    struct wire_group_size *size = (struct wire_group_size *)(buf + off);

    size->block_length = sizeof(*entries);
    size->num_in_group = cnt;
    off += sizeof(*size);
    for (size_t i = 0; i < cnt; i++) {
        memcpy(buf + off, &entries[i], sizeof(*entries));
        off += sizeof(*entries);
    }
    return off;
}

static inline const struct wire_mass_quote *
wire_mass_quote_view(const uint8_t *buf, size_t len)
{
    const struct wire_mass_quote *msg;
    size_t end;

    if (!wire_header_matches(buf, len, WIRE_MASS_QUOTE_ID, WIRE_MASS_QUOTE_BLOCK))
        return NULL;
    end = sizeof(struct wire_header) + ((const struct wire_header *)buf)->block_length;
    end = wire_group_end(buf, len, end, sizeof(struct wire_mass_quote_entries));
    end = wire_group_end(buf, len, end, sizeof(struct wire_mass_quote_legs));
    end = wire_data8_end(buf, len, end);
    end = wire_data16_end(buf, len, end);
    if (end == 0)
        return NULL;
    if (!wire_mass_quote_entries_valid(buf))
        return NULL;
    if (!wire_mass_quote_legs_valid(buf))
        return NULL;
    msg = (const struct wire_mass_quote *)(buf + sizeof(struct wire_header));
    if (msg->quote_id == UINT64_MAX)
        return NULL;
    return msg;
}

/*
 * wire_mass_quote_memo gives the bytes and their number, after a successful
 * view.
 */
static inline const uint8_t *
wire_mass_quote_memo(const uint8_t *buf, uint16_t *len)
{
    uint8_t cnt;
    size_t off = sizeof(struct wire_header) + ((const struct wire_header *)buf)->block_length;

    off = wire_group_end(buf, SIZE_MAX, off, sizeof(struct wire_mass_quote_entries));
    off = wire_group_end(buf, SIZE_MAX, off, sizeof(struct wire_mass_quote_legs));
    memcpy(&cnt, buf + off, sizeof(cnt));
    *len = cnt;
    return buf + off + sizeof(cnt);
}

/*
 * wire_mass_quote_off gives the bytes and their number, after a successful
 * view.
 */
static inline const uint8_t *
wire_mass_quote_off(const uint8_t *buf, uint16_t *len)
{
    uint16_t cnt;
    size_t off = sizeof(struct wire_header) + ((const struct wire_header *)buf)->block_length;

    off = wire_group_end(buf, SIZE_MAX, off, sizeof(struct wire_mass_quote_entries));
    off = wire_group_end(buf, SIZE_MAX, off, sizeof(struct wire_mass_quote_legs));
    off = wire_data8_end(buf, SIZE_MAX, off);
    memcpy(&cnt, buf + off, sizeof(cnt));
    *len = cnt;
    return buf + off + sizeof(cnt);
}

static inline size_t
wire_mass_quote_encode(uint8_t *buf,
                       size_t cap,
                       const struct wire_mass_quote *msg,
                       const struct wire_mass_quote_entries *entries,
                       uint16_t entries_cnt,
                       const struct wire_mass_quote_legs *legs,
                       uint16_t legs_cnt,
                       const void *memo,
                       uint16_t memo_len,
                       const void *off_,
                       uint16_t off_len)
{
    size_t total = sizeof(struct wire_header) + WIRE_MASS_QUOTE_BLOCK;
    size_t off = total;

    total += sizeof(struct wire_group_size) + (size_t)entries_cnt * sizeof(*entries);
    total += sizeof(struct wire_group_size) + (size_t)legs_cnt * sizeof(*legs);
    total += sizeof(uint8_t) + memo_len;
    total += sizeof(uint16_t) + off_len;
    if (total > cap)
        return 0;
    if (entries_cnt == UINT16_MAX)
        return 0;
    if (legs_cnt == UINT16_MAX)
        return 0;
    if (memo_len >= UINT8_MAX)
        return 0;
    if (off_len >= UINT16_MAX)
        return 0;
    wire_header_put(buf, WIRE_MASS_QUOTE_ID, WIRE_MASS_QUOTE_BLOCK);
    memcpy(buf + sizeof(struct wire_header), msg, WIRE_MASS_QUOTE_BLOCK);
    off = wire_mass_quote_entries_put(buf, off, entries, entries_cnt);
    off = wire_mass_quote_legs_put(buf, off, legs, legs_cnt);
    buf[off++] = (uint8_t)memo_len;
    if (memo_len > 0)
        memcpy(buf + off, memo, memo_len);
    off += memo_len;
    memcpy(buf + off, &off_len, sizeof(off_len));
    off += sizeof(off_len);
    if (off_len > 0)
        memcpy(buf + off, off_, off_len);
    return total;
}

/*
 * wire_message_length gives the bytes of the message at buf, header included:
 * the step to the next one. It is 0 if the message does not fit in len, its
 * template is unknown or the schema is another. Of a message by a newer schema
 * it covers the parts that this schema knows.
 */
static inline size_t
wire_message_length(const uint8_t *buf, size_t len)
{
    const struct wire_header *hdr = (const struct wire_header *)buf;
    size_t end;

    if (len < sizeof(*hdr) || hdr->schema_id != WIRE_SCHEMA_ID)
        return 0;
    end = sizeof(*hdr) + hdr->block_length;
    if (end > len)
        return 0;
    switch (hdr->template_id) {
    case WIRE_NEW_ORDER_SINGLE_ID:
    case WIRE_HEARTBEAT_ID:
    case WIRE_TEMPLATE_ID:
        return end;
    case WIRE_BUSINESS_MESSAGE_REJECT_ID:
        return wire_data16_end(buf, len, end);
    case WIRE_MASS_QUOTE_ID:
        end = wire_group_end(buf, len, end, sizeof(struct wire_mass_quote_entries));
        end = wire_group_end(buf, len, end, sizeof(struct wire_mass_quote_legs));
        end = wire_data8_end(buf, len, end);
        return wire_data16_end(buf, len, end);
    default:
        return 0;
    }
}

static inline const char *
wire_message_name(unsigned template_id)
{
    switch (template_id) {
    case WIRE_NEW_ORDER_SINGLE_ID:
        return "NewOrderSingle";
    case WIRE_BUSINESS_MESSAGE_REJECT_ID:
        return "BusinessMessageReject";
    case WIRE_HEARTBEAT_ID:
        return "Heartbeat";
    case WIRE_TEMPLATE_ID:
        return "Template";
    case WIRE_MASS_QUOTE_ID:
        return "MassQuote";
    default:
        return "?";
    }
}

#endif /* PROTO_WIRE_H */
