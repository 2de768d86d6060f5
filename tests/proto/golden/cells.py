"""cells.py: made from cells.xml by codegen.py, do not edit.

DTYPES has a dtype of 64 bytes for each kind of cell, without its reserved bytes:
cells.view(DTYPES[Kind.OrderNew]). ENUMS tells which fields hold an enum or a set, PRICES which
are in 10^-8 of the currency. Names are those of the schema; one that Python keeps for itself
ends in an underscore.
"""

from enum import IntEnum, IntFlag

import numpy as np


class Kind(IntEnum):
    """The kind of a cell: its first byte."""

    OrderNew = 32  # An order was entered.
    New = 33  # Its name is a keyword of C++.


class Side(IntEnum):
    Buy = 49  # takes offers
    Sell = 50  # takes bids


class RejectReason(IntEnum):
    """Why an order was refused"""

    None_ = 0
    UnknownInstrument = 1
    PriceOffTick = 300


class ExecInst(IntFlag):
    """What the order must or must not do"""

    PostOnly = 1  # never takes liquidity
    Hidden = 8


class Attr(IntFlag):
    PostOnly = 1
    Hidden = 2
    Last = 2147483648


class Phase(IntEnum):
    Closed = 0
    Open = 1
    Auction = 2


DTYPES = {
    Kind.OrderNew: np.dtype({
        'names': ['kind', 'shape', 'outcome', 'side', 'phase', 'seq', 'px', 'attr', 'hash', 'qty'],
        'formats': ['<u1', '<u1', '<u2', '<u1', '<u1', '<u8', '<i8', '<u4', 'V16', '<u4'],
        'offsets': [0, 1, 2, 4, 5, 8, 16, 24, 32, 60],
        'itemsize': 64,
    }),
    Kind.New: np.dtype({
        'names': ['kind', 'shape', 'exec', 'delta', 'name', 'tail', 'ref'],
        'formats': ['<u1', '<u1', '<u1', '<i4', 'S8', 'V38', '<u8'],
        'offsets': [0, 1, 2, 4, 8, 16, 56],
        'itemsize': 64,
    }),
}

ENUMS = {
    (Kind.OrderNew, 'outcome'): RejectReason,
    (Kind.OrderNew, 'side'): Side,
    (Kind.OrderNew, 'phase'): Phase,
    (Kind.OrderNew, 'attr'): Attr,
    (Kind.New, 'exec'): ExecInst,
}

PRICES = {
    (Kind.OrderNew, 'px'),
}
