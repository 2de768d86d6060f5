/*
 * Child: a process that we start, listen to and end by its id.
 *
 * The demo runs `outcry serve`, `load`, `replay` and `audit` as a user would.
 * A child dies with its parent (PR_SET_PDEATHSIG), whatever ends the parent.
 */
#ifndef OUTCRY_TOOLS_CHILD_H
#define OUTCRY_TOOLS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

struct child {
    pid_t pid;
    int out; /* to read its stdout, -1 if it goes elsewhere */
    int err; /* to read its stderr, -1 if it is ours */
};

/* child_start runs argv (NULL terminated; argv[0] is a path). out_path: file
 * that gets its stdout, NULL: we read it. listen: we read its stderr too. 0 or
 * -errno. */
NODISCARD int
child_start(struct child *child, char *const *argv, const char *out_path, bool listen);

/* child_wait_line reads the child's stderr, line by line, until a line contains
 * word; false if the child ends or timeout_ms go by first. The lines seen are
 * kept in text (bytes in size, ends with NUL). */
NODISCARD bool
child_wait_line(struct child *child, const char *word, int timeout_ms, char *text, size_t bytes);

/* child_read reads all of its stdout into text and waits for its end; returns
 * the exit code, or -1 if it was killed. */
int child_read(struct child *child, char *text, size_t bytes);

/* child_stop sends SIGTERM, waits up to timeout_ms, then kills; drains what is
 * listened to. Returns the exit code or -1. */
int child_stop(struct child *child, int timeout_ms);

#endif
