# SPDX-License-Identifier: MIT
"""What the live tests share: a case that runs nucleus, and sees that nothing is left behind."""

import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from patience import patience  # noqa: E402 pylint: disable=wrong-import-position

PATIENCE = patience(180)


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return f.read()


def processes_with(variable):
    """Processes of the host with a variable in their environment, given as NAME=VALUE."""
    found = []
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if variable.encode() in f.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            continue
    return found


def wait_until(condition, what, limit=30):
    limit = patience(limit)
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {limit} s")
        time.sleep(0.01)


class Case(unittest.TestCase):
    """Its subclasses are run in each mode: run.py sets `mode` and `nucleus_path`."""

    mode = "agent"
    nucleus_path = None
    maxDiff = None

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="nucleus-live-"))
        self.dir.chmod(0o755)
        # What nucleus itself might leave in TMPDIR would be here.
        self.tmpdir = self.dir / "TMPDIR"
        self.tmpdir.mkdir()
        self.mark = f"NUCLEUS_LIVE={secrets.token_hex(8)}"
        self.mounts = mounts()
        self.fds = os.listdir("/proc/self/fd")
        self.addCleanup(self.nothing_is_left)

    def nothing_is_left(self):
        self.assertEqual(processes_with(self.mark), [], "processes are left")
        self.assertEqual(mounts(), self.mounts, "mounts are left")
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(self.fds), "descriptors are left")
        self.assertEqual(list(self.tmpdir.iterdir()), [], "files are left in TMPDIR")
        shutil.rmtree(self.dir)

    # ---- files -----------------------------------------------------------------------------------

    def make(self, name, text="", mode=0o644):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def make_dir(self, name):
        path = self.dir / name
        path.mkdir(parents=True)
        return path

    def assert_owner(self, directory, uid=None):
        """All that is in a directory belongs to whom the directory belongs to."""
        uid = os.stat(directory).st_uid if uid is None else uid
        for folder, dirs, files in os.walk(directory):
            for name in dirs + files:
                path = os.path.join(folder, name)
                self.assertEqual(os.lstat(path).st_uid, uid, path)

    # ---- nucleus ---------------------------------------------------------------------------------

    def words(self, *args):
        mode = [] if "--mode" in args else ["--mode", self.mode]
        return [self.nucleus_path, "run", *mode, "--env", self.mark, *map(str, args)]

    def environment(self, **more):
        return dict(os.environ, TMPDIR=str(self.tmpdir), **more)

    def nucleus(self, *args, env=None, stdin=subprocess.DEVNULL, **how):
        return subprocess.run(self.words(*args), env=env or self.environment(), text=True,
                              timeout=PATIENCE, capture_output=True, check=False,
                              **({} if "input" in how else {"stdin": stdin}), **how)

    def good(self, *args, **how):
        """Runs what must end with 0 and without a word on stderr; gives its output."""
        r = self.nucleus(*args, **how)
        self.assertEqual((r.returncode, r.stderr), (0, ""), r.stdout)
        return r.stdout

    def work(self, *args, **how):
        """Runs what must end with 0, and may chat on stderr."""
        r = self.nucleus(*args, **how)
        self.assertEqual(r.returncode, 0, f"{r.stdout}\n{r.stderr}")
        return r.stdout

    def script(self, text, *flags, **how):
        """Runs a bash script that stops at the first failure."""
        return self.work(*flags, "--", "/bin/bash", "-euo", "pipefail", "-c", text, **how)

    def start(self, *args):
        """For a program that prints a line when it is ready, and may wait for one on stdin."""
        return subprocess.Popen(self.words(*args), env=self.environment(), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def require(self, *programs):
        """A test that cannot run is a failure: setup installs what is needed."""
        for program in programs:
            self.assertTrue(os.access(program, os.X_OK), f"{program} is missing: install it")
