"""Connections without a login: they keep nobody out, and end.

    test_half_open.py OUTCRY

More strangers than a port has room for connect and say nothing. Whoever logs in meanwhile, by
FIXP or OUCH, gets a place and keeps it, however many strangers come. Those who only talk, without
ever having a login, are ended when their time is over.
"""

import re
import socket
import struct
import sys
import time

from fixp import FIXP, ORDERS, Client
from harness import Folder, Operator, Tap, make_journal
from soup import QUERY, Soup, enter

CONNECTIONS = 4
STRANGERS = 12
SECONDS = 60
PX = 100 * 10**8
MORE = '  - {id: 2, name: OUCH1, firm: ALPHA, key: k, dialect: ouch, account: A1, mpid: ALFA}\n' \
       '  - {id: 3, name: LATE, firm: ALPHA, key: k}\n'
PORT = '{{name: {}, kind: tcp, address: 127.0.0.1, tcp_port: 0, dialect: {}, {}}}'
PORTS = ', '.join([PORT.format('door', 'fixp', f'connections: {CONNECTIONS}'),
                   PORT.format('soup', 'ouch', f'connections: {CONNECTIONS}'),
                   PORT.format('hasty', 'fixp', 'connections: 8, login_ms: 3000')])


def settings(folder):
    operator = Operator(Tap(), sys.argv[1], folder, more=MORE)
    with open(operator.config, encoding='ascii') as file:
        text = file.read()
    with open(operator.config, 'w', encoding='ascii') as file:
        file.write(text.replace('udp_port: 0}]', 'udp_port: 0}, ' + PORTS + ']'))
    return operator


def is_over(stranger, seconds):
    """is_over tells whether a connection is ended within a time."""
    stranger.settimeout(seconds)
    try:
        return stranger.recv(1) == b''
    except (TimeoutError, socket.timeout):
        return False
    except ConnectionError:
        return True


def crowd(address):
    return [socket.create_connection(address) for _ in range(STRANGERS)]


def leave_room(tap, strangers, who):
    """leave_room expects the end of all but the last, which is as many as there is room for."""
    over = [is_over(stranger, SECONDS) for stranger in strangers[:1 - CONNECTIONS]]
    tap.ok(all(over), f'{who}: those who came first have made room', over)


def trades(broker):
    """trades tells whether an order is answered; over a connection numbers are said once."""
    broker.order(1, '1', 1, PX, 0)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if any((schema, template) == (ORDERS, 20) for schema, template, _ in broker.receive(1)):
            return True
    return False


def fixp(tap, exchange):
    strangers = crowd(exchange.ports['door'])
    broker = Client(exchange.ports['door'], 'BROKER1', 'alpha', tcp=True, keepalive=60000)
    tap.ok(broker.refused is None, 'FIXP: who logs in gets a place')
    strangers += crowd(exchange.ports['door'])
    leave_room(tap, strangers, 'FIXP')
    tap.ok(trades(broker), 'FIXP: and keeps it')
    return broker, strangers


def ouch(tap, exchange):
    strangers = crowd(exchange.ports['soup'])
    broker = Soup(exchange.ports['soup'], 'OUCH1', 'k')
    strangers += crowd(exchange.ports['soup'])
    leave_room(tap, strangers, 'OUCH')
    broker.send(enter(1, 'B', 1, 990000), QUERY)
    tap.same([row['type'] for row in broker.reports(3)], ['S', 'A', 'Q'],
             'OUCH: who logs in gets a place and keeps it')
    return broker, strangers


def log_in(address):
    """log_in tries until this process was fast enough."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return Client(address, 'LATE', 'k', tcp=True, keepalive=60000)
        except ConnectionError:
            if time.monotonic() > end:
                raise


def hasty(tap, exchange):
    """hasty is a stranger who talks: each wrong login is answered, and none helps him."""
    late = log_in(exchange.ports['hasty'])
    silent = socket.create_connection(exchange.ports['hasty'])
    stranger = socket.create_connection(exchange.ports['hasty'])
    login = struct.pack('<4H16sQBHc', 25, 1, FIXP, 0, bytes(16), 0, 1, 1, b'x')
    end = time.monotonic() + SECONDS
    over = False
    while not over and time.monotonic() < end:
        try:
            stranger.sendall(struct.pack('>IH', len(login) + 6, 0xeb50) + login)
            over = is_over(stranger, 0.1)
        except ConnectionError:
            over = True
    tap.ok(over, 'who talks on and on without a login is ended')
    tap.ok(is_over(silent, SECONDS), 'who says nothing is ended')
    tap.ok(trades(late), 'who has logged in stays')
    return late


def main():
    with Folder() as folder:
        make_journal(folder)
        operator = settings(folder)
        tap = operator.tap
        with operator.serve() as exchange:
            stay = [hasty(tap, exchange), fixp(tap, exchange), ouch(tap, exchange)]
            tap.same(exchange.stop(), 0, 'the exchange stops')
            for port in ('door', 'soup'):
                found = re.search(rf'port {port}: .* connections, 0 too many, .* (\d+) half open',
                                  exchange.text)
                tap.ok(found and int(found[1]) >= 2 * STRANGERS + 1 - CONNECTIONS,
                       f'{port}: and tells of the strangers', exchange.text)
            del stay
    operator.tap.done()


if __name__ == '__main__':
    main()
