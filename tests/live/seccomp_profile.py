# SPDX-License-Identifier: MIT
"""Docker's and containers-common's default profiles, and profiles of one's own, in real sandboxes."""

import json
import os
import platform
import subprocess
import sys

from sandbox import Case

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path += [TESTS, os.path.join(TESTS, "differential")]
import bpf  # noqa: E402 pylint: disable=wrong-import-position
import oci  # noqa: E402 pylint: disable=wrong-import-position
from profiles import profiles  # noqa: E402 pylint: disable=wrong-import-position

EXEC = {"names": ["execve"], "action": "SCMP_ACT_ALLOW"}
SIGSYS = 31


class Defaults(Case):
    """Each call, and real programs, under the profiles that others ship."""

    def probe(self, *flags):
        program = os.path.join(os.path.dirname(self.nucleus_path), "../tests/live/profile-probe")
        self.require(program)
        out = self.work("--volume", f"{os.path.realpath(program)}:/probe", *flags, "--", "/probe")
        answers = dict(self.split(line) for line in out.splitlines())
        self.assertGreater(len(answers), 400)
        return answers

    @staticmethod
    def split(line):
        words = line.split(" ")
        at = 2 if words[0] == "i386" else 1
        return " ".join(words[:at]), " ".join(words[at:])

    def test_each_call_is_answered_as_the_profile_says(self):
        kernel = tuple(int(x) for x in platform.release().split(".")[:2])
        unfiltered = self.probe("--mode", "agent", "--seccomp", "off") if self.mode == "agent" else None
        for name, path in profiles().items():
            with open(path, encoding="utf-8") as f:
                profile = oci.Profile(json.load(f), kernel, set())
            allowed = refused = 0
            for call, answer in self.probe("--seccomp-profile", path).items():
                if call.startswith("i386"):
                    continue
                nr = int(call)
                verdict = profile.stub(bpf.X86_64, nr) or profile.directly(nr, (2**64 - 1,) * 6)
                with self.subTest(profile=name, call=nr, answer=answer):
                    self.assertIsNotNone(verdict)
                    if verdict == bpf.ALLOW:
                        allowed += 1
                        if unfiltered:
                            self.assertEqual(answer, unfiltered[call])
                    else:
                        refused += 1
                        self.assertEqual(answer, f"errno {verdict & 0xFFFF}")
            self.assertGreater(allowed, 250)
            self.assertGreater(refused, 50)

    def test_32_bit_entry_is_filtered_and_not_killed(self):
        for name, path in profiles().items():
            answers = {call: answer for call, answer in self.probe("--seccomp-profile", path).items()
                       if call.startswith("i386")}
            with self.subTest(profile=name, answers=answers):
                # A kernel without this entry: SIGSEGV. SIGSYS would be ours.
                if answers["i386 20"] == "signal 11":
                    self.assertEqual(set(answers.values()), {"signal 11"})
                    continue
                self.assertEqual(answers["i386 20"], "returned")  # getpid
                self.assertEqual(answers["i386 87"], "errno 1")  # swapon

    def test_programs_work_under_them(self):
        self.require("/usr/bin/python3", "/usr/bin/git", "/usr/bin/node")
        for name, path in profiles().items():
            with self.subTest(profile=name):
                out = self.script(
                    "cd /tmp; git init -q r; cd r; echo x > f; git add f;"
                    "git -c user.name=n -c user.email=e commit -qm m; git log --format=%s;"
                    "python3 -c 'import subprocess, threading, socket, sqlite3;"
                    " t = threading.Thread(target=print, args=(\"thread\",)); t.start(); t.join();"
                    " print(subprocess.check_output([\"echo\", \"child\"], text=True), end=\"\")';"
                    "node -e 'require(\"fs\").readFile(\"f\", \"utf8\", (e, s) => console.log(\"node \" + s.trim()))'",
                    "--seccomp-profile", path)
                self.assertEqual(out.split("\n"), ["m", "thread", "child", "node x", ""])


class Own(Case):
    """Profiles of one's own."""

    def profile(self, default, *rules, **more):
        return self.make("p.json", json.dumps({"defaultAction": default, "syscalls": [EXEC, *rules], **more}))

    def all_but(self, *rules, **more):
        return self.make("p.json", json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules, **more}))

    def test_actions_as_the_program_meets_them(self):
        program = ["/usr/bin/python3", "-c",
                   "import os\ntry: os.getpriority(0, 0); print('allowed')\nexcept OSError as e: print(e.errno)"]
        for rule, out in (({"action": "SCMP_ACT_ERRNO"}, "1\n"), ({"action": "SCMP_ACT_LOG"}, "allowed\n"),
                          ({"action": "SCMP_ACT_ERRNO", "errnoRet": 95}, "95\n")):
            path = self.all_but({"names": ["getpriority"], **rule})
            self.assertEqual(self.good("--seccomp-profile", path, "--", *program), out)
        for action in "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP":
            path = self.all_but({"names": ["getpriority"], "action": action})
            r = self.nucleus("--seccomp-profile", path, "--", *program)
            self.assertEqual((r.returncode, r.stdout), (128 + SIGSYS, ""), r.stderr)

    def test_arguments_of_64_bits(self):
        """The mask looks at the upper half alone, where only a number above INT64_MAX can."""
        path = self.all_but({"names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "args": [
            {"index": 0, "value": 0xFFFFFFFF00000000, "valueTwo": 0xDEADBEEF00000000,
             "op": "SCMP_CMP_MASKED_EQ"}]})
        call = ("import ctypes; c = ctypes.CDLL(None, use_errno=True);"
                "print(*[(c.syscall(140, ctypes.c_ulong(a), 0) < 0 and ctypes.get_errno())"
                " for a in (0, 0xdeadbeef00000000, 0xdeadbeee00000000)])")
        out = self.good("--seccomp-profile", path, "--", "/usr/bin/python3", "-c", call)
        self.assertEqual(out, "False 95 False\n")

    def test_a_program_that_is_not_there_is_told_under_any_profile(self):
        """Not even write or exit are allowed: the answer is the same."""
        path = self.profile("SCMP_ACT_ERRNO")
        r = self.nucleus("--seccomp-profile", path, "--timeout", "20s", "--", "/not/there")
        self.assertEqual((r.returncode, r.stdout), (127, ""), r.stderr)

    def test_flags(self):
        flags = [f"SECCOMP_FILTER_FLAG_{f}" for f in ("LOG", "TSYNC", "SPEC_ALLOW", "WAIT_KILLABLE_RECV")]
        path = self.all_but(flags=flags)
        self.assertEqual(self.good("--seccomp-profile", path, "--", "/bin/echo", "x"), "x\n")

    def test_a_bad_profile_is_refused_with_its_place(self):
        for text, where in (('{\n "defaultAction": "SCMP_ACT_NOTIFY"}', ":2:19"), ("{", ":1:2"),
                            ('{"defaultAction": "SCMP_ACT_ERRNO"}', ":1:19")):
            path = self.make("p.json", text)
            r = self.nucleus("--seccomp-profile", path, "--", "/bin/true")
            self.assertNotEqual(r.returncode, 0)
            self.assertIn(f"{path}{where}", r.stderr)

    def test_the_callers_keys_stay_with_the_caller(self):
        """Who inherits a session keyring possesses its keys: no user, no namespace stands between."""
        host = ("import ctypes, os, sys; c = ctypes.CDLL(None); c.syscall(250, 1, None);"
                "k = c.syscall(248, b'user', b'nucleus-test', b'SECRET', 6, -3); assert k > 0;"
                "os.execv(sys.argv[1], sys.argv[1:])")
        look = ("import ctypes; c = ctypes.CDLL(None, use_errno=True); b = ctypes.create_string_buffer(16);"
                "k = c.syscall(250, 10, -3, b'user', b'nucleus-test', 0);"
                "print(k < 0 and ctypes.get_errno(), c.syscall(250, 11, k, b, 16), b.value)")
        ways = [["--seccomp-profile", self.all_but()]]
        if self.mode == "agent":
            ways += [["--seccomp", "off"], ["--seccomp-mode", "trace", "--seccomp-log", self.dir / "trace"]]
        for way in ways:
            words = self.words(*way, "--", "/usr/bin/python3", "-c", look)
            r = subprocess.run(["/usr/bin/python3", "-c", host, *words], env=self.environment(), text=True,
                               capture_output=True, check=False, stdin=subprocess.DEVNULL)
            with self.subTest(way=way, stderr=r.stderr):
                self.assertEqual(r.returncode, 0)
                self.assertIn(r.stdout.split(" ")[0], ("126", "1"))  # ENOKEY; always refused in a trace
                self.assertNotIn("SECRET", r.stdout)


CASES = (Defaults, Own)
