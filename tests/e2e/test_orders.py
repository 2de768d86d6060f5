#!/usr/bin/env python3
"""test_orders: every order type, attribute and scope over the wire of a real exchange.

Goal: what docs/matching.md promises can be asked for by a broker and is told to
him. Method: a client written from the schemas alone sends each kind of order once
in a small market of known prices and reads its reports; the state of an instrument
is changed by `outcry admin`; the journal must replay and the audit trail have it
all. The rules themselves are tested in tests/scenario and tests/model.

usage: test_orders.py OUTCRY
"""

import csv
import io
import os
import socket
import struct
import sys
import time

from fixp import Client, NULL64
from harness import SECONDS, Exchange, Folder, Tap, make_journal, run, write_config

PX = 10**8
PRO_RATA = '  - {id: 2, symbol: LEAD, tick: "0.01", algorithm: pro-rata}\n'
POST_ONLY, REPRICE, HIDDEN, OPPOSITE, MID = 1, 2, 4, 8, 16


class Market:
    """Market is two brokers of two firms, and how much of their reports was read."""

    def __init__(self, tap, exchange):
        self.tap = tap
        self.alpha = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
        self.beta = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
        self.alpha.seen = self.beta.seen = 0
        self.clord = 0

    def next(self):
        self.clord += 1
        return self.clord

    @staticmethod
    def take(client, count):
        """take returns the next reports, fewer if no more come."""
        try:
            reports = client.wait(client.seen + count)[client.seen:client.seen + count]
        except TimeoutError:
            reports = client.reports[client.seen:]
        client.seen += len(reports)
        return reports

    @staticmethod
    def until(client, px):
        """until returns all reports up to a Restated at that price."""
        end = time.monotonic() + client.seconds
        while time.monotonic() < end:
            reports = client.reports[client.seen:]
            if reports and reports[-1][0] == 'Restated' and i64(reports[-1][1], 32) == px:
                break
            client.take(client.receive(0.1))
        reports = client.reports[client.seen:]
        client.seen = len(client.reports)
        return reports

    def told(self, client, kinds, name):
        """told checks that the next reports are of these kinds and returns their bodies."""
        reports = self.take(client, len(kinds))
        got = [kind for kind, _ in reports]
        self.tap.same(got, kinds, name)
        return [body for _, body in reports] if got == kinds else [bytes(128)] * len(kinds)

    def clean(self):
        """clean takes all orders of both out and forgets what was told."""
        for client in self.alpha, self.beta:
            client.mass_cancel(self.next())
            while 'MassCancel' not in [kind for kind, _ in client.reports[client.seen:]]:
                client.wait(len(client.reports) + 1)
            client.seen = len(client.reports)


def u8(body, off):
    return body[off]


def u32(body, off):
    return struct.unpack_from('<I', body, off)[0]


def i64(body, off):
    return struct.unpack_from('<q', body, off)[0]


def u64(body, off):
    return struct.unpack_from('<Q', body, off)[0]


def check_reprice(tap, m):
    m.alpha.new(m.next(), '2', 10, 100 * PX)
    m.told(m.alpha, ['New'], 'a plain limit order of version 1')
    m.beta.new(m.next(), '1', 5, 101 * PX, account=1, inst=POST_ONLY | REPRICE)
    _, restated = m.told(m.beta, ['New', 'Restated'], 'post-only with reprice is moved')
    tap.same((i64(restated, 32), u32(restated, 44), u8(restated, 52)), (9999 * PX // 100, 5, 0),
             'one tick away, all of it open, by PostOnlyReprice')
    m.clean()


def check_market_to_limit(tap, m):
    m.beta.new(m.next(), '1', 5, account=1, kind='K')
    (reject,) = m.told(m.beta, ['Reject'], 'market-to-limit without a market')
    tap.same(struct.unpack_from('<H', reject, 68)[0], 20, 'is refused by NoOppositeOrders')
    m.alpha.new(m.next(), '2', 10, 100 * PX)
    m.beta.new(m.next(), '1', 15, account=1, kind='K')
    _, restated, trade = m.told(m.beta, ['New', 'Restated', 'Trade'], 'with one it gets a limit')
    tap.same((i64(restated, 32), u8(restated, 52)), (100 * PX, 1), 'the best price there is')
    tap.same((u32(trade, 52), u32(trade, 60)), (10, 5), 'and the rest of it stays open')
    m.clean()


def check_iceberg(tap, m):
    m.alpha.new(m.next(), '2', 30, 100 * PX, display=10, span=5)
    (new,) = m.told(m.alpha, ['New'], 'an iceberg with a range')
    tap.same(u32(new, 64), 10, 'shows what it was told to')
    m.alpha.replace(m.next(), m.clord - 1, 28, 100 * PX, display=8)
    (replaced,) = m.told(m.alpha, ['Replace'], 'its display quantity is replaced')
    tap.same((u32(replaced, 80), u32(replaced, 92)), (8, 28), 'and its total')
    m.beta.new(m.next(), '1', 28, 100 * PX, account=1)
    taken = m.take(m.beta, 2)
    while u32(taken[-1][1], 60) > 0 and len(taken) < 20:
        taken += m.take(m.beta, 1)
    tap.ok(len(taken) > 2 and sum(u32(body, 52) for kind, body in taken if kind == 'Trade') == 28,
           'it trades in parts, to the end', taken)
    m.clean()


def check_hidden(tap, m):
    m.alpha.new(m.next(), '2', 10, 100 * PX, inst=HIDDEN)
    m.beta.new(m.next(), '1', 4, 100 * PX, account=1, tif='3', min_qty=4)
    m.told(m.beta, ['New', 'Trade'], 'a hidden order trades, and a minimum quantity is met')
    m.beta.new(m.next(), '1', 9, 100 * PX, account=1, tif='3', min_qty=9)
    _, cancel = m.told(m.beta, ['New', 'Cancel'], 'one that cannot be met')
    tap.same(u8(cancel, 56), 9, 'is canceled by MinQty')
    m.beta.new(m.next(), '1', 9, 100 * PX, account=1, tif='4')
    _, cancel = m.told(m.beta, ['New', 'Cancel'], 'and a fill-or-kill that cannot be filled')
    tap.same(u8(cancel, 56), 2, 'is canceled by FillOrKill')
    m.clean()


def check_stops(tap, m):
    m.alpha.new(m.next(), '1', 5, 103 * PX, kind='4', stop=102 * PX)
    m.alpha.new(m.next(), '1', 5, kind='3', stop=102 * PX)
    m.told(m.alpha, ['New', 'New'], 'a stop-limit and a stop order wait')
    m.alpha.replace(m.next(), m.clord - 1, 6, 103 * PX, stop=101 * PX)
    m.told(m.alpha, ['Replace'], 'a stop price is replaced')
    m.beta.new(m.next(), '2', 1, 102 * PX, account=1)
    m.told(m.beta, ['New'], 'an offer')
    m.beta.new(m.next(), '1', 1, 102 * PX, account=1)
    m.take(m.beta, 3)
    told = m.told(m.alpha, ['Triggered', 'Triggered'], 'a trade elects them')
    tap.same([i64(body, 40) for body in told], [101 * PX, 102 * PX], 'the lowest stop price first')
    tap.same([i64(body, 32) for body in told], [-2**63, 103 * PX], 'a stop has no limit')
    m.clean()


def check_pegs(tap, m):
    m.alpha.new(m.next(), '1', 5, kind='P', offset=-PX)
    m.beta.new(m.next(), '1', 5, 100 * PX, account=1)
    m.told(m.beta, ['New'], 'a bid')
    told = m.until(m.alpha, 99 * PX)
    tap.ok(told and told[0][0] == 'New' and told[-1][0] == 'Restated' and
           i64(told[-1][1], 32) == 99 * PX and u8(told[-1][1], 52) == 3,
           'a pegged order follows its reference', told)
    m.alpha.new(m.next(), '2', 5, 104 * PX)
    m.told(m.alpha, ['New'], 'an offer')
    for inst, offset, px in ((OPPOSITE, -PX, 103 * PX), (MID, 0, 102 * PX)):
        m.alpha.new(m.next(), '1', 5, 103 * PX, kind='P', inst=inst, offset=offset)
        told = m.until(m.alpha, px)
        tap.ok(told and told[0][0] == 'New' and u8(told[0][1], 79) == inst and
               told[-1][0] == 'Restated' and i64(told[-1][1], 32) == px,
               f'a peg with ExecInst {inst}', told)
    m.clean()


def check_links(tap, m):
    first = m.next()
    m.alpha.new(first, '2', 5, 100 * PX)
    m.alpha.new(m.next(), '1', 5, 95 * PX, link=first)
    m.told(m.alpha, ['New', 'New'], 'two linked orders')
    m.beta.new(m.next(), '1', 2, 100 * PX, account=1)
    _, cancel = m.told(m.alpha, ['Trade', 'Cancel'], 'a trade of one cancels the other')
    tap.same((u64(cancel, 8), u8(cancel, 56)), (first + 1, 10), 'by Linked')
    m.alpha.new(m.next(), '1', 5, 95 * PX, link=999999)
    (reject,) = m.told(m.alpha, ['Reject'], 'a link to nothing')
    tap.same(struct.unpack_from('<H', reject, 68)[0], 22, 'is refused by UnknownLinkedOrder')
    m.take(m.beta, 2)
    m.clean()


def check_self_match(tap, m):
    for stp, kinds in ((1, ['Prevented', 'Prevented', 'Cancel']),
                       (2, ['Prevented', 'Prevented', 'Cancel']),
                       (3, ['Prevented', 'Prevented', 'Cancel', 'Cancel']),
                       (4, ['Prevented', 'Prevented', 'Restated', 'Cancel'])):
        maker = m.next()
        m.alpha.new(maker, '2', 10, 100 * PX)
        m.told(m.alpha, ['New'], 'an order')
        m.alpha.new(m.next(), '1', 4, 100 * PX, stp=stp)
        bodies = m.told(m.alpha, ['New'] + kinds, f'self-match prevention {stp}')
        taker, other = bodies[1], bodies[2]
        tap.same((u64(taker, 24), u32(taker, 52), u32(taker, 60), u8(taker, 69)),
                 (u64(other, 24), 4, 4, 1), 'the taker is told what did not trade')
        tap.same((u64(other, 8), u32(other, 60), u8(other, 69)), (maker, 10, 0), 'and the maker')
        tap.same(u64(other, 16), u64(taker, 16) + 1, 'each under an ExecID of its own')
        m.clean()


def check_expiry(tap, m):
    m.alpha.new(m.next(), '2', 5, 100 * PX, tif='6', expire=time.time_ns() + 300_000_000)
    m.told(m.alpha, ['New'], 'an order good till date')
    (expired,) = m.told(m.alpha, ['Expire'], 'expires')
    tap.same((u64(expired, 8), u32(expired, 44)), (m.clord, 5), 'with all that was open')
    m.alpha.new(m.next(), '2', 5, 100 * PX, tif='6', expire=1)
    (reject,) = m.told(m.alpha, ['Reject'], 'one in the past')
    tap.same(struct.unpack_from('<H', reject, 68)[0], 21, 'is refused by InvalidExpireTime')
    for tif in '27':
        m.alpha.new(m.next(), '2', 5, 90 * PX, tif=tif)
        m.told(m.alpha, ['New'], f'an order of time in force {tif} is held')
    m.clean()


def check_replaces(tap, m):
    m.until = time.time_ns() + 3_600_000_000_000
    first = m.next()
    m.beta.new(first, '2', 5, 100 * PX, account=1, tif='6', expire=m.until)
    m.moved = m.next()
    m.beta.replace(m.moved, first, 5, 100 * PX, expire=m.until + 1)
    m.told(m.beta, ['New', 'Replace'], 'a new expire time')
    m.unmoved = m.next()
    m.beta.replace(m.unmoved, m.moved, 5, 100 * PX, display=2)
    m.told(m.beta, ['CancelReject'], 'a display quantity for what is no iceberg')
    m.far = 2**64 - 2
    m.beta.new(m.next(), '1', 5, 95 * PX, account=1, link=m.far)
    m.told(m.beta, ['Reject'], 'a link to nothing under a very large number')
    m.clean()


def check_quotes(tap, m):
    m.alpha.quote(m.next(), 0, [(0, 99 * PX, 10, 101 * PX, 10), (1, 5 * PX // 2, 20, 0, 0),
                                (0, 98 * PX, 1, 102 * PX, 1)])
    whole, first, second, third = m.told(
        m.alpha, ['MassQuote', 'QuoteEntry', 'QuoteEntry', 'QuoteEntry'], 'a mass quote')
    tap.same((u32(whole, 28), struct.unpack_from('<H', whole, 32)[0]), (3, 0), 'is taken')
    tap.ok(u64(first, 24) not in (0, NULL64) and u64(first, 32) not in (0, NULL64) and
           u8(first, 52) == 1, 'both sides have order ids', first)
    tap.ok(u64(second, 24) not in (0, NULL64) and u64(second, 32) == NULL64,
           'one side alone has one', second)
    tap.same(struct.unpack_from('<HHB', third, 48), (25, 25, 3), 'DuplicateEntry for both sides')
    m.beta.new(m.next(), '1', 4, 101 * PX, account=1)
    (trade,) = m.told(m.alpha, ['Trade'], 'a quote trades')
    tap.same((u64(trade, 0), u64(trade, 8)), (u64(first, 32), m.clord - 1), 'under its quote id')
    m.alpha.quote(m.next(), 0, [(0, 98 * PX, 10, 102 * PX, 10)])
    bodies = m.told(m.alpha, ['MassQuote', 'Cancel', 'Cancel', 'QuoteEntry'], 'a new one')
    tap.same([u8(body, 56) for body in bodies[1:3]], [12, 12], 'replaces what was quoted')
    m.alpha.quote(m.next(), 1, [(0, 98 * PX, 10, 102 * PX, 10)])
    (whole,) = m.told(m.alpha, ['MassQuote'], 'quotes for an account of others')
    tap.same(struct.unpack_from('<H', whole, 32)[0], 5, 'are refused by AccountNotOfFirm')
    m.take(m.beta, 2)
    m.clean()


def check_largest_quote(tap, m):
    m.alpha.quote(m.next(), 0, [(0, 98 * PX, 10, 102 * PX, 10)] * 50)
    reports = m.take(m.alpha, 51)
    tap.same([kind for kind, _ in reports], ['MassQuote'] + ['QuoteEntry'] * 50,
             'a mass quote of 50 entries, in one datagram')
    m.alpha.quote(m.next(), 0, [(0, 98 * PX, 10, 102 * PX, 10)] * 51)
    m.told(m.alpha, ['MessageReject'], 'one of 51 is malformed')
    m.clean()


def check_scopes(tap, m):
    for scope, kwargs in ((1, {'account': 0}), (2, {'group': 0}), (3, {})):
        m.alpha.new(m.next(), '2', 5, 100 * PX)
        m.told(m.alpha, ['New'], 'an order')
        m.alpha.mass_cancel(m.next(), scope, **kwargs)
        _, done = m.told(m.alpha, ['Cancel', 'MassCancel'], f'a mass cancel of scope {scope}')
        tap.same((u32(done, 32), u8(done, 38)), (1, scope), 'takes it')
    m.alpha.mass_cancel(m.next(), 2, group=1)
    (refused,) = m.told(m.alpha, ['MassCancel'], 'of a group of others')
    tap.same(struct.unpack_from('<H', refused, 36)[0], 18, 'it is refused')
    m.alpha.mass_cancel(m.next(), 2)
    m.told(m.alpha, ['MessageReject'], 'of no group it is malformed')


def check_pro_rata(tap, m):
    m.alpha.new(m.next(), '2', 30, 100 * PX, instrument=2)
    m.alpha.new(m.next(), '2', 10, 100 * PX, instrument=2)
    m.told(m.alpha, ['New', 'New'], 'two offers in an instrument of another algorithm')
    m.beta.new(m.next(), '1', 20, 100 * PX, account=1, instrument=2)
    trades = m.told(m.alpha, ['Trade', 'Trade'], 'share a trade')
    tap.same([u32(body, 52) for body in trades], [15, 5], 'pro rata')
    m.take(m.beta, 3)
    m.clean()


def admin(outcry, config, *args):
    return run(outcry, 'admin', config, *args)


def check_admin(tap, outcry, config, m):
    m.alpha.new(m.next(), '2', 5, 100 * PX)
    m.alpha.new(m.next(), '2', 5, 100 * PX, tif='1')
    m.told(m.alpha, ['New', 'New'], 'a Day order and one good till cancel')
    code, out, err = admin(outcry, config, 'halt', 'ACME')
    tap.ok(code == 0 and out.startswith('ACME halted seq '), 'admin halts an instrument', out, err)
    m.beta.new(m.next(), '1', 5, 100 * PX, account=1)
    (reject,) = m.told(m.beta, ['Reject'], 'an order is refused then')
    tap.same(struct.unpack_from('<H', reject, 68)[0], 2, 'by InstrumentHalted')
    code, out, _ = admin(outcry, config, 'close', 'ACME')
    tap.ok(code == 0 and out.startswith('ACME closed seq '), 'admin closes it', out)
    m.told(m.alpha, ['Expire'], 'Day orders expire when it closes')
    code, out, _ = admin(outcry, config, 'open', 'ACME')
    tap.ok(code == 0 and out.startswith('ACME open seq '), 'admin opens it', out)
    m.beta.new(m.next(), '1', 5, 100 * PX, account=1)
    m.told(m.beta, ['New', 'Trade'], 'and it trades again')
    m.told(m.alpha, ['Trade'], 'with what stayed')
    for args, text in ((('stop', 'ACME'), 'expected open, halt or close'),
                       (('halt', 'NONE'), 'expected a symbol'), (('halt',), 'expected halt SYMBOL')):
        code, _, err = admin(outcry, config, *args)
        tap.ok(code == 2 and text in err, f'admin {" ".join(args)} is refused', code, err)


def line(path, data, close=True):
    """line sends bytes to the socket and returns what comes back."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(SECONDS)
        sock.connect(path)
        sock.sendall(data)
        if close:
            sock.shutdown(socket.SHUT_WR)
        answer = b''
        while True:
            try:
                piece = sock.recv(4096)
            except ConnectionResetError:
                break
            if not piece:
                break
            answer += piece
        return answer


def check_hostile_admin(tap, path):
    tap.same(os.stat(path).st_mode & 0o777, 0o600, 'the socket is for its owner')
    for data, name in ((b'\n', 'an empty line'), (b'halt\n', 'no symbol'),
                       (b'halt ACME extra\n', 'a word too many'), (b'halt  ACME\n', 'two blanks'),
                       (b'halt ACME\r\n', 'another line end'), (b'HALT ACME\n', 'capitals'),
                       (b'halt ACME\nhalt ACME\n', 'two lines'), (b'halt\0ACME\n', 'a zero byte'),
                       (b'halt ACME\0\n', 'a zero byte at the end'), (b'\xff' * 512, 'garbage'),
                       (b'x' * 100000, 'a line without end')):
        try:
            answer = line(path, data, close=False)
        except (BrokenPipeError, ConnectionResetError):
            answer = b'error'
        tap.ok(answer.startswith(b'error'), f'{name} is no command', answer)
    tap.same(line(path, b'halt AC'), b'', 'half a line is nothing')
    idle = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(4)]
    for sock in idle:
        sock.connect(path)
    begin = time.monotonic()
    tap.ok(line(path, b'open ACME\n', close=False).startswith(b'ok ACME open seq '),
           'silent clients are hung up on, and the next is heard')
    tap.ok(time.monotonic() - begin < SECONDS / 2, 'within seconds')
    for sock in idle:
        sock.close()
    # Gone before the answer: it is carried out, and the next one gets its own.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(path)
        sock.sendall(b'halt ACME\n')
    time.sleep(0.1)
    tap.ok(line(path, b'open ACME\n', close=False).startswith(b'ok ACME open seq '),
           'who does not wait for the answer disturbs nobody')


def check_audit(tap, outcry, journal, m):
    code, out, _ = run(outcry, 'audit', journal, '--format', 'csv')
    rows = list(csv.DictReader(io.StringIO(out, newline='')))
    kinds = {row['kind'] for row in rows}
    events = {row['event'] for row in rows}
    tap.ok(code == 0 and kinds >= {'OrderRestated', 'OrderRefreshed', 'OrderTriggered',
                                   'MatchPrevented', 'MassQuote', 'QuoteEntry',
                                   'InstrumentStateSet'}, 'the audit trail has all of it', kinds)
    tap.ok(events >= {'REMA', 'RFSH', 'TRIG', 'PRVM', 'MQUO', 'ISTA', 'EXPI'} and
           'OTHR' not in events, 'each under an event of its own', events)
    quoted = [row for row in rows if row['kind'] == 'QuoteEntry']
    tap.same([quoted[0][name] for name in ('event', 'side', 'limit_price', 'qty', 'instrument')],
             ['NEWO', 'BUYI', '99.00', '10', 'ACME'], 'a quote has its price and size')
    prevented = [row for row in rows if row['kind'] == 'MatchPrevented']
    tap.ok(prevented[0]['match_id'] == prevented[1]['match_id'] and
           prevented[0]['aggressor'] == 'AGRE' and prevented[1]['aggressor'] == 'PASV',
           'a prevented match has two sides', prevented[:2])
    moved, unmoved = ([row for row in rows if row['clord'] == str(clord)][0]
                      for clord in (m.moved, m.unmoved))
    tap.ok(moved['event'] == 'REME' and moved['expire_time'].endswith(f'{(m.until + 1) % 10**9:09}Z'),
           'a replace has its new expire time', moved)
    tap.same([unmoved[name] for name in ('event', 'account', 'side', 'leaves_qty', 'display_qty')],
             ['RERJ', '', '', '', '2'], 'a refused one says nothing of the order')
    tap.ok(any(f'linked_clord={m.far}' in row['detail'] for row in rows),
           'ids of 64 bits are written in full')


def check_restart(tap, outcry, config, journal):
    """check_restart leaves an instrument halted, which outlives the exchange."""
    with Exchange(outcry, config) as exchange:
        tap.same(admin(outcry, config, 'halt', 'ACME')[0], 0, 'halted')
        exchange.kill()
    tap.ok(os.path.exists(os.path.join(journal, 'admin')), 'a socket that was left behind')
    tap.same(admin(outcry, config, 'open', 'ACME')[0], 3, 'nobody listens to')
    with Exchange(outcry, config) as exchange:
        client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
        client.new(1, '2', 5, 100 * PX)
        kind, body = client.wait(1)[0]
        tap.ok(kind == 'Reject' and struct.unpack_from('<H', body, 68)[0] == 2,
               'a halt outlives a crash', kind)
        client.close()
        tap.same(admin(outcry, config, 'open', 'ACME')[0], 0, 'and is lifted')
        exchange.stop()
    tap.ok(not os.path.exists(os.path.join(journal, 'admin')), 'the socket goes with the exchange')
    _, out, _ = run(outcry, 'audit', journal, '--format', 'csv')
    events = [row['event'] for row in csv.DictReader(io.StringIO(out, newline=''))]
    tap.same(events.count('REST'), 3, 'three runs')
    tap.ok('INST' not in events[events.index('REST', 2):],
           'of which only the first had to set up instruments', events)


def main():
    outcry = os.path.abspath(sys.argv[1])
    tap = Tap()
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        with open(config, encoding='ascii') as file:
            text = file.read().replace('groups:\n', PRO_RATA + 'groups:\n', 1)
        with open(config, 'w', encoding='ascii') as file:
            file.write(text)
        with Exchange(outcry, config) as exchange:
            market = Market(tap, exchange)
            for check in (check_reprice, check_market_to_limit, check_iceberg, check_hidden,
                          check_stops, check_pegs, check_links, check_self_match, check_expiry,
                          check_replaces, check_quotes, check_largest_quote, check_scopes, check_pro_rata):
                check(tap, market)
            check_admin(tap, outcry, config, market)
            check_hostile_admin(tap, os.path.join(journal, 'admin'))
            market.alpha.close()
            market.beta.close()
            tap.same(exchange.stop(), 0, 'the exchange stops')
        check_restart(tap, outcry, config, journal)
        code, out, _ = run(outcry, 'replay', journal)
        tap.ok(code == 0, 'the journal replays', out)
        code, out, _ = run(outcry, 'verify', journal)
        tap.ok(code == 0, 'and is whole', out)
        check_audit(tap, outcry, journal, market)
    tap.done()


main()
