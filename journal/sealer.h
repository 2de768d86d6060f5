/*
 * Sealer: seals each segment of a journal when it is full. And its counterpart, which
 * checks all seals and what they say.
 *
 *   sealer_open -> sealer_poll ... -> sealer_close
 *
 * Works beside a running exchange, and beside other sealers: it only reads segments,
 * and a seal that is there already is taken as it is if it is good.
 *
 * The key's memory. Beside the secret key lies a copy of the newest seal that it made
 * for this journal (KEY.newest, or wherever newest_path says), written before the seal
 * itself appears in the folder. So somebody who can write the folder but not that
 * file cannot delete seals, change what they covered and have it sealed anew: the
 * sealer finds that the folder has not the seal that it remembers, and stops. One
 * seal that it remembers and the folder lacks may be a crash in between: the
 * segment is counted again and, if it is the same, that very seal is put back.
 *
 * Crashes: a seal appears complete or not at all. Its temporary name, if a crash
 * leaves it, is taken away by the next.
 *
 * Cost: about 0.4 us for a message of one cell, 0.6 us for one of two; 180 MB/s with
 * the messages of a mixed day, so a second and a half for a segment of 256 MiB. Memory of
 * some kilobytes.
 */
#ifndef OUTCRY_JOURNAL_SEALER_H
#define OUTCRY_JOURNAL_SEALER_H

#include "journal/reader.h"
#include "journal/seal.h"

struct sealer;

struct sealer_cfg {
    const char *dir;         /* of the journal */
    const char *key_path;    /* the secret key; its public half is key_path.pub */
    const char *newest_path; /* NULL: key_path.newest */
    int shard;               /* -1: what the journal says */
};

/* sealer_try looks whether the keys of cfg are fit and the file of the newest seal can be
 * written, for who will need them later: there need not be a journal. 0, or -errno with a
 * line in why. */
NODISCARD int sealer_try(const struct sealer_cfg *cfg, char why[320]);

/* sealer_open opens journal and key and finds what is sealed already. 0 or -errno
 * with a line in why: -ENOENT no journal there (or no key, as the line says), -EBADMSG
 * when the seals in the folder are not those that this key made. */
NODISCARD int sealer_open(struct sealer **sealer, const struct sealer_cfg *cfg, char why[320]);

/* sealer_poll seals the next segment if it is full and durable. now_ns: UTC, becomes
 * sealed_time. 1 and seal is filled; 0: there is none now, ask again
 * when the journal has grown; or -errno with sealer_why, and then for ever. */
NODISCARD int sealer_poll(struct sealer *sealer, uint64_t now_ns, struct seal *seal);

/* sealer_bound is for who follows a journal: from now on sealer_poll looks at no page from
 * page_no on, and at no more than pages_max in one call (4 MiB take about 20 ms), and then
 * says 0. page_no is where a reader stands, so what lies before is valid, and the end,
 * behind which a walk has to look around, is never met. */
void sealer_bound(struct sealer *sealer, uint64_t page_no, uint64_t pages_max);

/* sealer_left returns how many pages before the bound were not looked at yet. */
uint64_t sealer_left(const struct sealer *sealer);

/* sealer_newest returns the newest seal in the folder, NULL: none. */
const struct seal *sealer_newest(const struct sealer *sealer);

/* sealer_forgot tells whether the file in which the key keeps its newest seal was not
 * there, though the folder has seals of this key: it was made anew from those, and of
 * seals that were taken away before nobody can tell any more. */
bool sealer_forgot(const struct sealer *sealer);

/* sealer_is_locked tells whether the key is kept out of swap. */
bool sealer_is_locked(const struct sealer *sealer);

const char *sealer_why(const struct sealer *sealer);
void sealer_close(struct sealer *sealer);

/*
 * seals_verify checks all seals in dir by the keys of the ring, and the segments by
 * the seals. newest: a seal that somebody kept, or NULL. 0 when all is as it was
 * sealed; 1 when it is not, or nothing is sealed, and text says what; or -errno with
 * text: -ENOENT no journal there, -EPROTO a foreign one.
 */
struct seals_result {
    uint64_t seals_cnt;      /* in the folder */
    uint64_t checked_cnt;    /* segments whose messages were compared */
    uint64_t pruned_cnt;     /* segments that are not there any more: seals alone */
    uint64_t messages_cnt;   /* compared */
    uint64_t last_seq;       /* sealed up to this command */
    uint64_t unsealed_pages; /* that the journal has behind that */
    unsigned keys_cnt;       /* that signed */
    struct seal newest;      /* if seals_cnt is not 0 */
    bool newest_was_found;   /* the one that was kept */
    uint64_t bad_segment;    /* that text speaks of */
    char text[320];
};
NODISCARD int seals_verify(const char *dir,
                           int shard,
                           const struct key_ring *ring,
                           const struct seal *newest,
                           struct seals_result *result);

#endif
