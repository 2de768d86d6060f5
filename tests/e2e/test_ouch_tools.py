"""test_ouch_tools: `outcry send` and `outcry load` in OUCH over SoupBinTCP, as a broker who
speaks that would try the exchange.

    test_ouch_tools.py OUTCRY

A configuration with both dialects; what is sent is seen by a client that knows the published
layouts alone, and by one of FIXP.
"""

import json
import os
import re
import sys

from harness import Exchange, Folder, Tap, make_journal, run
from soup import Soup
from test_ouch import ALPHA, config_of


def number_after(word, text):
    return re.search(word + r' (\d+)', text).group(1)


def test_send(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        config = config_of(folder, 'door')
        with Exchange(outcry, config) as exchange:
            where = ['--tcp-port', str(exchange.ports['soup'][1])]

            def send(*args, session='ALFA1'):
                return run(outcry, 'send', config, *args, '--session', session, *where)

            buy = ['new', '--instrument', 'ACME', '--side', 'buy']
            code, out, err = send(*buy, '--qty', '100', '--px', '99.00')
            tap.ok(code == 0 and 'accepted: Buy 100 ACME @ 99.00, UserRefNum 1, order reference' in out,
                   'send new takes the port that speaks what the session does', code, out, err)
            code, out, err = send('replace', '--instrument', 'ACME', '--orig-clord', '1', '--qty', '80',
                                  '--px', '100.00')
            tap.ok(code == 0 and 'replaced: UserRefNum 2, was 1, now 80 in all ACME @ 100.00' in out,
                   'send replace', code, out, err)
            code, out, err = send('new', '--instrument', 'ACME', '--side', 'sell', '--qty', '30', '--px',
                                  '100.00', '--tif', 'ioc', session='Beta1')
            tap.ok(code == 0 and re.search(r'accepted: Sell 30 .*\nexecuted: 30 @ 100.00, UserRefNum 1, '
                                           r'liquidity Removed, match \d+\n', out),
                   'an order that trades says so', code, out, err)
            # 80 in all, of which 30 traded: 60 leaves 30 of 50.
            code, out, err = send('cancel', '--instrument', 'ACME', '--orig-clord', '2', '--qty', '60')
            tap.ok(code == 0 and 'canceled: UserRefNum 2, 20 taken out (User)' in out,
                   'a cancel with a total takes a part', code, out, err)
            code, out, err = send('cancel', '--orig-clord', '2')
            tap.ok(code == 0 and 'canceled: UserRefNum 2, 30 taken out (User)' in out,
                   'and one without takes the rest', code, out, err)
            code, out, err = send('cancel', '--instrument', 'ACME', '--orig-clord', '2')
            tap.ok(code == 1 and 'ignored: no such order is live' in out,
                   'of what OUCH ignores that is said', code, out, err)
            code, out, err = send(*buy, '--qty', '1', '--px', '99.00', '--clord', '2')
            tap.ok(code == 1 and 'ignored: the UserRefNum was used' in out,
                   'so it is of a number that was used', code, out, err)
            code, out, err = send(*buy, '--qty', '10', '--px', '250.00')
            tap.ok(code == 1 and re.search(r'rejected: UserRefNum 3, \w+ \(0x\w+\)', out),
                   'a refusal has its reason', code, out, err)
            code, out, err = send(*buy, '--qty', '5', '--px', '98.00', '--post-only', '--min-qty', '5')
            tap.ok(code == 1 and 'rejected' in out, 'what the venue does not take is refused by it',
                   code, out, err)
            test_options(tap, send, buy, exchange)
            test_mistakes(tap, outcry, config, send, buy, where)
            tap.same(exchange.stop(), 0, 'it stops')


def test_options(tap, send, buy, exchange):
    """What is sent reaches the exchange as it was meant."""
    soup = Soup(exchange.ports['soup'], *ALPHA)
    before = int(number_after('UserRefNum', send(*buy, '--qty', '5', '--px', '97.00')[1]))
    soup.close()
    for args, line in (
            (('--px', '97.00', '--hidden'), 'Buy 40 ACME @ 97.00'),
            (('--px', '97.00', '--display', '10', '--display-range', '2'), 'Buy 40 ACME @ 97.00'),
            (('--px', '97.00', '--post-only'), 'Buy 40 ACME @ 97.00'),
            (('--type', 'pegged', '--peg', 'primary', '--peg-offset', '-0.05'), 'Buy 40 ACME @'),
            (('--px', '97.00', '--tif', 'opg'), 'Buy 40 ACME @ 97.00'),
            (('--type', 'market', '--tif', 'atc'), 'Buy 40 ACME @ market')):
        code, out, err = send(*buy, '--qty', '40', *args)
        tap.ok(code == 0 and 'accepted: ' + line in out, 'send new ' + ' '.join(args), code, out, err)
    code, out, err = send('replace', '--instrument', 'ACME', '--orig-clord', str(before + 1), '--qty',
                          '30', '--px', '97.00', '--hidden')
    tap.ok(code == 0 and 'now 30 in all' in out, 'send replace of a hidden order', code, out, err)
    code, out, err = send(*buy, '--qty', '40', '--px', '99.00', '--tif', 'fok')
    tap.ok(code == 0 and 'canceled' in out and '(Immediate)' in out, 'send new --tif fok', code, out, err)
    code, out, err = send('mass-cancel', '--instrument', 'ZINC')
    tap.ok(code == 0 and out.startswith('mass cancel done'), 'a mass cancel of another symbol takes none',
           code, out, err)
    code, out, err = send('mass-cancel')
    tap.ok(code == 0 and out.count('canceled: ') == 7 and 'mass cancel done' in out,
           'a mass cancel takes all', code, out, err)


def test_mistakes(tap, outcry, config, send, buy, where):
    for args, text in (
            ((*buy, '--qty', '1', '--px', '1.00001'), '--px: OUCH'),
            ((*buy, '--qty', '1', '--type', 'stop', '--stop-px', '90'), '--type: OUCH'),
            ((*buy, '--qty', '1', '--type', 'market'), '--type market: OUCH'),
            ((*buy, '--qty', '1', '--px', '1', '--tif', 'gtc'), '--tif: OUCH'),
            ((*buy, '--qty', '1', '--px', '1', '--stp', 'both'), '--stp: an OUCH session'),
            ((*buy, '--qty', '1', '--px', '1', '--account', 'B1'), '--account: all orders'),
            ((*buy, '--qty', '1', '--px', '1', '--clord', '5000000000'), '--clord'),
            ((*buy, '--qty', '1', '--px', '1', '--tif', 'gtd', '--expire', '2020-01-01T00:00:00Z'),
             '--expire: OUCH'),
            (('cancel', '--instrument', 'ACME', '--order-id', '5'), '--order-id: OUCH'),
            (('cancel', '--instrument', 'ACME', '--orig-clord', '5', '--qty', '0'), '--qty: expected'),
            (('mass-cancel', '--side', 'buy'), '--scope, --side'),
            (('mass-quote', '--quote', 'ACME:1@1/1@2'), 'OUCH has no such request')):
        code, out, err = send(*args)
        tap.ok(code == 2 and text in err, 'send ' + ' '.join(args[-4:]) + ' is refused', code, out, err)
    code, _, err = run(outcry, 'send', config, 'mass-cancel', '--session', 'ALFA1', '--port', 'kernel',
                       '--udp-port', '1')
    tap.ok(code == 3 and 'session ALFA1: it speaks OUCH, and port kernel FIXP' in err,
           'session and port speak the same', code, err)
    code, _, err = run(outcry, 'send', config, 'mass-cancel', '--port', 'soup', '--tcp-port', '1')
    tap.ok(code == 3 and 'does not answer' in err, 'an exchange that is not there', code, err)
    with open(config, encoding='ascii') as file:
        text = file.read()
    other = config + '.wrong'
    with open(other, 'w', encoding='ascii') as file:
        file.write(text.replace('key: secret', 'key: guess'))
    code, _, err = run(outcry, 'send', other, 'mass-cancel', '--session', 'ALFA1', *where)
    tap.ok(code == 3 and 'login refused: not authorized' in err, 'a login that is refused', code, err)


MARKET = '''exchange: {ack: durable}
journal: {folder: journal, segment_mib: 4}
pools: {orders: 100000, instruments: 4, accounts: 4, positions: 64, pages: 4096}
threads: [{name: all, stages: [gateway, engine, journal, door], idle: yield}]
ports:
  - {name: kernel, kind: udp, address: 127.0.0.1, udp_port: 0}
  - {name: soup, kind: tcp, address: 127.0.0.1, tcp_port: 0, dialect: ouch}
firms: [{id: 0, name: ALPHA}]
groups: [{id: 0, name: HOUSE, firm: ALPHA}]
accounts:
  - {id: 0, name: A1, group: HOUSE, limits: {order_qty: 20000, long: 100000000}}
  - {id: 1, name: A2, group: HOUSE, limits: {order_qty: 20000, long: 100000000}}
instruments:
  - {id: 0, symbol: AAPL, tick: "0.01", limits: {reference: "585.00", collar_permille: 250}}
sessions:
  - {id: 0, name: BROKER1, firm: ALPHA, key: one}
  - {id: 1, name: OUCH1, firm: ALPHA, key: two, dialect: ouch, account: A1, mpid: AAAA}
  - {id: 2, name: OUCH2, firm: ALPHA, key: three, dialect: ouch, account: A2, mpid: BBBB}
'''


def test_load(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        config = os.path.join(folder, 'market.yaml')
        with open(config, 'w', encoding='ascii') as file:
            file.write(MARKET)
        with Exchange(outcry, config) as exchange:
            where = ['--port', 'soup', '--tcp-port', str(exchange.ports['soup'][1])]

            def load(*args):
                return run(outcry, 'load', config, *where, *args, seconds=150)

            # The second begins behind the numbers of the first, and meets its orders.
            for seed in '1', '2':
                code, out, err = load('--orders', '20000', '--rate', '20000', '--seed', seed, '--json')
                result = json.loads(out) if out else {}
                tap.ok(code == 0 and result.get('lost') == 0 and result.get('sent') == 20000 and
                       result.get('acknowledged', 0) + result.get('rejected', 0) == 20000,
                       f'load {seed} loses nothing', code, out, err)
                tap.ok(result.get('acknowledged', 0) > 15000 and result.get('filled', 0) > 500,
                       'most is taken, some trades', result)
                tap.ok(0 < result.get('ack_p50_ns', 0) <= result.get('ack_p999_ns', 0) <=
                       result.get('ack_max_ns', 0), 'latencies are in order', result)
            code, out, err = load('--orders', '1000', '--sessions', '1')
            tap.ok(code == 0 and '\nlost          0\n' in out and '  p99.9 ' in out,
                   'it prints them, of one session', code, out, err)
            code, _, err = load('--sessions', '3')
            tap.ok(code == 3 and 'that many sessions' in err, 'sessions of FIXP are not for it', code, err)
            code, _, err = load('--mix', 'all')
            tap.ok(code == 2 and '--mix all, --lobster' in err, 'nor are mass quotes', code, err)
            tap.same(exchange.stop(), 0, 'it stops')
        code, out, err = run(outcry, 'replay', os.path.join(folder, 'journal'), '--json', seconds=100)
        tap.ok(code == 0 and json.loads(out)['identical'], 'its journal replays', out, err)


def test_rates(tap, outcry):
    """What is above a session's rates waits, where the configuration says so: all is answered,
    no faster than the rates are."""
    with Folder() as folder:
        make_journal(folder)
        config = os.path.join(folder, 'market.yaml')
        with open(config, 'w', encoding='ascii') as file:
            file.write(MARKET + 'gateway: {messages_per_s: 200, throttle: queue}\n')
        with Exchange(outcry, config) as exchange:
            # No more are on their way than may wait.
            code, out, err = run(outcry, 'load', config, '--port', 'soup', '--tcp-port',
                                 str(exchange.ports['soup'][1]), '--orders', '300', '--rate', '0',
                                 '--window', '16', '--sessions', '1', '--json', seconds=150)
            result = json.loads(out) if out else {}
            tap.ok(code == 0 and result.get('lost') == 0 and 0 <= result.get('rejected', -1) < 30,
                   'what is above the rates waits, and is not refused', code, out, err)
            # 180 and more of them are no cancels; 20 may come at once.
            tap.ok(result.get('elapsed_ns', 0) > 5 * 10**8, 'and comes no faster', out)
            tap.same(exchange.stop(), 0, 'it stops')


def main():
    tap = Tap()
    test_send(tap, sys.argv[1])
    test_load(tap, sys.argv[1])
    test_rates(tap, sys.argv[1])
    tap.done()


if __name__ == '__main__':
    main()
