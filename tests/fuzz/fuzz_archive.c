/*
 * Goal: no file, however broken, makes the reading of archives crash, read outside of it
 * or write outside of a frame's pages; what is refused is refused with a reason.
 * Method: the first byte says whether the hashes are put right before, so that what lies
 * behind them is reached; else nearly every input would stop at the header. Of a file
 * that is accepted all frames are opened, with a key and without one, into memory that is
 * just large enough. Half of the mutations know where header, index and trailer lie.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/archive.h"

#define FIX_HASHES 0x01u
#define BYTES_MAX  (1u << 16)
#define PLAIN_MAX  (1u << 22) /* a frame may be larger; it is not opened then */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
size_t LLVMFuzzerMutate(uint8_t *data, size_t bytes, size_t bytes_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t bytes_max, unsigned int seed);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char path[] = "/tmp/outcry-fuzz-key-XXXXXX";
    const int fd = mkstemp(path); /* mode 0600 */
    const struct archive_key *key;
    uint8_t bytes[ARCHIVE_KEY_BYTES];
    char why[256];

    (void)argc;
    (void)argv;
    memset(bytes, 7, sizeof bytes); /* as the encrypted seeds of the corpus */
    if (fd < 0 || write(fd, bytes, sizeof bytes) != sizeof bytes ||
        archive_key_load(path, &key, why) != 0)
        abort();
    close(fd);
    (void)unlink(path);
    return 0;
}

/* fix puts all hashes right that lie where they should. */
static void
fix(uint8_t *file, size_t bytes)
{
    struct archive_header header;
    struct archive_trailer trailer;

    if (bytes < sizeof header + sizeof trailer)
        return;
    memcpy(&header, file, sizeof header);
    memcpy(&trailer, file + bytes - sizeof trailer, sizeof trailer);
    header.hash = hash128_of(&header, offsetof(struct archive_header, hash));
    memcpy(file, &header, sizeof header);

    const uint64_t index_bytes = (uint64_t)header.frames_cnt * sizeof(struct archive_entry);

    if (trailer.index_off <= bytes && index_bytes <= bytes - trailer.index_off) {
        struct hash_state state;

        for (uint32_t i = 0; i < header.frames_cnt; i++) {
            uint8_t *at = file + trailer.index_off + i * sizeof(struct archive_entry);
            struct archive_entry entry;

            memcpy(&entry, at, sizeof entry);
            if (entry.off <= bytes && entry.bytes <= bytes - entry.off)
                entry.stored_hash = hash128_of(file + entry.off, entry.bytes);
            memcpy(at, &entry, sizeof entry);
        }
        hash_init(&state);
        hash_update(&state, &header.hash, sizeof header.hash);
        hash_update(&state, file + trailer.index_off, index_bytes);
        trailer.index_hash = hash_digest(&state);
    }
    trailer.hash = hash128_of(&trailer, offsetof(struct archive_trailer, hash));
    memcpy(file + bytes - sizeof trailer, &trailer, sizeof trailer);
}

/* open_all opens every frame into memory of just its size. */
static void
open_all(const struct archive *archive)
{
    char why[ARCHIVE_WHY_BYTES] = "";
    const int whole = archive_check(archive, why);

    for (uint32_t i = 0; i < archive->header.frames_cnt; i++) {
        const uint64_t bytes = archive_frame_bytes(&archive->header, i);

        if (bytes > PLAIN_MAX)
            return;

        uint8_t *plain = malloc(bytes);

        if (plain == NULL)
            abort();
        why[0] = '\0';

        const int rc = archive_frame(archive, i, plain, why);

        if ((rc != 0) != (why[0] != '\0') ||
            (rc == 0 && whole != 0 && i == 0 && archive->header.frames_cnt == 1))
            abort(); /* a file whose only frame is not whole has opened it */
        free(plain);
    }
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t bytes_max, unsigned int seed)
{
    const size_t head = 1 + sizeof(struct archive_header);
    const size_t tail = sizeof(struct archive_trailer) + sizeof(struct archive_entry);

    if (seed % 2 == 0 || bytes < head + tail)
        return LLVMFuzzerMutate(data, bytes, bytes_max);
    data[0] |= FIX_HASHES;
    if (seed / 2 % 3 == 0)
        (void)LLVMFuzzerMutate(data + 1, head - 1, head - 1);
    else if (seed / 2 % 3 == 1)
        (void)LLVMFuzzerMutate(data + bytes - tail, tail, tail);
    else
        (void)LLVMFuzzerMutate(data + head, bytes - head - tail, bytes - head - tail);
    return bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char why[ARCHIVE_WHY_BYTES] = "";
    struct archive archive;

    if (bytes == 0 || bytes > BYTES_MAX)
        return 0;

    uint8_t *file = malloc(bytes); /* one more than is used: malloc(0) may be NULL */

    if (file == NULL)
        abort();
    memcpy(file, data + 1, bytes - 1);
    if ((data[0] & FIX_HASHES) != 0)
        fix(file, bytes - 1);

    const int rc = archive_view(&archive, file, bytes - 1, why);

    if (rc == 0)
        open_all(&archive);
    else if ((rc != -EBADMSG && rc != -EPROTO) || why[0] == '\0')
        abort();
    free(file);
    return 0;
}
