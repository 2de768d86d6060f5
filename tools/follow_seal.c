#include "tools/follow_seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "tools/cli.h"
#include "tools/clock.h"
#include "tools/commands.h"

/* Pages in a slice: some hundredths of a second. */
#define SLICE_PAGES 1024u

/* Behind a seal that could not be written. */
#define RETRY_NS 10000000000u

int
follow_seal_try(const struct follow_seal *seal)
{
    char why[320];

    if (seal->cfg.key_path == NULL || sealer_try(&seal->cfg, why) == 0)
        return EXIT_FINE;
    return cli_fail(EXIT_SETUP, "follow", "nothing can be sealed: %s", why);
}

/* trouble tells of an error, and whether it ends the follower. */
static int
trouble(struct follow_seal *seal, int error, const char *why)
{
    if (error == -EBADMSG || seal->once)
        return cli_fail(error == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "follow",
                        "%s cannot be sealed: %s", seal->cfg.dir, why);
    fprintf(stderr, "outcry: %s cannot be sealed now: %s\n", seal->cfg.dir, why);
    seal->retry_ns = clock_utc_ns() + RETRY_NS;
    return EXIT_FINE;
}

static void
say_sealed(const struct follow_seal *seal, const struct seal_statement *statement)
{
    fprintf(stderr,
            "outcry: sealed %s/%08" PRIu64 ".seal: %" PRIu64 " messages, seq %" PRIu64
            " to %" PRIu64 "\n",
            seal->cfg.dir, statement->segment_no, statement->messages_cnt, statement->first_seq,
            statement->last_seq);
}

static int
begin(struct follow_seal *seal)
{
    char why[320];
    const int rc = sealer_open(&seal->sealer, &seal->cfg, why);

    if (rc != 0) {
        seal->sealer = NULL;
        return trouble(seal, rc, why);
    }
    if (!seal->said && !sealer_is_locked(seal->sealer))
        fputs("outcry: the limit for locked memory is too small, so the key may get into swap\n",
              stderr);
    seal->said = true;
    return EXIT_FINE;
}

int
follow_seal_poll(struct follow_seal *seal, uint64_t page_no, bool *more)
{
    struct seal made;
    int code = EXIT_FINE;
    int rc;

    *more = false;
    if (seal->cfg.key_path == NULL || page_no == 0 ||
        (seal->sealer == NULL && clock_utc_ns() < seal->retry_ns))
        return EXIT_FINE;
    if (seal->sealer == NULL)
        code = begin(seal);
    if (seal->sealer == NULL)
        return code;
    sealer_bound(seal->sealer, page_no, SLICE_PAGES);
    rc = sealer_poll(seal->sealer, clock_utc_ns(), &made);
    if (rc < 0) {
        code = trouble(seal, rc, sealer_why(seal->sealer));
        follow_seal_forget(seal);
        return code;
    }
    *more = sealer_left(seal->sealer) != 0;
    if (rc == 0)
        return EXIT_FINE;
    say_sealed(seal, &made.statement);
    if (sealer_left(seal->sealer) < made.statement.pages_cnt)
        follow_seal_forget(seal);
    return EXIT_FINE;
}

void
follow_seal_forget(struct follow_seal *seal)
{
    sealer_close(seal->sealer);
    seal->sealer = NULL;
}
