# SPDX-License-Identifier: MIT
"""What python3 programs do, for seccomp_programs.sh: prints "finished" if the filter let it."""

import asyncio
import concurrent.futures
import ctypes
import faulthandler
import fcntl
import mmap
import multiprocessing
import os
import pty
import resource
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time


def square(x):
    return x * x


def processes():
    assert subprocess.run(["echo", "hi"], capture_output=True, check=True).stdout == b"hi\n"
    subprocess.run("exit 3", shell=True, check=False)
    try:
        subprocess.run(["sleep", "60"], timeout=0.1, check=False)
        raise AssertionError("no timeout")
    except subprocess.TimeoutExpired:
        pass
    subprocess.run(["true"], start_new_session=True, preexec_fn=os.getpid, check=True)
    subprocess.run(["true"], close_fds=False, check=True)
    os.posix_spawn("/bin/true", ["true"], os.environ)
    os.wait()
    assert os.popen("echo x").read() == "x\n"
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp("stty", ["stty", "-a"])
    try:
        while os.read(fd, 1000):
            pass
    except OSError:
        pass
    os.waitpid(pid, 0)


def threads():
    workers = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(8)]
    for worker in workers:
        worker.start()
    assert len({worker.native_id for worker in workers}) == 8
    for worker in workers:
        worker.join()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(square, range(4))) == [0, 1, 4, 9]
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        assert list(pool.map(square, range(4))) == [0, 1, 4, 9]
    for method in "fork", "spawn", "forkserver":
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            assert pool.map(square, range(4)) == [0, 1, 4, 9]
        queue, value = context.Queue(), context.Value("i", 1)
        queue.put(value.value)
        assert queue.get() == 1
        with context.Lock():
            pass


async def events():
    child = await asyncio.create_subprocess_exec("echo", "x", stdout=subprocess.PIPE)
    assert (await child.communicate())[0] == b"x\n"
    assert await asyncio.to_thread(square, 2) == 4

    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(echo, "socket")
    reader, writer = await asyncio.open_unix_connection("socket")
    writer.write(b"line\n")
    assert await reader.readline() == b"line\n"
    writer.close()
    server.close()
    try:
        socket.socket().close()
    except OSError:
        return
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"line\n")
    assert await reader.readline() == b"line\n"
    writer.close()
    server.close()


def files():
    with sqlite3.connect("db") as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table t(a)")
        db.execute("insert into t values(1)")
        db.commit()
        db.execute("vacuum")
    db.close()
    os.mkdir("tree")
    shutil.copy("db", "tree/copy")
    shutil.copytree("tree", "tree2", symlinks=True)
    shutil.move("tree2", "tree3")
    shutil.rmtree("tree3")
    shutil.disk_usage(".")
    os.symlink("a", "link")
    os.readlink("link")
    os.link("db", "hard")
    os.utime("db")
    os.chmod("db", 0o600)
    os.truncate("hard", 10)
    tempfile.TemporaryDirectory().cleanup()
    with open("lock", "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        fcntl.lockf(f, fcntl.LOCK_EX)
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    memory = mmap.mmap(-1, 1 << 20)
    memory[0] = 1
    memory.close()
    big = bytearray()
    for _ in range(64):
        big += bytes(1 << 20)


def rest():
    signal.signal(signal.SIGALRM, lambda *_: None)
    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)  # the first one may come before the pause
    signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert time.monotonic() - start > 0.1
    signal.pthread_kill(threading.main_thread().ident, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.getrusage(resource.RUSAGE_SELF)
    assert os.sched_getaffinity(0)
    os.cpu_count()
    os.uname()
    os.getgroups()
    os.urandom(4)
    select.select([], [], [], 0.01)
    select.poll().poll(1)
    select.epoll().poll(0.01)
    left, right = socket.socketpair()
    socket.send_fds(left, [b"x"], [0])
    os.close(socket.recv_fds(right, 1, 1)[1][0])
    for family in socket.AF_PACKET, socket.AF_ALG, socket.AF_NETLINK:
        try:
            socket.socket(family, socket.SOCK_RAW)
            raise AssertionError(family)
        except OSError:
            pass
    faulthandler.enable()
    assert ctypes.CDLL(None).getpid() == os.getpid()
    ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1)()
    assert ctypes.CDLL(None).personality(0xFFFFFFFF) == 0
    child = subprocess.Popen([sys.executable, "-c", "import os; os.abort()"])
    assert child.wait() == -signal.SIGABRT


def main():
    processes()
    threads()
    asyncio.run(events())
    files()
    rest()
    print("finished")


if __name__ == "__main__":
    main()
