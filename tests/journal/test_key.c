/*
 * Goal: secret keys are for their owner alone and never overwritten, key files that are
 * not whole are refused, and a ring takes keys that one of its own announced and no others.
 * Method: files of its own in a folder of its own; every byte of a public file changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/key.h"

#include "tests/journal/journal_rig.h"

static char dir[64];
static char why[256];

static void
setup(void)
{
    rig_dir_make(dir);
}

static void
teardown(void)
{
    rig_dir_remove(dir);
}

TestSuite(key, .init = setup, .fini = teardown);

static const char *
in_dir(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, 128, "%s/%s", dir, name);
    return path;
}

static size_t
read_file(const char *path, char *text, size_t max)
{
    const int fd = open(path, O_RDONLY);
    const ssize_t len = read(fd, text, max);

    cr_assert_geq(len, 0, "%s", path);
    close(fd);
    return (size_t)len;
}

static void
write_file(const char *path, const char *text, size_t len, mode_t mode)
{
    (void)unlink(path);

    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, len), (ssize_t)len);
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
}

Test(key, the_secret_half_is_its_owners_alone)
{
    struct stat st;
    struct signer *signer;
    const mode_t before = umask(0);

    cr_assert_eq(key_make(in_dir("a"), NULL, why), 0, "%s", why);
    umask(before);
    cr_assert_eq(stat(in_dir("a"), &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(stat(in_dir("a.pub"), &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0644);
    cr_assert_eq(chmod(in_dir("a"), 0640), 0);
    cr_assert_eq(key_open(&signer, in_dir("a"), why), -EPERM);
    cr_assert(strstr(why, "chmod 600") != NULL, "%s", why);
    cr_assert_eq(chmod(in_dir("a"), 0400), 0);
    cr_assert_eq(key_open(&signer, in_dir("a"), why), 0, "%s", why);
    signer_close(signer);
}

Test(key, no_key_is_overwritten_and_none_is_left_by_halves)
{
    char before[512];
    char after[512];

    cr_assert_eq(key_make(in_dir("a"), NULL, why), 0);

    const size_t len = read_file(in_dir("a"), before, sizeof before);

    cr_assert_eq(key_make(in_dir("a"), NULL, why), -EEXIST);
    cr_assert(strstr(why, "never overwritten") != NULL, "%s", why);
    cr_assert_eq(read_file(in_dir("a"), after, sizeof after), len);
    cr_assert_eq(memcmp(before, after, len), 0);
    write_file(in_dir("b.pub"), "", 0, 0600);
    cr_assert_eq(key_make(in_dir("b"), NULL, why), -EEXIST);
    cr_assert_neq(access(in_dir("b"), F_OK), 0, "the secret half went with it");
    cr_assert_eq(key_make(in_dir("no/such"), NULL, why), -ENOENT);
    cr_assert_eq(key_make(in_dir("c"), in_dir("none"), why), -ENOENT);
    cr_assert_neq(access(in_dir("c"), F_OK), 0);
}

Test(key, two_keys_differ_and_sign_for_themselves)
{
    struct signer *a;
    struct signer *b;
    uint8_t signature[SIGNATURE_BYTES];

    cr_assert_eq(key_make(in_dir("a"), NULL, why), 0);
    cr_assert_eq(key_make(in_dir("b"), NULL, why), 0);
    cr_assert_eq(key_open(&a, in_dir("a"), why), 0);
    cr_assert_eq(key_open(&b, in_dir("b"), why), 0);
    signer_sign(a, "text", 4, signature);
    cr_assert(signature_check(signer_public(a), "text", 4, signature));
    cr_assert_not(signature_check(signer_public(b), "text", 4, signature));
    cr_assert_not(signature_check(signer_public(a), "text", 3, signature));
    for (unsigned bit = 0; bit < 8 * SIGNATURE_BYTES; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(signature_check(signer_public(a), "text", 4, signature), "bit %u", bit);
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    signer_close(a);
    signer_close(b);
}

Test(key, the_signature_is_that_of_RFC_8032)
{
    /* Section 7.1, test 2. */
    static const char seed[] = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    static const char public_key[] =
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    static const char expected[] =
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    char text[256];
    struct signer *signer;
    uint8_t signature[SIGNATURE_BYTES];

    snprintf(text, sizeof text, "outcry-secret-key 1 %s\n", seed);
    write_file(in_dir("rfc"), text, strlen(text), 0600);
    cr_assert_eq(key_open(&signer, in_dir("rfc"), why), 0, "%s", why);
    key_hex(text, signer_public(signer), PUBLIC_BYTES);
    cr_assert_str_eq(text, public_key);
    signer_sign(signer, "\x72", 1, signature);
    key_hex(text, signature, sizeof signature);
    cr_assert_str_eq(text, expected);
    signer_close(signer);
}

Test(key, files_that_are_no_keys_are_refused)
{
    char secret[512];
    char changed[520];
    struct signer *signer;

    cr_assert_eq(key_make(in_dir("a"), NULL, why), 0);

    const size_t len = read_file(in_dir("a"), secret, sizeof secret);

    for (size_t i = 0; i < len; i++) {
        memcpy(changed, secret, len);
        changed[i] = 'G';
        write_file(in_dir("x"), changed, len, 0600);
        cr_assert_eq(key_open(&signer, in_dir("x"), why), -EINVAL, "byte %zu", i);
        write_file(in_dir("x"), secret, i, 0600);
        cr_assert_eq(key_open(&signer, in_dir("x"), why), -EINVAL, "%zu bytes", i);
    }
    memcpy(changed, secret, len);
    changed[len] = '\n';
    write_file(in_dir("x"), changed, len + 1, 0600);
    cr_assert_eq(key_open(&signer, in_dir("x"), why), -EINVAL);
    cr_assert_eq(key_open(&signer, in_dir("a.pub"), why), -EINVAL);
    cr_assert(strstr(why, "a.pub: this is the public half of a key") != NULL, "%s", why);
    cr_assert_eq(key_open(&signer, dir, why), -EINVAL, "%s", why);
    cr_assert_eq(key_open(&signer, in_dir("none"), why), -ENOENT);
    cr_assert_eq(key_open(&signer, "/dev/null", why), -EINVAL);
}

Test(key, a_ring_takes_what_one_of_its_keys_announced)
{
    struct key_ring ring = {.cnt = 0};
    char name[8] = "k0";
    char before[8];

    cr_assert_eq(key_make(in_dir("k0"), NULL, why), 0, "%s", why);
    for (unsigned i = 1; i < KEYS_MAX; i++) {
        memcpy(before, name, sizeof name);
        snprintf(name, sizeof name, "k%u", i);
        cr_assert_eq(key_make(in_dir(name), in_dir(before), why), 0, "%s", why);
    }
    cr_assert_eq(key_make(in_dir("k16"), in_dir("k15"), why), -E2BIG, "%s", why);
    cr_assert_neq(access(in_dir("k16"), F_OK), 0);

    /* From the oldest on: those between come with it. The last knows all. */
    cr_assert_eq(key_ring_add(&ring, in_dir("k0.pub"), why), 0, "%s", why);
    cr_assert_eq(ring.cnt, 1);
    cr_assert_eq(key_ring_add(&ring, in_dir("k3.pub"), why), 0, "%s", why);
    cr_assert_eq(ring.cnt, 4);
    cr_assert_eq(key_ring_add(&ring, in_dir("k3.pub"), why), 0, "again is fine");
    cr_assert_eq(key_ring_add(&ring, in_dir("k1.pub"), why), 0, "older is fine");
    cr_assert_eq(ring.cnt, 4);
    cr_assert_eq(key_ring_add(&ring, in_dir("k15.pub"), why), 0, "%s", why);
    cr_assert_eq(ring.cnt, KEYS_MAX);

    struct key_ring whole = {.cnt = 0};

    cr_assert_eq(key_ring_add(&whole, in_dir("k15.pub"), why), 0, "%s", why);
    cr_assert_eq(memcmp(&whole, &ring, sizeof ring), 0);

    /* A stranger is refused. */
    cr_assert_eq(key_make(in_dir("s"), NULL, why), 0);
    cr_assert_eq(key_ring_add(&ring, in_dir("s.pub"), why), -EPERM);
    cr_assert_eq(ring.cnt, KEYS_MAX);
}

Test(key, every_changed_byte_of_a_public_file_is_refused_or_another_key)
{
    struct key_ring anchor = {.cnt = 0};
    char text[1024];

    cr_assert_eq(key_make(in_dir("a"), NULL, why), 0);
    cr_assert_eq(key_make(in_dir("b"), in_dir("a"), why), 0);
    cr_assert_eq(key_ring_add(&anchor, in_dir("a.pub"), why), 0);

    const size_t len = read_file(in_dir("b.pub"), text, sizeof text);

    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct key_ring ring = anchor;

            text[i] = (char)(text[i] ^ (1 << bit));
            cr_assert_neq(key_ring_parse(&ring, text, len, "b.pub", why), 0, "byte %zu", i);
            cr_assert_eq(ring.cnt, 1);
            text[i] = (char)(text[i] ^ (1 << bit));
        }
        if (i != 0 && i != strlen("outcry-public-key 1 ") + 2 * PUBLIC_BYTES + 1) {
            struct key_ring ring = {.cnt = 0};

            cr_assert_neq(key_ring_parse(&ring, text, i, "b.pub", why), 0, "%zu bytes", i);
        }
    }
}

Test(key, only_the_private_half_of_a_key_announces_another)
{
    char text[1024];

    cr_assert_eq(key_make(in_dir("a"), NULL, why), 0);
    cr_assert_eq(key_make(in_dir("b"), NULL, why), 0);

    const size_t len = read_file(in_dir("b.pub"), text, sizeof text);

    write_file(in_dir("a.pub"), text, len, 0644);
    cr_assert_eq(key_make(in_dir("c"), in_dir("a"), why), -EINVAL);
    cr_assert(strstr(why, "not the public half") != NULL, "%s", why);
    cr_assert_neq(access(in_dir("c"), F_OK), 0);
}
