/*
 * Goal: with fewer buffers than connections that have something to say each is heard, and
 * the kernel is not asked over and over for what it has no buffer for.
 * Method: pairs of sockets below the port, and buffers that are kept for a while.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "gateway/tcp_io.h"

#define PAIRS   16u
#define BUFFERS 4u
#define LOOKS   100u

/* reap_one returns whether something was received, and puts it into event. */
static bool
reap_one(struct tcp_io *io, struct tcp_event *event)
{
    io->ops->submit(io);
    return io->ops->reap(io, event, 1) == 1;
}

/* Received at once by the kernel's own word, so nothing is waited for. */
Test(tcp_io, connections_without_a_buffer_are_asked_for_when_there_is_one)
{
    const struct tcp_io_cfg cfg = {
        .listen_fd = -1, .connections_max = PAIRS, .buffers_cnt = BUFFERS};
    struct tcp_event events[PAIRS];
    bool heard[PAIRS] = {false};
    unsigned heard_cnt = 0;
    unsigned cnt = 0;
    int fds[PAIRS][2];
    struct tcp_io *io;
    const int rc = tcp_uring_open(&io, &cfg);

    if (rc != 0)
        cr_skip_test("io_uring cannot do it here: %d", rc);
    for (unsigned i = 0; i < PAIRS; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
        cr_assert_eq(write(fds[i][1], "x", 1), 1);
        io->ops->watch(io, (uint16_t)i, fds[i][0]);
    }
    while (cnt < BUFFERS)
        cnt += reap_one(io, &events[cnt]);
    /* All buffers are kept: those that ended for want of one are left alone. */
    for (unsigned i = 0; i < LOOKS; i++)
        cr_assert_not(reap_one(io, &events[cnt]), "look %u", i);
    /* Each once, and again while not all that was received had been reaped. */
    cr_assert_leq(io->begun_cnt, PAIRS + BUFFERS * BUFFERS);
    for (unsigned i = 0; heard_cnt < PAIRS; i++) {
        cr_assert_lt(i, PAIRS * LOOKS);
        if (cnt == 0) {
            cnt += reap_one(io, &events[0]);
            continue;
        }
        cnt--;
        cr_assert_eq(events[cnt].kind, TCP_RECEIVED);
        cr_assert_eq(events[cnt].res, 1);
        cr_assert_not(heard[events[cnt].connection], "each said one thing");
        heard[events[cnt].connection] = true;
        heard_cnt++;
        io->ops->release(io, events[cnt].buffer);
    }
    io->ops->close(io);
    for (unsigned i = 0; i < PAIRS; i++)
        for (unsigned side = 0; side < 2; side++)
            close(fds[i][side]);
}
