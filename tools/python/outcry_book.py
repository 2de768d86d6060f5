"""outcry_book: books, rebuilt from what the exchange said. Used by outcry.py.

An order is in the book from the moment at which it rests; no message says so by itself. It is
known from the order of things (docs/matching.md): the command's own order matches and rests
first, then the stops that it elected, one after the other, then pegs that moved. So orders in
work stand in a queue, and whatever happens to one of them says that those before it are done.
"""

from collections import namedtuple

import numpy as np

from outcry_cells import DTYPES, ExecInst, Kind, OrdType, RestateReason, TimeInForce

EVENTS, COUNT, SELL = 64, 0x1F, 0x20
MASK = (1 << 64) - 1
STOPS = (OrdType.Stop, OrdType.StopLimit)
HIDDEN = int(ExecInst.Hidden)
HELD = (TimeInForce.AtTheOpening, TimeInForce.AtTheClose)

Order = namedtuple('Order', 'order_id shown leaves account session clord')
Level = namedtuple('Level', 'px shown reserve orders')
Level.__doc__ = """A price: what is shown at it, what hidden orders and icebergs have besides, and
its orders in the order of matching."""


class Book(namedtuple('Book', 'bids asks')):
    """Book has the levels of both sides, best first."""

    __slots__ = ()


class _Live:
    """_Live is an order that lives."""

    __slots__ = ('order_id', 'instrument', 'sell', 'px', 'leaves', 'shown', 'display', 'range',
                 'hidden', 'ord_type', 'held', 'rests', 'arrival', 'account', 'session', 'clord')


# What the handler of a kind is given: fields of its cell, then of the one behind it. OrderNew has
# an extension there or not; MassQuote is given the cells themselves.
ROWS = {
    Kind.Genesis: (('time',), None, ()),
    Kind.InstrumentSet: (('instrument', 'lot_qty'), None, ()),
    Kind.OrderNew: (('order_id', 'instrument', 'shape', 'px', 'qty', 'exec_inst', 'ord_type',
                     'tif', 'account', 'session', 'clord'),
                    Kind.OrderExtension, ('display_qty', 'display_range')),
    Kind.OrderCancel: (('order_id',), None, ()),
    Kind.OrderReplace: (('order_id', 'px', 'clord'), Kind.ReplaceDetail,
                        ('new_order_id', 'new_leaves', 'display_qty')),
    Kind.QuoteEntry: (('instrument', 'entry_no', 'account', 'session', 'clord', 'bid_order_id',
                       'ask_order_id'), None, ()),
    Kind.Trade: (('order_id', 'leaves_qty', 'qty'), Kind.TradeMaker, ('order_id', 'leaves_qty')),
    Kind.OrderCanceled: (('order_id',), None, ()),
    Kind.OrderRestated: (('order_id', 'reason', 'px', 'leaves_qty'), None, ()),
    Kind.OrderRefreshed: (('order_id', 'shown_qty'), None, ()),
    Kind.OrderTriggered: (('order_id', 'px'), None, ()),
    Kind.MatchPrevented: (('order_id',), None, ()),
}


def _rows(cells, kind, at):
    """_rows gives an iterator over what a handler is given of the messages at `at`."""
    if kind == Kind.MassQuote:
        counts = (cells['shape'][at] & COUNT).tolist()
        return ((cells[i + 1:i + n],) for i, n in zip(at.tolist(), counts))
    fields, more_kind, more_fields = ROWS[kind]
    raw = cells.view('V64')
    here = raw[at].view(DTYPES[kind])
    columns = [here[field].tolist() for field in fields]
    if more_kind is not None:
        behind = np.minimum(at + 1, len(cells) - 1)
        there = (cells['kind'][behind] == more_kind) & (behind > at)
        more = raw[behind].view(DTYPES[more_kind])
        columns += [np.where(there, more[field], 0).tolist() for field in more_fields]
    return zip(*columns)


class Books:
    """Books applies groups, in order from the first, and gives the books behind them."""

    def __init__(self):
        self.seq = 0
        self.orders = {}
        self.queue = []     # orders in work, in the order in which they come to rest
        self.quotes = []    # price and quantity of the sides of the last mass quote
        self.lots = {}      # of instruments
        self.random = 0     # splitmix64 of icebergs that show a drawn quantity
        self.arrivals = 0
        self.handlers = {
            Kind.Genesis: self._genesis, Kind.InstrumentSet: self._instrument,
            Kind.OrderNew: self._new, Kind.OrderCancel: self._cancel,
            Kind.OrderReplace: self._replace, Kind.MassQuote: self._mass_quote,
            Kind.QuoteEntry: self._quote_entry, Kind.Trade: self._trade,
            Kind.OrderCanceled: self._canceled, Kind.OrderRestated: self._restated,
            Kind.OrderRefreshed: self._refreshed, Kind.OrderTriggered: self._triggered,
            Kind.MatchPrevented: self._at_work,
        }

    def apply(self, cells):
        """apply takes an array of whole groups."""
        kinds = cells['kind']
        known = np.zeros(256, bool)
        known[list(self.handlers)] = True
        # What was refused changes nothing.
        at = np.flatnonzero(known[kinds] & ((kinds >= EVENTS) | (cells['outcome'] == 0)))
        chosen = kinds[at]
        calls = {}
        for kind in np.unique(chosen).tolist():
            calls[kind] = (self.handlers[kind], _rows(cells, Kind(kind), at[chosen == kind]))
        for kind in chosen.tolist():
            if kind < EVENTS and self.queue:
                self._rest()
            handler, rows = calls[kind]
            handler(*next(rows))
        self._rest()

    # -- what happens -----------------------------------------------------

    def _genesis(self, time):
        self.random = time

    def _instrument(self, instrument, lot_qty):
        self.lots[instrument] = lot_qty

    def _enter(self, order):
        """_enter puts an order where it goes first: it waits, or it is in work."""
        order.rests = False
        self.orders[order.order_id] = order
        if order.ord_type == OrdType.Pegged:
            order.px = 0
        if not order.held and order.ord_type not in STOPS:
            self.queue.append(order)

    def _new(self, order_id, instrument, shape, px, qty, exec_inst, ord_type, tif, account,
             session, clord, display, display_range):
        order = _Live()
        order.order_id, order.instrument, order.sell = order_id, instrument, shape & SELL != 0
        order.px, order.leaves, order.shown = px, qty, 0
        order.display, order.range = display, display_range
        order.hidden = exec_inst & HIDDEN != 0
        order.ord_type, order.held = ord_type, tif in HELD
        order.account, order.session, order.clord = account, session, clord
        self._enter(order)

    def _cancel(self, order_id):
        del self.orders[order_id]

    def _replace(self, order_id, px, clord, new_order_id, new_leaves, display):
        order = self.orders[order_id]
        order.clord = clord
        if new_leaves == 0:
            return  # it is canceled next
        if display != 0:
            order.display = display
        order.leaves = new_leaves
        if new_order_id == order_id:
            order.shown = min(order.shown, new_leaves)
            return
        del self.orders[order_id]
        order.order_id, order.px = new_order_id, px
        self._enter(order)

    def _mass_quote(self, pairs):
        pairs = pairs.view(DTYPES[Kind.QuotePair])
        self.quotes = [(int(pair[f'{side}_px{i}']), int(pair[f'{side}_qty{i}']))
                       for pair in pairs for i in (1, 2) for side in ('bid', 'ask')]

    def _quote_entry(self, instrument, entry_no, account, session, clord, bid_id, ask_id):
        self._rest()
        for side, order_id in enumerate((bid_id, ask_id)):
            if order_id != 0:
                px, qty = self.quotes[2 * (entry_no - 1) + side]
                self._new(order_id, instrument, SELL if side else 0, px, qty, 0, OrdType.Limit,
                          TimeInForce.Day, account, session, clord, 0, 0)

    def _trade(self, taker_id, taker_leaves, qty, maker_id, maker_leaves):
        self._at_work(taker_id)
        self._filled(taker_id, taker_leaves, 0)
        self._filled(maker_id, maker_leaves, qty)

    def _filled(self, order_id, leaves, traded):
        order = self.orders[order_id]
        order.leaves = leaves
        if order.display:
            order.shown = max(order.shown - traded, 0)
        if leaves == 0:
            self._remove(order_id)

    def _canceled(self, order_id):
        self._at_work(order_id)
        self._remove(order_id)

    def _restated(self, order_id, reason, px, leaves):
        order = self.orders[order_id]
        if reason == RestateReason.SelfMatchDecrement:
            self._at_work(order_id)
            order.leaves = leaves
            order.shown = min(order.shown, leaves)
            return
        if reason == RestateReason.Peg and order not in self.queue:
            self._rest()
            order.rests = False
            self.queue.append(order)
        else:
            self._at_work(order_id)
        order.px = px

    def _refreshed(self, order_id, shown):
        order = self.orders[order_id]
        order.shown = shown
        self._arrive(order)
        if self._lots(order):
            self._draw(1)

    def _triggered(self, order_id, px):
        order = self.orders[order_id]
        order.px, order.ord_type = px, OrdType.Limit
        self.queue.append(order)

    # -- orders in work ---------------------------------------------------

    def _at_work(self, order_id):
        """_at_work lets those rest that stand before an order in work."""
        for at, order in enumerate(self.queue):
            if order.order_id == order_id:
                self._rest(at)
                return

    def _rest(self, count=None):
        """_rest lets the first of the queue rest, all if no number is given."""
        resting = self.queue if count is None else self.queue[:count]
        for order in resting:
            if order.px == 0:
                continue  # a peg that is parked
            order.rests = True
            self._arrive(order)
            if order.display:
                lots, lot = self._lots(order), self.lots.get(order.instrument, 1)
                shown = order.display
                if lots:
                    shown += lot * (self._draw(2 * lots + 1) - lots)
                order.shown = min(shown, order.leaves)
        self.queue = [] if count is None else self.queue[count:]

    def _lots(self, order):
        """_lots gives the range of an iceberg in lots."""
        return order.range // self.lots.get(order.instrument, 1)

    def _arrive(self, order):
        self.arrivals += 1
        order.arrival = self.arrivals

    def _remove(self, order_id):
        order = self.orders.pop(order_id)
        if order in self.queue:
            self.queue.remove(order)

    def _draw(self, end):
        x = self.random = (self.random + 0x9E3779B97F4A7C15) & MASK
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
        x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
        x ^= x >> 31
        return (x >> 32) * end >> 32

    # -- what comes of it -------------------------------------------------

    def books(self):
        """books gives the books of all instruments that were set."""
        sides = {number: ({}, {}) for number in self.lots}
        for order in self.orders.values():
            if order.rests:
                side = sides[order.instrument][order.sell]
                side.setdefault(order.px, []).append(order)
        return {number: Book(self._levels(bids, True), self._levels(asks, False))
                for number, (bids, asks) in sides.items()}

    @staticmethod
    def _levels(side, descending):
        levels = []
        for px in sorted(side, reverse=descending):
            queue = sorted(side[px], key=lambda order: (order.hidden, order.arrival))
            shows = [0 if o.hidden else o.shown if o.display else o.leaves for o in queue]
            orders = [Order(o.order_id, shown, o.leaves, o.account, o.session, o.clord)
                      for o, shown in zip(queue, shows)]
            levels.append(Level(px, sum(shows), sum(o.leaves for o in queue) - sum(shows), orders))
        return levels
