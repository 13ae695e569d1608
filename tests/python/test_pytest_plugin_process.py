# SPDX-License-Identifier: MIT
"""The pytest plugin in a pytest of its own: elsewhere installed, interrupted, without a library."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytest_plugins = ["pytester"]


def test_interrupt(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the sandbox, and then the session, as usual."""
    monkeypatch.setenv("HOME", "/nonexistent")
    shared = pytester.path / "shared"
    shared.mkdir()
    (pytester.path / "test_it.py").write_text(
        textwrap.dedent(f"""
        import os, time, pytest

        @pytest.mark.sandboxed(volumes=["{shared}:/shared:rw"])
        def test_a():
            open("/shared/here", "w")
            time.sleep(600)

        def test_b(): pass
        """)
    )
    command = [sys.executable, "-B", "-m", "pytest", "-p", "pytest_nucleus"]
    with subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.PIPE, text=True) as outer:
        deadline = time.monotonic() + 60
        while not (shared / "here").exists() and outer.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        outer.send_signal(signal.SIGINT)
        output, _ = outer.communicate(timeout=60)
    assert outer.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output and "no tests ran" in output


def test_without_the_library(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is loaded all the same, and fails what needs it."""
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("NUCLEUS_LIBRARY", "/nonexistent/libnucleus.so.0")
    pytester.makepyfile("""
        import os, pytest
        @pytest.mark.sandboxed
        def test_a(): open("ran", "w")
        def test_b(sandbox): sandbox.run(["true"])
        def test_c(): assert not os.path.exists("ran")
    """)
    result = pytester.runpytest_subprocess("-p", "pytest_nucleus", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["the test was not run: *"])


def test_virtual_environment(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than the project, with a module of its own; started from a directory within."""
    monkeypatch.setenv("HOME", "/nonexistent")
    venv = pytester.path / "venv"
    make = [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(venv)]
    subprocess.run(make, check=True)
    (packages,) = venv.glob("lib/python3*/site-packages")
    (packages / "only_here.py").write_text("ANSWER = 42\n")
    tests = pytester.path / "project" / "tests"
    tests.mkdir(parents=True)
    (tests.parent / "pytest.ini").write_text("[pytest]\nmarkers = own\naddopts = -p own_plugin -q")
    (tests.parent / "own_plugin.py").write_text(
        "import pytest\n@pytest.fixture\ndef own(): return 'own'"
    )
    (pytester.path / "neighbour").write_text("not of the project")
    (tests / "test_it.py").write_text(
        textwrap.dedent("""
        import os, sys
        import only_here, pytest

        @pytest.mark.own
        @pytest.mark.sandboxed
        def test_a(own):
            assert os.getppid() == 1
            assert own == "own" and only_here.ANSWER == 42
            assert sys.prefix.endswith("/venv")
            assert os.getcwd() == os.path.dirname(__file__)
            assert not os.path.exists("../../neighbour")
        """)
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tests.parent), os.environ["PYTHONPATH"]]))
    done = subprocess.run(
        [str(venv / "bin" / "python"), "-B", "-m", "pytest", "-p", "pytest_nucleus", "-W", "error"],
        cwd=tests,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
