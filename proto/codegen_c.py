"""codegen_c: print a Schema as one C header in the style of the tree.

The text comes out the way clang-format would leave it, so every construct
that may grow past the line goes through one of the helpers at the top.
"""

import textwrap

from codegen_schema import snake

WIDTH = 100
COMMENT_WIDTH = 80


def upper(*names):
    return '_'.join(snake(n).upper() for n in names)


def comment(text, indent=0):
    """comment returns the lines of a block comment of its own."""
    pad = ' ' * indent
    one = f'{pad}/* {text} */'
    if len(one) <= COMMENT_WIDTH:
        return [one]
    body = textwrap.wrap(text, COMMENT_WIDTH - indent - 3, break_long_words=False)
    return [f'{pad}/*'] + [f'{pad} * {line}' for line in body] + [f'{pad} */']


def columns(rows, indent=4):
    """columns lines up trailing comments: rows are (code, comment text or '')."""
    pad = ' ' * indent
    start = max([len(code) for code, text in rows if text], default=0) + indent + 1
    lines = []
    for code, text in rows:
        if not text:
            lines.append(pad + code)
            continue
        body = textwrap.wrap(text, WIDTH - start - 6, break_long_words=False)
        head = (pad + code).ljust(start) + '/* '
        for i, line in enumerate(body):
            lines.append((head if i == 0 else ' ' * start + ' * ') + line)
        lines[-1] += ' */'
    return lines


def macros(rows):
    """macros lines up the values of consecutive definitions."""
    width = max([len(name) for name, _ in rows], default=0)
    return [f'#define {name.ljust(width)} {value}' for name, value in rows]


def fill(head, args, tail, indent=4):
    """fill breaks a call the way clang-format does: as many arguments a line as fit."""
    line = ' ' * indent + head
    column = len(line)
    lines = []
    for i, arg in enumerate(args):
        last = i == len(args) - 1
        piece = arg + (tail if last else ',')
        gap = '' if i == 0 else ' '
        if i and len(line) + len(gap) + len(piece) > WIDTH:
            lines.append(line)
            line = ' ' * column + piece
        else:
            line += gap + piece
    return lines + [line]


def prototype(result, name, params):
    """prototype starts a function definition."""
    one = f"{name}({', '.join(params)})"
    lines = [f'static inline {result}']
    if len(one) <= WIDTH:
        return lines + [one, '{']
    head, pad = f'{name}(', ' ' * (len(name) + 1)
    if any(len(pad) + len(p) + 1 > WIDTH for p in params):
        lines.append(head)
        head = pad = '    '
    for i, param in enumerate(params):
        lines.append((pad if i else head) + param + (',' if param is not params[-1] else ')'))
    return lines + ['{']


def switch(value, cases, default):
    """switch prints (labels, statement) pairs."""
    lines = [f'    switch ({value}) {{']
    for labels, statement in cases:
        lines += [f'    case {label}:' for label in labels]
        lines += [f'        {s}' for s in statement]
    return lines + ['    default:', f'        {default}', '    }']


def integer(value, primitive):
    """integer writes a literal of the primitive's type."""
    bits = 8 * primitive.size
    if primitive.name == 'char':
        return character(value)
    if primitive.signed and value == primitive.lowest:
        return f'INT{bits}_MIN'
    if not primitive.signed and value == primitive.highest:
        return f'UINT{bits}_MAX'
    macro = f"{'' if primitive.signed else 'U'}INT{bits}_C"
    return f'({macro}({value}))' if value < 0 else f'{macro}({value})'


def character(value):
    if 0x20 <= value <= 0x7e:
        return "'" + ('\\' if chr(value) in "'\\" else '') + chr(value) + "'"
    return f"'\\{value:o}'"


def swapped(leaf):
    """swapped tells whether a big-endian member needs a getter."""
    return leaf.kind != 'composite' and leaf.length == 1 and leaf.primitive.size > 1


def is_uint48(leaf):
    """is_uint48 tells whether six bytes are one number, as the Nasdaq protocols send time."""
    return leaf.kind == 'type' and leaf.semantic == 'uint48' and leaf.size == 6


class Printer:
    """Printer holds the schema and the lines printed so far."""

    def __init__(self, schema, prefix, cells, includes):
        self.schema, self.prefix, self.cells, self.includes = schema, prefix, cells, includes
        self.lines = []
        self.taken = {}

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
                    'place, or NULL if the header does not match, the message does not fit, or a '
                    'value is not allowed; nothing else may be read before. *_encode() gives the '
                    'bytes written, 0 if they do not fit. Structs are packed: read members by '
                    'value, never take their address.')
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

    # -- little-endian wire messages --------------------------------------

    def wire_schema(self):
        messages = self.schema.messages
        if not self.schema.big:
            self.header_functions()
        self.composites()
        for message in messages:
            if self.schema.big:
                self.big_message(message)
            else:
                self.wire_message(message)
        if not self.schema.big:
            self.message_length()
        self.name_function(self.c('message_name'), 'template_id',
                           [(self.u(m.name) + '_ID', m.name) for m in messages])

    def header_functions(self):
        tag = self.c('header')
        self.blank()
        self.put('/* The SBE message header. */', f'struct {tag} {{',
                 *columns([('uint16_t block_length;', '0: bytes of the root block alone'),
                           ('uint16_t template_id;', '2'), ('uint16_t schema_id;', '4'),
                           ('uint16_t version;', '6')]),
                 '} __attribute__((packed, aligned(1)));', '',
                 f'static_assert(sizeof(struct {tag}) == 8, "size");')
        self.function(f'{tag}_matches tells whether the message at buf is of the template, has '
                      'at least the block that we know, and holds its block in len bytes.',
                      'bool', f'{tag}_matches',
                      ['const uint8_t *buf', 'size_t len', 'unsigned template_id',
                       'unsigned block'],
                      [f'    const struct {tag} *hdr = (const struct {tag} *)buf;', '',
                       '    return len >= sizeof(*hdr) && hdr->template_id == template_id &&',
                       f"           hdr->schema_id == {self.u('SCHEMA_ID')} && "
                       'hdr->block_length >= block &&',
                       '           hdr->block_length <= len - sizeof(*hdr);'])
        self.function(f'{tag}_put writes the header of a message.', 'void', f'{tag}_put',
                      ['uint8_t *buf', 'uint16_t template_id', 'uint16_t block'],
                      [f'    struct {tag} *hdr = (struct {tag} *)buf;', '',
                       '    hdr->block_length = block;', '    hdr->template_id = template_id;',
                       f"    hdr->schema_id = {self.u('SCHEMA_ID')};",
                       f"    hdr->version = {self.u('SCHEMA_VERSION')};"])
        datas = [d for m in self.schema.messages for d in m.datas]
        for bits in (8, 16):
            if any(self.data_bits(d) == bits for d in datas):
                self.data_function(bits)
        if any(m.groups for m in self.schema.messages):
            self.group_functions()

    @staticmethod
    def data_bits(data):
        return 8 * data.type.members[0].type.primitive.size

    def data_end(self, data, length, off):
        return f"{self.c(f'data{self.data_bits(data)}_end')}(buf, {length}, {off})"

    def data_function(self, bits):
        name = self.c(f'data{bits}_end')
        self.function(f'{name} gives the offset behind the variable data at off, 0 if it does '
                      'not fit in len. An off of 0 stays 0, so that calls can be chained.',
                      'size_t', name, ['const uint8_t *buf', 'size_t len', 'size_t off'],
                      [f'    uint{bits}_t cnt;', '',
                       '    if (off == 0 || len - off < sizeof(cnt))', '        return 0;',
                       '    memcpy(&cnt, buf + off, sizeof(cnt));', '    off += sizeof(cnt);',
                       f'    return cnt != UINT{bits}_MAX && cnt <= len - off ? off + cnt : 0;'])

    def wire_message(self, m):
        tag = self.c(m.name)
        label = self.u(m.name)
        fields = m.wire_fields()
        rows = [(f'{label}_ID', f'{m.id}u'), (f'{label}_BLOCK', f'{m.length}u')]
        if m.least != m.length:
            rows.append((f'{label}_BLOCK_V0', f'{m.least}u'))
        self.define(rows + self.constants([m.name], m.fields))
        gaps = []
        if fields:
            gaps = self.struct(tag, fields, m.length, m.desc)
        else:
            text = m.desc.rstrip('.') + '. ' if m.desc else ''
            self.put(*comment(text + 'It has no fields: the struct stays incomplete.'),
                     f'struct {tag};', '')
        entry_checks = [test for group in m.groups for test in self.group(m, group)]
        for field in fields:
            if field.since > 0:
                self.has(m, field)
        self.view(m, tag, label, entry_checks)
        self.accessors(m)
        self.encode(m, tag, label, gaps)

    def has(self, m, field):
        head, name = self.c('header'), self.c(m.name, 'has', field.name)
        end = field.offset + field.size
        self.function(f'{name} tells, after a successful view, whether the sender knows the '
                      f'field, which came with version {field.since}; without that it must not be '
                      'read.', 'bool', name, ['const uint8_t *buf'],
                      [f'    const struct {head} *hdr = (const struct {head} *)buf;', '',
                       f'    return hdr->version >= {field.since} && hdr->block_length >= {end};'])

    def view(self, m, tag, label, entry_checks):
        head = self.c('header')
        conditions = self.checks([m.name], m.wire_fields(), 'msg->')
        least = f'{label}_BLOCK' if m.least == m.length else f'{label}_BLOCK_V0'
        lines = []
        if conditions:
            lines.append(f'    const struct {tag} *msg;')
        if m.groups or m.datas:
            lines.append('    size_t end;')
        lines += [''] if lines else []
        lines += fill(f'if (!{head}_matches(', ['buf', 'len', f'{label}_ID', least], '))')
        lines.append('        return NULL;')
        if m.groups or m.datas:
            lines.append(f'    end = sizeof(struct {head}) + ((const struct {head} *)buf)'
                         '->block_length;')
            for group in m.groups:
                lines.append(f"    end = {self.group_end(m, group, 'len', 'end')};")
            for data in m.datas:
                lines.append(f"    end = {self.data_end(data, 'len', 'end')};")
            lines += self.refuse(['end == 0'] + entry_checks)
        block = f'(const struct {tag} *)(buf + sizeof(struct {head}))'
        if conditions:
            line = f'    msg = {block};'
            lines += [line] if len(line) <= WIDTH else ['    msg =', f'        {block};']
            lines += [*self.refuse(conditions), '    return msg;']
        else:
            lines.append(f'    return {block};')
        self.function('', f'const struct {tag} *', f'{tag}_view',
                      ['const uint8_t *buf', 'size_t len'], lines)

    def accessors(self, m):
        """accessors prints the functions that find variable data after a successful view."""
        head = self.c('header')
        before = [f"    off = {self.group_end(m, g, 'SIZE_MAX', 'off')};" for g in m.groups]
        for data in m.datas:
            bits = self.data_bits(data)
            name = self.c(m.name, data.name)
            text = f'{name} gives the bytes and their number, after a successful view.'
            body = [f'    uint{bits}_t cnt;',
                    f'    size_t off = sizeof(struct {head}) + ((const struct {head} *)buf)'
                    '->block_length;', '', *before,
                    '    memcpy(&cnt, buf + off, sizeof(cnt));', '    *len = cnt;',
                    '    return buf + off + sizeof(cnt);']
            self.function(f'{text} {data.desc}'.strip(), 'const uint8_t *', name,
                          ['const uint8_t *buf', 'uint16_t *len'], body)
            before.append(f"    off = {self.data_end(data, 'SIZE_MAX', 'off')};")

    def encode(self, m, tag, label, gaps):
        head = self.c('header')
        params = ['uint8_t *buf', 'size_t cap']
        params += [f'const struct {tag} *msg'] if m.length else []
        for group in m.groups:
            params += [f'const struct {self.c(m.name, group.name)} *{group.cname}',
                       f'uint16_t {snake(group.name)}_cnt']
        for data in m.datas:
            params += [f'const void *{data.cname}', f'uint16_t {snake(data.name)}_len']
        size = [f'sizeof(struct {head})'] + ([f'{label}_BLOCK'] if m.length else [])
        lines = [f"    size_t total = {' + '.join(size)};"]
        if m.groups or m.datas:
            lines.append('    size_t off = total;')
        lines.append('')
        for group in m.groups:
            lines.append(f"    total += sizeof(struct {self.c('group_size')}) + (size_t){snake(group.name)}_cnt * "
                         f'sizeof(*{group.cname});')
        for data in m.datas:
            lines.append(f'    total += sizeof(uint{self.data_bits(data)}_t) + '
                         f'{snake(data.name)}_len;')
        limits = ['total > cap'] + [f'{snake(g.name)}_cnt == UINT16_MAX' for g in m.groups]
        limits += [f'{snake(d.name)}_len >= UINT{self.data_bits(d)}_MAX' for d in m.datas]
        for limit in limits:
            lines += [f'    if ({limit})', '        return 0;']
        lines += fill(f'{head}_put(', ['buf', f'{label}_ID', f'{label}_BLOCK'], ');')
        if m.length:
            lines += fill('memcpy(', [f'buf + sizeof(struct {head})', 'msg', f'{label}_BLOCK'],
                          ');')
        for offset, count in gaps:
            lines.append(f'    memset(buf + sizeof(struct {head}) + {offset}, 0, {count});')
        for group in m.groups:
            entry = self.c(m.name, group.name)
            lines += fill(f'off = {entry}_put(',
                          ['buf', 'off', group.cname, f'{snake(group.name)}_cnt'], ');')
        for i, data in enumerate(m.datas):
            last = i == len(m.datas) - 1
            lines += self.put_data(data, last)
        self.function('', 'size_t', f'{tag}_encode', params, lines + ['    return total;'])

    def put_data(self, data, last):
        bits, count = self.data_bits(data), f'{snake(data.name)}_len'
        if bits == 8:
            lines = [f'    buf[off++] = (uint8_t){count};']
        else:
            lines = [f'    memcpy(buf + off, &{count}, sizeof({count}));',
                     f'    off += sizeof({count});']
        lines += [f'    if ({count} > 0)', f'        memcpy(buf + off, {data.cname}, {count});']
        return lines + ([] if last else [f'    off += {count};'])

    def message_length(self):
        head, name = self.c('header'), self.c('message_length')
        shapes = {}
        for m in self.schema.messages:
            shape = tuple(self.group_end(m, g, 'len', 'end') for g in m.groups) + \
                tuple(self.data_end(d, 'len', 'end') for d in m.datas)
            shapes.setdefault(shape, []).append(self.u(m.name) + '_ID')
        cases = []
        for calls, labels in shapes.items():
            cases.append((labels, [f'end = {c};' for c in calls[:-1]] +
                          [f"return {calls[-1] if calls else 'end'};"]))
        body = [f'    const struct {head} *hdr = (const struct {head} *)buf;', '    size_t end;', '',
                f"    if (len < sizeof(*hdr) || hdr->schema_id != {self.u('SCHEMA_ID')})",
                '        return 0;', '    end = sizeof(*hdr) + hdr->block_length;',
                '    if (end > len)', '        return 0;',
                *switch('hdr->template_id', cases, 'return 0;')]
        self.function(f'{name} gives the bytes of the message at buf, header included: the step '
                      'to the next one. It is 0 if the message does not fit in len, its template '
                      'is unknown or the schema is another. Of a message by a newer schema it '
                      'covers the parts that this schema knows.', 'size_t', name,
                      ['const uint8_t *buf', 'size_t len'], body)

    # -- groups -----------------------------------------------------------

    def group_functions(self):
        tag, name = self.c('group_size'), self.c('group_end')
        self.blank()
        self.put('/* What stands before the entries of a repeating group. */', f'struct {tag} {{',
                 *columns([('uint16_t block_length;', '0: bytes of one entry, the stride'),
                           ('uint16_t num_in_group;', '2')]),
                 '} __attribute__((packed, aligned(1)));', '',
                 f'static_assert(sizeof(struct {tag}) == 4, "size");')
        self.function(f'{name} gives the offset behind the group at off, 0 if it does not fit in '
                      'len or its entries are smaller than entry_bytes. An off of 0 stays 0.',
                      'size_t', name,
                      ['const uint8_t *buf', 'size_t len', 'size_t off', 'size_t entry_bytes'],
                      [f'    const struct {tag} *size;', '    size_t total;', '',
                       '    if (off == 0 || len - off < sizeof(*size))', '        return 0;',
                       f'    size = (const struct {tag} *)(buf + off);',
                       '    off += sizeof(*size);',
                       '    if (size->num_in_group == UINT16_MAX || size->block_length < entry_bytes)',
                       '        return 0;',
                       '    total = (size_t)size->num_in_group * size->block_length;',
                       '    return total <= len - off ? off + total : 0;'])

    def group_end(self, m, g, length, off):
        return f"{self.c('group_end')}(buf, {length}, {off}, sizeof(struct {self.c(m.name, g.name)}))"

    def group(self, m, g):
        tag = self.c(m.name, g.name)
        self.define(self.constants([m.name, g.name], g.fields))
        gaps = self.struct(tag, g.wire_fields(), g.length, g.desc)
        self.group_view(m, g, tag)
        tests = self.group_valid(m, g, tag)
        self.group_put(tag, gaps)
        return tests

    def group_view(self, m, g, tag):
        head, dims = self.c('header'), self.c('group_size')
        before = m.groups[:m.groups.index(g)]
        body = [f'    const struct {dims} *size;',
                f'    size_t off = sizeof(struct {head}) + ((const struct {head} *)buf)'
                '->block_length;', '']
        body += [f"    off = {self.group_end(m, b, 'SIZE_MAX', 'off')};" for b in before]
        body += [f'    size = (const struct {dims} *)(buf + off);',
                 '    *count = size->num_in_group;', '    *stride = size->block_length;',
                 '    return buf + off + sizeof(*size);']
        self.function(f'{tag}_view gives the first entry, how many there are and how many bytes '
                      f'apart, after a successful view of the message. Entry i is the struct {tag} '
                      'at i * stride.', 'const uint8_t *', f'{tag}_view',
                      ['const uint8_t *buf', 'uint16_t *count', 'uint16_t *stride'], body)

    def group_valid(self, m, g, tag):
        """group_valid prints the check of the entries; the view of the message calls it."""
        conditions = self.checks([m.name, g.name], g.wire_fields(), 'entry->')
        if not conditions:
            return []
        name = f'{tag}_valid'
        body = [f'    const struct {tag} *entry;', '    uint16_t count, stride;',
                f'    const uint8_t *first = {tag}_view(buf, &count, &stride);', '',
                '    for (size_t i = 0; i < count; i++) {',
                f'        entry = (const struct {tag} *)(first + i * stride);']
        body += ['    ' + line for line in self.refuse(conditions, 'false')]
        self.function(f'{name} tells whether all entries hold values that are allowed. The group '
                      'must fit.', 'bool', name, ['const uint8_t *buf'],
                      body + ['    }', '    return true;'])
        return [f'!{name}(buf)']

    def group_put(self, tag, gaps):
        dims = self.c('group_size')
        body = [f'    struct {dims} *size = (struct {dims} *)(buf + off);', '',
                '    size->block_length = sizeof(*entries);', '    size->num_in_group = cnt;',
                '    off += sizeof(*size);', '    for (size_t i = 0; i < cnt; i++) {',
                '        memcpy(buf + off, &entries[i], sizeof(*entries));']
        body += [f'        memset(buf + off + {o}, 0, {n});' for o, n in gaps]
        body += ['        off += sizeof(*entries);', '    }', '    return off;']
        self.function(f'{tag}_put writes the group at off and gives the offset behind it.',
                      'size_t', f'{tag}_put',
                      ['uint8_t *buf', 'size_t off', f'const struct {tag} *entries',
                       'uint16_t cnt'], body)

    # -- big-endian messages without a header -----------------------------

    def big_message(self, m):
        tag, label = self.c(m.name), self.u(m.name)
        fields = m.wire_fields()
        rows = [(f'{label}_ID', f'{m.id}u'), (f'{label}_BLOCK', f'{m.length}u')]
        types = [f for f in fields if f.presence == 'type byte']
        rows += [(f'{label}_TYPE', character(f.constant)) for f in types]
        self.define(rows + self.constants([m.name], m.fields))
        gaps = self.struct(tag, fields, m.length, m.desc)
        for field in fields:
            if swapped(field.leaf):
                self.swap_functions(m, tag, field)
            elif is_uint48(field.leaf):
                self.uint48_functions(m, tag, field)
        conditions = ['len < sizeof(*msg)']
        conditions += [f'msg->{f.cname} != {label}_TYPE' for f in types]
        conditions += self.checks([m.name], fields, 'msg->')
        self.function('', f'const struct {tag} *', f'{tag}_view',
                      ['const uint8_t *buf', 'size_t len'],
                      [f'    const struct {tag} *msg = (const struct {tag} *)buf;', '',
                       *self.refuse(conditions), '    return msg;'])
        body = [f'    if (cap < {label}_BLOCK)', '        return 0;',
                f'    memcpy(buf, msg, {label}_BLOCK);']
        body += [f'    buf[0] = {label}_TYPE;' for _ in types]
        body += [f'    memset(buf + {o}, 0, {n});' for o, n in gaps]
        self.function('', 'size_t', f'{tag}_encode',
                      ['uint8_t *buf', 'size_t cap', f'const struct {tag} *msg'],
                      body + [f'    return {label}_BLOCK;'])

    def swap_functions(self, m, tag, field):
        primitive = field.leaf.primitive
        bits, ctype = 8 * primitive.size, primitive.ctype
        back = f'({ctype})' if primitive.signed else ''
        out = f'(uint{bits}_t)' if primitive.signed else ''
        self.function('', ctype, self.c(m.name, field.name), [f'const struct {tag} *msg'],
                      [f'    return {back}__builtin_bswap{bits}(msg->{field.cname}_be);'])
        self.function('', 'void', self.c(m.name, 'set', field.name),
                      [f'struct {tag} *msg', f'{ctype} v'],
                      [f'    msg->{field.cname}_be = __builtin_bswap{bits}({out}v);'])

    def uint48_functions(self, m, tag, field):
        self.function('', 'uint64_t', self.c(m.name, field.name), [f'const struct {tag} *msg'],
                      ['    uint8_t raw[8] = {0};', '    uint64_t v;', '',
                       f'    memcpy(raw + 2, msg->{field.cname}, 6);',
                       '    memcpy(&v, raw, sizeof(v));', '    return __builtin_bswap64(v);'])
        self.function('', 'void', self.c(m.name, 'set', field.name),
                      [f'struct {tag} *msg', 'uint64_t v'],
                      ['    uint8_t raw[8];', '', '    v = __builtin_bswap64(v);',
                       '    memcpy(raw, &v, sizeof(v));',
                       f'    memcpy(msg->{field.cname}, raw + 2, 6);'])

    # -- cells ------------------------------------------------------------

    def cell_schema(self):
        messages = self.schema.messages
        self.blank()
        self.put('/* The kind of a cell: its first byte. */', f"enum {self.c('kind')} {{",
                 *columns([(f"{self.u('kind', m.name)} = {m.id},", m.desc) for m in messages]),
                 '};')
        labels = [self.u('kind', m.name) for m in messages]
        self.function('', 'bool', self.c('kind_valid'), ['uint8_t v'],
                      switch('v', [(labels, ['return true;'])], 'return false;'))
        self.name_function(self.c('kind_name'), 'v', list(zip(labels, [m.name for m in messages])))
        for m in messages:
            self.define(self.constants([m.name], m.fields))
            self.struct(self.c(m.name), m.wire_fields(), m.length, m.desc, packed=False)
        self.blank()
        self.put('/* A cell seen as any of its kinds. */', f'union {self.prefix} {{',
                 *[f'    struct {self.c(m.name)} {m.cname};' for m in messages],
                 '    uint64_t words[8];', '    uint8_t bytes[64];',
                 '} __attribute__((aligned(64)));', '',
                 f'static_assert(sizeof(union {self.prefix}) == 64, "one line");')
        for m in messages:
            self.cell_view(m)
        self.cell_valid()
        self.cell_fields()

    def cell_view(self, m):
        tag = self.c(m.name)
        tests = [f"msg->kind != {self.u('kind', m.name)}"]
        tests += self.checks([m.name], m.wire_fields(), 'msg->')
        tests += self.zero_tests(m)
        self.function('', f'const struct {tag} *', f'{tag}_view',
                      [f'const union {self.prefix} *cell'],
                      [f'    const struct {tag} *msg = &cell->{m.cname};', '',
                       *self.refuse(tests), '    return msg;'])

    @staticmethod
    def zero_tests(m):
        """zero_tests compares reserved bytes with zero, a word at a time."""
        tests = []
        masks = [0] * 8
        for field in m.wire_fields():
            if field.reserved:
                for at in range(field.offset, field.offset + field.size):
                    masks[at // 8] |= 0xff << (8 * (at % 8))
        for i, mask in enumerate(masks):
            if mask == 0xffffffffffffffff:
                tests.append(f'cell->words[{i}] != 0')
            elif mask:
                tests.append(f'(cell->words[{i}] & UINT64_C(0x{mask:016x})) != 0')
        return tests

    def cell_valid(self):
        name, cell = self.c('valid'), f'const union {self.prefix} *cell'
        cases = [([self.u('kind', m.name)], [f'return {self.c(m.name)}_view(cell) != NULL;'])
                 for m in self.schema.messages]
        self.function(f'{name} tells whether the cell is of a known kind and passes its view.',
                      'bool', name, [cell], switch('cell->bytes[0]', cases, 'return false;'))

    def cell_fields(self):
        field = self.c('field')
        letters = self.u('field')
        self.blank()
        self.put('/* How to print a field: a number, text, or bytes in hex. */',
                 f"enum {field}_type {{", f'    {letters}_U,', f'    {letters}_I,',
                 f'    {letters}_CHARS,', f'    {letters}_HEX,', '};', '',
                 '/* A field of a cell, for tools that print and compare any kind. */',
                 f'struct {field} {{', '    const char *name;', '    uint8_t offset;',
                 '    uint8_t size;', f'    uint8_t type; /* enum {field}_type */', '};')
        cases = []
        for m in self.schema.messages:
            rows = columns([(f'{{"{f.cname}", {f.offset}, {f.size}, {letters}_{self.letter(f)}}},',
                             f.type.name) for f in m.wire_fields() if not f.reserved], 8)
            name = f'{self.c(m.name)}_fields'
            cases.append(([self.u('kind', m.name)], [f'return {name}(count);']))
            self.function('', f'const struct {field} *', name, ['unsigned *count'],
                          [f'    static const struct {field} fields[] = {{', *rows, '    };', '',
                           '    *count = sizeof(fields) / sizeof(fields[0]);',
                           '    return fields;'])
        body = ['    *count = 0;', *switch('kind', cases, 'return NULL;')]
        self.function(f"{self.c('fields')} gives the fields of a kind, reserved bytes left out; "
                      'NULL and a count of 0 if the kind is unknown.', f'const struct {field} *',
                      self.c('fields'), ['unsigned kind', 'unsigned *count'], body)

    @staticmethod
    def letter(field):
        leaf = field.leaf
        if leaf.primitive.name == 'char' and leaf.kind == 'type':
            return 'CHARS'
        if leaf.length != 1:
            return 'HEX'
        return 'I' if leaf.primitive.signed else 'U'
