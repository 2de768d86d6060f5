#include "tools/behind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "tools/memory.h"
#include "tools/text.h"

int
behind_look(struct journal_reader *reader, struct behind_left *left)
{
    const union cell *cells;
    int rc;

    *left = (struct behind_left){.segment_no = journal_reader_first_segment(reader)};
    if (left->segment_no == 0)
        return 0;
    rc = journal_reader_seek_seq(reader, 0);
    if (rc == 0)
        rc = journal_reader_next(reader, &cells);
    if (rc < 0)
        return rc;
    left->pruned_ns = journal_reader_pruned_ns(reader);
    /* Only events of a command that was removed may be left. */
    left->first_seq = rc > 0 ? cell_seq(cells) : UINT64_MAX;
    left->first_ns = rc > 0 ? cell_time(cells) : UINT64_MAX;
    return 0;
}

const char *
behind_left_text(const struct behind_left *left, char text[BEHIND_TEXT_BYTES])
{
    char time[TEXT_TIME_BYTES];

    if (left->first_seq == UINT64_MAX)
        snprintf(text, BEHIND_TEXT_BYTES,
                 "the journal begins with segment %" PRIu64
                 ", where there is no command yet: all before it was pruned",
                 left->segment_no);
    else
        snprintf(text, BEHIND_TEXT_BYTES,
                 "the journal begins with segment %" PRIu64 ", seq %" PRIu64
                 " of %s: what came before was pruned",
                 left->segment_no, left->first_seq, text_time(left->first_ns, time));
    return text;
}

static void
give_restored(struct restored *restored)
{
    if (restored->reader != NULL)
        journal_reader_close(restored->reader);
    memory_give(restored->mem, restored->bytes);
    *restored = (struct restored){.engine = NULL};
}

/* say_oldest words what of a pruned journal can be replayed: what lies behind its oldest
 * snapshot of use, if there is one. */
static COLD int
say_oldest(const struct behind_left *left, const struct restored *oldest, char *text)
{
    const size_t len = strlen(behind_left_text(left, text));

    if (oldest->engine == NULL)
        snprintf(text + len, BEHIND_TEXT_BYTES - len, "; no snapshot is of use to begin with");
    else
        snprintf(text + len, BEHIND_TEXT_BYTES - len,
                 "; its oldest snapshot of use is %s, so seq %" PRIu64
                 " is the first that can be replayed",
                 oldest->info.name, oldest->info.seq + 1);
    return -ESTALE;
}

/* restore_pruned takes up a snapshot of a journal that was pruned. 0, or -ESTALE with a line
 * in text. */
static int
restore_pruned(const struct behind_cfg *cfg,
               const struct restore_cfg *restore_cfg,
               const struct behind_left *left,
               struct restored *restored,
               char *text)
{
    struct restore_cfg any = *restore_cfg;

    if (cfg->seq_max != 0 && restore_newest(restore_cfg, restored))
        return 0;
    any.oldest = true;
    any.seq_max = 0;
    if (restore_newest(&any, restored) && cfg->seq_max == 0 &&
        (cfg->seq_to == 0 || restored->info.seq <= cfg->seq_to))
        return 0;
    return say_oldest(left, restored, text);
}

int
behind_open(struct behind *behind,
            struct journal_reader *reader,
            const struct behind_cfg *cfg,
            char text[BEHIND_TEXT_BYTES])
{
    struct replay_cfg replay_cfg = cfg->replay;
    struct restored *restored = &behind->restored;
    struct behind_left left;
    int rc = behind_look(reader, &left);

    text[0] = '\0';
    *behind = (struct behind){.reader = reader};
    if (rc != 0)
        return rc;

    const struct restore_cfg restore_cfg = {
        .dir = cfg->dir,
        .shard = -1,
        .seq_max = cfg->seq_max,
        .salt = replay_cfg.salt,
        .take = replay_cfg.alloc,
    };

    if (left.segment_no != 0)
        rc = restore_pruned(cfg, &restore_cfg, &left, restored, text);
    else if (cfg->seq_max == 0 || !restore_newest(&restore_cfg, restored))
        rc = journal_reader_seek_seq(reader, 0);
    if (restored->engine != NULL) {
        behind->reader = restored->reader;
        behind->base_seq = restored->info.seq;
        replay_cfg.engine = restored->engine;
        replay_cfg.engine_cfg = restored->info.cfg;
        replay_cfg.event_hash = restored->info.event_hash;
    }
    if (rc == 0)
        rc = replay_open(&behind->replay, behind->reader, &replay_cfg);
    if (rc != 0)
        give_restored(restored);
    return rc;
}

void
behind_close(struct behind *behind)
{
    replay_close(behind->replay);
    give_restored(&behind->restored);
}
