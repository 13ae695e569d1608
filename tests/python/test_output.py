# SPDX-License-Identifier: MIT
"""max_output= and on_output=: what is kept, what is counted, and what is told while it runs."""

import os
import threading
import time

import pytest

import nucleus
from nucleus import DEVNULL, PIPE, STDOUT
from run_case import nothing_left  # noqa: F401
from support import patience, run_python

MEGA = 1_000_000


class Told(list):
    """What on_output was told, by stream."""

    def __call__(self, stream, data):
        self.append((stream, data))

    def of(self, stream):
        parts = [data for name, data in self if name == stream]
        return (type(parts[0])() if parts else b"").join(parts)


# ---- max_output ----------------------------------------------------------------------------------

@pytest.mark.parametrize("limit", [0, 1, 7, 4096, 65536, 65537, 3 * MEGA - 1, 3 * MEGA, 4 * MEGA])
def test_what_is_kept_and_dropped(limit):
    script = f"echo start; head -c {3 * MEGA - 6} /dev/zero; echo err >&2; exit 3"
    done = nucleus.run(["sh", "-c", script], capture_output=True, max_output=limit)
    whole = (b"start\n" + bytes(3 * MEGA))[:3 * MEGA]
    assert done.stdout == whole[:limit]
    assert done.stdout_dropped == max(0, 3 * MEGA - limit)
    assert (done.stderr, done.stderr_dropped) == (b"err\n"[:limit], max(0, 4 - limit))
    # It has not been blocked, and not been told.
    assert (done.returncode, done.outcome) == (3, "exited")


def test_each_stream_has_its_own_limit():
    script = f"head -c {MEGA} /dev/zero; head -c {2 * MEGA} /dev/zero >&2"
    done = nucleus.run(["sh", "-c", script], capture_output=True, max_output=10)
    assert (done.stdout, done.stderr) == (bytes(10), bytes(10))
    assert (done.stdout_dropped, done.stderr_dropped) == (MEGA - 10, 2 * MEGA - 10)
    done = nucleus.run(["sh", "-c", script], stdout=PIPE, stderr=STDOUT, max_output=10)
    assert (done.stdout, done.stderr, done.stdout_dropped) == (bytes(10), None, 3 * MEGA - 10)
    done = nucleus.run(["sh", "-c", script], stdout=DEVNULL, stderr=DEVNULL, max_output=10)
    assert (done.stdout, done.stderr, done.stdout_dropped, done.stderr_dropped) == (None, None, 0, 0)


@pytest.mark.parametrize("limit", range(8))
def test_a_sign_that_is_cut_is_no_error(limit):
    """The program wrote good UTF-8: where it is cut is not its fault."""
    done = nucleus.run(["printf", "☃☃\\n"], capture_output=True, encoding="utf-8", max_output=limit)
    whole = "☃☃\n"[:limit // 3 + (limit == 7)]
    assert done.stdout.rstrip("\ufffd") == whole
    assert len(done.stdout) <= len(whole) + 1
    assert done.stdout_dropped in (7 - limit, 7 - len(whole.encode()))


def test_lines_that_are_cut():
    assert nucleus.run(["printf", "a\\r\\nb"], capture_output=True, text=True, max_output=2).stdout in ("a", "a\n")
    assert nucleus.run(["printf", "a\\r\\nb"], capture_output=True, text=True, max_output=3).stdout == "a\n"


@pytest.mark.parametrize("limit,error", [(-1, ValueError), ("10", TypeError), (1.5, TypeError), (b"1", TypeError)])
def test_limits_that_are_none(limit, error):
    with pytest.raises(error):
        nucleus.run(["true"], capture_output=True, max_output=limit)


def test_all_that_is_echoed():
    data = os.urandom(3 * MEGA)
    done = nucleus.run(["cat"], input=data, capture_output=True, max_output=MEGA)
    assert (done.stdout == data[:MEGA], done.stdout_dropped) == (True, 2 * MEGA)


def test_a_hundred_megabytes_in_flat_memory():
    code = """if 1:
        import nucleus, resource
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        nucleus.run(["head", "-c", "1000000", "/dev/zero"], capture_output=True, max_output=1000)
        before, seen = peak(), 0
        done = nucleus.run(["head", "-c", "100000000", "/dev/zero"], capture_output=True, max_output=1000)
        assert (len(done.stdout), done.stdout_dropped, done.returncode) == (1000, 100000000 - 1000, 0), done.stdout_dropped
        def count(stream, data):
            global seen
            seen += len(data)
        done = nucleus.run(["head", "-c", "100000000", "/dev/zero"], on_output=count)
        assert (seen, done.stdout) == (100000000, None), seen
        p = nucleus.Popen(["head", "-c", "100000000", "/dev/zero"], stdout=nucleus.PIPE)
        assert p.communicate(max_output=1000) == (bytes(1000), None)
        assert peak() - before < 8192, f"{peak() - before} KiB more"
        """
    run_python(code)


# ---- on_output -----------------------------------------------------------------------------------

def test_streams_are_told():
    told = Told()
    done = nucleus.run(["sh", "-c", "echo out; echo err >&2; exit 3"], on_output=told)
    assert (told.of("stdout"), told.of("stderr"), len(told)) == (b"out\n", b"err\n", 2)
    assert (done.stdout, done.stderr, done.returncode) == (None, None, 3)
    assert all(type(d) is bytes and d for _, d in told)
    told = Told()
    done = nucleus.run(["sh", "-c", "echo out; echo err >&2"], on_output=told, capture_output=True)
    assert (told.of("stdout"), done.stdout, told.of("stderr"), done.stderr) == (b"out\n", b"out\n", b"err\n", b"err\n")
    told = Told()
    nucleus.run(["sh", "-c", "echo out; echo err >&2"], on_output=told, stdout=DEVNULL)
    assert told == [("stderr", b"err\n")]
    told = Told()
    nucleus.run(["sh", "-c", "echo out; echo err >&2"], stdout=PIPE, stderr=STDOUT, on_output=told)
    assert (told.of("stdout"), told.of("stderr")) == (b"out\nerr\n", b"")


def test_it_is_told_while_it_runs(tmp_path):
    """The program goes on only when somebody has heard it."""
    def answer(_, data):
        (tmp_path / data.decode().strip()).touch()
    script = "for i in 1 2 3; do echo $i; until [ -e $i ]; do sleep 0.01; done; done"
    done = nucleus.run(["sh", "-c", script], workspace=tmp_path, on_output=answer, timeout=patience(100))
    assert done.returncode == 0
    script = script.replace("echo $i;", "rm $i; echo $i >&2;")
    done = nucleus.run(["sh", "-c", script], workspace=tmp_path, on_output=answer, timeout=patience(100), stderr=PIPE,
                       text=False, max_output=0)
    assert (done.returncode, done.stderr, done.stderr_dropped) == (0, b"", 6)


def test_all_of_it_in_order():
    told = Told()
    script = "import sys; [sys.stdout.write(f'{n}\\n') for n in range(200000)]"
    done = nucleus.run(["python3", "-c", script], on_output=told, capture_output=True, max_output=100)
    wanted = b"".join(b"%d\n" % n for n in range(200000))
    assert told.of("stdout") == wanted
    assert (done.stdout, done.stdout_dropped) == (wanted[:100], len(wanted) - 100)


def test_who_is_told_slowly_holds_the_program_back():
    """What nobody has taken yet does not pile up in the caller."""
    total, most = [0], []

    def slow(_, data):
        time.sleep(0.001)
        total[0] += len(data)
        most.append(len(data))
    nucleus.run(["head", "-c", str(5 * MEGA), "/dev/zero"], on_output=slow)
    assert total == [5 * MEGA]
    assert max(most) <= 2 * MEGA


def test_text_is_decoded_over_the_edges():
    told = Told()
    script = "for c in 342 230 203 303 274 12; do printf \"\\\\$c\"; sleep 0.03; done"
    done = nucleus.run(["sh", "-c", script], on_output=told, encoding="utf-8", capture_output=True)
    assert (told.of("stdout"), done.stdout) == ("☃ü\n", "☃ü\n")
    assert all(type(d) is str and d for _, d in told)
    told = Told()
    nucleus.run(["sh", "-c", "printf '\\r'; sleep 0.1; printf '\\nx\\r'; sleep 0.1; printf y"], on_output=told, text=True)
    assert told.of("stdout") == "\nx\ny"
    told = Told()
    nucleus.run(["sh", "-c", "printf 'x\\342\\230'"], on_output=told, encoding="utf-8", errors="replace")
    assert told.of("stdout") == "x\ufffd"
    with pytest.raises(UnicodeDecodeError):
        nucleus.run(["sh", "-c", "printf 'x\\342'; sleep 100000"], on_output=told, encoding="ascii", errors="strict")


class Stop(BaseException):
    pass


@pytest.mark.parametrize("what", [ValueError, KeyboardInterrupt, Stop, SystemExit, StopIteration, GeneratorExit])
def test_what_it_raises_ends_the_sandbox(what):
    """The fixture sees that nothing is left of it."""
    def stop(stream, data):
        raise what("enough")
    started = time.monotonic()
    for script in ("echo x; exec sleep 100000", "yes", "yes >&2"):
        with pytest.raises(what, match="enough"):
            nucleus.run(["sh", "-c", script], on_output=stop, input=bytes(MEGA))
        with pytest.raises(what, match="enough"), nucleus.Popen(["sh", "-c", script], stdout=PIPE, stderr=PIPE) as p:
            p.communicate(on_output=stop)
        assert p.returncode == -9
    assert time.monotonic() - started < patience(60)


def test_it_is_called_by_who_called():
    me, seen = threading.get_ident(), set()
    nucleus.run(["sh", "-c", "echo x; echo y >&2"], on_output=lambda *_: seen.add(threading.get_ident()))
    assert seen == {me}


def test_it_may_run_another():
    told = []

    def nested(_, data):
        told.append(nucleus.run(["cat"], input=data, capture_output=True, policy=policy).stdout)
    policy = nucleus.Policy()
    nucleus.run(["sh", "-c", "echo one; sleep 0.1; echo two"], on_output=nested, policy=policy)
    assert b"".join(told) == b"one\ntwo\n"


def test_the_timeout_goes_on_while_it_is_told():
    started = time.monotonic()
    told = Told()
    with pytest.raises(nucleus.TimeoutExpired) as caught:
        nucleus.run(["yes"], on_output=told, timeout=0.3)
    assert time.monotonic() - started < patience(60)
    assert caught.value.stdout is None
    assert caught.value.result.outcome == "killed"


@pytest.mark.parametrize("what", [5, "print", [], object()])
def test_what_cannot_be_called(what):
    with pytest.raises(TypeError):
        nucleus.run(["echo", "x"], on_output=what)
