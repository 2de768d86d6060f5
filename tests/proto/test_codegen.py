#!/usr/bin/env python3
"""test_codegen: the generator gives the golden headers and refuses bad schemas.

A good schema in golden/ must give the header of the same name, byte for byte;
clang-format must leave that header alone and each compiler that is installed
must take it without a warning, as C11 and as C++17. Cells give a Python module
as well, which must be Python. A golden/bad-*.xml carries a
comment 'bad: text' on the line that is wrong; the generator must stop with
that line and text and leave no header. Results are printed as TAP.

test_codegen.py --update writes the golden headers anew, to be read in a diff.
"""

import difflib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GOLDEN = os.path.join(HERE, 'golden')
CODEGEN = os.path.join(ROOT, 'proto', 'codegen.py')
CELLS = ['--cells', '--import', os.path.join(GOLDEN, 'wire.xml') + ':wire:tests/proto/golden/wire.h']
GOOD = [('wire', 'wire', []), ('cells', 'cell', CELLS), ('big', 'big', [])]
# What is made of each: file, schema, prefix, further arguments.
MADE = [(f'{name}.h', name, prefix, extra) for name, prefix, extra in GOOD]
MADE += [('cells.py', 'cells', 'cell', CELLS + ['--python'])]

COMPILERS = [('gcc', 'c11'), ('clang', 'c11'), ('g++', 'c++17'), ('clang++', 'c++17')]


def generate(schema, prefix, out, extra):
    command = [sys.executable, CODEGEN, schema, '--prefix', prefix, '--out', out] + extra
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def check_good(made, name, prefix, extra, out_dir):
    """check_good returns the lines that tell what is wrong, none if all is well."""
    out = os.path.join(out_dir, made)
    run = generate(os.path.join(GOLDEN, name + '.xml'), prefix, out, extra)
    if run.returncode != 0:
        return [f'exit {run.returncode}'] + run.stderr.splitlines()
    want = os.path.join(GOLDEN, made)
    return list(difflib.unified_diff(read(want).splitlines(), read(out).splitlines(),
                                     want, out, lineterm=''))


def check_python(path):
    """check_python compiles the module, and runs it if there is numpy."""
    try:
        code = compile(read(path), path, 'exec')
        module = {'__name__': 'cells'}
        if importlib.util.find_spec('numpy'):
            exec(code, module)
            wrong = [f'{kind!r}: {dtype.itemsize} bytes' for kind, dtype in
                     module['DTYPES'].items() if dtype.itemsize != 64]
            return wrong + ([] if module['DTYPES'] else ['no kinds'])
    except (SyntaxError, ValueError, NameError, AttributeError) as error:
        return [repr(error)]
    return []


def check_format(path):
    want = subprocess.run(['clang-format', '--style=file', path], capture_output=True, text=True,
                          check=True, timeout=30).stdout
    return list(difflib.unified_diff(want.splitlines(), read(path).splitlines(),
                                     'clang-format', path, lineterm=''))


def check_compiles(compiler, standard):
    """check_compiles includes all golden headers at once, with the warnings of the tree."""
    language = 'c++' if '++' in compiler else 'c'
    warnings = '-Wall -Wextra -Wpedantic -Werror -Wconversion -Wshadow -Wundef -Wcast-qual -Wvla'
    text = ''.join(f'#include "{name}.h"\n' for name, _, _ in GOOD)
    run = subprocess.run([compiler, '-x', language, f'-std={standard}', *warnings.split(),
                          '-I', GOLDEN, '-I', ROOT, '-fsyntax-only', '-'],
                         input=text, capture_output=True, text=True, timeout=60)
    return run.stderr.splitlines() if run.returncode != 0 else []


def expected(path):
    """expected returns the line and text that the schema says it is refused with."""
    marks = [(number, re.search(r'<!-- bad: (.*?) -->', line))
             for number, line in enumerate(read(path).splitlines(), 1)]
    marks = [(number, mark.group(1)) for number, mark in marks if mark]
    assert len(marks) == 1, f'{path} needs one comment that says what is bad'
    return marks[0]


def check_bad(path, out_dir):
    out = os.path.join(out_dir, 'bad.h')
    line, text = expected(path)
    extra = CELLS if os.path.basename(path).startswith('bad-cell-') else []
    run = generate(path, 'bad', out, extra)
    wrong = []
    if run.returncode != 1:
        wrong.append(f'exit status {run.returncode}, not 1')
    if not run.stderr.startswith(f'{path}:{line}: {text}') or run.stderr.count('\n') != 1:
        wrong += [f'expected: {path}:{line}: {text}', *run.stderr.splitlines()]
    if os.path.exists(out):
        wrong.append('it left a header')
        os.remove(out)
    return wrong


def check_missing_file(out_dir):
    run = generate(os.path.join(GOLDEN, 'absent.xml'), 'bad', os.path.join(out_dir, 'bad.h'), [])
    return [] if run.returncode == 1 and 'absent.xml' in run.stderr else [run.stderr]


def main():
    if sys.argv[1:] == ['--update']:
        for made, name, prefix, extra in MADE:
            run = generate(os.path.join(GOLDEN, name + '.xml'), prefix,
                           os.path.join(GOLDEN, made), extra)
            sys.stderr.write(run.stderr)
        return 0
    bad = sorted(f for f in os.listdir(GOLDEN) if f.startswith('bad-') and f.endswith('.xml'))
    results = []
    with tempfile.TemporaryDirectory() as out_dir:
        for made, name, prefix, extra in MADE:
            results.append((f'{name}.xml gives {made}',
                            check_good(made, name, prefix, extra, out_dir)))
        for name, _, _ in GOOD if shutil.which('clang-format') else ():
            path = os.path.join(GOLDEN, name + '.h')
            results.append((f'{name}.h is formatted', check_format(path)))
        for compiler, standard in COMPILERS:
            if shutil.which(compiler):
                results.append((f'{compiler} takes the headers as {standard}',
                                check_compiles(compiler, standard)))
        results.append(('cells.py is Python', check_python(os.path.join(GOLDEN, 'cells.py'))))
        for name in bad:
            results.append((f'{name} is refused', check_bad(os.path.join(GOLDEN, name), out_dir)))
        results.append(('a schema that is absent is refused', check_missing_file(out_dir)))
    print(f'1..{len(results)}')
    for number, (title, wrong) in enumerate(results, 1):
        print(f"{'not ok' if wrong else 'ok'} {number} - {title}")
        for line in wrong:
            print(f'# {line}')
    return 1 if any(wrong for _, wrong in results) else 0


if __name__ == '__main__':
    sys.exit(main())
