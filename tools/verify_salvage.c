#include "tools/verify_salvage.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/text.h"

bool
verify_salvage_look(const char *dir, struct journal_salvage *salvage)
{
    return journal_salvage_look(dir, salvage) == 1;
}

void
verify_salvage_text(const char *dir, const char *to, const struct journal_salvage *salvage)
{
    char time[TEXT_TIME_BYTES];

    if (salvage->pages_cnt == 0 || salvage->last_seq == 0) {
        puts("nothing can be saved: it is damaged from its first page on");
        return;
    }
    printf("to save   %" PRIu64 " pages before it: all commands up to seq %" PRIu64 ", %s\n",
           salvage->pages_cnt, salvage->last_seq, text_time(salvage->last_time, time));
    if (salvage->lost_pages_cnt != 0)
        printf("lost      %" PRIu64 " whole pages behind it, about seq %" PRIu64 " to %" PRIu64
               "\n",
               salvage->lost_pages_cnt, salvage->lost_first_seq, salvage->lost_last_seq);
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
    json_u64(json, "lost_pages", salvage->lost_pages_cnt);
    json_u64(json, "lost_first_seq", salvage->lost_first_seq);
    json_u64(json, "lost_last_seq", salvage->lost_last_seq);
}

int
verify_salvage_write(const char *dir, const char *to, const struct journal_salvage *salvage)
{
    char why[256];

    if (salvage->pages_cnt == 0 || salvage->last_seq == 0)
        return cli_fail(EXIT_CHECK, "verify",
                        "nothing of %s can be saved: it is damaged from its "
                        "first page on",
                        dir);
    if (journal_salvage_write(dir, to, salvage, why) != 0)
        return cli_fail(EXIT_SETUP, "verify", "%s cannot be salvaged into %s: %s", dir, to, why);
    return EXIT_FINE;
}
