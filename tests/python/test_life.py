# SPDX-License-Identifier: MIT
"""In callers as they are: interrupted, with threads, event loops and signals, forked, short of descriptors."""

import concurrent.futures
import gc
import multiprocessing
import os
import signal
import threading

import pytest

import nucleus
from nucleus import PIPE, Policy, Popen
from run_case import nothing_left  # noqa: F401
from support import children, fds, leftovers, patience, rounds, run_python, until

# Run in interpreters of their own: they play with signals, and count what is left.
COUNT = """if 1:
    import gc, nucleus, os, random, resource, signal, sys, tempfile, threading, time
    from support import children, fds, leftovers, until
    def rss():
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * 4
"""


# ---- interrupted ---------------------------------------------------------------------------------

@pytest.mark.parametrize("what", [
    "nucleus.run(['true'], policy=policy)",
    "nucleus.run(['cat'], policy=policy, input=b'x' * 300000, capture_output=True)",
    "nucleus.run(['sh', '-c', 'echo x; echo y >&2'], workspace=work, on_output=lambda *_: None, text=True)",
    "nucleus.run(['sleep', '0.01'], policy=policy, timeout=0.02, check=True)",
    "nucleus.Popen(['cat'], policy=policy, stdin=nucleus.PIPE, stdout=nucleus.PIPE).communicate(b'x')"])
def test_keyboard_interrupts(what):
    """At any moment: no sandbox is left while the exception is still being handled, and no descriptor after."""
    code = COUNT + f"""
    work = tempfile.gettempdir() if os.geteuid() else tempfile.mkdtemp()
    policy = nucleus.Policy(workspace=work)
    def once():
        try:
            {what}
        except (BrokenPipeError, nucleus.TimeoutExpired):
            pass
    lost = []
    sys.unraisablehook = lambda u: lost.append(u)
    times = []
    for _ in range(11):
        started = time.monotonic()
        once()
        times.append(time.monotonic() - started)
    # The first ones compile, and build what later ones copy. Follows what it takes beside others: most shall be hit,
    # and until their end.
    usual = [sorted(times)[5]]
    gc.collect()
    before = fds(), children()
    wanted, hit, sent, go = int(sys.argv[1]), 0, [], threading.Semaphore(0)
    random.seed(5)
    def interrupt():
        for _ in range(wanted):
            go.acquire()
            time.sleep(random.uniform(0, 1.1 * usual[0]))
            os.kill(os.getpid(), signal.SIGINT)
            sent.append(1)
    threading.Thread(target=interrupt, daemon=True).start()
    def settle(count):
        while True:
            try:
                while len(sent) < count:
                    time.sleep(0.0005)
                for _ in range(20):
                    time.sleep(0)
                return
            except KeyboardInterrupt:
                pass
    for n in range(wanted):
        try:
            go.release()
            inside = True
            once()
            inside = False
            usual[0] *= 0.9
            settle(n + 1)
        except KeyboardInterrupt as e:
            hit += inside
            settle(n + 1)
            usual[0] *= 1.02
            # The policy keeps what it has compiled: that may be more or less than before.
            assert "Popen" in sys.argv[2] or not leftovers(before)[1], "a sandbox is left"
        assert not leftovers(before)[1], "a sandbox is left"
    gc.collect()
    once()
    gc.collect()
    assert len(fds()) <= len(before[0]), (fds(), before)
    assert hit > wanted // 4, (hit, wanted)
    assert len(lost) <= wanted // 20, lost
    assert threading.active_count() <= 2
    print(hit, len(lost))
    """
    run_python(code, rounds(200), what, env={"PYTHONWARNINGS": "ignore"})


def test_an_interrupt_while_it_waits():
    """The sandbox of a Popen is the caller's: it runs on, until the with-statement ends it."""
    code = COUNT + """
    timer = lambda: threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    for wait in (nucleus.Popen.wait, nucleus.Popen.communicate, lambda p: p.stdout.read()):
        try:
            with nucleus.Popen(["sleep", "100000"], stdout=nucleus.PIPE) as p:
                timer()
                try:
                    wait(p)
                finally:
                    assert p.poll() is None
        except KeyboardInterrupt:
            assert (p.returncode, p.outcome) == (-9, "killed")
        else:
            raise AssertionError
    try:
        timer()
        nucleus.run(["sleep", "100000"])
    except KeyboardInterrupt:
        assert children() == []
    """
    run_python(code)


def test_alarms():
    """Handlers run meanwhile, those that run a sandbox themselves too, and nothing is lost."""
    code = COUNT + """
    policy, rung, over = nucleus.Policy(), [0, 0], []
    def ring(*_):
        rung[0] += 1
        if rung[0] % 20 == 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
            rung[1] += nucleus.run(["cat"], policy=policy, input=b"x" * 10, capture_output=True).stdout == b"x" * 10
            if not over:
                signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    data = os.urandom(300000)
    for n in range(40):
        done = nucleus.run(["cat"], policy=policy if n % 2 else None, input=data, capture_output=True)
        assert (done.stdout == data, done.returncode, done.outcome) == (True, 0, "exited"), done
        assert nucleus.run(["sh", "-c", "sleep 0.01; exit 3"], policy=policy, timeout=60).returncode == 3
    # Before the timer is stopped: a call of ring() that comes right after that must not set it again.
    over.append(True)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert rung[0] > 40 and rung[1] == rung[0] // 20, rung
    """
    run_python(code)


def test_a_handler_that_uses_the_same_policy():
    """It may come while its own thread has the policy's lock."""
    code = COUNT + """
    policy, rung, over = nucleus.Policy(mode="agent"), [], []
    wanted = policy.dump()
    def ring(*_):
        rung.append((policy.dump(), nucleus.Policy(policy).dump()))
        if not over:
            signal.setitimer(signal.ITIMER_REAL, 0.002)
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    until(lambda: all(policy.dump() == wanted for _ in range(50)) and len(rung) > 100)
    over.append(True)  # as above
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert set(rung) == {(wanted, wanted)}
    """
    run_python(code, seconds=100)


def test_alarms_that_raise():
    """As a test runner's or a web server's time limit does."""
    code = COUNT + """
    class Late(Exception): pass
    def ring(*_): raise Late
    signal.signal(signal.SIGALRM, ring)
    lost = []
    sys.unraisablehook = lambda u: lost.append(repr(u.exc_value))
    before = fds(), children()
    for n in range(30):
        try:
            # Again if it comes in a finalizer, where Python only tells of it.
            signal.setitimer(signal.ITIMER_REAL, 0.01 + n * 0.002, 1)
            nucleus.run(["sleep", "100000"], capture_output=n % 2 == 0)
        except Late as e:
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert children() == before[1], n
        else:
            raise AssertionError
        assert leftovers(before) == ({}, []), (n, leftovers(before))
    assert len(lost) <= 3, lost
    """
    run_python(code)


# ---- signals -------------------------------------------------------------------------------------

def test_who_ignores_or_steals_its_children():
    code = COUNT + """
    def steal(*_):
        try:
            while os.waitpid(-1, os.WNOHANG)[0]: pass
        except ChildProcessError: pass
    for handler in (signal.SIG_IGN, steal, signal.SIG_DFL):
        signal.signal(signal.SIGCHLD, handler)
        for n in (0, 3):
            assert nucleus.run(["sh", "-c", f"exit {n}"]).returncode == n
        done = nucleus.run(["sh", "-c", "echo x; kill -TERM $$"], capture_output=True)
        assert (done.returncode, done.outcome, done.stdout) == (-15, "signalled", b"x\\n")
        p = nucleus.Popen(["sh", "-c", "exit 4"])
        until(lambda: p.poll() is not None)
        assert p.wait() == 4
        with nucleus.Popen(["sleep", "100000"]) as p:
            p.kill()
        assert (p.returncode, p.outcome) == (-9, "killed")
        assert signal.getsignal(signal.SIGCHLD) is handler
    """
    run_python(code)


def test_the_callers_state_is_its_own():
    """Blocked and ignored signals are not the program's, and nothing of the caller's is changed."""
    code = COUNT + """
    os.umask(0o077)
    os.chdir("/usr")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    def state():
        return (os.getcwd(), signal.pthread_sigmask(signal.SIG_BLOCK, []), [signal.getsignal(n) for n in signal.valid_signals()],
                dict(os.environ), os.getresuid(), os.getpgrp(), os.getsid(0), threading.active_count(),
                resource.getrlimit(resource.RLIMIT_NOFILE), os.getpriority(os.PRIO_PROCESS, 0), sys.getswitchinterval())
    before = state()
    assert nucleus.run(["sh", "-c", "kill -TERM $$; sleep 100000"]).returncode == -15
    done = nucleus.run(["sh", "-c", "umask; touch /tmp/x; stat -c %a /tmp/x; grep -E 'Sig(Blk|Ign)' /proc/self/status"],
                       capture_output=True, text=True)
    assert done.stdout.split()[2:] == ["SigBlk:", "0" * 16, "SigIgn:", "0" * 16], done.stdout
    assert state() == before
    assert os.umask(0) == 0o077
    """
    run_python(code)


def test_a_running_event_loop():
    code = COUNT + """
    import asyncio
    async def main():
        beats = []
        async def beat():
            while True:
                beats.append(1)
                await asyncio.sleep(0.001)
        task = asyncio.create_task(beat())
        assert nucleus.run(["cat"], input=b"x", capture_output=True).stdout == b"x"
        loop = asyncio.get_running_loop()
        many = await asyncio.gather(*[loop.run_in_executor(None, lambda n=n: nucleus.run(["sh", "-c", f"exit {n}"]))
                                      for n in range(20)])
        assert [d.returncode for d in many] == list(range(20))
        # Its own children are its own.
        p = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0.1; exit 5")
        assert nucleus.run(["sh", "-c", "exit 6"]).returncode == 6
        assert await p.wait() == 5
        task.cancel()
        assert len(beats) > 3
    asyncio.run(main())
    """
    run_python(code)


# ---- threads and forks ---------------------------------------------------------------------------

def test_threads():
    policy, results = Policy(), []

    def work(me):
        for n in range(6):
            with Popen(["cat"], policy=policy, stdin=PIPE, stdout=PIPE) as p:
                results.append(p.communicate(b"%d" % (me + n)) == (b"%d" % (me + n), None))
            results.append(nucleus.run(["sh", "-c", f"exit {me}"]).returncode == me)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(patience(300))
    assert results == [True] * (16 * 12)


def begin_worker(policy):
    globals()["inherited"] = policy


def in_worker(n):
    done = nucleus.run(["sh", "-c", f"cat; exit {n}"], policy=globals()["inherited"], input=b"in", capture_output=True)
    return done, os.getpid()


def failing_worker(_):
    nucleus.run(["no-such-program"], policy=globals()["inherited"])


def test_pools_of_forked_workers():
    shared = Policy()
    shared.hash()
    with Popen(["cat"], policy=shared, stdin=PIPE, stdout=PIPE) as mine:
        with concurrent.futures.ProcessPoolExecutor(3, multiprocessing.get_context("fork"), begin_worker, (shared,)) as pool:
            for n, (done, pid) in enumerate(pool.map(in_worker, range(12))):
                assert (done.returncode, done.stdout, done.outcome) == (n, b"in", "exited")
                assert pid != os.getpid()
            with pytest.raises(FileNotFoundError) as caught:
                pool.submit(failing_worker, 0).result(patience(60))
            assert isinstance(caught.value, nucleus.NucleusError) and caught.value.hint
        assert mine.poll() is None
        assert mine.communicate(b"still here") == (b"still here", None)


LEAVE = {
    "os._exit": "os._exit(0)", "exit": "sys.exit(0)", "forget": "del p, q; gc.collect()", "kill": "tell(q.kill)",
    "close": "tell(q.close); tell(p.close)", "wait": "tell(q.wait)", "poll": "tell(q.poll)",
    "communicate": "tell(lambda: q.communicate(timeout=1))", "signal": "tell(lambda: q.send_signal(9))",
    "with": "tell(lambda: q.__exit__(None, None, None))", "raise": "tell(lambda: q.__exit__(ValueError, ValueError(), None))",
    "run": "assert nucleus.run(['sh', '-c', 'exit 7'], policy=policy).returncode == 7",
    "exec": "os.execvp('true', ['true'])"}


@pytest.mark.parametrize("leave", LEAVE)
def test_a_forked_child_leaves_the_parents_sandbox_alone(leave):
    code = COUNT + f"""
    policy = nucleus.Policy(workspace=tempfile.gettempdir() if os.geteuid() else tempfile.mkdtemp())
    p = nucleus.Popen(["cat"], policy=policy, stdin=nucleus.PIPE, stdout=nucleus.PIPE)
    q = nucleus.Popen(["sleep", "100000"], policy=policy)
    ends = p.stdout, p.stdin
    def tell(what):
        signal.alarm(60)
        try:
            what()
        except (RuntimeError, OSError, ValueError, nucleus.TimeoutExpired):
            pass
    child = os.fork()
    if child == 0:
        {LEAVE[leave]}
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (p.poll(), q.poll()) == (None, None)
    p.stdin.write(b"still here\\n")
    p.stdin.flush()
    assert p.stdout.readline() == b"still here\\n"
    assert nucleus.run(["true"], policy=policy).returncode == 0
    p.stdin.close()
    assert p.wait() == 0
    q.terminate()
    assert q.wait() == -15
    p.close()
    """
    run_python(code, env={"PYTHONWARNINGS": "ignore"})


def test_a_forked_child_waits_for_no_thread_of_the_parents():
    run_python("""if 1:
        import nucleus, os, signal, threading
        p = nucleus.Popen(["sleep", "100000"])
        held, over = threading.Event(), threading.Event()
        def hold():
            with p._handle._lock:  # as while a workspace is carried back
                held.set()
                over.wait()
        thread = threading.Thread(target=hold, daemon=True)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            assert (p.stats, p.pidfd, p.denials, p._handle.denial_fd) == ({}, -1, (), -1)
            repr(p), p.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        over.set()
        thread.join()
        p.close()
        """, env={"PYTHONWARNINGS": "ignore"})


def test_a_server_with_workers():
    """gunicorn's model: all is imported and compiled, then workers are forked, serve, and are ended or killed."""
    code = COUNT + """
    import socket
    policy = nucleus.Policy(env={"WHO": "server"})
    watch = nucleus.Popen(["cat"], policy=policy, stdin=nucleus.PIPE, stdout=nucleus.PIPE)
    listener = socket.create_server(("127.0.0.1", 0))
    def worker():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while True:
            with listener.accept()[0] as client:
                done = nucleus.run(["sh", "-c", "cat; echo $WHO"], policy=policy, input=client.recv(100), capture_output=True)
                client.sendall(done.stdout)
    workers = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                worker()
            finally:
                os._exit(0)
        workers.append(pid)
    def ask(word):
        with socket.create_connection(listener.getsockname()) as s:
            s.sendall(word)
            return s.makefile("rb").read()
    for n in range(40):
        assert ask(b"%d-" % n) == b"%d-server\\n" % n
    for pid, sig in zip(workers, (signal.SIGTERM, signal.SIGKILL) * 2):
        os.kill(pid, sig)
    for pid in workers:
        os.waitpid(pid, 0)
    assert watch.poll() is None
    assert watch.communicate(b"mine") == (b"mine", None)
    assert children() == []
    """
    run_python(code, env={"PYTHONWARNINGS": "ignore"})


def test_forks_while_threads_run_sandboxes():
    """A lock that another thread holds at the fork is for ever held in the child."""
    code = COUNT + """
    policy, stop, count = nucleus.Policy(), threading.Event(), [0]
    def work():
        while not stop.is_set():
            assert nucleus.run(["cat"], policy=policy, input=b"x", capture_output=True).stdout == b"x"
            nucleus.Policy(policy, max_files=100).hash()
            count[0] += 1
    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads: t.start()
    until(lambda: count[0] > 3)
    for n in range(int(sys.argv[1])):
        pid = os.fork()
        if pid == 0:
            try:
                signal.alarm(60)
                good = nucleus.run(["sh", "-c", "cat; exit 3"], policy=policy, input=b"y", capture_output=True)
                os._exit(0 if (good.returncode, good.stdout) == (3, b"y") else 1)
            finally:
                os._exit(2)
        assert os.waitpid(pid, 0)[1] == 0, n
    stop.set()
    for t in threads: t.join()
    assert children() == []
    """
    run_python(code, rounds(40), env={"PYTHONWARNINGS": "ignore"})


def test_the_callers_end_is_the_sandboxes():
    code = COUNT + """
    p = nucleus.Popen(["sleep", "100000"])
    print(p.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    pid = int(run_python(code, code_wanted=-signal.SIGKILL))

    def gone():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return not f.read().startswith(b"nucleus-init")
        except OSError:
            return True
    until(gone, "the end of the sandbox")


# ---- little room, and nothing kept ---------------------------------------------------------------

def test_few_descriptors():
    """It works, or says so, with any number of them, and nothing is left."""
    code = COUNT + """
    import re
    policy = nucleus.Policy()
    nucleus.run(["true"], policy=policy)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before, ends = (fds(), children()), []
    for n in range(0, 40):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0]) + 1 + n, hard))
        try:
            done = nucleus.run(["cat"], policy=policy, input=b"x", capture_output=True)
            ends.append((done.returncode, done.stdout) == (0, b"x"))
        except OSError as e:
            assert e.errno in (23, 24), e
            ends.append(None)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        left, children_left = leftovers(before)
        # From its second start on an object keeps these: the caller's mounts, and the root that starts copy.
        left = {fd: to for fd, to in left.items() if not re.search(r"/mountinfo$|^(mnt|user):", to)}
        assert (left, children_left) == ({}, []), (n, left, children_left)
    assert ends[0] is None and ends[-1] is True and False not in ends, ends
    """
    run_python(code, env={"PYTHONWARNINGS": "ignore"})


def test_five_thousand_runs():
    code = COUNT + """
    import tracemalloc
    work = tempfile.gettempdir() if os.geteuid() else tempfile.mkdtemp()
    policy = nucleus.Policy(workspace=work)
    def some(count):
        for n in range(count):
            kind = n % 25
            if kind == 0:
                assert nucleus.run(["cat"], workspace=work, input=b"x" * 70000, capture_output=True, max_output=99).stdout
            elif kind == 1:
                try:
                    nucleus.run(["no-such-program"], policy=policy, capture_output=True)
                except FileNotFoundError:
                    pass
            elif kind == 2:
                nucleus.Popen(["sleep", "100000"], policy=policy, stdin=nucleus.PIPE, stdout=nucleus.PIPE)
            elif kind == 3:
                try:
                    nucleus.run(["false"], policy=policy, check=True, text=True, on_output=print)
                except nucleus.CalledProcessError:
                    pass
            elif kind == 4:
                try:
                    nucleus.run(["sleep", "100000"], policy=policy, timeout=0.001, capture_output=True)
                except nucleus.TimeoutExpired:
                    pass
            else:
                nucleus.run(["true"], policy=policy)
    some(200)
    gc.collect()
    tracemalloc.start()
    some(100)
    gc.collect()
    before = fds(), children(), rss(), tracemalloc.get_traced_memory()[0], threading.active_count()
    some(5000 if os.geteuid() == 0 else 1000)
    gc.collect()
    assert leftovers(before[:2]) == ({}, []) and len(fds()) <= len(before[0]), (fds(), before)
    grown = tracemalloc.get_traced_memory()[0] - before[3]
    assert grown < 100000, f"{grown} bytes more in Python"
    assert rss() - before[2] < 4096, f"{rss() - before[2]} KiB more in all"
    assert threading.active_count() == before[4]
    """
    run_python(code, seconds=900, env={"PYTHONWARNINGS": "ignore"})
