#include <errno.h>

#include "journal/chain.h"

/* verify_step counts what a valid page holds. */
static void
verify_step(const struct chain *chain,
            const struct chain_step *step,
            uint32_t *epoch,
            struct journal_verify_result *result)
{
    result->pages_cnt++;
    result->commands_cnt += step->commands - step->abandoned;
    if (!page_is_segment(step->page))
        result->cells_cnt += step->page->header.cells;
    if (result->first_seq == 0)
        result->first_seq = step->page->header.first_seq;
    if (chain->at.epoch != *epoch)
        result->epochs_cnt++;
    *epoch = chain->at.epoch;
}

int
journal_verify(const char *dir, int shard, struct journal_verify_result *result)
{
    struct chain chain;
    struct chain_step step;
    uint32_t epoch = 0;

    *result = (struct journal_verify_result){0};

    int rc = chain_open(&chain, dir, shard);

    if (rc != 0) {
        result->fault = chain.fault;
        return rc == -EBADMSG ? 1 : rc;
    }
    if (chain.segments.cnt == 0)
        segments_say(&chain.segments, &chain.fault, 0, "no such segment");
    while ((rc = chain_next(&chain, &step)) > 0)
        verify_step(&chain, &step, &epoch, result);
    result->segments_cnt = chain.segments.cnt;
    result->last_seq = chain.at.seq - (chain.at.open ? 1 : 0);
    result->commands_cnt -= chain.at.open ? 1 : 0;
    result->torn_tail = rc == 0 && (chain.tail_dirty || chain.at.open);
    result->fault = chain.fault;
    if (rc == 0 && result->segments_cnt == 0)
        rc = -ENOENT;
    chain_close(&chain);
    return rc == -EBADMSG ? 1 : rc;
}
