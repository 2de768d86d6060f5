#!/usr/bin/env python3
"""Runs the randomised suites on fresh seeds until the time is up.

Every round starts where the last one ended, so a soak of an hour is an hour of
seeds that have not run before. A round ends with real kills of the real process
(KILLS in each mode). Stops at the first failure, with the line that repeats the
round. The clock decides, never the number of rounds: what it cuts short is not
counted. In the end it says what happened how often; with --record it adds that to
the counts in docs/reliability.md.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time

import junit
import matrix

JOB = matrix.MATRIX[0]
SUITES = ["model", "sim", "stress"]
KILL_TESTS = ["kill_durable", "kill_fault", "kill_memory", "kill_interval"]
KILLS = 100
DATAGRAMS = 10_000_000  # hostile ones, in each round
RELIABILITY = matrix.ROOT / "docs" / "reliability.md"

# What a test says of itself, by the row of docs/reliability.md in which it is counted.
COUNTS = {
    "kills of the real process": re.compile(
        r"kill_exchange: mode=(?:durable|memory|interval) seed=\d+ rounds=(\d+)"),
    "failed completions in the real process": re.compile(
        r"kill_exchange: mode=fault seed=\d+ rounds=(\d+)"),
    "power cuts, simulated": re.compile(
        r"sim_crash: .*?: (\d+) power cuts at a boundary, (\d+) between"),
    "lies of a disk, simulated": re.compile(
        r"sim_crash: lies: (\d+) refused, (\d+) of no effect, (\d+) at the very end"),
    "cuts of a day, simulated": re.compile(r"sim_day: .*, cut at (\d+) places"),
    "seeds over a bad network, simulated": re.compile(r"sim_net: (\d+) seeds from"),
}


def run_bounded(command, seed, seconds):
    """The exit status of a round, or None if the time was up before its end."""
    process = subprocess.Popen(command, cwd=matrix.ROOT,
                               env={**os.environ, "OUTCRY_SEED": str(seed),
                                    "OUTCRY_KILLS": str(KILLS),
                                    "OUTCRY_DATAGRAMS": str(DATAGRAMS)})
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        # Meson stops its tests on SIGTERM; killed, it would leave them running.
        process.terminate()
        process.wait()
        return None


def add_counts(counts):
    """Adds what the tests of the last command said of themselves."""
    with open(matrix.ROOT / JOB.name / "meson-logs" / "testlog.json", encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            text = (test.get("stdout") or "") + (test.get("stderr") or "")
            for row, pattern in COUNTS.items():
                counts[row] += sum(sum(map(int, match.groups()))
                                   for match in pattern.finditer(text))


def record(counts, text):
    """The text of docs/reliability.md with counts added to its rows."""
    for row, count in counts.items():
        pattern = re.compile(rf"^(\| {re.escape(row)} \| )(\d+)( \|)", re.MULTILINE)
        text, found = pattern.subn(lambda m, n=count: f"{m[1]}{int(m[2]) + n}{m[3]}", text)
        if found != 1:
            raise ValueError(f"docs/reliability.md has no row for {row}")
    return text


def report(counts, is_recorded):
    for row, count in counts.items():
        print(f"soak: {row}: {count}")
    if is_recorded:
        text = record(counts, RELIABILITY.read_text(encoding="utf-8"))
        RELIABILITY.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()),
                        help="first seed; the time if not given")
    parser.add_argument("--record", action="store_true",
                        help="add what happened to the counts in docs/reliability.md")
    args = parser.parse_args()

    end = time.monotonic() + args.minutes * 60
    if not matrix.configure(JOB):
        return 1
    test = ["meson", "test", "-C", JOB.name, "--print-errorlogs"]
    commands = [test + [f"--suite={suite}" for suite in SUITES],
                test + ["--timeout-multiplier=4", *KILL_TESTS]]

    if not junit.expected_programs(matrix.ROOT / JOB.name, SUITES):
        print("soak: no randomised tests in this tree")
        return 1

    seed, rounds, step = args.seed, 0, 0
    counts = dict.fromkeys(COUNTS, 0)
    while (left := end - time.monotonic()) > 0:
        command = commands[step % len(commands)]
        repeat = f"OUTCRY_KILLS={KILLS} OUTCRY_SEED={seed} {' '.join(command)}"
        print(f"soak: {left / 60:.1f} minutes left: {repeat}", flush=True)
        status = run_bounded(command, seed, left)
        if status is None:
            break
        if status != 0:
            print(f"soak: failed; to repeat it: {repeat}")
            return 1
        add_counts(counts)
        step += 1
        if step % len(commands) == 0:
            rounds += 1
            seed += JOB.seeds
    print(f"soak: {rounds} rounds of {JOB.seeds} seeds from {args.seed} on passed")
    report(counts, args.record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
