#!/usr/bin/env python3
"""Runs the randomised suites on fresh seeds until the time is up.

Every round starts where the last one ended, so a soak of an hour is an hour of
seeds that have not run before. Stops at the first failure, with the line that
repeats the round. The clock decides, never the number of rounds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITES = ["model", "sim", "stress"]


def seeds_per_round(build):
    text = subprocess.run(["meson", "introspect", "--buildoptions", build], check=True,
                          capture_output=True, text=True, cwd=ROOT).stdout
    return next(o["value"] for o in json.loads(text) if o["name"] == "stress_seeds")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--build", default="build")
    parser.add_argument("--seed", type=int, default=int(time.time()),
                        help="first seed; the time if not given")
    args = parser.parse_args()

    end = time.monotonic() + args.minutes * 60
    step = seeds_per_round(args.build)
    command = ["meson", "test", "-C", args.build, "--print-errorlogs"]
    for suite in SUITES:
        command += ["--suite", suite]

    seed, rounds = args.seed, 0
    while (left := end - time.monotonic()) > 0:
        say = f"OUTCRY_SEED={seed} {' '.join(command)}"
        print(f"soak: {left / 60:.1f} minutes left: {say}", flush=True)
        start = time.monotonic()
        try:
            process = subprocess.run(command, cwd=ROOT, timeout=left, check=False,
                                     env={**os.environ, "OUTCRY_SEED": str(seed)})
        except subprocess.TimeoutExpired:
            break
        if process.returncode != 0:
            print(f"soak: failed; to repeat it: {say}")
            return 1
        rounds += 1
        seed += step
        # With no randomised test in the tree a round takes no time: do not spin.
        if time.monotonic() - start < 0.9:
            time.sleep(min(1, max(0, end - time.monotonic())))
    print(f"soak: {rounds} rounds of {step} seeds from {args.seed} on passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
