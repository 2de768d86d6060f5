#include "journal/archive_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(ARCHIVE_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "libsodium's");
_Static_assert(ARCHIVE_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "libsodium's");

/* Digits, a line end, and one byte more to see that there is no more. */
#define TEXT_BYTES (2u * ARCHIVE_KEY_BYTES + 2u)

#define BOND_HEADER_MAX 256u

struct archive_key {
    uint8_t bytes[ARCHIVE_KEY_BYTES];
    struct archive_key_id id;
};

static struct archive_key *ring[ARCHIVE_KEYS_MAX];
static unsigned ring_cnt;

static COLD int
say(char why[256], int error, const char *path, const char *what)
{
    snprintf(why, 256, "key file %.150s: %s", path, what);
    return error;
}

/* read_text reads what the file holds into text, which must be zeroed later.
 * The number of bytes, or -errno with a line in why. */
static int
read_text(const char *path, uint8_t text[TEXT_BYTES], char why[256])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return say(why, -errno, path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return say(why, -EINVAL, path, "is no file");
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        close(fd);
        return say(why, -EPERM, path, "others than its owner may use it; see chmod 600");
    }

    const ssize_t len = read(fd, text, TEXT_BYTES);
    const int error = errno;

    close(fd);
    return len < 0 ? say(why, -error, path, strerror(error)) : (int)len;
}

/* parse makes the key of what the file holds. */
static bool
parse(const uint8_t *text, size_t len, uint8_t key[ARCHIVE_KEY_BYTES])
{
    size_t digits = len;
    size_t bytes = 0;

    if (len == ARCHIVE_KEY_BYTES) {
        memcpy(key, text, len);
        return true;
    }
    while (digits > 0 && (text[digits - 1] == '\n' || text[digits - 1] == '\r'))
        digits--;
    return digits == 2 * ARCHIVE_KEY_BYTES &&
           sodium_hex2bin(key, ARCHIVE_KEY_BYTES, (const char *)text, digits, NULL, &bytes, NULL) ==
               0 &&
           bytes == ARCHIVE_KEY_BYTES;
}

/* ring_add finds the key's place in the ring. */
static int
ring_add(const uint8_t bytes[ARCHIVE_KEY_BYTES],
         const struct archive_key **key,
         const char *path,
         char why[256])
{
    static const uint8_t person[] = "outcry-archive-k";
    struct archive_key_id id;

    _Static_assert(sizeof person - 1 == crypto_generichash_blake2b_PERSONALBYTES, "");
    if (crypto_generichash_blake2b_salt_personal(id.bytes, sizeof id.bytes, bytes,
                                                 ARCHIVE_KEY_BYTES, NULL, 0, NULL, person) != 0)
        UNREACHABLE("sizes are right");
    *key = archive_key_find(&id);
    if (*key != NULL)
        return 0;
    if (ring_cnt == ARCHIVE_KEYS_MAX)
        return say(why, -ENOSPC, path, "more than 16 keys");

    struct archive_key *mem = sodium_malloc(sizeof *mem);

    if (mem == NULL)
        return say(why, -ENOMEM, path, "out of memory");
    memcpy(mem->bytes, bytes, ARCHIVE_KEY_BYTES);
    mem->id = id;
    (void)sodium_mprotect_readonly(mem);
    if (ring_cnt == 0)
        (void)atexit(archive_keys_forget);
    ring[ring_cnt++] = mem;
    *key = mem;
    return 0;
}

int
archive_key_load(const char *path, const struct archive_key **key, char why[256])
{
    uint8_t text[TEXT_BYTES];
    uint8_t bytes[ARCHIVE_KEY_BYTES];

    *key = NULL;
    if (sodium_init() < 0)
        return say(why, -EIO, path, "libsodium cannot start");

    int rc = read_text(path, text, why);

    if (rc >= 0 && !parse(text, (size_t)rc, bytes))
        rc = say(why, -EINVAL, path, "holds neither 32 bytes nor 64 hexadecimal digits");
    if (rc >= 0)
        rc = ring_add(bytes, key, path, why);
    sodium_memzero(text, sizeof text);
    sodium_memzero(bytes, sizeof bytes);
    return rc;
}

const struct archive_key *
archive_key_find(const struct archive_key_id *id)
{
    for (unsigned i = 0; i < ring_cnt; i++) {
        if (memcmp(&ring[i]->id, id, sizeof *id) == 0)
            return ring[i];
    }
    return NULL;
}

const struct archive_key_id *
archive_key_id(const struct archive_key *key)
{
    return &key->id;
}

void
archive_keys_forget(void)
{
    while (ring_cnt > 0)
        sodium_free(ring[--ring_cnt]); /* zeroes it */
}

/* What goes into the cipher beside the text. */
struct bound {
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
    uint8_t data[BOND_HEADER_MAX + 8];
    size_t data_bytes;
};

static void
bind_frame(const struct archive_bond *bond, struct bound *bound)
{
    const uint64_t frame_no = bond->frame_no; /* little-endian, as all we run on */

    ASSERT(bond->header_bytes <= BOND_HEADER_MAX);
    memcpy(bound->nonce, bond->nonce, 16);
    memcpy(bound->nonce + 16, &frame_no, sizeof frame_no);
    memcpy(bound->data, bond->header, bond->header_bytes);
    memcpy(bound->data + bond->header_bytes, &frame_no, sizeof frame_no);
    bound->data_bytes = bond->header_bytes + sizeof frame_no;
}

void
archive_encrypt(const struct archive_key *key,
                const struct archive_bond *bond,
                const void *plain,
                size_t bytes,
                uint8_t *cipher)
{
    unsigned long long cipher_bytes = 0;
    struct bound bound;

    bind_frame(bond, &bound);
    if (crypto_aead_xchacha20poly1305_ietf_encrypt(cipher, &cipher_bytes, plain, bytes, bound.data,
                                                   bound.data_bytes, NULL, bound.nonce,
                                                   key->bytes) != 0)
        UNREACHABLE("encryption cannot fail");
    ASSERT(cipher_bytes == bytes + ARCHIVE_TAG_BYTES);
}

int
archive_decrypt(const struct archive_key *key,
                const struct archive_bond *bond,
                const uint8_t *cipher,
                size_t bytes,
                void *plain)
{
    unsigned long long plain_bytes = 0;
    struct bound bound;

    if (bytes < ARCHIVE_TAG_BYTES)
        return -EBADMSG;
    bind_frame(bond, &bound);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &plain_bytes, NULL, cipher, bytes,
                                                   bound.data, bound.data_bytes, bound.nonce,
                                                   key->bytes) != 0)
        return -EBADMSG;
    ASSERT(plain_bytes == bytes - ARCHIVE_TAG_BYTES);
    return 0;
}

void
archive_nonce(uint8_t nonce[16])
{
    randombytes_buf(nonce, 16);
}
