#include "tests/journal/seal_rig.h"

#include <string.h>
#include <unistd.h>

#define NOW_NS 1700000000000000000ull

void
seal_rig_path(const struct seal_rig *rig, unsigned segment_no, const char *end, char path[128])
{
    snprintf(path, 128, "%s/%08u%s", rig->dir, segment_no, end);
}

void
seal_rig_open(struct seal_rig *rig, uint64_t seed)
{
    const size_t cells = (SEAL_RIG_SEGMENTS - 1) * RIG_SEGMENT_PAGES * JOURNAL_PAGE_CELLS;
    uint64_t random = seed;
    char path[160];
    char why[256];

    *rig = (struct seal_rig){.all = {0}};
    rig_dir_make(rig->keys);
    rig_dir_make(rig->dir);
    snprintf(rig->secret, sizeof rig->secret, "%s/key", rig->keys);
    CHECK(key_make(rig->secret, NULL, why) == 0, "%s", why);
    snprintf(path, sizeof path, "%s.pub", rig->secret);
    CHECK(key_ring_add(&rig->ring, path, why) == 0, "%s", why);
    while (rig->all.cnt < cells)
        rig_group(&rig->all, &random, rig->all.seq % 1000 == 999 ? 100 : 0, true);
    rig_write(rig->dir, &rig->all, 400);
}

void
seal_rig_close(struct seal_rig *rig)
{
    rig_dir_remove(rig->dir);
    rig_dir_remove(rig->keys);
    free(rig->all.cells);
}

unsigned
seal_rig_seal(const struct seal_rig *rig)
{
    const struct sealer_cfg cfg = {.dir = rig->dir, .key_path = rig->secret, .shard = -1};
    struct sealer *sealer;
    struct seal seal;
    char why[320];
    unsigned sealed = 0;
    int rc = sealer_open(&sealer, &cfg, why);

    CHECK(rc == 0, "%d %s", rc, why);
    while ((rc = sealer_poll(sealer, NOW_NS + sealed, &seal)) > 0)
        sealed++;
    CHECK(rc == 0, "%d %s", rc, sealer_why(sealer));
    sealer_close(sealer);
    return sealed;
}

int
seal_rig_verify(const struct seal_rig *rig, struct seals_result *result)
{
    return seals_verify(rig->dir, -1, &rig->ring, NULL, result);
}

void
attack_load(struct attack *attack, const struct seal_rig *rig)
{
    char path[128];

    attack->files_cnt = 0;
    for (unsigned i = 0; i < SEAL_RIG_SEGMENTS; i++) {
        seal_rig_path(rig, i, ".seg", path);
        if (access(path, F_OK) != 0)
            break;
        rig_load(&attack->files[i], rig->dir, i);
        attack->files_cnt++;
    }
}

struct page *
attack_page(struct attack *attack, uint64_t page_no)
{
    return rig_page(&attack->files[page_no / RIG_SEGMENT_PAGES], page_no % RIG_SEGMENT_PAGES);
}

void
attack_store(struct attack *attack, const struct seal_rig *rig)
{
    struct hash128 prev = {0};

    for (uint64_t i = 0; i < (uint64_t)attack->files_cnt * RIG_SEGMENT_PAGES; i++) {
        struct page *page = attack_page(attack, i);

        if (page_is_zero(page))
            break;
        page->header.prev_hash = prev;
        rig_rehash(page);
        prev = page->header.hash;
    }
    for (unsigned i = 0; i < attack->files_cnt; i++)
        rig_store(&attack->files[i], rig->dir, i);
}

void
attack_free(struct attack *attack)
{
    for (unsigned i = 0; i < attack->files_cnt; i++)
        free(attack->files[i].bytes);
}
