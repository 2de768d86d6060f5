#include "tests/scenario/ask.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"

#include "tests/scenario/text_parts.h"

#define LEVELS_MAX 256u
#define QUEUE_MAX  8192u
#define LISTED_MAX 256u

/* What is asked, and the answer as it grows. */
struct question {
    const struct engine *engine;
    const struct given *given;
    struct words *words;
    char *answer;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void
say(struct question *question, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int len = vsnprintf(question->answer + question->used, ASK_ANSWER_BYTES - question->used,
                              format, args);

    va_end(args);
    ASSERT(len >= 0);
    question->used += (size_t)len;
    if (question->used >= ASK_ANSWER_BYTES)
        question->used = ASK_ANSWER_BYTES - 1;
}

static void
say_px(struct question *question, const char *before, px_t px)
{
    char word[32];

    text_write_px(px, word);
    say(question, "%s%s", before, word);
}

/* take_side reads a side by these words. */
static bool
take_side(struct words *words, const char *buy, const char *sell)
{
    const bool is_sell = words_take(words, sell);

    if (!is_sell && !words_take(words, buy))
        words->failed = true;
    return is_sell;
}

/* colon takes the colon off the next word, which it ends; it is not compared. */
static const char *
colon(struct words *words)
{
    if (words->next < words->cnt) {
        char *word = words->at[words->next];
        const size_t len = strlen(word);

        if (len > 0 && word[len - 1] == ':') {
            word[len - 1] = '\0';
            words->next++;
            return word;
        }
    }
    words->failed = true;
    return "";
}

static void
say_level(struct question *question, const struct engine_level *level)
{
    say(question, " %" PRIu64 "x%u", level->qty, level->orders_cnt);
    if (level->reserve_qty != 0)
        say(question, "+%" PRIu64, level->reserve_qty);
}

static void
answer_book(struct question *question)
{
    static struct engine_level levels[LEVELS_MAX];
    const uint32_t instrument = words_instrument(question->words);
    const bool sell = take_side(question->words, "bid", "ask");
    const uint32_t cnt = engine_depth(question->engine, instrument, sell, levels, LEVELS_MAX);

    if (cnt == 0)
        say(question, "empty");
    for (uint32_t i = 0; i < cnt; i++) {
        say_px(question, " ", levels[i].px);
        say_level(question, &levels[i]);
    }
}

static void
answer_best(struct question *question)
{
    const uint32_t instrument = words_instrument(question->words);
    const bool sell = take_side(question->words, "bid", "ask");
    struct engine_level level;

    if (!engine_best(question->engine, instrument, sell, &level)) {
        say(question, "none");
        return;
    }
    say_px(question, "", level.px);
    say_level(question, &level);
}

static void
answer_depth(struct question *question)
{
    const uint32_t instrument = words_instrument(question->words);
    const bool sell = take_side(question->words, "bid", "ask");
    struct engine_level level;
    px_t px = 0;

    if (!text_read_px(colon(question->words), &px))
        question->words->failed = true;
    if (engine_depth_at(question->engine, instrument, sell, px, &level))
        say_level(question, &level);
    else
        say(question, "nobody");
}

/* answer_queue tells who stands at a price, with what each shows if that is
 * asked. */
static void
answer_queue(struct question *question, bool with_shown)
{
    static struct engine_order orders[QUEUE_MAX];
    const uint32_t instrument = words_instrument(question->words);
    const bool sell = take_side(question->words, "bid", "ask");
    px_t px = 0;

    if (!text_read_px(colon(question->words), &px))
        question->words->failed = true;

    const uint32_t cnt =
        engine_level_orders(question->engine, instrument, sell, px, orders, QUEUE_MAX);

    for (uint32_t i = 0; i < cnt; i++) {
        const struct engine_order *order = &orders[i];

        say(question, " %" PRIu64, order->clord);
        if (!with_shown)
            continue;
        if (order->shown_qty == 0)
            say(question, " hidden %u", order->leaves_qty);
        else if (order->shown_qty < order->leaves_qty)
            say(question, " %u/%u", order->shown_qty, order->leaves_qty);
        else
            say(question, " %u", order->shown_qty);
        say(question, i + 1 < cnt ? "," : "");
    }
    if (with_shown && cnt == 0)
        say(question, "nobody");
}

static int
compare_orders(const void *a, const void *b)
{
    const struct engine_order *left = a, *right = b;

    if (left->clord != right->clord)
        return left->clord < right->clord ? -1 : 1;
    return (left->session > right->session) - (left->session < right->session);
}

/* list_orders fills orders with those that are at a place, by ascending id. */
static uint32_t
list_orders(const struct question *question, enum engine_place place, struct engine_order *orders)
{
    uint32_t cnt = 0;

    for (uint32_t i = 0; i < question->given->cnt && cnt < LISTED_MAX; i++) {
        const struct given_id *id = &question->given->ids[i];

        /* An order that was replaced is there under each of its ids. */
        if (engine_order_get(question->engine, id->order_id, &orders[cnt]) &&
            orders[cnt].place == place && orders[cnt].clord == id->clord)
            cnt++;
    }
    qsort(orders, cnt, sizeof *orders, compare_orders);
    return cnt;
}

/* answer_list tells which orders are where no price shows them. */
static void
answer_list(struct question *question, enum engine_place place)
{
    struct engine_order orders[LISTED_MAX];
    const uint32_t instrument = words_instrument(question->words);
    const bool sell = take_side(question->words, "buy", "sell");
    const uint32_t cnt = list_orders(question, place, orders);

    for (uint32_t i = 0; i < cnt; i++) {
        if (orders[i].instrument != instrument || orders[i].sell != sell)
            continue;
        say(question, "%s %" PRIu64, question->used > 0 ? "," : "", orders[i].clord);
        if (place == ENGINE_PLACE_STOP)
            say_px(question, " @ ", orders[i].stop_px);
    }
    if (question->used == 0)
        say(question, "none");
}

/* answer_order tells where an order is and what of it is open and done. */
static void
answer_order(struct question *question)
{
    struct text_target target = {.by_id = true};
    struct engine_order order;

    if (!text_read_order(colon(question->words), &target.session, &target.clord))
        question->words->failed = true;
    if (!engine_order_get(question->engine, given_find(question->given, &target, 0), &order)) {
        say(question, "is gone");
        return;
    }
    if (order.place == ENGINE_PLACE_STOP)
        say_px(question, "waits for ", order.stop_px);
    else if (order.place == ENGINE_PLACE_HELD)
        say(question, "is held");
    else if (order.place == ENGINE_PLACE_PARKED)
        say(question, "is parked");
    else
        say_px(question, "rests @ ", order.px);
    say(question, ", %u left, %u done", order.leaves_qty, order.cum_qty);
}

/* answer_ahead tells who stands in front of an order. */
static void
answer_ahead(struct question *question)
{
    struct text_target target = {.by_id = true};
    struct engine_queue queue;
    const bool is_of = words_take(question->words, "of");

    if (!is_of || !text_read_order(colon(question->words), &target.session, &target.clord))
        question->words->failed = true;
    if (engine_queue_position(question->engine, given_find(question->given, &target, 0), &queue))
        say(question, "%u of %u, %" PRIu64, queue.ahead_cnt, queue.orders_cnt, queue.ahead_qty);
    else
        say(question, "not in a queue");
}

static void
answer_position(struct question *question, bool is_open)
{
    const uint32_t account = words_name(question->words, 'A');
    const uint32_t instrument = words_instrument(question->words);
    struct risk_position position = {0};

    risk_position_get(engine_risk(question->engine), account, instrument, &position);
    if (is_open)
        say(question, "%" PRIu64 " %" PRIu64, position.open_buy_qty, position.open_sell_qty);
    else
        say(question, "%" PRId64, position.position_qty);
}

/* answer_use tells what is used of a limit; its unit is the limit's. */
static void
answer_use(struct question *question)
{
    static const char letters[] = "?SAGFI";
    const char *word = words_any(question->words);
    struct engine_use use;
    uint8_t level = 1;
    uint32_t subject = 0;
    uint8_t limit;

    while (level < sizeof letters - 1 && !text_read_name(word, letters[level], &subject))
        level++;
    limit = words_value(question->words, cell_risk_limit_name);
    if (!engine_risk_use(question->engine, level, subject, 0, limit, &use)) {
        question->words->failed = true;
        return;
    }
    if (text_limit_is_money(limit))
        say_px(question, "", (px_t)use.used.low);
    else
        say(question, "%" PRId64, (int64_t)use.used.low);
}

/* answer_cash tells an account's balance, and what of it is free. */
static void
answer_cash(struct question *question, bool is_free)
{
    struct engine_cash cash;

    if (engine_risk_cash(question->engine, words_name(question->words, 'A'), &cash))
        say_px(question, "", (px_t)(is_free ? cash.free.low : cash.balance.low));
    else
        question->words->failed = true;
}

static void
answer_last(struct question *question)
{
    const px_t px = engine_last_px(question->engine, words_instrument(question->words));

    if (px == 0)
        say(question, "none");
    else
        say_px(question, "", px);
}

bool
ask_answer(const struct engine *engine,
           const struct given *given,
           struct words *words,
           char answer[ASK_ANSWER_BYTES])
{
    struct question question = {.engine = engine, .given = given, .words = words, .answer = answer};

    answer[0] = '\0';
    if (words_take(words, "book"))
        answer_book(&question);
    else if (words_take(words, "best"))
        answer_best(&question);
    else if (words_take(words, "depth"))
        answer_depth(&question);
    else if (words_take(words, "ahead"))
        answer_ahead(&question);
    else if (words_take(words, "is"))
        say(&question, "%s",
            cell_instrument_state_name(engine_instrument_state(engine, words_instrument(words))));
    else if (words_take(words, "queue"))
        answer_queue(&question, false);
    else if (words_take(words, "shown"))
        answer_queue(&question, true);
    else if (words_take(words, "stops"))
        answer_list(&question, ENGINE_PLACE_STOP);
    else if (words_take(words, "parked"))
        answer_list(&question, ENGINE_PLACE_PARKED);
    else if (words_take(words, "held"))
        answer_list(&question, ENGINE_PLACE_HELD);
    else if (words_take(words, "order"))
        answer_order(&question);
    else if (words_take(words, "open"))
        answer_position(&question, true);
    else if (words_take(words, "position"))
        answer_position(&question, false);
    else if (words_take(words, "last"))
        answer_last(&question);
    else if (words_take(words, "use"))
        answer_use(&question);
    else if (words_take(words, "balance"))
        answer_cash(&question, false);
    else if (words_take(words, "free"))
        answer_cash(&question, true);
    else
        return false;
    return true;
}
