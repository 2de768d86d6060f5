#ifndef PROTO_CELLS_H
#define PROTO_CELLS_H

/*
 * cells.h: made from cells.xml by codegen.py, do not edit.
 *
 * Cells that borrow enums from the wire messages.
 *
 * Every cell is 64 bytes, one cache line, with the kind in byte 0 and the shape
 * in byte 1. *_view() gives the cell as a struct, or NULL if the kind differs,
 * an enum or set holds a value that is not declared, or a reserved byte is not
 * zero.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/proto/golden/wire.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
# error "these codecs are for little-endian machines"
#endif

#define CELL_SCHEMA_ID      2u
#define CELL_SCHEMA_VERSION 0u

#define CELL_ATTR_POST_ONLY (UINT32_C(1) << 0)
#define CELL_ATTR_HIDDEN    (UINT32_C(1) << 1)
#define CELL_ATTR_LAST      (UINT32_C(1) << 31)
#define CELL_ATTR_ALL       UINT32_C(0x80000003)

enum cell_phase {
    CELL_PHASE_CLOSED = 0,
    CELL_PHASE_OPEN = 1,
    CELL_PHASE_AUCTION = 2,
};

static inline bool
cell_phase_valid(uint8_t v)
{
    return v <= CELL_PHASE_AUCTION;
}

static inline const char *
cell_phase_name(unsigned v)
{
    switch (v) {
    case CELL_PHASE_CLOSED:
        return "Closed";
    case CELL_PHASE_OPEN:
        return "Open";
    case CELL_PHASE_AUCTION:
        return "Auction";
    default:
        return "?";
    }
}

/* The kind of a cell: its first byte. */
enum cell_kind {
    CELL_KIND_ORDER_NEW = 32, /* An order was entered. */
    CELL_KIND_NEW = 33,       /* Its name is a keyword of C++. */
};

static inline bool
cell_kind_valid(uint8_t v)
{
    switch (v) {
    case CELL_KIND_ORDER_NEW:
    case CELL_KIND_NEW:
        return true;
    default:
        return false;
    }
}

static inline const char *
cell_kind_name(unsigned v)
{
    switch (v) {
    case CELL_KIND_ORDER_NEW:
        return "OrderNew";
    case CELL_KIND_NEW:
        return "New";
    default:
        return "?";
    }
}

#define CELL_ORDER_NEW_PHASE_NULL UINT8_MAX
#define CELL_ORDER_NEW_PX_NULL    INT64_MIN

/* An order was entered. */
struct cell_order_new {
    uint8_t kind;          /* 0 */
    uint8_t shape;         /* 1 */
    uint16_t outcome;      /* 2 */
    uint8_t side;          /* 4 */
    uint8_t phase;         /* 5, optional */
    uint8_t reserved0[2];  /* 6 */
    uint64_t seq;          /* 8: number of the command */
    int64_t px;            /* 16, optional */
    uint32_t attr;         /* 24 */
    uint32_t reserved1;    /* 28 */
    uint8_t hash[16];      /* 32 */
    uint8_t reserved2[12]; /* 48 */
    uint32_t qty;          /* 60 */
};

static_assert(sizeof(struct cell_order_new) == 64, "size");
static_assert(offsetof(struct cell_order_new, kind) == 0, "offset");
static_assert(offsetof(struct cell_order_new, shape) == 1, "offset");
static_assert(offsetof(struct cell_order_new, outcome) == 2, "offset");
static_assert(offsetof(struct cell_order_new, side) == 4, "offset");
static_assert(offsetof(struct cell_order_new, phase) == 5, "offset");
static_assert(offsetof(struct cell_order_new, reserved0) == 6, "offset");
static_assert(offsetof(struct cell_order_new, seq) == 8, "offset");
static_assert(offsetof(struct cell_order_new, px) == 16, "offset");
static_assert(offsetof(struct cell_order_new, attr) == 24, "offset");
static_assert(offsetof(struct cell_order_new, reserved1) == 28, "offset");
static_assert(offsetof(struct cell_order_new, hash) == 32, "offset");
static_assert(offsetof(struct cell_order_new, reserved2) == 48, "offset");
static_assert(offsetof(struct cell_order_new, qty) == 60, "offset");

/* Its name is a keyword of C++. */
struct cell_new {
    uint8_t kind;       /* 0 */
    uint8_t shape;      /* 1 */
    uint8_t exec;       /* 2 */
    uint8_t reserved0;  /* 3 */
    int32_t delta;      /* 4 */
    char name[8];       /* 8 */
    uint8_t tail[38];   /* 16 */
    uint16_t reserved1; /* 54 */
    uint64_t ref;       /* 56 */
};

static_assert(sizeof(struct cell_new) == 64, "size");
static_assert(offsetof(struct cell_new, kind) == 0, "offset");
static_assert(offsetof(struct cell_new, shape) == 1, "offset");
static_assert(offsetof(struct cell_new, exec) == 2, "offset");
static_assert(offsetof(struct cell_new, reserved0) == 3, "offset");
static_assert(offsetof(struct cell_new, delta) == 4, "offset");
static_assert(offsetof(struct cell_new, name) == 8, "offset");
static_assert(offsetof(struct cell_new, tail) == 16, "offset");
static_assert(offsetof(struct cell_new, reserved1) == 54, "offset");
static_assert(offsetof(struct cell_new, ref) == 56, "offset");

/* A cell seen as any of its kinds. */
union cell {
    struct cell_order_new order_new;
    struct cell_new new_;
    uint64_t words[8];
    uint8_t bytes[64];
} __attribute__((aligned(64)));

static_assert(sizeof(union cell) == 64, "one line");

static inline const struct cell_order_new *
cell_order_new_view(const union cell *cell)
{
    const struct cell_order_new *msg = &cell->order_new;

    if (msg->kind != CELL_KIND_ORDER_NEW)
        return NULL;
    if (!wire_reject_reason_valid(msg->outcome))
        return NULL;
    if (!wire_side_valid(msg->side))
        return NULL;
    if (msg->phase != CELL_ORDER_NEW_PHASE_NULL && !cell_phase_valid(msg->phase))
        return NULL;
    if ((msg->attr & ~(uint32_t)CELL_ATTR_ALL) != 0)
        return NULL;
    if ((cell->words[0] & UINT64_C(0xffff000000000000)) != 0)
        return NULL;
    if ((cell->words[3] & UINT64_C(0xffffffff00000000)) != 0)
        return NULL;
    if (cell->words[6] != 0)
        return NULL;
    if ((cell->words[7] & UINT64_C(0x00000000ffffffff)) != 0)
        return NULL;
    return msg;
}

static inline const struct cell_new *
cell_new_view(const union cell *cell)
{
    const struct cell_new *msg = &cell->new_;

    if (msg->kind != CELL_KIND_NEW)
        return NULL;
    if ((msg->exec & ~WIRE_EXEC_INST_ALL) != 0)
        return NULL;
    if ((cell->words[0] & UINT64_C(0x00000000ff000000)) != 0)
        return NULL;
    if ((cell->words[6] & UINT64_C(0xffff000000000000)) != 0)
        return NULL;
    return msg;
}

/* cell_valid tells whether the cell is of a known kind and passes its view. */
static inline bool
cell_valid(const union cell *cell)
{
    switch (cell->bytes[0]) {
    case CELL_KIND_ORDER_NEW:
        return cell_order_new_view(cell) != NULL;
    case CELL_KIND_NEW:
        return cell_new_view(cell) != NULL;
    default:
        return false;
    }
}

/* How to print a field: a number, a price, text, or bytes in hex. */
enum cell_field_type {
    CELL_FIELD_U,
    CELL_FIELD_I,
    CELL_FIELD_PRICE,
    CELL_FIELD_CHARS,
    CELL_FIELD_HEX,
};

/* A field of a cell, for tools that print and compare any kind. */
struct cell_field {
    const char *name;
    uint8_t offset;
    uint8_t size;
    uint8_t type;                          /* enum cell_field_type */
    const char *(*value_name)(unsigned v); /* of an enum, else NULL */
};

static inline const struct cell_field *
cell_order_new_fields(unsigned *count)
{
    static const struct cell_field fields[] = {
        {"kind", 0, 1, CELL_FIELD_U, NULL},                       /* uint8 */
        {"shape", 1, 1, CELL_FIELD_U, NULL},                      /* uint8 */
        {"outcome", 2, 2, CELL_FIELD_U, wire_reject_reason_name}, /* RejectReason */
        {"side", 4, 1, CELL_FIELD_U, wire_side_name},             /* Side */
        {"phase", 5, 1, CELL_FIELD_U, cell_phase_name},           /* Phase */
        {"seq", 8, 8, CELL_FIELD_U, NULL},                        /* uint64 */
        {"px", 16, 8, CELL_FIELD_PRICE, NULL},                    /* Px */
        {"attr", 24, 4, CELL_FIELD_U, NULL},                      /* Attr */
        {"hash", 32, 16, CELL_FIELD_HEX, NULL},                   /* Hash */
        {"qty", 60, 4, CELL_FIELD_U, NULL},                       /* uint32 */
    };

    *count = sizeof(fields) / sizeof(fields[0]);
    return fields;
}

static inline const struct cell_field *
cell_new_fields(unsigned *count)
{
    static const struct cell_field fields[] = {
        {"kind", 0, 1, CELL_FIELD_U, NULL},     /* uint8 */
        {"shape", 1, 1, CELL_FIELD_U, NULL},    /* uint8 */
        {"exec", 2, 1, CELL_FIELD_U, NULL},     /* ExecInst */
        {"delta", 4, 4, CELL_FIELD_I, NULL},    /* int32 */
        {"name", 8, 8, CELL_FIELD_CHARS, NULL}, /* Name */
        {"tail", 16, 38, CELL_FIELD_HEX, NULL}, /* Bytes38 */
        {"ref", 56, 8, CELL_FIELD_U, NULL},     /* uint64 */
    };

    *count = sizeof(fields) / sizeof(fields[0]);
    return fields;
}

/*
 * cell_fields gives the fields of a kind, reserved bytes left out; NULL and a
 * count of 0 if the kind is unknown.
 */
static inline const struct cell_field *
cell_fields(unsigned kind, unsigned *count)
{
    *count = 0;
    switch (kind) {
    case CELL_KIND_ORDER_NEW:
        return cell_order_new_fields(count);
    case CELL_KIND_NEW:
        return cell_new_fields(count);
    default:
        return NULL;
    }
}

#endif /* PROTO_CELLS_H */
