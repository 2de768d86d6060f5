/*
 * What the tests of seals and proofs share: a journal of some full segments, a key beside
 * it, and an attacker who can write the folder: he changes what he likes and then puts
 * all hashes and the chain of pages right, so that nothing but a seal can tell.
 */
#ifndef OUTCRY_TESTS_JOURNAL_SEAL_RIG_H
#define OUTCRY_TESTS_JOURNAL_SEAL_RIG_H

#include "journal/proof.h"
#include "journal/sealer.h"

#include "tests/journal/journal_rig.h"

#define SEAL_RIG_SEGMENTS 4u /* files; the last is the one in use */

struct seal_rig {
    char dir[64];     /* the journal */
    char keys[64];    /* another folder */
    char secret[128]; /* keys/key */
    struct rig_cells all;
    struct key_ring ring;
};

/* seal_rig_open makes a key and a journal in which the segments 0 to SEAL_RIG_SEGMENTS - 2
 * are full. Groups straddle their ends. */
void seal_rig_open(struct seal_rig *rig, uint64_t seed);
void seal_rig_close(struct seal_rig *rig);

/* seal_rig_seal seals what can be; returns how many segments were. */
unsigned seal_rig_seal(const struct seal_rig *rig);

/* seal_rig_verify checks the seals; text says what is wrong. */
int seal_rig_verify(const struct seal_rig *rig, struct seals_result *result);

/* seal_rig_path names a file of the journal. */
void
seal_rig_path(const struct seal_rig *rig, unsigned segment_no, const char *end, char path[128]);

/* A journal in the attacker's memory. */
struct attack {
    struct rig_file files[SEAL_RIG_SEGMENTS];
    unsigned files_cnt;
};
void attack_load(struct attack *attack, const struct seal_rig *rig);
struct page *attack_page(struct attack *attack, uint64_t page_no);

/* attack_store puts the hashes right and writes the files. */
void attack_store(struct attack *attack, const struct seal_rig *rig);
void attack_free(struct attack *attack);

#endif
