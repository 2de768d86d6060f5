#!/usr/bin/env python3
"""test_space: a disk that is nearly full.

Goal: below the reserve the exchange takes cancels alone, says so, and takes orders
again when there is room; the journal has both as commands, so that it replays. Only
when nothing at all is left it ends, with the reason and nothing lost. Method: the
journal lies on a small file system in memory, in a mount namespace of this
process; a file of ballast fills it.

usage: test_space.py OUTCRY
"""

import ctypes
import json
import os
import re
import struct
import sys
import time

from fixp import Client
from harness import SECONDS, Exchange, Folder, Tap, make_journal, run, write_config

PX = 10**8
MIB = 1 << 20
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
JOURNAL_SPACE = 41

LIBC = ctypes.CDLL(None, use_errno=True)


def own_mounts():
    """own_mounts gives this process mounts of its own; False if that is not allowed."""
    ids = (os.getuid(), os.getgid())
    if LIBC.unshare(CLONE_NEWNS) != 0:
        if LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
            return False
        for name, text in (('setgroups', 'deny'), ('uid_map', f'0 {ids[0]} 1'),
                           ('gid_map', f'0 {ids[1]} 1')):
            with open(f'/proc/self/{name}', 'w', encoding='ascii') as file:
                file.write(text)
    return LIBC.mount(b'none', b'/', None, MS_REC | MS_PRIVATE, None) == 0


class Disk:
    """Disk is a file system of so many MiB over a folder."""

    def __init__(self, path, mib):
        self.path = path
        if LIBC.mount(b'tmpfs', path.encode(), b'tmpfs', 0, f'size={mib}m'.encode()) != 0:
            raise OSError(ctypes.get_errno(), 'mount')

    def free(self):
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def settle(self):
        """settle waits until the helper is done with the next segment."""
        last = -1
        while last != self.free():
            last = self.free()
            time.sleep(1)

    def fill(self, left):
        """fill leaves so many bytes free."""
        with open(os.path.join(self.path, 'ballast'), 'wb') as file:
            while self.free() > left:
                file.write(bytes(min(65536, self.free() - left)))
                file.flush()

    def empty(self):
        os.unlink(os.path.join(self.path, 'ballast'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        LIBC.umount2(self.path.encode(), MNT_DETACH)


def reserve(folder, mib):
    """reserve writes a configuration with that reserve."""
    path = write_config(folder)
    with open(path, encoding='ascii') as file:
        text = file.read()
    with open(path, 'w', encoding='ascii') as file:
        file.write(text.replace('segment_mib: 1', f'segment_mib: 1, reserve_mib: {mib}'))
    return path


def spaces(outcry, journal):
    """spaces returns what the journal has of JournalSpace."""
    _, out, _ = run(outcry, 'audit', journal, '--format', 'csv')
    return re.findall(r'JSPC.*?free_bytes=(\d+) reserve_bytes=(\d+) low=(\d)', out)


def replays(tap, outcry, journal):
    code, out, err = run(outcry, 'replay', journal, '--json')
    tap.ok(code == 0 and json.loads(out)['identical'], 'the journal replays', code, out, err)


class Broker:
    """Broker is one session that looks at each of its reports."""

    def __init__(self, tap, exchange):
        self.tap = tap
        self.client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
        self.clord = 0

    def told(self, kind, name, reason=None):
        got, body = self.client.wait(len(self.client.reports) + 1)[-1]
        self.tap.same(got, kind, name)
        if reason is not None and got == 'Reject':
            self.tap.same(struct.unpack_from('<H', body, 68)[0], reason, 'by JournalSpace')

    def new(self, kind, name):
        self.clord += 1
        self.client.new(self.clord, '1', 10, 99 * PX)
        self.told(kind, name, JOURNAL_SPACE)

    def soon(self, kind, name):
        """soon is new once it has its effect: it is told before the engine has taken it."""
        end = time.monotonic() + SECONDS
        got = None
        while got != kind and time.monotonic() < end:
            self.clord += 1
            self.client.new(self.clord, '1', 10, 99 * PX)
            got = self.client.wait(len(self.client.reports) + 1)[-1][0]
        self.new(kind, name)


def test_nearly_full(tap, outcry):
    with Folder() as folder:
        journal = make_journal(folder)
        config = reserve(folder, 4)
        with Disk(journal, 24) as disk, Exchange(outcry, config) as exchange:
            tap.ok('JournalSpace' not in exchange.text, 'with room enough nothing is said')
            broker = Broker(tap, exchange)
            broker.new('New', 'an order is taken')
            broker.new('New', 'and another')
            disk.settle()
            disk.fill(3 * MIB)
            exchange.wait_for(r'^outcry: the journal\'s disk has [23] MiB free, less than the '
                              r'reserve of 4 MiB: new orders are refused \(JournalSpace\), cancels '
                              r'are taken$')
            tap.ok(True, 'below the reserve it says so')
            broker.soon('Reject', 'a new order is refused')
            broker.client.replace(100, 1, 5, 99 * PX)
            broker.told('Replace', 'a replace to less is taken')
            broker.client.cancel(101, 2)
            broker.told('Cancel', 'a cancel is taken')
            disk.empty()
            disk.fill(4 * MIB + 4096)
            time.sleep(0.5)
            broker.new('Reject', 'just above the reserve it does not go to and fro')
            disk.empty()
            exchange.wait_for(r'^outcry: the journal\'s disk has \d+ MiB free again: new orders '
                              r'are taken$')
            broker.soon('New', 'with room again an order is taken')

            disk.fill(3 * MIB)
            exchange.wait_for(r'(?s)again.*less than the reserve')
            tap.same(exchange.stop(), 0, 'it stops while it is low')
            code, out, err = run(outcry, 'follow', journal, '--once', '--retransmit', '1024')
            tap.ok(code == 0, 'a snapshot is made while it is low', out, err)
            found = spaces(outcry, journal)
            tap.ok([low for _, _, low in found] == ['1', '0', '1'] and
                   int(found[0][0]) < 4 * MIB < int(found[1][0]) and
                   {size for _, size, _ in found} == {str(4 * MIB)}, 'the journal has it', found)
            replays(tap, outcry, journal)
            with Exchange(outcry, config) as again:
                tap.ok('loaded in' in again.text and 'of no use' not in again.text,
                       'and is what a start begins with', again.text)
                broker = Broker(tap, again)
                broker.new('Reject', 'which finds it still low')
                disk.empty()
                again.wait_for('new orders are taken')
                again.stop()
            with Exchange(outcry, config) as again:
                disk.settle()
                again.stop()
            disk.fill(3 * MIB)
            with Exchange(outcry, config) as again:
                tap.ok('new orders are refused' in again.text, 'a start says so before it is ready',
                       again.text)
                Broker(tap, again).new('Reject', 'and refuses orders at once')
                again.stop()
            disk.empty()
            with Exchange(outcry, config) as again:
                tap.ok('new orders are taken' in again.text, 'a start with room again says so, too',
                       again.text)
                Broker(tap, again).new('New', 'and takes orders')
                again.stop()
            replays(tap, outcry, journal)


def test_no_room_for_a_segment(tap, outcry):
    with Folder() as folder:
        journal = make_journal(folder)
        config = reserve(folder, 0)
        with Disk(journal, 8) as disk:
            with Exchange(outcry, config) as exchange:
                disk.settle()
                exchange.stop()
            os.unlink(os.path.join(journal, '00000001.seg'))  # made ahead, never used
            disk.fill(MIB // 2)
            with Exchange(outcry, config) as exchange:
                exchange.wait_for(r'^outcry: the journal\'s disk has no room for the next segment '
                                  r'\(No space left on device, 0 MiB free\): new orders are '
                                  r'refused \(JournalSpace\), cancels are taken$')
                tap.ok(True, 'no room for the next segment is told')
                broker = Broker(tap, exchange)
                broker.soon('Reject', 'a new order is refused')
                disk.empty()
                exchange.wait_for('free again: new orders are taken')
                tap.ok(os.path.exists(os.path.join(journal, '00000001.seg')),
                       'the segment is made when there is room')
                broker.soon('New', 'and orders are taken')
                exchange.stop()
            os.unlink(os.path.join(journal, '00000001.seg'))
            disk.fill(MIB // 2)
            with Exchange(outcry, config) as exchange:
                broker = Broker(tap, exchange)
                told = len(broker.client.reports)
                broker.client.seconds = 5  # the last is never answered
                try:
                    while told < 400:
                        broker.client.cancel(1000 + told, 1)
                        told = len(broker.client.wait(told + 1))
                except (TimeoutError, OSError):
                    pass
                exchange.process.wait(SECONDS)
                text = exchange.text + exchange.process.stderr.read().decode()
                tap.same(exchange.process.returncode, 3, 'at the end of the last segment it ends')
                tap.ok(re.search(r'^outcry: journal: 00000001.seg.new: allocate: No space left on '
                                 r'device \(.*\)$', text, re.MULTILINE), 'with the reason', text)
            code, out, _ = run(outcry, 'audit', journal, '--format', 'csv')
            told = sum(kind == 'CancelReject' for kind, _ in broker.client.reports)
            tap.ok(told > 200, 'until then cancels were answered', told)
            tap.ok(code == 0 and sum('CARJ' in line for line in out.splitlines()) >= told,
                   'and all that was answered is in the journal', out[-300:])
            disk.empty()
            with Exchange(outcry, config) as exchange:
                Broker(tap, exchange).new('New', 'with room it goes on')
                exchange.stop()
            replays(tap, outcry, journal)


def main():
    tap = Tap()
    if not own_mounts():
        tap.skip('a disk that is nearly full', 'no mount namespaces here')
        tap.done()
    outcry = os.path.abspath(sys.argv[1])
    test_nearly_full(tap, outcry)
    test_no_room_for_a_segment(tap, outcry)
    tap.done()


if __name__ == '__main__':
    main()
