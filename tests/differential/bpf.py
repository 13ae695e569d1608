# SPDX-License-Identifier: MIT
"""Runs the classic BPF of seccomp filters: what libseccomp and we make of profiles."""

import struct

X86_64, I386 = 0xC000003E, 0x40000003
X32 = 0x40000000
ALLOW, LOG, TRAP, KILL, KILL_PROCESS = 0x7FFF0000, 0x7FFC0000, 0x30000, 0, 0x80000000


def errno(e):
    return 0x50000 | e


def load(text):
    return list(struct.iter_unpack("<HBBI", text))


def run(program, arch, nr, args):
    """The result for a call (linux/filter.h names the instructions)."""
    data = struct.pack("<iIQ6Q", nr - (1 << 32) if nr >= 1 << 31 else nr, arch, 0, *args)
    a, pc = 0, 0
    while True:
        code, yes, no, k = program[pc]
        pc += 1
        if code == 0x20:  # LD W ABS
            a = struct.unpack_from("<I", data, k)[0]
        elif code == 0x06:  # RET K
            return k
        elif code == 0x54:  # ALU AND K
            a &= k
        elif code == 0x05:  # JMP JA
            pc += k
        elif code in (0x15, 0x25, 0x35, 0x45):  # JMP JEQ, JGT, JGE, JSET
            holds = {0x15: a == k, 0x25: a > k, 0x35: a >= k, 0x45: bool(a & k)}[code]
            pc += yes if holds else no
        else:
            raise AssertionError(f"instruction {code:#x} at {pc - 1}")
