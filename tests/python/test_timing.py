# SPDX-License-Identifier: MIT
"""Policy.set_timing(): where the time of a start goes."""

import time

import nucleus
from nucleus import PIPE, Policy, Popen
from run_case import nothing_left  # noqa: F401


def sides(rows):
    """Each once, in their order."""
    return list(dict.fromkeys(row.side for row in rows))


def test_the_rows_are_the_whole():
    policy = Policy(mode="strict-agent")
    policy.set_timing()
    before = time.monotonic_ns()
    done = nucleus.run(["true"], policy=policy)
    whole = time.monotonic_ns() - before
    assert done.returncode == 0
    assert sides(done.timing) == ["parent", "child", "init", "program", "kernel"]
    assert all(isinstance(row, nucleus.Timing) and row.what and row.ns >= 0 for row in done.timing)
    assert done.stats["launch_time_us"] <= sum(row.ns for row in done.timing) // 1000 <= whole // 1000
    assert [row.what for row in done.timing][:2] == ["open-descriptors", "clone"]
    assert [row.what for row in done.timing][-2:] == ["run", "tear-down"]
    steps = policy.explain()
    assert all(row.what in steps for row in done.timing[2:-2])


def test_it_is_off_unless_asked_for_and_changes_nothing_else():
    policy = Policy(mode="strict-agent")
    plan = policy.hash()
    assert nucleus.run(["true"], policy=policy).timing == ()
    policy.set_timing()
    assert policy.hash() == plan
    assert nucleus.run(["true"], policy=policy).timing
    # Also where other arguments make a policy of it.
    assert nucleus.run(["true"], policy=policy, cwd="/tmp").timing
    policy.set_timing(False)
    assert nucleus.run(["true"], policy=policy).timing == ()


def test_popen_has_them_once_the_end_was_seen():
    policy = Policy(mode="strict-agent")
    policy.set_timing()
    with Popen(["cat"], stdin=PIPE, policy=policy) as process:
        assert process.timing == ()
    assert sides(process.timing)[-1] == "kernel"


def test_prepared_ones_tell_of_the_start():
    policy = Policy(mode="strict-agent")
    policy.prepare(1)
    policy.set_timing()
    done = nucleus.run(["true"], policy=policy)
    assert done.timing[0].what == "take-prepared"
    # Of init there is the fork, unless that was done ahead, too (Linux 6.2).
    assert [side for side in sides(done.timing) if side != "init"] == ["parent", "program", "kernel"]
