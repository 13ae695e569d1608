#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the C examples print, and what is left of them.

    c_test.py DIRECTORY [TEST...]

DIRECTORY has the programs embed, loop and check_example. Ends with "N passed, N failed".
"""

import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAMS = pathlib.Path("missing")
PATIENCE = 120  # seconds, of a busy machine
TRIES = 5


def run(*argv, **env):
    """A program's end, its descriptors and variables being the tests' own."""
    names = ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "GCOV_ERROR_FILE")
    base = {name: os.environ[name] for name in names if name in os.environ}
    return subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE, env={**base, **env}, check=False)


def has_ended(pid):
    """Whether a process is gone, or is soon; it may be a zombie whose new parent does not hurry."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 5)[0])  # less than the sandbox's own limit of 10 s
    finally:
        os.close(fd)


class Embed(unittest.TestCase):
    def setUp(self):
        self.project = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.project)

    def embed(self, script):
        return run(PROGRAMS / "embed", self.project, "sh", "-c", script)

    def test_runs_in_the_workspace(self):
        done = self.embed("pwd; echo made >file; exit 7")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "/workspace\n", ""))
        self.assertEqual((self.project / "file").read_text(), "made\n")
        self.assertEqual((self.project / "file").stat().st_uid, os.getuid())

    def test_programs_of_the_workspace_run(self):
        program = self.project / "job"
        program.write_text("#!/bin/sh\necho job\n")
        program.chmod(0o755)
        self.assertEqual(self.embed("./job").stdout, "job\n")

    def test_the_rest_is_out_of_reach(self):
        secret = tempfile.NamedTemporaryFile("w", suffix=".secret")
        self.addCleanup(secret.close)
        self.assertEqual(self.embed(f"test -e {secret.name}").returncode, 1)

    def test_errors_are_told(self):
        done = run(PROGRAMS / "embed", self.project / "missing", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(str(self.project / "missing"), done.stderr)
        done = run(PROGRAMS / "embed", self.project, "no-such-program")
        self.assertEqual(done.returncode, 125)
        self.assertIn("no-such-program", done.stderr)
        for few in ((), (self.project,)):
            done = run(PROGRAMS / "embed", *few)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertEqual(done.stderr, "usage: embed DIRECTORY PROGRAM [ARGUMENT...]\n")

    def test_a_signal_is_no_exit_status(self):
        done = self.embed("kill -KILL $$")
        self.assertEqual((done.returncode, done.stderr), (125, "sh: ended by signal 9\n"))

    def killed(self, seconds):
        """What it says of a sandbox that is killed from outside, so long after its program's start."""
        reading, writing = os.pipe()
        embed = subprocess.Popen([PROGRAMS / "embed", self.project, "sh", "-c",
                                  f"sleep {seconds}; echo up; exec sleep 600"],
                                 stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        with os.fdopen(reading) as said:
            self.assertEqual(said.readline(), "up\n")
            children = pathlib.Path(f"/proc/{embed.pid}/task/{embed.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGKILL)
            error = embed.communicate(timeout=PATIENCE)[1]
        self.assertEqual(embed.returncode, 125)
        return error

    def test_a_sandbox_that_is_killed_is_told(self):
        for n in range(TRIES):
            error = self.killed(0.1 * 4 ** n)
            if "killed during step" not in error:  # on a machine that stands still it may not know of the start yet
                break
        self.assertEqual(error, "sh: its sandbox was killed\n")


class Loop(unittest.TestCase):
    # job: outcome, bytes (None: messages of programs, in some number), a refusal that is told
    WANTED = {
        "hello": ("exited 0", len("hello\n"), None),
        "status": ("exited 3", 0, None),
        "signal": (f"signalled {int(signal.SIGTERM)}", 0, None),
        "forever": ("timed out", 0, "time:limits.timeout"),
        "flood": ("exited 0", 1000000, None),
        "orphan": ("exited 0", len("started\n"), None),
        "namespace": ("exited 4", None, "syscall:unshare(0x10000000)"),  # CLONE_NEWUSER
        "program": ("exited 5", None, "exec:/tmp/mine"),
        "hosts": ("exited 6", None, "write:/etc/hosts"),
        "network": ("exited 7", None, "connect:192.0.2.1:443"),
    }

    def table(self):
        """Its lines; again if more than the job that has no end met the time limit, on a machine that stands still."""
        for _ in range(TRIES):
            start = time.monotonic()
            done = run(PROGRAMS / "loop")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            # Its time limit is two seconds; the programs that sleep would for ten minutes.
            self.assertGreater(time.monotonic() - start, 1.9)
            if done.stdout.count("timed out") == 1:
                break
        return done.stdout.splitlines()

    def test_the_table(self):
        head, *rows = self.table()
        self.assertEqual(head.split(), ["job", "outcome", "bytes", "refused"])
        self.assertEqual([row.split()[0] for row in rows], list(self.WANTED))
        for row in rows:
            name, outcome, count, refused = re.fullmatch(r"(\S+) +(.*\S) +(\d+)  (.*)", row).groups()
            with self.subTest(name):
                wanted_outcome, wanted_count, wanted_refused = self.WANTED[name]
                self.assertEqual(outcome, wanted_outcome)
                if wanted_count is None:
                    self.assertGreater(int(count), 10)
                else:
                    self.assertEqual(int(count), wanted_count)
                if wanted_refused is None:
                    self.assertEqual(refused, "-")
                else:
                    self.assertIn(wanted_refused, refused.split(", "))

    def test_an_error_is_told(self):
        """No descriptors for ten: those that were started end, and it says why."""
        done = run("sh", "-c", f"ulimit -n 24; exec {PROGRAMS}/loop")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "^loop: .*")


class Check(unittest.TestCase):
    def passes(self, **env):
        done = run(PROGRAMS / "check_example", **env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "100%: Checks: 10, Failures: 0, Errors: 0")

    def fails(self, counts, started, **env):
        done = run(PROGRAMS / "check_example", CHECK_EXAMPLE_FAILS="1", **env)
        self.assertEqual(done.returncode, 1)
        self.assertIn(counts, done.stdout)
        # The test that failed says all that it knows of the program.
        self.assertRegex(done.stdout, re.compile(
            r"check_example\.c:\d+:F:failing:this_assertion_fails:0: exited 9; stdout: out\n; "
            r"stderr: err\n.*; refused: syscall:unshare\(0x10000000\) \(seccomp, EPERM\)$", re.M | re.S))
        # A body's failure is the body's own line.
        source = pathlib.Path(__file__).parents[2] / "examples/check_example.c"
        line = 1 + source.read_text().splitlines().index(
            "\tck_assert_int_eq(unshare(CLONE_NEWUSER), 0); /* it is refused */")
        self.assertRegex(done.stdout, re.compile(
            rf":F:failing:a_body_that_fails:\d+: in the sandbox: exited 1; .*check_example\.c:{line}: "
            "Assertion 'unshare", re.S))
        self.assertRegex(done.stdout, r":F:failing:a_body_that_crashes:\d+: in the sandbox: "
                                      rf"ended by signal {int(signal.SIGABRT)};")
        pids = re.findall(r"^left running: (\d+)$", done.stderr, re.M)
        self.assertEqual(len(pids), started)
        for pid in pids:
            self.assertTrue(has_ended(int(pid)))

    def test_passes(self):
        self.passes()

    def test_passes_without_fork(self):
        self.passes(CK_FORK="no")

    def test_failures_are_told_and_nothing_is_left(self):
        self.fails("Checks: 15, Failures: 3, Errors: 1", 2)

    def test_failures_without_fork(self):
        self.fails("Checks: 14, Failures: 3, Errors: 0", 1, CK_FORK="no")


def main():
    global PROGRAMS
    PROGRAMS = pathlib.Path(sys.argv[1]).resolve()
    result = unittest.main(argv=[sys.argv[0], *sys.argv[2:]], exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{max(result.testsRun - bad, 0)} passed, {bad} failed", flush=True)
    return 1 if bad or result.skipped or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
