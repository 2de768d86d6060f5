#!/usr/bin/env python3
"""test_risk: what an operator's commands do to the orders of a broker.

Limits at each level, cash and holdings, restrictions, rules, kills while orders fly,
a business day and a start of day, seen over the wire, by `outcry admin show`, in the
audit trail, and over restarts. Each journal replays, and adds up behind each command.

usage: test_risk.py OUTCRY
"""

import json
import os
import re
import struct
import sys
import threading
import time

from fixp import Client
from harness import Folder, Operator, Tap, make_journal, run, write_config

PX = 10**8
TODAY = time.strftime('%Y-%m-%d', time.gmtime())
REASONS = {8: 'OrderTypeNotAllowed', 14: 'MaxOrderQty', 69: 'MinOrderQty', 72: 'PriceCollarLow',
           74: 'PriceBand', 66: 'AccountBlocked',
           67: 'RestrictedInstrument', 75: 'LongPositionLimit', 77: 'KillSwitch', 78: 'Throttled', 79: 'DuplicativeOrder',
           80: 'AccountLatched', 81: 'MaxOpenOrders', 82: 'OpenNotional', 83: 'DailyGross',
           84: 'DailyNet', 85: 'DailyLoss', 86: 'InsufficientFunds', 87: 'InsufficientHoldings',
           88: 'Blacklisted'}
KILL_SWITCH = 7  # of CancelReason


# What the audit trail has of a refusal: name, level, limit, used, value.
WORDS_TOLD = {
    'InvalidTick': ['', 'Instrument', '0.01', '0.00', '100.001'],
    'AccountSuspended': ['', 'Account', '0', '0', '0'],
    'Blacklisted': ['', 'Group', '0', '0', '0'],
    'RestrictedInstrument': ['', 'Firm', '0', '0', '0'],
    'OrderTypeNotAllowed': ['', 'Instrument', '1', '0', '2'],
    'OpenNotional': ['OpenNotional', 'Account', '150.00', '0.00', '200.00'],
    'AccountCloseOnly': ['OpenNotional', 'Account', '600', '666', '6'],
    'Throttled': ['OpenNotional', 'Firm', '50', '300', '6'],
}


class Broker:
    """Broker sends one request at a time and waits for what comes of it."""

    def __init__(self, exchange, name='BROKER1', key='alpha', account=0):
        self.client = Client(exchange.ports['kernel'], name, key)
        self.account, self.clord, self.seen = account, 0, 0

    def take(self, cnt):
        """take returns the next reports."""
        reports = self.client.wait(self.seen + cnt)[self.seen:self.seen + cnt]
        self.seen += len(reports)
        return reports

    def order(self, side='1', qty=1, px=100, **more):
        """order sends one and returns New or the reason of its refusal, and its numbers."""
        self.clord += 1
        self.client.new(self.clord, side, qty, None if px is None else int(px * PX),
                        account=self.account, tif='1', **more)
        kind, body = self.take(1)[0]
        if kind != 'Reject':
            return kind
        reason = struct.unpack_from('<H', body, 68)[0]
        self.numbers = struct.unpack_from('<qqq', body, 32)
        return REASONS.get(reason, reason)

    def cancel(self, clord):
        self.clord += 1
        self.client.cancel(self.clord, clord)
        return self.take(1)[0][0]

    def sweep(self):
        """sweep cancels all that the session has."""
        self.clord += 1
        self.client.mass_cancel(self.clord)
        while self.take(1)[0][0] != 'MassCancel':
            pass


def prove(tap, outcry, operator, name):
    code, out, err = run(outcry, 'verify', operator.journal, '--full', '--json', seconds=100)
    tap.ok(code == 0 and json.loads(out)['checked'] > 0, f'{name}: the journal adds up', code, out,
           err)


def check_limits(tap, op, broker):
    for level, subject in (('account', 'A1'), ('session', 'BROKER1')):
        op.good(rf'open_orders of {level} {subject} is 2 seq \d+', 'limit', level, subject,
                'open_orders', '2')
        tap.same([broker.order() for _ in range(3)], ['New', 'New', 'MaxOpenOrders'],
                 f'open orders of {level}: at the limit, and above')
        tap.same(broker.numbers, (2, 2, 1), 'limit, use and value are told')
        row = op.limit('open_orders', level, subject)
        tap.same([row.get(key) for key in ('value', 'used', 'headroom', 'by')],
                 ['2', '2', '0', 'hand'], 'and shown')
        op.good(rf'open_orders of {level} {subject} is none seq \d+', 'limit', level, subject,
                'open_orders', 'none')
        broker.sweep()
    for level, subject in (('account', 'A1'), ('group', 'ALPHA.HOUSE'), ('firm', 'ALPHA')):
        op.good(r'open_notional.* seq \d+', 'limit', level, subject, 'open_notional', '300')
        tap.same([broker.order(qty=3), broker.order(px=90)], ['New', 'OpenNotional'],
                 f'open value of {level}')
        tap.same(broker.numbers, (300 * PX, 300 * PX, 90 * PX), 'its numbers')
        row = op.limit('open_notional', level, subject)
        tap.same([row.get(key) for key in ('value', 'used', 'headroom')], ['300', '300', '0'],
                 'and shown as money')
        op.good(r'open_notional.* is none seq \d+', 'limit', level, subject, 'open_notional', 'none')
        broker.sweep()
    op.good(r'message_rate of firm ALPHA is 2 window=3600s seq \d+', 'limit', 'firm', 'ALPHA', 'message_rate', '2',
            'window=3600s')
    tap.same([broker.order() for _ in range(3)], ['New', 'New', 'Throttled'], 'a rate of a firm')
    broker.sweep()
    op.good(r'message_rate.* is none seq \d+', 'limit', 'firm', 'ALPHA', 'message_rate', 'none')
    op.good(r'long of account A1 in ACME is 5 seq \d+', 'limit', 'pair', 'A1', 'ACME', 'long', '5')
    tap.same([broker.order(qty=5), broker.order()], ['New', 'LongPositionLimit'], 'a position of a pair')
    broker.sweep()
    row = op.limit('long', 'pair', 'A1', 'ACME')
    tap.same([row.get(key) for key in ('value', 'used', 'headroom')], ['5', '0', '5'], 'and shown')
    op.good(r'long of account A1 in ACME is none seq \d+', 'limit', 'pair', 'A1', 'ACME', 'long',
            'none')
    op.bad('refused ConfigurationRange', 'limit', 'account', '9', 'open_orders', '5', code=1)


def check_money(tap, op, broker):
    op.good(r'credit of account A1 is 0 seq \d+', 'limit', 'account', 'A1', 'credit', '0')
    op.good(r'1000.00 deposited for account A1 seq \d+', 'deposit', 'A1', '1000.00')
    tap.same([broker.order(qty=10), broker.order(px=91)], ['New', 'InsufficientFunds'],
             'cash is reserved at entry')
    shown = op.show('account', 'A1')
    tap.same([shown.get(key) for key in ('balance', 'reserved', 'free')], ['1000', '1000', '0'],
             'and shown')
    op.bad(': the account would have less than its orders have reserved', 'withdraw', 'A1',
           '0.00000001', code=1)
    broker.sweep()
    op.good(r'1000 withdrawn from account A1 seq \d+', 'withdraw', 'A1', '1000')
    op.bad('refused ConfigurationConflict', 'withdraw', 'A1', '0.00000001', code=1)
    op.good(r'credit.* is none seq \d+', 'limit', 'account', 'A1', 'credit', 'none')
    tap.same(op.show('account', 'A1').get('free'), 'unlimited', 'without a credit none is asked for')
    op.good(r'order rule of account A1 is types=all tifs=all covered=yes seq \d+', 'rule',
            'account', 'A1', 'covered=yes')
    tap.same(broker.order(side='2'), 'InsufficientHoldings', 'a covered account has nothing')
    op.good(r'7 is the position of account A1 in ACME seq \d+', 'position', 'A1', 'ACME', '7')
    op.good(r'-2 added to the position of account A1 in ACME seq \d+', 'move', 'A1', 'ACME', '-2')
    tap.same([broker.order(side='2', qty=5), broker.order(side='2')],
             ['New', 'InsufficientHoldings'], 'it sells what it has')
    broker.sweep()
    op.good(r'0 is the position.* seq \d+', 'position', 'A1', 'ACME', '0')
    op.good(r'order rule of account A1 is .* seq \d+', 'rule', 'account', 'A1', 'default')


def check_permissions(tap, op, broker):
    for level, subject in (('account', 'A1'), ('group', 'ALPHA.HOUSE'), ('firm', 'ALPHA')):
        op.good(rf'{level} {subject} may not trade ACME seq \d+', 'restrict', level, subject, 'ACME')
        tap.same(broker.order(), 'RestrictedInstrument', f'a restriction of {level}')
        op.good(rf'{level} {subject} may trade ACME seq \d+', 'permit', level, subject, 'ACME')
        op.good(rf'{level} {subject} is on the blacklist seq \d+', 'blacklist', level, subject)
        tap.same(broker.order(), 'Blacklisted', f'the blacklist of {level}')
        op.good(rf'{level} {subject} is off the blacklist seq \d+', 'clear', level, subject)
        tap.same(broker.order(), 'New', 'and off it')
        broker.sweep()
    for level, subject in (('account', 'A1'), ('instrument', 'ACME')):
        op.good(rf'order rule of {level} {subject} is types=limit\+stop .* seq \d+', 'rule', level, subject,
                'types=limit+stop')
        tap.same([broker.order(), broker.order(px=None, kind='1')], ['New', 'OrderTypeNotAllowed'],
                 f'order types of {level}')
        tap.same(op.show(level, subject).get('types'), 'limit+stop', 'and shown')
        op.good(r'order rule.* is types=all .* seq \d+', 'rule', level, subject, 'default')
        broker.sweep()


def check_kills(tap, op, broker):
    for level, subject in (('session', 'BROKER1'), ('account', 'A1'), ('group', 'ALPHA.HOUSE'),
                           ('firm', 'ALPHA')):
        tap.same([broker.order(px=90 + i) for i in range(3)], ['New'] * 3, f'three orders of {level}')
        op.good(rf'{level} {subject} killed, 3 orders canceled seq \d+', 'kill', level, subject)
        gone = broker.take(3)
        tap.same([(kind, body[56]) for kind, body in gone], [('Cancel', KILL_SWITCH)] * 3,
                 'are canceled by its kill')
        tap.same(broker.order(), 'KillSwitch', 'and no more are taken')
        op.good(rf'{level} {subject} enabled seq \d+', 'enable', level, subject)
        tap.same(broker.order(), 'New', 'until it is enabled')
        op.good(rf'{level} {subject} killed, 0 orders canceled seq \d+', 'kill', level, subject,
                'keep')
        tap.same([broker.order(), broker.cancel(broker.clord - 1)], ['KillSwitch', 'Cancel'],
                 'with keep its orders stay, and can be canceled')
        op.good(rf'{level} {subject} enabled seq \d+', 'enable', level, subject)
    op.bad('refused ConfigurationRange', 'kill', 'firm', '9', code=1)
    op.bad('refused ConfigurationRange', 'enable', 'session', '9', code=1)


def check_stages(tap, op, broker):
    op.good(r'open_orders of account A1 is 4 warn=500 block=750 seq \d+', 'limit', 'account', 'A1', 'open_orders', '4',
            'warn=500', 'block=750')
    tap.same([broker.order(), broker.order(px=99)], ['New'] * 2, 'two of four orders')
    row = op.limit('open_orders', 'account', 'A1')
    tap.same([row.get('stages'), row.get('stage')], ['warn=500 block=750', 'Warned'], 'warn')
    tap.same(broker.order(px=98), 'New', 'the third')
    gone = broker.take(3)
    tap.same([(kind, body[56]) for kind, body in gone], [('Cancel', KILL_SWITCH)] * 3,
             'blocks the account: all are canceled')
    tap.same(broker.order(), 'AccountBlocked', 'and no more are taken')
    op.good(r'account A1 enabled seq \d+', 'enable', 'account', 'A1')
    tap.same(broker.order(), 'New', 'until it is enabled')
    op.good(r'open_orders.* is none seq \d+', 'limit', 'account', 'A1', 'open_orders', 'none')
    broker.sweep()
    told = [[row[name] for name in ('event', 'reason', 'account', 'risk_name', 'risk_limit',
                                    'risk_used')] for row in op.audit()
            if row['event'] in ('RWRN', 'RACT') and row['risk_name']]
    tap.same(told[-2:], [['RWRN', 'Warned', 'A1', 'OpenOrders', '4', '2'],
                         ['RACT', 'Blocked', 'A1', 'OpenOrders', '4', '3']], 'both are in the audit trail')


def check_fees(tap, op, broker, other):
    broker.order(side='2', px=101)
    op.bad('orders of the instrument are live', 'fee', 'ACME', '-100', '200', code=1)
    broker.sweep()
    op.good(r'ACME has fees of -100 ppm for the maker and 200 ppm for the taker seq \d+', 'fee',
            'ACME', '-100', '200')
    broker.order(side='2', px=101)
    other.order(px=101)
    broker.take(1)
    other.take(1)
    trades = [row for row in op.audit() if row['kind'] == 'Trade'][-2:]
    tap.same([row['fee'] for row in trades], ['0.0202', '-0.0101'], 'fees of taker and maker')
    op.good(r'ACME is marked at 90.00 seq \d+', 'mark', 'ACME', '90.00')
    op.bad('or the price is no tick of it', 'mark', 'ACME', '90.001', code=1)
    op.good(r'daily_loss of account B1 is 10 seq \d+', 'limit', 'account', 'B1', 'daily_loss', '10')
    tap.same(other.order(px=95), 'DailyLoss', 'a loss against the mark')
    op.good(r'ACME is marked at 101.00, which is its settlement price seq \d+', 'settle', 'ACME',
            '101.00')
    op.good(r'daily_loss.* is none seq \d+', 'limit', 'account', 'B1', 'daily_loss', 'none')
    op.good(rf'day {TODAY} seq \d+', 'day', TODAY)
    op.bad('refused ConfigurationRange', 'day', TODAY, code=1)


def check_author_is_in_the_audit_trail(tap, op):
    rows = op.audit()
    mine = {row['event'] for row in rows if row['author'] == 'kim' and
            row['author_uid'] == str(os.getuid()) and row['author_reason'] == 'a test'}
    tap.ok(mine >= {'LIMT', 'FEES', 'CASH', 'PMOV', 'MARK', 'KILL', 'ENAB', 'DAYR', 'RSTR', 'RULE'},
           'each command has its author in the audit trail', mine)
    refused = [row for row in rows if row['reason'] == 'OpenNotional']
    tap.same([[row[name] for name in ('risk_name', 'risk_level', 'risk_limit', 'risk_used',
                                      'risk_value')] for row in refused[:1]],
             [['OpenNotional', 'Account', '300.00', '300.00', '90.00']],
             'a refusal has limit, level, use and value')
    actions = [row for row in rows if row['event'] == 'RACT']
    tap.ok(any(row['reason'] == 'Killed' and 'count=3' in row['detail'] for row in actions) and
           'OTHR' not in {row['event'] for row in rows}, 'kills have what they took', actions[:3])


def test_author_is_in_the_audit_trail(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder)
        with op.serve() as exchange:
            broker = Broker(exchange)
            other = Broker(exchange, 'BROKER2', 'beta', 1)
            check_limits(tap, op, broker)
            check_money(tap, op, broker)
            check_permissions(tap, op, broker)
            check_stages(tap, op, broker)
            check_kills(tap, op, broker)
            check_fees(tap, op, broker, other)
            broker.client.close()
            other.client.close()
            exchange.stop()
        check_author_is_in_the_audit_trail(tap, op)
        prove(tap, outcry, op, 'all commands')


def fly(client, stop):
    """fly sends orders without waiting until it is told to stop."""
    clord = 1000
    while not stop.is_set():
        clord += 1
        client.new(clord, '1', 1, (91 + clord % 9) * PX, tif='1')
        client.take(client.receive(0.001))


def test_kill_while_orders_fly(tap, outcry, threads):
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder, threads=threads)
        with op.serve() as exchange:
            client = Client(exchange.ports['kernel'], 'BROKER1', 'alpha')
            stop = threading.Event()
            flight = threading.Thread(target=fly, args=(client, stop))
            flight.start()
            time.sleep(0.3)
            code, out, err = op.admin('kill', 'firm', 'ALPHA')
            taken = re.fullmatch(r'firm ALPHA killed, (\d+) orders canceled seq (\d+)\n', out)
            tap.ok(code == 0 and taken and int(taken[1]) > 0, 'a firm is killed while orders fly',
                   code, out, err)
            time.sleep(0.1)
            stop.set()
            flight.join()
            tap.same(op.show('firm', 'ALPHA')['limits'] and
                     op.limit('open_notional', 'firm', 'ALPHA').get('used'), '0', 'it has none left')
            client.close()
            exchange.stop()
        seq = int(taken[2])
        rows = op.audit()
        new = [row for row in rows if row['event'] == 'NEWO']
        tap.ok(new and max(int(row['seq']) for row in new) < seq, 'none was taken behind the kill')
        late = {row['reason'] for row in rows if row['event'] == 'REMO' and int(row['seq']) > seq}
        tap.same(late, {'KillSwitch'}, 'all behind it were refused by it')
        gone = [row for row in rows if row['event'] == 'CAMO' and int(row['seq']) == seq]
        tap.same((len(gone), len(new)), (int(taken[1]),) * 2, 'each order was canceled, by the kill')
        prove(tap, outcry, op, 'a kill')


MORE = '''positions: [{account: B1, instrument: ACME, long: 7, short: 8}]
limits:
  - {level: account, subject: A1, limit: open_orders, value: 5}
  - {level: firm, subject: ALPHA, limit: open_notional, value: "1000.00"}
rules:
  - {level: account, subject: B1, types: [limit]}
'''


def test_restart(tap, outcry):
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder, more=MORE)
        with op.serve() as exchange:
            tap.ok('in the configuration' not in exchange.text, 'a first start has no differences',
                   exchange.text)
            tap.same(op.limit('open_orders', 'account', 'A1').get('by'), 'configuration',
                     'limits of the file are set by the configuration')
            op.good(r'open_orders.* seq \d+', 'limit', 'account', 'A1', 'open_orders', '3')
            op.good(r'order_value.* seq \d+', 'limit', 'account', 'A1', 'order_value', '777')
            op.good(r'firm BETA killed.* seq \d+', 'kill', 'firm', 'BETA')
            op.good(r'account B1 is suspended seq \d+', 'account', 'B1', 'suspended')
            op.good(r'ACME halted seq \d+', 'halt', 'ACME')
            op.good(r'long of account B1 in ACME is 5 seq \d+', 'limit', 'pair', 'B1', 'ACME', 'long',
                    '5')
            op.good('.*', 'rule', 'account', 'B1', 'tifs=day+ioc')
            exchange.kill()
        seq = int(op.audit()[-1]['seq'])
        with op.serve() as exchange:
            for line in ('open_orders of account A1: value is 3 by hand, 5 in the configuration: kept',
                         'account A1: order_value_max is 777 by hand, 50000 in the configuration: '
                         'kept', 'account B1: state is suspended by hand, active in the configuration: kept',
                         'order rule of account B1: tifs is day+ioc by hand, all in the configuration: kept'):
                tap.ok(f'outcry: {line}\n' in exchange.text, line, exchange.text)
            tap.same(op.limit('open_orders', 'account', 'A1').get('value'), '3', 'and they hold')
            op.good(r'account B1 is active seq \d+', 'account', 'B1', 'active')
            broker = Broker(exchange, 'BROKER2', 'beta', 1)
            tap.same(op.show('instrument', 'ACME').get('state'), 'halted', 'so does a halt')
            op.good(r'ACME open seq \d+', 'open', 'ACME')
            tap.same(broker.order(), 'KillSwitch', 'a kill outlives the exchange')
            broker.client.close()
            exchange.stop()
        tap.same([row['event'] for row in op.audit(seq + 1)][:2], ['REST', 'ACCT'],
                 'so the start sent nothing but its Restart')
        path = write_config(folder, long=400,
                            more=MORE.replace('1000.00', '900.00').replace('short: 8', 'short: 9'))
        with open(path, encoding='ascii') as file:
            text = file.read().replace('collar_permille: 100', 'collar_permille: 90')
        with open(path, 'w', encoding='ascii') as file:
            file.write(text)
        with op.serve() as exchange:
            for line in ('open_notional of firm ALPHA: value is 1000, 900 in the configuration: set',
                         'account A1: long_max is 500, 400 in the configuration: set',
                         'position limit of B1 in ACME: long_max is 5 by hand, 7 in the '
                         'configuration: kept',
                         'position limit of B1 in ACME: short_max is 8, 9 in the configuration: set',
                         'instrument ACME: collar_permille is 100, 90 in the configuration: set',
                         'open_orders of account A1: value is 3 by hand, 5 in the configuration: kept'):
                tap.ok(f'outcry: {line}\n' in exchange.text, line, exchange.text)
            exchange.stop()
        with op.serve() as exchange:
            tap.ok('order_value_max is 777 by hand' in exchange.text and
                   'account A1: long_max' not in exchange.text,
                   'what is by hand stays so when the file sets another field', exchange.text)
            exchange.stop()
        rows = [row for row in op.audit() if row['event'] == 'LIMT']
        tap.ok(rows[0]['author'] == 'configuration' and rows[0]['author_uid'] == 'configuration',
               'the configuration is an author', rows[0])
        prove(tap, outcry, op, 'restarts')


def test_unnamed_is_told(tap, outcry):
    """What an older configuration set and this one does not name stays, and a start says it."""
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder, more=MORE)
        with op.serve() as exchange:
            op.good(r'.* seq \d+', 'limit', 'account', 'B1', 'open_orders', '9')
            exchange.stop()
        op = Operator(tap, outcry, folder)
        with op.serve() as exchange:
            said = [line for line in exchange.text.splitlines() if 'not in the configuration' in line]
            tap.same(said, ['outcry: open_orders of account A1: value is 5, not in the '
                            'configuration: kept',
                            'outcry: order rule of account B1: types=limit tifs=all covered=no, not in the '
                            'configuration: kept',
                            'outcry: open_notional of firm ALPHA: value is 1000, not in the '
                            'configuration: kept',
                            'outcry: position limit of B1 in ACME: not in the configuration: kept'],
                     'what the file does not name any more is told, what was set by hand is not')
            tap.same(op.limit('open_orders', 'account', 'A1').get('value'), '5', 'and it holds')
            exchange.stop()
        op = Operator(tap, outcry, folder, more=MORE)
        with op.serve() as exchange:
            tap.ok('not in the configuration' not in exchange.text, 'named again it is not told',
                   exchange.text)
            exchange.stop()


def holds(op):
    """holds is what `show blocked` lists."""
    shown = op.show('blocked')
    rows = [[row[key] for key in ('level', 'subject', 'what', 'instrument', 'limit')]
            for row in shown.get('holds', [])]
    op.tap.same(shown.get('blocked'), str(len(rows)), 'show blocked counts what it lists')
    return rows


def check_shown_kills(tap, op):
    for level, subject in (('session', 'BROKER1'), ('account', 'A1'), ('group', 'ALPHA.HOUSE'),
                           ('firm', 'ALPHA')):
        tap.same(op.show(level, subject).get('killed'), 'no', f'{level} is not killed')
        op.good(rf'{level} {subject} killed.* seq \d+', 'kill', level, subject)
        tap.same(op.show(level, subject).get('killed'), 'yes', f'a kill of {level} is shown')
    shown = op.show('account', 'A1')
    tap.same([shown.get(f'{level}_held') for level in ('group', 'firm')], ['killed', 'killed'],
             'and of an account what holds above it')
    tap.same(holds(op), [['session', 'BROKER1', 'killed', '-', '-'],
                         ['account', 'A1', 'killed', '-', '-'],
                         ['group', 'ALPHA.HOUSE', 'killed', '-', '-'],
                         ['group', 'BETA.HOUSE', 'restricted', 'ZINC', '-'],
                         ['firm', 'ALPHA', 'killed', '-', '-']], 'all kills are listed')


def check_shown_holds(tap, op, broker):
    op.good(r'.* seq \d+', 'limit', 'account', 'A1', 'executions', '1', 'window=1s')
    op.good(r'.* seq \d+', 'limit', 'firm', 'ALPHA', 'open_notional', '1000', 'slow=400',
            'pause=5ms', 'close=500')
    broker.order(side='2', px=101)
    broker.order(side='1', px=101)
    broker.take(1)
    tap.same(op.show('account', 'A1').get('latched'), 'yes', 'a latch is shown')
    tap.ok(['account', 'A1', 'latched', '-', 'executions'] in holds(op), 'and listed')
    op.good(r'account A1 enabled seq \d+', 'enable', 'account', 'A1')
    broker.order(side='1', qty=6, px=100)
    shown = op.show('account', 'A1')
    tap.same(shown.get('latched'), 'no', 'enabled it is latched no more')
    broker.order(side='2', qty=1, px=100)
    row = op.limit('open_notional', 'firm', 'ALPHA')
    tap.same([row.get(key) for key in ('stages', 'stage')],
             ['slow=400 close=500 pause=5ms', 'CloseOnly'], 'stages with their pause')
    shown = op.show('account', 'A1')
    tap.same([shown.get(key) for key in ('firm_held', 'bought', 'sold', 'profit')],
             ['CloseOnly', '101', '101', '0'], 'a stage above, and the day')
    op.good(r'.* seq \d+', 'restrict', 'account', 'A1', 'ZINC')
    op.good(r'.* seq \d+', 'restrict', 'firm', 'ALPHA', 'ACME')
    op.good(r'.* seq \d+', 'blacklist', 'group', 'ALPHA.HOUSE')
    op.good(r'.* seq \d+', 'halt', 'ZINC')
    op.good(r'.* seq \d+', 'account', 'B1', 'suspended')
    shown = op.show('account', 'A1')
    tap.same([shown.get(key) for key in ('restricted', 'firm_restricted', 'group_restricted',
                                         'group_held')],
             ['ZINC', 'ACME', 'none', 'blacklisted'], 'restrictions and the blacklist')
    tap.same(op.show('group', 'ALPHA.HOUSE').get('blacklisted'), 'yes', 'of the group itself')
    tap.same(op.show('pair', 'A1', 'ZINC').get('pair_restricted'), 'yes', 'and of the pair')
    tap.same(holds(op), [['account', 'B1', 'suspended', '-', '-'],
                         ['group', 'ALPHA.HOUSE', 'blacklisted', '-', '-'],
                         ['group', 'BETA.HOUSE', 'restricted', 'ZINC', '-'],
                         ['firm', 'ALPHA', 'CloseOnly', '-', 'open_notional'],
                         ['firm', 'ALPHA', 'restricted', 'ACME', '-'],
                         ['instrument', 'ZINC', 'halted', '-', '-'],
                         ['account', 'A1', 'restricted', 'ZINC', '-']], 'all of it is listed')


def check_shown_prices(tap, op):
    op.good(r'.* seq \d+', 'settle', 'ACME', '99.00')
    op.good(r'.* seq \d+', 'move', 'A1', 'ACME', '7')
    shown = op.show('instrument', 'ACME')
    tap.same([shown.get(key) for key in ('last', 'mark', 'settlement', 'reference', 'collar_ticks',
                                         'collar_permille', 'collar_from', 'collar_low',
                                         'collar_high', 'band_low', 'order_qty_min')],
             ['101', '99', '99', '100', '0', '100', '101', '90.9', '111.1', 'none', '0'],
             'what prices of an instrument are measured against')
    shown = op.show('pair', 'A1', 'ACME')
    tap.same([shown.get(key) for key in ('position', 'open_buy', 'open_sell', 'mark')],
             ['7', '6', '0', '99'], 'the position of a pair')
    shown = op.show('firm', 'ALPHA')
    tap.ok(int(shown['messages']) >= int(shown['fills']) == 2, 'messages and fills of a firm', shown)
    tap.same(op.limit('order_to_trade', 'firm', 'ALPHA').get('used'), '0',
             'without a limit no ratio is used')


def test_show_tells_what_stops(tap, outcry, threads):
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder, threads=threads)
        with op.serve() as exchange:
            tap.ok('outcry: blocked: 1 restricted; ' in exchange.text, 'a start says it',
                   exchange.text)
            broker = Broker(exchange)
            check_shown_kills(tap, op)
            for level, subject in (('session', 'BROKER1'), ('account', 'A1'),
                                   ('group', 'ALPHA.HOUSE'), ('firm', 'ALPHA')):
                op.good(r'.* enabled seq \d+', 'enable', level, subject)
            check_shown_holds(tap, op, broker)
            check_shown_prices(tap, op)
            code, out, _ = op.admin('show', 'blocked', why=None)
            tap.ok(code == 0 and re.search(r'^instrument +ZINC +halted +- +-$', out, re.MULTILINE),
                   'as a table', out)
            op.bad('show blocked', 'show', 'bloked')
            broker.client.close()
            exchange.stop()
        with op.serve() as exchange:
            tap.ok('outcry: blocked: 1 blacklisted, 1 suspended, 1 stage, 3 restricted, 1 halted; '
                   'outcry admin CONFIG show blocked tells what\n' in exchange.text,
                   'and the next start', exchange.text)
            exchange.stop()


def test_refusals_in_words(tap, outcry):
    """A refusal names the level, and what of it broke, to the broker and in the audit trail."""
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder)
        with op.serve() as exchange:
            def send(qty, px):
                return run(outcry, 'send', op.config, 'new', '--instrument', 'ACME', '--side',
                           'buy', '--qty', qty, '--px', px, '--udp-port',
                           str(exchange.ports['kernel'][1]))

            def refused(text, qty='1', px='100.00'):
                code, out, err = send(qty, px)
                tap.ok(code == 1 and out.rstrip('\n').endswith(f'refused: {text}'), text, out, err)

            refused('InvalidTick (Instrument tick 0.01, this order 100.001)', px='100.001')
            op.good('.*', 'account', 'A1', 'suspended')
            refused('AccountSuspended (Account)')
            op.good('.*', 'account', 'A1', 'close_only')
            refused('AccountCloseOnly (Account may close 0, this order 1)')
            op.good('.*', 'account', 'A1', 'active')
            op.good('.*', 'blacklist', 'group', 'ALPHA.HOUSE')
            refused('Blacklisted (Group)')
            op.good('.*', 'clear', 'group', 'ALPHA.HOUSE')
            op.good('.*', 'restrict', 'firm', 'ALPHA', 'ACME')
            refused('RestrictedInstrument (Firm)')
            op.good('.*', 'permit', 'firm', 'ALPHA', 'ACME')
            op.good('.*', 'rule', 'instrument', 'ACME', 'types=market')
            refused('OrderTypeNotAllowed (Instrument)')
            op.good('.*', 'rule', 'instrument', 'ACME', 'default')
            op.good('.*', 'limit', 'account', 'A1', 'open_notional', '150', 'close=600')
            refused('OpenNotional (Account limit 150.00, in use 0.00, this order 200.00)', qty='2')
            code, out, err = send('1', '100.00')
            tap.ok(code == 0, 'one is taken', out, err)
            refused('AccountCloseOnly (Account open_notional at 666 of 1000, from 600 on)')
            op.good('.*', 'limit', 'account', 'A1', 'open_notional', 'none')
            op.good('.*', 'limit', 'firm', 'ALPHA', 'open_notional', '1000', 'slow=50', 'pause=60s')
            for what in 'one begins the stage', 'one begins the pause':
                code, out, err = send('1', '100.00')
                tap.ok(code == 0, what, out, err)
            refused('Throttled (Firm open_notional at 300 of 1000, a pause between messages from 50 on)')
            exchange.stop()
        told = {row['reason']: [row[name] for name in ('risk_name', 'risk_level', 'risk_limit',
                                                       'risk_used', 'risk_value')]
                for row in op.audit() if row['kind'] == 'OrderNew' and row['sub_seq'] == '0'}
        tap.same({reason: told.get(reason) for reason in WORDS_TOLD}, WORDS_TOLD,
                 'the same numbers are in the audit trail')
        prove(tap, outcry, op, 'refusals in words')


def test_unnamed_stays(tap, outcry):
    """A limit or a rule of which a part is named keeps the rest, and all of it is told."""
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder)
        with op.serve() as exchange:
            op.good(r'open_notional of account A1 is 1000 warn=800 slow=900 close=950 block=990 '
                    r'pause=5ms seq \d+', 'limit', 'account', 'A1', 'open_notional', '1000', 'warn=800',
                    'slow=900', 'pause=5ms', 'close=950', 'block=990')
            op.good(r'open_notional of account A1 is 2000 warn=800 slow=900 close=950 block=990 '
                    r'pause=5ms seq \d+', 'limit', 'account', 'A1', 'open_notional', '2000')
            tap.same(op.limit('open_notional', 'account', 'A1').get('stages'),
                     'warn=800 slow=900 close=950 block=990 pause=5ms', 'stages stay armed')
            op.good(r'open_notional of account A1 is 2000 warn=700 close=950 seq \d+', 'limit', 'account',
                    'A1', 'open_notional', '2000', 'warn=700', 'slow=none', 'block=none')
            op.good(r'message_rate of firm ALPHA is 9 window=1ms seq \d+', 'limit', 'firm', 'ALPHA',
                    'message_rate', '9', 'window=1ms')
            op.good(r'message_rate of firm ALPHA is 10 window=1ms seq \d+', 'limit', 'firm', 'ALPHA',
                    'message_rate', '10')
            op.good(r'open_notional of account A1 is none seq \d+', 'limit', 'account', 'A1',
                    'open_notional', 'none')
            op.good(r'open_notional of account A1 is 5 seq \d+', 'limit', 'account', 'A1',
                    'open_notional', '5')
            op.good(r'order rule of account B1 is types=all tifs=all covered=yes seq \d+', 'rule',
                    'account', 'B1', 'covered=yes')
            op.good(r'order rule of account B1 is types=limit tifs=all covered=yes seq \d+', 'rule',
                    'account', 'B1', 'types=limit')
            op.good(r'order rule of instrument ACME is types=all tifs=all references=mid '
                    r'unreferenced=no seq \d+', 'rule', 'instrument', 'ACME', 'references=mid')
            op.good(r'order rule of instrument ACME is types=limit tifs=all references=mid '
                    r'unreferenced=no seq \d+', 'rule', 'instrument', 'ACME', 'types=limit')
            op.bad('types= names nothing, expected all', 'rule', 'account', 'B1', 'types=')
            op.bad('the exchange knows no such account', 'rule', 'account', '9', 'types=limit')
            exchange.stop()


def test_lowered_with_cancel(tap, outcry):
    """A limit that is lowered cancels nothing, unless it is asked to."""
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder)
        with op.serve() as exchange:
            broker = Broker(exchange)
            for _ in range(3):
                broker.order(px=90)
            op.good(r'open_orders of account A1 is 1 seq \d+', 'limit', 'account', 'A1', 'open_orders', '1')
            tap.same(op.limit('open_orders', 'account', 'A1').get('used'), '3', 'without cancel= all stay')
            op.good(r'open_orders of account A1 is 3, 0 orders canceled seq \d+', 'limit', 'account', 'A1',
                    'open_orders', '3', 'cancel=yes')
            op.good(r'open_orders of account A1 is 2, 3 orders canceled seq \d+', 'limit', 'account', 'A1',
                    'open_orders', '2', 'cancel=yes')
            tap.same(op.limit('open_orders', 'account', 'A1').get('used'), '0', 'and with it all go')
            op.bad('cancels nothing, expected cancel= only of', 'limit', 'account', 'A1', 'order_qty', '5',
                   'cancel=yes')
            op.bad('cancel=maybe is not understood', 'limit', 'account', 'A1', 'open_orders', '5',
                   'cancel=maybe')
            broker.client.close()
            exchange.stop()
        acts = [row for row in op.audit() if row['reason'] == 'Lowered']
        tap.same([(row['risk_name'], row['risk_limit'], row['risk_used']) for row in acts],
                 [('OpenOrders', '3', '3'), ('OpenOrders', '2', '3')], 'the audit trail tells of it')
        prove(tap, outcry, op, 'a limit with cancel=yes')


def test_instrument_by_hand(tap, outcry):
    """Collar, band, reference and least quantity are set while orders come, and outlive a restart."""
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder)
        path = write_config(folder)
        with op.serve() as exchange:
            broker = Broker(exchange, 'BROKER1', 'alpha')
            tap.same(broker.order(qty=2), 'New', 'before it all is well')
            op.good(r'instrument ACME has reference=100 collar_ticks=none collar_permille=100 '
                    r'band_low=99 band_high=104 order_qty_min=3 seq \d+', 'instrument', 'ACME',
                    'band_low=99', 'band_high=104', 'order_qty_min=3')
            tap.same([broker.order(qty=2), broker.order(qty=3), broker.order(qty=3, px=98),
                      broker.order(qty=3, px=104)],
                     ['MinOrderQty', 'New', 'PriceBand', 'New'], 'band and least quantity hold at once')
            op.good(r'instrument ACME has .* collar_ticks=200 collar_permille=100 band_low=none '
                    r'band_high=104 order_qty_min=none seq \d+', 'instrument', 'ACME', 'collar_ticks=200',
                    'band_low=none', 'order_qty_min=none')
            tap.same([broker.order(px=97), broker.order(px=98)], ['PriceCollarLow', 'New'],
                     'what is not named stays, and none takes away')
            op.bad('an end of the band is no tick of it', 'instrument', 'ACME', 'band_high=104.001')
            op.bad('band_low is above band_high', 'instrument', 'ACME', 'band_low=105')
            op.bad('the reference is no tick of it', 'instrument', 'ACME', 'reference=0.001')
            op.bad('order_qty_min is above order_qty', 'instrument', 'ACME', 'order_qty_min=4294967295')
            op.bad('collar_ticks=0 is no number, expected 1 to', 'instrument', 'ACME', 'collar_ticks=0')
            op.bad('reference=-1 is no price', 'instrument', 'ACME', 'reference=-1')
            op.bad('tick=2 is not known', 'instrument', 'ACME', 'tick=2')
            op.bad('the exchange knows no such instrument', 'instrument', '9', 'collar_ticks=2')
            tap.same(op.show('instrument', 'ACME').get('by_hand'),
                     'collar_ticks+band_low+band_high+order_qty_min', 'show tells what is by hand')
            broker.sweep()
            broker.client.close()
            exchange.kill()
        lines = ('collar_ticks is 200 by hand, 0 in the configuration: kept',
                 'band_high_px is 104 by hand, 0 in the configuration: kept')
        for permille in (100, 90, 90):
            with open(path, encoding='ascii') as file:
                text = file.read().replace('collar_permille: 100', f'collar_permille: {permille}')
            with open(path, 'w', encoding='ascii') as file:
                file.write(text)
            with op.serve() as exchange:
                for line in lines:
                    tap.ok(f'outcry: instrument ACME: {line}\n' in exchange.text, line, exchange.text)
                tap.same([op.show('instrument', 'ACME').get(key) for key in
                          ('collar_ticks', 'collar_permille', 'band_high', 'by_hand')],
                         ['200', str(permille), '104', 'collar_ticks+band_low+band_high+order_qty_min'],
                         'they hold, and what is not by hand follows the file')
                exchange.stop()
        prove(tap, outcry, op, 'instruments')


LIFTED = '''limits:
  - {level: account, subject: A1, limit: open_notional, value: "500000.00", warn: 800}
  - {level: firm, subject: BETA, limit: message_rate, value: 9, window: 1ms}
  - {level: session, subject: BROKER1, limit: open_orders, value: 9}
  - {level: account, subject: B1, limit: credit, value: none}
'''


def test_lifted_stays_lifted(tap, outcry):
    """What an operator took away, and the file still has, is not set again by a start."""
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder, more=LIFTED)
        lines = ('open_notional of account A1: value is none by hand, 500000 in the configuration: kept',
                 'message_rate of firm BETA: value is none by hand, 9 in the configuration: kept',
                 'open_orders of session BROKER1: value is none by hand, 9 in the configuration: kept',
                 'restriction of group BETA.HOUSE in ZINC: lifted by hand, set in the configuration: '
                 'kept')
        with op.serve() as exchange:
            op.good(r'open_notional.* is none seq \d+', 'limit', 'account', 'A1', 'open_notional', 'none')
            op.good(r'message_rate.* is none seq \d+', 'limit', 'firm', 'BETA', 'message_rate', 'none')
            op.good(r'open_orders.* is none seq \d+', 'limit', 'session', 'BROKER1', 'open_orders',
                    'none')
            op.good(r'group BETA.HOUSE may trade ZINC seq \d+', 'permit', 'group', 'BETA.HOUSE', 'ZINC')
            exchange.stop()
        for _ in range(2):
            with op.serve() as exchange:
                for line in lines:
                    tap.ok(f'outcry: {line}\n' in exchange.text, line, exchange.text)
                tap.same(exchange.text.count('in the configuration'), len(lines), 'and no more is said')
                tap.same([op.limit(name, level, subject).get('value') for name, level, subject in
                          (('open_notional', 'account', 'A1'), ('message_rate', 'firm', 'BETA'),
                           ('open_orders', 'session', 'BROKER1'))], ['none'] * 3, 'and so it is')
                broker = Broker(exchange, 'BROKER2', 'beta', 1)
                tap.same(broker.order(side='2', qty=10, px=50, instrument=1), 'New',
                         'the restriction is off')
                broker.sweep()
                broker.client.close()
                exchange.stop()
        prove(tap, outcry, op, 'lifted')


def test_release(tap, outcry):
    """What is handed back holds until the next start, which sets what the file says, and says so."""
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder, more=MORE)
        given = (('limit', 'account', 'A1', 'open_orders', '3'),
                 ('limit', 'account', 'A1', 'order_value', '777'),
                 ('limit', 'pair', 'B1', 'ACME', 'long', '5'),
                 ('limit', 'session', 'BROKER1', 'open_orders', '4'),
                 ('instrument', 'ACME', 'collar_permille=50', 'band_high=120'),
                 ('account', 'B1', 'suspended'),
                 ('rule', 'account', 'B1', 'types=limit'),
                 ('permit', 'group', 'BETA.HOUSE', 'ZINC'),
                 ('fee', 'ZINC', '1', '2'))
        with op.serve() as exchange:
            for words in given:
                op.good(r'.* seq \d+', *words)
            exchange.stop()
        back = ('limit account A1 open_orders', 'limit account A1 order_value',
                'limit pair B1 ACME long', 'limit session BROKER1 open_orders', 'instrument ACME',
                'account B1', 'rule account B1', 'restriction group BETA.HOUSE ZINC', 'fee ZINC')
        with op.serve() as exchange:
            tap.ok(exchange.text.count(' by hand') >= 7 and ': set\n' not in exchange.text,
                   'all of it is kept', exchange.text)
            for words in back:
                op.good(words + r" is the configuration's from its next start seq \d+", 'release',
                        *words.split())
            tap.same([op.limit('open_orders', 'account', 'A1').get(key) for key in ('value', 'by')],
                     ['3', 'configuration'], 'it holds still')
            tap.same([op.show('instrument', 'ACME').get(key) for key in ('collar_permille', 'by_hand')],
                     ['50', 'none'], 'and so it does of an instrument')
            op.bad('expected release limit LEVEL SUBJECT LIMIT', 'release', 'limit', 'account', 'A1')
            op.bad('expected release limit LEVEL SUBJECT LIMIT', 'release', 'rule', 'firm', 'ALPHA')
            op.bad('warmth is no limit', 'release', 'limit', 'account', 'A1', 'warmth')
            op.bad('ConfigurationRange', 'release', 'limit', 'group', 'ALPHA.HOUSE', 'credit', code=1)
            op.bad('ConfigurationRange', 'release', 'account', '9', code=1)
            exchange.kill()
        lines = ('open_orders of account A1: value is 3, 5 in the configuration: set',
                 'account A1: order_value_max is 777, 50000 in the configuration: set',
                 'position limit of B1 in ACME: long_max is 5, 7 in the configuration: set',
                 'open_orders of session BROKER1: value is 4, not in the configuration: kept',
                 'instrument ACME: collar_permille is 50, 100 in the configuration: set',
                 'instrument ACME: band_high_px is 120, 0 in the configuration: set',
                 'account B1: state is suspended, active in the configuration: set')
        with op.serve() as exchange:
            for line in lines:
                tap.ok(f'outcry: {line}\n' in exchange.text, line, exchange.text)
            tap.ok('by hand' not in exchange.text, 'nothing is by hand', exchange.text)
            tap.same(op.limit('open_orders', 'account', 'A1').get('value'), '5', 'the file holds')
            tap.same(op.show('group', 'BETA.HOUSE').get('restricted'), 'ZINC', 'of a restriction, too')
            exchange.stop()
        rows = [row for row in op.audit() if row['event'].startswith('BACK')]
        tap.ok(len(rows) == len(back) + 2 and all(row['author'] for row in rows),
               'each is in the audit trail with who said so', rows)
        prove(tap, outcry, op, 'releases')


def test_start_of_day(tap, outcry, threads):
    rows = ''.join(f'limit,pair,{account},ACME,{name},{1000 + i}\n' for i, (account, name) in
                   enumerate((a, n) for a in ('A1', 'B1') for n in ('long', 'short')))
    text = ('# start\nposition,A1,ACME,100\r\ncash,A1,"5000.25"\ncash,B1,-3\nlimit,account,B1,credit,3\n'
            + rows + f'day,{TODAY}\n')
    with Folder() as folder:
        make_journal(folder)
        op = Operator(tap, outcry, folder, threads=threads)
        with open(op.config, encoding='ascii') as file:
            config = file.read().replace('positions: 1024', 'positions: 3')
        with open(op.config, 'w', encoding='ascii') as file:
            file.write(config)
        with op.serve() as exchange:
            before = op.audit()
            code, out, err = op.load('\xef\xbb\xbf' + text, '--check')
            tap.same((code, out, err), (0, 'checked 9 rows\n', ''), 'a start of day is checked')
            code, _, err = op.load(text.replace('credit,3', 'credit,2'))
            tap.ok(code == 2 and 'line 4: the balance is too low' in err, 'a balance below the credit',
                   err)
            code, _, err = op.load(''.join(f'position,{account},{symbol},1\nlimit,pair,{account},'
                                           f'{symbol},short,9\nlimit,pair,{account},{symbol},long,9\n'
                                           for account in ('A1', 'B1') for symbol in ('ACME', 'ZINC')))
            tap.ok(code == 2 and err.count('no record is left for the pair') == 1 and
                   'line 10: no record' in err, 'more pairs than the pool has', err)
            tap.same(op.audit(), before, 'and nothing was done')
            code, out, err = op.load(text)
            tap.ok(code == 0 and re.fullmatch(r'loaded 9 rows seq \d+\n', out), 'it is loaded', code,
                   out, err)
            shown = op.show('account', 'A1')
            tap.same(shown.get('balance'), '5000.25', 'balances are set')
            tap.same(op.limit('long', 'pair', 'A1', 'ACME').get('used'), '100', 'and positions')
            code, out, _ = op.load(text)
            tap.ok(code == 1 and out == 'stopped line 10 was refused by the engine: '
                   'ConfigurationRange, the day is not later than that of now, or none at all; 0 rows '
                   'before it are done\n', 'a day comes once', out)
            exchange.stop()
        events = [row['event'] for row in op.audit(len({row['seq'] for row in before}) + 1)]
        tap.same(events[:9], ['DAYR'] + ['LIMT'] * 5 + ['CASH'] * 2 + ['PMOV'],
                 'the day first, limits, cash, positions')
        prove(tap, outcry, op, 'a start of day')


def main():
    outcry = os.path.abspath(sys.argv[1])
    tap = Tap()
    test_author_is_in_the_audit_trail(tap, outcry)
    test_lifted_stays_lifted(tap, outcry)
    test_instrument_by_hand(tap, outcry)
    test_release(tap, outcry)
    test_unnamed_stays(tap, outcry)
    test_lowered_with_cancel(tap, outcry)
    test_refusals_in_words(tap, outcry)
    test_unnamed_is_told(tap, outcry)
    one = '  - {name: all, stages: [gateway, engine, journal], idle: yield}'
    three = ('  - {name: net, stages: [gateway], idle: yield}\n'
             '  - {name: engine, stages: [engine], idle: yield}\n'
             '  - {name: disk, stages: [journal], idle: block}')
    for threads in (one, three):
        test_show_tells_what_stops(tap, outcry, threads)
        test_kill_while_orders_fly(tap, outcry, threads)
        test_start_of_day(tap, outcry, threads)
    test_restart(tap, outcry)
    tap.done()


main()
