/*
 * Archive: a segment that is complete, compressed and, if wanted, encrypted.
 *
 *   00000004.seg  --archive_write-->  00000004.segz
 *
 *   header 256 | frame 0 | frame 1 | ... | index, 48 for each frame | trailer 64
 *
 * From this page a stranger can write a reader. All integers are little-endian,
 * hashes XXH3-128 (seed 0), low 64 bits first. What is called zero must be zero.
 *
 *   header                 offset  size  field
 *                               0     4  magic          0x5a43544f, bytes "OTCZ"
 *                               4     2  version        1
 *                               6     2  shard
 *                               8     8  segment_no
 *                              16    16  journal        id, as in its segment page
 *                              32     8  segment_bytes  of the plain segment
 *                              40     4  frame_pages    pages to a frame
 *                              44     4  frames_cnt
 *                              48     8  first_page_no
 *                              56     8  first_seq      of its first page
 *                              64     8  last_seq       of its last message
 *                              72     8  first_time_ns  of its first message
 *                              80     8  last_time_ns   of its last message
 *                              88     4  last_epoch     of its last page
 *                              92     4  flags          bit 0: encrypted
 *                                                       bit 1: its last group goes
 *                                                       on behind it
 *                              96    16  prev_hash      of its first page
 *                             112    16  last_hash      hash of its last page
 *                             128    16  key_id         of the key, or zero
 *                             144    16  nonce          random, or zero
 *                             160    80  zero
 *                             240    16  hash           of bytes 0 to 239
 *   index, for each frame       0     8  off            in the file
 *                               8     4  bytes          in the file
 *                              12     4  zero
 *                              16    16  stored_hash    of the bytes in the file
 *                              32    16  plain_hash     of the pages; encrypted: zero
 *   trailer                     0     4  magic          0x5843544f, bytes "OTCX"
 *                               4     4  frames_cnt
 *                               8     8  index_off      in the file
 *                              16     8  file_bytes
 *                              24     8  zero
 *                              32    16  index_hash     of the header's hash and
 *                                                       the index behind it
 *                              48    16  hash           of bytes 0 to 47
 *
 * The pages of a frame are frame_pages * 4096 bytes of the segment, those of
 * the last one what is left. Each is one zstd frame (RFC 8878, content size in
 * its header, no dictionary, no checksum), so any page can be had without the
 * others. `zstd -d` reads a frame that was cut out of the file.
 *
 * An encrypted frame is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) of the zstd
 * frame, 16 bytes longer: nonce (24 bytes) = nonce of the header, then the
 * frame's number as u64; associated data = all 256 bytes of the header, then the
 * frame's number as u64. So a frame opens in its place in its file and nowhere
 * else. The nonce of the header is drawn for each file: no two frames share one.
 * The header stays readable: numbers, times and sizes are no secret, commands are. A
 * hash of the plain pages would let somebody confirm a guess at them; there is none.
 *
 * Invariants of a file that archive_view accepts
 *  1. Frames, index and trailer follow one another without a gap, to the end of
 *     the file. So each byte is under a hash: a flipped bit, a cut or
 *     something appended is refused.
 *  2. frames_cnt frames of frame_pages pages are segment_bytes.
 *  3. index[i].bytes is at most what the worst frame of its pages may take.
 *
 * Hashes find damage. They are no seal against a person: that is the seal's part, and
 * with encryption the key's.
 *
 * Crashes. archive_write makes NNNNNNNN.segz.new, syncs it, reads it back from
 * the disk, compares it with the segment byte for byte, renames it and syncs the
 * folder. Only then archive_retire removes the segment. So at any moment there is
 * the one or the other or both; if both, the plain one is used.
 *
 * Memory: a view is a mapping of the file. Cost of archive_frame: about 0.2 ms
 * for 64 pages. An error of the disk below the mapping raises SIGBUS, as with segments.
 */
#ifndef OUTCRY_JOURNAL_ARCHIVE_H
#define OUTCRY_JOURNAL_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/archive_key.h"
#include "journal/format.h"

#define ARCHIVE_MAGIC           0x5a43544fu
#define ARCHIVE_TRAILER_MAGIC   0x5843544fu
#define ARCHIVE_VERSION         1u
#define ARCHIVE_FLAG_ENCRYPTED  0x01u
#define ARCHIVE_FLAG_OPEN       0x02u
#define ARCHIVE_FRAME_PAGES     64u   /* as we write */
#define ARCHIVE_FRAME_PAGES_MAX 4096u /* as we read: 16 MiB */
#define ARCHIVE_SEGMENT_MAX     (65536ull << 20)
#define ARCHIVE_WHY_BYTES       200u

/* "00000000.segz" and a NUL; ".new" is appended while it is made. */
#define ARCHIVE_NAME_BYTES 20u

struct archive_header {
    uint32_t magic;
    uint16_t version;
    uint16_t shard;
    uint64_t segment_no;
    uint8_t journal[16];
    uint64_t segment_bytes;
    uint32_t frame_pages;
    uint32_t frames_cnt;
    uint64_t first_page_no;
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t first_time_ns;
    uint64_t last_time_ns;
    uint32_t last_epoch;
    uint32_t flags;
    struct hash128 prev_hash;
    struct hash128 last_hash;
    struct archive_key_id key_id;
    uint8_t nonce[16];
    uint8_t zero[80];
    struct hash128 hash;
};
_Static_assert(sizeof(struct archive_header) == 256, "as it lies in the file");

struct archive_entry {
    uint64_t off;
    uint32_t bytes;
    uint32_t zero;
    struct hash128 stored_hash;
    struct hash128 plain_hash;
};
_Static_assert(sizeof(struct archive_entry) == 48, "as it lies in the file");

struct archive_trailer {
    uint32_t magic;
    uint32_t frames_cnt;
    uint64_t index_off;
    uint64_t file_bytes;
    uint64_t zero;
    struct hash128 index_hash;
    struct hash128 hash;
};
_Static_assert(sizeof(struct archive_trailer) == 64, "as it lies in the file");

struct archive {
    struct archive_header header;
    const uint8_t *bytes;
    uint64_t len;
    const uint8_t *index; /* in bytes: its entries lie at any address */
    bool mapped;          /* by archive_open */
};

/* archive_name writes the name of the archive of segment segment_no. */
void archive_name(char name[ARCHIVE_NAME_BYTES], uint64_t segment_no);

/* archive_view checks header, index and trailer of a file in memory, which stays
 * the caller's. 0, or -EBADMSG (-EPROTO: of another version) with a few words in why. */
NODISCARD int
archive_view(struct archive *archive, const void *bytes, uint64_t len, char why[ARCHIVE_WHY_BYTES]);

/* archive_open maps a file and views it; it must be segment segment_no. 0, or
 * -errno as of archive_view or of the system. */
NODISCARD int archive_open(struct archive *archive,
                           int dir_fd,
                           const char *name,
                           uint64_t segment_no,
                           char why[ARCHIVE_WHY_BYTES]);

void archive_close(struct archive *archive);

/* archive_frame_bytes returns the plain bytes of a frame. */
uint64_t archive_frame_bytes(const struct archive_header *header, uint32_t frame_no);

/* archive_frame writes a frame's pages to plain, of archive_frame_bytes. 0, or
 * -errno with a few words in why: -ENOKEY encrypted, and no such key is loaded;
 * -EBADMSG damaged, and then plain holds anything. */
NODISCARD int archive_frame(const struct archive *archive,
                            uint32_t frame_no,
                            void *plain,
                            char why[ARCHIVE_WHY_BYTES]);

/* archive_check checks the frames without opening them, by their hashes in the
 * file: no key is needed. 0 or -EBADMSG. */
NODISCARD int archive_check(const struct archive *archive, char why[ARCHIVE_WHY_BYTES]);

/* archive_glance fills what the header says of a complete segment, by its first and last
 * page, which it checks. Encryption is left out. 0, or -EBADMSG with the page in why. */
NODISCARD int archive_glance(const struct page *first,
                             const struct page *last,
                             uint64_t pages_cnt,
                             uint64_t segment_no,
                             struct archive_header *header,
                             char why[ARCHIVE_WHY_BYTES]);

/* archive_describe is archive_glance of a segment of which every page is checked, and
 * the chain between them. */
NODISCARD int archive_describe(const struct page *pages,
                               uint64_t pages_cnt,
                               uint64_t segment_no,
                               struct archive_header *header,
                               char why[ARCHIVE_WHY_BYTES]);

/* archive_compare unpacks every frame and compares it with the segment. 0, or
 * -EBADMSG where they differ, or as of archive_frame. */
NODISCARD int archive_compare(const struct archive *archive,
                              const struct page *pages,
                              char why[ARCHIVE_WHY_BYTES]);

/* archive_write makes the archive of a segment that was described; key NULL: not
 * encrypted. It gets the owner of the file it stands for and can only be read. An
 * archive that is there is replaced. Returns when it is durable and was compared:
 * bytes is its size. 0, or -errno with a few words in why, and then what was there
 * before is there still. */
NODISCARD int archive_write(int dir_fd,
                            const struct archive_header *header,
                            const struct page *pages,
                            const struct archive_key *key,
                            uint64_t *bytes,
                            char why[ARCHIVE_WHY_BYTES]);

/* archive_retire durably removes the plain segment whose archive stands. */
NODISCARD int archive_retire(int dir_fd, uint64_t segment_no, char why[ARCHIVE_WHY_BYTES]);

#endif
