#!/usr/bin/env python3
"""Same commands in, same bytes out, same state: whatever runs them.

Records a file of hostile commands, then feeds it to the exchange in batches of
1 and of 64, with one, two and three threads. With --compile also to builds by
gcc and clang at -O0 and -O3, in the layouts that differ most. All that is
printed must be equal, byte for byte.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Batch and threads.
LAYOUTS = [("1", "1"), ("64", "1"), ("1", "2"), ("64", "2"), ("1", "3"), ("64", "3")]
LAYOUTS_COMPILED = [("1", "1"), ("64", "1"), ("64", "3")]
COMPILERS = ["gcc", "clang"]
LEVELS = ["-O0", "-O3"]
FOLDERS = ["engine", "risk"]


def compile_feeder(source, build, where, compiler, level):
    """One command line for the few files of the engine: no build directory."""
    feeder = where / f"feed-{compiler}{level}"
    sources = [p for folder in FOLDERS for p in sorted((source / folder).glob("*.c"))]
    sources += sorted((source / "proto").glob("*.c"))
    sources += [source / "tests/e2e/determinism/feed.c"]
    subprocess.run([compiler, level, "-std=gnu11", "-D_GNU_SOURCE", "-march=x86-64-v3", "-w",
                    "-I", source, "-I", build, *sources, "-o", feeder, "-lpthread"], check=True)
    return f"{compiler} {level}", feeder


def builds(args, where):
    """(name, program, layouts) of every feeder to compare; the first is Meson's."""
    yield "this build", args.feeder, LAYOUTS
    if not args.compile:
        return
    found = [c for c in COMPILERS if shutil.which(c)]
    for compiler in set(COMPILERS) - set(found):
        print(f"# {compiler} is not installed: not compared")
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [pool.submit(compile_feeder, args.source, args.build, where, c, level)
                for c in found for level in LEVELS]
        yield from ((*job.result(), LAYOUTS_COMPILED) for job in jobs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recorder", type=Path, required=True)
    parser.add_argument("--feeder", type=Path, required=True)
    parser.add_argument("--source", type=Path, help="root of the tree")
    parser.add_argument("--build", type=Path, help="root of a build, for generated headers")
    parser.add_argument("--compile", action="store_true", help="compare compilers as well")
    parser.add_argument("--commands", default="200000")
    args = parser.parse_args()
    seed = os.environ.get("OUTCRY_SEED", "1")

    with tempfile.TemporaryDirectory() as temporary:
        where = Path(temporary)
        file = where / "commands"
        subprocess.run([args.recorder, file, seed, args.commands], check=True)
        expected, runs, good = None, 0, True
        for name, program, layouts in builds(args, where):
            for batch, threads in layouts:
                run = subprocess.run([program, file, batch, threads], check=True,
                                     stdout=subprocess.PIPE, timeout=200)
                runs += 1
                if expected is None:
                    expected = run.stdout
                    print(expected.decode())
                if run.stdout != expected or not expected:
                    print(f"OUTCRY_SEED={seed}: {name}, batches of {batch}, "
                          f"{threads} threads:\n{run.stdout.decode()}")
                    good = False
    print(f"{runs} runs {'agree' if good else 'differ'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
