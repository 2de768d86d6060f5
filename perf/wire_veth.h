/*
 * Wire veth: a pair of virtual Ethernet devices for the two processes of wire.h, in a
 * network namespace that nothing else is in.
 *
 *   exchange - af_packet - wire0 === wire1 - af_packet - client
 *
 * The namespace has no name: it and the devices end with the last process that is in
 * it, so nothing is left behind however the benchmark ends. Needs CAP_SYS_ADMIN and
 * CAP_NET_ADMIN, which root has, and the program `ip`.
 */
#ifndef OUTCRY_PERF_WIRE_VETH_H
#define OUTCRY_PERF_WIRE_VETH_H

#define WIRE_VETH_SERVER "wire0"
#define WIRE_VETH_CLIENT "wire1"

/* wire_veth_enter puts the calling thread, and what it forks, into a new namespace with
 * the pair. Returns the descriptor to leave it by, or -errno with a line in why; then
 * the thread is where it was. */
int wire_veth_enter(char why[128]);

/* wire_veth_leave takes the thread back and closes the descriptor. */
void wire_veth_leave(int fd);

#endif
