/*
 * Proofs: that a command, and all that it caused, is in a sealed journal. Checked
 * with a public key alone, without the journal.
 *
 * A proof is of the whole group of one sequence number: the command's message with its
 * outcome and the messages of its events; or of one message of it. The
 * messages of a group follow one another in the tree, so one range proof (merkle.h) does
 * for all. That the group is whole needs no belief: it begins with a
 * command, all its messages have one seq and follow one another, its last cell and no
 * other bears CELL_LAST. A group that goes on in the next segment has one
 * part for each segment, and the parts show that nothing lies between them.
 *
 * All integers little-endian:
 *
 *   header   offset  size  field
 *                 0     8  magic         the bytes "OTCYPROF"
 *                 8     2  version       1
 *                10     2  reserved      zero
 *                12     4  parts_cnt     1 or more
 *                16     8  bytes         of the whole file
 *                24     8  reserved      zero
 *   then parts_cnt parts, each
 *                 0   320  seal          of the segment, as seal.h has it
 *               320     8  first         number of the first message in the tree
 *               328     4  messages_cnt  1 or more
 *               332     4  cells_cnt     that they have
 *               336     4  hashes_cnt    of the range proof
 *               340     4  reserved      zero
 *               344        messages      cells_cnt * 64 bytes
 *                          hashes        hashes_cnt * 32 bytes, from left to right
 *   and nothing behind the last.
 *
 * What a checker must do, with a public key that it has from somewhere else
 *   1. Each seal: as seal.h says, but for what needs the others; signature.
 *   2. Each part: the messages tile the cells; their leaves, first, messages_cnt
 *      and the hashes give the root that is signed.
 *   3. Several parts: each seal has the digest of the one before as prev; each part
 *      but the last ends with the last leaf of its tree, each but the first begins
 *      with leaf 0.
 *   4. All messages have the same seq (bytes 8 to 15 of a message). With more
 *      than one message: the first is a command (byte 0 below 64), the others
 *      are not, bit 7 of byte 1 is set in the very last cell alone.
 * tools/python/check_proof.py does all of it in a page of Python.
 *
 * What a proof does not say: that the journal had nothing else to tell of the matter,
 * or what was in force then. It says that these bytes were sealed at this place.
 */
#ifndef OUTCRY_JOURNAL_PROOF_H
#define OUTCRY_JOURNAL_PROOF_H

#include "journal/seal.h"

#define PROOF_MAGIC     0x464f52505943544full
#define PROOF_VERSION   1u
#define PROOF_BYTES_MAX (1ull << 30)
#define PROOF_WHOLE     (-1)

struct proof_header {
    uint64_t magic;
    uint16_t version;
    uint16_t reserved;
    uint32_t parts_cnt;
    uint64_t bytes;
    uint64_t reserved_too;
};
_Static_assert(sizeof(struct proof_header) == 32, "as in the essay");

struct proof_part {
    struct seal seal;
    uint64_t first;
    uint32_t messages_cnt;
    uint32_t cells_cnt;
    uint32_t hashes_cnt;
    uint32_t reserved;
};
_Static_assert(sizeof(struct proof_part) == 344, "as in the essay");

/* A proof in memory: malloc, the caller frees it. */
struct proof {
    uint8_t *data;
    size_t bytes;
};

/*
 * proof_make makes the proof of the group of seq, or of message number `message` of
 * it (0 is the command's own; PROOF_WHOLE: all). It counts each segment that has some of
 * it and compares it with its seal; it needs no key. 0 or -errno with a line in why:
 * -ENOENT no journal, -ENODATA there is no such command or message, or it is not
 * sealed, -EBADMSG the journal is not what was sealed.
 */
NODISCARD int
proof_make(const char *dir, uint64_t seq, int64_t message, struct proof *proof, char why[320]);

/* What a proof shows. */
struct proof_info {
    uint64_t seq;
    uint64_t messages_cnt;
    uint64_t cells_cnt;
    bool whole; /* the whole group; else one message of it */
    uint32_t parts_cnt;
    struct proof_part first; /* of the first part */
    struct proof_part last;
};

/* proof_check checks a proof. 0 and info, or -EBADMSG with a line in why. ring NULL:
 * all but the signatures. */
NODISCARD int proof_check(const void *data,
                          size_t bytes,
                          const struct key_ring *ring,
                          struct proof_info *info,
                          char why[256]);

/* proof_walk is an iterator over the messages of a proof that was checked: {0} at
 * first. Returns the cells of the next message, 0 at the end. */
struct proof_at {
    size_t off;
    uint32_t cells_left; /* of this part */
    uint32_t hashes_cnt;
};
unsigned
proof_walk(const struct proof *proof, struct proof_at *at, union cell cells[CELL_MESSAGE_MAX]);

#endif
