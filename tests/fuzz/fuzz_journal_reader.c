/*
 * Goal: no file, however broken, makes the journal's reader, verify, recovery or
 * replay crash, read outside of its pages or hand out something that is no
 * message; and all of them agree.
 * Method: the input is segment 0. Its first byte tells whether the hashes and
 * the chain of its pages are put right before, so that the checks behind the hash are
 * reached as well; else nearly every input would stop at the first page. Half of
 * the mutations know where kinds, shapes, numbers and header fields lie.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/reader.h"
#include "journal/replay.h"

#define FIX_HASH    0x01u
#define FIX_HEADER  0x02u
#define FIX_SEGMENT 0x04u
#define CUT_SHORT   0x08u
#define PAGES_MAX   16u
#define ENGINE_MAX  (64u << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
size_t LLVMFuzzerMutate(uint8_t *data, size_t bytes, size_t bytes_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t bytes_max, unsigned int seed);

static char dir[64];
static char path[80];

static void
clean_up(void)
{
    (void)unlink(path);
    (void)rmdir(dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    /* In memory, where recovery's syncs cost nothing, if that is possible. */
    snprintf(dir, sizeof dir, "%s", "/dev/shm/outcry-fuzz-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        snprintf(dir, sizeof dir, "%s", "/tmp/outcry-fuzz-XXXXXX");
        if (mkdtemp(dir) == NULL)
            abort();
    }
    snprintf(path, sizeof path, "%s/00000000.seg", dir);
    return atexit(clean_up);
}

/* fix_segment makes the page one that begins a journal. */
static void
fix_segment(struct page *page)
{
    page->header.flags = JOURNAL_FLAG_SEGMENT;
    page->header.cells = 1;
    page->header.first_seq = 1;
    page->segment.magic = JOURNAL_SEGMENT_MAGIC;
    page->segment.segment_no = 0;
    page->segment.last_seq = 0;
    page->segment.pages = 256;
    page->segment.reserved = 0;
    memset(&page->cells[1], 0, sizeof page->cells - sizeof page->cells[0]);
}

/* fix puts headers and hashes of whole pages right, as the flags say. */
static void
fix(struct page *pages, size_t pages_cnt, unsigned flags)
{
    struct hash128 prev = {0};

    for (size_t i = 0; i < pages_cnt; i++) {
        struct page_header *header = &pages[i].header;

        if ((flags & FIX_HEADER) != 0) {
            header->magic = JOURNAL_MAGIC;
            header->format = JOURNAL_FORMAT;
            header->shard = 3;
            header->page_no = i;
            header->epoch = header->epoch % 4 + 1;
            header->cells = (uint8_t)(header->cells % JOURNAL_PAGE_CELLS + 1);
            header->flags = cell_is_command(&pages[i].cells[0]) ? JOURNAL_FLAG_GROUP : 0;
            header->prev_hash = prev;
            if (i == 0 && (flags & FIX_SEGMENT) != 0)
                fix_segment(&pages[0]);
        }
        if ((flags & (FIX_HASH | FIX_HEADER)) != 0)
            header->hash = page_hash(&pages[i]);
        prev = header->hash;
    }
}

static void
write_file(const void *data, size_t bytes, bool cut)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
        abort();
    if (!cut && ftruncate(fd, JOURNAL_SEGMENT_BYTES_MIN) != 0)
        abort();
    close(fd);
}

/* read_all reads every message; returns how many cells, or -errno. */
static int64_t
read_all(uint64_t *last_seq)
{
    struct journal_reader *reader;
    struct journal_fault fault;
    const union cell *cells;
    int64_t cells_cnt = 0;
    int rc = journal_reader_open(&reader, dir, 3, &fault);

    if (rc != 0) {
        if (fault.text[0] == '\0')
            abort();
        return rc;
    }
    while ((rc = journal_reader_next(reader, &cells)) > 0) {
        if ((unsigned)rc != cell_count(cells) || !cell_valid(cells))
            abort();
        *last_seq = cell_seq(cells);
        cells_cnt += rc;
    }
    (void)journal_reader_seek_seq(reader, 2);
    (void)journal_reader_seek_time(reader, 1000);
    journal_reader_close(reader);
    return rc < 0 ? rc : cells_cnt;
}

/* engine_memory gives what a small engine needs, and nothing to a Genesis that asks
 * for a large one. */
static void *
engine_memory(size_t bytes)
{
    const size_t whole = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    void *mem = bytes > ENGINE_MAX ? NULL : aligned_alloc(CACHE_LINE, whole);

    if (mem != NULL)
        memset(mem, 0, whole);
    return mem;
}

/* replay_all gives what is read to an engine, which finds most of it to be other
 * than it would have done. */
static void
replay_all(uint64_t last_seq)
{
    const struct replay_cfg cfg = {.alloc = engine_memory};
    struct replay_result result = {.engine = NULL};
    struct journal_reader *reader;
    struct journal_fault fault;
    int rc;

    if (journal_reader_open(&reader, dir, 3, &fault) != 0)
        abort();
    rc = replay_run(reader, &cfg, &result);
    if (rc == -EBADMSG || result.last_seq > last_seq)
        abort();
    if ((rc != 0 || !result.identical) && result.text[0] == '\0')
        abort();
    if (rc == 0 && result.identical && result.last_seq != last_seq)
        abort();
    journal_reader_close(reader);
    free(result.engine);
}

/* mutate_cell changes one field of a cell, or puts another cell in its place. */
static void
mutate_cell(uint8_t *cell, const uint8_t *other, unsigned random)
{
    switch (random % 6) {
    case 0: /* kind */
        cell[0] ^= (uint8_t)(1u << random / 8 % 8);
        break;
    case 1: /* count, LAST */
        cell[1] ^= (uint8_t)(1u << random / 8 % 8);
        break;
    case 2: /* seq */
        cell[8] = (uint8_t)(cell[8] + (random / 8 % 2 == 0 ? 1 : 255));
        break;
    case 3:
        memset(cell, 0, CELL_BYTES);
        break;
    default:
        memmove(cell, other, CELL_BYTES);
        break;
    }
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t bytes_max, unsigned int seed)
{
    const size_t cells_cnt = bytes == 0 ? 0 : (bytes - 1) / CELL_BYTES;

    if (seed % 2 == 0 || cells_cnt < 2)
        return LLVMFuzzerMutate(data, bytes, bytes_max);

    /* A page header is a cell as well: its 64 bytes are mutated as bytes. */
    const size_t at = seed / 2 % cells_cnt;
    uint8_t *cell = data + 1 + at * CELL_BYTES;

    if (at % (JOURNAL_PAGE_CELLS + 1) == 0)
        (void)LLVMFuzzerMutate(cell, CELL_BYTES, CELL_BYTES);
    else
        mutate_cell(cell, data + 1 + seed / 64 % cells_cnt * CELL_BYTES, seed / 4096);
    return bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct page pages[PAGES_MAX];
    struct journal_verify_result result;
    struct journal_fault fault;
    struct journal_end end;
    uint64_t last_seq = 0;

    if (bytes == 0)
        return 0;

    const size_t len = bytes - 1 < sizeof pages ? bytes - 1 : sizeof pages;

    memset(pages, 0, sizeof pages);
    memcpy(pages, data + 1, len);
    fix(pages, len / JOURNAL_PAGE_BYTES, data[0]);
    write_file(pages, len, (data[0] & CUT_SHORT) != 0);

    const int64_t cells_cnt = read_all(&last_seq);
    const int verified = journal_verify(dir, 3, &result);
    const int recovered = journal_recover(dir, 3, &end, &fault);

    /* Damage is 1 to one of them and -EBADMSG to the others. */
    if ((cells_cnt < 0 ? (int)cells_cnt : 0) != (verified == 1 ? -EBADMSG : verified))
        abort();
    if ((cells_cnt < 0 ? (int)cells_cnt : 0) != recovered)
        abort();
    if (recovered != 0)
        return 0;
    if (end.last_seq != last_seq || result.last_seq != last_seq)
        abort();
    if (end.next_page_no != result.pages_cnt)
        abort();
    replay_all(last_seq);
    if (read_all(&last_seq) != cells_cnt || journal_verify(dir, 3, &result) != 0)
        abort();
    return 0;
}
