/*
 * Goal: on an hour of a real market the engine trades what the venue traded.
 * Method: a sender turns the tape into commands and keeps a mirror of its
 * orders, which is the model; engine and model must agree on every event. The
 * tape does not say all that the venue knew, so the sender helps itself:
 *
 *   new         while it would cross, the sender cancels the best level of the
 *               other side; then a limit order
 *   reduction   a replace to what is left, or a cancel if nothing is. An order
 *               that is not there any more is canceled all the same
 *   execution   the sender cancels all levels better than the price on the
 *               order's side and, of those in front of the order, the ones that
 *               the tape never mentions again; then an IOC of the other side
 *   hidden      says nothing about the visible book
 *
 * The figures below are those of these rules. Of 4,067 executions 4,035 fill,
 * in full and alone, the very order that traded on the venue.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "tests/model/duo.h"
#include "tests/model/tape.h"

#define SESSION    1u
#define ACCOUNT    1u
#define INSTRUMENT 1u
/* The sender's own names lie above those of the tape. */
#define OWN_CLORD  (UINT64_C(1) << 62)

struct sender {
    struct duo *duo;
    const struct tape *tape;
    uint64_t own_clord;
    uint32_t commands;
    uint32_t own_cancels;
    uint32_t refused;
    uint32_t fills;
    uint32_t executions;
    uint32_t short_iocs; /* not filled in full */
    uint32_t true_fills; /* of the very order, in full and alone */
};

/* send_as sends a command; origin finds the tape's view of the order that it
 * enters. */
static void
send_as(struct sender *sender, const struct command *command, uint32_t origin)
{
    cr_assert(duo_apply(sender->duo, command, origin), "command %u: %s", sender->commands,
              sender->duo->complaint);
    sender->commands++;
    sender->refused += duo_outcome(sender->duo) != 0;
    for (uint32_t i = 0; i < sender->duo->out_cnt; i++)
        sender->fills += cell_kind(&sender->duo->out[i]) == CELL_KIND_TRADE;
    if (sender->commands % 10000 == 0)
        cr_assert(duo_check(sender->duo), "%s", sender->duo->complaint);
}

static void
send(struct sender *sender, const struct command *command)
{
    send_as(sender, command, 0);
}

static const struct model_order *
best(const struct sender *sender, bool sell)
{
    return sender->duo->model->instruments[INSTRUMENT].side[sell];
}

static const struct model_order *
mirrored(const struct sender *sender, uint64_t clord)
{
    return model_find_clord(sender->duo->model, SESSION, clord);
}

static void
cancel(struct sender *sender, uint64_t clord)
{
    const struct command command =
        command_cancel(SESSION, INSTRUMENT, clord, OWN_CLORD + sender->own_clord++);

    send(sender, &command);
}

static void
cancel_own(struct sender *sender, uint64_t clord)
{
    sender->own_cancels++;
    cancel(sender, clord);
}

/* cancel_best_level cancels every order at the best price of a side. */
static void
cancel_best_level(struct sender *sender, bool sell)
{
    const px_t px = best(sender, sell)->px;

    while (best(sender, sell) != NULL && best(sender, sell)->px == px)
        cancel_own(sender, best(sender, sell)->clord);
}

static bool
is_better(px_t px, px_t than, bool sell)
{
    return sell ? px < than : px > than;
}

/* crosses says whether an order would trade with the best of the other side. */
static bool
crosses(const struct sender *sender, const struct tape_row *row)
{
    const struct model_order *other = best(sender, !row->sell);

    return other != NULL && (row->sell ? other->px >= row->px : other->px <= row->px);
}

static void
enter(struct sender *sender, const struct tape_row *row, uint32_t origin)
{
    const struct command command = command_new(&(struct command_order){
        .instrument = INSTRUMENT,
        .account = ACCOUNT,
        .session = SESSION,
        .sell = row->sell,
        .qty = row->qty,
        .px = row->px,
        .clord = row->order_id,
    });

    while (crosses(sender, row))
        cancel_best_level(sender, !row->sell);
    send_as(sender, &command, origin);
}

/* reduce takes row->qty from what is left of the order. */
static void
reduce(struct sender *sender, const struct tape_row *row)
{
    const struct model_order *order = mirrored(sender, row->order_id);

    if (order == NULL || row->type == TAPE_DELETE || row->qty >= order->leaves_qty) {
        cancel(sender, row->order_id);
        return;
    }

    const struct command command = command_replace(
        &(struct command_order){
            .instrument = INSTRUMENT,
            .session = SESSION,
            .qty = order->cum_qty + order->leaves_qty - row->qty,
            .px = order->px,
            .clord = row->order_id,
        },
        row->order_id);

    send(sender, &command);
}

/* last_mention returns the last row of the tape that speaks of a live order. */
static uint32_t
last_mention(const struct sender *sender, const struct model_order *order)
{
    const struct tape *tape = sender->tape;

    return order->origin < tape->rows_cnt ? tape->rows[order->origin].last
                                          : tape->before[order->origin - tape->rows_cnt].last;
}

/* make_way cancels what stands between the incoming order and the one that
 * traded, as far as nothing will be heard of it again. */
static void
make_way(struct sender *sender, const struct tape_row *row, uint32_t number)
{
    const struct model_order *order, *next;

    while (best(sender, row->sell) != NULL &&
           is_better(best(sender, row->sell)->px, row->px, row->sell))
        cancel_best_level(sender, row->sell);
    for (order = best(sender, row->sell);
         order != NULL && order->px == row->px && order->clord != row->order_id; order = next) {
        next = order->next;
        if (last_mention(sender, order) <= number)
            cancel_own(sender, order->clord);
    }
}

/* execute sends what traded with the order on the venue. */
static void
execute(struct sender *sender, const struct tape_row *row, uint32_t number)
{
    const union cell *group = sender->duo->out;
    struct command command = command_new(&(struct command_order){
        .instrument = INSTRUMENT,
        .account = ACCOUNT,
        .session = SESSION,
        .sell = !row->sell,
        .qty = row->qty,
        .px = row->px,
    });

    make_way(sender, row, number);
    command.cells[0].order_new.clord = OWN_CLORD + sender->own_clord++;
    command.cells[0].order_new.tif = OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL;
    send(sender, &command);
    sender->executions++;
    sender->short_iocs += cell_kind(&group[sender->duo->out_cnt - 1]) == CELL_KIND_ORDER_CANCELED;
    /* One trade of all of it, with that order. */
    sender->true_fills += sender->duo->out_cnt == 3 && group[1].trade.qty == row->qty &&
                          group[1].trade.px == row->px &&
                          group[2].trade_maker.clord == row->order_id;
}

static void
play(struct sender *sender)
{
    const struct tape *tape = sender->tape;

    for (uint32_t i = 0; i < tape->before_cnt; i++)
        enter(sender, &tape->before[i], tape->rows_cnt + i);
    for (uint32_t i = 0; i < tape->rows_cnt; i++) {
        const struct tape_row *row = &tape->rows[i];

        switch ((enum tape_type)row->type) {
        case TAPE_NEW:
            enter(sender, row, i);
            break;
        case TAPE_PARTIAL_CANCEL:
        case TAPE_DELETE:
            reduce(sender, row);
            break;
        case TAPE_EXECUTION:
            execute(sender, row, i);
            break;
        case TAPE_HIDDEN_EXECUTION:
            break;
        }
    }
}

/* venue makes an exchange with one member and one instrument without limits. */
static struct duo *
venue(void)
{
    const struct command setup[] = {command_firm(1), command_group(1, 1),
                                    command_account(ACCOUNT, 1), command_instrument(INSTRUMENT)};
    struct engine_cfg cfg = duo_cfg();

    cfg.orders_max = 1u << 14;
    cfg.pages_max = 1u << 12;

    struct duo *duo = duo_new(&cfg);

    for (size_t i = 0; i < ARRAY_LEN(setup); i++)
        cr_assert(duo_apply(duo, &setup[i], 0), "%s", duo->complaint);
    cr_assert(duo_bind(duo, SESSION, 1), "%s", duo->complaint);
    return duo;
}

Test(tape, hour_of_a_real_market_trades_as_it_did)
{
    const char *why;
    struct tape tape;

    if (!tape_read(&tape, &why))
        cr_skip_test("%s", why);

    struct sender sender = {.duo = venue(), .tape = &tape};

    cr_expect_eq(tape.before_cnt, 80, "%u stood there before", tape.before_cnt);
    play(&sender);
    cr_expect(duo_check(sender.duo), "%s", sender.duo->complaint);
    cr_expect_eq(sender.commands, 89903, "%u commands", sender.commands);
    cr_expect_eq(sender.own_cancels, 27, "%u cancels of its own", sender.own_cancels);
    cr_expect_eq(sender.refused, 14, "%u refused", sender.refused);
    cr_expect_eq(sender.fills, 4069, "%u fills", sender.fills);
    cr_expect_eq(sender.short_iocs, 6, "%u IOCs not filled in full", sender.short_iocs);
    cr_expect_eq(sender.executions, 4067, "%u executions", sender.executions);
    cr_expect_eq(sender.true_fills, 4035, "%u fills of the very order", sender.true_fills);
    duo_free(sender.duo);
    tape_free(&tape);
}
