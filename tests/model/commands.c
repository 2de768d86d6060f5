#include "tests/model/commands.h"

#include <stdio.h>
#include <string.h>

/* name_of writes a letter and a number, zero padded to the field. */
static void
name_of(char *field, size_t bytes, char letter, uint32_t number)
{
    char text[16] = {0};

    snprintf(text, sizeof text, "%c%u", letter, number % 1000000);
    memcpy(field, text, bytes);
}

static struct command
one_cell(uint8_t kind)
{
    struct command command = {.count = 1};

    command.cells[0].order_new.kind = kind;
    command.cells[0].order_new.shape = 1;
    command.cells[0].order_new.session = CELL_SESSION;
    return command;
}

static struct command
two_cells(uint8_t kind, uint8_t second)
{
    struct command command = one_cell(kind);

    command.count = 2;
    command.cells[0].order_new.shape = 2;
    command.cells[1].bytes[0] = second;
    return command;
}

struct command
command_firm(uint32_t firm)
{
    struct command command = one_cell(CELL_KIND_FIRM_SET);

    command.cells[0].firm_set.firm = firm;
    name_of(command.cells[0].firm_set.name, 16, 'F', firm);
    return command;
}

struct command
command_group(uint32_t group, uint32_t firm)
{
    struct command command = one_cell(CELL_KIND_GROUP_SET);

    command.cells[0].group_set.group = group;
    command.cells[0].group_set.firm = firm;
    name_of(command.cells[0].group_set.name, 16, 'G', group);
    return command;
}

struct command
command_account(uint32_t account, uint32_t group)
{
    struct command command = two_cells(CELL_KIND_ACCOUNT_SET, CELL_KIND_ACCOUNT_LIMITS);
    struct cell_account_limits *limits = &command.cells[1].account_limits;

    command.cells[0].account_set.account = account;
    command.cells[0].account_set.group = group;
    name_of(command.cells[0].account_set.name, 16, 'A', account);
    limits->order_qty_max = UINT32_MAX;
    limits->order_value_max = INT64_MAX;
    limits->long_max = UINT64_C(1) << 62;
    limits->short_max = UINT64_C(1) << 62;
    return command;
}

struct command
command_instrument(uint32_t instrument)
{
    struct command command = two_cells(CELL_KIND_INSTRUMENT_SET, CELL_KIND_INSTRUMENT_LIMITS);
    struct cell_instrument_set *set = &command.cells[0].instrument_set;
    struct cell_instrument_limits *limits = &command.cells[1].instrument_limits;

    set->instrument = instrument;
    set->tick_px = PX_ONE / 100;
    set->lot_qty = 1;
    set->px_decimals = 2;
    name_of(set->symbol, 8, 'I', instrument);
    limits->order_qty_max = UINT32_MAX;
    limits->order_value_max = INT64_MAX;
    limits->order_qty_min = 1;
    return command;
}

struct command
command_session(uint16_t session, uint32_t firm)
{
    struct command command = one_cell(CELL_KIND_SESSION_SET);

    command.cells[0].session_set.session = session;
    command.cells[0].session_set.firm = firm;
    name_of(command.cells[0].session_set.name, 16, 'S', session);
    return command;
}

/* uuid_of makes a UUID of version 4 that no other session has. */
static void
uuid_of(uint8_t field[16], uint16_t session, uint8_t uuid)
{
    memset(field, uuid, 16);
    memcpy(field, &session, sizeof session);
    field[6] = 0x40;
    field[8] = 0x80;
}

struct command
command_negotiate(uint16_t session, uint8_t uuid)
{
    struct command command = one_cell(CELL_KIND_SESSION_NEGOTIATE);
    struct cell_session_negotiate *req = &command.cells[0].session_negotiate;

    req->session = session;
    req->request_time = uuid;
    req->client_flow = 1; /* FIXP: idempotent */
    req->server_flow = 0; /* FIXP: recoverable */
    uuid_of(req->uuid, session, uuid);
    return command;
}

struct command
command_establish(uint16_t session, uint8_t uuid)
{
    struct command command = one_cell(CELL_KIND_SESSION_ESTABLISH);
    struct cell_session_establish *req = &command.cells[0].session_establish;

    req->session = session;
    req->request_time = uuid;
    req->keepalive_ms = 1000;
    uuid_of(req->uuid, session, uuid);
    return command;
}

struct command
command_unbind(uint16_t session, uint8_t uuid)
{
    struct command command = one_cell(CELL_KIND_SESSION_UNBIND);
    struct cell_session_unbind *req = &command.cells[0].session_unbind;

    req->session = session;
    uuid_of(req->uuid, session, uuid);
    return command;
}

struct command
command_clock(uint64_t passed_ns)
{
    struct command command = one_cell(CELL_KIND_CLOCK);

    command.cells[0].clock.time = passed_ns;
    return command;
}

struct command
command_new(const struct command_order *order)
{
    struct command command = one_cell(CELL_KIND_ORDER_NEW);
    struct cell_order_new *req = &command.cells[0].order_new;

    if (order->sell)
        req->shape |= CELL_SELL;
    req->instrument = order->instrument;
    req->account = order->account;
    req->session = order->session;
    req->qty = order->qty;
    req->px = order->px;
    req->clord = order->clord;
    req->ord_type = OE_ORD_TYPE_LIMIT;
    req->tif = OE_TIME_IN_FORCE_DAY;
    return command;
}

struct command
command_cancel(uint16_t session, uint32_t instrument, uint64_t orig_clord, uint64_t clord)
{
    struct command command = one_cell(CELL_KIND_ORDER_CANCEL);
    struct cell_order_cancel *req = &command.cells[0].order_cancel;

    req->session = session;
    req->instrument = instrument;
    req->orig_clord = orig_clord;
    req->clord = clord;
    return command;
}

struct command
command_replace(const struct command_order *order, uint64_t orig_clord)
{
    struct command command = two_cells(CELL_KIND_ORDER_REPLACE, CELL_KIND_REPLACE_DETAIL);
    struct cell_order_replace *req = &command.cells[0].order_replace;

    req->instrument = order->instrument;
    req->session = order->session;
    req->qty = order->qty;
    req->px = order->px;
    req->clord = order->clord;
    command.cells[1].replace_detail.orig_clord = orig_clord;
    return command;
}

void
command_by_id(struct command *command, uint64_t order_id)
{
    union cell *cells = command->cells;

    ASSERT(cell_kind(cells) == CELL_KIND_ORDER_CANCEL ||
           cell_kind(cells) == CELL_KIND_ORDER_REPLACE);
    cells[0].bytes[1] |= CELL_BY_ID;
    cells[0].order_cancel.order_id = order_id;
    if (cell_kind(cells) == CELL_KIND_ORDER_CANCEL)
        cells[0].order_cancel.orig_clord = 0;
    else
        cells[1].replace_detail.orig_clord = 0;
}

struct command
command_mass_cancel(uint16_t session, uint8_t scope, uint32_t target, uint64_t clord)
{
    struct command command = one_cell(CELL_KIND_MASS_CANCEL);
    struct cell_mass_cancel *req = &command.cells[0].mass_cancel;

    req->instrument = CELL_ANY;
    req->account = CELL_ANY;
    req->session = session;
    req->scope = scope;
    req->target = target;
    req->clord = clord;
    req->side = OE_SIDE_FILTER_ANY;
    req->reason = OE_CANCEL_REASON_MASS_CANCEL;
    return command;
}

void
command_sign(struct command *command)
{
    union cell *author = &command->cells[command->count++];

    command->cells[0].bytes[1]++;
    *author = (union cell){.author = {.kind = CELL_KIND_AUTHOR, .uid = 1000}};
    memcpy(author->author.name, "desk", 4);
    memcpy(author->author.text, "a test asks for it", 18);
}

struct command
command_admin(uint8_t kind)
{
    struct command command = one_cell(kind);

    command_sign(&command);
    return command;
}

struct command
command_limit(uint8_t level, uint32_t subject, uint8_t limit, int64_t value)
{
    struct command command = command_admin(CELL_KIND_LIMIT_SET);
    struct cell_limit_set *set = &command.cells[0].limit_set;

    set->level = level;
    set->subject = subject;
    set->limit = limit;
    set->value = value;
    return command;
}

struct command
command_kill(uint8_t level, uint32_t subject, bool cancels)
{
    struct command command = command_admin(CELL_KIND_KILL);

    command.cells[0].kill.level = level;
    command.cells[0].kill.subject = subject;
    command.cells[0].kill.cancels = cancels;
    return command;
}

struct command
command_enable(uint8_t level, uint32_t subject)
{
    struct command command = command_admin(CELL_KIND_ENABLE);

    command.cells[0].enable.level = level;
    command.cells[0].enable.subject = subject;
    return command;
}
