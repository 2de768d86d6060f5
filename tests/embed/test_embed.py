#!/usr/bin/env python3
"""test_embed: the installed library is all that a program needs to embed the engine.

Installs BUILD into a temporary folder, and from there on uses nothing else: each
public header compiles alone, as C11 and as C++17, with gcc and clang; embed.c
builds by pkg-config against the shared and the static library, runs, and prints
what expected.txt says; neither library has a name that is not an engine's.

usage: test_embed.py BUILD
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))

from harness import Tap  # pylint: disable=wrong-import-position

STRICT = ['-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wshadow', '-Werror', '-O1']
C, CXX = ['-x', 'c', '-std=c11', *STRICT], ['-x', 'c++', '-std=c++17', *STRICT]
COMPILERS = [('gcc', C), ('clang', C), ('g++', CXX), ('clang++', CXX)]
# What the C library and the compiler's own have; no other library is asked for.
BORROWED = {'abort', 'memcpy', 'memset', 'memmove', 'memcmp', 'write', '__divti3', '__udivti3',
            '__stack_chk_fail', '_GLOBAL_OFFSET_TABLE_'}


class Installed:
    """Installed is what `meson install` left in a folder."""

    def __init__(self, build, root):
        self.root = root
        self.done = subprocess.run(['meson', 'install', '-C', build, '--no-rebuild', '--quiet',
                                    '--destdir', root], capture_output=True, text=True, check=False)
        found = {name: os.path.join(folder, name) for folder, _, names in os.walk(root)
                 for name in names}
        self.pc = found.get('outcry.pc')
        self.engine_h = found.get('engine.h')
        self.archive = found.get('liboutcry.a')
        self.shared = next((path for name, path in found.items()
                            if re.fullmatch(r'liboutcry\.so\.\d+\.\d+\.\d+', name)), None)
        self.headers = sorted(name for name, path in found.items() if name.endswith('.h') and
                              os.path.basename(os.path.dirname(path)) == 'outcry')

    def complete(self):
        return bool(self.done.returncode == 0 and self.pc and self.archive and self.shared
                    and self.engine_h)

    def config(self, *args):
        """config asks pkg-config, which puts the folder before every path."""
        env = {**os.environ, 'PKG_CONFIG_LIBDIR': os.path.dirname(self.pc),
               'PKG_CONFIG_SYSROOT_DIR': self.root}
        return subprocess.run(['pkg-config', *args, 'outcry'], env=env, capture_output=True,
                              text=True, check=True).stdout.split()


def run(command, cwd, text=None, **env):
    return subprocess.run(command, cwd=cwd, input=text, capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, **env})


def check_headers(tap, installed, compiler, flags, folder):
    wrong = []
    for name in installed.headers:
        done = run([compiler, *flags, *installed.config('--cflags'), '-fsyntax-only', '-'], folder,
                   f'#include <outcry/{name}>\nint main(void);\n')
        wrong += [name, *done.stderr.splitlines()[:5]] if done.returncode != 0 else []
    tap.ok(not wrong, f'{compiler} takes each header alone', *wrong)


def check_program(tap, installed, compiler, flags, folder):
    with open(os.path.join(HERE, 'expected.txt'), encoding='utf-8') as file:
        expected = file.read()
    libs = {'shared': installed.config('--libs'), 'static': [installed.archive]}
    for how, link in libs.items():
        program = os.path.join(folder, f'embed_{compiler}_{how}')
        built = run([compiler, *flags, os.path.join(HERE, 'embed.c'), '-x', 'none',
                     *installed.config('--cflags'), *link, '-o', program], folder)
        tap.ok(built.returncode == 0, f'{compiler} builds the program, {how}',
               *built.stderr.splitlines()[:20])
        if built.returncode != 0:
            continue
        done = run([program], folder, LD_LIBRARY_PATH=os.path.dirname(installed.shared))
        tap.ok(done.returncode == 0 and done.stdout == expected,
               f'{compiler}: the program says what it should, {how}',
               f'exit {done.returncode} {done.stderr}', *done.stdout.splitlines())


def names(path, *args):
    """names gives the letter and the name of each symbol, without its version."""
    text = subprocess.run(['nm', *args, path], capture_output=True, text=True, check=True).stdout
    return [(row[-2], row[-1].partition('@')[0]) for row in map(str.split, text.splitlines())
            if len(row) >= 2]


def declared(installed):
    """declared are the functions that engine.h declares and does not define."""
    with open(installed.engine_h, encoding='utf-8') as file:
        text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.DOTALL)
    return set(re.findall(r'\b(engine_\w+)\([^;{]*\);', text))


def check_names(tap, installed):
    promised = declared(installed)
    tap.ok(len(promised) > 20, 'engine.h was understood', str(promised))
    for title, path, args in (('shared', installed.shared, ['-D']),
                              ('static', installed.archive, ['-g'])):
        defined = {name for letter, name in names(path, *args, '--defined-only')}
        tap.ok(defined == promised, f'the {title} library has the names of engine.h and no other',
               f'more: {sorted(defined - promised)}', f'less: {sorted(promised - defined)}')
    needed = {name for letter, name in names(installed.archive, '-u') if letter == 'U'}
    tap.ok(needed <= BORROWED, 'the static library needs the C library alone',
           str(sorted(needed - BORROWED)))
    dynamic = subprocess.run(['readelf', '-d', installed.shared], capture_output=True, text=True,
                             check=True).stdout
    wanted = re.findall(r'\(NEEDED\).*\[(.*)\]', dynamic)
    tap.ok(wanted == ['libc.so.6'], 'the shared library needs the C library alone', str(wanted))
    soname = re.findall(r'\(SONAME\).*\[(.*)\]', dynamic)
    tap.ok(soname and re.fullmatch(r'liboutcry\.so\.\d+\.\d+', soname[0]),
           'the shared library has a soname with a version', str(soname))


def check_strangers(tap, installed, folder):
    """A program may have names that ours have inside, and no header of ours is in its way."""
    text = ('#include <outcry/embed.h>\n#define ASSERT(x) 0\n#define ORDERS_MAX 1\n'
            'int ring_init(void);\nint ring_init(void) { return ASSERT(1); }\n'
            'int risk_init(void);\nint risk_init(void) { return ORDERS_MAX; }\n'
            'int outcry_assert_failed(void);\nint outcry_assert_failed(void) { return 0; }\n'
            'int main(void)\n{\n    struct engine_cfg cfg = {.orders_max = 0};\n\n'
            '    return engine_footprint(&cfg) != 0 || ring_init() != 0 || risk_init() != 1;\n}\n')
    program = os.path.join(folder, 'strangers')
    built = run(['gcc', *C, '-', '-x', 'none', *installed.config('--cflags'), installed.archive,
                 '-o', program], folder, text)
    done = run([program], folder) if built.returncode == 0 else built
    tap.ok(done.returncode == 0, 'a program keeps its own names', *built.stderr.splitlines()[:20])
    text = '#include <outcry/ring.h>\n'
    refused = run(['gcc', *C, '-fsyntax-only', *installed.config('--cflags'), '-'], folder, text)
    tap.ok(refused.returncode != 0, 'what is not public is not installed')


def main():
    tap = Tap()
    folder = tempfile.mkdtemp(prefix='outcry-embed-')
    try:
        installed = Installed(os.path.abspath(sys.argv[1]), os.path.join(folder, 'root'))
        tap.ok(installed.complete(), 'meson install gives libraries, headers and outcry.pc',
               installed.done.stderr, f'{vars(installed)}')
        if installed.complete():
            check_names(tap, installed)
            check_strangers(tap, installed, folder)
            for compiler, flags in COMPILERS:
                if shutil.which(compiler) is None:
                    tap.skip(compiler, 'not installed')
                    continue
                check_headers(tap, installed, compiler, flags, folder)
                check_program(tap, installed, compiler, flags, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tap.done()


if __name__ == '__main__':
    main()
