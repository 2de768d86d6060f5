#include "gateway/history_index.h"

#include <stddef.h>
#include <string.h>

/* halve drops every other place; the first stays. */
static void
halve(struct history_index *index)
{
    index->places_cnt = (index->places_cnt + 1) / 2;
    for (uint64_t i = 1; i < index->places_cnt; i++)
        index->places[i] = index->places[2 * i];
    index->stride *= 2;
}

void
history_index_add_slow(struct history_index *index, uint64_t no)
{
    if (no == 1) {
        index->places_cnt = 0;
        index->stride = HISTORY_STRIDE_MIN;
    } else if (index->places[index->places_cnt - 1].seq == index->last.seq) {
        /* One command, many reports. */
        index->next_no = no + index->stride;
        return;
    } else if (index->places_cnt == HISTORY_PLACES) {
        halve(index);
    }
    index->places[index->places_cnt++] = index->last;
    index->next_no = no + index->stride;
}

struct history_place
history_index_find(const struct history_index *index, uint64_t no)
{
    uint64_t low = 0;
    uint64_t high = index->places_cnt;

    if (high == 0 || no < index->places[0].no)
        return (struct history_place){0};
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;

        if (index->places[middle].no <= no)
            low = middle;
        else
            high = middle;
    }
    return index->places[low];
}

void
history_index_save(const struct history_index *index, uint64_t next_no, struct image_out *out)
{
    static const struct history_index none;

    if (next_no == 1)
        index = &none;
    image_put(out, index, offsetof(struct history_index, places));
    image_put(out, index->places, index->places_cnt * sizeof index->places[0]);
}

/* places_rise tells whether the numbers of each place are above those of the one
 * before; those of the route may be the same. */
static bool
places_rise(const struct history_index *index, bool routed)
{
    for (uint64_t i = 0; i < index->places_cnt; i++) {
        const struct history_place *place = &index->places[i];

        if (place->route_no == 0 || (routed && place->route_no != place->no))
            return false;
        if (i > 0 && (place->seq <= place[-1].seq || place->no <= place[-1].no ||
                      place->route_no < place[-1].route_no))
            return false;
    }
    return index->places[0].no == 1 && index->places[0].seq != 0;
}

bool
history_index_load(struct history_index *index, struct image_in *in, uint64_t next_no, bool routed)
{
    struct history_index head;

    if (!image_get(in, &head, offsetof(struct history_index, places)) ||
        head.places_cnt > HISTORY_PLACES || head.last.no > next_no - routed ||
        (head.places_cnt == 0) != (next_no == 1))
        return false;
    if (head.places_cnt == 0) {
        memset(index, 0, sizeof *index);
        return true;
    }
    if (head.stride < HISTORY_STRIDE_MIN || !is_pow2_u64(head.stride) || head.next_no < next_no ||
        !image_get(in, head.places, head.places_cnt * sizeof head.places[0]) ||
        !places_rise(&head, routed))
        return false;
    *index = head;
    return true;
}
