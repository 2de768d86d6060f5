#include <errno.h>
#include <stdbool.h>

#include "journal/chain.h"

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

int
journal_verify(const char *dir, int shard, struct journal_verify_result *result)
{
    struct verify verify = {.epoch = 0};
    struct chain *chain = &verify.chain;
    struct chain_step step;

    *result = (struct journal_verify_result){0};

    int rc = chain_open(chain, dir, shard);

    if (rc != 0) {
        result->fault = chain->fault;
        return rc == -EBADMSG ? 1 : rc;
    }
    if (chain->segments.cnt == 0)
        segments_say(&chain->segments, &chain->fault, 0, "no such segment");
    verify.headless = chain->at.open;
    while ((rc = chain_next(chain, &step)) > 0)
        verify_step(&verify, &step, result);
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
