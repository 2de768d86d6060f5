/*
 * Keys: the files that hold the key of seals, and the keys that a checker accepts.
 *
 *   key_make("exchange.key")    exchange.key      secret, mode 0600
 *                               exchange.key.pub  for everybody
 *
 * Both are ASCII text, lines ended by a line feed, hexadecimal digits in lower case:
 *
 *   secret   outcry-secret-key 1 <seed, 32 bytes>
 *   public   outcry-public-key 1 <public key, 32 bytes>
 *            signed-by <public key, 32 bytes> <signature, 64 bytes>
 *            ...
 *
 * A key that follows another bears its signature: line 2 of the public file says
 * which key announced that of line 1, line 3 which announced that of line 2, and so
 * on, 15 at most. What is signed is 40 bytes: the text "OTCYKEY1" and the
 * public key that is announced. (Statements of seals begin otherwise, so the one
 * signature cannot stand for the other.)
 *
 * A key's id is 16 bytes: the first of digest 0x04 (crypto.h) over the public
 * key.
 *
 * A ring holds what a checker accepts, the oldest first. The first file that is
 * added is believed as it is, with all keys that went before. From then on a file
 * must show by its signatures that its key comes from one that is in the ring.
 * Seals may go from an older key to a newer one, never back.
 */
#ifndef OUTCRY_JOURNAL_KEY_H
#define OUTCRY_JOURNAL_KEY_H

#include "journal/crypto.h"

#define KEY_ID_BYTES 16u
#define KEYS_MAX     16u

struct key_id {
    uint8_t bytes[KEY_ID_BYTES];
};

struct key_public {
    uint8_t bytes[PUBLIC_BYTES];
    struct key_id id;
};

struct key_ring {
    struct key_public keys[KEYS_MAX];
    unsigned cnt;
};

/* key_id_of returns the id of a public key. */
struct key_id key_id_of(const uint8_t public_key[PUBLIC_BYTES]);

/* key_make draws a new key and writes path and path.pub, neither of which may exist.
 * With old_path the key there announces the new one. 0 or -errno with a line in
 * why; then no file is left behind. */
NODISCARD int key_make(const char *path, const char *old_path, char why[256]);

/* key_open reads a secret key. 0 or -errno with a line in why: -EPERM when
 * others than its owner may read it. */
NODISCARD int key_open(struct signer **signer, const char *path, char why[256]);

/* key_ring_add reads a public key file into the ring. 0 or -errno with a line in why:
 * -EPERM when no key of the ring vouches for it. */
NODISCARD int key_ring_add(struct key_ring *ring, const char *path, char why[256]);

/* key_ring_parse is key_ring_add of a text that was read; name is for why. */
NODISCARD int key_ring_parse(struct key_ring *ring,
                             const char *text,
                             size_t bytes,
                             const char *name,
                             char why[256]);

/* key_ring_find returns the place of a key, the oldest is 0; -1: not accepted. */
int key_ring_find(const struct key_ring *ring, const struct key_id *id);

/* key_hex writes 2 * bytes digits and a NUL. */
void key_hex(char *text, const uint8_t *data, size_t bytes);

#endif
