/*
 * Goal: any bytes become a command that the engine may be given, or none, and any
 * such command, with whatever the engine makes of it, a report of OUCH that can be
 * read, or none. Input: 2 bytes for the outcome, then a message of a client.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/command.h"
#include "gateway/ouch_codec.h"
#include "proto/orders.h"
#include "proto/ouch.h"

#define SESSION 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* is_report tells whether one of the views takes it. */
static bool
is_report(const uint8_t *buf, size_t len)
{
    struct ouch_options options;

    if (ouch_accepted_view(buf, len) != NULL)
        return ouch_options_parse(buf + OUCH_ACCEPTED_BLOCK, len - OUCH_ACCEPTED_BLOCK, &options);
    if (ouch_replaced_view(buf, len) != NULL)
        return ouch_options_parse(buf + OUCH_REPLACED_BLOCK, len - OUCH_REPLACED_BLOCK, &options);
    return ouch_canceled_view(buf, len) != NULL || ouch_rejected_view(buf, len) != NULL ||
           ouch_cancel_reject_view(buf, len) != NULL || ouch_modified_view(buf, len) != NULL ||
           ouch_disable_response_view(buf, len) != NULL ||
           ouch_enable_response_view(buf, len) != NULL ||
           ouch_query_response_view(buf, len) != NULL;
}

/* complete does to the cells what the engine does. */
static void
complete(union cell *cells, const uint8_t *dice)
{
    static const uint16_t outcomes[] = {0, OE_REJECT_REASON_UNKNOWN_ORDER,
                                        OE_REJECT_REASON_THROTTLED, OE_REJECT_REASON_INVALID_TICK};

    if (cell_kind(cells) != CELL_KIND_MESSAGE_REFUSED)
        cells->order_new.outcome = outcomes[dice[0] % 4];
    if (cell_kind(cells) == CELL_KIND_ORDER_CANCEL)
        cells->order_cancel.removed_qty = dice[1];
    if (cell_kind(cells) != CELL_KIND_ORDER_REPLACE)
        return;
    cells->order_replace.instrument = 1;
    cells->order_replace.ord_type = dice[1] % 2 == 0 ? OE_ORD_TYPE_LIMIT : OE_ORD_TYPE_PEGGED;
    cells->order_replace.tif = OE_TIME_IN_FORCE_DAY;
    cells[1].replace_detail.old_leaves = dice[1];
    cells[1].replace_detail.new_leaves = dice[1] / 2;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ouch_party party = {.account = 1, .firm = {'L', 'I', 'M', 'E'}};
    static const struct cell_instrument_set set = {
        .instrument = 1, .tick_px = 1000000, .symbol = {'A', 'C', 'M', 'E'}};
    static uint64_t memory[64] __attribute__((aligned(64)));
    static struct ouch_names *names;
    const struct route_recipient recipient = {.session = SESSION, .no = 1};
    union cell cells[CELL_MESSAGE_MAX];
    uint8_t report[OUCH_REPORT_BYTES_MAX];
    uint8_t *message;
    unsigned cnt;
    size_t len;

    if (names == NULL) {
        ASSERT(ouch_names_footprint(2) <= sizeof memory);
        names = ouch_names_init(memory, 2);
        ouch_names_learn(names, &set);
    }
    if (size < 2)
        return 0;

    const struct ouch_origin origin = {.names = names,
                                       .party = &party,
                                       .next_no = data[0],
                                       .time_ns = UINT64_C(1700000000000000000),
                                       .session = SESSION,
                                       .disabled = data[1] % 16 == 0};

    /* A copy of just that size: one byte too far is found. */
    message = malloc(size - 2 + 1);
    memcpy(message, data + 2, size - 2);
    cnt = ouch_decode(&origin, message, size - 2, cells);
    free(message);
    ASSERT(cnt <= CELL_COMMAND_MAX);
    if (cnt == 0)
        return 0;
    ASSERT(cell_count(cells) == cnt);
    ASSERT(cell_session(cells) == SESSION);
    ASSERT(command_well_formed(cells, cnt));
    complete(cells, data);
    len = ouch_encode(names, &party, cells, &recipient, report, sizeof report);
    ASSERT(len == 0 || is_report(report, len));
    return 0;
}
