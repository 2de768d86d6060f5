#!/usr/bin/env python3
"""Counts instructions and mispredicted branches per command of the matching core.

    perf/count_core.py BUILD [--bench NAME] [--shape SHAPE ...] [--way WAY ...] [--timed N]
    perf/count_core.py BUILD [--bench NAME] --annotate [--shape SHAPE] [--way WAY] [--lines N]

The first form runs bench_core (or bench_risk) under cachegrind with branch simulation, twice for
each shape and way: once with N commands and once with none. All but the timed
loop is the same in both, so the difference is what N commands cost; what making
and filling the flow costs cancels out. The second form runs callgrind on the
timed loop alone and prints where the instructions go: by function (what is
inlined counts for its caller), and by line of source.

Valgrind simulates a plain two-level predictor, not this processor's, and knows no
AVX-512: build with the default -Dmarch. Debug information (-Ddebug=true) makes
lines visible and does not change the code.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

SHAPES = {"core": ["resting_1k", "resting_100k", "lifecycle", "wide", "checked"],
          "risk": ["resting_1k", "resting_100k", "wide"]}
# The loop that a way runs; bare is the engine of bench_risk without risk.
LOOPS = {"core": {"engine": "run_apply", "ahead": "run_ahead", "tree": "run_tree"},
         "risk": {"engine": "run_apply", "ahead": "run_ahead",
                  "bare": "run_apply", "bare_ahead": "run_ahead"}}


def command(build, bench, shape, way, timed):
    return [os.path.join(build, "perf", f"bench_{bench}"), "--cachegrind", shape,
            "--way", way, "--timed", str(timed)]


def count(build, bench, shape, way, timed):
    """(instructions, conditional and indirect branches, mispredicted, commands)"""
    with tempfile.TemporaryDirectory() as folder:
        text = subprocess.run(
            ["valgrind", "--tool=cachegrind", "--cache-sim=yes", "--branch-sim=yes",
             f"--cachegrind-out-file={folder}/out", *command(build, bench, shape, way, timed)],
            check=True, capture_output=True, text=True)

    def figure(pattern):
        return int(re.search(pattern + r":\s+([\d,]+)", text.stderr)[1].replace(",", ""))

    commands = int(re.search(r"(\d+) commands", text.stdout)[1])
    return figure("I   refs"), figure("Branches"), figure("Mispredicts"), \
        figure("D1  misses"), commands


def table(build, bench, shapes, ways, timed):
    print(f"{'shape':<14} {'way':<8} {'instructions':>12} {'branches':>9} {'mispredicted':>13} "
          f"{'D1 misses':>10}  per command")
    for shape in shapes:
        for way in ways:
            if shape == "checked" and way == "tree":
                continue
            with_them = count(build, bench, shape, way, timed)
            without = count(build, bench, shape, way, 0)
            per = [(a - b) / with_them[4] for a, b in zip(with_them[:4], without[:4])]
            print(f"{shape:<14} {way:<8} {per[0]:>12.1f} {per[1]:>9.1f} {per[2]:>13.3f} "
                  f"{per[3]:>10.2f}", flush=True)


def annotate(build, bench, shape, way, timed, lines):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out"
        subprocess.run(
            ["valgrind", "--tool=callgrind", "--branch-sim=yes", "--dump-instr=no",
             "--collect-atstart=no", f"--toggle-collect={LOOPS[bench][way]}*",
             f"--callgrind-out-file={out}", *command(build, bench, shape, way, timed)],
            check=True, capture_output=True)
        by_function = subprocess.run(
            ["callgrind_annotate", "--auto=no", "--show=Ir,Bcm,Bim", out],
            check=True, capture_output=True, text=True).stdout
        by_line = line_costs(out)
    print(by_function)
    total = sum(ir for ir, _ in by_line.values())
    by_file = {}
    for place, (ir, bcm) in by_line.items():
        file = place.rpartition(":")[0]
        sums = by_file.get(file, (0, 0))
        by_file[file] = (sums[0] + ir, sums[1] + bcm)
    print(f"of {total / timed:.1f} instructions per command, by file:")
    show(by_file, timed, lines, 0)
    print("by line:")
    show(by_line, timed, lines, 0)
    print("by line, most mispredicted first:")
    show(by_line, timed, 15, 1)


def show(costs, timed, lines, by):
    for place, (ir, bcm) in sorted(costs.items(), key=lambda p: -p[1][by])[:lines]:
        print(f"{ir / timed:>8.2f} instructions {bcm / timed:>8.3f} mispredicted  {place}")


def line_costs(path):
    """Own cost of each line of source: {file:line: (instructions, mispredicted)}."""
    names, costs, file, line, called = {}, {}, "", 0, False
    with open(path, encoding="utf-8") as lines:
        for text in lines:
            text = text.rstrip("\n")
            if match := re.match(r"events: (.*)", text):
                events = match[1].split()
                wrong = [events.index(e) for e in ("Bcm", "Bim")]
            elif match := re.match(r"(fl|fi|fe|cfi|cfl)=\((\d+)\)(?: (.*))?", text):
                if match[3]:
                    names[match[2]] = match[3]
                if match[1][0] == "f":
                    file = names[match[2]]
            elif text.startswith("calls="):
                called = True
            elif match := re.match(r"([+*-]?)(\d*)((?: \d+)+)$", text):
                line = {"+": line + int(match[2] or 0), "-": line - int(match[2] or 0),
                        "*": line, "": int(match[2] or 0)}[match[1]]
                if called:
                    called = False  # the cost of what was called
                    continue
                values = [int(v) for v in match[3].split()] + [0] * len(events)
                key = f"{os.path.basename(file)}:{line}"
                ir, bcm = costs.get(key, (0, 0))
                costs[key] = (ir + values[0], bcm + sum(values[i] for i in wrong))
    return costs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build")
    parser.add_argument("--bench", choices=list(SHAPES), default="core")
    parser.add_argument("--shape", action="append")
    parser.add_argument("--way", action="append")
    parser.add_argument("--timed", type=int, default=100000)
    parser.add_argument("--annotate", action="store_true")
    parser.add_argument("--lines", type=int, default=30)
    args = parser.parse_args()
    shapes = args.shape or ["resting_1k"]
    ways = args.way or list(LOOPS[args.bench])
    for name, known in [*((s, SHAPES[args.bench]) for s in shapes),
                        *((w, LOOPS[args.bench]) for w in ways)]:
        if name not in known:
            parser.error(f"{name}: there are {', '.join(known)}")
    if args.annotate:
        annotate(args.build, args.bench, shapes[0], ways[0], args.timed, args.lines)
    else:
        table(args.build, args.bench, shapes, ways, args.timed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
