/*
 * Goal: any bytes become commands that the engine may be given, and any such
 * command, with whatever the engine makes of it, becomes a report that decodes.
 * Input: 4 bytes for the outcome, then an application message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/order_codec.h"
#include "proto/base.h"
#include "proto/fixp.h"
#include "proto/orders.h"

#define SESSION 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* is_report tells whether one of the views takes it. */
static bool
is_report(const uint8_t *buf, size_t len)
{
    return oe_execution_report_new_view(buf, len) != NULL ||
           oe_execution_report_reject_view(buf, len) != NULL ||
           oe_execution_report_cancel_view(buf, len) != NULL ||
           oe_execution_report_replace_view(buf, len) != NULL ||
           oe_order_cancel_reject_view(buf, len) != NULL ||
           oe_mass_cancel_report_view(buf, len) != NULL ||
           oe_mass_quote_report_view(buf, len) != NULL ||
           oe_business_message_reject_view(buf, len) != NULL;
}

/* complete does to the cells what the engine does: an outcome, and behind a
 * reject with a risk reason its numbers. */
static unsigned
complete(union cell *cells, unsigned cnt, const uint8_t *dice)
{
    const uint16_t outcome = dice[0] % 2 == 0 ? 0 : OE_REJECT_REASON_MAX_ORDER_QTY;

    if (cell_kind(cells) == CELL_KIND_MESSAGE_REFUSED)
        return cnt;
    cells->order_new.outcome = outcome;
    cells->order_new.seq = dice[1];
    /* A mass quote is refused as a whole without numbers. */
    if (outcome == 0 || dice[2] % 2 == 0 || cell_kind(cells) == CELL_KIND_MASS_QUOTE)
        return cnt;
    ASSERT(cnt < CELL_MESSAGE_MAX);
    memset(&cells[cnt], 0, sizeof *cells);
    cells[cnt].risk_detail.kind = CELL_KIND_RISK_DETAIL;
    cells[cnt].risk_detail.level = dice[3] % 7;
    cells[cnt].risk_detail.limit = dice[3] - 128;
    cells->order_new.shape = (uint8_t)((cell_shape(cells) & ~CELL_SHAPE_COUNT) | (cnt + 1));
    return cnt + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct route_recipient recipient = {.session = SESSION, .no = 1};
    union cell cells[CELL_MESSAGE_MAX];
    uint8_t report[REPORT_BYTES_MAX];
    uint8_t *message;
    unsigned cnt;
    size_t len;

    if (size < 4)
        return 0;
    /* A copy of just that size: one byte too far is found. */
    message = malloc(size - 4 + 1);
    memcpy(message, data + 4, size - 4);
    cnt = order_decode(message, size - 4, SESSION, 70000, 12345, cells);
    free(message);
    ASSERT(cnt >= 1);
    ASSERT(cnt <= CELL_COMMAND_MAX);
    ASSERT(cell_count(cells) == cnt);
    ASSERT(cell_is_command(cells));
    ASSERT(cell_session(cells) == SESSION);
    ASSERT(cells->order_new.in_no == 70000 % 65536);
    for (unsigned i = 0; i < cnt; i++)
        ASSERT(cell_valid(&cells[i]));

    cnt = complete(cells, cnt, data);
    len = order_encode(cells, 1, &recipient, report, sizeof report);
    if (cell_kind(cells) == CELL_KIND_MASS_CANCEL && cell_outcome(cells) == 0)
        ASSERT(len == 0);
    else
        ASSERT(is_report(report, len));
    return 0;
}
