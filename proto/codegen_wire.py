"""codegen_wire: print the little-endian messages of SBE, with groups and variable data."""

from codegen_model import snake
from codegen_text import WIDTH, columns, comment, fill, switch


class WirePrinter:
    """WirePrinter is the part of Printer that knows the SBE header."""

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
        if any(self.gap_tests(block, ['x'], '')
               for m in self.schema.messages for block in [m, *m.groups]):
            self.function(f"{self.c('zeros')} tells whether reserved bytes are zero: what a later "
                          'version says with them is not to be overheard.', 'bool',
                          self.c('zeros'), ['const uint8_t *bytes', 'size_t cnt'],
                          ['    uint8_t all = 0;', '',
                           '    for (size_t i = 0; i < cnt; i++)',
                           '        all = (uint8_t)(all | bytes[i]);', '    return all == 0;'])

    def gap_tests(self, block, names, expr):
        """gap_tests gives the conditions under which reserved bytes refuse a block: those that
        every sender has, and those that came with the field before them if the sender has that
        and the bytes. Gaps are counted as struct counts them."""
        fields = block.wire_fields()
        least = getattr(block, 'least', block.length)
        tests, end, cnt, known = [], 0, 0, None
        for field in [*fields, None]:
            start = field.offset if field else block.length
            if start > end:
                test = f"!{self.c('zeros')}({expr}reserved_{cnt}, {start - end})"
                if start > least and known and known.since > 0:
                    has = f"{self.c(*names, 'has', known.name)}(buf)"
                    header = f"((const struct {self.c('header')} *)buf)->block_length"
                    test = f'{has} && ({header} >= {start} && {test})'
                if start <= least or (known and known.since > 0):
                    tests.append(test)
                cnt += 1
            end = field.offset + field.size if field else end
            known = field
        return tests

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
        if m.length:
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
        if m.length and not m.groups and not m.datas:
            self.begin(tag, label)

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
        conditions += self.gap_tests(m, [m.name], 'msg->')
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
            count = f'{snake(group.name)}_cnt'
            lines.append(f"    total += sizeof(struct {self.c('group_size')}) + "
                         f'(size_t){count} * sizeof(*{group.cname});')
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

    def begin(self, tag, label):
        head = self.c('header')
        lines = [f'    if (cap < sizeof(struct {head}) + {label}_BLOCK)', '        return NULL;']
        lines += fill(f'{head}_put(', ['buf', f'{label}_ID', f'{label}_BLOCK'], ');')
        lines.append(f'    return (struct {tag} *)(buf + sizeof(struct {head}));')
        self.function('', f'struct {tag} *', f'{tag}_begin', ['uint8_t *buf', 'size_t cap'], lines)

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
        body = [f'    const struct {head} *hdr = (const struct {head} *)buf;',
                '    size_t end;', '',
                f"    if (len < sizeof(*hdr) || hdr->schema_id != {self.u('SCHEMA_ID')})",
                '        return 0;', '    end = sizeof(*hdr) + hdr->block_length;',
                '    if (end > len)', '        return 0;',
                *switch('hdr->template_id', cases, 'return 0;')]
        self.function(f'{name} gives the bytes of the message at buf, header included: the step '
                      'to the next one. It is 0 if the message does not fit in len, its template '
                      'is unknown or the schema is another. Of a message by a newer schema it '
                      'covers the parts that this schema knows.', 'size_t', name,
                      ['const uint8_t *buf', 'size_t len'], body)

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
                       '    if (size->num_in_group == UINT16_MAX || '
                       'size->block_length < entry_bytes)',
                       '        return 0;',
                       '    total = (size_t)size->num_in_group * size->block_length;',
                       '    return total <= len - off ? off + total : 0;'])

    def group_end(self, m, g, length, off):
        entry = self.c(m.name, g.name)
        return f"{self.c('group_end')}(buf, {length}, {off}, sizeof(struct {entry}))"

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
        conditions += self.gap_tests(g, [m.name, g.name], 'entry->')
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
