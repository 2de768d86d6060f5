#!/usr/bin/env python3
"""test_seal: seal, verify --key, prove and check-proof, as a user at the command line sees them.

A running exchange fills segments of one MiB while they are sealed. Trees are built anew
from the bytes of the segments, seals and proofs are checked by tools/python/check_proof.py,
which shares nothing with the program. Then somebody changes what was sealed.

usage: test_seal.py OUTCRY
"""

import json
import os
import re
import shutil
import struct
import subprocess
import sys

from harness import Exchange, Folder, Tap, make_journal, run, write_config

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tools', 'python'))
sys.dont_write_bytecode = True

import check_proof  # noqa: E402

ORDERS = ['--orders', '6000', '--rate', '4000', '--seed', '5']


def read(*path):
    with open(os.path.join(*path), 'rb') as file:
        return file.read()


def write(data, *path):
    with open(os.path.join(*path), 'wb') as file:
        file.write(data)


def seals_in(journal):
    return sorted(name for name in os.listdir(journal) if name.endswith('.seal'))


def leaves_in(journal, number):
    """leaves_in are the leaf digests of a segment of a journal of one run."""
    leaves = []
    data = read(journal, f'{number:08}.seg')
    for at in range(0, len(data), 4096):
        page = data[at:at + 4096]
        if page[31] & 2:                       # a segment page
            continue
        leaves += [check_proof.digest(0, message)
                   for message in check_proof.messages_of(page[64:64 + 64 * page[30]])]
    return leaves


def tree(leaves):
    return check_proof.root_of(0, len(leaves), 0, leaves, [])


class Keeper:
    """Keeper is who has the keys and seals a journal."""

    def __init__(self, tap, outcry, folder):
        self.tap, self.outcry = tap, outcry
        self.folder = folder
        self.journal = os.path.join(folder, 'journal')
        self.key = os.path.join(folder, 'key')
        self.pub = self.key + '.pub'

    def call(self, *args):
        return run(self.outcry, *args, seconds=60)

    def good(self, text, name, *args):
        code, out, err = self.call(*args)
        return self.tap.ok(code == 0 and re.search(text, out), name, code, out, err)

    def bad(self, code, text, name, *args):
        got, out, err = self.call(*args)
        return self.tap.ok(got == code and text in (out if code == 1 and out else err), name, got,
                           out, err)

    def seal(self):
        code, out, err = self.call('seal', self.journal, '--key', self.key, '--json')
        return json.loads(out) if code == 0 else {'error': err}

    def verify(self, *more):
        code, out, err = self.call('verify', self.journal, '--key', self.pub, '--json', *more)
        return {'code': code, **(json.loads(out) if out else {'error': err})}


def test_keys(keeper):
    tap, key = keeper.tap, keeper.key
    keeper.good('secret key .*\npublic key .*key.pub', 'a key is made', 'seal', '--make-key',
                key)
    mode = os.stat(key).st_mode & 0o777
    tap.same(mode, 0o600, 'its secret half is for its owner alone')
    before = read(key)
    keeper.bad(3, 'never overwritten', 'a key is not overwritten', 'seal', '--make-key', key)
    tap.same(read(key), before, 'and stays as it was')
    os.chmod(key, 0o644)
    keeper.bad(3, 'chmod 600', 'a key that others can read is refused', 'seal', keeper.journal,
               '--key', key)
    os.chmod(key, 0o600)


def test_mistakes(keeper):
    for args, code, text in (
            (['seal'], 2, 'an argument is missing'),
            (['seal', keeper.journal], 2, '--key is missing'),
            (['seal', keeper.journal, 'x', '--key', keeper.key], 2, 'too many'),
            (['seal', keeper.journal, '--key'], 2, 'needs a value'),
            (['seal', keeper.journal, '--key', keeper.key + '.none'], 3, 'No such file'),
            (['seal', keeper.journal, '--key', keeper.pub], 3, 'this is the public half of a key'),
            (['seal', keeper.folder, '--key', keeper.key], 3, 'no journal there'),
            (['seal', keeper.folder + '/none', '--key', keeper.key], 3, 'No such file'),
            (['seal', keeper.journal, '--signed-by', keeper.key], 2, 'goes with --make-key'),
            (['seal', '--make-key', 'x', '--key', 'y'], 2, 'goes with --signed-by'),
            (['verify', keeper.journal, '--key', keeper.key + '.none'], 3, 'No such file'),
            (['verify', keeper.journal, '--key', keeper.key], 3, 'this is the secret key: '),
            (['verify', keeper.journal, '--key', keeper.folder + '/outcry.yaml'], 3, 'no public key'),
            (['verify', keeper.journal, '--newest', keeper.pub], 3, 'a seal has 320 bytes'),
            (['prove', keeper.journal], 2, 'an argument is missing'),
            (['prove', keeper.journal, '0'], 2, 'no sequence number'),
            (['prove', keeper.journal, 'x'], 2, 'no sequence number'),
            (['prove', keeper.journal, '1', '--message', '-1'], 2, 'is no number'),
            (['prove', keeper.folder, '1'], 3, 'no journal there'),
            (['check-proof', 'x'], 2, '--key is missing'),
            (['check-proof', '--key', keeper.pub], 2, 'an argument is missing'),
            (['check-proof', keeper.folder + '/none', '--key', keeper.pub], 3, 'No such file'),
            (['check-proof', keeper.folder, '--key', keeper.pub], 3, 'cannot be read'),
            (['check-proof', keeper.pub, '--key', keeper.pub], 1, 'this is no proof')):
        keeper.bad(code, text, ' '.join(args[:1] + args[2:]) + ' is refused: ' + text, *args)


def test_running(keeper, config):
    """test_running seals beside an exchange that writes."""
    tap = keeper.tap
    with Exchange(keeper.outcry, config) as exchange:
        keeper.bad(1, 'nothing is sealed', 'what has no seals is not as it was sealed', 'verify',
                   keeper.journal, '--key', keeper.pub)
        keeper.good('nothing more to seal', 'there is no full segment yet', 'seal', keeper.journal,
                    '--key', keeper.key)
        port = ['--udp-port', str(exchange.ports['kernel'][1])]
        sealed = 0
        for _ in range(10):
            code, out, err = keeper.call('load', config, '--json', *port, *ORDERS)
            tap.ok(code == 0 and json.loads(out)['lost'] == 0, 'orders are taken', out, err)
            sealed += keeper.seal().get('sealed', 0)
            if sealed >= 3:
                break
        tap.ok(sealed >= 3, 'segments are sealed while the exchange writes', sealed)
        seen = keeper.verify()
        tap.ok(seen['code'] == 0 and seen['as_sealed'] and seen['seals'] == sealed and
               seen['sealed_segments'] == sealed and seen['unsealed_pages'] > 0,
               'and are as they were sealed', seen)
        exchange.stop()
    keeper.seal()
    tap.same(keeper.seal().get('sealed'), 0, 'what is sealed is not sealed again')
    tap.same(keeper.call('replay', keeper.journal)[0], 0, 'the journal replays')


def test_together(keeper):
    """test_together lets several seal at once, what only one can."""
    tap = keeper.tap
    seals = seals_in(keeper.journal)
    before = [read(keeper.journal, name) for name in seals]
    for name in seals:
        os.unlink(os.path.join(keeper.journal, name))
    os.rename(keeper.key + '.newest', keeper.key + '.before')
    sealers = [subprocess.Popen([keeper.outcry, 'seal', keeper.journal, '--key', keeper.key],
                                stdout=subprocess.PIPE) for _ in range(4)]
    codes = [(sealer.communicate(timeout=60), sealer.returncode)[1] for sealer in sealers]
    tap.same(codes, [0] * 4, 'several sealers at once')
    after = [read(keeper.journal, name) for name in seals_in(keeper.journal)]
    tap.same([seal[160:192] for seal in after], [seal[160:192] for seal in before],
             'give one seal for each segment')
    tap.ok(keeper.verify()['code'] == 0, 'and one chain of them')
    tap.same(read(keeper.key + '.newest'), after[-1], 'of which the key remembers the last')


def test_stranger(keeper):
    """test_stranger builds each tree anew from the file, and the chain of seals."""
    tap = keeper.tap
    keys = check_proof.keys_of(read(keeper.pub))
    before, wrong = None, []
    for number, name in enumerate(seals_in(keeper.journal)):
        seal = check_proof.seal_of(read(keeper.journal, name))
        leaves = leaves_in(keeper.journal, number)
        cell = read(keeper.journal, f'{number:08}.seg')[64:128]
        prev = check_proof.digest(2, before['statement']) if before else bytes(32)
        signed = check_proof.is_signed(keys[seal['key_id']], seal['statement'], seal['signature'])
        if not (signed and seal['prev'] == prev and seal['segment_no'] == number and
                seal['messages_cnt'] == len(leaves) and seal['root'] == tree(leaves) and
                seal['opening'] == check_proof.digest(3, cell) and
                seal['journal'] == cell[8:24]):
            wrong.append((number, seal, len(leaves)))
        before = seal
    tap.ok(before is not None and not wrong, 'a stranger finds the same trees', wrong)


def test_proofs(keeper):
    tap, out = keeper.tap, os.path.join(keeper.folder, 'a.proof')
    keys = check_proof.keys_of(read(keeper.pub))
    newest = check_proof.seal_of(read(keeper.journal, seals_in(keeper.journal)[-1]))
    last = newest['end_seq'] - (newest['flags'] & 1)
    wrong = []
    for seq in [1, 2, 3, last // 2, last // 2 + 1, last - 1, last]:
        code, text, err = keeper.call('prove', keeper.journal, str(seq), '--out', out, '--json')
        if code != 0:
            wrong.append((seq, err))
            continue
        _, messages = check_proof.check_proof(read(out), keys)
        checked, shown, _ = keeper.call('check-proof', out, '--key', keeper.pub, '--json')
        if (checked != 0 or json.loads(shown)['seq'] != seq or not json.loads(text)['whole'] or
                json.loads(text)['messages'] != len(messages) or
                struct.unpack_from('<Q', messages[0], 8)[0] != seq):
            wrong.append((seq, shown, text))
        os.unlink(out)
    tap.ok(not wrong, 'commands are proven, to a stranger as well', wrong)

    # A trade is more than one message.
    trade = next(int(row.split(',')[0]) for row in
                 keeper.call('audit', keeper.journal, '--format', 'csv')[1].splitlines()
                 if ',Trade,' in row)
    keeper.good('all there are', 'prove says what it wrote', 'prove', keeper.journal, str(trade),
                '--out', out)
    keeper.bad(3, 'it exists', 'a proof is not overwritten', 'prove', keeper.journal, str(trade),
               '--out', out)
    keeper.good(r'proven\nseq +\d+: the command and all that it caused(.|\n)*Z OrderNew (.|\n)*'
                r'Z   Trade .*qty=.* TradeMaker .*match_id=',
                'check-proof shows what it proves', 'check-proof', out, '--key', keeper.pub)
    code, text, _ = run(sys.executable, os.path.join(ROOT, 'tools', 'python', 'check_proof.py'),
                        out, keeper.pub)
    tap.ok(code == 0 and f'proven: seq {trade},' in text, 'so does the page of Python', text)
    whole = read(out)
    one = os.path.join(keeper.folder, 'one.proof')
    keeper.good('1 message of', 'one message can be proven', 'prove', keeper.journal, str(trade),
                '--message', '1', '--out', one)
    keeper.good('one message of its group(.|\n)* Trade ', 'and is said to be one', 'check-proof',
                one, '--key', keeper.pub)
    keeper.bad(1, 'sealed messages, 0 to', 'a message that there is not', 'prove', keeper.journal,
               str(trade), '--message', '99', '--out', one + 'x')
    keeper.bad(1, 'is not sealed: sealed is up to', 'what is not sealed is not proven', 'prove',
               keeper.journal, str(last + 100), '--out', one + 'x')

    missed = []
    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        write(changed, out)
        code, _, _ = keeper.call('check-proof', out, '--key', keeper.pub) if at % 3 == 0 else \
            (1, '', '')
        try:
            check_proof.check_proof(bytes(changed), keys)
            missed.append(at)
        except check_proof.NotProven:
            if code != 1:
                missed.append(at)
    tap.same(missed, [], 'a proof with a flipped bit proves nothing')
    write(whole[:-1], out)
    keeper.bad(1, 'NOT PROVEN: it should have', 'nor does one that is cut', 'check-proof', out,
               '--key', keeper.pub)
    write(whole, out)
    other = os.path.join(keeper.folder, 'other')
    keeper.call('seal', '--make-key', other)
    keeper.bad(1, 'which was not given', 'nor one of another key', 'check-proof', out, '--key',
               other + '.pub')


def test_rotation(keeper):
    new = os.path.join(keeper.folder, 'new')
    keeper.good('announced by', 'a key announces the next', 'seal', '--make-key', new,
                '--signed-by', keeper.key)
    keeper.good('', 'the next key goes on', 'seal', keeper.journal, '--key', new)
    keeper.good('as sealed by', 'who has the old key takes the new one', 'verify', keeper.journal,
                '--key', keeper.pub, '--key', new + '.pub')
    keeper.good('as sealed by', 'the new public key speaks for the old one', 'verify',
                keeper.journal, '--key', new + '.pub')
    keeper.bad(3, 'no key that was given before announces this one', 'a stranger key is refused',
               'verify', keeper.journal, '--key', keeper.pub, '--key',
               os.path.join(keeper.folder, 'other.pub'))


def test_tampering(keeper):
    """test_tampering changes a copy in all the ways there are."""
    tap, journal = keeper.tap, keeper.journal
    newest = os.path.join(keeper.folder, 'kept.seal')
    shutil.copy(os.path.join(journal, seals_in(journal)[-1]), newest)
    shutil.copytree(journal, journal + '.copy')

    def restored():
        shutil.rmtree(journal)
        shutil.copytree(journal + '.copy', journal)

    def broken(name, text, *more):
        seen = keeper.verify(*more)
        tap.ok(seen['code'] == 1 and not seen.get('as_sealed') and text in seen['seal_text'], name,
               seen)
        restored()

    tap.ok(keeper.verify('--newest', newest).get('newest_found'), 'the seal that was kept is found')
    keeper.good('which shows nothing', 'the seal in the folder itself is no seal that was kept',
                'verify', journal, '--key', keeper.pub, '--newest',
                os.path.join(journal, seals_in(journal)[-1]))
    data = bytearray(read(journal, '00000001.seg'))
    data[4096 * 7 + 64 + 40] ^= 1
    write(data, journal, '00000001.seg')
    broken('a flipped bit in a segment is found', '00000001.seg')
    os.rename(os.path.join(journal, '00000001.seal'), os.path.join(journal, 'x'))
    broken('a missing seal is found', '00000001.seal: missing')
    write(read(journal, '00000002.seal'), journal, '00000001.seal')
    broken('a seal in the place of another is found', 'it is that of segment 2')
    for number in range(320):
        data = bytearray(read(journal + '.copy', '00000001.seal'))
        data[number] ^= 1 << number % 8
        write(data, journal, '00000001.seal')
        if number % 16 == 0 and keeper.verify()['code'] != 1:
            tap.ok(False, f'byte {number} of a seal', number)
    broken('a changed seal is found', '00000001.seal')
    os.unlink(os.path.join(journal, '00000001.seg'))
    broken('a missing segment is found', 'missing')
    for name in os.listdir(journal):
        if re.match(r'\d{8}\.se', name) and int(name[:8]) >= 1:
            os.unlink(os.path.join(journal, name))
    broken('what was cut off at the end is found by the seal that was kept', 'was cut off',
           '--newest', newest)
    for name in seals_in(journal):
        os.unlink(os.path.join(journal, name))
    keeper.bad(1, 'seals were taken away', 'the sealer does not seal anew', 'seal', journal,
               '--key', keeper.key)
    broken('seals that were taken away are missed', 'the seals were taken away', '--newest', newest)


def main():
    outcry = os.path.abspath(sys.argv[1])
    tap = Tap()
    with Folder() as folder:
        keeper = Keeper(tap, outcry, folder)
        make_journal(folder)
        config = write_config(folder)
        test_keys(keeper)
        test_running(keeper, config)
        test_mistakes(keeper)
        test_together(keeper)
        test_stranger(keeper)
        test_proofs(keeper)
        test_tampering(keeper)
        test_rotation(keeper)
    tap.done()


if __name__ == '__main__':
    main()
