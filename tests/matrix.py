#!/usr/bin/env python3
"""Builds and runs the whole test matrix; `make test` is this.

Each job is a build directory, a compiler, options and the suites to run there.
A job that fails does not stop the next. The last line is "N passed, N failed".

    tests/matrix.py                    all jobs
    tests/matrix.py build-asan ...     these jobs
    tests/matrix.py build --suite unit ...and of their suites this one
    tests/matrix.py --count            no run: sum the logs of the last one

Randomised tests run seeds OUTCRY_SEED (default 1) and the following; how many
is the option stress_seeds, per job below. A failing test prints its seed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
JOBS_MAX = "2"

Job = namedtuple("Job", "name cc suites seeds options")

SANITIZED = ["-Ddebug=true", "-Doptimization=1", "-Dslow_checks=enabled", "-Db_lundef=false"]
MATRIX = [
    Job("build", "gcc",
        ["unit", "scenario", "model", "sim", "stress", "e2e", "embed", "tidy"], 100,
        ["-Dtests=enabled"]),
    Job("build-clang", "clang",
        ["unit", "scenario", "model", "embed"], 100,
        ["-Dtests=enabled"]),
    Job("build-asan", "clang",
        ["unit", "scenario", "model", "sim", "stress", "e2e"], 10,
        ["-Dtests=enabled", "-Db_sanitize=address,undefined", *SANITIZED]),
    # Criterion aborts under ThreadSanitizer: the stress programs do without.
    Job("build-tsan", "clang",
        ["stress"], 10,
        ["-Dtests=enabled", "-Db_sanitize=thread", *SANITIZED]),
    Job("build-fuzz", "clang",
        ["fuzz"], 1,
        ["-Dtests=disabled", "-Dfuzz=true", "-Db_sanitize=address,undefined", *SANITIZED]),
]


def say(text):
    print(text, flush=True)


def run(args):
    """Runs a command with its output on ours; how it went is read from the logs."""
    say("$ " + " ".join(args))
    subprocess.run(args, cwd=ROOT, check=False)


def without_aslr():
    """Sanitizers of that age lose their shadow to a kernel that randomises much."""
    off = ["setarch", "-R"]
    try:
        works = subprocess.run(off + ["true"], capture_output=True, check=False).returncode == 0
    except OSError:
        works = False
    return off if works else []


def is_configured(build, options):
    if not (build / "build.ninja").is_file():
        return False
    text = subprocess.run(["meson", "introspect", "--buildoptions", str(build)],
                          check=True, capture_output=True, text=True).stdout
    values = {o["name"]: o["value"] for o in json.loads(text)}
    words = {True: "true", False: "false"}
    now = {name: words[v] if isinstance(v, bool) else str(v) for name, v in values.items()}
    wanted = dict(option.removeprefix("-D").split("=", 1) for option in options)
    return all(now.get(name) == value for name, value in wanted.items())


def configure(job):
    """Brings the build directory to the job's options; quiet unless it fails."""
    build = ROOT / job.name
    options = [f"-Dstress_seeds={job.seeds}", *job.options]
    if is_configured(build, options):
        return True
    args = ["meson", "setup", job.name, *options]
    if (build / "build.ninja").is_file():
        args.append("--reconfigure")
    else:
        # A first setup that failed leaves a directory that Meson takes for configured.
        shutil.rmtree(build, ignore_errors=True)
    say("$ CC=" + job.cc + " " + " ".join(args))
    setup = subprocess.run(args, cwd=ROOT, check=False, env={**os.environ, "CC": job.cc},
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if setup.returncode != 0:
        say(setup.stdout)
    return setup.returncode == 0


def run_job(job):
    """Runs one job; what it did is read from its logs afterwards."""
    say(f"\n=== {job.name}: {job.cc}, suites {' '.join(job.suites)}, {job.seeds} seeds")
    for log in (ROOT / job.name).glob("meson-logs/testlog*"):
        log.unlink()
    if not configure(job):
        # Else the tests of an older configuration would be taken for this one's.
        (ROOT / job.name / "build.ninja").unlink(missing_ok=True)
        return
    if not junit.expected_programs(ROOT / job.name, job.suites):
        say("no tests of these suites in this tree")
        return
    args = ["meson", "test", "-C", job.name, "--num-processes", JOBS_MAX]
    for suite in job.suites:
        args += ["--suite", suite]
    sanitized = any("b_sanitize" in option for option in job.options)
    if sanitized:
        args = [*without_aslr(), *args, "--timeout-multiplier", "4"]
    run(args)


def count(jobs, seconds):
    """Prints what failed, one line per job and per failing program; returns the sums."""
    passed, failed = 0, 0
    # Here, for of a long log its end is what is read.
    for job in jobs:
        for program, text in junit.failure_texts(ROOT / job.name):
            say(f"--- {job.name}: {program}\n{text}")
    say("")
    for job in jobs:
        result = junit.count_build(Path(job.name), job.suites)
        took = f" in {seconds[job.name]:4.0f} s" if job.name in seconds else ""
        say(f"{job.name:12} {result.passed:5} passed {result.failed:4} failed "
            f"{result.skipped:4} skipped{took}")
        for complaint in result.complaints:
            say("    " + complaint)
        passed, failed = passed + result.passed, failed + result.failed
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("jobs", nargs="*", help="build directories; all if none is named")
    parser.add_argument("--suite", action="append", help="only this suite; may be repeated")
    parser.add_argument("--count", action="store_true", help="only sum the logs that are there")
    parser.add_argument("--status", type=int, default=0,
                        help="exit status of the run to count: one that failed has a failure")
    args = parser.parse_args()
    unknown = set(args.jobs) - {job.name for job in MATRIX}
    if unknown:
        parser.error(f"no such job: {' '.join(sorted(unknown))}")

    os.chdir(ROOT)
    jobs = [job for job in MATRIX if not args.jobs or job.name in args.jobs]
    if args.suite:
        jobs = [job._replace(suites=[s for s in job.suites if s in args.suite]) for job in jobs]
    seconds = {}
    if not args.count:
        say(f"first seed: OUTCRY_SEED={os.environ.setdefault('OUTCRY_SEED', '1')}")
        for job in jobs:
            start = time.monotonic()
            run_job(job)
            seconds[job.name] = time.monotonic() - start

    passed, failed = count(jobs, seconds)
    if args.status != 0 and failed == 0:
        failed = 1
    say(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
