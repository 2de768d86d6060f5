#!/usr/bin/env python3
"""layout: a number for what our structures look like, from the text of the headers.

    layout.py OUT.h HEADER.h ...

OUT.h gets SAVE_LAYOUT, a hash over every struct that the headers define: names, types and
order of its fields, without comments and blanks. It is part of the shape of an image
(engine/save.h): two fields that change places have the same sizes as before, and yet an
image of before would mean something else.
"""

import hashlib
import re
import sys


def structs_of(text):
    """structs_of are the struct definitions of a header, each with all blanks as one."""
    text = re.sub(r'/\*.*?\*/|//[^\n]*', ' ', text, flags=re.DOTALL)
    found = []
    for start in re.finditer(r'^struct \w+ \{', text, re.MULTILINE):
        end, depth = start.end(), 1
        while depth > 0:
            depth += {'{': 1, '}': -1}.get(text[end], 0)
            end += 1
        found.append(' '.join(re.sub(r'(\W)', r' \1 ', text[start.start():end]).split()))
    return found


def layout_of(texts):
    """layout_of is the number; in which header, and where in it, a struct is does not count."""
    structs = sorted(struct for text in texts for struct in structs_of(text))
    digest = hashlib.blake2b('\n'.join(structs).encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'little'), len(structs)


def main():
    texts = []
    for path in sys.argv[2:]:
        with open(path, encoding='ascii') as file:
            texts.append(file.read())
    number, count = layout_of(texts)
    assert count > 0, 'no struct'
    with open(sys.argv[1], 'w', encoding='ascii') as file:
        file.write('/* Made by engine/layout.py. Do not edit. */\n'
                   '#ifndef OUTCRY_ENGINE_SAVE_LAYOUT_H\n#define OUTCRY_ENGINE_SAVE_LAYOUT_H\n\n'
                   f'/* Of {count} structures. */\n#define SAVE_LAYOUT 0x{number:016x}ull\n\n#endif\n')


if __name__ == '__main__':
    main()
