#include <stdio.h>
#include <string.h>

#include "tools/verb_private.h"
#include "tools/words.h"

/*
 * What an operator hands back to the configuration: its next start sets it.
 */

/* What may be handed back, and the words behind it but its own: subject and more. */
struct release {
    const char *word;
    uint8_t setting;
    uint8_t level; /* None: it is named */
    unsigned cnt;  /* of words behind the first; 0: of a limit */
    unsigned levels;
};

static const struct release releases[] = {
    {"limit", CELL_KIND_LIMIT_SET, OE_RISK_LEVEL_NONE, 0, ~0u},
    {"restriction", CELL_KIND_RESTRICTION_SET, OE_RISK_LEVEL_NONE, 3, RISK_AT_PARTIES},
    {"blacklist", CELL_KIND_RESTRICTION_SET, OE_RISK_LEVEL_NONE, 2, RISK_AT_PARTIES},
    {"rule", CELL_KIND_ORDER_RULE_SET, OE_RISK_LEVEL_NONE, 2, RISK_AT_ACCOUNT | RISK_AT_INSTRUMENT},
    {"instrument", CELL_KIND_INSTRUMENT_SET, OE_RISK_LEVEL_INSTRUMENT, 1, 0},
    {"fee", CELL_KIND_FEE_SET, OE_RISK_LEVEL_INSTRUMENT, 1, 0},
    {"account", CELL_KIND_ACCOUNT_SET, OE_RISK_LEVEL_ACCOUNT, 1, 0},
};

static bool
usage(struct verb_reading *in)
{
    return verb_wrong(in, "expected %s", VERB_RELEASE_USAGE);
}

/* read_limit reads LEVEL SUBJECT LIMIT, of a pair pair ACCOUNT SYMBOL LIMIT. */
static bool
read_limit(struct verb_reading *in, struct cell_hand_back *back)
{
    const uint8_t level = words_level(in->words[1]);
    const bool pair = level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT;
    uint32_t id;

    if (level == OE_RISK_LEVEL_NONE || in->cnt != (pair ? 5u : 4u))
        return usage(in);
    if (!verb_find(in, pair ? OE_RISK_LEVEL_ACCOUNT : level, in->words[2], &id))
        return false;
    back->level = level;
    back->subject = id;
    if (pair) {
        if (!verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[3], &id))
            return false;
        back->instrument = id;
    }
    back->limit = words_limit(in->words[in->cnt - 1]);
    return back->limit != CELL_RISK_LIMIT_NONE ||
           verb_wrong(in, "%.40s is no limit, expected one of " WORDS_LIMITS,
                      in->words[in->cnt - 1]);
}

/* read_other reads the subject of anything else. */
static bool
read_other(struct verb_reading *in, struct cell_hand_back *back, const struct release *release)
{
    const bool named = release->level == OE_RISK_LEVEL_NONE;
    uint32_t id;

    if (in->cnt != release->cnt + 1)
        return usage(in);
    back->level = named ? words_level(in->words[1]) : release->level;
    if (back->level == OE_RISK_LEVEL_NONE ||
        (named && (release->levels & RISK_LEVEL_BIT(back->level)) == 0))
        return usage(in);
    if (!verb_find(in, back->level, in->words[named ? 2 : 1], &id))
        return false;
    back->subject = id;
    if (release->setting != CELL_KIND_RESTRICTION_SET)
        return true;
    back->instrument = CELL_ANY;
    if (release->cnt < 3)
        return true;
    if (!verb_find(in, OE_RISK_LEVEL_INSTRUMENT, in->words[3], &id))
        return false;
    back->instrument = id;
    return true;
}

bool
verb_read_release(struct verb_reading *in, struct verb *verb)
{
    const struct release *release = NULL;

    for (unsigned i = 0; i < ARRAY_LEN(releases); i++)
        if (strcmp(releases[i].word, in->words[0]) == 0)
            release = &releases[i];
    if (release == NULL)
        return usage(in);
    verb_open(verb, CELL_KIND_HAND_BACK, 1);

    struct cell_hand_back *back = &verb->cells[0].hand_back;

    back->setting = release->setting;
    if (release->setting == CELL_KIND_LIMIT_SET ? !read_limit(in, back)
                                                : !read_other(in, back, release))
        return false;
    for (unsigned i = 0; i < in->cnt; i++)
        verb_add(verb, "%s%s", i > 0 ? " " : "", in->words[i]);
    verb_add(verb, " is the configuration's from its next start");
    return true;
}
