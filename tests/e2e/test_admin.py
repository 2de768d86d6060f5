#!/usr/bin/env python3
"""test_admin: an operator's word to an exchange that runs, over its local socket.

Mistakes first: what is not understood, not signed, or not allowed changes nothing.
What commands then do to orders is in test_risk.py.

usage: test_admin.py OUTCRY
"""

import datetime
import json
import os
import pwd
import random
import re
import socket
import sys

from fixp import Client
from harness import Folder, Operator, Tap, make_journal, run, write_config

PX = 10**8
NOBODY = 65534
START_SEQ = 13
TODAY, NEXT = (str(datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days))
               for days in (0, 1))

LAYOUTS = {
    'two threads': None,
    'one thread': '  - {name: all, stages: [gateway, engine, journal], idle: yield}',
    'a thread per stage': '  - {name: net, stages: [gateway], idle: yield}\n'
                          '  - {name: engine, stages: [engine], idle: yield}\n'
                          '  - {name: disk, stages: [journal], idle: block}',
}


def check_json(m, text, *args, code=2, **more):
    """check_json: with --json what is wrong is one line of it, and nothing else."""
    got, out, err = m.admin(*args, '--json', **more)
    told = json.loads(out) if out.count('\n') == 1 else {}
    m.tap.ok(got == code and told.get('outcome') == 'error' and text in told.get('text', ''),
             f'as JSON: {text}', got, out, err)


def check_words(m):
    for args, text in (
            (('dance', 'A1'), 'dance is not known, expected open, halt or close, limit'),
            (('limit', 'account', 'A1', 'open_order', '5'), 'open_order is no limit, expected one'),
            (('limit', 'nobody', 'A1', 'long', '5'), 'nobody is no level, expected session'),
            (('limit', 'account', 'A9', 'long', '5'), 'A9 is no account, expected a name'),
            (('limit', 'group', 'ALPHA.HOUSE', 'long', '5'), 'long does not exist at this level, expected account or pair'),
            (('limit', 'account', 'A1', 'long', '-5'), '-5 is no value of long, expected a whole'),
            (('limit', 'account', 'A1', 'long', '1.5'), '1.5 is no value of long'),
            (('limit', 'account', 'A1', 'daily_loss', '-1'), 'daily_loss is negative'),
            (('limit', 'account', 'A1', 'credit', '0.123456789'), 'expected a decimal with at most'),
            (('limit', 'account', 'A1', 'message_rate', '5'), 'message_rate has no good window'),
            (('limit', 'account', 'A1', 'message_rate', '0', 'window=1ms'), 'is no burst'),
            (('limit', 'account', 'A1', 'message_rate', '1048577', 'window=1ms'), 'is no burst'),
            (('limit', 'account', 'A1', 'message_rate', '5', 'window=3601s'), 'no good window'),
            (('limit', 'account', 'A1', 'message_rate', '5', 'window=5'), 'window=5 is no time'),
            (('limit', 'account', 'A1', 'executions', '65536', 'window=1s'), 'is no count'),
            (('limit', 'account', 'A1', 'open_orders', '5', 'window=1s'), 'expected none'),
            (('limit', 'account', 'A1', 'open_orders', '5', 'warn=1000'), 'expected 1 to 999'),
            (('limit', 'account', 'A1', 'open_orders', '5', 'slow=500'), 'one of slow and pause'),
            (('limit', 'account', 'A1', 'open_orders', '5', 'warn=900', 'block=100'),
             'expected warn <= slow <= close <= block'),
            (('limit', 'account', 'A1', 'long', '5', 'warn=500'), 'has stages, expected them only'),
            (('limit', 'account', 'A1', 'open_orders', '5', 'wern=5'), 'wern=5 is not known'),
            (('limit', 'pair', 'A1', 'long', '5'), 'words are missing, expected limit pair'),
            (('limit', 'account', 'A1'), 'has 2 words behind it, expected limit LEVEL SUBJECT'),
            (('deposit', 'A1', '1.123456789'), '1.123456789 is no amount, expected a positive'),
            (('deposit', 'A1', '-1'), '-1 is no amount, expected a positive decimal'),
            (('withdraw', 'A1', '0'), '0 is no amount'),
            (('deposit', 'A1', '92233720368.54775808'), 'is no amount'),
            (('deposit', 'A1', '1e3'), '1e3 is no amount'),
            (('position', 'A1', 'NONE', '1'), 'NONE is no instrument, expected a symbol'),
            (('position', 'A1', 'ACME', '4611686018427387905'), 'is no number of units'),
            (('fee', 'ACME', '-20', '10'), 'the rebate -20 is more than the fee 10'),
            (('fee', 'ACME', '10', '-10'), '-10 is no rate'),
            (('fee', 'ACME', '1000001', '0'), '1000001 is no rate'),
            (('mark', 'ACME', '0'), '0 is no price'),
            (('day', '2026-02-29'), '2026-02-29 is no day, expected YYYY-MM-DD'),
            (('day', '20260228'), '20260228 is no day'),
            (('day', '2206-11-27'), '2206-11-27 is more than 31 days ahead, expected a day nearer'),
            (('day', str(datetime.date.today() + datetime.timedelta(33))), 'days ahead'),
            (('kill', 'instrument', 'ACME'), 'instrument is no level here, expected '
             'session, account, group or firm'),
            (('kill', 'firm', 'ALPHA', 'kepp'), 'kepp is not understood, expected keep'),
            (('restrict', 'session', 'BROKER1', 'ACME'), 'no level here, expected account, group or firm'),
            (('rule', 'account', 'A1', 'types=limit+morket'), 'morket in types=limit+morket'),
            (('rule', 'account', 'A1', 'types=limit+'), 'types=limit+ has a + too many, expected some'),
            (('rule', 'account', 'A1', 'references=last'), 'references=last is not known'),
            (('rule', 'firm', 'ALPHA', 'types=limit'), 'firm has no rules, expected account'),
            (('account', 'A1', 'asleep'), 'asleep is no state, expected active'),
            (('account', '9', 'active'), 'the exchange knows no such account'),
            (('show', 'firm', '9'), 'the exchange knows no such firm'),
            (('show', 'pair', 'A1'), 'expected show session|account|group|firm|instrument SUBJECT, show pair'),
            (('show', 'firm'), 'expected show session|account|group|firm|instrument SUBJECT, show pair'),
            (('halt', 'AC ME'), 'has a blank, expected words without')):
        m.bad(text, *args)
    for why, text in (([], 'why is missing, expected --because TEXT'),
                      (['--by', 'kim'], 'why is missing, expected --because TEXT'),
                      (['--because', ''], '--because has 0 characters, expected 1 to 40 printable'),
                      (['--because', 'x' * 41], '--because has 41 characters, expected 1 to 40'),
                      (['--because', ' x'], 'no blank at either end'),
                      (['--by', 'k' * 17, '--because', 'x'],
                       '--by has 17 characters, expected a name of 1 to 16'),
                      (['--by', 'k m', '--because', 'x'], 'no blank'),
                      (['--because', 'caf\u00e9'], 'printable ASCII'),
                      (['--because', 'x' * 600], '--because has 600 characters')):
        m.bad(text, 'deposit', 'A1', '1', why=why)
        check_json(m, text, 'deposit', 'A1', '1', why=why)
    m.bad('halt has 0 words behind it, expected halt SYMBOL', 'halt', why=None)
    m.bad('what it is to do is missing, expected CONFIG or SOCKET and a verb', why=None)
    m.bad('"" is no word', 'halt', '', why=None)
    m.bad('17 words, expected 16 at most', *['limit'] * 17)
    m.bad('too long together, expected less than 512', 'limit', 'a' * 490)
    check_json(m, 'dance is not known, expected open', 'dance', 'A1')
    check_json(m, '--check is for load', 'halt', 'ACME', '--check', why=None)
    check_json(m, 'an option is not known', 'halt', 'ACME', '--chuck', why=None)
    check_json(m, '/nowhere.yaml', 'show', 'blocked', why=None, code=3, where='/nowhere.yaml')
    check_json(m, 'the exchange knows no such firm', 'show', 'firm', '9')
    check_json(m, 'cannot be read (No such file', 'load', '/nowhere')
    m.bad('--check is for load', 'halt', 'ACME', '--check', why=None)
    m.bad('load needs --because', 'load', '/dev/null', why=None)
    m.tap.same(m.audit(START_SEQ + 1), [], 'none of it is in the journal')


def check_files(m):
    for text, expected in (
            ('cash,A1,1,2\n', 'line 1: cash has 3 words behind it, expected cash ACCOUNT BALANCE'),
            ('\n# a note\ncash,A1,1.123456789\n', 'line 3: 1.123456789 is no amount'),
            ('cash,A1,1\ncash,A1,2\n', 'line 2: says again what line 1 says'),
            ('limit,account,A1,long,1\nlimit,account,A1,long,1\n', 'line 2: says again'),
            (f'day,{TODAY}\nday,{NEXT}\n', 'line 2: says again what line 1 says'),
            ('day,2206-11-27\n', 'line 1: 2206-11-27 is more than 31 days ahead, expected'),
            ('kill,firm,ALPHA\n', 'line 1: kill is not known, expected day, limit, cash or'),
            ('deposit,A1,1\n', 'line 1: deposit is not known'),
            ('position,A1,ACME\n', 'line 1: position has 2 words'),
            ('cash,A7,1\nposition,A1,ZZZ,1\n', 'line 2: ZZZ is no instrument'),
            ('cash,A7,1\nposition,A1,ZZZ,1\n', 'line 1: A7 is no account'),
            ('cash,9,1\n', 'line 1: the exchange knows no such account'),
            ('limit,firm,9,order_qty,1\n', 'line 1: the exchange knows no such firm'),
            ('limit,account,A1,long,4611686018427387905\n', 'line 1: long is too large, expected'),
            ('cash,"A1,1\n', ':1: a quote is not closed'),
            ('cash,"A1"x,1\n', ':1: a field goes on behind its quote'),
            ('cash,A1,\u00e9\n', ':1: a byte 0xe9, expected printable ASCII'),
            ('cash,A1,1\0\n', ':1: a zero byte'), ('# nothing\n', ':1: no row, expected day'),
            ('cash,A1,1' + ',' * 500 + '\n', ':1: 509 characters, expected less than 496'),
            ('cash' + ',1' * 20 + '\n', 'a row is no row')):
        code, out, err = m.load(text)
        m.tap.ok(code == 2 and expected in err and not out, f'refused file: {expected[:40]}', code,
                 out, err)
    code, _, err = m.load(''.join(f'cash,X{i},1\n' for i in range(30)))
    m.tap.ok(code == 2 and err.count('\n') == 21 and 'rows that are wrong: 30' in err,
             'twenty wrong rows are named and all are counted', err)
    code, out, _ = m.load(''.join(f'cash,X{i},1\n' for i in range(3)), '--json')
    told = json.loads(out)
    m.tap.ok(code == 2 and told['text'] == 'rows that are wrong: 3; nothing was done' and
             [row['text'].split(',')[0] for row in told['rows']] ==
             [f'line {i + 1}: X{i} is no account' for i in range(3)], 'and as JSON', out)
    m.bad('cannot be read (No such file', 'load', '/nowhere/at/all')
    code, out, err = m.load('cash,A1,100.00\nlimit,account,A1,credit,5\nposition,B1,ACME,-3\n',
                            '--check')
    m.tap.same((code, out), (0, 'checked 3 rows\n'), 'a good file is only checked with --check')
    code, out, err = m.load(''.join(f'limit,pair,A1,ACME,{name},7\n' for name in ('long', 'short')),
                            '--check', '--json')
    m.tap.same((code, json.loads(out)), (0, {'outcome': 'done', 'text': 'checked 2 rows'}),
               'and as JSON')
    m.tap.same(m.audit(START_SEQ + 1), [], 'nothing of it is in the journal')


def raw(path, data):
    """raw sends bytes to the socket and returns the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(60)
        sock.connect(path)
        try:
            sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b''
        while True:
            try:
                piece = sock.recv(4096)
            except ConnectionResetError:
                break
            if not piece:
                return answer
            answer += piece
        return answer


def check_hostile(m):
    path = os.path.join(m.journal, 'admin')
    for data, text in (
            (b'load 2 by kim because x\n1\tcash\tA1\t1\n2\tcash\tB1\t1\n3\tx\n', b'more lines'),
            (b'load 0 by kim because x\n', b'expected load and the number'),
            (b'load 1048577 by kim because x\n', b'expected load and the number'),
            (b'load 1\n', b'load needs who and why'), (b'load 1 chek by kim because x\n', b'check'),
            (b'load 1 by kim because x\nx\tcash\n', b'a row is no row'),
            (b'load 1 by kim because x\n' + b'9' * 600, b'less than 512'),
            (b'load 1 by kim because x\n1\tca\0sh\n', b'zero byte'),
            (b'deposit A1 1 because x\n', b'the author is missing'),
            (b'deposit A1 1 by kim because \n', b'the reason is empty'),
            (b'deposit A1 1 by kim because  x\n', b'the reason is empty'),
            (b'deposit A1 1 by kim\n', b'has 4 words'), (b' by kim because x\n', b'a word is missing'),
            (b' '.join([b'limit'] + [b'a'] * 40) + b'\n', b'too many words'),
            (b'show firm ALPHA\x1b[2J\n', b'not printable'), (b'\x80\n', b'not printable')):
        answer = raw(path, data)
        m.tap.ok(answer.startswith(b'error ') and text in answer, f'hostile: {data[:32]}', answer)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(path)
        sock.sendall(b'load 3 by kim because half\n1\tcash\tA1\t1\n')
        answer = raw(path, b'load 1 by kim because second\n')
        m.tap.ok(b'another load is in work' in answer, 'one load at a time', answer)
        m.tap.ok(raw(path, b'show firm ALPHA\n').startswith(b'ok show\n'),
                 'others are heard meanwhile')
    code, _, err = m.load('cash,A1,1\n', '--check')
    m.tap.same((code, err), (0, ''), 'a load whose client went is forgotten')
    m.tap.same(m.audit(START_SEQ + 1), [], 'nothing of it is in the journal')


def test_mistakes(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        m = Operator(tap, outcry, folder)
        with m.serve() as exchange:
            check_words(m)
            check_files(m)
            check_hostile(m)
            exchange.stop()
            counts = re.search(r'admin: 0 commands, 0 rows, (\d+) questions, 0 refused, (\d+) wrong, '
                               r'0 foreign', exchange.text)
            tap.ok(counts and int(counts[2]) > 60, 'and all of it is counted', exchange.text)


LINES = [line.split() for line in (
    'limit account A1 open_orders 5 warn=500', 'limit firm ALPHA message_rate 100 window=1ms',
    'limit pair A1 ACME long 5', 'limit session BROKER1 open_orders none', 'deposit A1 100.00',
    'withdraw B1 0.5', 'cash A1 9', 'move A1 ACME -1', 'position B1 ZINC 10', 'mark ACME 100.00',
    'settle ZINC 0.5', f'day {TODAY}', 'restrict group ALPHA.HOUSE ACME', 'permit account A1 ACME',
    'blacklist firm BETA', 'clear firm BETA', 'rule account A1 types=limit tifs=day+ioc covered=yes',
    'rule instrument ACME references=mid', 'fee ACME -1 5', 'kill session BROKER1', 'kill firm BETA keep',
    'enable firm BETA', 'account A1 suspended', 'show account A1', 'show pair A1 ACME', 'show blocked', 'halt ACME',
    'open ACME', 'load 1 check')]
TOKENS = sorted({word for line in LINES for word in line} | {'99999999999999999999', '', '-', '='})


def random_line(rng):
    """random_line is a good one of which some words are others."""
    return ' '.join(rng.choice(TOKENS) if rng.random() < 0.15 else word
                    for word in rng.choice(LINES))


def test_random_lines(tap, outcry):
    """Whatever words come, there is one answer to each, and the journal is good."""
    rng = random.Random(1)
    with Folder() as folder:
        make_journal(folder)
        m = Operator(tap, outcry, folder)
        with m.serve() as exchange:
            path = os.path.join(m.journal, 'admin')
            answers = {}
            for _ in range(200):
                words = random_line(rng)
                tail = '\n1\tcash\tA1\t1\n' if words.startswith('load ') else '\n'
                answer = raw(path, f'{words} by kim because x{tail}'.encode())
                answers.setdefault(answer.split(b' ')[0], []).append(words)
            tap.ok(set(answers) <= {b'ok', b'error', b'refused'}, 'random words get answers', answers)
            tap.ok(len(answers[b'ok']) > 5 and len(answers[b'error']) > 5, 'of both kinds', answers)
            tap.same(exchange.stop(), 0, 'and the exchange stops in good order')
        code, out, err = run(outcry, 'verify', m.journal, '--full')
        tap.ok(code == 0, 'with a journal that adds up', out, err)


def as_nobody():
    os.setgroups([])
    os.setuid(NOBODY)


def test_admin_is_for_its_user_alone(tap, outcry):
    """The socket is for its owner, root and who is named. Root is nobody's stranger:
    as root the test becomes nobody, else it takes the socket's mode away."""
    with Folder() as folder:
        make_journal(folder)
        os.chmod(folder, 0o755)
        m = Operator(tap, outcry, folder)
        path = os.path.join(m.journal, 'admin')
        with m.serve() as exchange:
            tap.same(os.stat(path).st_mode & 0o777, 0o600, 'the socket is for its owner')
            if os.getuid() == 0:
                m.bad('does not listen to this user', 'halt', 'ACME', code=3, preexec=as_nobody,
                      where=path)
                os.chmod(path, 0o666)
                m.bad(f'user id {NOBODY} may not, expected', 'halt', 'ACME', code=3,
                      preexec=as_nobody, where=path)
            else:
                os.chmod(path, 0)
                m.bad('does not listen to this user', 'halt', 'ACME', code=3)
                os.chmod(path, 0o600)
            m.good(r'ACME halted seq \d+', 'halt', 'ACME', where=path)
            zeros = '0' * 400 + '1'
            m.good(f'{zeros} deposited for account A1 seq \\d+', 'deposit', 'A1', zeros)
            code, out, err = m.admin('mark', 'ACME', '100.005', '--json')
            told = json.loads(out)
            tap.ok(code == 1 and told['reason'] == 'ConfigurationRange' and told['seq'] > START_SEQ and
                   told['text'] == 'there is no such instrument, or the price is no tick of it',
                   'a refusal as JSON', out, err)
            exchange.stop()
            tap.ok(f'{int(os.getuid() == 0)} foreign' in exchange.text, 'a stranger is counted',
                   exchange.text)
        row = m.audit(START_SEQ + 1)[0]
        tap.same([row[name] for name in ('event', 'author_uid', 'author', 'author_reason')],
                 ['ISTA', str(os.getuid()), 'kim', 'a test'], 'who did it is in the audit trail')
        with m.serve() as exchange:
            m.good(r'ACME open seq \d+', 'open', 'ACME', why=['--by', 'kim'])
            m.good(r'ZINC closed seq \d+', 'close', 'ZINC', why=None)
            tap.ok(raw(path, b'halt ACME\n').startswith(b'ok '), 'a line without an author')
            m.good(r'ACME open seq \d+', 'open', 'ACME', why=['--because', 'over'])
            exchange.stop()
        rows = [[row[name] for name in ('author_uid', 'author', 'author_reason')]
                for row in m.audit(START_SEQ + 1) if row['event'] == 'ISTA'][1:]
        uid, user = str(os.getuid()), pwd.getpwuid(os.getuid()).pw_name
        tap.same(rows, [[uid, 'kim', 'no reason given'], [uid, user, 'no reason given'],
                        [uid, f'uid-{uid}', 'no reason given'], [uid, user, 'over']],
                 'nobody halts, opens or closes without a name')
        if os.getuid() != 0:
            tap.skip('one who is named may', 'only root becomes another')
            return
        m.config = write_config(folder, more=f'admins: [{{uid: {NOBODY}}}]\n')
        with m.serve() as exchange:
            tap.same(os.stat(path).st_mode & 0o777, 0o666, 'with admins it is for all to connect')
            m.good(r'ACME open seq \d+', 'open', 'ACME', preexec=as_nobody, where=path)
            exchange.stop()
        tap.same(m.audit(START_SEQ + 1)[-1]['author_uid'], str(NOBODY), 'one who is named may')


def test_show(tap, outcry, name, threads):
    with Folder() as folder:
        make_journal(folder)
        m = Operator(tap, outcry, folder, **({'threads': threads} if threads else {}))
        with m.serve() as exchange:
            client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            shown = m.show('account', 'A1')
            tap.same([shown.get(key) for key in ('account', 'id', 'group', 'firm', 'state')],
                     ['A1', '0', 'ALPHA.HOUSE', 'ALPHA', 'active'], f'{name}: show account')
            tap.same(m.show('session', 'BROKER1').get('bound'), 'yes', f'{name}: show session')
            tap.same(m.show('instrument', 'ACME').get('state'), 'open', f'{name}: show instrument')
            tap.same(m.show('group', 'BETA.HOUSE').get('firm'), 'BETA', f'{name}: show group')
            tap.same(m.show('firm', '1').get('firm'), 'BETA', f'{name}: show firm, by id')
            m.good(r'account A1 is suspended seq \d+', 'account', 'A1', 'suspended')
            tap.same(m.show('account', 'A1').get('state'), 'suspended', f'{name}: and it is')
            client.order(1, '1', 1, 100 * PX, 0)
            tap.same(client.wait(1)[0][0], 'Reject', f'{name}: its orders are refused')
            m.good(r'account A1 is active seq \d+', 'account', 'A1', 'active')
            code, out, _ = m.admin('show', 'account', 'A1', why=None)
            tap.ok(code == 0 and re.search(r'^state +active$', out, re.MULTILINE),
                   f'{name}: as a table', out)
            client.close()
            exchange.stop()


def main():
    outcry = os.path.abspath(sys.argv[1])
    tap = Tap()
    test_mistakes(tap, outcry)
    test_random_lines(tap, outcry)
    test_admin_is_for_its_user_alone(tap, outcry)
    for name, threads in LAYOUTS.items():
        test_show(tap, outcry, name, threads)
    tap.done()


main()
