"""codegen_python: print a Schema of cells as one Python module for numpy."""

import textwrap

from codegen_text import WIDTH


class PythonPrinter:
    """PythonPrinter makes the module: kinds, enums, sets and a dtype for each kind."""

    def __init__(self, schema, imports):
        self.schema = schema
        self.types = {}
        for other in imports + [schema]:
            self.types.update({(typ.prefix, name): typ for name, typ in other.types.items()})

    def module(self, out_name):
        schema = self.schema
        lines = [f'"""{out_name}: made from {schema.file} by codegen.py, do not edit.', '']
        lines += textwrap.wrap(
            'DTYPES has a dtype of 64 bytes for each kind of cell, without its reserved bytes: '
            'cells.view(DTYPES[Kind.OrderNew]). ENUMS tells which fields hold an enum or a set, '
            'PRICES which are in 10^-8 of the currency. Names are those of the schema; one that '
            'Python keeps for itself ends in an underscore.', 96)
        lines += ['"""', '', 'from enum import IntEnum, IntFlag', '', 'import numpy as np']
        lines += self.enum('Kind', 'IntEnum', 'The kind of a cell: its first byte.',
                           [(m.name, m.id, m.desc) for m in schema.messages])
        for typ in self.used():
            flags = typ.kind == 'set'
            lines += self.enum(typ.name, 'IntFlag' if flags else 'IntEnum', typ.desc,
                               [(v.name, 1 << v.value if flags else v.value, v.desc)
                                for v in typ.values])
        lines += ['', '', 'DTYPES = {']
        for m in schema.messages:
            lines += self.dtype(m)
        lines += ['}', '', 'ENUMS = {']
        lines += [f"    (Kind.{self.word(m.name)}, '{f.cname}'): {f.leaf.name}," for m, f in
                  self.fields() if f.leaf.kind in ('enum', 'set')]
        lines += ['}', '', 'PRICES = {']
        lines += [f"    (Kind.{self.word(m.name)}, '{f.cname}')," for m, f in self.fields()
                  if f.leaf.semantic == 'Price']
        return '\n'.join(lines + ['}']) + '\n'

    def fields(self):
        return [(m, f) for m in self.schema.messages for f in m.wire_fields() if not f.reserved]

    def used(self):
        """used gives the enums and sets that a cell holds, in the order of the schemas."""
        names = {(f.leaf.prefix, f.leaf.name) for _, f in self.fields()}
        return [typ for key, typ in self.types.items()
                if key in names and typ.kind in ('enum', 'set')]

    @staticmethod
    def word(name):
        return name + '_' if name in ('None', 'True', 'False') else name

    def enum(self, name, base, desc, values):
        lines = ['', '', f'class {name}({base}):']
        if desc:
            lines += [f'    """{desc}"""', '']
        for label, value, text in values:
            code = f'    {self.word(label)} = {value}'
            if text and len(f'{code}  # {text}') > WIDTH:
                lines += textwrap.wrap(text, WIDTH, initial_indent='    # ',
                                       subsequent_indent='    # ')
                text = ''
            lines.append(f'{code}  # {text}' if text else code)
        return lines

    def dtype(self, message):
        fields = [f for f in message.wire_fields() if not f.reserved]
        rows = [('names', [f"'{f.cname}'" for f in fields]),
                ('formats', [f"'{self.format(f)}'" for f in fields]),
                ('offsets', [str(f.offset) for f in fields])]
        lines = [f'    Kind.{self.word(message.name)}: np.dtype({{']
        for key, items in rows:
            head = f"        '{key}': ["
            lines += textwrap.wrap(head + ', '.join(items) + '],', WIDTH,
                                   subsequent_indent=' ' * len(head), break_long_words=False)
        return lines + [f"        'itemsize': {message.length},", '    }),']

    @staticmethod
    def format(field):
        leaf = field.leaf
        if leaf.primitive.name == 'char' and leaf.kind == 'type':
            return f'S{leaf.length}'
        if leaf.length != 1:
            return f'V{leaf.primitive.size * leaf.length}'
        return f"<{'i' if leaf.primitive.signed else 'u'}{leaf.primitive.size}"
