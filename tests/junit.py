"""Counts test cases in the logs that `meson test` leaves in a build directory.

Meson counts programs. testlog.junit.xml has the cases of the programs that
speak TAP, but a program that crashes, times out or stops before its plan is
through shows only in testlog.json, and one that was never started in neither.
So the list of expected programs is asked from the build directory, and each of
them has at least one result here:

    in the logs, with cases      its cases; one failure more if the program
                                 failed and none of its cases says so
    in the logs, without cases   one result, the program's own; a failure if it
                                 should have told its cases
    not in the logs              one failure
"""

import json
import re
import subprocess
import xml.etree.ElementTree as ET
from collections import namedtuple
from pathlib import Path

Count = namedtuple("Count", "passed failed skipped complaints")
GOOD_RESULTS = {"OK", "EXPECTEDFAIL", "SKIP"}
# Enough to see what broke; all of it is in meson-logs/testlog.txt.
TEXT_LINES_MAX = 60


def expected_programs(build, suites):
    """Name -> protocol of the tests of these suites; None if not configured."""
    if not (build / "build.ninja").is_file():
        return None
    text = subprocess.run(["meson", "introspect", "--tests", str(build)],
                          check=True, capture_output=True, text=True).stdout
    tests = json.loads(text)
    return {t["name"]: t["protocol"] for t in tests
            if any(s.rpartition(":")[2] in suites for s in t["suite"])}


def program_name(name):
    """Meson writes "project:suite / program", or "program" if there is one suite."""
    return name.rpartition(" / ")[2]


def read_log(build):
    """What Meson wrote about each program; empty if there is no log."""
    log = Path(build) / "meson-logs" / "testlog.json"
    if not log.is_file():
        return []
    with log.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def failure_texts(build):
    """(name, text) of the programs that failed, what a TAP program passed left out."""
    for program in read_log(build):
        if program["result"] in GOOD_RESULTS:
            continue
        lines = program.get("stdout", "").splitlines()
        if lines and lines[0].startswith("TAP "):
            lines = [ln for ln in lines[1:]
                     if not re.match(r"ok |# ?Criterion|#$|\d+\.\.\d+$", ln)]
        lines += program.get("stderr", "").splitlines()
        yield program_name(program["name"]), "\n".join(lines[-TEXT_LINES_MAX:])


def cases_by_program(build):
    """Name -> [passed, failed, skipped], for the programs that report cases."""
    log = Path(build) / "meson-logs" / "testlog.junit.xml"
    cases = {}
    if not log.is_file():
        return cases
    try:
        root = ET.parse(log).getroot()
    except ET.ParseError:
        # Cut short, or a test printed what XML cannot hold: nothing to rely on.
        return cases
    for suite in root.iter("testsuite"):
        # "project.program" holds the cases of one program, "project" the programs without.
        _, dot, program = suite.get("name", "").partition(".")
        if not dot:
            continue
        row = cases.setdefault(program_name(program), [0, 0, 0])
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                row[1] += 1
            elif case.find("skipped") is not None:
                row[2] += 1
            else:
                row[0] += 1
    return cases


def count_build(build, suites):
    """Sums one build directory; complaints name what failed, one line each."""
    build = Path(build)
    expected = expected_programs(build, suites)
    if expected is None:
        return Count(0, 1, 0, [f"{build}: not configured"])
    return count_logs(build, expected)


def count_logs(build, expected):
    """Sums the logs of a build directory for these programs, name -> protocol."""
    results = {program_name(p["name"]): p["result"] for p in read_log(build)}
    cases = cases_by_program(build)
    passed, failed, skipped, complaints = 0, 0, 0, []
    for program, protocol in expected.items():
        result = results.get(program, "not built or not run")
        row = cases.get(program) or [0, 0, 0]
        if result == "OK" and protocol == "tap" and sum(row) == 0:
            result = "no cases"
        good = result in GOOD_RESULTS
        if not good and row[1] == 0:
            row[1] = 1
        elif good and sum(row) == 0:
            row[2 if result == "SKIP" else 0] = 1
        if row[1] > 0:
            complaints.append(f"{build}: {program}: {row[1]} failed ({result})")
        passed, failed, skipped = passed + row[0], failed + row[1], skipped + row[2]
    return Count(passed, failed, skipped, complaints)
