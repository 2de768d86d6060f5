#include "journal/sealer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "journal/tally.h"

struct sealer {
    int dir_fd; /* of its own: the lock that sealers share is on it */
    int failed; /* -errno, for ever */
    struct signer *signer;
    struct key_ring ring;
    bool any;     /* newest is valid */
    bool pending; /* the key remembers one that the folder lacks */
    bool forgot;  /* the key did not remember the newest of the folder, its own */
    struct seal newest;
    struct seal kept; /* if pending */
    struct chain chain;
    struct tally tally;
    uint64_t bound_page_no; /* looks at none from here on */
    uint64_t pages_max;     /* nor at more in one call */
    char dir[160];          /* for texts */
    char newest_path[4096];
    char why[320];
};

__attribute__((format(printf, 3, 4))) static COLD int
say(struct sealer *sealer, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(sealer->why, sizeof sealer->why, format, args);
    va_end(args);
    return error;
}

/* open_keys reads the secret key, and which keys went before it. */
static int
open_keys(struct sealer *sealer, const char *key_path)
{
    char path[4096];
    char why[256];
    int rc = key_open(&sealer->signer, key_path, why);

    if (rc == 0 && snprintf(path, sizeof path, "%s.pub", key_path) >= (int)sizeof path)
        return say(sealer, -ENAMETOOLONG, "%.150s: name too long", key_path);
    if (rc == 0)
        rc = key_ring_add(&sealer->ring, path, why);
    if (rc != 0)
        return say(sealer, rc, "%s", why);

    const uint8_t *last = sealer->ring.keys[sealer->ring.cnt - 1].bytes;

    if (memcmp(last, signer_public(sealer->signer), PUBLIC_BYTES) != 0)
        return say(sealer, -EINVAL, "%.150s: is not the public half of %.100s", path, key_path);
    return 0;
}

/* read_good reads a seal of the folder that one of our keys signed. */
static int
read_good(struct sealer *sealer, struct seal *seal, uint64_t segment_no)
{
    char name[SEAL_NAME_BYTES];
    char why[256];

    seal_name(name, segment_no);

    int rc = seal_read(seal, sealer->dir_fd, name, why);

    if (rc != 0)
        return say(sealer, rc, "%.100s/%.190s", sealer->dir, why);
    rc = seal_check(seal, &sealer->ring, why);
    if (rc < 0)
        return say(sealer, rc, "%.100s/%s: %.150s", sealer->dir, name, why);
    if (seal->statement.segment_no != segment_no)
        return say(sealer, -EBADMSG, "%.100s/%s: it is that of segment %" PRIu64, sealer->dir, name,
                   seal->statement.segment_no);
    if (!journal_id_equal(&seal->statement.journal, &sealer->chain.journal))
        return say(sealer, -EBADMSG, "%.100s/%s: it is that of another journal", sealer->dir, name);
    return 0;
}

/* open_newest finds the newest seal in the folder. */
static int
open_newest(struct sealer *sealer)
{
    int error;
    const int64_t highest = seal_highest(sealer->dir_fd, &error);

    if (error != 0)
        return say(sealer, error, "%.100s: %s", sealer->dir, strerror(-error));
    if (highest < 0)
        return 0;
    sealer->any = true;
    return read_good(sealer, &sealer->newest, (uint64_t)highest);
}

/* compare_kept holds the folder against what the key remembers. */
static int
compare_kept(struct sealer *sealer)
{
    const uint64_t kept_no = sealer->kept.statement.segment_no;
    const uint64_t sealed_cnt = sealer->any ? sealer->newest.statement.segment_no + 1 : 0;
    struct seal seal;

    if (kept_no == sealed_cnt) {
        sealer->pending = true;
        return 0;
    }
    if (kept_no > sealed_cnt)
        return say(sealer, -EBADMSG,
                   "%.100s: %" PRIu64 " segments are sealed, but this key has sealed %" PRIu64
                   ": seals were taken away",
                   sealer->dir, sealed_cnt, kept_no + 1);

    const int rc = read_good(sealer, &seal, kept_no);

    if (rc != 0)
        return rc;
    if (memcmp(&seal.statement, &sealer->kept.statement, sizeof seal.statement) != 0)
        return say(sealer, -EBADMSG,
                   "%.100s: the seal of segment %" PRIu64 " is another than %.100s", sealer->dir,
                   kept_no, sealer->newest_path);
    return 0;
}

/* remember makes the key remember the newest seal of the folder, if it made that: its
 * file was lost, or it comes from a backup. */
static int
remember(struct sealer *sealer)
{
    char why[256];

    if (!sealer->any ||
        memcmp(&sealer->newest.statement.key_id, &sealer->ring.keys[sealer->ring.cnt - 1].id,
               sizeof sealer->newest.statement.key_id) != 0)
        return 0;
    sealer->forgot = true;

    const int rc = seal_write(&sealer->newest, AT_FDCWD, sealer->newest_path, why);

    return rc == 0 ? 0 : say(sealer, rc, "%s", why);
}

/* open_kept reads what the key remembers, if it does. */
static int
open_kept(struct sealer *sealer)
{
    char why[256];
    int rc = seal_read(&sealer->kept, AT_FDCWD, sealer->newest_path, why);

    if (rc == -ENOENT)
        return remember(sealer);
    if (rc != 0)
        return say(sealer, rc, "%s", why);
    rc = seal_check(&sealer->kept, &sealer->ring, why);
    if (rc < 0)
        return say(sealer, rc, "%.100s: %.200s", sealer->newest_path, why);
    if (!journal_id_equal(&sealer->kept.statement.journal, &sealer->chain.journal))
        return say(sealer, -EBADMSG,
                   "%.100s: it is of another journal than %.100s: a key needs one such file for "
                   "each",
                   sealer->newest_path, sealer->dir);
    return compare_kept(sealer);
}

static int
open_chain(struct sealer *sealer, const struct sealer_cfg *cfg)
{
    int rc = chain_open(&sealer->chain, cfg->dir, cfg->shard);

    if (rc == 0 && sealer->chain.segments.cnt == 0)
        return say(sealer, -ENOENT, "%.100s: no journal there", sealer->dir);
    /* A foreign journal shows itself now, and its id is known. */
    if (rc == 0) {
        struct chain_step step;

        rc = chain_next(&sealer->chain, &step);
        rc = rc > 0 ? 0 : rc;
        chain_start(&sealer->chain, 0);
    }
    return rc == 0 ? 0 : say(sealer, rc, "%s", sealer->chain.fault.text);
}

/* lock waits until no other sealer publishes: what it writes are two files. */
static int
lock(struct sealer *sealer)
{
    while (flock(sealer->dir_fd, LOCK_EX) != 0) {
        if (errno != EINTR)
            return say(sealer, -errno, "%.100s: cannot be locked: %s", sealer->dir,
                       strerror(errno));
    }
    return 0;
}

static void
unlock(struct sealer *sealer)
{
    (void)flock(sealer->dir_fd, LOCK_UN);
}

/* tally_open sets out behind the newest seal. */
static void
tally_open(struct sealer *sealer)
{
    uint64_t segment_no = 0;

    if (sealer->any) {
        sealer->chain.at = tally_place(&sealer->newest.statement);
        segment_no = sealer->newest.statement.segment_no + 1;
    }
    tally_begin(&sealer->tally, &sealer->chain, segment_no);
}

/* name_newest says where the key keeps its newest seal. */
static int
name_newest(struct sealer *sealer, const struct sealer_cfg *cfg)
{
    const char *newest = cfg->newest_path == NULL ? cfg->key_path : cfg->newest_path;

    if (snprintf(sealer->newest_path, sizeof sealer->newest_path, "%s%s", newest,
                 cfg->newest_path == NULL ? ".newest" : "") >= (int)sizeof sealer->newest_path)
        return say(sealer, -ENAMETOOLONG, "%.150s: name too long", newest);
    return 0;
}

/* try_newest tells whether a file can be made beside that of the newest seal. */
static int
try_newest(struct sealer *sealer)
{
    const char *slash = strrchr(sealer->newest_path, '/');
    char folder[4096];

    snprintf(folder, sizeof folder, "%.*s",
             slash == NULL ? 1 : (int)(slash - sealer->newest_path) + 1,
             slash == NULL ? "." : sealer->newest_path);
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
        return 0;
    return say(sealer, -errno,
               "%.120s: %s, and that is where the key is to keep its newest seal (%.100s)", folder,
               strerror(errno), sealer->newest_path);
}

static int
open_all(struct sealer *sealer, const struct sealer_cfg *cfg)
{
    int rc = name_newest(sealer, cfg);

    if (rc == 0)
        rc = open_keys(sealer, cfg->key_path);
    if (rc == 0)
        rc = open_chain(sealer, cfg);
    if (rc != 0)
        return rc;
    /* The folder of these segments, whatever has its name by now. */
    sealer->dir_fd = openat(sealer->chain.segments.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sealer->dir_fd < 0)
        return say(sealer, -errno, "%.100s: %s", sealer->dir, strerror(errno));
    rc = lock(sealer);
    if (rc != 0)
        return rc;
    rc = open_newest(sealer);
    if (rc == 0)
        rc = open_kept(sealer);
    unlock(sealer);
    if (rc == 0 &&
        sealer->chain.segments.first > (sealer->any ? sealer->newest.statement.segment_no + 1 : 0))
        return say(sealer, -EBADMSG,
                   "%.100s: it begins at segment %" PRIu32 ", and what was before it is not sealed",
                   sealer->dir, sealer->chain.segments.first);
    if (rc == 0 && sealer->any && sealer->newest.statement.pages_cnt != tally_pages(&sealer->chain))
        return say(sealer, -EBADMSG, "%.100s: the segments have not the size that was sealed",
                   sealer->dir);
    if (rc == 0)
        tally_open(sealer);
    return rc;
}

/* make returns a sealer that has nothing open, NULL: no memory. */
static struct sealer *
make(const struct sealer_cfg *cfg, char why[320])
{
    struct sealer *sealer = calloc(1, sizeof *sealer);

    if (sealer == NULL) {
        snprintf(why, 320, "out of memory");
        return NULL;
    }
    sealer->dir_fd = -1;
    sealer->chain.segments.dir_fd = -1;
    sealer->bound_page_no = UINT64_MAX;
    sealer->pages_max = UINT64_MAX;
    snprintf(sealer->dir, sizeof sealer->dir, "%s", cfg->dir);
    return sealer;
}

int
sealer_try(const struct sealer_cfg *cfg, char why[320])
{
    struct sealer *sealer = make(cfg, why);

    if (sealer == NULL)
        return -ENOMEM;

    int rc = name_newest(sealer, cfg);

    if (rc == 0)
        rc = open_keys(sealer, cfg->key_path);
    if (rc == 0)
        rc = try_newest(sealer);
    if (rc != 0)
        memcpy(why, sealer->why, sizeof sealer->why);
    sealer_close(sealer);
    return rc;
}

int
sealer_open(struct sealer **sealer, const struct sealer_cfg *cfg, char why[320])
{
    struct sealer *new_sealer = make(cfg, why);

    if (new_sealer == NULL)
        return -ENOMEM;

    const int rc = open_all(new_sealer, cfg);

    if (rc != 0) {
        memcpy(why, new_sealer->why, sizeof new_sealer->why);
        sealer_close(new_sealer);
        return rc;
    }
    *sealer = new_sealer;
    return 0;
}

/* seal_make makes the seal of the segment that was counted. */
static int
seal_make(struct sealer *sealer, uint64_t now_ns, struct seal *seal)
{
    struct seal_statement *statement = &seal->statement;

    tally_statement(&sealer->tally, &sealer->chain, statement);
    if (sealer->any)
        seal_digest(&sealer->newest, &statement->prev);
    statement->sealed_time = now_ns;
    statement->key_id = sealer->ring.keys[sealer->ring.cnt - 1].id;
    if (sealer->pending) {
        if (!seal_same_content(&sealer->kept, seal))
            return say(sealer, -EBADMSG,
                       "%.100s: segment %" PRIu64 " is not what this key sealed before (%.100s): "
                       "it was changed",
                       sealer->dir, statement->segment_no, sealer->newest_path);
        *seal = sealer->kept;
        return 0;
    }
    signer_sign(sealer->signer, statement, sizeof *statement, seal->signature);
    return 0;
}

/* publish puts the seal into the folder, unless another sealer was first: then it
 * is that one's. We have the lock. */
static int
publish(struct sealer *sealer, struct seal *seal)
{
    char name[SEAL_NAME_BYTES];
    char why[256];
    struct seal theirs;

    seal_name(name, seal->statement.segment_no);
    if (faccessat(sealer->dir_fd, name, F_OK, 0) == 0) {
        const int rc = read_good(sealer, &theirs, seal->statement.segment_no);

        if (rc != 0)
            return rc;
        if (!seal_same_content(&theirs, seal))
            return say(sealer, -EBADMSG,
                       "%.100s/%s: another sealer has sealed something else than is there",
                       sealer->dir, name);
        *seal = theirs;
        return 0;
    }

    int rc = sealer->pending ? 0 : seal_write(seal, AT_FDCWD, sealer->newest_path, why);

    if (rc == 0)
        rc = seal_write(seal, sealer->dir_fd, name, why);
    return rc == 0 ? 0 : say(sealer, rc, "%s", why);
}

/* finish seals what was counted and goes on behind it. */
static int
finish(struct sealer *sealer, uint64_t now_ns, struct seal *seal)
{
    int rc = lock(sealer);

    if (rc != 0)
        return rc;
    rc = seal_make(sealer, now_ns, seal);
    if (rc == 0)
        rc = publish(sealer, seal);
    unlock(sealer);
    if (rc != 0)
        return rc;
    sealer->newest = *seal;
    sealer->any = true;
    sealer->pending = false;
    sealer->chain.at = sealer->tally.end;
    tally_begin(&sealer->tally, &sealer->chain, seal->statement.segment_no + 1);
    return 1;
}

/* lost_pending: what the key remembers was a full segment, and durable; a journal that
 * ends before it has lost it. */
static COLD int
lost_pending(struct sealer *sealer)
{
    return say(sealer, -EBADMSG,
               "%.100s: this key has sealed segment %" PRIu64 " (%.100s), but the journal ends "
               "before it is full: segments were taken away, and their seals",
               sealer->dir, sealer->kept.statement.segment_no, sealer->newest_path);
}

int
sealer_poll(struct sealer *sealer, uint64_t now_ns, struct seal *seal)
{
    uint64_t pages_cnt = 0;
    int rc = sealer->failed;

    while (rc == 0 && sealer->tally.state != TALLY_DURABLE) {
        if (sealer_left(sealer) == 0 || pages_cnt++ == sealer->pages_max)
            return 0;
        rc = tally_next(&sealer->tally, &sealer->chain);
        if (rc == 0 && sealer->pending)
            rc = lost_pending(sealer);
        if (rc == 0)
            return 0;
        if (rc < 0 && sealer->why[0] == '\0')
            say(sealer, rc, "%s", sealer->chain.fault.text);
        rc = rc > 0 ? 0 : rc;
    }
    if (rc == 0)
        rc = finish(sealer, now_ns, seal);
    if (rc < 0)
        sealer->failed = rc;
    return rc;
}

void
sealer_bound(struct sealer *sealer, uint64_t page_no, uint64_t pages_max)
{
    ASSERT(pages_max != 0);
    sealer->bound_page_no = page_no;
    sealer->pages_max = pages_max;
}

uint64_t
sealer_left(const struct sealer *sealer)
{
    const uint64_t at = sealer->chain.at.page_no;

    return at < sealer->bound_page_no ? sealer->bound_page_no - at : 0;
}

const struct seal *
sealer_newest(const struct sealer *sealer)
{
    return sealer->any ? &sealer->newest : NULL;
}

bool
sealer_forgot(const struct sealer *sealer)
{
    return sealer->forgot;
}

bool
sealer_is_locked(const struct sealer *sealer)
{
    return signer_is_locked(sealer->signer);
}

const char *
sealer_why(const struct sealer *sealer)
{
    return sealer->why;
}

void
sealer_close(struct sealer *sealer)
{
    if (sealer == NULL)
        return;
    if (sealer->chain.segments.dir_fd >= 0)
        chain_close(&sealer->chain);
    if (sealer->dir_fd >= 0)
        close(sealer->dir_fd);
    signer_close(sealer->signer);
    free(sealer);
}
