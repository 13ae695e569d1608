#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the suites on both kernels at once, one machine for each, and counts.

    suites.py [--kernel old|new]... [--only WORD] [--directory DIR] [-- COMMAND...]

Of the build in DIR, build-tests/gcc unless given. A COMMAND is run instead of the suites. Prints for each
suite a line "row<TAB>what<TAB>who<TAB>where<TAB>passed<TAB>failed<TAB>seconds", what a failed one said,
and at the end "N passed, N failed".
"""

import argparse
import collections
import os
import re
import shlex
import subprocess
import sys
import threading
import time

import debian

HERE = os.path.dirname(os.path.realpath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
# How much slower than a machine of today an emulated one is: the tests' patience is multiplied by it.
SLOWNESS = 10
LIMIT = 1500  # seconds, for one suite

# A command is a list of words, or a function of kernel and user that gives one, or None for none.
Suite = collections.namedtuple("Suite", "what command users flags")
Result = collections.namedtuple("Result", "suite user kernel passed failed seconds log")

BOTH = ("root", "user")


def suites(build):
    nucleus = f"{build}/cli/nucleus"
    python = ["python3", "-B"]
    live = [*python, "tests/live/run.py", "--nucleus", nucleus]

    # Each kernel sees each mode and each user, but not each pair of them: that would take as long again,
    # and what differs between the pairs is not the kernel's doing. The machine itself sees them all.
    def strict(kernel, user):
        return (kernel == "old") == (user == "root")

    # What takes minutes under emulation, and is not the kernel's doing, is tried on the machine itself.
    long = ("Postgres", "RoundTrips", "Defaults", "Why.test_every_number", "Why.test_profile", "flood",
            "a_table_that_is_full")

    def live_without_the_long(kernel, user):
        mode = "strict-agent" if strict(kernel, user) else "agent"
        return [*live, *(w for name in long for w in ("--except", name)), "--mode", mode]

    def live_database(kernel, user):
        if strict(kernel, user):
            return [*live, "--mode", "strict-agent", "--only", "Postgres.test_in_the_workspace"]
        return None

    # Landlock tells of refusals since Linux 6.15.
    def on_new(command):
        return lambda kernel, user: command if kernel == "new" else None

    return [
        Suite("attack", [*python, "tests/attack/run.py", "--nucleus", nucleus], BOTH, []),
        Suite("live", live_without_the_long, BOTH, []),
        Suite("live: PostgreSQL", live_database, BOTH, []),
        Suite("live: command line", [*python, "tests/live/cli_run.py", "--nucleus", nucleus], BOTH, []),
        Suite("limits: edges", [*python, "tests/limits/edges.py", "--nucleus", nucleus], BOTH, []),
        Suite("limits: attacks", [*python, "tests/limits/attacks.py", "--nucleus", nucleus], BOTH, []),
        Suite("limits: embedder", [f"{build}/tests/limits/limits-groups"], BOTH, []),
        Suite("limits: places", [*python, "tests/limits/places.py", "--nucleus", nucleus],
              ("root",), []),
        Suite("limits: audit", on_new([*python, "tests/limits/audit.py", "--nucleus", nucleus]),
              ("root",), []),
        Suite("limits: systemd", [*python, "tests/limits/systemd.py", "--nucleus", nucleus],
              ("root",), ["--systemd"]),
        # As root it is played on the machine itself; the groups of users are only here.
        Suite("fault: kill, with groups", [f"{build}/tests/fault/fault-kill", "group"], ("user",), []),
    ]


def count(text):
    """The sum of what a log counts."""
    found = [(int(p), int(f)) for p, f in
             re.findall(r"^(?:\w+: )?(\d+) passed, (\d+) failed", text, re.MULTILINE)]
    # Check's way to say it.
    found += [(int(n) - int(f) - int(e), int(f) + int(e)) for n, f, e in
              re.findall(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", text)]
    return sum(p for p, _ in found), sum(f for _, f in found)


def run(suite, user, kernel):
    command = ["sh", f"{HERE}/vm.sh", "--kernel", kernel, "--user", user, "--timeout", str(LIMIT),
               "--cwd", REPOSITORY, "--env", f"NUCLEUS_TEST_SLOWNESS={SLOWNESS}", "--env", "CI=true",
               *suite.flags, "--", *suite.command]
    started = time.monotonic()
    r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, check=False)
    text = r.stdout.decode(errors="replace")
    passed, failed = count(text)
    # As in run.sh: what ends well and counts nothing has passed one, what ends badly has failed one.
    if r.returncode == 0 and passed + failed == 0:
        passed = 1
    if r.returncode != 0 and failed == 0:
        failed = 1
    return Result(suite, user, kernel, passed, failed, round(time.monotonic() - started), text)


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = 0

    def add(self, result):
        with self.lock:
            self.passed += result.passed
            self.failed += result.failed
            if result.failed:
                self.show(result)
            print("row", result.suite.what, result.user, f"vm {result.kernel}", result.passed,
                  result.failed, result.seconds, sep="\t", flush=True)

    @staticmethod
    def show(result):
        lines = result.log.splitlines()
        print(f"---- failed: {result.suite.what}, {result.user}, kernel {result.kernel}")
        for line in [l for l in lines if l.startswith("FAIL") or ":F:" in l][:60]:
            print(line)
        print("---- and at its end")
        print("\n".join(lines[-60:]))
        print("----", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", choices=tuple(debian.SUITES), action="append")
    parser.add_argument("--only", default="", help="suites whose name has this word in it")
    parser.add_argument("--directory", default="build-tests/gcc", help="the build")
    parser.add_argument("command", nargs="*", help="instead of the suites")
    args = parser.parse_args()
    kernels = args.kernel or list(debian.SUITES)
    wanted = [s for s in suites(args.directory) if args.only in s.what]
    if args.command:
        wanted = [Suite(shlex.join(args.command)[:38], args.command, BOTH, [])]
    tally = Tally()

    def all_on(kernel):
        for suite in wanted:
            for user in suite.users:
                command = suite.command(kernel, user) if callable(suite.command) else suite.command
                if command:
                    tally.add(run(suite._replace(command=command), user, kernel))

    # What both would fetch and make, made once.
    prepared = subprocess.run(["sh", f"{HERE}/vm.sh", "--prepare"], check=False)
    if prepared.returncode != 0:
        print("0 passed, 1 failed")
        return 1
    threads = [threading.Thread(target=all_on, args=(k,)) for k in kernels]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
