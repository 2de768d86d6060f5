/*
 * Goal: a proof of any sealed command is found good by the public key alone and shows
 * the very bytes of the journal; nothing else is: no flipped bit, no part left out or put
 * in another order, no message more or less, no seal of another.
 * Method: proofs of commands of every kind of place: first and last of a segment, across
 * two segments and more; each bit of some of them flipped, each length of them cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <criterion/criterion.h>

#include "journal/merkle.h"

#include "tests/journal/seal_rig.h"

static struct seal_rig rig;
static uint64_t sealed_seq; /* the last command that is sealed whole */
static char why[320];

static void
setup(void)
{
    struct seals_result result;

    seal_rig_open(&rig, rig_seed());
    cr_assert_eq(seal_rig_seal(&rig), SEAL_RIG_SEGMENTS - 1);
    cr_assert_eq(seal_rig_verify(&rig, &result), 0, "%s", result.text);
    sealed_seq = result.last_seq;
}

static void
teardown(void)
{
    seal_rig_close(&rig);
}

TestSuite(proof, .init = setup, .fini = teardown);

/* group_of finds the cells of a command in what was written. */
static const union cell *
group_of(uint64_t seq, size_t *cells_cnt)
{
    size_t first = 0;
    size_t end;

    while (!cell_is_command(&rig.all.cells[first]) || cell_seq(&rig.all.cells[first]) != seq)
        first += cell_count(&rig.all.cells[first]);
    for (end = first; !cell_is_last(&rig.all.cells[end]); end++)
        continue;
    *cells_cnt = end + 1 - first;
    return &rig.all.cells[first];
}

static struct proof
make(uint64_t seq, int64_t message)
{
    struct proof proof;

    cr_assert_eq(proof_make(rig.dir, seq, message, &proof, why), 0, "seq %lu: %s", seq, why);
    return proof;
}

static bool
holds(const struct proof *proof)
{
    struct proof_info info;

    return proof_check(proof->data, proof->bytes, &rig.ring, &info, why) == 0;
}

/* prove_whole proves a command and compares what the proof shows; returns its parts. */
static unsigned
prove_whole(uint64_t seq)
{
    struct proof proof = make(seq, PROOF_WHOLE);
    struct proof_info info;
    struct proof_at at = {0};
    union cell cells[CELL_MESSAGE_MAX];
    size_t cells_cnt;
    size_t done = 0;
    unsigned cnt;
    const union cell *expected = group_of(seq, &cells_cnt);

    cr_assert_eq(proof_check(proof.data, proof.bytes, &rig.ring, &info, why), 0, "%s", why);
    cr_assert(info.whole);
    cr_assert_eq(info.seq, seq);
    cr_assert_eq(info.cells_cnt, cells_cnt);
    while ((cnt = proof_walk(&proof, &at, cells)) > 0) {
        cr_assert_leq(done + cnt, cells_cnt);
        cr_assert_eq(memcmp(cells, &expected[done], cnt * sizeof *cells), 0, "cell %zu", done);
        done += cnt;
    }
    cr_assert_eq(done, cells_cnt);
    free(proof.data);
    return info.parts_cnt;
}

static struct seal
load(unsigned segment_no)
{
    struct seal seal;
    char path[128];

    seal_rig_path(&rig, segment_no, ".seal", path);
    cr_assert_eq(seal_read(&seal, AT_FDCWD, path, why), 0, "%s", why);
    return seal;
}

Test(proof, commands_of_every_place_are_proven)
{
    uint64_t random = 7;

    for (unsigned i = 0; i < 30; i++)
        prove_whole(1 + rig_random(&random) % sealed_seq);
    prove_whole(1);
    prove_whole(sealed_seq);
    for (unsigned i = 0; i < SEAL_RIG_SEGMENTS - 1; i++) {
        const struct seal seal = load(i);

        prove_whole(seal.statement.first_seq);
        if (seal.statement.last_seq <= sealed_seq)
            prove_whole(seal.statement.last_seq);
    }
}

/* grow_long adds a group of several segments, and what it takes to seal it; returns its
 * seq. */
static uint64_t
grow_long(void)
{
    struct journal_writer_cfg cfg = {0};
    struct rig writer;
    uint64_t random = 5;
    const size_t from = rig.all.cnt;
    uint64_t seq;

    rig_group(&rig.all, &random, 40000, true);
    seq = rig.all.seq;
    for (unsigned i = 0; i < 4000; i++)
        rig_group(&rig.all, &random, 0, true);
    rig_open(&writer, rig.dir, &cfg);
    rig_put(&writer, &rig.all, from, rig.all.cnt);
    rig_close(&writer);
    cr_assert_gt(seal_rig_seal(&rig), 2);
    return seq;
}

Test(proof, a_group_of_several_segments_has_a_part_for_each)
{
    const uint64_t seq = grow_long();

    cr_assert_geq(prove_whole(seq), 3);

    /* No part may be missing, or be there twice, or in another place. */
    struct proof proof = make(seq, PROOF_WHOLE);
    struct proof_part part;
    struct proof changed = {.data = malloc(proof.bytes)};
    size_t bytes;

    memcpy(&part, proof.data + sizeof(struct proof_header), sizeof part);
    bytes =
        sizeof part + part.cells_cnt * (size_t)CELL_BYTES + part.hashes_cnt * (size_t)DIGEST_BYTES;

    struct proof_header header;

    memcpy(&header, proof.data, sizeof header);
    header.parts_cnt--;
    header.bytes -= bytes;
    changed.bytes = header.bytes;
    memcpy(changed.data, &header, sizeof header);
    memcpy(changed.data + sizeof header, proof.data + sizeof header + bytes,
           changed.bytes - sizeof header);
    cr_assert_not(holds(&changed), "without its first part");
    memcpy(changed.data, proof.data, changed.bytes);
    memcpy(changed.data, &header, sizeof header);
    cr_assert_not(holds(&changed), "cut short");
    free(changed.data);
    free(proof.data);
}

Test(proof, one_message_is_proven_by_its_number)
{
    uint64_t seq = sealed_seq / 2;
    size_t cells_cnt;
    const union cell *expected = group_of(seq, &cells_cnt);
    int64_t number = 0;

    while (cells_cnt - cell_count(expected) == 0)
        expected = group_of(++seq, &cells_cnt);
    for (size_t at = 0; at < cells_cnt; at += cell_count(&expected[at]), number++) {
        struct proof proof = make(seq, number);
        struct proof_info info;
        struct proof_at walk = {0};
        union cell cells[CELL_MESSAGE_MAX];

        cr_assert_eq(proof_check(proof.data, proof.bytes, &rig.ring, &info, why), 0, "%s", why);
        cr_assert_eq(info.messages_cnt, 1);
        cr_assert_not(info.whole);
        cr_assert_eq(proof_walk(&proof, &walk, cells), cell_count(&expected[at]));
        cr_assert_eq(memcmp(cells, &expected[at], cell_count(&expected[at]) * sizeof *cells), 0);
        cr_assert_eq(proof_walk(&proof, &walk, cells), 0);
        free(proof.data);
    }

    struct proof proof;

    cr_assert_eq(proof_make(rig.dir, seq, number, &proof, why), -ENODATA);
    cr_assert(strstr(why, "sealed messages, 0 to") != NULL, "%s", why);
}

Test(proof, what_is_not_sealed_is_not_proven)
{
    struct proof proof;

    cr_assert_eq(proof_make(rig.dir, rig.all.seq, PROOF_WHOLE, &proof, why), -ENODATA);
    cr_assert_eq(proof_make(rig.dir, rig.all.seq + 1, PROOF_WHOLE, &proof, why), -ENODATA);
    cr_assert_eq(proof_make(rig.dir, 0, PROOF_WHOLE, &proof, why), -ENODATA);
    cr_assert_eq(proof_make(rig.keys, 1, PROOF_WHOLE, &proof, why), -ENOENT);
    cr_assert_null(proof.data);
}

Test(proof, a_group_that_goes_on_unsealed_is_proven_by_message_alone)
{
    struct proof proof;
    char path[128];
    const uint64_t seq = grow_long();
    unsigned i = SEAL_RIG_SEGMENTS;

    /* Seals are taken away up to the segment in which the group begins. */
    while (load(i - 1).statement.last_seq < seq)
        i++;
    for (seal_rig_path(&rig, i, ".seal", path); remove(path) == 0;)
        seal_rig_path(&rig, ++i, ".seal", path);

    cr_assert_eq(proof_make(rig.dir, seq, PROOF_WHOLE, &proof, why), -ENODATA);
    cr_assert(strstr(why, "not sealed yet") != NULL, "%s", why);
    proof = make(seq, 0);
    cr_assert(holds(&proof), "%s", why);
    free(proof.data);
}

Test(proof, nothing_is_proven_of_a_journal_that_was_changed)
{
    struct attack attack;
    struct proof proof;

    attack_load(&attack, &rig);
    attack_page(&attack, 100)->cells[0].words[3] ^= 1;
    attack_store(&attack, &rig);
    attack_free(&attack);
    cr_assert_eq(proof_make(rig.dir, 1, PROOF_WHOLE, &proof, why), -EBADMSG);
    cr_assert(strstr(why, "is not what was sealed") != NULL, "%s", why);
    cr_assert_null(proof.data);
}

/* flip_all flips every bit of a proof. */
static void
flip_all(struct proof *proof)
{
    cr_assert(holds(proof), "%s", why);
    for (size_t bit = 0; bit < 8 * proof->bytes; bit++) {
        proof->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(holds(proof), "bit %zu of byte %zu", bit % 8, bit / 8);
        cr_assert_neq(why[0], '\0');
        proof->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert(holds(proof));
}

Test(proof, every_flipped_bit_is_refused)
{
    struct proof whole = make(sealed_seq / 2, PROOF_WHOLE);
    struct proof one = make(sealed_seq / 3, 0);

    flip_all(&whole);
    flip_all(&one);
    free(whole.data);
    free(one.data);
}

Test(proof, every_cut_and_every_addition_is_refused)
{
    struct proof proof = make(sealed_seq / 2, PROOF_WHOLE);
    struct proof changed = {.data = calloc(1, proof.bytes + 64)};
    struct proof_header header;

    memcpy(changed.data, proof.data, proof.bytes);
    memcpy(&header, proof.data, sizeof header);
    for (changed.bytes = 0; changed.bytes < proof.bytes + 64; changed.bytes++) {
        if (changed.bytes == proof.bytes)
            continue;
        memcpy(changed.data, &header, sizeof header);
        cr_assert_not(holds(&changed), "%zu bytes", changed.bytes);
        if (changed.bytes < sizeof header)
            continue;

        /* And says so itself. */
        struct proof_header other = header;

        other.bytes = changed.bytes;
        memcpy(changed.data, &other, sizeof other);
        cr_assert_not(holds(&changed), "%zu bytes", changed.bytes);
    }
    free(changed.data);
    free(proof.data);
}

Test(proof, a_stranger_s_key_proves_nothing)
{
    struct seal_rig other;
    struct proof proof = make(1, PROOF_WHOLE);
    struct proof_info info;

    seal_rig_open(&other, 99);
    cr_assert_eq(proof_check(proof.data, proof.bytes, &other.ring, &info, why), -EBADMSG);
    cr_assert(strstr(why, "which was not given") != NULL, "%s", why);
    seal_rig_close(&other);
    free(proof.data);
}

/* resealed puts other cells into a proof of one message and signs a tree of them alone: what
 * the key's owner could do. */
static struct proof
resealed(const union cell *cells, unsigned cells_cnt, unsigned messages_cnt)
{
    struct proof proof = make(2, PROOF_WHOLE);
    struct proof_header header;
    struct proof_part part;
    struct signer *signer;
    struct merkle tree;

    memcpy(&header, proof.data, sizeof header);
    memcpy(&part, proof.data + sizeof header, sizeof part);
    free(proof.data);
    proof.bytes = sizeof header + sizeof part + cells_cnt * sizeof *cells;
    proof.data = malloc(proof.bytes);
    header.bytes = proof.bytes;
    part.first = 0;
    part.messages_cnt = messages_cnt;
    part.cells_cnt = cells_cnt;
    part.hashes_cnt = 0;
    part.seal.statement.messages_cnt = messages_cnt;
    part.seal.statement.commands_cnt = 0;
    merkle_init(&tree);
    for (unsigned i = 0; i < cells_cnt;) {
        const unsigned cnt = cell_count(&cells[i]) == 0 ? 1 : cell_count(&cells[i]);
        struct digest leaf;

        merkle_leaf(&leaf, &cells[i], cnt * sizeof *cells);
        merkle_add(&tree, &leaf);
        i += cnt;
    }
    merkle_root(&tree, &part.seal.statement.root);
    cr_assert_eq(key_open(&signer, rig.secret, why), 0, "%s", why);
    signer_sign(signer, &part.seal.statement, sizeof part.seal.statement, part.seal.signature);
    signer_close(signer);
    memcpy(proof.data, &header, sizeof header);
    memcpy(proof.data + sizeof header, &part, sizeof part);
    memcpy(proof.data + sizeof header + sizeof part, cells, cells_cnt * sizeof *cells);
    return proof;
}

Test(proof, what_is_no_group_is_refused_even_if_it_is_signed)
{
    union cell cells[4];
    size_t cells_cnt;
    uint64_t seq = 2;
    struct proof proof;

    /* A command with one event. */
    while (group_of(seq, &cells_cnt) == NULL || cells_cnt != 2 ||
           cell_count(group_of(seq, &cells_cnt)) != 1)
        seq++;
    memcpy(cells, group_of(seq, &cells_cnt), 2 * sizeof *cells);

    proof = resealed(cells, 2, 2);
    cr_assert(holds(&proof), "%s", why);
    free(proof.data);

    cells[1].words[1]++; /* seq */
    proof = resealed(cells, 2, 2);
    cr_assert_not(holds(&proof), "of two commands");
    free(proof.data);
    cells[1].words[1]--;

    cells[1].bytes[1] &= (uint8_t)~CELL_LAST;
    proof = resealed(cells, 2, 2);
    cr_assert_not(holds(&proof), "without its end");
    free(proof.data);

    cells[0].bytes[1] |= CELL_LAST;
    cells[1].bytes[1] |= CELL_LAST;
    proof = resealed(cells, 2, 2);
    cr_assert_not(holds(&proof), "with two ends");
    free(proof.data);
    cells[0].bytes[1] &= (uint8_t)~CELL_LAST;

    cells[2] = cells[0];
    proof = resealed(&cells[1], 2, 2);
    cr_assert_not(holds(&proof), "which begins with an event");
    free(proof.data);
    proof = resealed(cells, 2, 1);
    cr_assert_not(holds(&proof), "with more cells than messages");
    free(proof.data);
    cells[0].bytes[0] = CELL_KIND_TRADE_MAKER;
    proof = resealed(cells, 1, 1);
    cr_assert_not(holds(&proof), "a cell that continues another");
    free(proof.data);
}
