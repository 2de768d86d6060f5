/*
 * OUCH put: requests as the tools make them, said in OUCH 5.0, exact or not at all.
 *
 *   NewOrderSingle             EnterOrder with its options
 *   OrderCancelReplaceRequest  ReplaceOrder
 *   OrderCancelRequest         CancelOrder of all
 *   OrderMassCancelRequest     MassCancel
 *
 * The ClOrdID is the UserRefNum, and an order is named by its OrigClOrdID. What OUCH has no
 * word for is refused with a line that says what. What an order has that a ReplaceOrder must
 * repeat, time in force and display, comes from whoever knows it.
 *
 * Cost: some hundred instructions; no memory.
 */
#ifndef OUTCRY_TOOLS_OUCH_PUT_H
#define OUTCRY_TOOLS_OUCH_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/ouch_client.h"
#include "proto/base.h"

#include "tools/config.h"

#define OUCH_PUT_BYTES_MAX OUCH_CLIENT_MESSAGE_MAX

struct ouch_put {
    const struct config *config;
    const struct config_session *session;
    uint64_t now_ns;    /* ExpireTime is of today */
    uint8_t tif;        /* of what is replaced: enum oe_time_in_force */
    bool hidden;        /* likewise */
    uint32_t total_qty; /* of a cancel: what is to be left in all, 0: it cancels all */
};

/* ouch_put writes the message that says in OUCH what request does, which has len bytes
 * from its SBE header on, to buf (OUCH_PUT_BYTES_MAX), and its bytes to *bytes. NULL, or
 * why OUCH cannot say it. */
NODISCARD const char *ouch_put(const struct ouch_put *put,
                               const uint8_t *request,
                               size_t len,
                               uint8_t *buf,
                               size_t *bytes);

#endif
