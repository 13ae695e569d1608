# SPDX-License-Identifier: MIT
"""What subprocess has not: outcomes, denials, figures, and a workspace whose files belong to who owns it."""

import ctypes
import errno
import json
import os
import re
import signal
import time

import pytest

import nucleus
from nucleus import PIPE, Policy, Popen, _handle
from nucleus._library import lib
from run_case import nothing_left  # noqa: F401
from support import patience, until

CALL = "import ctypes; call = ctypes.CDLL(None).syscall; "
PTRACE, KEXEC_LOAD = 101, 246


def python(code):
    return ["python3", "-c", CALL + code]


# ---- outcomes ------------------------------------------------------------------------------------

def test_timed_out():
    started = time.monotonic()
    done = nucleus.run(["sh", "-c", "echo x; exec sleep 100000"], limits_timeout="500ms", capture_output=True)
    assert (done.outcome, done.returncode) == ("timed out", -9)
    assert 0.5 <= time.monotonic() - started < patience(60)
    assert any("limits.timeout" in str(d) for d in done.denials)
    with pytest.raises(nucleus.CalledProcessError, match="timed out"):
        nucleus.run(["sleep", "100000"], limits_timeout=0.1, check=True)
    # The caller's patience ends first.
    with pytest.raises(nucleus.TimeoutExpired) as caught:
        nucleus.run(["sleep", "100000"], limits_timeout=1000, timeout=0.1)
    assert caught.value.result.outcome == "killed"


def test_refused_by_the_built_in_list():
    done = nucleus.run(python(f"call({KEXEC_LOAD}, 0, 0, 0, 0)"))
    assert (done.outcome, done.returncode) == ("refused", -signal.SIGSYS)
    assert [(d.layer, d.operation, d.certainty) for d in done.denials] == [("seccomp", "syscall", "inferred")]


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL", "SCMP_ACT_TRAP"])
def test_refused_by_a_profile(tmp_path, action):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
               "syscalls": [{"names": ["mkdir", "mkdirat"], "action": action}]}
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    policy = Policy(seccomp_profile=tmp_path / "profile.json")
    done = nucleus.run(["mkdir", "/tmp/x"], policy=policy)
    assert (done.outcome, done.returncode) == ("refused", -signal.SIGSYS)
    assert nucleus.run(["true"], policy=policy).outcome == "exited"
    with pytest.raises(nucleus.CalledProcessError, match="refused"):
        nucleus.run(["mkdir", "/tmp/x"], policy=policy, check=True)
    # A program that ends itself so is not told apart, one that exits with that number is.
    assert nucleus.run(["sh", "-c", "exit 159"]).outcome == "exited"


def test_killed_from_outside():
    p = Popen(["sleep", "100000"])
    os.kill(p.pid, signal.SIGKILL)
    assert (p.wait(), p.outcome) == (-9, "killed")


def test_want_of_memory():
    """With control groups the sandbox is ended; without, mode agent says so, and an allocation fails."""
    done = nucleus.run(["python3", "-c", "x = b'x' * (300 << 20)"], memory="64M", stderr=PIPE,
                       policy=Policy(limits_cgroup=False))
    if any("limits.memory" in w for w in done.warnings):
        assert (done.outcome, done.returncode) == ("exited", 1)
        assert b"MemoryError" in done.stderr
    else:
        assert (done.outcome, done.returncode) == ("oom", -9)
        assert done.stats["oom_kills"] >= 1


# ---- denials -------------------------------------------------------------------------------------

def test_a_denial():
    policy = Policy()
    before = time.time()
    done = nucleus.run(["unshare", "-U", "true"], policy=policy, stderr=PIPE)
    assert done.returncode != 0
    (d,) = done.denials
    assert isinstance(done.denials, tuple) and isinstance(d, nucleus.Denial)
    assert (d.layer, d.operation, d.target, d.errno, d.program, d.certainty, d.count, d.weight) == (
        "seccomp", "syscall", "unshare(0x10000000)", "EPERM", "unshare", "certain", 1, "high")
    assert d.pid > 1 and type(d.pid) is int
    assert "seccomp" in d.fix and "unshare" in d.rule and d.origin is None
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$", d.time)
    assert d.time[:10] in {time.strftime("%Y-%m-%d", time.gmtime(t)) for t in (before, before + 600)}
    assert d.query == "syscall:unshare(0x10000000)"
    assert policy.why(d.query)["allowed"] is False
    assert "unshare" in str(d) and "\n" not in str(d) and str(d) == f"{d}"
    assert d._fields == ("time", "pid", "program", "layer", "operation", "target", "errno", "rule", "origin", "fix",
                         "certainty", "count", "weight")


def test_denials_where_none_are():
    assert nucleus.run(["true"]).denials == ()
    assert nucleus.run(["unshare", "-U", "true"], observe="off", stderr=PIPE).denials == ()


def test_denials_of_files():
    done = nucleus.run(["sh", "-c", "echo x >/etc/hosts"], observe="all", stderr=PIPE)
    found = [d for d in done.denials if d.target == "/etc/hosts"]
    assert [(d.layer, d.errno) for d in found] == [("mount", "EROFS")]
    assert Policy(observe="all").why(found[0].query)["allowed"] is False


def test_denials_in_order_and_of_many():
    numbers = (PTRACE, 165, 272, 308, 155)
    done = nucleus.run(python("".join(f"call({n}, 0, 0, 0, 0, 0);" for n in numbers)))
    assert [re.split(r"\W", d.target)[0] for d in done.denials] == ["ptrace", "mount", "unshare", "setns", "pivot_root"]


def test_a_flood_of_denials():
    """Neither the program nor the caller waits, and what is kept has a bound."""
    for calls in (100_000, 1_000_000):
        done = nucleus.run(python(f"[call({PTRACE}, n, 0, 0, 0) for n in range({calls})]"), timeout=patience(200))
        assert (done.returncode, done.outcome) == (0, "exited")
        assert len(done.denials) < 10_000
        if len(done.denials) >= 256:  # else this process stood still for nearly all of it, and the pipe was full
            break
    assert len(done.denials) >= 256
    done = nucleus.run(python(f"[call({PTRACE}, 16, 0, 0, 0) for n in range(1000)]"))
    assert [d.count for d in done.denials] == [2**n for n in range(10)]


def test_a_name_cannot_forge():
    evil = [b'a\n{"pid":1}', b"\x1b[31mred", b'"},{"x":"', b"\xff\xfe\xfd", b"\xc2\x9b31m", b"%s%n{0}"]
    text = "p = ctypes.CDLL(None).prctl;" + "".join(
        f"p(15, ctypes.c_char_p({name!r})); call({PTRACE}, {i + 1}, 0, 0, 0);" for i, name in enumerate(evil))
    done = nucleus.run(python(text))
    assert [d.program for d in done.denials] == ['a\\x0a{"pid":1}', "\\x1b[31mred", '"},{"x":"', "\\xff\\xfe\\xfd",
                                                 "\\xc2\\x9b31m", "%s%n{0}"]
    assert all(str(d).isprintable() for d in done.denials)


def test_denials_of_one_that_runs():
    with Popen(python(f"call({PTRACE}, 16, 0, 0, 0); print(flush=True); input()"), stdin=PIPE, stdout=PIPE) as p:
        assert p.stdout.readline() == b"\n"
        assert until(lambda: p.denials)[0].target.startswith("ptrace(16")
        p.communicate(b"\n")
        assert len(p.denials) == 1
    assert (p.returncode, len(p.denials)) == (0, 1)


def test_denials_of_one_that_was_killed():
    for seconds in (patience(3), patience(30)):
        with pytest.raises(nucleus.TimeoutExpired) as caught:
            nucleus.run(python(f"call({PTRACE}, 16, 0, 0, 0); import time; time.sleep(100000)"), timeout=seconds)
        if caught.value.result.denials:  # else the machine was too slow for it to come to the call
            break
    assert [d.operation for d in caught.value.result.denials] == ["syscall"]
    with pytest.raises(nucleus.CalledProcessError) as caught:
        nucleus.run(python(f"call({PTRACE}, 16, 0, 0, 0); exit(2)"), check=True)
    assert [d.operation for d in caught.value.result.denials] == ["syscall"]


# ---- figures -------------------------------------------------------------------------------------

def test_stats():
    done = nucleus.run(["true"], cgroup=True)
    assert isinstance(done.stats, dict)
    assert all(type(k) is str and type(v) is int and 0 <= v < 2**64 - 1 for k, v in done.stats.items())
    if not done.warnings:
        assert done.stats["cpu_time_us"] > 0
        with Popen(["cat"], stdin=PIPE, cgroup=True) as p:
            p.freeze()
            p.thaw()
            assert p.stats["cpu_time_us"] > 0
        assert p.stats["cpu_time_us"] > 0


def test_figures_without_a_group():
    """Those that init reports, and no others."""
    names = {"launch_time_us", "wall_time_us", "user_time_us", "system_time_us", "max_rss_bytes"}
    with Popen(["cat"], stdin=PIPE) as p:
        assert set(p.stats) == {"launch_time_us"}
    assert set(p.stats) == names
    assert set(nucleus.run(["true"]).stats) == names


# ---- workspace -----------------------------------------------------------------------------------

@pytest.mark.parametrize("owner", [None, 54321])
def test_files_belong_to_the_owner_of_the_workspace(tmp_path, owner):
    work = tmp_path / "work"
    work.mkdir()
    (work / "there").write_text("old\n")
    if owner and os.geteuid() == 0:
        for path in (work, work / "there"):
            os.chown(path, owner, owner)
    owner = work.stat().st_uid
    script = "umask 027; mkdir d; echo new >d/f; echo more >>there; ln -s f d/l; stat -c %u:%g:%a . there d/f; pwd"
    done = nucleus.run(["sh", "-c", script], workspace=work, capture_output=True, text=True, check=True)
    assert re.match(r"1000:1000:\d+\n1000:1000:\d+\n1000:1000:640\n/workspace\n$", done.stdout)
    assert (work / "there").read_text() == "old\nmore\n"
    assert {os.lstat(p).st_uid for p in (work / "d", work / "d" / "f", work / "d" / "l", work / "there")} == {owner}


def test_modes_of_the_workspace(tmp_path):
    (tmp_path / "f").write_text("old\n")
    script = ["sh", "-c", "echo new >f; cat f; exit 0"]
    done = nucleus.run(script, workspace=tmp_path, workspace_mode="bind-ro", capture_output=True)
    assert (done.stdout, (tmp_path / "f").read_text()) == (b"old\n", "old\n")
    done = nucleus.run(script, workspace=tmp_path, workspace_mode="copy-in-out", capture_output=True)
    assert (done.stdout, (tmp_path / "f").read_text()) == (b"new\n", "new\n")
    # What the caller gives up carries nothing back.
    with pytest.raises(ZeroDivisionError), Popen(["sh", "-c", "echo lost >f; echo; exec sleep 100000"], stdout=PIPE,
                                                 workspace=tmp_path, workspace_mode="copy-in-out") as p:
        assert p.stdout.readline() == b"\n"
        raise ZeroDivisionError
    assert (tmp_path / "f").read_text() == "new\n"
    (tmp_path / "run").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "run").chmod(0o755)
    with pytest.raises(PermissionError):
        nucleus.run(["./run"], workspace=tmp_path)
    assert nucleus.run(["./run"], workspace=tmp_path, workspace_exec=True, capture_output=True).stdout == b"ran\n"


def test_nothing_else_is_there(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    (tmp_path / "work").mkdir()
    os.symlink(secret, tmp_path / "work" / "link")
    done = nucleus.run(["cat", str(secret), "link"], workspace=tmp_path / "work", capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"")
    done = nucleus.run(["sh", "-c", "cat /proc/*/environ; ls /proc/self/fd; hostname"], capture_output=True, text=True)
    assert str(os.getpid()) not in done.stdout and done.stdout.endswith("sandbox\n")
