#include "tests/fuzz/fuzz_signer.h"

#include <stdlib.h>
#include <string.h>

void
fuzz_signer_open(struct signer **signer, struct key_ring *ring)
{
    if (crypto_open() != 0 || signer_open(signer, false) != 0)
        abort();
    memset(signer_seed(*signer), 7, SEED_BYTES);
    signer_ready(*signer);
    memcpy(ring->keys[0].bytes, signer_public(*signer), PUBLIC_BYTES);
    ring->keys[0].id = key_id_of(ring->keys[0].bytes);
    ring->cnt = 1;
}
