# SPDX-License-Identifier: MIT
"""The pytest plugin: tests that are run in a sandbox, and reported as if they had run here."""

import pathlib
import xml.etree.ElementTree

import pytest
from plugin_project import Project, reports, section

from pytest_nucleus._run import bad_end

pytest_plugins = ["pytester", "plugin_project"]


def test_outcomes(project: Project) -> None:
    result = project("""
        pytestmark = pytest.mark.sandboxed

        def test_pass(): assert os.getppid() == 1 and os.path.exists("/home/agent")
        def test_fail(): print("said before"); left = 1; assert left == 2, "not equal"
        def test_skip(): pytest.skip("not today")
        @pytest.mark.skipif(True, reason="never")
        def test_skipif(): pass
        @pytest.mark.xfail(reason="known")
        def test_xfail(): assert False
        @pytest.mark.xfail
        def test_xpass(): pass
        @pytest.mark.xfail(strict=True)
        def test_strict_xpass(): pass
        @pytest.fixture
        def broken(): raise LookupError("in the fixture")
        def test_error(broken): pass
        @pytest.fixture
        def breaks(): yield; raise LookupError("at its end")
        def test_teardown_error(breaks): pass
    """, "-rsx")
    result.assert_outcomes(passed=2, failed=2, skipped=2, xfailed=1, xpassed=1, errors=2)
    result.stdout.fnmatch_lines([
        "*ERROR at setup of test_error*",
        "E  *LookupError: in the fixture",
        "*ERROR at teardown of test_teardown_error*",
        "E  *LookupError: at its end",
        ">  *assert left == 2, \"not equal\"",
        "E  *AssertionError: not equal",
        "E  *assert 1 == 2",
        "test_it.py:*: AssertionError",
        "*Captured stdout call*",
        "said before",
        "[[]XPASS(strict)]*",
        "SKIPPED [[]1] test_it.py:*: not today",
        "SKIPPED [[]1] test_it.py:*: never",
        "XFAIL test_it.py::test_xfail*known*",
    ])  # fmt: skip


def test_of_all_kinds(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest

        def pytest_addoption(parser):
            parser.addoption("--depth", type=int, default=0)

        @pytest.fixture(scope="session")
        def depth(request):
            return request.config.getoption("--depth")
    """)
    result = project("""
        import unittest

        @pytest.mark.sandboxed
        class TestClass:
            @pytest.fixture(autouse=True)
            def prepare(self, tmp_path):
                self.path = tmp_path
            @pytest.mark.parametrize("word", ["a", "b::c", "d/e", "f[g]", "\\u00fc", ""])
            @pytest.mark.parametrize("number", [1])
            def test_words(self, word, number, depth):
                (self.path / "x").write_text(word)
                assert os.getppid() == 1 and depth == 7 and word in ["a", "b::c", "d/e", "f[g]",
                                                                     "\\u00fc", ""]
            class TestInner:
                def test_deep(self, request):
                    assert os.getppid() == 1 and request.node.name == "test_deep"

        @pytest.mark.sandboxed
        class Case(unittest.TestCase):
            def setUp(self): self.made = 1
            def test_good(self): self.assertEqual(self.made, 1)
            def test_bad(self): self.assertEqual(os.getppid(), 2)
            @unittest.skip("so")
            def test_skipped(self): pass
    """, "--depth=7")
    result.assert_outcomes(passed=8, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["E  *AssertionError: 1 != 2"])


def test_selection_and_stopping(project: Project) -> None:
    source = """
        @pytest.mark.sandboxed
        @pytest.mark.parametrize("n", range(3))
        def test_a(n): assert n != 1

        def test_b(): pass
    """
    project(source, "-k", "test_a and 0 or test_b").assert_outcomes(passed=2)
    project(source, "-x").assert_outcomes(passed=1, failed=1)
    project(source, "-m", "not sandboxed").assert_outcomes(passed=1)
    project(source, "test_it.py::test_a[2]").assert_outcomes(passed=1)


def test_shared_fixtures_of_other_tests(project: Project, tmp_path: pathlib.Path) -> None:
    """Their end comes when it has to, with sandboxed tests before, between and after."""
    log = tmp_path.parent / f"{tmp_path.name}.log"
    result = project(f"""
        def note(word):
            if os.getppid() != 1:
                with open({str(log)!r}, "a") as stream:
                    print(word, file=stream)

        @pytest.fixture(scope="class")
        def shared():
            note("up")
            yield
            note("down")

        class TestOne:
            def test_a(self, shared): pass
            @pytest.mark.sandboxed
            def test_b(self, shared): pass
            def test_c(self, shared): pass
            @pytest.mark.sandboxed
            def test_d(self, shared): pass

        class TestTwo:
            def test_a(self): note("two")
    """)
    result.assert_outcomes(passed=5)
    assert log.read_text().split() == ["up", "down", "two"]


def test_end_of_a_shared_fixture_that_fails(project: Project) -> None:
    result = project("""
        @pytest.fixture(scope="module")
        def shared():
            yield
            assert os.getppid() == 1, "the end of the shared one"

        def test_a(shared): pass
        @pytest.mark.sandboxed
        def test_b(): pass
    """)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["E  *the end of the shared one*"])


def test_junitxml(project: Project, pytester: pytest.Pytester) -> None:
    project("""
        @pytest.mark.sandboxed
        def test_a(record_property):
            record_property("colour", "red")

        @pytest.mark.sandboxed
        def test_b():
            os._exit(5)
    """, "--junitxml=out.xml", "-o", "junit_family=xunit1").assert_outcomes(passed=1, failed=1)
    suite = xml.etree.ElementTree.parse(pytester.path / "out.xml").getroot()[0]
    assert suite.get("tests") == "2" and suite.get("failures") == "1"
    assert [case.get("name") for case in suite] == ["test_a", "test_b"]
    found = suite[0].find("properties/property")
    assert found is not None and found.attrib == {"name": "colour", "value": "red"}
    failure = suite[1].find("failure")
    assert failure is not None and "exited with 5" in (failure.text or "")


@pytest.mark.parametrize(
    "options, body, said",
    [
        ("limits_timeout='1s'", "time.sleep(600)", "timed out: its time limit was over"),
        # kexec_load
        ("", "import ctypes; ctypes.CDLL(None).syscall(246, 0, 0, 0, 0)", "refused: it made"),
        ("", "import ctypes; ctypes.string_at(0)", "ended by SIGSEGV"),
    ],
)
def test_bad_ends(project: Project, options: str, body: str, said: str) -> None:
    result = project(f"""
        @pytest.mark.sandboxed({options})
        def test_a():
            {body}
    """)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    # On a busy host, a time limit may be over before the body is reached.
    (failed,) = [report for report in reports(result) if report.failed]
    assert said in failed.longreprtext


def test_words_for_want_of_memory() -> None:
    """Only hosts with control groups can have it for real."""
    assert "oom: its memory limit was reached" in bad_end("oom", -9)


def test_what_the_crashed_one_said(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a(capfd):
            with capfd.disabled():
                os.write(2, b"last words")
            os._exit(1)
    """)
    assert section(reports(result)[1], "Captured stderr of the sandbox") == "last words"


def test_denials(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a():
            subprocess.run(["unshare", "-U", "true"], check=True)

        @pytest.mark.sandboxed
        def test_b():
            subprocess.run(["unshare", "-U", "true"])
            os._exit(1)

        @pytest.mark.sandboxed
        def test_c():
            subprocess.run(["unshare", "-U", "true"])
    """)
    result.assert_outcomes(passed=1, failed=2)
    for number in (1, 4):
        text = section(reports(result)[number], "sandbox denials")
        assert "syscall:unshare" in text and "by seccomp" in text and "to allow it:" in text
    assert "sandbox denials" not in [name for name, _ in reports(result)[7].sections]


@pytest.mark.parametrize(
    "marker, said",
    [
        ("(memry='1G')", "did you mean 'memory'"),
        ("('1G')", "keyword arguments only"),
        ("(mode='lenient')", "lenient"),
        ("(volumes=['/nowhere-at-all:/x'])", "/nowhere-at-all"),
        ("(memory='1G', limits_memory='2G')", "given twice"),
        ("(policy='nowhere.toml')", "nowhere.toml"),
        ("(process_pass_fds=[5])", "process_pass_fds"),
    ],
)
def test_cannot_be_started(project: Project, marker: str, said: str) -> None:
    result = project(f"""
        @pytest.mark.sandboxed{marker}
        def test_a():
            open("ran", "w")

        def test_b():
            assert not os.path.exists("ran")
    """)
    result.assert_outcomes(errors=1, passed=1)
    assert said in reports(result)[0].longreprtext


def test_error_has_layer_and_hint(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed(network="host")
        def test_a(): pass
    """)
    result.assert_outcomes(errors=1)
    text = reports(result)[0].longreprtext
    assert "at stage" in text and "[" in text and "hint:" in text


@pytest.mark.parametrize("root", ["home", "/", "/tmp"])
def test_too_wide_a_project(
    project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    if root == "home":
        root = str(pytester.path)
        monkeypatch.setenv("HOME", root)
    result = project("""
        @pytest.mark.sandboxed
        def test_a(): pass
    """, f"--rootdir={root}")
    result.assert_outcomes(errors=1)
    assert f"rootdir is {root}, all of which" in reports(result)[0].longreprtext


def test_options_of_markers(project: Project, tmp_path: pathlib.Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-data"
    outside.mkdir()
    (outside / "x").write_text("read me")
    result = project(f"""
        pytestmark = pytest.mark.sandboxed(hostname="outer", env={{"A": "1"}})

        @pytest.mark.sandboxed(hostname="inner", volumes=["{outside}:/data"], cwd="/data")
        def test_a():
            assert os.uname().nodename == "inner" and os.environ["A"] == "1"
            assert open("x").read() == "read me"

        def test_b():
            assert os.uname().nodename == "outer"
            assert os.getcwd() == os.path.dirname(__file__)
    """)
    result.assert_outcomes(passed=2)


def test_mode_of_the_ini_file(project: Project, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nnucleus_mode = nonsense\naddopts = --tb=short")
    result = project("""
        @pytest.mark.sandboxed
        def test_a(): pass

        @pytest.mark.sandboxed(mode="strict-agent")
        def test_b(): pass

        def test_c(sandbox): sandbox.run(["true"])
        def test_d(sandbox): sandbox.run(["true"], mode="agent", check=True)
    """)
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["nucleus: mode nonsense", "*nonsense*"])


def test_long_texts(project: Project) -> None:
    """Are cut, and do not make a report that is too long to be taken."""
    result = project("""
        @pytest.mark.sandboxed
        def test_a():
            print("x" * 5000000)
            raise ValueError("y" * 5000000)

        def raise_chain(n):
            try:
                if n:
                    raise_chain(n - 1)
            finally:
                raise ValueError("v" * 200000)

        @pytest.mark.sandboxed
        def test_b():
            raise_chain(60)
    """)
    result.assert_outcomes(failed=2)
    assert "characters left out" in section(reports(result)[1], "Captured stdout call")
    assert "ValueError: yyy" in reports(result)[1].longreprtext
    assert "ValueError: vvv" in reports(result)[4].longreprtext
    assert "characters left out" in reports(result)[4].longreprtext


def test_live_output(project: Project) -> None:
    result = project("""
        @pytest.mark.sandboxed
        def test_a(): print("seen\\x1b[2J at once")
    """, "-s")
    result.assert_outcomes(passed=1)
    assert "seen\\x1b[2J at once" in result.stdout.str()


def test_help(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("-p", "pytest_nucleus", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.sandboxed(*", "@pytest.mark.sandbox(*"])
    result = pytester.runpytest_inprocess("-p", "pytest_nucleus", "--fixtures", "-q")
    result.stdout.fnmatch_lines(["sandbox -- *"])
    result = pytester.runpytest_inprocess("-p", "pytest_nucleus", "-h")
    assert "no-sandbox" not in result.stdout.str()
