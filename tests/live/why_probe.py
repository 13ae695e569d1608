# SPDX-License-Identifier: MIT
"""Runs in the sandbox: tries what nucleus why was asked, and says what came of it.

Reads a JSON object on standard input: "make", files that programs made before, and "queries". Writes a list of results: 0 where it went well, an
errno, or the name of what else happened ("SIGSYS", "name": not resolved).
"""

import ctypes
import errno
import json
import os
import re
import signal
import socket
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
# Which parts of 64-bit registers are looked at is the kernel's affair.
libc.syscall.restype = ctypes.c_long


def attempt(action):
    try:
        action()
        return 0
    except socket.gaierror:
        return "name"
    except OSError as e:
        return e.errno


def opened(path, flags, mode=0o644):
    os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, mode))


def created(path):
    opened(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.unlink(path)


def removed(path):
    try:
        directory = stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        directory = False
    (os.rmdir if directory else os.unlink)(path)


def end_of(child):
    """How a child ended: its status, or a signal's name."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return os.WEXITSTATUS(status)


def executed(program):
    """Whether execve works: the descriptor is closed by it, and only by it."""
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        try:
            null = os.open("/dev/null", os.O_RDWR)
            for fd in 0, 1, 2:
                os.dup2(null, fd)
            (os.execvp if "/" not in program else os.execv)(program, [program])
        except OSError as e:
            os.write(writable, bytes([e.errno]))
        os._exit(1)
    os.close(writable)
    said = os.read(readable, 1)
    os.close(readable)
    os.waitpid(child, 0)
    return said[0] if said else 0


def connected(target):
    if target.startswith("/"):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(target)
        return
    host, _, port = target.rpartition(":")
    v6 = host.startswith("[")
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET) as s:
        s.settimeout(5)
        s.connect((host.strip("[]"), int(port)))


def bound(port):
    with socket.socket() as s:
        s.bind(("127.0.0.1", int(port)))


WAITING = 34, 270, 271  # pause, pselect6, ppoll without a time


def called(query):
    """One system call in a child of its own, which may hang, or die."""
    number, args = re.fullmatch(r"(\d+)\((.*)\)", query).groups()
    child = os.fork()
    if not child:
        # What waits for ever was allowed; a refusal may take init its time.
        signal.setitimer(signal.ITIMER_REAL, 0.2 if int(number) in WAITING else 120)
        ctypes.set_errno(0)
        r = libc.syscall(ctypes.c_long(int(number)),
                         *(ctypes.c_long(int(a, 0)) for a in args.split(",")))
        os._exit(ctypes.get_errno() if r == -1 else 0)
    ended = end_of(child)
    # Of clone and vfork there may be one more.
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    return ended


def result(query):
    kind, _, target = query.partition(":")
    if kind == "exec":
        return executed(target)
    if kind == "syscall":
        return called(target)
    r = attempt({
        "open": lambda: opened(target, os.O_RDONLY),
        "list": lambda: os.listdir(target),
        "write": lambda: opened(target, os.O_WRONLY),
        "create": lambda: created(target),
        "remove": lambda: removed(target),
        "connect": lambda: connected(target),
        "bind": lambda: bound(target),
    }[kind])
    # It was let through: whether somebody listens is another question.
    if kind == "connect" and r == errno.ECONNREFUSED and not target.startswith("/"):
        return "no listener"
    return r


asked = json.load(sys.stdin)
results = []
for query in asked["queries"]:
    made = [p for p in asked["make"] if query.endswith(":" + p) and not query.startswith("create:")]
    for path in made:
        with open(path, "w", encoding="utf-8"):
            os.chmod(path, 0o755)
    results.append(result(query))
    for path in made:
        attempt(lambda p=path: os.unlink(p))
json.dump(results, sys.stdout)
