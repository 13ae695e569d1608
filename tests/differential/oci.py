# SPDX-License-Identifier: MIT
"""Seccomp profiles in JSON as Docker and runc read them: profiles/seccomp/seccomp_linux.go of Docker,
libcontainer/seccomp of runc. Of libseccomp only the numbers of the calls are used."""

import ctypes

import bpf

ARCHES = {"SCMP_ARCH_X86_64": 0xC000003E, "SCMP_ARCH_X86": 0x40000003, "SCMP_ARCH_X32": 0x4000003E}
X86_64, X86, X32 = ARCHES.values()
OPS = {"SCMP_CMP_NE": lambda a, v, _: a != v,
       "SCMP_CMP_LT": lambda a, v, _: a < v,
       "SCMP_CMP_LE": lambda a, v, _: a <= v,
       "SCMP_CMP_EQ": lambda a, v, _: a == v,
       "SCMP_CMP_GE": lambda a, v, _: a >= v,
       "SCMP_CMP_GT": lambda a, v, _: a > v,
       "SCMP_CMP_MASKED_EQ": lambda a, v, two: a & v == two}
LIBSECCOMP = ctypes.CDLL("libseccomp.so.2")


def action_of(name, number):
    if name == "SCMP_ACT_ERRNO":
        return bpf.errno(1 if number is None else number)
    return {"SCMP_ACT_ALLOW": bpf.ALLOW, "SCMP_ACT_LOG": bpf.LOG, "SCMP_ACT_TRAP": bpf.TRAP,
            "SCMP_ACT_KILL": bpf.KILL, "SCMP_ACT_KILL_THREAD": bpf.KILL,
            "SCMP_ACT_KILL_PROCESS": bpf.KILL_PROCESS}[name]


def version(text):
    return tuple(map(int, text.split(".")))


def applies(call, kernel, caps):
    includes, excludes = call.get("includes") or {}, call.get("excludes") or {}
    if "amd64" in (excludes.get("arches") or []) or set(excludes.get("caps") or []) & caps:
        return False
    if excludes.get("minKernel") and kernel >= version(excludes["minKernel"]):
        return False
    if includes.get("arches") and "amd64" not in includes["arches"]:
        return False
    if not set(includes.get("caps") or []) <= caps:
        return False
    return not includes.get("minKernel") or kernel >= version(includes["minKernel"])


class Profile:
    """The rules of a profile on a host, each of one name."""

    def __init__(self, doc, kernel, caps):
        self.default = action_of(doc["defaultAction"], doc.get("defaultErrnoRet"))
        self.arches = list(doc.get("architectures") or [])
        for entry in doc.get("archMap") or []:
            if entry["architecture"] == "SCMP_ARCH_X86_64":
                self.arches += [entry["architecture"], *entry["subArchitectures"]]
                break
        self.arches = {ARCHES[name] for name in self.arches if name in ARCHES} | {X86_64}
        self.calls = []
        for call in doc.get("syscalls") or []:
            if not applies(call, kernel, caps):
                continue
            action = action_of(call["action"], call.get("errnoRet"))
            for name in call.get("names") or [call["name"]]:
                self.calls.append((name, action, call.get("args") or []))
        # runc's stub is there unless the default allows, or is ENOSYS by its own word.
        self.newest = {}
        permissive = self.default in (bpf.ALLOW, bpf.LOG)
        if not permissive and doc.get("defaultErrnoRet") != 38:
            for arch in self.arches:
                self.newest[arch] = max([0] + [self.number(arch, name) for name, _, _ in self.calls])

    @staticmethod
    def number(arch, name):
        # As Go's binding does; Python's gives socket(2) of x86 its own number.
        return LIBSECCOMP.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(arch), name.encode())

    @staticmethod
    def clauses(args):
        """Conditions that look at one argument twice are alternatives."""
        indices = [a["index"] for a in args]
        return [[a] for a in args] if len(set(indices)) < len(indices) else [args]

    def is_lost_on_libseccomp(self):
        """With names of other architectures, few rules and x86 or x32 it may forget to load the number."""
        return len(self.arches) > 1 and len(self.calls) <= 32 and any(
            self.number(arch, name) < 0 for arch in self.arches for name, _, _ in self.calls)

    def stub(self, arch, nr):
        """ENOSYS for what is newer than the profile."""
        if arch == bpf.I386:
            key = X86
        else:
            key = X32 if nr & bpf.X32 else X86_64
        newest = self.newest.get(key, 0)
        return bpf.errno(38) if newest and nr > newest else None

    def directly(self, nr, args):
        """What the rules that a call of x86_64 meets say; None if they do not agree. As libseccomp has it,
        the first rule without conditions takes the place of all others."""
        rules = [(action, clause) for name, action, arg in self.calls
                 if self.number(X86_64, name) == nr and action != self.default
                 for clause in self.clauses(arg)]
        for action, clause in rules:
            if not clause:
                return action
        met = {action for action, clause in rules
               if all(OPS[a["op"]](args[a["index"]], a["value"], a.get("valueTwo") or 0)
                      for a in clause)}
        if not met:
            return self.default
        return met.pop() if len(met) == 1 else None
