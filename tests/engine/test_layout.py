#!/usr/bin/env python3
"""test_layout: the number of a layout changes with what a field is and where, and with nothing
else. The headers are those that engine/save_layout.h is made of.

usage: test_layout.py HEADER.h ...
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'engine'))
sys.dont_write_bytecode = True

import layout  # noqa: E402

SAVED = ('engine_scalars book book_rare extra quote order level ladder_head ladder_inner session '
         'session_cold timer timers risk risk_account_line risk_party_line risk_pair_line '
         'risk_bounds risk_account_warm risk_group_line risk_group_warm risk_pair_cold '
         'risk_subject risk_instrument risk_total').split()
TEXT = '''/* struct of { a comment } */
struct a {
    uint32_t first; /* this */
    uint32_t second;
    union {
        uint64_t x;
        struct b b[4];
    };
};
struct b; // only named
struct b {
    int y;
};
'''
SAME = [('/* this */', '/* that; */'), ('    uint32_t second', '  uint32_t  second'),
        ('struct b; // only named\n', ''), ('b b[4]', 'b b [ 4 ]')]
OTHER = [('first', 'second '), ('uint32_t first; /* this */\n    uint32_t second',
                                'uint32_t second;\n    uint32_t first'),
         ('uint64_t x', 'int64_t x'), ('[4]', '[5]'), ('int y', 'int z'), ('    int y;\n', '')]


def main():
    results = []

    def check(good, name, *why):
        results.append(good)
        print(('ok' if good else 'not ok'), len(results), '-', name)
        for text in why if not good else ():
            print('#', text)

    before = layout.layout_of([TEXT])
    check(before[1] == 2, 'structures are found', before)
    for old, new in SAME:
        check(layout.layout_of([TEXT.replace(old, new, 1)]) == before, f'the same: {new!r}')
    for old, new in OTHER:
        assert old in TEXT
        check(layout.layout_of([TEXT.replace(old, new, 1)])[0] != before[0], f'another: {new!r}')
    texts = []
    for path in sys.argv[1:]:
        with open(path, encoding='ascii') as file:
            texts.append(file.read())
    names = [re.match(r'struct (\w+)', struct)[1] for text in texts
             for struct in layout.structs_of(text)]
    missing = [name for name in SAVED if name not in names]
    check(not missing, 'all that is saved is in the headers', missing)
    print(f'1..{len(results)}')
    sys.exit(0 if all(results) else 1)


if __name__ == '__main__':
    main()
