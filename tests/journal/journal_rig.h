/*
 * What the tests of the journal share: a folder of their own, groups of random
 * messages, an out-ring and a writer on it, and a reader that is compared with
 * what was written. Used by Criterion tests and by plain programs, so a failed
 * check prints its line and aborts.
 */
#ifndef OUTCRY_TESTS_JOURNAL_RIG_H
#define OUTCRY_TESTS_JOURNAL_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/ring.h"
#include "journal/reader.h"
#include "journal/writer.h"

#define RIG_SEGMENT_BYTES (1u << 20)
#define RIG_SEGMENT_PAGES (RIG_SEGMENT_BYTES / JOURNAL_PAGE_BYTES)
#define RIG_CONFIG_HASH   7777777u
#define RIG_BINARY_HASH   8888888u

/* CHECK ends the test with its line; fmt tells what reproduces it. */
#define CHECK(cond, ...)                                      \
 do {                                                         \
  if (!(cond)) {                                              \
   fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
   fprintf(stderr, __VA_ARGS__);                              \
   fputc('\n', stderr);                                       \
   abort();                                                   \
  }                                                           \
 } while (0)

/* rig_fail removes the folder that was made last and aborts. */
_Noreturn void rig_fail(void);

/* rig_dir_make makes a folder and names it; rig_dir_remove removes it with all
 * in it. */
void rig_dir_make(char dir[64]);
void rig_dir_remove(const char *dir);

/* rig_random returns the next number of a seeded sequence (splitmix64). */
uint64_t rig_random(uint64_t *state);
uint64_t rig_clock_ns(void);

/* All that was given to the writer, in order. */
struct rig_cells {
    union cell *cells;
    size_t cnt;
    size_t max;
    size_t whole; /* cells up to and with the last CELL_LAST */
    uint64_t seq; /* of the last command */
};

/* rig_alloc is malloc at the alignment of cells and pages. */
void *rig_alloc(size_t bytes);

/* rig_reserve makes room for cnt more cells. */
void rig_reserve(struct rig_cells *all, size_t cnt);

/* rig_group appends a random group, of long_cells cells or a few more if that is
 * not 0. Without finish its last cell does not bear CELL_LAST. */
void rig_group(struct rig_cells *all, uint64_t *random, unsigned long_cells, bool finish);

/* rig_forget drops what the last, unfinished, group appended. */
void rig_forget(struct rig_cells *all);

struct rig {
    struct ring *ring;
    struct ring_writer in;
    struct ring_reader out;
    struct journal_writer *writer;
    const uint64_t *durable;
};

/* rig_open recovers dir and opens a writer of shard 3 behind its end, in a new
 * epoch. Fields of cfg that recovery knows are filled in. */
void rig_open(struct rig *rig, const char *dir, struct journal_writer_cfg *cfg);

/* rig_put publishes cells [from, to) of all, polling while the ring is full. */
void rig_put(struct rig *rig, const struct rig_cells *all, size_t from, size_t to);

/* rig_settle polls until all that is published and finished is durable. */
void rig_settle(struct rig *rig, uint64_t durable_pos);

void rig_close(struct rig *rig);

/* rig_write writes all as a journal in one run, a batch for every `per_batch`
 * groups, each durable before the next. */
void rig_write(const char *dir, const struct rig_cells *all, unsigned per_batch);

/* rig_expect reads dir and checks that it holds the first `cells` cells of all. */
void rig_expect(const char *dir, const struct rig_cells *all, size_t cells);

/* rig_verify is journal_verify, and checks that two to four threads, by turns, say the
 * same. */
int rig_verify(const char *dir, int shard, struct journal_verify_result *result);

/* A segment as bytes. rig_load reads the file, rig_store makes the file these
 * bytes. */
struct rig_file {
    uint8_t *bytes;
    size_t len;
};
void rig_load(struct rig_file *file, const char *dir, unsigned segment_no);
void rig_store(const struct rig_file *file, const char *dir, unsigned segment_no);
struct page *rig_page(struct rig_file *file, uint64_t page_no);

/* rig_rehash makes a page whole again after it was changed. */
void rig_rehash(struct page *page);

/* rig_dir_hash hashes names, sizes and bytes of all files in dir. */
uint64_t rig_dir_hash(const char *dir);

/* rig_seed and rig_seeds return OUTCRY_SEED and OUTCRY_SEEDS, or defaults. */
uint64_t rig_seed(void);
unsigned rig_seeds(unsigned most);

#endif
