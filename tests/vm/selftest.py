#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tests the test machine itself: python3 tests/vm/selftest.py [WORD...]

One line per case, and at the end "N passed, N failed".
"""

import glob
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import machine

HERE = os.path.dirname(os.path.realpath(__file__))
VM = os.path.join(HERE, "vm.sh")
KERNELS = ("old", "new")
LIMIT = 300
CONTROLLERS = {"cpu", "io", "memory", "pids", "cpuset"}
# What systemd hands on to a user's manager unless it is told otherwise.
USER_CONTROLLERS = {"cpu", "memory", "pids"}
MOUNTS = {"/": "overlay", "/tmp": "ext4", "/dev/shm": "tmpfs", "/dev/mqueue": "mqueue",
          "/dev/pts": "devpts", "/sys/fs/bpf": "bpf", "/sys/fs/cgroup": "cgroup2",
          "/sys/kernel/security": "securityfs"}
ABI = """
import ctypes
print(ctypes.CDLL(None).syscall(444, None, 0, 1))
"""


def vm(*words, **how):
    return subprocess.run(["sh", VM, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=LIMIT, check=False, **how)


def output(*words):
    r = vm(*words)
    assert r.returncode == 0, f"{r.returncode}: {r.stdout} {r.stderr}"
    return r.stdout


def equal(got, wanted):
    assert got == wanted, f"{got!r}, must be {wanted!r}"


def qemus():
    """Machines of this cache that run."""
    found = set()
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                words = f.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0] == machine.qemu.QEMU and any(machine.cache() in w for w in words):
            found.add(int(path.split("/")[2]))
    return found


def own_qemus(pid):
    """Those that a runner has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
        return qemus() & {int(p) for p in f.read().split()}


def wait_until(condition, what, limit=60):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {limit} s"
        time.sleep(0.05)


def flavours():
    for systemd in (False, True):
        for user in ("root", "user"):
            yield ["--systemd"] if systemd else [], user


# ---- the cases -------------------------------------------------------------------------------------


def exit_status(kernel):
    for flags, user in flavours():
        for command, wanted in ((["true"], 0), (["sh", "-c", "exit 7"], 7),
                                (["sh", "-c", "exit 255"], 255), (["none"], 127),
                                (["sh", "-c", "kill -9 $$"], 128 + 9), (["/none"], 127)):
            r = vm("--kernel", kernel, *flags, "--user", user, "--", *command)
            assert r.returncode == wanted, f"{flags} {user} {command}: {r}"


def who_and_where(kernel):
    for flags, user in flavours():
        lines = output("--kernel", kernel, *flags, "--user", user, "--cwd", "/usr/share", "--env",
                       "WORD=two words", "--", "sh", "-c",
                       'id -u; pwd; echo "$WORD"; cat /proc/self/cgroup; cat /proc/1/comm; '
                       'g=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup); cat $g/cgroup.controllers; '
                       'mkdir $g/below $g/leaf && echo $$ >$g/leaf/cgroup.procs && '
                       'echo +memory +pids >$g/cgroup.subtree_control && '
                       'cat $g/below/cgroup.controllers; cat $g/below/memory.max; '
                       'echo "$XDG_RUNTIME_DIR"; date +%s').splitlines()
        equal(lines[:3], [str(machine.USERS[user]), "/usr/share", "two words"])
        group = "/user.slice/user-12345.slice/user@12345.service/" if user == "user" else \
            "/system.slice/"
        assert lines[3].startswith("0::" + group), lines
        equal(lines[4], "systemd" if flags else "init")
        wanted = USER_CONTROLLERS if flags and user == "user" else CONTROLLERS
        assert wanted <= set(lines[5].split()), lines
        assert {"memory", "pids"} <= set(lines[6].split()), lines
        equal(lines[7], "max")
        equal(lines[8], "/run/user/12345" if flags and user == "user" else "")
        assert abs(int(lines[9]) - time.time()) < 30, lines


def facts(kernel):
    release = output("--kernel", kernel, "--", "uname", "-r").split(".")
    version = tuple(map(int, release[:2]))
    abi = int(output("--kernel", kernel, "--", "python3", "-c", ABI))
    if kernel == "old":
        equal((version, abi), ((6, 1), 2))
    else:
        assert version >= (6, 12) and abi >= 6, (version, abi)
    lines = output("--kernel", kernel, "--", "sh", "-c",
                   "cat /sys/fs/cgroup/cgroup.controllers; ls /proc/pressure | sort | tr '\\n' ' '; "
                   "echo; cat /sys/class/net/lo/flags /sys/block/vda/size; "
                   f"for m in {' '.join(MOUNTS)}; do findmnt -n -o FSTYPE $m; done; "
                   "grep ' cgroup ' /proc/self/mountinfo; true").splitlines()
    assert CONTROLLERS <= set(lines[0].split()), lines
    assert {"cpu", "io", "memory"} <= set(lines[1].split()), lines
    equal(int(lines[2], 16) & 1, 1)
    assert int(lines[3]) > 0, lines
    # And then no line for a cgroup of the first version.
    equal(lines[4:], list(MOUNTS.values()))


def modules_on_demand(kernel):
    output("--kernel", kernel, "--", "sh", "-c",
           "ip link add v0 type veth peer name v1 && ip link set v0 up && "
           "unshare -n ip link set lo up")


def user_session(kernel):
    out = output("--kernel", kernel, "--systemd", "--user", "user", "--", "sh", "-c",
                 "systemctl --user is-active default.target; "
                 "systemd-run --user --wait --pipe -q -p Delegate=yes -p MemoryMax=64M sh -c "
                 "'cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max'")
    equal(out.splitlines(), ["active", str(64 << 20)])


def journal(kernel):
    # The user's own messages are root's to read: a journal in memory is not split by user.
    out = output("--kernel", kernel, "--systemd", "--", "sh", "-c",
                 "systemd-run --wait -q sh -c 'echo into-the-journal'; "
                 "journalctl --no-pager -o cat --sync; journalctl --no-pager -o cat")
    assert "into-the-journal" in out.splitlines(), out


def overlay(kernel):
    path = os.path.join(HERE, f"written-in-a-machine-{os.getpid()}")
    for flags in ([], ["--systemd"]):
        equal(output("--kernel", kernel, *flags, "--", "sh", "-c",
                     f"echo mine >{path} && cat {path} && echo >>/etc/passwd && "
                     "rm -f /usr/bin/env && echo gone"), "mine\ngone\n")
        assert not os.path.exists(path) and os.path.exists("/usr/bin/env")


def streamed(kernel):
    with subprocess.Popen(["sh", VM, "--kernel", kernel, "--", "sh", "-c",
                           "echo out; echo err >&2; sleep 600"], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True) as p:
        # It sleeps for longer than this test waits: what arrives was not held back.
        equal([p.stdout.readline(), p.stdout.readline()], ["out\n", "err\n"])
        p.kill()
    size = 3_000_000
    equal(len(output("--kernel", kernel, "--", "sh", "-c", f"head -c {size} /dev/zero")), size)


def time_limit(kernel):
    # The console's tail has what was said to it last.
    r = vm("--kernel", kernel, "--timeout", "15", "--", "sh", "-c",
           "echo a-word >/dev/console; sleep 600")
    equal(r.returncode, 125)
    assert "not done after 15" in r.stderr and "a-word" in r.stderr, r.stderr


def crash(kernel):
    r = vm("--kernel", kernel, "--", "sh", "-c", "echo c >/proc/sysrq-trigger")
    equal(r.returncode, 125)
    equal(r.stderr.count("ended without a status"), 2)
    assert "sysrq" in r.stderr.lower(), r.stderr


def killed_runner(kernel):
    def files():
        return set(os.listdir(machine.cache())) | set(os.listdir(tempfile.gettempdir()))

    output("--kernel", kernel, "--", "true")
    before = files()
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(["sh", VM, "--kernel", kernel, "--", "sh", "-c",
                               "echo ready; sleep 600"], stdout=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True) as p:
            equal(p.stdout.readline(), "ready\n")
            started = own_qemus(p.pid)
            equal(len(started), 1)
            p.send_signal(number)
            p.wait(30)
        wait_until(lambda mine=started: not mine & qemus(), "the end of QEMU")
    left = {n for n in files() - before if "vm" in n or n.endswith(".new")}
    equal(left, set())


def two_at_once(kernel):
    results = {}

    def one(number):
        results[number] = vm("--kernel", kernel, "--", "sh", "-c",
                             f"echo {number} >/tmp/mine; sleep 3; cat /tmp/mine; "
                             "cat /proc/sys/kernel/random/uuid; exit $(cat /tmp/mine)")

    threads = [threading.Thread(target=one, args=(n,)) for n in (1, 2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    said = [results[n].stdout.splitlines() for n in (1, 2)]
    equal([results[n].returncode for n in (1, 2)], [1, 2])
    equal([s[0] for s in said], ["1", "2"])
    assert said[0][1] != said[1][1], "the same random numbers in both"


def two_cpus(kernel):
    equal(output("--kernel", kernel, "--cpus", "2", "--", "nproc"), "2\n")


CASES = (exit_status, who_and_where, facts, modules_on_demand, user_session, journal, overlay, streamed,
         time_limit, crash, killed_runner, two_at_once, two_cpus)


def main():
    passed = failed = 0
    prepared = vm("--prepare")
    if prepared.returncode != 0:
        print(prepared.stdout, prepared.stderr, "0 passed, 1 failed", sep="\n")
        return 1
    for case in CASES:
        for kernel in KERNELS:
            name = f"{case.__name__} {kernel}"
            if sys.argv[1:] and not any(w in name for w in sys.argv[1:]):
                continue
            started = time.monotonic()
            try:
                case(kernel)
                passed += 1
                verdict = "ok"
            except Exception:  # pylint: disable=broad-except
                traceback.print_exc(file=sys.stdout)
                failed += 1
                verdict = "FAIL"
            print(f"{verdict:<4} {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
