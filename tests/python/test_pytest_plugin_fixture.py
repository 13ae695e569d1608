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


def test_fixture_within_a_marked_test(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a(sandbox): pass
    """)
    result.assert_outcomes(errors=1)
    assert "no sandboxes in a sandbox" in reports(result)[0].longreprtext
