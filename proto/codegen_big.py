"""codegen_big: print big-endian messages, which have no SBE header.

A message of semanticType "tagValues" is no block but what may follow one: a
16-bit length, then options, each the bytes that follow in one byte, a tag and a
value. Its fields are the options, their ids the tags.
"""

from codegen_model import snake
from codegen_text import character, columns, comment


def swapped(leaf):
    """swapped tells whether a big-endian member needs a getter."""
    return leaf.kind != 'composite' and leaf.length == 1 and leaf.primitive.size > 1


def is_uint48(leaf):
    """is_uint48 tells whether six bytes are one number, as the Nasdaq protocols send time."""
    return leaf.kind == 'type' and leaf.semantic == 'uint48' and leaf.size == 6


class BigPrinter:
    """BigPrinter is the part of Printer for the Nasdaq family of protocols."""

    def big_message(self, m):
        if m.semantic == 'tagValues':
            self.tag_values(m)
            return
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

    def big_helpers(self):
        """big_helpers prints what options are read and written with."""
        if not any(m.semantic == 'tagValues' for m in self.schema.messages):
            return
        self.function('', 'uint64_t', self.c('big_get'), ['const uint8_t *buf', 'size_t cnt'],
                      ['    uint64_t v = 0;', '', '    for (size_t i = 0; i < cnt; i++)',
                       '        v = v << 8 | buf[i];', '    return v;'])
        self.function('', 'void', self.c('big_put'),
                      ['uint8_t *buf', 'uint64_t v', 'size_t cnt'],
                      ['    for (size_t i = cnt; i > 0; i--, v >>= 8)',
                       '        buf[i - 1] = (uint8_t)v;'])

    def tag_values(self, m):
        tag, label = self.c(m.name), self.u(m.name)
        self.define([(f'{label}_ID', f'{m.id}u')])
        self.define([(f'{label}_{snake(f.name).upper()}_TAG', f'{f.id}u') for f in m.fields])
        self.define([(f'{label}_HAS_{snake(f.name).upper()}', f'(UINT64_C(1) << {f.id})')
                     for f in m.fields])
        rows = [('uint64_t has;', 'bits: which of the others are there')]
        rows += [(self.host_member(f), f'tag {f.id}' + (f': {f.desc}' if f.desc else ''))
                 for f in m.fields]
        rows += [('uint32_t unknown_cnt;', 'options with a tag that is none of these')]
        self.blank()
        self.put(*(comment(m.desc) if m.desc else []), f'struct {tag} {{', *columns(rows), '};')
        self.tag_take(m, tag, label)
        self.tag_parse(tag)
        self.tag_put(m, tag, label)

    @staticmethod
    def host_member(field):
        leaf = field.leaf
        ctype = 'uint8_t' if leaf.primitive.name == 'char' and leaf.length == 1 \
            else leaf.primitive.ctype
        return f"{ctype} {field.cname}{f'[{leaf.length}]' if leaf.length != 1 else ''};"

    def tag_take(self, m, tag, label):
        body = [f'    uint64_t has;', f'    size_t want;', '', '    switch (tag) {']
        for f in m.fields:
            name = snake(f.name).upper()
            body += [f'    case {label}_{name}_TAG:', f'        has = {label}_HAS_{name};',
                     f'        want = {f.size};', '        break;']
        body += ['    default:', '        msg->unknown_cnt++;', '        return true;', '    }',
                 '    if (cnt != want || (msg->has & has) != 0)', '        return false;',
                 '    msg->has |= has;', '    switch (tag) {']
        for f in m.fields:
            name, leaf = snake(f.name).upper(), f.leaf
            get = f"({self.host_member(f).split()[0]}){self.c('big_get')}(value, cnt)"
            line = f'memcpy(msg->{f.cname}, value, cnt);' if leaf.length != 1 else \
                f'msg->{f.cname} = {get};'
            body += [f'    case {label}_{name}_TAG:', f'        {line}', '        break;']
        body += ['    default:', '        break;', '    }', '    return true;']
        self.function('', 'bool', f'{tag}_take',
                      [f'struct {tag} *msg', 'unsigned tag', 'const uint8_t *value', 'size_t cnt'],
                      body)

    def tag_parse(self, tag):
        self.function(f'{tag}_parse reads the options, from their length on; none if len is 0. It '
                      'is false if the lengths do not agree, one comes twice or a value has not '
                      'the size of its tag.', 'bool', f'{tag}_parse',
                      ['const uint8_t *buf', 'size_t len', f'struct {tag} *msg'],
                      ['    size_t off = 2;', '', '    memset(msg, 0, sizeof(*msg));',
                       '    if (len == 0)', '        return true;',
                       f"    if (len < off || {self.c('big_get')}(buf, 2) != len - off)",
                       '        return false;', '    while (off < len) {',
                       '        const size_t cnt = buf[off];', '',
                       '        if (cnt < 1 || cnt > len - off - 1)', '            return false;',
                       f'        if (!{tag}_take(msg, buf[off + 1], buf + off + 2, cnt - 1))',
                       '            return false;', '        off += 1 + cnt;', '    }',
                       '    return true;'])

    def tag_put(self, m, tag, label):
        self.function('', 'uint8_t *', f'{tag}_claim',
                      ['uint8_t *buf', 'size_t cap', 'size_t *off', 'unsigned tag', 'size_t cnt'],
                      ['    uint8_t *option = buf + *off;', '',
                       '    if (cap - *off < 2 + cnt)', '        return NULL;',
                       '    option[0] = (uint8_t)(1 + cnt);', '    option[1] = (uint8_t)tag;',
                       '    *off += 2 + cnt;', '    return option + 2;'])
        # clang-format binds the star to the name
        at = max(i for i, line in enumerate(self.lines) if line.startswith(f'{tag}_claim('))
        self.lines[at - 1] = 'static inline uint8_t *'
        body = ['    size_t off = 2;', '    uint8_t *value;', '', '    if (cap < off)',
                '        return 0;']
        for f in m.fields:
            name, leaf = snake(f.name).upper(), f.leaf
            number = f'msg->{f.cname}'
            if leaf.primitive.signed:
                number = f'(uint{8 * leaf.primitive.size}_t){number}'
            line = f'memcpy(value, msg->{f.cname}, {f.size});' if leaf.length != 1 else \
                f"{self.c('big_put')}(value, {number}, {f.size});"
            body += [f'    if ((msg->has & {label}_HAS_{name}) != 0) {{',
                     f'        value = {tag}_claim(buf, cap, &off, {label}_{name}_TAG, {f.size});',
                     '        if (value == NULL)', '            return 0;', f'        {line}',
                     '    }']
        body += [f"    {self.c('big_put')}(buf, off - 2, 2);", '    return off;']
        self.function(f'{tag}_put writes those that are there, in the order of this schema, '
                      'behind their length; 0 if they do not fit.', 'size_t', f'{tag}_put',
                      ['uint8_t *buf', 'size_t cap', f'const struct {tag} *msg'], body)
