"""codegen_schema: make a Schema of the XML and refuse what is wrong with it.

In the result every reference is resolved and every offset is known, so that
the printers (codegen_c.py and its parts) have nothing left to check. Each
refusal is a SchemaError that names the file and the line.
"""

import re

from codegen_model import (PRIMITIVES, Block, Field, SchemaError, Schema, Type, Value, read_xml,
                           snake)

CELL_BYTES = 64

# Parameters and variables of *_encode(), which data and groups must not hide.
PARAMETERS = frozenset(('buf', 'cap', 'msg', 'off', 'total'))


class Reader:
    """Reader builds a Schema from the XML; cells switches on the rules of 64-byte cells."""

    def __init__(self, path, prefix, cells=False, imports=()):
        self.path, self.prefix, self.cells, self.imports = path, prefix, cells, imports
        self.schema = Schema(path)
        self.nodes = {}         # type name -> Node, before it is resolved
        self.resolving = []
        self.field_ids = {}     # id -> (name, type name, line)

    def fail(self, node, text):
        raise SchemaError(self.path, node.line, text)

    # -- attributes -------------------------------------------------------

    def name(self, node):
        name = node.attrs.get('name')
        if name is None:
            self.fail(node, f'{node.tag} has no name')
        if not re.fullmatch(r'[A-Za-z_][A-Za-z0-9_]{0,63}', name):
            self.fail(node, f"'{name}' is not a symbolic name")
        return name

    def number(self, node, attr, default=None, highest=0xffffffff):
        text = node.attrs.get(attr)
        if text is None:
            if default is None:
                self.fail(node, f'{node.tag} has no {attr}')
            return default if default != 'absent' else None
        if not re.fullmatch(r'\d+', text.strip()) or int(text) > highest:
            self.fail(node, f"{attr}='{text}' is not a number from 0 to {highest}")
        return int(text)

    def choice(self, node, attr, allowed, default):
        value = node.attrs.get(attr, default)
        if value not in allowed:
            self.fail(node, f"{attr}='{value}' is none of {', '.join(a for a in allowed if a)}")
        return value

    def desc(self, node):
        text = ' '.join(node.attrs.get('description', '').split())
        return text.replace('*/', '* /').replace('/*', '/ *')

    def since(self, node):
        since = self.number(node, 'sinceVersion', 0)
        if since > self.schema.version:
            self.fail(node, f'sinceVersion {since} is above the schema version '
                            f'{self.schema.version}')
        return since

    def literal(self, node, primitive, text, what):
        """literal reads a value of a primitive: a character for char, else a number."""
        text = text.strip()
        if primitive.name == 'char' and len(text) == 1:
            value = ord(text)
        elif re.fullmatch(r'-?(0x[0-9a-fA-F]+|\d+)', text):
            value = int(text, 0) if 'x' in text else int(text)
        else:
            self.fail(node, f"{what} '{text}' is no {primitive.name}")
        if not primitive.lowest <= value <= primitive.highest:
            self.fail(node, f'{what} {text} does not fit {primitive.name}')
        return value

    # -- types ------------------------------------------------------------

    def read(self):
        root = read_xml(self.path)
        schema = self.schema
        schema.id = self.number(root, 'id', highest=0xffff)
        schema.version = self.number(root, 'version', highest=0xffff)
        schema.package = root.attrs.get('package', '')
        schema.desc = self.desc(root)
        order = self.choice(root, 'byteOrder', ('littleEndian', 'bigEndian'), 'littleEndian')
        schema.big = order == 'bigEndian'
        schema.headless = self.cells or schema.big
        if self.cells and schema.big:
            self.fail(root, 'cells are little endian')
        seen_message = False
        for node in root.children:
            seen_message = seen_message or node.tag == 'message'
            if node.tag == 'types' and seen_message:
                self.fail(node, 'types must come before the messages')
            for child in node.children if node.tag == 'types' else ():
                self.declare(child)
        for name in list(self.nodes):
            self.resolve(name)
        self.read_header(root)
        for node in root.children:
            if node.tag == 'message':
                self.read_message(node)
        if not schema.messages:
            self.fail(root, 'the schema has no message')
        self.check_tags()
        return schema

    def check_tags(self):
        """check_tags refuses two things of one name in C."""
        taken = {name: 'a generated type' for name in
                 (('kind', 'field', 'field_type') if self.cells else ('header', 'group_size'))}
        things = [t for t in self.schema.types.values() if t.kind in ('enum', 'set')]
        for message in self.schema.messages:
            things.append(message)
            for group in message.groups:
                group.tag = f'{snake(message.name)}_{snake(group.name)}'
                things.append(group)
        for thing in things:
            tag = getattr(thing, 'tag', snake(thing.name))
            if tag in taken:
                self.fail(thing, f"'{thing.name}' has the C name of {taken[tag]}")
            taken[tag] = f"'{thing.name}' on line {thing.line}"

    def declare(self, node):
        name = self.name(node)
        if name in PRIMITIVES or name in ('float', 'double'):
            self.fail(node, f"type '{name}' is named like a primitive")
        if name in self.nodes:
            self.fail(node, f"type '{name}' is already declared on line {self.nodes[name].line}")
        if node.tag in ('enum', 'set'):
            for other in self.imports:
                if name in other.types:
                    self.fail(node, f"type '{name}' is already declared in {other.file}")
        self.nodes[name] = node

    def lookup(self, node, name):
        """lookup finds a type by name: ours, then the imported ones, then the primitives."""
        if name in self.nodes:
            return self.resolve(name)
        for other in self.imports:
            if name in other.types:
                return other.types[name]
        if name in PRIMITIVES:
            typ = Type('type', name, node.line)
            typ.primitive = PRIMITIVES[name]
            return typ
        self.fail(node, f"unknown type '{name}'")

    def resolve(self, name):
        if name in self.schema.types:
            return self.schema.types[name]
        if name in self.resolving:
            self.fail(self.nodes[name], f"composite '{name}' contains itself")
        self.resolving.append(name)
        typ = self.read_type(self.nodes[name])
        self.resolving.pop()
        self.schema.types[name] = typ
        return typ

    def read_type(self, node):
        typ = Type(node.tag, self.name(node), node.line, self.desc(node))
        typ.prefix = self.prefix
        typ.semantic = node.attrs.get('semanticType', '')
        self.since(node)
        {'type': self.read_simple, 'enum': self.read_enum, 'set': self.read_set,
         'composite': self.read_composite}[node.tag](node, typ)
        return typ

    def primitive(self, node, attr, allowed=None):
        name = node.attrs.get(attr)
        if name is None:
            self.fail(node, f'{node.tag} has no {attr}')
        if name in ('float', 'double'):
            self.fail(node, f'{name} is not supported: prices and quantities are integers')
        if attr == 'encodingType' and name in self.nodes:
            base = self.resolve(name)
            name = base.primitive.name if base.kind == 'type' and base.length == 1 else name
        if name not in PRIMITIVES or (allowed and name not in allowed):
            self.fail(node, f"{attr} '{name}' is none of {', '.join(allowed or PRIMITIVES)}")
        return PRIMITIVES[name]

    def read_simple(self, node, typ):
        typ.primitive = self.primitive(node, 'primitiveType')
        typ.length = self.number(node, 'length', 1)
        typ.presence = self.choice(node, 'presence', ('required', 'optional', 'constant'),
                                   'required')
        for attr, slot in (('nullValue', 'null'), ('minValue', 'lowest'), ('maxValue', 'highest')):
            if attr in node.attrs:
                setattr(typ, slot, self.literal(node, typ.primitive, node.attrs[attr], attr))
        if typ.null is not None and typ.presence != 'optional':
            self.fail(node, 'nullValue needs presence="optional"')
        if None not in (typ.lowest, typ.highest) and typ.lowest > typ.highest:
            self.fail(node, 'minValue is above maxValue')
        if typ.presence == 'constant':
            self.read_constant(node, typ)
        elif typ.presence == 'optional' and typ.length != 1 and typ.primitive.name != 'char':
            self.fail(node, 'only char arrays can be optional')

    def read_constant(self, node, typ):
        if 'valueRef' in node.attrs:
            typ.constant = self.value_ref(node, typ)
        elif not node.text.strip():
            self.fail(node, f"constant '{typ.name}' has no value")
        elif typ.primitive.name == 'char' and typ.length != 1:
            typ.constant = node.text.strip()
            if len(typ.constant) > typ.length:
                self.fail(node, f"constant '{typ.constant}' is longer than {typ.length}")
        else:
            typ.constant = self.literal(node, typ.primitive, node.text, 'constant')

    def value_ref(self, node, want):
        """value_ref reads enum-name.value-name as a constant of type want."""
        text = node.attrs['valueRef']
        name, _, value = text.partition('.')
        typ = self.lookup(node, name)
        found = [v.value for v in typ.values if typ.kind == 'enum' and v.name == value]
        if not found:
            self.fail(node, f"valueRef '{text}' is no value of an enum")
        if want.kind not in ('type', 'enum') or (want.kind == 'enum' and want is not typ) or \
                found[0] > want.primitive.highest:
            self.fail(node, f"valueRef '{text}' is no value of '{want.name}'")
        return found[0]

    def read_values(self, node, typ, read_value):
        names, numbers = {}, {}
        for child in node.children:
            name = self.name(child)
            self.since(child)
            value = read_value(child)
            if snake(name) in names:
                self.fail(child, f"{node.tag} value name '{name}' is used twice")
            if value in numbers:
                self.fail(child, f"{node.tag} value {child.text.strip()} of '{name}' is already "
                                 f"'{numbers[value]}'")
            names[snake(name)], numbers[value] = value, name
            typ.values.append(Value(name, value, self.desc(child), child.line))
        if not typ.values:
            self.fail(node, f"{node.tag} '{typ.name}' has no values")

    def read_enum(self, node, typ):
        typ.primitive = self.primitive(node, 'encodingType', ('char', 'uint8', 'uint16', 'uint32'))

        def value(child):
            number = self.literal(child, typ.primitive, child.text, 'enum value')
            if number == typ.primitive.null:
                self.fail(child, f'enum value {number} is the null of {typ.primitive.name}')
            if number > 0x7fffffff:
                self.fail(child, f'enum value {number} does not fit a C enum')
            return number
        if typ.primitive.name == 'char':
            for child in node.children:
                if len(child.text.strip()) != 1:
                    self.fail(child, f"enum value '{child.text.strip()}' is not a char")
        self.read_values(node, typ, value)

    def read_set(self, node, typ):
        typ.primitive = self.primitive(node, 'encodingType',
                                       ('uint8', 'uint16', 'uint32', 'uint64'))
        bits = 8 * typ.primitive.size

        def value(child):
            text = child.text.strip()
            if not text.isdigit() or int(text) >= bits:
                self.fail(child, f"choice '{text}' is not a bit of {typ.primitive.name}")
            return int(text)
        self.read_values(node, typ, value)

    def read_composite(self, node, typ):
        end = 0
        names = set()
        for child in node.children:
            name = self.name(child)
            if child.tag == 'ref':
                member_type = self.lookup(child, child.attrs.get('type', ''))
            elif child.tag == 'type':
                member_type = self.read_type(child)
            else:
                self.declare(child)
                member_type = self.resolve(name)
            field = Field(name, 0, member_type, child.line, self.desc(child))
            self.finish_field(child, field)
            end = self.place(child, field, end)
            if field.cname in names:
                self.fail(child, f"member '{name}' is declared twice")
            names.add(field.cname)
            typ.members.append(field)
        if not typ.members:
            self.fail(node, f"composite '{typ.name}' has no members")

    # -- blocks -----------------------------------------------------------

    def place(self, node, field, end):
        """place gives the field its offset and returns where the next one starts."""
        offset = self.number(node, 'offset', 'absent')
        if field.presence == 'constant':
            return end
        if offset is not None and offset < end:
            self.fail(node, f"offset {offset} of '{field.name}' overlaps the field before it, "
                            f'which ends at {end}')
        field.offset = end if offset is None else offset
        return field.offset + field.size

    def finish_field(self, node, field):
        """finish_field settles presence, constant value and leaf type."""
        typ = field.type
        wire = typ.wire_members() if typ.kind == 'composite' else []
        if len(wire) == 1 and wire[0].offset == 0:
            field.leaf = wire[0].leaf
            field.presence = wire[0].presence
            for member in typ.members:
                if member.presence == 'constant' and member.name == 'exponent':
                    field.exponent = member.constant
        elif typ.kind == 'type':
            field.presence = typ.presence
            field.constant = typ.constant
        given = None
        if node.tag == 'field':
            given = self.choice(node, 'presence', ('required', 'optional', 'constant', None), None)
        if given == 'constant' and field.presence != 'constant':
            if 'valueRef' not in node.attrs:
                self.fail(node, f"constant '{field.name}' has no value")
            field.constant = self.value_ref(node, typ)
            field.presence = 'constant'
        elif given == 'required' and field.presence == 'optional':
            self.fail(node, f"'{field.name}' is required but its type '{typ.name}' is optional")
        elif given not in (None, field.presence) and field.presence == 'constant':
            self.fail(node, f"'{field.name}' is {given} but its type '{typ.name}' is constant")
        elif given == 'optional':
            if field.leaf.kind == 'set':
                self.fail(node, f"set '{field.name}' cannot be optional: a set has no null value")
            if field.leaf.kind == 'composite':
                self.fail(node, f"composite '{field.name}' cannot be optional")
            if field.leaf.length != 1 and field.leaf.primitive.name != 'char':
                self.fail(node, 'only char arrays can be optional')
            field.presence = 'optional'

    def read_field(self, node, ids):
        name = self.name(node)
        self.field_id(node, name, ids)
        if 'type' not in node.attrs:
            self.fail(node, f"field '{name}' has no type")
        field = Field(name, int(node.attrs['id']), self.lookup(node, node.attrs['type']),
                      node.line, self.desc(node))
        self.finish_field(node, field)
        field.since = self.since(node)
        if field.since > 0 and self.schema.headless:
            self.fail(node, 'without an SBE header a block cannot grow')
        leaf = field.leaf
        empty = leaf.kind == 'composite' and any(m.size == 0 for m in leaf.wire_members())
        if field.presence != 'constant' and (empty or field.size == 0):
            self.fail(node, f"'{name}' has variable length: only data can")
        return field

    def field_id(self, node, name, ids):
        """field_id checks that an id is used once in a message and, in SBE schemas, means the
        same field everywhere."""
        ident = self.number(node, 'id', highest=0xffff)
        if ident in ids:
            self.fail(node, f"field id {ident} of '{name}' is already '{ids[ident]}'")
        ids[ident] = name
        if self.schema.headless:
            return
        this = (name, node.attrs.get('type'))
        known, line = self.field_ids.setdefault(ident, (this, node.line))
        if known != this:
            self.fail(node, f"field id {ident} is '{known[0]}' of type '{known[1]}' on line {line}")

    def read_block(self, node, ids):
        block = Block(self.name(node), self.number(node, 'id', highest=0xffff), node.line,
                      self.desc(node))
        self.since(node)
        given = self.number(node, 'blockLength', 'absent', 0xfffe)
        order = ['field', 'group', 'data']
        stage, end, names = 0, 0, set()
        for child in node.children:
            if order.index(child.tag) < stage:
                self.fail(child, f"{child.tag} after {order[stage]}: the order is field, group, "
                                 'data')
            stage = order.index(child.tag)
            if child.tag == 'field':
                field = self.read_field(child, ids)
                end = self.place_in_block(child, block, field, end, given)
            elif child.tag == 'group':
                field = self.read_group(child, ids)
                block.groups.append(field)
            else:
                field = self.read_data(child, ids)
                block.datas.append(field)
            if field.cname in names:
                self.fail(child, f"'{field.name}' is declared twice")
            names.add(field.cname)
        block.length = end if given is None else given
        later = [f.offset for f in block.wire_fields() if f.since > 0]
        block.least = min(later, default=block.length)
        return block

    def check_order_of_versions(self, node, block, field):
        """check_order_of_versions sees to it that new fields stand at the end."""
        if block.fields and block.fields[-1].since > field.since:
            self.fail(node, f"'{field.name}' of version {field.since} stands behind "
                            f"'{block.fields[-1].name}' of version {block.fields[-1].since}")

    def place_in_block(self, node, block, field, end, given):
        if self.schema.big and field.name == 'messageType' and field.presence == 'constant':
            # The type byte of a headerless protocol is constant and yet on the wire.
            if block.fields or not isinstance(field.constant, int):
                self.fail(node, 'messageType must be the first field and one char')
            block.fields.append(field)
            field.presence, field.offset = 'type byte', 0
            field.leaf = Type('type', 'char', node.line)
            field.leaf.primitive = PRIMITIVES['char']
            return 1
        offset = self.number(node, 'offset', 'absent')
        if given is not None and offset is not None and offset >= given:
            self.fail(node, f"offset {offset} of '{field.name}' is beyond blockLength {given}")
        if self.cells:
            self.check_cell_field(node, field, end)
        self.check_order_of_versions(node, block, field)
        new_end = self.place(node, field, end)
        if given is not None and new_end > given:
            self.fail(node, f"'{field.name}' ends at {new_end}, beyond blockLength {given}")
        block.fields.append(field)
        return new_end

    def read_group(self, node, ids):
        if self.schema.headless:
            self.fail(node, 'groups need a little-endian schema with an SBE header')
        for child in node.children:
            if child.tag != 'field':
                self.fail(child, f'a {child.tag} inside a group is not supported')
        group = self.read_block(node, ids)
        group.cname += '_' if group.cname in PARAMETERS else ''
        if self.since(node) > 0 or group.least != group.length:
            self.fail(node, 'groups cannot be appended or grow in a later version')
        if group.length == 0:
            self.fail(node, f"group '{group.name}' has no fields")
        name = node.attrs.get('dimensionType', 'groupSizeEncoding')
        typ = self.lookup(node, name)
        shape = [(m.name, m.leaf.primitive.name, m.offset) for m in typ.members
                 if m.leaf.kind == 'type' and m.size == 2]
        if shape != [('blockLength', 'uint16', 0), ('numInGroup', 'uint16', 2)]:
            self.fail(node, f"'{name}' is not {{uint16 blockLength, uint16 numInGroup}}")
        return group

    def read_data(self, node, ids):
        name = self.name(node)
        if self.schema.headless:
            self.fail(node, 'data needs a little-endian schema with an SBE header')
        self.field_id(node, name, ids)
        typ = self.lookup(node, node.attrs.get('type', ''))
        shape = [m.name for m in typ.members]
        if shape != ['length', 'varData']:
            self.fail(node, f"'{typ.name}' is not a data composite {{length, varData}}")
        length, data = (m.type for m in typ.members)
        if length.kind != 'type' or length.primitive.name not in ('uint8', 'uint16') or \
                length.length != 1 or length.presence != 'required':
            self.fail(node, f"length of '{typ.name}' must be a required uint8 or uint16")
        if data.kind != 'type' or data.primitive.name not in ('uint8', 'char') or data.length != 0:
            self.fail(node, f"varData of '{typ.name}' must be uint8 or char with length=\"0\"")
        if self.since(node) > 0:
            self.fail(node, 'data cannot be appended in a later version')
        field = Field(name, int(node.attrs['id']), typ, node.line, self.desc(node))
        field.cname += '_' if field.cname in PARAMETERS else ''
        return field

    def read_message(self, node):
        message = self.read_block(node, {})
        for other in self.schema.messages:
            if other.id == message.id:
                self.fail(node, f"message id {message.id} of '{message.name}' is already "
                                f"'{other.name}'")
            if other.cname == message.cname:
                self.fail(node, f"message '{message.name}' is declared twice")
        message.semantic = node.attrs.get('semanticType', '')
        if self.cells:
            self.check_cell(node, message)
        elif message.semantic == 'tagValues':
            self.check_tag_values(node, message)
        elif self.schema.big and message.length == 0:
            self.fail(node, f"message '{message.name}' has neither header nor fields")
        self.schema.messages.append(message)

    def check_tag_values(self, node, message):
        """check_tag_values refuses options that the printer has no form for."""
        if not self.schema.big:
            self.fail(node, 'tagValues are of bigEndian schemas')
        if not message.fields:
            self.fail(node, f"'{message.name}' has no options")
        for field in message.fields:
            if field.id > 63:
                self.fail(field, f"tag {field.id} of '{field.name}' is above 63")
            if field.presence != 'required' or field.leaf.kind != 'type' or \
                    (field.leaf.length != 1 and field.leaf.primitive.size != 1):
                self.fail(field, f"option '{field.name}' is neither a number nor characters")

    def read_header(self, root):
        name = root.attrs.get('headerType', 'messageHeader')
        if self.cells:
            return
        if self.schema.big:
            if name != '':
                self.fail(root, 'a bigEndian schema has no SBE header: set headerType=""')
            return
        if name not in self.nodes:
            self.fail(root, f"message header '{name}' is not declared")
        typ = self.schema.types[name]
        names = ['blockLength', 'templateId', 'schemaId', 'version']
        if typ.kind != 'composite' or [m.name for m in typ.members] != names or typ.size != 8 or \
                any(m.leaf.kind != 'type' or m.leaf.primitive.name != 'uint16'
                    for m in typ.members):
            self.fail(self.nodes[name], f"'{name}' is not four uint16: {', '.join(names)}")

    # -- cells ------------------------------------------------------------

    def check_cell_field(self, node, field, end):
        """check_cell_field refuses what a C compiler would pad."""
        if field.presence == 'constant':
            return
        if field.leaf.kind == 'composite':
            self.fail(node, f"'{field.name}': a cell cannot hold composite '{field.type.name}'")
        offset = self.number(node, 'offset', end)
        if offset > end:
            self.fail(node, f'bytes {end} to {offset - 1} are implicit padding: declare them as '
                            'reserved')
        align = field.leaf.primitive.size
        if offset % align:
            self.fail(node, f"'{field.name}' at {offset} is not aligned to {align}")

    def check_cell(self, node, message):
        if 'blockLength' not in node.attrs or message.length != CELL_BYTES:
            self.fail(node, f'a cell needs blockLength="{CELL_BYTES}"')
        if message.id > 255:
            self.fail(node, f'kind {message.id} does not fit one byte')
        fields = message.wire_fields()
        head = [(f.cname, f.size) for f in fields[:2]]
        if head != [('kind', 1), ('shape', 1)]:
            self.fail(node, 'a cell starts with kind and shape, one byte each')
        end = fields[-1].offset + fields[-1].size
        if end != CELL_BYTES:
            self.fail(node, f'bytes {end} to {CELL_BYTES - 1} are implicit padding: declare them '
                            'as reserved')
