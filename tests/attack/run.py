#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The attack suite: hostile acts in sandboxes, judged from inside and from outside.

    run.py --nucleus PATH [--user root|nobody-12345] [--only WORD] [--prepared | --again]

One line per case, and at the end "N passed, N failed". An act passes when the layer that must stop
it did (inside: by the errno or signal that is this layer's), and when nothing outside has changed.
Some acts are tried again with seccomp or Landlock switched off: those that other layers must stop
too have to fail again, and those that this layer alone stops have to get through, which shows that
it is the layer and not a mistake in the act.

With --prepared all of it is in sandboxes that were made ahead of their programs, with --again in those whose root is
a copy of one that was built before (prepared.py).
"""

import argparse
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# pylint: disable=wrong-import-position
import races  # noqa: E402
from become import become  # noqa: E402
from host import LEAKED, PASSED, Host  # noqa: E402
from patience import patience  # noqa: E402

PREPARED = [sys.executable, "-B",
            os.path.join(os.path.dirname(os.path.realpath(__file__)), "prepared.py")]
NEED_PASSED = ("learn-peer", "take-descriptor")  # a descriptor: a prepared sandbox is not given any
PATIENCE = patience(120)  # seconds, for any one sandbox
EXIT_NOT_IN_A_SANDBOX = 99
TIMED_OUT = 124
KEPT = "KEPT"  # stands for the file that keeps them
NEVER_KEPT = (12, 19, 21, 22, 31)
CAPABILITIES = [c for c in range(41) if c not in NEVER_KEPT]
CONFIGS = (
    # name, mode, extra flags
    ("full", "strict-agent", ()),
    ("full", "agent", ()),
    ("no-seccomp", "agent", ("--seccomp", "off", "--quiet")),
    ("no-landlock", "agent", ("--landlock", "off", "--quiet")),
    # With every capability that strict-agent lets a policy keep, no act may get further.
    ("kept", "strict-agent", ("--caps-policy", KEPT)),
)


def contents(path):
    with open(path, "rb") as f:
        return f.read()


class Tally:
    def __init__(self, only):
        self.passed = self.failed = 0
        self.only = only

    def case(self, ok, where, name, detail):
        detail = " ".join(detail.split())
        print(f"{'ok  ' if ok else 'FAIL'} {where:<24} {name:<28} {detail}", flush=True)
        if ok:
            self.passed += 1
        else:
            self.failed += 1

    def wanted(self, name):
        return not self.only or self.only in name


class Suite:
    def __init__(self, nucleus, host, tally, prepared):
        self.nucleus = nucleus
        self.prepared = prepared
        self.host = host
        self.tally = tally
        self.acts = self.read_table()

    def read_table(self):
        listed = subprocess.run([self.host.program, "list"], check=True, capture_output=True,
                                text=True).stdout
        acts = []
        for line in listed.splitlines():
            name, scene, layer, deep, sole, tries = line.split("\t")
            runs = {"full": True, "kept": True, "no-seccomp": deep == "1", "no-landlock": sole == "1"}
            acts.append({"name": name, "scene": scene, "layer": layer, "tries": tries, "in": runs})
        return acts

    def command(self, mode, flags, program, workspace_mode="bind-rw"):
        path = self.host.path
        words = [*(PREPARED if self.prepared else [self.nucleus]), "run", "--mode", mode, *flags,
                 "--workspace", path("workspace"), "--workspace-mode", workspace_mode,
                 "--context", path("context"),
                 "--volume", f"{path('attack')}:/attack:ro",
                 "--volume", f"{path('volume')}:/volume:ro",
                 "--volume", f"{path('privileged')}:/privileged:ro",
                 "--volume", f"{path('scratch')}:/scratch:rw",
                 "--tmp-size", "8M", "--home-size", "8M", "--shm-size", "8M",
                 "--max-files", "256", "--max-processes", "64", "--max-file-size", "64M"]
        for name, value in self.host.environment().items():
            words += ["--env", f"{name}={value}"]
        return words + ["--", *program]

    def run(self, command, **how):
        """The sandbox's exit status, what it printed, and how long it took."""
        environment = dict(os.environ, ATTACK_CALLER_SECRET=self.host.secret)
        started = time.monotonic()
        with open(self.host.log, "a", encoding="utf-8") as log:
            mark = log.tell()
            # Popen would not wait for the end of the pipe, which a process left behind would hold.
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=log, env=environment, pass_fds=(*LEAKED, PASSED),
                                  **how) as process:
                try:
                    out = process.communicate(timeout=PATIENCE)[0].decode(errors="replace")
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
        with open(self.host.log, "rb") as log:
            log.seek(mark)
            said = log.read().decode(errors="replace")
        return process.returncode, out, said, time.monotonic() - started

    # ---- judging ---------------------------------------------------------------------------------

    def judge_inside(self, config, where, acts, out, said):
        """A line of the attack program for every act; an act without one was not tried."""
        lines = {}
        for line in out.splitlines():
            fields = line.split("\t")
            if len(fields) == 4:
                lines[fields[0]] = fields[1:]
        for act in acts:
            if not act["in"][config]:
                continue
            verdict, got, wanted = lines.get(act["name"], ("FAIL", "no answer", "an answer"))
            ok = verdict == "ok"
            detail = f"[{act['layer']}] {got}"
            if not ok:
                detail += f", must be {wanted}: {act['tries']}"
            self.tally.case(ok, where, act["name"], detail)
        if acts and not lines:
            print(f"     the sandbox said: {said.strip()}", flush=True)

    def judge_outside(self, where, name, out):
        wrong = self.host.damage(out, "no-seccomp" not in where)
        self.tally.case(not wrong, where, name, "; ".join(wrong) or "outside: nothing has changed")

    # ---- the scenes ------------------------------------------------------------------------------

    def scene(self, name, config):
        return [a for a in self.acts
                if a["scene"] == name and a["in"][config] and self.tally.wanted(a["name"])
                and not (self.prepared and a["name"] in NEED_PASSED)]

    def shared_scene(self, scene, config, mode, flags, workspace_mode):
        acts = self.scene(scene, config)
        if not acts:
            return
        where = f"{mode} {config}"
        self.host.fresh_workspace()
        _, out, said, _ = self.run(self.command(
            mode, flags, ["/attack/attack", "run", config, scene], workspace_mode))
        self.judge_inside(config, where, acts, out, said)
        self.judge_outside(where, f"({scene})", out)

    def alone(self, config, mode, flags):
        passed = [] if self.prepared else ["--pass-fd", str(PASSED)]
        for act in self.scene("own", config):
            where = f"{mode} {config}"
            self.host.fresh_workspace()
            _, out, said, _ = self.run(self.command(
                mode, [*flags, *passed], ["/attack/attack", "alone", config, act["name"]]))
            self.judge_inside(config, where, [act], out, said)
            self.judge_outside(where, f"({act['name']})", out)

    def outliving(self, scene, config, mode, flags):
        """Acts that want to live on: their pipe must end, the sandbox too, and all processes."""
        for act in self.scene(scene, config):
            where = f"{mode} {config}"
            timeout = ["--timeout", "1s"] if scene == "timeout" else []
            self.host.fresh_workspace()
            status, out, said, took = self.run(self.command(
                mode, [*flags, *timeout], ["/attack/attack", "alone", config, act["name"]]))
            ok = status == (TIMED_OUT if timeout else 0) and took < patience(30)
            self.tally.case(ok, where, act["name"], f"[{act['layer']}] ended with {status} after "
                            f"{took:.1f} s {'' if ok else said}")
            self.judge_outside(where, f"({act['name']})", out)

    def on_terminal(self, config, mode, flags):
        """stdin is the controlling terminal of a session outside, as a person's shell has it."""
        acts = self.scene("pty", config)
        if not acts:
            return
        where = f"{mode} {config}"
        self.host.fresh_workspace()
        command = self.command(mode, flags, ["/attack/attack", "run", config, "pty"])
        reader, writer = os.pipe()
        pid, master = pty.fork()
        if pid == 0:
            status = 1
            try:
                result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        timeout=PATIENCE, check=False)
                typed = struct.unpack("i", fcntl.ioctl(0, termios.FIONREAD, b"\0" * 4))[0]
                answer = {"out": result.stdout.decode(), "said": result.stderr.decode(),
                          "typed": typed, "foreground": os.tcgetpgrp(0) == os.getpgrp(),
                          "session": os.getsid(0) == os.getpid()}
                os.write(writer, json.dumps(answer).encode())
                status = 0
            except BaseException:  # pylint: disable=broad-except
                os.write(writer, json.dumps({"error": traceback.format_exc()}).encode())
            finally:
                os._exit(status)
        os.close(writer)
        with os.fdopen(reader, "rb") as f:
            answer = json.loads(f.read() or b'{"error": "the session ended"}')
        os.waitpid(pid, 0)
        os.close(master)
        if "error" in answer:
            self.tally.case(False, where, "(pty)", answer["error"])
            return
        self.judge_inside(config, where, acts, answer["out"], answer["said"])
        self.tally.case(answer["typed"] == 0 and answer["foreground"] and answer["session"], where,
                        "(terminal)", f"outside: {answer['typed']} characters were typed; "
                        f"foreground {answer['foreground']}, session {answer['session']}")
        self.judge_outside(where, "(pty)", answer["out"])

    # ---- acts of the host's side -----------------------------------------------------------------

    def refuses_outside(self):
        for environment in ({}, {"NUCLEUS_ATTACK": "1"}):
            for words in (["run", "full", "common"], ["alone", "full", "kill-all"], ["creds"]):
                r = subprocess.run([self.host.program, *words], env=environment, check=False,
                                   capture_output=True)
                self.tally.case(r.returncode == EXIT_NOT_IN_A_SANDBOX and not r.stdout, "outside",
                                "attack refuses " + words[0], f"exit status {r.returncode}")
        self.judge_outside("outside", "(refusals)", "")

    def run_init_again(self, mode):
        """CVE-2019-5736, the program being /proc/self/exe: it must not be a file of the host."""
        files = [os.path.realpath(self.nucleus), *races.library_of(self.nucleus)]
        before = [contents(f) for f in files]
        self.host.fresh_workspace()
        self.host.write("#!/proc/self/exe\n", "workspace", "script", mode=0o755)
        for program in (["/proc/self/exe"], ["/proc/self/exe", "run", "--", "/usr/bin/true"],
                        ["/workspace/script"]):
            status, _, said, _ = self.run(self.command(
                mode, ["--workspace-exec", "--timeout", f"{patience(20)}s"], program))
            self.tally.case(status not in (0, TIMED_OUT), mode, "run " + " ".join(program[:2]),
                            f"[memory file] ended with {status} {said.strip()[-80:]}")
        self.tally.case(before == [contents(f) for f in files], mode, "(nucleus's own files)",
                        "outside: are what they were")
        self.judge_outside(mode, "(/proc/self/exe)", "")

    def leave_by_directory(self, mode):
        """A directory of the host as 0, 1 or 2, or passed: fchdir() and ".." lead out by it."""
        self.host.fresh_workspace()
        top = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        null = os.open(os.devnull, os.O_RDWR)
        # No descriptor is passed to a prepared sandbox.
        for name in ("stdin", "stdout", "stderr", *([] if self.prepared else ["pass-fd"])):
            streams = {s: top if s == name else null for s in ("stdin", "stdout", "stderr")}
            flags = ["--pass-fd", str(top)] if name == "pass-fd" else []
            # If it comes to run, it leaves by whatever it was given.
            number = top if flags else list(streams).index(name)
            script = f"cd -P /proc/self/fd/{number}/.."
            environment = dict(os.environ)
            if self.prepared:  # Python does not start with a directory among its own
                environment["PREPARED_STREAMS"] = ",".join(map(str, streams.values()))
                streams = {}
            r = subprocess.run(self.command(mode, flags, ["/bin/sh", "-c", script]), check=False,
                               pass_fds=[top, null], timeout=PATIENCE, env=environment, **streams)
            self.tally.case(r.returncode == 125, mode, f"leave by a directory as {name}",
                            f"[descriptors] ended with {r.returncode}")
        os.close(top)
        os.close(null)

    def all(self):
        if self.tally.wanted("outside"):
            self.refuses_outside()
        kept = self.host.write("".join(f"{name}.keep = {CAPABILITIES}\n" for name in (
            "bounding", "permitted", "effective", "inheritable", "ambient")), "kept.toml")
        for config, mode, flags in CONFIGS:
            flags = [kept if flag == KEPT else flag for flag in flags]
            self.shared_scene("common", config, mode, flags, "bind-rw")
            self.shared_scene("ro", config, mode, flags, "bind-ro")
            self.on_terminal(config, mode, flags)
            self.alone(config, mode, flags)
            if config == "full":
                self.outliving("timeout", config, mode, flags)
                self.outliving("leave", config, mode, flags)
                if self.tally.wanted("directory"):
                    self.leave_by_directory(mode)
                # It is about the command line's own file.
                if self.tally.wanted("init-again") and not self.prepared:
                    self.run_init_again(mode)
        # They need copies and required plans, which a prepared sandbox and prepared.py do not have.
        if self.tally.wanted("race") and not self.prepared:
            races.run(self)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nucleus", required=True)
    parser.add_argument("--user", choices=("root", "nobody-12345"))
    parser.add_argument("--only", help="acts whose name has this word in it")
    parser.add_argument("--prepared", action="store_true",
                        help="in sandboxes that were made ahead of their programs")
    parser.add_argument("--again", action="store_true", help="in the fourth sandbox of each object")
    args = parser.parse_args()
    become(args.user)
    nucleus = os.path.abspath(args.nucleus)
    build = os.path.dirname(os.path.dirname(os.path.realpath(nucleus)))
    program = os.path.join(build, "tests", "attack", "attack")
    if not os.access(nucleus, os.X_OK) or not os.access(program, os.X_OK):
        print(f"FAIL {nucleus} or {program} is missing: build first\n0 passed, 1 failed")
        return 1
    if args.prepared or args.again:
        os.environ["NUCLEUS_LIBRARY"] = races.library_of(nucleus)[0]
        os.environ["PREPARED_HOW"] = "again" if args.again else "ahead"
    os.chdir("/")
    tally = Tally(args.only)
    host = Host(program)
    try:
        Suite(nucleus, host, tally, args.prepared or args.again).all()
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        tally.case(False, "run.py", "(exception)", "the suite did not run to its end")
    finally:
        host.close()
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
