# SPDX-License-Identifier: MIT
"""For tests of the pytest plugin: a project of one file that is run by a pytest with the plugin.

PYTEST_DONT_REWRITE: test modules have imported it before they name it as a plugin.
"""

import textwrap
from typing import Any, Callable, List

import pytest

Project = Callable[..., pytest.RunResult]

# For bodies of tests: all pipes that they can write to, of which one is the way reports go.
HELPERS = """
    import os, signal, json, stat, subprocess, sys, time
    import pytest

    def pipes():
        found = []
        for name in os.listdir("/proc/self/fd"):
            fd = int(name)
            try:
                if fd > 2 and stat.S_ISFIFO(os.fstat(fd).st_mode):
                    os.write(fd, b"")
                    found.append(fd)
            except OSError:
                pass
        return found

    def tell(data):
        for fd in pipes():
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view):]

    def report(when, outcome, nodeid="test_it.py::test_a", **more):
        return json.dumps({"kind": "report", "report": {
            "$report_type": "TestReport", "when": when, "outcome": outcome, "nodeid": nodeid,
            "longrepr": None, "sections": [], "keywords": {}, "location": ["a", 1, "b"],
            "user_properties": [], "duration": 0.0, **more}}).encode() + b"\\n"
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Runs a project with this file of tests, with the plugin, and returns how that went."""
    # pytester's home is the project itself, and a home is not for sandboxes.
    monkeypatch.setenv("HOME", "/nonexistent")

    def run(source: str, *arguments: str) -> pytest.RunResult:
        text = textwrap.dedent(HELPERS) + textwrap.dedent(source)
        (pytester.path / "test_it.py").write_text(text)
        return pytester.runpytest_inprocess(
            "-p", "pytest_nucleus", "-p", "no:cacheprovider", "--strict-markers", *arguments
        )

    return run


def reports(result: pytest.RunResult) -> List[Any]:
    """The reports that the plugins of the outer pytest were given."""
    return list(result.reprec.getreports("pytest_runtest_logreport"))  # type: ignore[attr-defined]


def phases(result: pytest.RunResult) -> List[Any]:
    return [(report.when, report.outcome) for report in reports(result)]


def section(report: Any, title: str) -> str:
    """The text of the one section of this title."""
    (text,) = [text for name, text in report.sections if name == title]
    return str(text)
