#include "journal/format.h"

#include <stddef.h>
#include <string.h>

struct hash128
page_hash(const struct page *page)
{
    struct page_header header = page->header;

    _Static_assert(sizeof *page == HASH_PAGE_BYTES && sizeof header == 64, "as hash.h has it");
    header.hash = (struct hash128){0};
    return hash128_of_page(&header, page);
}

bool
page_is_whole(const struct page *page)
{
    return page->header.magic == JOURNAL_MAGIC && hash128_equal(page_hash(page), page->header.hash);
}

/* 32 bytes at a time, where the machine has such registers. */
typedef uint64_t words4 __attribute__((vector_size(32), aligned(32)));

bool
page_is_zero(const struct page *page)
{
    const words4 *words = (const words4 *)(const void *)page;

    for (size_t i = 0; i < sizeof *page / sizeof *words; i += 8) {
        const words4 any = words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] |
                           words[i + 5] | words[i + 6] | words[i + 7];

        if ((any[0] | any[1] | any[2] | any[3]) != 0)
            return false;
    }
    return true;
}

enum page_fault
page_check(const struct page *page, unsigned shard, uint64_t page_no, const struct hash128 *prev)
{
    const struct page_header *header = &page->header;

    if (header->magic != JOURNAL_MAGIC)
        return page_is_zero(page) ? PAGE_ZERO : PAGE_MAGIC;
    if (header->format != JOURNAL_FORMAT)
        return PAGE_FORMAT;
    if (header->shard != shard)
        return PAGE_SHARD;
    if (header->page_no != page_no)
        return PAGE_NUMBER;
    if (!hash128_equal(page_hash(page), header->hash))
        return PAGE_HASH;
    if (prev != NULL && !hash128_equal(*prev, header->prev_hash))
        return PAGE_CHAIN;
    return PAGE_OK;
}

const char *
page_fault_text(enum page_fault fault)
{
    switch (fault) {
    case PAGE_OK:
        return "valid";
    case PAGE_ZERO:
        return "never written";
    case PAGE_MAGIC:
        return "not a page of a journal";
    case PAGE_FORMAT:
        return "of another format version";
    case PAGE_SHARD:
        return "of another shard";
    case PAGE_NUMBER:
        return "a page of another place";
    case PAGE_HASH:
        return "torn or damaged: its hash does not match";
    case PAGE_CHAIN:
        return "whole, but not the successor of the page before";
    case PAGE_CONTENT:
        return "whole, but its cells are no messages of this place";
    case PAGE_JOURNAL:
        return "begins a segment of another journal";
    case PAGE_SEGMENT:
        return "a copy of another segment of this journal";
    case PAGE_SIZE:
        return "begins a segment of another size";
    default:
        UNREACHABLE("page_fault is a closed set");
    }
}

uint64_t
page_durable_cnt(const struct page_header *header)
{
    if (header->durable_lag == UINT16_MAX || header->page_no < header->durable_lag)
        return 0;
    return header->page_no - header->durable_lag;
}
