#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Instructions that the pure code needs (read, compile, verify, explain), against those of expected.txt.

    counts.py BUILD_DIR            more than 3 % worse fails
    counts.py BUILD_DIR --write    writes expected.txt anew: commit it with the change that is the reason

BUILD_DIR is a release build by gcc. counts.c does each thing with fixed input on a host that is made up, and
valgrind counts the instructions of that and of what it calls: no clock, no other process, no cache has a say in
it. What could differ between machines of one system is taken away: libc's functions for newer processors, by
GLIBC_TUNABLES (valgrind shows programs the processor that it runs on), and the seed of jansson's hash tables.
Another compiler or another libc counts otherwise: expected.txt names those that it is of.

Fewer instructions fail nothing, but are told: without new figures the next 3 % would be lost unseen.
Ends with "N passed, N failed".
"""

import os
import pathlib
import platform
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = HERE / "expected.txt"
NAMES = ("read-toml", "read-json", "compile", "verify", "explain-text", "explain-json")
LIMIT = 3  # percent
# Of glibc 2.33 and newer: without these all x86_64 have the same functions.
TUNABLES = "glibc.cpu.hwcaps=" + ",".join("-" + name for name in (
    "AVX512F", "AVX512VL", "AVX512BW", "AVX2", "AVX", "BMI1", "BMI2", "ERMS", "FSRM", "LZCNT", "MOVBE", "POPCNT",
    "RTM", "SSSE3", "SSE4_1", "SSE4_2"))


def count(program, name, directory):
    """Instructions of counts_measured() and all that it calls."""
    out = pathlib.Path(directory, "out")
    subprocess.run(["valgrind", "-q", "--tool=callgrind", "--toggle-collect=counts_measured",
                    f"--callgrind-out-file={out}", program, name, HERE / "policy.toml", HERE / "policy.json"],
                   check=True, env={"PATH": os.environ["PATH"], "GLIBC_TUNABLES": TUNABLES, "LC_ALL": "C"})
    totals = [line.split()[1] for line in out.read_text(encoding="utf-8").splitlines() if line.startswith("totals:")]
    return int(totals[0])


def read(text):
    """{name: count}"""
    lines = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name: int(figure) for name, figure in lines}


def judge(expected, counted):
    """[(name, whether it is good, what to say)], for all names of either."""
    rows = []
    for name in sorted(set(expected) | set(counted)):
        was, now = expected.get(name), counted.get(name)
        if not was or not now:
            rows.append((name, False, f"{was or 'none'} expected, {now or 'none'} counted: see counts.py --write"))
            continue
        percent = 100 * (now - was) / was
        words = f"{now:>10} instructions, {was} expected: {percent:+.2f} %"
        if now * 100 > was * (100 + LIMIT):
            rows.append((name, False, words + f", more than {LIMIT} % worse"))
        elif now * 100 < was * (100 - LIMIT):
            rows.append((name, True, words + f". note: more than {LIMIT} % better: write expected.txt anew"))
        else:
            rows.append((name, True, words))
    return rows


def check_the_check(program, directory, counted):
    """A check that can find nothing would pass. [(what, whether it is so)]"""
    one = counted["compile"]
    base = {"a": 1000, "b": 5000}
    return [
        ("the same is good", all(ok for _, ok, _ in judge(base, dict(base)))),
        ("3 % worse is good", all(ok for _, ok, _ in judge(base, {"a": 1030, "b": 5150}))),
        ("more than 3 % worse is not", [ok for _, ok, _ in judge(base, {"a": 1031, "b": 5151})] == [False, False]),
        ("more than 3 % better is good, and told",
         [(ok, "anew" in words) for _, ok, words in judge(base, {"a": 969, "b": 5000})] == [(True, True), (True, False)]),
        ("a name that is not counted is not good", [ok for _, ok, _ in judge(base, {"a": 1000})] == [True, False]),
        ("a name that is not expected is not good", [ok for _, ok, _ in judge({"a": 1000}, base)] == [True, False]),
        ("a figure of 0 is not good", [ok for _, ok, _ in judge({"a": 0}, {"a": 0})] == [False]),
        ("what is done again counts the same", abs(count(program, "compile", directory) - one) * 1000 <= one),
        # Memory that was freed is found sooner than new memory: up to 2 % less.
        ("what is done twice counts twice",
         abs(count(program, "compile-twice", directory) - 2 * one) * 50 <= 2 * one),
    ]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    program = build / "tests" / "counts" / "counts"
    with tempfile.TemporaryDirectory() as directory:
        counted = {name: count(program, name, directory) for name in NAMES}
        checks = check_the_check(program, directory, counted)
    if "--write" in sys.argv[2:]:
        compiler = subprocess.run(["gcc", "-dumpfullversion"], check=True, capture_output=True, text=True).stdout.strip()
        EXPECTED.write_text(f"# Instructions: see counts.py. gcc {compiler}, {' '.join(platform.libc_ver())}\n" +
                            "".join(f"{name} {figure}\n" for name, figure in counted.items()), encoding="utf-8")
    rows = judge(read(EXPECTED.read_text(encoding="utf-8")) if EXPECTED.exists() else {}, counted)
    for name, ok, words in rows:
        print(f"{'ok    ' if ok else 'FAILED'} {name:14} {words}")
    for what, ok in checks:
        if not ok:
            print(f"FAILED the check of the check: {what}")
    results = [ok for _, ok, _ in rows] + [ok for _, ok in checks]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
