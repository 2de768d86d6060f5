#include "journal/crypto.h"

#include <errno.h>
#include <sodium.h>

_Static_assert(PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519");
_Static_assert(SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519");
_Static_assert(DIGEST_BYTES == crypto_generichash_blake2b_BYTES, "BLAKE2b-256");

struct signer {
    uint8_t seed[SEED_BYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t public[PUBLIC_BYTES];
    uint8_t scratch[SIGNER_SCRATCH_BYTES];
    bool locked;
};

int
crypto_open(void)
{
    return sodium_init() < 0 ? -ENOSYS : 0;
}

/* blake2b hashes a piece of memory. */
static void
blake2b(struct digest *digest, const uint8_t *data, size_t bytes)
{
    const int rc =
        crypto_generichash_blake2b(digest->bytes, sizeof digest->bytes, data, bytes, NULL, 0);

    ASSERT(rc == 0);
}

void
digest_of(struct digest *digest, enum digest_tag tag, const void *data, size_t bytes)
{
    uint8_t tagged[1 + DIGEST_DATA_MAX];

    ASSERT(bytes <= DIGEST_DATA_MAX);
    tagged[0] = (uint8_t)tag;
    memcpy(tagged + 1, data, bytes);
    blake2b(digest, tagged, 1 + bytes);
}

void
digest_of_nothing(struct digest *digest)
{
    blake2b(digest, NULL, 0);
}

int
signer_open(struct signer **signer, bool random)
{
    struct signer *new_signer = sodium_malloc(sizeof *new_signer);

    if (new_signer == NULL)
        return -ENOMEM;
    sodium_memzero(new_signer, sizeof *new_signer);
    new_signer->locked = sodium_mlock(new_signer, sizeof *new_signer) == 0;
    if (random) {
        randombytes_buf(new_signer->seed, sizeof new_signer->seed);
        signer_ready(new_signer);
    }
    *signer = new_signer;
    return 0;
}

uint8_t *
signer_seed(struct signer *signer)
{
    return signer->seed;
}

uint8_t *
signer_scratch(struct signer *signer)
{
    return signer->scratch;
}

void
signer_ready(struct signer *signer)
{
    const int rc = crypto_sign_seed_keypair(signer->public, signer->secret, signer->seed);

    ASSERT(rc == 0);
}

bool
signer_is_locked(const struct signer *signer)
{
    return signer->locked;
}

const uint8_t *
signer_public(const struct signer *signer)
{
    return signer->public;
}

void
signer_sign(const struct signer *signer,
            const void *data,
            size_t bytes,
            uint8_t signature[SIGNATURE_BYTES])
{
    const int rc = crypto_sign_detached(signature, NULL, data, bytes, signer->secret);

    ASSERT(rc == 0);
    ASSERT(signature_check(signer->public, data, bytes, signature));
}

void
signer_close(struct signer *signer)
{
    sodium_free(signer);
}

void
crypto_wipe(void *data, size_t bytes)
{
    sodium_memzero(data, bytes);
}

bool
signature_check(const uint8_t public_key[PUBLIC_BYTES],
                const void *data,
                size_t bytes,
                const uint8_t signature[SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature, data, bytes, public_key) == 0;
}
