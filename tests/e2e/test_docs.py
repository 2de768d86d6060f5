#!/usr/bin/env python3
"""test_docs: the documents say what the tree says.

Every reject reason, message field, kind of cell, audit column and configuration
key is in the document that explains it, links lead somewhere, the tests that are
named exist, and the Python in the documents compiles. With OUTCRY, which is the
program, that each `outcry COMMAND --option` that is shown is one that it has.

usage: test_docs.py [OUTCRY]
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

from harness import Tap

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
MESSAGE = '{http://fixprotocol.io/2016/sbe}message'
SHORT = {'uint8': 'u8', 'uint16': 'u16', 'uint32': 'u32', 'uint64': 'u64', 'int64': 'i64',
         'char': 'char'}


def read(*path):
    with open(os.path.join(ROOT, *path), encoding='utf-8') as file:
        return file.read()


def documents():
    """documents maps the path of each document to its text."""
    names = ['README.md'] + sorted('docs/' + name for name in os.listdir(os.path.join(ROOT, 'docs')))
    return {name: read(name) for name in names if name.endswith('.md')}


def schema(name):
    return ET.fromstring(read('proto', name))


def nothing(tap, missing, name):
    """nothing passes if the list of what is wrong is empty."""
    tap.ok(not missing, name, *missing[:20])


def check_reject_reasons(tap, protocol):
    enum = next(e for e in schema('orders.xml').iter('enum') if e.get('name') == 'RejectReason')
    rows = re.findall(r'^\| (\d+) \| (\w+) \| .+ \|', protocol, re.MULTILINE)
    nothing(tap, [f'{v.text} {v.get("name")} has no row' for v in enum
                  if (v.text, v.get('name')) not in rows], 'every reject reason is explained')


def wire_type(types, field):
    """wire_type is how the tables name the type of a field."""
    node = types[field.get('type')]
    if node.tag == 'composite':
        first = node.find('type')
        text, optional = 'price', first.get('presence') == 'optional'
    elif node.get('length') == '16':
        text, optional = 'UUID', False
    elif node.tag == 'type':
        text, optional = SHORT[node.get('primitiveType')], node.get('presence') == 'optional'
    else:
        text, optional = f'{SHORT[node.get("encodingType")]} {node.tag}', False
    return text + (', optional' if optional or field.get('presence') == 'optional' else '')


def check_messages(tap, protocol):
    orders = schema('orders.xml')
    types = {node.get('name'): node for node in orders.find('types')}
    wrong = []
    for message in orders.iter(MESSAGE):
        name, number, block = (message.get(k) for k in ('name', 'id', 'blockLength'))
        head = f'**{name}**, template {number}, block {block} bytes.'
        if re.search(rf'\*\*{name}\*\*\s+\(template\s{number}\)', protocol):
            continue                       # named as one that is not sent
        if head not in protocol:
            wrong.append(f'no table with {head}')
            continue
        table = protocol.partition(head)[2].partition('\n\n')[2].partition('\n\n')[0]
        rows = re.findall(r'^\| (\d+) \| (\w+) \| (.+?) \|', table, re.MULTILINE)
        fields = [(f.get('offset'), f.get('name'), wire_type(types, f))
                  for f in message.findall('field')]
        wrong += [f'{name}: {row} is not in the schema' for row in rows if row not in fields]
        wrong += [f'{name}: {row} is not in the table' for row in fields if row not in rows]
    nothing(tap, wrong, 'every order entry message has its table')


def check_session_messages(tap, protocol):
    rows = re.findall(r'^\| (\d+) \| ([A-Z]\w+) \| \w+ \| (\d+) \|', protocol, re.MULTILINE)
    known = [(m.get('id'), m.get('name'), m.get('blockLength'))
             for m in schema('fixp.xml').iter(MESSAGE)]
    nothing(tap, [f'{row} is not in the schema' for row in rows if row not in known],
            'session messages are those of the schema')
    tap.ok(len(rows) >= 15, 'session messages have a table')


def check_cells(tap, journal):
    wrong = []
    for message in schema('cells.xml').iter(MESSAGE):
        row = re.search(rf'^\| {message.get("id")} \| {message.get("name")} \| .* \| (.*) \|$',
                        journal, re.MULTILINE)
        if row is None:
            wrong.append(f'{message.get("id")} {message.get("name")} has no row')
            continue
        frame = {'kind', 'shape', 'outcome', 'seq', 'time', 'session', 'in_no'}
        for field in message.findall('field'):
            name, offset = field.get('name'), field.get('offset')
            if name not in frame and not name.startswith('reserved') and \
               f'{name} {offset}: ' not in row[1]:
                wrong.append(f'{message.get("name")} lacks {name} {offset}')
    nothing(tap, wrong, 'every kind of cell is described')


def check_layouts(tap, journal):
    """check_layouts holds the tables of seals and proofs against the headers' essays."""
    for name, heading in ('seal', '### Seals'), ('proof', '### Proofs'):
        essay = read('journal', f'{name}.h').partition('*/')[0]
        section = journal.partition(f'{heading}\n')[2].partition('\n##')[0]
        told = re.findall(r'^ \*(?:   header)? +(\d+) +(\d+)  (\w+)', essay, re.MULTILINE)
        shown = re.findall(r'^\| (\d+) \| (\d+) \| (\w+) \|', section, re.MULTILINE)
        tap.ok(shown == told and len(told) > 10, f'the layout of a {name} is that of its header',
               told, shown)


def check_audit(tap, journal):
    source = ''.join(read('tools', f'audit{part}.c') for part in ('', '_events', '_other'))
    columns = re.findall(r'\[AUDIT_\w+\] = "(\w+)"', source)
    nothing(tap, [name for name in columns if f'`{name}`' not in journal],
            'every audit column is explained')
    events = set(re.findall(r'"([A-Z]{4})"', source)) - {'OTHR'}
    nothing(tap, sorted(event for event in events if not re.search(rf'\b{event}\b', journal)),
            'every audit event is explained')
    tap.ok(len(columns) > 40 and len(events) > 20, 'audit.c was understood')


def known_keys():
    """known_keys are the keys that the reader of the configuration takes."""
    sources = ''.join(read('tools', name) for name in
                      ('config.c', 'config_wiring.c', 'config_entities.c',
                       'config_risk.c'))
    calls = re.findall(r'doc_(?:root|map|item)\(([^;]*?)&\w+\);', sources)
    # The last text of a call is the list of keys; C joins what stands side by side.
    lists = [re.findall(r'"[a-z_ ]*"(?:\s*"[a-z_ ]*")*', call)[-1] for call in calls]
    return set(' '.join(text.replace('"\n', ' ').replace('"', ' ') for text in lists).split())


def check_configuration(tap, operations):
    known = known_keys()
    tap.ok(len(known) > 50, 'the reader of the configuration was understood', f'{sorted(known)}')
    headings = ' '.join(re.findall(r'^### (.*)$', operations, re.MULTILINE))
    spans = ' '.join(re.findall(r'`([^`\n]+)`', operations))
    shown = set(re.findall(r'[a-z_]+', headings + ' ' + spans))
    nothing(tap, sorted(known - shown), 'every key that is read is in the reference')
    example = set(re.findall(r'([a-z_]+):(?=\s)', read('tools', 'outcry.yaml')))
    nothing(tap, sorted(known - example), 'every key that is read is in the example')


def anchor(title):
    """anchor is what a heading is called in a link."""
    return re.sub(r'[^\w\- ]', '', title.strip().lower()).replace(' ', '-')


def check_links(tap, documents_):
    wrong = []
    for path, text in documents_.items():
        prose = re.sub(r'```.*?```', '', text, flags=re.DOTALL)
        for target in re.findall(r'\]\(([^)\s]+)\)', prose):
            if target.startswith('http'):
                continue
            file, _, fragment = target.partition('#')
            where = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if '*' not in where and not os.path.exists(os.path.join(ROOT, where)):
                wrong.append(f'{path}: {target} does not exist')
            elif fragment and anchor_missing(where, fragment):
                wrong.append(f'{path}: {target} has no such heading')
    nothing(tap, wrong, 'links lead somewhere')


def anchor_missing(path, fragment):
    text = re.sub(r'```.*?```', '', read(path), flags=re.DOTALL)
    return fragment not in [anchor(t) for t in re.findall(r'^#+ (.*)$', text, re.MULTILINE)]


def tests_there():
    """tests_there are the names of all tests, as they are called in documents."""
    there = set()
    for folder, _, files in os.walk(os.path.join(ROOT, 'tests')):
        for name in files:
            if name.endswith('.c'):
                there |= set(re.findall(r'^(?:Test\(\w+,|BOTH_WAYS\()\s*(\w+)', read(folder, name), re.MULTILINE))
            elif name.startswith('test_') and name.endswith('.py'):
                there |= set(re.findall(r'^def test_(\w+)', read(folder, name), re.MULTILINE))
    return there


def check_auditors_table(tap, risk):
    """Each check has a rule, tests that exist and a reason to refuse that exists."""
    table = risk.partition("## The auditor's table\n")[2].partition('|---')[2]
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in table.splitlines()[1:] if line.startswith('|')]
    there = tests_there()
    enum = next(e for e in schema('orders.xml').iter('enum') if e.get('name') == 'RejectReason')
    reasons = {value.get('name') for value in enum} | {'none'}
    nothing(tap, [f'{row[0]}: {name}' for row in rows for name in row[2].split(', ')
                  if name not in there], "the auditor's tests exist")
    nothing(tap, [f'{row[0]}: {name}' for row in rows for name in row[3].split(', ')
                  if name not in reasons], "the auditor's reasons exist")
    checks = risk.partition('## Checks, in this order\n')[2].partition('#### Numbers')[0]
    asked = {name for row in re.findall(r'^\| \d+ \|.*', checks, re.MULTILINE)
             for name in re.findall(r'\w+', row.split('|')[4])} & reasons
    told = {name for row in rows for name in row[3].split(', ')} | {'PositionPoolFull'}
    nothing(tap, sorted(asked - told), "each reason of a check is in the auditor's table")
    tap.ok(len(asked) > 35, 'reasons of the checks', asked)
    tap.ok(len(rows) > 20 and all(len(row) == 4 and all(row) for row in rows),
           'each check has a rule, a test and a reason', rows)


def check_tests(tap, protocol):
    rules = protocol.partition('## Rules and their tests\n')[2].partition('| rule |')[2]
    named = re.findall(r'`(\w+)`', rules)
    there = tests_there()
    nothing(tap, [test for test in named if test not in there],
            'the tests that are named exist')
    tap.ok(len(named) > 40, 'rules name their tests')


def check_benchmarks(tap, performance):
    names = re.findall(r"^  \['(\w+)', files", read('perf', 'meson.build'), re.MULTILINE)
    nothing(tap, [name for name in names if f'`{name}`' not in performance],
            'every benchmark is described')


def check_embedding(tap, embedding):
    for name in ('embed.c', 'expected.txt'):
        tap.ok(f'\n{read("tests", "embed", name)}```' in embedding, f'{name} is shown as it is')
    names = re.findall(r'^(embed_\w+)\(', read('engine', 'embed.h'), re.MULTILINE)
    nothing(tap, [name for name in names if name != 'embed_name' and f'`{name}`' not in embedding],
            'every function of embed.h is named')
    tap.ok(len(names) > 10, 'embed.h was understood')


def check_client(tap, client):
    tap.ok(f'\n{read("tests", "client", "client.c")}```' in client, 'client.c is shown as it is')
    shown = re.search(r'```c\n(/\* dial_device .*?)```', client, re.DOTALL)
    tap.ok(shown and shown[1] in read('tests', 'client', 'device.c'), 'as is a part of device.c')
    names = re.findall(r'\b(client_\w+)\([^;{]*[;{]', re.sub(r'/\*.*?\*/', '', read('gateway', 'client.h'),
                                                            flags=re.DOTALL))
    nothing(tap, [name for name in names if f'`{name}`' not in client],
            'every function of client.h is named')
    tap.ok(len(names) > 15, 'client.h was understood', *names)


def check_python(tap, documents_):
    wrong = []
    for path, text in documents_.items():
        for code in re.findall(r'```python\n(.*?)```', text, re.DOTALL):
            try:
                compile(code, path, 'exec')
            except SyntaxError as error:
                wrong.append(f'{path}: {error}')
    nothing(tap, wrong, 'the Python compiles')


def shown_commands(documents_):
    """shown_commands are (path, command, options) of each `outcry COMMAND ...`."""
    for path, text in documents_.items():
        blocks = re.findall(r'```\n(.*?)```', text, re.DOTALL) + re.findall(r'`([^`\n]+)`', text)
        for line in '\n'.join(blocks).splitlines():
            shown = re.match(r'(?:\S*/)?outcry ([a-z][a-z-]*)(.*)', line.strip())
            if shown:
                yield path, shown[1], re.findall(r'--[a-z][a-z-]*', shown[2])


def check_commands(tap, documents_, outcry):
    helps, wrong = {}, []
    for path, command, options in shown_commands(documents_):
        if command not in helps:
            done = subprocess.run([outcry, command, '--help'], capture_output=True, text=True,
                                  timeout=60, check=False)
            helps[command] = done.stdout if done.returncode == 0 else None
        if helps[command] is None:
            wrong.append(f'{path}: outcry {command} is no command')
            continue
        wrong += [f'{path}: outcry {command} has no {option}' for option in options
                  if option != '--help' and option not in helps[command]]
    nothing(tap, sorted(set(wrong)), 'commands and options that are shown exist')
    tap.ok(len(helps) >= 7, 'all commands are shown', f'only {sorted(helps)}')


def check_packages(tap, readme):
    """check_packages holds the README's packages against those that .ci/setup installs."""
    setup = read('.ci', 'setup')
    wanted = {name: set(re.search(rf'{name}_packages=\((.*?)\n\)', setup, re.DOTALL)[1].split())
              for name in ('run', 'test')}
    wanted['test'] -= {'"${run_packages[@]}"'}
    shown = [set(text.replace('\\', '').split()) for text in
             re.findall(r'^apt-get install -y --no-install-recommends (.*?)\n```', readme,
                        re.DOTALL | re.MULTILINE)]
    tap.same(shown, [wanted['run'] | {'make'}, wanted['test']],
             'the packages are those that the make targets install')


def check_texts(tap, texts):
    protocol, journal = texts['docs/protocol.md'], texts['docs/journal.md']
    check_reject_reasons(tap, protocol)
    check_messages(tap, protocol)
    check_session_messages(tap, protocol)
    check_tests(tap, protocol)
    check_auditors_table(tap, texts['docs/risk.md'])
    check_cells(tap, journal)
    check_layouts(tap, journal)
    check_audit(tap, journal)
    check_configuration(tap, texts['docs/operations.md'])
    check_benchmarks(tap, texts['docs/performance.md'])
    check_embedding(tap, texts['docs/embedding.md'])
    check_client(tap, texts['docs/client.md'])
    check_packages(tap, texts['README.md'])
    check_links(tap, texts)
    check_python(tap, texts)


def main():
    tap = Tap()
    if len(sys.argv) > 1:
        check_commands(tap, documents(), sys.argv[1])
    else:
        check_texts(tap, documents())
    tap.done()


if __name__ == '__main__':
    main()
