#!/usr/bin/env python3
"""test_fallback: a machine that does not allow what the journal would like best.

Goal: without O_DIRECT, without io_uring, with too little memory that may be locked and
without all three the exchange starts, says what it does instead, and is as durable as
ever; and each ack mode says what a crash may lose, which is then not hidden: after a
lossy one sessions must negotiate anew. Busy polling of TCP is there where it is
configured and permitted, and only there. Method: the real process, to which a seccomp
filter and limits of its own refuse system calls.

usage: test_fallback.py OUTCRY
"""

import ctypes
import errno
import json
import os
import resource
import socket
import struct
import sys

from fixp import Client
from harness import Exchange, Folder, Tap, make_journal, run, write_config

PX = 10**8
NR_OPENAT, NR_IO_URING_SETUP = 257, 425
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, CAP_IPC_LOCK = 24, 38, 22, 14
NR_SETSOCKOPT, SO_BUSY_POLL = 54, 46
NR_PIDFD_OPEN, NR_PIDFD_GETFD = 434, 438
SECCOMP_MODE_FILTER, RET_ALLOW, RET_ERRNO = 2, 0x7fff0000, 0x00050000
LOAD, IF_EQUAL, IF_BITS, RETURN = 0x20, 0x15, 0x45, 0x06
LIBC = ctypes.CDLL(None, use_errno=True)

DIRECT = 'outcry: journal is written through the page cache: O_DIRECT is refused'
URING = 'outcry: io_uring is not to be had, so each write of the journal blocks: '
LOCKED = 'outcry: journal buffers are not registered with the kernel: '


class Program(ctypes.Structure):
    """Program is struct sock_fprog."""
    _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_void_p)]


def step(code, value, then=0, other=0):
    return struct.pack('<HBBI', code, then, other, value)


def refuse(*rules):
    """refuse makes system calls fail from here on; a rule is (number, place of an argument or
    None, bits that it must have, error)."""
    code = b''
    for number, argument, bits, error in rules:
        end = step(RETURN, RET_ERRNO | error)
        if argument is None:
            code += step(LOAD, 0) + step(IF_EQUAL, number, 0, 1) + end
        else:
            code += (step(LOAD, 0) + step(IF_EQUAL, number, 0, 3) +
                     step(LOAD, 16 + 8 * argument) + step(IF_BITS, bits, 0, 1) + end)
    refuse_code(code)


def refuse_code(code):
    """refuse_code makes what the steps say fail, and nothing else."""
    code += step(RETURN, RET_ALLOW)
    kept = ctypes.create_string_buffer(code, len(code))
    program = Program(len(code) // 8, ctypes.addressof(kept))
    if (LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or
            LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0):
        raise OSError(ctypes.get_errno(), 'seccomp')


def no_direct():
    refuse((NR_OPENAT, 2, os.O_DIRECT, errno.EINVAL))


def no_uring():
    refuse((NR_IO_URING_SETUP, None, 0, errno.EPERM))


def little_memory():
    """little_memory is the limit of a user who may not lock what he likes."""
    if os.getuid() == 0 and LIBC.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'capability')
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))


def nothing():
    little_memory()
    refuse((NR_OPENAT, 2, os.O_DIRECT, errno.EINVAL), (NR_IO_URING_SETUP, None, 0, errno.EPERM))


def trade(tap, exchange, first, name):
    """trade enters one order and cancels it."""
    client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
    client.order(first, '1', 10, 99 * PX, 0)
    client.cancel(first + 1, first)
    tap.same([kind for kind, _ in client.wait(2)], ['New', 'Cancel'], name)


def test_one(tap, outcry, preexec, lines, name):
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        for run_no in range(2):  # a new journal, and one that goes on
            with Exchange(outcry, config, preexec) as exchange:
                for line in (DIRECT, URING, LOCKED):
                    tap.same(line in exchange.text, line in lines,
                             f'{name}: says {"" if line in lines else "nothing of "}{line[8:30]}')
                trade(tap, exchange, 1 + 10 * run_no, f'{name}: orders are taken')
                exchange.kill()  # durable all the same
        code, out, err = run(outcry, 'replay', journal, '--json')
        tap.ok(code == 0 and json.loads(out)['identical'], f'{name}: the journal replays', out, err)
        _, out, _ = run(outcry, 'audit', journal, '--format', 'csv')
        tap.same((out.count('NEWO'), out.count('CAME')), (2, 2),
                 f'{name}: all that was told is there after a kill')


def test_ack(tap, outcry, ack, words, anew):
    """What was told of an ack mode is what the next start does about sessions."""
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder, ack=ack)
        with Exchange(outcry, config) as exchange:
            tap.ok(f'outcry: ack {ack}: {words}' in exchange.text, f'{ack} says what a crash may lose',
                   exchange.text)
            client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            client.order(1, '1', 10, 99 * PX, 0)
            client.wait(1)
            exchange.kill()
        with Exchange(outcry, config) as exchange:
            client.socket.connect(exchange.ports['kernel'])
            client.shake(client.establish, 6, 7)
            tap.same(client.refused is not None, anew,
                     f'{ack}: the session {"must negotiate anew" if anew else "goes on"}')
            exchange.stop()


def no_busy_poll():
    """no_busy_poll is what some kernels say to who has no CAP_NET_ADMIN."""
    refuse_code(step(LOAD, 0) + step(IF_EQUAL, NR_SETSOCKOPT, 0, 3) +
                step(LOAD, 16 + 8 * 2) + step(IF_EQUAL, SO_BUSY_POLL, 0, 1) +
                step(RETURN, RET_ERRNO | errno.EPERM))


def may_busy_poll():
    """may_busy_poll tells whether a socket may poll busily, and what it does by itself."""
    with socket.socket() as any_socket:
        system = any_socket.getsockopt(socket.SOL_SOCKET, SO_BUSY_POLL)
        try:
            any_socket.setsockopt(socket.SOL_SOCKET, SO_BUSY_POLL, system + 77)
        except OSError:
            return False, system
    return True, system


def busy_polls(pid, tcp_port):
    """busy_polls returns SO_BUSY_POLL of the socket of a process that listens at the port, and
    of its connections; None if this process may not look."""
    process = LIBC.syscall(NR_PIDFD_OPEN, pid, 0)
    if process < 0:
        return None
    found = []
    for name in os.listdir(f'/proc/{pid}/fd'):
        fd = LIBC.syscall(NR_PIDFD_GETFD, process, int(name), 0)
        if fd < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
            os.close(process)
            return None
        if fd < 0:
            continue
        if not os.readlink(f'/proc/self/fd/{fd}').startswith('socket:'):
            os.close(fd)
            continue
        with socket.socket(fileno=fd) as copy:
            if copy.family == socket.AF_INET and copy.type == socket.SOCK_STREAM and \
                    copy.getsockname()[1] == tcp_port:
                found.append(copy.getsockopt(socket.SOL_SOCKET, SO_BUSY_POLL))
    os.close(process)
    return found


def test_busy_poll(tap, outcry, key, preexec, expected, name):
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder)
        with open(config, encoding='ascii') as file:
            text = file.read()
        with open(config, 'w', encoding='ascii') as file:
            file.write(text.replace('ports: [', 'ports: [{name: tcp, kind: tcp, address: 127.0.0.1, '
                                    f'tcp_port: 0{key}}}, '))
        with Exchange(outcry, config, preexec) as exchange:
            tap.same('busy_poll_us: ' in exchange.text, bool(key and preexec),
                     f'{name}: the start says if it is not permitted')
            polls = busy_polls(exchange.process.pid, exchange.ports['tcp'][1])
            if polls is None:
                tap.skip(name, 'no pidfd_getfd of another process')
            else:
                tap.same(polls, [expected], f'{name}: SO_BUSY_POLL is {expected}')
            tap.same(exchange.stop(), 0, f'{name}: it stops')


def test_busy(tap, outcry):
    may, system = may_busy_poll()
    asked = f', busy_poll_us: {system + 77}'
    test_busy_poll(tap, outcry, '', None, system, 'no busy_poll_us')
    test_busy_poll(tap, outcry, asked, no_busy_poll, system, 'busy_poll_us, not permitted')
    if may:
        test_busy_poll(tap, outcry, asked, None, system + 77, 'busy_poll_us')
    else:
        tap.skip('busy_poll_us', 'this kernel wants CAP_NET_ADMIN for it')


def main():
    tap = Tap()
    outcry = os.path.abspath(sys.argv[1])
    test_one(tap, outcry, no_direct, {DIRECT}, 'no O_DIRECT')
    test_one(tap, outcry, no_uring, {URING}, 'no io_uring')
    test_one(tap, outcry, little_memory, {LOCKED}, 'little memory to lock')
    test_one(tap, outcry, nothing, {DIRECT, URING}, 'none of it')
    test_one(tap, outcry, None, set(), 'all of it')
    test_ack(tap, outcry, 'durable', 'a crash loses nothing that was told to a client', False)
    test_ack(tap, outcry, 'interval', 'a crash may lose what was told to clients in the last', True)
    test_ack(tap, outcry, 'memory', 'a crash of the machine may lose all that was told to clients '
             'since the last segment', True)
    test_busy(tap, outcry)
    tap.done()


if __name__ == '__main__':
    main()
