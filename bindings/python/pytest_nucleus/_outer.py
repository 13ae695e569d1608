# SPDX-License-Identifier: MIT
"""The protocol of a marked test: run in a sandbox, and reported as if it had run here."""

import time
from typing import Any, Callable, Dict, List, Optional, Union, cast

import pytest

from . import _binds, _denials, _run
from ._text import neutral


def run_protocol(item: pytest.Item, nextitem: Optional[pytest.Item]) -> None:
    """Runs `item` in its sandbox and reports it to the plugins of this process."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = _reports(item)
    # The items before this one may have left what they share with it, such as their module's
    # fixtures. The item after this one must not find them if it does not share them.
    stack = item.session._setupstate
    broken = _guarded(item, "teardown", lambda: stack.teardown_exact(nextitem))
    if broken is not None:
        reports.append(broken)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _guarded(
    item: pytest.Item, when: str, function: Callable[[], Any]
) -> Optional[pytest.TestReport]:
    """None, or the report of what `function` raised, such as a plugin's own time limit."""
    ends_session = (KeyboardInterrupt, cast(Any, pytest.exit).Exception)
    call = pytest.CallInfo.from_call(function, when=cast(Any, when), reraise=ends_session)
    return None if call.excinfo is None else pytest.TestReport.from_item_and_call(item, call)


def _start(item: pytest.Item) -> Union[_run.Result, str]:
    """What came of it, or why it could not be begun. Never runs anything unsandboxed."""
    try:
        import nucleus
    except ImportError as error:
        return f"the test was not run: {error}"
    try:
        return _run.run(item)
    except nucleus.NucleusError as error:
        return f"the sandbox of this test could not be run, at stage {error.stage}: {error}"
    except _binds.Unfit as error:
        return f"the test was not run: {error}"
    except TypeError as error:
        return f"the test was not run, for what its marker says: {error}"


def _reports(item: pytest.Item) -> List[pytest.TestReport]:
    begin = time.time()
    found: List[Union[_run.Result, str]] = []
    broken = _guarded(item, "setup", lambda: found.append(_start(item)))
    if broken is not None:
        return [broken, _made(item, "teardown", None, begin)]
    result = found[0]
    if isinstance(result, str):
        return [_made(item, "setup", result, begin), _made(item, "teardown", None, begin)]
    reports: List[pytest.TestReport] = []
    for data in result.reports:
        try:
            report = _received(item, data)
            report.longreprtext  # is made when asked for: it must not fail in somebody else's hands
        except Exception as error:
            result.problem = f"the sandbox of this test reported what cannot be shown: {error!r}"
            break
        reports.append(report)
    if result.problem is not None:
        _add_problem(item, reports, result, begin)
    denials = _denials.words(result.denials)
    for report in reports:
        if report.failed and denials:
            report.sections.append((_denials.TITLE, denials))
    return reports


def _received(item: pytest.Item, data: Dict[str, Any]) -> pytest.TestReport:
    """A report that was received: whose it is, is not left to it."""
    data = {
        **data,
        "nodeid": item.nodeid,
        "location": item.location,
        "keywords": {name: 1 for name in item.keywords},
    }
    hook = item.config.hook
    report = hook.pytest_report_from_serializable(config=item.config, data=data)
    assert isinstance(report, pytest.TestReport)
    return report


def _made(item: pytest.Item, when: str, problem: Optional[str], begin: float) -> pytest.TestReport:
    """A report of what only this side knows: passed if there is no problem."""
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={name: 1 for name in item.keywords},
        outcome="passed" if problem is None else "failed",
        longrepr=None if problem is None else neutral(problem),
        when=cast(Any, when),
        sections=[],
        duration=time.time() - begin if problem is not None else 0.0,
    )


def _add_problem(
    item: pytest.Item, reports: List[pytest.TestReport], result: _run.Result, begin: float
) -> None:
    """Fails the phase that was not reported; if all were, the teardown: the end of the test."""
    if len(reports) > 1 and reports[-1].when == "teardown":
        reports.pop()
    when = "setup"
    if reports:
        to_call = reports[-1].when == "setup" and reports[-1].passed
        when = "call" if to_call else "teardown"
    report = _made(item, when, result.problem, begin)
    for name, text in result.output.items():
        if text:
            report.sections.append((f"Captured {name} of the sandbox", text))
    reports.append(report)
    if when != "teardown":
        reports.append(_made(item, "teardown", None, begin))
