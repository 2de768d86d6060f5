"""outcry: journals of the exchange as numpy arrays.

    import outcry

    journal = outcry.Journal('/var/lib/outcry/journal')
    orders = journal.select('OrderNew')              # an array, a record for each
    orders['px'], orders['qty'], orders['tif'] == outcry.TimeInForce.Day

    for group in journal.groups(first=1000, last=2000):
        print(group.seq, group.command.name, [event.name for event in group.events])

    book = journal.book_at(123456)[7]                # of instrument 7
    for level in book.bids:
        print(level.px / 1e8, level.shown, level.reserve, level.orders)

Needs numpy, and libzstd (by ctypes) for segments that `outcry retain` compressed; of these
encrypted ones need libsodium and their keys. Names are those of proto/cells.xml, from which
outcry_cells.py is made; prices are in 10^-8 of the currency, times in nanoseconds UTC.

A group is all that one command caused: its own message, with the outcome, then its events. Only
finished groups are given: one that a crash cut off never happened. The pages that no later
page calls durable are checked by their hashes, so that a torn end is no part of the journal;
`outcry verify` checks all of it. A Journal is what was there when it was opened or refreshed.
"""

import ctypes
import ctypes.util
import os
import re
from bisect import bisect_left, bisect_right
from collections import namedtuple

import numpy as np

from outcry_book import Book, Books, Level, Order  # noqa: F401
from outcry_cells import *  # noqa: F403 names of kinds and enums are part of this module
from outcry_cells import DTYPES, ENUMS, PRICES, Kind  # noqa: F401

PAGE = 4096
CELLS = 63
CHUNK = 512  # pages that are looked at together
MAGIC = 0x5943544F
FORMAT = 2
FLAG_SEGMENT = 2
LAST, BY_ID, SELL, COUNT = 0x80, 0x40, 0x20, 0x1F
EVENTS, CONTINUATIONS = 64, 128

HEADER = np.dtype([('magic', '<u4'), ('format', '<u2'), ('shard', '<u2'), ('page_no', '<u8'),
                   ('first_seq', '<u8'), ('epoch', '<u4'), ('durable_lag', '<u2'), ('cells', 'u1'),
                   ('flags', 'u1'), ('prev_hash', '<u8', 2), ('hash', '<u8', 2)])
# What any cell that opens a message has; of one that continues it kind alone.
FRAME = np.dtype({'names': ['kind', 'shape', 'outcome', 'instrument', 'seq', 'time', 'session'],
                  'formats': ['u1', 'u1', '<u2', '<u4', '<u8', '<u8', '<u2'],
                  'offsets': [0, 1, 2, 4, 8, 16, 60], 'itemsize': 64})


class JournalError(Exception):
    """JournalError says why a journal cannot be read."""


# -- XXH3-128, for pages ------------------------------------------------------

SECRET = bytes.fromhex(
    'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f'
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c'
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8'
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364'
    'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e'
    '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e')
ACCUMULATORS = np.array([3266489917, 11400714785074694791, 14029467366897019727,
                         1609587929392839161, 9650029242287828579, 2246822519,
                         2870177450012600261, 2654435761], '<u8')
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def _secret(at, count=8):
    return np.frombuffer(SECRET, '<u8', count, at)


def _fold(a, b):
    """_fold multiplies to 128 bits and gives the high half xor the low half."""
    a_low, a_high, b_low, b_high = a & LOW, a >> HALF, b & LOW, b >> HALF
    low, mid, cross = a_low * b_low, a_high * b_low, a_low * b_high
    mid = mid + (low >> HALF)
    cross = cross + (mid & LOW)
    return (a_high * b_high + (mid >> HALF) + (cross >> HALF)) ^ (a * b)


def page_hashes(pages):
    """page_hashes gives the hash that belongs to each page: an array of two numbers each."""
    data = np.ascontiguousarray(pages).view('<u8').reshape(len(pages), 64, 8).copy()
    data[:, 0, 6:8] = 0
    acc = np.tile(ACCUMULATORS, (len(pages), 1))
    swap = np.array([1, 0, 3, 2, 5, 4, 7, 6])

    def add(words, key):
        keyed = words ^ key
        return acc + words[:, swap] + (keyed & LOW) * (keyed >> HALF)

    for stripe in range(63):
        acc = add(data[:, stripe], _secret(8 * (stripe % 16)))
        if stripe % 16 == 15:
            acc = (acc ^ (acc >> np.uint64(47)) ^ _secret(128)) * np.uint64(2654435761)
    acc = add(data[:, 63], _secret(121))
    out = np.empty((len(pages), 2), '<u8')
    for half, at, start in ((0, 11, PAGE * 11400714785074694791),
                            (1, 117, ~(PAGE * 14029467366897019727))):
        mixed = acc ^ _secret(at)
        total = _fold(mixed[:, 0::2], mixed[:, 1::2]).sum(axis=1, dtype='<u8')
        total = total + np.uint64(start & 0xFFFFFFFFFFFFFFFF)
        total = (total ^ (total >> np.uint64(37))) * np.uint64(0x165667919E3779F9)
        out[:, half] = total ^ (total >> HALF)
    return out


# -- files --------------------------------------------------------------------

ARCHIVE = np.dtype({
    'names': ['magic', 'version', 'segment_no', 'segment_bytes', 'frame_pages', 'frames_cnt',
              'flags', 'key_id', 'nonce'],
    'formats': ['<u4', '<u2', '<u8', '<u8', '<u4', '<u4', '<u4', 'V16', 'V16'],
    'offsets': [0, 4, 8, 32, 40, 44, 92, 128, 144], 'itemsize': 256})
ENTRY = np.dtype({'names': ['off', 'bytes'], 'formats': ['<u8', '<u4'], 'offsets': [0, 8],
                  'itemsize': 48})
_libraries = {}


def _library(name):
    if name not in _libraries:
        path = ctypes.util.find_library(name)
        if path is None:
            raise JournalError(f'lib{name} is not installed, and a segment needs it')
        _libraries[name] = ctypes.CDLL(path)
    return _libraries[name]


def _unzip(frame, plain, path):
    """_unzip decompresses one zstd frame into the array plain."""
    zstd = _library('zstd')
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    zstd.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p,
                                     ctypes.c_size_t]
    size = zstd.ZSTD_decompress(plain.ctypes.data, plain.nbytes, frame, len(frame))
    if size != plain.nbytes:
        raise JournalError(f'{path}: a frame is damaged')


def _decrypt(frame, number, raw, header, keys, path):
    """_decrypt opens one frame with the key of which the file has the id, whichever it is."""
    sodium = _library('sodium')
    place = number.to_bytes(8, 'little')
    bond, nonce = raw[:256] + place, header['nonce'].tobytes() + place
    plain = ctypes.create_string_buffer(len(frame))
    size = ctypes.c_ulonglong()
    for key in keys:
        if sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                plain, ctypes.byref(size), None, frame, ctypes.c_ulonglong(len(frame)), bond,
                ctypes.c_ulonglong(len(bond)), nonce, key) == 0:
            return plain.raw[:size.value]
    raise JournalError(f'{path} is encrypted, and no key that was given opens it')


def _read_archive(path, keys):
    """_read_archive gives the pages of a compressed segment."""
    with open(path, 'rb') as file:
        raw = file.read()
    header = np.frombuffer(raw, ARCHIVE, 1)[0]
    if header['magic'] != 0x5A43544F or header['version'] != 1:
        raise JournalError(f'{path} is no archive of a version that is known here')
    frames = int(header['frames_cnt'])
    entries = np.frombuffer(raw, ENTRY, frames, len(raw) - 64 - 48 * frames)
    plain = np.empty(int(header['segment_bytes']), 'u1')
    step = int(header['frame_pages']) * PAGE
    for number, entry in enumerate(entries):
        frame = raw[int(entry['off']):int(entry['off']) + int(entry['bytes'])]
        if header['flags'] & 1:
            frame = _decrypt(frame, number, raw, header, keys, path)
        _unzip(frame, plain[number * step:(number + 1) * step], path)
    return plain.reshape(-1, PAGE)


def _first_segment(folder):
    """_first_segment tells where a journal begins from which segments were pruned."""
    try:
        with open(os.path.join(folder, 'pruned'), 'rb') as file:
            raw = file.read()
    except FileNotFoundError:
        return 0
    return int.from_bytes(raw[-120:-112], 'little') + 1 if len(raw) >= 128 else 0


class Segment:
    """Segment is one file: pages is an array of n times 4096 bytes, headers one of HEADER."""

    def __init__(self, folder, number, keys):
        self.number = number
        plain = os.path.join(folder, f'{number:08}.seg')
        self.path = plain if os.path.exists(plain) else plain + 'z'
        if self.path == plain:
            size = os.path.getsize(plain) // PAGE * PAGE
            self.pages = np.memmap(plain, 'u1', 'r', shape=(size // PAGE, PAGE))
        else:
            self.pages = _read_archive(self.path, keys)
        self.headers = self.pages[:, :64].view(HEADER)[:, 0]


class Message:
    """Message is a command or an event: message['px'] is a field of its first cell, cells are
    all of them as records of their kinds."""

    __slots__ = ('_cells',)

    def __init__(self, cells):
        self._cells = cells

    @property
    def kind(self):
        return Kind(int(self._cells['kind'][0]))

    @property
    def name(self):
        return self.kind.name

    @property
    def sell(self):
        return bool(self._cells['shape'][0] & SELL)

    @property
    def by_id(self):
        return bool(self._cells['shape'][0] & BY_ID)

    @property
    def cells(self):
        return [self._cells[i:i + 1].view(DTYPES[Kind(int(self._cells['kind'][i]))])[0]
                for i in range(len(self._cells))]

    def __getitem__(self, field):
        return self._cells[:1].view(DTYPES[self.kind])[field][0]

    def __repr__(self):
        texts = []
        for cell in self.cells:
            kind = Kind(int(cell['kind']))
            fields = [f'{name}={value_name(kind, name, cell[name])}' for name in
                      DTYPES[kind].names if name not in ('kind', 'shape')]
            texts.append(f"{kind.name}({', '.join(fields)})")
        return ' + '.join(texts)


def value_name(kind, field, value):
    """value_name gives the name of an enum's value, and other values as they are."""
    enum = ENUMS.get((kind, field))
    try:
        return enum(int(value)).name if enum else value
    except ValueError:
        return value


class Group(namedtuple('Group', 'seq time cells')):
    """Group is all that one command caused; cells is a view of the array it lies in."""

    __slots__ = ()

    @property
    def messages(self):
        starts = np.flatnonzero(self.cells['kind'] < CONTINUATIONS)
        ends = np.append(starts[1:], len(self.cells))
        return [Message(self.cells[a:b]) for a, b in zip(starts, ends)]

    @property
    def command(self):
        return self.messages[0]

    @property
    def events(self):
        return self.messages[1:]


class Journal:
    """Journal is a folder of segments, read-only. keys: of encrypted segments, 32 bytes each."""

    def __init__(self, folder, keys=()):
        self.folder, self.keys = folder, list(keys)
        self.segments = []
        self.refresh()

    def refresh(self):
        """refresh looks again at a journal that is being written."""
        names = os.listdir(self.folder)
        numbers = {int(name[:8]) for name in names if re.fullmatch(r'\d{8}\.segz?', name)}
        first = _first_segment(self.folder)
        numbers = sorted(number for number in numbers if number >= first)
        if not numbers or numbers != list(range(first, first + len(numbers))):
            raise JournalError(f'{self.folder}: ' + ('a segment is missing' if numbers else
                                                     'no journal is there'))
        known = {segment.number: segment for segment in self.segments}
        self.segments = [known.get(number) or Segment(self.folder, number, self.keys)
                         for number in numbers]
        self._cache, self._books = {}, None
        self._find_end()
        self._index()

    def _find_end(self):
        """_find_end counts the pages of each segment that are the journal's. Segments but the
        last that is in use are full; in that one the first page that is none is the end."""
        self._counts = [len(segment.pages) for segment in self.segments]
        for i in reversed(range(len(self.segments))):
            segment = self.segments[i]
            self._counts[i] = self._written(segment)
            if self._counts[i]:
                break
        for segment, count in zip(self.segments, self._counts):
            if count and segment.headers['format'][0] != FORMAT:
                raise JournalError(f"{segment.path}: format {segment.headers['format'][0]}, "
                                   f'not {FORMAT}')
        self._drop_torn(i)

    @staticmethod
    def _written(segment):
        """_written counts the pages up to the first that was not written."""
        first = segment.number * len(segment.pages)
        for at in range(0, len(segment.pages), CHUNK):
            headers = segment.headers[at:at + CHUNK]
            good = ((headers['magic'] == MAGIC) &
                    (headers['page_no'] == np.arange(len(headers), dtype='u8') + first + at))
            if not good.all():
                return at + int(np.argmin(good))
        return len(segment.pages)

    def _drop_torn(self, last):
        """_drop_torn ends the journal at the first page that is not whole, among those of the
        segments up to `last` that no later page calls durable."""
        headers = self.segments[last].headers[:self._counts[last]]
        known = headers[headers['durable_lag'] != 65535]
        durable = int((known['page_no'].astype('i8') - known['durable_lag']).max()) if len(
            known) else 0
        for i in range(last + 1):
            segment = self.segments[i]
            begin = max(durable - segment.number * len(segment.pages), 0)
            for at in range(begin, self._counts[i], CHUNK):
                stop = min(at + CHUNK, self._counts[i])
                whole = (page_hashes(segment.pages[at:stop]) ==
                         segment.headers['hash'][at:stop]).all(axis=1)
                if not whole.all():
                    self._counts[i] = at + int(np.argmin(whole))
                    self._counts[i + 1:] = [0] * (len(self._counts) - i - 1)
                    return

    def _index(self):
        """_index notes of each segment its first command, for seeking."""
        self.first_seq = self.last_seq = self.first_time = self.last_time = 0
        self._first_seqs, self._first_times = [], []
        for segment, count in zip(self.segments, self._counts):
            headers = segment.headers[:count]
            usable = np.flatnonzero((headers['flags'] & FLAG_SEGMENT) == 0)
            if not len(usable):
                break
            self._first_seqs.append(int(headers['first_seq'][usable[0]]))
            cell = segment.pages[usable[0], 64:128].view(FRAME)[0]
            self._first_times.append(int(cell['time']))
        self._used = len(self._first_seqs)
        if not self._used:
            return
        for number in range(self._used):
            first = self._groups_of(number)
            if len(first):
                self.first_seq, self.first_time = int(first['seq'][0]), int(first['time'][0])
                break
        for number in reversed(range(self._used)):
            cells = self._groups_of(number)
            if len(cells):
                opens = np.flatnonzero(cells['kind'] < CONTINUATIONS)
                self.last_seq = int(cells['seq'][opens[-1]])
                self.last_time = int(cells['time'][opens[-1]])
                break

    # -- cells of a segment -----------------------------------------------

    def _raw(self, number):
        """_raw gives all cells of a segment that are in use, and the first of each run."""
        segment, count = self.segments[number], self._counts[number]
        headers = segment.headers[:count]
        plain = (headers['flags'] & FLAG_SEGMENT) == 0
        in_use = np.where(plain, headers['cells'], 0).astype('i8')
        cells = segment.pages[:count].view('V64')[:, 1:]
        if count and (in_use == CELLS).sum() * 2 > count:
            # Most are full: whole pages are copied faster than single cells.
            cells = np.ascontiguousarray(cells).reshape(-1)
            if not (in_use == CELLS).all():
                cells = cells[(np.arange(CELLS) < in_use[:, None]).reshape(-1)]
        else:
            cells = cells[np.arange(CELLS) < in_use[:, None]]
        starts = np.concatenate(([0], np.cumsum(in_use)))[:-1]
        epochs = headers['epoch'][plain]
        before = self._epoch_before(number)
        changed = np.flatnonzero(np.concatenate(([before], epochs[:-1])) != epochs)
        return cells.view(FRAME), starts[plain][changed]

    def _epoch_before(self, number):
        while number > 0:
            number -= 1
            headers = self.segments[number].headers[:self._counts[number]]
            if len(headers):
                return headers['epoch'][-1]
        return 0

    def _groups_of(self, number):
        """_groups_of gives the cells of the groups that end in a segment, and of those that
        began in one before all that belongs to them."""
        if number in self._cache:
            return self._cache[number]
        cells, runs = self._raw(number)
        if number > 0:
            carried = self._carried(number - 1)
            if len(carried):
                cells = np.concatenate((carried.view('V64'), cells.view('V64'))).view(FRAME)
                runs = runs + len(carried)
        ends = np.flatnonzero(cells['shape'] & LAST) + 1
        keep = [(0, ends[-1] if len(ends) else 0)]
        for run in runs:
            # What the run before did not finish never happened.
            whole = ends[ends <= run]
            begin, end = keep.pop()
            keep += [(begin, whole[-1] if len(whole) else begin), (run, max(end, run))]
        parts = [cells[a:b].view('V64') for a, b in keep if b > a]
        out = (parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else
               np.empty(0, 'V64')).view(FRAME)
        if len(out) and out['kind'][0] >= EVENTS:  # what a pruned command caused
            begins = np.flatnonzero(out['kind'] < EVENTS)
            out = out[begins[0] if len(begins) else len(out):]
        if len(self._cache) > 2:
            self._cache.pop(next(iter(self._cache)))
        self._cache[number] = out
        return out

    def _carried(self, number):
        """_carried gives the cells of the group that goes on behind a segment."""
        cells, runs = self._raw(number)
        ends = np.flatnonzero(cells['shape'] & LAST) + 1
        begin = max(int(ends[-1]) if len(ends) else 0, int(runs[-1]) if len(runs) else 0)
        if begin == 0 and not len(ends) and number > 0:
            before = self._carried(number - 1)
            return np.concatenate((before.view('V64'), cells.view('V64'))).view(FRAME)
        return cells[begin:]

    # -- what a reader wants ----------------------------------------------

    def blocks(self, first=None, last=None):
        """blocks gives the cells of the groups first to last, an array of FRAME for each
        segment: the way through a journal that is larger than memory."""
        first = self.first_seq if first is None else first
        last = self.last_seq if last is None else last
        begin = max(bisect_right(self._first_seqs, first) - 1, 0)
        for number in range(begin, self._used):
            if self._first_seqs[number] > last and number > begin:
                return
            cells = self._groups_of(number)
            if not len(cells):
                continue
            seqs = cells['seq'][cells['kind'] < EVENTS]
            starts = np.append(np.flatnonzero(cells['kind'] < EVENTS), len(cells))
            a, b = np.searchsorted(seqs, np.array([first, last + 1], 'u8'))
            if b > a:
                yield cells[starts[a]:starts[b]]

    def cells(self, first=None, last=None):
        """cells gives all cells of the groups first to last as one array of FRAME."""
        parts = [part.view('V64') for part in self.blocks(first, last)]
        if len(parts) == 1:
            return parts[0].view(FRAME)
        return (np.concatenate(parts) if parts else np.empty(0, 'V64')).view(FRAME)

    def select(self, kind, first=None, last=None):
        """select gives all cells of a kind, by name or Kind, as an array of its dtype."""
        kind = Kind[kind] if isinstance(kind, str) else Kind(kind)
        parts = [part.view('V64')[part['kind'] == kind] for part in self.blocks(first, last)]
        return (np.concatenate(parts) if parts else np.empty(0, 'V64')).view(DTYPES[kind])

    def groups(self, first=None, last=None):
        """groups iterates over commands and what they caused."""
        for cells in self.blocks(first, last):
            starts = np.flatnonzero(cells['kind'] < EVENTS)
            ends = np.append(starts[1:], len(cells)).tolist()
            seqs, times = cells['seq'][starts].tolist(), cells['time'][starts].tolist()
            for begin, end, seq, time in zip(starts.tolist(), ends, seqs, times):
                yield Group(seq, time, cells[begin:end])

    def __iter__(self):
        return self.groups()

    def __len__(self):
        return self.last_seq - self.first_seq + 1 if self.last_seq else 0

    def __getitem__(self, seq):
        for group in self.groups(seq, seq):
            return group
        raise IndexError(f'no command {seq}')

    def seq_at(self, time):
        """seq_at gives the first command at or after a time, last_seq + 1 if none is."""
        begin = max(bisect_left(self._first_times, time) - 1, 0)
        for number in range(begin, self._used):
            cells = self._groups_of(number)
            commands = cells[cells['kind'] < EVENTS]
            at = int(np.searchsorted(commands['time'], np.uint64(time)))
            if at < len(commands):
                return int(commands['seq'][at])
        return self.last_seq + 1

    def book_at(self, seq=None):
        """book_at gives the books as they were behind a command, the last if none is named: a
        dict from the instrument's id to its Book. A later seq than that of the call before goes
        on from there; any other begins anew."""
        seq = self.last_seq if seq is None else seq
        if not self.first_seq <= seq <= self.last_seq:
            raise IndexError(f'no command {seq}')
        if self.first_seq != 1:
            raise JournalError('the beginning of this journal was pruned: books need all of it')
        if self._books is None or self._books.seq > seq:
            self._books = Books()
        for cells in self.blocks(self._books.seq + 1, seq):
            self._books.apply(cells)
        self._books.seq = seq
        return self._books.books()
