/*
 * Audit: messages of a journal as rows of a table.
 *
 *   message --audit_message--> 0, 1 or 2 rows --> on_row
 *
 * A row is what one side did or met: a trade and a prevented match give two, the
 * taker's and then the maker's, an entry of a mass quote one for its bid and one
 * for its offer, everything else one. seq and sub_seq (rows of a command count from
 * 0) name a row for ever. All columns are text; what does not apply is empty.
 *
 * event is the code of RTS 24 where it has one:
 *
 *   NEWO new order            REME replaced by the member
 *   CAME canceled by the member (its request, its mass cancel, a replace to
 *        no more than was filled)
 *   CAMO canceled by the venue (lost session, self-match, linked, kill switch)
 *   EXPI what an immediate or fill-or-kill order could not trade, or its time is up
 *   REMA changed by the venue TRIG a stop order was elected
 *   REMO order refused        PARF, FILL a trade in part, the last one
 *
 * and else one of ours: RFSH an iceberg shows anew; PRVM a match with another
 * order of the group that was prevented; MQUO, MQRJ mass quote taken, refused; CARJ, RERJ, MCRJ
 * refused cancel, replace, mass cancel; MCAN, MDON mass cancel taken, done; MREF message not
 * understood; NAPP numbers that never came; SNEG, SEST, SUNB, SSEQ sessions; FIRM, GRUP, ACCT,
 * INST, ISTA, PLIM, PERM, SESS configuration; GENE, REST, CLCK the exchange itself; LIMT, FEES,
 * CASH, PMOV, MARK, KILL, ENAB, DAYR, RSTR, RULE the word of an operator on risk, RWRN and RACT
 * what risk tells and does by itself. What is not about an order, and attributes of orders that
 * have no column, are in the column detail, as NAME=VALUE, in the units of proto/cells.xml.
 *
 * Names are those that were valid when it happened. Numbers of a refused limit
 * are in its unit: prices and values with a point, quantities without.
 */
#ifndef OUTCRY_TOOLS_AUDIT_H
#define OUTCRY_TOOLS_AUDIT_H

#include <stdint.h>

#include "proto/cell.h"

#include "tools/names.h"

enum audit_column {
    AUDIT_SEQ,
    AUDIT_SUB_SEQ,
    AUDIT_TIME,
    AUDIT_EVENT,
    AUDIT_KIND,
    AUDIT_OUTCOME,
    AUDIT_REASON,
    AUDIT_SESSION_ID,
    AUDIT_SESSION,
    AUDIT_FIRM,
    AUDIT_ACCOUNT_ID,
    AUDIT_ACCOUNT,
    AUDIT_INSTRUMENT_ID,
    AUDIT_INSTRUMENT,
    AUDIT_SIDE,
    AUDIT_TYPE,
    AUDIT_TIF,
    AUDIT_CAPACITY,
    AUDIT_LIMIT_PRICE,
    AUDIT_STOP_PRICE,
    AUDIT_QTY,
    AUDIT_DISPLAY_QTY,
    AUDIT_MIN_QTY,
    AUDIT_LEAVES_QTY,
    AUDIT_CUM_QTY,
    AUDIT_REMOVED_QTY,
    AUDIT_EXEC_PRICE,
    AUDIT_EXEC_QTY,
    AUDIT_AGGRESSOR,
    AUDIT_MATCH_ID,
    AUDIT_EXEC_ID,
    AUDIT_ORDER_ID,
    AUDIT_NEW_ORDER_ID,
    AUDIT_CLORD,
    AUDIT_ORIG_CLORD,
    AUDIT_EXPIRE_TIME,
    AUDIT_CLIENT_CODE,
    AUDIT_DECISION_CODE,
    AUDIT_EXECUTION_CODE,
    AUDIT_FEE,
    AUDIT_RISK_NAME,
    AUDIT_RISK_LEVEL,
    AUDIT_RISK_SUBJECT,
    AUDIT_RISK_LIMIT,
    AUDIT_RISK_USED,
    AUDIT_RISK_VALUE,
    AUDIT_AUTHOR_UID,
    AUDIT_AUTHOR,
    AUDIT_AUTHOR_REASON,
    AUDIT_DETAIL,
    AUDIT_EPOCH,
    AUDIT_PAGE,
    AUDIT_CELL,
    AUDIT_COLUMNS_CNT
};

#define AUDIT_TEXT_BYTES   48u
#define AUDIT_DETAIL_BYTES 512u

struct audit_row {
    uint64_t seq;
    uint64_t time_ns;
    uint32_t account;    /* CELL_ANY: of none */
    uint32_t instrument; /* CELL_ANY: of none */
    char text[AUDIT_COLUMNS_CNT][AUDIT_TEXT_BYTES];
    char detail[AUDIT_DETAIL_BYTES]; /* in place of text[AUDIT_DETAIL] */
};

/* Where a message lies in the journal. */
struct audit_place {
    uint32_t epoch;
    uint64_t page_no;
    unsigned cell; /* 0 to 62, of the page */
};

/* Zeroed, but for what the caller gives. */
struct audit {
    unsigned shard;
    void (*on_row)(void *ctx, const struct audit *audit, const struct audit_row *row);
    void *ctx;

    struct names names; /* private from here on */
    uint64_t seq;
    unsigned sub_seq;
    union cell quote[CELL_MESSAGE_MAX]; /* the last MassQuote */
    struct audit_row row;
};

/* audit_message takes the next message of the journal. */
void audit_message(struct audit *audit, const union cell *cells, const struct audit_place *place);
void audit_free(struct audit *audit);

/* audit_column_name returns the header of a column. */
const char *audit_column_name(enum audit_column column);

/* audit_text returns what the row has in a column. */
const char *audit_text(const struct audit_row *row, enum audit_column column);

#endif
