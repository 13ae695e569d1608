# SPDX-License-Identifier: MIT
"""nucleus.Popen as who knows subprocess.Popen expects it."""

import errno
import gc
import io
import os
import select
import signal
import subprocess
import threading
import time

import pytest

import nucleus
from nucleus import DEVNULL, PIPE, Popen
from run_case import nothing_left  # noqa: F401
from support import children, patience, run_python, until

FOREVER = ["sleep", "100000"]
BIG = 2_000_000
PIPE_SIZE = 65536


def stop(p):
    """Init passes the signal on, and may not be quicker than the program is."""
    p.send_signal(signal.SIGSTOP)

    def state(pid):
        with open(f"/proc/{pid}/stat", "rb") as f:
            return f.read().rpartition(b")")[2].split()[0]
    until(lambda: [state(pid) for pid in children(p.pid)] == [b"T"], "a program that is stopped")


# ---- files ---------------------------------------------------------------------------------------

def test_streams_are_files():
    with Popen(["cat"], stdin=PIPE, stdout=PIPE, stderr=PIPE) as p:
        assert isinstance(p.stdin, io.BufferedIOBase) and p.stdin.writable()
        assert isinstance(p.stdout, io.BufferedReader) and isinstance(p.stderr, io.BufferedReader)
        assert len({p.stdin.fileno(), p.stdout.fileno(), p.stderr.fileno(), p.pidfd}) == 4
        assert not any(os.get_inheritable(f.fileno()) for f in (p.stdin, p.stdout, p.stderr))
        for line in (b"one\n", b"two\n"):
            p.stdin.write(line)
            p.stdin.flush()
            assert p.stdout.readline() == line
        p.stdin.close()
        assert (p.stdout.read(), p.stderr.read(), p.wait()) == (b"", b"", 0)
    assert p.stdin.closed and p.stdout.closed and p.stderr.closed
    with Popen(["true"], stdout=DEVNULL) as p:
        assert (p.stdin, p.stdout, p.stderr) == (None, None, None)


def test_bufsize():
    with Popen(["cat"], bufsize=0, stdin=PIPE, stdout=PIPE) as p:
        assert isinstance(p.stdin, io.RawIOBase) and isinstance(p.stdout, io.RawIOBase)
        p.stdin.write(b"unflushed")
        assert p.stdout.read(100) == b"unflushed"
        p.stdin.close()
    with Popen(["cat"], bufsize=1, text=True, stdin=PIPE, stdout=PIPE) as p:
        assert isinstance(p.stdin, io.TextIOWrapper) and isinstance(p.stdout, io.TextIOWrapper)
        p.stdin.write("a line\n")
        assert p.stdout.readline() == "a line\n"
    with Popen(["cat"], bufsize=10_000_000, stdin=PIPE, stdout=PIPE) as p:
        p.stdin.write(bytes(1000))
        assert p.communicate() == (bytes(1000), None)


def test_text():
    with Popen(["cat"], encoding="latin-1", errors="replace", stdin=PIPE, stdout=PIPE) as p:
        assert (p.stdin.encoding, p.stdout.encoding, p.stdin.errors) == ("latin-1", "latin-1", "replace")
        assert p.communicate("é☃\n") == ("é?\n", None)
    with Popen(["sh", "-c", "printf 'a\\r\\nb\\rc'; printf '\\377' >&2"], encoding="utf-8", errors="replace",
               stdout=PIPE, stderr=PIPE) as p:
        assert (p.stdout.read(), p.stderr.read()) == ("a\nb\nc", "\ufffd")


def test_no_pipe_of_another():
    """The second sandbox must not hold the first one's input open."""
    with Popen(["cat"], stdin=PIPE, stdout=PIPE) as a, Popen(["cat"], stdin=PIPE, stdout=PIPE) as b:
        a.stdin.close()
        assert a.stdout.read() == b""
        assert a.wait(timeout=patience(60)) == 0
        assert b.poll() is None


def test_broken_pipes():
    with Popen(["yes"], stdout=PIPE) as p:
        p.stdout.close()
        assert p.wait(timeout=patience(60)) == -signal.SIGPIPE
    with Popen(["yes"], stdout=PIPE) as p:
        assert p.stdout.read(2) == b"y\n"
    assert p.returncode == -signal.SIGPIPE
    p = Popen(["true"], stdin=PIPE)
    p.wait()
    with pytest.raises(BrokenPipeError):
        p.stdin.write(bytes(BIG))
    p.stdin.write(b"x")
    with pytest.raises(BrokenPipeError):
        p.stdin.close()
    p.close()
    # Nobody cares for it where it was said in a with-statement or to communicate().
    with Popen(["true"], stdin=PIPE) as p:
        p.stdin.write(b"x")
        p.wait()
    with Popen(["true"], stdin=PIPE) as p:
        p.stdin.write(b"x")
        p.wait()
        assert p.communicate(b"y") == (None, None)


# ---- communicate ---------------------------------------------------------------------------------

def test_communicate():
    script = f"head -c {BIG} /dev/zero >&2; cat; head -c {BIG} /dev/zero >&2; exit 9"
    data = os.urandom(BIG)
    p = Popen(["sh", "-c", script], stdin=PIPE, stdout=PIPE, stderr=PIPE)
    out, err = p.communicate(data)
    assert (out == data, err == bytes(2 * BIG), p.returncode, p.outcome) == (True, True, 9, "exited")
    assert p.stdin.closed and p.stdout.closed and p.stderr.closed
    p = Popen(["echo", "x"], stdout=PIPE)
    assert p.communicate() == (b"x\n", None)
    p = Popen(["sh", "-c", "echo x >&2"], stderr=PIPE, text=True)
    assert p.communicate() == (None, "x\n")
    assert Popen(["true"]).communicate() == (None, None)
    p = Popen(["cat"], stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8")
    assert p.communicate("grün" * 100_000) == ("grün" * 100_000, None)


def test_communicate_after_reading():
    with Popen(["sh", "-c", "echo one; echo two; cat"], stdin=PIPE, stdout=PIPE, bufsize=0) as p:
        assert p.stdout.readline() == b"one\n"
        p.stdin.write(b"three\n")
        assert p.communicate(b"four\n")[0] == b"two\nthree\nfour\n"


def test_communicate_with_closed_streams():
    with Popen(["cat"], stdin=PIPE, stdout=PIPE) as p:
        p.stdin.close()
        assert p.communicate() == (b"", None)
    with Popen(["sh", "-c", "echo x; echo y >&2"], stdout=PIPE, stderr=PIPE) as p:
        p.wait()
        p.stdout.close()
        assert p.communicate()[1] == b"y\n"


@pytest.mark.parametrize("text", [False, True])
def test_communicate_after_a_timeout(text):
    """Nothing is lost, and nothing is given to the program twice."""
    script = ("import sys; r, w = sys.stdin.buffer, sys.stdout.buffer; w.write(b'early\\n'); w.flush();"
              "import time; d = r.read(); w.write(d); w.flush(); sys.stderr.write('err')")
    data = "0123456789" * (BIG // 10)
    p = Popen(["python3", "-c", "import time\n" + script], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=text)
    given = data if text else data.encode()
    expired = []
    stop(p)
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(nucleus.TimeoutExpired) as caught:
            p.communicate(given if not expired else None, timeout=0.2)
        assert 0.2 <= time.monotonic() - started < patience(60)
        expired.append(caught.value)
        assert p.poll() is None
    p.send_signal(signal.SIGCONT)
    out, err = p.communicate(timeout=patience(120))
    wanted = "early\n" + data
    assert (out, err) == ((wanted, "err") if text else (wanted.encode(), b"err"))
    assert all(e.timeout == 0.2 and e.cmd == p.args for e in expired)


def test_output_that_is_taken_away_is_not_waited_for():
    # A program can open its pipes in /proc/self/fd, and read what the caller was told is there.
    with nucleus.Popen(["sh", "-c", "printf a; printf b >&2; exec sleep 60"], stdout=PIPE, stderr=PIPE) as p:
        until(lambda: select.select([p.stdout], [], [], 0)[0] and select.select([p.stderr], [], [], 0)[0])
        taken = []

        def thief(name, _):
            taken.append(os.read((p.stderr if name == "stdout" else p.stdout).fileno(), 9))

        begun = time.monotonic()
        with pytest.raises(nucleus.TimeoutExpired):
            p.communicate(timeout=0.2, on_output=thief)
        assert time.monotonic() - begun < patience(30)
        assert taken in ([b"a"], [b"b"])
        assert os.get_blocking(p.stdout.fileno()) and os.get_blocking(p.stderr.fileno())
        p.kill()


def fill_the_input(p):
    """More than the pipe holds, of which its end is in a buffer of the caller's."""
    p.stdin.write(b"x" * PIPE_SIZE)
    p.stdin.write(b"end")


def test_input_in_a_buffer_that_nobody_reads_ends_in_time():
    p = Popen(["sleep", "60"], stdin=PIPE, stdout=PIPE)
    fill_the_input(p)
    begun = time.monotonic()
    with pytest.raises(nucleus.TimeoutExpired):
        p.communicate(b"more", timeout=0.2)
    assert time.monotonic() - begun < patience(30)
    p.close()


def test_input_in_a_buffer_comes_first():
    with Popen(["tail", "-c", "7"], stdin=PIPE, stdout=PIPE) as p:
        stop(p)
        fill_the_input(p)
        with pytest.raises(nucleus.TimeoutExpired):
            p.communicate(b"more", timeout=0)
        p.send_signal(signal.SIGCONT)
        assert p.communicate()[0] == b"endmore"


def test_output_so_far():
    p = Popen(["sh", "-c", "echo early; exec sleep 100000"], stdout=PIPE)
    assert select.select([p.stdout], [], [], patience(60))[0]
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        p.communicate(timeout=0.5)
    assert caught.value.stdout == caught.value.output == b"early\n"
    p.kill()
    assert p.communicate() == (b"early\n", None)
    assert (p.returncode, p.outcome) == (-9, "killed")


def test_input_cannot_be_given_later():
    p = Popen(["cat"], stdin=PIPE, stdout=PIPE)
    stop(p)
    with pytest.raises(subprocess.TimeoutExpired):
        p.communicate(b"a" * BIG, timeout=0.1)
    with pytest.raises(ValueError):
        p.communicate(b"more", timeout=0.1)
    p.send_signal(signal.SIGCONT)
    assert p.communicate()[0] == b"a" * BIG


def test_communicate_keeps_and_tells():
    told = []
    p = Popen(["sh", "-c", "echo one; echo two >&2; head -c 100000 /dev/zero"], stdout=PIPE, stderr=PIPE)
    out, err = p.communicate(max_output=6, on_output=lambda name, data: told.append((name, data)))
    assert (out, err) == (b"one\n\0\0", b"two\n")
    assert b"".join(d for n, d in told if n == "stdout") == b"one\n" + bytes(100_000)
    assert b"".join(d for n, d in told if n == "stderr") == b"two\n"


# ---- waiting and signals -------------------------------------------------------------------------

def test_poll_and_wait():
    with Popen(["cat"], stdin=PIPE) as p:
        assert (p.poll(), p.returncode, p.outcome) == (None, None, None)
        assert p.args == ["cat"]
        with pytest.raises(nucleus.TimeoutExpired) as caught:
            p.wait(timeout=0.05)
        assert (caught.value.timeout, caught.value.cmd) == (0.05, ["cat"])
        for timeout in (0, -1, 0.0):
            with pytest.raises(subprocess.TimeoutExpired):
                p.wait(timeout)
        assert p.poll() is None
        p.stdin.close()
        assert p.wait() == 0
        assert (p.wait(), p.wait(timeout=0), p.poll(), p.returncode, p.outcome) == (0, 0, 0, 0, "exited")


def test_poll_sees_the_end():
    p = Popen(["sh", "-c", "exit 4"])
    assert until(lambda: p.poll() is not None)
    assert (p.returncode, p.outcome, p.denials) == (4, "exited", ())
    p = Popen(["sh", "-c", "exit 0"])
    until(lambda: p.poll() is not None)
    assert (p.returncode, p.stats) == (0, p.stats)


def test_the_pidfd():
    with Popen(["cat"], stdin=PIPE) as p:
        assert p.fileno() == p.pidfd >= 0
        assert p.pid in children()
        assert select.select([p], [], [], 0)[0] == []
        p.stdin.close()
        assert select.select([p], [], [], patience(60))[0] == [p]
        assert p.poll() == 0
    assert p.pid not in children()


def test_ended_from_outside():
    p = Popen(FOREVER)
    os.kill(p.pid, signal.SIGKILL)
    assert (p.wait(), p.outcome) == (-9, "killed")


@pytest.mark.parametrize("how,wanted", [
    (lambda p: p.kill(), (-9, "killed")), (lambda p: p.terminate(), (-15, "signalled")),
    (lambda p: p.send_signal(signal.SIGHUP), (-1, "signalled")), (lambda p: p.send_signal(64), (-64, "signalled"))])
def test_ending_it(how, wanted):
    with Popen(FOREVER) as p:
        how(p)
        assert (p.wait(timeout=patience(60)), p.outcome) == wanted
        # The pid may be somebody else's by now.
        for again in (p.kill, p.terminate, lambda: p.send_signal(signal.SIGUSR1)):
            again()
        assert (p.returncode, p.outcome) == wanted
    p.kill()
    assert (p.wait(), p.poll(), p.outcome) == (wanted[0], *wanted)


def test_signals_are_handled():
    script = "trap 'echo usr1' USR1; trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    with Popen(["sh", "-c", script], stdout=PIPE, text=True) as p:
        assert p.stdout.readline() == "ready\n"
        p.send_signal(signal.SIGUSR1)
        assert p.stdout.readline() == "usr1\n"
        p.terminate()
        assert (p.stdout.read(), p.wait()) == ("term\n", 3)


@pytest.mark.parametrize("number", [-1, 65, 2**32 + 9, "TERM", None, 9.0])
def test_no_such_signal(number):
    with Popen(["cat"], stdin=PIPE) as p:
        with pytest.raises((ValueError, TypeError, OSError, OverflowError)):
            p.send_signal(number)
        assert p.poll() is None


def test_all_in_it_end():
    """What the program has started, too, whatever it did to get away."""
    script = "trap '' TERM HUP; (setsid sh -c 'trap \"\" TERM HUP; echo x; exec sleep 100000' &); exec sleep 100000"
    for end in (Popen.kill, Popen.close, Popen.terminate):
        p = Popen(["sh", "-c", script if end is not Popen.terminate else script.replace("trap '' TERM HUP; ", "", 1)],
                  stdout=PIPE)
        assert p.stdout.readline() == b"x\n"
        files = p.stdout
        end(p)
        if end is not Popen.close:
            assert p.wait(timeout=patience(60)) in (-9, -15)
            # No writer is left.
            assert files.read() == b""
        p.close()


def test_many_threads_wait():
    with Popen(["cat"], stdin=PIPE) as p:
        got = []
        threads = [threading.Thread(target=lambda f=f: got.append(f())) for f in [p.wait, lambda: p.wait(600)] * 8]
        for t in threads:
            t.start()
        for _ in range(100):
            assert p.poll() is None
        p.stdin.close()
        for t in threads:
            t.join(patience(60))
        assert got == [0] * 16


def test_freezing_needs_a_group():
    with Popen(["cat"], stdin=PIPE) as p:
        for what in (p.freeze, p.thaw):
            with pytest.raises(nucleus.NucleusError) as caught:
                what()
            assert caught.value.errno == errno.EOPNOTSUPP


# ---- its life ------------------------------------------------------------------------------------

def test_with_waits_and_kills():
    with Popen(["sh", "-c", "sleep 0.2; exit 6"]) as p:
        pass
    assert p.returncode == 6
    with Popen(["cat"], stdin=PIPE) as p:
        pass
    assert p.returncode == 0
    started = time.monotonic()
    with pytest.raises(ZeroDivisionError), Popen(FOREVER, stdin=PIPE, stdout=PIPE) as p:
        raise ZeroDivisionError
    assert time.monotonic() - started < patience(60)
    assert (p.returncode, p.outcome) == (-9, "killed")
    assert p.stdin.closed and p.stdout.closed


def test_close():
    p = Popen(FOREVER, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    pid = p.pid
    p.close()
    assert pid not in children()
    assert (p.returncode, p.outcome) == (-9, "killed")
    for again in (p.close, p.kill, p.terminate, p.poll, p.wait):
        again()
    assert p.stdin.closed and p.stdout.closed and p.stderr.closed
    # What is known stays known.
    p = Popen(["sh", "-c", "unshare -U true 2>/dev/null; exit 3"])
    p.wait()
    p.close()
    assert (p.wait(), p.returncode, p.outcome, p.denials[0].layer) == (3, 3, "exited", "seccomp")


def test_forgetting_it_ends_it():
    p = Popen(FOREVER, stdin=PIPE, stdout=PIPE)
    pid = p.pid
    with pytest.warns(ResourceWarning, match=str(pid)):
        del p
        gc.collect()
    assert pid not in children()


def test_forgetting_it_waits_for_no_reader_of_its_input():
    p = Popen(["sleep", "60"], stdin=PIPE)
    fill_the_input(p)
    begun = time.monotonic()
    with pytest.warns(ResourceWarning):
        del p
        gc.collect()
    assert time.monotonic() - begun < patience(30)


def test_forgetting_what_has_ended(recwarn):
    for args in (["true"], ["sh", "-c", "exit 3"]):
        p = Popen(args)
        p.wait()
        del p
    with pytest.raises(FileNotFoundError):
        Popen(["no-such-program"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
    with pytest.raises(TypeError):
        Popen(["true"], stdout=PIPE, no_such_option=1)
    with pytest.raises(nucleus.NucleusError):
        Popen(["true"], stdout=PIPE, workspace="/no/such/dir")
    with pytest.raises(TypeError):
        Popen()  # pylint: disable=no-value-for-parameter
    gc.collect()
    assert [str(w.message) for w in recwarn] == []


def test_the_interpreters_end():
    """One that is global, or in a cycle, or used by a thread, neither hangs nor complains."""
    code = """if 1:
        import nucleus, os, sys, threading
        p = nucleus.Popen(["sleep", "100000"], stdin=nucleus.PIPE, stdout=nucleus.PIPE)
        q = nucleus.Popen(["sleep", "100000"])
        q.itself = q
        threading.Thread(target=lambda: p.stdout.read(), daemon=True).start()
        threading.Thread(target=q.wait, daemon=True).start()
        print(p.pid, q.pid)
        """
    pids = [int(x) for x in run_python(code, env={"PYTHONWARNINGS": "ignore"}).split()]
    until(lambda: not any(is_sandbox(pid) for pid in pids), "the end of the sandboxes")


def is_sandbox(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            return "nucleus" in f.read()
    except (FileNotFoundError, ProcessLookupError):  # the latter where it has gone since the file was opened
        return False


def test_constants_are_subprocesss():
    assert (nucleus.PIPE, nucleus.DEVNULL, nucleus.STDOUT) == (subprocess.PIPE, subprocess.DEVNULL, subprocess.STDOUT)
    assert issubclass(nucleus.TimeoutExpired, subprocess.TimeoutExpired)


def test_freezing_without_a_control_group():
    with nucleus.Popen(["sleep", "60"]) as p:
        for what in (p.freeze, p.thaw):
            with pytest.raises(nucleus.NucleusError, match="no control group") as caught:
                what()
            assert caught.value.errno == errno.EOPNOTSUPP and "limits_cgroup" in caught.value.hint
        p.kill()
