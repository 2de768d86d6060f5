"""fixp: a client of order entry over UDP, written from the schemas alone.

Small and slow on purpose: it shares no code with the exchange, so that what the
two agree on is the wire. One session, no losses expected: a gap is an error.
"""

import hashlib
import hmac
import socket
import struct
import time
import uuid

FIXP, ORDERS = 2748, 100
NULL64, NULL32, NULL_PX = 2**64 - 1, 2**32 - 1, -2**63

REPORTS = {20: 'New', 21: 'Reject', 22: 'Cancel', 23: 'Replace', 24: 'Trade', 25: 'Expire',
           26: 'Triggered', 27: 'Restated', 28: 'Prevented', 30: 'CancelReject',
           31: 'MessageReject', 32: 'MassCancel', 33: 'MassQuote', 34: 'QuoteEntry',
           18: 'NotApplied'}


def header(block, template, schema, version=0):
    return struct.pack('<HHHH', block, template, schema, version)


def signed(message, name, key):
    """signed is a request with the credentials behind it."""
    who = b'\x01' + name.encode().ljust(16, b'\0')
    credentials = who + hmac.new(key.encode(), message + who, hashlib.sha256).digest()
    return message + struct.pack('<H', len(credentials)) + credentials


def plain(message, name, key):
    """plain is a request with the key in clear text."""
    credentials = f'{name}:{key}'.encode()
    return message + struct.pack('<H', len(credentials)) + credentials


class Frames:
    """Frames is a TCP connection that is written and read like a socket of datagrams."""

    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.bytes = b''

    def send(self, data):
        """send puts a framing header before each message: Sequence may go before one."""
        first = 16 if struct.unpack_from('<HHH', data) == (8, 8, FIXP) else len(data)
        for message in (data[:first], data[first:]):
            if message:
                self.socket.sendall(struct.pack('>IH', len(message) + 6, 0xeb50) + message)

    def settimeout(self, seconds):
        self.socket.settimeout(seconds)

    def recv(self, size):
        while len(self.bytes) < 6 or len(self.bytes) < struct.unpack_from('>I', self.bytes)[0]:
            piece = self.socket.recv(size)
            if not piece:
                raise ConnectionResetError('the exchange has ended the connection')
            self.bytes += piece
        length = struct.unpack_from('>I', self.bytes)[0]
        frame, self.bytes = self.bytes[6:length], self.bytes[length:]
        return frame

    def close(self):
        self.socket.close()


class Client:
    """Client negotiates and establishes in its constructor."""

    def __init__(self, address, name, key, seconds=30.0, login=signed, context=False,
                 flow=1, keepalive=60000, tcp=False):
        if tcp:
            self.socket = Frames(address)
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            # On a machine that is busy elsewhere much comes before it is read.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.socket.connect(address)
        self.keepalive = keepalive
        self.seconds = seconds
        self.context = context
        self.flow = flow
        self.uuid = uuid.uuid4().bytes
        self.next_no = 1
        self.next_report = 1
        self.reports = []
        self.login = lambda message: login(message, name, key)
        self.refused = None
        self.shake(self.negotiate, 2, 3)
        if self.refused is None:
            self.shake(self.establish, 6, 7)

    def negotiate(self, now):
        return self.login(header(25, 1, FIXP) + self.uuid + struct.pack('<QB', now, self.flow))

    def establish(self, now):
        return self.login(header(36, 5, FIXP) + self.uuid + struct.pack(
            '<QIQ', now, self.keepalive, NULL64))

    def shake(self, request, accept, reject):
        """shake repeats a request until it is answered, every 2 s with a new time.

        What refuses a former repeat may have waited longer than its time allowed."""
        end = time.monotonic() + self.seconds
        now, count = 0, 0
        while time.monotonic() < end:
            if count % 10 == 0:
                now = time.time_ns()
            count += 1
            self.socket.send(request(now))
            for schema, template, body in self.receive(0.2):
                if schema == FIXP and template == accept:
                    return
                if schema == FIXP and template == reject and body[16:24] == struct.pack('<Q', now):
                    self.refused = (template, body[24])
                    return
        raise TimeoutError('no answer to the handshake')

    def receive(self, seconds):
        """receive returns the messages of one datagram, [] if none comes."""
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(2048)
        except (TimeoutError, socket.timeout):
            return []
        messages = []
        while data:
            block, template, schema, _ = struct.unpack_from('<HHHH', data)
            size = 8 + block
            if schema == FIXP and template in (3, 7, 13, 14):
                size += 2 + struct.unpack_from('<H', data, size)[0]
            if schema == FIXP and template == 2:
                size += 2 + struct.unpack_from('<H', data, size)[0]
            messages.append((schema, template, data[8:size]))
            data = data[size:]
        return messages

    def take(self, messages):
        """take keeps the reports of a datagram that begins with Sequence."""
        number = None
        for schema, template, body in messages:
            if schema == FIXP and template == 8:
                number = struct.unpack('<Q', body)[0]
            elif schema == ORDERS or template == 18:
                assert number is not None, 'a report without a Sequence before it'
                if number == self.next_report:
                    self.reports.append((REPORTS.get(template, template), body))
                    self.next_report += 1
                assert number < self.next_report, f'report {self.next_report} is missing'
                number += 1

    def send(self, message):
        """send numbers one application message and returns its number."""
        number = self.next_no
        self.next_no += 1
        if self.context:
            begin = header(24, 9, FIXP) + self.uuid + struct.pack('<Q', number)
        else:
            begin = header(8, 8, FIXP) + struct.pack('<Q', number)
        self.socket.send(begin + message)
        return number

    def wait(self, count):
        """wait returns the reports once there are `count`."""
        end = time.monotonic() + self.seconds
        while len(self.reports) < count:
            if time.monotonic() > end:
                raise TimeoutError(f'{len(self.reports)} reports of {count}')
            self.take(self.receive(0.2))
        return self.reports

    def order(self, clord, side, qty, px, account, instrument=0, tif='1', kind='2', codes=None,
              stp=0):
        """order enters one; px in 1e-8, None for a market order."""
        codes = codes or (NULL32, NULL32, NULL32)
        body = struct.pack('<QqqQIIIIIIII', clord, NULL_PX if px is None else px, NULL_PX, NULL64,
                           instrument, qty, NULL32, NULL32, account, *codes)
        body += struct.pack('<ccccBc', side.encode(), kind.encode(), tif.encode(), b'\0', stp, b'P')
        return self.send(header(72, 10, ORDERS) + body.ljust(72, b'\0'))

    def new(self, clord, side, qty, px=None, account=0, instrument=0, kind='2', tif='0', inst=0,
            stp=0, stop=None, expire=None, display=None, min_qty=None, offset=None, link=None,
            span=None):
        """new enters an order with the fields of version 1 of the schema; prices in 1e-8."""
        def price(value):
            return NULL_PX if value is None else value

        def number(value, null):
            return null if value is None else value

        body = struct.pack('<QqqQIIIIIIII', clord, price(px), price(stop), number(expire, NULL64),
                           instrument, qty, number(display, NULL32), number(min_qty, NULL32),
                           account, NULL32, NULL32, NULL32)
        body += struct.pack('<cccBBcxx', side.encode(), kind.encode(), tif.encode(), inst, stp, b'P')
        body += struct.pack('<qQIxxxx', price(offset), number(link, NULL64), number(span, NULL32))
        return self.send(header(96, 10, ORDERS, 1) + body)

    def quote(self, quote_id, account, entries, stp=0):
        """quote sends a mass quote; entries are (instrument, bid px, bid qty, offer px, qty)."""
        body = struct.pack('<QIBcxx', quote_id, account, stp, b'P')
        body += struct.pack('<HH', 28, len(entries))
        for instrument, bid_px, bid, offer_px, offer in entries:
            body += struct.pack('<qqIII', bid_px if bid else NULL_PX, offer_px if offer else NULL_PX,
                                instrument, bid, offer)
        return self.send(header(16, 14, ORDERS, 1) + body)

    def cancel(self, clord, orig, instrument=0):
        body = struct.pack('<QQQI', clord, orig, NULL64, instrument)
        return self.send(header(32, 11, ORDERS) + body.ljust(32, b'\0'))

    def replace(self, clord, orig, qty, px, instrument=0, stop=NULL_PX, expire=NULL64,
                display=NULL32):
        body = struct.pack('<QQQqqQIIII', clord, orig, NULL64, px, stop, expire, instrument, qty,
                           display, NULL32)
        return self.send(header(64, 12, ORDERS) + body.ljust(64, b'\0'))

    def mass_cancel(self, clord, scope=0, account=NULL32, group=None):
        """mass_cancel is one of version 0, unless it names a group."""
        body = struct.pack('<QIIBc', clord, NULL32, account, scope, b'0').ljust(24, b'\0')
        if group is None:
            return self.send(header(24, 13, ORDERS) + body)
        return self.send(header(32, 13, ORDERS, 1) + body + struct.pack('<Ixxxx', group))

    def close(self):
        self.socket.send(header(17, 14, FIXP) + self.uuid + struct.pack('<BH', 0, 0))
        self.socket.close()
