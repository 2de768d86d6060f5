#!/usr/bin/env python3
"""Makes what `meson install` gives to those who embed the engine.

    publish.py headers OUTDIR HEADER... [-- KNOWN...]
                                           the public headers, side by side; known are
                                           those that are made elsewhere
    publish.py archive OUT LIB... -- CC... the static library

headers: in the tree includes are written from its root ("proto/cell.h"). Where
they are installed there is no such root, so they become plain names ("cell.h"),
which a compiler finds beside the file that asks, whatever its include path is.
A public header that includes one that is not public is an error.

archive: all objects in one, in which only what the shared library would export
keeps its name. So a program may have a ring_init or a risk_check of its own.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

INCLUDE = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)


def headers(out_dir, *paths):
    cut = paths.index("--") if "--" in paths else len(paths)
    paths, known = paths[:cut], paths[cut + 1:]
    names = {name: Path(name).name for name in known}
    for path in map(Path, paths):
        names[f"{path.resolve().parent.name}/{path.name}"] = path.name
    if len(set(names.values())) != len(paths) + len(known):
        sys.exit("publish.py: two public headers have one name")

    for path in map(Path, paths):
        def plain(match, path=path):
            if match[1] not in names:
                sys.exit(f"publish.py: {path} includes {match[1]}, which is not public")
            return f'#include "{names[match[1]]}"'
        text = path.read_text(encoding="utf-8")
        (Path(out_dir) / path.name).write_text(INCLUDE.sub(plain, text), encoding="utf-8")


def archive(out, *args):
    # The compiler may be several words: a cache in front of it, options behind it.
    cut = args.index("--")
    libs, compiler = args[:cut], args[cut + 1:]
    with tempfile.TemporaryDirectory() as folder:
        one = str(Path(folder) / "outcry.o")
        for command in ([*compiler, "-r", "-nostdlib", "-o", one, "-Wl,--whole-archive", *libs],
                        ["objcopy", "--localize-hidden", one],
                        ["ar", "rcsD", str(Path(folder) / "one.a"), one]):
            subprocess.run(command, check=True)
        Path(out).write_bytes((Path(folder) / "one.a").read_bytes())


if __name__ == "__main__":
    {"headers": headers, "archive": archive}[sys.argv[1]](*sys.argv[2:])
