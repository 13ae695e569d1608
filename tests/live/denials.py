# SPDX-License-Identifier: MIT
"""What is told of refusals: by whom, how, and what a hostile program can make of it."""

import json
import os
import stat
import subprocess
import time

from sandbox import PATIENCE, Case, patience

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
        self.assertEqual(self.nucleus(*python(f"call({CAPGET}, 0, 0)")).stderr, "")
        self.assertEqual(self.nucleus("--observe", "off", *python(f"call({PTRACE}, 16); exit(3)")).stderr, "")

    def test_what_programs_live_without_is_told_last(self):
        """In two lines, and only where nothing weightier was refused."""
        r = self.nucleus(*python(f"call({CAPGET}, 0, 0); exit(3)"))
        self.assertRegex(r.stderr, r"\Anucleus: refused, though most programs live without it:\n"
                                   r"  python3\[\d+\]: syscall:capget: EPERM by seccomp\n\Z")
        r = self.nucleus(*python(f"call({PTRACE}, 16); call({CAPGET}, 0, 0); exit(3)"))
        self.assertIn("most likely why it failed", r.stderr)
        self.assertNotIn("capget", r.stderr)
        self.assertEqual(self.nucleus("--quiet", *python(f"call({CAPGET}, 0, 0); exit(3)")).stderr, "")

    def test_priorities_are_told(self):
        """nice and ionice end without having done what they are for."""
        for words, call in ((("nice", "-n", "5", "true"), "getpriority"), (("ionice", "-c", "3", "true"), "ioprio_set"),
                            (("chrt", "-p", "1"), "sched_getattr")):
            r = self.nucleus("--", *words)
            self.assertNotEqual(r.returncode, 0)
            self.assertIn("most likely why it failed", r.stderr)
            self.assertIn(f"syscall:{call}", r.stderr)

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

    def test_processes_that_the_filter_ended(self):
        """The program, an orphan that init reaps, a child of which only the program's status tells."""
        bad = "import ctypes; ctypes.CDLL(None).syscall(246, 0, 0, 0, 0)"  # kexec_load
        orphan = f"""
import os, time
r, w = os.pipe()
if os.fork() == 0:
    pid = os.fork()
    if pid == 0:
        {bad}
    os.write(w, b"%d" % pid)
    os._exit(0)
os.wait()
pid = int(os.read(r, 20))
try:  # until init has reaped it: with this program all would end
    while True:
        os.kill(pid, 0)
        time.sleep(0.01)
except ProcessLookupError:
    pass
"""
        for words, code in ((("python3", "-c", bad), 128 + 31),
                            (("python3", "-c", orphan), 0),
                            (("sh", "-c", f"exec 2>/dev/null; python3 -c '{bad}'; exit $?"), 128 + 31)):
            found = self.records("--", *words, code=code)
            self.assertEqual([(d["layer"], d["operation"], d["certainty"]) for d in found],
                             [("seccomp", "syscall", "inferred")], words)
            self.assertIn("SIGSYS", found[0]["rule"])

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

    def test_stderr_that_nobody_reads_keeps_no_exit_status(self):
        """What is told at the end is dropped, too, and a flood of lines is not waited for one by one."""
        full = ("import ctypes, os, time\nc = ctypes.CDLL(None)\nos.set_blocking(2, False)\n"
                "for n in (4096, 1):\n    try:\n        while True: os.write(2, b'x' * n)\n"
                "    except BlockingIOError: pass\n"
                "for i in range(600): c.syscall(101, 16 + i, 1, 0, 0); time.sleep(0.002)\n"
                "os.set_blocking(2, True)\nos._exit(3)\n")
        for flags in ([], ["--denials", "text"], ["--denials", "json"]):
            r, w = os.pipe()
            try:
                status = subprocess.run(self.words(*flags, "--", "/usr/bin/python3", "-c", full), stderr=w,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False,
                                        env=self.environment(), timeout=PATIENCE / 6).returncode
            finally:
                os.close(r)
                os.close(w)
            self.assertEqual(status, 3, flags)

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


# What a program does, and by what it is then refused: run inside, it says how each ended.
ACTS = """
import errno, os, socket, sys
def act(question, what):
    try: what(); result = 'OK'
    except OSError as e: result = errno.errorcode[e.errno]
    print(question, result)
act('open:/etc/shadow', lambda: open('/etc/shadow').close())
act('open:/etc/passwd', lambda: open('/etc/passwd').close())
act('write:/workspace/file', lambda: open('/workspace/file', 'a').close())
act('write:/workspace/new', lambda: open('/workspace/new', 'w').close())
act('create:/workspace/dir', lambda: os.mkdir('/workspace/dir'))
act('remove:/workspace/file', lambda: os.unlink('/workspace/file'))
act('create:/workspace/other', lambda: os.rename('/workspace/file', '/workspace/other'))
act('write:/usr/bin/env', lambda: os.chmod('/usr/bin/env', 0o777))
act('write:/etc/hosts', lambda: open('/etc/hosts', 'w').close())
act('create:/usr/share/new', lambda: os.symlink('x', '/usr/share/new'))
act('create:/srv/deep/dir', lambda: os.mkdir('/srv/deep/dir'))
os.chdir('/usr/share')
act('create:/usr/share/relative', lambda: os.mkdir('relative'))
fd = os.open('/usr', os.O_RDONLY)
act('create:/usr/at', lambda: os.mkdir('at', dir_fd=fd))
open('/tmp/program', 'w').write('#!/bin/sh\\n'); os.chmod('/tmp/program', 0o755)
act('exec:/tmp/program', lambda: os.execv('/tmp/program', ['x']))
act('connect:192.0.2.1:443', lambda: socket.create_connection(('192.0.2.1', 443)))
act('connect:[2001:db8:0:0:0:0:0:1]:443', lambda: socket.create_connection(('2001:db8::1', 443)))
act('bind:80', lambda: socket.socket().bind(('127.0.0.1', 80)))
act('bind:0', lambda: socket.socket().bind(('127.0.0.1', 0)))
act('create:/tmp/fine', lambda: os.mkdir('/tmp/fine'))
act('remove:/tmp/fine', lambda: os.rmdir('/tmp/fine'))
"""

HOSTILE = """
import ctypes, mmap, os, threading
libc = ctypes.CDLL(None, use_errno=True)
call = libc.syscall
# Pointers to nothing, to the kernel, to the end of a page before a hole, to a string without an end.
page = mmap.mmap(-1, 8192)
at = ctypes.addressof(ctypes.c_char.from_buffer(page))
libc.munmap(ctypes.c_void_p(at + 4096), 4096)
ctypes.memset(at, ord('a'), 4096)
for path in (0, 1, 2**64 - 1, 2**63, 0xffffffff81000000, at, at + 4095, at + 4000):
    for nr in (2, 257, 83, 87, 82, 59, 88, 90):
        a = ctypes.c_void_p(path)
        call(nr, a, a, a, 0) if nr != 257 else call(nr, -100, a, 0, 0)
for length in (-1, 0, 1, 2, 3, 15, 16, 28, 109, 110, 128, 2**31 - 1):
    for a in (0, 1, at, at + 4090, 2**63):
        call(42, 3, ctypes.c_void_p(a), length); call(49, 3, ctypes.c_void_p(a), length)
# Nothing of this may make init wait.
os.symlink('/tmp/loop', '/tmp/loop')
for name in ('/tmp/loop', '/tmp/' + 'x' * 255, '/' + 'x/' * 2000, '/proc/self/mem', '/proc/self/fd/0', '/dev/fd/1',
             '/proc/1/fd/3', '/proc/1/mem', '/dev/stdin', '/dev/ptmx', '/proc/self/cwd/x', '..', '.', '/', '//',
             '/../..', '/workspace/fifo', '/workspace/fifo/x', 'a' * 4095, '\\x1b[31m', 'a\\nb', '"}'):
    for flags in (os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK):
        try: os.close(os.open(name, flags, 0o600))
        except OSError: pass
# Processes that die in the call, and names that change meanwhile.
def swap():
    for i in range(300):
        try: os.rename('/tmp/a', '/tmp/b'); os.rename('/tmp/b', '/tmp/a')
        except OSError: pass
open('/tmp/a', 'w').close()
threads = [threading.Thread(target=swap) for _ in range(4)]
for t in threads: t.start()
for i in range(30):
    pid = os.fork()
    if pid == 0:
        while True:
            try: open('/tmp/a').close(); open('/etc/none').close()
            except OSError: pass
    os.kill(pid, 9); os.waitpid(pid, 0)
for t in threads: t.join()
print('survived')
"""


class OtherLayers(Case):
    """--observe all: refusals by mounts, permissions and the network."""

    def records(self, *args):
        r = self.nucleus("--quiet", "--observe", "all", "--denials", "json", *args)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout, [json.loads(line) for line in r.stderr.splitlines() if line.startswith("{")]

    def test_what_is_told_is_what_happened(self):
        workspace = self.make_dir("workspace")
        self.make("workspace/file", "x", mode=0o666)
        out, found = self.records("--workspace", workspace, "--workspace-mode", "bind-ro", "--", "python3", "-c",
                                  ACTS)
        happened = dict(line.rsplit(" ", 1) for line in out.splitlines())
        refused = {q: e for q, e in happened.items() if e != "OK"}
        self.assertGreaterEqual(len(refused), 15, happened)
        told = {f"{d['operation']}:{d['target']}": d for d in found}
        for question, error in refused.items():
            self.assertIn(question, told)
            self.assertEqual(told[question]["errno"], error, question)
            self.assertEqual(told[question]["certainty"], "inferred")
        for question in happened.keys() - refused.keys():
            self.assertNotIn(question, told)
        self.assertIn("--workspace-mode bind-rw", told["create:/workspace/dir"]["fix"])
        self.assertIn("password hashes", told["open:/etc/shadow"]["fix"])
        # Only mode agent lets that be given.
        network = told["connect:192.0.2.1:443"]["fix"]
        self.assertEqual("--network host" in (network or ""), self.mode == "agent")

    def test_programs_do_not_notice(self):
        text = """cd /tmp; for i in 1 2 3 4 5 6 7 8 9; do echo $i > f$i; done; mkdir -p a/b/c; cp f* a/b; mv a d
                  ln -s d/b link; cat link/f* | tr -d '\n'; rm -r d; ls | wc -l; exec sh -c 'echo done'"""
        out, _ = self.records("--", "sh", "-c", text)
        self.assertEqual(out, "12345678910\ndone\n")

    def test_nothing_weighty_is_told_of_programs_that_work(self):
        for words in (("bash", "-lc", "true"), ("python3", "-c", "import json, subprocess; subprocess.run(['true'])"),
                      ("sh", "-c", "cd /tmp; echo 'int main(){return 0;}' > a.c; gcc -c a.c"), ("git", "--version")):
            _, found = self.records("--", *words)
            self.assertEqual([d for d in found if d["weight"] == "high"], [], words)

    def test_init_survives_hostile_programs(self):
        os.mkfifo(self.make_dir("workspace") / "fifo")
        out, found = self.records("--timeout", "60s", "--workspace", self.dir / "workspace", "--workspace-mode",
                                  "bind-rw", "--", "python3", "-c", HOSTILE)
        self.assertEqual(out, "survived\n")
        for d in found:
            for value in d.values():
                self.assertFalse(isinstance(value, str) and any(ord(c) < 32 for c in value), d)

    def test_a_landlock_policy_of_ones_own(self):
        policy = self.make("policy.toml", "min_abi = 1\n[[rules]]\npath = \"/\"\n"
                           "access = [\"read\", \"execute\", \"readdir\"]\n")
        text = ("import errno\ntry: open('/tmp/x', 'w')\nexcept OSError as e: print(errno.errorcode[e.errno])")
        out, found = self.records("--landlock-policy", policy, "--", "python3", "-c", text)
        self.assertEqual(out, "EACCES\n")
        told = [d for d in found if d["operation"] == "write" and d["target"] == "/tmp/x"]
        self.assertEqual([(d["layer"], d["errno"]) for d in told], [("landlock", "EACCES")], found)


CASES = (Denials, OtherLayers)
