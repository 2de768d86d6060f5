"""codegen_model: what a message schema consists of, and the XML it is read from.

The XML becomes a tree of Node, which knows its line; codegen_schema.py makes
Type, Field, Block and Schema of it. The parser is expat, because the
ElementTree of the standard library forgets lines.
"""

import os
import re
import xml.parsers.expat

NAMESPACE = 'http://fixprotocol.io/2016/sbe'

# C and C++ keywords that a snake-case name could become.
KEYWORDS = frozenset('''alignas alignof and asm auto bool break case catch char class const
    continue decltype default delete do double else enum explicit export extern false float for
    friend goto if inline int long mutable namespace new noexcept not nullptr operator or private
    protected public register restrict return short signed sizeof static struct switch template
    this throw true try typedef typeid typename union unsigned using virtual void volatile while
    xor'''.split())

SEMANTIC = {'semanticType', 'description', 'sinceVersion', 'deprecated'}
PRESENCE = {'presence', 'valueRef'}
BLOCK = {'name', 'id', 'blockLength'} | SEMANTIC
FIELD = {'name', 'id', 'type', 'epoch', 'timeUnit', 'offset'} | PRESENCE | SEMANTIC
ATTRIBUTES = {
    'messageSchema': {'package', 'id', 'version', 'semanticVersion', 'description', 'byteOrder',
                      'headerType'},
    'types': set(),
    'type': {'name', 'nullValue', 'minValue', 'maxValue', 'length', 'primitiveType',
             'characterEncoding', 'offset'} | PRESENCE | SEMANTIC,
    'composite': {'name', 'offset'} | SEMANTIC,
    'ref': {'name', 'type', 'offset', 'sinceVersion', 'deprecated'},
    'enum': {'name', 'encodingType', 'offset'} | SEMANTIC,
    'set': {'name', 'encodingType', 'offset'} | SEMANTIC,
    'validValue': {'name', 'description', 'sinceVersion', 'deprecated'},
    'choice': {'name', 'description', 'sinceVersion', 'deprecated'},
    'message': BLOCK,
    'group': BLOCK | {'dimensionType'},
    'field': FIELD,
    'data': FIELD,
}
CHILDREN = {
    'messageSchema': {'types', 'message'},
    'types': {'type', 'composite', 'enum', 'set'},
    'composite': {'type', 'composite', 'enum', 'set', 'ref'},
    'enum': {'validValue'},
    'set': {'choice'},
    'message': {'field', 'group', 'data'},
    'group': {'field', 'group', 'data'},
}


class SchemaError(Exception):
    """SchemaError is one refusal; str() gives file:line: message."""

    def __init__(self, path, line, text):
        super().__init__(f'{path}:{line}: {text}')


class Node:
    """Node is one XML element with the line it starts on."""

    def __init__(self, tag, attrs, line):
        self.tag, self.attrs, self.line = tag, attrs, line
        self.children = []
        self.text = ''


class Primitive:
    """Primitive is one of the SBE integer encodings and its default range."""

    def __init__(self, name, size, signed):
        self.name, self.size, self.signed = name, size, signed
        bits = 8 * size
        if name == 'char':
            self.lowest, self.highest, self.null = 0, 0x7e, 0
        elif signed:
            self.lowest, self.highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
            self.null = self.lowest
        else:
            self.lowest, self.highest = 0, (1 << bits) - 1
            self.null = self.highest

    @property
    def ctype(self):
        return 'char' if self.name == 'char' else self.name + '_t'


PRIMITIVES = {p.name: p for p in (
    [Primitive('char', 1, False)] +
    [Primitive(f'int{8 * n}', n, True) for n in (1, 2, 4, 8)] +
    [Primitive(f'uint{8 * n}', n, False) for n in (1, 2, 4, 8)])}


class Type:
    """Type is a named encoding; kind is 'type', 'enum', 'set' or 'composite'."""

    def __init__(self, kind, name, line, desc=''):
        self.kind, self.name, self.line, self.desc = kind, name, line, desc
        self.prefix = ''        # of the schema that declares it
        self.primitive = None   # of type, enum and set
        self.length = 1
        self.presence = 'required'
        self.null = self.lowest = self.highest = None
        self.constant = None    # int or str
        self.values = []        # of enum: Value; of set: Value with the bit as value
        self.members = []       # of composite: Field
        self.semantic = ''

    @property
    def size(self):
        if self.presence == 'constant':
            return 0
        if self.kind == 'composite':
            return max([m.offset + m.size for m in self.members], default=0)
        return self.primitive.size * self.length

    def wire_members(self):
        return [m for m in self.members if m.presence != 'constant']


class Value:
    """Value is a valid value of an enum or a choice of a set."""

    def __init__(self, name, value, desc, line):
        self.name, self.value, self.desc, self.line = name, value, desc, line


class Field:
    """Field is a place in a block or composite; leaf is its type with one-member composites
    (decimals) taken off."""

    def __init__(self, name, ident, typ, line, desc=''):
        self.name, self.id, self.type, self.line, self.desc = name, ident, typ, line, desc
        self.cname = member_name(name)
        self.presence = 'required'
        self.since = 0          # schema version that appended it
        self.offset = 0
        self.constant = None
        self.exponent = None
        self.leaf = typ

    @property
    def size(self):
        return 0 if self.presence == 'constant' else self.leaf.size

    @property
    def reserved(self):
        return re.fullmatch(r'reserved_?\d*', self.cname) is not None

    @property
    def null(self):
        return self.leaf.primitive.null if self.leaf.null is None else self.leaf.null


class Block:
    """Block is a message or a group."""

    def __init__(self, name, ident, line, desc):
        self.name, self.id, self.line, self.desc = name, ident, line, desc
        self.cname = member_name(name)
        self.semantic = ''
        self.fields, self.groups, self.datas = [], [], []
        self.length = 0         # of the whole block
        self.least = 0          # of the block of version 0

    def wire_fields(self):
        return [f for f in self.fields if f.presence != 'constant']


class Schema:
    """Schema is the whole file."""

    def __init__(self, path):
        self.path = path
        self.file = os.path.basename(path)
        self.types, self.messages = {}, []
        self.id = self.version = 0
        self.package = self.desc = ''
        self.big = False
        self.headless = False


def snake(name):
    """snake turns ClOrdID into cl_ord_id."""
    name = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', name)
    return re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name).lower()


def member_name(name):
    """member_name is snake with an underscore behind what is a keyword: template_."""
    return snake(name) + ('_' if snake(name) in KEYWORDS else '')


def read_xml(path):
    """read_xml returns the root Node; only elements of the SBE vocabulary pass."""
    parser = xml.parsers.expat.ParserCreate(namespace_separator=' ')
    stack, roots = [], []

    def start(tag, attrs):
        line = parser.CurrentLineNumber
        space, _, local = tag.rpartition(' ')
        want = NAMESPACE if local in ('messageSchema', 'message') else ''
        if local not in ATTRIBUTES or space != want:
            raise SchemaError(path, line, f"unknown element '{local}' in namespace '{space}'")
        if not stack and local != 'messageSchema':
            raise SchemaError(path, line, f"the root is '{local}', not messageSchema")
        if stack and local not in CHILDREN.get(stack[-1].tag, ()):
            raise SchemaError(path, line, f"'{local}' cannot stand inside '{stack[-1].tag}'")
        for attr in attrs:
            if attr not in ATTRIBUTES[local] and ' ' not in attr:
                raise SchemaError(path, line, f"unknown attribute '{attr}' on {local}")
        node = Node(local, attrs, line)
        (stack[-1].children if stack else roots).append(node)
        stack.append(node)

    def text(data):
        stack[-1].text += data

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: stack.pop()
    parser.CharacterDataHandler = text
    try:
        with open(path, 'rb') as file:
            parser.ParseFile(file)
    except xml.parsers.expat.ExpatError as err:
        raise SchemaError(path, err.lineno, f'not well-formed XML: {err}') from None
    except LookupError as err:
        raise SchemaError(path, 1, str(err)) from None
    return roots[0]
