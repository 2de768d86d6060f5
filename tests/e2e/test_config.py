#!/usr/bin/env python3
"""test_config: what `outcry serve FILE --check` says to good and bad files.

Each config/bad-*.yaml has in its first line what must be said: line and message.
Each config/good-*.yaml is accepted, and what is printed reads back to the same.

Then the example is mutated, by seeds from 1 to OUTCRY_SEEDS (100): each mutant is
accepted, and reads back, or refused with one line.

usage: test_config.py OUTCRY
"""

import glob
import os
import random
import re
import subprocess
import sys

from harness import Folder, Tap, run

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, '..', '..', 'tools', 'outcry.yaml')


def one_core():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def check_bad(tap, outcry, path):
    name = os.path.basename(path)
    if 'same-core' in name and 0 not in os.sched_getaffinity(0):
        tap.skip(name, 'core 0 is not ours')
        return
    with open(path, encoding='ascii') as file:
        expected = file.readline().removeprefix('# expect: ').rstrip('\n')
    preexec = one_core if 'one-core' in name else None
    code, out, err = run(outcry, 'serve', path, '--check', preexec=preexec)
    cores = len(os.sched_getaffinity(0))
    expected = expected.replace('@CORES@', str(cores))
    tap.same((code, out, err), (3, '', f'{path}:{expected}\n'), name)


def check_good(tap, outcry, path, folder):
    name = os.path.basename(path)
    code, out, err = run(outcry, 'serve', path, '--check')
    if not tap.ok(code == 0 and err == '', f'{name} is accepted', err):
        return
    again = os.path.join(folder, name)
    with open(again, 'w', encoding='ascii') as file:
        file.write(out)
    code, twice, err = run(outcry, 'serve', again, '--check')
    tap.same((code, twice, err), (0, out, ''), f'{name} reads back to the same')


def check_words(tap, outcry, folder):
    """check_words tries what is no configuration at all."""
    missing = os.path.join(folder, 'missing.yaml')
    code, _, err = run(outcry, 'serve', missing, '--check')
    tap.same((code, err),
             (3, f'{missing}:1: cannot be read (No such file or directory), expected a '
                 'configuration file\n'), 'a file that is not there')
    code, _, err = run(outcry, 'serve', folder, '--check')
    tap.same((code, err), (3, f'{folder}:1: cannot be read (Is a directory), expected a '
                              'configuration file\n'), 'a folder in place of a file')
    for args in (['serve'], ['serve', 'a', 'b'], ['serve', '--chek', 'a'], ['dance'], [],
                 ['replay'], ['verify'], ['audit', '.'], ['audit', '.', '--format', 'xml'],
                 ['audit', '.', '--format', 'csv', '--from', 'noon'],
                 ['replay', '.', '--until', '0'], ['replay', '.', '--until']):
        code, out, err = run(outcry, *args)
        tap.ok(code == 2 and err and not out, f'usage: outcry {" ".join(args)}', code, out, err)
    for command in ('serve', 'replay', 'verify', 'audit'):
        code, out, err = run(outcry, command, '--help')
        tap.ok(code == 0 and out.startswith(f'usage: outcry {command} ') and not err,
               f'outcry {command} --help', code, err)
    with open('/dev/full', 'w', encoding='ascii') as full:
        done = subprocess.run([outcry, 'verify', '--help'], stdout=full, stderr=subprocess.PIPE,
                              timeout=60, check=False)
        tap.same((done.returncode, done.stderr),
                 (3, b'outcry verify: the output cannot be written: No space left on device\n'),
                 'what cannot be printed is said, with code 3')
    code, out, _ = run(outcry, '--help')
    tap.ok(code == 0 and all(word in out for word in ('serve', 'replay', 'verify', 'audit')),
           'outcry --help names the commands', out)


TOKENS = ['-', ':', '{', '}', '[', ']', '"', "'", '#', '&a', '*a', '!!int', '|', '>', '---', '\t',
          '0', '-1', '1e9', '0.5', '~', 'true', '99999999999999999999', '\u00e9', '\0', '%', ',', '']


def mutate(text, rng):
    """mutate changes a line, a word or a character, up to four times."""
    for _ in range(rng.randint(1, 4)):
        lines = text.split('\n')
        at = rng.randrange(len(lines))
        kind = rng.randrange(5)
        if kind == 0:
            lines[at:at + 1] = [lines[at], lines[at]]
        elif kind == 1:
            del lines[at]
        elif kind == 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            words = re.findall(r'[\w.]+|\s+|.', lines[at]) or ['']
            words[rng.randrange(len(words))] = rng.choice(TOKENS)
            lines[at] = ''.join(words)
        text = '\n'.join(lines)
    return text


def check_mutants(tap, outcry, folder):
    with open(EXAMPLE, encoding='ascii') as file:
        lines = [line for line in file.read().split('\n') if not line.lstrip().startswith('#')]
    seeds = int(os.environ.get('OUTCRY_SEEDS', '100'))
    path = os.path.join(folder, 'mutant.yaml')
    again = os.path.join(folder, 'again.yaml')
    accepted = 0
    for seed in range(1, seeds + 1):
        text = mutate('\n'.join(lines), random.Random(seed))
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        code, out, err = run(outcry, 'serve', path, '--check')
        good = code == 3 and not out and re.fullmatch(re.escape(path) + r':\d+: .*, expected .*\n',
                                                      err)
        if code == 0:
            accepted += 1
            with open(again, 'w', encoding='utf-8') as file:
                file.write(out)
            good = not err and run(outcry, 'serve', again, '--check') == (0, out, '')
        if not good:
            tap.ok(False, f'mutant of seed {seed}', code, err, text)
            return
    tap.ok(0 < accepted < seeds or seeds < 50, f'{seeds} mutants, {accepted} of them accepted')


def main():
    outcry = sys.argv[1]
    tap = Tap()
    for path in sorted(glob.glob(os.path.join(HERE, 'config', 'bad-*.yaml'))):
        check_bad(tap, outcry, path)
    with Folder() as folder:
        for path in sorted(glob.glob(os.path.join(HERE, 'config', 'good-*.yaml'))) + [EXAMPLE]:
            check_good(tap, outcry, path, folder)
        check_words(tap, outcry, folder)
        check_mutants(tap, outcry, folder)
    tap.done()


main()
