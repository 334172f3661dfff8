"""Compares an Autobahn report with the committed results, or records it as the new ones.

Usage: results.py compare|record framing|deflate|all REPORT EXPECTED

Runs on the same CPython 2.7 as the suite. A result is the suite's verdict on the case and on the
closing handshake. Recording refuses failed cases, so a failure can never become expected.
"""

from __future__ import print_function

import json
import os
import sys

# From good to bad. INFORMATIONAL cases have no right answer: the suite only reports what it saw.
VERDICTS = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "WRONG CODE", "UNCLEAN", "FAILED"]
TOLERATED = 2


def rank(verdict):
    return VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)


def worst_rank(result):
    return max(rank(result["behavior"]), rank(result["close"]))


def case_key(case):
    return [int(part) for part in case.split(".")]


def read_report(path):
    with open(path) as report:
        cases = json.load(report)["uringcast"]
    return {
        case: {"behavior": seen["behavior"], "close": seen["behaviorClose"]}
        for case, seen in cases.items()
    }


def read_expected(path):
    if not os.path.exists(path):
        return {}
    with open(path) as expected:
        return json.load(expected)


def compare(seen, expected):
    worse, better = [], []
    for case in sorted(set(seen) | set(expected), key=case_key):
        was, now = expected.get(case), seen.get(case)
        line = "%s: expected %s, got %s" % (case, describe(was), describe(now))
        if was is None or now is None or worst_rank(now) > TOLERATED:
            worse.append(line)
        elif any(rank(now[part]) > rank(was[part]) for part in was):
            worse.append(line)
        elif now != was:
            better.append(line)
    return worse, better


def belongs(case, families):
    chapter = case_key(case)[0]
    if families == "framing":
        return chapter not in (9, 12, 13)
    return families == "all" or chapter in (12, 13)


def describe(result):
    return "nothing" if result is None else "%(behavior)s (close %(close)s)" % result


def write_expected(path, results):
    lines = [
        '  "%s": { "behavior": "%s", "close": "%s" }'
        % (case, results[case]["behavior"], results[case]["close"])
        for case in sorted(results, key=case_key)
    ]
    with open(path, "w") as expected:
        expected.write("{\n%s\n}\n" % ",\n".join(lines))


def main(mode, families, report, expected_path):
    seen = read_report(report)
    expected = read_expected(expected_path)
    if mode == "record":
        failed = [case for case in sorted(seen, key=case_key) if worst_rank(seen[case]) > TOLERATED]
        for case in failed:
            print("autobahn: not recorded: %s: %s" % (case, describe(seen[case])))
        if not failed:
            write_expected(expected_path, dict(expected, **seen))
            print("autobahn: recorded %d cases" % len(seen))
        return 1 if failed else 0
    expected = {case: was for case, was in expected.items() if belongs(case, families)}
    worse, better = compare(seen, expected)
    for line in worse:
        print("autobahn: worse: " + line)
    for line in better:
        print("autobahn: better: %s (--record keeps it)" % line)
    print("autobahn: %d cases, %d worse, %d better" % (len(seen), len(worse), len(better)))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
