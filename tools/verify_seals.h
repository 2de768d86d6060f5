/*
 * Verify seals: the part of outcry verify that a public key makes possible.
 *
 *   verify_seals_key, _newest   as the options come
 *   verify_seals_run            checks
 *   verify_seals_text, _json    tell what came out, after what verify tells itself
 */
#ifndef OUTCRY_TOOLS_VERIFY_SEALS_H
#define OUTCRY_TOOLS_VERIFY_SEALS_H

#include <stdbool.h>

#include "journal/sealer.h"

#include "tools/json.h"

struct verify_seals {
    struct key_ring ring;    /* empty: nobody asked */
    const char *newest_path; /* NULL: none was given */
    bool newest_is_there;    /* it is the very file in the folder, so it shows nothing */
    struct seal newest;
    bool good;
    struct seals_result result;
};

/* verify_seals_key adds a public key, verify_seals_newest reads the seal that was
 * kept. EXIT_FINE, or another exit code and a line was printed. */
int verify_seals_key(struct verify_seals *seals, const char *path);
int verify_seals_newest(struct verify_seals *seals, const char *path);

/* verify_seals_run checks the journal in dir. EXIT_FINE also when the seals are
 * broken: that is seals->good. */
int verify_seals_run(struct verify_seals *seals, const char *dir);

void verify_seals_text(const struct verify_seals *seals);
void verify_seals_json(const struct verify_seals *seals, struct json *json);

#endif
