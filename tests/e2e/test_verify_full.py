#!/usr/bin/env python3
"""test_verify_full: `verify --full` finds what does not add up, and names the command.

The journal is good; the engine that it is replayed by goes wrong behind one command
(harm.c).

usage: test_verify_full.py OUTCRY HARMED_OUTCRY
"""

import json
import os
import sys

from fixp import Client
from harness import Folder, Operator, Tap, make_journal, run

PX = 10**8


def main():
    outcry, harmed = (os.path.abspath(path) for path in sys.argv[1:3])
    tap = Tap()
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder)
        with op.serve() as exchange:
            alpha = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            beta = Client(exchange.ports['kernel'], 'BROKER2', 'beta')
            alpha.new(1, '1', 9, 100 * PX, account=0)
            alpha.wait(1)
            beta.new(1, '2', 4, 100 * PX, account=1)
            beta.wait(2)
            alpha.close()
            beta.close()
            exchange.stop()
        seq = next(row['seq'] for row in op.audit() if row['kind'] == 'Trade')
        code, out, err = run(harmed, 'verify', op.journal, '--full')
        tap.ok(code == 0, 'without harm all adds up', code, out, err)
        for harm in ('fill', 'cash'):
            os.environ.update({'OUTCRY_HARM_SEQ': seq, 'OUTCRY_HARM': harm})
            code, out, err = run(harmed, 'verify', op.journal, '--full')
            tap.ok(code == 1 and f'BROKEN: seq {seq} (OrderNew) broke an invariant' in out,
                   f'{harm}: the command is named', code, out, err)
            code, out, err = run(harmed, 'verify', op.journal, '--full', '--json')
            shown = json.loads(out.splitlines()[-1])
            tap.same([code, shown.get('broken'), shown.get('broken_seq')], [1, True, int(seq)],
                     f'{harm}: and as JSON')
    tap.done()


main()
