#!/usr/bin/env python3
"""The style of the tree as a test: each rule is one TAP case.

    tests/tidy.py [--build DIR]     check the tree; DIR has the generated headers
    tests/tidy.py --self-test       show that each rule fires, and that it can pass

A rule is a function from a Tree to (path, line, message) tuples; its first line
of documentation is the name of the case. There is no way to silence a rule in
the checked file: a rule that is wrong is changed here, for everybody to see.
The longest files and functions are printed and judged by people.
"""

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDERS = ["proto", "risk", "engine", "journal", "gateway"]
# Whom a folder may include. Nothing includes tools, tests or perf but themselves.
LAYERS = {
    "proto": {"proto"},
    "risk": {"proto", "risk"},
    "engine": {"proto", "risk", "engine"},
    "journal": {"proto", "risk", "engine", "journal"},
    "gateway": {"proto", "risk", "engine", "gateway"},
    "tools": {*FOLDERS, "tools"},
    "tests": {*FOLDERS, "tests"},
    "perf": {*FOLDERS, "perf"},
}
# Third-party header -> the files that may include it.
QUARANTINE = {
    "rte_*": ["gateway/port_dpdk.c"],
    "liburing*": ["journal/disk_uring.c", "gateway/tcp_uring.c", "perf/disk_raw.c",
                  "tests/journal/fault_uring.c"],
    "ck_*": ["engine/ring.h"],
    "xxhash*": ["proto/hash.h"],
    "xxh3*": ["proto/hash.h"],
    "sodium*": ["gateway/credentials.c", "journal/archive_key.c", "journal/crypto.c"],
    "zstd*": ["journal/archive_zstd.c"],
    "yaml.h": ["tools/config*.c"],
    "criterion/*": ["tests/*"],
}
# The engine is a pure state machine: no clock, no I/O, no allocation, no floats.
PURE_FOLDERS = {"risk", "engine"}
IMPURE_HEADERS = ["stdio.h", "stdlib.h", "malloc.h", "time.h", "math.h", "float.h", "unistd.h",
                  "fcntl.h", "poll.h", "pthread.h", "threads.h", "sys/*", "netinet/*", "arpa/*"]
# In pieces, or this file would break its own rule.
LEFT_OVERS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
LEFT_OVER_SUFFIXES = {".c", ".h", ".py", ".xml", ".build"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT_OR_STRING = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
SBE_SCHEMAS = ["proto/orders.xml", "proto/fixp.xml"]
SBE_XSD_PLACES = ["proto/sbe.xsd", "../shared/ref/sbe.xsd"]


class Skip(Exception):
    """Raised by a rule that lacks its tool."""


class Tree:
    """The files to check: what git tracks and what it would be asked to track."""

    def __init__(self, root, build=None):
        self.root = Path(root)
        self.build = Path(build).resolve() if build else None
        self.paths = sorted(p for p in self._list() if (self.root / p).is_file())

    def _list(self):
        git = ["git", "-c", "safe.directory=*", "-C", str(self.root),
               "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        if (self.root / ".git").exists():
            text = subprocess.run(git, check=True, capture_output=True, text=True).stdout
            return {p for p in text.split("\0") if p}
        # An unpacked archive: no git to ask.
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*")
                if not p.relative_to(self.root).parts[0].startswith("build")}

    def sources(self, *suffixes):
        return [p for p in self.paths if Path(p).suffix in (suffixes or (".c", ".h"))]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8")

    def includes(self, path):
        """(line, is_quoted, header) of each include that is not in a comment."""
        text = blank(self.text(path), keep_strings=True)
        for match in INCLUDE.finditer(text):
            yield line_of(text, match.start(2)), match[1] == '"', match[2]

    def generated(self):
        found = self.build.glob("proto/*.h") if self.build else []
        return sorted(str(p.relative_to(self.build)) for p in found)


def blank(text, keep_strings=False):
    """Comments, and strings if wanted, become spaces; lines keep their numbers."""
    def spaces(match):
        if keep_strings and match[0][0] in "\"'":
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])
    return COMMENT_OR_STRING.sub(spaces, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


def in_parallel(function, items):
    """Concatenates what function finds for each item, in the order of the items."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return [found for part in pool.map(function, items) for found in part]


def includes_follow_the_layers(tree):
    """Includes follow the layers."""
    for path in tree.sources():
        folder = path.partition("/")[0]
        for line, quoted, header in tree.includes(path):
            target, slash, _ = header.partition("/")
            if target in LAYERS and slash and not quoted:
                yield path, line, f'"{header}" is ours: use quotes'
            if not quoted or is_quarantined(header):
                continue
            if not slash or target not in LAYERS:
                yield path, line, f'"{header}" is not written from the root'
            elif target not in LAYERS.get(folder, set()):
                yield path, line, f"{folder} must not include {target}"


def is_quarantined(header):
    return any(fnmatch.fnmatch(header, pattern) for pattern in QUARANTINE)


def third_parties_stay_in_quarantine(tree):
    """Third parties stay in quarantine."""
    for path in tree.sources():
        for line, _, header in tree.includes(path):
            for pattern, places in QUARANTINE.items():
                if not fnmatch.fnmatch(header, pattern):
                    continue
                if not any(fnmatch.fnmatch(path, place) for place in places):
                    yield path, line, f"<{header}> belongs to {', '.join(places)}"


def risk_and_engine_are_pure(tree):
    """Risk and engine know no clock, I/O, allocation or floats."""
    for path in tree.sources():
        if path.partition("/")[0] not in PURE_FOLDERS:
            continue
        for line, quoted, header in tree.includes(path):
            if not quoted and any(fnmatch.fnmatch(header, bad) for bad in IMPURE_HEADERS):
                yield path, line, f"<{header}> is not for a pure state machine"
        text = blank(tree.text(path))
        for match in re.finditer(r"\b(?:float|double)\b", text):
            yield path, line_of(text, match.start()), f"{match[0]}: integers only"


def own_header_comes_first(tree):
    """Each .c file includes its own header first."""
    for path in tree.sources(".c"):
        own = path[:-2] + ".h"
        if own not in tree.paths:
            continue
        first = next(tree.includes(path), None)
        if first is None or first[2] != own:
            yield path, first[0] if first else 1, f'"{own}" must be the first include'


def headers_are_guarded(tree):
    """Each header has an include guard."""
    guard = re.compile(r"\s*#\s*ifndef\s+(\w+)\s*\n\s*#\s*define\s+(\w+)\s*\n")
    for path in tree.sources(".h"):
        match = guard.match(blank(tree.text(path)))
        if match is None or match[1] != match[2]:
            yield path, 1, "does not begin with #ifndef and #define of one name"


def compile_alone(tree, headers, command):
    where = ["-I", str(tree.root)] + (["-I", str(tree.build)] if tree.build else [])

    def check(header):
        result = subprocess.run([*command, "-fsyntax-only", "-D_GNU_SOURCE", *where, "-"],
                                input=f'#include "{header}"\n', capture_output=True, text=True,
                                check=False, cwd=tree.root)
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines()
            yield header, 1, next((ln for ln in lines if "error:" in ln), lines[-1])

    return in_parallel(check, headers)


def headers_compile_alone(tree):
    """Each header compiles alone."""
    command = [tool("gcc"), "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-x", "c"]
    return compile_alone(tree, tree.sources(".h") + tree.generated(), command)


def cxx_headers_are_cxx(tree):
    """Each header that speaks of C++ compiles as C++17."""
    headers = [h for h in tree.sources(".h") if "__cplusplus" in tree.text(h)]
    command = [tool("clang"), "-std=c++17", "-Wall", "-Wextra", "-Werror", "-x", "c++"]
    return compile_alone(tree, headers, command)


def format_is_clang_format(tree):
    """The format is clang-format's."""
    program = tool("clang-format")

    def check(path):
        result = subprocess.run([program, "--dry-run", "-Werror", path], cwd=tree.root,
                                capture_output=True, text=True, check=False)
        if result.returncode != 0:
            where = re.search(r":(\d+):\d+: error: (.*)", result.stderr)
            yield path, int(where[1]) if where else 1, "make format would change it"

    return in_parallel(check, tree.sources())


def format_is_never_off(tree):
    """The format is never switched off."""
    for path in tree.sources():
        for number, text in enumerate(tree.text(path).splitlines(), 1):
            if re.search(r"clang-format\s+off", text):
                yield path, number, "clang-format off is banned"


def no_words_are_left_over(tree):
    """No words of unfinished work are left over."""
    for path in tree.sources(*LEFT_OVER_SUFFIXES):
        for number, text in enumerate(tree.text(path).splitlines(), 1):
            if match := LEFT_OVERS.search(text):
                yield path, number, f"{match[0]}: do it or open an issue"


def schemas_are_valid(tree):
    """The order entry schemas are valid SBE."""
    schemas = [s for s in SBE_SCHEMAS if s in tree.paths]
    xsd = next((tree.root / p for p in SBE_XSD_PLACES if (tree.root / p).is_file()), None)
    if not schemas or xsd is None:
        raise Skip("no schema in this tree" if not schemas else "no sbe.xsd to check against")
    for schema in schemas:
        result = subprocess.run([tool("xmllint"), "--noout", "--schema", str(xsd), schema],
                                cwd=tree.root, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            text = result.stderr.strip().splitlines()[0]
            where = re.match(r"[^:]*:(\d+): ", text)
            yield schema, int(where[1]) if where else 1, text


RULES = [
    includes_follow_the_layers,
    third_parties_stay_in_quarantine,
    risk_and_engine_are_pure,
    own_header_comes_first,
    headers_are_guarded,
    headers_compile_alone,
    cxx_headers_are_cxx,
    format_is_clang_format,
    format_is_never_off,
    no_words_are_left_over,
    schemas_are_valid,
]


def functions(tree, path):
    """(lines, name) of each function: its name and both braces begin a line."""
    name, start = None, None
    for number, text in enumerate(tree.text(path).splitlines(), 1):
        if start is None and (match := re.match(r"Test\(.*?\)|\w+(?=\()", text)):
            name = match[0]
        elif text == "{" and name:
            start = number
        elif text.startswith("}") and start:
            yield number - start + 1, name
            name, start = None, None


def print_longest(tree):
    files = sorted(((len(tree.text(p).splitlines()), p) for p in tree.sources(".c", ".h", ".py")),
                   reverse=True)
    bodies = sorted(((lines, f"{name} in {p}") for p in tree.sources()
                     for lines, name in functions(tree, p)), reverse=True)
    for title, rows in (("files", files), ("functions", bodies)):
        print(f"# longest {title}:")
        for lines, name in rows[:5]:
            print(f"#   {lines:5}  {name}")


def check_tree(tree):
    failed = False
    print(f"1..{len(RULES)}")
    for rule in RULES:
        title = rule.__doc__.rstrip(".")
        try:
            found = list(rule(tree))
        except Skip as reason:
            print(f"ok - {title} # SKIP {reason}")
            continue
        print(f"{'not ok' if found else 'ok'} - {title}", flush=True)
        # Meson swallows the diagnostics of TAP but shows what a failed program says here.
        for path, line, message in found:
            print(f"{path}:{line}: {message}", file=sys.stderr, flush=True)
        failed = failed or bool(found)
    print_longest(tree)
    return 1 if failed else 0


GUARDED = "#ifndef A_H\n#define A_H\n\n{}\n#endif\n"
# Rule -> trees it must refuse (each a set of files), then trees it must pass.
SELF_TEST = {
    includes_follow_the_layers: (
        [{"risk/a.c": '#include "engine/book.h"\n'}, {"engine/a.c": '#include "journal/page.h"\n'},
         {"journal/a.c": '#include "gateway/port.h"\n'}, {"tests/a.c": '#include "tools/config.h"\n'},
         {"gateway/a.c": '#include "journal/page.h"\n'}, {"proto/a.h": '#include "risk/risk.h"\n'},
         {"engine/a.c": '#include "book.h"\n'}, {"engine/a.c": '#include "../risk/risk.h"\n'},
         {"engine/a.c": "#include <risk/risk.h>\n"}],
        [{"journal/a.c": '#include "engine/ring.h"\n#include <string.h>\n'},
         {"risk/a.c": '/*\n#include "engine/book.h"\n*/\n'}]),
    third_parties_stay_in_quarantine: (
        [{"gateway/port_udp.c": "#include <rte_mbuf.h>\n"}, {"engine/book.c": "#include <ck_pr.h>\n"},
         {"journal/page.c": "#include <xxhash.h>\n"}, {"journal/reader.c": "#include <liburing.h>\n"},
         {"tools/main.c": "#include <yaml.h>\n"}, {"perf/a.c": "#include <criterion/criterion.h>\n"},
         {"engine/book.c": '#include "ck_pr.h"\n'}],
        [{"gateway/port_dpdk.c": "#include <rte_mbuf.h>\n", "engine/ring.h": "#include <ck_ring.h>\n",
          "tests/engine/test_a.c": "#include <criterion/criterion.h>\n",
          "tools/config_parse.c": "#include <yaml.h>\n"}]),
    risk_and_engine_are_pure: (
        [{"engine/a.c": "#include <stdio.h>\n"}, {"risk/a.c": "#include <time.h>\n"},
         {"engine/a.c": "#include <sys/mman.h>\n"}, {"risk/a.h": "static double x;\n"}],
        [{"engine/a.c": '/* no double */\nchar *s = "float";\n', "journal/a.c": "#include <stdio.h>\n"}]),
    own_header_comes_first: (
        [{"risk/a.h": "", "risk/a.c": '#include <string.h>\n#include "risk/a.h"\n'},
         {"risk/a.h": "", "risk/a.c": "int a;\n"}],
        [{"risk/a.h": "", "risk/a.c": '#include "risk/a.h"\n#include <string.h>\n',
          "risk/b.c": "#include <string.h>\n"}]),
    headers_are_guarded: (
        [{"risk/a.h": "int a;\n"}, {"risk/a.h": "#ifndef A\n#define B\n#endif\n"}],
        [{"risk/a.h": "/* Essay. */\n" + GUARDED.format("int a;")}]),
    headers_compile_alone: (
        [{"risk/a.h": GUARDED.format("uint32_t a(void);")}, {"risk/a.h": GUARDED.format("int a(")}],
        [{"risk/a.h": GUARDED.format("#include <stdint.h>\nuint32_t a(void);")}]),
    cxx_headers_are_cxx: (
        [{"risk/a.h": "#ifdef __cplusplus\n#endif\nint *class;\n"}],
        [{"risk/a.h": "#ifdef __cplusplus\n#endif\nint *a;\n", "risk/b.h": "int *class;\n"}]),
    format_is_clang_format: (
        [{".clang-format": "BasedOnStyle: LLVM\n", "risk/a.c": "int  a ;\n"}],
        [{".clang-format": "BasedOnStyle: LLVM\n", "risk/a.c": "int a;\n"}]),
    format_is_never_off: (
        [{"risk/a.c": "/* clang-format off */\n"}, {"risk/a.h": "// clang-format  off\n"}],
        [{"risk/a.c": "/* clang-format is on */\n"}]),
    no_words_are_left_over: (
        [{"risk/a.c": "/* TO" "DO */\n"}, {"risk/a.h": "// FIX" "ME: a\n"}, {"a.py": "# X" "XX\n"},
         {"proto/a.xml": "<!-- HA" "CK -->\n"}, {"risk/meson.build": "# TO" "DO\n"}],
        [{"risk/a.c": "int HACKNEY, TODOS, XXXL;\n", "a.md": "TO" "DO\n"}]),
    schemas_are_valid: (
        [{"proto/orders.xml": "<a>text</a>\n"}, {"proto/fixp.xml": "<b>1</b>\n"},
         {"proto/orders.xml": "<a>1\n"}],
        [{"proto/orders.xml": "<a>1</a>\n"}]),
}
TINY_XSD = ('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
            '<xs:element name="a" type="xs:int"/></xs:schema>')


def found_in(rule, files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {"proto/sbe.xsd": TINY_XSD, **files}.items():
            (Path(root) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(root) / path).write_text(text, encoding="utf-8")
        return list(rule(Tree(root)))


def self_test():
    status = 0
    cases = [(rule, verdict, files) for rule in RULES
             for verdict, trees in zip(("refuses", "passes"), SELF_TEST[rule]) for files in trees]
    print(f"1..{len(cases)}")
    for rule, verdict, files in cases:
        title = f"{rule.__name__} {verdict} {next(reversed(files))}"
        try:
            found = found_in(rule, files)
        except Skip as reason:
            print(f"ok - {title} # SKIP {reason}")
            continue
        good = bool(found) == (verdict == "refuses")
        print(f"{'ok' if good else 'not ok'} - {title}")
        if not good:
            print(f"# files {files}, found {found}")
            status = 1
    return status


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", help="build directory with the generated headers")
    parser.add_argument("--self-test", action="store_true", help="test the rules themselves")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    return check_tree(Tree(Path(__file__).resolve().parent.parent, args.build))


if __name__ == "__main__":
    sys.exit(main())
