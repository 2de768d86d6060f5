#include "journal/tally.h"

/* How often memory of archives is given back. */
#define FORGET_PAGES 4096u

static void
count_copy(struct tally_count *to, const struct tally_count *from)
{
    to->first_seq = from->first_seq;
    to->last_seq = from->last_seq;
    to->messages_cnt = from->messages_cnt;
    to->cells_cnt = from->cells_cnt;
    to->commands_cnt = from->commands_cnt;
    to->first_time = from->first_time;
    to->last_time = from->last_time;
    merkle_copy(&to->tree, &from->tree);
}

/* count_add counts a message. */
static void
count_add(struct tally_count *count,
          const union cell *cells,
          unsigned cells_cnt,
          const struct digest *leaf)
{
    if (count->messages_cnt == 0) {
        count->first_seq = cell_seq(cells);
        count->first_time = cell_time(cells);
    }
    count->last_seq = cell_seq(cells);
    count->last_time = cell_time(cells);
    count->messages_cnt++;
    count->cells_cnt += cells_cnt;
    count->commands_cnt += cell_is_command(cells) ? 1 : 0;
    merkle_add(&count->tree, leaf);
}

/* keep and drop move the two counts together, forwards and back. */
static void
keep(struct tally *tally)
{
    count_copy(&tally->whole, &tally->all);
    if (tally->tap != NULL)
        tally->tap->keep(tally->tap->ctx);
}

static void
drop(struct tally *tally)
{
    count_copy(&tally->all, &tally->whole);
    if (tally->tap != NULL)
        tally->tap->drop(tally->tap->ctx);
}

uint64_t
tally_pages(const struct chain *chain)
{
    return chain->segment_pages != 0 ? chain->segment_pages
                                     : chain->segments.bytes / JOURNAL_PAGE_BYTES;
}

void
tally_begin(struct tally *tally, const struct chain *chain, uint64_t segment_no)
{
    const uint64_t pages_cnt = tally_pages(chain);

    ASSERT(pages_cnt != 0);
    ASSERT(chain->at.page_no == segment_no * pages_cnt);
    tally->state = TALLY_FILLING;
    tally->tap = NULL;
    tally->segment_no = segment_no;
    tally->pages_cnt = pages_cnt;
    tally->settled_page_no = 0;
    memset(&tally->whole, 0, offsetof(struct tally_count, tree));
    merkle_init(&tally->whole.tree);
    count_copy(&tally->all, &tally->whole);
}

/* add_messages counts the messages of a page, and remembers the count behind the
 * last group that ends in it. */
static void
add_messages(struct tally *tally, const struct chain_step *step)
{
    for (unsigned i = 0; i < step->page->header.cells;) {
        const union cell *cells = &step->page->cells[i];
        const unsigned cells_cnt = cell_count(cells);

        struct digest leaf;

        ASSERT(cells_cnt != 0);
        merkle_leaf(&leaf, cells, (size_t)cells_cnt * CELL_BYTES);
        if (tally->tap != NULL)
            tally->tap->message(tally->tap->ctx, tally->all.messages_cnt, cells, cells_cnt, &leaf);
        count_add(&tally->all, cells, cells_cnt, &leaf);
        i += cells_cnt;
        if (i == step->whole)
            keep(tally);
    }
}

/* fill takes a page of the segment itself. */
static void
fill(struct tally *tally, const struct chain *chain, const struct chain_step *step)
{
    if (page_is_segment(step->page))
        digest_of(&tally->opening, DIGEST_OPENING, &step->page->cells[0], CELL_BYTES);
    else
        add_messages(tally, step);
    if (chain->at.page_no != (tally->segment_no + 1) * tally->pages_cnt)
        return;
    tally->end = chain->at;
    tally->settled_page_no = step->page_no;
    tally->state = chain->at.open ? TALLY_OPEN : TALLY_FULL;
}

int
tally_next(struct tally *tally, struct chain *chain)
{
    struct chain_step step;
    const int rc = chain_next(chain, &step);

    if (rc <= 0)
        return rc;
    if (step.page_no % FORGET_PAGES == 0)
        segments_forget(&chain->segments, step.page_no);
    if (step.abandoned != 0 && tally->state <= TALLY_OPEN)
        drop(tally);
    switch (tally->state) {
    case TALLY_FILLING:
        fill(tally, chain, &step);
        break;
    case TALLY_OPEN:
        if (step.abandoned != 0 || step.whole != 0) {
            tally->settled_page_no = step.page_no;
            tally->state = TALLY_FULL;
        }
        break;
    case TALLY_FULL:
    case TALLY_DURABLE:
    default:
        break;
    }
    if (tally->state == TALLY_FULL && page_durable_cnt(&step.page->header) > tally->settled_page_no)
        tally->state = TALLY_DURABLE;
    return 1;
}

void
tally_statement(const struct tally *tally,
                const struct chain *chain,
                struct seal_statement *statement)
{
    const struct tally_count *count = &tally->all;

    ASSERT(tally->state >= TALLY_FULL);
    ASSERT(chain->shard >= 0);
    *statement = (struct seal_statement){
        .magic = SEAL_MAGIC,
        .version = SEAL_VERSION,
        .shard = (uint16_t)chain->shard,
        .flags = tally->end.open ? SEAL_FLAG_OPEN : 0,
        .journal = chain->journal,
        .segment_no = tally->segment_no,
        .pages_cnt = tally->pages_cnt,
        .first_seq = count->first_seq,
        .last_seq = count->last_seq,
        .messages_cnt = count->messages_cnt,
        .cells_cnt = count->cells_cnt,
        .commands_cnt = count->commands_cnt,
        .first_time = count->first_time,
        .last_time = count->last_time,
        .end_seq = tally->end.seq,
        .end_epoch = tally->end.epoch,
        .end_hash = tally->end.prev_hash,
        .opening = tally->opening,
    };
    merkle_root(&count->tree, &statement->root);
}

struct chain_place
tally_place(const struct seal_statement *statement)
{
    return (struct chain_place){
        .page_no = (statement->segment_no + 1) * statement->pages_cnt,
        .prev_hash = statement->end_hash,
        .epoch = statement->end_epoch,
        .joined = true,
        .open = (statement->flags & SEAL_FLAG_OPEN) != 0,
        .seq = statement->end_seq,
    };
}
