#!/usr/bin/env python3
"""Goal: no test can fail, crash or vanish without being counted as a failure.

Method: logs as Meson writes them, made by hand, and the sum that they must give.
"""

import json
import sys
import tempfile
from pathlib import Path

import junit

GOOD, BAD, SKIPPED = "<testcase/>", "<testcase><failure/></testcase>", "<testcase><skipped/></testcase>"
TAP, PLAIN = "tap", "exitcode"

# Title, expected programs, results in testlog.json, cases in the JUnit log (None:
# no file, text: as it is), and passed, failed, skipped.
CASES = [
    ("cases of a TAP program are counted",
     {"book": TAP}, {"book": "OK"}, {"book": GOOD * 3 + SKIPPED}, (3, 0, 1)),
    ("failed cases of a TAP program are counted once",
     {"book": TAP}, {"book": "ERROR"}, {"book": GOOD + BAD * 2}, (1, 2, 0)),
    ("suites in the name do not matter",
     {"book": TAP}, {"outcry:unit / book": "OK"}, {"outcry:unit / book": GOOD}, (1, 0, 0)),
    ("TAP program that dies after good cases is a failure",
     {"book": TAP}, {"book": "ERROR"}, {"book": GOOD * 2}, (2, 1, 0)),
    ("TAP program without a case is a failure",
     {"book": TAP}, {"book": "OK"}, {}, (0, 1, 0)),
    ("TAP program that was skipped as a whole is no failure",
     {"book": TAP}, {"book": "SKIP"}, {}, (0, 0, 1)),
    ("plain program is one case",
     {"race": PLAIN, "leak": PLAIN}, {"race": "OK", "leak": "SKIP"}, {}, (1, 0, 1)),
    ("plain program that fails or hangs is one failure",
     {"race": PLAIN, "leak": PLAIN}, {"race": "FAIL", "leak": "TIMEOUT"}, {}, (0, 2, 0)),
    ("program that was expected and is in no log is a failure",
     {"book": TAP, "race": PLAIN}, {"book": "OK"}, {"book": GOOD}, (1, 1, 0)),
    ("missing logs are failures of all expected programs",
     {"book": TAP, "race": PLAIN}, None, None, (0, 2, 0)),
    ("program that was not expected does not count",
     {"book": TAP}, {"book": "OK", "old": "FAIL"}, {"book": GOOD, "old": BAD}, (1, 0, 0)),
    ("unreadable JUnit log is a failure of the programs with cases",
     {"book": TAP, "race": PLAIN}, {"book": "OK", "race": "OK"}, "<testsuites", (1, 1, 0)),
]


def write_logs(build, results, cases):
    logs = build / "meson-logs"
    logs.mkdir()
    if results is not None:
        lines = [json.dumps({"name": n, "result": r, "stdout": ""}) for n, r in results.items()]
        (logs / "testlog.json").write_text("\n".join(lines), encoding="utf-8")
    if isinstance(cases, dict):
        cases = "".join(f'<testsuite name="outcry.{n}">{text}</testsuite>'
                        for n, text in cases.items())
        cases = f"<testsuites>{cases}</testsuites>"
    if cases is not None:
        (logs / "testlog.junit.xml").write_text(cases, encoding="utf-8")


def main():
    status = 0
    print(f"1..{len(CASES) + 1}")
    for title, expected, results, cases, sums in CASES:
        with tempfile.TemporaryDirectory() as build:
            write_logs(Path(build), results, cases)
            count = junit.count_logs(build, expected)
        good = count[:3] == sums and bool(count.complaints) == (count.failed > 0)
        print(f"{'ok' if good else 'not ok'} - {title}", flush=True)
        if not good:
            print(f"{title}: expected {sums}, counted {count}", file=sys.stderr)
            status = 1

    with tempfile.TemporaryDirectory() as build:
        good = junit.count_build(build, ["unit"])[:3] == (0, 1, 0)
    print(f"{'ok' if good else 'not ok'} - build directory that was never configured is a failure")
    return status if good else 1


if __name__ == "__main__":
    sys.exit(main())
