#!/usr/bin/env python3
"""test_replay: what `outcry replay` does beyond replaying all of a journal.

Ranges by number and time, messages played as text and JSON at a pace, and a divergence: a
journal into which one number was written otherwise than the engine said it.

usage: test_replay.py OUTCRY RECORD_BOOKS
"""

import ctypes
import ctypes.util
import json
import os
import re
import shutil
import subprocess
import sys
import time

from harness import Folder, Tap, run


def record(recorder, folder, *more):
    """record makes a journal and returns its last command."""
    done = subprocess.run([recorder, folder, '3', '21', '1500', '1', *map(str, more)],
                          capture_output=True, timeout=120, check=True)
    return json.loads(done.stdout)


def played(outcry, folder, *options):
    """played is (exit code, messages as JSON, stderr)."""
    code, out, err = run(outcry, 'replay', folder, '--print', 'json', *options)
    return code, [json.loads(line) for line in out.splitlines()], err


def iso(nanoseconds):
    seconds = time.gmtime(nanoseconds // 10**9)
    return time.strftime('%Y-%m-%dT%H:%M:%S', seconds) + f'.{nanoseconds % 10**9:09}Z'


def said_by(outcry, folder, threads, *options):
    """said_by is all that a replay says, but for its speed."""
    code, out, err = run(outcry, 'replay', folder, '--threads', str(threads), *options)
    return code, [line for line in out.splitlines() if not line.startswith('speed')], err


def check_threads(tap, outcry, folder, name):
    for options in ([], ['--to', '700'], ['--print', 'json', '--verify'],
                    ['--print', 'text', '--until-divergence', '--from', '30']):
        one, two = (said_by(outcry, folder, threads, *options) for threads in (1, 2))
        tap.ok(one == two and one[1], f"{name}: {' '.join(options)}: two threads say the same",
               one, two)


def check_ranges(tap, outcry, folder, last):
    whole = played(outcry, folder)
    tap.same((whole[0], whole[1][-1]['seq']), (0, last['seq']), 'a journal is played to its end')
    rows = whole[1]
    middle = rows[len(rows) // 2]
    for name, options, good in (
            ('--from', ['--from', '500'], lambda row: row['seq'] >= 500),
            ('--to, included', ['--to', '700'], lambda row: row['seq'] <= 700),
            ('--until', ['--until', '700'], lambda row: row['seq'] <= 700),
            ('both', ['--from', '500', '--to', '700'], lambda row: 500 <= row['seq'] <= 700),
            ('a time', ['--from', iso(middle['time'])], lambda row: row['time'] >= middle['time']),
            ('a time of --to, excluded', ['--to', iso(middle['time'])],
             lambda row: row['time'] < middle['time']),
            ('nothing', ['--from', str(last['seq'] + 1)], lambda row: False)):
        for verify in ([], ['--verify']):
            code, got, err = played(outcry, folder, *options, *verify)
            want = [row for row in rows if good(row)]
            tap.ok(code == 0 and got == want, f"{name} {' '.join(verify)}", code, len(got),
                   len(want), err)
    json_of = json.loads(run(outcry, 'replay', folder, '--json')[1])
    part = json.loads(run(outcry, 'replay', folder, '--from', '500', '--json')[1])
    tap.same((part['state_hash'], part['event_hash'], part['commands']),
             (json_of['state_hash'], json_of['event_hash'], json_of['commands'] - 499),
             'a replay from 500 on ends as one of all')
    code, out, _ = run(outcry, 'replay', folder, '--print', 'text', '--from', '100', '--to', '120')
    tap.ok(code == 0 and [int(line.split()[0]) for line in out.splitlines()] ==
           [row['seq'] for row in rows if 100 <= row['seq'] <= 120], 'as text', out)


def check_nothing(tap, outcry, folder, last):
    """What is not there is not called identical."""
    end, late = last['seq'], '2200-01-01'
    for options, code, text in (
            (['--from', '100', '--to', '50'], 2, '--to is before --from'),
            (['--from', '2030-01-01', '--to', '2030-01-01'], 2, 'the same time as --from'),
            (['--to', '0'], 2, '--to 0 is no sequence number'),
            (['--from', str(end + 1)], 3, f'there is no seq {end + 1}, the journal ends with seq {end}'),
            (['--from', '999999999', '--json'], 3, f'the journal ends with seq {end}'),
            (['--from', late], 3, f'no command is as late as --from, the journal ends with seq {end}'),
            (['--to', '1970-01-02'], 3, 'no command lies before --to'),
            (['--to', '1970-01-02', '--books'], 3, 'no command lies before --to'),
            (['--from', '100', '--to', '1970-01-02'], 3, 'before --to and behind --from'),
            (['--print', 'text', '--from', '100', '--to', '50'], 2, '--to is before --from'),
            (['--print', 'text', '--from', late], 0, 'no command lies in what was asked for'),
            (['--print', 'text', '--to', '1970-01-02'], 0, 'no command lies in what was asked for')):
        got, out, err = run(outcry, 'replay', folder, *options)
        tap.ok(got == code and not out and text in err, f"{' '.join(options)}: {text}", got, out, err)
    for options in ([], ['--json'], ['--books'], ['--print', 'text'], ['--print', 'json', '--verify']):
        code, out, err = run(outcry, 'replay', folder, '--to', str(end + 7), *options)
        tap.ok(code == 0 and out and f'the journal ends with seq {end}, before seq {end + 7}' in err,
               f"{' '.join(options)} --to behind the end says where it ends", code, err)
        code, _, err = run(outcry, 'replay', folder, '--to', str(end), *options)
        tap.ok(code == 0 and 'the journal ends' not in err, 'and not when it is there', code, err)


def check_speed(tap, outcry, folder, last):
    """Two commands some virtual milliseconds apart, played so that they take two seconds."""
    rows = played(outcry, folder)[1]
    first, final = rows[10], rows[-1]
    speed = (final['time'] - first['time']) / 2e9
    begin = time.monotonic()
    before = os.times()
    code, got, err = played(outcry, folder, '--from', str(first['seq']), '--speed', f'{speed:.9f}')
    after = os.times()
    took = time.monotonic() - begin
    tap.ok(code == 0 and 1.9 <= took and got[-1] == final, 'a pace is kept', took, speed, err)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    tap.ok(used < 1.5, 'and it sleeps in between', used)
    for wrong in ('0', '-1', 'fast', 'nan', 'inf', '1e9', ''):
        code, _, err = run(outcry, 'replay', folder, '--speed', wrong)
        tap.ok(code == 2 and 'neither max nor a number' in err, f'--speed {wrong!r} is refused', err)
    code, out, _ = run(outcry, 'replay', folder, '--speed', 'max', '--to', '5')
    tap.ok(code == 0 and len(out.splitlines()) >= 5, '--speed max prints as text', out)
    for wrong in (['--threads', '3'], ['--print', 'xml'], ['--json', '--print', 'text'], ['--books', '--json'],
                  ['--from', 'noon']):
        tap.same(run(outcry, 'replay', folder, *wrong)[0], 2, f"{' '.join(wrong)} is refused")


def check_divergence(tap, outcry, recorder):
    """One quantity of what a command caused is another in the journal."""
    with Folder() as straight:
        last = record(recorder, straight)
        rows = played(outcry, straight)[1]
    trade = next(row for row in rows if row['kind'] == 'Trade' and row['last'])['seq']
    with Folder() as folder:
        record(recorder, folder, trade)
        check_threads(tap, outcry, folder, 'one that diverges')
        code, out, err = run(outcry, 'replay', folder)
        lines = out.splitlines()
        tap.ok(code == 1 and lines[0].startswith(f'NOT IDENTICAL from seq {trade}: '),
               'a divergence is found', code, out, err)
        differ = [line.split() for line in lines if line.startswith('    ! ')]
        tap.ok(len(differ) == 1 and differ[0][1] == 'qty' and
               int(differ[0][2]) ^ 1 == int(differ[0][3]),
               'and the one field that differs is shown with both values', *lines)
        tap.ok(any(line.split()[:1] == [str(trade)] for line in lines) and
               any('Trade: the journal, the engine' in line for line in lines),
               'with the command and all fields of the cell', *lines)
        tap.ok('state hash' not in out, 'no state hash is told behind it')
        result = json.loads(run(outcry, 'replay', folder, '--json')[1])
        tap.ok(not result['identical'] and result['diverged_seq'] == trade and
               result['last_seq'] == trade - 1 and result['command'][0]['seq'] == trade and
               result['expected'][0]['qty'] ^ 1 == result['actual'][0]['qty'],
               'and as JSON', result)
        code, got, err = played(outcry, folder)
        tap.ok(code == 0 and len(got) == len(rows), 'it is played as it stands', code, err)
        code, got, err = played(outcry, folder, '--verify')
        tap.ok(code == 1 and len(got) == len(rows) and 'NOT IDENTICAL' in err,
               'played on behind the divergence', code, len(got), len(rows), err)
        code, got, err = played(outcry, folder, '--until-divergence')
        tap.ok(code == 1 and 'NOT IDENTICAL' in err and got[-1]['seq'] == trade and
               len(got) < len(rows), 'or ended there', code, err)
        code, got, err = played(outcry, folder, '--verify', '--to', str(trade - 1))
        tap.ok(code == 0, 'before it all is identical', code, err)
        code, got, err = played(outcry, folder, '--verify', '--from', str(trade + 10))
        tap.ok(code == 1 and got[0]['seq'] == trade + 10 and got[-1]['seq'] == last['seq'],
               'what leads to --from is compared as well', code, err)
        check_way_out(tap, outcry, folder, trade)


def check_way_out(tap, outcry, folder, trade):
    """A journal whose pages are good and which does not replay goes on without what diverges."""
    new = os.path.join(folder, 'new')
    code, out, err = run(outcry, 'verify', folder)
    tap.ok(code == 0 and 'undamaged' in out, 'its pages are good', out, err)
    code, out, err = run(outcry, 'verify', folder, '--full')
    way = re.search(r'what lies before: outcry verify \S+ --salvage NEW --to (\d+)', err)
    tap.ok(code == 1 and way is not None and int(way[1]) == trade - 1,
           'verify --full says what can be done', code, out, err)
    code, out, err = run(outcry, 'verify', folder, '--full', '--snapshots', '--json')
    found = json.loads(out)
    tap.ok(code == 1 and not found['damaged'] and found['replayed'] is False and
           (found['diverged_seq'], found['checked']) == (trade, trade - 1) and
           f'from seq {trade}: ' in found['replay_text'] and 'snapshots' not in found,
           'and as JSON', found, err)
    code, out, err = run(outcry, 'verify', folder, '--salvage', new)
    tap.ok(code == 3 and 'nothing to salvage' in err, 'undamaged, so --to must be said', err)
    code, out, err = run(outcry, 'verify', folder, '--salvage', new, '--to', str(trade - 1), '--json')
    found = json.loads(out)
    tap.ok(code == 0 and not found['damaged'] and found['salvage_last_seq'] == trade - 1,
           'all before the divergence is saved', found, err)
    before, after = (json.loads(run(outcry, 'replay', where, '--json', *options)[1])
                     for where, options in ((folder, ['--to', str(trade - 1)]), (new, [])))
    same = ('identical', 'last_seq', 'state_hash', 'event_hash', 'commands', 'cells')
    tap.same([after[key] for key in same], [before[key] for key in same],
             'and the copy is what was before it')
    code, out, err = run(outcry, 'verify', folder, '--salvage', new + '2', '--to', str(trade - 1))
    tap.ok(code == 0 and f' pages: all commands up to seq {trade - 1}, ' in out and
           f'saved     in {new}2, checked; ' in out, 'in words', out, err)
    for seq, text in (('9999999', 'undamaged and ends with seq '), ('0', 'is no sequence number')):
        code, _, err = run(outcry, 'verify', folder, '--salvage', new + '3', '--to', seq)
        tap.ok(code != 0 and text in err and not os.path.exists(new + '3'), f'--to {seq}: {text}', err)
    tap.same(run(outcry, 'verify', folder, '--to', '5')[0], 2, '--to goes with --salvage')


def check_output(tap, outcry, folder):
    with open('/dev/full', 'w', encoding='ascii') as full:
        for options in (['--print', 'text'], ['--print', 'json', '--verify'], ['--books']):
            done = subprocess.run([outcry, 'replay', folder, *options], stdout=full,
                                  stderr=subprocess.PIPE, timeout=60, check=False)
            tap.ok(done.returncode == 3 and b'cannot be written' in done.stderr,
                   f"{' '.join(options)}: output that fails is told", done)


def check_snapshots(tap, outcry, folder):
    """What leads to a range comes from a snapshot, and all comes out the same."""
    def asked(*options):
        return run(outcry, 'replay', folder, *options)

    queries = (['--json', '--from', '1200'], ['--books', '--to', '1300'],
               ['--print', 'json', '--verify', '--from', '1250', '--to', '1260'])
    before = [asked(*query) for query in queries]
    with subprocess.Popen([outcry, 'follow', folder, '--every', '400', '--keep', '10'],
                          stderr=subprocess.PIPE) as follower:
        deadline = time.monotonic() + 60
        while (sum(name.endswith('.snap') for name in os.listdir(folder)) < 2 and
               time.monotonic() < deadline):
            time.sleep(0.05)
        follower.terminate()
        err = follower.communicate(timeout=60)[1]
    tap.ok(follower.returncode == 0, 'snapshots are made', err)
    after = [asked(*query) for query in queries]
    for query, (_, out, err), (code, got, told) in zip(queries, before, after):
        name = ' '.join(query)
        same = ('state_hash', 'event_hash', 'commands', 'messages', 'last_seq')
        if query[0] == '--json':
            out, got = ({key: json.loads(text)[key] for key in same} for text in (out, got))
        tap.ok(code == 0 and got == out, f'{name}: the same from a snapshot', out, got, told)
        tap.ok('.snap' in told and '.snap' not in err, f'{name}: and it was used', told)
    code, _, err = asked('--from', '100')
    tap.ok(code == 0 and '.snap' not in err, 'no snapshot is used that is later', err)
    code, _, err = asked()
    tap.ok(code == 0 and '.snap' not in err, 'all of a journal is replayed without one', err)


def hash_of(data):
    """hash_of is XXH3-128 as snapshots have it; None on a machine without libxxhash."""
    class Hash(ctypes.Structure):
        _fields_ = [('low', ctypes.c_uint64), ('high', ctypes.c_uint64)]

    name = ctypes.util.find_library('xxhash')
    if name is None:
        return None
    function = ctypes.CDLL(name).XXH3_128bits
    function.restype, function.argtypes = Hash, [ctypes.c_char_p, ctypes.c_size_t]
    value = function(bytes(data), len(data))
    return value.low.to_bytes(8, 'little') + value.high.to_bytes(8, 'little')


def with_header(data, at, field):
    """with_header is a snapshot with a field of its header changed, and whole again."""
    header = bytearray(data[:4096])
    header[at:at + len(field)] = field
    header[224:240] = bytes(16)
    header[224:240] = hash_of(header)
    return bytes(header) + data[4096:]


def verify_snapshots(outcry, folder):
    """verify_snapshots is (exit code, state and text by seq, all that was said)."""
    code, out, err = run(outcry, 'verify', '--snapshots', '--json', folder)
    rows = json.loads(out or '{}').get('snapshots', [])
    return code, {row['seq']: (row['state'], row['text']) for row in rows}, out + err


def same_length(recorder, folder, seq):
    """same_length records another journal that ends with seq in the folder."""
    for seed in range(22, 60):
        for commands in (1499, 1500, 1501):
            shutil.rmtree(folder)
            os.mkdir(folder)
            done = subprocess.run([recorder, folder, '3', str(seed), str(commands), '1'],
                                  capture_output=True, timeout=120, check=True)
            if json.loads(done.stdout)['seq'] == seq:
                return True
    return False


def check_verify(tap, outcry, recorder, folder):
    """Snapshots that are not what the journal comes to, each of them whole in itself."""
    code, _, err = run(outcry, 'follow', folder, '--once')
    names = sorted(name for name in os.listdir(folder) if name.endswith('.snap'))
    seqs = [int(name[:-5]) for name in names]
    code, rows, said = verify_snapshots(outcry, folder)
    tap.ok(code == 0 and len(seqs) >= 3 and
           rows == {seq: ('good', 'as a replay from seq 1 on has it') for seq in seqs},
           'verify --snapshots: all are good', said, err)
    code, out, err = run(outcry, 'verify', '--snapshots', folder)
    tap.ok(code == 0 and f'snapshot  {names[0]}: good: as a replay from seq 1' in out, 'in words',
           out, err)

    path, newest = os.path.join(folder, names[1]), os.path.join(folder, names[-1])
    with open(path, 'rb') as file:
        good = file.read()
    with open(newest, 'rb') as file:
        good_newest = file.read()
    with Folder() as other:
        tap.ok(same_length(recorder, other, seqs[-1]), 'there is another journal of that length')
        run(outcry, 'follow', other, '--once')
        with open(os.path.join(other, names[-1]), 'rb') as file:
            stranger = file.read()
        code, rows, said = verify_snapshots(outcry, other)
        tap.ok(code == 0 and rows[seqs[-1]][0] == 'good', 'with a snapshot that is good there', said)
    cases = [
        ('that is damaged', path, good[:-9] + bytes([good[-9] ^ 1]) + good[-8:], 'it is damaged'),
        ('that is cut off', path, good[:-1], 'cut off'),
        ('of another seq by its name', path, good_newest, f'it is of seq {seqs[-1]}'),
        ('of another journal', newest, stranger, 'it is of another journal'),
    ]
    if hash_of(b'') is not None:
        # The stranger's state, said to be of this journal and of this place.
        cases += [
            ('of another state', newest, with_header(stranger, 32, good_newest[32:88]),
             f'its state hash is {stranger[88:104][::-1].hex()}, a replay has '),
            ('with another event hash', path, with_header(good, 104, bytes(8)),
             'its event hash is 0000000000000000, a replay has '),
            ('with another time', path, with_header(good, 112, bytes(8)), 'its time is 0, a'),
            ('with another state hash', path, with_header(good, 88, bytes(16)),
             'what it holds does not have the state hash'),
            ('of another page', path, with_header(good, 56, bytes(16)), 'another page was here'),
        ]
    else:
        tap.skip('snapshots that are whole and wrong', 'no libxxhash')
    for name, where, data, text in cases:
        with open(where, 'rb') as file:
            kept = file.read()
        with open(where, 'wb') as file:
            file.write(data)
        code, rows, said = verify_snapshots(outcry, folder)
        seq = int(os.path.basename(where)[:-5])
        tap.ok(code == 1 and rows[seq][0] == 'differs' and text in rows[seq][1] and
               {row[0] for at, row in rows.items() if at != seq} == {'good'},
               f'a snapshot {name}: {text}', said)
        with open(where, 'wb') as file:
            file.write(kept)
    for name in names:
        os.remove(os.path.join(folder, name))
    code, rows, said = verify_snapshots(outcry, folder)
    tap.ok(code == 0 and rows == {}, 'there may be none', said)


def main():
    outcry, recorder = sys.argv[1:]
    tap = Tap()
    with Folder() as folder:
        last = record(recorder, folder)
        check_ranges(tap, outcry, folder, last)
        check_nothing(tap, outcry, folder, last)
        check_threads(tap, outcry, folder, 'a good one')
        check_speed(tap, outcry, folder, last)
        check_output(tap, outcry, folder)
        check_snapshots(tap, outcry, folder)
        check_verify(tap, outcry, recorder, folder)
    check_divergence(tap, outcry, recorder)
    tap.done()


if __name__ == '__main__':
    main()
