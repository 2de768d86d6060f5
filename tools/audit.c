#include "tools/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/base.h"

#include "tools/audit_rows.h"
#include "tools/refusal.h"
#include "tools/text.h"
#include "tools/words.h"

static const char *const column_names[AUDIT_COLUMNS_CNT] = {
    [AUDIT_SEQ] = "seq",
    [AUDIT_SUB_SEQ] = "sub_seq",
    [AUDIT_TIME] = "time",
    [AUDIT_EVENT] = "event",
    [AUDIT_KIND] = "kind",
    [AUDIT_OUTCOME] = "outcome",
    [AUDIT_REASON] = "reason",
    [AUDIT_SESSION_ID] = "session_id",
    [AUDIT_SESSION] = "session",
    [AUDIT_FIRM] = "firm",
    [AUDIT_ACCOUNT_ID] = "account_id",
    [AUDIT_ACCOUNT] = "account",
    [AUDIT_INSTRUMENT_ID] = "instrument_id",
    [AUDIT_INSTRUMENT] = "instrument",
    [AUDIT_SIDE] = "side",
    [AUDIT_TYPE] = "type",
    [AUDIT_TIF] = "tif",
    [AUDIT_CAPACITY] = "capacity",
    [AUDIT_LIMIT_PRICE] = "limit_price",
    [AUDIT_STOP_PRICE] = "stop_price",
    [AUDIT_QTY] = "qty",
    [AUDIT_DISPLAY_QTY] = "display_qty",
    [AUDIT_MIN_QTY] = "min_qty",
    [AUDIT_LEAVES_QTY] = "leaves_qty",
    [AUDIT_CUM_QTY] = "cum_qty",
    [AUDIT_REMOVED_QTY] = "removed_qty",
    [AUDIT_EXEC_PRICE] = "exec_price",
    [AUDIT_EXEC_QTY] = "exec_qty",
    [AUDIT_AGGRESSOR] = "aggressor",
    [AUDIT_MATCH_ID] = "match_id",
    [AUDIT_EXEC_ID] = "exec_id",
    [AUDIT_ORDER_ID] = "order_id",
    [AUDIT_NEW_ORDER_ID] = "new_order_id",
    [AUDIT_CLORD] = "clord",
    [AUDIT_ORIG_CLORD] = "orig_clord",
    [AUDIT_EXPIRE_TIME] = "expire_time",
    [AUDIT_CLIENT_CODE] = "client_code",
    [AUDIT_DECISION_CODE] = "decision_code",
    [AUDIT_EXECUTION_CODE] = "execution_code",
    [AUDIT_FEE] = "fee",
    [AUDIT_RISK_NAME] = "risk_name",
    [AUDIT_RISK_LEVEL] = "risk_level",
    [AUDIT_RISK_SUBJECT] = "risk_subject",
    [AUDIT_RISK_LIMIT] = "risk_limit",
    [AUDIT_RISK_USED] = "risk_used",
    [AUDIT_RISK_VALUE] = "risk_value",
    [AUDIT_AUTHOR_UID] = "author_uid",
    [AUDIT_AUTHOR] = "author",
    [AUDIT_AUTHOR_REASON] = "author_reason",
    [AUDIT_DETAIL] = "detail",
    [AUDIT_EPOCH] = "epoch",
    [AUDIT_PAGE] = "page",
    [AUDIT_CELL] = "cell",
};

const char *
audit_column_name(enum audit_column column)
{
    return column_names[column];
}

const char *
audit_text(const struct audit_row *row, enum audit_column column)
{
    return column == AUDIT_DETAIL ? row->detail : row->text[column];
}

void
audit_put(struct audit *audit, enum audit_column column, const char *text)
{
    snprintf(audit->row.text[column], AUDIT_TEXT_BYTES, "%s", text);
}

/* audit_put_u64 is what most columns are; printf would be most of the time of an
 * export. */
void
audit_put_u64(struct audit *audit, enum audit_column column, uint64_t value)
{
    char digits[20];
    char *to = audit->row.text[column];
    unsigned cnt = 0;

    do
        digits[cnt++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (cnt > 0)
        *to++ = digits[--cnt];
    *to = '\0';
}

/* Of an attribute whose 0 means that it is not there. */
void
audit_put_given(struct audit *audit, enum audit_column column, uint64_t value)
{
    if (value != 0)
        audit_put_u64(audit, column, value);
}

void
audit_put_px(struct audit *audit, enum audit_column column, px_t px)
{
    const struct names_entity *instrument =
        names_get(&audit->names.instruments, audit->row.instrument);

    text_px(px, instrument != NULL ? instrument->px_decimals : 0, audit->row.text[column]);
}

void
audit_put_given_px(struct audit *audit, enum audit_column column, px_t px)
{
    if (px != 0)
        audit_put_px(audit, column, px);
}

void
audit_put_side(struct audit *audit, bool sell)
{
    audit_put(audit, AUDIT_SIDE, sell ? "SELL" : "BUYI");
}

void
audit_put_session(struct audit *audit, uint16_t session)
{
    if (session == CELL_SESSION)
        return;
    const struct names_entity *entity = names_get(&audit->names.sessions, session);

    audit_put_u64(audit, AUDIT_SESSION_ID, session);
    if (entity != NULL)
        audit_put(audit, AUDIT_SESSION, entity->name);
    audit_put(audit, AUDIT_FIRM, names_firm_of_session(&audit->names, session));
}

void
audit_put_account(struct audit *audit, uint32_t account)
{
    if (account == CELL_ANY)
        return;
    const struct names_entity *entity = names_get(&audit->names.accounts, account);

    audit->row.account = account;
    audit_put_u64(audit, AUDIT_ACCOUNT_ID, account);
    if (entity != NULL)
        audit_put(audit, AUDIT_ACCOUNT, entity->name);
    if (audit->row.text[AUDIT_FIRM][0] == '\0')
        audit_put(audit, AUDIT_FIRM, names_firm_of_account(&audit->names, account));
}

void
audit_put_instrument(struct audit *audit, uint32_t instrument)
{
    if (instrument == CELL_ANY)
        return;
    const struct names_entity *entity = names_get(&audit->names.instruments, instrument);

    audit->row.instrument = instrument;
    audit_put_u64(audit, AUDIT_INSTRUMENT_ID, instrument);
    if (entity != NULL)
        audit_put(audit, AUDIT_INSTRUMENT, entity->name);
}

void
audit_add(struct audit *audit, const char *format, ...)
{
    char *detail = audit->row.detail;
    size_t len = strlen(detail);
    va_list args;

    if (len > 0 && len < AUDIT_DETAIL_BYTES - 1) {
        detail[len++] = ' ';
        detail[len] = '\0';
    }
    va_start(args, format);
    vsnprintf(detail + len, AUDIT_DETAIL_BYTES - len, format, args);
    va_end(args);
}

/* audit_begin empties the row and fills what every one has. */
void
audit_begin(struct audit *audit, const union cell *cell, const struct audit_place *place)
{
    struct audit_row *row = &audit->row;

    for (unsigned i = 0; i < AUDIT_COLUMNS_CNT; i++)
        row->text[i][0] = '\0';
    row->detail[0] = '\0';
    row->account = CELL_ANY;
    row->instrument = CELL_ANY;
    row->seq = cell_seq(cell);
    row->time_ns = cell_time(cell);
    audit_put_u64(audit, AUDIT_SEQ, row->seq);
    audit_put_u64(audit, AUDIT_SUB_SEQ, audit->sub_seq++);
    text_time(row->time_ns, row->text[AUDIT_TIME]);
    audit_put(audit, AUDIT_KIND, cell_kind_name(cell_kind(cell)));
    audit_put_u64(audit, AUDIT_EPOCH, place->epoch);
    audit_put_u64(audit, AUDIT_PAGE, place->page_no);
    audit_put_u64(audit, AUDIT_CELL, place->cell);
}

void
audit_end(struct audit *audit)
{
    audit->on_row(audit->ctx, audit, &audit->row);
}

/* audit_put_outcome tells how a command ended; returns whether it was accepted. */
bool
audit_put_outcome(struct audit *audit,
                  const union cell *cell,
                  const char *accepted,
                  const char *refused)
{
    const uint16_t outcome = cell_outcome(cell);
    const bool good = outcome == OE_REJECT_REASON_NONE;

    audit_put(audit, AUDIT_EVENT, good ? accepted : refused);
    audit_put(audit, AUDIT_OUTCOME, good ? "accepted" : "refused");
    if (!good)
        audit_put(audit, AUDIT_REASON, oe_reject_reason_name(outcome));
    /* Only what is about orders has an execution report. */
    if (cell_kind(cell) >= CELL_KIND_ORDER_NEW)
        audit_put_u64(audit, AUDIT_EXEC_ID, cell_exec_id(audit->shard, cell_seq(cell), 0));
    return good;
}

void
audit_put_amount(struct audit *audit, enum audit_column column, int64_t value, bool money)
{
    if (money)
        audit_put_px(audit, column, value);
    else
        snprintf(audit->row.text[column], AUDIT_TEXT_BYTES, "%" PRId64, value);
}

static void
put_risk(struct audit *audit, const union cell *cell, const struct cell_risk_detail *detail)
{
    const struct refusal refusal = {
        .reason = cell_outcome(cell),
        .level = detail->level,
        .limit = detail->limit,
        .used = detail->used,
        .value = detail->value,
    };
    const bool money = refusal_is_money(&refusal);
    uint8_t limit = refusal_limit(&refusal);

    if (limit == CELL_RISK_LIMIT_MESSAGE_RATE && cell_kind(cell) == CELL_KIND_ORDER_CANCEL)
        limit = CELL_RISK_LIMIT_CANCEL_RATE;
    if (limit != CELL_RISK_LIMIT_NONE)
        audit_put(audit, AUDIT_RISK_NAME, cell_risk_limit_name(limit));
    audit_put(audit, AUDIT_RISK_LEVEL, oe_risk_level_name(detail->level));
    audit_put_u64(audit, AUDIT_RISK_SUBJECT, detail->subject);
    audit_put_amount(audit, AUDIT_RISK_LIMIT, detail->limit, money);
    audit_put_amount(audit, AUDIT_RISK_USED, detail->used, money);
    audit_put_amount(audit, AUDIT_RISK_VALUE, detail->value, money);
}

static void
put_extension(struct audit *audit, const struct cell_order_extension *extension)
{
    audit_put_given(audit, AUDIT_DISPLAY_QTY, extension->display_qty);
    audit_put_given(audit, AUDIT_MIN_QTY, extension->min_qty);
    audit_put_given(audit, AUDIT_CLIENT_CODE, extension->client_code);
    audit_put_given(audit, AUDIT_DECISION_CODE, extension->decision_code);
    audit_put_given(audit, AUDIT_EXECUTION_CODE, extension->execution_code);
    audit_put_given_px(audit, AUDIT_STOP_PRICE, extension->stop_px);
    if (extension->expire_time != 0)
        text_time(extension->expire_time, audit->row.text[AUDIT_EXPIRE_TIME]);
    if (extension->display_range != 0)
        audit_add(audit, "display_range=%u", extension->display_range);
    if (extension->peg_offset_px != 0)
        audit_add(audit, "peg_offset_px=%" PRId64, extension->peg_offset_px);
}

/* put_continued takes the further cells of an order's message. */
static void
put_continued(struct audit *audit, const union cell *cells)
{
    for (unsigned i = 1; i < cell_count(&cells[0]); i++) {
        if (cell_kind(&cells[i]) == CELL_KIND_ORDER_EXTENSION)
            put_extension(audit, &cells[i].order_extension);
        if (cell_kind(&cells[i]) == CELL_KIND_ORDER_LINK)
            audit_add(audit, "linked_clord=%" PRIu64, cells[i].order_link.linked_clord);
        if (cell_kind(&cells[i]) == CELL_KIND_RISK_DETAIL)
            put_risk(audit, &cells[0], &cells[i].risk_detail);
    }
}

void
audit_put_capacity(struct audit *audit, uint8_t stp_capacity)
{
    const char capacity = cell_capacity(stp_capacity);

    audit_put(audit, AUDIT_CAPACITY, capacity == 'P' ? "DEAL" : capacity == 'R' ? "MTCH" : "AOTC");
}

/* put_instructions names what the order must or must not do. */
static void
put_instructions(struct audit *audit, const struct cell_order_new *order)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } bits[] = {
        {OE_EXEC_INST_POST_ONLY, "PostOnly"}, {OE_EXEC_INST_POST_ONLY_REPRICE, "PostOnlyReprice"},
        {OE_EXEC_INST_HIDDEN, "Hidden"},      {OE_EXEC_INST_PEG_OPPOSITE, "PegOpposite"},
        {OE_EXEC_INST_PEG_MID, "PegMid"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
        if ((order->exec_inst & bits[i].bit) != 0)
            audit_add(audit, "exec_inst=%s", bits[i].name);
    if (cell_stp(order->stp_capacity) != OE_SELF_MATCH_PREVENTION_INSTRUCTION_NONE)
        audit_add(audit, "stp=%s",
                  oe_self_match_prevention_instruction_name(cell_stp(order->stp_capacity)));
}

static void
row_order_new(struct audit *audit, const union cell *cells)
{
    const struct cell_order_new *order = &cells[0].order_new;
    const bool good = audit_put_outcome(audit, &cells[0], "NEWO", "REMO");

    audit_put_session(audit, order->session);
    audit_put_account(audit, order->account);
    audit_put_instrument(audit, order->instrument);
    audit_put_side(audit, cell_is_sell(&cells[0]));
    audit_put(audit, AUDIT_TYPE, oe_ord_type_name(order->ord_type));
    audit_put(audit, AUDIT_TIF, oe_time_in_force_name(order->tif));
    audit_put_capacity(audit, order->stp_capacity);
    audit_put_given_px(audit, AUDIT_LIMIT_PRICE, order->px);
    audit_put_u64(audit, AUDIT_QTY, order->qty);
    audit_put_u64(audit, AUDIT_LEAVES_QTY, good ? order->qty : 0);
    audit_put_u64(audit, AUDIT_CUM_QTY, 0);
    audit_put_given(audit, AUDIT_ORDER_ID, order->order_id);
    audit_put_u64(audit, AUDIT_CLORD, order->clord);
    put_instructions(audit, order);
    put_continued(audit, cells);
}

static void
row_order_cancel(struct audit *audit, const union cell *cells)
{
    const struct cell_order_cancel *cancel = &cells[0].order_cancel;
    const bool good = audit_put_outcome(audit, &cells[0], "CAME", "CARJ");

    audit_put_session(audit, cancel->session);
    audit_put_instrument(audit, cancel->instrument);
    audit_put_u64(audit, AUDIT_CLORD, cancel->clord);
    audit_put_given(audit, AUDIT_ORDER_ID, cancel->order_id);
    audit_put_given(audit, AUDIT_ORIG_CLORD, cancel->orig_clord);
    put_continued(audit, cells);
    if (!good)
        return;
    audit_put_account(audit, cancel->account);
    audit_put_side(audit, cell_is_sell(&cells[0]));
    audit_put_u64(audit, AUDIT_LEAVES_QTY, 0);
    audit_put_u64(audit, AUDIT_CUM_QTY, cancel->cum_qty);
    audit_put_u64(audit, AUDIT_REMOVED_QTY, cancel->removed_qty);
}

static void
row_order_replace(struct audit *audit, const union cell *cells)
{
    const struct cell_order_replace *replace = &cells[0].order_replace;
    const struct cell_replace_detail *detail = &cells[1].replace_detail;
    const bool good = audit_put_outcome(audit, &cells[0], "REME", "RERJ");

    audit_put_session(audit, replace->session);
    audit_put_instrument(audit, replace->instrument);
    audit_put_u64(audit, AUDIT_CLORD, replace->clord);
    audit_put_given(audit, AUDIT_ORDER_ID, replace->order_id);
    audit_put_given(audit, AUDIT_ORIG_CLORD, detail->orig_clord);
    audit_put_given_px(audit, AUDIT_LIMIT_PRICE, replace->px);
    audit_put_u64(audit, AUDIT_QTY, replace->qty);
    audit_put_given(audit, AUDIT_DISPLAY_QTY, detail->display_qty);
    audit_put_given(audit, AUDIT_MIN_QTY, detail->min_qty);
    audit_put_given_px(audit, AUDIT_STOP_PRICE, detail->stop_px);
    if (detail->expire_time != 0)
        text_time(detail->expire_time, audit->row.text[AUDIT_EXPIRE_TIME]);
    put_continued(audit, cells);
    /* A refused one holds what was asked for and nothing of the order. */
    if (!good)
        return;
    audit_put_account(audit, replace->account);
    audit_put_side(audit, cell_is_sell(&cells[0]));
    audit_put_u64(audit, AUDIT_CUM_QTY, detail->cum_qty);
    audit_put_u64(audit, AUDIT_LEAVES_QTY, detail->new_leaves);
    audit_put(audit, AUDIT_TYPE, oe_ord_type_name(replace->ord_type));
    audit_put(audit, AUDIT_TIF, oe_time_in_force_name(replace->tif));
    audit_put_capacity(audit, replace->stp_capacity);
    audit_put_u64(audit, AUDIT_NEW_ORDER_ID, detail->new_order_id);
}

static void
row_mass_cancel(struct audit *audit, const union cell *cells)
{
    const struct cell_mass_cancel *cancel = &cells[0].mass_cancel;
    const bool done = cancel->kind == CELL_KIND_MASS_CANCELED;

    /* The two kinds lie alike up to `reason`; MassCanceled adds its count. */
    if (done)
        audit_put(audit, AUDIT_EVENT, "MDON");
    else
        audit_put_outcome(audit, &cells[0], "MCAN", "MCRJ");
    audit_put_session(audit, cancel->session);
    audit_put_account(audit, cancel->account);
    audit_put_instrument(audit, cancel->instrument);
    audit_put_u64(audit, AUDIT_CLORD, cancel->clord);
    if (cancel->side != OE_SIDE_FILTER_ANY)
        audit_put_side(audit, cancel->side == OE_SIDE_FILTER_SELL);
    if (done)
        audit_put_u64(
            audit, AUDIT_EXEC_ID,
            cell_exec_id(audit->shard, cell_seq(&cells[0]), cells[0].mass_canceled.index));
    snprintf(audit->row.detail, AUDIT_DETAIL_BYTES, "scope=%s target=%u reason=%s",
             oe_mass_cancel_scope_name(cancel->scope), cancel->target,
             oe_cancel_reason_name(cancel->reason));
    if (done)
        audit_add(audit, "count=%u", cells[0].mass_canceled.count);
}

void
audit_message(struct audit *audit, const union cell *cells, const struct audit_place *place)
{
    if (cell_seq(&cells[0]) != audit->seq || cell_is_command(&cells[0])) {
        audit->seq = cell_seq(&cells[0]);
        audit->sub_seq = 0;
    }
    names_message(&audit->names, cells);
    if (audit_two_sides(audit, cells, place))
        return;
    audit_begin(audit, &cells[0], place);
    switch (cell_kind(&cells[0])) {
    case CELL_KIND_ORDER_NEW:
        row_order_new(audit, cells);
        break;
    case CELL_KIND_ORDER_CANCEL:
        row_order_cancel(audit, cells);
        break;
    case CELL_KIND_ORDER_REPLACE:
        if (audit_has_second(cells, CELL_KIND_REPLACE_DETAIL))
            row_order_replace(audit, cells);
        else
            audit_other(audit, cells);
        break;
    case CELL_KIND_MASS_CANCEL:
    case CELL_KIND_MASS_CANCELED:
        row_mass_cancel(audit, cells);
        break;
    default:
        if (!audit_event(audit, cells))
            audit_other(audit, cells);
        break;
    }
    audit_end(audit);
}

void
audit_free(struct audit *audit)
{
    names_free(&audit->names);
}
