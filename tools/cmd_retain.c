/*
 * outcry retain: what becomes of the old segments of a journal.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/retain.h"

#include "tools/cli.h"
#include "tools/clock.h"
#include "tools/commands.h"
#include "tools/config.h"
#include "tools/json.h"
#include "tools/text.h"

static const char help[] =
    "usage: outcry retain DIR|CONFIG [--compress] [--encrypt KEYFILE] [--prune] [--years N]\n"
    "                     [--key FILE.pub ...] [--dry-run] [--json]\n"
    "\n"
    "Compresses, encrypts and removes old segments of the journal in DIR, or of the exchange of\n"
    "CONFIG, and says of each segment what it does and why not. Compressed segments are read\n"
    "by every command as they are. Works while an exchange writes, and never touches what it\n"
    "has in use; what was cut off is finished by the next run.\n"
    "\n"
    "A segment is compressed when it is full and sealed (outcry seal). It is removed when beside\n"
    "this a good snapshot lies behind it (outcry follow), the years to keep have gone by since\n"
    "its last command, and so with all segments before it.\n"
    "\n"
    "  --compress       make NNNNNNNN.segz of NNNNNNNN.seg: written, synced, read back and\n"
    "                   compared before the other goes\n"
    "  --encrypt FILE   compress, under the key in FILE: 32 bytes, or 64 hexadecimal digits.\n"
    "                   Segments that are compressed already are encrypted, or encrypted anew\n"
    "                   (their old key is given by --archive-key). Who loses the key loses them\n"
    "  --prune          remove for good\n"
    "  --years N        years to keep, 0 to 200; of CONFIG journal.retain_years. Without it\n"
    "                   nothing is removed\n"
    "  --key FILE.pub   only seals by this key count. You have it from whom you trust. Without\n"
    "                   it whoever can write the folder can make a seal\n"
    "  --dry-run        only say what would be done; alone: by --compress and --prune\n"
    "  --json           a line of JSON for each segment, and one for all\n"
    "\n"
    "exit codes: 0 all is as asked, as far as it may be yet; 1 a segment is damaged, its seal is\n"
    "of something else, or its key was not given; 2 wrong usage; 3 no journal or key there, or it "
    "cannot be written\n";

struct wish {
    struct retain_cfg cfg;
    struct key_ring seals;
    const char *encrypt;
    bool compress;
    bool years_given;
    bool json;
};

/* What was done, for the last line. */
struct total {
    unsigned packed;
    unsigned pruned;
    unsigned kept;
    unsigned bad; /* damaged, with a seal of something else, or under another key */
    uint64_t bytes_before;
    uint64_t bytes_after;
};

static const char *
form_text(enum retain_form form)
{
    switch (form) {
    case RETAIN_PLAIN:
        return "plain";
    case RETAIN_COMPRESSED:
        return "compressed";
    case RETAIN_ENCRYPTED:
        return "encrypted";
    case RETAIN_BOTH:
        return "plain and compressed";
    default:
        UNREACHABLE("retain_form is a closed set");
    }
}

/* deed_text tells what is done: done, or would be. */
static const char *
deed_text(const struct retain_segment *segment, const struct retain_cfg *cfg)
{
    const bool encrypt = cfg->key != NULL;

    switch (segment->deed) {
    case RETAIN_KEEP:
        return "kept as it is";
    case RETAIN_PACK:
        if (cfg->dry_run)
            return encrypt ? "would be encrypted" : "would be compressed";
        return encrypt ? "encrypted" : "compressed";
    case RETAIN_PRUNE:
        return cfg->dry_run ? "would be removed" : "removed";
    case RETAIN_REMOVE:
        return cfg->dry_run ? "was pruned before: what is left would be removed"
                            : "was pruned before: what was left is removed";
    default:
        UNREACHABLE("retain_deed is a closed set");
    }
}

/* print_reason prints why something is not done, if it was asked for. */
static void
print_reason(const struct retain *retain,
             const struct retain_segment *segment,
             const char *what,
             enum retain_reason reason)
{
    char time[TEXT_TIME_BYTES];

    switch (reason) {
    case RETAIN_DO:
    case RETAIN_DONE:
    case RETAIN_NOT_ASKED:
        return;
    case RETAIN_YOUNG:
        printf("; not %s: to be kept until %s", what,
               segment->keep_until_ns == 0 ? "the end of time"
                                           : text_time(segment->keep_until_ns, time));
        return;
    case RETAIN_UNCOVERED:
        if (retain_covered_seq(retain) == 0)
            printf("; not %s: no good snapshot is there", what);
        else
            printf("; not %s: the newest good snapshot, at seq %" PRIu64 ", does not lie behind it",
                   what, retain_covered_seq(retain));
        return;
    case RETAIN_IN_USE:
    case RETAIN_DAMAGED:
    case RETAIN_UNSEALED:
    case RETAIN_OTHER_SEAL:
    case RETAIN_NO_KEY:
    case RETAIN_NO_YEARS:
    case RETAIN_BEHIND:
    default:
        printf("; not %s: %s%s%s", what, retain_reason_text(reason),
               segment->text[0] != '\0' ? ": " : "", segment->text);
        return;
    }
}

static bool
is_bad(const struct retain_segment *segment)
{
    return segment->pack == RETAIN_DAMAGED || segment->pack == RETAIN_OTHER_SEAL ||
           segment->pack == RETAIN_NO_KEY || segment->prune == RETAIN_OTHER_SEAL;
}

static void
print_segment(const struct retain *retain,
              const struct retain_segment *segment,
              const struct wish *wish,
              uint64_t bytes)
{
    char time[TEXT_TIME_BYTES];

    printf("segment %" PRIu64 ": ", segment->segment_no);
    if (segment->last_seq != 0)
        printf("seq %" PRIu64 " to %" PRIu64 ", until %s, ", segment->first_seq, segment->last_seq,
               text_time(segment->last_time_ns, time));
    if (segment->pack == RETAIN_IN_USE) {
        puts("in use: left alone");
        return;
    }
    printf("%s: %s", form_text(segment->form), deed_text(segment, &wish->cfg));
    if (segment->deed == RETAIN_PACK && !wish->cfg.dry_run)
        printf(", %" PRIu64 " bytes of %" PRIu64, bytes, segment->disk_bytes);
    print_reason(retain, segment, "compressed", segment->pack);
    print_reason(retain, segment, "removed", segment->prune);
    putchar('\n');
}

static const char *
deed_word(enum retain_deed deed)
{
    static const char *const words[] = {"keep", "pack", "prune", "remove"};

    return words[deed];
}

static void
json_segment(const struct retain_segment *segment, const struct wish *wish, uint64_t bytes)
{
    struct json json;

    json_begin(&json, stdout);
    json_u64(&json, "segment", segment->segment_no);
    json_text(&json, "form", form_text(segment->form));
    json_text(&json, "do", deed_word(segment->deed));
    json_bool(&json, "done", !wish->cfg.dry_run);
    json_text(&json, "pack", retain_reason_text(segment->pack));
    json_text(&json, "prune", retain_reason_text(segment->prune));
    json_u64(&json, "first_seq", segment->first_seq);
    json_u64(&json, "last_seq", segment->last_seq);
    json_u64(&json, "last_time_ns", segment->last_time_ns);
    json_u64(&json, "keep_until_ns", segment->keep_until_ns);
    json_u64(&json, "bytes_before", segment->disk_bytes);
    json_u64(&json, "bytes_after", bytes);
    json_text(&json, "text", segment->text);
    json_end(&json);
}

static void
print_total(const struct total *total, const struct retain *retain, const struct wish *wish)
{
    struct json json;

    if (!wish->json) {
        printf("%s: %u %s, %u removed, %u kept; %" PRIu64 " MiB on disk",
               wish->cfg.dry_run ? "would be" : "done", total->packed,
               wish->cfg.key != NULL ? "encrypted" : "compressed", total->pruned, total->kept,
               total->bytes_before >> 20);
        if (!wish->cfg.dry_run)
            printf(" before, %" PRIu64 " now", total->bytes_after >> 20);
        putchar('\n');
        return;
    }
    json_begin(&json, stdout);
    json_u64(&json, "packed", total->packed);
    json_u64(&json, "pruned", total->pruned);
    json_u64(&json, "kept", total->kept);
    json_u64(&json, "bad", total->bad);
    json_u64(&json, "covered_seq", retain_covered_seq(retain));
    json_u64(&json, "bytes_before", total->bytes_before);
    json_u64(&json, "bytes_after", total->bytes_after);
    json_bool(&json, "done", !wish->cfg.dry_run);
    json_end(&json);
}

/* treat does what was decided for one segment, and says so. */
static int
treat(struct retain *retain, size_t i, const struct wish *wish, struct total *total)
{
    size_t cnt;
    const struct retain_segment *segment = &retain_segments(retain, &cnt)[i];
    uint64_t bytes = segment->disk_bytes;
    char why[RETAIN_WHY_BYTES];

    if (!wish->cfg.dry_run) {
        const int rc = retain_do(retain, i, &bytes, why);

        if (rc != 0)
            return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "retain", "%s", why);
    }
    total->packed += segment->deed == RETAIN_PACK;
    total->pruned += segment->deed == RETAIN_PRUNE;
    total->kept += segment->deed == RETAIN_KEEP;
    total->bad += is_bad(segment);
    total->bytes_before += segment->disk_bytes;
    total->bytes_after += bytes;
    if (wish->json)
        json_segment(segment, wish, bytes);
    else
        print_segment(retain, segment, wish, bytes);
    fflush(stdout);
    return EXIT_FINE;
}

static int
treat_all(struct retain *retain, const struct wish *wish)
{
    struct total total = {0};
    int code = EXIT_FINE;
    size_t cnt;

    (void)retain_segments(retain, &cnt);
    for (size_t i = 0; i < cnt && code == EXIT_FINE; i++)
        code = treat(retain, i, wish, &total);
    if (code != EXIT_FINE)
        return code;
    print_total(&total, retain, wish);
    return total.bad != 0 ? EXIT_CHECK : EXIT_FINE;
}

static int
run(const struct wish *wish)
{
    struct retain *retain;
    char why[RETAIN_WHY_BYTES];
    const int rc = retain_open(&retain, &wish->cfg, why);

    if (rc != 0)
        return cli_fail(rc == -EBADMSG ? EXIT_CHECK : EXIT_SETUP, "retain", "%s", why);

    const int code = treat_all(retain, wish);

    retain_close(retain);
    return code;
}

/* take_config takes from a configuration what was not given. */
static int
take_config(struct wish *wish, const char *path, const struct config **config)
{
    char why[CONFIG_WHY_BYTES];
    struct stat st;

    wish->cfg.dir = path;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return EXIT_FINE;
    *config = config_load(path, why);
    if (*config == NULL)
        return cli_fail(EXIT_SETUP, "retain", "%s", why);
    wish->cfg.dir = (*config)->journal_folder;
    if (!wish->years_given && (*config)->retain_years != 0) {
        wish->cfg.years = (*config)->retain_years;
        wish->years_given = true;
    }
    if (wish->encrypt == NULL && wish->compress && (*config)->archive_key[0] != '\0')
        wish->encrypt = (*config)->archive_key;
    return EXIT_FINE;
}

/* take_key loads the key to encrypt under. */
static int
take_key(struct wish *wish, const struct config *config)
{
    const struct archive_key *key;
    char why[256];

    if (config != NULL && config->archive_key[0] != '\0' &&
        archive_key_load(config->archive_key, &key, why) != 0)
        return cli_fail(EXIT_SETUP, "retain", "%s: journal.archive_key: %s", config->file, why);
    if (wish->encrypt != NULL && archive_key_load(wish->encrypt, &wish->cfg.key, why) != 0)
        return cli_fail(EXIT_SETUP, "retain", "%s", why);
    return EXIT_FINE;
}

/* take_option takes one option; EXIT_FINE, or the exit code. */
static int
take_option(struct wish *wish, int option)
{
    uint64_t years;
    char why[256];

    switch (option) {
    case 'c':
        wish->compress = true;
        break;
    case 'e':
        wish->encrypt = optarg;
        break;
    case 'p':
        wish->cfg.prune = true;
        break;
    case 'y':
        if (!text_u64_parse(optarg, &years) || years > RETAIN_YEARS_MAX)
            return cli_wrong("retain", "--years %s is no number from 0 to %u", optarg,
                             RETAIN_YEARS_MAX);
        wish->cfg.years = (uint32_t)years;
        wish->years_given = true;
        break;
    case 'k':
        if (key_ring_add(&wish->seals, optarg, why) != 0)
            return cli_fail(EXIT_SETUP, "retain", "--key: %s", why);
        wish->cfg.seals = &wish->seals;
        break;
    case 'd':
        wish->cfg.dry_run = true;
        break;
    default:
        wish->json = true;
        break;
    }
    return EXIT_FINE;
}

int
cmd_retain(int argc, char **argv)
{
    static const struct option options[] = {
        {"compress", no_argument, NULL, 'c'},  {"encrypt", required_argument, NULL, 'e'},
        {"prune", no_argument, NULL, 'p'},     {"years", required_argument, NULL, 'y'},
        {"key", required_argument, NULL, 'k'}, {"dry-run", no_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'j'},      {0},
    };
    static struct wish wish = {.cfg = {.years = RETAIN_FOREVER}};
    struct cli cli = {.help = help, .arguments = 1, .keys = true};
    const struct config *config = NULL;
    int option;
    int code;

    while ((option = cli_next(&cli, argc, argv, options)) > 0) {
        code = take_option(&wish, option);
        if (code != EXIT_FINE)
            return code;
    }
    if (option < 0)
        return cli.exit;
    code = take_config(&wish, argv[optind], &config);
    if (code == EXIT_FINE)
        code = take_key(&wish, config);
    if (code != EXIT_FINE)
        return code;
    if (wish.cfg.prune && !wish.years_given)
        return cli_wrong("retain", "--prune needs --years, or journal.retain_years in CONFIG");
    wish.cfg.pack = wish.compress || wish.encrypt != NULL;
    wish.cfg.now_ns = clock_utc_ns();
    wish.cfg.uid = getuid();
    if (!wish.cfg.pack && !wish.cfg.prune && !wish.cfg.dry_run)
        return cli_wrong("retain", "one of --compress, --encrypt, --prune, --dry-run is missing");
    if (!wish.cfg.pack && !wish.cfg.prune)
        wish.cfg.pack = wish.cfg.prune = true;
    return run(&wish);
}
