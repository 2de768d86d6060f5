/*
 * Goal: no damage to a journal passes unseen: of 64 pages each single bit that
 * flips, a burst of each length up to 32 bits at each bit, each swap of two pages,
 * each truncation.
 *
 * Method: all of them, one after the other. A flip can change nothing but how
 * its own page is judged, so the walk is taken up at that page, by the same
 * function that all walks are made of. What the whole walk says is looked at for
 * some flips in each page, and for all swaps and truncations. Of a burst the page's
 * own check is asked. All pages but the last are vouched for by a later one,
 * so damage there must be refused and named; the last one is a torn end, and named
 * as well.
 *
 * With less than 100 OUTCRY_SEEDS it takes every 37th of each.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/chain.h"

#include "tests/journal/journal_rig.h"
#include "tests/seeds.h"

#define SHARD         3u
#define PAGES         64u
#define PAGE_BITS     (8u * JOURNAL_PAGE_BYTES)
#define BURST_MAX     32u
#define WHOLE_EVERY   4099u /* flips between two that the whole walk sees */
#define GROUP_CELLS   16u
#define THREADS_EVERY 23u /* of the whole walks */
#define SEEDS_MANY    100u
#define STEP_FEW      37u

struct damage {
    char dir[64];
    int fd;
    uint8_t *bytes; /* of segment 0, as the file has them */
    struct chain chains[PAGES];
    uint64_t step;
    uint64_t random;
};

static struct damage damage;

/* written makes a journal of so many pages, each vouched for by the next. */
static void
written(void)
{
    struct rig_cells all = {0};
    struct chain *chain = &damage.chains[0];
    struct chain_step step;
    char path[128];

    rig_dir_make(damage.dir);
    for (unsigned i = 1; i < PAGES; i++)
        rig_group(&all, &damage.random, GROUP_CELLS, true);
    rig_write(damage.dir, &all, 1);
    free(all.cells);
    snprintf(path, sizeof path, "%s/00000001.seg", damage.dir);
    CHECK(unlink(path) == 0 || errno == ENOENT, "%s", path);
    snprintf(path, sizeof path, "%s/00000000.seg", damage.dir);
    damage.fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(damage.fd >= 0, "%s", path);
    damage.bytes = mmap(NULL, RIG_SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, damage.fd, 0);
    CHECK(damage.bytes != MAP_FAILED, "%s", path);
    CHECK(chain_open(chain, damage.dir, SHARD) == 0, "%s", chain->fault.text);
    for (unsigned i = 0; i < PAGES; i++) {
        struct chain next = damage.chains[i];

        CHECK(chain_next(&next, &step) == 1, "page %u: %s", i, next.fault.text);
        if (i + 1 < PAGES)
            damage.chains[i + 1] = next;
        else
            CHECK(chain_next(&next, &step) == 0 && !next.tail_dirty, "more than %u pages", PAGES);
    }
}

static void
flip(uint64_t bit)
{
    damage.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* verify verifies, now and then by several threads as well: they wait for each other,
 * which takes long on a machine that does something else. */
static int
verify(struct journal_verify_result *result)
{
    static unsigned turn;

    return turn++ % THREADS_EVERY == 0 ? rig_verify(damage.dir, SHARD, result)
                                       : journal_verify(damage.dir, SHARD, result);
}

/* check_whole looks with the whole walk; page_no is the one that is bad. */
static void
check_whole(uint64_t page_no, const char *what, uint64_t where)
{
    struct journal_verify_result result;
    const int rc = verify(&result);

    CHECK(rc == 1 || (rc == -EPROTO && page_no == 0) || (rc == 0 && page_no == PAGES - 1),
          "%s at %" PRIu64 ": %d %s", what, where, rc, result.fault.text);
    CHECK(result.torn_tail == (page_no == PAGES - 1), "%s at %" PRIu64, what, where);
    CHECK(result.fault.page_no == page_no, "%s at %" PRIu64 ": %s", what, where, result.fault.text);
    CHECK(strstr(result.fault.text, "00000000.seg") != NULL, "%s at %" PRIu64, what, where);
}

/* check_page judges the page alone. */
static void
check_page(uint64_t page_no, uint64_t bit)
{
    struct chain chain = damage.chains[page_no];
    struct chain_step step;
    const int rc = chain_next(&chain, &step);

    CHECK(rc == (page_no == PAGES - 1 ? 0 : -EBADMSG), "bit %" PRIu64 ": %d %s", bit, rc,
          chain.fault.text);
    CHECK(chain.fault.page_no == page_no, "bit %" PRIu64 ": %s", bit, chain.fault.text);
    CHECK(chain.fault.fault != PAGE_OK, "bit %" PRIu64, bit);
    CHECK(page_no != PAGES - 1 || chain.tail_dirty, "bit %" PRIu64, bit);
}

static void
each_bit(void)
{
    uint64_t flips = 0;

    for (uint64_t bit = 0; bit < (uint64_t)PAGES * PAGE_BITS; bit += damage.step) {
        const uint64_t page_no = bit / PAGE_BITS;

        flip(bit);
        if (page_no == 0 || flips % WHOLE_EVERY == 0)
            check_whole(page_no, "flip", bit);
        else
            check_page(page_no, bit);
        flip(bit);
        flips++;
    }
    printf("# %" PRIu64 " single bits\nok 1 - damage::each_flipped_bit_is_found\n", flips);
}

/* burst flips up to len bits from `bit` on: the first, the last, and any between. */
static void
burst(uint64_t bit, uint64_t pattern)
{
    uint64_t word;

    memcpy(&word, damage.bytes + bit / 8, sizeof word);
    word ^= pattern << bit % 8;
    memcpy(damage.bytes + bit / 8, &word, sizeof word);
}

static void
each_burst(void)
{
    uint64_t bursts = 0;

    for (uint64_t bit = 0; bit < (uint64_t)PAGES * PAGE_BITS; bit += damage.step) {
        const uint64_t page_no = bit / PAGE_BITS;
        const struct page *page = (const struct page *)(const void *)damage.bytes + page_no;
        const struct hash128 prev = damage.chains[page_no].at.prev_hash;

        for (unsigned len = 1; len <= BURST_MAX; len++) {
            const uint64_t ends = 1ull | 1ull << (len - 1);
            const uint64_t pattern = (rig_random(&damage.random) & ((1ull << len) - 1)) | ends;

            burst(bit, pattern);
            CHECK(page_check(page, SHARD, page_no, &prev) != PAGE_OK,
                  "burst %" PRIx64 " at bit %" PRIu64, pattern, bit);
            if (bursts++ % (WHOLE_EVERY * 8) == 0)
                check_whole(page_no, "burst", bit);
            burst(bit, pattern);
        }
    }
    printf("# %" PRIu64 " bursts\nok 2 - damage::each_burst_is_found\n", bursts);
}

static void
swap(unsigned a, unsigned b)
{
    uint8_t *first = damage.bytes + (size_t)a * JOURNAL_PAGE_BYTES;
    uint8_t *second = damage.bytes + (size_t)b * JOURNAL_PAGE_BYTES;
    uint8_t page[JOURNAL_PAGE_BYTES];

    memcpy(page, first, sizeof page);
    memcpy(first, second, sizeof page);
    memcpy(second, page, sizeof page);
}

static void
each_swap(void)
{
    unsigned swaps = 0;

    for (unsigned a = 0; a < PAGES; a++) {
        for (unsigned b = a + 1; b < PAGES; b++, swaps++) {
            swap(a, b);
            check_whole(a, "swap", (uint64_t)a * PAGES + b);
            swap(a, b);
        }
    }
    printf("# %u swaps\nok 3 - damage::each_swap_of_two_pages_is_found\n", swaps);
}

/* each_truncation cuts the file shorter and shorter; it is the last test. */
static void
each_truncation(void)
{
    uint64_t cuts = 0;

    munmap(damage.bytes, RIG_SEGMENT_BYTES);
    for (uint64_t len = RIG_SEGMENT_BYTES - 1;; len -= damage.step) {
        struct journal_verify_result result;
        int rc;

        /* Behind what was written a few will do. */
        if (len > (uint64_t)(PAGES + 1) * JOURNAL_PAGE_BYTES && len % JOURNAL_PAGE_BYTES > 1)
            continue;

        CHECK(ftruncate(damage.fd, (off_t)len) == 0, "%d", errno);
        rc = verify(&result);
        CHECK(rc == 1 || rc == -EPROTO, "cut to %" PRIu64 ": %d %s", len, rc, result.fault.text);
        CHECK(strstr(result.fault.text, "00000000.seg") != NULL, "cut to %" PRIu64, len);
        cuts++;
        if (len < damage.step)
            break;
    }
    printf("# %" PRIu64 " truncations\nok 4 - damage::each_truncation_is_found\n", cuts);
}

int
main(void)
{
    damage.random = rig_seed();
    damage.step = seed_cnt() < SEEDS_MANY ? STEP_FEW : 1;
    printf("1..4\n");
    written();
    each_bit();
    each_burst();
    each_swap();
    each_truncation();
    chain_close(&damage.chains[0]);
    close(damage.fd);
    rig_dir_remove(damage.dir);
    return 0;
}
