#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
misbehave.py PID: tries what a hostile workload would try, PID being a process outside. Tells by the
error which layer refused it first; mostly others stand behind that one. Exits with 1 if anything went
through. Does nothing outside a sandbox.
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


ROOT = "the root file system: it is not there"
ACTS = [
    # what, how, {errno: layer}
    ("read /etc/shadow", lambda: open("/etc/shadow"), {errno.ENOENT: ROOT}),
    ("read /root/.ssh", lambda: os.listdir("/root/.ssh"), {errno.ENOENT: ROOT}),
    ("write to /usr/bin", lambda: open("/usr/bin/new", "x"), {errno.EROFS: "the mount: read-only"}),
    ("run a program from /tmp", execute_from_tmp, {errno.EACCES: "the mount: noexec"}),
    ("connect to 192.0.2.1:443", connect,
     {errno.ENETUNREACH: "the network namespace: loopback only"}),
    ("signal its caller", lambda: os.kill(int(sys.argv[1]), 0),
     {errno.ESRCH: "the pid namespace: there is no such process"}),
    ("read PID 1's memory", lambda: open("/proc/1/mem", "rb"),
     {errno.EACCES: "the kernel: init is not dumpable", errno.ENOENT: "hidepid: it is invisible"}),
    ("mount a file system",
     lambda: call(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)), {errno.EPERM: "seccomp"}),
    ("make a user namespace", lambda: call(libc.unshare(0x10000000)), {errno.EPERM: "seccomp"}),
    ("load a BPF program", lambda: call(libc.syscall(321, 5, None, 0)), {errno.EPERM: "seccomp"}),
    ("become root", lambda: os.setuid(0), {errno.EPERM: "seccomp"}),
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


with open("/proc/self/status") as status:
    if "Seccomp:\t2\n" not in status.read():
        sys.exit("misbehave.py: this is no sandbox")
failed = 0
for what, act, layers in ACTS:
    layer = attempt(act, layers)
    failed += layer is None
    print(f"  {what:27} " + (f"refused by {layer}" if layer else "NOT REFUSED"))
sys.exit(failed != 0)
