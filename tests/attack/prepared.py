#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""nucleus run, in a sandbox that was made ahead, or whose root is a copy: for the attack suite.

    prepared.py run [FLAGS] -- PROGRAM [ARGUMENTS]

Flags, messages and exit status are those of `nucleus run`, as far as the suite needs them.
NUCLEUS_LIBRARY names the library, and PREPARED_STREAMS, "N,N,N", what the program has as 0, 1 and
2, if it is not our own. With PREPARED_HOW=again nothing is made ahead, but the program is the fourth that
the object starts, whose root is a copy of what the third has built. It ends with 125 if the sandbox is not such a
one: the suite would be about others.
"""

import glob
import os
import sys
import time
import warnings

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), os.pardir, "bindings", "python"))
# pylint: disable=wrong-import-position
import nucleus  # noqa: E402
from patience import patience  # noqa: E402

STREAMS = os.environ.get("PREPARED_STREAMS", "0,1,2")
REFUSED, TIMED_OUT, SIGNALLED = 125, 124, 128
MAKER_AND_SANDBOX = 2


class NotPreparedError(Exception):
    pass


def parse(words):
    """Options by key, whether it is to be quiet, and the program."""
    by_flag = {option[name]: option for option in nucleus.options()
               for name in ("flag", "short") if option[name]}
    options, quiet, rest = {}, False, iter(words)
    for word in rest:
        if word == "--":
            break
        if word in ("--quiet", "-q"):
            quiet = True
            continue
        flag, equals, value = word.partition("=")
        if flag not in by_flag:
            raise ValueError(f"unknown flag {flag}")
        kind, key = by_flag[flag]["type"], by_flag[flag]["key"]
        if not equals:
            value = "true" if kind == "bool" else next(rest)
        if kind == "map":
            name, _, value = value.partition("=")
            options.setdefault(key, {})[name] = value
        elif kind == "list":
            options.setdefault(key, []).append(value)
        else:
            options[key] = value
    return options, quiet, list(rest)


def children():
    found = set()
    for path in glob.glob("/proc/self/task/*/children"):
        with open(path, encoding="ascii") as f:
            found.update(map(int, f.read().split()))
    return found


def streams():
    """Not None, which is /dev/null for stdin."""
    return dict(zip(("stdin", "stdout", "stderr"), map(int, STREAMS.split(","))))


def status(process):
    returncode = process.wait()
    if process.outcome == "timed out":
        return TIMED_OUT
    return SIGNALLED - returncode if returncode < 0 else returncode


def run_again(policy, program):
    policy.set_timing()
    for _ in range(3):
        nucleus.run(["/bin/true"], policy=policy)
    with nucleus.Popen(program, policy=policy, **streams()) as process:
        result = status(process)
        if any(row.what.startswith("bind ") for row in process.timing):
            raise NotPreparedError("the fourth start has built a root of its own")
        return result


def run(options, program):
    policy = nucleus.Policy(options)
    if os.environ.get("PREPARED_HOW") == "again":
        return run_again(policy, program)
    policy.prepare(1)
    # The maker clones in the background: what it has made is seen before there is a program.
    end = time.monotonic() + patience(60)
    while len(children()) < MAKER_AND_SANDBOX:
        if time.monotonic() > end:
            raise NotPreparedError("no sandbox was made ahead")
        os.sched_yield()
    ahead = children()
    with nucleus.Popen(program, policy=policy, **streams()) as process:
        if process.pid not in ahead:
            raise NotPreparedError(f"sandbox {process.pid} is not one that was made ahead: {ahead}")
        return status(process)


def main():
    try:
        options, quiet, program = parse(sys.argv[2:])
        warnings.simplefilter("ignore" if quiet else "default", nucleus.NucleusWarning)
        return run(options, program)
    except (OSError, ValueError, NotPreparedError) as e:
        print(f"nucleus: {e}", file=sys.stderr)
        return REFUSED


if __name__ == "__main__":
    sys.exit(main())
