/*
 * Snapshots: the state of the exchange behind a page of its journal, in a file beside
 * it, so that a start replays what came later and not the whole of it.
 *
 *   journal   | page | page | page |page| ...     ->   the state behind a page
 *                                  ^                   NNNNNNNNNNNNNNNNNNNN.snap
 *                                  place
 *
 *   file      | header, 4096 bytes | image of the engine | image of what else |
 *
 * The name is the seq of the last command before, in 20 decimal digits. A snapshot is
 * a help and never the truth: whatever it says, the journal says too, and one that is
 * missing, damaged or of no use costs time alone. So a reader is strict. A snapshot is
 * of use only if
 *
 *   1. its own hashes are right: of the header, and of all behind it,
 *   2. it is of this journal: the id in its first segment,
 *   3. the page before its place is in the journal as it was: the chain of hashes then
 *      says that the journal before the place is the one that was replayed. So a
 *      snapshot that is later than the journal's end is refused (a power loss took
 *      pages that were not durable yet), and one of pages that came back as others,
 *   4. the images have the shape that this program makes (engine/save.h),
 *   5. the engine, when it is loaded, has the state hash that the header tells.
 *
 * The state hash is proven twice: by who writes, who loads the file into other memory
 * and compares before it gets its name, and by everyone who loads. The hash of the bytes
 * (XXH3-128) finds damage; it is no seal, just as that of a page.
 *
 * Header, little-endian:
 *
 *   offset  size  field
 *        0     8  magic          the bytes "OTCYSNAP"
 *        8     4  version        SNAPSHOT_VERSION
 *       12     4  reserved       zero
 *       16    16  shape          of the image of the engine
 *       32    16  journal        the journal's id
 *       48     8  page_no        place: the next page
 *       56    16  prev_hash      of the page before
 *       72     8  seq            of the last command
 *       80     4  epoch          of the page before
 *       84     4  reserved       zero
 *       88    16  state_hash     engine_hash
 *      104     8  event_hash     of all cells before, engine/event_hash.h
 *      112     8  time           of the last command
 *      120     8  made           when it was written, nanoseconds UTC
 *      128    64  genesis        the Genesis command, with time and seq zero
 *      192     8  engine_bytes   of the image of the engine
 *      200     8  rest_bytes     of what lies behind it
 *      208    16  body_hash      XXH3-128 of both
 *      224    16  hash           XXH3-128 of these 4096 bytes with this field zero
 *      240        zeros
 *
 * A file is written under another name, synced, proven, and then renamed; the folder is
 * synced. A crash leaves the other name behind, which nobody reads. Who writes has the
 * lock of snapshot_lock. Readers need none: a file never changes under its name.
 *
 * Cost: writing and loading are those of what is in use, not of what there is room for.
 */
#ifndef OUTCRY_JOURNAL_SNAPSHOT_H
#define OUTCRY_JOURNAL_SNAPSHOT_H

#include <stdint.h>

#include "engine/engine.h"
#include "journal/reader.h"
#include "proto/base.h"
#include "proto/image.h"

#define SNAPSHOT_VERSION      3u
#define SNAPSHOT_HEADER_BYTES 4096u

/* "00000000000000000000.snap" and a NUL. */
#define SNAPSHOT_NAME_BYTES 32u

/* For the reason of a refusal: one line. */
#define SNAPSHOT_WHY_BYTES 512u

struct snapshot_info {
    uint64_t seq;
    struct journal_place place;
    struct journal_id journal;
    struct hash128 shape;
    struct hash128 state_hash;
    uint64_t event_hash;
    uint64_t time_ns;
    uint64_t made_ns;
    uint64_t bytes; /* of the file */
    struct engine_cfg cfg;
    char name[SNAPSHOT_NAME_BYTES];
};

/* snapshot_name writes the name of the snapshot behind seq. */
void snapshot_name(char name[SNAPSHOT_NAME_BYTES], uint64_t seq);

/* snapshot_list fills seqs with those of the snapshots in dir by their names, newest
 * first, as many as there is room for. Their number, or -errno. */
NODISCARD int snapshot_list(const char *dir, uint64_t *seqs, unsigned max);

#define SNAPSHOTS_MAX 1024u

/* A snapshot that was read: bytes in memory whose hashes are right. */
struct snapshot;

/* snapshot_open reads one. 0, or -errno with a line in why: -EBADMSG, it is damaged or
 * none; -EPROTO, another version. */
NODISCARD int snapshot_open(struct snapshot **snapshot,
                            const char *dir,
                            uint64_t seq,
                            char why[SNAPSHOT_WHY_BYTES]);
const struct snapshot_info *snapshot_info(const struct snapshot *snapshot);

/* snapshot_load makes an engine of it in mem: zeroed, of the footprint of info->cfg.
 * NULL with a line in why if the image does not fit this program, or does not come to
 * its state hash; mem is of no use then. */
struct engine *snapshot_load(const struct snapshot *snapshot,
                             void *mem,
                             uint64_t salt,
                             char why[SNAPSHOT_WHY_BYTES]);

/* snapshot_rest returns what else was saved. */
struct image_in snapshot_rest(const struct snapshot *snapshot);
void snapshot_close(struct snapshot *snapshot);

/*
 * snapshot_newest finds the newest good snapshot of the journal in dir, as far as its
 * bytes tell: 1 to 4 of the above but for the shape. 1 and info is filled, 0 if there is
 * none, or -errno.
 */
NODISCARD int snapshot_newest(const char *dir, struct snapshot_info *info);

/* snapshot_lock takes the lock of those who write snapshots in dir: a descriptor to be
 * closed, -EWOULDBLOCK if another has it, or -errno. It removes what a crash left. */
NODISCARD int snapshot_lock(const char *dir);

struct snapshot_cfg {
    const char *dir;
    const struct engine *engine;
    struct engine_cfg cfg; /* of the engine */
    struct journal_id journal;
    struct journal_place place;
    uint64_t event_hash;
    uint64_t made_ns;
    void (*save_rest)(void *ctx, struct image_out *out); /* NULL: nothing else */
    void *ctx;
    void *(*take)(size_t bytes); /* zeroed memory for the proof, NULL: fails */
    void (*give)(void *mem, size_t bytes);
};

/* snapshot_write writes one, proves it and gives it its name. 0, or -errno with a line
 * in why; then nothing has this name. */
NODISCARD int snapshot_write(const struct snapshot_cfg *cfg,
                             struct snapshot_info *info,
                             char why[SNAPSHOT_WHY_BYTES]);

/* snapshot_prune removes all snapshots up to seq but the newest `keep`, and those later
 * than seq, which are of a history that is no more. Their number, or -errno. */
NODISCARD int snapshot_prune(const char *dir, uint64_t seq, unsigned keep);

#endif
