#include "journal/chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "journal/seal.h"

_Static_assert(offsetof(struct cell_order_new, ord_type) == 52 &&
                   offsetof(struct cell_order_new, tif) == 53 &&
                   offsetof(struct cell_order_new, exec_inst) == 54 &&
                   offsetof(struct cell_order_new, outcome) == 2,
               "as PLAIN_ORDER and PLAIN_OUTCOME have it");

const struct chain_plain chain_plain[256] = {
    [CELL_KIND_ORDER_NEW] = {PLAIN_OUTCOME, 0, PLAIN_ORDER, PLAIN_KNOWN},
    [CELL_KIND_ORDER_CANCEL] = {PLAIN_OUTCOME, 0, 0, PLAIN_KNOWN},
    [CELL_KIND_ORDER_REPLACE] = {PLAIN_OUTCOME, 0, 0, PLAIN_KNOWN},
    [CELL_KIND_TRADE] = {PLAIN_OUTCOME, 0, 0, PLAIN_KNOWN},
    [CELL_KIND_REPLACE_DETAIL] = {PLAIN_OUTCOME, 0, 0, PLAIN_KNOWN},
    [CELL_KIND_TRADE_MAKER] = {0, UINT64_C(0xffffffff00000000), 0, PLAIN_KNOWN},
};

/* cells_zero tells whether all cells from `from` on are zero. */
static bool
cells_zero(const struct page *page, unsigned from)
{
    uint64_t any = 0;

    for (unsigned i = from; i < JOURNAL_PAGE_CELLS; i++) {
        for (unsigned j = 0; j < CELL_BYTES / 8; j++)
            any |= page->cells[i].words[j];
    }
    return any == 0;
}

/* run_check checks the page's epoch against the one before; a new run makes an
 * unfinished group void. */
static bool
run_check(struct chain *chain, const struct page_header *header, struct chain_step *step)
{
    if (header->epoch == 0 || header->epoch < chain->at.epoch)
        return false;
    if (header->epoch == chain->at.epoch)
        return true;
    if (header->flags == 0)
        return false;
    if (chain->at.open) {
        step->abandoned = 1;
        chain->at.open = false;
        chain->at.open_cells = 0;
        chain->at.seq--;
    }
    chain->at.epoch = header->epoch;
    return true;
}

/* join takes what came before from the page itself. */
static void
join(struct chain *chain, const struct page *page)
{
    chain->at.joined = true;
    chain->at.epoch = page->header.epoch;
    chain->at.open_cells = 0;
    if (page_is_segment(page)) {
        chain->at.seq = page->segment.last_seq;
        chain->at.open = page->header.first_seq == page->segment.last_seq;
    } else {
        chain->at.open = !cell_is_command(&page->cells[0]);
        chain->at.seq = cell_seq(&page->cells[0]) - (chain->at.open ? 0 : 1);
    }
}

/* learn takes from a segment page of which journal this is. */
static void
learn(struct chain *chain, const struct segment_header *segment)
{
    chain->journal = segment->journal;
    chain->segment_pages = segment->pages;
}

/* segment_check checks a segment page whose hash is right, and moves the chain
 * over it. Its journal, number and size are for segment_fault to judge. */
static bool
segment_check(struct chain *chain, struct chain_step *step)
{
    const struct page_header *header = &step->page->header;
    const struct segment_header *segment = &step->page->segment;

    if (header->cells != 1 || header->flags != JOURNAL_FLAG_SEGMENT ||
        segment->magic != JOURNAL_SEGMENT_MAGIC || segment->reserved != 0 ||
        segment->pages < JOURNAL_SEGMENT_BYTES_MIN / JOURNAL_PAGE_BYTES)
        return false;
    if (!chain->at.joined)
        join(chain, step->page);
    if (!run_check(chain, header, step))
        return false;
    if (chain->segment_pages == 0)
        learn(chain, segment);
    return segment->last_seq == chain->at.seq &&
           header->first_seq == chain->at.seq + (chain->at.open ? 0 : 1) &&
           cells_zero(step->page, 1);
}

/* Where a walk over the cells of a page has come. */
struct cells_place {
    uint64_t seq;
    unsigned open;  /* 1: the last cell was not the last of its group */
    unsigned whole; /* cells up to and with the last CELL_LAST */
};

/* cells_check tells whether the cells of a page are messages that follow what came
 * before. Cells of all kinds lie side by side without a pattern, so no branch asks for one:
 * what is wrong anywhere is gathered. */
static ALWAYS_INLINE bool
cells_check(const union cell *cells, unsigned cnt, struct cells_place *at)
{
    uint64_t wrong = 0;
    uint64_t seq = at->seq;
    unsigned open = at->open;
    unsigned whole = 0;
    unsigned left = 0; /* cells that the message in work still has */

    for (unsigned i = 0; i < cnt; i++) {
        const union cell *cell = &cells[i];
        const unsigned count = cell_count(cell);
        const unsigned follows = cell_kind(cell) >= CELL_KIND_CONTINUATIONS;
        const unsigned command = cell_is_command(cell);

        /* A command opens a group, all else is of the one that is open. */
        seq += command;
        wrong |= (command == open) | (follows != (left != 0)) | (follows & (unsigned)(count != 0)) |
                 ((follows ^ 1u) & (unsigned)(count - 1 >= CELL_MESSAGE_MAX));
        wrong |= (cell_seq(cell) ^ seq) & ((uint64_t)follows - 1);
        left = follows ? left - 1 : count - 1;
        open = !cell_is_last(cell);
        whole = open ? whole : i + 1;
        if (!chain_plainly_valid(cell) && UNLIKELY(!cell_valid(cell)))
            return false;
    }
    *at = (struct cells_place){.seq = seq, .open = open, .whole = whole};
    return (wrong | left) == 0;
}

/* content_check checks the cells of a page whose hash is right, and moves the
 * chain over it. */
static bool
content_check(struct chain *chain, struct chain_step *step)
{
    const struct page *page = step->page;
    const struct page_header *header = &page->header;
    const unsigned flags = cell_is_command(&page->cells[0]) ? JOURNAL_FLAG_GROUP : 0;

    if (UNLIKELY(segments_begin_at(&chain->segments, step->page_no)))
        return segment_check(chain, step);
    if (header->cells == 0 || header->cells > JOURNAL_PAGE_CELLS || header->flags != flags)
        return false;
    if (!chain->at.joined)
        join(chain, page);
    if (!run_check(chain, header, step))
        return false;

    const uint64_t before_seq = chain->at.seq;
    struct cells_place at = {.seq = before_seq, .open = chain->at.open};

    if (!cells_check(page->cells, header->cells, &at))
        return false;
    step->commands = (unsigned)(at.seq - before_seq);
    step->whole = at.whole;
    chain->at.seq = at.seq;
    chain->at.open = at.open != 0;
    chain->at.open_cells =
        (header->cells - at.whole) + (step->whole == 0 ? chain->at.open_cells : 0);
    return header->first_seq == before_seq + (step->commands != 0) &&
           cells_zero(page, header->cells);
}

/* look_next returns the page to look at behind later_no: the next, or from where it is too
 * far from the end page_no the start of the next segment. */
static uint64_t
look_next(const struct chain *chain, uint64_t page_no, uint64_t later_no)
{
    const uint64_t per_segment =
        (chain->segments.bytes + JOURNAL_PAGE_BYTES - 1) / JOURNAL_PAGE_BYTES;
    const uint64_t next_no = later_no + 1;

    if (LIKELY(chain->look_pages == 0 || next_no - page_no <= chain->look_pages) ||
        next_no % per_segment < CHAIN_LOOK_FIRST)
        return next_no;
    return (next_no / per_segment + 1) * per_segment;
}

/* tail_look looks at the pages from page_no on: is one not zero, and does one
 * behind page_no show that page_no is no torn end? A whole page that calls it
 * durable does, and one that belongs elsewhere. Returns that one with the place where
 * it was found, or NULL. */
static const struct page *
tail_look(struct chain *chain, uint64_t page_no, uint64_t *found_no)
{
    const struct page *page = segments_page(&chain->segments, page_no);

    chain->tail_dirty = page != NULL && !page_is_zero(page);
    for (uint64_t later_no = page_no + 1; page != NULL;
         later_no = look_next(chain, page_no, later_no)) {
        if (later_no % SEGMENTS_AHEAD_STEP == 0)
            segments_ahead(&chain->segments, later_no);
        page = segments_page(&chain->segments, later_no);
        if (page == NULL || page_is_zero(page))
            continue;
        chain->tail_dirty = true;
        if (page->header.page_no == later_no && page_durable_cnt(&page->header) <= page_no &&
            page->header.format == JOURNAL_FORMAT &&
            (chain->shard < 0 || page->header.shard == chain->shard))
            continue;
        if (page_is_whole(page)) {
            *found_no = later_no;
            return page;
        }
    }
    return NULL;
}

/* say_foreign words why page 0 is of no journal that is meant. */
static int
say_foreign(struct chain *chain, const struct page *page)
{
    char what[150];

    if (page->header.magic != JOURNAL_MAGIC)
        snprintf(what, sizeof what, "this is no journal");
    else if (page->header.format != JOURNAL_FORMAT)
        snprintf(what, sizeof what,
                 "written in format %u, this outcry reads format %u: keep it for the outcry that "
                 "wrote it, and begin in an empty folder",
                 page->header.format, JOURNAL_FORMAT);
    else
        snprintf(what, sizeof what, "belongs to shard %u, not %d", page->header.shard,
                 chain->shard);
    segments_say(&chain->segments, &chain->fault, 0, what);
    return -EPROTO;
}

/* is_foreign tells whether a bad page 0 is of another kind of file. A write cut
 * short leaves its first sector whole or zero, so a wrong magic is no tear. */
static bool
is_foreign(const struct page *page, enum page_fault fault)
{
    if (fault == PAGE_MAGIC)
        return page->header.magic != 0;
    return fault == PAGE_FORMAT || (fault == PAGE_SHARD && page_is_whole(page));
}

static int
say_damage(struct chain *chain, uint64_t page_no, const char *what)
{
    chain->fault.damage = true;
    segments_say(&chain->segments, &chain->fault, page_no, what);
    return -EBADMSG;
}

/* is_misplaced tells whether the page is whole and yet wrong here. */
static bool
is_misplaced(const struct page *page, enum page_fault fault)
{
    switch (fault) {
    case PAGE_FORMAT:
    case PAGE_SHARD:
    case PAGE_NUMBER:
        return page_is_whole(page);
    case PAGE_CHAIN:
    case PAGE_CONTENT:
    case PAGE_JOURNAL:
    case PAGE_SEGMENT:
    case PAGE_SIZE:
        return true;
    case PAGE_OK:
    case PAGE_ZERO:
    case PAGE_MAGIC:
    case PAGE_HASH:
    default:
        return false;
    }
}

/* say_later words what a page behind the end, found in place later_no, says against
 * it. */
static COLD int
say_later(struct chain *chain, enum page_fault fault, const struct page *later, uint64_t later_no)
{
    const uint64_t page_no = chain->at.page_no;
    const bool segment = segments_begin_at(&chain->segments, later_no) && page_is_segment(later) &&
                         later->segment.magic == JOURNAL_SEGMENT_MAGIC && chain->segment_pages != 0;
    const uint64_t segment_no = segment ? later_no / chain->segment_pages : 0;
    char what[200];

    if (segment && !journal_id_equal(&later->segment.journal, &chain->journal))
        snprintf(what, sizeof what,
                 "%s, and segment %08" PRIu64 " behind it is of another journal (damage)",
                 page_fault_text(fault), segment_no);
    else if (segment && later->segment.segment_no != segment_no)
        snprintf(what, sizeof what,
                 "%s, and segment %08" PRIu64 " behind it is a copy of segment %08u (damage)",
                 page_fault_text(fault), segment_no, later->segment.segment_no);
    else if (later->header.page_no == later_no && page_durable_cnt(&later->header) > page_no)
        snprintf(what, sizeof what,
                 "%s, but page %" PRIu64 " lies behind and calls it durable (damage)",
                 page_fault_text(fault), later_no);
    else
        snprintf(what, sizeof what,
                 "%s, but behind it, in the place of page %" PRIu64
                 ", lies a whole page of another place (damage)",
                 page_fault_text(fault), later_no);
    return say_damage(chain, page_no, what);
}

/* is_sealed tells whether a seal in the folder says that the journal went on here: what
 * was sealed was durable. It is not asked who signed it, as there is no key. */
static COLD bool
is_sealed(const struct chain *chain, struct seal *seal)
{
    char name[SEAL_NAME_BYTES];
    char why[256];
    int error;
    const int64_t highest = seal_highest(chain->segments.dir_fd, &error);

    if (highest < 0)
        return false;
    seal_name(name, (uint64_t)highest);
    if (seal_read(seal, chain->segments.dir_fd, name, why) != 0)
        return false;
    if (chain->segments.cnt != 0 && !journal_id_equal(&seal->statement.journal, &chain->journal))
        return false;
    return chain->at.page_no < (seal->statement.segment_no + 1) * seal->statement.pages_cnt ||
           (chain->at.open && chain->at.seq == seal->statement.last_seq);
}

/* judge_end tells what the first page that is not valid means: 0, the end;
 * -EBADMSG or -EPROTO; -EAGAIN when a live journal has written it meanwhile. */
static COLD int
judge_end(struct chain *chain, const struct page *page, enum page_fault fault)
{
    const uint64_t page_no = chain->at.page_no;
    char what[160];

    if (chain->looked_at == page_no + 1 && fault == PAGE_ZERO)
        return 0;

    uint64_t later_no = 0;
    const struct page *later = tail_look(chain, page_no, &later_no);
    const unsigned shard =
        chain->shard < 0 && later != NULL ? later->header.shard : (unsigned)chain->shard;

    if (later != NULL && page_check(page, shard, page_no, NULL) == PAGE_OK &&
        (fault == PAGE_ZERO || fault == PAGE_MAGIC || fault == PAGE_HASH))
        return -EAGAIN;
    chain->fault = (struct journal_fault){.fault = fault, .page_no = page_no};
    if (page_no == 0 && page != NULL && is_foreign(page, fault) &&
        (later == NULL || page_is_whole(page)))
        return say_foreign(chain, page);
    if (later != NULL)
        return say_later(chain, fault, later, later_no);
    if (segments_is_archive(&chain->segments, page_no)) {
        snprintf(what, sizeof what,
                 "%s, in a segment that was complete when it was compressed "
                 "(damage)",
                 page_fault_text(fault));
        return say_damage(chain, page_no, what);
    }
    if (page != NULL && is_misplaced(page, fault))
        return say_damage(chain, page_no, page_fault_text(fault));

    struct seal seal;

    if (is_sealed(chain, &seal)) {
        page = segments_page(&chain->segments, page_no);
        if (page != NULL && page_check(page, page->header.shard, page_no, NULL) == PAGE_OK)
            return -EAGAIN; /* written and sealed since we looked */
        snprintf(what, sizeof what,
                 "%s, but segment %" PRIu64 " was sealed when all of it was durable (damage)",
                 page_fault_text(fault), seal.statement.segment_no);
        return say_damage(chain, page_no, what);
    }
    chain->looked_at = page_no + 1;
    if (chain->tail_dirty) {
        snprintf(what, sizeof what, "%s: the torn end of the journal", page_fault_text(fault));
        segments_say(&chain->segments, &chain->fault, page_no, what);
    } else {
        chain->fault.fault = PAGE_OK;
    }
    return 0;
}

/* chain_begin sets out at the first page. Of a pruned journal what came before is
 * taken on trust from the record of it. */
static void
chain_begin(struct chain *chain)
{
    const struct pruned_record *pruned = chain->segments.pruned;

    chain->at = (struct chain_place){.joined = true};
    if (pruned == NULL)
        return;
    chain->at.page_no = segments_first_page(&chain->segments);
    chain->at.prev_hash = pruned->last_hash;
    chain->at.epoch = pruned->last_epoch;
    chain->at.open = (pruned->flags & PRUNED_FLAG_OPEN) != 0;
    chain->at.seq = pruned->last_seq;
}

/* say_unreadable tells why an archive cannot be unpacked. */
static COLD int
say_unreadable(struct chain *chain)
{
    chain->fault = (struct journal_fault){
        .damage = chain->segments.error == -EBADMSG,
        .page_no = chain->at.page_no,
    };
    snprintf(chain->fault.text, sizeof chain->fault.text, "%s", chain->segments.why);
    return chain->segments.error;
}

/* is_cut tells whether the only segment is shorter than it was made. (Several are
 * compared with each other.) It got its name when it had its full size, so no crash
 * leaves that. What is no page of a journal at all is for is_foreign. */
static bool
is_cut(const struct chain *chain, const struct page *first)
{
    const struct segments *segments = &chain->segments;

    if (segments->cnt != 1)
        return false;
    if (segments->bytes == 0)
        return true;
    if (first != NULL && first->header.magic != JOURNAL_MAGIC && first->header.magic != 0)
        return false;
    return segments->bytes < JOURNAL_SEGMENT_BYTES_MIN ||
           segments->bytes % JOURNAL_PAGE_BYTES != 0 ||
           segments->bytes < (uint64_t)chain->segment_pages * JOURNAL_PAGE_BYTES;
}

/* say_cut names the first page that is not there. */
static int
say_cut(struct chain *chain)
{
    const uint64_t bytes = chain->segments.bytes;
    char what[80];
    int rc;

    snprintf(what, sizeof what, "cut short at byte %" PRIu64 " (damage)", bytes);
    rc = say_damage(chain, chain->at.page_no, what);
    chain->fault.page_no = chain->at.page_no + bytes / JOURNAL_PAGE_BYTES;
    return rc;
}

/* begin sets out at the first page of the segments that are open; some: even if
 * the only one was cut. */
static int
begin(struct chain *chain, int shard, bool some)
{
    chain_begin(chain);

    const struct page *first =
        segments_page(&chain->segments, segments_first_page(&chain->segments));

    /* Who takes what is left meets that page again, and its error. */
    if (chain->segments.error != 0 && !(some && chain->segments.error == -EBADMSG)) {
        const int error = say_unreadable(chain);

        chain_close(chain);
        return error;
    }
    if (first != NULL && page_is_whole(first)) {
        if (shard < 0)
            chain->shard = first->header.shard;
        if (first->header.format == JOURNAL_FORMAT && page_is_segment(first))
            learn(chain, &first->segment);
    }
    if (!is_cut(chain, first))
        return 0;

    const int rc = say_cut(chain);

    if (some)
        return 0;
    chain_close(chain);
    return rc;
}

int
chain_open(struct chain *chain, const char *dir, int shard)
{
    *chain = (struct chain){.shard = shard};

    const int rc = segments_open(&chain->segments, dir, &chain->fault);

    return rc != 0 ? rc : begin(chain, shard, false);
}

int
chain_open_some(struct chain *chain, const char *dir, int shard)
{
    *chain = (struct chain){.shard = shard};

    const int rc = segments_open_some(&chain->segments, dir, &chain->fault);

    return rc != 0 ? rc : begin(chain, shard, true);
}

void
chain_start(struct chain *chain, uint64_t page_no)
{
    if (page_no <= segments_first_page(&chain->segments))
        chain_begin(chain);
    else
        chain->at = (struct chain_place){.page_no = page_no};
}

/* say_stale words why a walk cannot begin behind a page. */
static COLD int
say_stale(struct chain *chain, uint64_t page_no, const char *what)
{
    const uint64_t pages_cnt = segments_pages_cnt(&chain->segments);

    chain->fault = (struct journal_fault){.page_no = page_no};
    segments_say(&chain->segments, &chain->fault, page_no < pages_cnt ? page_no : pages_cnt, what);
    return -ESTALE;
}

int
chain_start_at(struct chain *chain, const struct journal_place *place)
{
    const uint64_t first_no = segments_first_page(&chain->segments);
    const struct page *before = NULL;

    ASSERT(place->page_no > 0);
    chain->look_pages = CHAIN_LOOK_PAGES;
    chain_begin(chain);
    if (place->page_no < first_no)
        return say_stale(chain, first_no, "the journal was pruned to this page");
    if (place->page_no == first_no)
        return hash128_equal(chain->at.prev_hash, place->prev_hash) && !chain->at.open
                   ? 0
                   : say_stale(chain, first_no, "before this page was another one");
    if (place->page_no <= segments_pages_cnt(&chain->segments))
        before = segments_page(&chain->segments, place->page_no - 1);
    if (chain->segments.error != 0)
        return say_unreadable(chain);
    if (chain->segments.error != 0)
        return say_unreadable(chain);
    if (before == NULL || page_is_zero(before))
        return say_stale(chain, place->page_no - 1, "the journal ends before this page");
    if (!page_is_whole(before) || before->header.page_no != place->page_no - 1 ||
        !hash128_equal(before->header.hash, place->prev_hash))
        return say_stale(chain, place->page_no - 1, "another page was here");
    chain->at = (struct chain_place){
        .page_no = place->page_no,
        .prev_hash = place->prev_hash,
        .epoch = place->epoch,
        .joined = true,
        .seq = place->seq,
    };
    return 0;
}

/* segment_fault looks closer at a page that should begin a segment of this
 * journal: is it of another one, or a copy of another segment? */
static enum page_fault
segment_fault(const struct chain *chain, const struct page *page, enum page_fault fault)
{
    const struct segment_header *segment = &page->segment;

    if (fault != PAGE_OK && fault != PAGE_NUMBER && fault != PAGE_CHAIN)
        return fault;
    if (!segments_begin_at(&chain->segments, chain->at.page_no) || !page_is_segment(page) ||
        segment->magic != JOURNAL_SEGMENT_MAGIC ||
        segment->pages < JOURNAL_SEGMENT_BYTES_MIN / JOURNAL_PAGE_BYTES ||
        chain->segment_pages == 0 || !page_is_whole(page))
        return fault;
    if (!journal_id_equal(&segment->journal, &chain->journal))
        return PAGE_JOURNAL;
    if (segment->pages != chain->segment_pages ||
        (chain->segments.cnt > 1 &&
         segment->pages * (uint64_t)JOURNAL_PAGE_BYTES != chain->segments.bytes))
        return PAGE_SIZE;
    return segment->segment_no != chain->at.page_no / segment->pages ? PAGE_SEGMENT : fault;
}

void
chain_assume(struct chain *chain, uint64_t page_no, const struct page *page)
{
    chain->at = (struct chain_place){.page_no = page_no, .prev_hash = page->header.prev_hash};
    join(chain, page);
}

enum page_fault
chain_judge(struct chain *chain, const struct page *page, struct chain_step *step)
{
    const struct chain_place before = chain->at;
    const unsigned shard = chain->shard < 0 ? page->header.shard : (unsigned)chain->shard;
    const enum page_fault fault = segment_fault(
        chain, page,
        page_check(page, shard, before.page_no, before.joined ? &before.prev_hash : NULL));

    if (UNLIKELY(fault != PAGE_OK))
        return fault;
    *step = (struct chain_step){.page = page, .page_no = before.page_no};
    if (UNLIKELY(!content_check(chain, step))) {
        chain->at = before;
        return PAGE_CONTENT;
    }
    chain->at.prev_hash = page->header.hash;
    chain->at.page_no = before.page_no + 1;
    return PAGE_OK;
}

int
chain_next(struct chain *chain, struct chain_step *step)
{
    int rc = -EAGAIN;

    if (chain->at.page_no % SEGMENTS_AHEAD_STEP == 0)
        segments_ahead(&chain->segments, chain->at.page_no);
    /* Twice at most: a page that is valid stays so. */
    while (rc == -EAGAIN) {
        const struct page *page = segments_page(&chain->segments, chain->at.page_no);
        const enum page_fault fault = page == NULL ? PAGE_ZERO : chain_judge(chain, page, step);

        if (LIKELY(fault == PAGE_OK))
            return 1;
        if (chain->segments.error == 0)
            rc = judge_end(chain, page, fault);
        if (chain->segments.error != 0)
            rc = say_unreadable(chain);
    }
    return rc;
}

void
chain_close(struct chain *chain)
{
    segments_close(&chain->segments);
}
