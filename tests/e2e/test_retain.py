#!/usr/bin/env python3
"""test_retain: old segments are compressed, encrypted and pruned, and only when they may.

usage: test_retain.py OUTCRY
"""

import json
import os
import re
import shutil
import subprocess
import sys

from harness import Exchange, Folder, Tap, digest, make_journal, run

MARKET = '''exchange: {{ack: durable}}
journal: {{folder: journal, segment_mib: 1{more}}}
pools: {{orders: 20000, instruments: 4, accounts: 4, positions: 64, pages: 4096, extras: 1024}}
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


def write_market(folder, more=''):
    config = os.path.join(folder, 'market.yaml')
    with open(config, 'w', encoding='ascii') as file:
        file.write(MARKET.format(more=more))
    return config


def write_key(folder, name, byte, mode=0o600):
    path = os.path.join(folder, name)
    with open(path, 'wb') as file:
        file.write(bytes([byte]) * 32)
    os.chmod(path, mode)
    return path


class Archive:
    """Archive is a journal of an exchange that was used, and what `outcry` says of it."""

    def __init__(self, tap, outcry, folder):
        self.tap, self.outcry, self.folder = tap, outcry, folder
        self.journal = make_journal(folder)
        self.config = write_market(folder)
        self.keys = ()  # options that the commands need to read it

    def serve(self, orders):
        with Exchange(self.outcry, self.config) as exchange:
            self.load(exchange, orders)
            return exchange.stop()

    def load(self, exchange, orders):
        port = str(exchange.ports['kernel'][1])
        code, _, err = run(self.outcry, 'load', self.config, '--udp-port', port, '--orders',
                           str(orders), '--rate', '20000', '--seed', '5', seconds=60)
        self.tap.ok(code == 0, f'{orders} orders', err)

    def say(self, command, *args):
        """say is what a command prints of the journal, figures of speed left out."""
        code, out, err = run(self.outcry, command, self.journal, *args, *self.keys)
        if command == 'replay':
            out = {key: value for key, value in json.loads(out or '{}').items()
                   if key not in ('elapsed_ns', 'commands_per_s')}
        return code, out, err

    def all(self):
        return [self.say('replay', '--json'), self.say('audit', '--format', 'csv'),
                self.say('audit', '--format', 'csv', '--from', '9000', '--to', '9100'),
                self.say('verify', '--json')]

    def retain(self, *args, what=None):
        return run(self.outcry, 'retain', what or self.journal, *args)

    def refuses(self, code, text, *args, what=None):
        before = digest(self.journal)
        got, out, err = self.retain(*args, what=what)
        self.tap.ok(got == code and text in out + err and digest(self.journal) == before,
                    f'retain {" ".join(os.path.basename(arg) for arg in args)}: {text}', got, out,
                    err)

    def names(self, suffix):
        return sorted(name for name in os.listdir(self.journal) if name.endswith(suffix))


def test_usage(archive):
    archive.refuses(2, 'one of --compress, --encrypt, --prune, --dry-run is missing')
    archive.refuses(2, '--prune needs --years', '--prune')
    archive.refuses(2, '--years x is no number', '--prune', '--years', 'x')
    archive.refuses(2, '--years 201 is no number', '--prune', '--years', '201')
    archive.refuses(3, 'holds no journal', '--compress', what=archive.folder)
    archive.refuses(3, 'No such file', '--compress', what='/nonexistent')
    archive.refuses(3, 'No such file', '--encrypt', '/nonexistent')
    archive.refuses(3, 'No such file', '--compress', '--key', '/nonexistent')
    open_key = write_key(archive.folder, 'open.key', 9, 0o644)
    archive.refuses(3, 'others than its owner may use it', '--encrypt', open_key)


def test_compress(tap, archive, before):
    archive.refuses(0, 'not compressed: not sealed', '--compress')
    seal_key = os.path.join(archive.folder, 'seal.key')
    run(archive.outcry, 'seal', '--make-key', seal_key)
    code, _, err = run(archive.outcry, 'seal', archive.journal, '--key', seal_key)
    tap.ok(code == 0, 'it can be sealed', err)
    segments = archive.names('.seg')
    archive.refuses(0, 'plain: would be compressed', '--compress', '--dry-run')
    archive.refuses(0, 'in use: left alone', '--compress', '--dry-run')

    # Somebody else's seal, and the seal of another segment.
    other = os.path.join(archive.folder, 'other.key')
    run(archive.outcry, 'seal', '--make-key', other)
    archive.refuses(1, 'says to be signed by key', '--compress', '--key', other + '.pub')
    seals = [os.path.join(archive.journal, name) for name in archive.names('.seal')[:2]]
    shutil.copy(seals[0], seals[0] + '.kept')
    shutil.copy(seals[1], seals[0])
    archive.refuses(1, '00000000.seal is not of what the segment holds now', '--compress',
                    '--dry-run')
    os.rename(seals[0] + '.kept', seals[0])

    code, out, err = archive.retain('--compress', '--key', seal_key + '.pub')
    packed = archive.names('.segz')
    tap.ok(code == 0 and len(packed) >= 3, 'sealed segments are compressed', out, err)
    tap.same(archive.names('.seg') + packed, sorted(segments)[len(packed):] +
             [name + 'z' for name in sorted(segments)[:len(packed)]], 'each is there once')
    tap.same(archive.all(), before, 'replay, audit and verify say what they said before')
    code, out, err = run(archive.outcry, 'verify', archive.journal, '--key', seal_key + '.pub')
    tap.ok(code == 0, 'the seals hold', out, err)
    state = digest(archive.journal)
    code, out, err = archive.retain('--compress')
    tap.ok(code == 0 and digest(archive.journal) == state, 'a second time it does nothing', out,
           err)

    # A crash in between left both: the rest is done.
    plain = os.path.join(archive.journal, packed[0][:-1])
    shutil.copy(os.path.join(archive.folder, 'kept.seg'), plain)
    tap.same(archive.all(), before, 'with both forms of a segment it is the same')
    code, out, err = archive.retain('--compress')
    tap.ok(code == 0 and not os.path.exists(plain) and digest(archive.journal) == state,
           'and one of them is removed', out, err)


def test_encrypt(tap, archive, before):
    first = write_key(archive.folder, 'first.key', 1)
    second = write_key(archive.folder, 'second.key', 2)
    archive.refuses(0, 'compressed: would be encrypted', '--encrypt', first, '--dry-run')
    code, out, err = archive.retain('--encrypt', first)
    tap.ok(code == 0 and 'compressed: encrypted, ' in out, 'what is compressed is encrypted', out,
           err)
    for command in ('replay', 'verify', 'audit --format csv'):
        code, out, err = run(archive.outcry, *command.split(), archive.journal)
        tap.ok(code == 3 and 'encrypted under key' in err, f'{command} without the key says so',
               code, out, err)
    code, out, err = run(archive.outcry, 'replay', archive.journal, '--archive-key', second)
    tap.ok(code == 3 and 'which was not given' in err, 'nor does another key do', code, err)
    archive.keys = ('--archive-key', first)
    tap.same(archive.all(), before, 'with the key they say what they said before')
    archive.refuses(1, 'encrypted under a key that was not given', '--encrypt', second)
    code, out, err = archive.retain('--encrypt', second, '--archive-key', first)
    archive.keys = ('--archive-key', second)
    tap.ok(code == 0, 'another key takes the place of the first', out, err)
    tap.same(archive.all(), before, 'and reads it alone')


def spoiled(archive, name, at):
    """spoiled is a copy of the journal in which a byte of a file is another."""
    copy = archive.journal + '.copy'
    shutil.copytree(archive.journal, copy)
    with open(os.path.join(copy, name), 'r+b') as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
    return copy


def test_salvage(tap, archive, before):
    """test_salvage saves what lies before damage in an encrypted segment."""
    copy, new = spoiled(archive, archive.names('.segz')[-1], 300), archive.journal + '.new'
    for args in [], ['--salvage', new]:
        code, out, err = run(archive.outcry, 'verify', copy, *args)
        tap.ok(code == 3 and not out and 'encrypted under key' in err and not os.path.exists(new),
               'without the key nothing is salvaged, and the key is named', code, out, err)
    pages = (len(archive.names('.segz')) - 1) * 256
    code, out, err = run(archive.outcry, 'verify', copy, '--salvage', new, *archive.keys)
    tap.ok(code == 0 and f'DAMAGED at page {pages}: ' in out and f'to save   {pages} pages' in out
           and 'lost ' in out and f'segments are no longer encrypted in {new}' in out,
           'with it what lies before the damage is', code, out, err)
    code, out, err = run(archive.outcry, 'audit', new, '--format', 'csv')
    tap.ok(code == 0 and before[1][1].startswith(out) and len(out) > 100000,
           'and says what it said before', code, err)
    shutil.rmtree(copy)
    shutil.rmtree(new)


def test_salvage_pruned(tap, archive):
    """test_salvage_pruned has a snapshot that is later than the damage."""
    copy, new = spoiled(archive, archive.names('.segz')[-1], 300), archive.journal + '.new'
    code, out, err = run(archive.outcry, 'verify', copy, '--salvage', new, *archive.keys)
    tap.ok(code == 0 and f'no exchange\n          can go on with {new}' in out,
           'salvage says that a pruned journal without a snapshot does not start', code, out, err)
    code, _, err = run(archive.outcry, 'verify', new)
    tap.ok(code == 0, 'what is left of it is saved all the same', code, err)
    shutil.rmtree(new)
    os.truncate(os.path.join(copy, 'pruned'), 100)
    code, out, err = run(archive.outcry, 'verify', copy, '--salvage', new, *archive.keys)
    tap.ok(code == 1 and 'can be saved: no whole page lies before the damage: ' in err and
           '/pruned: ' in err and not os.path.exists(new), 'a damaged record of it is named', code,
           out, err)
    shutil.rmtree(copy)


def test_prune(tap, archive):
    key = archive.keys[1]
    archive.refuses(0, 'not removed: no good snapshot is there', '--prune', '--years', '0',
                    *archive.keys)
    code, out, err = run(archive.outcry, 'follow', archive.journal, '--once', *archive.keys)
    tap.ok(code == 0 and archive.names('.snap'), 'a snapshot is made', out, err)
    archive.refuses(0, 'not removed: to be kept until 2', '--prune', '--years', '1', *archive.keys)
    archive.refuses(0, 'not removed: no number of years was given', '--dry-run', *archive.keys)
    archive.refuses(0, 'encrypted: would be removed', '--prune', '--years', '0', '--dry-run',
                    *archive.keys)

    # A missing seal in the middle keeps that one and all behind it.
    packed = archive.names('.segz')
    seal = os.path.join(archive.journal, '00000001.seal')
    os.rename(seal, seal + '.kept')
    state = digest(archive.journal)
    code, out, err = archive.retain('--prune', '--years', '0', *archive.keys)
    lines = out.splitlines()
    tap.ok(code == 0 and ', encrypted: removed' in lines[0] and 'not removed: not sealed' in lines[1]
           and all('a segment before it is kept' in line for line in lines[2:len(packed)]),
           'nothing is removed behind what must be kept', out, err)
    os.rename(seal + '.kept', seal)
    test_salvage_pruned(tap, archive)
    lost = {'00000000.segz'}
    now = digest(archive.journal)
    tap.same({name: now.get(name) for name in state if name not in lost and '.kept' not in name},
             {name: state[name] for name in state if name not in lost and '.kept' not in name},
             'seals stay, and all else')

    code, out, err = archive.retain('--prune', '--years', '0', '--json', *archive.keys)
    lines = [json.loads(line) for line in out.splitlines()]
    tap.ok(code == 0 and lines[-1]['pruned'] == len(packed) - 1 and not archive.names('.segz') and
           lines[0]['segment'] == 1 and lines[0]['do'] == 'prune', 'the others are removed', out,
           err)
    tap.ok(len(archive.names('.seal')) == len(packed), 'their seals are kept')
    return key


def test_pruned(tap, archive, before, key):
    code, out, err = archive.say('verify', '--json')
    tap.ok(code == 0 and json.loads(out)['last_seq'] == json.loads(before[3][1])['last_seq'],
           'verify checks what is left', out, err)
    code, out, err = archive.say('audit', '--format', 'csv')
    old = before[1][1].splitlines()
    tap.ok(code == 0 and out.splitlines()[0] == old[0] and
           len(out.splitlines()) < len(old), 'audit tells what is left', code, err)
    pruned = r'outcry audit: the journal in \S+ begins with seq \d+: what was before it was pruned\n'
    tap.ok(re.fullmatch(pruned, err), 'and that there was more', err)
    code, out, err = archive.say('audit', '--format', 'csv', '--from', '1', '--to', '2')
    tap.ok(code == 1 and len(out.splitlines()) == 1 and re.match(pruned, err) and
           'has no command in that range' in err, 'an audit of what was pruned is no empty day', code,
           err)
    code, _, err = archive.say('audit', '--format', 'csv', '--from', '999999999')
    tap.ok(code == 0 and 'has no command in that range' in err and 'pruned' not in err,
           'one of what has not come yet is told to be empty', code, err)
    whole = before[0][1]
    code, out, err = archive.say('replay', '--json')
    first = int(re.search(r'begins with segment \d+, seq (\d+) of', err)[1])
    tap.ok(code == 0 and '.snap: seq ' in err and out['identical'] and
           [out[key] for key in ('snapshot_seq', 'from_seq', 'last_seq', 'state_hash', 'event_hash')]
           == [whole['last_seq'], whole['last_seq'] + 1, whole['last_seq'], whole['state_hash'],
               whole['event_hash']],
           'a replay begins with the snapshot and says so', code, out, err)

    archive.config = write_market(archive.folder, f', archive_key: {os.path.basename(key)}')
    tap.same(archive.serve(3000), 0, 'it starts from the snapshot and goes on')
    code, out, err = archive.say('verify', '--json')
    tap.ok(code == 0 and json.loads(out)['last_seq'] > json.loads(before[3][1])['last_seq'] + 3000,
           'and what it wrote is right', out, err)

    test_pruned_replay(tap, archive, first, before[0][1]['last_seq'])
    test_pruned_snapshots(tap, archive, before[0][1]['last_seq'])

    # Without the snapshot there is no state to begin with.
    for name in archive.names('.snap'):
        os.remove(os.path.join(archive.journal, name))
    code, _, err = run(archive.outcry, 'serve', archive.config)
    tap.ok(code == 3 and 'no snapshot is of use to begin with' in err,
           'without a snapshot it does not start', code, err)
    for command in (['replay'], ['verify', '--full'], ['verify', '--snapshots']):
        code, _, err = run(archive.outcry, *command, archive.journal, *archive.keys)
        tap.ok(code == 3 and 'no snapshot is of use to begin with' in err,
               f'nor does {" ".join(command)}', code, err)
    code, out, err = run(archive.outcry, 'replay', archive.journal, '--print', 'text', '--to',
                         str(first + 9), *archive.keys)
    tap.ok(code == 0 and {int(line.split()[0]) for line in out.splitlines()} ==
           set(range(first, first + 10)), 'what is left can be played without one', code, out, err)


def test_pruned_replay(tap, archive, first, base):
    """A pruned journal with a snapshot at `base` and commands behind it."""
    def replay(*options):
        code, out, err = run(archive.outcry, 'replay', archive.journal, *options, *archive.keys)
        return code, json.loads(out) if code == 0 and '--json' in options else out, err

    code, oldest, err = replay('--json')
    last = oldest['last_seq']
    tap.ok((oldest['snapshot_seq'], oldest['from_seq'], oldest['commands']) ==
           (base, base + 1, last - base) and last > base + 3000,
           'without --from it replays all that can be', oldest, err)
    code, out, err = run(archive.outcry, 'follow', archive.journal, '--once', *archive.keys)
    made = re.search(r'seq (\d+), page .* state hash ([0-9a-f]{32})', err)
    tap.ok(made and (int(made[1]), made[2]) == (last, oldest['state_hash']),
           'a second snapshot says the same', oldest, err)
    half = base + (last - base) // 2
    code, upper, err = replay('--json', '--from', str(half))
    tap.ok(code == 0 and (upper['snapshot_seq'], upper['from_seq'], upper['commands'],
                          upper['state_hash'], upper['event_hash']) ==
           (base, half, last + 1 - half, oldest['state_hash'], oldest['event_hash']),
           '--from takes the snapshot before it', upper, err)
    code, out, err = run(archive.outcry, 'replay', archive.journal, '--print', 'json', '--verify',
                         '--from', str(last + 1), *archive.keys)
    tap.ok(code == 0 and not out and f'/{last:020}.snap: ' in err and
           f"identical up to seq {last}, state hash {oldest['state_hash']}" in err,
           'and the newest of them', out, err)
    code, out, err = replay('--print', 'json', '--verify', '--to', str(half))
    seen = {json.loads(line)['seq'] for line in out.splitlines()}
    tap.ok(code == 0 and seen == set(range(base + 1, half + 1)) and
           f'identical up to seq {half}' in err, '--verify prints what it replays', len(seen), err)
    code, books, err = replay('--books', '--to', str(half))
    tap.ok(code == 0 and json.loads(books)['symbol'] == 'AAPL' and f'seq {half},' in err,
           'books behind a command', code, books, err)
    code, out, err = replay('--until-divergence', '--print', 'text', '--from', str(half))
    tap.ok(code == 0 and out.split()[0] == str(half), '--until-divergence', code, err)

    left = f'is not in {archive.journal} any more: the journal begins with segment'
    can = f'seq {base + 1} is the first that can be replayed'
    for options, text in ((['--from', '1'], left), (['--from', str(first - 1)], left),
                          (['--to', str(first - 1)], left), (['--from', '2001-01-01'], left),
                          (['--to', '2001-01-01'], left), (['--print', 'text', '--from', '1'], left),
                          (['--from', str(first)], can), (['--from', str(base)], can),
                          (['--to', str(base - 1)], can),
                          (['--books', '--to', str(base - 1)], can)):
        code, out, err = replay(*options)
        tap.ok(code == 3 and out == '' and text in err, f'{" ".join(options)} is refused', code,
               out, err)

    code, out, err = run(archive.outcry, 'verify', '--full', '--json', archive.journal,
                         *archive.keys)
    out = json.loads(out or '{}')
    tap.ok(code == 0 and (out['checked_from'], out['checked']) == (base + 1, last),
           'verify --full checks all that can be replayed', code, out, err)


def test_pruned_snapshots(tap, archive, base):
    """verify --snapshots where the first has nothing before it."""
    def verify():
        code, out, err = run(archive.outcry, 'verify', '--snapshots', '--json', archive.journal,
                             *archive.keys)
        rows = json.loads(out or '{}').get('snapshots', [])
        return code, [(row['seq'], row['state']) for row in rows], (out, err)

    names = archive.names('.snap')
    last = int(names[-1][:-5])
    code, rows, why = verify()
    tap.ok(code == 0 and rows == [(base, 'base'), (last, 'good')],
           'the newer snapshot is compared with a replay from the older', code, *why)
    path = os.path.join(archive.journal, names[0])
    os.rename(path, path + '.kept')
    code, rows, why = verify()
    tap.ok(code == 0 and rows == [(last, 'base')], 'which may be missing', code, *why)
    with open(path + '.kept', 'rb') as file:
        data = bytearray(file.read())
    data[5000] ^= 1
    with open(path, 'wb') as file:
        file.write(data)
    code, rows, why = verify()
    tap.ok(code == 1 and rows == [(base, 'differs'), (last, 'base')], 'or damaged', code, *why)
    os.rename(path + '.kept', path)


def test_config(tap, archive, outcry):
    """journal.retain_years and journal.archive_key hold if the configuration is named."""
    with Folder() as folder:
        make_journal(folder)
        config = write_market(folder, ', retain_years: 201')
        code, _, err = run(outcry, 'serve', config, '--check')
        tap.ok(code == 3 and 'retain_years' in err, 'more years than there are', err)
    config = write_market(archive.folder, ', retain_years: 3, archive_key: second.key')
    code, out, err = run(outcry, 'serve', config, '--check')
    tap.ok('retain_years: 3, archive_key:' in out, 'the configuration has both', code, out, err)
    archive.refuses(0, 'to be kept until 2', '--prune', '--dry-run', what=config)
    write_market(archive.folder, ', archive_key: nothing.key')
    code, _, err = run(outcry, 'serve', config)
    tap.ok(code == 3 and 'journal.archive_key: ' in err, 'a key that is not there', code, err)
    write_market(archive.folder)


def test_beside(tap, outcry):
    """retain works beside an exchange that writes, with sealer and follower."""
    with Folder() as folder:
        archive = Archive(tap, outcry, folder)
        seal_key = os.path.join(folder, 'seal.key')
        run(outcry, 'seal', '--make-key', seal_key)
        with Exchange(outcry, archive.config) as exchange:
            port = str(exchange.ports['kernel'][1])
            load = subprocess.Popen([outcry, 'load', archive.config, '--udp-port', port, '--orders',
                                     '20000', '--rate', '10000', '--seed', '7'],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            codes = []
            while load.poll() is None:
                codes.append(run(outcry, 'seal', archive.journal, '--key', seal_key)[0])
                codes.append(archive.retain('--compress')[0])
                codes.append(run(outcry, 'follow', archive.journal, '--once')[0])
                codes.append(archive.retain('--prune', '--years', '0')[0])
            tap.same((load.returncode, set(codes)), (0, {0}), 'all of them go on')
            tap.same(exchange.stop(), 0, 'the exchange has not noticed')
        tap.ok(os.path.exists(os.path.join(archive.journal, 'pruned')), 'there was something to do')
        code, out, err = archive.say('verify', '--json')
        tap.ok(code == 0, 'what is left is right', out, err)
        tap.same(archive.serve(1000), 0, 'it starts again')


def main():
    outcry = sys.argv[1]
    tap = Tap()
    with Folder() as folder:
        archive = Archive(tap, outcry, folder)
        archive.serve(60000)
        shutil.copy(os.path.join(archive.journal, '00000000.seg'), os.path.join(folder, 'kept.seg'))
        before = archive.all()
        tap.ok([code for code, _, _ in before] == [0, 0, 0, 0], 'there is a journal', before[0])
        test_usage(archive)
        test_compress(tap, archive, before)
        test_encrypt(tap, archive, before)
        test_config(tap, archive, outcry)
        test_salvage(tap, archive, before)
        key = test_prune(tap, archive)
        test_pruned(tap, archive, before, key)
    test_beside(tap, outcry)
    tap.done()


if __name__ == '__main__':
    main()
