#!/usr/bin/env python3
"""Runs the randomised suites on fresh seeds until the time is up.

Every round starts where the last one ended, so a soak of an hour is an hour of
seeds that have not run before. Stops at the first failure, with the line that
repeats the round. The clock decides, never the number of rounds: the round that
it cuts short is not counted.
"""

import argparse
import os
import subprocess
import sys
import time

import junit
import matrix

JOB = matrix.MATRIX[0]
SUITES = ["model", "sim", "stress"]
DATAGRAMS = 10_000_000  # hostile ones, in each round


def run_bounded(command, seed, seconds):
    """The exit status of a round, or None if the time was up before its end."""
    process = subprocess.Popen(command, cwd=matrix.ROOT,
                               env={**os.environ, "OUTCRY_SEED": str(seed),
                                    "OUTCRY_DATAGRAMS": str(DATAGRAMS)})
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        # Meson stops its tests on SIGTERM; killed, it would leave them running.
        process.terminate()
        process.wait()
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()),
                        help="first seed; the time if not given")
    args = parser.parse_args()

    end = time.monotonic() + args.minutes * 60
    if not matrix.configure(JOB):
        return 1
    command = ["meson", "test", "-C", JOB.name, "--print-errorlogs"]
    for suite in SUITES:
        command += ["--suite", suite]

    if not junit.expected_programs(matrix.ROOT / JOB.name, SUITES):
        print("soak: no randomised tests in this tree")
        return 1

    seed, rounds = args.seed, 0
    while (left := end - time.monotonic()) > 0:
        repeat = f"OUTCRY_SEED={seed} {' '.join(command)}"
        print(f"soak: {left / 60:.1f} minutes left: {repeat}", flush=True)
        status = run_bounded(command, seed, left)
        if status is None:
            break
        if status != 0:
            print(f"soak: failed; to repeat it: {repeat}")
            return 1
        rounds += 1
        seed += JOB.seeds
    print(f"soak: {rounds} rounds of {JOB.seeds} seeds from {args.seed} on passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
