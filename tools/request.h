/*
 * Request: the words of `outcry send` as one order entry message.
 *
 * Names are looked up in the configuration, prices are exact or refused. What
 * the exchange will say to the message is not checked here: a test of the
 * exchange's own refusals must be able to send anything.
 */
#ifndef OUTCRY_TOOLS_REQUEST_H
#define OUTCRY_TOOLS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/client.h"
#include "proto/base.h"
#include "proto/limits.h"

#include "tools/config.h"

#define REQUEST_BYTES_MAX CLIENT_MESSAGE_MAX

/* As given on the command line, NULL where absent. */
struct request {
    const char *verb; /* new, cancel, replace, mass-cancel, mass-quote */
    const char *account;
    const char *instrument;
    const char *side;
    const char *type;
    const char *tif;
    const char *px;
    const char *qty;
    const char *order_id;
    const char *orig_clord;
    const char *clord; /* absent: from the clock */
    const char *stop_px;
    const char *display;
    const char *display_range;
    const char *min_qty;
    const char *expire; /* time, or +SECONDS from now */
    const char *link;
    const char *stp;
    const char *capacity;
    const char *peg;
    const char *peg_offset;
    const char *scope;
    const char *group;
    const char *quotes[QUOTE_ENTRIES_MAX + 1]; /* SYMBOL:QTY@PX/QTY@PX */
    unsigned quotes_cnt;
    bool post_only;
    bool reprice;
    bool hidden;
};

/* request_make writes the message into buf (REQUEST_BYTES_MAX) and its bytes to
 * len. Returns NULL, or what is wrong with the words. */
NODISCARD const char *request_make(const struct request *request,
                                   const struct config *config,
                                   const struct config_session *session,
                                   uint8_t *buf,
                                   size_t *len);

#endif
