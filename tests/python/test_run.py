# SPDX-License-Identifier: MIT
"""nucleus.run() as who knows subprocess.run() expects it: how it ended, what is run, and where."""

import asyncio
import datetime
import decimal
import errno
import fractions
import os
import pathlib
import pickle
import signal
import subprocess

import pytest

import nucleus
import nucleus.aio
from run_case import nothing_left, out  # noqa: F401


# ---- how it ended --------------------------------------------------------------------------------

@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 128, 143, 255])
def test_exit_codes(code):
    args = ["sh", "-c", f"exit {code}"]
    done = nucleus.run(args)
    assert (done.returncode, done.outcome, done.args) == (code, "exited", args)
    assert (done.stdout, done.stderr) == (None, None)
    assert isinstance(done, subprocess.CompletedProcess)
    assert isinstance(done, nucleus.CompletedProcess)


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "USR1", "ABRT"])
def test_signals(name):
    done = nucleus.run(["sh", "-c", f"kill -{name} $$"])
    assert (done.returncode, done.outcome) == (-getattr(signal, f"SIG{name}"), "signalled")


def test_check():
    assert nucleus.run(["true"], check=True).returncode == 0
    args = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    with pytest.raises(nucleus.CalledProcessError) as caught:
        nucleus.run(args, check=True, capture_output=True, text=True)
    e = caught.value
    assert isinstance(e, subprocess.CalledProcessError)
    assert (e.returncode, e.cmd, e.stdout, e.output, e.stderr) == (3, args, "out\n", "out\n", "err\n")
    assert (e.result.outcome, e.result.returncode, e.result.stdout) == ("exited", 3, "out\n")
    assert "3" in str(e)
    with pytest.raises(nucleus.CalledProcessError) as caught:
        nucleus.run(["sh", "-c", "kill -9 $$"], check=True)
    assert (caught.value.returncode, caught.value.result.outcome) == (-9, "signalled")


def test_check_returncode():
    nucleus.run(["true"]).check_returncode()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        nucleus.run(["false"]).check_returncode()
    assert isinstance(caught.value, nucleus.CalledProcessError)
    assert caught.value.result.returncode == 1


def test_results_and_errors_are_pickled():
    """They come back from the workers of process pools."""
    done = nucleus.run(["sh", "-c", "echo x; exit 2"], capture_output=True)
    again = pickle.loads(pickle.dumps(done))
    assert (again.args, again.returncode, again.stdout, again.stderr, again.outcome, again.denials, again.stats,
            again.warnings) == (done.args, 2, b"x\n", b"", "exited", done.denials, done.stats, done.warnings)
    with pytest.raises(nucleus.NucleusError) as caught:
        nucleus.run(["no-such-program"])
    e, again = caught.value, pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, FileNotFoundError) and isinstance(again, nucleus.NucleusError)
    assert (again.errno, again.stage, again.layer, again.message, again.hint, str(again)) == (
        errno.ENOENT, e.stage, e.layer, e.message, e.hint, str(e))
    for script, how in (("exit 4", {"check": True}), ("sleep 100000", {"timeout": 0})):
        with pytest.raises(subprocess.SubprocessError) as failed:
            nucleus.run(["sh", "-c", script], **how)
        again = pickle.loads(pickle.dumps(failed.value))
        assert type(again) is type(failed.value)
        assert (again.cmd, again.result.returncode) == (failed.value.cmd, failed.value.result.returncode)


# ---- what is run ---------------------------------------------------------------------------------

def test_forms_of_args():
    class Name:
        def __fspath__(self):
            return "echo"
    assert out("echo", "a b", "") == b"a b \n"
    for args in (("echo", "x"), [b"echo", b"x"], [pathlib.Path("/bin/echo"), "x"], [Name(), "x"],
                 ["echo", pathlib.PurePosixPath("x")]):
        done = nucleus.run(args, capture_output=True)
        assert done.stdout == b"x\n"
    assert nucleus.run((x for x in ("echo", "x")), capture_output=True).stdout == b"x\n"
    # One string is a name, and no command line.
    assert nucleus.run("true").returncode == 0
    assert nucleus.run(b"true").returncode == 0
    assert nucleus.run(pathlib.Path("/bin/true")).returncode == 0
    with pytest.raises(FileNotFoundError):
        nucleus.run("echo x")


def test_args_are_not_changed():
    args = ["sh", "-c", "true"]
    done = nucleus.run(args)
    assert args == ["sh", "-c", "true"]
    assert done.args is args


def test_shell():
    assert nucleus.run("echo a; echo b | tr b c", shell=True, capture_output=True).stdout == b"a\nc\n"
    assert nucleus.run(["echo $0-$1", "x", "y z"], shell=True, capture_output=True).stdout == b"x-y z\n"
    assert nucleus.run("exit 7", shell=True).returncode == 7
    # What is no command line is not one either if it is awkward.
    assert out("printf", "%s", "$HOME; `id` '\"\n\\") == b"$HOME; `id` '\"\n\\"


@pytest.mark.parametrize("args", [[], (), ""])
def test_no_program(args):
    with pytest.raises((ValueError, nucleus.NucleusError)):
        nucleus.run(args)


def test_an_empty_name():
    with pytest.raises((ValueError, nucleus.NucleusError)):
        nucleus.run([""])


@pytest.mark.parametrize("args", [None, 1, [1], ["true", None], ["true", 1.5], [["true"]], {"true": 1}.items()])
def test_args_of_the_wrong_type(args):
    with pytest.raises(TypeError):
        nucleus.run(args)


@pytest.mark.parametrize("args", [["tr\0ue"], ["true", "a\0b"], ["true", b"\0"], ["true\0"], "true\0x"])
def test_nul_in_args(args):
    """Else what runs is not what was asked for."""
    with pytest.raises(ValueError):
        nucleus.run(args)


def test_bytes_that_are_no_text():
    assert out("printf", "%s", "a\udcff\udc80b") == b"a\xff\x80b"
    assert out(b"printf", b"%s", b"a\xff\x80b") == b"a\xff\x80b"
    assert out("printf", "%s", "gr\u00fc\u00df dich \u2603 \U0001f40d").decode("utf-8") == "grüß dich ☃ 🐍"
    with pytest.raises(ValueError):
        nucleus.run(["true", "\ud800"])


def test_too_long():
    long = "x" * 100_000
    assert out("sh", "-c", "echo $#", "sh", *[long] * 15) == b"15\n"
    for args in ([long] * 60, ["x" * 300_000]):
        with pytest.raises(nucleus.NucleusError) as caught:
            nucleus.run(["true", *args])
        assert caught.value.errno == errno.E2BIG
    many = ["x"] * 50_000
    assert out("sh", "-c", "echo $#", "sh", *many) == b"50000\n"


@pytest.mark.parametrize("name", ["no-such-program", "/no/such/program", b"/no/such", "/usr/bin/no-such"])
def test_no_such_program(name):
    with pytest.raises(FileNotFoundError) as caught:
        nucleus.run([name, "x"])
    e = caught.value
    assert isinstance(e, nucleus.NucleusError)
    assert (e.errno, e.stage) == (errno.ENOENT, "launch")
    assert os.fsdecode(name) in str(e)
    assert e.hint and e.layer and e.message and e.strerror
    assert e.json()["errno"] == "ENOENT" if isinstance(e.json(), dict) else '"ENOENT"' in e.json()


@pytest.mark.parametrize("name", ["/etc/passwd", "/usr", "/etc/passwd/x"])
def test_not_executable(name):
    with pytest.raises(nucleus.NucleusError) as caught:
        nucleus.run([name])
    assert caught.value.errno in (errno.EACCES, errno.ENOTDIR)
    assert isinstance(caught.value, PermissionError) == (caught.value.errno == errno.EACCES)
    assert not isinstance(caught.value, FileNotFoundError)


# ---- surroundings --------------------------------------------------------------------------------

def test_environment(monkeypatch):
    monkeypatch.setenv("NUCLEUS_TEST_SECRET", "secret")
    monkeypatch.setenv("LD_PRELOAD", "")
    before = dict(line.split("=", 1) for line in out("env", text=True).splitlines())
    assert "NUCLEUS_TEST_SECRET" not in before and "LD_PRELOAD" not in before
    assert set(before) == {"HOME", "USER", "LOGNAME", "PATH", "LANG"}
    env = {"A": "1", "EMPTY": "", "EQUALS": "a=b=c", "HOME": "/tmp", "BLANKS": " x  y ", "COMMA": "a,b"}
    after = dict(line.split("=", 1) for line in out("env", text=True, env=env).splitlines())
    assert after == {**before, **env}
    assert out("sh", "-c", 'printf %s "$LINES_"', env={"LINES_": "a\nb\n"}) == b"a\nb\n"
    assert out("sh", "-c", 'printf %s "$A"', env={b"A": b"1"}) == b"1"
    assert out("env", env={}) == out("env", env=None) == out("env")
    assert os.environ["NUCLEUS_TEST_SECRET"] == "secret"


@pytest.mark.parametrize("env", [{"A\0B": "1"}, {"A": "1\0002"}, {"A=B": "c"}, {"": "x"}, {"A": "\ud800"}])
def test_environment_that_cannot_be(env):
    with pytest.raises((ValueError, nucleus.NucleusError)):
        nucleus.run(["true"], env=env)


@pytest.mark.parametrize("env", [["A=1"], "A=1", 5, {"A": object()}, {1: "x"}])
def test_environment_of_the_wrong_type(env):
    with pytest.raises((TypeError, AttributeError, ValueError, nucleus.NucleusError)):
        nucleus.run(["true"], env=env)


def test_directory():
    here = os.getcwd()
    assert out("pwd", cwd="/usr") == b"/usr\n"
    assert out("pwd", cwd=pathlib.Path("/tmp")) == b"/tmp\n"
    assert os.getcwd() == here
    with pytest.raises(nucleus.NucleusError) as caught:
        nucleus.run(["pwd"], cwd="/no/such/directory")
    assert "/no/such/directory" in str(caught.value)
    with pytest.raises(nucleus.NucleusError):
        nucleus.run(["pwd"], cwd="relative")


def test_descriptors():
    r, w = os.pipe()
    others = [os.dup(w) for _ in range(20)]
    for fd in others:
        os.set_inheritable(fd, True)
    try:
        write = f"import os; os.write({w}, b'x'); print(sorted(map(int, os.listdir('/proc/self/fd'))))"
        listed = out("python3", "-c", write, pass_fds=[w], text=True)
        assert os.read(r, 10) == b"x"
        # Its own three, that one, and that of the listing.
        assert listed.strip() == str(sorted({0, 1, 2, w, next(n for n in range(3, 99) if n != w)}))
        assert not os.get_inheritable(w)
        os.fstat(w)
    finally:
        for fd in (r, w, *others):
            os.close(fd)
    with pytest.raises(OSError):
        nucleus.run(["true"], pass_fds=[w])
    with pytest.raises(OSError):  # nor is it one of the pipes that are made for the start
        nucleus.run(["true"], pass_fds=[r, w], capture_output=True)


# ---- what is said of mistakes ------------------------------------------------------------------

@pytest.mark.parametrize("bad, kind, words", [
    ([987654], OSError, r"pass_fds: descriptor 987654: Bad file descriptor"),
    ([0, -1], OSError, r"pass_fds: descriptor -1: Bad file descriptor"),
    (["0"], TypeError, r"pass_fds: descriptors are wanted, not '0'"),
    ([1 << 70], TypeError, r"pass_fds: descriptors are wanted, not \d+"),
])
def test_descriptors_that_are_none(bad, kind, words):
    with pytest.raises(kind, match=words) as caught:
        nucleus.run(["true"], pass_fds=bad)
    assert getattr(caught.value, "errno", errno.EBADF) == errno.EBADF
    with pytest.raises(OSError, match="stdout: descriptor 987654: Bad file descriptor"):
        nucleus.run(["true"], stdout=987654)


# What no time is, and what is said of it.
NO_TIMES = [
    ("5s", TypeError, 'timeout: a number of seconds is wanted, not str .the option limits_timeout takes "5s"'),
    (b"5", TypeError, "timeout: a number of seconds is wanted, not bytes"),
    ([5], TypeError, "timeout: a number of seconds is wanted, not list"),
    (datetime.timedelta(seconds=5), TypeError, "timeout: a number of seconds is wanted, not timedelta"),
    (float("nan"), ValueError, "timeout: a number of seconds is wanted, not nan"),
    (10 ** 400, ValueError, "timeout: .* too large"),
]


@pytest.mark.parametrize("bad, kind, words", NO_TIMES)
def test_times_that_are_none(bad, kind, words, tmp_path):
    run_it = {"args": "echo was here >was-here", "shell": True, "workspace": tmp_path}
    with pytest.raises(kind, match=words):
        nucleus.run(**run_it, timeout=bad)
    with pytest.raises(kind, match=words):
        asyncio.run(nucleus.aio.run(**run_it, timeout=bad))
    assert not list(tmp_path.iterdir())  # nothing was started
    with nucleus.Popen(["sh", "-c", "cat; exit 3"], stdin=nucleus.PIPE) as process:
        with pytest.raises(kind, match=words):
            process.wait(timeout=bad)
        with pytest.raises(kind, match=words):
            process.communicate(timeout=bad)
        assert process.poll() is None
        process.communicate()
    assert process.returncode == 3


@pytest.mark.parametrize("good", [60, 60.5, fractions.Fraction(121, 2), decimal.Decimal("60.5"), 1e308,
                                  float("inf"), None])
def test_times(good):
    assert nucleus.run(["true"], timeout=good).returncode == 0
    assert nucleus.run(["true"], timeout=good, capture_output=True).returncode == 0
    assert asyncio.run(nucleus.aio.run(["true"], timeout=good)).returncode == 0
    with nucleus.Popen(["true"]) as process:
        assert process.wait(timeout=good) == 0


def test_a_time_that_has_passed():
    for timeout in (0, -1, float("-inf")):
        with pytest.raises(subprocess.TimeoutExpired):
            nucleus.run(["sleep", "60"], timeout=timeout)


def test_a_command_line_as_one_string():
    with pytest.raises(FileNotFoundError, match="(?s)'ls -l'.*give a list, or shell=True"):
        nucleus.run("ls -l")
    for args in ("no-such-program", ["no such program"], ["no-such-program", "-l"]):
        with pytest.raises(FileNotFoundError) as caught:
            nucleus.run(args)
        assert "shell=True" not in caught.value.hint


def test_a_directory_to_start_in_that_is_not_there():
    with pytest.raises(FileNotFoundError) as caught:
        nucleus.run(["true"], cwd="/no/such/directory")
    assert caught.value.origin == "cwd="
    with pytest.raises(nucleus.NucleusError, match="absolute"):
        nucleus.run(["true"], cwd="sub")


def test_a_workspace_that_may_not_be_entered(tmp_path):
    tmp_path.chmod(0)
    try:
        with pytest.raises(PermissionError) as caught:
            nucleus.run(["true"], workspace=tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert "owner" in caught.value.hint and "mode" in caught.value.hint


def test_a_time_limit_is_no_programs():
    done = nucleus.run(["sleep", "60"], limits_timeout=0.1)
    assert str(done.denials[-1]).startswith("time:limits.timeout: refused by time limit")
