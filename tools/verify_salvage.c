#include "tools/verify_salvage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/text.h"

bool
verify_salvage_look(const char *dir, uint64_t to_seq, struct journal_salvage *salvage)
{
    return journal_salvage_look(dir, to_seq, salvage) == 1;
}

/* nothing_saved tells whether there is nothing to be saved. */
static bool
nothing_saved(const struct journal_salvage *salvage)
{
    return salvage->pages_cnt == 0 || salvage->last_seq == 0;
}

/* print_lost tells what lies behind the damage. */
static void
print_lost(const struct journal_salvage *salvage)
{
    if (salvage->lost_pages_cnt != 0)
        printf("lost      %" PRIu64 " whole pages behind it, about seq %" PRIu64 " to %" PRIu64
               "\n",
               salvage->lost_pages_cnt, salvage->lost_first_seq, salvage->lost_last_seq);
    if (salvage->unread_cnt == 1)
        printf("unread    %s\n", salvage->unread);
    else if (salvage->unread_cnt != 0)
        printf("unread    %s; and %" PRIu64 " more files\n", salvage->unread,
               salvage->unread_cnt - 1);
}

/* print_cares tells what to know of the copy. */
static void
print_cares(const char *to, const struct journal_salvage *salvage)
{
    if (salvage->encrypted_cnt != 0)
        printf("open      %" PRIu64 " encrypted segments %s no longer encrypted in %s: see outcry "
               "retain --encrypt\n",
               salvage->encrypted_cnt, to == NULL ? "will be" : "are", to == NULL ? "NEW" : to);
    if (salvage->first_page_no == 0)
        return;
    if (salvage->snapshot_seq == 0)
        printf("pruned    no snapshot lies before the end, and its first segments were removed: "
               "no exchange\n          can go on with %s unless you put one back\n",
               to == NULL ? "it" : to);
    else
        printf("pruned    an exchange goes on with it from the snapshot of seq %" PRIu64 "\n",
               salvage->snapshot_seq);
}

void
verify_salvage_text(const char *dir, const char *to, const struct journal_salvage *salvage)
{
    char time[TEXT_TIME_BYTES];

    if (nothing_saved(salvage)) {
        puts("nothing can be saved: no whole page lies before the damage");
        print_lost(salvage);
        return;
    }
    printf("to save   %" PRIu64 " pages%s: all commands up to seq %" PRIu64 ", %s\n",
           salvage->pages_cnt, salvage->fault.damage ? " before it" : "", salvage->last_seq,
           text_time(salvage->last_time, time));
    print_lost(salvage);
    print_cares(to, salvage);
    if (to == NULL)
        printf("If there is a copy of the journal, a backup or a replica, use that. If not:\n"
               "  outcry verify %s --salvage NEW\n"
               "writes what can be saved into the new folder NEW and leaves %s as it is\n",
               dir, dir);
    else
        printf("saved     in %s, checked; %s is as it was\n", to, dir);
}

void
verify_salvage_json(struct json *json, const struct journal_salvage *salvage)
{
    json_u64(json, "salvage_pages", salvage->pages_cnt);
    json_u64(json, "salvage_last_seq", salvage->last_seq);
    json_u64(json, "salvage_snapshot_seq", salvage->snapshot_seq);
    json_u64(json, "salvage_decrypted", salvage->encrypted_cnt);
    json_u64(json, "lost_pages", salvage->lost_pages_cnt);
    json_u64(json, "lost_first_seq", salvage->lost_first_seq);
    json_u64(json, "lost_last_seq", salvage->lost_last_seq);
    json_u64(json, "unread", salvage->unread_cnt);
}

int
verify_salvage_write(const char *dir, const char *to, const struct journal_salvage *salvage)
{
    char why[256];
    int rc;

    if (nothing_saved(salvage) && salvage->fault.damage)
        return cli_fail(EXIT_CHECK, "verify",
                        "nothing of %s can be saved: no whole page lies before the damage: %s", dir,
                        salvage->fault.text);
    if (nothing_saved(salvage))
        return cli_fail(EXIT_SETUP, "verify",
                        "nothing of %s can be saved: it begins with a later command", dir);
    rc = journal_salvage_write(dir, to, salvage, why);
    if (rc == 0)
        return EXIT_FINE;
    return cli_fail(EXIT_SETUP, "verify", "%s cannot be salvaged into %s: %s%s", dir, to, why,
                    rc == -ENOTEMPTY ? "" : "; remove what is there before you try again");
}
