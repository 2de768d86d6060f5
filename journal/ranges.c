#include "journal/ranges.h"

#include <pthread.h>
#include <stdlib.h>

/* Ranges that are claimed and not handed out yet, for each thread. */
#define AHEAD 4u

struct slot {
    uint64_t from;
    struct range_sum sum;
    bool done;
};

/* What a thread has for itself. */
struct judge {
    struct ranges *ranges;
    struct chain chain;
    struct page *unpacked; /* NULL: nothing was yet */
    uint64_t unpacked_max; /* pages */
};

struct ranges {
    pthread_mutex_t lock; /* of all that changes here, but for slots that are claimed */
    pthread_cond_t done;  /* a range is */
    pthread_cond_t room;  /* one was handed out, or it ends */
    uint64_t next_page;   /* of the next range to be claimed */
    uint64_t end_page;
    uint64_t claimed; /* ranges; they go round in the slots */
    uint64_t handed;
    bool stop;
    unsigned range_pages;
    unsigned slots_cnt;
    unsigned helpers_cnt;
    struct slot *slots;
    struct segment_map *maps; /* the chain's own may move */
    struct judge *judges;     /* the caller's first */
    pthread_t *helpers;
};

static const struct segment_map *
map_of(const struct segments *segments, uint64_t page_no, uint64_t *at)
{
    const uint64_t per_segment = segments->bytes / JOURNAL_PAGE_BYTES;

    *at = page_no % per_segment;
    return segments_map_of(segments, page_no / per_segment);
}

/* range_end returns where the range that begins with page_no ends: with its segment at the
 * latest, and with a frame of an archive. */
static uint64_t
range_end(const struct ranges *ranges, uint64_t page_no)
{
    const struct segments *segments = &ranges->judges[0].chain.segments;
    const uint64_t per_segment = segments->bytes / JOURNAL_PAGE_BYTES;
    uint64_t at;
    const struct segment_map *map = map_of(segments, page_no, &at);
    uint64_t end = at + ranges->range_pages;

    if (map->frames != NULL) {
        const uint64_t frame_pages = map->frames->archive.header.frame_pages;

        end = end / frame_pages * frame_pages;
        end = end > at ? end : (at / frame_pages + 1) * frame_pages;
    }
    return page_no - at + (end < per_segment ? end : per_segment);
}

/* unpack unpacks the pages of a range that lies in an archive. NULL: it cannot be, and the
 * caller will find out why. */
static COLD const struct page *
unpack(struct judge *judge, const struct segment_map *map, uint64_t at, uint64_t pages_cnt)
{
    const struct archive *archive = &map->frames->archive;
    const uint64_t frame_pages = archive->header.frame_pages;
    const uint64_t first = at / frame_pages;
    const uint64_t end = (at + pages_cnt + frame_pages - 1) / frame_pages;
    char why[ARCHIVE_WHY_BYTES];

    if ((end - first) * frame_pages > judge->unpacked_max) {
        free(judge->unpacked);
        judge->unpacked_max = (end - first) * frame_pages;
        judge->unpacked =
            aligned_alloc(JOURNAL_PAGE_BYTES, judge->unpacked_max * JOURNAL_PAGE_BYTES);
    }
    if (judge->unpacked == NULL) {
        judge->unpacked_max = 0;
        return NULL;
    }
    for (uint64_t i = first; i < end; i++) {
        if (archive_frame(archive, (uint32_t)i, &judge->unpacked[(i - first) * frame_pages], why) !=
            0)
            return NULL;
    }
    return &judge->unpacked[at - first * frame_pages];
}

/* pages_of returns the pages of a range, which lie in one piece. */
static const struct page *
pages_of(struct judge *judge, uint64_t from, uint64_t to)
{
    uint64_t at;
    const struct segment_map *map = map_of(&judge->chain.segments, from, &at);

    if (map->frames != NULL)
        return unpack(judge, map, at, to - from);
    return map->pages == NULL || map->bytes != judge->chain.segments.bytes ? NULL : &map->pages[at];
}

static inline void
count(struct range_sum *sum, const struct chain_step *step)
{
    sum->pages_cnt++;
    sum->commands_cnt += step->commands;
    sum->abandoned_cnt += step->abandoned;
    sum->settled |= (step->whole | step->abandoned) != 0;
    if (!page_is_segment(step->page))
        sum->cells_cnt += step->page->header.cells;
}

/* judge_range judges the pages of a range one after the other. */
static void
judge_range(struct judge *judge, const struct slot *slot, struct range_sum *sum)
{
    struct chain *chain = &judge->chain;
    const struct page *pages = pages_of(judge, slot->from, slot->sum.to);

    *sum = (struct range_sum){.to = slot->sum.to};
    if (pages == NULL)
        return;
    chain_assume(chain, slot->from, pages);
    sum->begin = chain->at;
    for (uint64_t page_no = slot->from; page_no < sum->to; page_no++) {
        const uint32_t epoch = chain->at.epoch;
        struct chain_step step;

        if (page_no % SEGMENTS_AHEAD_STEP == 0)
            segments_ahead(&chain->segments, page_no);
        if (chain_judge(chain, &pages[page_no - slot->from], &step) != PAGE_OK)
            return;
        count(sum, &step);
        sum->epochs_cnt += chain->at.epoch != epoch;
    }
    sum->end = chain->at;
    sum->good = true;
}

/* claim takes the next range, if there is one and room for it. The lock is held. */
static struct slot *
claim(struct ranges *ranges)
{
    if (ranges->stop || ranges->next_page == ranges->end_page ||
        ranges->claimed - ranges->handed == ranges->slots_cnt)
        return NULL;

    struct slot *slot = &ranges->slots[ranges->claimed++ % ranges->slots_cnt];
    const uint64_t end = range_end(ranges, ranges->next_page);

    *slot = (struct slot){.from = ranges->next_page};
    slot->sum.to = end < ranges->end_page ? end : ranges->end_page;
    ranges->next_page = slot->sum.to;
    return slot;
}

/* work judges a range that was claimed. The lock is held, and let go meanwhile. */
static void
work(struct judge *judge, struct slot *slot)
{
    struct ranges *ranges = judge->ranges;
    struct range_sum sum;

    pthread_mutex_unlock(&ranges->lock);
    judge_range(judge, slot, &sum);
    pthread_mutex_lock(&ranges->lock);
    slot->sum = sum;
    slot->done = true;
    pthread_cond_signal(&ranges->done);
}

static void *
helper(void *ctx)
{
    struct judge *judge = ctx;
    struct ranges *ranges = judge->ranges;

    pthread_mutex_lock(&ranges->lock);
    while (!ranges->stop && ranges->next_page != ranges->end_page) {
        struct slot *slot = claim(ranges);

        if (slot != NULL)
            work(judge, slot);
        else
            pthread_cond_wait(&ranges->room, &ranges->lock);
    }
    pthread_mutex_unlock(&ranges->lock);
    return NULL;
}

bool
ranges_next(struct ranges *ranges, struct range_sum *sum)
{
    pthread_mutex_lock(&ranges->lock);

    struct slot *slot = &ranges->slots[ranges->handed % ranges->slots_cnt];

    while (ranges->handed == ranges->claimed || !slot->done) {
        struct slot *mine = claim(ranges);

        if (mine != NULL) {
            work(&ranges->judges[0], mine);
        } else if (ranges->handed == ranges->claimed) {
            pthread_mutex_unlock(&ranges->lock);
            return false;
        } else {
            pthread_cond_wait(&ranges->done, &ranges->lock);
        }
    }
    *sum = slot->sum;
    slot->done = false;
    ranges->handed++;
    pthread_cond_signal(&ranges->room);
    pthread_mutex_unlock(&ranges->lock);
    return true;
}

bool
ranges_join(struct chain *chain, const struct range_sum *sum)
{
    const struct chain_place *at = &chain->at;
    const struct chain_place *begin = &sum->begin;

    if (!sum->good || !at->joined || at->page_no != begin->page_no ||
        !hash128_equal(at->prev_hash, begin->prev_hash) || at->epoch != begin->epoch ||
        at->open != begin->open || at->seq != begin->seq)
        return false;

    const uint64_t open_cells = sum->settled ? 0 : at->open_cells;

    chain->at = sum->end;
    chain->at.open_cells += open_cells;
    return true;
}

/* take takes the memory that is needed; false: there is not enough. */
static bool
take(struct ranges *ranges, const struct chain *chain, unsigned helpers_cnt)
{
    const uint32_t cnt = chain->segments.cnt;

    ranges->slots_cnt = AHEAD * (helpers_cnt + 1);
    ranges->slots = calloc(ranges->slots_cnt, sizeof *ranges->slots);
    ranges->maps = calloc(cnt, sizeof *ranges->maps);
    ranges->judges = calloc(helpers_cnt + 1, sizeof *ranges->judges);
    ranges->helpers = calloc(helpers_cnt, sizeof *ranges->helpers);
    if (ranges->slots == NULL || ranges->maps == NULL || ranges->judges == NULL ||
        ranges->helpers == NULL)
        return false;
    memcpy(ranges->maps, chain->segments.maps, cnt * sizeof *ranges->maps);
    for (unsigned i = 0; i <= helpers_cnt; i++) {
        ranges->judges[i].ranges = ranges;
        ranges->judges[i].chain = *chain;
        ranges->judges[i].chain.segments.maps = ranges->maps;
    }
    return true;
}

struct ranges *
ranges_open(const struct chain *chain, unsigned helpers_cnt, unsigned range_pages)
{
    const uint64_t end_page = segments_pages_cnt(&chain->segments);
    struct ranges *ranges;

    ASSERT(range_pages > 0);
    ASSERT(chain->at.page_no <= end_page);

    const uint64_t ranges_cnt = (end_page - chain->at.page_no) / range_pages; /* or some more */

    /* Who does not know the journal yet would learn it from each page anew. */
    if (helpers_cnt == 0 || chain->segment_pages == 0 || chain->shard < 0 ||
        chain->segments.bytes % JOURNAL_PAGE_BYTES != 0 || ranges_cnt == 0)
        return NULL;
    helpers_cnt = helpers_cnt < ranges_cnt ? helpers_cnt : (unsigned)ranges_cnt;
    ranges = calloc(1, sizeof *ranges);
    if (ranges == NULL)
        return NULL;
    pthread_mutex_init(&ranges->lock, NULL);
    pthread_cond_init(&ranges->done, NULL);
    pthread_cond_init(&ranges->room, NULL);
    ranges->next_page = chain->at.page_no;
    ranges->end_page = end_page;
    ranges->range_pages = range_pages;
    if (take(ranges, chain, helpers_cnt))
        while (ranges->helpers_cnt < helpers_cnt &&
               pthread_create(&ranges->helpers[ranges->helpers_cnt], NULL, helper,
                              &ranges->judges[ranges->helpers_cnt + 1]) == 0)
            ranges->helpers_cnt++;
    if (ranges->helpers_cnt != 0)
        return ranges;
    ranges_close(ranges);
    return NULL;
}

void
ranges_close(struct ranges *ranges)
{
    if (ranges == NULL)
        return;
    pthread_mutex_lock(&ranges->lock);
    ranges->stop = true;
    pthread_cond_broadcast(&ranges->room);
    pthread_mutex_unlock(&ranges->lock);
    for (unsigned i = 0; i < ranges->helpers_cnt; i++)
        pthread_join(ranges->helpers[i], NULL);
    for (unsigned i = 0; ranges->judges != NULL && i <= ranges->helpers_cnt; i++)
        free(ranges->judges[i].unpacked);
    pthread_cond_destroy(&ranges->room);
    pthread_cond_destroy(&ranges->done);
    pthread_mutex_destroy(&ranges->lock);
    free(ranges->slots);
    free(ranges->maps);
    free(ranges->judges);
    free(ranges->helpers);
    free(ranges);
}
