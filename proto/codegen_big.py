"""codegen_big: print big-endian messages, which have no SBE header."""

from codegen_text import character


def swapped(leaf):
    """swapped tells whether a big-endian member needs a getter."""
    return leaf.kind != 'composite' and leaf.length == 1 and leaf.primitive.size > 1


def is_uint48(leaf):
    """is_uint48 tells whether six bytes are one number, as the Nasdaq protocols send time."""
    return leaf.kind == 'type' and leaf.semantic == 'uint48' and leaf.size == 6


class BigPrinter:
    """BigPrinter is the part of Printer for the Nasdaq family of protocols."""

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
