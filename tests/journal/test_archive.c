/*
 * Goal: an archive gives back its segment to the byte or is refused, whatever was done
 * to it, and making one never leaves less than there was.
 * Method: archives of real segments, plain and encrypted, with every bit flipped, cut
 * everywhere, with frames exchanged and all hashes put right; keys of every wrong
 * kind; and the process ended, or the call failed, at each system call that
 * archive_write makes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "journal/archive.h"

#include "tests/journal/archive_rig.h"

#define SMALL_PAGES 3u

static char dir[64];
static char key_path[128];
static struct rig_cells all;
static struct rig_file file;

static void
setup(void)
{
    rig_dir_make(dir);
}

static void
teardown(void)
{
    archive_keys_forget();
    rig_dir_remove(dir);
    free(all.cells);
    free(file.bytes);
    all = (struct rig_cells){0};
    file.bytes = NULL;
}

TestSuite(archive, .init = setup, .fini = teardown);

/* What the calls below do besides what they are for: nothing, or, at call number
 * `at` of all, end the process before or behind it, or fail. */
enum mischief {
    NONE,
    DIE_BEFORE,
    DIE_BEHIND,
    FAIL,
    SHORT
};

static struct {
    enum mischief mischief;
    unsigned at;
    unsigned cnt;
    char log[256]; /* a letter for each call */
} calls;

/* call_fails counts a call and tells whether it is to fail. */
static bool
call_fails(char letter)
{
    if (calls.cnt < sizeof calls.log - 1)
        calls.log[calls.cnt] = letter;
    if (++calls.cnt != calls.at)
        return false;
    if (calls.mischief == DIE_BEFORE)
        _exit(77);
    return calls.mischief == FAIL;
}

static void
call_done(void)
{
    if (calls.cnt == calls.at && calls.mischief == DIE_BEHIND)
        _exit(77);
}

ssize_t __real_write(int fd, const void *mem, size_t bytes);
ssize_t __wrap_write(int fd, const void *mem, size_t bytes);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_unlinkat(int fd, const char *name, int flags);
int __wrap_unlinkat(int fd, const char *name, int flags);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);

ssize_t
__wrap_write(int fd, const void *mem, size_t bytes)
{
    if (calls.mischief == SHORT && bytes > 1)
        bytes = bytes / 2;
    if (call_fails('w')) {
        errno = EIO;
        return -1;
    }

    const ssize_t len = __real_write(fd, mem, bytes);

    call_done();
    return len;
}

int
__wrap_fsync(int fd)
{
    struct stat st;
    const bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

    if (call_fails(folder ? 'D' : 'S')) {
        errno = EIO;
        return -1;
    }

    const int rc = __real_fsync(fd);

    call_done();
    return rc;
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    if (call_fails('R')) {
        errno = EIO;
        return -1;
    }

    const int rc = __real_renameat(from_fd, from, to_fd, to);

    call_done();
    return rc;
}

int
__wrap_unlinkat(int fd, const char *name, int flags)
{
    if (call_fails(strstr(name, ".new") != NULL ? 'u' : 'U')) {
        errno = EIO;
        return -1;
    }

    const int rc = __real_unlinkat(fd, name, flags);

    call_done();
    return rc;
}

int
__wrap_fchmod(int fd, mode_t mode)
{
    if (call_fails('m')) {
        errno = EPERM;
        return -1;
    }

    const int rc = __real_fchmod(fd, mode);

    call_done();
    return rc;
}

/* small makes an archive of the first pages of a journal, as if they were a
 * segment, and loads it. */
static void
small(uint64_t pages_cnt, const struct archive_key *key)
{
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    struct archive_header header;
    char why[ARCHIVE_WHY_BYTES];
    struct rig_file segment;
    uint64_t bytes;

    if (all.cnt == 0)
        archive_rig_journal(dir, &all, 1);
    rig_load(&segment, dir, 0);
    CHECK(archive_describe(rig_page(&segment, 0), pages_cnt, 0, &header, why) == 0, "%s", why);
    CHECK(archive_write(dir_fd, &header, rig_page(&segment, 0), key, &bytes, why) == 0, "%s", why);
    close(dir_fd);
    free(segment.bytes);
    archive_rig_load(&file, dir, 0);
    CHECK(file.len == bytes, "%zu", file.len);
}

/* opens tells whether file is accepted, with all its frames. */
static int
opens(const struct rig_file *bytes, char why[ARCHIVE_WHY_BYTES])
{
    static uint8_t plain[ARCHIVE_FRAME_PAGES * JOURNAL_PAGE_BYTES];
    struct archive archive;
    int rc = archive_view(&archive, bytes->bytes, bytes->len, why);

    for (uint32_t i = 0; rc == 0 && i < archive.header.frames_cnt; i++)
        rc = archive_frame(&archive, i, plain, why);
    return rc;
}

/* flip_all flips each bit of file in turn: all are refused. */
static void
flip_all(void)
{
    char why[ARCHIVE_WHY_BYTES];

    CHECK(opens(&file, why) == 0, "%s", why);
    for (size_t i = 0; i < 8 * file.len; i++) {
        file.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        CHECK(opens(&file, why) != 0, "bit %zu of byte %zu", i % 8, i / 8);
        file.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

Test(archive, every_flipped_bit_is_refused)
{
    small(SMALL_PAGES, NULL);
    flip_all();
}

Test(archive, every_flipped_bit_of_an_encrypted_one_is_refused)
{
    small(SMALL_PAGES, archive_rig_key(dir, "key", 1, key_path));
    flip_all();
}

Test(archive, every_cut_and_anything_appended_is_refused)
{
    struct rig_file cut;
    char why[ARCHIVE_WHY_BYTES];

    small(SMALL_PAGES, NULL);
    cut.bytes = rig_alloc(file.len + 64);
    memcpy(cut.bytes, file.bytes, file.len);
    memset(cut.bytes + file.len, 0, 64);
    for (cut.len = 0; cut.len <= file.len + 64; cut.len++)
        CHECK((opens(&cut, why) == 0) == (cut.len == file.len), "%zu", cut.len);
    free(cut.bytes);
}

Test(archive, gives_back_the_segment_to_the_byte)
{
    const struct archive_key *key = archive_rig_key(dir, "key", 1, key_path);

    archive_rig_journal(dir, &all, 2);
    for (unsigned encrypted = 0; encrypted < 2; encrypted++) {
        struct rig_file segment;
        struct archive archive;
        char why[ARCHIVE_WHY_BYTES];

        rig_load(&segment, dir, encrypted);
        CHECK(archive_rig_pack(dir, encrypted, encrypted ? key : NULL) == 0, "%u", encrypted);
        archive_rig_load(&file, dir, encrypted);
        CHECK(archive_view(&archive, file.bytes, file.len, why) == 0, "%s", why);
        CHECK(archive_compare(&archive, rig_page(&segment, 0), why) == 0, "%s", why);
        CHECK(archive_check(&archive, why) == 0, "%s", why);
        CHECK(archive.header.frames_cnt == RIG_SEGMENT_PAGES / ARCHIVE_FRAME_PAGES, "%u",
              archive.header.frames_cnt);
        CHECK(file.len < segment.len / 2, "%zu bytes", file.len);

        const struct page *first = rig_page(&segment, 0);
        const struct page *last = rig_page(&segment, RIG_SEGMENT_PAGES - 1);

        CHECK(archive.header.first_seq == first->header.first_seq, "first_seq");
        CHECK(hash128_equal(archive.header.last_hash, last->header.hash), "last_hash");
        CHECK(archive.header.last_time_ns == 1000 * archive.header.last_seq, "last_time");
        CHECK(memcmp(archive.header.journal, &first->segment.journal, 16) == 0, "journal");

        /* One byte of the segment changed: it is no longer that archive's. */
        segment.bytes[segment.len - 1] ^= 1;
        CHECK(archive_compare(&archive, rig_page(&segment, 0), why) == -EBADMSG, "accepted");
        CHECK(strstr(why, "frame 3 is not what the segment has") != NULL, "%s", why);
        free(segment.bytes);
        free(file.bytes);
        file.bytes = NULL;
    }
}

Test(archive, last_frame_may_be_shorter)
{
    char why[ARCHIVE_WHY_BYTES];

    small(ARCHIVE_FRAME_PAGES + 1, NULL);
    cr_assert_eq(archive_rig_header(&file)->frames_cnt, 2);
    CHECK(opens(&file, why) == 0, "%s", why);
}

Test(archive, refuses_a_segment_that_is_not_whole)
{
    struct archive_header header;
    char why[ARCHIVE_WHY_BYTES];

    archive_rig_journal(dir, &all, 1);
    rig_load(&file, dir, 0);
    CHECK(archive_describe(rig_page(&file, 0), RIG_SEGMENT_PAGES, 0, &header, why) == 0, "%s", why);

    /* The same pages under another number, the hash, the chain, the first page. */
    CHECK(archive_describe(rig_page(&file, 0), RIG_SEGMENT_PAGES, 1, &header, why) == -EBADMSG,
          "accepted");
    rig_page(&file, 7)->cells[3].bytes[20] ^= 4;
    CHECK(archive_describe(rig_page(&file, 0), RIG_SEGMENT_PAGES, 0, &header, why) == -EBADMSG,
          "accepted");
    CHECK(strstr(why, "page 7: torn or damaged") != NULL, "%s", why);
    rig_rehash(rig_page(&file, 7));
    CHECK(archive_describe(rig_page(&file, 0), RIG_SEGMENT_PAGES, 0, &header, why) == -EBADMSG,
          "accepted");
    CHECK(strstr(why, "page 8: whole, but not the successor") != NULL, "%s", why);

    memset(rig_page(&file, 5), 0, JOURNAL_PAGE_BYTES);
    CHECK(archive_describe(rig_page(&file, 0), 6, 0, &header, why) == -EBADMSG, "accepted");
    CHECK(strstr(why, "page 5: never written") != NULL, "%s", why);
    rig_page(&file, 4)->cells[0].bytes[1] = 0;
    rig_rehash(rig_page(&file, 4));
    CHECK(archive_describe(rig_page(&file, 0), 5, 0, &header, why) == -EBADMSG, "accepted");
    CHECK(strstr(why, "page 4: whole, but its cells are no messages") != NULL, "%s", why);
}

/* swap exchanges two frames of file and their entries, and puts all hashes right. */
static void
swap(uint32_t a, uint32_t b)
{
    struct archive_entry first = *archive_rig_entry(&file, a);
    struct archive_entry second = *archive_rig_entry(&file, b);
    uint8_t *copy = rig_alloc(file.len);
    uint64_t off = sizeof(struct archive_header);
    const uint32_t frames_cnt = archive_rig_header(&file)->frames_cnt;

    memcpy(copy, file.bytes, file.len);
    for (uint32_t i = 0; i < frames_cnt; i++) {
        archive_rig_slot *entry = archive_rig_entry(&file, i);
        const struct archive_entry from = i == a ? second : i == b ? first : *entry;

        memcpy(file.bytes + off, copy + from.off, from.bytes);
        *entry = from;
        entry->off = off;
        off += from.bytes;
    }
    free(copy);
    archive_rig_rehash(&file);
}

Test(archive, encrypted_frames_open_in_their_place_alone)
{
    char why[ARCHIVE_WHY_BYTES];

    small(3 * ARCHIVE_FRAME_PAGES, archive_rig_key(dir, "key", 1, key_path));
    swap(0, 1);
    CHECK(opens(&file, why) == -EBADMSG, "accepted");
    CHECK(strcmp(why, "frame 0 was changed after it was encrypted") == 0, "%s", why);
    swap(0, 1);
    CHECK(opens(&file, why) == 0, "%s", why);

    /* The header is bound as well: another first_seq, all hashes right. */
    archive_rig_header(&file)->first_seq++;
    archive_rig_rehash(&file);
    CHECK(opens(&file, why) == -EBADMSG, "accepted");
    CHECK(strstr(why, "was changed after it was encrypted") != NULL, "%s", why);
}

Test(archive, encrypted_frames_open_in_their_file_alone)
{
    const struct archive_key *key = archive_rig_key(dir, "key", 1, key_path);
    char why[ARCHIVE_WHY_BYTES];
    struct rig_file other;

    small(SMALL_PAGES, key);
    other = file;
    file.bytes = NULL;
    small(SMALL_PAGES, key);
    CHECK(file.len == other.len, "the same pages under the same key");
    CHECK(memcmp(file.bytes + sizeof(struct archive_header),
                 other.bytes + sizeof(struct archive_header), 64) != 0,
          "two files share a nonce");

    const archive_rig_slot *entry = archive_rig_entry(&file, 0);

    memcpy(file.bytes + entry->off, other.bytes + entry->off, entry->bytes);
    archive_rig_rehash(&file);
    CHECK(opens(&file, why) == -EBADMSG, "accepted");
    CHECK(strcmp(why, "frame 0 was changed after it was encrypted") == 0, "%s", why);
    free(other.bytes);
}

Test(archive, plain_frames_exchanged_are_no_chain)
{
    static struct page pages[ARCHIVE_FRAME_PAGES];
    struct archive archive;
    char why[ARCHIVE_WHY_BYTES];

    /* Without a key nobody can tell here. The pages know their place. */
    small(2 * ARCHIVE_FRAME_PAGES, NULL);
    swap(0, 1);
    CHECK(archive_view(&archive, file.bytes, file.len, why) == 0, "%s", why);
    CHECK(archive_frame(&archive, 0, pages, why) == 0, "%s", why);
    cr_assert_eq(page_check(&pages[0], 3, 0, NULL), PAGE_NUMBER);
}

Test(archive, without_its_key_an_archive_is_refused_by_name)
{
    char why[ARCHIVE_WHY_BYTES];

    small(SMALL_PAGES, archive_rig_key(dir, "key", 1, key_path));
    archive_keys_forget();
    CHECK(opens(&file, why) == -ENOKEY, "opened");
    CHECK(strncmp(why, "encrypted under key ", 20) == 0, "%s", why);
    (void)archive_rig_key(dir, "other", 2, key_path);
    CHECK(opens(&file, why) == -ENOKEY, "opened");

    /* It is checked all the same. */
    struct archive archive;

    CHECK(archive_view(&archive, file.bytes, file.len, why) == 0, "%s", why);
    CHECK(archive_check(&archive, why) == 0, "%s", why);
    file.bytes[sizeof(struct archive_header) + 9] ^= 2;
    CHECK(archive_check(&archive, why) == -EBADMSG, "accepted");
    file.bytes[sizeof(struct archive_header) + 9] ^= 2;

    /* Another key that says it is this one. */
    archive_rig_header(&file)->key_id = *archive_key_id(archive_rig_key(dir, "other", 2, key_path));
    archive_rig_rehash(&file);
    CHECK(opens(&file, why) == -EBADMSG, "opened");
    (void)archive_rig_key(dir, "key", 1, key_path);
    CHECK(opens(&file, why) == -EBADMSG, "opened");
}

/* key_file makes a key file of a text and tries to load it. */
static int
key_file(const void *text, size_t bytes, mode_t mode, char why[256])
{
    const struct archive_key *key;

    snprintf(key_path, sizeof key_path, "%s/key", dir);
    (void)unlink(key_path);

    const int fd = open(key_path, O_WRONLY | O_CREAT, 0600);

    CHECK(fd >= 0 && write(fd, text, bytes) == (ssize_t)bytes, "%s", key_path);
    CHECK(fchmod(fd, mode) == 0, "%s", key_path);
    close(fd);

    const int rc = archive_key_load(key_path, &key, why);

    CHECK((rc == 0) == (key != NULL), "%d", rc);
    return rc;
}

Test(archive, key_files_of_every_wrong_kind_are_refused)
{
    static const char digits[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const struct archive_key *key;
    uint8_t bytes[ARCHIVE_KEY_BYTES];
    char why[256];

    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    CHECK(key_file(bytes, 32, 0600, why) == 0, "%s", why);
    CHECK(archive_key_load(key_path, &key, why) == 0, "%s", why);

    const struct archive_key_id id = *archive_key_id(key);

    /* As hashlib.blake2b(bytes(range(32)), digest_size=16, person=b'outcry-archive-k'). */
    static const uint8_t expected[16] = {0xe6, 0x59, 0x5b, 0xd3, 0xcb, 0xb3, 0x97, 0xfa,
                                         0xeb, 0xa4, 0xa4, 0x47, 0x80, 0x3b, 0x05, 0x33};

    CHECK(memcmp(&id, expected, sizeof id) == 0, "the id is another");
    CHECK(key_file(digits, 64, 0600, why) == 0, "%s", why);
    CHECK(key_file("000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n", 65, 0400,
                   why) == 0,
          "%s", why);
    CHECK(archive_key_load(key_path, &key, why) == 0, "%s", why);
    CHECK(memcmp(&id, archive_key_id(key), sizeof id) == 0, "digits are another key");
    CHECK(archive_key_find(&id) == key, "found another");

    CHECK(key_file(bytes, 31, 0600, why) == -EINVAL, "accepted");
    CHECK(key_file(digits, 63, 0600, why) == -EINVAL, "accepted");
    CHECK(strstr(why, "holds neither 32 bytes nor 64 hexadecimal digits") != NULL, "%s", why);
    CHECK(key_file("g0", 2, 0600, why) == -EINVAL, "accepted");
    CHECK(key_file("", 0, 0600, why) == -EINVAL, "accepted");
    CHECK(key_file(bytes, 32, 0640, why) == -EPERM, "accepted");
    CHECK(strstr(why, "chmod 600") != NULL, "%s", why);
    CHECK(archive_key_load("/nonexistent", &key, why) == -ENOENT, "accepted");
    CHECK(archive_key_load(dir, &key, why) == -EINVAL, "accepted");
}

/* put_trailer writes a trailer without its hashes. */
static void
put_trailer(uint64_t index_off, uint32_t frames_cnt)
{
    struct archive_trailer trailer = {
        .magic = ARCHIVE_TRAILER_MAGIC,
        .frames_cnt = frames_cnt,
        .index_off = index_off,
        .file_bytes = file.len,
    };

    memcpy(file.bytes + file.len - sizeof trailer, &trailer, sizeof trailer);
}

Test(archive, hostile_files_with_right_hashes_are_refused)
{
    struct rig_file good;
    char why[ARCHIVE_WHY_BYTES];

    small(SMALL_PAGES, NULL);
    good = file;
    file.bytes = rig_alloc(good.len);

    for (unsigned way = 0; way < 16; way++) {
        struct archive_header *header = archive_rig_header(&file);
        archive_rig_slot *entry;

        memcpy(file.bytes, good.bytes, good.len);
        entry = archive_rig_entry(&file, 0);
        switch (way) {
        case 0:
            entry->off = file.len;
            break;
        case 1:
            entry->off = UINT64_MAX - 100;
            break;
        case 2:
            entry->bytes = UINT32_MAX;
            break;
        case 3:
            entry->bytes = 0;
            break;
        case 4:
            entry->zero = 1;
            break;
        case 5:
            header->segment_bytes = UINT64_MAX - JOURNAL_PAGE_BYTES + 1;
            break;
        case 6:
            header->segment_bytes += JOURNAL_PAGE_BYTES;
            break;
        case 7:
            header->frame_pages = 0;
            break;
        case 8:
            header->frames_cnt = UINT32_MAX;
            break;
        case 9:
            header->segment_no = 1;
            break;
        case 10:
            header->flags |= 4;
            break;
        case 11:
            header->zero[79] = 1;
            break;
        case 12:
            header->key_id.bytes[0] = 1;
            break;
        case 13:
            header->version = 2;
            break;
        case 14: /* the frame is cut, and all offsets fit */
            entry->bytes--;
            break;
        default: /* another zstd frame: of nothing */
            memset(file.bytes + entry->off, 0, entry->bytes);
            break;
        }
        archive_rig_rehash(&file);
        CHECK(opens(&file, why) == (way == 13 ? -EPROTO : -EBADMSG), "way %u", way);
    }
    memcpy(file.bytes, good.bytes, good.len);
    put_trailer(UINT64_MAX, 1);
    archive_rig_end *trailer = (archive_rig_end *)(void *)(file.bytes + file.len - sizeof *trailer);
    trailer->hash =
        hash128_of(file.bytes + file.len - sizeof *trailer, offsetof(struct archive_trailer, hash));
    CHECK(opens(&file, why) == -EBADMSG, "accepted");
    free(good.bytes);
}

/* pack_in_child compresses segment 0 in a process of its own with mischief at call
 * number at. Returns its exit code: 77 died there, 0 done, 1 said no. */
static int
pack_in_child(enum mischief mischief, unsigned at, const struct archive_key *key)
{
    const pid_t child = fork();

    CHECK(child >= 0, "fork");
    if (child == 0) {
        calls.mischief = mischief;
        calls.at = at;
        calls.cnt = 0;
        _exit(archive_rig_pack(dir, 0, key) != 0);
    }

    int status;

    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status), "%d", status);
    return WEXITSTATUS(status);
}

/* has tells whether dir has segment 0 with this suffix. */
static bool
has(const char *suffix)
{
    char path[128];

    snprintf(path, sizeof path, "%s/00000000%s", dir, suffix);
    return access(path, F_OK) == 0;
}

/* try_all lets mischief happen at each call in turn. */
static void
try_all(enum mischief mischief, const struct archive_key *key)
{
    char archive_path[128];
    unsigned hits = 0;
    int code = 77;

    snprintf(archive_path, sizeof archive_path, "%s/00000000.segz", dir);

    for (unsigned at = 1; code != 0 || hits == 0; at++) {
        CHECK(at < 100, "no end");
        code = pack_in_child(mischief, at, key);
        hits += code != 0;

        /* The one or the other, and it reads as ever. */
        CHECK(has(".seg") || has(".segz"), "call %u: lost", at);
        CHECK(code != 0 || (!has(".seg") && has(".segz") && !has(".segz.new")), "call %u", at);
        CHECK(mischief != FAIL || code == 0 || !has(".segz.new"), "call %u: left behind", at);
        rig_expect(dir, &all, all.cnt);

        /* And the next try brings it to an end. */
        if (has(".seg"))
            CHECK(pack_in_child(NONE, 0, key) == 0, "call %u", at);
        CHECK(!has(".seg") && has(".segz") && !has(".segz.new"), "call %u", at);
        rig_expect(dir, &all, all.cnt);
        rig_store(&file, dir, 0);
        if (at % 2 == 0) /* half of them find an old archive beside it */
            CHECK(unlink(archive_path) == 0, "%s", archive_path);
    }
    CHECK(hits >= 10, "only %u calls", hits);
}

Test(archive, ended_at_any_moment_nothing_is_lost)
{
    archive_rig_journal(dir, &all, 1);
    rig_load(&file, dir, 0);
    try_all(DIE_BEFORE, NULL);
    try_all(DIE_BEHIND, archive_rig_key(dir, "key", 1, key_path));
}

Test(archive, whatever_call_fails_nothing_is_lost)
{
    archive_rig_journal(dir, &all, 1);
    rig_load(&file, dir, 0);
    try_all(FAIL, NULL);
    CHECK(pack_in_child(SHORT, 0, NULL) == 0, "short writes are no failure");
    rig_expect(dir, &all, all.cnt);
}

Test(archive, is_durable_before_the_segment_goes)
{
    archive_rig_journal(dir, &all, 1);
    calls.cnt = 0;
    CHECK(archive_rig_pack(dir, 0, NULL) == 0, "failed");

    /* Written, synced, renamed, folder synced, removed, folder synced. */
    const char *rest = strchr(calls.log, 'S');

    CHECK(rest != NULL && strcmp(rest, "SRDUD") == 0, "%s", calls.log);
    CHECK(strchr(calls.log, 'w') < rest, "%s", calls.log);
}

Test(archive, belongs_to_the_owner_of_the_segment)
{
    char path[128];
    struct stat st;

    archive_rig_journal(dir, &all, 1);
    snprintf(path, sizeof path, "%s/00000000.seg", dir);
    if (geteuid() == 0)
        CHECK(chown(path, 12345, 54321) == 0, "%s", path);
    CHECK(chmod(path, 0660) == 0, "%s", path);
    CHECK(archive_rig_pack(dir, 0, NULL) == 0, "failed");
    snprintf(path, sizeof path, "%s/00000000.segz", dir);
    CHECK(stat(path, &st) == 0, "%s", path);
    cr_assert_eq(st.st_mode & 0777, 0440);
    if (geteuid() == 0)
        cr_assert(st.st_uid == 12345 && st.st_gid == 54321);
}
