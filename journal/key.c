#include "journal/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_WORD  "outcry-secret-key 1 "
#define PUBLIC_WORD  "outcry-public-key 1 "
#define SIGNED_WORD  "signed-by "
#define ANNOUNCEMENT "OTCYKEY1"

#define SECRET_TEXT_BYTES (sizeof SECRET_WORD - 1 + 2 * SEED_BYTES + 1)
#define PUBLIC_LINE_BYTES (sizeof PUBLIC_WORD - 1 + 2 * PUBLIC_BYTES + 1)
#define SIGNED_LINE_BYTES (sizeof SIGNED_WORD - 1 + 2 * PUBLIC_BYTES + 1 + 2 * SIGNATURE_BYTES + 1)
#define PUBLIC_TEXT_MAX   (PUBLIC_LINE_BYTES + (KEYS_MAX - 1) * SIGNED_LINE_BYTES)

/* One more, so that a file that is too long shows. */
struct text {
    char bytes[PUBLIC_TEXT_MAX + 1];
    size_t len;
};

/* A public key file, the newest key first. */
struct lineage {
    uint8_t keys[KEYS_MAX][PUBLIC_BYTES];
    unsigned cnt;
};

/* What a key signs to announce another. */
struct announcement {
    char word[sizeof ANNOUNCEMENT - 1];
    uint8_t public_key[PUBLIC_BYTES];
};
_Static_assert(sizeof(struct announcement) == 40, "no padding is signed");

static COLD int
say(char why[256], int error, const char *path, const char *what)
{
    snprintf(why, 256, "%.150s: %.100s", path, what);
    return error;
}

void
key_hex(char *text, const uint8_t *data, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * bytes] = '\0';
}

/* digit returns the value of a hexadecimal digit, 16: it is none. */
static unsigned
digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* unhex reads 2 * bytes digits. */
static bool
unhex(uint8_t *data, size_t bytes, const char *text)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < bytes; i++) {
        const unsigned high = digit(text[2 * i]);
        const unsigned low = digit(text[2 * i + 1]);

        wrong |= (high | low) & 16;
        data[i] = (uint8_t)((high & 15) << 4 | (low & 15));
    }
    return wrong == 0;
}

struct key_id
key_id_of(const uint8_t public_key[PUBLIC_BYTES])
{
    struct digest digest;
    struct key_id id;

    digest_of(&digest, DIGEST_KEY, public_key, PUBLIC_BYTES);
    memcpy(id.bytes, digest.bytes, sizeof id.bytes);
    return id;
}

static struct announcement
announce(const uint8_t public_key[PUBLIC_BYTES])
{
    struct announcement announcement;

    memcpy(announcement.word, ANNOUNCEMENT, sizeof announcement.word);
    memcpy(announcement.public_key, public_key, PUBLIC_BYTES);
    return announcement;
}

/* write_new writes a file that must not exist yet, durably. */
static int
write_new(const char *path, mode_t mode, const char *text, size_t len, char why[256])
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

    if (fd < 0)
        return say(why, -errno, path,
                   errno == EEXIST ? "exists, and a key is never overwritten" : strerror(errno));

    const ssize_t written = write(fd, text, len);
    int error = written == (ssize_t)len ? 0 : written < 0 ? errno : EIO;

    if (error == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
        error = errno;
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0)
        return 0;
    (void)unlink(path);
    return say(why, -error, path, strerror(error));
}

/* read_text reads a small file. */
static int
read_text(int fd, char *bytes, size_t max, size_t *len)
{
    *len = 0;
    while (*len < max) {
        const ssize_t got = read(fd, bytes + *len, max - *len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        *len += (size_t)got;
    }
    return 0;
}

static int
read_public(struct text *text, const char *path, char why[256])
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return say(why, -errno, path, strerror(errno));

    const int rc = read_text(fd, text->bytes, sizeof text->bytes, &text->len);

    close(fd);
    return rc == 0 ? 0 : say(why, rc, path, strerror(-rc));
}

/* line_take tells whether the text goes on with a line of the word and digits, and
 * goes over it. */
static const char *
line_take(const char **at, size_t *left, const char *word, size_t line_bytes)
{
    const size_t word_bytes = strlen(word);
    const char *values = *at + word_bytes;

    if (*left < line_bytes || memcmp(*at, word, word_bytes) != 0 || (*at)[line_bytes - 1] != '\n')
        return NULL;
    *at += line_bytes;
    *left -= line_bytes;
    return values;
}

/* lineage_next reads a line signed-by. */
static bool
lineage_next(struct lineage *lineage, const char *values)
{
    const struct announcement announcement = announce(lineage->keys[lineage->cnt - 1]);
    uint8_t signature[SIGNATURE_BYTES];
    uint8_t *key = lineage->keys[lineage->cnt];

    if (!unhex(key, PUBLIC_BYTES, values) || values[2 * PUBLIC_BYTES] != ' ' ||
        !unhex(signature, sizeof signature, values + 2 * PUBLIC_BYTES + 1))
        return false;
    lineage->cnt++;
    return signature_check(key, &announcement, sizeof announcement, signature);
}

/* is_secret tells whether it begins as a secret key file does. */
static bool
is_secret(const char *text, size_t bytes)
{
    return bytes >= sizeof SECRET_WORD - 1 &&
           memcmp(text, SECRET_WORD, sizeof SECRET_WORD - 1) == 0;
}

/* lineage_parse reads a public key file and checks its signatures. */
static int
lineage_parse(struct lineage *lineage,
              const char *text,
              size_t bytes,
              const char *name,
              char why[256])
{
    const char *values = line_take(&text, &bytes, PUBLIC_WORD, PUBLIC_LINE_BYTES);

    lineage->cnt = 1;
    if (values == NULL || !unhex(lineage->keys[0], PUBLIC_BYTES, values))
        return say(
            why, -EINVAL, name,
            is_secret(text, bytes)
                ? "this is the secret key: its public half, in the file of the same name and "
                  ".pub, is wanted"
                : "this is no public key of outcry");
    while (bytes != 0) {
        values = line_take(&text, &bytes, SIGNED_WORD, SIGNED_LINE_BYTES);
        if (values == NULL || lineage->cnt == KEYS_MAX || !lineage_next(lineage, values))
            return say(why, -EINVAL, name,
                       "a line that announces a key is wrong, or was not signed by the key it "
                       "names");
    }
    return 0;
}

int
key_ring_find(const struct key_ring *ring, const struct key_id *id)
{
    for (unsigned i = 0; i < ring->cnt; i++) {
        if (memcmp(&ring->keys[i].id, id, sizeof *id) == 0)
            return (int)i;
    }
    return -1;
}

int
key_ring_parse(struct key_ring *ring,
               const char *text,
               size_t bytes,
               const char *name,
               char why[256])
{
    struct lineage lineage;
    unsigned known = 0;
    const int rc = lineage_parse(&lineage, text, bytes, name, why);

    if (rc != 0)
        return rc;
    for (; known < lineage.cnt; known++) {
        const struct key_id id = key_id_of(lineage.keys[known]);

        if (key_ring_find(ring, &id) >= 0)
            break;
    }
    if (ring->cnt != 0 && known == lineage.cnt)
        return say(why, -EPERM, name, "no key that was given before announces this one");
    if (ring->cnt + known > KEYS_MAX)
        return say(why, -E2BIG, name, "more than 16 keys");
    while (known-- > 0) {
        struct key_public *key = &ring->keys[ring->cnt++];

        memcpy(key->bytes, lineage.keys[known], PUBLIC_BYTES);
        key->id = key_id_of(key->bytes);
    }
    return 0;
}

int
key_ring_add(struct key_ring *ring, const char *path, char why[256])
{
    struct text text;
    int rc = crypto_open();

    if (rc != 0)
        return say(why, rc, path, "no source of random bytes");
    rc = read_public(&text, path, why);
    return rc != 0 ? rc : key_ring_parse(ring, text.bytes, text.len, path, why);
}

/* secret_parse reads a secret key file. What it holds is nowhere but in locked
 * memory: the digits lie behind the seed until they are read. */
static int
secret_parse(struct signer *signer, int fd, const char *path, char why[256])
{
    char *text = (char *)signer_scratch(signer);
    size_t len;
    struct stat st;
    int rc;

    if (fstat(fd, &st) != 0)
        return say(why, -errno, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return say(why, -EINVAL, path, "is no file");
    rc = read_text(fd, text, SIGNER_SCRATCH_BYTES, &len);
    if (rc != 0)
        return say(why, rc, path, strerror(-rc));
    if (len >= sizeof PUBLIC_WORD - 1 && memcmp(text, PUBLIC_WORD, sizeof PUBLIC_WORD - 1) == 0)
        return say(why, -EINVAL, path,
                   "this is the public half of a key: the secret one is wanted");
    if ((st.st_mode & 077) != 0)
        return say(why, -EPERM, path, "others than its owner may use this key; see chmod 600");
    if (len != SECRET_TEXT_BYTES || memcmp(text, SECRET_WORD, sizeof SECRET_WORD - 1) != 0 ||
        text[len - 1] != '\n' ||
        !unhex(signer_seed(signer), SEED_BYTES, text + sizeof SECRET_WORD - 1))
        return say(why, -EINVAL, path, "this is no secret key of outcry");
    crypto_wipe(text, SIGNER_SCRATCH_BYTES);
    signer_ready(signer);
    return 0;
}

int
key_open(struct signer **signer, const char *path, char why[256])
{
    struct signer *new_signer;
    int rc = crypto_open();

    if (rc != 0)
        return say(why, rc, path, "no source of random bytes");

    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return say(why, -errno, path, strerror(errno));
    rc = signer_open(&new_signer, false);
    if (rc != 0) {
        close(fd);
        return say(why, rc, path, "no memory to keep it in");
    }
    rc = secret_parse(new_signer, fd, path, why);
    close(fd);
    if (rc != 0) {
        signer_close(new_signer);
        return rc;
    }
    *signer = new_signer;
    return 0;
}

/* public_path names the public half. */
static int
public_path(char path[4096], const char *secret_path, char why[256])
{
    const int len = snprintf(path, 4096, "%s.pub", secret_path);

    return len > 0 && len < 4096 ? 0 : say(why, -ENAMETOOLONG, secret_path, "name too long");
}

/* announce_line writes the line signed-by of a new key, and those that the old
 * key has itself. */
static int
announce_line(struct text *text, const struct signer *signer, const char *old_path, char why[256])
{
    const struct announcement announcement = announce(signer_public(signer));
    struct key_ring ring = {.cnt = 0};
    struct signer *old_signer;
    struct text old;
    char path[4096];
    uint8_t signature[SIGNATURE_BYTES];
    int rc = public_path(path, old_path, why);

    if (rc == 0)
        rc = read_public(&old, path, why);
    if (rc == 0)
        rc = key_ring_parse(&ring, old.bytes, old.len, path, why);
    if (rc == 0)
        rc = key_open(&old_signer, old_path, why);
    if (rc != 0)
        return rc;
    signer_sign(old_signer, &announcement, sizeof announcement, signature);
    if (memcmp(ring.keys[ring.cnt - 1].bytes, signer_public(old_signer), PUBLIC_BYTES) != 0)
        rc = say(why, -EINVAL, path, "is not the public half of the key that is to sign");
    else if (ring.cnt == KEYS_MAX)
        rc = say(why, -E2BIG, path, "has a line of 16 keys: begin a new one");
    if (rc == 0) {
        char *at = text->bytes + text->len;

        at += sprintf(at, "%s", SIGNED_WORD);
        key_hex(at, signer_public(old_signer), PUBLIC_BYTES);
        at += 2 * PUBLIC_BYTES;
        *at++ = ' ';
        key_hex(at, signature, sizeof signature);
        at += 2 * sizeof signature;
        *at++ = '\n';
        memcpy(at, old.bytes + PUBLIC_LINE_BYTES, old.len - PUBLIC_LINE_BYTES);
        text->len += SIGNED_LINE_BYTES + old.len - PUBLIC_LINE_BYTES;
    }
    signer_close(old_signer);
    return rc;
}

/* secret_write writes the secret half. */
static int
secret_write(struct signer *signer, const char *path, char why[256])
{
    char *text = (char *)signer_scratch(signer);
    const size_t word = sizeof SECRET_WORD - 1;

    memcpy(text, SECRET_WORD, word);
    key_hex(text + word, signer_seed(signer), SEED_BYTES);
    text[SECRET_TEXT_BYTES - 1] = '\n';

    const int rc = write_new(path, 0600, text, SECRET_TEXT_BYTES, why);

    crypto_wipe(text, SIGNER_SCRATCH_BYTES);
    return rc;
}

/* sync_folder makes the names of new files durable. */
static int
sync_folder(const char *path, char why[256])
{
    const char *slash = strrchr(path, '/');
    char folder[4096];

    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);

    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int error = fd < 0 || fsync(fd) != 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return error == 0 ? 0 : say(why, -error, folder, strerror(error));
}

int
key_make(const char *path, const char *old_path, char why[256])
{
    struct text text;
    struct signer *signer;
    char pub[4096];
    int rc = crypto_open();

    if (rc != 0)
        return say(why, rc, path, "no source of random bytes");
    rc = public_path(pub, path, why);
    if (rc != 0)
        return rc;
    rc = signer_open(&signer, true);
    if (rc != 0)
        return say(why, rc, path, "no memory to keep it in");

    memcpy(text.bytes, PUBLIC_WORD, sizeof PUBLIC_WORD - 1);
    key_hex(text.bytes + sizeof PUBLIC_WORD - 1, signer_public(signer), PUBLIC_BYTES);
    text.bytes[PUBLIC_LINE_BYTES - 1] = '\n';
    text.len = PUBLIC_LINE_BYTES;
    if (old_path != NULL)
        rc = announce_line(&text, signer, old_path, why);
    if (rc == 0)
        rc = secret_write(signer, path, why);
    if (rc == 0) {
        rc = write_new(pub, 0644, text.bytes, text.len, why);
        if (rc != 0)
            (void)unlink(path);
    }
    signer_close(signer);
    return rc != 0 ? rc : sync_folder(path, why);
}
