#!/usr/bin/env python3
"""test_no_alloc: no stage takes memory once it runs, and a roll waits for nobody.

Goal: all memory is taken at start; the journal goes from one segment to the next
without a stall as long as the helper keeps up. Method: a real exchange with a trap
preloaded (no_alloc.c) does a bit of everything over several segments; whoever takes
memory in a stage aborts it. The next segment is awaited before the one in use is full.

usage: test_no_alloc.py OUTCRY TRAP
"""

import json
import os
import re
import subprocess
import sys
import time

from fixp import Client
from harness import Exchange, Folder, Tap, make_journal, run, write_config

PX = 10**8
LAYOUTS = {
    'a thread per stage': '  - {name: gateway, stages: [gateway], idle: yield}\n'
                          '  - {name: engine, stages: [engine], idle: yield}\n'
                          '  - {name: journal, stages: [journal], idle: block}',
    'one thread': '  - {name: all, stages: [gateway, engine, journal], idle: yield}',
}
SEGMENT_PAGES, SEGMENTS = 256, 3


def preload(trap):
    def before():
        os.environ['LD_PRELOAD'] = trap
    return before


def bit_of_everything(tap, outcry, config, exchange):
    """bit_of_everything asks for each kind of thing once."""
    alpha = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
    beta = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
    told = 0
    for ask, count in (
            (lambda: alpha.new(1, '2', 10, 100 * PX), 1),
            (lambda: alpha.replace(2, 1, 12, 100 * PX), 1),
            (lambda: alpha.new(3, '2', 30, 101 * PX, display=10, span=5), 1),
            (lambda: alpha.new(4, '1', 5, kind='4', px=99 * PX, stop=101 * PX), 1),
            (lambda: alpha.new(5, '1', 5, 98 * PX, kind='P', inst=16), 1),
            (lambda: alpha.new(6, '2', 5, 102 * PX, tif='6',
                               expire=time.time_ns() + 300 * 10**6), 2),
            (lambda: alpha.quote(7, 0, [(0, 97 * PX, 5, 103 * PX, 5)]), 2),
            (lambda: alpha.new(8, '2', 7, 1), 1),
            (lambda: alpha.cancel(9, 4711), 1)):
        ask()
        told = len(alpha.wait(told + count))
    beta.new(1, '1', 25, 101 * PX, account=1)
    beta.wait(2)
    for args in (('halt', 'ZINC'), ('open', 'ZINC'), ('show', 'account', 'A1'),
                 ('kill', 'account', 'B1', '--by', 'kim', '--because', 'a test'),
                 ('enable', 'account', 'B1', '--by', 'kim', '--because', 'a test')):
        code, out, err = run(outcry, 'admin', config, *args)
        tap.ok(code == 0, f'admin {args[0]}', out, err)
    sheet = os.path.join(os.path.dirname(config), 'start.csv')
    with open(sheet, 'w', encoding='ascii') as file:
        file.write('cash,A1,5.00\n')
    code, out, err = run(outcry, 'admin', config, 'load', sheet, '--by', 'kim', '--because', 'a test')
    tap.ok(code == 0, 'admin load', out, err)
    alpha.mass_cancel(10)
    time.sleep(0.2)
    alpha.close()
    beta.close()


def roll(exchange, journal):
    """roll goes on until SEGMENTS segments are in use."""
    client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
    done = 0
    while done < SEGMENTS * SEGMENT_PAGES:
        client.order(1000 + done, '1', 1, 90 * PX, 0)
        client.cancel(5000 + done, 1000 + done)
        client.wait(2 * done + 2)
        done += 1
        end = time.monotonic() + 10
        # Each of these takes a page at least, so half a segment is left at the least.
        while done % (SEGMENT_PAGES // 8) == 0 and time.monotonic() < end:
            names = [name for name in os.listdir(journal) if name.endswith('.new')]
            if not names:
                break
            time.sleep(0.01)
    return client


def test(tap, outcry, trap, layout):
    with Folder() as folder:
        journal = make_journal(folder)
        config = write_config(folder, threads=LAYOUTS[layout])
        with Exchange(outcry, config, preload(trap)) as exchange:
            try:
                bit_of_everything(tap, outcry, config, exchange)
                roll(exchange, journal).close()
                code = exchange.stop()
            except (TimeoutError, OSError) as error:
                exchange.process.kill()
                exchange.text += exchange.process.communicate()[1].decode()
                code = error
            text = exchange.text
            tap.ok(code == 0 and 'trap:' not in text, f'{layout}: no stage takes memory', code, text)
            found = re.search(r'(\d+) pages, \d+ writes, \d+ syncs, (\d+) stalls', text)
            tap.ok(found and int(found.group(1)) > SEGMENTS * SEGMENT_PAGES,
                   f'{layout}: segments were rolled', text)
            tap.ok(found and found.group(2) == '0', f'{layout}: none of the rolls waited', text)
        code, out, err = run(outcry, 'replay', journal, '--json')
        tap.ok(code == 0 and json.loads(out)['identical'], f'{layout}: the journal replays', out, err)


def main():
    tap = Tap()
    outcry, trap = map(os.path.abspath, sys.argv[1:3])
    done = subprocess.run([outcry, '--help'], env={'LD_PRELOAD': trap, 'OUTCRY_TRAP_SELF': '1'},
                          capture_output=True, check=False)
    tap.ok(b'trap: thread stage called malloc' in done.stderr and done.returncode < 0,
           'the trap catches a thread that takes memory', done)
    for layout in LAYOUTS:
        test(tap, outcry, trap, layout)
    tap.done()


if __name__ == '__main__':
    main()
