#!/usr/bin/env python3
"""test_audit: what `outcry audit` says about a day of which all is known.

Two brokers trade over the wire; the CSV is read by Python's reader, which knows
RFC 4180, and each row is compared with what was done. The JSON lines must say the same, of
that day and of a journal with everything that there is, which record_books makes.

usage: test_audit.py OUTCRY RECORD_BOOKS
"""

import csv
import io
import json
import os
import re
import struct
import subprocess
import sys

from fixp import Client
from harness import Exchange, Folder, Tap, make_journal, run, write_config

PX = 10**8
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z')


def export(outcry, journal, *args):
    """export returns (exit code, raw text, rows)."""
    code, out, _ = run(outcry, 'audit', journal, '--format', 'csv', *args)
    return code, out, list(csv.DictReader(io.StringIO(out, newline='')))


def trade(exchange):
    """trade does one of everything and returns what the clients were told."""
    alpha = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
    beta = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
    alpha.order(11, '2', 10, 100 * PX, 0, codes=(7, 8, 9))     # rests
    alpha.wait(1)
    beta.order(21, '1', 4, 101 * PX, 1)                        # takes 4
    beta.wait(2)
    beta.order(22, '1', 20, 100 * PX, 1, tif='3')              # takes 6, 14 expire
    beta.wait(5)
    alpha.wait(3)
    alpha.order(12, '1', 600, 50 * PX, 0)                      # below the collar
    alpha.order(13, '1', 600, 99 * PX, 0)                      # too large a value
    alpha.order(14, '1', 5, 99 * PX, 0)                        # rests
    alpha.replace(15, 14, 7, 98 * PX)                          # moves
    alpha.cancel(16, 15)                                       # goes
    alpha.cancel(17, 15)                                       # is gone
    alpha.wait(9)
    beta.order(23, '1', 10, 5 * PX // 10, 1, instrument=1)     # restricted
    beta.order(24, '1', 3, 90 * PX, 1)                         # outside nothing: rests
    beta.mass_cancel(25)
    beta.wait(9)
    told = alpha.reports, beta.reports
    alpha.close()
    beta.close()
    return told


def pick(row, *names):
    return tuple(row[name] for name in names)


def by_clord(rows, clord):
    return [row for row in rows if row['clord'] == str(clord)]


def check_orders(tap, rows):
    event = ('event', 'outcome', 'reason')
    new = by_clord(rows, 11)[0]
    tap.same(pick(new, *event, 'session', 'firm', 'account', 'instrument', 'side', 'type', 'tif',
                  'capacity', 'limit_price', 'qty', 'leaves_qty', 'cum_qty'),
             ('NEWO', 'accepted', '', 'BROKER1', 'ALPHA', 'A1', 'ACME', 'SELL', 'Limit',
              'GoodTillCancel', 'DEAL', '100.00', '10', '10', '0'), 'a new order')
    tap.same(pick(new, 'client_code', 'decision_code', 'execution_code'), ('7', '8', '9'),
             'its short codes')
    low, large = by_clord(rows, 12)[0], by_clord(rows, 13)[0]
    tap.same(pick(low, *event, 'risk_level', 'risk_subject', 'risk_limit', 'risk_value'),
             ('REMO', 'refused', 'PriceCollarLow', 'Instrument', '0', '90.00', '50.00'),
             'an order below the collar, with limit and value')
    tap.same(pick(large, *event, 'risk_level', 'risk_limit', 'risk_value'),
             ('REMO', 'refused', 'MaxOrderValue', 'Account', '50000.00', '59400.00'),
             'an order of too large a value')
    rested, moved = by_clord(rows, 14)[0], by_clord(rows, 15)[0]
    tap.same(pick(moved, *event, 'orig_clord', 'order_id', 'limit_price', 'qty', 'leaves_qty'),
             ('REME', 'accepted', '', '14', rested['order_id'], '98.00', '7', '7'), 'a replace')
    tap.ok(moved['new_order_id'] not in ('', '0', moved['order_id']), 'gives it a new id', moved)
    gone, late = by_clord(rows, 16)[0], by_clord(rows, 17)[0]
    tap.same(pick(gone, *event, 'orig_clord', 'order_id', 'removed_qty', 'leaves_qty', 'side'),
             ('CAME', 'accepted', '', '15', moved['new_order_id'], '7', '0', 'BUYI'), 'a cancel')
    tap.same(pick(late, *event, 'account', 'side'), ('CARJ', 'refused', 'UnknownOrder', '', ''),
             'a cancel that is too late')
    tap.same(pick(by_clord(rows, 23)[0], *event, 'instrument', 'limit_price'),
             ('REMO', 'refused', 'RestrictedInstrument', 'ZINC', '0.5'), 'a restricted instrument')
    tap.same([pick(row, *event) for row in by_clord(rows, 25)],
             [('MCAN', 'accepted', ''), ('MDON', '', '')], 'a mass cancel')
    tap.ok('count=1' in by_clord(rows, 25)[1]['detail'], 'and how many it took')
    tap.same([pick(row, *event) for row in by_clord(rows, 24)],
             [('NEWO', 'accepted', ''), ('CAME', '', 'MassCancel')], 'the order that it took')


def check_trades(tap, rows, told):
    trades = [row for row in rows if row['kind'] == 'Trade']
    tap.same([pick(row, 'event', 'clord', 'side', 'aggressor', 'exec_price', 'exec_qty',
                   'leaves_qty', 'cum_qty', 'account', 'firm') for row in trades],
             [('FILL', '21', 'BUYI', 'AGRE', '100.00', '4', '0', '4', 'B1', 'BETA'),
              ('PARF', '11', 'SELL', 'PASV', '100.00', '4', '6', '4', 'A1', 'ALPHA'),
              ('PARF', '22', 'BUYI', 'AGRE', '100.00', '6', '14', '6', 'B1', 'BETA'),
              ('FILL', '11', 'SELL', 'PASV', '100.00', '6', '0', '10', 'A1', 'ALPHA')],
             'two trades of two sides each')
    tap.same(trades[0]['match_id'], trades[1]['match_id'], 'both sides have one match id')
    tap.same(int(trades[1]['exec_id']), int(trades[0]['exec_id']) + 1, 'and ids of their own')
    reports = [struct.unpack_from('<QQQQ', body) for kind, body in told[0] if kind == 'Trade']
    tap.same([(int(row['order_id']), int(row['clord']), int(row['exec_id']), int(row['match_id']))
              for row in (trades[1], trades[3])], reports, 'as the client was told')
    expired = [row for row in by_clord(rows, 22) if row['event'] == 'EXPI']
    tap.same([pick(row, 'reason', 'removed_qty', 'cum_qty') for row in expired],
             [('ImmediateOrCancel', '14', '6')], 'what an IOC could not trade expires')


def check_form(tap, raw, rows):
    lines = raw.split('\r\n')
    tap.ok(lines[-1] == '' and '\n' not in raw.replace('\r\n', ''), 'every line ends with CRLF')
    tap.same(len(lines) - 2, len(rows), 'one line for each row, and a header')
    tap.ok(all(None not in row and None not in row.values() for row in rows),
           'every row has every column')
    tap.ok(all(TIME.fullmatch(row['time']) for row in rows), 'times are ISO 8601 in nanoseconds')
    keys = [(int(row['seq']), int(row['sub_seq'])) for row in rows]
    tap.same(sorted(set(keys)), keys, 'seq and sub_seq name each row, in order')
    tap.same(sorted({seq for seq, _ in keys}), list(range(1, keys[-1][0] + 1)),
             'no command is missing')
    tap.ok(all(row['page'].isdigit() and int(row['cell']) < 63 for row in rows),
           'each row has its place in the journal')


def check_filters(tap, outcry, journal, rows):
    for args, wanted, name in (
            (['--account', 'A1'], lambda r: r['account'] == 'A1', 'account by name'),
            (['--account', '1'], lambda r: r['account_id'] == '1', 'account by id'),
            (['--instrument', 'ZINC'], lambda r: r['instrument'] == 'ZINC', 'instrument'),
            (['--account', 'B1', '--instrument', 'ACME'],
             lambda r: r['account'] == 'B1' and r['instrument'] == 'ACME', 'both'),
            (['--from', '20'], lambda r: int(r['seq']) >= 20, 'from a seq'),
            (['--to', '20'], lambda r: int(r['seq']) <= 20, 'to a seq'),
            (['--from', rows[20]['time']], lambda r: r['time'] >= rows[20]['time'], 'from a time'),
            (['--to', rows[20]['time']], lambda r: r['time'] < rows[20]['time'], 'to a time'),
            (['--to', '1971-01-01'], lambda r: False, 'to a day long ago'),
            (['--from', '2400-02-29'], lambda r: False, 'from a day far away'),
            (['--account', 'NOBODY'], lambda r: False, 'an account that is not there')):
        code, _, got = export(outcry, journal, *args)
        tap.same((code, got), (0, [row for row in rows if wanted(row)]), f'filter: {name}')
    for args, wanted, name in (
            (['--account', 'NOBODY'], 'outcry audit: what was read knows no account NOBODY\n',
             'an account that was never there is named'),
            (['--instrument', 'NONE'], 'outcry audit: what was read knows no instrument NONE\n',
             'and an instrument'),
            (['--account', 'A1', '--instrument', 'ZINC', '--from', '2400-02-29'],
             f'outcry audit: the journal in {journal} has no command in that range\n',
             'those that are known are not, whatever is left of them')):
        code, _, err = run(outcry, 'audit', journal, '--format', 'csv', *args)
        tap.same((code, err), (0, wanted), name)
    for bad in ('2025-02-29', '2025-13-01', '2025-01-01T24:00:00Z', '1.5', '-1', ''):
        code, _, _ = export(outcry, journal, '--from', bad)
        tap.same(code, 2, f'no time: {bad!r}')


def export_json(outcry, journal, *args):
    """export_json returns (exit code, objects); each line must be one."""
    code, out, _ = run(outcry, 'audit', journal, '--format', 'json', *args, seconds=60)
    lines = out.split('\n')
    assert lines.pop() == '', 'the last line is whole'
    return code, [json.loads(line) for line in lines]


def as_csv(text):
    """as_csv is a text as the CSV has it: bytes that are not visible as \\xNN."""
    return re.sub(r'[^\x20-\x7e]', lambda match: f'\\x{ord(match.group()):02x}', str(text))


def check_json(tap, outcry, journal, name):
    """The JSON lines hold what the CSV holds, and nothing else."""
    code, raw, rows = export(outcry, journal)
    json_code, objects = export_json(outcry, journal)
    back = [{column: as_csv(row.get(column, '')) for column in rows[0]} for row in objects]
    wrong = next((pair for pair in zip(back, rows) if pair[0] != pair[1]), '')
    tap.ok((code, json_code) == (0, 0) and back == rows, f'{name}: JSON lines say what the CSV says',
           len(back), len(rows), wrong)
    tap.ok(all(set(row) <= set(rows[0]) and '' not in row.values() for row in objects),
           f'{name}: with no other columns, and none that is empty')
    numbers = {column for row in objects for column, value in row.items() if value.__class__ is int}
    texts = {column for row in objects for column, value in row.items() if value.__class__ is str}
    tap.ok({'seq', 'qty', 'account_id', 'page'} <= numbers and not numbers & texts and
           {'limit_price', 'time', 'clord', 'kind'} <= texts and
           all(value < 2**53 for row in objects for value in row.values()
               if value.__class__ is int),
           f'{name}: a column is numbers or text, and numbers are exact everywhere',
           sorted(numbers), sorted(numbers & texts))
    return rows


def check_everything(tap, outcry, recorder):
    for profile in (3, 9, 17):
        with Folder() as folder:
            subprocess.run([recorder, folder, str(profile), '5', '1200', '1'], timeout=120,
                           check=True, stdout=subprocess.DEVNULL)
            rows = check_json(tap, outcry, folder, f'profile {profile}')
            code, objects = export_json(outcry, folder, '--from', '300', '--to', '400')
            tap.same((code, [row['seq'] for row in objects]),
                     (0, [int(row['seq']) for row in rows if 300 <= int(row['seq']) <= 400]),
                     f'profile {profile}: filters hold for JSON as well')


def check_memory(tap, outcry, recorder):
    """check_memory looks at what audit holds in memory near its end, of a compressed journal.
    It is held up there by a pipe that takes less than what it has still to write."""
    name = 'audit lets go of compressed segments that it has read'
    with open(outcry, 'rb') as file:
        if b'AddressSanitizer' in file.read():
            tap.skip(name, 'a sanitizer keeps what was freed')
            return
    with Folder() as folder:
        subprocess.run([recorder, folder, '9', '5', '16000', '1', '0', 'packed'], timeout=120,
                       check=True, stdout=subprocess.DEVNULL)
        unpacked = sum(name.endswith('.segz') for name in os.listdir(folder)) << 20
        args = [outcry, 'audit', folder, '--format', 'csv', '--archive-key', f'{folder}/key']
        done = subprocess.run(args, capture_output=True, timeout=60, check=True)
        with subprocess.Popen(args, stdout=subprocess.PIPE, bufsize=0) as process:
            left = len(done.stdout) - (200 << 10)
            while left > 0:
                left -= len(process.stdout.read(min(left, 1 << 16)))
            with open(f'/proc/{process.pid}/status', encoding='ascii') as file:
                held = int(re.search(r'RssAnon:\s+(\d+) kB', file.read())[1]) << 10
            rest = process.stdout.read()
            while piece := process.stdout.read():
                rest += piece
        tap.ok(process.returncode == 0 and done.stdout.endswith(rest), 'audit came to its end')
        tap.ok(unpacked > (12 << 20) and held < unpacked * 2 // 3,
               name, held, unpacked)


def main():
    outcry, recorder = sys.argv[1:]
    tap = Tap()
    with Folder() as folder:
        journal = make_journal(folder)
        with Exchange(outcry, write_config(folder)) as exchange:
            told = trade(exchange)
            code, _, live = export(outcry, journal)
            tap.same((code, len([row for row in live if row['kind'] == 'Trade'])), (0, 4),
                     'a live journal can be exported')
            exchange.stop()
        code, raw, rows = export(outcry, journal)
        tap.same(code, 0, 'the export ends with 0')
        tap.same(rows[:len(live)], live, 'what was there when it was live is there still')
        check_form(tap, raw, rows)
        check_orders(tap, rows)
        check_trades(tap, rows, told)
        check_filters(tap, outcry, journal, rows)
        check_json(tap, outcry, journal, 'a day')
        with open('/dev/full', 'w', encoding='ascii') as full:
            done = subprocess.run([outcry, 'audit', journal, '--format', 'csv'], stdout=full,
                                  stderr=subprocess.DEVNULL, timeout=60, check=False)
        tap.same(done.returncode, 3, 'an output that is full ends it with 3')
    check_everything(tap, outcry, recorder)
    check_memory(tap, outcry, recorder)
    tap.done()


main()
