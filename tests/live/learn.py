# SPDX-License-Identifier: MIT
"""Learning: what is recorded of real and of hostile programs, and that they run under what was learned."""

import glob
import json
import os
import pathlib
import shutil
import subprocess

from programs import C_MAIN, MAKEFILE, PYTHON
from sandbox import Case, patience, processes_with, wait_until

BUSY = """
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void *calls(void *n)
{
	for (long i = 0; i < (long)n; i++)
		syscall(SYS_getppid);
	return NULL;
}
int main(void)
{
	pthread_t t[50];
	for (int i = 0; i < 50; i++)
		if (pthread_create(&t[i], NULL, calls, (void *)200))
			return 1;
	for (int i = 0; i < 50; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return 2;
		if (pid == 0) {
			calls((void *)10);
			_exit(0);
		}
		if (i % 10 == 9)
			while (wait(NULL) > 0)
				;
	}
	return 0;
}
"""

# Each name is a new form, so that the table of what was written overflows (3/4 of 65536).
MANY_NAMES = """
import ctypes, os
libc = ctypes.CDLL(None)
for i in range(30000):
    libc.prctl(15, b"%x" % i, 0, 0, 0)
    os.getppid()
"""

FORGER = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None)
record = b'"}\n{"t":1,"pid":2,"comm":"x","call":"mount","nr":165,"refused":true}\n'
for at in range(0, len(record), 15):
    libc.prctl(15, record[at:at + 15], 0, 0, 0)
    os.getppid()
for name in (b'a"b', b'a\nb', b'a\\b', b'\xff\xfe', b'\x1b[2J', b'\xe2\x80\xae', b'\xc2\x9b', b'\xe2\x82',
             b'"}\n{"op":"read"', record[:60].replace(b"/", b"_")):
    libc.prctl(15, name, 0, 0, 0)
    os.close(os.open(b"/tmp/" + name, os.O_CREAT | os.O_RDWR))
    os.rename(b"/tmp/" + name, b"/tmp/z" + name)
os.mkdir(b"/tmp/" + b"d" * 200)
path = b"/tmp"
for _ in range(18):
    path += b"/" + b"d" * 200
    os.makedirs(path, exist_ok=True)
    os.close(os.open(path + b"/" + b"\x01" * 200, os.O_CREAT))
"""

# Callers that are killed, stopped, or end while init looks at their calls.
SHORT_LIVED = """
import os, signal, threading, time
for i in range(60):
    pid = os.fork()
    if pid == 0:
        if i % 3 == 0: os._exit(0)
        if i % 3 == 1: os.kill(os.getpid(), signal.SIGSTOP)
        threading.Thread(target=lambda: [os.stat("/") for _ in range(10 ** 6)]).start()
        while True: os.open("/etc/passwd", os.O_RDONLY | os.O_CLOEXEC) and os.closerange(3, 20)
    time.sleep(0.002 * (i % 5))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
pid = os.fork()
if pid == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(7)
os.waitpid(pid, os.WUNTRACED)
for _ in range(2000): os.getppid()
os.kill(pid, signal.SIGCONT)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
"""

WATCHES_ITSELF = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def expect(result, error):
    assert result == -1 and ctypes.get_errno() == error, (result, ctypes.get_errno())
expect(libc.ptrace(0, 0, 0, 0), 1)
expect(libc.mount(None, b"/tmp", b"tmpfs", 0, None), 1)
expect(libc.unshare(0x10000000), 1)
expect(libc.syscall(425, 1, 0), 38)  # io_uring_setup
os.mkfifo("/tmp/fifo")  # not on the built-in list, and yet it is run
assert not [l for l in os.listdir("/proc/self/fd") if "trace" in os.path.realpath("/proc/self/fd/" + l)]
s = socket.socket(); s.bind(("127.0.0.1", 8080)); s.listen()
c = socket.create_connection(("127.0.0.1", 8080))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 5353))
os.chdir("/workspace")
open("made", "w").write("x")
os.rename("made", "sub/moved")
open("link").read()
os.listdir("/proc/self")
"""


class Learned(Case):
    """Learns in mode agent, whatever mode the case is for."""

    def setUp(self):
        super().setUp()
        self.workspace = self.make_dir("workspace")

    def trace(self, name, *args, flag="--learn"):
        """Runs what must end well, and gives the trace."""
        path = self.dir / name
        more = [] if flag == "--learn" else ["--seccomp-mode", "trace"]
        r = self.nucleus("--mode", "agent", "--quiet", *more, flag, path, *args)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        return path

    def records(self, path):
        """All lines, each of which must be a record, and the last of which the totals."""
        lines = pathlib.Path(path).read_bytes().decode("utf-8").split("\n")
        self.assertEqual(lines.pop(), "")
        records = [json.loads(line) for line in lines]
        self.assertEqual(records[0]["nucleus_trace"], 1)
        self.assertIs(records[-1]["end"], True)
        self.assertEqual(records[-1]["records"], len(records))
        self.assertEqual(records[-1]["lost"], 0)
        return records

    def generate(self, what, *traces, flags=()):
        out = self.dir / f"{what}-policy"
        r = subprocess.run([self.nucleus_path, what, "generate", *flags, "-o", out, *traces], text=True,
                           capture_output=True, check=False, timeout=60)
        self.assertEqual(r.returncode, 0, r.stderr)
        return out, r.stderr

    def python(self, name, program, *flags, **how):
        return self.trace(name, "--workspace", self.workspace, *flags, "--", "/usr/bin/python3", "-I", "-c",
                          program, **how)


class Traces(Learned):
    def test_nothing_is_lost(self):
        self.require("/usr/bin/gcc")
        source = self.make("busy.c", BUSY)
        subprocess.run(["gcc", "-O1", "-pthread", "-o", self.workspace / "busy", source], check=True)
        path = self.trace("trace", "--workspace", self.workspace, "--workspace-exec", "--", "/workspace/busy",
                          flag="--seccomp-log")
        end = self.records(path)[-1]
        self.assertEqual([end["by_call"][c] for c in ("execve", "exit", "exit_group")], [1, 50, 301])
        self.assertEqual(end["by_call"]["getppid"], 50 * 200 + 300 * 10)
        self.assertGreaterEqual(end["calls"], sum(end["by_call"].values()))

    def test_what_why_says_of_an_answered_call_can_be_done(self):
        watches = ("import ctypes, os; c = ctypes.CDLL(None); fd = c.inotify_init1(0)\n"
                   "if fd >= 0: assert c.inotify_add_watch(fd, b'/tmp', 0x100) == 1\n"
                   "open('/tmp/file', 'w').close()\nprint(os.read(fd, 4096)[16:20] if fd >= 0 else 'none')\n")
        trace = self.python("trace", watches)
        r = subprocess.run([self.nucleus_path, "why", "syscall:inotify_init1"], text=True, capture_output=True,
                           check=False)
        flags = r.stdout.split("see nucleus seccomp generate ")[1].split()
        self.assertEqual(flags, ["--allow-dangerous", "inotify_init1"])
        for more, expected in (((), "none\n"), (flags, "b'file'\n")):
            profile, _ = self.generate("seccomp", trace, flags=more)
            self.assertEqual(self.good("--seccomp-profile", profile, "--workspace", self.workspace, "--",
                                       "/usr/bin/python3", "-I", "-c", watches), expected)

    def test_what_is_recorded(self):
        self.make_dir("workspace/sub")
        self.make("workspace/target", "x")
        (self.workspace / "link").symlink_to("target")
        records = self.records(self.python("trace", WATCHES_ITSELF))
        calls = {r["call"]: r for r in records if "call" in r}
        for name in ("ptrace", "mount", "unshare"):
            self.assertIs(calls[name].get("refused"), True, name)
        self.assertEqual(calls["io_uring_setup"]["answer"], 38)
        self.assertNotIn("answer", calls["mknodat"])
        self.assertEqual(calls["mknodat"]["args"], {"type": 0o010000})
        seen = {(r["op"], r.get("path", r.get("port"))): r for r in records if "op" in r}
        for key in (("exec", os.path.realpath("/usr/bin/python3")), ("create", "/workspace/made"),
                    ("create", "/workspace/sub/moved"), ("remove", "/workspace/made"),
                    ("refer", "/workspace"), ("refer", "/workspace/sub"), ("read", "/workspace/target"),
                    ("bind", 8080), ("connect", 8080), ("bind", 5353), ("create", "/tmp/fifo")):
            self.assertIn(key, seen)
        self.assertEqual(seen["bind", 8080]["type"], "stream")
        self.assertEqual(seen["bind", 5353]["type"], "dgram")
        self.assertEqual(seen["create", "/tmp/fifo"]["kind"], "fifo")
        profile, notes = self.generate("seccomp", self.dir / "trace")
        self.assertIn("ptrace was called by python3 and is left out", notes)
        names = {n for s in json.loads(profile.read_text())["syscalls"] if s["action"] == "SCMP_ACT_ALLOW"
                 for n in s["names"]}
        self.assertFalse(names & {"mount", "ptrace", "unshare", "io_uring_setup", "clone3"})
        policy = self.generate("policy", self.dir / "trace")[0].read_text()
        self.assertIn("bind = [8080]\nconnect = [8080]\n", policy)

    def test_a_script_and_what_runs_it(self):
        self.make("workspace/one", "#!/workspace/two -x\n", 0o755)
        self.make("workspace/two", "#! /usr/bin/env bash\n:\n", 0o755)
        path = self.trace("trace", "--workspace", self.workspace, "--workspace-exec", "--", "/workspace/one")
        executed = [(r["path"], r.get("for")) for r in self.records(path) if r.get("op") == "exec"]
        loader = os.path.realpath("/lib64/ld-linux-x86-64.so.2")
        self.assertEqual(executed[:4], [("/workspace/one", None), ("/workspace/two", "/workspace/one"),
                                        ("/usr/bin/env", "/workspace/one"), (loader, "/workspace/one")])
        self.assertIn("/usr/bin/bash", [e[0] for e in executed])

    def test_no_record_is_forged(self):
        records = self.records(self.python("trace", FORGER))
        self.assertNotIn("mount", [r.get("call") for r in records])
        # Kept to its 15 bytes, as it is.
        self.assertIn("\"}\n{\"t\":1,\"pid\"", {r["comm"] for r in records if "comm" in r})
        paths = {r["path"] for r in records if "path" in r}
        for name in ('a"b', "a\nb", "a\\b", "\x1b[2J", '"}\n{"op":"read"'):
            self.assertIn("/tmp/z" + name, paths)
        self.assertFalse([r for r in records if r.get("path") == "/tmp/\ufffd\ufffd" and "exact" not in r])
        # As bytes, too: nothing that acts on a terminal.
        text = (self.dir / "trace").read_bytes()
        self.assertFalse(set(text) & (set(range(32)) - {10} | {127}))
        self.assertNotIn(b"\xc2\x9b", text)
        self.generate("seccomp", self.dir / "trace")
        self.generate("policy", self.dir / "trace")

    def test_a_table_that_is_full(self):
        records = self.records(self.python("trace", MANY_NAMES, flag="--seccomp-log"))
        self.assertGreaterEqual(len({r["comm"] for r in records if r.get("call") == "getppid"}), 30000)
        self.generate("seccomp", self.dir / "trace")

    def test_callers_that_are_gone(self):
        records = self.records(self.python("trace", SHORT_LIVED))
        self.assertEqual(records[-1]["by_call"]["getppid"], 2000)

    def test_a_trace_is_a_new_file(self):
        taken = self.make("taken", "precious")
        link = self.dir / "link"
        link.symlink_to("nowhere")
        for path in (taken, link, self.dir, self.dir / "no" / "such"):
            r = self.nucleus("--mode", "agent", "--learn", path, "--", "/bin/true")
            self.assertEqual(r.returncode, 125, r.stderr)
            self.assertIn("for the trace", r.stderr)
        self.assertEqual(taken.read_text(), "precious")
        self.assertFalse((self.dir / "nowhere").exists())
        # Nothing has run: no trace is left that would say that nothing was done.
        r = self.nucleus("--mode", "agent", "--quiet", "--learn", self.dir / "t", "--", "/no/such/program")
        self.assertEqual(r.returncode, 127, r.stderr)
        self.assertFalse((self.dir / "t").exists())
        path = self.trace("t", "--", "/bin/true")
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o600)

    def test_only_in_mode_agent(self):
        for key, *words in (["security.learn", "--learn", self.dir / "t"],
                            ["security.seccomp-mode", "--seccomp-mode", "trace", "--seccomp-log", self.dir / "t"]):
            r = self.nucleus("--mode", "strict-agent", *words, "--", "/bin/true")
            self.assertEqual(r.returncode, 125)
            self.assertIn(f"mode strict-agent refuses {key}", r.stderr)
            r = self.nucleus("--mode", "production", *words, "--", "/bin/true")
            self.assertEqual(r.returncode, 125)
        for words in (["--seccomp-mode", "trace"], ["--seccomp-log", self.dir / "t"],
                      ["--learn", self.dir / "t", "--seccomp-mode", "trace", "--seccomp-log", self.dir / "u"],
                      ["--learn", self.dir / "t", "--seccomp", "off"]):
            r = self.nucleus("--mode", "agent", *words, "--", "/bin/true")
            self.assertEqual(r.returncode, 125, words)
        self.assertFalse((self.dir / "t").exists())
        r = self.nucleus("--mode", "agent", "--learn", self.dir / "t", "--", "/bin/true")
        self.assertIn("seccomp is not enforced: the program is traced", r.stderr)

    def test_the_caller_may_die(self):
        p = subprocess.Popen(self.words("--mode", "agent", "--quiet", "--learn", self.dir / "t", "--",
                                        "/bin/sh", "-c", "echo; while :; do :; done"),
                             stdout=subprocess.PIPE, env=self.environment())
        p.stdout.readline()
        p.kill()
        p.wait()
        p.stdout.close()
        # Nobody waits for the sandbox's end any more.
        wait_until(lambda: not processes_with(self.mark), "the sandbox's end")
        # Whether it has an end or not, it is used.
        self.generate("seccomp", self.dir / "t")


class RoundTrips(Learned):
    """Traced, learned, and run under that. `ln` makes a call that none of these makes: linkat."""

    def tree(self, source):
        """The workspace as it was at first."""
        for path in self.workspace.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.copytree(source, self.workspace, symlinks=True, dirs_exist_ok=True)

    def round_trip(self, name, script, *flags, good, bound=None, bound_good=None):
        source = self.dir / "source"
        shutil.copytree(self.workspace, source, symlinks=True)
        flags = ("--workspace", self.workspace, "--timeout", f"{patience(300)}s", *flags)
        words = ("--", "/bin/bash", "-euo", "pipefail", "-c", script)
        trace = self.trace("trace", *flags, *words)
        profile = self.generate("seccomp", trace)[0]
        policy, notes = self.generate("policy", trace)
        self.tree(source)
        self.assertIn(good, self.work("--seccomp-profile", profile, *flags, *words))
        self.tree(source)
        self.assertIn(bound_good or good, self.work("--seccomp-profile", profile, "--landlock-policy", policy,
                                                    *flags, *words[:-1], bound or script))
        # What was not seen is refused, and is allowed without.
        unseen = ("--", "/bin/bash", "-c", "cd /tmp && : >a && /bin/ln a b")
        self.work(*flags, *unseen)
        r = self.nucleus("--seccomp-profile", profile, *flags, *unseen)
        self.assertIn("Operation not permitted", r.stderr)
        self.assertNotEqual(r.returncode, 0)
        unseen = ("--", "/bin/bash", "-c", "read -r line </etc/os-release && echo read:$line")
        self.assertIn("read:", self.work(*flags, *unseen))
        r = self.nucleus("--landlock-policy", policy, *flags, *unseen)
        self.assertIn("/etc/os-release: Permission denied", r.stderr)
        calls = {n for s in json.loads(profile.read_text())["syscalls"] if s["action"] == "SCMP_ACT_ALLOW"
                 for n in s["names"]}
        rules = policy.read_text().count("[[rules]]")
        folds = notes.count("more than was seen")
        print(f"learned from {name}: {len(calls)} system calls, {rules} rules, {folds} of them on "
              f"directories as a whole; {self.records(trace)[-1]['calls']} calls traced", flush=True)

    def test_git(self):
        self.require("/usr/bin/git")
        repo = self.workspace / "repo"
        mine = dict(os.environ, HOME=str(self.dir))
        for words in (["init", "-q", "-b", "main", str(repo)],
                      ["-C", str(repo), "config", "user.email", "a@example.org"],
                      ["-C", str(repo), "config", "user.name", "a"]):
            subprocess.run(["git", *words], check=True, env=mine)
        for i in range(5):
            (repo / f"file{i}").write_text(str(i))
            subprocess.run(["git", "-C", repo, "add", "."], check=True, env=mine)
            subprocess.run(["git", "-C", repo, "commit", "-q", "-m", f"commit {i}"], check=True, env=mine)
        self.round_trip("git", "git clone -q repo clone && git -C clone log --oneline | wc -l && cat clone/file4",
                        good="5\n4")

    def test_python(self):
        self.require("/usr/bin/python3")
        self.make("workspace/test_work.py", PYTHON)
        # One of them binds any free port and connects to that: no Landlock rule can say that.
        others = " ".join("-k " + w for w in ("subprocess", "thread", "multi", "shared", "unix", "sqlite", "temp",
                                              "expand"))
        self.round_trip("python", "python3 -W ignore -m unittest 2>&1", good="Ran 11 tests",
                        bound=f"python3 -W ignore -m unittest {others} 2>&1", bound_good="Ran 10 tests")

    def test_npm(self):
        self.require("/usr/bin/npm", "/usr/bin/node")
        self.make("workspace/package.json", json.dumps({
            "name": "app", "version": "1.0.0", "dependencies": {"dep": "file:dep"}}))
        self.make("workspace/package-lock.json", json.dumps({
            "name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": {
                "": {"name": "app", "version": "1.0.0", "dependencies": {"dep": "file:dep"}},
                "dep": {"version": "1.0.0"}, "node_modules/dep": {"resolved": "dep", "link": True}}}))
        self.make("workspace/dep/package.json", json.dumps({"name": "dep", "version": "1.0.0"}))
        self.make("workspace/dep/index.js", "module.exports = 'from dep';")
        self.round_trip("npm", "npm ci --offline --no-audit --no-fund && node -p 'require(\"dep\")'",
                        good="from dep")

    def test_gcc(self):
        self.require("/usr/bin/gcc", "/usr/bin/make")
        self.make("workspace/main.c", C_MAIN)
        self.make("workspace/sum.h", "long sum(long n);\n")
        self.make("workspace/sum.c", '#include "sum.h"\nlong sum(long n)\n{\n\treturn n * (n + 1) / 2;\n}\n')
        self.make("workspace/Makefile", MAKEFILE)
        self.round_trip("gcc", "make -s -j2 check && ./prog", "--workspace-exec", good="500500")

    def test_postgres(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        self.assertTrue(found, "/usr/lib/postgresql/*/bin is missing: install postgresql")
        self.round_trip("postgres", f"""
            PATH={os.path.dirname(found[-1])}:$PATH
            initdb -D data -A trust -U agent --locale=C.UTF-8 --no-instructions >initdb.log
            pg_ctl -D data -w -t 100 -l server.log -o "-k /tmp -c listen_addresses=127.0.0.1 -c shared_buffers=32MB" \
                start >/dev/null
            createdb -h /tmp work && pgbench -q -i -s 1 -h /tmp work 2>/dev/null
            pgbench -n -c 2 -j 2 -t 100 -h 127.0.0.1 work | grep -E 'transactions actually processed'
            pg_ctl -D data -w -m fast stop >/dev/null
            """, "--shm-size", "128M", good="200/200")


CASES = (Traces, RoundTrips)
