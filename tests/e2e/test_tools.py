#!/usr/bin/env python3
"""test_tools: send, load and demo, as a user at the command line sees them.

The tape is an hour of a real venue (see tools/lobster.h). An independent model
of a price-time book gets from the same rules what TAPE says; the exchange must
get it over the wire. Where the tape is not at hand, its case is skipped.

usage: test_tools.py OUTCRY
"""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys

from harness import Exchange, Folder, Tap, make_journal, run, write_config

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TAPE_FILE = os.environ.get('OUTCRY_TAPE') or os.path.join(
    os.path.dirname(ROOT), 'shared', 'data', 'aapl-2012-06-21-0930-1030-l3.csv.gz')
TAPE = {'sent': 89903, 'own_cancels': 27, 'rejected': 14, 'filled': 4069, 'iocs_unfilled': 6,
        'executions': 4067, 'executions_on_real_maker': 4035, 'lost': 0}
FLOW = {'sent': 20000, 'lost': 0}

MARKET = '''exchange: {{ack: {ack}}}
journal: {{folder: journal, segment_mib: 4}}
pools: {{orders: 100000, instruments: 4, accounts: 4, positions: 64, pages: 4096}}
threads: [{{name: all, stages: [gateway, engine, journal], idle: yield}}]
ports: [{{name: kernel, kind: udp, address: 127.0.0.1, udp_port: 0}}]
firms: [{{id: 0, name: ALPHA}}]
groups: [{{id: 0, name: HOUSE, firm: ALPHA}}]
accounts: [{{id: 0, name: A1, group: HOUSE, limits: {{order_qty: 20000, long: 100000000}}}}]
instruments:
  - {{id: 0, symbol: AAPL, tick: "0.01", limits: {{reference: "585.00", collar_permille: 250}}}}
sessions:
  - {{id: 0, name: BROKER1, firm: ALPHA, key: one}}
  - {{id: 1, name: BROKER2, firm: ALPHA, key: two}}
'''


def udp_port(exchange):
    return ['--udp-port', str(exchange.ports['kernel'][1])]


def word_after(text, word):
    """word_after returns the number behind a word that send printed."""
    return text.split(word + ' ')[1].split(',')[0].split('\n')[0]


def test_send(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder)
        with Exchange(outcry, config) as exchange:
            def send(*args):
                return run(outcry, 'send', config, *args, *udp_port(exchange))

            sell = ['new', '--instrument', 'ACME', '--side', 'sell']
            code, out, _ = send(*sell, '--qty', '10', '--px', '100.00', '--clord', '7')
            tap.ok(code == 0 and out.startswith('accepted: Sell 10 ACME @ 100.00') and
                   'ClOrdID 7' in out, 'send new says what was accepted', out)
            code, out, _ = send('replace', '--instrument', 'ACME', '--orig-clord', '7', '--qty',
                                '8', '--px', '100.00', '--clord', '8')
            order_id = word_after(out, 'order id') if code == 0 else '0'
            tap.ok(code == 0 and 'now 8 @ 100.00, 8 open' in out, 'send replace by ClOrdID', out)
            code, out, _ = send('new', '--session', 'BROKER2', '--instrument', 'ACME', '--side',
                                'buy', '--qty', '3', '--type', 'market')
            tap.ok(code == 0 and '@ market' in out and 'traded: Buy 3 ACME @ 100.00' in out,
                   'send new shows the trades of a market order', out)
            code, out, _ = send('cancel', '--instrument', 'ACME', '--order-id', order_id)
            tap.ok(code == 0 and '5 taken out, 3 filled before (Requested)' in out,
                   'send cancel by order id', out)
            code, out, _ = send('cancel', '--instrument', 'ACME', '--order-id', order_id)
            tap.ok(code == 1 and 'refused: UnknownOrder' in out, 'a second cancel is refused', out)
            code, out, _ = send(*sell, '--qty', '10', '--px', '150.00')
            tap.ok(code == 1 and 'refused: PriceCollarHigh' in out and 'limit 110.00' in out,
                   'a refusal names limit and value', out)
            send(*sell, '--qty', '10', '--px', '101.00', '--post-only')
            code, out, _ = send('mass-cancel', '--side', 'sell')
            tap.ok(code == 0 and 'mass cancel done: 1 orders' in out, 'send mass-cancel', out)
            code, out, _ = send(*sell, '--qty', '1', '--type', 'pegged')
            tap.ok(code == 0 and 'Sell 1 ACME @ peg,' in out, 'a pegged order has no price', out)
            code, out, _ = send('replace', '--instrument', 'ACME', '--order-id',
                                word_after(out, 'order id'), '--qty', '2')
            tap.ok(code == 0 and 'now 2 @ no price, 2 open' in out, 'nor after a replace', out)
            code, out, _ = send(*sell, '--qty', '1', '--type', 'market', '--px', '100.00')
            tap.ok(code == 0 and 'Sell 1 ACME @ market,' in out,
                   'nor has a market order, whatever it was given', out)
            test_send_mistakes(tap, outcry, config, exchange)


def test_send_mistakes(tap, outcry, config, exchange):
    new = ['new', '--instrument', 'ACME', '--side', 'buy', '--qty', '1', '--px', '100.00']
    for args, code, text in (
            (['new', '--side', 'buy', '--qty', '1', '--px', '1'], 2, '--instrument'),
            (new[:-1] + ['1.123456789'], 2, '--px'),
            (['cancel', '--instrument', 'ACME'], 2, '--order-id'),
            (['sell'], 2, 'expected CONFIG and one of new'),
            (new + ['--session', 'NOBODY'], 2, '--session'),
            (new + ['--udp-port', '0'], 2, '--udp-port'),
            (new + ['--order-id', '1'], 2, '--order-id: this request does not take it'),
            (['cancel', '--instrument', 'ACME', '--order-id', '1', '--qty', '1'], 2,
             '--qty: this request does not take it'),
            (['cancel', '--instrument', 'ACME', '--order-id', '1', '--hidden'], 2, '--hidden'),
            (['cancel', '--instrument', 'ACME', '--order-id', '0'], 2, '--order-id'),
            (['mass-quote', '--quote', 'ACME:1@99/1@101', '--instrument', 'ACME'], 2,
             '--instrument: this request does not take it'),
            (['mass-quote', '--quote', 'ACME:0@99/1@101'], 2, '--quote'),
            (['mass-cancel', '--scope', 'account'], 2, '--account: needed'),
            (['mass-cancel', '--scope', 'group'], 2, '--group: needed'),
            (['mass-cancel', '--group', 'ALPHA.HOUSE'], 2, '--group: needed'),
            (new + ['--link', '0'], 2, '--link'),
            (new + ['--display', '0'], 2, '--display'),
            (new + ['--clord', '0'], 2, '--clord'),
            (new + ['--nonsense'], 2, 'unknown option')):
        got, _, err = run(outcry, 'send', config, *udp_port(exchange), *args)
        tap.ok(got == code and text in err, f'send {" ".join(args[-2:])} is refused', got, err)
    got, _, err = run(outcry, 'send', config, *new)
    tap.ok(got == 3 and '--udp-port' in err, 'a port that is left open needs --udp-port', err)


def serve_market(outcry, folder, ack):
    make_journal(folder)
    config = os.path.join(folder, 'market.yaml')
    with open(config, 'w', encoding='ascii') as file:
        file.write(MARKET.format(ack=ack))
    return config, Exchange(outcry, config)


def load(outcry, config, exchange, *args):
    code, out, err = run(outcry, 'load', config, '--json', *udp_port(exchange), *args, seconds=100)
    return code, json.loads(out) if out else {}, err


LEGS = 'to_sequenced', 'to_matched', 'to_durable', 'to_sent', 'inside'


def check_receipts(tap, result, name):
    """check_receipts wants a breakdown whose legs are no more than the way they are of."""
    tap.ok(result.get('receipts', 0) > 10, f'receipts come, {name}', result)
    tap.ok(all(0 <= result.get(f'{leg}_p50_ns', -1) <= result.get(f'{leg}_p99_ns', -1) <=
               1.02 * result.get('inside_p99_ns', -1) for leg in LEGS), f'legs are in order, {name}', result)
    tap.ok(0 < result.get('inside_p50_ns', 0) <= 1.02 * result.get('ack_max_ns', 0),
           f'the way inside is a part of the whole, {name}', result)


def check_replay(tap, outcry, folder, name):
    code, out, err = run(outcry, 'replay', os.path.join(folder, 'journal'), '--json')
    tap.ok(code == 0 and json.loads(out)['identical'], name, out, err)


def test_load(tap, outcry):
    with Folder() as folder:
        config, exchange = serve_market(outcry, folder, 'durable')
        with exchange:
            code, result, err = load(outcry, config, exchange, '--orders', '20000', '--rate',
                                     '20000', '--seed', '3')
            tap.same((code, {key: result.get(key) for key in FLOW}), (0, FLOW), 'load loses nothing')
            tap.ok(result.get('acknowledged', 0) + result.get('rejected', 0) == 20000 and
                   result.get('filled', 0) > 500, 'every message is answered', result, err)
            tap.ok(0 < result.get('ack_p50_ns', 0) <= result.get('ack_p999_ns', 0) <=
                   result.get('ack_max_ns', 0), 'latencies are in order', result)
            check_receipts(tap, result, 'ack durable')
            tap.ok(result.get('to_durable_p50_ns', 0) > 0, 'the disk takes time', result)
            code, out, err = run(outcry, 'load', config, *udp_port(exchange), '--orders', '1000')
            tap.ok(code == 0 and 'inside of the exchange' in out and
                   all(f'\n  {word} ' in out for word in
                       ('sequenced', 'matched', 'durable', 'sent', 'together')),
                   'load prints where the time goes', out, err)
            code, _, err = load(outcry, config, exchange, '--sessions', '9')
            tap.ok(code == 3 and 'that many sessions' in err, 'more sessions than there are', err)
            code, _, err = load(outcry, config, exchange, '--rate', 'fast')
            tap.ok(code == 2, 'a rate that is no number', err)
            exchange.stop()
        check_replay(tap, outcry, folder, 'its journal replays')
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder, udp_port=9)
        code, _, err = run(outcry, 'send', config, 'mass-cancel')
        tap.ok(code == 3 and 'does not answer' in err, 'nobody there is said after 5 s', err)


def test_load_again(tap, outcry):
    """test_load_again sends several runs within a second, the one into what the other left."""
    with Folder() as folder:
        journal = make_journal(folder)
        # Those that may not send orders are left out.
        config = write_config(folder, more=(
            '  - {id: 2, name: COPY, firm: ALPHA, key: copy, drop_copy: true}\n'
            '  - {id: 3, name: GONE, firm: ALPHA, key: gone, blocked: true}\n'))
        results = []
        with Exchange(outcry, config) as exchange:
            for seed in range(1, 9):
                results.append(load(outcry, config, exchange, '--orders', '300', '--rate', '5000',
                                    '--mix', 'all', '--seed', str(seed)))
            exchange.stop()
        tap.ok(all(code == 0 and result['lost'] == 0 and result['sent'] == 300
                   for code, result, _ in results), 'runs into what others left lose nothing',
               *results)
        _, out, _ = run(outcry, 'audit', journal, '--format', 'csv')
        rows = list(csv.DictReader(io.StringIO(out, newline='')))
        clords = [(row['session'], row['clord']) for row in rows
                  if row['kind'] == 'OrderNew' and row['sub_seq'] == '0']
        tap.ok(len(clords) > 1000 and len(set(clords)) == len(clords),
               'no ClOrdID comes twice', len(clords), len(set(clords)))


def test_load_waits(tap, outcry):
    """test_load_waits stops the exchange for longer than a starved disk takes, in a load."""
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder, more='gateway: {keepalive_ms: 60000}\n')
        with Exchange(outcry, config) as exchange:
            command = [outcry, 'load', config, '--json', '--progress', 'load', '--orders', '600',
                       '--rate', '100', *udp_port(exchange)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as sender:
                sender.stderr.readline()  # under way
                exchange.process.send_signal(signal.SIGSTOP)
                try:
                    sender.wait(timeout=8)
                    waits = False
                except subprocess.TimeoutExpired:
                    waits = True
                exchange.process.send_signal(signal.SIGCONT)
                out, err = sender.communicate(timeout=100)
            result = json.loads(out) if out else {}
            tap.ok(waits and sender.returncode == 0 and result.get('lost') == 0 and
                   result.get('sent') == 600, 'load outlasts 8 s without an answer', result, err)
            exchange.stop()


def test_tcp(tap, outcry):
    """The tools over TCP: they are told the port, and nothing is lost."""
    with Folder() as folder:
        make_journal(folder)
        config = os.path.join(folder, 'market.yaml')
        with open(config, 'w', encoding='ascii') as file:
            file.write(MARKET.format(ack='memory').replace(
                'kind: udp, address: 127.0.0.1, udp_port: 0',
                'kind: tcp, address: 127.0.0.1, tcp_port: 0, connections: 8'))
        new = ['new', '--instrument', 'AAPL', '--side', 'buy', '--qty', '1', '--px', '585.00']
        with Exchange(outcry, config) as exchange:
            port = ['--tcp-port', str(exchange.ports['kernel'][1])]
            code, out, err = run(outcry, 'send', config, *new, *port)
            tap.ok(code == 0 and out.startswith('accepted: Buy 1 AAPL @ 585.00'), 'send over TCP',
                   out, err)
            code, out, err = run(outcry, 'load', config, '--json', '--orders', '20000', '--rate',
                                 '20000', *port, seconds=100)
            result = json.loads(out) if out else {}
            tap.same((code, {key: result.get(key) for key in FLOW}), (0, FLOW),
                     'load over TCP loses nothing')
            code, _, err = run(outcry, 'send', config, *new)
            tap.ok(code == 3 and '--tcp-port' in err, 'a port that is left open needs --tcp-port',
                   err)
            exchange.stop()
        code, _, err = run(outcry, 'send', config, *new, *port, seconds=60)
        tap.ok(code == 3 and 'the exchange does not answer' in err,
               'an exchange that is not there', err)
        check_replay(tap, outcry, folder, 'the journal of TCP replays')


def write_many(folder, sessions):
    """write_many writes a configuration with so many sessions behind a door for TCP."""
    config = os.path.join(folder, 'market.yaml')
    text = MARKET.format(ack='memory').split('sessions:\n')[0]
    text = text.replace('threads: [{name: all, stages: [gateway, engine, journal], idle: yield}]',
                        'threads: [{name: all, stages: [gateway, engine, journal], idle: yield}, '
                        '{name: door, stages: [door], idle: yield}]')
    text = text.replace('kind: udp, address: 127.0.0.1, udp_port: 0',
                        'kind: tcp, address: 127.0.0.1, tcp_port: 0, unsent_bytes: 16384')
    text = text.replace('pools: {', f'pools: {{sessions: {sessions}, retransmit: 256, ')
    with open(config, 'w', encoding='ascii') as file:
        # A thousand sessions on two busy cores: who is not polled for a second is not dead.
        file.write(text + 'gateway: {keepalive_ms: 60000}\nsessions:\n')
        for i in range(sessions):
            file.write(f'  - {{id: {i}, name: BROKER{i}, firm: ALPHA, key: key{i}}}\n')
    return config


def test_many(tap, outcry):
    """1,024 sessions are connected over TCP at once, and each of them trades."""
    sessions, orders = 1024, 61440
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_many(folder, sessions)
        with Exchange(outcry, config) as exchange:
            code, out, err = run(outcry, 'load', config, '--json', '--orders', str(orders), '--rate',
                                 '20000', '--tcp-port', str(exchange.ports['kernel'][1]),
                                 seconds=280)
            said = exchange.stop()
        result = json.loads(out) if out else {}
        tap.ok(code == 0 and result['lost'] == 0 and result['sent'] == orders,
               '1,024 sessions over TCP lose nothing', code, out, err, said)
        code, out, err = run(outcry, 'audit', journal, '--format', 'csv', seconds=200)
        traded = set()
        bound = 0
        for row in csv.DictReader(io.StringIO(out, newline='')):
            if row['kind'] == 'Trade':
                traded.add(row['session'])
            bound += row['kind'] == 'SessionEstablish' and row['outcome'] == 'accepted'
        tap.ok(len(traded) == sessions, 'each of them trades', len(traded), code, err)
        tap.ok(bound == sessions, 'each of them is bound once', bound)


def test_tape(tap, outcry):
    name = 'the tape trades over the wire as it did on the venue'
    if not os.path.exists(TAPE_FILE):
        tap.skip(name, 'the tape is not here')
        return
    with Folder() as folder:
        config, exchange = serve_market(outcry, folder, 'memory')
        with exchange:
            code, result, err = load(outcry, config, exchange, '--lobster', TAPE_FILE, '--rate',
                                     '20000')
            tap.same((code, {key: result.get(key) for key in TAPE}), (0, TAPE), name)
            code, _, err = load(outcry, config, exchange, '--lobster', config)
            tap.ok(code == 3 and 'row 1 is no LOBSTER message' in err, 'what is no tape', err)
            exchange.stop()
        check_replay(tap, outcry, folder, 'and its journal replays')


def test_demo(tap, outcry):
    env = dict(os.environ)
    with Folder() as folder:
        env['TMPDIR'] = folder
        done = subprocess.run([outcry, 'demo', '--seconds', '3', '--json'], env=env,
                              capture_output=True, timeout=100, check=False)
        result = json.loads(done.stdout) if done.stdout else {}
        tap.ok(done.returncode == 0 and result.get('lost') == 0 and
               result.get('replay_identical') is True, 'the demo loses nothing and replays',
               done.stdout, done.stderr)
        keys = ['orders', 'acks', 'rejects', 'fills', 'lost', 'orders_per_s']
        for kind in 'ack_', 'memory_ack_':
            keys += [kind + part for part in ('p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'max_ns')]
        keys += ['journal_bytes', 'replay_identical', 'replay_commands_per_s', 'state_hash']
        tap.same([key for key in keys if not result.get(key) and key not in ('lost', 'rejects')],
                 [], 'every figure of the demo is there')
        lines = 0
        if result.get('folder'):
            with open(os.path.join(result['folder'], 'audit.csv'), encoding='ascii') as file:
                lines = sum(1 for _ in file)
            shutil.rmtree(result['folder'])
        tap.ok(lines > result.get('orders', 0), 'and the audit trail has every order', lines)


def main():
    outcry = os.path.abspath(sys.argv[1])
    tap = Tap()
    test_send(tap, outcry)
    test_load(tap, outcry)
    test_load_again(tap, outcry)
    test_load_waits(tap, outcry)
    test_tcp(tap, outcry)
    test_many(tap, outcry)
    test_tape(tap, outcry)
    test_demo(tap, outcry)
    tap.done()


if __name__ == '__main__':
    main()
