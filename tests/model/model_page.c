/*
 * Room for price levels. A page holds 64 of them, or 256 pages: the levels of
 * one side are the leaves of a tree that is as high as they lie apart. How many
 * pages a set of levels takes follows from the set alone.
 */
#include "tests/model/model_parts.h"

#define LEVEL_BITS  6u
#define PAGE_BITS   8u
#define HEIGHTS     4u /* 6 + 3 * 8 bits of tick */
#define PAGES_LEVEL 6u /* most that one level takes */
#define LEVELS_MAX  (1u << 16)

struct levels {
    uint32_t cnt;
    uint32_t ticks[LEVELS_MAX]; /* in order */
};

/* distinct counts blocks of 64 * 256^height ticks with a level in them. */
static uint32_t
distinct(const struct levels *levels, unsigned height)
{
    const unsigned bits = LEVEL_BITS + PAGE_BITS * height;
    uint32_t cnt = levels->cnt > 0;

    for (uint32_t i = 1; i < levels->cnt; i++)
        cnt += levels->ticks[i] >> bits != levels->ticks[i - 1] >> bits;
    return cnt;
}

/* pages_of counts pages from the leaves up to the first that holds all. */
static uint32_t
pages_of(const struct levels *levels)
{
    uint32_t sum = 0;

    for (unsigned height = 0; height < HEIGHTS; height++) {
        const uint32_t cnt = distinct(levels, height);

        sum += cnt;
        if (cnt <= 1)
            break;
    }
    return sum;
}

/* collect notes the levels of a list of orders, and tick unless it is 0. */
static void
collect(struct levels *levels,
        const struct model_order *order,
        bool of_stops,
        px_t tick_px,
        uint32_t tick)
{
    levels->cnt = 0;
    for (; order != NULL; order = order->next) {
        ASSERT(levels->cnt + 2 <= LEVELS_MAX);
        levels->ticks[levels->cnt++] =
            (uint32_t)((of_stops ? order->stop_px : order->px) / tick_px);
    }
    if (tick == 0)
        return;

    const bool falls = levels->cnt > 0 && levels->ticks[0] > levels->ticks[levels->cnt - 1];
    uint32_t at = levels->cnt++;

    for (; at > 0 && (falls ? levels->ticks[at - 1] < tick : levels->ticks[at - 1] > tick); at--)
        levels->ticks[at] = levels->ticks[at - 1];
    levels->ticks[at] = tick;
}

static uint32_t
pages_in_use(const struct model *model, struct levels *levels)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < MODEL_INSTRUMENTS; i++) {
        const struct model_instrument *instrument = &model->instruments[i];

        for (unsigned side = 0; side < 2; side++) {
            collect(levels, instrument->side[side], false, instrument->set.tick_px, 0);
            sum += pages_of(levels);
            collect(levels, instrument->stops[side], true, instrument->set.tick_px, 0);
            sum += pages_of(levels);
        }
    }
    return sum;
}

uint32_t
model_pages_wanted(const struct model *model, const struct model_order *order, bool of_stops)
{
    static struct levels levels;
    const struct model_instrument *instrument = &model->instruments[order->instrument];
    const struct model_order *list =
        of_stops ? instrument->stops[order->sell] : instrument->side[order->sell];
    const px_t tick_px = instrument->set.tick_px;
    uint32_t before;

    collect(&levels, list, of_stops, tick_px, 0);
    before = pages_of(&levels);
    collect(&levels, list, of_stops, tick_px,
            (uint32_t)((of_stops ? order->stop_px : order->px) / tick_px));
    return pages_of(&levels) - before;
}

uint32_t
model_pages_free(const struct model *model)
{
    static struct levels levels;

    /* Far from the end nobody need count. */
    if (model->cfg.pages_max / PAGES_LEVEL > model->orders_cnt + 2)
        return model->cfg.pages_max / 2;
    return model->cfg.pages_max - pages_in_use(model, &levels);
}
