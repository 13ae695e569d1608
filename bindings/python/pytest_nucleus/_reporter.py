# SPDX-License-Identifier: MIT
"""pytest in the sandbox, for one test, with its reports written to a descriptor."""

import os
import traceback
from typing import Any, Dict, List, Mapping

import pytest

from ._hooks import hookimpl
from ._text import cut
from ._wire import LINE_LIMIT, encode

NAME = "nucleus-inside"
"""Where a plugin of this name is registered, pytest runs in the sandbox."""
TEXT_LIMIT = 256 << 10
"""Characters kept of each text in a report, such as what a test printed."""


def inside(config: pytest.Config) -> bool:
    """Whether this pytest is the one in the sandbox."""
    return bool(config.pluginmanager.has_plugin(NAME))


class Reporter:
    """Keeps the one test, and says what becomes of it."""

    def __init__(self, config: pytest.Config, nodeid: str, fd: int) -> None:
        self._config = config
        self._nodeid = nodeid
        self._fd = fd
        self._found = False

    @hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: List[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid == self._nodeid][:1]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._found = bool(session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            error(self._fd, report.longreprtext)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        line = encode({"kind": "report", "report": _plain(data)})
        if len(line) > LINE_LIMIT:
            data = dict(data, longrepr=_short(report), sections=[], user_properties=[])
            line = encode({"kind": "report", "report": _plain(data)})
        _write(self._fd, line)

    def pytest_internalerror(self, excrepr: object) -> None:
        error(self._fd, str(excrepr))

    def pytest_keyboard_interrupt(self, excinfo: "pytest.ExceptionInfo[BaseException]") -> None:
        error(self._fd, f"the test ended its session: {excinfo.exconly()}")

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        nothing = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if not self._found and exitstatus in nothing:
            error(self._fd, "the test was not found when its file was collected in the sandbox")


def _plain(value: Any) -> Any:
    """`value` as JSON has it; what it does not have becomes a text."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return cut(value, TEXT_LIMIT)
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    return cut(str(value), TEXT_LIMIT)


def _short(report: pytest.TestReport) -> Any:
    """What failed, in one text; of a skip, where and why."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr
    return cut(report.longreprtext, TEXT_LIMIT) if report.longrepr is not None else None


def _write(fd: int, line: bytes) -> None:
    view = memoryview(line)
    while view:
        view = view[os.write(fd, view) :]


def error(fd: int, text: str) -> None:
    """Reports what fails the test and is no report of it."""
    _write(fd, encode({"kind": "error", "text": cut(text, TEXT_LIMIT)}))


def _confined() -> bool:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return "NoNewPrivs:\t1\n" in status.readlines() and os.getppid() == 1


def run(spec: Dict[str, Any]) -> int:
    """Runs the test of `spec`; returns pytest's exit status."""
    fd = spec["fd"]
    if not _confined():
        error(fd, "this is not a sandbox")
        return pytest.ExitCode.INTERNAL_ERROR
    try:
        config = pytest.Config.fromdictargs(spec["options"], spec["args"])
        config.pluginmanager.register(Reporter(config, spec["nodeid"], fd), NAME)
        status: int = config.hook.pytest_cmdline_main(config=config)
    except BaseException:
        error(fd, traceback.format_exc())
        raise
    _write(fd, encode({"kind": "end"}))
    return status
