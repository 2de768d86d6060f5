#ifndef OUTCRY_PROTO_BASE_H
#define OUTCRY_PROTO_BASE_H

/*
 * The words that every file of outcry may use: attributes, hints, asserts.
 *
 * Asserts are for our own bugs and for corruption, never for what a client, a
 * network or a disk can do. There are four words:
 *
 *   ASSERT(cond)        on in every build; a false one ends the process, and
 *                       replay of the journal is the way back
 *   ASSERT_SLOW(cond)   walks and sums, on if OUTCRY_SLOW_CHECKS is 1 (debug
 *                       and sanitizer builds); the condition must compile in
 *                       every build but is evaluated in those alone
 *   MAYBE(cond)         both answers are legal: written where a reader would
 *                       expect an assert
 *   UNREACHABLE("why")  the default of a switch over a closed set
 *
 * Rules:
 *   1. One condition per ASSERT, so that the line tells which one was false.
 *   2. A condition has no side effect: ASSERT_SLOW drops it.
 *   3. HOT and COLD mark functions, LIKELY and UNLIKELY branches of hot files;
 *      prefetch and ALWAYS_INLINE come with numbers in the commit.
 *
 * Cost of a true ASSERT: a compare and a branch that is not taken. The call for
 * a false one lies in the cold section. This header is C11 and C++17, includes
 * only standard headers, and all but outcry_assert_failed is inline.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef OUTCRY_SLOW_CHECKS
# define OUTCRY_SLOW_CHECKS 0
#endif

/* x86-64 line; two writers never share one. */
#define CACHE_LINE    64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))

#define HOT           __attribute__((hot))
#define COLD          __attribute__((cold, noinline))
#define PURE          __attribute__((pure))
#define NODISCARD     __attribute__((warn_unused_result))
#define ALWAYS_INLINE inline __attribute__((always_inline))

#define LIKELY(cond)   __builtin_expect(!!(cond), 1)
#define UNLIKELY(cond) __builtin_expect(!!(cond), 0)

/* Into all cache levels, to be read or to be written. A bad address is legal. */
#define PREFETCH_R(ptr) __builtin_prefetch((ptr), 0, 3)
#define PREFETCH_W(ptr) __builtin_prefetch((ptr), 1, 3)

/* Arrays only; the compiler warns if it is given a pointer. */
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#define ASSERT(cond) \
 (LIKELY(cond) ? (void)0 : outcry_assert_failed(#cond, __FILE__, __LINE__, __func__))

#if OUTCRY_SLOW_CHECKS
# define ASSERT_SLOW(cond) ASSERT(cond)
#else
# define ASSERT_SLOW(cond) ((void)sizeof((cond) ? 1 : 0))
#endif

#define MAYBE(cond) ((void)sizeof((cond) ? 1 : 0))

#define UNREACHABLE(why) outcry_assert_failed("unreachable: " why, __FILE__, __LINE__, __func__)

/*
 * outcry_assert_failed writes one line to standard error by a single write(2),
 * so that lines of two threads do not mix, and aborts. It takes no lock and no
 * memory; it may be called from a signal handler and after any corruption that
 * left the strings, which are literals, alone.
 */
__attribute__((noreturn)) COLD void
outcry_assert_failed(const char *expr, const char *file, int line, const char *func);

/* is_pow2_u64 says whether exactly one bit is set; 0 is not a power of two. */
static inline bool
is_pow2_u64(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

#ifdef __cplusplus
}
#endif

#endif
