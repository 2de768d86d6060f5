#!/usr/bin/env python3
"""test_serve: `outcry serve` from start to stop, over restarts, crashes, layouts.

usage: test_serve.py OUTCRY
"""

import csv
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys

from fixp import Client, plain
from harness import Exchange, Folder, Tap, make_journal, run, write_config

PX = 10**8

# Commands of a first start: Genesis, Restart, two each of firms, instruments,
# groups, accounts and sessions, and one restriction.
START_SEQ = 13

LAYOUTS = {
    'one thread': '  - {name: all, stages: [gateway, engine, journal], idle: yield}',
    'one thread, other order': '  - {name: all, stages: [journal, engine, gateway], idle: yield}',
    'gateway apart': '  - {name: net, stages: [gateway], idle: yield}\n'
                     '  - {name: rest, stages: [engine, journal], idle: yield}',
    'a thread per stage': '  - {name: net, stages: [gateway], idle: yield}\n'
                          '  - {name: engine, stages: [engine], idle: yield}\n'
                          '  - {name: disk, stages: [journal], idle: block}',
    'spin and block': f'  - {{name: exchange, core: {min(os.sched_getaffinity(0))}, stages: [gateway, engine], idle: spin}}\n'
                      '  - {name: journal, stages: [journal], idle: block}',
}


def audit(outcry, folder, *args):
    code, out, err = run(outcry, 'audit', os.path.join(folder, 'journal'), '--format', 'csv', *args)
    assert code == 0, err
    return list(csv.DictReader(io.StringIO(out, newline='')))


def replay(outcry, folder):
    code, out, err = run(outcry, 'replay', os.path.join(folder, 'journal'), '--json')
    return code, json.loads(out) if out else err


def trade_once(exchange, name='BROKER1', key='alpha'):
    """trade_once rests an order, trades against it and leaves some of it."""
    client = Client(exchange.ports['kernel'], name, key)
    client.order(1, '2', 10, 100 * PX, 0)
    client.order(2, '1', 4, 100 * PX, 0)
    kinds = [kind for kind, _ in client.wait(4)]
    client.close()
    return kinds


def test_start_and_stop(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder)
        with Exchange(outcry, config) as exchange:
            tap.ok(exchange.epoch == 1 and exchange.ports['kernel'][1] != 0,
                   'the ready line names epoch and port', exchange.text)
            for words in ('ack durable: a crash loses nothing', '/journal: 0 commands recovered',
                          'thread exchange: gateway, engine; yields when idle',
                          'thread journal: journal; sleeps when idle', 'state hash '):
                tap.ok(words in exchange.text, f'it says: {words}', exchange.text)
            tap.same(exchange.stop(), 0, 'SIGTERM ends it with 0')
            tap.ok('everything is on disk' in exchange.text, 'and it says that all is on disk',
                   exchange.text)
        code, result = replay(outcry, folder)
        tap.ok(code == 0 and result['identical'] and result['commands'] == START_SEQ,
               'Genesis, Restart and all entities are journaled', code, result)
        with Exchange(outcry, config) as exchange:
            tap.same(exchange.epoch, 2, 'the next run has the next epoch')
            threads = 'two threads' if len(os.sched_getaffinity(0)) > 1 else 'one thread'
            found = re.search(rf'{START_SEQ} commands recovered in \d+ ms by {threads}, .* hash (\w+)',
                              exchange.text)
            tap.ok(found is not None, f'and says what it recovered, by {threads}', exchange.text)
            tap.same(exchange.stop(signal.SIGINT), 0, 'SIGINT ends it with 0')
        rows = audit(outcry, folder, '--from', str(START_SEQ + 1))
        tap.same([row['event'] for row in rows], ['REST'],
                 'with the same configuration, Restart is all that is new')
        core = min(os.sched_getaffinity(0))
        with Exchange(outcry, config, lambda: os.sched_setaffinity(0, {core})) as exchange:
            tap.ok(f'{START_SEQ + 1} commands recovered in ' in exchange.text and
                   ' ms by one thread, ' in exchange.text, 'on one core by one thread', exchange.text)
            tap.same(exchange.stop(), 0, 'and it ends with 0')


def test_difference(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        with Exchange(outcry, write_config(folder)) as exchange:
            exchange.stop()
        more = 'positions: [{account: B1, instrument: ACME, long: 7}]\n'
        with Exchange(outcry, write_config(folder, long=400, more=more)) as exchange:
            tap.ok('outcry: account A1: long_max is 500, 400 in the configuration: set\n'
                   'outcry: position limit of B1 in ACME is not in the journal, but in the '
                   'configuration: set\n' in exchange.text, 'each difference is said',
                   exchange.text)
            exchange.stop()
        rows = audit(outcry, folder, '--from', str(START_SEQ + 1))
        tap.same([row['event'] for row in rows], ['REST', 'ACCT', 'PLIM'],
                 'only what differs is sent')
        tap.ok('long_max=400' in rows[1]['detail'], 'with its new value', rows[1]['detail'])
        path = write_config(folder, long=400, more=more)
        with open(path, encoding='ascii') as file:
            text = file.read().replace(', restricted: [ZINC]', '')
        with open(path, 'w', encoding='ascii') as file:
            file.write(text)
        with Exchange(outcry, path) as exchange:
            exchange.stop()
        rows = audit(outcry, folder, '--from', str(int(rows[-1]['seq']) + 1))
        tap.same([(row['event'], row['instrument']) for row in rows],
                 [('REST', ''), ('PERM', 'ZINC')], 'a restriction that is gone is lifted')


def test_orders(tap, outcry, layout, ack):
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder, threads=LAYOUTS[layout], ack=ack)
        with Exchange(outcry, config) as exchange:
            kinds = trade_once(exchange)
            tap.same(kinds, ['New', 'New', 'Trade', 'Trade'], f'{layout}, {ack}: orders trade')
            tap.same(exchange.stop(), 0, f'{layout}, {ack}: stops')
        code, result = replay(outcry, folder)
        tap.ok(code == 0 and result['identical'] and result['trades'] == 1 and
               result['orders_live'] == 1, f'{layout}, {ack}: replays', code, result)


def test_crash(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder)
        with Exchange(outcry, config) as exchange:
            trade_once(exchange)
            exchange.kill()
        code, result = replay(outcry, folder)
        tap.ok(code == 0 and result['trades'] == 1, 'what was told is there after a crash', code,
               result)
        with Exchange(outcry, config) as exchange:
            client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            client.cancel(3, 1)
            kinds = [kind for kind, _ in client.wait(1)]
            tap.same(kinds, ['Cancel'], 'the order is still live and can be canceled')
            client.close()
            exchange.stop()
        code, result = replay(outcry, folder)
        tap.ok(code == 0 and result['identical'] and result['orders_live'] == 0,
               'both runs replay as one', code, result)
        journal = os.path.join(folder, 'journal')
        code, out, err = run(outcry, 'verify', journal, '--full', '--json')
        tap.ok(code == 0 and json.loads(out)['checked'] == result['last_seq'] and err == '',
               'verify --full finds that each command left all adding up', code, out, err)
        code, out, _ = run(outcry, 'verify', journal, '--full')
        tap.ok(code == 0 and out.endswith(f'up to seq {result["last_seq"]}: all adds up\n'),
               'and says so', out)


def test_torn_end(tap, outcry):
    """A page that a crash left half written is dropped, and said so."""
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        with Exchange(outcry, config) as exchange:
            trade_once(exchange)
            exchange.kill()
        segment = os.path.join(journal, '00000000.seg')
        with open(segment, 'r+b') as file:
            data = file.read()
            end = max(at for at in range(0, len(data), 4096) if data[at:at + 4] == b'OTCY') + 4096
            file.seek(end)
            file.write(struct.pack('<4sHHQ', b'OTCY', 2, 0, end // 4096) + bytes(range(256)))
        code, out, err = run(outcry, 'verify', journal, '--json')
        result = json.loads(out)
        tap.ok(code == 0 and result['torn_tail'] and not result['damaged'],
               'verify: a torn end is no damage', code, out, err)
        before = replay(outcry, folder)[1]
        tap.ok(before['identical'], 'replay goes up to it', before)
        with Exchange(outcry, config) as exchange:
            tap.ok('the end was torn' in exchange.text and before['state_hash'] in exchange.text,
                   'the next start says that it dropped it, and has the state', exchange.text)
            exchange.stop()
        result = json.loads(run(outcry, 'verify', journal, '--json')[1])
        tap.ok(not result['torn_tail'] and result['epochs'] == 2, 'and then it is whole', result)


def test_killed_at_the_start(tap, outcry):
    """A run that died before its Restart has used up an epoch."""
    for pages, what in ((1, 'the page of the segment'), (2, 'Genesis')):
        with Folder() as folder:
            journal = make_journal(folder)
            config = write_config(folder)
            with Exchange(outcry, config) as exchange:
                exchange.stop()
            with open(os.path.join(journal, '00000000.seg'), 'r+b') as file:
                data = file.read(8192)
                tap.ok((data[30], data[31]) == (1, 2) and data[64:68] == b'\xff\0SG',
                       'the first page is that of the segment', data[:128].hex())
                tap.ok((data[4126], data[4160]) == (1, 1), 'the second has Genesis alone',
                       data[4096:4224].hex())
                file.seek(pages * 4096)
                file.write(bytes(os.fstat(file.fileno()).st_size - pages * 4096))
            for epoch in (2, 3):
                with Exchange(outcry, config) as exchange:
                    tap.same(exchange.epoch, epoch, f'with {what} alone it starts as epoch {epoch}')
                    exchange.stop()
            code, result = replay(outcry, folder)
            tap.ok(code == 0 and result['identical'], 'and replays', result)


def test_change_is_told(tap, outcry):
    """What is not as in the run before is said, and the Restart has it."""
    with Folder() as folder:
        make_journal(folder)
        hashes = []
        for long, told in ((500, False), (500, False), (400, True), (400, False)):
            config = write_config(folder, long=long)
            with Exchange(outcry, config) as exchange:
                exchange.stop()
                tap.same('configuration is another than in the run before' in exchange.text, told,
                         f'a start says {"what" if told else "nothing if nothing"} changed')
                tap.ok('this program is another' not in exchange.text, 'the program is the same')
            _, out, _ = run(outcry, 'audit', os.path.join(folder, 'journal'), '--format', 'csv')
            hashes.append([line.split('config_hash=')[1].split()[0] for line in out.splitlines()
                           if 'config_hash=' in line][-1])
        tap.ok(hashes[0] == hashes[1] != hashes[2] == hashes[3], 'and so does the Restart', hashes)


def test_until(tap, outcry):
    """Every prefix of a journal replays; the last has the state of the whole."""
    with Folder() as folder:
        journal = make_journal(folder)
        with Exchange(outcry, write_config(folder)) as exchange:
            trade_once(exchange)
            exchange.stop()
        whole = replay(outcry, folder)[1]
        hashes = []
        for seq in range(1, whole['last_seq'] + 1):
            code, out, err = run(outcry, 'replay', journal, '--json', '--until', str(seq))
            result = json.loads(out) if code == 0 else {'state_hash': err, 'last_seq': 0}
            hashes.append((result['last_seq'] == seq, result['state_hash']))
        tap.ok(all(good for good, _ in hashes), 'replay --until stops behind each command', hashes)
        tap.same(hashes[-1][1], whole['state_hash'], 'the last state is that of the whole')
        tap.same(len({state for _, state in hashes}), len(hashes), 'no two states are the same')


def test_unnamed(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        with Exchange(outcry, write_config(folder)) as exchange:
            tap.ok('does not name' not in exchange.text, 'nothing is unnamed', exchange.text)
            exchange.stop()
        path = write_config(folder)
        with open(path, encoding='ascii') as file:
            lines = [line for line in file if 'BROKER2' not in line]
        with open(path, 'w', encoding='ascii') as file:
            file.writelines(lines)
        with Exchange(outcry, path) as exchange:
            tap.ok('0 firms, 0 groups, 0 accounts, 0 instruments and 1 sessions' in exchange.text,
                   'a session that is not named is told', exchange.text)
            tap.same(Client(exchange.ports['kernel'], 'BROKER2', 'beta').refused, (3, 0),
                     'and cannot log in')
            exchange.stop()


def test_stop_with_sessions(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        with Exchange(outcry, write_config(folder)) as exchange:
            client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            client.order(1, '1', 1, 100 * PX, 0)
            client.wait(1)
            exchange.process.send_signal(signal.SIGTERM)
            messages = [m for _ in range(20) for m in client.receive(0.25)]
            tap.ok(any(schema == 2748 and template == 14 for schema, template, _ in messages),
                   'a bound session is told Terminate', messages)
            tap.same(exchange.stop(), 0, 'then it stops')
            tap.ok('could not be answered' not in exchange.text, 'and all was answered',
                   exchange.text)
        rows = audit(outcry, folder)
        tap.same(rows[-1]['event'], 'SUNB', 'the journal ends with the unbind')
        tap.same(run(outcry, 'verify', os.path.join(folder, 'journal'))[0], 0,
                 'and is whole')


def test_hangup(tap, outcry):
    """A terminal that is closed is no crash, and nothing to one under nohup."""
    with Folder() as folder:
        make_journal(folder)
        with Exchange(outcry, write_config(folder)) as exchange:
            tap.same(exchange.stop(signal.SIGHUP), 0, 'SIGHUP stops it in good order')
            tap.ok('everything is on disk' in exchange.text, 'and it says so', exchange.text)
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with Exchange(outcry, write_config(folder)) as exchange:
            exchange.process.send_signal(signal.SIGHUP)
            trade_once(exchange)
            tap.same(exchange.stop(), 0, 'one that ignores it goes on')
            tap.ok('Terminated: stopping' in exchange.text, 'until SIGTERM', exchange.text)
        signal.signal(signal.SIGHUP, before)


def test_login(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        with Exchange(outcry, write_config(folder)) as exchange:
            tap.same(Client(exchange.ports['kernel'], 'BROKER1', 'beta').refused, (3, 0),
                     'a wrong key is refused')
            tap.same(Client(exchange.ports['kernel'], 'BROKER1', 'alpha').refused, None,
                     'the right one is not')
            tap.same(Client(exchange.ports['kernel'], 'BROKER1', 'alpha', login=plain).refused,
                     (3, 0), 'nor is it taken in clear text')
            tap.ok('clear text' not in exchange.text, 'of which nothing is said', exchange.text)
            exchange.stop()
        config = write_config(folder, more='gateway: {plain_credentials: true}\n')
        with Exchange(outcry, config) as exchange:
            tap.ok('outcry: plain_credentials: keys may come in clear text' in exchange.text,
                   'where clear text is allowed that is said', exchange.text)
            tap.same(Client(exchange.ports['kernel'], 'BROKER1', 'alpha', login=plain).refused,
                     None, 'and it is taken')
            exchange.stop()


def test_context(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder, more='gateway: {require_context: true}\n')
        with Exchange(outcry, config) as exchange:
            client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            client.order(1, '1', 1, 100 * PX, 0)
            tap.same(client.receive(0.5), [], 'an order without Context is not heard')
            client.context = True
            client.next_no = 1
            client.order(2, '1', 1, 100 * PX, 0)
            tap.same(client.wait(1)[0][0], 'New', 'with Context it is')
            code, out, err = run(outcry, 'send', config, 'new', '--session', 'BROKER2',
                                 '--instrument', 'ACME', '--side', 'sell', '--qty', '1', '--px',
                                 '100.00', '--udp-port', f'{exchange.ports["kernel"][1]}')
            tap.ok(code == 0 and err == '' and out.startswith('accepted: Sell 1 ACME @ 100.00'),
                   'the tools send it too', code, out, err)
            exchange.stop()
            tap.ok(re.search(r'contexts 1; logins dropped 0', exchange.text),
                   'what was not heard was counted', exchange.text)


def test_throttle(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        config = write_config(folder, more='gateway: {messages_per_s: 1, burst_ms: 10000}\n')
        with Exchange(outcry, config) as exchange:
            client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            for clord in range(1, 41):
                client.order(clord, '1', 1, PX, 0)
            reports = client.wait(40)
            refused = [body for kind, body in reports if kind == 'MessageReject']
            tap.ok(len(refused) > 0, 'of 40 orders at once not all are taken', reports)
            tap.ok(all(struct.unpack_from('<H', body, 16)[0] == 78 and
                       0 < struct.unpack_from('<I', body, 20)[0] <= 1000000 for body in refused),
                   'the others are refused with the time to wait', refused)
            exchange.stop()
            tap.ok(f'throttled {len(refused)}, not held 0' in exchange.text, 'and counted',
                   exchange.text)
        tap.same(replay(outcry, folder)[0], 0, 'and in the journal')


def test_drop_copy(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        more = '  - {id: 2, name: COPY, firm: ALPHA, key: copy, drop_copy: true}\n'
        with Exchange(outcry, write_config(folder, more=more)) as exchange:
            tap.same(Client(exchange.ports['kernel'], 'COPY', 'copy').refused, (3, 1),
                     'a drop copy has no flow of orders')
            copy = Client(exchange.ports['kernel'], 'COPY', 'copy', flow=3)
            alpha = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            beta = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
            beta.order(1, '2', 10, 100 * PX, 1)
            beta.wait(1)
            alpha.order(7, '1', 4, 100 * PX, 0)
            own = alpha.wait(2)
            copies = copy.wait(2)
            tap.same([(kind, body[:-4]) for kind, body in copies], own,
                     'its reports are those of the firm')
            tap.same([body[-4:] for _, body in copies], [struct.pack('<I', 0)] * 2,
                     'and name the session')
            exchange.stop()
        plain_config = write_config(folder, more=more.replace('true', 'false'))
        code, _, err = run(outcry, 'serve', plain_config)
        tap.ok(code == 3 and 'is no drop copy here' in err, 'what it is never changes', err)


def test_documented_client(tap, outcry):
    """The client that the protocol's page shows does what the page says."""
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs',
                        'protocol.md')
    with open(page, encoding='utf-8') as file:
        code = file.read().partition('```python\n')[2].partition('```')[0]
    with Folder() as folder:
        make_journal(folder)
        path = os.path.join(folder, 'client.py')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(code)
        with Exchange(outcry, write_config(folder)) as exchange:
            address, port = exchange.ports['kernel']
            done = subprocess.run([sys.executable, path, f'{address}:{port}', 'BROKER1', 'alpha'],
                                  capture_output=True, text=True, timeout=60, check=False)
            tap.ok(done.returncode == 0 and done.stdout.startswith('1 template 20 '),
                   'the documented client trades', done.stdout, done.stderr)
            exchange.stop()


def main():
    outcry = sys.argv[1]
    tap = Tap()
    test_start_and_stop(tap, outcry)
    test_difference(tap, outcry)
    for layout in LAYOUTS:
        test_orders(tap, outcry, layout, 'durable')
    for ack in ('interval', 'memory'):
        test_orders(tap, outcry, 'one thread', ack)
        test_orders(tap, outcry, 'a thread per stage', ack)
    test_crash(tap, outcry)
    test_torn_end(tap, outcry)
    test_killed_at_the_start(tap, outcry)
    test_change_is_told(tap, outcry)
    test_until(tap, outcry)
    test_unnamed(tap, outcry)
    test_stop_with_sessions(tap, outcry)
    test_hangup(tap, outcry)
    test_login(tap, outcry)
    test_context(tap, outcry)
    test_drop_copy(tap, outcry)
    test_throttle(tap, outcry)
    test_documented_client(tap, outcry)
    tap.done()


main()
