/*
 * Archive keys: what encrypted archives are opened with.
 *
 *   archive_key_load(path) at start  ->  archive_key_find(id of a header)
 *
 * A key file holds 32 bytes, or 64 hexadecimal digits and perhaps a line end.
 * Nobody but its owner may be able to read it. Its id is BLAKE2b-128 of the key (keyed
 * with nothing, person "outcry-archive-k" in libsodium's words, salt zero), so that a
 * header can say which one it needs and nobody learns the key from it.
 *
 * The keys of a process are one ring, since what opens an archive lies below
 * everything that reads a journal, and because a journal may have been written under
 * several: an operator who changes the key keeps the old one to read with. Loaded
 * before any thread reads, only read afterwards.
 *
 * Keys lie in locked memory between guard pages (sodium_malloc), are left out
 * of core dumps, and are zeroed by archive_keys_forget and at exit.
 */
#ifndef OUTCRY_JOURNAL_ARCHIVE_KEY_H
#define OUTCRY_JOURNAL_ARCHIVE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#define ARCHIVE_KEYS_MAX  16u
#define ARCHIVE_KEY_BYTES 32u
#define ARCHIVE_TAG_BYTES 16u

struct archive_key;

struct archive_key_id {
    uint8_t bytes[16];
};

/* archive_key_load adds the key of a file to the ring; one that is there already
 * is fine. 0 and key, which is the ring's, or -errno with a line in why. */
NODISCARD int archive_key_load(const char *path, const struct archive_key **key, char why[256]);

/* archive_key_find returns the key with this id, NULL: not loaded. */
const struct archive_key *archive_key_find(const struct archive_key_id *id);

const struct archive_key_id *archive_key_id(const struct archive_key *key);

/* archive_keys_forget zeroes and frees all. */
void archive_keys_forget(void);

/* What a frame is bound to: its file's header and its place in it. */
struct archive_bond {
    const void *header; /* header_bytes of them */
    size_t header_bytes;
    const uint8_t *nonce; /* 16 bytes */
    uint32_t frame_no;
};

/* archive_encrypt writes bytes + ARCHIVE_TAG_BYTES to cipher. */
void archive_encrypt(const struct archive_key *key,
                     const struct archive_bond *bond,
                     const void *plain,
                     size_t bytes,
                     uint8_t *cipher);

/* archive_decrypt writes bytes - ARCHIVE_TAG_BYTES to plain. 0, or -EBADMSG:
 * changed, or not of this place. */
NODISCARD int archive_decrypt(const struct archive_key *key,
                              const struct archive_bond *bond,
                              const uint8_t *cipher,
                              size_t bytes,
                              void *plain);

/* archive_nonce draws the 16 bytes of a new file. */
void archive_nonce(uint8_t nonce[16]);

#endif
