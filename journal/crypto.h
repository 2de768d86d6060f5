/*
 * Crypto: the hash and the signature of seals and proofs, and the only file of ours
 * that knows where they come from (libsodium). Private to journal/.
 *
 *   digest      BLAKE2b-256 (RFC 7693, no key, no salt, no personalisation) of a
 *               tag byte and some bytes. The tag says what is hashed, so that no
 *               leaf can be taken for a node and no statement for either:
 *
 *                 0x00  leaf of a Merkle tree: a message
 *                 0x01  node: the digests of its two children
 *                 0x02  statement of a seal
 *                 0x03  the cell of a segment page
 *                 0x04  public key, of which 16 bytes are its id
 *
 *   signature   Ed25519 (RFC 8032, pure). Signatures that are not canonical and keys
 *               of small order are refused.
 *
 * A tag in front, as in RFC 6962, rather than BLAKE2's own personalisation: every
 * implementation of BLAKE2b has the former.
 *
 * Secrets lie between guard pages in memory that is locked, as far as the limit for
 * locked memory allows, and is left out of core dumps; they are wiped when freed.
 *
 * Cost of a digest of up to 127 bytes: 0.2 us on a 2-core VM, twice that up to 255.
 */
#ifndef OUTCRY_JOURNAL_CRYPTO_H
#define OUTCRY_JOURNAL_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base.h"

#define DIGEST_BYTES    32u
#define PUBLIC_BYTES    32u
#define SEED_BYTES      32u
#define SIGNATURE_BYTES 64u

/* What digest_of takes at most. */
#define DIGEST_DATA_MAX 2048u

enum digest_tag {
    DIGEST_LEAF = 0,
    DIGEST_NODE = 1,
    DIGEST_STATEMENT = 2,
    DIGEST_OPENING = 3,
    DIGEST_KEY = 4
};

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

/* crypto_open makes the library ready; may be called any number of times, by any
 * thread. 0, or -ENOSYS when this machine has no source of random bytes. */
NODISCARD int crypto_open(void);

/* digest_of hashes the tag and up to DIGEST_DATA_MAX bytes. */
void digest_of(struct digest *digest, enum digest_tag tag, const void *data, size_t bytes);

/* digest_of_nothing is the hash of no bytes at all, not even a tag. */
void digest_of_nothing(struct digest *digest);

static inline bool
digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* A private key. */
struct signer;

/* Room for the text of a key file. */
#define SIGNER_SCRATCH_BYTES 128u

/* signer_open takes secret memory: for a seed, what is made of it, and scratch for
 * the caller. With random a new seed is drawn, else the caller fills it in and
 * calls signer_ready. 0 or -ENOMEM. */
NODISCARD int signer_open(struct signer **signer, bool random);
uint8_t *signer_seed(struct signer *signer);
uint8_t *signer_scratch(struct signer *signer);
void signer_ready(struct signer *signer);

/* signer_is_locked tells whether the system keeps it out of swap. */
bool signer_is_locked(const struct signer *signer);

const uint8_t *signer_public(const struct signer *signer);
void signer_sign(const struct signer *signer,
                 const void *data,
                 size_t bytes,
                 uint8_t signature[SIGNATURE_BYTES]);

/* signer_close wipes. NULL is fine. */
void signer_close(struct signer *signer);

/* crypto_wipe zeroes what the compiler would think is of no use any more. */
void crypto_wipe(void *data, size_t bytes);

/* signature_check tells whether the key signed exactly these bytes. */
NODISCARD bool signature_check(const uint8_t public_key[PUBLIC_BYTES],
                               const void *data,
                               size_t bytes,
                               const uint8_t signature[SIGNATURE_BYTES]);

#endif
