# SPDX-License-Identifier: MIT
"""nucleus run and explain with real sandboxes, as root or as any user.

python3 cli_run.py --nucleus build/cli/nucleus [unittest's arguments]
"""

import argparse
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from patience import patience  # noqa: E402 pylint: disable=wrong-import-position

PARSER = argparse.ArgumentParser()
PARSER.add_argument("--nucleus", required=True)
ARGS, WORDS = PARSER.parse_known_args()
NUCLEUS = os.path.abspath(ARGS.nucleus)
PATIENCE = patience(60)


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)

    def nucleus(self, *args, stdin=subprocess.DEVNULL, **kwargs):
        return subprocess.run([NUCLEUS, *args], capture_output=True, text=True, timeout=PATIENCE,
                              stdin=stdin, **kwargs)

    def run_quietly(self, *args, **kwargs):
        return self.nucleus("run", "-q", *args, **kwargs)

    def good(self, *args, **kwargs):
        r = self.run_quietly(*args, **kwargs)
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        return r.stdout

    def status(self, *args):
        """Runs, and gives the exit status and the record of --status-fd."""
        r, w = os.pipe()
        try:
            p = self.run_quietly("--status-fd", str(w), *args, pass_fds=[w])
        finally:
            os.close(w)
        with os.fdopen(r) as f:
            record = json.loads(f.read())
        self.assertEqual(record["exit_status"], p.returncode, p.stderr)
        return p.returncode, record

    def start(self, *args, **kwargs):
        """Starts a program that prints a line when it is ready."""
        p = subprocess.Popen([NUCLEUS, "run", "-q", *args], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True, **kwargs)

        def end():
            if p.poll() is None:
                p.kill()
            p.wait()
            p.stdout.close()
        self.addCleanup(end)
        self.assertEqual(p.stdout.readline(), "ready\n")
        return p


# Landlock's right to truncate came with ABI 3, Linux 6.2: landlock_create_ruleset(2) gives the version.
KNOWS_TRUNCATION = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= 3

# What a program may try on a file that was opened for reading only.
REOPEN = """
import os
for how in (lambda f: os.truncate(f, 0), lambda f: os.open(f, os.O_WRONLY), lambda f: os.open(f, os.O_TRUNC),
            lambda f: os.open(f, os.O_RDWR | os.O_APPEND)):
    try:
        how("/proc/self/fd/0")
        print("done")
    except PermissionError:
        print("refused")
"""


class Input(Case):
    def file(self, mode):
        path = self.dir / "input"
        path.write_text("keep\n")
        path.chmod(mode)
        self.dir.chmod(0o755)
        return path

    def reopen(self, *args, mode=0o666):
        """Each outcome, and the file afterwards. Everybody may write it, so that its mode refuses nothing."""
        path = self.file(mode)
        with path.open("rb") as file:
            told = self.good(*args, "--", "/usr/bin/python3", "-c", REOPEN, stdin=file)
        return told.split(), path.read_text()

    def test_a_file_is_not_written_through_its_descriptor(self):
        """It leads to the host's mount, which is not read-only as that of a volume is: Landlock stands before it."""
        volume = ["--volume", f"{self.dir}:/shown:ro"]
        for args in ([], volume):
            if KNOWS_TRUNCATION:
                self.assertEqual(self.reopen("--mode", "strict-agent", *args), (["refused"] * 4, "keep\n"))
            if KNOWS_TRUNCATION or os.geteuid() == 0:  # whose sandboxes are those of another user
                self.assertEqual(self.reopen("--mode", "strict-agent", *args, mode=0o644),
                                 (["refused"] * 4, "keep\n"))
        self.assertEqual(self.reopen("--mode", "agent", "--landlock", "off", *volume), (["done"] * 4, ""))

    def test_a_file_that_could_be_truncated_is_not_given(self):
        path = self.file(0o666)
        reading, writing = os.open(path, os.O_RDONLY), os.open(path, os.O_RDWR)
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        strict = ["--mode", "strict-agent"]
        script = ["sh", "-c", "exec truncate -s 0 /proc/self/fd/$0"]
        for name, args, number in (("standard input", {"stdin": reading}, 0),
                                   (f"descriptor {reading}", {"pass_fds": [reading]}, reading)):
            words = [] if number == 0 else ["--pass-fd", str(number)]
            r = self.run_quietly(*strict, *words, "--", *script, str(number), **args)
            if KNOWS_TRUNCATION:
                self.assertNotEqual(r.returncode, 125, r.stderr)
                self.assertIn("Permission denied", r.stderr)
            else:
                self.assertEqual(r.returncode, 125, r.stderr)
                self.assertIn(f"{name} is a file for reading, which the program could truncate: ", r.stderr)
                self.assertIn("hint: give it by a pipe", r.stderr)
            self.assertEqual(path.read_text(), "keep\n")
        # By a pipe it can be given, and by a descriptor for writing it is meant to be changed.
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
            self.assertEqual(self.good(*strict, "cat", stdin=cat.stdout), "keep\n")
        self.assertEqual(self.good(*strict, "cat", stdin=writing), "keep\n")

    def test_a_pipe_is_its_owners(self):
        """Landlock does not stand before a pipe: SECURITY.md says so. Root's sandboxes are those of another user."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, b"first\n")
        r = self.run_quietly("--mode", "strict-agent", "--", "sh", "-c", "read x && echo added >/proc/self/fd/0",
                             stdin=reading)
        os.write(writing, b"second\n")
        os.close(writing)
        told = (r.returncode == 0, os.read(reading, 100))
        self.assertEqual(told, (False, b"second\n") if os.geteuid() == 0 else (True, b"added\nsecond\n"))

    def test_a_pipe_that_the_parent_reads_is_warned_of(self):
        """A shell that reads its script there executes what the program writes."""
        script = f'{shlex.quote(NUCLEUS)} run true; echo "then $?"\n'
        for words, warned in (([], os.geteuid() != 0), ([" </dev/null"], False)):
            text = script.replace("true", "true" + "".join(words))
            r = subprocess.run(["sh"], input=text, capture_output=True, text=True, timeout=PATIENCE, check=True)
            self.assertEqual(r.stdout, "then 0\n")
            self.assertEqual("standard input is a pipe that the parent process has, too" in r.stderr, warned, r.stderr)
        # Root of a user namespace is the user outside, and so is its sandbox.
        r = subprocess.run(["unshare", "-Ur", "sh"], input=script, capture_output=True, text=True, timeout=PATIENCE,
                           check=True)
        self.assertEqual(r.stdout, "then 0\n", r.stderr)
        self.assertIn("standard input is a pipe that the parent process has, too", r.stderr)
        r = subprocess.run(["sh", "-c", f"echo | {shlex.quote(NUCLEUS)} run true"], capture_output=True, text=True,
                           timeout=PATIENCE, check=True, stdin=subprocess.DEVNULL)
        self.assertNotIn("standard input", r.stderr)


class Exit(Case):
    def test_the_programs_own(self):
        for code in (0, 1, 3, 124, 125, 126, 127, 255):
            status, record = self.status("sh", "-c", "exit %d" % code)
            self.assertEqual(status, code)
            self.assertEqual((record["outcome"], record["code"]), ("exited", code))
            self.assertIsNone(record["error"])

    def test_signals(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE):
            status, record = self.status("sh", "-c", "kill -%d $$" % number)
            self.assertEqual(status, 128 + number)
            self.assertEqual((record["outcome"], record["code"]), ("signalled", number))

    def test_timeout(self):
        began = time.monotonic()
        status, record = self.status("--timeout", "300ms", "sleep", "600")
        self.assertEqual((status, record["outcome"], record["code"]), (124, "timeout", 0))
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_not_found(self):
        for program in ("nucleus-no-such-program", "/no/such/program"):
            status, record = self.status(program)
            self.assertEqual((status, record["outcome"]), (127, "refused"))
            self.assertEqual(record["error"]["layer"], "exec")
            r = self.run_quietly(program)
            self.assertTrue(r.stderr.startswith("nucleus: error: "), r.stderr)
            self.assertIn("\n  hint: ", r.stderr)

    def test_not_executable(self):
        (self.dir / "plain").write_text("#!/bin/sh\n")
        (self.dir / "garbage").write_text("\x01\x02\x03 no program\n")
        (self.dir / "garbage").chmod(0o755)
        self.dir.chmod(0o755)
        for program in ("/usr", "/etc/passwd", "/workspace/plain", "/workspace/garbage"):
            status, record = self.status("-w", str(self.dir), "--workspace-exec", program)
            self.assertEqual((status, record["outcome"]), (126, "refused"), record)

    def test_refused(self):
        for args in (["-w", str(self.dir / "none"), "true"], [""],
                     ["--network", "host", "true"]):
            status, record = self.status(*args)
            self.assertEqual((status, record["outcome"]), (125, "refused"), record)
            self.assertTrue(record["error"]["message"])

    def test_environment_too_long_is_not_the_programs_fault(self):
        value = "x" * 100000
        path = self.dir / "env"
        path.write_text("".join("V%d=%s\0" % (i, value) for i in range(80)))
        with open(path) as f:
            r = self.run_quietly("--env-fd", "0", "true", stdin=f)
        self.assertEqual(r.returncode, 125, r.stderr)

    def test_figures(self):
        _, record = self.status("sleep", "0.2")
        self.assertGreaterEqual(record["wall_time_us"], 200000)
        for key in ("launch_time_us", "user_time_us", "system_time_us", "max_rss_bytes"):
            self.assertIsInstance(record[key], int)


class Passing(Case):
    def test_timing(self):
        for words in ([], ["-m", "strict-agent"], ["--stats", "text"]):
            p = self.nucleus("run", "-q", "--timing", *words, "--", "true")
            self.assertEqual((p.returncode, p.stdout), (0, ""), p.stderr)
            table = p.stderr[p.stderr.index("side "):].splitlines()
            rows = [line.split(None, 3) for line in table[1:]]
            # To the nanosecond: three digits behind the point.
            took = [int(us.replace(".", "")) for _, us, _, _ in rows]
            self.assertEqual(rows[-2][0], "sum")
            self.assertEqual(sum(took[:-2]), took[-2])
            self.assertEqual(rows[-1][0], "whole")
            self.assertLessEqual(took[-2], took[-1])
            whats = [what for _, _, _, what in rows]
            plan = self.nucleus("explain", *[w for w in words if w in ("-m", "strict-agent")]).stdout
            for what in whats[2:-4]:
                self.assertIn(what, plan)
            self.assertEqual(whats[:2] + whats[-4:-2], ["open-descriptors", "clone", "run", "tear-down"])

    def test_timing_of_what_was_refused(self):
        p = self.nucleus("run", "-q", "--timing", "--", "/no/such/program")
        self.assertEqual(p.returncode, 127)
        self.assertNotIn("tear-down", p.stderr)

    def test_words(self):
        self.assertEqual(self.good("printf", "%s,", "-q", "--", "--mode", ""), "-q,--,--mode,,")
        self.assertEqual(self.good("--", "printf", "%s", "x"), "x")
        self.assertEqual(self.nucleus("create", "-q", "printf", "x").stdout, "x")

    def test_streams(self):
        text = "line\n" * 100000
        (self.dir / "in").write_text(text)
        with open(self.dir / "in") as f:
            self.assertEqual(self.good("cat", stdin=f), text)
        r = self.run_quietly("sh", "-c", "echo out; echo err >&2")
        self.assertEqual((r.stdout, r.stderr), ("out\n", "err\n"))

    def test_closed_streams(self):
        script = '"$0" run -q cat <&-; echo "$?"'
        r = subprocess.run(["sh", "-c", script, NUCLEUS], capture_output=True, text=True,
                           timeout=PATIENCE)
        self.assertEqual((r.stdout, r.stderr), ("0\n", ""))
        script = '"$0" run -q sh -c "echo x; echo y >&2" <&- >&- 2>&-; exec echo "$?"'
        r = subprocess.run(["sh", "-c", script, NUCLEUS], capture_output=True, text=True,
                           timeout=PATIENCE)
        self.assertEqual(r.stdout, "0\n")

    def test_environment(self):
        text = self.good("-eA=b=c", "env", env={**os.environ, "SECRET": "s3cret"})
        self.assertIn("A=b=c\n", text)
        self.assertNotIn("SECRET", text)
        self.assertIn("SECRET=s3cret\n", self.good("--env-pass", "SECRET", "env",
                                                   env={**os.environ, "SECRET": "s3cret"}))

    def test_environment_by_descriptor(self):
        r, w = os.pipe()
        os.write(w, b"TOKEN=one\ntwo\0OTHER=x")
        os.close(w)
        try:
            text = self.good("--env-fd", str(r), "sh", "-c", 'printf %s "$TOKEN$OTHER"',
                             pass_fds=[r])
        finally:
            os.close(r)
        self.assertEqual(text, "one\ntwox")

    def test_no_descriptor_leaks(self):
        r, w = os.pipe()
        # Numbers that no shell would come to by itself.
        fds = [fcntl.fcntl(fd, fcntl.F_DUPFD, 50) for fd in (r, w)]
        try:
            text = self.good("--status-fd", str(fds[1]), "sh", "-c", "cd /proc/self/fd; echo *",
                             pass_fds=fds)
        finally:
            for fd in (r, w, *fds):
                os.close(fd)
        self.assertTrue(all(int(fd) < 10 for fd in text.split()), text)

    def test_workspace(self):
        self.dir.chmod(0o755)
        (self.dir / "in").write_text("given\n")
        self.assertEqual(self.good("-w", str(self.dir), "sh", "-c", "cat in; echo made > out"),
                         "given\n")
        self.assertEqual((self.dir / "out").read_text(), "made\n")

    def test_workspace_is_carried_back(self):
        self.dir.chmod(0o755)
        (self.dir / "in").write_text("given\n")
        self.good("-w", str(self.dir), "--workspace-mode", "copy-in-out", "sh", "-c",
                  "echo more >> in; echo made > out")
        self.assertEqual((self.dir / "in").read_text(), "given\nmore\n")
        self.assertEqual((self.dir / "out").read_text(), "made\n")

    def test_workspace_that_cannot_be_carried_back(self):
        workspace = self.dir / "workspace"
        workspace.mkdir()
        r, w = os.pipe()
        p = self.start("--status-fd", str(w), "-w", str(workspace), "--workspace-mode",
                       "copy-in-out", "sh", "-c",
                       "trap 'echo made > out; exit 0' TERM; echo ready; "
                       "while :; do sleep 0.05; done", pass_fds=[w], stderr=subprocess.DEVNULL)
        os.close(w)
        workspace.rmdir()
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(PATIENCE), 125)
        with os.fdopen(r) as f:
            record = json.loads(f.read())
        self.assertEqual((record["outcome"], record["exit_status"]), ("failed", 125))
        self.assertTrue(record["error"]["message"])
        self.assertIsInstance(record["wall_time_us"], int)

    def test_document(self):
        document = self.dir / "p.toml"
        document.write_text('[env]\nA = "1"\n')
        self.assertEqual(self.good("-eB=2", "-f", str(document), "sh", "-c", "echo $A$B"), "12\n")
        r = self.run_quietly("-eA=2", "-f", str(document), "true")
        self.assertEqual(r.returncode, 125)
        self.assertIn("p.toml:2", r.stderr)


class Signals(Case):
    trap = "trap 'echo %s; exit 7' %s; echo ready; while :; do sleep 0.05; done"

    def send(self, p, number):
        """Until it is taken: of one kind the kernel keeps one only, and when it came is not told."""
        p.send_signal(number)
        deadline = time.monotonic() + PATIENCE
        while p.poll() is None:
            with open("/proc/%d/status" % p.pid) as f:
                waiting, = [line.split()[1] for line in f if line.startswith("ShdPnd:")]
            if not int(waiting, 16) >> number - 1 & 1:
                break
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_forwarded(self):
        for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH"):
            p = self.start("sh", "-c", self.trap % ("got " + name, name))
            p.send_signal(getattr(signal, "SIG" + name))
            self.assertEqual(p.communicate(timeout=PATIENCE)[0], "got %s\n" % name)
            self.assertEqual(p.returncode, 7)

    def test_untrapped(self):
        p = self.start("sh", "-c", "echo ready; exec sleep 600")
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(PATIENCE), 128 + signal.SIGTERM)

    def test_ignored_by_the_caller_stays_so(self):
        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        p = self.start("sh", "-c", self.trap % ("got HUP", "HUP"), preexec_fn=ignore)
        p.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertIsNone(p.poll())
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(PATIENCE), 128 + signal.SIGTERM)

    def test_one_a_second_is_the_programs_affair(self):
        p = self.start("sh", "-c", "trap '' INT; echo ready; while :; do sleep 0.05; done")
        for _ in range(3):
            self.send(p, signal.SIGINT)
            time.sleep(1)
        self.assertIsNone(p.poll())

    def test_three_at_once_kill(self):
        r, w = os.pipe()
        p = self.start("--status-fd", str(w), "sh", "-c",
                       "trap '' INT TERM; echo ready; while :; do sleep 0.05; done", pass_fds=[w])
        os.close(w)
        deadline = time.monotonic() + PATIENCE
        while p.poll() is None and time.monotonic() < deadline:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
                self.send(p, number)
            try:
                p.wait(patience(5))
            except subprocess.TimeoutExpired:
                pass  # the machine stood still, and they were not at once
        self.assertEqual(p.poll(), 128 + signal.SIGKILL)
        with os.fdopen(r) as f:
            self.assertEqual(json.loads(f.read())["outcome"], "killed")

    def test_when_the_caller_is_killed_nothing_stays(self):
        p = self.start("sh", "-c", "echo ready; sleep 600 & wait")
        p.kill()
        # The pipe ends when the last process that holds it has gone.
        self.assertTrue(select.select([p.stdout], [], [], PATIENCE)[0])
        self.assertEqual(p.stdout.read(), "")


class Terminal(Case):
    def setUp(self):
        super().setUp()
        self.pid, self.tty = pty.fork()
        if self.pid == 0:
            os.execv(NUCLEUS, [NUCLEUS, "run", "-q", "sh", "-c",
                               "trap 'echo got INT; exit 7' INT; tty; echo ready; "
                               "read line; echo line $line; while :; do sleep 0.05; done"])
        self.addCleanup(os.close, self.tty)
        self.seen = ""

    def expect(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            self.assertTrue(select.select([self.tty], [], [], deadline - time.monotonic())[0],
                            self.seen)
            try:
                self.seen += os.read(self.tty, 4096).decode()
            except OSError:
                self.fail("ended: " + self.seen)

    def test_keys_reach_the_program(self):
        self.expect("ready")
        os.write(self.tty, b"typed\n")
        self.expect("line typed")
        os.write(self.tty, b"\x03")
        self.expect("got INT")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), 7)


class Plan(Case):
    def explain(self, *args):
        r = self.nucleus("explain", *args)
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        return r.stdout

    def test_hash_is_of_the_canonical_form(self):
        text = self.explain("--json")
        json.loads(text)
        digest = hashlib.sha256(text.rstrip("\n").encode()).hexdigest()
        self.assertEqual(self.explain("--hash"), digest + "\n")

    def test_words_behind_dashes_are_the_programs(self):
        self.assertEqual(self.explain("--hash", "--", "ls", "--hash"), self.explain("--hash"))
        self.assertGreater(len(self.explain().splitlines()), 10)

    def test_require_plan(self):
        digest = self.explain("--hash", "-t", "3s").strip()
        self.assertEqual(self.good("--require-plan", digest, "-t", "3s", "echo", "x"), "x\n")
        self.assertEqual(self.good("--require-plan", digest.upper(), "-t3s", "echo", "x"), "x\n")
        r = self.run_quietly("--require-plan", digest, "-t", "4s", "echo", "x")
        self.assertEqual((r.returncode, r.stdout), (125, ""))
        self.assertIn(digest, r.stderr)
        self.assertIn(self.explain("--hash", "-t", "4s").strip(), r.stderr)
        self.assertIn("hint: compare the plans: `nucleus explain`", r.stderr)

    def test_doctor(self):
        text, record = self.nucleus("doctor"), self.nucleus("doctor", "--json")
        self.assertIn(text.returncode, (0, 1))
        self.assertEqual(record.returncode, text.returncode)
        json.loads(record.stdout)
        r = self.run_quietly("--mode", "strict-agent", "true")
        self.assertEqual(r.returncode == 0, text.returncode == 0, r.stderr)

    def test_warnings(self):
        r = self.nucleus("run", "--seccomp", "off", "true")
        self.assertEqual(r.returncode, 0, r.stderr)
        for line in r.stderr.splitlines():
            self.assertTrue(line.startswith("nucleus: warning: "), line)
        self.good("--seccomp", "off", "true")


def main():
    """Ends with the line that tests/run.sh adds up."""
    sys.dont_write_bytecode = True
    result = unittest.main(argv=sys.argv[:1] + WORDS, exit=False).result
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print("%d passed, %d failed" % (result.testsRun - bad, bad), flush=True)
    return 1 if bad or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
