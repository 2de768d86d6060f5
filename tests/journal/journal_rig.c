#include "tests/journal/journal_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/hash.h"

#define RIG_RING_CELLS  8192u
#define RIG_SHARD       3u
#define RIG_PATIENCE_NS 30000000000ull

static char rig_dir[64];

void
rig_fail(void)
{
    rig_dir_remove(rig_dir);
    abort();
}

void
rig_dir_make(char dir[64])
{
    const char *tmp = getenv("TMPDIR");

    CHECK(snprintf(dir, 64, "%.40s/outcry-XXXXXX", tmp == NULL ? "/tmp" : tmp) < 64, "TMPDIR");
    CHECK(mkdtemp(dir) != NULL, "%s", dir);
    memcpy(rig_dir, dir, sizeof rig_dir);
}

void
rig_dir_remove(const char *dir)
{
    DIR *files = opendir(dir);

    if (files == NULL)
        return;
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files)) {
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(files), entry->d_name, 0);
    }
    closedir(files);
    (void)rmdir(dir);
}

uint64_t
rig_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t
rig_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
rig_seed(void)
{
    const char *text = getenv("OUTCRY_SEED");

    return text == NULL ? 1 : strtoull(text, NULL, 10);
}

unsigned
rig_seeds(unsigned most)
{
    const char *text = getenv("OUTCRY_SEEDS");
    const unsigned long seeds = text == NULL ? most : strtoul(text, NULL, 10);

    return seeds < most ? (unsigned)seeds : most;
}

void *
rig_alloc(size_t bytes)
{
    void *mem = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE) / CACHE_LINE * CACHE_LINE);

    CHECK(mem != NULL, "out of memory");
    return mem;
}

void
rig_reserve(struct rig_cells *all, size_t cnt)
{
    if (all->cnt + cnt <= all->max)
        return;
    all->max = 2 * (all->cnt + cnt) + 1024;

    union cell *cells = rig_alloc(all->max * sizeof *cells);

    if (all->cnt != 0)
        memcpy(cells, all->cells, all->cnt * sizeof *cells);
    free(all->cells);
    all->cells = cells;
}

/* append adds one zeroed cell of a message of count cells; 0 continues one. */
static union cell *
append(struct rig_cells *all, unsigned kind, unsigned count)
{
    rig_reserve(all, 1);

    union cell *cell = &all->cells[all->cnt++];

    memset(cell, 0, sizeof *cell);
    cell->bytes[0] = (uint8_t)kind;
    cell->bytes[1] = (uint8_t)count;
    if (count != 0) {
        cell->words[1] = all->seq;
        cell->words[2] = 1000 * all->seq;
    }
    return cell;
}

/* append_quotes appends the longest command that there is, or a shorter one. */
static void
append_quotes(struct rig_cells *all, uint64_t *random)
{
    const unsigned pairs = rig_random(random) % 2 == 0
                               ? CELL_COMMAND_MAX - 1
                               : 1 + (unsigned)(rig_random(random) % (CELL_COMMAND_MAX - 1));
    struct cell_mass_quote *quote = &append(all, CELL_KIND_MASS_QUOTE, 1 + pairs)->mass_quote;

    quote->entries_cnt = 2 * pairs;
    quote->clord = rig_random(random);
    for (unsigned i = 0; i < pairs; i++)
        append(all, CELL_KIND_QUOTE_PAIR, 0)->quote_pair.bid_px1 =
            (int64_t)(rig_random(random) >> 20);
}

static void
append_command(struct rig_cells *all, uint64_t *random)
{
    const uint64_t pick = rig_random(random) % 5;

    all->seq++;
    if (pick == 0) {
        append(all, CELL_KIND_CLOCK, 1);
    } else if (pick == 1) {
        append(all, CELL_KIND_ORDER_CANCEL, 1)->order_cancel.clord = rig_random(random);
    } else if (pick == 2) {
        append_quotes(all, random);
    } else {
        const unsigned cells = 1 + (unsigned)(rig_random(random) % 3);
        struct cell_order_new *order = &append(all, CELL_KIND_ORDER_NEW, cells)->order_new;

        order->ord_type = OE_ORD_TYPE_LIMIT;
        order->tif = OE_TIME_IN_FORCE_DAY;
        order->clord = rig_random(random);
        order->px = (int64_t)(rig_random(random) >> 20);
        for (unsigned i = 1; i < cells; i++)
            append(all, CELL_KIND_ORDER_EXTENSION, 0)->order_extension.expire_time =
                rig_random(random);
    }
}

static void
append_event(struct rig_cells *all, uint64_t *random)
{
    if (rig_random(random) % 3 == 0) {
        append(all, CELL_KIND_ORDER_CANCELED, 1)->order_canceled.clord = rig_random(random);
        return;
    }
    append(all, CELL_KIND_TRADE, 2)->trade.clord = rig_random(random);
    append(all, CELL_KIND_TRADE_MAKER, 0)->trade_maker.clord = rig_random(random);
}

void
rig_group(struct rig_cells *all, uint64_t *random, unsigned long_cells, bool finish)
{
    const size_t from = all->cnt;
    const unsigned events = (unsigned)(rig_random(random) % 4);

    append_command(all, random);
    for (unsigned i = 0; i < events || all->cnt - from < long_cells; i++)
        append_event(all, random);
    if (!finish)
        return;
    all->cells[all->cnt - 1].bytes[1] |= CELL_LAST;
    all->whole = all->cnt;
}

void
rig_forget(struct rig_cells *all)
{
    CHECK(all->cnt > all->whole, "the last group is finished");
    all->cnt = all->whole;
    all->seq--;
}

void
rig_open(struct rig *rig, const char *dir, struct journal_writer_cfg *cfg)
{
    struct journal_end end;
    struct journal_fault fault;
    char why[256];
    const int rc = journal_recover(dir, RIG_SHARD, &end, &fault);

    CHECK(rc == 0, "%d %s", rc, fault.text);
    cfg->dir = dir;
    cfg->shard = RIG_SHARD;
    cfg->epoch = end.epoch + 1;
    cfg->next_page_no = end.next_page_no;
    cfg->prev_hash = end.prev_hash;
    cfg->journal = end.journal;
    cfg->config_hash = RIG_CONFIG_HASH;
    cfg->binary_hash = RIG_BINARY_HASH;
    if (cfg->segment_bytes == 0)
        cfg->segment_bytes = RIG_SEGMENT_BYTES;

    void *mem = aligned_alloc(RING_ALIGN, ring_footprint(RIG_RING_CELLS, 1));

    CHECK(mem != NULL, "out of memory");
    rig->ring = ring_init(mem, RIG_RING_CELLS, 1);
    ring_writer_init(&rig->in, rig->ring);
    ring_reader_init(&rig->out, rig->ring, 0);
    CHECK(journal_writer_open(&rig->writer, cfg, &rig->out, why) == 0, "%s", why);
    rig->durable = journal_writer_durable(rig->writer);
}

void
rig_put(struct rig *rig, const struct rig_cells *all, size_t from, size_t to)
{
    const uint64_t deadline = rig_clock_ns() + RIG_PATIENCE_NS;

    while (from < to) {
        const unsigned count = cell_count(&all->cells[from]);

        while (ring_writer_room(&rig->in, count) < count) {
            ring_publish(&rig->in);
            (void)journal_writer_poll(rig->writer, rig_clock_ns());
            CHECK(rig_clock_ns() < deadline, "the writer takes nothing");
        }
        ring_write(&rig->in, &all->cells[from], count);
        from += count;
    }
    ring_publish(&rig->in);
}

void
rig_settle(struct rig *rig, uint64_t durable_pos)
{
    const uint64_t deadline = rig_clock_ns() + RIG_PATIENCE_NS;

    while (__atomic_load_n(rig->durable, __ATOMIC_ACQUIRE) < durable_pos ||
           journal_writer_in_flight(rig->writer)) {
        (void)journal_writer_poll(rig->writer, rig_clock_ns());
        CHECK(rig_clock_ns() < deadline, "durable cursor stays at %llu",
              (unsigned long long)*rig->durable);
    }
}

void
rig_close(struct rig *rig)
{
    journal_writer_close(rig->writer);
    free(rig->ring);
}

void
rig_write(const char *dir, const struct rig_cells *all, unsigned per_batch)
{
    struct journal_writer_cfg cfg = {0};
    struct rig rig;
    unsigned groups = 0;
    size_t from = 0;

    rig_open(&rig, dir, &cfg);
    for (size_t i = 0; i < all->cnt; i++) {
        if (!cell_is_last(&all->cells[i]) || ++groups % per_batch != 0)
            continue;
        rig_put(&rig, all, from, i + 1);
        rig_settle(&rig, i + 1);
        from = i + 1;
    }
    rig_put(&rig, all, from, all->cnt);
    rig_close(&rig);
}

int
rig_verify(const char *dir, int shard, struct journal_verify_result *result)
{
    static const struct journal_verify_cfg others[] = {
        {.threads = 2, .range_pages = 3},
        {.threads = 3, .range_pages = 61},
        {.threads = 4},
    };
    static unsigned turn;
    const struct journal_verify_cfg *cfg = &others[turn++ % ARRAY_LEN(others)];
    struct journal_verify_result other;
    const int rc = journal_verify(dir, shard, result);
    const int also = journal_verify_by(dir, shard, cfg, &other);

    CHECK(rc == also && memcmp(result, &other, sizeof other) == 0, "%u threads: %d %s; one: %d %s",
          cfg->threads, also, other.fault.text, rc, result->fault.text);
    return rc;
}

void
rig_expect(const char *dir, const struct rig_cells *all, size_t cells_cnt)
{
    struct journal_reader *reader;
    struct journal_fault fault;
    const union cell *cells;
    size_t at = 0;
    int count;
    int rc = journal_reader_open(&reader, dir, RIG_SHARD, &fault);

    CHECK(rc == 0, "%d %s", rc, fault.text);
    while ((count = journal_reader_next(reader, &cells)) > 0) {
        CHECK(at + (size_t)count <= cells_cnt, "more than %zu cells", cells_cnt);
        CHECK(memcmp(cells, &all->cells[at], (size_t)count * CELL_BYTES) == 0, "cell %zu", at);
        at += (size_t)count;
    }
    CHECK(count == 0, "%d %s", count, journal_reader_fault(reader)->text);
    CHECK(at == cells_cnt, "%zu cells of %zu", at, cells_cnt);
    CHECK(journal_reader_next(reader, &cells) == 0, "there is more behind the end");
    journal_reader_close(reader);
}

static void
segment_path(char path[128], const char *dir, unsigned segment_no)
{
    snprintf(path, 128, "%s/%08u.seg", dir, segment_no);
}

/* load_fd reads a whole file, given relative to a folder. */
static void
load_fd(struct rig_file *file, int dir_fd, const char *name)
{
    const int fd = openat(dir_fd, name, O_RDONLY);
    struct stat st;

    CHECK(fd >= 0, "%s", name);
    CHECK(fstat(fd, &st) == 0, "%s", name);
    file->len = (size_t)st.st_size;
    file->bytes = rig_alloc(file->len);
    CHECK(read(fd, file->bytes, file->len) == (ssize_t)file->len, "%s", name);
    close(fd);
}

void
rig_load(struct rig_file *file, const char *dir, unsigned segment_no)
{
    char path[128];

    segment_path(path, dir, segment_no);
    load_fd(file, AT_FDCWD, path);
}

void
rig_store(const struct rig_file *file, const char *dir, unsigned segment_no)
{
    char path[128];

    segment_path(path, dir, segment_no);

    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

    CHECK(fd >= 0, "%s", path);
    CHECK(write(fd, file->bytes, file->len) == (ssize_t)file->len, "%s", path);
    close(fd);
}

struct page *
rig_page(struct rig_file *file, uint64_t page_no)
{
    return (struct page *)(void *)(file->bytes + page_no * JOURNAL_PAGE_BYTES);
}

void
rig_rehash(struct page *page)
{
    page->header.hash = page_hash(page);
}

uint64_t
rig_dir_hash(const char *dir)
{
    DIR *files = opendir(dir);
    uint64_t sum = 0;

    CHECK(files != NULL, "%s", dir);
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files)) {
        struct rig_file file;

        if (entry->d_name[0] == '.')
            continue;
        load_fd(&file, dirfd(files), entry->d_name);
        /* A sum: the order of names in a folder is no one's promise. */
        sum += hash64_of_seeded(entry->d_name, strlen(entry->d_name),
                                hash64_of(file.bytes, file.len) + file.len);
        free(file.bytes);
    }
    closedir(files);
    return sum;
}
