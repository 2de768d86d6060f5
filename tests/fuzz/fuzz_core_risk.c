#include "tests/fuzz/fuzz_core.h"

/* number is small, about the value of some orders, or at an end of the range. */
static int64_t
number(struct fuzz_input *in)
{
    const unsigned b = fuzz_byte(in);

    switch (b / 64) {
    case 0:
        return b;
    case 1:
        return (int64_t)(b - 63) * 20 * PX_ONE * 100;
    case 2:
        return (int64_t)(b - 127) * PX_ONE;
    default:
        return b == 255   ? INT64_MAX
               : b == 254 ? INT64_MIN
               : b == 253 ? -1
               : b == 252 ? (int64_t)1 << 62
                          : (int64_t)(b - 191) * 1000;
    }
}

static struct command
limit_set(struct fuzz_input *in)
{
    struct command command = command_admin(CELL_KIND_LIMIT_SET);
    struct cell_limit_set *set = &command.cells[0].limit_set;
    const unsigned what = fuzz_byte(in);

    set->limit = what % 16;
    set->level = what / 16 % 7;
    set->subject = fuzz_byte(in) % FUZZ_ACCOUNTS;
    set->value = number(in);
    if (set->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT)
        set->instrument = fuzz_byte(in) % (FUZZ_INSTRUMENTS + 1);
    if (set->limit >= CELL_RISK_LIMIT_MESSAGE_RATE && set->limit <= CELL_RISK_LIMIT_EXECUTIONS)
        set->window_ns = fuzz_byte(in) * UINT64_C(500);
    if (fuzz_byte(in) < 128)
        return command;
    set->warn_permille = (uint16_t)(fuzz_byte(in) * 4);
    set->slow_permille = (uint16_t)(fuzz_byte(in) * 4);
    set->close_permille = (uint16_t)(fuzz_byte(in) * 4);
    set->block_permille = (uint16_t)(fuzz_byte(in) * 4);
    set->slow_ms = fuzz_byte(in) % 4;
    return command;
}

static struct command
order_rule_set(struct fuzz_input *in)
{
    struct command command = command_admin(CELL_KIND_ORDER_RULE_SET);
    struct cell_order_rule_set *set = &command.cells[0].order_rule_set;
    const unsigned flags = fuzz_byte(in);

    set->level = (flags & 1) != 0 ? OE_RISK_LEVEL_ACCOUNT : OE_RISK_LEVEL_INSTRUMENT;
    set->subject = fuzz_byte(in) % FUZZ_ACCOUNTS;
    set->types = (flags & 2) != 0 ? fuzz_byte(in) : 0x3f;
    set->tifs = (flags & 4) != 0 ? fuzz_byte(in) : 0x7f;
    set->covered = flags >> 3 & 1;
    set->references = flags >> 4 & 7;
    set->unreferenced = (flags & 128) != 0;
    return command;
}

/* move is a command that moves cash, units, a mark or the day. */
static struct command
move(struct fuzz_input *in, unsigned which)
{
    static const uint8_t kinds[] = {CELL_KIND_CASH_MOVE, CELL_KIND_POSITION_MOVE,
                                    CELL_KIND_MARK_SET, CELL_KIND_DAY_ROLL};
    struct command command = command_admin(kinds[which]);
    const unsigned who = fuzz_byte(in);

    switch (which) {
    case 0:
        command.cells[0].cash_move.account = who % FUZZ_ACCOUNTS;
        command.cells[0].cash_move.mode = (who & 128) != 0;
        command.cells[0].cash_move.amount = number(in);
        break;
    case 1:
        command.cells[0].position_move.account = who % FUZZ_ACCOUNTS;
        command.cells[0].position_move.instrument = who / FUZZ_ACCOUNTS % (FUZZ_INSTRUMENTS + 1);
        command.cells[0].position_move.mode = (who & 128) != 0;
        command.cells[0].position_move.qty = number(in) % 1000;
        break;
    case 2:
        command.cells[0].mark_set.instrument = who % (FUZZ_INSTRUMENTS + 1);
        command.cells[0].mark_set.settlement = (who & 128) != 0;
        command.cells[0].mark_set.px = fuzz_price(in);
        break;
    default:
        command.cells[0].day_roll.date = 20260100u + who;
        break;
    }
    return command;
}

static struct command
restriction_set(struct fuzz_input *in)
{
    struct command command = command_admin(CELL_KIND_RESTRICTION_SET);
    struct cell_restriction_set *set = &command.cells[0].restriction_set;
    const unsigned b = fuzz_byte(in);

    set->level = b % 7;
    set->subject = fuzz_byte(in) % FUZZ_ACCOUNTS;
    set->instrument = (b & 64) != 0 ? CELL_ANY : b / 8 % (FUZZ_INSTRUMENTS + 1);
    set->restricted = (b & 128) != 0;
    return command;
}

static struct command
fee_set(struct fuzz_input *in)
{
    struct command command = command_admin(CELL_KIND_FEE_SET);

    command.cells[0].fee_set.instrument = fuzz_byte(in) % (FUZZ_INSTRUMENTS + 1);
    command.cells[0].fee_set.maker_ppm = (int32_t)fuzz_byte(in) - 128;
    command.cells[0].fee_set.taker_ppm = fuzz_byte(in);
    return command;
}

struct command
fuzz_operator(struct fuzz_input *in)
{
    const unsigned which = fuzz_byte(in);
    const uint8_t level = which / 16 % 6;

    switch (which % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        return move(in, which % 16);
    case 4:
        return restriction_set(in);
    case 5:
        return order_rule_set(in);
    case 6:
        return fee_set(in);
    case 7:
        return command_kill(level, fuzz_byte(in) % FUZZ_ACCOUNTS, which >= 128);
    case 8:
    case 9:
        return command_enable(level, fuzz_byte(in) % FUZZ_ACCOUNTS);
    default:
        return limit_set(in);
    }
}
