# SPDX-License-Identifier: MIT
"""What the tests of nucleus.aio share. The fixtures are for whoever imports them."""

import asyncio
import contextlib
import gc
import os
import resource

import pytest

import nucleus
from support import until

PATIENCE = 120  # seconds that nothing here should ever take
FOREVER = ["sleep", "100000"]


def descriptors():
    """What is open, by number."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return {fd: what for fd, what in found.items() if "/proc/" not in what}


def children():
    """The processes that this one is the parent of: each sandbox has one, zombies are among them."""
    found = set()
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                if int(stat.read().rpartition(")")[2].split()[1]) == os.getpid():
                    found.add(int(name))
    return found


def keep_root(policy):
    """From its third start on a sandbox keeps descriptors of the root that it builds once."""
    for _ in range(3):
        nucleus.run(["true"], policy=policy, capture_output=True)


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What the library opens once and keeps is no leak."""
    keep_root(None)


@pytest.fixture(autouse=True)
def nothing_left(warm):
    gc.collect()
    fds, processes, threads = descriptors(), children(), os.listdir("/proc/self/task")
    yield
    gc.collect()
    assert (descriptors(), children()) == (fds, processes)
    # Who has joined one does not know that the kernel is done with it, too.
    until(lambda: os.listdir("/proc/self/task") == threads, "the end of the threads")


def on_loop(coroutine):
    """asyncio.run, with an end."""
    async def bounded():
        return await asyncio.wait_for(coroutine, PATIENCE)
    return asyncio.run(bounded())


@contextlib.contextmanager
def open_files(soft):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft or before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def writers_for(before):
    """Copies of the writing ends of pipes that were opened since, as a fork at a bad moment would keep."""
    pipes = {what: fd for fd, what in descriptors().items() if what.startswith("pipe:")}
    return [os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK) for what, fd in pipes.items()
            if what not in before.values()]
