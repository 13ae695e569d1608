# SPDX-License-Identifier: MIT
"""Descriptors, time limits, little room, and what is said when something is wrong."""

import os
import resource
import signal
import socket
import subprocess
import time

from sandbox import Case, patience, processes_with, wait_until

TIMED_OUT, REFUSED, NOT_EXECUTABLE, NOT_FOUND = 124, 125, 126, 127


class Life(Case):
    def test_timeout_ends_all(self):
        script = """for i in 1 2 3; do (setsid sh -c 'trap "" TERM HUP INT; sleep 600' &) ; done
                    trap '' TERM; echo started; sleep 600"""
        # On a machine that stands still they may start too late for it: then they get more time.
        for limit in (1, 4, 16):
            started = time.monotonic()
            r = self.nucleus("--timeout", f"{limit}s", "--", "sh", "-c", script)
            took = time.monotonic() - started
            self.assertEqual(r.returncode, TIMED_OUT, r.stderr)
            self.assertGreater(took, limit - 0.1)
            self.assertLess(took, limit + patience(19))
            if r.stdout:
                break
        self.assertEqual(r.stdout, "started\n")
        self.assertEqual(processes_with(self.mark), [])

    def test_end_of_the_program_ends_all(self):
        r = self.nucleus("--", "sh", "-c", "(setsid sleep 600 &); sleep 600 & echo started; exit 7")
        self.assertEqual((r.returncode, r.stdout), (7, "started\n"))
        self.assertEqual(processes_with(self.mark), [])

    def test_death_of_the_caller_ends_all(self):
        p = self.start("--", "sh", "-c", "(setsid sleep 600 &); echo started; sleep 600")
        p.stdout.readline()
        wait_until(lambda: len(processes_with(self.mark)) >= 2, "two programs of the sandbox")
        p.kill()
        p.communicate(timeout=30)
        wait_until(lambda: not processes_with(self.mark), "the sandbox's end")

    def test_signals_reach_the_program(self):
        p = self.start("--", "sh", "-c", "trap 'echo got it; exit 5' TERM; echo ready; "
                       "while :; do sleep 0.05; done")
        p.stdout.readline()
        p.send_signal(signal.SIGTERM)
        self.assertEqual((p.communicate(timeout=30)[0], p.returncode), ("got it\n", 5))

    def test_program_killed_by_a_signal(self):
        for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            r = self.nucleus("--", "sh", "-c", f"kill -{int(sig)} $$")
            self.assertEqual(r.returncode, 128 + sig)

    # ---- descriptors -----------------------------------------------------------------------------

    def test_pass_fd(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            n = theirs.fileno()
            p = subprocess.Popen(self.words("--pass-fd", n, "--", "sh", "-c",
                                            f"ls /proc/self/fd | wc -l; echo hello >&{n}"),
                                 pass_fds=[n], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            out = p.communicate(timeout=60)[0]
            self.assertEqual(ours.recv(100), b"hello\n")
        # 0, 1, 2, the passed one, and that of ls itself
        self.assertEqual((p.returncode, out), (0, b"5\n"))

    def test_only_three_descriptors(self):
        leaked = os.open("/", os.O_RDONLY)
        try:
            os.set_inheritable(leaked, True)
            r = subprocess.run(self.words("--", "ls", "/proc/self/fd"), close_fds=False, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                               timeout=60)
        finally:
            os.close(leaked)
        self.assertEqual(r.stdout.split(), ["0", "1", "2", "3"])

    def test_closed_stdio(self):
        script = "cat; echo out; echo err >&2; cd /proc/self/fd && ls -l 0 1 2"
        for closed in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
            def close(closed=closed):
                for fd in closed:
                    os.close(fd)
            with open(os.devnull, "r+b") as null:
                p = subprocess.Popen(self.words("--", "sh", "-c", script), preexec_fn=close,
                                     stdin=null, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     text=True)
            out, err = p.communicate(timeout=60)
            self.assertEqual(p.returncode, 0, f"closed {closed}: {out} {err}")
            self.assertEqual(out.startswith("out\n"), 1 not in closed, closed)
            self.assertEqual(err, "" if 2 in closed else "err\n", closed)

    def test_streams_are_passed_through(self):
        r = self.nucleus("--", "sh", "-c", "cat; echo err >&2", input="in\n")
        self.assertEqual((r.stdout, r.stderr), ("in\n", "err\n"))
        data = os.urandom(3_000_000)
        p = subprocess.run(self.words("--", "cat"), input=data, capture_output=True, check=True,
                           timeout=60)
        self.assertEqual(p.stdout, data)

    # ---- little room -----------------------------------------------------------------------------

    def limited(self, which, value, *args):
        def limit():
            resource.setrlimit(which, (value, value))
        return subprocess.run(self.words(*args), preexec_fn=limit, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False, timeout=60)

    def test_ten_descriptors(self):
        """It works, or says which limit is in the way."""
        r = self.limited(resource.RLIMIT_NOFILE, 10, "--", "echo", "hi")
        if r.returncode == 0:
            self.assertEqual(r.stdout, "hi\n")
        else:
            self.assertEqual(r.returncode, REFUSED, r.stderr)
            self.assertRegex(r.stderr, "(?i)too many open files|descriptor|ulimit -n")

    def test_descriptors_from_none_to_enough(self):
        ends = set()
        for n in range(3, 40):
            r = self.limited(resource.RLIMIT_NOFILE, n, "--", "true")
            if "loading shared libraries" in r.stderr:
                continue  # the loader had too few: nucleus did not even start
            self.assertIn(r.returncode, (0, REFUSED), f"{n}: {r.stderr}")
            ends.add(r.returncode)
        self.assertIn(0, ends)

    def test_no_process_left(self):
        if os.geteuid() == 0:
            self.skipTest("root has no limit of processes")
        r = self.limited(resource.RLIMIT_NPROC, 0, "--", "true")
        self.assertEqual(r.returncode, REFUSED)
        self.assertRegex(r.stderr, "(?i)processes|ulimit -u|RLIMIT_NPROC")

    def test_little_memory(self):
        ends = set()
        for mb in (4, 8, 16, 32, 64, 128, 256):
            r = self.limited(resource.RLIMIT_AS, mb << 20, "--", "true")
            self.assertLess(r.returncode, 128, f"{mb} MB: {r.stderr}")
            ends.add(r.returncode)
        self.assertIn(0, ends)

    def test_long_arguments(self):
        """The kernel's bound of one argument is 128 KiB, of all a quarter of the stack."""
        words = ["x" * 100_000] * 15
        self.assertEqual(self.good("--", "sh", "-c", "echo $#", "sh", *words), "15\n")

    def test_argv_of_two_megabytes(self):
        # Past what the first exec takes the caller is told by its own exec; just below it, by us.
        for n in range(15, 25):
            try:
                r = self.nucleus("--", "true", *(["x" * 100_000] * n))
            except OSError as e:
                self.assertEqual(e.errno, 7)
                continue
            self.assertIn(r.returncode, (0, REFUSED), r.stderr)
            if r.returncode:
                self.assertIn("too long", r.stderr)

    def test_limits_inside(self):
        out = self.good("--max-files", "100", "--max-processes", "50", "--max-file-size", "1M",
                        "--", "bash", "-c",
                        "ulimit -n; ulimit -u; ulimit -f; ulimit -Hn; grep core /proc/self/limits")
        self.assertEqual(out.split()[:4], ["100", "50", "1024", "100"])
        # No core file, and the one limit at which no core dump handler of the host is run.
        self.assertRegex(out, r"Max core file size +1 +1 +bytes")


class BadInput(Case):
    """Each: the exit status, and that the message names the option and how to mend it."""

    def refused(self, args, *parts, status=REFUSED):
        r = self.nucleus(*args)
        self.assertEqual(r.returncode, status, f"{args}: {r.stderr}")
        self.assertEqual(r.stdout, "")
        for part in parts:
            self.assertIn(part, r.stderr, args)
        return r.stderr

    def test_flags(self):
        for args, *parts in (
                (["--workspce", "x", "--", "true"], "--workspce", "--workspace?"),
                (["--mode", "foo", "--", "true"], "--mode", "strict-agent"),
                (["--tmp-size", "99999999999999999999", "--", "true"], "--tmp-size"),
                (["--tmp-size", "9999999999T", "--", "true"], "--tmp-size"),
                (["--tmp-size", "abc", "--", "true"], "--tmp-size", "64M"),
                (["--tmp-size", "-1", "--", "true"], "--tmp-size"),
                (["--max-files", "many", "--", "true"], "--max-files"),
                (["--max-files", "1", "--", "true"], "--max-files", "16"),
                (["--timeout", "-1", "--", "true"], "--timeout", "30s"),
                (["--user", "agent:99999999999", "--", "true"], "--user"),
                (["--hostname", "a/b", "--", "true"], "--hostname"),
                (["--env", "FOO", "--", "true"], "--env", "NAME=VALUE"),
                (["--pass-fd", "977", "--", "true"], "977", "hint"),
                (["--pass-fd", "1", "--", "true"], "--pass-fd"),
                (["--workspace-mode", "bind-ro", "--", "true"], "--workspace-mode", "hint"),
                (["--network", "host", "--", "true"], "--network"),
                (["--mode", "strict-agent", "--seccomp", "off", "--", "true"], "seccomp"),
                (["--mode", "production", "--", "true"], "production", "strict-agent"),
                ([], "no program")):
            with self.subTest(args=args):
                self.refused(args, *parts)

    def test_paths(self):
        file, pipe = self.make("file"), self.dir / "pipe"
        os.mkfifo(pipe)
        for args, *parts in (
                (["--workspace", self.dir / "none"], "--workspace", "does not exist", "hint"),
                (["--workspace", file], "--workspace", "not a directory", "hint"),
                (["--workspace", "/"], "--workspace", "root", "hint"),
                (["--workspace", "/proc"], "--workspace", "/proc", "hint"),
                (["--context", self.dir / "none"], "--context", "does not exist"),
                (["--rootfs", file], "--rootfs", "not a directory"),
                (["--volume", f"{self.dir}:/../.."], "--volume", "hint"),
                (["--volume", f"{self.dir}:/a/../b"], "--volume", "hint"),
                (["--volume", f"{self.dir}://"], "--volume", "hint"),
                (["--volume", f"{self.dir}:relative"], "--volume", "hint"),
                (["--volume", f"{self.dir}:/proc/self"], "--volume", "/proc", "hint"),
                (["--volume", f"{self.dir}:/dev/x"], "--volume", "/dev", "hint"),
                (["--volume", f"{self.dir}:/usr"], "--volume", "/usr", "hint"),
                (["--volume", f"{self.dir}:/bin/x"], "--volume", "hint"),
                (["--volume", f"{self.dir}"], "--volume", "hint"),
                (["--volume", f"{self.dir}:/x:rx"], "--volume", "hint"),
                (["--volume", f"{pipe}:/x"], "--volume", "pipe", "hint"),
                (["--volume", "/dev/null:/x"], "--volume", "device", "hint"),
                (["--volume", f"{self.dir}:/x", "--volume", f"{self.dir}:/x"], "/x", "hint"),
                (["--tmpfs", "/etc"], "--tmpfs", "/etc", "hint"),
                (["--tmpfs", "/x:0"], "--tmpfs"),
                (["--cwd", "/nowhere"], "--cwd", "hint")):
            with self.subTest(args=args):
                self.refused([*args, "--", "true"], *parts)

    def test_symlinks_to_nowhere(self):
        os.symlink(self.dir / "none", self.dir / "dangling")
        os.symlink("loop", self.dir / "loop")
        self.refused(["--workspace", self.dir / "dangling", "--", "true"], "--workspace")
        self.refused(["--workspace", self.dir / "loop", "--", "true"], "--workspace")

    def test_programs(self):
        script = self.make("script", "#!/no/such/interpreter\n", 0o755)
        text = self.make("text", "hello", 0o755)
        volume = ["--volume", f"{self.dir}:/v:ro"]
        del script, text
        for program, status in (("no-such-program", NOT_FOUND), ("/no/such/program", NOT_FOUND),
                                ("/v/script", NOT_FOUND), ("/v/text", NOT_EXECUTABLE),
                                ("/etc/passwd", NOT_EXECUTABLE), ("/usr", NOT_EXECUTABLE),
                                ("/etc/passwd/x", NOT_EXECUTABLE), ("", REFUSED)):
            with self.subTest(program=program):
                self.refused([*volume, "--", program], program, status=status)

    def test_documents(self):
        for name, content, *parts in (
                ("unknown.toml", b'mod = "agent"\n', "unknown.toml:1", "mode"),
                ("type.toml", b"[limits]\nfiles = \"many\"\n", "type.toml:2"),
                ("twice.toml", b'mode = "agent"\nmode = "agent"\n', "twice.toml:2"),
                ("latin1.toml", b'mode = "\xe9"\n', "latin1.toml:1"),
                ("nul.toml", b'mode = "agent"\n\0\n', "nul.toml:2"),
                ("overflow.toml", b"[limits]\nfiles = 99999999999999999999\n", "overflow.toml:2"),
                ("json.json", b'{"mode": "agent", "mode": "agent"}', "json.json"),
                ("open.json", b'{"mode": ', "open.json")):
            with self.subTest(name=name):
                (self.dir / name).write_bytes(content)
                self.refused(["--config", self.dir / name, "--", "true"], *parts)

    def test_document_of_a_hundred_megabytes(self):
        huge = self.dir / "huge.toml"
        with open(huge, "wb") as f:
            f.truncate(100 << 20)
        started = time.monotonic()
        self.refused(["--config", huge, "--", "true"], "huge.toml")
        self.assertLess(time.monotonic() - started, patience(5))
        self.refused(["--config", self.dir, "--", "true"], str(self.dir))
        self.refused(["--config", "/dev/zero", "--", "true"], "/dev/zero")
        self.refused(["--config", self.dir / "none.toml", "--", "true"], "none.toml")


CASES = (Life, BadInput)
