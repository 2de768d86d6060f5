/*
 * Interpreter: between a source of load, which speaks SBE, and an exchange that is spoken
 * to in OUCH, so that the same flow is measured in both.
 *
 *   NewOrderSingle, replace, cancel  --interpreter_put-->   EnterOrder, ReplaceOrder, ...
 *   ExecutionReport..., rejects      <--interpreter_take--  Accepted, Executed, ...
 *
 * ClOrdIDs are UserRefNums: base + number of the message, over all sessions, so they rise
 * in each, with gaps. A CancelOrder has no number of its own, and OUCH says nothing of one
 * whose order is gone; nor of such a replace. So what a request asks of an order is
 * remembered with the order, and is answered when the order is: by Canceled or Replaced as
 * wanted, else, when whatever ends the order is reported, by a reject.
 *
 * One thread. Memory: 32 bytes for each message of the run. Cost: some tens of nanoseconds.
 */
#ifndef OUTCRY_TOOLS_INTERPRETER_H
#define OUTCRY_TOOLS_INTERPRETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#include "tools/config.h"
#include "tools/ouch_put.h"

struct interpreter;

/* interpreter_new makes one for a run of so many messages; NULL without memory. */
struct interpreter *interpreter_new(const struct config *config,
                                    const struct config_session *const *sessions,
                                    uint32_t messages_cnt);
void interpreter_free(struct interpreter *interpreter);

/* interpreter_begin sets the UserRefNum of message 0; false if the numbers of the run do
 * not fit behind it. */
NODISCARD bool interpreter_begin(struct interpreter *interpreter, uint64_t base);

/* interpreter_put says a request of session index in OUCH, in buf (OUCH_PUT_BYTES_MAX);
 * returns its bytes, 0 and why if OUCH has no word for it. An order is named by its ClOrdID
 * and lives, as far as what was told of it goes. */
size_t interpreter_put(struct interpreter *interpreter,
                       unsigned session,
                       const uint8_t *request,
                       size_t len,
                       uint8_t *buf,
                       const char **why);

/* interpreter_sent notes that what was put is on its way. */
void interpreter_sent(struct interpreter *interpreter, const uint8_t *request, size_t len);

/* interpreter_take tells in SBE what a message of the exchange means: told is called for
 * each report, none to two. */
void interpreter_take(struct interpreter *interpreter,
                      const uint8_t *message,
                      size_t len,
                      void (*told)(void *ctx, const uint8_t *buf, size_t len),
                      void *ctx);

#endif
