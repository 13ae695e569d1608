# SPDX-License-Identifier: MIT
"""Tests in a sandbox that attack: their host, and the pytest that they report to."""

import os
import pathlib
import socket

import pytest
from plugin_project import Project, phases, reports, section

pytest_plugins = ["pytester", "plugin_project"]

DIED = [("setup", "passed"), ("call", "failed"), ("teardown", "passed")]


def test_forged_report_of_another_test(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a():
            tell(report("setup", "passed", "test_it.py::test_b"))
            tell(report("call", "passed", "test_it.py::test_b"))
            tell(report("teardown", "passed", "test_it.py::test_b"))

        def test_b():
            assert False, "the real one"
    """)
    result.assert_outcomes(failed=2)
    assert [report.nodeid for report in reports(result)] == ["test_it.py::test_a"] * 3 + [
        "test_it.py::test_b"
    ] * 3
    assert "a report of another test" in reports(result)[1].longreprtext
    assert "the real one" in reports(result)[4].longreprtext


@pytest.mark.parametrize(
    "data, said",
    [
        ("b'{]\\n'", "not JSON"),
        ("b'\\xff\\xfe\\n'", "not JSON"),
        ("b'[' * 100000 + b']' * 100000 + b'\\n'", "levels"),
        ("b'{\"kind\": \"report\", \"report\": ' + b'9' * 10000 + b'}\\n'", "not JSON"),
        ("b'{\"kind\": \"report\", \"report\": NaN}\\n'", "not JSON"),
        ("b'[]\\n'", "not an object"),
        ("b'{\"kind\": \"session\"}\\n'", "unknown kind"),
        ("report('setup', 'passed')", "a report of setup, not of call"),
        ("report('teardown', 'passed')", "a report of teardown, not of call"),
        ("report('finish', 'passed')", "unknown phase"),
        ("report('call', 'great')", "unknown outcome"),
        ("report('call', 'failed')", "longrepr is not an object"),
        ("report('call', 'skipped')", "a skip without"),
        ("report('call', 'failed', longrepr='x', wasxfail='so')", "said to be expected"),
        ("report('call', 'passed', duration=-1)", "out of range"),
        ("report('call', 'passed', sections={'a': 1})", "not a list"),
        ("report('call', 'failed', longrepr={'reprcrash': None, 'sections': [], 'chain': None,"
         " 'reprtraceback': {'style': 'short', 'extraline': None, 'reprentries': [{'type':"
         " 'ReprEntry', 'data': {'style': 'short', 'lines': []}}]}})", "without its place"),
        ("report('call', 'failed', longrepr={'reprcrash': 1, 'reprtraceback': 1})",
         "not an object"),
        ("b'{\"kind\": \"end\"}\\n'", "a message after the last one"),
        ("report('call', 'passed') + report('teardown', 'passed') + report('call', 'passed')",
         "a report of call, not of None"),
    ],
)  # fmt: skip
def test_malformed(project: Project, data: str, said: str) -> None:
    result = project(f"""
        @pytest.mark.sandboxed
        def test_a():
            tell({data})
    """)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    failed = [report for report in reports(result) if report.failed]
    assert len(failed) == 1 and len(reports(result)) == 3
    assert said in failed[0].longreprtext


def test_attributes_that_a_report_does_not_have(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a():
            tell(report("call", "passed", toterminal="x", head_line="y", node=1, worker_id="z",
                        location=["/etc/passwd", 1, "test_b"], keywords={"slow": 1}))
            tell(report("teardown", "passed"))
            tell(b'{"kind": "end"}\\n')
            os._exit(0)
    """)
    # It has said that it passed, which is all that it can lie about.
    result.assert_outcomes(passed=1)
    for report in reports(result):
        assert callable(report.toterminal)
        assert report.location[0] == "test_it.py" and "slow" not in report.keywords
        assert not {"head_line", "node", "worker_id"} & set(vars(report))


def test_flood(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a():
            block = b"x" * 1000000
            for _ in range(100):
                tell(block)
    """)
    result.assert_outcomes(failed=1)
    assert phases(result) == DIED
    assert "more than 4194304 bytes" in reports(result)[1].longreprtext


def test_flood_of_lines(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a():
            for _ in range(100000):
                tell(b"\\n" * 1000)
    """)
    result.assert_outcomes(failed=1)


def test_flood_of_output(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a():
            for _ in range(200):
                os.write(1, b"y" * 500000)
            assert False
    """)
    result.assert_outcomes(failed=1)
    text = section(reports(result)[1], "Captured stdout call")
    assert len(text) < 300_000 and "characters left out" in text


@pytest.mark.parametrize(
    "end, said",
    [
        ("os._exit(0)", "exited with 0 before it had reported its result"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signalled: ended by SIGKILL"),
        ("os.abort()", "signalled: ended by SIGABRT"),
        ("os.kill(1, signal.SIGKILL); os._exit(3)", "exited with 3"),
        ("pytest.exit('all of it')", "the test ended its session"),
        ("raise KeyboardInterrupt", "the test ended its session"),
        ("[os.close(fd) for fd in pipes()]", "before it had reported"),
        ("os.closerange(0, 100)", "before it had reported"),
    ],
)
def test_no_report(project: Project, end: str, said: str) -> None:
    result = project(f"""
        @pytest.mark.sandboxed
        def test_a():
            {end}

        def test_b():
            pass
    """)
    result.assert_outcomes(failed=1, passed=1)
    assert phases(result)[:3] == DIED
    assert said in reports(result)[1].longreprtext
    assert "INTERNALERROR" not in result.stdout.str()


@pytest.mark.parametrize("where", ["", "@pytest.fixture\ndef fix(): yield 1; "])
def test_exit_at_once(project: Project, where: str) -> None:
    """When the file is collected, which it is outside, too; and in a fixture's end."""
    inside = "os.path.exists('/home/agent') and os._exit(0)"
    body = f"{inside}\n" if not where else f"{where}{inside}\n"
    argument = "fix" if where else ""
    result = project(body + f"@pytest.mark.sandboxed\ndef test_a({argument}): pass\n")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (failed,) = [report for report in reports(result) if report.failed]
    assert failed.when == ("teardown" if where else "setup")
    assert "exited with 0 before" in failed.longreprtext


def test_killed_after_its_reports(project: Project) -> None:
    result = project("""
        import atexit

        @pytest.mark.sandboxed
        def test_a():
            atexit.register(os.kill, os.getpid(), signal.SIGKILL)
    """)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert phases(result) == [("setup", "passed"), ("call", "passed"), ("teardown", "failed")]
    assert "SIGKILL" in reports(result)[2].longreprtext


def test_daemons(project: Project, tmp_path: pathlib.Path) -> None:
    mark = f"daemon-of-{os.getpid()}-{tmp_path.name}"
    result = project(f"""
        @pytest.mark.sandboxed
        def test_a():
            for _ in range(3):
                pid = os.fork()
                if pid == 0:
                    # Keeps the pipes of output and of reports.
                    os.setsid()
                    for fd in pipes():
                        os.set_inheritable(fd, True)
                    os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)",
                                              {mark!r}])
                deadline = time.monotonic() + 60
                while {mark!r} not in open(f"/proc/{{pid}}/cmdline").read():
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
    """)
    result.assert_outcomes(passed=1)
    assert mark.encode() not in all_command_lines()


def all_command_lines() -> bytes:
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes())
            except OSError:
                pass
    return b"\n".join(found)


def test_host_is_not_there(
    project: Project, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "secret").write_text("hunter2")
    monkeypatch.setenv("TOKEN_OF_THE_CALLER", "hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = project(f"""
            import socket

            @pytest.mark.sandboxed
            def test_a():
                secret = {str(outside / "secret")!r}
                for path in secret, "/etc/shadow", "/root/.ssh", "/proc/1/environ":
                    with pytest.raises(OSError):
                        open(path).read()
                assert "TOKEN_OF_THE_CALLER" not in os.environ
                assert os.getuid() == 1000
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", {port}), 10)
                with pytest.raises(OSError):
                    socket.create_connection(("192.0.2.1", 443), 10)

            @pytest.mark.sandboxed
            def test_b():
                with pytest.raises(OSError):
                    open(__file__, "a")
                with pytest.raises(OSError):
                    open(os.path.join(os.path.dirname(__file__), "new"), "w")
        """)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    result.assert_outcomes(passed=2)
    assert not (tmp_path / "new").exists()


def test_terminal_sequences(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a(record_property):
            record_property("a\\x1b]2;title\\x07", "b\\x9b31m")
            print("\\x1b[2J\\x1b[31mred\\u202egreen")
            raise ValueError("\\x1b]52;c;aGk=\\x07\\rgone" + chr(0xdc80))

        @pytest.mark.sandboxed
        def test_b():
            os.write(2, b"\\x1b[2Jbye")
            os._exit(1)

        @pytest.mark.sandboxed
        def test_c():
            pytest.skip("\\x1b[2J")
    """, "-rs")
    result.assert_outcomes(failed=2, skipped=1)
    text = result.stdout.str() + result.stderr.str()
    assert "\\x1b[2J\\x1b[31mred\\u202egreen" in text
    assert not set(text) & set("\x1b\x07\x9b\r\u202e\udc80")
    assert reports(result)[1].user_properties == [("a\\x1b]2;title\\x07", "b\\x9b31m")]


def test_cannot_turn_itself_off(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program inside is, cannot be had as a plugin of the pytest outside."""
    result = project("""
        @pytest.mark.sandboxed
        def test_a():
            assert os.getppid() == 1
    """, "-p", "pytest_nucleus._inner", "-p", "pytest_nucleus._reporter")
    result.assert_outcomes(passed=1)
