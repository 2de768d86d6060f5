#!/usr/bin/env python3
"""test_follow_seal: `outcry follow --key`, which seals while it follows.

A running exchange fills segments of one MiB. What the follower has sealed is held against
what `outcry seal` makes of the same journal, and `outcry verify --key` has the last word.
Then a follower is killed at every call that changes a file, by kill_preload.

usage: test_follow_seal.py OUTCRY [KILL_PRELOAD]
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from harness import SECONDS, Exchange, Folder, Tap, make_journal, run, write_config
from test_follow import RETRANSMIT, WRITTEN, Follower, loader, snapshots

SEALED = r'outcry: sealed \S+/(\d{8}).seal: \d+ messages, seq (\d+) to (\d+)\n'


def read(*path):
    with open(os.path.join(*path), 'rb') as file:
        return file.read()


def named(journal, ending):
    return sorted(name for name in os.listdir(journal) if name.endswith(ending))


def full_in(journal):
    """full_in are the numbers of segments behind which the journal goes on."""
    numbers = [int(name[:8]) for name in named(journal, '.seg')]
    return [number for number in numbers
            if number + 1 in numbers and any(read(journal, f'{number + 1:08}.seg'))]


def last_used(journal):
    """last_used is how many pages of the last segment are written."""
    data = read(journal, f'{full_in(journal)[-1] + 1:08}.seg')
    return sum(data[at:at + 4] == b'OTCY' for at in range(0, len(data), 4096))


def said(seal):
    """said is what a seal says of its segment, whenever it was made."""
    return seal[:104] + seal[112:192] + seal[224:256]


class Keeper:
    """Keeper is who has a key, and asks about a journal."""

    def __init__(self, tap, outcry, folder):
        self.tap, self.outcry, self.folder = tap, outcry, folder
        self.journal = make_journal(folder)
        self.config = write_config(folder)
        os.mkdir(os.path.join(folder, 'keys'))
        self.key = os.path.join(folder, 'keys', 'key')
        assert run(outcry, 'seal', '--make-key', self.key)[0] == 0

    def follow(self, *args):
        return Follower(self.outcry, self.journal, '--key', self.key, *args)

    def once(self, *args, **more):
        return run(self.outcry, 'follow', self.journal, *RETRANSMIT, '--once', '--key', self.key,
                   *args, **more)

    def seal(self):
        code, out, err = run(self.outcry, 'seal', self.journal, '--key', self.key, '--json')
        return json.loads(out) if code == 0 else {'error': err}

    def verify(self, *more):
        code, out, err = run(self.outcry, 'verify', self.journal, '--key', self.key + '.pub',
                             '--json', *more)
        return {'code': code, **(json.loads(out) if out else {'error': err})}

    def forget(self):
        """forget takes all seals away, and the key's memory of them."""
        for name in named(self.journal, '.seal'):
            os.unlink(os.path.join(self.journal, name))
        os.unlink(self.key + '.newest')


def load_until(keeper, exchange, follower, count):
    """load_until sends orders until the follower has sealed `count` segments."""
    end = time.monotonic() + 3 * SECONDS
    seed = 1
    while len(re.findall(SEALED, follower.text)) < count:
        assert time.monotonic() < end, follower.text
        load = loader(keeper.outcry, keeper.config, exchange.ports['kernel'][1], 6000, seed)
        while load.poll() is None:
            time.sleep(0.02)
            follower.look()
        follower.look()
        seed += 1


def test_live(keeper):
    """test_live follows and seals under load."""
    tap, journal = keeper.tap, keeper.journal
    with keeper.follow('--every', '4000') as follower:
        follower.wait_for('waits for a journal')
        with Exchange(keeper.outcry, keeper.config) as exchange:
            load_until(keeper, exchange, follower, 2)
            tap.ok(True, 'segments are sealed while the exchange writes')
            seen = keeper.verify()
            tap.ok(seen['code'] == 0 and seen['as_sealed'] and seen['seals'] >= 2,
                   'and are as they were sealed', seen)
            tap.ok(keeper.seal().get('error') is None, 'a second sealer does no harm')
            load_until(keeper, exchange, follower, 3)
            # A few pages behind the last full segment call all of it durable.
            while not 20 <= last_used(journal) <= 200:
                load = loader(keeper.outcry, keeper.config, exchange.ports['kernel'][1], 200)
                load.wait(3 * SECONDS)
            exchange.stop()
        last = full_in(journal)[-1]
        if f'{last:08}.seal' not in os.listdir(journal):
            follower.wait_for(f'{last:08}.seal: ')
        follower.wait_for(WRITTEN)
        tap.same(follower.end(), 0, 'SIGTERM ends it with 0')
    tap.same([int(name[:8]) for name in named(journal, '.seal')], full_in(journal),
             'all full segments are sealed in the end')
    tap.same(keeper.seal().get('sealed'), 0, 'and `outcry seal` has nothing more to seal')
    seen = keeper.verify('--newest', keeper.key + '.newest')
    tap.ok(seen['code'] == 0 and seen['as_sealed'] and seen['newest_found'] and
           seen['sealed_segments'] == len(full_in(journal)), 'verify --key is content', seen)
    tap.same(named(journal, '.new') + named(keeper.folder + '/keys', '.new'), [],
             'nothing is left behind')
    tap.ok(snapshots(journal), 'and there are snapshots, as ever')

    before = [read(journal, name) for name in named(journal, '.seal')]
    keeper.forget()
    keeper.seal()
    after = [read(journal, name) for name in named(journal, '.seal')]
    tap.same([said(seal) for seal in before], [said(seal) for seal in after],
             'the seals say what those of `outcry seal` say')


def test_once(keeper):
    tap, journal = keeper.tap, keeper.journal
    keeper.forget()
    code, _, err = keeper.once()
    tap.ok(code == 0 and len(re.findall(SEALED, err)) == len(full_in(journal)),
           'follow --once seals all that is full', code, err)
    tap.same(keeper.verify()['code'], 0, 'as it should')
    code, _, err = keeper.once()
    tap.ok(code == 0 and not re.findall(SEALED, err), 'and a second time nothing', code, err)


def test_kills(keeper, preload):
    """test_kills kills it before each call that changes a file, until none is left."""
    tap, journal = keeper.tap, keeper.journal
    wrong = []
    torn = 0
    for call in range(1000):
        keeper.forget()
        killed = subprocess.run([keeper.outcry, 'follow', journal, *RETRANSMIT, '--once', '--key',
                                 keeper.key], capture_output=True, check=False, timeout=SECONDS,
                                env={**os.environ, 'LD_PRELOAD': preload,
                                     'OUTCRY_KILL': str(call)})
        torn += bool(named(journal, '.new') + named(keeper.folder + '/keys', '.new'))
        code, _, err = keeper.once()
        seen = keeper.verify('--newest', keeper.key + '.newest')
        left = named(journal, '.new') + named(keeper.folder + '/keys', '.new')
        if code != 0 or seen['code'] != 0 or left or seen['seals'] != len(full_in(journal)):
            wrong.append((call, code, err, seen, left))
        if killed.returncode == 0:
            break
        if killed.returncode != -signal.SIGKILL:
            wrong.append((call, killed.returncode, killed.stderr))
    tap.ok(call >= 10 * len(full_in(journal)) and torn > 0,
           f'it is killed at each of {call} calls', call, torn)
    tap.same(wrong, [], 'the next one seals the rest, and nothing is wrong')


def test_wrong(keeper):
    tap, journal, key = keeper.tap, keeper.journal, keeper.key
    other = os.path.join(keeper.folder, 'other')
    for args, code, words in (
            (['--newest', key], 2, '--newest goes with --key'),
            (['--key', key + '.none'], 3, 'key.none: No such file'),
            (['--key', key + '.pub'], 3, 'nothing can be sealed: '),
            (['--key', key, '--newest', keeper.folder + '/none/newest'], 3,
             'none/: No such file or directory, and that is where the key is to keep')):
        got, _, err = run(keeper.outcry, 'follow', journal, '--once', *RETRANSMIT, *args)
        tap.ok(got == code and words in err, f'refused: {words}', got, err)
    os.mkdir(other)
    got, _, err = run(keeper.outcry, 'follow', other, '--key', key + '.none')
    tap.ok(got == 3 and 'No such file' in err, 'a key that is not there is missed before there is '
           'a journal', got, err)
    assert run(keeper.outcry, 'seal', '--make-key', other + '.key')[0] == 0
    got, _, err = run(keeper.outcry, 'follow', journal, '--once', *RETRANSMIT, '--key',
                      other + '.key')
    tap.ok(got == 1 and 'signed by key' in err, 'seals of a foreign key end it', got, err)
    shutil.copytree(journal, journal + '.copy')
    for name in named(journal, '.seal'):
        os.unlink(os.path.join(journal, name))
    got, _, err = keeper.once()
    tap.ok(got == 1 and 'seals were taken away' in err, 'so do seals that were taken away', got,
           err)
    shutil.rmtree(journal)
    os.rename(journal + '.copy', journal)
    # What cannot be written now is tried again; the rest goes on.
    keeper.forget()
    os.mkdir(os.path.join(journal, '00000000.seal.new'))
    code, _, err = keeper.once()
    tap.ok(code == 3 and '00000000.seal.new: ' in err, 'once: a seal that cannot be written', code,
           err)
    with keeper.follow() as follower:
        follower.wait_for('cannot be sealed now: .*00000000.seal.new: ')
        os.rmdir(os.path.join(journal, '00000000.seal.new'))
        follower.wait_for(SEALED, len(full_in(journal)))
        tap.same(follower.end(), 0, 'is written later')
    tap.same(keeper.verify()['code'], 0, 'and all is well')


def test_other_journal(keeper):
    """test_other_journal puts another journal in the place of the one that is followed, in one
    step, so that nobody sees half of it."""
    tap, folder = keeper.tap, keeper.folder
    make_journal(folder, 'another')
    config = write_config(folder, 'another.yaml', folder='another')
    with Exchange(keeper.outcry, config) as exchange:
        exchange.stop()
    current, new = os.path.join(folder, 'current'), os.path.join(folder, 'new')
    os.symlink('journal', current)
    os.symlink('another', new)
    with Follower(keeper.outcry, current, '--key', keeper.key) as follower:
        follower.wait_for('loaded in')
        os.rename(new, current)
        code = follower.process.wait(timeout=3 * SECONDS)
        follower.end()
        tap.ok(code == 1 and 'it is of another journal' in follower.text,
               'a key that remembers another journal seals nothing', code, follower.text)
        tap.same(named(os.path.join(folder, 'another'), '.seal'), [], 'nothing at all')


def main():
    outcry = os.path.abspath(sys.argv[1])
    preload = sys.argv[2] if len(sys.argv) > 2 else None
    tap = Tap()
    with Folder() as folder:
        keeper = Keeper(tap, outcry, folder)
        test_live(keeper)
        test_once(keeper)
        if preload:
            test_kills(keeper, os.path.abspath(preload))
        test_wrong(keeper)
        test_other_journal(keeper)
    tap.done()


if __name__ == '__main__':
    main()
