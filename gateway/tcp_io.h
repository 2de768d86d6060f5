/*
 * TCP I/O: what the TCP port asks of the kernel, done in one of two ways.
 *
 *   tcp_uring.c   io_uring: accept and receive are asked for once and go on by
 *                 themselves (multishot) into a ring of provided buffers; sends of
 *                 a flush are one system call
 *   tcp_epoll.c   epoll and plain system calls, where the kernel has no such
 *                 io_uring (before Linux 6.0) or does not allow it
 *
 *   watch(connection, fd)   bytes of it come as TCP_RECEIVED, in order, until one
 *                           with res <= 0: its end, and nothing more comes. While
 *                           the caller keeps all buffers it is told of neither
 *   send(connection, ...)   one at a time; TCP_SENT says how much went
 *   submit()                what was asked for goes to the kernel
 *   n = reap(events, max)   what has come of it; never waits
 *   release(buffer)         the bytes of a TCP_RECEIVED are not needed any more
 *
 * The caller ends a connection by shutdown(2) of both ways and may close it once
 * its end has come and no send is on its way. All memory is taken at open; one
 * thread at a time. Requests belong to the thread that made them: when it ends
 * they are made anew by the next that polls.
 *
 * Private to gateway/port_tcp.c and its tests.
 */
#ifndef OUTCRY_GATEWAY_TCP_IO_H
#define OUTCRY_GATEWAY_TCP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

/* Bytes that one TCP_RECEIVED can bring. */
#define TCP_BUFFER_BYTES 4096u

#define TCP_BUFFERS_MAX 4096u

enum tcp_event_kind {
    TCP_ACCEPTED,
    TCP_RECEIVED,
    TCP_SENT
};

struct tcp_event {
    uint8_t kind;
    uint16_t connection; /* of RECEIVED and SENT */
    uint16_t buffer;     /* of RECEIVED, if res > 0 */
    int32_t res;         /* ACCEPTED: descriptor; RECEIVED: bytes, 0: end of the
                          * stream; SENT: bytes, 0: none yet; or -errno */
};

struct tcp_io_cfg {
    int listen_fd; /* -1: a client */
    uint32_t connections_max;
    uint32_t buffers_cnt; /* power of two, at most TCP_BUFFERS_MAX */
};

struct tcp_io;

struct tcp_io_ops {
    void (*watch)(struct tcp_io *io, uint16_t connection, int fd);
    void (*send)(struct tcp_io *io, uint16_t connection, int fd, const uint8_t *at, size_t len);
    void (*submit)(struct tcp_io *io);
    int (*reap)(struct tcp_io *io, struct tcp_event *events, int max);
    void (*release)(struct tcp_io *io, uint16_t buffer);
    void (*close)(struct tcp_io *io);
};

/* First member of both. */
struct tcp_io {
    const struct tcp_io_ops *ops;
    const uint8_t *buffers; /* buffer i is at i * TCP_BUFFER_BYTES */
    uint64_t begun_cnt;     /* receives that the kernel was asked for; of epoll none */
    bool nonblocking;       /* descriptors must be: io_uring would not wait for one that is */
};

/* 0 or -errno. tcp_uring_open: -ENOSYS where the kernel has no multishot receive
 * into provided buffers, -EPERM where io_uring is not allowed. */
NODISCARD int tcp_uring_open(struct tcp_io **io, const struct tcp_io_cfg *cfg);
NODISCARD int tcp_epoll_open(struct tcp_io **io, const struct tcp_io_cfg *cfg);

#endif
