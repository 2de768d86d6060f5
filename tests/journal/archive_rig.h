/*
 * What the tests of archives share: journals of several segments, key files, and
 * a segment that is compressed as `outcry retain` does it.
 */
#ifndef OUTCRY_TESTS_JOURNAL_ARCHIVE_RIG_H
#define OUTCRY_TESTS_JOURNAL_ARCHIVE_RIG_H

#include "journal/archive.h"

#include "tests/journal/journal_rig.h"

/* archive_rig_journal writes a journal of a little more than `segments` segments.
 * Groups straddle pages and segments. */
void archive_rig_journal(const char *dir, struct rig_cells *all, unsigned segments);

/* archive_rig_key makes a key file dir/name of 32 bytes `fill` and loads it. */
const struct archive_key *
archive_rig_key(const char *dir, const char *name, uint8_t fill, char path[128]);

/* archive_rig_pack compresses a segment and removes the plain one; as archive_write. */
int archive_rig_pack(const char *dir, unsigned segment_no, const struct archive_key *key);

/* archive_rig_prune removes segments 0 to cnt - 1, which are plain, as `outcry retain`
 * does, and a crash: of the files only the last one goes. Returns what is known of it. */
struct archive_header archive_rig_prune(const char *dir, unsigned cnt);

/* archive_rig_load reads an archive. */
void archive_rig_load(struct rig_file *file, const char *dir, unsigned segment_no);
void archive_rig_store(const struct rig_file *file, const char *dir, unsigned segment_no);

/* archive_rig_rehash puts all hashes of an archive right after it was changed, as
 * somebody could who has no key. */
void archive_rig_rehash(struct rig_file *file);

/* Index and trailer lie at any address. */
typedef struct archive_entry archive_rig_slot __attribute__((aligned(1)));
typedef struct archive_trailer archive_rig_end __attribute__((aligned(1)));

/* archive_rig_header and archive_rig_entry point into the file. */
struct archive_header *archive_rig_header(struct rig_file *file);
archive_rig_slot *archive_rig_entry(struct rig_file *file, uint32_t frame_no);

#endif
