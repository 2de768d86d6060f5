#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/base.h"
#include "risk/limits.h"

#include "tools/audit_rows.h"
#include "tools/words.h"

static void
add_field(struct audit *audit, const struct cell_field *field, const uint8_t *bytes)
{
    char value[2 * 64 + 1] = "";
    uint64_t number = 0;

    switch ((enum cell_field_type)field->type) {
    case CELL_FIELD_CHARS:
        snprintf(value, sizeof value, "%.*s", (int)strnlen((const char *)bytes, field->size),
                 (const char *)bytes);
        break;
    case CELL_FIELD_HEX:
        for (unsigned i = 0; i < field->size; i++)
            snprintf(value + 2 * i, sizeof value - 2 * i, "%02x", bytes[i]);
        break;
    case CELL_FIELD_I:
    case CELL_FIELD_PRICE:
    case CELL_FIELD_U:
        memcpy(&number, bytes, field->size);
        if (field->type != CELL_FIELD_U) {
            const unsigned spare = 64u - 8u * field->size;

            snprintf(value, sizeof value, "%" PRId64, (int64_t)(number << spare) >> spare);
        } else
            snprintf(value, sizeof value, "%" PRIu64, number);
        break;
    default:
        UNREACHABLE("no such type of field");
    }
    audit_add(audit, "%s=%s", field->name, value);
}

/* put_author fills the columns of who gave the command and why. */
static void
put_author(struct audit *audit, const struct cell_author *author)
{
    char text[sizeof author->text + 1] = "";

    audit_put(audit, AUDIT_AUTHOR_UID, "configuration");
    if (author->uid != WORDS_UID_CONFIGURATION)
        audit_put_u64(audit, AUDIT_AUTHOR_UID, author->uid);
    memcpy(text, author->name, sizeof author->name);
    audit_put(audit, AUDIT_AUTHOR, text);
    memset(text, 0, sizeof text);
    memcpy(text, author->text, sizeof author->text);
    audit_put(audit, AUDIT_AUTHOR_REASON, text);
}

/* put_fields writes all fields of the message but those that have a column. */
static void
put_fields(struct audit *audit, const union cell *cells)
{
    static const char frame[] = " kind shape outcome seq time in_no session ";

    for (unsigned i = 0; i < cell_count(&cells[0]); i++) {
        if (cell_kind(&cells[i]) == CELL_KIND_AUTHOR) {
            put_author(audit, &cells[i].author);
            continue;
        }

        unsigned count;
        const struct cell_field *fields = cell_fields(cell_kind(&cells[i]), &count);

        for (unsigned k = 0; k < count; k++) {
            char word[64];

            snprintf(word, sizeof word, " %s ", fields[k].name);
            if (strstr(frame, word) == NULL)
                add_field(audit, &fields[k], &cells[i].bytes[fields[k].offset]);
        }
    }
}

struct other {
    uint8_t kind;
    const char *event;
};

static const struct other others[] = {
    {CELL_KIND_GENESIS, "GENE"},
    {CELL_KIND_RESTART, "REST"},
    {CELL_KIND_CLOCK, "CLCK"},
    {CELL_KIND_FIRM_SET, "FIRM"},
    {CELL_KIND_GROUP_SET, "GRUP"},
    {CELL_KIND_ACCOUNT_SET, "ACCT"},
    {CELL_KIND_INSTRUMENT_SET, "INST"},
    {CELL_KIND_INSTRUMENT_STATE_SET, "ISTA"},
    {CELL_KIND_JOURNAL_SPACE, "JSPC"},
    {CELL_KIND_POSITION_LIMIT_SET, "PLIM"},
    {CELL_KIND_PERMISSION_SET, "PERM"},
    {CELL_KIND_SESSION_SET, "SESS"},
    {CELL_KIND_SESSION_NEGOTIATE, "SNEG"},
    {CELL_KIND_SESSION_ESTABLISH, "SEST"},
    {CELL_KIND_SESSION_UNBIND, "SUNB"},
    {CELL_KIND_SESSION_SEQUENCE, "SSEQ"},
    {CELL_KIND_MESSAGE_REFUSED, "MREF"},
    {CELL_KIND_SESSION_NOT_APPLIED, "NAPP"},
    {CELL_KIND_LIMIT_SET, "LIMT"},
    {CELL_KIND_FEE_SET, "FEES"},
    {CELL_KIND_CASH_MOVE, "CASH"},
    {CELL_KIND_POSITION_MOVE, "PMOV"},
    {CELL_KIND_MARK_SET, "MARK"},
    {CELL_KIND_KILL, "KILL"},
    {CELL_KIND_ENABLE, "ENAB"},
    {CELL_KIND_DAY_ROLL, "DAYR"},
    {CELL_KIND_RESTRICTION_SET, "RSTR"},
    {CELL_KIND_ORDER_RULE_SET, "RULE"},
    {CELL_KIND_HAND_BACK, "BACK"},
    {CELL_KIND_RISK_WARNING, "RWRN"},
    {CELL_KIND_RISK_ACTION, "RACT"},
};

/* put_subject fills the columns of whom a command or an event of risk is about. */
static void
put_subject(struct audit *audit, uint8_t level, uint32_t subject)
{
    audit_put(audit, AUDIT_RISK_LEVEL, oe_risk_level_name(level));
    audit_put_u64(audit, AUDIT_RISK_SUBJECT, subject);
    switch (level) {
    case OE_RISK_LEVEL_SESSION:
        audit_put_session(audit, subject < CELL_SESSION ? (uint16_t)subject : CELL_SESSION);
        break;
    case OE_RISK_LEVEL_ACCOUNT:
    case OE_RISK_LEVEL_ACCOUNT_INSTRUMENT:
        audit_put_account(audit, subject);
        break;
    case OE_RISK_LEVEL_FIRM: {
        const struct names_entity *firm = names_get(&audit->names.firms, subject);

        audit_put(audit, AUDIT_FIRM, firm != NULL ? firm->name : "");
        break;
    }
    case OE_RISK_LEVEL_INSTRUMENT:
        audit_put_instrument(audit, subject);
        break;
    default:
        break;
    }
}

static void
put_value(struct audit *audit, uint8_t limit, int64_t value)
{
    if (value == RISK_LIMIT_OFF)
        audit_put(audit, AUDIT_RISK_LIMIT, "none");
    else
        audit_put_amount(audit, AUDIT_RISK_LIMIT, value, words_limit_is_money(limit));
}

static void
put_limit(struct audit *audit, const struct cell_limit_set *set)
{
    put_subject(audit, set->level, set->subject);
    if (set->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        audit_put_instrument(audit, set->instrument);
    audit_put(audit, AUDIT_RISK_NAME, cell_risk_limit_name(set->limit));
    put_value(audit, set->limit, set->value);
}

/* put_stage is of RiskWarning and RiskAction, which lie alike up to the index. */
static void
put_stage(struct audit *audit, const struct cell_risk_warning *event)
{
    put_subject(audit, event->level, event->subject);
    if (event->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        audit_put_instrument(audit, event->instrument);
    audit_put(audit, AUDIT_REASON, cell_risk_stage_name(event->stage));
    audit_put_u64(audit, AUDIT_EXEC_ID, cell_exec_id(audit->shard, event->seq, event->index));
    if (event->limit == CELL_RISK_LIMIT_NONE)
        return;
    audit_put(audit, AUDIT_RISK_NAME, cell_risk_limit_name(event->limit));
    put_value(audit, event->limit, event->value);
    audit_put_amount(audit, AUDIT_RISK_USED, event->used, words_limit_is_money(event->limit));
}

_Static_assert(offsetof(struct cell_risk_warning, value) ==
                       offsetof(struct cell_risk_action, value) &&
                   offsetof(struct cell_risk_warning, index) ==
                       offsetof(struct cell_risk_action, index),
               "read as a warning");

/* put_ids fills the columns of account and instrument of what has any. */
static void
put_ids(struct audit *audit, const union cell *cell)
{
    switch (cell_kind(cell)) {
    case CELL_KIND_ACCOUNT_SET:
        audit_put_account(audit, cell->account_set.account);
        break;
    case CELL_KIND_CASH_MOVE:
        audit_put_account(audit, cell->cash_move.account);
        break;
    case CELL_KIND_INSTRUMENT_SET:
    case CELL_KIND_INSTRUMENT_STATE_SET:
    case CELL_KIND_FEE_SET:
    case CELL_KIND_MARK_SET:
        audit_put_instrument(audit, cell->instrument_set.instrument);
        break;
    case CELL_KIND_PERMISSION_SET:
        audit_put_instrument(audit, cell->permission_set.instrument);
        break;
    case CELL_KIND_POSITION_LIMIT_SET:
    case CELL_KIND_POSITION_MOVE:
        audit_put_account(audit, cell->position_limit_set.account);
        audit_put_instrument(audit, cell->position_limit_set.instrument);
        break;
    case CELL_KIND_LIMIT_SET:
        put_limit(audit, &cell->limit_set);
        break;
    case CELL_KIND_KILL:
    case CELL_KIND_ENABLE:
        put_subject(audit, cell->kill.level, cell->kill.subject);
        break;
    case CELL_KIND_ORDER_RULE_SET:
        put_subject(audit, cell->order_rule_set.level, cell->order_rule_set.subject);
        break;
    case CELL_KIND_HAND_BACK:
        put_subject(audit, cell->hand_back.level, cell->hand_back.subject);
        break;
    case CELL_KIND_RESTRICTION_SET:
        put_subject(audit, cell->restriction_set.level, cell->restriction_set.subject);
        audit_put_instrument(audit, cell->restriction_set.instrument);
        break;
    case CELL_KIND_RISK_WARNING:
    case CELL_KIND_RISK_ACTION:
        put_stage(audit, &cell->risk_warning);
        break;
    default:
        break;
    }
}

void
audit_other(struct audit *audit, const union cell *cells)
{
    const union cell *cell = &cells[0];
    const char *event = "OTHR";

    for (unsigned i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].kind == cell_kind(cell))
            event = others[i].event;
    if (cell_is_command(cell))
        audit_put_outcome(audit, cell, event, event);
    else
        audit_put(audit, AUDIT_EVENT, event);
    audit_put_session(audit, cell_session(cell));
    put_ids(audit, cell);
    if (cell_kind(cell) == CELL_KIND_MESSAGE_REFUSED)
        audit_put(audit, AUDIT_REASON, oe_reject_reason_name(cell->message_refused.reason));
    put_fields(audit, cells);
}
