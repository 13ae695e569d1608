#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Live tests: real sandboxes, real programs, in the modes agent and strict-agent.

    run.py --nucleus PATH [--user root|nobody-12345] [--only WORD] [--except WORD] [--mode MODE]

One line per case, and at the end "N passed, N failed". A case that cannot run says so; in CI
(CI=true) it counts as a failure.
"""

import argparse
import os
import sys
import time
import traceback
import unittest

import denials
import files
import identity
import kernel
import learn
import life
import next_run
import policy_files
import programs
import seccomp_profile
import why

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from become import become  # pylint: disable=wrong-import-position

# What only root or only others can try is no gap: the other user's run has it.
OTHER_USERS = ("only root can", "root has no limit")


class Lines(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed = self.failed = 0
        self.started = 0

    def line(self, verdict, test, detail=""):
        name = f"{test.mode} {type(test).__name__}.{test.id().rpartition('.')[2]}"
        print(f"{verdict:<4} {name} ({time.monotonic() - self.started:.1f} s){detail}", flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.bad = False

    def addFailure(self, test, err):
        self.bad = True
        print("".join(traceback.format_exception(*err)), flush=True)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            print(f"in {subtest}:")
            self.addFailure(test, err)

    def addSkip(self, test, reason):
        if reason.startswith(OTHER_USERS):
            self.line("n/a", test, f": {reason}")
            self.bad = None
            return
        print(f"CANNOT RUN: {reason}")
        self.bad = os.environ.get("CI") == "true" or None

    def stopTest(self, test):
        super().stopTest(test)
        if self.bad:
            self.failed += 1
            self.line("FAIL", test)
        elif self.bad is False:
            self.passed += 1
            self.line("ok", test)


def run_cases(cases, modes, nucleus, only="", without=()):
    """Runs each test of each class in each mode, by words in their names; gives an exit status."""
    result = Lines()
    for mode in modes:
        for case in cases:
            concrete = type(case.__name__, (case,), {"mode": mode, "nucleus_path": nucleus})
            for name in unittest.defaultTestLoader.getTestCaseNames(concrete):
                called = f"{case.__name__}.{name}"
                if only in called and not any(word in called for word in without):
                    concrete(name).run(result)
    print(f"{result.passed} passed, {result.failed} failed")
    return 1 if result.failed or not result.passed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nucleus", required=True)
    parser.add_argument("--user", choices=("root", "nobody-12345"))
    parser.add_argument("--only", default="", help="cases whose name has this word in it")
    parser.add_argument("--except", dest="without", action="append", default=[],
                        help="cases whose name has not this word in it")
    parser.add_argument("--mode", choices=("agent", "strict-agent"), action="append")
    args = parser.parse_args()
    become(args.user)
    nucleus = os.path.abspath(args.nucleus)
    if not os.access(nucleus, os.X_OK):
        print(f"FAIL {nucleus} is missing: build first\n0 passed, 1 failed")
        return 1
    # Of the caller's own environment nothing may help or hinder.
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    os.umask(0o022)
    os.chdir("/")
    cases = (*denials.CASES, *identity.CASES, *files.CASES, *kernel.CASES, *learn.CASES, *life.CASES,
             *next_run.CASES,
             *policy_files.CASES, *programs.CASES, *seccomp_profile.CASES, *why.CASES)
    return run_cases(cases, args.mode or ("strict-agent", "agent"), nucleus, args.only, args.without)


if __name__ == "__main__":
    sys.exit(main())
