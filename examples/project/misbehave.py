#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Tries what a hostile workload would try, and tells which layer refused it. The layer is read off the
error: each of these errors can only come from the layer that is named beside it. Exits with 1 if
anything went through.
"""
import ctypes
import errno
import os
import shutil
import socket
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")


def connect():
    socket.create_connection(("192.0.2.1", 443), timeout=3)


def execute_from_tmp():
    shutil.copy("/bin/true", "/tmp/true")
    subprocess.run(["/tmp/true"], check=True)


def see_others():
    others = {int(p) for p in os.listdir("/proc") if p.isdigit()} - {1}
    for pid in others:
        with open(f"/proc/{pid}/status") as status:
            if "NSpid:" in status.read() and os.getsid(pid) != os.getsid(0):
                return
    raise ProcessLookupError(errno.ESRCH, "")


def be_root():
    os.setuid(0)


ROOT = "the root file system: it is not there"
ACTS = [
    # what, how, {errno: layer}
    ("read /etc/shadow", lambda: open("/etc/shadow"), {errno.ENOENT: ROOT}),
    ("read /root/.ssh", lambda: os.listdir("/root/.ssh"), {errno.ENOENT: ROOT}),
    ("write to /usr/bin", lambda: open("/usr/bin/git", "r+"),
     {errno.EROFS: "the mount: read-only", errno.EACCES: "Landlock: no right to write there"}),
    ("run a program from /tmp", execute_from_tmp,
     {errno.EACCES: "the mount: noexec, and Landlock"}),
    ("connect to 192.0.2.1:443", connect,
     {errno.ENETUNREACH: "the network namespace: loopback only"}),
    ("see other processes", see_others, {errno.ESRCH: "the pid namespace: there are none"}),
    ("read PID 1's memory", lambda: open("/proc/1/mem", "rb"),
     {errno.EACCES: "the kernel: init is not dumpable", errno.ENOENT: "hidepid: it is invisible"}),
    ("mount a file system",
     lambda: call(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)), {errno.EPERM: "seccomp"}),
    ("make a user namespace", lambda: call(libc.unshare(0x10000000)), {errno.EPERM: "seccomp"}),
    ("load a BPF program", lambda: call(libc.syscall(321, 5, None, 0)), {errno.EPERM: "seccomp"}),
    ("become root", be_root,
     {errno.EPERM: "capabilities: none are left", errno.EINVAL: "the user namespace: no such id"}),
]


def attempt(act, layers):
    """In a child, since the filter may kill. Returns the layer, or None if it went through."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            act()
        except OSError as e:
            code = e.errno or 255
        os.write(w, code.to_bytes(2, "big"))
        os._exit(0)
    os.close(w)
    answer = os.read(r, 2)
    os.close(r)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return "seccomp: the process was killed" if os.WTERMSIG(status) == 31 else None
    return layers.get(int.from_bytes(answer, "big"))


failed = 0
for what, act, layers in ACTS:
    layer = attempt(act, layers)
    failed += layer is None
    print(f"  {what:27} " + (f"refused by {layer}" if layer else "NOT REFUSED"))
sys.exit(failed != 0)
