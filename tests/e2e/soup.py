"""soup: a client of OUCH 5.0 over SoupBinTCP, of the published layouts alone."""

import socket
import struct
import time

SECONDS = 60.0

# Bytes behind the type and the timestamp, without the options, of what the exchange sends.
REPORTS = {
    b'S': ('>c', 'event'),
    b'A': ('>IcI8sQccQccc c14s', 'ref side qty symbol px tif display order capacity iso cross state text'),
    b'U': ('>IIcI8sQccQccc c14s',
           'orig ref side qty symbol px tif display order capacity iso cross state text'),
    b'C': ('>IIc', 'ref qty reason'),
    b'E': ('>IIQcQ', 'ref qty px liquidity match'),
    b'J': ('>IH14s', 'ref reason text'),
    b'I': ('>I', 'ref'),
    b'M': ('>IcI', 'ref side qty'),
    b'X': ('>I4s8s', 'ref firm symbol'),
    b'G': ('>I4s', 'ref firm'),
    b'K': ('>I4s', 'ref firm'),
    b'Q': ('>I', 'next'),
}


def report(message):
    """report is a message of the exchange as a dictionary."""
    layout, names = REPORTS[message[:1]]
    layout = layout.replace(' ', '')
    fields = dict(zip(names.split(), struct.unpack_from(layout, message, 9)))
    fields = {name: value.decode().rstrip() if isinstance(value, bytes) else value
              for name, value in fields.items()}
    return {'type': message[:1].decode(), 'time': struct.unpack_from('>Q', message, 1)[0], **fields}


def option(tag, value):
    return bytes([1 + len(value), tag]) + value


def with_options(*options):
    text = b''.join(options)
    return struct.pack('>H', len(text)) + text


def enter(ref, side, qty, px, symbol='ACME', text='', tif=b'0', end=b'\0\0'):
    """enter is EnterOrder; px in 0.0001."""
    return struct.pack('>cIcI8sQccccc14s', b'O', ref, side.encode(), qty, symbol.encode().ljust(8),
                       px, tif, b'Y', b'P', b'N', b'N', text.encode().ljust(14)) + end


def replace(orig, ref, qty, px, text='', tif=b'0', end=b'\0\0'):
    return struct.pack('>cIIIQccc14s', b'U', orig, ref, qty, px, tif, b'Y', b'N',
                       text.encode().ljust(14)) + end


def cancel(ref, total=0, end=b''):
    return struct.pack('>cII', b'X', ref, total) + end


def modify(ref, side, total, end=b''):
    return struct.pack('>cIcI', b'M', ref, side.encode(), total) + end


def mass_cancel(ref, firm='', symbol='', end=b''):
    return struct.pack('>cI4s8s', b'C', ref, firm.encode().ljust(4), symbol.encode().ljust(8)) + end


QUERY = b'Q'


class Refused(Exception):
    """The exchange has said LoginRejected; the reason is the argument."""


class Soup:
    """Soup is one connection. number is that of the next message that will come; after a
    login all that came is in messages, from the number of the login on."""

    def __init__(self, address, user, password, number=1, session='', timeout_ms=None, right=False):
        self.socket = socket.create_connection(address, timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = b''
        self.messages = []
        self.heartbeats = 0
        self.ended = False  # EndOfSession has come
        self.told = time.monotonic()
        text = str(number)
        login = (user.ljust(6) + password.ljust(10) + session.rjust(10) +
                 (text.ljust(20) if right else text.rjust(20)))
        if timeout_ms is not None:
            login += str(timeout_ms).rjust(5)
        self.packet(b'L', login.encode())
        kind, body = self.next_packet()
        if kind == b'J':
            self.socket.close()
            raise Refused(body.decode())
        assert kind == b'A' and len(body) == 30, (kind, body)
        self.session, self.number = body[:10].decode().strip(), int(body[10:])

    def packet(self, kind, body=b''):
        self.socket.sendall(struct.pack('>H', 1 + len(body)) + kind + body)
        self.told = time.monotonic()

    def send(self, *messages):
        """send writes all of them at once, as a hurried client would."""
        self.socket.sendall(b''.join(struct.pack('>H', 1 + len(message)) + b'U' + message
                                     for message in messages))
        self.told = time.monotonic()

    def next_packet(self, seconds=SECONDS):
        """next_packet is (type, body), None if none comes in time, (b'', b'') at the end."""
        end = time.monotonic() + seconds
        while True:
            if len(self.bytes) >= 2:
                length = 2 + int.from_bytes(self.bytes[:2], 'big')
                if len(self.bytes) >= length:
                    packet, self.bytes = self.bytes[2:length], self.bytes[length:]
                    return packet[:1], packet[1:]
            left = end - time.monotonic()
            if left <= 0:
                return None
            if time.monotonic() - self.told > 1:
                self.packet(b'R')
            self.socket.settimeout(min(left, 1))
            try:
                piece = self.socket.recv(65536)
            except socket.timeout:
                continue
            except ConnectionError:
                piece = b''
            if not piece:
                return b'', b''
            self.bytes += piece

    def take(self, count, seconds=SECONDS):
        """take waits for so many messages more and returns them as they are."""
        end = time.monotonic() + seconds
        got = []
        while len(got) < count:
            packet = self.next_packet(end - time.monotonic())
            if packet is None:
                raise TimeoutError(f'{count - len(got)} of {count} messages did not come')
            if packet[0] == b'':
                raise EOFError(f'the connection ended, {count - len(got)} messages before')
            if packet[0] == b'S':
                got.append(packet[1])
                self.number += 1
            elif packet[0] == b'H':
                self.heartbeats += 1
            elif packet[0] == b'Z':
                self.ended = True
        self.messages += got
        return got

    def reports(self, count):
        return [report(message) for message in self.take(count)]

    def quiet(self):
        """quiet is whether nothing is left that was not taken: what is asked now is answered
        next."""
        self.send(QUERY)
        return self.reports(1)[0]['type'] == 'Q'

    def wait_end(self, seconds=SECONDS):
        """wait_end returns the types of the packets before the end of the connection."""
        end = time.monotonic() + seconds
        kinds = []
        while True:
            packet = self.next_packet(end - time.monotonic())
            if packet is None:
                raise TimeoutError('the connection did not end')
            if packet[0] == b'':
                return kinds
            kinds.append(packet[0])

    def logout(self):
        self.packet(b'O')
        return self.wait_end()

    def close(self):
        self.socket.close()
