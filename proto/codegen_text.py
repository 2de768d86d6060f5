"""codegen_text: pieces of C, laid out the way clang-format would leave them."""

import textwrap

from codegen_model import snake

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
