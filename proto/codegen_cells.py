"""codegen_cells: print the 64-byte cells of ring and journal."""

from codegen_model import snake
from codegen_text import columns, switch


class CellPrinter:
    """CellPrinter is the part of Printer for naturally aligned cells."""

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
        self.put('/* How to print a field: a number, a price, text, or bytes in hex. */',
                 f"enum {field}_type {{", f'    {letters}_U,', f'    {letters}_I,',
                 f'    {letters}_PRICE,', f'    {letters}_CHARS,', f'    {letters}_HEX,', '};', '',
                 '/* A field of a cell, for tools that print and compare any kind. */',
                 f'struct {field} {{', '    const char *name;', '    uint8_t offset;',
                 '    uint8_t size;',
                 *columns([('uint8_t type;', f'enum {field}_type'),
                           ('const char *(*value_name)(unsigned v);', 'of an enum, else NULL')]),
                 '};')
        cases = []
        for m in self.schema.messages:
            rows = columns([(f'{{"{f.cname}", {f.offset}, {f.size}, {letters}_{self.letter(f)}, '
                             f'{self.value_name(f)}}},', f.type.name)
                            for f in m.wire_fields() if not f.reserved], 8)
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
        if leaf.semantic == 'Price':
            return 'PRICE'
        return 'I' if leaf.primitive.signed else 'U'

    @staticmethod
    def value_name(field):
        leaf = field.leaf
        return f'{leaf.prefix}_{snake(leaf.name)}_name' if leaf.kind == 'enum' else 'NULL'
