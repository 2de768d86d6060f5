#include <errno.h>
#include <stdbool.h>

#include "journal/chain.h"
#include "journal/ranges.h"

/* How much of what was unpacked is kept while it walks. */
#define FORGET_PAGES 1024u

/* What verify_step must remember. */
struct verify {
    struct chain chain;
    uint32_t epoch;
    bool headless; /* the open group's command was pruned, so it was not counted */
};

/* verify_step counts what a valid page holds. */
static void
verify_step(struct verify *verify,
            const struct chain_step *step,
            struct journal_verify_result *result)
{
    struct chain *chain = &verify->chain;

    result->pages_cnt++;
    result->commands_cnt += step->commands - (verify->headless ? 0 : step->abandoned);
    if (step->commands != 0 || step->abandoned != 0 || !chain->at.open)
        verify->headless = false;
    if (!page_is_segment(step->page))
        result->cells_cnt += step->page->header.cells;
    if (result->first_seq == 0)
        result->first_seq = step->page->header.first_seq;
    if (chain->at.epoch != verify->epoch)
        result->epochs_cnt++;
    verify->epoch = chain->at.epoch;
    if (step->page_no % FORGET_PAGES == 0)
        segments_forget(&chain->segments, step->page_no);
}

/* verify_to judges pages up to end_page. What chain_next said last, above 0 if it came
 * that far. */
static int
verify_to(struct verify *verify, uint64_t end_page, struct journal_verify_result *result)
{
    struct chain_step step;
    int rc = 1;

    while (verify->chain.at.page_no < end_page && (rc = chain_next(&verify->chain, &step)) > 0)
        verify_step(verify, &step, result);
    return rc;
}

/* verify_range counts what others have judged, if it can be taken. */
static bool
verify_range(struct verify *verify,
             const struct range_sum *sum,
             struct journal_verify_result *result)
{
    if (verify->headless || result->first_seq == 0 || !ranges_join(&verify->chain, sum))
        return false;
    ASSERT(verify->epoch == sum->begin.epoch);
    result->pages_cnt += sum->pages_cnt;
    result->commands_cnt += sum->commands_cnt - sum->abandoned_cnt;
    result->cells_cnt += sum->cells_cnt;
    result->epochs_cnt += sum->epochs_cnt;
    verify->epoch = sum->end.epoch;
    return true;
}

/* verify_all judges all pages: the first, which says what the walk must know, then by
 * ranges, then what a live journal got meanwhile. */
static int
verify_all(struct verify *verify,
           const struct journal_verify_cfg *cfg,
           struct journal_verify_result *result)
{
    int rc = verify_to(verify, verify->chain.at.page_no + 1, result);
    struct ranges *ranges = NULL;
    struct range_sum sum;

    if (rc > 0)
        ranges = ranges_open(&verify->chain, cfg->threads - 1,
                             cfg->range_pages != 0 ? cfg->range_pages : RANGE_PAGES);
    while (rc > 0 && ranges != NULL && ranges_next(ranges, &sum))
        if (!verify_range(verify, &sum, result))
            rc = verify_to(verify, sum.to, result);
    if (rc > 0)
        rc = verify_to(verify, UINT64_MAX, result);
    ranges_close(ranges);
    return rc;
}

/* settle says of a journal of which a segment is missing or cut what the first bad page is: one
 * that the walk met before, or that. Of a page that was cut all that counts may be there. */
static int
settle(struct verify *verify, const struct journal_fault *broken, int rc)
{
    struct chain *chain = &verify->chain;

    if (!broken->damage || (rc != 0 && rc != -EBADMSG) ||
        (rc == -EBADMSG && chain->fault.page_no < broken->page_no))
        return rc;
    chain->fault = *broken;
    if (chain->fault.page_no < chain->at.page_no)
        chain->fault.page_no = chain->at.page_no;
    return -EBADMSG;
}

int
journal_verify(const char *dir, int shard, struct journal_verify_result *result)
{
    return journal_verify_by(dir, shard, &(struct journal_verify_cfg){.threads = 1}, result);
}

int
journal_verify_by(const char *dir,
                  int shard,
                  const struct journal_verify_cfg *cfg,
                  struct journal_verify_result *result)
{
    struct verify verify = {.epoch = 0};
    struct chain *chain = &verify.chain;

    ASSERT(cfg->threads >= 1 && cfg->threads <= JOURNAL_VERIFY_THREADS_MAX);
    *result = (struct journal_verify_result){0};

    int rc = chain_open_some(chain, dir, shard);
    const struct journal_fault broken = chain->fault;

    if (rc != 0) {
        result->fault = chain->fault;
        return rc == -EBADMSG ? 1 : rc;
    }
    if (chain->segments.cnt == 0 && !broken.damage)
        segments_say(&chain->segments, &chain->fault, 0, "no such segment");
    verify.headless = chain->at.open;
    rc = settle(&verify, &broken, verify_all(&verify, cfg, result));
    result->segments_cnt = chain->segments.cnt;
    result->first_segment = chain->segments.first;
    result->last_seq = chain->at.seq - (chain->at.open ? 1 : 0);
    result->commands_cnt -= chain->at.open && !verify.headless ? 1 : 0;
    result->torn_tail = rc == 0 && (chain->tail_dirty || chain->at.open);
    result->fault = chain->fault;
    if (rc == 0 && result->segments_cnt == 0)
        rc = -ENOENT;
    chain_close(chain);
    return rc == -EBADMSG ? 1 : rc;
}
