# SPDX-License-Identifier: MIT
"""What the tests of the Python bindings' core share."""

import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ASKED = signal.SIGUSR2  # no test sends it
BINDINGS = HERE.parents[1] / "bindings" / "python"
sys.path.append(str(HERE.parent))
from patience import SLOWNESS, patience, rounds  # noqa: E402

__all__ = ["BINDINGS", "HERE", "SLOWNESS", "children", "fds", "leftovers", "library", "patience", "rounds",
           "run_python", "until"]


def library():
    """The library that the tests are about."""
    path = os.environ.get("NUCLEUS_LIBRARY")
    assert path, "set NUCLEUS_LIBRARY to the libnucleus.so.0 to test"
    return os.path.realpath(path)


def until(condition, what="it", seconds=60.0):
    """Waits for a condition and gives what it gave; fails after a generous time."""
    end = time.monotonic() + patience(seconds)
    while True:
        got = condition()
        if got:
            return got
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.005)


def fds():
    """The open descriptors of this process, with what they are."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # that of listdir itself
    return found


def children(pid=None):
    """Processes whose parent a process is, those that have ended but are not reaped as well."""
    parent = os.getpid() if pid is None else pid
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as f:
                stat = f.read()
        except OSError:
            continue
        if int(stat.rpartition(b")")[2].split()[1]) == parent:
            found.append(int(name))
    return sorted(found)


def leftovers(before):
    """What a process has more than `before`, which is (fds(), children())."""
    files = {n: what for n, what in fds().items() if n not in before[0]}
    return files, [pid for pid in children() if pid not in before[1]]


def run_python(code, *args, seconds=300.0, env=None, flags=(), code_wanted=0, input=None, **how):
    """Runs Python code in a fresh interpreter that can import nucleus and this module; gives what it printed.

    Warnings are errors there. It fails unless the code ends with `code_wanted`.
    """
    env = dict(os.environ, **(env or {}))
    env["PYTHONPATH"] = os.pathsep.join([str(BINDINGS), str(HERE)])
    env.setdefault("PYTHONWARNINGS", "error")
    # A test that hangs says where. (faulthandler's own timer hangs in what was forked, at its exit.)
    code = f"import faulthandler; faulthandler.register({int(ASKED)}, chain=True)\n{code}"
    how["stdin"] = how.get("stdin", subprocess.DEVNULL) if input is None else subprocess.PIPE
    done = subprocess.Popen([sys.executable, "-B", *flags, "-c", code, *map(str, args)], env=env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
    try:
        out, err = done.communicate(input, timeout=patience(seconds))
    except subprocess.TimeoutExpired:
        done.send_signal(ASKED)
        try:
            out, err = done.communicate(timeout=patience(10))
        except subprocess.TimeoutExpired:
            done.kill()
            out, err = done.communicate()
        raise AssertionError(f"not done within {seconds} s\n{out}\n{err}") from None
    assert done.returncode == code_wanted, f"exit {done.returncode}\n{out}\n{err}"
    # A finalizer that fails is only printed.
    assert "Exception ignored" not in err, err
    return out
