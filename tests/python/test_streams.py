# SPDX-License-Identifier: MIT
"""nucleus.run() as who knows subprocess.run() expects it: streams, text, time."""

import array
import errno
import os
import subprocess
import threading
import time

import pytest

import nucleus
from nucleus import DEVNULL, PIPE, STDOUT
from run_case import nothing_left, out  # noqa: F401
from support import patience, run_python

BIG = 3_000_000  # far more than any pipe holds


# ---- streams -------------------------------------------------------------------------------------

def test_standard_input():
    assert out("cat", input=b"in\n") == b"in\n"
    assert out("cat", input=b"") == b""
    assert out("cat", input=bytearray(b"a\0b")) == b"a\0b"
    numbers = array.array("I", range(100_000))
    assert out("cat", input=memoryview(numbers)) == numbers.tobytes()
    assert out("cat", input="grün\n", encoding="utf-8") == "grün\n"
    assert out("cat") == b""
    assert out("cat", stdin=DEVNULL) == b""
    # Nobody is there to write.
    assert out("cat", stdin=PIPE) == b""


def test_the_callers_standard_input_is_not_touched():
    code = ("import nucleus, sys; print(nucleus.run(['cat'], capture_output=True).stdout);"
            "print(sys.stdin.readline())")
    assert run_python(code, input="mine\n").split() == ["b''", "mine"]
    code = "import nucleus, sys; print(nucleus.run(['cat'], stdin=sys.stdin, capture_output=True).stdout)"
    assert run_python(code, input="mine\n") == "b'mine\\n'\n"


def test_the_callers_output_by_default():
    assert run_python("import nucleus; nucleus.run(['echo', 'hi'])") == "hi\n"
    code = "import nucleus; nucleus.run(['sh', '-c', 'echo hi >&2'], stderr=nucleus.STDOUT)"
    assert run_python(code) == "hi\n"


def test_where_output_goes(tmp_path):
    script = ["sh", "-c", "echo out; echo err >&2"]
    done = nucleus.run(script, capture_output=True)
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")
    done = nucleus.run(script, stdout=PIPE, stderr=DEVNULL)
    assert (done.stdout, done.stderr) == (b"out\n", None)
    done = nucleus.run(script, stdout=DEVNULL, stderr=PIPE)
    assert (done.stdout, done.stderr) == (None, b"err\n")
    done = nucleus.run(script, stdout=PIPE, stderr=STDOUT)
    assert (done.stdout, done.stderr) == (b"out\nerr\n", None)
    with open(tmp_path / "both", "w", encoding="utf-8") as f:
        nucleus.run(script, stdout=f, stderr=STDOUT)
        nucleus.run(script, stdout=f.fileno(), stderr=f)
        assert not f.closed
    assert (tmp_path / "both").read_text() == "out\nerr\n" * 2
    with open(tmp_path / "both", "rb") as f:
        f.seek(4)
        assert out("head", "-n1", stdin=f.fileno()) == b"err\n"


@pytest.mark.parametrize("how", [
    {"capture_output": True, "stdout": PIPE}, {"capture_output": True, "stderr": DEVNULL},
    {"input": b"", "stdin": PIPE}, {"input": b"x", "stdin": DEVNULL}, {"stdout": STDOUT}, {"stdin": STDOUT}])
def test_streams_that_exclude_each_other(how):
    with pytest.raises(ValueError):
        nucleus.run(["true"], **how)


@pytest.mark.parametrize("how", [
    {"input": "text"}, {"input": b"bytes", "text": True}, {"input": 5}, {"stdout": "file"}, {"stdin": object()}])
def test_streams_of_the_wrong_type(how):
    with pytest.raises((TypeError, ValueError, AttributeError)):
        nucleus.run(["cat"], **how)


def test_closed_and_bad_descriptors():
    r, w = os.pipe()
    os.close(r)
    os.close(w)
    for how in ({"stdin": w}, {"stdout": w}, {"stderr": w}, {"stdout": 99_999}):
        with pytest.raises(OSError) as caught:
            nucleus.run(["true"], **how)
        assert caught.value.errno == errno.EBADF


def test_large_output_on_both_and_large_input():
    data = os.urandom(BIG)
    done = nucleus.run(["sh", "-c", f"head -c {BIG} /dev/zero >&2; cat; head -c {BIG} /dev/zero >&2"],
                       input=data, capture_output=True)
    assert done.returncode == 0
    assert done.stdout == data
    assert done.stderr == bytes(2 * BIG)
    assert (done.stdout_dropped, done.stderr_dropped) == (0, 0)


def test_input_that_nobody_reads():
    data = bytes(BIG)
    for script in ("true", "head -c 1 >/dev/null", "exec <&-; echo closed >&2; true"):
        assert nucleus.run(["sh", "-c", script], input=data, stderr=DEVNULL).returncode == 0
    done = nucleus.run(["sh", "-c", "exec <&-; head -c 1000000 /dev/zero"], input=data, capture_output=True)
    assert len(done.stdout) == 1_000_000
    assert nucleus.run(["false"], input="x" * BIG, text=True).returncode == 1


def test_output_after_the_streams_are_closed():
    started = time.monotonic()
    done = nucleus.run(["sh", "-c", "echo x; exec >&- 2>&-; sleep 0.3; exit 5"], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (5, b"x\n", b"")
    assert time.monotonic() - started >= 0.3


def test_who_is_left_holds_no_pipe():
    """With the program all in its sandbox ends, so nobody waits for the end of the file."""
    started = time.monotonic()
    done = nucleus.run(["sh", "-c", "sleep 600 & echo x"], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"x\n")
    assert time.monotonic() - started < patience(60)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_callers_without_standard_streams(closed, tmp_path):
    """The pipes get the numbers 0, 1, 2 then."""
    code = """if 1:
        import os, sys
        for fd in map(int, sys.argv[2]): os.close(fd)
        import nucleus
        script = ["sh", "-c", "cat; echo out; echo err >&2; cat /proc/self/status >/dev/null"]
        a = nucleus.run(script, input=b"in\\n", capture_output=True)
        b = nucleus.run(script, stdout=nucleus.PIPE, stderr=nucleus.STDOUT)
        c = nucleus.run(script)
        d = nucleus.run(["cat"], input=b"in")
        e = nucleus.run(["sh", "-c", "echo out; exit 4"], stderr=nucleus.PIPE, stdin=nucleus.PIPE)
        open_now = [fd for fd in map(int, sys.argv[2]) if os.path.exists(f"/proc/self/fd/{fd}")]
        with open(sys.argv[1], "w") as f:
            print(a.returncode, a.stdout, a.stderr, b.stdout, b.stderr, c.returncode,
                  d.returncode, e.returncode, e.stderr, open_now, file=f)
        os._exit(0)
        """
    run_python(code, tmp_path / "told", "".join(map(str, closed)), seconds=40)
    told = (tmp_path / "told").read_text()
    assert told == f"0 {b'in' + chr(10).encode() + b'out' + chr(10).encode()!r} {b'err' + chr(10).encode()!r} " \
                   f"{b'out' + chr(10).encode() + b'err' + chr(10).encode()!r} None 0 0 4 b'' []\n"


# ---- text ----------------------------------------------------------------------------------------

def test_text():
    assert out("printf", "a\r\nb\rc\n", text=True) == "a\nb\nc\n"
    assert out("printf", "a\r\nb\rc\n") == b"a\r\nb\rc\n"
    assert out("cat", input="é", encoding="utf-16-le") == "é"
    assert out("od", "-An", "-tx1", input="é", encoding="latin-1").split() == ["e9"]
    assert out("printf", "\\377x", encoding="utf-8", errors="replace") == "\ufffdx"
    assert out("printf", "\\377x", errors="surrogateescape", encoding="utf-8") == "\udcffx"
    assert out("printf", "x", errors="replace") == "x"
    # A sign that is cut off at the end of what was read is whole all the same.
    assert out("sh", "-c", "printf '\\342'; sleep 0.1; printf '\\230'; sleep 0.1; printf '\\203'",
               encoding="utf-8") == "☃"


def test_text_that_is_none():
    # What is not yours must not choose exceptions here.
    assert out("printf", "\\377x", text=True) == out("printf", "\\377x", encoding="utf-8") == "\ufffdx"
    with pytest.raises(UnicodeDecodeError):
        nucleus.run(["printf", "\\377"], capture_output=True, encoding="utf-8", errors="strict")
    with pytest.raises(LookupError):
        nucleus.run(["true"], capture_output=True, encoding="no-such-encoding")
    with pytest.raises(UnicodeEncodeError):
        nucleus.run(["cat"], input="☃", encoding="latin-1", capture_output=True)


# ---- time ----------------------------------------------------------------------------------------

def test_timeout():
    for seconds in (patience(1.5), patience(30)):
        started = time.monotonic()
        with pytest.raises(nucleus.TimeoutExpired) as caught:
            nucleus.run(["sh", "-c", "echo early; echo bad >&2; sleep 600"], timeout=seconds, capture_output=True)
        assert seconds <= time.monotonic() - started < seconds + patience(60)
        e = caught.value
        if e.stderr:  # else the machine was too slow for it to say both
            break
    assert isinstance(e, subprocess.TimeoutExpired)
    assert (e.timeout, e.cmd[0], e.stdout, e.stderr) == (seconds, "sh", b"early\n", b"bad\n")
    assert (e.result.outcome, e.result.returncode, e.result.stdout) == ("killed", -9, b"early\n")
    for seconds in (patience(1.5), patience(30)):
        with pytest.raises(nucleus.TimeoutExpired) as caught:
            nucleus.run(["sh", "-c", "echo early; sleep 600"], timeout=seconds, stdout=PIPE, text=True)
        if caught.value.result.stdout:
            break
    assert caught.value.result.stdout == "early\n"
    assert caught.value.stdout in ("early\n", b"early\n")


@pytest.mark.parametrize("timeout", [0, 0.0, -1, 0.001])
def test_no_time_at_all(timeout):
    with pytest.raises(subprocess.TimeoutExpired):
        nucleus.run(["sleep", "600"], timeout=timeout)


@pytest.mark.parametrize("timeout", [60, 2**31 / 1000 + 1, 1e10, threading.TIMEOUT_MAX, None])
def test_time_enough(timeout):
    assert nucleus.run(["true"], timeout=timeout, capture_output=True).returncode == 0
    assert nucleus.run(["true"], timeout=timeout).returncode == 0


def test_timeout_of_a_program_that_ignores_all(tmp_path):
    """And of one whose input is still being written, and that writes for ever."""
    script = "trap '' TERM INT HUP QUIT; while :; do head -c 100000 /dev/zero; done"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        nucleus.run(["sh", "-c", script], input=bytes(BIG), stdout=PIPE, timeout=patience(0.7), max_output=1000)
    assert len(caught.value.result.stdout) == 1000
    with pytest.raises(subprocess.TimeoutExpired), open(tmp_path / "x", "wb") as f:
        nucleus.run(["sh", "-c", "sleep 600"], stdout=f, input=bytes(BIG), timeout=0.2)


@pytest.mark.parametrize("timeout", ["1", b"1", [1]])
def test_timeout_of_the_wrong_type(timeout):
    with pytest.raises(TypeError):
        nucleus.run(["sleep", "600"], timeout=timeout)
