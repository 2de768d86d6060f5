#!/usr/bin/env python3
"""test_follow: `outcry follow`, and starts from the snapshots that it writes.

usage: test_follow.py OUTCRY
"""

import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import time

from fixp import FIXP, Client, header
from harness import (SECONDS, Exchange, Folder, Tap, digest, make_journal, run, spoil,
                     write_config)

PX = 10**8
PAGE = 4096
RETRANSMIT = ['--retransmit', '1024']  # as pools.retransmit of the configuration
WRITTEN = r'outcry: snapshot \S+: seq (\d+), page (\d+), \d+ KiB written .* state hash ([0-9a-f]{32})\n'
LOADED = r'outcry: snapshot (\S+): seq (\d+) of '
RECOVERED = r'(\d+) commands recovered in \d+ ms by \w+ threads?, last seq (\d+), state hash ([0-9a-f]{32})'


class Follower:
    """Follower is a running `outcry follow`."""

    def __init__(self, outcry, journal, *args):
        self.process = subprocess.Popen([outcry, 'follow', journal, *RETRANSMIT, *args],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.text = ''

    def wait_for(self, pattern, count=1):
        """wait_for reads stderr until the pattern was there `count` times."""
        end = time.monotonic() + SECONDS
        while len(found := re.findall(pattern, self.text)) < count:
            left = max(0.0, end - time.monotonic())
            if not select.select([self.process.stderr], [], [], left)[0]:
                raise TimeoutError(f'no {pattern} within {SECONDS} s:\n{self.text}')
            piece = os.read(self.process.stderr.fileno(), 65536)
            if not piece:
                raise RuntimeError(f'the follower ended:\n{self.text}')
            self.text += piece.decode()
        return found

    def look(self):
        """look takes what stderr has by now."""
        while select.select([self.process.stderr], [], [], 0)[0]:
            piece = os.read(self.process.stderr.fileno(), 65536)
            if not piece:
                raise RuntimeError(f'the follower ended:\n{self.text}')
            self.text += piece.decode()

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.text += self.process.communicate(timeout=SECONDS)[1].decode()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def replay(outcry, journal, until=None):
    args = ['--until', str(until)] if until else []
    code, out, err = run(outcry, 'replay', journal, '--json', *args)
    assert code == 0, err
    return json.loads(out)


def snapshots(journal):
    return sorted(name for name in os.listdir(journal) if name.endswith('.snap'))


def loader(outcry, config, port, orders, seed=1):
    return subprocess.Popen([outcry, 'load', config, '--orders', str(orders), '--rate', '2500',
                             '--udp-port', str(port), '--seed', str(seed), '--mix', 'all'],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def trade_until(follower, exchange, count, first):
    """trade_until sends orders until the follower has written `count` snapshots, and leaves
    the last of them on their way; returns the next ClOrdID."""
    client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
    end = time.monotonic() + SECONDS
    while len(re.findall(WRITTEN, follower.text)) < count:
        assert time.monotonic() < end, follower.text
        for i in range(first, first + 40):
            client.order(i, '12'[i // 7 % 2], 1 + i % 5, (95 + i % 11) * PX, 0)
        first += 40
        answers = 0
        while answers < 40:
            seen = len(client.reports)
            client.wait(seen + 1)
            answers += sum(kind in ('New', 'Reject') for kind, _ in client.reports[seen:])
        follower.look()
    for i in range(first, first + 200):
        client.order(i, '1', 1, 90 * PX, 0)
    client.socket.close()
    return first + 200


def last_page(journal, segment_bytes=1 << 20):
    """last_page is (path, offset) of the last page that was written."""
    for name in sorted((n for n in os.listdir(journal) if n.endswith('.seg')), reverse=True):
        path = os.path.join(journal, name)
        with open(path, 'rb') as file:
            data = file.read()
        pages = [at for at in range(0, len(data), PAGE) if data[at:at + 4] == b'OTCY']
        if pages:
            return path, pages[-1]
    raise AssertionError('no page')


def test_restart(tap, outcry):
    """A crash under load, again and again; each start begins with a snapshot."""
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        loaded = set()
        clord = 1
        with Follower(outcry, journal, '--every', '300') as follower:
            for turn in range(4):
                with Exchange(outcry, config) as exchange:
                    found = re.search(LOADED, exchange.text)
                    seq, state = re.search(RECOVERED, exchange.text).groups()[1:]
                    if turn > 0:
                        tap.ok(found and int(found.group(2)) <= int(seq),
                               f'start {turn + 1} begins with a snapshot', exchange.text)
                        loaded.add(found and found.group(2))
                        tap.ok('passed over' not in exchange.text, 'the newest one', exchange.text,
                               follower.text)
                        tap.same(state, replay(outcry, journal, seq)['state_hash'],
                                 'and comes to the state of a replay from the beginning')
                        tap.same(len(set(re.findall('ready epoch', exchange.text))), 1,
                                 'and serves')
                    follower.look()
                    clord = trade_until(follower, exchange,
                                        len(re.findall(WRITTEN, follower.text)) + 2, clord)
                    exchange.kill()
            tap.ok(len(loaded) == 3, 'each with a newer one', loaded, follower.text)
            tap.same(follower.end(), 0, 'SIGTERM ends the follower with 0')
            tap.ok(re.search(r'stopped at seq \d+, last snapshot at seq \d+\n$', follower.text),
                   'and it says where it was', follower.text)
        written = re.findall(WRITTEN, follower.text)
        tap.ok(len(written) >= 8, 'there was a snapshot every so often', follower.text)
        for seq, _, state in written:
            if replay(outcry, journal, seq)['state_hash'] != state:
                tap.ok(False, f'snapshot of seq {seq} is the state of a replay')
                break
        else:
            tap.ok(True, 'each is the state of a replay from the beginning')
        tap.same(len(snapshots(journal)), 3, 'three are kept')


def reports_again(client, first, count):
    """reports_again asks for reports that were sent before, 32 at a time; {number: body}."""
    found = {}
    end = time.monotonic() + SECONDS
    while len(found) < count and time.monotonic() < end:
        wanted = min(32, count - len(found))
        client.socket.send(header(36, 11, FIXP) + client.uuid
                           + struct.pack('<QQI', time.time_ns(), first + len(found), wanted))
        left = wanted
        while left > 0 and (messages := client.receive(1.0)):
            number = None
            for _, template, body in messages:
                if template == 12:
                    number = struct.unpack_from('<Q', body, 24)[0]
                elif template == 13:
                    return f'refused with code {body[24]}'
                elif number is not None:
                    found[number] = body
                    number += 1
                    left -= 1
    return found


def test_broker(tap, outcry):
    """A session goes on behind a snapshot as if nothing had been."""
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        with Exchange(outcry, config) as exchange:
            client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            for i in range(1, 201):
                client.order(i, '1', 1, 90 * PX + i * PX // 100, 0)
                if i % 20 == 0:
                    client.wait(i)
            before = list(client.reports)
            exchange.kill()
        code, _, err = run(outcry, 'follow', journal, '--once', *RETRANSMIT)
        tap.ok(code == 0 and re.search(WRITTEN, err), 'follow --once writes a snapshot', err)
        for again in (False, True):
            with Exchange(outcry, config) as exchange:
                tap.ok(re.search(LOADED, exchange.text), 'which the next start begins with',
                       exchange.text)
                client.socket.connect(exchange.ports['kernel'])
                client.shake(client.establish, 6, 7)
                tap.same(client.refused, None, 'the broker establishes its session again')
                found = reports_again(client, 1, len(before))
                tap.ok(found == {i + 1: body for i, (_, body) in enumerate(before)},
                       'and is told all reports from before the snapshot once more', found)
                client.order(1000 + again, '1', 1, 91 * PX, 0)
                client.wait(len(before) + 1)
                tap.same(client.reports[-1][0], 'New', 'its next order gets the next number')
                before = list(client.reports)
                client.cancel(2000 + again, 1 + again)
                client.wait(len(before) + 1)
                tap.same(client.reports[-1][0], 'Cancel', 'and an order from before is canceled')
                before = list(client.reports)
                exchange.kill()
        more = write_config(folder, 'more.yaml')
        with open(more, encoding='ascii') as file:
            text = file.read()
        with open(more, 'w', encoding='ascii') as file:
            file.write(text.replace('retransmit: 1024', 'retransmit: 2048'))
        with Exchange(outcry, more) as exchange:
            tap.ok(re.search(LOADED, exchange.text),
                   'a snapshot that keeps fewer reports is of use while it keeps all there are',
                   exchange.text)
            exchange.stop()
        code, _, err = run(outcry, 'follow', journal, '--once', '--retransmit', '64')
        tap.ok(code == 0 and 'seq' in err, 'one that keeps 64 is written', err)
        with Exchange(outcry, config) as exchange:
            tap.ok('is passed over: it keeps fewer reports of a session than pools.retransmit'
                   in exchange.text and re.search(LOADED, exchange.text),
                   'and is passed over, for the one before it', exchange.text)
            exchange.stop()


def test_stopped(tap, outcry):
    """The exchange never waits for its follower: not for one that does not run at all."""
    with Folder() as folder:
        journal = make_journal(folder)
        with Follower(outcry, journal, '--every', '50') as follower:
            with Exchange(outcry, write_config(folder)) as exchange:
                clord = trade_until(follower, exchange, 1, 1)
                follower.process.send_signal(signal.SIGSTOP)
                before = len(re.findall(WRITTEN, follower.text))
                client = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
                answers = 0
                for first in range(clord, clord + 2000, 40):
                    for i in range(first, first + 40):
                        client.order(i, '1', 1, 90 * PX, 0)
                    while answers < first + 40 - clord:
                        seen = len(client.reports)
                        client.wait(seen + 1)
                        answers += sum(kind in ('New', 'Reject')
                                       for kind, _ in client.reports[seen:])
                client.close()
                tap.same(answers, 2000, 'all orders are answered while the follower stands still')
                tap.same(exchange.stop(), 0, 'the exchange ends')
            stalls = [int(cnt) for cnt in re.findall(r'engine: .* (\d+) stalls', exchange.text)]
            tap.same(stalls, [0], 'and its engine has never waited')
            last = replay(outcry, journal)['last_seq']
            follower.process.send_signal(signal.SIGCONT)
            while int(follower.wait_for(WRITTEN, before + 1)[-1][0]) < last - 100:
                before += 1
            tap.same(follower.end(), 0, 'the follower catches up')


def test_kills(tap, outcry):
    """The follower dies at any moment and begins again."""
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        text = ''
        with Exchange(outcry, config) as exchange:
            load = loader(outcry, config, exchange.ports['kernel'][1], 12000)
            for turn in range(12):
                with Follower(outcry, journal, '--every', '150') as follower:
                    if turn % 3 == 2:
                        follower.wait_for(WRITTEN)
                    time.sleep(0.02 + 0.037 * turn % 0.3)
                    follower.end(signal.SIGKILL)
                text += follower.text
            load.kill()
            load.wait()
            exchange.stop()
        with Follower(outcry, journal, '--every', '150') as follower:
            follower.wait_for(r'snapshot \S+: seq|begin', 1)
            time.sleep(0.3)
            follower.end()
        text += follower.text
        written = re.findall(WRITTEN, text)
        tap.ok(written and 'snap.new' not in os.listdir(journal),
               'it leaves nothing half done behind', text)
        tap.ok('passed over' not in text, 'and no snapshot that is of no use', text)
        wrong = [seq for seq, _, state in written
                 if replay(outcry, journal, seq)['state_hash'] != state]
        tap.same(wrong, [], 'all are the state of a replay from the beginning')
        with Exchange(outcry, config) as exchange:
            tap.ok(re.search(LOADED, exchange.text), 'a start begins with the last', exchange.text)
            exchange.stop()


def test_modes(tap, outcry):
    """After a run that could lose something sessions begin anew, here too."""
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder, ack='memory')
        with Follower(outcry, journal, '--every', '20') as follower:
            follower.wait_for('waits for a journal')
            with Exchange(outcry, config) as exchange:
                client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
                for i in range(1, 61):
                    client.order(i, '1', 1, 90 * PX, 0)
                client.wait(60)
                follower.wait_for(WRITTEN)
                exchange.kill()
            with Exchange(outcry, config) as exchange:
                state = re.search(RECOVERED, exchange.text)
                tap.ok(re.search(LOADED, exchange.text), 'ack memory: a start from a snapshot',
                       exchange.text)
                client.socket.connect(exchange.ports['kernel'])
                client.shake(client.establish, 6, 7)
                tap.ok(client.refused is not None, 'the session must be negotiated again')
                tap.same(state.group(3), replay(outcry, journal, state.group(2))['state_hash'],
                         'the state is that of a replay')
                client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
                for i in range(1, 61):
                    client.order(100 + i, '1', 1, 90 * PX, 0)
                client.wait(60)
                follower.wait_for(WRITTEN, 2)
                exchange.stop()


def test_harm(tap, outcry):
    """Snapshots that are of no use are passed over, with a line each."""
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        with Follower(outcry, journal, '--every', '100', '--keep', '4') as follower:
            with Exchange(outcry, config) as exchange:
                load = loader(outcry, config, exchange.ports['kernel'][1], 3000)
                follower.wait_for(WRITTEN, 4)
                load.kill()
                load.wait()
                exchange.stop()
            follower.end()
        run(outcry, 'follow', journal, '--once', '--keep', '5', *RETRANSMIT)
        names = snapshots(journal)
        tap.ok(len(names) >= 4, 'there are snapshots', names)
        with open(os.path.join(journal, names[-2]), 'r+b') as file:
            file.seek(5000)
            byte = file.read(1)
            file.seek(5000)
            file.write(bytes([byte[0] ^ 1]))
        path, offset = last_page(journal)
        with open(path, 'r+b') as file:
            file.seek(offset)
            file.write(bytes(PAGE))
        kept = digest(journal)
        with Exchange(outcry, config) as exchange:
            lines = [line for line in exchange.text.splitlines() if 'snapshot' in line]
            tap.ok(names[-1] in lines[0] and 'the journal ends before this page' in lines[0],
                   'one that is later than the journal is passed over', exchange.text)
            tap.ok(names[-2] in lines[1] and 'passed over: it is damaged' in lines[1],
                   'so is one that is damaged', exchange.text)
            tap.ok(re.match(LOADED, lines[2]) and names[-3] in lines[2], 'and the next is taken',
                   exchange.text)
            exchange.kill()
        state = re.search(RECOVERED, exchange.text)
        tap.same(state.group(3), replay(outcry, journal, state.group(2))['state_hash'],
                 'the state is that of a replay')
        tap.ok(all(digest(journal)[name] == kept[name] for name in names),
               'the start leaves snapshots as they are')
        # Now other pages are where the newest one saw its own.
        with Exchange(outcry, config) as exchange:
            client = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
            client.order(1, '1', 1, 90 * PX, 1)
            client.wait(1)
            exchange.stop()
        code, _, err = run(outcry, 'follow', journal, '--once', *RETRANSMIT)
        tap.ok(code == 0 and 'another page was here' in err,
               'a follower passes over one of a history that is no more', err)
        tap.ok(names[-1] not in snapshots(journal) or int(re.search(WRITTEN, err).group(1)) >
               int(names[-1][:20]), 'and those later than its own go', snapshots(journal))
        for name in snapshots(journal):
            with open(os.path.join(journal, name), 'r+b') as file:
                file.truncate(100)
        with Exchange(outcry, config) as exchange:
            tap.ok("is of use: begins at the journal's beginning" in exchange.text,
                   'without a good one the whole journal is replayed', exchange.text)
            exchange.stop()


def test_other_journal(tap, outcry):
    """A journal that is changed behind the follower's back."""
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        with Follower(outcry, journal, '--every', '5') as follower:
            with Exchange(outcry, config) as exchange:
                follower.wait_for(WRITTEN)
                exchange.stop()
            for name in os.listdir(journal):
                if '.seg' in name:
                    os.remove(os.path.join(journal, name))
            with Exchange(outcry, config) as exchange:
                tap.ok('no such segment' in exchange.text and 'no snapshot in' in exchange.text
                       and '0 commands recovered' in exchange.text,
                       'the exchange does not take a snapshot of another journal', exchange.text)
                follower.wait_for('is not the one that was followed to seq')
                follower.wait_for(WRITTEN, len(re.findall(WRITTEN, follower.text)) + 1)
                exchange.stop()
            tap.same(follower.end(), 0, 'the follower begins anew, and says so')
            seq, _, state = re.findall(WRITTEN, follower.text)[-1]
            tap.same(state, replay(outcry, journal, seq)['state_hash'], 'with the new journal')


def test_refusals(tap, outcry):
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        for args, code, words in (
                (['follow'], 2, 'an argument is missing'),
                (['follow', journal, '--every', '0'], 2, '--every 0 is no number'),
                (['follow', journal, '--keep', 'many'], 2, '--keep many is no number'),
                (['follow', journal, '--retransmit', '100'], 2, 'no power of two'),
                (['follow', journal, '--once'], 3, 'holds no journal'),
                (['follow', os.path.join(folder, 'none')], 3, 'No such file')):
            got, _, err = run(outcry, *args)
            tap.ok(got == code and words in err, f'refused: {" ".join(args[2:]) or "nothing"}', got,
                   err)
        with Exchange(outcry, config) as exchange:
            exchange.stop()
        code, _, err = run(outcry, 'follow', journal, '--once', *RETRANSMIT)
        tap.ok(code == 0, 'a snapshot of a short journal', err)
        code, _, err = run(outcry, 'follow', journal, '--once', *RETRANSMIT)
        tap.ok(code == 0 and 'of which there is a snapshot' in err, 'is not written twice', err)
        with Follower(outcry, journal) as follower:
            follower.wait_for('loaded in')
            code, _, err = run(outcry, 'follow', journal)
            tap.ok(code == 3 and 'is followed by another outcry' in err, 'one follower at a time',
                   err)
        # A page that is not as it was written, in front of where a follower begins.
        shutil.rmtree(journal)
        make_journal(folder)
        with Exchange(outcry, config) as exchange:
            exchange.stop()
        with Exchange(outcry, config) as exchange:
            exchange.stop()
        spoil(os.path.join(journal, '00000000.seg'), PAGE + 70)
        code, _, err = run(outcry, 'follow', journal, '--once', *RETRANSMIT)
        tap.ok(code == 1 and 'damage' in err, 'a damaged journal is not followed', code, err)


def main():
    outcry = sys.argv[1]
    tap = Tap()
    test_restart(tap, outcry)
    test_broker(tap, outcry)
    test_stopped(tap, outcry)
    test_kills(tap, outcry)
    test_modes(tap, outcry)
    test_harm(tap, outcry)
    test_other_journal(tap, outcry)
    test_refusals(tap, outcry)
    tap.done()


if __name__ == '__main__':
    main()
