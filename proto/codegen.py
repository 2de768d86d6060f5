#!/usr/bin/env python3
"""codegen: make a C header from an SBE 1.0 message schema.

    codegen.py SCHEMA.xml --prefix P --out FILE.h [--cells [--python]]
               [--import OTHER.xml:OTHERPREFIX:include/path.h]

One header per schema. The default are wire messages (little endian with the
SBE header, or big endian without one); --cells makes the 64-byte cells of
ring and journal, and with --python a module for numpy instead of a header.
--import lets the schema use the types of another one, whose
header is then included. A schema that is wrong is refused as
file:line: message with exit status 1.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import os

from codegen_c import Printer
from codegen_model import SchemaError
from codegen_python import PythonPrinter
from codegen_schema import Reader


def main():
    parser = argparse.ArgumentParser(description='Make a C header from an SBE schema.')
    parser.add_argument('schema')
    parser.add_argument('--prefix', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--cells', action='store_true', help='64-byte cells, not wire messages')
    parser.add_argument('--python', action='store_true', help='a module for numpy; with --cells')
    parser.add_argument('--import', dest='imports', action='append', default=[],
                        metavar='OTHER.xml:PREFIX:include/path.h')
    args = parser.parse_args()
    if args.python and not args.cells:
        parser.error('--python is for --cells')

    imports, includes = [], []
    try:
        for text in args.imports:
            path, prefix, include = text.split(':')
            imports.append(Reader(path, prefix).read())
            includes.append(include)
        schema = Reader(args.schema, args.prefix, args.cells, imports).read()
        name = os.path.basename(args.out)
        if args.python:
            text = PythonPrinter(schema, imports).module(name)
        else:
            text = Printer(schema, args.prefix, args.cells, includes).header(name)
    except (SchemaError, OSError) as err:
        print(err, file=sys.stderr)
        return 1
    with open(args.out, 'w', encoding='utf-8') as file:
        file.write(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
