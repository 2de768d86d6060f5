/*
 * The journal's format, from which a stranger can write a reader.
 *
 * A journal is a folder of segments, `00000000.seg`, `00000001.seg`, ... (the
 * segment's number in eight decimal digits). All segments of a journal have
 * the same size, a multiple of 4096 bytes, 256 MiB unless configured
 * otherwise. They are written with zeros before they are used. A segment is an
 * array of pages; page_no counts pages through all segments, so page p is at
 * byte (p mod n) * 4096 of segment p / n, where n is the pages of a segment.
 *
 * A page is 4096 bytes, all integers little-endian:
 *
 *   offset  size  field
 *        0     4  magic         0x5943544f, the bytes "OTCY"
 *        4     2  format        JOURNAL_FORMAT
 *        6     2  shard         0 to 15
 *        8     8  page_no       from 0
 *       16     8  first_seq     seq of the first command's message that opens in
 *                               this page; if none opens here, of the
 *                               command whose events are in it; of a segment
 *                               page (see below) that of the message behind it
 *       24     4  epoch         of the run that wrote it, from 1
 *       28     2  durable_lag   page_no - durable_lag is the number of pages
 *                               from the start of the journal that are durable
 *                               before this page is written
 *                               (65535: that many or more behind, so this page
 *                               vouches for none)
 *       30     1  cells         1 to 63, cells in use
 *       31     1  flags         bit 0: a group (see proto/cell.h) begins with
 *                               the first cell of this page
 *                               bit 1: a segment page, see below; no other bit
 *                               is set with it
 *       32    16  prev_hash     hash of page page_no - 1, zeros in page 0
 *       48    16  hash          XXH3-128 (seed 0) of the 4096 bytes with these
 *                               16 zero, low 64 bits first
 *       64  63*64 cells, then zeros
 *
 * The first page of each segment, and no other, is a segment page. It is a page of
 * the chain like any, but its one cell is no message. It says whose segment
 * this is, and who began it:
 *
 *   offset  size  field
 *        0     4  magic         0x475300ff: 255 is no kind of a cell
 *        4     4  segment_no    from 0
 *        8    16  journal       random, drawn when the journal was made, the same
 *                               in all its segments
 *       24     8  config_hash   of the configuration of the run that began the
 *       32     8  binary_hash   segment, and of its program: as in the
 *                               Restart of that run
 *       40     8  last_seq      of the last command before this page, 0 if none.
 *                               Its group goes on behind this page if first_seq in
 *                               the header is the same number; else that is
 *                               the next command's
 *       48     8  time          of the message behind this page
 *       56     4  pages         of a segment of this journal
 *       60     4  reserved      zero
 *
 * A message never straddles two pages; a group may span many, and segments.
 * Reading every cell of every page, but of segment pages, in order gives the
 * out-ring of the exchange: the commands in the order of seq, each followed by
 * what it caused, CELL_LAST on the last cell of each group. The first command is
 * Genesis.
 *
 * A page is written once. A flush pads the page and the next flush begins a
 * new one, so bytes that were acknowledged are never written again.
 *
 * What a valid page holds, beside its header being right
 *   1. Messages tile its cells; the cells behind them are zero.
 *   2. Commands have seq 1, 2, 3, ... through the journal; an event has the seq
 *      of its command. A command follows a CELL_LAST, or begins a run.
 *   3. Epochs never go back. A run begins with a new page, whose epoch is higher
 *      and whose first cell is a command (flag bit 0). That page may be preceded
 *      by a segment page of the same epoch.
 *
 * Unfinished groups. A run that is cut off may leave a group without its
 * CELL_LAST in its last pages. Those pages are valid and stay as they are. The
 * group never happened: nobody was told of it, the next run does not know
 * it, and gives its seq to its own first command. So a reader holds back a group
 * until it has seen its CELL_LAST, and forgets it when a page of a higher epoch
 * comes first, or the end.
 *
 * The end is the first page that is not valid. What is there, and what lies
 * behind it, decides:
 *
 *   foreign     page 0 is of another format or shard, or is no page at all.
 *               (Format 1 had no segment pages. Nothing reads it any more.)
 *   damage      the page is whole (its own hash is right) but does not belong
 *               here: another number, shard, or predecessor, a segment
 *               page of another journal or another segment, or cells that
 *               break the rules above. A write cut short cannot do that. Or
 *               some later page is whole and belongs elsewhere, or says
 *               (page_no - durable_lag > number of the bad page) that the bad
 *               page was durable. Or a segment is missing while a later one is
 *               there, or is shorter or larger than the others, or than it says
 *               itself. Or the folder has a seal (seal.h) of this segment or a
 *               later one. The journal is refused and the place named.
 *   torn tail   all else. Nothing at or behind the bad page was acknowledged in
 *               ack mode durable. Recovery durably zeroes everything from
 *               there on, and the next run goes on there.
 *
 * What this cannot see: acknowledged pages that are lost at the very end, with
 * no later page or seal to vouch for them, look like a torn tail. Only somebody who
 * was told of them can tell: a client, or a replica.
 */
#ifndef OUTCRY_JOURNAL_FORMAT_H
#define OUTCRY_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/base.h"
#include "proto/cell.h"
#include "proto/hash.h"

#define JOURNAL_MAGIC             0x5943544fu
#define JOURNAL_FORMAT            2u
#define JOURNAL_PAGE_BYTES        4096u
#define JOURNAL_PAGE_CELLS        63u
#define JOURNAL_FLAG_GROUP        0x01u
#define JOURNAL_FLAG_SEGMENT      0x02u
#define JOURNAL_SEGMENT_MAGIC     0x475300ffu
#define JOURNAL_SEGMENT_BYTES     (256ull << 20)
#define JOURNAL_SEGMENT_BYTES_MIN (1ull << 20)
#define JOURNAL_SEGMENTS_MAX      100000000u

struct page_header {
    uint32_t magic;
    uint16_t format;
    uint16_t shard;
    uint64_t page_no;
    uint64_t first_seq;
    uint32_t epoch;
    uint16_t durable_lag;
    uint8_t cells;
    uint8_t flags;
    struct hash128 prev_hash;
    struct hash128 hash;
};
_Static_assert(sizeof(struct page_header) == 64, "the header is one cell");

struct journal_id {
    uint8_t bytes[16];
};

struct segment_header {
    uint32_t magic;
    uint32_t segment_no;
    struct journal_id journal;
    uint64_t config_hash;
    uint64_t binary_hash;
    uint64_t last_seq;
    uint64_t time;
    uint32_t pages;
    uint32_t reserved;
};
_Static_assert(sizeof(struct segment_header) == 64, "it takes the place of one cell");

struct page {
    struct page_header header;
    union {
        union cell cells[JOURNAL_PAGE_CELLS];
        struct segment_header segment; /* of a segment page */
    };
};
_Static_assert(sizeof(struct page) == JOURNAL_PAGE_BYTES, "a page is 64 cells");

/* page_hash returns the hash that belongs into the page's header. */
struct hash128 page_hash(const struct page *page);

enum page_fault {
    PAGE_OK,
    PAGE_ZERO,    /* never written */
    PAGE_MAGIC,   /* not a page */
    PAGE_FORMAT,  /* written by another version */
    PAGE_SHARD,   /* of another shard */
    PAGE_NUMBER,  /* of another place */
    PAGE_HASH,    /* torn or damaged */
    PAGE_CHAIN,   /* valid, but not the successor of the page before */
    PAGE_CONTENT, /* valid, but its cells are not messages */
    PAGE_JOURNAL, /* begins a segment of another journal */
    PAGE_SEGMENT, /* begins another segment of this journal */
    PAGE_SIZE     /* begins a segment of another size */
};

/* page_check tells what is wrong with a page that should be page_no of shard,
 * following a page with hash prev. prev NULL: the chain is not checked. */
enum page_fault
page_check(const struct page *page, unsigned shard, uint64_t page_no, const struct hash128 *prev);

/* page_is_whole tells whether the page's own hash is right: not torn. */
bool page_is_whole(const struct page *page);

/* page_is_zero tells whether the page was never written. */
bool page_is_zero(const struct page *page);

/* page_fault_text returns a few words for a person. */
const char *page_fault_text(enum page_fault fault);

/* page_is_segment tells whether a valid page is a segment page. */
static inline bool
page_is_segment(const struct page *page)
{
    return (page->header.flags & JOURNAL_FLAG_SEGMENT) != 0;
}

/* page_time returns the time of the first message in a valid page, or behind a
 * segment page. */
static inline uint64_t
page_time(const struct page *page)
{
    return page_is_segment(page) ? page->segment.time : cell_time(&page->cells[0]);
}

static inline bool
journal_id_equal(const struct journal_id *a, const struct journal_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* page_durable_cnt returns how many pages from the start of the journal this
 * page calls durable; 0 if its lag was too large to be told. */
uint64_t page_durable_cnt(const struct page_header *header);

#endif
