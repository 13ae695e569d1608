# SPDX-License-Identifier: MIT
"""The pytest plugin's fixture `sandbox`."""

from plugin_project import Project, reports, section

pytest_plugins = ["pytester", "plugin_project"]


def test_fixture(project: Project) -> None:
    result = project("""
        def test_a(sandbox, tmp_path):
            assert sandbox.workspace == tmp_path
            (tmp_path / "in").write_text("4")
            done = sandbox.run(["sh", "-c", "cat in; pwd; echo 2 >out"], capture_output=True,
                               text=True, timeout=60)
            assert (done.returncode, done.stdout, done.outcome) == (0, "4/workspace\\n", "exited")
            assert (tmp_path / "out").read_text() == "2\\n"

        def test_b(sandbox, tmp_path):
            (tmp_path / "own").mkdir()
            done = sandbox.run(["ls", "/workspace"], workspace=tmp_path, capture_output=True)
            assert done.stdout == b"own\\n"
            (tmp_path / "x").mkdir()
            policy = {"mode": "agent", "process": {"hostname": "p"}}
            done = sandbox.run("uname -n; ls", shell=True, policy=policy, capture_output=True)
            assert done.stdout == b"p\\nown\\nx\\n"
            policy["workspace"] = {"path": str(tmp_path / "x")}
            done = sandbox.run("uname -n; ls", shell=True, policy=policy, capture_output=True)
            assert done.stdout == b"p\\n"

        @pytest.mark.sandbox(hostname="of-the-marker")
        def test_c(sandbox):
            ask = lambda **more: sandbox.run(["uname", "-n"], capture_output=True, text=True,
                                             **more)
            assert ask().stdout == "of-the-marker\\n"
            assert ask(process_hostname="mine").stdout == "mine\\n"

        def test_d(sandbox):
            with sandbox.popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                assert process.communicate(b"x") == (b"x", None)
    """)
    result.assert_outcomes(passed=4)


def test_fixture_ends_all(project: Project) -> None:
    result = project("""
        started = []

        def test_a(sandbox):
            for _ in range(3):
                started.append(sandbox.popen(["sleep", "600"]))
            assert [process.poll() for process in started] == [None] * 3

        def test_b():
            assert [process.outcome for process in started] == ["killed"] * 3
            for process in started:
                with pytest.raises(ProcessLookupError):
                    os.kill(process.pid, 0)
    """)
    result.assert_outcomes(passed=2)


def test_fixture_tells_denials(project: Project) -> None:
    result = project("""
        def test_a(sandbox):
            sandbox.run(["unshare", "-U", "true"], stderr=subprocess.DEVNULL)
            assert sandbox.denials[0].query == "syscall:unshare(0x10000000)"
            assert False

        def test_b(sandbox):
            sandbox.run(["unshare", "-U", "true"], check=True)

        def test_c(sandbox):
            sandbox.popen(["unshare", "-U", "true"]).wait()
            assert False

        def test_d(sandbox):
            sandbox.run(["unshare", "-U", "true"])
    """)
    result.assert_outcomes(passed=1, failed=3)
    for report in reports(result):
        if report.failed:
            assert "syscall:unshare" in section(report, "sandbox denials")
        else:
            assert "sandbox denials" not in [name for name, _ in report.sections]


def test_marker_without_the_fixture(project: Project) -> None:
    result = project("""
        import pathlib

        @pytest.mark.sandbox(limits_timeout="5s")
        def test_a(tmp_path): pathlib.Path("was-run").touch()

        @pytest.mark.sandbox
        class TestB:
            def test_b(self): pathlib.Path("was-run").touch()
            def test_c(self, sandbox): pass

        @pytest.fixture
        def wrapped(sandbox): return sandbox

        @pytest.mark.sandbox(hostname="of-the-marker")
        def test_d(wrapped):
            assert wrapped.run(["uname", "-n"], capture_output=True).stdout == b"of-the-marker\\n"

        @pytest.mark.sandbox
        @pytest.mark.usefixtures("sandbox")
        def test_e(request): assert request.getfixturevalue("sandbox").run(["true"]).returncode == 0

        @pytest.mark.sandbox(limits_timeout="5s")
        @pytest.mark.sandboxed
        def test_f(): pathlib.Path("was-run").touch()

        def test_g(): assert not pathlib.Path("was-run").exists()
    """)
    result.assert_outcomes(passed=4, errors=3)
    for report in reports(result):
        if report.failed:
            assert report.when == "setup"
            assert "did you mean @pytest.mark.sandboxed" in report.longreprtext
            assert "or the fixture `sandbox`?" in report.longreprtext


def test_marker_of_what_is_no_option(project: Project) -> None:
    result = project("""
        @pytest.mark.sandbox(limits_timeuot="5s")
        def test_a(sandbox): pass

        @pytest.mark.sandbox(limits_timeout="soon")
        def test_b(sandbox): pass

        @pytest.mark.sandbox("5s")
        def test_c(sandbox): pass

        @pytest.mark.sandbox(hostname="a", process_hostname="b")
        def test_d(sandbox): pass

        @pytest.mark.sandbox(policy={"process": {"hostname": "a"}}, hostname="b")
        def test_e(sandbox): pass

        @pytest.mark.sandbox(policy="none.toml")
        def test_f(sandbox): pass

        @pytest.mark.sandbox(policy={"process": {"hostname": "a"}}, env={"A": "1"}, cwd="/tmp", memory="1G")
        def test_g(sandbox):
            done = sandbox.run("uname -n; pwd; echo $A", shell=True, capture_output=True, mode="agent")
            assert done.stdout == b"a\\n/tmp\\n1\\n"
    """)
    result.assert_outcomes(passed=1, errors=6)
    said = [report.longreprtext for report in reports(result) if report.failed]
    words = ["did you mean 'limits_timeout'", "soon", "keyword arguments only", "given twice", "process.hostname",
             "none.toml"]
    for text, word in zip(said, words):
        assert "for what its marker says: " in text and word in text


def test_fixture_within_a_marked_test(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a(sandbox): pass
    """)
    result.assert_outcomes(errors=1)
    assert "no sandboxes in a sandbox" in reports(result)[0].longreprtext
