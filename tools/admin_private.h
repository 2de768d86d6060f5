/*
 * Private to tools/admin*.c.
 *
 *   admin.c          sockets: who may come, lines in, answers out
 *   admin_request.c  what a line asks for, and what is said when it is done
 */
#ifndef OUTCRY_TOOLS_ADMIN_PRIVATE_H
#define OUTCRY_TOOLS_ADMIN_PRIVATE_H

#include "tools/admin.h"

/* admin_answer says one line and hangs up; admin_tell says text as it is. What is
 * said fits into the socket's buffer, where nothing lies yet; who does not take it
 * does not get it. */
void admin_answer(struct admin *admin, struct admin_client *client, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void admin_tell(struct admin *admin, struct admin_client *client, const char *text, size_t len);
void admin_hang_up(struct admin *admin, struct admin_client *client);

/* admin_begin looks at the whole line of a client, which may be the first of a
 * load: the client goes on, waits with what it asked for, or has got its answer.
 * admin_row takes a further line of a load. */
void admin_begin(struct admin *admin, struct admin_client *client);
void admin_row(struct admin *admin, struct admin_client *client, char *line);

/* admin_submit hands the request of a client over; nothing else is on its way. */
void admin_submit(struct admin *admin, struct admin_client *client);

/* admin_settle looks whether what is on its way has come to its end. */
void admin_settle(struct admin *admin);

#endif
