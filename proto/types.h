#ifndef OUTCRY_PROTO_TYPES_H
#define OUTCRY_PROTO_TYPES_H

/*
 * The scalars of the market, for us and for those who embed the engine.
 *
 *   px_t    i64, 10^-8 of the currency: PX_ONE is one unit. 92 billion and some
 *           is the largest. Money (price times quantity) has the same unit.
 *   qty_t   u32, lots; what a lot is the instrument says
 *   time    u64, nanoseconds UTC
 *
 * This header is public, as are proto/cell.h, proto/cells.h, proto/orders.h,
 * proto/limits.h, proto/hash128.h, engine/sink.h, engine/engine.h,
 * engine/embed.h, gateway/client.h and gateway/port.h. A public header is C11
 * and C++17, includes only standard headers and public ones, and gives no macro
 * a name that is likely to be somebody else's (limits.h does, and therefore no
 * other public header includes it). The words of proto/base.h stay inside.
 */

#include <stdint.h>

typedef int64_t px_t;
typedef uint32_t qty_t;
typedef uint64_t seq_t;
typedef uint64_t time_ns_t;

/* 10^-8: how many units of px_t make one unit of the currency. */
#define PX_ONE  INT64_C(100000000)
#define PX_MAX  INT64_MAX
#define PX_MIN  INT64_MIN
#define QTY_MAX UINT32_MAX

/* The caller must look at the result. */
#define OUTCRY_NODISCARD __attribute__((warn_unused_result))

#endif
