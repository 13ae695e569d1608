# SPDX-License-Identifier: MIT
"""pytest with sandboxes: a fixture for code that is not yours, a marker for tests that are not.

PYTEST_DONT_REWRITE

The fixture `sandbox` runs programs as nucleus.run and nucleus.Popen do, each in a fresh sandbox
whose /workspace is `sandbox.workspace`, the test's tmp_path:

    def test_submission(sandbox):
        (sandbox.workspace / "solution.py").write_text(SUBMITTED)
        done = sandbox.run(["python3", "solution.py"], capture_output=True, text=True, timeout=10)
        assert done.stdout == "42\n"

What still runs at the end of the test is ended. If the test fails, its report has a section
"sandbox denials". @pytest.mark.sandbox(limits_timeout="5s", ...) gives options to all runs of a
test. They are looked at before the test begins; on a test without the fixture, where it would do
nothing, the marker is an error.

@pytest.mark.sandboxed(**options) runs a whole test, its fixtures included, in a sandbox of its own,
and reports its outcome as if it had run here:

    @pytest.mark.sandboxed(limits_timeout="30s", memory="512M")
    def test_plugin(tmp_path):
        run_plugin_of_somebody_else(tmp_path)

* The file of the test is imported outside, too, when pytest collects it: what must not run outside
  stands in functions and fixtures, not at the top of a file.
* The test sees the project (pytest's rootdir) and what Python imports, read-only and at the same
  paths. Nothing else of the host is there, nor are the environment and the network. /tmp, with
  tmp_path in it, and the home are the sandbox's own, in memory, and no program can be executed from
  there. A rootdir that is the home directory, or a shared one such as /tmp, is refused.
* Options are those of nucleus.Policy, and `policy`, `env` (added to the sandbox's own), `cwd` (else
  where pytest was started). `volumes` are added to those above. Of two markers the closer one's
  options win.
* There is no time limit but limits_timeout, and no memory limit but limits_memory.
* Fixtures of wider scope (module, session) are set up anew in each such sandbox.
* A test that crashes, runs into its time or memory limit, makes a system call that programs are
  ended for, or reports nothing, has failed, even if it is marked xfail; and so has one whose
  sandbox cannot be started. It is never run without.
* Control characters in what it printed are shown as escapes, such as \\x1b.
* --pdb, --trace, --setup-show, coverage and warning summaries do not reach into the sandbox.

What this does not do: the code under test runs in the same process as the pytest that reports about
it. It can neither reach this host nor the results of other tests, but it can lie about its own:
report that it passed, and end. So can programs that it starts in its sandbox. To judge code that is
hostile, run it with the fixture, and look at its output from outside.

The ini option nucleus_mode is the mode of both: strict-agent unless set, that is, all that is
wanted is enforced, or nothing is run. `nucleus_mode = agent` goes on with what the host has. The
default is not the library's, agent: nobody reads the warnings of tests that pass.
"""

from typing import Generator, Iterator, List, Optional

import pytest

from . import _denials, _options, _outer, _reporter
from ._fixture import Sandbox, make
from ._hooks import hookimpl

__all__ = ["Sandbox"]

FIXTURE = "sandbox"
_KEY = pytest.StashKey[Sandbox]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        _options.INI_MODE,
        "mode of tests' sandboxes: strict-agent (all or nothing) or agent (what the host has)",
        default=_options.DEFAULT_MODE,
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "sandboxed(**options): run this whole test in a sandbox of its own (nucleus)"
    )
    config.addinivalue_line(
        "markers", "sandbox(**options): options of the sandboxes of this test's fixture `sandbox`"
    )


def pytest_report_header(config: pytest.Config) -> List[str]:
    mode = config.getini(_options.INI_MODE)
    return [] if mode == _options.DEFAULT_MODE else [f"nucleus: mode {mode}"]


@hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: Optional[pytest.Item]) -> Optional[bool]:
    if _reporter.inside(item.config) or item.get_closest_marker("sandboxed") is None:
        return None
    _outer.run_protocol(item, nextitem)
    return True


@hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A marker that does nothing: who wrote it believes that something is sandboxed."""
    if item.get_closest_marker("sandbox") and FIXTURE not in getattr(item, "fixturenames", ()):
        pytest.fail(
            "@pytest.mark.sandbox gives options to the fixture `sandbox`, which this test does not use:"
            " did you mean @pytest.mark.sandboxed, which runs the whole test in a sandbox, or the"
            " fixture `sandbox`?",
            pytrace=False,
        )


@hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, None, None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    sandbox = item.stash.get(_KEY, None)
    if sandbox is not None and report.failed:
        words = _denials.words(sandbox.denials)
        if words:
            report.sections.append((_denials.TITLE, words))


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Runs programs in sandboxes; `workspace` is the test's tmp_path, at /workspace inside."""
    if _reporter.inside(request.config):
        pytest.fail(
            "the fixture `sandbox` cannot be used in a test that is marked sandboxed: there are"
            " no sandboxes in a sandbox",
            pytrace=False,
        )
    made = make(request, request.getfixturevalue("tmp_path"))
    request.node.stash[_KEY] = made
    try:
        yield made
    finally:
        made.close()
