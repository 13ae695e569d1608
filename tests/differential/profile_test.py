#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares filters of seccomp profiles with two references, call by call.

usage: profile_test.py PROFILE_DUMP [SEED]

The first gives the rules (oci.py) to libseccomp, through Python's binding. The second knows no libseccomp
but for the numbers: it looks which rules a call meets. Where rules of one call contradict each other it
has no opinion.

The profiles are Docker's and containers-common's, on several kernels and with several capabilities, and
made-up ones with every operator.
"""

import collections
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile

import seccomp

import bpf
from oci import ARCHES, OPS, X86_64, Profile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from profiles import profiles  # noqa: E402 pylint: disable=wrong-import-position

SEED, MADE_UP = 4, 150
CAPS = {"CAP_DAC_READ_SEARCH": 2, "CAP_SYS_MODULE": 16, "CAP_SYS_RAWIO": 17, "CAP_SYS_CHROOT": 18,
        "CAP_SYS_PTRACE": 19, "CAP_SYS_PACCT": 20, "CAP_SYS_ADMIN": 21, "CAP_SYS_BOOT": 22,
        "CAP_SYS_NICE": 23, "CAP_SYS_TIME": 25, "CAP_SYS_TTY_CONFIG": 26, "CAP_AUDIT_WRITE": 29,
        "CAP_SYSLOG": 34, "CAP_PERFMON": 38, "CAP_BPF": 39}
BINDING = {"SCMP_CMP_NE": seccomp.NE, "SCMP_CMP_LT": seccomp.LT, "SCMP_CMP_LE": seccomp.LE,
           "SCMP_CMP_EQ": seccomp.EQ, "SCMP_CMP_GE": seccomp.GE, "SCMP_CMP_GT": seccomp.GT,
           "SCMP_CMP_MASKED_EQ": seccomp.MASKED_EQ}
MAX = 2**64 - 1


# ---- libseccomp ----------------------------------------------------------------------------------

def signed(action):
    """As the binding wants it: a C int."""
    return action - 2**32 if action >= 2**31 else action


def libseccomps(profile):
    """libseccomp's program."""
    f = seccomp.SyscallFilter(signed(profile.default))
    # Stricter than runc, on purpose.
    f.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    for arch in profile.arches - {X86_64}:
        f.add_arch(seccomp.Arch(arch))
    if len(profile.calls) > 32:
        f.set_attr(seccomp.Attr.CTL_OPTIMIZE, 2)
    for name, action, args in profile.calls:
        nr = profile.number(X86_64, name)
        if action == profile.default or nr == -1:
            continue
        for clause in profile.clauses(args):
            f.add_rule(signed(action), nr, *[seccomp.Arg(a["index"], BINDING[a["op"]], a["value"],
                                                 a.get("valueTwo") or 0) for a in clause])
    with tempfile.TemporaryFile() as out:
        f.export_bpf(out)
        out.seek(0)
        return bpf.load(out.read())


# ---- what to ask ---------------------------------------------------------------------------------

def values_around(arg):
    v, two = arg["value"], arg.get("valueTwo") or 0
    around = {v, v - 1, v + 1, v ^ 1 << 32, v ^ 1 << 63, v & 0xFFFFFFFF, two, two | (~v & MAX), v ^ two,
              v << 32, v - (1 << 32), v + (1 << 32), v | 0xFFFFFFFF, v & ~0xFFFFFFFF}
    return {x & MAX for x in around}


def vectors(profile, nr, rng):
    """Arguments near each value of each rule of a call, in all combinations, or some if there are many."""
    by_index = collections.defaultdict(lambda: {0, MAX})
    for name, _, args in profile.calls:
        if args and Profile.number(X86_64, name) == nr:
            for arg in args:
                by_index[arg["index"]] |= values_around(arg)
    lists = [sorted(by_index[i]) if i in by_index else [0] for i in range(6)]
    total = 1
    for values in lists:
        total *= len(values)
    if total <= 400:
        return list(itertools.product(*lists))
    return [tuple(rng.choice(values) for values in lists) for _ in range(400)]


class Comparison:
    def __init__(self, command, rng):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.rng, self.counts = rng, collections.Counter()

    def ours(self, path, kernel, caps):
        bits = sum(1 << CAPS[c] for c in caps)
        self.child.stdin.write(f"{kernel[0]} {kernel[1]} {bits:x} {path}\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline().strip()
        return line if not line or line[0] == "!" else bpf.load(bytes.fromhex(line))

    def fail(self, path, *details):
        with open(path, encoding="utf-8") as f:
            print(f.read())
        print("FAILED:", *details, sep="\n  ")
        sys.exit(1)

    def is_wrong(self, profile, theirs):
        """Whether libseccomp's program says something else than the rules to some call of x86_64."""
        for nr in range(601):
            for args in vectors(profile, nr, self.rng):
                direct = profile.stub(bpf.X86_64, nr) or profile.directly(nr, args)
                if direct is not None and direct != bpf.run(theirs, bpf.X86_64, nr, args):
                    if not profile.stub(bpf.X86_64, nr):
                        return True
        return False

    def compare(self, path, kernel, caps):
        with open(path, encoding="utf-8") as f:
            profile = Profile(json.load(f), kernel, caps)
        ours = self.ours(path, kernel, caps)
        try:
            theirs = libseccomps(profile)
        except RuntimeError as error:
            theirs = f"{error}"
        # Rules of one call that contradict each other: libseccomp notices some.
        if isinstance(ours, str) and isinstance(theirs, str) and "libseccomp refuses the rule" in ours:
            self.counts["refused by both"] += 1
            return
        if isinstance(ours, str) and "libseccomp makes a wrong filter" in ours and \
                self.is_wrong(profile, theirs):
            self.counts["filters of libseccomp that are wrong, and refused"] += 1
            return
        if isinstance(ours, str) or isinstance(theirs, str):
            self.fail(path, "one refuses it", str(ours)[:200], str(theirs)[:200])
        lost = profile.is_lost_on_libseccomp()
        self.counts["filters that libseccomp may get wrong"] += lost
        opinions = 0
        for nr in itertools.chain(range(601), (0x3FFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF)):
            for arch, number in ((bpf.X86_64, nr), (bpf.X86_64, nr | bpf.X32), (bpf.I386, nr)):
                for args in vectors(profile, nr, self.rng) if arch == bpf.X86_64 else [(0,) * 6, (MAX,) * 6]:
                    self.counts["questions"] += 1
                    got = wanted = bpf.run(ours, arch, number, args)
                    if profile.stub(arch, number) is not None:
                        wanted = profile.stub(arch, number)
                    elif not lost:
                        wanted = bpf.run(theirs, arch, number, args)
                    if got != wanted:
                        self.fail(path, f"{kernel} {caps} arch {arch:#x} call {number} {args}",
                                  f"we say {got:#x}, libseccomp {wanted:#x}")
                    if arch != bpf.X86_64 or number & bpf.X32 or profile.stub(arch, number) is not None:
                        continue
                    direct = profile.directly(number, args)
                    opinions += direct is not None
                    if direct not in (None, got):
                        self.fail(path, f"{kernel} {caps} call {number} {args}",
                                  f"we say {got:#x}, the rules {direct:#x}")
        if not opinions:
            self.fail(path, "nobody has asked the rules themselves")
        self.counts["of them asked of the rules"] += opinions
        self.counts["filters"] += 1


# ---- made-up profiles ----------------------------------------------------------------------------

NAMES = ["read", "write", "ioctl", "socket", "clone", "prctl", "statx", "fcntl", "mmap", "openat2", "getpid",
         "futex", "made_up_call", "socketcall", "arm_fadvise64_64", "_llseek", "faccessat2"]
VALUES = [0, 1, 2, 7, 8, 0x20000, 0x7E020000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 32) + 7,
          (1 << 63) - 1, 1 << 63, MAX - 1, MAX]


def made_up_arg(rng):
    op = rng.choice(list(OPS))
    arg = {"index": rng.randrange(6), "value": rng.choice(VALUES), "op": op}
    if op == "SCMP_CMP_MASKED_EQ":
        arg["value"] = arg["value"] or MAX
        arg["valueTwo"] = rng.choice(VALUES) & arg["value"]
    elif rng.random() < 0.3:
        arg["valueTwo"] = 0
    return arg


def made_up(rng):
    actions = ["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG", "SCMP_ACT_TRAP", "SCMP_ACT_KILL",
               "SCMP_ACT_KILL_PROCESS"]
    doc = {"defaultAction": rng.choice(actions)}
    if doc["defaultAction"] == "SCMP_ACT_ERRNO" and rng.random() < 0.5:
        doc["defaultErrnoRet"] = rng.choice([1, 13, 38])
    if rng.random() < 0.5:
        doc["architectures"] = rng.sample(list(ARCHES), rng.randint(1, 3))
    doc["syscalls"] = [{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}]
    # One action with conditions for a call: what two would say together, nobody defines.
    conditional = {}
    for _ in range(rng.randrange(1, rng.choice([4, 12, 60]))):
        rule = {"names": rng.sample(NAMES, rng.randint(1, 4)), "action": rng.choice(actions)}
        if rng.random() < 0.6:
            rule["args"] = [made_up_arg(rng) for _ in range(rng.randint(1, 3))]
            rule["names"] = [n for n in rule["names"] if conditional.setdefault(n, rule["action"])
                             == rule["action"]]
            if not rule["names"]:
                continue
        if rule["action"] == "SCMP_ACT_ERRNO" and not rule.get("args") and rng.random() < 0.4:
            rule["errnoRet"] = rng.choice([1, 2, 38])
        if rng.random() < 0.2:
            rule["includes"] = {"minKernel": rng.choice(["4.8", "6.1", "7.0"])}
        if rng.random() < 0.2:
            rule["excludes"] = {"caps": rng.sample(list(CAPS), 2)}
        doc["syscalls"].append(rule)
    return doc


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    rng = random.Random(seed)
    print("seed", seed)
    test = Comparison([sys.argv[1]], rng)
    for path in profiles().values():
        for caps in (set(), {"CAP_SYS_ADMIN"}, {"CAP_SYS_PTRACE", "CAP_AUDIT_WRITE"}, set(CAPS)):
            for kernel in (4, 4), (6, 1):
                test.compare(path, kernel, caps)
    with tempfile.TemporaryDirectory() as scratch:
        for i in range(MADE_UP):
            path = os.path.join(scratch, f"{i}.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(made_up(rng), f, indent=1)
            test.compare(path, rng.choice([(4, 4), (6, 1)]), set(rng.sample(list(CAPS), rng.randrange(3))))
    for what, n in test.counts.items():
        print(f"{n:9} {what}")
    test.child.stdin.close()
    if test.child.wait() != 0:
        sys.exit("FAILED: profile-dump did not end well")


main()
