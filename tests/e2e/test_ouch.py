"""OUCH 5.0 over SoupBinTCP, over real connections, to an exchange that is killed in between.

    test_ouch.py OUTCRY

Users who know the published layouts and nothing else log in, enter, replace, cancel and trade,
and a broker who speaks FIXP trades with them. The exchange is killed; what was told is told
again, from any number, byte for byte.
"""

import os
import socket
import struct
import subprocess
import sys

from fixp import Client
from harness import Exchange, Folder, Tap, make_journal, run, write_config
from soup import QUERY, Refused, Soup, cancel, enter, mass_cancel, modify, option, replace, report, with_options

ALPHA, BETA = ('ALFA1', 'secret'), ('BETA1', 'Hush')
MORE = '''  - {id: 2, name: ALFA1, firm: ALPHA, key: secret, dialect: ouch, account: A1, mpid: ALFA}
  - {id: 3, name: Beta1, firm: BETA, key: hush, dialect: ouch, account: B1, mpid: BETB, blocked: false}
  - {id: 4, name: COPY, firm: ALPHA, key: copy, drop_copy: true}
'''
SOUP = '{name: soup, kind: tcp, address: 127.0.0.1, tcp_port: 0, dialect: ouch}'
DOOR = {'door': None, 'one': '  - {name: all, stages: [gateway, engine, journal, door], idle: yield}',
        'gateway': '  - {name: all, stages: [gateway, engine], idle: yield}\n'
                   '  - {name: journal, stages: [journal], idle: block}'}


def config_of(folder, threads, retransmit=1024, name='outcry.yaml'):
    """config_of adds a port of OUCH. threads: a word of DOOR."""
    path = write_config(folder, name, more=MORE, threads=DOOR[threads] or '')
    with open(path, encoding='ascii') as file:
        text = file.read()
    if DOOR[threads] is None:
        text = text.replace('threads:\n\n', '')
    text = text.replace('udp_port: 0}]', 'udp_port: 0}, ' + SOUP + ']')
    text = text.replace('retransmit: 1024', f'retransmit: {retransmit}')
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)
    return path


def pick(row, *names):
    return tuple(row[name] for name in names)


def trade(tap, alfa, beta):
    """trade goes through what the mapping table says of totals, opens and numbers."""
    alfa.send(enter(1, 'B', 100, 1000000, text='first', end=with_options(option(2, b'ALFA'))))
    row = alfa.reports(1)[0]
    tap.same(pick(row, 'type', 'ref', 'side', 'qty', 'symbol', 'px', 'state', 'text'),
             ('A', 1, 'B', 100, 'ACME', 1000000, 'L', 'first'), 'an order is accepted')
    # Without AppendageLength, and ImmediateOrCancel.
    beta.send(enter(7, 'S', 30, 1000000, tif=b'3', end=b''))
    rows = beta.reports(2)
    tap.same([pick(row, 'type', 'ref', 'qty') for row in rows], [('A', 7, 30), ('E', 7, 30)],
             'one that trades is accepted and executed')
    maker = alfa.reports(1)[0]
    tap.same(pick(maker, 'type', 'ref', 'qty', 'px', 'liquidity', 'match'),
             ('E', 1, 30, 1000000, 'A', rows[1]['match']), 'and so is the other, of the same match')

    # Replace: the total counts what was executed: 80 leaves 50 open.
    alfa.send(replace(1, 2, 80, 999900, text='second'))
    row = alfa.reports(1)[0]
    tap.same(pick(row, 'type', 'orig', 'ref', 'qty', 'px', 'state', 'text'),
             ('U', 1, 2, 80, 999900, 'L', 'second'), 'a replace tells the total')
    beta.send(enter(8, 'S', 80, 999900, tif=b'3'))
    tap.same([pick(row, 'type', 'qty') for row in beta.reports(3)],
             [('A', 80), ('E', 50), ('C', 30)], 'of which what was executed is not open')
    tap.same(pick(alfa.reports(1)[0], 'type', 'ref', 'qty'), ('E', 2, 50), 'and all of it trades')

    # Both forms of a cancel; the quantity is the total that is to be left.
    alfa.send(enter(3, 'B', 100, 990000), cancel(3, 60), cancel(3, 60), cancel(3, 20, b'\0\0'),
              cancel(3, 0, b'\0\0'), cancel(3), cancel(3, 0, b'\0\0'))
    tap.same([pick(row, 'type', 'ref', 'qty') for row in alfa.reports(4)],
             [('A', 3, 100), ('C', 3, 40), ('C', 3, 40), ('C', 3, 20)],
             'cancels take to the total, in both forms')
    tap.ok(alfa.quiet(), 'and those of nothing are ignored')
    alfa.send(enter(4, 'B', 100, 990000), modify(4, 'B', 70), cancel(4))
    tap.same([pick(row, 'type', 'ref', 'qty') for row in alfa.reports(3)],
             [('A', 4, 100), ('M', 4, 70), ('C', 4, 70)], 'a modify tells what is open')

    # Numbers: used ones leave no trace, a rejected one is used, a replace of what is gone is not.
    alfa.send(enter(4, 'B', 1, 990000), enter(9, 'B', 1, 990000, symbol='NOSUCH', text='lost'),
              enter(9, 'B', 1, 990000))
    row = alfa.reports(1)[0]
    tap.same(pick(row, 'type', 'ref', 'reason', 'text'), ('J', 9, 0x17, 'lost'),
             'an unknown symbol is rejected')
    alfa.send(b'Q\0\0')
    tap.same(pick(alfa.reports(1)[0], 'type', 'next'), ('Q', 10), 'the next number is told')

    alfa.send(replace(4, 10, 5, 990000), enter(10, 'B', 1, 990000), cancel(10))
    tap.same([pick(row, 'type', 'ref') for row in alfa.reports(2)], [('A', 10), ('C', 10)],
             'a replace of what is gone uses no number')

    # Mass cancel, of a symbol and of all.
    alfa.send(enter(11, 'B', 5, 950000), enter(12, 'B', 20, 950000, symbol='ZINC'),
              mass_cancel(13, symbol='ZINC'), mass_cancel(14, firm='ALFA', end=b'\0\0'))
    tap.same([pick(row, 'type', 'ref') for row in alfa.reports(6)],
             [('A', 11), ('A', 12), ('C', 12), ('X', 13), ('C', 11), ('X', 14)],
             'a mass cancel takes those of its symbol, or all')
    tap.ok(alfa.quiet() and beta.quiet(), 'nothing else was said')


def told_again(tap, address, login, told, name):
    """told_again compares the stream from several numbers on with what was told."""
    wrong = []
    for number in sorted({1, 2, len(told) // 3 + 1, len(told) // 2 + 1, len(told), len(told) + 1}):
        soup = Soup(address, *login, number=number)
        try:
            if soup.number != number or soup.take(len(told) + 1 - number) != told[number - 1:]:
                wrong.append(number)
        finally:
            soup.close()
    return tap.same(wrong, [], name)


def snapshot(outcry, journal):
    """snapshot lets a follower write one of the whole journal, which nobody writes to."""
    code, _, err = run(outcry, 'follow', journal, '--retransmit', '64', '--every', '1', '--once')
    assert code == 0, err


def test_day(tap, outcry, threads):
    """A day of two users, with kills. 64 reports are kept."""
    with Folder() as folder:
        journal = make_journal(folder)
        config = config_of(folder, threads, 64)
        with Exchange(outcry, config) as exchange:
            address = exchange.ports['soup']
            alfa = Soup(address, *ALPHA)
            beta = Soup(address, *BETA, timeout_ms=30000, right=True)
            tap.same((alfa.number, beta.number), (1, 1), f'{threads}: two users log in')
            tap.same([soup.reports(1)[0]['event'] for soup in (alfa, beta)], ['S', 'S'],
                     'their day begins')
            trade(tap, alfa, beta)
            alfa.send(enter(20, 'B', 25, 980000, text='stays'))
            alfa.take(1)
            # More than is kept, and between them what is not told.
            for _ in range(10):
                alfa.send(*[QUERY, cancel(19), enter(20, 'B', 1, 980000)] * 40)
                alfa.take(40)
            told = {ALPHA: alfa.messages, BETA: beta.messages}
            names = {ALPHA: alfa.session, BETA: beta.session}
            alfa.close()
            tap.same(beta.logout(), [], 'a logout ends the connection')
            for login, messages in told.items():
                told_again(tap, address, login, messages, f'{login[0]}: the same bytes again')
            exchange.kill()
        for round_no in range(3):
            if round_no > 0:
                snapshot(outcry, journal)
            with Exchange(outcry, config) as exchange:
                tap.same('snapshot' in exchange.text and 'passed over' not in exchange.text,
                         round_no > 0, 'from a snapshot, or from the journal alone')
                address = exchange.ports['soup']
                for login, messages in told.items():
                    told_again(tap, address, login, messages,
                               f'{login[0]}: the same bytes after kill {round_no + 1}')
                alfa = Soup(address, *ALPHA, number=len(told[ALPHA]) + 1, session=names[ALPHA])
                ref = 30 + round_no
                alfa.send(enter(20, 'B', 1, 980000), enter(ref, 'B', 5, 970000))
                told[ALPHA] += alfa.take(1)
                tap.same(pick(report(told[ALPHA][-1]), 'type', 'ref'), ('A', ref),
                         'the session goes on, and knows the numbers that were used')
                exchange.kill()
        with Exchange(outcry, config) as exchange:
            address = exchange.ports['soup']
            check_fixp(tap, exchange, told, address)
            tap.same(exchange.stop(), 0, 'it stops')


def check_fixp(tap, exchange, told, address):
    """What was entered before the kills trades with an order of the other dialect."""
    alfa = Soup(address, *ALPHA, number=len(told[ALPHA]) + 1)
    broker = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
    broker.new(1, '2', 40, 98 * 10**8, account=1)
    tap.same(pick(alfa.reports(1)[0], 'type', 'ref', 'qty', 'px', 'liquidity'),
             ('E', 20, 25, 980000, 'A'), 'an order that outlived the kills trades with one of FIXP')
    tap.same([name for name, _ in broker.wait(2)], ['New', 'Trade'], 'which hears of it, too')
    broker.close()
    alfa.close()


def refusal(address, *args, **more):
    try:
        Soup(address, *args, **more).close()
    except Refused as refused:
        return str(refused)
    return None


def hostile(address, data):
    """hostile sends bytes and returns how the connection ended: nothing but that it did."""
    with socket.create_connection(address, timeout=60) as sock:
        sock.sendall(data)
        got = b''
        while True:
            try:
                piece = sock.recv(4096)
            except ConnectionError:
                return got
            if not piece:
                return got
            got += piece


def check_tools(tap, outcry, config, exchange):
    """Our own tools speak what the port does."""
    code, _, err = run(outcry, 'send', config, 'mass-cancel', '--session', 'ALFA1', '--port', 'kernel',
                       '--udp-port', '1')
    tap.ok(code != 0 and 'session ALFA1: it speaks OUCH' in err, 'a session of OUCH has no FIXP', err)
    code, out, err = run(outcry, 'load', config, '--orders', '500', '--rate', '0', '--udp-port',
                         str(exchange.ports['kernel'][1]))
    tap.ok(code == 0, 'load takes the sessions of FIXP', code, out, err)


def check_example(tap, address):
    """The client that docs/protocol.md shows."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, '../../docs/protocol.md'), encoding='utf-8') as file:
        text = file.read()
    code = text[text.index('### A client of OUCH in Python'):].split('```python\n')[1].split('```')[0]
    done = subprocess.run([sys.executable, '-c', code, '%s:%d' % address, *BETA], timeout=60,
                          capture_output=True, text=True, check=False)
    lines = [line.split()[0] for line in done.stdout.splitlines()]
    tap.ok(done.returncode == 0 and lines == ['session', 'before', 'A', 'C', 'C'],
           'the client of the documents runs', done.stdout, done.stderr)


def check_copy(tap, exchange, soup):
    """The firm's drop copy, of FIXP, hears of OUCH orders, and of nothing else."""
    copy = Client(exchange.ports['kernel'], 'COPY', 'copy', flow=3)
    soup.send(b'D\0\0\0\x01    ', QUERY, b'E\0\0\0\x02    ', enter(3, 'B', 10, 900000), cancel(3, 4),
              QUERY, cancel(3))
    tap.same([row['type'] for row in soup.reports(7)], list('GQKACQC'), 'a client is answered')
    heard = [(name, struct.unpack('<I', body[-4:])[0]) for name, body in copy.wait(3)]
    tap.same(heard, [('New', 2), ('Replace', 2), ('Cancel', 2)],
             'the drop copy hears what became of his order')
    copy.close()


def test_logins(tap, outcry):
    """Who may come in, and who is let go."""
    with Folder() as folder:
        make_journal(folder)
        with Exchange(outcry, config_of(folder, 'door')) as exchange:
            address = exchange.ports['soup']
            tap.same([refusal(address, 'ALFA1', 'wrong'), refusal(address, 'NOBODY', 'secret'),
                      refusal(address, 'BROKER', 'alpha')], ['A', 'A', 'A'],
                     'wrong users and passwords, and users of FIXP, are refused alike')
            tap.same(refusal(address, *ALPHA, session='ANOTHER'), 'S', 'another session is not there')
            tap.same(refusal(address, 'alfa1', 'SECRET', timeout_ms=5000), None, 'case does not matter')
            first = Soup(address, *ALPHA)
            first.take(1)
            second = Soup(address, *ALPHA, number=0)
            tap.same((second.number, first.wait_end()), (2, []), 'a new login takes the place of the old')
            far = Soup(address, *ALPHA, number=1000)
            tap.same(far.number, 2, 'beyond the next number is the next')
            tap.ok(far.quiet(), 'and it lives')
            tap.same(hostile(address, b'\0\0'), b'', 'an empty packet ends the connection')
            tap.same(hostile(address, b'\0\x01U'), b'', 'so does data before a login')
            tap.same(hostile(address, b'GET / HTTP/1.1\r\n\r\n'), b'', 'and what is no Soup at all')
            tap.ok(far.quiet(), 'which harms nobody')
            while far.heartbeats < 2:
                packet = far.next_packet()
                far.heartbeats += packet[0] == b'H'
            tap.ok(True, 'heartbeats come')
            check_copy(tap, exchange, far)
            check_example(tap, address)
            check_tools(tap, outcry, os.path.join(folder, 'outcry.yaml'), exchange)
            tap.same(exchange.stop(), 0, 'it stops with a client there')


def main():
    tap = Tap()
    for threads in DOOR:
        test_day(tap, sys.argv[1], threads)
    test_logins(tap, sys.argv[1])
    tap.done()


if __name__ == '__main__':
    main()
