"""Reports that are no longer kept in memory come out of the journal, byte for byte.

    test_history.py OUTCRY

The exchange keeps 64 reports a session. A broker asks for all of its reports again: of
this run, after a kill and a restart by replay, after one by a snapshot, and when their
segments are compressed. What it asks for beyond is refused.
"""

import os
import struct
import sys
import time

from fixp import FIXP, Client, header
from harness import Exchange, Folder, Tap, make_journal, run, write_config

PX = 10**8
ORDERS_CNT = 1500
OUT_OF_RANGE, LIMIT = 0, 2


def config_of(folder):
    path = write_config(folder)
    with open(path, encoding='ascii') as file:
        text = file.read()
    with open(path, 'w', encoding='ascii') as file:
        file.write(text.replace('retransmit: 1024', 'retransmit: 64'))
    return path


def request(client, first, count):
    return header(36, 11, FIXP) + client.uuid + struct.pack('<QQI', time.time_ns(), first, count)


def again(client, first, count):
    """again asks once and returns what came: [(template, body)], or the code of a reject."""
    end = time.monotonic() + client.seconds
    while time.monotonic() < end:
        client.socket.send(request(client, first, count))
        got = []
        until = time.monotonic() + 2
        while len(got) < max(1, count) and time.monotonic() < until:
            messages = client.receive(0.2)
            if not messages:
                continue
            schema, template, body = messages[0]
            if (schema, template) == (FIXP, 13):
                if body[24] == LIMIT:  # one is under way
                    break
                return body[24]
            if (schema, template) != (FIXP, 12):
                continue
            number, told = struct.unpack_from('<QI', body, 24)
            assert number == first + len(got) and told == len(messages) - 1, (number, told)
            got += [(template, body) for _, template, body in messages[1:]]
        if got:
            return got
    raise TimeoutError(f'reports {first} to {first + count - 1} did not come')


def all_again(client, last):
    got = []
    while len(got) < last:
        part = again(client, len(got) + 1, min(64, last - len(got)))
        assert isinstance(part, list), part
        got += part
    return got


def trade(alpha, beta):
    """trade gives both some of each kind of report; returns what alpha was told."""
    told = []
    take = alpha.take

    def keep(messages):
        told.extend((template, body) for _, template, body in messages if template >= 18 or
                    template == 18)
        take(messages)

    alpha.take = keep
    for i in range(ORDERS_CNT):
        alpha.order(10 + i, '12'[i % 2], 5, (100 + i % 2) * PX, 0)
        if i % 7 == 0:
            beta.order(10 + i, '1', 2, 101 * PX, 1)
        if i % 5 == 0:
            alpha.cancel(100000 + i, 10 + i)
        if i % 50 == 49:
            alpha.wait(i + 1)
            beta.wait(i // 7)
    alpha.mass_cancel(999999)
    while alpha.reports[-1][0] != 'MassCancel':
        alpha.wait(len(alpha.reports) + 1)
    alpha.take = take
    return told


def test(tap, outcry):
    with Folder() as folder:
        journal = make_journal(folder)
        config = config_of(folder)
        with Exchange(outcry, config) as exchange:
            alpha = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            beta = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
            told = trade(alpha, beta)
            last = alpha.next_report - 1
            tap.ok(len(told) == last and last > ORDERS_CNT, 'a broker was told much', len(told), last)
            tap.ok(all_again(alpha, last) == told, 'all of it comes again, the same bytes')
            for first, count, name in ((0, 1, 'number 0'), (last + 1, 1, 'what was not sent yet'),
                                       (last, 2, 'what reaches behind it'), (5, 0, 'nothing')):
                tap.same(again(alpha, first, count), OUT_OF_RANGE, f'{name} is out of range')
            found = exchange.process
            found.kill()
            found.wait()
        port = exchange.ports['kernel'][1]
        with open(config, encoding='ascii') as file:
            text = file.read()
        with open(config, 'w', encoding='ascii') as file:
            file.write(text.replace('udp_port: 0', f'udp_port: {port}'))
        with Exchange(outcry, config) as exchange:
            alpha.shake(alpha.establish, 6, 7)
            tap.ok(all_again(alpha, last) == told, 'and after a kill')
            tap.same(exchange.stop(), 0, 'it stops')
            counted = exchange.text.split(' retransmitted (')[1].split(' from the journal')[0]
            tap.ok(int(counted) >= last - 64, 'out of the journal', exchange.text)
        code, out, err = run(outcry, 'follow', journal, '--once', '--retransmit', '64')
        tap.ok(code == 0, 'a snapshot is made', out, err)
        with Exchange(outcry, config) as exchange:
            tap.ok('snapshot' in exchange.text, 'and loaded', exchange.text)
            alpha.shake(alpha.establish, 6, 7)
            tap.ok(all_again(alpha, last) == told, 'and after a start from a snapshot')
            exchange.stop()


def main():
    tap = Tap()
    test(tap, os.path.abspath(sys.argv[1]))
    tap.done()


if __name__ == '__main__':
    main()
