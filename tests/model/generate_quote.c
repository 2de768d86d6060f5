#include "proto/limits.h"

#include "tests/model/generate_parts.h"

/* some_sides fills bid and offer of an entry; one may be missing. */
static void
some_sides(struct generator *g, uint32_t instrument, px_t px[2], qty_t qty[2])
{
    for (unsigned sell = 0; sell < 2; sell++) {
        px[sell] = generate_px(g, sell != 0);
        qty[sell] = random_permille(&g->random, 120) ? 0 : generate_qty(g, instrument);
        if (qty[sell] == 0 && random_permille(&g->random, 700))
            px[sell] = 0;
    }
    if (qty[0] != 0 && qty[1] != 0 && px[0] >= px[1] && !random_permille(&g->random, 100)) {
        const px_t low_px = px[1] < px[0] ? px[1] : px[0] - TICK_PX;

        px[1] = px[0];
        px[0] = low_px;
    }
}

void
generate_quote(struct generator *g, struct step *step)
{
    struct random *random = &g->random;
    const struct command_order any = generate_order(g);
    const bool many = random_permille(random, 100);
    const uint32_t cnt = 1 + random_below(random, many ? QUOTE_ENTRIES_MAX : 4);
    const uint32_t first = many ? 0 : generate_instrument(g);
    union cell *cells = step->command.cells;

    step->command.count = 1 + (cnt + 1) / 2;
    cells[0].mass_quote = (struct cell_mass_quote){
        .kind = CELL_KIND_MASS_QUOTE,
        .shape = (uint8_t)step->command.count,
        .entries_cnt = cnt,
        .clord = any.clord,
        .account = any.account,
        .session = any.session,
    };
    if (random_permille(random, g->profile->permille.stp))
        cells[0].mass_quote.stp_capacity = (uint8_t)(1 + random_below(random, 4));
    for (uint32_t i = 0; i < cnt; i++) {
        struct cell_quote_pair *pair = &cells[1 + i / 2].quote_pair;
        const uint32_t instrument = random_permille(random, 60)
                                        ? random_below(random, g->profile->instruments_cnt + 1)
                                        : (first + i) % g->profile->instruments_cnt;
        px_t px[2];
        qty_t qty[2];

        pair->kind = CELL_KIND_QUOTE_PAIR;
        some_sides(g, instrument, px, qty);
        *(i % 2 == 0 ? &pair->instrument1 : &pair->instrument2) = instrument;
        *(i % 2 == 0 ? &pair->bid_px1 : &pair->bid_px2) = px[0];
        *(i % 2 == 0 ? &pair->ask_px1 : &pair->ask_px2) = px[1];
        *(i % 2 == 0 ? &pair->bid_qty1 : &pair->bid_qty2) = qty[0];
        *(i % 2 == 0 ? &pair->ask_qty1 : &pair->ask_qty2) = qty[1];
    }
}
