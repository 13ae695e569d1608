# SPDX-License-Identifier: MIT
"""What is told of refusals: by whom, how, and what a hostile program can make of it."""

import json
import os
import stat
import subprocess
import time

from sandbox import Case, patience

CALL = "import ctypes; call = ctypes.CDLL(None, use_errno=True).syscall; "
PTRACE, MOUNT, CAPGET = 101, 165, 125
REFUSED = 125


def python(text):
    return ("--", "python3", "-c", CALL + text)


class Denials(Case):
    def records(self, *args, code=0):
        """What --denials json says, beside nothing else on stderr."""
        r = self.nucleus("--quiet", "--denials", "json", *args)
        self.assertEqual(r.returncode, code, r.stderr)
        return [json.loads(line) for line in r.stderr.splitlines()]

    def test_a_refused_call(self):
        before = time.time()
        found = self.records(*python(f"call({PTRACE}, 16, 1, 0, 0); raise SystemExit(3)"), code=3)
        self.assertEqual(len(found), 1, found)
        d = found[0]
        self.assertEqual((d["program"], d["layer"], d["operation"], d["errno"], d["certainty"],
                          d["count"], d["weight"]),
                         ("python3", "seccomp", "syscall", "EPERM", "certain", 1, "high"))
        self.assertTrue(d["target"].startswith("ptrace(16"), d)
        self.assertIn("this opens: ", d["fix"])
        self.assertGreater(d["pid"], 1)
        told = time.mktime(time.strptime(d["time"][:19] + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone
        self.assertLess(abs(told - before), patience(60))

    def test_its_target_is_a_question(self):
        d = self.records(*python(f"call({PTRACE}, 16, 1, 0, 0)"))[0]
        r = subprocess.run([self.nucleus_path, "why", "--mode", self.mode,
                            f"{d['operation']}:{d['target']}"], capture_output=True, text=True, check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("refused by seccomp (EPERM)", r.stdout)

    def test_a_failed_run_says_why(self):
        r = self.nucleus(*python(f"call({MOUNT}, 0, 0, 0, 0, 0); call({PTRACE}, 16, 1, 0, 0); exit(3)"))
        self.assertEqual(r.returncode, 3)
        lines = r.stderr.splitlines()
        self.assertIn("most likely why it failed", lines[0])
        # The last one first.
        self.assertIn("syscall:ptrace(16", lines[1])
        self.assertTrue(any("syscall:mount" in line for line in lines[4:]), lines)
        self.assertIn("to allow it: --seccomp-profile", r.stderr)

    def test_no_more_than_three_are_named(self):
        calls = "".join(f"call({nr}, 0, 0, 0, 0, 0);" for nr in (PTRACE, MOUNT, 272, 308, 155))
        r = self.nucleus(*python(calls + "exit(3)"))
        self.assertEqual(r.stderr.count("rule: "), 3, r.stderr)

    def test_what_worked_and_what_is_quiet(self):
        self.assertEqual(self.nucleus(*python(f"call({PTRACE}, 16)")).stderr, "")
        self.assertEqual(self.nucleus("--quiet", *python(f"call({PTRACE}, 16); exit(3)")).stderr, "")
        # Programs live without these.
        self.assertEqual(self.nucleus(*python(f"call({CAPGET}, 0, 0); exit(3)")).stderr, "")
        self.assertEqual(self.nucleus("--observe", "off", *python(f"call({PTRACE}, 16); exit(3)")).stderr, "")

    def test_the_status_descriptor_has_them(self):
        r, w = os.pipe()
        with os.fdopen(r) as status:
            p = subprocess.run(self.words("--status-fd", w, "--quiet", *python(f"call({PTRACE}, 16); exit(3)")),
                               pass_fds=[w], check=False, env=self.environment())
            os.close(w)
            record = json.load(status)
        self.assertEqual((p.returncode, record["outcome"], len(record["denials"])), (3, "exited", 1))
        self.assertEqual(record["denials"][0]["layer"], "seccomp")

    def test_a_file_of_ones_own(self):
        path = self.dir / "denials"
        for lines in (1, 2):
            self.good("--denials", path, *python(f"call({PTRACE}, 16)"))
            self.assertEqual(len([json.loads(x) for x in path.read_text().splitlines()]), lines)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_files_that_are_none(self):
        target = self.make("target", "")
        link = self.dir / "link"
        link.symlink_to(target)
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        other = self.make("other", mode=0o666)
        twin = self.make("twin")
        os.link(twin, self.dir / "twin2")
        workspace = self.make_dir("workspace")
        (workspace / "below").mkdir()
        around = self.dir / "around"
        around.symlink_to(workspace / "below")
        for path, word in ((link, "cannot open"), (fifo, ""), ("/dev/null", "could write"), ("/dev/zero", "could write"),
                           (other, "others"), (twin, "others"), (self.dir / "no" / "dir", "cannot open"),
                           (workspace / "x", "could write"), (workspace / "below" / "x", "could write"),
                           (around / "x", "could write")):
            r = self.nucleus("--workspace", workspace, "--workspace-mode", "bind-rw", "--denials", path,
                             "--", "true")
            self.assertEqual(r.returncode, REFUSED, path)
            self.assertIn("--denials", r.stderr)
            self.assertIn(word, r.stderr)
        self.assertEqual(list((workspace / "below").iterdir()), [])
        # What the program may only read is a place like any other.
        self.good("--workspace", workspace, "--workspace-mode", "bind-ro", "--denials", workspace / "x",
                  "--", "true")
        self.assertTrue((workspace / "x").exists())

    def test_the_time_limit(self):
        r = self.nucleus("--timeout", "300ms", "--", "sleep", "60")
        self.assertEqual(r.returncode, 124)
        self.assertIn("limits.timeout = 300 ms was over", r.stderr)
        self.assertIn("--timeout", r.stderr)

    # ---- hostile programs ------------------------------------------------------------------------

    def test_names_cannot_forge(self):
        """A name with a newline, an escape sequence, the end of a JSON string: one record each."""
        evil = [b'a\n{"pid":1}', b"\x1b[31mred", b'"},{"x":"', b"\xff\xfe\xfd", b"\xc2\x9b31m"]
        text = "import ctypes as c; p = c.CDLL(None).prctl;" + "".join(
            f"p(15, c.c_char_p({name!r})); call({PTRACE}, {i + 1}, 0, 0, 0);" for i, name in enumerate(evil))
        found = self.records(*python(text))
        self.assertEqual(len(found), len(evil), found)
        self.assertTrue(all(d["pid"] > 1 for d in found))
        self.assertEqual([d["program"] for d in found],
                         ['a\\x0a{"pid":1}', "\\x1b[31mred", '"},{"x":"', "\\xff\\xfe\\xfd",
                          "\\xc2\\x9b31m"])
        r = self.nucleus("--denials", "text", *python(text + "exit(3)"))
        self.assertEqual(r.stderr.count("nucleus: refused: "), len(evil))
        self.assertNotIn("\x1b", r.stderr)
        self.assertNotIn("\x9b", r.stderr)

    def test_no_descriptor_leads_to_the_records(self):
        """All that it has, and all that it can open of itself and init."""
        text = """
import os, glob
record = b'A' * 520
for fd in range(3, 4096):
    try: os.write(fd, record); print('wrote to', fd)
    except OSError: pass
for path in glob.glob('/proc/1/fd/*') + glob.glob('/proc/self/fd/*') + ['/proc/1/fd/%d' % i for i in range(64)]:
    if '/self/' in path and int(path.rsplit('/')[-1]) < 3: continue
    try:
        with open(path, 'wb', 0) as f: f.write(record); print('wrote to', path)
    except OSError: pass
"""
        r = self.nucleus("--quiet", "--denials", "json", "--", "python3", "-c", text)
        self.assertEqual((r.returncode, r.stdout), (0, ""))
        for line in r.stderr.splitlines():
            self.assertEqual(json.loads(line)["layer"], "seccomp", line)

    def test_a_flood_is_bounded(self):
        started = time.monotonic()
        found = self.records(*python(f"\nfor i in range(100000): call({PTRACE}, i, i, i, i)\n"))
        took = time.monotonic() - started
        dropped = sum(d["count"] for d in found if d["operation"] == "dropped")
        told = [d for d in found if d["operation"] != "dropped"]
        # A burst, and then some hundred a second.
        self.assertLess(len(told), 300 + 260 * took)
        self.assertGreater(dropped, 0)
        self.assertGreaterEqual(dropped + len(told), 100000)

    def test_the_same_call_again_is_counted(self):
        found = self.records(*python(f"\nfor i in range(1000): call({PTRACE}, 16, 0, 0, 0, 0, 0)\n"))
        self.assertLess(len(found), 20)
        self.assertEqual(found[-1]["count"], 512)

    def test_stderr_that_nobody_reads_stops_nothing(self):
        """The program fills the pipe that it shares with nucleus, which still passes signals on."""
        r, w = os.pipe()
        p = subprocess.Popen(self.words("--denials", "text", *python(
            f"\nimport os, fcntl\nfcntl.fcntl(2, fcntl.F_SETPIPE_SZ, 4096)\nos.set_blocking(2, False)\n"
            f"print('up', flush=True)\n"
            f"while True:\n  call({PTRACE}, os.getpid())\n"
            "  try: os.write(2, b'x' * 4096)\n  except OSError: pass\n")),
            stdout=subprocess.PIPE, stderr=w, env=self.environment())
        os.close(w)
        p.stdout.readline()
        p.terminate()
        try:
            self.assertEqual(p.wait(timeout=patience(20)), 128 + 15)
        finally:
            p.kill()
            p.stdout.close()
            os.close(r)

    def test_threads_forks_and_execs(self):
        text = f"""
import os, threading
def refused():
    call({PTRACE}, 0, 0, 0, 0)
    return __import__('ctypes').get_errno()
bad = []
def one():
    if refused() != 1: bad.append(1)
threads = [threading.Thread(target=one) for _ in range(200)]
for t in threads: t.start()
for t in threads: t.join()
for i in range(20):
    if os.fork() == 0:
        os._exit(0 if refused() == 1 else 1)
for i in range(20):
    if os.wait()[1]: bad.append(2)
# An exec from a thread ends the others, whatever they wait for.
def forever():
    while True: refused()
for i in range(20): threading.Thread(target=forever, daemon=True).start()
threading.Thread(target=lambda: os.execv('/bin/sh', ['sh', '-c', 'exit %d' % len(bad)])).start()
threading.Event().wait()
"""
        self.records(*python(text))

    def test_others_are_told_by_their_own_names(self):
        found = self.records("--", "sh", "-c", "unshare -U true 2>/dev/null; exit 0")
        self.assertEqual([d["program"] for d in found], ["unshare"])


CASES = (Denials,)
