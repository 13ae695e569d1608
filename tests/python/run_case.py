# SPDX-License-Identifier: MIT
"""What the tests of run(), Popen and policies share: each checks that nothing is left of it."""

import gc

import pytest

import nucleus
from support import children, fds, leftovers


@pytest.fixture(autouse=True)
def nothing_left():
    before = fds(), children()
    yield
    gc.collect()  # what an exception that was caught still refers to
    assert leftovers(before) == ({}, [])


def out(*args, **how):
    """What a program that must succeed writes."""
    done = nucleus.run(list(args), capture_output=True, **how)
    assert (done.returncode, done.outcome) == (0, "exited"), done
    return done.stdout
