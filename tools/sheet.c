#include "tools/sheet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/inside.h"
#include "proto/limits.h"
#include "risk/risk.h"

#include "tools/view.h"
#include "tools/words.h"

#define PLACES_CNT (2 * SHEET_ROWS_MAX)

#define ROWS_BYTES   (SHEET_ROWS_MAX * sizeof(struct sheet_row))
#define PLACES_BYTES (PLACES_CNT * sizeof(uint32_t))
#define ORDER_BYTES  (SHEET_ROWS_MAX * sizeof(uint32_t))

/* reserve takes address space: pages come when they are touched. */
static void *
reserve(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return mem == MAP_FAILED ? NULL : mem;
}

int
sheet_open(struct sheet *sheet, uint32_t positions_max)
{
    memset(sheet, 0, sizeof *sheet);
    sheet->positions_max = positions_max;
    sheet->rows = reserve(ROWS_BYTES);
    sheet->places = reserve(PLACES_BYTES);
    sheet->order = reserve(ORDER_BYTES);
    if (sheet->rows != NULL && sheet->places != NULL && sheet->order != NULL)
        return 0;
    sheet_close(sheet);
    return -ENOMEM;
}

void
sheet_close(struct sheet *sheet)
{
    if (sheet->rows != NULL)
        munmap(sheet->rows, ROWS_BYTES);
    if (sheet->places != NULL)
        munmap(sheet->places, PLACES_BYTES);
    if (sheet->order != NULL)
        munmap(sheet->order, ORDER_BYTES);
    memset(sheet, 0, sizeof *sheet);
}

/* sheet_begin gives the pages of the last sheet back, which empties the table. */
void
sheet_begin(struct sheet *sheet)
{
    if (sheet->rows_cnt > 0)
        madvise(sheet->places, PLACES_BYTES, MADV_DONTNEED);
    sheet->rows_cnt = 0;
    sheet->pairs_cnt = 0;
    sheet->wrong_cnt = 0;
    sheet->text_len = 0;
    sheet->text[0] = '\0';
}

static __attribute__((format(printf, 3, 4))) void
wrong(struct sheet *sheet, uint32_t line, const char *format, ...)
{
    const size_t room = SHEET_TEXT_BYTES - sheet->text_len;
    char why[VERB_WHY_BYTES];
    va_list args;

    if (sheet->wrong_cnt++ >= SHEET_WRONG_MAX)
        return;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    const int len =
        snprintf(sheet->text + sheet->text_len, room, "error line %" PRIu32 ": %s\n", line, why);
    if (len > 0 && (size_t)len < room)
        sheet->text_len += (size_t)len;
    else
        sheet->text[sheet->text_len] = '\0';
}

_Static_assert(SHEET_WRONG_MAX *(VERB_WHY_BYTES + 32) <= SHEET_TEXT_BYTES, "all that is kept");

/* key_of returns what no two rows may have in common. */
static uint64_t
key_of(const union cell *cell)
{
    switch (cell_kind(cell)) {
    case CELL_KIND_LIMIT_SET: {
        const struct cell_limit_set *set = &cell->limit_set;

        return (uint64_t)set->subject << 32 | (uint64_t)set->instrument << 8 |
               (uint64_t)set->level << 4 | set->limit;
    }
    case CELL_KIND_CASH_MOVE:
        return (uint64_t)cell->cash_move.account << 32;
    case CELL_KIND_POSITION_MOVE:
        return (uint64_t)cell->position_move.account << 32 | cell->position_move.instrument;
    default:
        return 0;
    }
}

static uint32_t
place_of(unsigned kind, uint64_t key)
{
    return (uint32_t)(((key ^ (uint64_t)kind << 56) * 0x9e3779b97f4a7c15ull) >> 32) % PLACES_CNT;
}

/* find returns the place of the row with this kind and key, or a free one. */
static uint32_t
find(const struct sheet *sheet, unsigned kind, uint64_t key)
{
    uint32_t at = place_of(kind, key);

    while (sheet->places[at] != 0) {
        const union cell *cell = &sheet->rows[sheet->places[at] - 1].cell;

        if (cell_kind(cell) == kind && key_of(cell) == key)
            break;
        at = at + 1 == PLACES_CNT ? 0 : at + 1;
    }
    return at;
}

void
sheet_add(struct sheet *sheet,
          const struct roster *roster,
          uint32_t line,
          char *const *words,
          unsigned cnt)
{
    char why[VERB_WHY_BYTES];
    struct verb verb;

    if (!verb_row(&verb, roster, words, cnt, why)) {
        wrong(sheet, line, "%s", why);
        return;
    }
    if (sheet->rows_cnt == SHEET_ROWS_MAX) {
        wrong(sheet, line, "is one row too many, expected %u at most", SHEET_ROWS_MAX);
        return;
    }

    const unsigned kind = cell_kind(&verb.cells[0]);
    const uint32_t at = find(sheet, kind, key_of(&verb.cells[0]));
    struct sheet_row *row = &sheet->rows[sheet->rows_cnt];

    if (sheet->places[at] != 0) {
        wrong(sheet, line, "says again what line %" PRIu32 " says, expected each once",
              sheet->rows[sheet->places[at] - 1].line);
        return;
    }
    row->cell = verb.cells[0];
    row->line = line;
    sheet->places[at] = ++sheet->rows_cnt;
}

void
sheet_order(struct sheet *sheet)
{
    static const uint8_t kinds[] = {CELL_KIND_DAY_ROLL, CELL_KIND_LIMIT_SET, CELL_KIND_CASH_MOVE,
                                    CELL_KIND_POSITION_MOVE};
    uint32_t idx = 0;

    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
        for (uint32_t i = 0; i < sheet->rows_cnt; i++)
            if (cell_kind(&sheet->rows[i].cell) == kinds[k])
                sheet->order[idx++] = i;
    ASSERT(idx == sheet->rows_cnt);
}

/* credit_of returns the credit that the account has when its cash is set. */
static int64_t
credit_of(const struct sheet *sheet, const struct engine *engine, uint32_t account)
{
    const uint64_t key =
        (uint64_t)account << 32 | (uint64_t)OE_RISK_LEVEL_ACCOUNT << 4 | CELL_RISK_LIMIT_CREDIT;
    const uint32_t at = find(sheet, CELL_KIND_LIMIT_SET, key);
    struct view_use use;

    if (sheet->places[at] != 0)
        return sheet->rows[sheet->places[at] - 1].cell.limit_set.value;
    if (!view_use(engine, OE_RISK_LEVEL_ACCOUNT, account, 0, CELL_RISK_LIMIT_CREDIT, &use))
        return RISK_LIMIT_OFF;
    return use.limit.value;
}

/* counts_pair says whether the row is the one of its pair that is counted: its
 * position, else its long limit, else its short one. */
static bool
counts_pair(const struct sheet *sheet, const struct cell_limit_set *set)
{
    struct cell_limit_set other = *set;
    const uint64_t pair = (uint64_t)set->subject << 32 | set->instrument;

    other.limit = CELL_RISK_LIMIT_LONG;
    if (sheet->places[find(sheet, CELL_KIND_POSITION_MOVE, pair)] != 0)
        return false;
    return set->limit == CELL_RISK_LIMIT_LONG ||
           sheet->places[find(sheet, CELL_KIND_LIMIT_SET,
                              key_of(&(const union cell){.limit_set = other}))] == 0;
}

/* check_pair asks whether a record is left for the pair of a row. */
static void
check_pair(struct sheet *sheet,
           const struct engine *engine,
           const struct sheet_row *row,
           uint32_t account,
           uint32_t instrument)
{
    const struct risk *risk = engine_risk(engine);
    struct risk_position position;

    if (risk_position_get(risk, account, instrument, &position))
        return;
    if (risk_positions_cnt(risk) + ++sheet->pairs_cnt > sheet->positions_max)
        wrong(sheet, row->line,
              "no record is left for the pair, expected a larger pools.positions");
}

static void
check_limit(struct sheet *sheet, const struct engine *engine, const struct sheet_row *row)
{
    const struct cell_limit_set *set = &row->cell.limit_set;

    if (!view_known(engine, set->level, set->subject) ||
        (set->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT &&
         !view_known(engine, OE_RISK_LEVEL_INSTRUMENT, set->instrument)))
        wrong(sheet, row->line, "the exchange knows no such %s, expected one that was set up",
              words_level_name(set->level));
    else if (set->level == OE_RISK_LEVEL_ACCOUNT_INSTRUMENT && counts_pair(sheet, set))
        check_pair(sheet, engine, row, set->subject, set->instrument);
}

static void
check_cash(struct sheet *sheet, const struct engine *engine, const struct sheet_row *row)
{
    const struct cell_cash_move *move = &row->cell.cash_move;
    char amount[WORDS_AMOUNT_BYTES];
    char reserved[WORDS_AMOUNT_BYTES];
    struct view_cash cash;

    if (!view_known(engine, OE_RISK_LEVEL_ACCOUNT, move->account)) {
        wrong(sheet, row->line, "the exchange knows no such account, expected one that was set up");
        return;
    }

    const int64_t credit = credit_of(sheet, engine, move->account);

    if (credit == RISK_LIMIT_OFF || !view_cash(engine, move->account, &cash) ||
        (notional_t)move->amount + credit >= cash.reserved)
        return;
    wrong(
        sheet, row->line,
        "the balance is too low: orders have reserved %s and the credit is %s, expected %s or more",
        words_money(cash.reserved, reserved), words_amount(CELL_RISK_LIMIT_CREDIT, credit, amount),
        words_money(cash.reserved - credit, (char[WORDS_AMOUNT_BYTES]){0}));
}

/* is_covered says whether the account sells only what it has. */
static bool
is_covered(const struct engine *engine, uint32_t account)
{
    union cell rule[CELL_COMMAND_MAX];

    return engine_config_get(engine, CELL_KIND_ORDER_RULE_SET, account, OE_RISK_LEVEL_ACCOUNT,
                             rule) > 0 &&
           rule[0].order_rule_set.covered != 0;
}

static void
check_position(struct sheet *sheet, const struct engine *engine, const struct sheet_row *row)
{
    const struct cell_position_move *move = &row->cell.position_move;
    struct risk_position position = {.open_sell_qty = 0};

    if (!view_known(engine, OE_RISK_LEVEL_ACCOUNT, move->account) ||
        !view_known(engine, OE_RISK_LEVEL_INSTRUMENT, move->instrument)) {
        wrong(sheet, row->line,
              "the exchange knows no such account or instrument, expected one that was set up");
        return;
    }
    check_pair(sheet, engine, row, move->account, move->instrument);
    (void)risk_position_get(engine_risk(engine), move->account, move->instrument, &position);
    if (is_covered(engine, move->account) && move->qty < (int64_t)position.open_sell_qty)
        wrong(sheet, row->line,
              "orders to sell %" PRIu64 " are open and the account is covered, expected as many "
              "units or more",
              position.open_sell_qty);
}

void
sheet_check(struct sheet *sheet, const struct engine *engine, uint32_t idx)
{
    const struct sheet_row *row = sheet_at(sheet, idx);

    switch (cell_kind(&row->cell)) {
    case CELL_KIND_LIMIT_SET:
        check_limit(sheet, engine, row);
        break;
    case CELL_KIND_CASH_MOVE:
        check_cash(sheet, engine, row);
        break;
    case CELL_KIND_POSITION_MOVE:
        check_position(sheet, engine, row);
        break;
    default:
        break; /* a day is the first command: if it is refused, nothing was done */
    }
}
