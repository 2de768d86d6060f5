/*
 * Seals: a signed statement for each full segment, from which a stranger can
 * tell whether somebody changed it.
 *
 *   00000000.seg  00000001.seg  00000002.seg (in use)
 *        |             |
 *   00000000.seal <- 00000001.seal        each holds the digest of the one before
 *
 * A seal is 320 bytes, integers little-endian. Digests are those of crypto.h: BLAKE2b-256
 * with a tag byte in front.
 *
 *   offset  size  field
 *        0     8  magic          the bytes "OTCYSEAL"
 *        8     2  version        1
 *       10     2  shard          0 to 15
 *       12     4  flags          bit 0: when this segment ended a group was open;
 *                                all others zero
 *       16    16  journal        id of the journal, as in its segment pages
 *       32     8  segment_no     from 0
 *       40     8  pages_cnt      of the segment
 *       48     8  first_seq      of the first and
 *       56     8  last_seq       the last message in the tree; 0 if there is none
 *       64     8  messages_cnt   leaves of the tree
 *       72     8  cells_cnt      that these messages have
 *       80     8  commands_cnt   of these messages that are commands
 *       88     8  first_time     in the first and
 *       96     8  last_time      the last message; 0 if there is none
 *      104     8  sealed_time    when it was sealed, nanoseconds UTC. The sealer says
 *                                so; nothing proves it
 *      112     8  end_seq        of the last command that opened in this or an
 *                                earlier segment, even if it never happened
 *      120     4  end_epoch      of the last page
 *      124     4  reserved       zero
 *      128    16  end_hash       of the last page: its XXH3-128
 *      144    16  key_id         of the key that signed (key.h)
 *      160    32  root           of the Merkle tree (merkle.h)
 *      192    32  prev           digest 0x02 of bytes 0 to 255 of the seal of the
 *                                segment before; zeros in that of segment 0
 *      224    32  opening        digest 0x03 of the 64 bytes of the segment page's
 *                                cell
 *      256    64  signature      Ed25519 of bytes 0 to 255
 *
 * Leaves are the messages that stand in the segment, in their order, each with all its
 * cells: no page headers, no padding, and no messages of a group that never happened
 * (format.h: a reader passes those over). A group that goes on in the next segment is in both
 * trees, each has the messages that stand in its segment.
 *
 * When a segment may be sealed. It is full; the group that is open at its end was
 * finished, or is known never to have been; and a later page says that
 * all of this is durable. So nothing that is sealed can be lost by a crash, and
 * the segment in use never is.
 *
 * What a checker must do
 *   1. Have the public key from somewhere else than the folder.
 *   2. Check each seal from number 0 on: magic, version, zeros, number, the same
 *      journal, shard and pages_cnt in all; signature; prev. Keys may change, if
 *      the new one was announced by the old (key.h), and not back.
 *   3. Compare each segment's messages with counts and root, and its other fields.
 *   4. Have the newest seal that it knows of, and find it in the folder as it is.
 * An edit, a deletion, a change of order anywhere in what is sealed fails 3, a
 * replaced seal 2. Seals and segments that were cut off at the end fail 4 and nothing
 * else: so somebody must keep the newest seal where the folder's owner cannot
 * change it. 320 bytes, by mail or printed, will do.
 *
 * What a seal does not say: that what was sealed is what happened. Who holds the key and
 * can write the folder can seal what he likes, once. The key's own memory of its
 * newest seal (sealer.h) keeps him from sealing the same segment twice unseen.
 */
#ifndef OUTCRY_JOURNAL_SEAL_H
#define OUTCRY_JOURNAL_SEAL_H

#include "journal/format.h"
#include "journal/key.h"

#define SEAL_MAGIC     0x4c4145535943544full
#define SEAL_VERSION   1u
#define SEAL_FLAG_OPEN 0x01u

struct seal_statement {
    uint64_t magic;
    uint16_t version;
    uint16_t shard;
    uint32_t flags;
    struct journal_id journal;
    uint64_t segment_no;
    uint64_t pages_cnt;
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t messages_cnt;
    uint64_t cells_cnt;
    uint64_t commands_cnt;
    uint64_t first_time;
    uint64_t last_time;
    uint64_t sealed_time;
    uint64_t end_seq;
    uint32_t end_epoch;
    uint32_t reserved;
    struct hash128 end_hash;
    struct key_id key_id;
    struct digest root;
    struct digest prev;
    struct digest opening;
};
_Static_assert(sizeof(struct seal_statement) == 256, "as in the essay");
_Static_assert(offsetof(struct seal_statement, end_hash) == 128, "as in the essay");
_Static_assert(offsetof(struct seal_statement, root) == 160, "as in the essay");

struct seal {
    struct seal_statement statement;
    uint8_t signature[SIGNATURE_BYTES];
};
_Static_assert(sizeof(struct seal) == 320, "as in the essay");

/* "00000000.seal" and a NUL; ".new" is appended while it is being written. */
#define SEAL_NAME_BYTES 24u
#define SEAL_NEW_SUFFIX ".new"

void seal_name(char name[SEAL_NAME_BYTES], uint64_t segment_no);

/* seal_parse takes a seal out of a file's bytes. 0 or -EBADMSG with a line in
 * why. It says nothing about the signature. */
NODISCARD int seal_parse(struct seal *seal, const void *data, size_t bytes, char why[256]);

/* seal_check tells whether a key of the ring signed it: the place of the key in
 * the ring, or -EBADMSG with a line in why. */
NODISCARD int seal_check(const struct seal *seal, const struct key_ring *ring, char why[256]);

/* seal_digest is what the next seal has as prev. */
void seal_digest(const struct seal *seal, struct digest *digest);

/* seal_follows checks that next is the seal of the segment behind that of seal.
 * seal NULL: that next is the first. 0 or -EBADMSG with a line in why. */
NODISCARD int seal_follows(const struct seal *seal, const struct seal *next, char why[256]);

/* seal_same_content tells whether two statements speak of the same messages in the
 * same place, whenever and by whom they were sealed. */
bool seal_same_content(const struct seal *a, const struct seal *b);

/* seal_last_seq returns the last command of which all that it caused is sealed by this
 * seal and those before it. */
uint64_t seal_last_seq(const struct seal *seal);

/* seal_read reads a seal from a file; dir_fd as in openat. 0 or -errno with a line
 * in why: -ENOENT when there is none, -EBADMSG when it is none. */
NODISCARD int seal_read(struct seal *seal, int dir_fd, const char *name, char why[256]);

/* seal_highest returns the highest number that a seal in the folder has, -1: there
 * is none; or sets error. */
int64_t seal_highest(int dir_fd, int *error);

/* seal_write puts a seal under its name in one step, durably: temporary name, sync,
 * rename, sync of the folder. 0 or -errno with a line in why. */
NODISCARD int seal_write(const struct seal *seal, int dir_fd, const char *name, char why[256]);

#endif
