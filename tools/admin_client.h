/*
 * Admin client: the other end of the admin socket, for `outcry admin`.
 *
 *   admin_read_csv   a start-of-day file --> rows as the socket wants them
 *   admin_ask        finds the socket, says a request, reads the answer
 *   admin_print_show an answer to `show` as a table or as JSON
 *
 * A start-of-day file is CSV as RFC 4180 has it, without a header; lines that are
 * empty or begin with # are left out, and so are blanks around a field that is not
 * quoted. What a row may be is in tools/verb.h; here it is only taken apart.
 */
#ifndef OUTCRY_TOOLS_ADMIN_CLIENT_H
#define OUTCRY_TOOLS_ADMIN_CLIENT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#define ADMIN_WHY_BYTES (PATH_MAX + 256)

struct admin_request {
    const char *line; /* with its line end */
    char *rows;       /* of a load: all lines, each with its end */
    size_t rows_bytes;
    uint32_t rows_cnt;
};

/* admin_ask talks to the exchange of a configuration, or at a socket; reply has
 * ADMIN_ANSWER_BYTES. False, and then one line in why. */
NODISCARD bool admin_ask(const char *where,
                         const struct admin_request *request,
                         char *reply,
                         char why[ADMIN_WHY_BYTES]);

/* admin_read_csv fills the rows of the request; admin_free_csv gives them back. */
NODISCARD bool
admin_read_csv(const char *path, struct admin_request *request, char why[ADMIN_WHY_BYTES]);
void admin_free_csv(struct admin_request *request);

/* admin_print_show prints the lines of tools/show.h, which it takes apart. */
void admin_print_show(char *lines, bool json);

#endif
