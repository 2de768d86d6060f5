#include <inttypes.h>

#include "tests/scenario/text_parts.h"

/* put_price writes type and price as text_read_new reads them. Of what does not
 * go together the type stands behind, and all else that is written is attributes;
 * then it returns false. */
static bool
put_price(struct line *line,
          const struct cell_order_new *req,
          const struct cell_order_extension *extension)
{
    const bool opposite = (req->exec_inst & OE_EXEC_INST_PEG_OPPOSITE) != 0;
    const bool mid = (req->exec_inst & OE_EXEC_INST_PEG_MID) != 0;
    const bool has_stop = extension != NULL && extension->stop_px != 0;

    if (req->ord_type == OE_ORD_TYPE_MARKET && req->px == 0) {
        text_put(line, " market");
    } else if (req->ord_type == OE_ORD_TYPE_MARKET_TO_LIMIT && req->px == 0) {
        text_put(line, " market-to-limit");
    } else if (req->ord_type == OE_ORD_TYPE_STOP && req->px == 0 && has_stop) {
        text_put_px(line, " stop ", extension->stop_px);
    } else if (req->ord_type == OE_ORD_TYPE_STOP_LIMIT && has_stop) {
        text_put_px(line, " stop ", extension->stop_px);
        text_put_px(line, " @ ", req->px);
    } else if (req->ord_type == OE_ORD_TYPE_PEGGED && !(opposite && mid)) {
        text_put(line, " peg %s", opposite ? "opposite" : mid ? "mid" : "primary");
        if (extension != NULL && extension->peg_offset_px != 0)
            text_put_px(line, " offset ", extension->peg_offset_px);
        if (req->px != 0)
            text_put_px(line, " @ ", req->px);
    } else {
        text_put_px(line, " @ ", req->px);
        return req->ord_type == OE_ORD_TYPE_LIMIT;
    }
    return true;
}

/* put_tif writes the time in force; a GTD order's time goes with it. */
static void
put_tif(struct line *line, uint8_t tif, const struct cell_order_extension *extension)
{
    if (tif == OE_TIME_IN_FORCE_GOOD_TILL_CANCEL)
        text_put(line, " gtc");
    else if (tif == OE_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL)
        text_put(line, " ioc");
    else if (tif == OE_TIME_IN_FORCE_FILL_OR_KILL)
        text_put(line, " fok");
    else if (tif == OE_TIME_IN_FORCE_AT_THE_OPENING)
        text_put(line, " opg");
    else if (tif == OE_TIME_IN_FORCE_AT_THE_CLOSE)
        text_put(line, " atc");
    else if (tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE && extension != NULL)
        text_put_time(line, " gtd ", extension->expire_time);
    else if (tif != OE_TIME_IN_FORCE_DAY)
        text_put(line, " tif %s", oe_time_in_force_name(tif));
}

/* put_exec_inst writes the instructions; pegs are in the price if it has been
 * written as the type says. */
static void
put_exec_inst(struct line *line, uint8_t exec_inst, bool is_pegged)
{
    const uint8_t words =
        OE_EXEC_INST_POST_ONLY | OE_EXEC_INST_POST_ONLY_REPRICE | OE_EXEC_INST_HIDDEN;
    const uint8_t pegs = OE_EXEC_INST_PEG_OPPOSITE | OE_EXEC_INST_PEG_MID;

    if (is_pegged)
        exec_inst = (uint8_t)(exec_inst & ~pegs);
    if ((exec_inst & ~words) != 0) {
        text_put(line, " exec-inst %u", exec_inst);
        return;
    }
    if ((exec_inst & OE_EXEC_INST_POST_ONLY) != 0)
        text_put(line, " post-only");
    if ((exec_inst & OE_EXEC_INST_POST_ONLY_REPRICE) != 0)
        text_put(line, " reprice");
    if ((exec_inst & OE_EXEC_INST_HIDDEN) != 0)
        text_put(line, " hidden");
}

static void
put_number(struct line *line, const char *word, uint64_t number)
{
    if (number != 0)
        text_put(line, " %s %" PRIu64, word, number);
}

/* put_extension writes the rare attributes that type and time in force have not
 * yet written. */
static void
put_extension(struct line *line, const union cell *cells, bool has_price, bool is_linked)
{
    const struct cell_order_new *req = &cells[0].order_new;
    const struct cell_order_extension *extension = &cells[1].order_extension;
    const size_t used = line->used;
    const bool is_gtd = req->tif == OE_TIME_IN_FORCE_GOOD_TILL_DATE;
    const bool is_stop =
        req->ord_type == OE_ORD_TYPE_STOP || req->ord_type == OE_ORD_TYPE_STOP_LIMIT;
    const bool is_pegged = req->ord_type == OE_ORD_TYPE_PEGGED;

    put_number(line, "display", extension->display_qty);
    put_number(line, "range", extension->display_range);
    put_number(line, "min", extension->min_qty);
    if (extension->stop_px != 0 && !(has_price && is_stop))
        text_put_px(line, " stop ", extension->stop_px);
    if (extension->expire_time != 0 && !is_gtd)
        text_put_time(line, " expire ", extension->expire_time);
    if (extension->peg_offset_px != 0 && !(has_price && is_pegged))
        text_put_px(line, " peg-offset ", extension->peg_offset_px);
    put_number(line, "client", extension->client_code);
    put_number(line, "decision", extension->decision_code);
    put_number(line, "execution", extension->execution_code);
    if (extension->text[0] != '\0')
        text_put(line, " text %.*s", (int)sizeof extension->text, extension->text);
    /* An extension that says nothing is one all the same. */
    if (line->used == used && !is_gtd && !(has_price && is_stop) &&
        !(has_price && is_pegged && extension->peg_offset_px != 0) && !is_linked)
        text_put(line, " client 0");
}

void
text_put_new(struct line *line, const struct command *command)
{
    const union cell *cells = command->cells;
    const struct cell_order_new *req = &cells[0].order_new;
    const struct cell_order_extension *extension =
        command->count > 1 ? &cells[1].order_extension : NULL;

    text_put(line, "new");
    text_put_session(line, req->session);
    text_put(line, " A%u", req->account);
    text_put_instrument(line, req->instrument);
    text_put(line, " %s %u", cell_is_sell(cells) ? "sell" : "buy", req->qty);

    const bool has_price = put_price(line, req, extension);

    text_put(line, " id %" PRIu64, req->clord);
    if (!has_price)
        text_put(line, " type %s", oe_ord_type_name(req->ord_type));
    put_tif(line, req->tif, extension);
    put_exec_inst(line, req->exec_inst, has_price && req->ord_type == OE_ORD_TYPE_PEGGED);
    text_put_stp_capacity(line, req->stp_capacity);
    if (req->in_no != 0)
        text_put(line, " in-no %u", req->in_no);
    if (command->count > 1)
        put_extension(line, cells, has_price, command->count > 2);
    if (command->count > 2)
        text_put(line, " link %" PRIu64, cells[2].order_link.linked_clord);
}
