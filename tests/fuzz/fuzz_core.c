/*
 * Goal: engine and model agree on any commands, of every kind. Method: the input
 * picks a profile of the model test for the exchange, then says one command after
 * the other; whatever it says is well formed, nothing else. After each command
 * the groups must be equal, at the end all that can be seen.
 *
 * Input: a byte for the profile; then commands, each a byte for its kind (the
 * first six bits) and the bytes of its fields. What is missing is zero. Fields
 * are small numbers, so that commands mean the same orders, levels and sessions.
 */
#include "tests/fuzz/fuzz_core.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

#include "tests/model/generate.h"

#define COMMANDS_MAX 300u
#define LIVE_MAX     48u
#define RECORDS_MAX  24u
#define LEVEL_PAGES  64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

px_t
fuzz_price(struct fuzz_input *in)
{
    const unsigned b = fuzz_byte(in);

    if (b < 240)
        return 100 * PX_ONE + ((px_t)(b % 32) - 16) * FUZZ_TICK_PX;
    if (b < 248)
        return (px_t)(b - 242) * FUZZ_TICK_PX;
    return ((px_t)TICKS_MAX - (px_t)(b - 247)) * FUZZ_TICK_PX + (b == 255);
}

static uint64_t
later_ns(struct fuzz_input *in, const struct duo *duo)
{
    const unsigned b = fuzz_byte(in);

    return b == 0 ? 0 : duo->now_ns + b * UINT64_C(300000);
}

static struct command_order
order_of(struct fuzz_input *in)
{
    const unsigned who = fuzz_byte(in);
    const unsigned what = fuzz_byte(in);

    return (struct command_order){
        .session = (uint16_t)(who % FUZZ_SESSIONS),
        .account = who / FUZZ_SESSIONS % FUZZ_ACCOUNTS,
        .sell = (what & 1) != 0,
        .instrument = what / 2 % 8 < 5 ? 0 : what / 2 % (FUZZ_INSTRUMENTS + 1),
        .qty = fuzz_byte(in),
        .px = fuzz_price(in),
        .clord = fuzz_byte(in) % 24,
    };
}

/* extend gives an order the second cell and what a byte of flags asks for. */
static void
extend(struct fuzz_input *in, const struct duo *duo, struct command *command)
{
    const unsigned flags = fuzz_byte(in);
    struct cell_order_extension *ext = &command->cells[1].order_extension;

    if (flags == 0)
        return;
    command->count = 2;
    command->cells[0].bytes[1]++;
    ext->kind = CELL_KIND_ORDER_EXTENSION;
    if ((flags & 1) != 0)
        ext->stop_px = fuzz_price(in);
    if ((flags & 2) != 0)
        ext->expire_time = later_ns(in, duo);
    if ((flags & 4) != 0)
        ext->display_qty = fuzz_byte(in) % 32;
    if ((flags & 8) != 0)
        ext->display_range = fuzz_byte(in) % 16;
    if ((flags & 16) != 0)
        ext->min_qty = fuzz_byte(in);
    if ((flags & 32) != 0)
        ext->peg_offset_px = (px_t)(int8_t)fuzz_byte(in) * FUZZ_TICK_PX / 4;
    ext->client_code = flags >> 7;
    if ((flags & 64) == 0)
        return;
    command->count = 3;
    command->cells[0].bytes[1]++;
    command->cells[2].order_link.kind = CELL_KIND_ORDER_LINK;
    command->cells[2].order_link.linked_clord = fuzz_byte(in) % 24;
}

static struct command
new_order(struct fuzz_input *in, const struct duo *duo)
{
    static const uint8_t types[] = {
        OE_ORD_TYPE_LIMIT, OE_ORD_TYPE_LIMIT,      OE_ORD_TYPE_LIMIT,  OE_ORD_TYPE_MARKET,
        OE_ORD_TYPE_STOP,  OE_ORD_TYPE_STOP_LIMIT, OE_ORD_TYPE_PEGGED, OE_ORD_TYPE_MARKET_TO_LIMIT};
    static const uint8_t tifs[] = {OE_TIME_IN_FORCE_DAY,
                                   OE_TIME_IN_FORCE_GOOD_TILL_CANCEL,
                                   OE_TIME_IN_FORCE_GOOD_TILL_DATE,
                                   OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL,
                                   OE_TIME_IN_FORCE_FILL_OR_KILL,
                                   OE_TIME_IN_FORCE_AT_THE_OPENING,
                                   OE_TIME_IN_FORCE_AT_THE_CLOSE,
                                   OE_TIME_IN_FORCE_DAY};
    const struct command_order order = order_of(in);
    struct command command = command_new(&order);
    struct cell_order_new *req = &command.cells[0].order_new;
    const unsigned kind = fuzz_byte(in);

    req->ord_type = types[kind % 8];
    req->tif = tifs[kind / 8 % 8];
    req->exec_inst = fuzz_byte(in) % 32;
    req->stp_capacity = fuzz_byte(in) % 64 % 6;
    if ((kind & 64) != 0)
        req->px = 0;
    req->in_no = (kind & 128) != 0 && req->clord == 23;
    extend(in, duo, &command);
    return command;
}

/* aim makes a cancel or replace name an order by its id: a live one, a dead one
 * or none. */
static void
aim(struct fuzz_input *in, const struct duo *duo, struct command *command)
{
    const unsigned b = fuzz_byte(in);
    const struct model_order *order = duo->model->live;

    if (b < 128)
        return;
    for (unsigned skip = b % 32; order != NULL && skip > 0; skip--)
        order = order->next_live;
    command_by_id(command, order != NULL ? order->order_id : (uint64_t)3 << 60 | 1u << 24 | b % 8);
    if (order == NULL || b >= 248)
        return;
    command->cells[0].order_cancel.session = order->session;
    command->cells[0].order_cancel.instrument = order->instrument;
}

static struct command
cancel(struct fuzz_input *in, const struct duo *duo)
{
    const struct command_order order = order_of(in);
    struct command command =
        command_cancel(order.session, order.instrument, fuzz_byte(in) % 24, order.clord);

    aim(in, duo, &command);
    return command;
}

static struct command
replace(struct fuzz_input *in, const struct duo *duo)
{
    const struct command_order order = order_of(in);
    struct command command = command_replace(&order, fuzz_byte(in) % 24);
    struct cell_replace_detail *wish = &command.cells[1].replace_detail;
    const unsigned flags = fuzz_byte(in);

    if ((flags & 1) != 0)
        wish->display_qty = fuzz_byte(in) % 32;
    if ((flags & 2) != 0)
        wish->stop_px = fuzz_price(in);
    if ((flags & 4) != 0)
        wish->expire_time = later_ns(in, duo);
    wish->min_qty = flags == 255;
    if ((flags & 8) != 0)
        command.cells[0].order_replace.px = 0;
    aim(in, duo, &command);
    return command;
}

static struct command
mass_quote(struct fuzz_input *in)
{
    const struct command_order order = order_of(in);
    const unsigned b = fuzz_byte(in);
    const uint32_t cnt = b < 240 ? 1 + b % 4 : b % (QUOTE_ENTRIES_MAX + 1);
    struct command command = {.count = 1 + (cnt + 1) / 2};

    command.cells[0].mass_quote = (struct cell_mass_quote){
        .kind = CELL_KIND_MASS_QUOTE,
        .shape = (uint8_t)command.count,
        .entries_cnt = cnt + (b == 255),
        .clord = order.clord,
        .stp_capacity = fuzz_byte(in) % 6,
        .account = order.account,
        .session = order.session,
    };
    for (uint32_t i = 1; i < command.count; i++)
        command.cells[i].quote_pair.kind = CELL_KIND_QUOTE_PAIR;
    for (uint32_t i = 0; i < cnt; i++) {
        struct cell_quote_pair *pair = &command.cells[1 + i / 2].quote_pair;
        const bool second = i % 2 != 0;

        *(second ? &pair->instrument2 : &pair->instrument1) =
            fuzz_byte(in) % (FUZZ_INSTRUMENTS + 1);
        *(second ? &pair->bid_px2 : &pair->bid_px1) = fuzz_price(in);
        *(second ? &pair->ask_px2 : &pair->ask_px1) = fuzz_price(in);
        *(second ? &pair->bid_qty2 : &pair->bid_qty1) = fuzz_byte(in) % 64;
        *(second ? &pair->ask_qty2 : &pair->ask_qty1) = fuzz_byte(in) % 64;
    }
    return command;
}

static struct command
mass_cancel(struct fuzz_input *in)
{
    const struct command_order order = order_of(in);
    const unsigned b = fuzz_byte(in);
    struct command command = command_mass_cancel(b % 8 == 7 ? CELL_SESSION : order.session,
                                                 b / 8 % 4, order.account, order.clord);
    struct cell_mass_cancel *req = &command.cells[0].mass_cancel;

    if ((b & 32) != 0)
        req->instrument = order.instrument;
    if ((b & 64) != 0)
        req->side = order.sell ? OE_SIDE_FILTER_SELL : OE_SIDE_FILTER_BUY;
    return command;
}

/* session_command is one of the commands that bind, skip and refuse. */
static struct command
session_command(struct fuzz_input *in, const struct duo *duo)
{
    const unsigned b = fuzz_byte(in);
    const uint16_t session = b / 8 % (FUZZ_SESSIONS + 1);
    struct command command = {.count = 1};

    switch (b % 8) {
    case 0:
        return command_negotiate(session, (uint8_t)(b / 64));
    case 1:
        command = command_unbind(session, 1);
        command.cells[0].session_unbind.reason = b / 64 == 3 ? CELL_UNBIND_REASON_FINISHED : 0;
        return command;
    case 2:
        command.cells[0].session_sequence =
            (struct cell_session_sequence){.kind = CELL_KIND_SESSION_SEQUENCE,
                                           .shape = 1,
                                           .next_no = b / 64,
                                           .finished = b / 64 == 3,
                                           .session = session};
        return command;
    case 3:
        command.cells[0].message_refused = (struct cell_message_refused){
            .kind = CELL_KIND_MESSAGE_REFUSED, .shape = 1, .session = session};
        return command;
    case 4:
        command.cells[0].restart = (struct cell_restart){
            .kind = CELL_KIND_RESTART,
            .shape = 1,
            .epoch = (uint32_t)duo->model->seq + 1 - b / 128,
            .ack_mode = b / 32 % 3,
            .session = CELL_SESSION,
        };
        return command;
    default:
        return command_establish(session, b / 64 == 3 ? 2 : 1);
    }
}

/* configure is one of the commands of the profile's setup once more, now and then
 * with something else in it. */
static struct command
configure(struct fuzz_input *in, const struct step *setup, uint32_t setup_cnt)
{
    struct command command = setup[fuzz_byte(in) % setup_cnt].command;
    const unsigned b = fuzz_byte(in);

    switch (cell_kind(command.cells)) {
    case CELL_KIND_INSTRUMENT_SET:
        command.cells[0].instrument_set.state = b % 3;
        if (b / 64 == 3)
            command.cells[0].instrument_set.algorithm = b / 4 % 3;
        command.cells[0].instrument_set.top_max = b / 4 % 16;
        break;
    case CELL_KIND_ACCOUNT_SET:
        command.cells[0].account_set.state = b % 4;
        break;
    case CELL_KIND_POSITION_LIMIT_SET:
        command.cells[0].position_limit_set.long_max = b;
        break;
    default:
        break;
    }
    return command;
}

static struct command
state_set(struct fuzz_input *in)
{
    const unsigned b = fuzz_byte(in);
    struct command command = {.count = 1};

    command.cells[0].instrument_state_set = (struct cell_instrument_state_set){
        .kind = CELL_KIND_INSTRUMENT_STATE_SET,
        .shape = 1,
        .instrument = b / 4 % (FUZZ_INSTRUMENTS + 1),
        .state = b % 4 == 3 ? 0 : b % 4,
        .session = CELL_SESSION,
    };
    return command;
}

static struct command
next_command(struct fuzz_input *in,
             const struct duo *duo,
             const struct step *setup,
             uint32_t setup_cnt)
{
    switch (fuzz_byte(in) & 63) {
    case 0:
        return command_clock(fuzz_byte(in) * UINT64_C(1000000));
    case 1:
        return state_set(in);
    case 2:
        return configure(in, setup, setup_cnt);
    case 3:
    case 4:
    case 5:
        return session_command(in, duo);
    case 6:
        return mass_cancel(in);
    case 7:
    case 8:
    case 9:
    case 10:
        return mass_quote(in);
    case 11:
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
        return cancel(in, duo);
    case 18:
    case 19:
    case 20:
    case 21:
    case 22:
    case 23:
    case 24:
    case 25:
    case 26:
    case 27:
        return replace(in, duo);
    case 28:
    case 29:
    case 30:
        return fuzz_operator(in);
    default:
        return new_order(in, duo);
    }
}

/* must ends the process with what is wrong, if something is. */
static void
must(const struct duo *duo, bool good)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", duo->complaint);
    abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {.data = data, .size = size};
    struct profile profile = profiles[fuzz_byte(&in) % PROFILES];
    struct step *setup = calloc(SETUP_STEPS_MAX, sizeof *setup);

    ASSERT(setup != NULL);
    profile.instruments_cnt = FUZZ_INSTRUMENTS;
    profile.orders_max = LIVE_MAX;
    profile.extras_max = RECORDS_MAX;
    if (profile.pages_max > LEVEL_PAGES)
        profile.pages_max = LEVEL_PAGES;

    const struct engine_cfg cfg = generate_cfg(&profile);
    const uint32_t setup_cnt = generate_setup(&profile, setup);
    struct duo *duo = duo_new(&cfg);

    for (uint32_t i = 0; i < setup_cnt; i++)
        must(duo, duo_apply(duo, &setup[i].command, 0));
    for (unsigned i = 0; i < COMMANDS_MAX && in.at < in.size; i++) {
        const struct command command = next_command(&in, duo, setup, setup_cnt);

        must(duo, duo_apply(duo, &command, 0));
    }
    must(duo, duo_check(duo));
    duo_free(duo);
    free(setup);
    return 0;
}
