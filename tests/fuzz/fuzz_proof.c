/*
 * Goal: no bytes, however broken, make the checker of proofs crash, read outside or take as
 * proven what is none.
 * Method: the input is a proof. The first byte tells what is put right before: sizes in the header;
 * the root, so that messages are proven that a fuzzer made up; what links a part to the one
 * before; the signature, by a key of the target's own. A proof that is found good must come apart
 * into the messages that it says it has, and must not be found good any more when one bit is
 * flipped.
 */
#include <stdlib.h>
#include <string.h>

#include "journal/merkle.h"
#include "journal/proof.h"

#include "tests/fuzz/fuzz_signer.h"

#define FIX_HEADER    0x01u
#define FIX_ROOT      0x02u
#define FIX_SIGNATURE 0x04u
#define FIX_LINK      0x08u
#define BYTES_MAX     65536u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct signer *signer;
static struct key_ring ring;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_signer_open(&signer, &ring);
    return 0;
}

struct leaves {
    const uint8_t *cells;
    uint32_t left;
};

/* next_leaf hashes the next message, or what can be had of it. */
static void
next_leaf(void *ctx, struct digest *leaf)
{
    struct leaves *leaves = ctx;
    uint32_t cnt = leaves->left == 0 ? 0 : leaves->cells[1] & CELL_SHAPE_COUNT;

    cnt = cnt > CELL_MESSAGE_MAX ? CELL_MESSAGE_MAX : cnt;
    cnt = cnt > leaves->left ? leaves->left : cnt;
    merkle_leaf(leaf, leaves->cells, (size_t)cnt * CELL_BYTES);
    leaves->cells += (size_t)cnt * CELL_BYTES;
    leaves->left -= cnt;
}

/* fix_link makes a part's seal that of the next segment. */
static void
fix_link(struct seal *seal, const struct seal *before)
{
    seal->statement.journal = before->statement.journal;
    seal->statement.shard = before->statement.shard;
    seal->statement.pages_cnt = before->statement.pages_cnt;
    seal->statement.segment_no = before->statement.segment_no + 1;
    seal_digest(before, &seal->statement.prev);
}

/* fix_part puts one part right and returns its bytes, 0 if it is not whole. */
static size_t
fix_part(uint8_t *data, size_t left, unsigned flags, const struct seal *before)
{
    struct proof_part part;
    struct digest hashes[MERKLE_PROOF_MAX];

    if (left < sizeof part)
        return 0;
    memcpy(&part, data, sizeof part);
    if ((flags & FIX_HEADER) != 0) {
        part.seal.statement.magic = SEAL_MAGIC;
        part.seal.statement.version = SEAL_VERSION;
        part.seal.statement.reserved = 0;
        part.reserved = 0;
        part.cells_cnt %= (uint32_t)(BYTES_MAX / CELL_BYTES);
        part.hashes_cnt %= MERKLE_PROOF_MAX + 1;
    }

    const size_t cells = (size_t)part.cells_cnt * CELL_BYTES;
    const size_t bytes = sizeof part + cells + (size_t)part.hashes_cnt * DIGEST_BYTES;
    const struct merkle_range range = {part.seal.statement.messages_cnt, part.first,
                                       part.messages_cnt};
    struct leaves leaves = {data + sizeof part, part.cells_cnt};

    if (part.cells_cnt > BYTES_MAX / CELL_BYTES || part.hashes_cnt > MERKLE_PROOF_MAX ||
        bytes > left)
        return 0;
    memcpy(hashes, data + sizeof part + cells, part.hashes_cnt * sizeof *hashes);
    if ((flags & FIX_ROOT) != 0 && part.messages_cnt <= part.cells_cnt)
        (void)!merkle_range_root(&range, next_leaf, &leaves, hashes, part.hashes_cnt,
                                 &part.seal.statement.root);
    if ((flags & FIX_LINK) != 0 && before != NULL)
        fix_link(&part.seal, before);
    if ((flags & FIX_SIGNATURE) != 0) {
        part.seal.statement.key_id = ring.keys[0].id;
        signer_sign(signer, &part.seal.statement, sizeof part.seal.statement, part.seal.signature);
    }
    memcpy(data, &part, sizeof part);
    return bytes;
}

static void
fix(uint8_t *data, size_t bytes, unsigned flags)
{
    struct proof_header header;
    size_t off = sizeof header;
    struct seal before;

    if (bytes < sizeof header)
        return;
    memcpy(&header, data, sizeof header);
    if ((flags & FIX_HEADER) != 0)
        header = (struct proof_header){
            PROOF_MAGIC, PROOF_VERSION, 0, (header.parts_cnt - 1) % 4 + 1, bytes, 0};
    memcpy(data, &header, sizeof header);
    for (uint32_t i = 0; i < header.parts_cnt && off < bytes; i++) {
        const size_t used = fix_part(data + off, bytes - off, flags, i == 0 ? NULL : &before);

        if (used == 0)
            break;
        memcpy(&before, data + off, sizeof before);
        off += used;
    }
}

/* walk takes a good proof apart. */
static void
walk(const struct proof *proof, const struct proof_info *info)
{
    struct proof_at at = {.off = 0};
    union cell cells[CELL_MESSAGE_MAX];
    uint64_t messages_cnt = 0;
    uint64_t cells_cnt = 0;
    unsigned cnt;

    while ((cnt = proof_walk(proof, &at, cells)) > 0) {
        if (cell_count(&cells[0]) != cnt || cell_seq(&cells[0]) != info->seq)
            abort();
        messages_cnt++;
        cells_cnt += cnt;
    }
    if (messages_cnt != info->messages_cnt || cells_cnt != info->cells_cnt)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t copy[BYTES_MAX];
    struct proof proof = {.data = copy};
    struct proof_info info;
    char why[256] = "";

    if (bytes == 0)
        return 0;
    proof.bytes = bytes - 1 < sizeof copy ? bytes - 1 : sizeof copy;
    memcpy(copy, data + 1, proof.bytes);
    fix(copy, proof.bytes, data[0]);
    if (proof_check(copy, proof.bytes, &ring, &info, why) != 0) {
        if (why[0] == '\0')
            abort();
        return 0;
    }
    walk(&proof, &info);

    const size_t bit = (data[0] / 8u * 0x9e3779b9u + data[bytes / 2]) % (8 * proof.bytes);

    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (proof_check(copy, proof.bytes, &ring, &info, why) == 0)
        abort();
    return 0;
}
