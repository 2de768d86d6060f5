/*
 * outcry verify: checks every page of a journal, and nothing of its meaning.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "journal/reader.h"

#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/json.h"

static const char help[] =
    "usage: outcry verify DIR [--json]\n"
    "\n"
    "Checks every page of the journal in DIR: its hash, its place, and that it follows the\n"
    "page before. A torn tail, which a crash leaves and the next start drops, is no damage.\n"
    "Works while an exchange writes.\n"
    "\n"
    "  --json   one line of JSON\n"
    "\n"
    "exit codes: 0 undamaged; 1 damaged, the first bad page is named; 2 wrong usage; 3 no\n"
    "journal there, or of another version\n";

static void
print_json(const struct journal_verify_result *result, bool damage)
{
    struct json json;

    json_begin(&json, stdout);
    json_bool(&json, "damaged", damage);
    json_bool(&json, "torn_tail", result->torn_tail);
    json_u64(&json, "pages", result->pages_cnt);
    json_u64(&json, "segments", result->segments_cnt);
    json_u64(&json, "first_seq", result->first_seq);
    json_u64(&json, "last_seq", result->last_seq);
    json_u64(&json, "commands", result->commands_cnt);
    json_u64(&json, "cells", result->cells_cnt);
    json_u64(&json, "epochs", result->epochs_cnt);
    if (damage || result->torn_tail) {
        json_u64(&json, "bad_page", result->fault.page_no);
        json_text(&json, "fault",
                  result->fault.fault == PAGE_OK ? "segment"
                                                 : page_fault_text(result->fault.fault));
        json_text(&json, "text", result->fault.text);
    }
    json_end(&json);
}

static void
print_text(const struct journal_verify_result *result, bool damage)
{
    if (damage)
        printf("DAMAGED at page %" PRIu64 ": %s\n", result->fault.page_no, result->fault.text);
    else
        puts("undamaged");
    printf("pages     %" PRIu64 " in %" PRIu64 " segments%s\n", result->pages_cnt,
           result->segments_cnt, damage ? ", up to the bad one" : "");
    printf("commands  %" PRIu64 ", seq %" PRIu64 " to %" PRIu64 "\n", result->commands_cnt,
           result->first_seq, result->last_seq);
    printf("cells     %" PRIu64 "\n", result->cells_cnt);
    printf("runs      %" PRIu32 "\n", result->epochs_cnt);
    if (result->torn_tail)
        printf("the end is torn at page %" PRIu64 " (%s): nothing behind it was durable, the "
               "next start drops it\n",
               result->fault.page_no, result->fault.text);
}

int
cmd_verify(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct cli cli = {.help = help, .arguments = 1};
    struct journal_verify_result result = {.fault = {.text = ""}};
    bool json = false;
    int option;

    while ((option = cli_next(&cli, argc, argv, options)) > 0)
        json = true;
    if (option < 0)
        return cli.exit;
    const char *dir = argv[optind];
    const int rc = journal_verify(dir, -1, &result);
    if (rc == -ENOENT)
        return cli_fail(EXIT_SETUP, "verify", "%s holds no journal", dir);
    if (rc < 0)
        return cli_fail(EXIT_SETUP, "verify", "%s cannot be read: %s", dir,
                        result.fault.text[0] != '\0' ? result.fault.text : strerror(-rc));
    if (json)
        print_json(&result, rc != 0);
    else
        print_text(&result, rc != 0);
    return rc != 0 ? EXIT_CHECK : EXIT_FINE;
}
