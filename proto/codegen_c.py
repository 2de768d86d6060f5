"""codegen_c: print a Schema as one C header in the style of the tree.

Here is what wire messages and cells have in common: enums, sets, structs with
their assertions, constants and the checks of a view.
"""

import textwrap

from codegen_big import BigPrinter, swapped
from codegen_cells import CellPrinter
from codegen_model import snake
from codegen_text import (WIDTH, COMMENT_WIDTH, character, columns, comment, fill, integer, macros,
                          prototype, switch, upper)
from codegen_wire import WirePrinter


class Printer(WirePrinter, BigPrinter, CellPrinter):
    """Printer holds the schema and the lines printed so far."""

    def __init__(self, schema, prefix, cells, includes):
        self.schema, self.prefix, self.cells, self.includes = schema, prefix, cells, includes
        self.lines = []

    def put(self, *lines):
        self.lines += lines

    def blank(self):
        if self.lines and self.lines[-1] != '':
            self.lines.append('')

    def define(self, rows):
        if rows:
            self.blank()
            self.put(*macros(rows))
            self.blank()

    def function(self, text, result, name, params, body):
        self.blank()
        if text:
            self.put(*comment(text))
        self.put(*prototype(result, name, params), *body, '}')
        self.blank()

    def c(self, *names):
        return '_'.join([self.prefix] + [snake(n) for n in names])

    def u(self, *names):
        return upper(self.prefix, *names)

    # -- the whole header -------------------------------------------------

    def header(self, out_name):
        guard = 'PROTO_' + ''.join(ch if ch.isalnum() else '_' for ch in out_name).upper()
        schema = self.schema
        self.put(f'#ifndef {guard}', f'#define {guard}', '')
        self.essay(out_name)
        self.put('', '#include <assert.h>', '#include <stdbool.h>', '#include <stddef.h>',
                 '#include <stdint.h>', '#include <string.h>', '')
        if self.includes:
            self.put(*[f'#include "{path}"' for path in sorted(self.includes)], '')
        self.put('#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__',
                 '# error "these codecs are for little-endian machines"', '#endif', '')
        self.define([(self.u('SCHEMA_ID'), f'{schema.id}u'),
                     (self.u('SCHEMA_VERSION'), f'{schema.version}u')])
        for typ in schema.types.values():
            if typ.kind == 'enum':
                self.enum(typ)
            elif typ.kind == 'set':
                self.bitset(typ)
        if self.cells:
            self.cell_schema()
        else:
            self.wire_schema()
        self.blank()
        self.put(f'#endif /* {guard} */')
        return '\n'.join(self.lines) + '\n'

    def essay(self, out_name):
        schema = self.schema
        lines = [f'{out_name}: made from {schema.file} by codegen.py, do not edit.', '']
        if schema.desc:
            lines += textwrap.wrap(schema.desc, COMMENT_WIDTH - 3) + ['']
        if self.cells:
            text = ('Every cell is 64 bytes, one cache line, with the kind in byte 0 and the '
                    'shape in byte 1. *_view() gives the cell as a struct, or NULL if the kind '
                    'differs, an enum or set holds a value that is not declared, or a reserved '
                    'byte is not zero.')
        elif schema.big:
            text = ('Numbers are big endian on the wire: members *_be are raw, read and write '
                    'them with the functions of the same name. *_view() gives NULL if the bytes '
                    'are too few, the type byte differs, or a required enum is not valid.')
        else:
            text = ('A message is the 8-byte header, the root block, then groups and variable '
                    'data. *_view() takes the bytes from the header on and gives the block in '
                    'place, or NULL if the header does not match, the message does not fit, a '
                    'value is not allowed or a reserved byte is not zero; nothing else may be read '
                    'before. *_encode() gives the bytes written, 0 if they do not fit. *_begin() '
                    'writes the header and gives the block in place, to be assigned as a whole (a compound literal has its reserved '
                    'bytes zero), or NULL if it does not fit: nothing is then copied. Structs are '
                    'packed: read members by value, never take their address.')
        lines += textwrap.wrap(text, COMMENT_WIDTH - 3)
        self.put('/*', *[(' * ' + line).rstrip() for line in lines], ' */')

    # -- enums and sets ---------------------------------------------------

    def enum(self, typ):
        tag = self.c(typ.name)
        char = typ.primitive.name == 'char'
        self.blank()
        if typ.desc:
            self.put(*comment(typ.desc))
        self.put(f'enum {tag} {{')
        self.put(*columns([(f"{self.u(typ.name, v.name)} = "
                            f"{character(v.value) if char else v.value},", v.desc)
                           for v in typ.values]), '};')
        ctype = 'uint8_t' if char else typ.primitive.ctype
        self.function('', 'bool', f'{tag}_valid', [f'{ctype} v'], self.valid_body(typ))
        self.name_function(f'{tag}_name', 'v', [(self.u(typ.name, v.name), v.name)
                                                for v in typ.values])

    def valid_body(self, typ):
        values = sorted(typ.values, key=lambda v: v.value)
        names = [self.u(typ.name, v.name) for v in values]
        low, high = values[0].value, values[-1].value
        if len(values) == 1:
            return [f'    return v == {names[0]};']
        if high - low == len(values) - 1:
            text = f'v <= {names[-1]}' if low == 0 else f'v >= {names[0]} && v <= {names[-1]}'
            if len(text) + 12 <= WIDTH:
                return [f'    return {text};']
        return switch('v', [(names, ['return true;'])], 'return false;')

    def name_function(self, name, arg, pairs):
        self.function('', 'const char *', name, [f'unsigned {arg}'],
                      switch(arg, [([label], [f'return "{text}";']) for label, text in pairs],
                             'return "?";'))
        # clang-format binds the star to the name
        at = max(i for i, line in enumerate(self.lines) if line.startswith(f'{name}('))
        self.lines[at - 1] = 'static inline const char *'

    def bitset(self, typ):
        self.blank()
        if typ.desc:
            self.put(*comment(typ.desc))
        names = [self.u(typ.name, v.name) for v in typ.values]
        mask = sum(1 << v.value for v in typ.values)
        if mask >> 31:
            one = f'UINT{8 * typ.primitive.size}_C'  # too wide for an enum
            rows = [(n, f'({one}(1) << {v.value})') for n, v in zip(names, typ.values)]
            self.put(*macros(rows + [(self.u(typ.name, 'ALL'), f'{one}(0x{mask:x})')]))
            return
        rows = [(f'{n} = 1u << {v.value},', v.desc) for n, v in zip(names, typ.values)]
        self.put(f'enum {self.c(typ.name)} {{',
                 *columns(rows + [(f"{self.u(typ.name, 'ALL')} = 0x{mask:x},", '')]),
                 '};')

    # -- structs ----------------------------------------------------------

    def note(self, field):
        """note is the trailing comment of a member."""
        text = f'{field.offset}'
        if field.exponent is not None:
            text += f', x 10^{field.exponent}'
        if field.presence == 'optional':
            text += ', optional'
        return f'{text}: {field.desc}' if field.desc else text

    def member(self, field):
        leaf = field.leaf
        if leaf.kind == 'composite':
            return f'struct {leaf.prefix}_{snake(leaf.name)} {field.cname};'
        ctype = leaf.primitive.ctype
        if ctype == 'char' and leaf.length == 1:
            ctype = 'uint8_t'
        if self.schema.big and swapped(leaf):
            return f'uint{8 * leaf.primitive.size}_t {field.cname}_be;'
        return f"{ctype} {field.cname}{f'[{leaf.length}]' if leaf.length != 1 else ''};"

    def struct(self, tag, fields, size, desc, packed=True):
        """struct prints the type with its gaps and pins size and offsets."""
        rows, pins, gaps, end = [], [], [], 0

        def gap(upto):
            if upto > end:
                gaps.append((end, upto - end))
                rows.append((f'uint8_t reserved_{len(gaps) - 1}[{upto - end}];', f'{end}'))
        for field in fields:
            gap(field.offset)
            rows.append((self.member(field), self.note(field)))
            name = self.member(field).split()[-1].rstrip(';').split('[')[0]
            pins.append((name, field.offset))
            end = field.offset + field.size
        gap(size)
        self.blank()
        if desc:
            self.put(*comment(desc))
        self.put(f'struct {tag} {{', *columns(rows),
                 '} __attribute__((packed, aligned(1)));' if packed else '};', '')
        self.put(*fill('static_assert(', [f'sizeof(struct {tag}) == {size}', '"size"'], ');', 0))
        for name, offset in pins:
            self.put(*fill('static_assert(', [f'offsetof(struct {tag}, {name}) == {offset}',
                                              '"offset"'], ');', 0))
        self.blank()
        return gaps

    def composites(self):
        """composites prints the structs of composites with several members, inner ones first."""
        done = []

        def visit(typ):
            for member in typ.members:
                if member.leaf.kind == 'composite':
                    visit(member.leaf)
            if typ not in done and typ.prefix == self.prefix:
                done.append(typ)
                self.struct(self.c(typ.name), typ.wire_members(), typ.size, typ.desc)
        for message in self.schema.messages:
            for block in [message] + message.groups:
                for field in block.wire_fields():
                    if field.leaf.kind == 'composite':
                        visit(field.leaf)

    def constants(self, names, fields):
        """constants gives the macros for null values, limits and constant fields."""
        rows = []
        for f in fields:
            label = self.u(*names, f.name)
            leaf = f.leaf
            if f.presence == 'constant':
                value = f.constant if f.constant is not None else leaf.constant
                if isinstance(value, str):
                    rows.append((label, '"%s"' % value.replace('\\', '\\\\').replace('"', '\\"')))
                else:
                    rows.append((label, integer(value, leaf.primitive)))
                continue
            if leaf.kind == 'composite':
                continue
            if f.presence == 'optional' and leaf.length == 1:
                rows.append((f'{label}_NULL', integer(f.null, leaf.primitive)))
            for limit, what in ((leaf.lowest, 'MIN'), (leaf.highest, 'MAX')):
                if limit is not None:
                    rows.append((f'{label}_{what}', integer(limit, leaf.primitive)))
        return rows

    # -- checks -----------------------------------------------------------

    def checks(self, names, fields, expr):
        """checks gives the conditions under which a view refuses the block."""
        out = []
        for f in fields:
            leaf, value = f.leaf, f'{expr}{f.cname}'
            if f.reserved or (leaf.kind == 'type' and leaf.length != 1):
                continue
            if leaf.kind == 'composite':
                inner = self.checks(None, leaf.wire_members(), value + '.')
                has = f"{self.c(*names, 'has', f.name)}(buf) && " if f.since > 0 else ''
                out += [has + (self.bracket(test) if has else test) for test in inner]
                continue
            if self.schema.big and swapped(leaf):
                value = f"{self.c(*names, f.name)}({expr.removesuffix('->')})"
            null = integer(f.null, leaf.primitive)
            if f.presence == 'optional' and names:
                null = self.u(*names, f.name) + '_NULL'
            known = len(out)
            if leaf.kind == 'enum':
                test = f'!{leaf.prefix}_{snake(leaf.name)}_valid({value})'
                if f.presence == 'optional':
                    test = f'{value} != {null} && {test}'
                out.append(test)
            elif leaf.kind == 'set':
                bits = 8 * leaf.primitive.size
                mask = upper(leaf.prefix, leaf.name, 'ALL')
                if sum(1 << v.value for v in leaf.values) != (1 << bits) - 1:
                    out.append(f'({value} & ~(uint{bits}_t){mask}) != 0' if bits > 16 else
                               f'({value} & ~{mask}) != 0')
            elif f.presence == 'required' and not self.cells and not self.schema.big:
                out.append(f'{value} == {null}')
            if f.since > 0:
                out[known:] = [f"{self.c(*names, 'has', f.name)}(buf) && {self.bracket(test)}"
                               for test in out[known:]]
        return out

    @staticmethod
    def bracket(test):
        return f'({test})' if ' && ' in test else test

    def refuse(self, conditions, result='NULL'):
        lines = []
        for text in conditions:
            cut = ' && ' if ' && ' in text else ' & '
            head, _, rest = text.partition(cut)
            if len(text) + 9 <= WIDTH or not rest:
                lines.append(f'    if ({text})')
            else:
                pad = '        ' if cut == ' && ' else '         '
                lines += [f'    if ({head}{cut.rstrip()}', f'{pad}{rest})']
            lines.append(f'        return {result};')
        return lines

    def wire_schema(self):
        messages = self.schema.messages
        if not self.schema.big:
            self.header_functions()
        self.composites()
        if self.schema.big:
            self.big_helpers()
        for message in messages:
            if self.schema.big:
                self.big_message(message)
            else:
                self.wire_message(message)
        if not self.schema.big:
            self.message_length()
        self.name_function(self.c('message_name'), 'template_id',
                           [(self.u(m.name) + '_ID', m.name) for m in messages])
