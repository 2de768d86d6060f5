#!/usr/bin/env python3
"""test_python: journals as tools/python/outcry.py reads them.

Journals with orders of every kind are written by record_books, which also tells the books that
the engine had at some commands: the module must rebuild exactly these. What it reads must be
what `outcry replay --print json` prints, over runs, groups that never happened, segments, and
segments that were compressed. The journal of a demo must give the books of `outcry replay
--books`, and the example of docs/journal.md must run.

usage: test_python.py OUTCRY RECORD_BOOKS FOLDER_OF_THE_MODULE
"""

import json
import os
import re
import shutil
import subprocess
import sys

from harness import Folder, Tap, run

PROFILES = 22
KEY = bytes([7]) * 32
MORE = {'Trade', 'MatchPrevented', 'OrderReplace', 'OrderTriggered'}


def record(recorder, folder, profile, seed, commands, stops, *more):
    """record makes a journal and returns what the engine's books were."""
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run([recorder, folder, *map(str, (profile, seed, commands, stops, *more))],
                          capture_output=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def plain(outcry, book):
    """plain is a book as record_books tells it."""
    sides = {}
    for name, levels in (('buy', book.bids), ('sell', book.asks)):
        sides[name] = [[level.px, level.shown, level.reserve,
                        [[order.order_id, order.shown, order.leaves] for order in level.orders]]
                       for level in levels]
    return sides


def difference(outcry, books, wanted):
    """difference tells where books are not what was wanted, nothing if they are."""
    nothing = outcry.Book([], [])
    for number, want in wanted.items():
        got = plain(outcry, books.get(int(number), nothing))
        if got != want:
            return f'instrument {number}: {got} is not {want}'
    return ''


def check_books(tap, outcry, recorder):
    """The books of all profiles, at several commands, forwards and backwards."""
    orders = 0
    for profile in range(PROFILES):
        with Folder() as folder:
            told = record(recorder, folder, profile, 44 + profile, 700, 6)
            journal = outcry.Journal(folder)
            wrong = []
            for want in told + told[2:3]:
                books = journal.book_at(want['seq'])
                orders += sum(len(level.orders) for book in books.values()
                              for level in book.bids + book.asks)
                text = difference(outcry, books, want['books'])
                wrong += [f"seq {want['seq']}, {text}"] if text else []
            tap.ok(not wrong, f'profile {profile}: the books are the engine\'s', *wrong[:1])
    tap.ok(orders > 3000, 'and orders were in them', orders)


def value(outcry, kind, field, number):
    """value is what --print json prints of a field."""
    if isinstance(number, bytes):
        return number.decode('latin-1')
    if hasattr(number, 'tobytes') and number.dtype.kind == 'V':
        return number.tobytes().hex()
    enum = outcry.ENUMS.get((kind, field))
    named = enum is not None and not issubclass(enum, outcry.IntFlag)
    if named and int(number) in list(enum):
        return enum(int(number)).name.rstrip('_')
    return int(number)


def fields(outcry, cell, first):
    kind = outcry.Kind(int(cell['kind']))
    hidden = {'kind', 'shape', 'seq', 'time'} if first else {'kind', 'shape'}
    return {name: value(outcry, kind, name, cell[name]) for name in cell.dtype.names
            if name not in hidden}


def as_json(outcry, message, last):
    """as_json is a message as `outcry replay --print json` has it."""
    cells = message.cells
    row = {'seq': int(message['seq']), 'time': int(message['time']), 'kind': message.name,
           'sell': message.sell, 'by_id': message.by_id, 'last': last,
           **fields(outcry, cells[0], True)}
    if len(cells) > 1:
        row['more'] = [{'kind': outcry.Kind(int(cell['kind'])).name, **fields(outcry, cell, False)}
                       for cell in cells[1:]]
    return row


def check_reading(tap, outcry, program, recorder):
    """Groups, ranges and times against what the program prints."""
    with Folder() as folder:
        told = record(recorder, folder, 3, 5, 6000, 2)
        journal = outcry.Journal(folder)
        printed = [json.loads(line) for line in
                   run(program, 'replay', folder, '--print', 'json')[1].splitlines()]
        got = []
        for group in journal:
            messages = group.messages
            got += [as_json(outcry, message, message is messages[-1]) for message in messages]
        wrong = next((pair for pair in zip(got, printed) if pair[0] != pair[1]), None)
        tap.ok(got == printed, 'all messages are what replay prints', len(got), len(printed), wrong)
        tap.ok(len(journal.segments) > 3, 'from several segments', len(journal.segments))
        last = told[-1]['seq']
        tap.same((journal.first_seq, journal.last_seq, len(journal)), (1, last, last), 'its numbers')
        times = {}
        for row in printed:
            times.setdefault(row['time'], row['seq'])
        wrong = [time for time in list(times)[1::37] if journal.seq_at(time) != times[time] or
                 journal.seq_at(time + 1) == times[time]]
        tap.ok(not wrong, 'commands are found by time', wrong[:3])
        tap.same(journal.seq_at(max(times) + 1), last + 1, 'none behind the last')
        wrong = []
        for first in range(1, last, 61):
            rows = [row['seq'] for row in printed if first <= row['seq'] <= first + 90]
            have = journal.cells(first, first + 90)
            have = have['seq'][have['kind'] < 128].tolist()
            wrong += [first] if rows != have or journal[first].seq != first else []
        tap.ok(not wrong, 'commands are found by number', wrong[:3])
        selected = journal.select('Trade')
        tap.same(selected['order_id'].tolist(),
                 [row['order_id'] for row in printed if row['kind'] == 'Trade'],
                 'one kind is selected')
        check_torn(tap, outcry, folder, journal)


def check_torn(tap, outcry, folder, journal):
    """A page that is not whole ends the journal, and so does what is no page."""
    count = sum(journal._counts)
    per_segment = len(journal.segments[0].pages)
    path = os.path.join(folder, f'{(count - 1) // per_segment:08}.seg')
    at = (count - 1) % per_segment * 4096
    with open(path, 'r+b') as file:
        file.seek(at + 3000)
        file.write(b'torn')
    again = outcry.Journal(folder)
    tap.same(sum(again._counts), count - 1, 'a page that is torn is none')
    tap.ok(again.last_seq < journal.last_seq, 'and its commands never happened')
    hashes = outcry.page_hashes(again.segments[0].pages[:20])
    tap.ok((hashes == again.segments[0].headers['hash'][:20]).all(), 'hashes are those of the pages')


def check_packed(tap, outcry, program, recorder):
    """Compressed and encrypted segments are read like the others."""
    with Folder() as folder:
        told = record(recorder, folder, 9, 6, 6000, 4, 0, 'packed')
        names = os.listdir(folder)
        tap.ok(sum(name.endswith('.segz') for name in names) > 2, 'segments were compressed', names)
        try:
            outcry.Journal(folder).cells()
            tap.ok(False, 'an encrypted segment without its key is refused')
        except outcry.JournalError as error:
            tap.ok('encrypted' in str(error), 'an encrypted segment without its key is refused',
                   error)
        journal = outcry.Journal(folder, keys=[bytes(32), KEY])
        wrong = [difference(outcry, journal.book_at(want['seq']), want['books']) for want in told]
        tap.ok(not any(wrong), 'the books of a compressed journal', *wrong)


def check_live(tap, outcry, recorder):
    """A journal that has grown gives what is new after refresh."""
    with Folder() as folder, Folder() as other:
        told = record(recorder, folder, 3, 8, 3000, 2)
        numbers = sorted(name for name in os.listdir(folder) if name.endswith('.seg'))
        for name in numbers[:2]:
            shutil.copy(os.path.join(folder, name), other)
        journal = outcry.Journal(other)
        before = journal.last_seq
        for name in numbers[2:]:
            shutil.copy(os.path.join(folder, name), other)
        tap.ok(0 < before < told[-1]['seq'] and journal.last_seq == before, 'as it was when opened',
               before)
        journal.refresh()
        tap.same(journal.last_seq, told[-1]['seq'], 'and as it is after refresh')
        tap.ok(not difference(outcry, journal.book_at(), told[-1]['books']), 'its books as well')


def check_demo(tap, outcry, program):
    """The journal of a demo, against what the engine has behind a replay of it."""
    with Folder() as folder:
        os.environ['TMPDIR'] = folder
        code, out, err = run(program, 'demo', '--json', '--seconds', '3', seconds=100)
        del os.environ['TMPDIR']
        if not tap.ok(code == 0, 'a demo runs', out, err):
            return
        path = os.path.join(json.loads(out)['folder'], 'journal-durable')
        journal = outcry.Journal(path)
        for seq in (journal.last_seq // 2, journal.last_seq - 1, journal.last_seq):
            printed = run(program, 'replay', path, '--to', str(seq), '--books', seconds=100)[1]
            want = {row.pop('instrument'): row for row in map(json.loads, printed.splitlines())}
            books = journal.book_at(seq)
            wrong = [difference(outcry, books, {number: {'buy': row['buy'], 'sell': row['sell']}})
                     for number, row in want.items()]
            tap.ok(want and not any(wrong), f'the books of the demo at {seq}', len(want),
                   *[text for text in wrong if text][:1])


def check_example(tap, program, recorder, module):
    """The example of the documentation runs on a journal and says what is in it."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
    with open(os.path.join(root, 'docs', 'journal.md'), encoding='utf-8') as file:
        text = file.read()
    example = re.search(r'```python\n(import sys, outcry.*?)```', text, re.DOTALL).group(1)
    with Folder() as folder:
        told = record(recorder, folder, 0, 3, 600, 1)
        done = subprocess.run([sys.executable, '-c', example, folder], capture_output=True,
                              timeout=60, env={**os.environ, 'PYTHONPATH': module}, check=False)
        tap.ok(done.returncode == 0 and str(told[-1]['seq']) in done.stdout.decode(),
               'the example of docs/journal.md runs', done.stdout, done.stderr)


def main():
    program, recorder, module = sys.argv[1:]
    tap = Tap()
    try:
        import numpy  # noqa: F401
    except ImportError:
        tap.skip('journals in Python', 'numpy is not there')
        tap.done()
    sys.dont_write_bytecode = True
    sys.path.insert(0, module)
    import outcry
    check_books(tap, outcry, recorder)
    check_reading(tap, outcry, program, recorder)
    check_packed(tap, outcry, program, recorder)
    check_live(tap, outcry, recorder)
    check_demo(tap, outcry, program)
    check_example(tap, program, recorder, module)
    tap.done()


if __name__ == '__main__':
    main()
