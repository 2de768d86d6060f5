"""Cancel on disconnect with the program: who is lost loses its Day orders, and no others.

    test_disconnect.py OUTCRY

Sessions are lost by Terminate, by silence, and by the end of a connection; one comes
back in time. Then the exchange is killed: its restart is a loss too, for who does not
come back. Nothing is told by the clock: what has happened is read out of the journal,
and what has not, behind something later that has.
"""

import sys
import time

from fixp import FIXP, Client, header
from harness import Folder, Operator, Tap, make_journal

GRACE_MS = 8000
PX = 100 * 10**8
LOST = ['TERMINATE', 'SILENT', 'TCP']
ALL = LOST + ['BACK', 'STAYS']


def settings(folder):
    """settings adds sessions with a grace time, and a door for TCP, to the common ones."""
    more = ''.join(f'  - {{id: {2 + i}, name: {name}, firm: ALPHA, key: k, '
                   f'cancel_on_disconnect_ms: {GRACE_MS}}}\n' for i, name in enumerate(ALL))
    operator = Operator(Tap(), sys.argv[1], folder, more=more)
    with open(operator.config, encoding='ascii') as file:
        text = file.read()
    door = '{name: door, kind: tcp, address: 127.0.0.1, tcp_port: 0}'
    with open(operator.config, 'w', encoding='ascii') as file:
        file.write(text.replace('udp_port: 0}]', 'udp_port: 0}, ' + door + ']'))
    return operator


def filled(exchange, name, **how):
    """filled is a client with a Day order and one that is good till it is canceled."""
    client = Client(exchange.ports['door' if how.get('tcp') else 'kernel'], name, 'k', **how)
    assert client.refused is None, (name, client.refused)
    for clord, tif in ((1, '0'), (2, '1')):
        client.order(clord, '1', 1, PX, 0, tif=tif)
    return client


def canceled(operator):
    """canceled is [(session, client's id)] of the orders that went by disconnect."""
    return sorted((row['session'], row['clord']) for row in operator.audit()
                  if row['kind'] == 'OrderCanceled' and row['reason'] == 'Disconnect')


def wait(operator, count, what):
    end = time.monotonic() + 60
    while len(canceled(operator)) < count and time.monotonic() < end:
        time.sleep(0.5)
    got = canceled(operator)
    return operator.tap.same(len(got), count, what), got


def accepted(operator, count):
    """accepted waits until so many orders are in the journal: they are on their way."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        rows = [row for row in operator.audit() if row['kind'] == 'OrderNew']
        if len(rows) == count:
            return operator.tap.ok(all(row['outcome'] == 'accepted' for row in rows),
                                   f'{count} orders are accepted', [row['outcome'] for row in rows])
    return operator.tap.ok(False, f'{count} orders are accepted', len(rows))


def test(operator):
    tap = operator.tap
    with operator.serve() as exchange:
        back = filled(exchange, 'BACK')
        stays = filled(exchange, 'STAYS')
        clients = [filled(exchange, 'TERMINATE'), filled(exchange, 'SILENT', keepalive=2000),
                   filled(exchange, 'TCP', tcp=True)]
        accepted(operator, 2 * len(ALL))
        # It is lost first, so its time would be over first.
        back.socket.send(header(17, 14, FIXP) + back.uuid + bytes(3))
        while not any(template == 14 for _, template, _ in back.receive(1)):
            back.socket.send(header(17, 14, FIXP) + back.uuid + bytes(3))
        back.shake(back.establish, 6, 7)
        tap.same(back.refused, None, 'who was lost comes back')
        clients[0].close()
        clients[2].close()
        good, got = wait(operator, len(LOST), 'each that is lost loses its Day order')
        tap.same(sorted({session for session, _ in got}), sorted(LOST), 'and nobody else')
        tap.same({clord for _, clord in got}, {'1'}, 'what is good till canceled stays')
        exchange.kill()
    with operator.serve() as exchange:
        stays.socket.close()
        back.socket.connect(exchange.ports['kernel'])
        back.shake(back.establish, 6, 7)
        tap.same(back.refused, None, 'after a kill one comes back in time')
        _, got = wait(operator, len(LOST) + 1, 'the other loses its Day order after the restart')
        tap.same([row for row in got if row[0] not in LOST], [('STAYS', '1')], 'and none else')
        tap.same(exchange.stop(), 0, 'the exchange stops')


def main():
    with Folder() as folder:
        make_journal(folder)
        operator = settings(folder)
        test(operator)
    operator.tap.done()


if __name__ == '__main__':
    main()
