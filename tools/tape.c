#include "tools/tape.h"

#include <stdlib.h>

#include "proto/orders.h"

/* ClOrdID, within a run, of an order that never was. */
#define CLORD_NEVER 0xfffffffeu

/* What became of the IOC that stands for an execution. */
struct execution {
    uint32_t fills_cnt;
    uint32_t filled_qty;
    uint64_t maker_tape_id;
};

struct tape {
    const struct lobster *lobster;
    uint32_t account;
    uint32_t instrument;
    struct execution *executions; /* by command number */
    uint64_t match_id;            /* of the taker's report seen last */
    uint64_t match_no;            /* and its command */
};

static size_t
make_order(const struct tape *tape,
           const struct lobster_command *command,
           uint64_t clord,
           uint8_t *buf)
{
    const struct oe_new_order_single msg = {
        .cl_ord_id = clord,
        .price = command->px,
        .stop_px = OE_NEW_ORDER_SINGLE_STOP_PX_NULL,
        .expire_time = OE_NEW_ORDER_SINGLE_EXPIRE_TIME_NULL,
        .security_id = tape->instrument,
        .order_qty = command->qty,
        .display_qty = OE_NEW_ORDER_SINGLE_DISPLAY_QTY_NULL,
        .min_qty = OE_NEW_ORDER_SINGLE_MIN_QTY_NULL,
        .account = tape->account,
        .client_short_code = OE_NEW_ORDER_SINGLE_CLIENT_SHORT_CODE_NULL,
        .decision_short_code = OE_NEW_ORDER_SINGLE_DECISION_SHORT_CODE_NULL,
        .execution_short_code = OE_NEW_ORDER_SINGLE_EXECUTION_SHORT_CODE_NULL,
        .peg_offset_value = OE_NEW_ORDER_SINGLE_PEG_OFFSET_VALUE_NULL,
        .linked_cl_ord_id = OE_NEW_ORDER_SINGLE_LINKED_CL_ORD_ID_NULL,
        .display_range = OE_NEW_ORDER_SINGLE_DISPLAY_RANGE_NULL,
        .side = command->sell ? OE_SIDE_SELL : OE_SIDE_BUY,
        .ord_type = OE_ORD_TYPE_LIMIT,
        .time_in_force = command->kind == LOBSTER_IOC ? OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL
                                                      : OE_TIME_IN_FORCE_DAY,
        .order_capacity = OE_ORDER_CAPACITY_AGENCY,
    };
    return oe_new_order_single_encode(buf, LOAD_MESSAGE_BYTES_MAX, &msg);
}

static size_t
make(void *ctx, uint64_t base, uint32_t no, unsigned *session, uint8_t *buf)
{
    const struct tape *tape = ctx;
    const struct lobster_command *command = &tape->lobster->commands[no];
    const uint64_t orig = base + (command->orig == LOBSTER_NONE ? CLORD_NEVER : command->orig);

    *session = 0;
    switch ((enum lobster_kind)command->kind) {
    case LOBSTER_NEW:
    case LOBSTER_IOC:
        return make_order(tape, command, base + no, buf);
    case LOBSTER_CANCEL:
        return oe_order_cancel_request_encode(buf, LOAD_MESSAGE_BYTES_MAX,
                                              &(struct oe_order_cancel_request){
                                                  .cl_ord_id = base + no,
                                                  .orig_cl_ord_id = orig,
                                                  .order_id = OE_ORDER_CANCEL_REQUEST_ORDER_ID_NULL,
                                                  .security_id = tape->instrument,
                                              });
    case LOBSTER_REPLACE:
        return oe_order_cancel_replace_request_encode(
            buf, LOAD_MESSAGE_BYTES_MAX,
            &(struct oe_order_cancel_replace_request){
                .cl_ord_id = base + no,
                .orig_cl_ord_id = orig,
                .order_id = OE_ORDER_CANCEL_REPLACE_REQUEST_ORDER_ID_NULL,
                .price = command->px,
                .stop_px = OE_ORDER_CANCEL_REPLACE_REQUEST_STOP_PX_NULL,
                .expire_time = OE_ORDER_CANCEL_REPLACE_REQUEST_EXPIRE_TIME_NULL,
                .security_id = tape->instrument,
                .order_qty = command->qty,
                .display_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_DISPLAY_QTY_NULL,
                .min_qty = OE_ORDER_CANCEL_REPLACE_REQUEST_MIN_QTY_NULL,
            });
    }
    UNREACHABLE("a kind of command that lobster does not make");
}

/* on_report pairs the two reports of a trade: the taker's comes first. */
static void
on_report(void *ctx, uint64_t base, const uint8_t *buf, size_t len)
{
    struct tape *tape = ctx;
    const struct oe_execution_report_trade *trade = oe_execution_report_trade_view(buf, len);

    if (trade == NULL)
        return;
    const uint64_t no = trade->cl_ord_id - base;
    if (no >= tape->lobster->commands_cnt)
        return;
    if (trade->aggressor == OE_AGGRESSOR_AGGRESSIVE) {
        tape->match_id = trade->trd_match_id;
        tape->match_no = no;
    } else if (trade->trd_match_id == tape->match_id) {
        struct execution *execution = &tape->executions[tape->match_no];

        execution->fills_cnt++;
        execution->filled_qty += trade->last_qty;
        execution->maker_tape_id = tape->lobster->commands[no].tape_id;
    }
}

struct tape *
tape_new(const struct lobster *lobster, uint32_t account, uint32_t instrument)
{
    struct tape *tape = calloc(1, sizeof *tape);

    if (tape == NULL)
        return NULL;
    *tape = (struct tape){
        .lobster = lobster,
        .account = account,
        .instrument = instrument,
        .executions = calloc(lobster->commands_cnt + 1, sizeof(struct execution)),
    };
    if (tape->executions == NULL) {
        free(tape);
        return NULL;
    }
    return tape;
}

struct load_source
tape_source(struct tape *tape)
{
    return (struct load_source){.make = make, .on_report = on_report, .ctx = tape};
}

void
tape_result_get(const struct tape *tape, struct tape_result *result)
{
    const struct lobster *lobster = tape->lobster;

    *result = (struct tape_result){
        .commands = lobster->commands_cnt,
        .own_cancels = lobster->own_cancels_cnt,
        .executions = lobster->executions_cnt,
    };
    for (size_t i = 0; i < lobster->commands_cnt; i++) {
        const struct lobster_command *command = &lobster->commands[i];
        const struct execution *execution = &tape->executions[i];

        if (command->kind != LOBSTER_IOC)
            continue;
        if (execution->filled_qty != command->qty)
            result->iocs_unfilled++;
        else if (execution->fills_cnt == 1 && execution->maker_tape_id == command->tape_id)
            result->executions_on_real_maker++;
    }
}

void
tape_free(struct tape *tape)
{
    free(tape->executions);
    free(tape);
}
