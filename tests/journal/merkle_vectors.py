#!/usr/bin/env python3
"""merkle_vectors: roots of Merkle trees by the definition of RFC 6962, for test_merkle.c.

An implementation of its own, with BLAKE2b of the standard library: it cuts the list
of leaves in two as the text says, where journal/merkle.c adds one leaf after another.
Leaf i of a tree are the i + 1 bytes i, i + 1, ... (modulo 256).

usage: merkle_vectors.py [--check test_merkle.c]
"""

import hashlib
import re
import sys

COUNTS = list(range(0, 18)) + [31, 32, 33, 63, 64, 65, 70, 1000]


def hash_of(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def leaf(i):
    return bytes((i + j) % 256 for j in range(i + 1))


def tree(leaves):
    if not leaves:
        return hash_of(b'')
    if len(leaves) == 1:
        return hash_of(b'\x00' + leaves[0])
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hash_of(b'\x01' + tree(leaves[:k]) + tree(leaves[k:]))


def main():
    rows = {count: tree([leaf(i) for i in range(count)]).hex() for count in COUNTS}
    if len(sys.argv) == 3 and sys.argv[1] == '--check':
        with open(sys.argv[2], encoding='ascii') as file:
            found = {int(count): root
                     for count, root in re.findall(r'\{(\d+), "([0-9a-f]{64})"\}', file.read())}
        good = found == rows
        print(f'1..1\n{"ok" if good else "not ok"} 1 - the vectors are those of the definition')
        sys.exit(0 if good else 1)
    for count, root in rows.items():
        print(f'    {{{count}, "{root}"}},')


if __name__ == '__main__':
    main()
