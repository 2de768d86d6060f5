/*
 * Goal: no bytes, however broken, make the parsers of seals and of key files crash or read
 * outside; a seal that is taken is written as it was read; and no seal is taken
 * for signed that the key did not sign.
 * Method: the first byte chooses the parser, the others are the file. Seals are also signed
 * by a key of the target's own, so that what lies behind the signature is reached.
 */
#include <stdlib.h>
#include <string.h>

#include "journal/seal.h"

#include "tests/fuzz/fuzz_signer.h"

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

static void
fuzz_seal(const uint8_t *data, size_t bytes)
{
    struct seal seal;
    char why[256] = "";

    if (seal_parse(&seal, data, bytes, why) != 0) {
        if (why[0] == '\0')
            abort();
        return;
    }
    if (bytes != sizeof seal || memcmp(&seal, data, sizeof seal) != 0)
        abort();
    /* The seed of the key is here, so its signature could be found; not by chance. */
    if (seal_check(&seal, &ring, why) >= 0 &&
        !signature_check(ring.keys[0].bytes, data, sizeof seal.statement,
                         data + sizeof seal.statement))
        abort();
    seal.statement.key_id = ring.keys[0].id;
    signer_sign(signer, &seal.statement, sizeof seal.statement, seal.signature);
    if (seal_check(&seal, &ring, why) != 0)
        abort();
    if (seal_follows(&seal, &seal, why) == 0)
        abort(); /* nothing follows itself */
    if (!seal_same_content(&seal, &seal))
        abort();
    if (seal_follows(NULL, &seal, why) == 0 && seal.statement.segment_no != 0)
        abort();
}

static void
fuzz_key(const char *text, size_t bytes)
{
    struct key_ring first = {.cnt = 0};
    struct key_ring next = ring;
    char why[256] = "";

    if (key_ring_parse(&first, text, bytes, "name", why) == 0) {
        if (first.cnt == 0 || first.cnt > KEYS_MAX)
            abort();
        /* Once more adds nothing. */
        const unsigned cnt = first.cnt;

        if (key_ring_parse(&first, text, bytes, "name", why) != 0 || first.cnt != cnt)
            abort();
    } else if (why[0] == '\0' || first.cnt != 0) {
        abort();
    }
    if (key_ring_parse(&next, text, bytes, "name", why) != 0 && next.cnt != 1)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    if (data[0] == 'k')
        fuzz_key((const char *)data + 1, bytes - 1);
    else
        fuzz_seal(data + 1, bytes - 1);
    return 0;
}
