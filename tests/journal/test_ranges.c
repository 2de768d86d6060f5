/*
 * Goal: verify with several threads says what it says with one, to the last byte, whatever
 * the journal is like and wherever it is damaged.
 * Method: a journal of three segments and several runs, each cut off within a group.
 * Random pages of it, most of them at the seams of ranges, are flipped, zeroed, swapped,
 * or changed and made whole again, alone or with all pages behind them, so that nothing but
 * the place of the walk tells. Each is verified by one thread and by two to four.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/ranges.h"

#include "tests/journal/journal_rig.h"

#define SHARD    3
#define RUNS     5u
#define SEGMENTS 3u
#define DAMAGES  400u /* for a seed */

static char dir[64];
static struct rig_cells all;
static uint64_t random_state;
static uint8_t *bytes[SEGMENTS];
static uint8_t *kept;
static uint64_t pages_cnt;

/* write_run writes a run that ends within a group; pages are full or not. */
static void
write_run(uint64_t cells)
{
    struct journal_writer_cfg cfg = {.no_direct = true};
    const size_t end = all.cnt + cells;
    size_t from = all.cnt;
    struct rig rig;

    rig_open(&rig, dir, &cfg);
    while (all.cnt < end) {
        rig_group(&all, &random_state, (unsigned)(rig_random(&random_state) % 200), true);
        if (rig_random(&random_state) % 8 != 0)
            continue;
        rig_put(&rig, &all, from, all.cnt);
        rig_settle(&rig, rig.in.published);
        from = all.cnt;
    }
    rig_group(&all, &random_state, 300, false);
    rig_put(&rig, &all, from, all.cnt);
    rig_forget(&all);
    rig_close(&rig);
}

static struct page *
page_at(uint64_t page_no)
{
    return (struct page *)(void *)bytes[page_no / RIG_SEGMENT_PAGES] + page_no % RIG_SEGMENT_PAGES;
}

static void
setup(void)
{
    struct journal_verify_result result;

    all = (struct rig_cells){0};
    random_state = rig_seed();
    rig_dir_make(dir);
    for (unsigned run = 0; run < RUNS; run++)
        write_run(RIG_SEGMENT_PAGES * JOURNAL_PAGE_CELLS / 2);
    cr_assert_eq(rig_verify(dir, SHARD, &result), 0, "%s", result.fault.text);
    cr_assert_eq(result.epochs_cnt, RUNS);
    cr_assert_geq(result.segments_cnt, SEGMENTS);
    pages_cnt = result.pages_cnt;
    cr_assert_gt(pages_cnt, 2 * RIG_SEGMENT_PAGES);
    cr_assert_leq(pages_cnt, SEGMENTS * RIG_SEGMENT_PAGES);
    kept = rig_alloc((size_t)SEGMENTS * RIG_SEGMENT_BYTES);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/%08u.seg", dir, i);

        const int fd = open(path, O_RDWR | O_CLOEXEC);

        cr_assert_geq(fd, 0);
        bytes[i] = mmap(NULL, RIG_SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        cr_assert_neq(bytes[i], MAP_FAILED);
        memcpy(kept + (size_t)i * RIG_SEGMENT_BYTES, bytes[i], RIG_SEGMENT_BYTES);
        close(fd);
    }
}

static void
teardown(void)
{
    for (unsigned i = 0; i < SEGMENTS; i++)
        munmap(bytes[i], RIG_SEGMENT_BYTES);
    rig_dir_remove(dir);
    free(all.cells);
    free(kept);
}

TestSuite(ranges, .init = setup, .fini = teardown);

Test(ranges, of_an_undamaged_journal_are_taken_as_they_are)
{
    for (unsigned helpers = 1; helpers <= 3; helpers++) {
        struct chain chain;
        struct chain_step step;
        struct range_sum sum;
        uint64_t joined = 0;
        unsigned refused = 0;

        cr_assert_eq(chain_open(&chain, dir, SHARD), 0);
        cr_assert_eq(chain_next(&chain, &step), 1);

        struct ranges *ranges = ranges_open(&chain, helpers, 16);

        cr_assert_not_null(ranges);
        while (chain.at.page_no < pages_cnt && ranges_next(ranges, &sum)) {
            if (ranges_join(&chain, &sum)) {
                joined += sum.pages_cnt;
                continue;
            }
            refused++;
            while (chain.at.page_no < sum.to && chain_next(&chain, &step) > 0)
                continue;
        }
        ranges_close(ranges); /* with ranges left: there are zeros behind the end */
        cr_assert_eq(chain.at.page_no, pages_cnt);

        struct chain alone;

        cr_assert_eq(chain_open(&alone, dir, SHARD), 0);
        while (chain_next(&alone, &step) > 0)
            continue;
        cr_assert_eq(memcmp(&alone.at, &chain.at, sizeof alone.at), 0, "it is at another place");
        chain_close(&alone);
        chain_close(&chain);
        /* Not those that a run begins, nor the last. */
        cr_assert_leq(refused, RUNS + 1);
        cr_assert_geq(joined, pages_cnt - (RUNS + 2) * 16, "%" PRIu64, joined);
    }
}

/* rehash makes pages whole again: the one, or all that follow in a chain. */
static void
rehash(uint64_t page_no, bool chain)
{
    rig_rehash(page_at(page_no));
    for (uint64_t next = page_no + 1; chain && next < pages_cnt; next++) {
        page_at(next)->header.prev_hash = page_at(next - 1)->header.hash;
        rig_rehash(page_at(next));
    }
}

/* twist changes what a page says. */
static void
twist(uint64_t page_no)
{
    struct page *page = page_at(page_no);
    const unsigned cell = (unsigned)(rig_random(&random_state) % page->header.cells);

    switch (rig_random(&random_state) % 9) {
    case 0:
        page->header.epoch += rig_random(&random_state) % 2 == 0 ? 1u : (unsigned)-1;
        break;
    case 1:
        page->header.first_seq++;
        break;
    case 2:
        page->header.cells = (uint8_t)(page->header.cells - 1);
        break;
    case 3:
        page->header.flags ^= (uint8_t)(1u << rig_random(&random_state) % 2);
        break;
    case 4:
        page->cells[page->header.cells - 1u].bytes[1] ^= CELL_LAST;
        break;
    case 5:
        page->cells[cell].words[1]++; /* of a frame: seq */
        break;
    case 6:
        page->cells[cell].bytes[rig_random(&random_state) % CELL_BYTES] ^= 1;
        break;
    case 7:
        page->header.prev_hash.lo ^= 1;
        break;
    default:
        page->cells[0].words[3]++; /* of a segment page: config_hash */
        break;
    }
}

static void
damage(uint64_t page_no, unsigned how)
{
    const uint64_t other = rig_random(&random_state) % pages_cnt;
    struct page *page = page_at(page_no);
    struct page copy;

    switch (how) {
    case 0:
        ((uint8_t *)page)[rig_random(&random_state) % JOURNAL_PAGE_BYTES] ^= 16;
        break;
    case 1:
        memset(page, 0, sizeof *page);
        break;
    case 2:
        memcpy(&copy, page, sizeof copy);
        memcpy(page, page_at(other), sizeof copy);
        memcpy(page_at(other), &copy, sizeof copy);
        break;
    case 3:
        memcpy(page, page_at(other), sizeof *page);
        break;
    case 4:
        twist(page_no);
        rehash(page_no, false);
        break;
    default:
        twist(page_no);
        rehash(page_no, true);
        break;
    }
}

/* restore puts back what was there. */
static void
restore(void)
{
    for (unsigned i = 0; i < SEGMENTS; i++)
        memcpy(bytes[i], kept + (size_t)i * RIG_SEGMENT_BYTES, RIG_SEGMENT_BYTES);
}

Test(ranges, damage_at_seams_is_told_as_by_one_thread, .timeout = 300)
{
    unsigned found[PAGE_SIZE + 1] = {0};

    for (unsigned seed = 0; seed < rig_seeds(10); seed++)
        for (unsigned i = 0; i < DAMAGES / 10; i++) {
            const unsigned range_pages = 1 + (unsigned)(rig_random(&random_state) % 40);
            const unsigned threads = 2 + i % 3;
            const unsigned how = (unsigned)(rig_random(&random_state) % 8);
            /* The first range begins with page 1. */
            uint64_t page_no = 1 + rig_random(&random_state) % (pages_cnt - 1);

            if (rig_random(&random_state) % 4 != 0) {
                page_no +=
                    range_pages - (page_no - 1) % range_pages - rig_random(&random_state) % 2;
                page_no = page_no < pages_cnt ? page_no : pages_cnt - 1;
            }
            damage(page_no, how);

            const struct journal_verify_cfg cfg = {.threads = threads, .range_pages = range_pages};
            struct journal_verify_result one;
            struct journal_verify_result many;
            const int rc = journal_verify(dir, SHARD, &one);
            const int also = journal_verify_by(dir, SHARD, &cfg, &many);

            CHECK(rc == also && memcmp(&one, &many, sizeof one) == 0,
                  "seed %" PRIu64 ", damage %u of page %" PRIu64 ", %u threads, ranges of %u: "
                  "%d page %" PRIu64 " %s; %d page %" PRIu64 " %s",
                  rig_seed(), how, page_no, threads, range_pages, rc, one.fault.page_no,
                  one.fault.text, also, many.fault.page_no, many.fault.text);
            found[one.fault.fault]++;
            restore();
        }
    /* The test itself: these have all been met. */
    CHECK(found[PAGE_HASH] != 0 && found[PAGE_CHAIN] != 0 && found[PAGE_CONTENT] != 0 &&
              found[PAGE_NUMBER] != 0 && found[PAGE_ZERO] != 0,
          "seed %" PRIu64 ": some faults never came", rig_seed());
}
