/*
 * Exchange: one `outcry serve` as a child process, in a folder of its own.
 *
 *   exchange_open    temporary folder, configuration, free UDP port
 *   exchange_start   fork, exec, wait for the line that says ready
 *   exchange_kill    SIGKILL           exchange_stop   SIGTERM and its exit code
 *   exchange_run     `outcry replay` or `outcry verify` over the journal
 *   exchange_close   ends the child; removes the folder if all was well
 *
 * A child dies with its parent (PR_SET_PDEATHSIG), and every wait is bounded.
 * What a child printed on its other stream is in serve.log in the folder.
 */
#ifndef OUTCRY_TESTS_E2E_EXCHANGE_H
#define OUTCRY_TESTS_E2E_EXCHANGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct exchange {
    const char *binary; /* of outcry */
    char folder[PATH_MAX];
    uint16_t udp_port;
    uint16_t tcp_port;   /* 0: none */
    pid_t pid;           /* 0: not running */
    int stderr_fd;       /* of serve; stays open, so that it can go on printing */
    char output[4096];   /* of the last exchange_run, stdout */
    char said[4096];     /* by the last serve on stderr, after it was ready */
    char why[512];       /* of what failed last */
    const char *preload; /* library that is loaded into serve, NULL: none */
    char fault[32];      /* and what it is to do, see fault_preload.c */
};

/* exchange_open: ack is the configuration's word; tcp: it has a TCP port too, with a
 * door of its own; retransmit: so many reports of a session are kept. */
bool exchange_open(struct exchange *exchange,
                   const char *binary,
                   const char *ack,
                   bool tcp,
                   uint32_t retransmit);

/* exchange_start returns when serve says that it is ready. */
bool exchange_start(struct exchange *exchange);

/* exchange_kill ends it at once, by SIGKILL; false if it had ended by itself. */
bool exchange_kill(struct exchange *exchange);

/* exchange_terminate asks it to stop; exchange_exited tells whether it has and
 * then its exit code (128 + signal if a signal ended it). */
void exchange_terminate(struct exchange *exchange);
bool exchange_exited(struct exchange *exchange, int *code);

/* exchange_run runs `outcry COMMAND JOURNAL [OPTION]`; true if it exits with 0. */
bool exchange_run(struct exchange *exchange, const char *command, const char *option);

/* exchange_close removes the folder unless keep. */
void exchange_close(struct exchange *exchange, bool keep);

#endif
