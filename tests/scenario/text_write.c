#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"

#include "tests/scenario/text_parts.h"

void
text_put(struct line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int len = vsnprintf(line->text + line->used, TEXT_LINE_MAX - line->used, format, args);

    va_end(args);
    ASSERT(len >= 0);
    line->used += (size_t)len;
    ASSERT(line->used < TEXT_LINE_MAX);
}

void
text_put_px(struct line *line, const char *before, px_t px)
{
    char word[32];

    text_write_px(px, word);
    text_put(line, "%s%s", before, word);
}

void
text_put_session(struct line *line, uint16_t session)
{
    if (session == CELL_SESSION)
        text_put(line, " X");
    else
        text_put(line, " S%u", session);
}

void
text_put_instrument(struct line *line, uint32_t instrument)
{
    if (instrument != 1)
        text_put(line, " I%u", instrument);
}

void
text_put_time(struct line *line, const char *before, uint64_t time_ns)
{
    if (time_ns >= TEXT_START_NS)
        text_put(line, "%s%" PRIu64 "ns", before, time_ns - TEXT_START_NS);
    else
        text_put(line, "%s%" PRIu64, before, time_ns);
}

void
text_put_stp_capacity(struct line *line, uint8_t stp_capacity)
{
    const uint8_t stp = cell_stp(stp_capacity);
    const uint8_t capacity = (uint8_t)cell_capacity(stp_capacity);

    if (cell_stp_capacity(stp, (char)capacity) != stp_capacity ||
        !oe_self_match_prevention_instruction_valid(stp)) {
        text_put(line, " stp-capacity %u", stp_capacity);
        return;
    }
    if (stp != OE_SELF_MATCH_PREVENTION_INSTRUCTION_NONE)
        text_put(line, " stp %s", oe_self_match_prevention_instruction_name(stp));
    if (capacity != OE_ORDER_CAPACITY_AGENCY)
        text_put(line, " capacity %s", oe_order_capacity_name(capacity));
}

static void
put_target(struct line *line, const struct text_target *target, uint64_t orig_clord)
{
    static const char *const kinds[] = {"order", "bid", "ask"};

    if (target->by_id)
        text_put(line, " %s S%u/%" PRIu64, kinds[target->kind], target->session, target->clord);
    else
        text_put(line, " id %" PRIu64, orig_clord);
}

static void
put_cancel(struct line *line, const struct command *command, const struct text_target *target)
{
    const struct cell_order_cancel *req = &command->cells[0].order_cancel;

    text_put(line, "cancel");
    text_put_session(line, req->session);
    text_put_instrument(line, req->instrument);
    put_target(line, target, req->orig_clord);
    text_put(line, " as %" PRIu64, req->clord);
}

static void
put_replace(struct line *line, const struct command *command, const struct text_target *target)
{
    const struct cell_order_replace *req = &command->cells[0].order_replace;
    const struct cell_replace_detail *detail = &command->cells[1].replace_detail;

    text_put(line, "replace");
    text_put_session(line, req->session);
    text_put_instrument(line, req->instrument);
    put_target(line, target, detail->orig_clord);
    text_put(line, " to %u", req->qty);
    if (req->px != 0)
        text_put_px(line, " @ ", req->px);
    text_put(line, " as %" PRIu64, req->clord);
    if (detail->display_qty != 0)
        text_put(line, " display %u", detail->display_qty);
    if (detail->min_qty != 0)
        text_put(line, " min %u", detail->min_qty);
    if (detail->stop_px != 0)
        text_put_px(line, " stop ", detail->stop_px);
    if (detail->expire_time != 0)
        text_put_time(line, " expire ", detail->expire_time);
}

static void
put_mass_cancel(struct line *line, const struct cell_mass_cancel *req)
{
    static const char letters[] = {'S', 'A', 'G', 'F'};
    static const char *const scopes[] = {"session", "account", "group", "firm"};

    text_put(line, "mass-cancel");
    text_put_session(line, req->session);
    text_put(line, " %s", scopes[req->scope]);
    if (req->scope != OE_MASS_CANCEL_SCOPE_SESSION || req->session == CELL_SESSION)
        text_put(line, " %c%u", letters[req->scope], req->target);
    if (req->instrument != CELL_ANY)
        text_put(line, " in I%u", req->instrument);
    if (req->account != CELL_ANY)
        text_put(line, " of A%u", req->account);
    if (req->side != OE_SIDE_FILTER_ANY)
        text_put(line, req->side == OE_SIDE_FILTER_SELL ? " sell" : " buy");
    if (req->reason != OE_CANCEL_REASON_MASS_CANCEL)
        text_put(line, " reason %s", oe_cancel_reason_name(req->reason));
    text_put(line, " as %" PRIu64, req->clord);
}

static void
put_quote(struct line *line, const char *side, qty_t qty, px_t px)
{
    if (qty == 0 && px == 0)
        return;
    text_put(line, " %s %u", side, qty);
    text_put_px(line, " @ ", px);
}

static void
put_mass_quote(struct line *line, const union cell *cells)
{
    const struct cell_mass_quote *req = &cells[0].mass_quote;

    text_put(line, "mass-quote");
    text_put_session(line, req->session);
    text_put(line, " A%u id %" PRIu64, req->account, req->clord);
    text_put_stp_capacity(line, req->stp_capacity);
    /* What is behind the last entry is written only if it should not be there. */
    const uint32_t room = 2 * (cell_count(cells) - 1);
    const struct cell_quote_pair *last = &cells[room / 2].quote_pair;
    const bool is_odd = room > 0 && req->entries_cnt == room - 1 && last->instrument2 == 0 &&
                        last->bid_qty2 == 0 && last->ask_qty2 == 0 && last->bid_px2 == 0 &&
                        last->ask_px2 == 0;

    if (!is_odd && req->entries_cnt != room)
        text_put(line, " entries %u", req->entries_cnt);
    for (uint32_t i = 0; i < (is_odd ? room - 1 : room); i++) {
        const struct cell_quote_pair *pair = &cells[1 + i / 2].quote_pair;
        const bool second = i % 2 != 0;

        text_put(line, " I%u", second ? pair->instrument2 : pair->instrument1);
        put_quote(line, "bid", second ? pair->bid_qty2 : pair->bid_qty1,
                  second ? pair->bid_px2 : pair->bid_px1);
        put_quote(line, "ask", second ? pair->ask_qty2 : pair->ask_qty1,
                  second ? pair->ask_px2 : pair->ask_px1);
    }
}

void
text_write_command(const struct command *command,
                   const struct text_target *target,
                   char text[TEXT_LINE_MAX])
{
    struct line line = {.text = text};

    switch (cell_kind(command->cells)) {
    case CELL_KIND_ORDER_NEW:
        text_put_new(&line, command);
        break;
    case CELL_KIND_ORDER_CANCEL:
        put_cancel(&line, command, target);
        break;
    case CELL_KIND_ORDER_REPLACE:
        put_replace(&line, command, target);
        break;
    case CELL_KIND_MASS_CANCEL:
        put_mass_cancel(&line, &command->cells[0].mass_cancel);
        break;
    case CELL_KIND_MASS_QUOTE:
        put_mass_quote(&line, command->cells);
        break;
    default:
        text_put_setup(&line, command->cells);
        break;
    }
}
