#!/usr/bin/env python3
"""test_refusals: what ends `outcry serve` before it serves.

Each refusal is exit code 3 and one line on stderr that says what is wrong and,
where it can, what to do; and the journal's folder is byte for byte as it was.

usage: test_refusals.py OUTCRY
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import sys

from harness import (Exchange, Folder, Tap, digest, limit_files, make_journal, run, spoil,
                     write_config)

PAGE = 4096


def refused(tap, outcry, config, pattern, name, folder=None, preexec=None):
    """refused runs serve and expects one line that matches, and no change."""
    before = digest(folder) if folder else None
    code, out, err = run(outcry, 'serve', config, preexec=preexec)
    good = code == 3 and out == '' and re.fullmatch(f'outcry serve: {pattern}\n', err)
    tap.ok(good, name, f'expected {pattern}', f'code {code}', err)
    if folder:
        tap.same(digest(folder), before, f'{name}: nothing changed')


def run_once(outcry, config):
    with Exchange(outcry, config) as exchange:
        assert exchange.stop() == 0, exchange.text


def patch(journal, offset, data):
    with open(os.path.join(journal, '00000000.seg'), 'r+b') as file:
        file.seek(offset)
        file.write(data)


def pages_of(journal):
    """pages_of counts the pages that were written."""
    with open(os.path.join(journal, '00000000.seg'), 'rb') as file:
        data = file.read()
    return sum(data[at:at + 4] == b'OTCY' for at in range(0, len(data), PAGE))


def test_folder(tap, outcry):
    with Folder() as folder:
        config = write_config(folder)
        path = re.escape(os.path.join(folder, 'journal'))
        refused(tap, outcry, config,
                f"journal folder {path} does not exist, make it with: mkdir -p '{path}'",
                'no journal folder')
        tap.ok(not os.path.exists(os.path.join(folder, 'journal')), 'and it is not made')
        with open(os.path.join(folder, 'journal'), 'w', encoding='ascii'):
            pass
        refused(tap, outcry, config, f'journal folder {path} is no folder', 'a file as folder')


def test_lock(tap, outcry):
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        with Exchange(outcry, config) as exchange:
            refused(tap, outcry, config, f'journal folder {re.escape(journal)} is in use by '
                                         'another outcry', 'a folder in use')
            os.unlink(os.path.join(journal, 'lock'))
            refused(tap, outcry, config, r'the journal in \S+ cannot be used: .* locked, another '
                                         r'outcry writes it: .*',
                    'a folder in use whose lock file was removed')
            tap.same(exchange.stop(), 0, 'and the exchange in it has not noticed')
        tap.same(run(outcry, 'replay', journal)[0], 0, 'its journal is right')


def test_port(tap, outcry):
    with Folder() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        journal = make_journal(folder)
        taken.bind(('127.0.0.1', 0))
        port = taken.getsockname()[1]
        config = write_config(folder, udp_port=port)
        line = f'port kernel: 127.0.0.1:{port} is in use by another program'
        refused(tap, outcry, config, line, 'a port in use, empty journal', journal)
        run_once(outcry, write_config(folder))
        refused(tap, outcry, write_config(folder, udp_port=port), line,
                'a port in use, journal there', journal)


def test_contradictions(tap, outcry):
    with Folder() as folder:
        journal = make_journal(folder)
        run_once(outcry, write_config(folder))
        name = re.escape(os.path.join(folder, 'outcry.yaml'))
        refused(tap, outcry, write_config(folder, shard=1), '.*shard.*', 'another shard', journal)
        refused(tap, outcry, write_config(folder, orders=2000),
                f'{name}: pools.orders is 2000, but the journal in {re.escape(journal)} was made '
                'with 1000; sizes are for ever, expected 1000 or an empty folder', 'other pools',
                journal)
        refused(tap, outcry, write_config(folder, tick='0.02'),
                f'{name}: instrument 0 is ACME here, but in the journal it is ACME with tick 0.01 '
                'and lot 1; these never change, expected an id of its own for a new instrument',
                'another tick', journal)
        path = write_config(folder)
        with open(path, encoding='ascii') as file:
            text = file.read()
        with open(path, 'w', encoding='ascii') as file:
            file.write(text.replace('name: A1, group: ALPHA.HOUSE', 'name: A1, group: BETA.HOUSE'))
        refused(tap, outcry, path,
                f'{name}: account A1 is of group BETA.HOUSE here, but in the journal account 0 is '
                'of group 0; this never changes, expected an id of its own for a new account',
                'another group', journal)
        with open(path, 'w', encoding='ascii') as file:
            file.write(text.replace('name: BROKER2, firm: BETA', 'name: BROKER2, firm: ALPHA'))
        refused(tap, outcry, path,
                f'{name}: session BROKER2 is of firm ALPHA here, but in the journal session 1 is '
                'of firm 1; this never changes, expected an id of its own for a new session',
                'another firm', journal)
        run_once(outcry, write_config(folder))
        tap.ok(True, 'after all that it starts again')


def test_damage(tap, outcry):
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder)
        for _ in range(3):
            run_once(outcry, config)
        copy = os.path.join(folder, 'copy')
        shutil.copytree(journal, copy)

        spoil(os.path.join(journal, '00000000.seg'), PAGE + 200)
        refused(tap, outcry, config, f'the journal in {re.escape(journal)} cannot be used: .*; '
                f'nothing was changed, see: outcry verify {re.escape(journal)}', 'a damaged page',
                journal)
        for command in (['verify', journal], ['replay', journal],
                        ['audit', journal, '--format', 'csv']):
            code, out, err = run(outcry, *command)
            tap.ok(code == 1 and 'page 1' in out + err, f'{command[0]} names the page, exit 1', code,
                   out, err)

        shutil.rmtree(journal)
        shutil.copytree(copy, journal)
        os.truncate(os.path.join(journal, '00000001.seg'), PAGE)
        refused(tap, outcry, config, f'the journal in {re.escape(journal)} cannot be used: .*cut '
                'short.*', 'a segment that was cut short', journal)
        code, out, _ = run(outcry, 'verify', journal, '--json')
        found = json.loads(out)
        tap.same((code, found['damaged'], found['fault'], found['bad_page']),
                 (1, True, 'segment', 257), 'verify names the first page that is not there')

        shutil.rmtree(journal)
        shutil.copytree(copy, journal)
        for page in range(pages_of(journal)):
            patch(journal, page * PAGE + 4, b'\x01')
        refused(tap, outcry, config, f'the journal in {re.escape(journal)} cannot be used: .*'
                'written in format 1, this outcry reads format 2: keep it for the outcry that '
                'wrote it, and begin in an empty folder', 'another format', journal)
        for command in (['verify', journal], ['replay', journal],
                        ['audit', journal, '--format', 'csv']):
            tap.same(run(outcry, *command)[0], 3, f'{command[0]} of another format, exit 3')

        shutil.rmtree(journal)
        shutil.copytree(copy, journal)
        run_once(outcry, config)
        tap.same(run(outcry, 'replay', journal)[0], 0, 'the copy goes on')


def test_segments(tap, outcry):
    """A segment that is missing, empty, there twice or of another journal is named, and what
    lies before it can be saved."""
    with Folder() as folder:
        journal, other = make_journal(folder), make_journal(folder, 'other')
        copy, new = os.path.join(folder, 'copy'), os.path.join(folder, 'new')
        config, again = write_config(folder), write_config(folder, 'new.yaml', folder='new')
        for _ in range(3):
            run_once(outcry, config)
        run_once(outcry, write_config(folder, 'other.yaml', folder='other'))
        before = json.loads(run(outcry, 'replay', journal, '--json')[1])
        pages = pages_of(journal)
        first, second, third = (os.path.join(journal, f'0000000{i}.seg') for i in range(3))
        shutil.copytree(journal, copy)

        def damaged(what, name, page):
            """damaged expects that all is refused, and that up to page all is saved."""
            refused(tap, outcry, config, f'the journal in {re.escape(journal)} cannot be used: '
                    f'{re.escape(journal)}/{what} \\(damage\\); nothing was changed, see: outcry verify '
                    f'{re.escape(journal)}', name, journal)
            code, out, err = said = run(outcry, 'verify', journal)
            tap.ok(all(run(outcry, 'verify', journal, '--threads', str(count)) == said
                       for count in (1, 2, 5)), f'{name}: by one, two, five threads the same', said)
            tap.ok(code == 1 and f'DAMAGED at page {page}: ' in out and
                   ('--salvage NEW' if page else 'nothing can be saved') in out,
                   f'{name}: verify says what can be saved', out, err)
            code, out, err = run(outcry, 'verify', journal, '--salvage', new)
            if page == 0:
                tap.ok(code == 1 and 'can be saved: no whole page lies before the damage: ' in err and
                       not os.path.exists(new), f'{name}: nothing is salvaged', code, out, err)
            else:
                tap.ok(code == 0 and f'saved     in {new}, checked; ' in out,
                       f'{name}: it is salvaged', out, err)
                found = json.loads(run(outcry, 'replay', new, '--json')[1])
                tap.same((found['identical'], found['state_hash']), (True, before['state_hash']),
                         f'{name}: the copy has all that came before')
                code, _, err = run(outcry, 'verify', journal, '--salvage', new)
                tap.ok(code == 3 and 'is not empty' in err, f'{name}: not a second time', err)
                run_once(outcry, again)
                tap.same(run(outcry, 'replay', new)[0], 0, f'{name}: the copy goes on')
                shutil.rmtree(new)
            shutil.rmtree(journal)
            shutil.copytree(copy, journal)

        end = rf'00000000.seg at byte {pages * PAGE} \(page {pages}\): never written, and segment '
        os.rename(second, third)
        damaged('00000001.seg: missing, but 00000002.seg exists', 'a missing segment', 256)
        os.truncate(second, 0)
        damaged('00000001.seg: cut short', 'an empty segment', 256)
        shutil.copy(first, second)
        damaged(end + '00000001 behind it is a copy of segment 00000000',
                'a segment that is there twice', pages)
        shutil.copy(os.path.join(other, '00000000.seg'), second)
        damaged(end + '00000001 behind it is of another journal', 'a segment of another journal',
                pages)
        os.unlink(first)
        damaged('00000000.seg: missing, but 00000001.seg exists, and no file pruned says that it was '
                'removed', 'a missing first segment', 0)

        tap.same(run(outcry, 'verify', journal, '--salvage', new),
                 (3, '', f'outcry verify: nothing to salvage: the journal in {journal} is '
                         'undamaged\n'), 'an undamaged one needs none')
        tap.same(run(outcry, 'verify', journal, '--salvage', new, '--full')[0], 2,
                 '--salvage does not go with --full')
        for wrong in ('0', '65', 'all', ''):
            tap.same(run(outcry, 'verify', journal, '--threads', wrong)[0], 2,
                     f'--threads {wrong!r} is refused')
        spoil(os.path.join(journal, '00000000.seg'), 2 * PAGE + 100)
        code, out, _ = run(outcry, 'verify', journal, '--json', '--salvage', new)
        found = json.loads(out)
        tap.same((code, found['salvage_pages'], found['lost_pages']), (0, 2, pages - 3),
                 'as JSON it counts what was saved and what was lost')


def test_salvage_full(tap, outcry):
    """What a disk without room leaves of a copy is not taken for one."""
    with Folder() as folder:
        journal, new = make_journal(folder), os.path.join(folder, 'new')
        for _ in range(3):
            run_once(outcry, write_config(folder))
        spoil(os.path.join(journal, '00000000.seg'), 2 * PAGE + 100)

        def limit():
            limit_files(PAGE)()
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as a full disk: an error, no signal

        code, _, err = run(outcry, 'verify', journal, '--salvage', new, preexec=limit)
        tap.ok(code == 3 and '00000000.seg: write: File too large; remove what is there' in err,
               'a copy that is cut short says so', code, err)
        code, _, err = run(outcry, 'verify', journal, '--salvage', new)
        tap.ok(code == 3 and err.endswith('is not empty\n'), 'and is not written over', code, err)


def test_no_journal(tap, outcry):
    with Folder() as folder:
        for command in (['verify', folder], ['replay', folder],
                        ['audit', folder, '--format', 'csv']):
            code, out, err = run(outcry, *command)
            tap.same((code, out, err), (3, '', f'outcry {command[0]}: {folder} holds no journal\n'),
                     f'{command[0]} without a journal')
        none = os.path.join(folder, 'none')
        for command in (['verify', none], ['replay', none], ['audit', none, '--format', 'csv']):
            code, out, err = run(outcry, *command)
            tap.same((code, out, err), (3, '', f'outcry {command[0]}: {none}: No such file or '
                                               'directory\n'), f'{command[0]} without a folder')


def test_full_disk(tap, outcry):
    with Folder() as folder:
        journal = make_journal(folder)
        refused(tap, outcry, write_config(folder),
                f'the journal in {re.escape(journal)} cannot be written: .*', 'a file size limit',
                preexec=limit_files(PAGE))
        run_once(outcry, write_config(folder))
        tap.ok(True, 'without the limit it starts')


def test_full_tmpfs(tap, outcry):
    if os.geteuid() != 0:
        tap.skip('a full disk', 'needs root')
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with Folder() as folder:
        journal = make_journal(folder)
        if libc.mount(b'tmpfs', journal.encode(), b'tmpfs', 0, b'size=512k') != 0:
            tap.skip('a full disk', f'mount: {os.strerror(ctypes.get_errno())}')
            return
        try:
            refused(tap, outcry, write_config(folder),
                    f'the journal in {re.escape(journal)} cannot be written: .*', 'a full disk')
        finally:
            libc.umount(journal.encode())


def test_memory(tap, outcry):
    """Reports are kept for each session: 128 MiB here. More of them than fit."""
    with Folder() as folder:
        journal = make_journal(folder)
        memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
        count = memory // (128 << 20) + 1
        if count > 16000:
            tap.skip('more than the machine has', 'the machine has more than can be asked for')
            return
        path = write_config(folder, more=''.join(
            f'  - {{id: {i}, name: S{i}, firm: BETA, key: k}}\n' for i in range(2, count)))
        with open(path, encoding='ascii') as file:
            text = file.read()
        with open(path, 'w', encoding='ascii') as file:
            file.write(text.replace('retransmit: 1024', f'retransmit: 1048576, sessions: {count}'))
        refused(tap, outcry, path, r'.*outcry.yaml: the pools need \d+ MiB, but this machine has '
                                   r'\d+ MiB, expected smaller pools', 'more than the machine has',
                journal)


def test_refused_command(tap, outcry):
    """An engine that refuses a command of the configuration ends the start."""
    with Folder() as folder:
        make_journal(folder)
        run_once(outcry, write_config(folder))
        path = write_config(folder)
        with open(path, encoding='ascii') as file:
            text = file.read()
        with open(path, 'w', encoding='ascii') as file:
            file.write(text.replace('{id: 0, symbol: ACME', '{id: 2, symbol: ACME'))
        refused(tap, outcry, path, '.*outcry.yaml: instrument ACME was refused by the engine: '
                                   'ConfigurationConflict', 'a symbol that is in use')
        run_once(outcry, write_config(folder))
        code, out, err = run(outcry, 'replay', os.path.join(folder, 'journal'))
        tap.ok(code == 0 and out.startswith('identical'), 'and the journal is good', out, err)


def main():
    outcry = sys.argv[1]
    tap = Tap()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for test in (test_folder, test_lock, test_port, test_contradictions, test_damage,
                 test_segments, test_salvage_full, test_no_journal, test_full_disk, test_full_tmpfs, test_memory,
                 test_refused_command):
        test(tap, outcry)
    tap.done()


main()
