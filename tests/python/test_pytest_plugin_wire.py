# SPDX-License-Identifier: MIT
"""The pytest plugin: no report that a sandbox sends can break the pytest that reads it."""

import copy
import io
import json
import random
import sys
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from _pytest._io import TerminalWriter

from pytest_nucleus import _wire
from pytest_nucleus._text import cut, neutral

NODEID = "test_it.py::test_a"
JUNK: List[Any] = [
    None, True, -1, 0, 1e400, 10**17, "", "x\x1b[2Jy", "\ud800", "passed", "native", [], {}, [[]],
    [1, 2, 3], ["a", "b", "c"], ["a", 1, "c"], {"lines": ["x"]}, {"path": "p", "lineno": 1},
]  # fmt: skip


def inner() -> None:
    raise LookupError("inner")


def outer(argument: int) -> None:
    try:
        inner()
    except LookupError as error:
        raise ValueError(f"outer {argument}\nline two") from error


def genuine(config: pytest.Config, style: str) -> Dict[str, Any]:
    """A report of a failure with a chain of exceptions, as pytest itself serializes it."""
    try:
        outer(5)
    except ValueError:
        info = pytest.ExceptionInfo.from_current()
    longrepr = info.getrepr(showlocals=True, style=style, funcargs=True)  # type: ignore[arg-type]
    longrepr.addsection("a title", "a text", "-")
    sections = [("Captured stdout call", "out")]
    report = pytest.TestReport(
        NODEID, ("a", 1, "b"), {}, "failed", longrepr, "call", sections, 0.5
    )
    data = config.hook.pytest_report_to_serializable(config=config, report=report)
    return dict(json.loads(json.dumps(data)))


def places(value: Any, at: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, ...]]:
    """The ways to all values within."""
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*at, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from places(part, (*at, number))


def replaced(data: Any, at: Tuple[Any, ...], junk: Any) -> Any:
    if not at:
        return junk
    data = copy.deepcopy(data)
    holder = data
    for step in at[:-1]:
        holder = holder[step]
    if junk == "left out":
        del holder[at[-1]]
    else:
        holder[at[-1]] = junk
    return data


def shown(config: pytest.Config, message: _wire.Message) -> str:
    """What a terminal is given of it."""
    data = {**message.report, "location": ("a", 1, "b"), "keywords": {}}
    report = config.hook.pytest_report_from_serializable(config=config, data=data)
    stream = io.StringIO()
    report.toterminal(TerminalWriter(stream))
    return "".join([stream.getvalue(), report.longreprtext, *map(str, report.sections)])


@pytest.mark.parametrize("style", ["long", "short", "native", "line", "value", "no"])
def test_mutated_reports(request: pytest.FixtureRequest, style: str) -> None:
    """Each value in a report replaced by each of what it may not, or may, be."""
    data = genuine(request.config, style)
    taken = refused = 0
    for at in places(data):
        for junk in [*JUNK, "left out"]:
            if junk == "left out" and not at:
                continue
            line = _wire.encode({"kind": "report", "report": replaced(data, at, junk)})
            try:
                message = _wire.decode(line, NODEID)
            except _wire.Malformed as error:
                refused += 1
                assert not set(str(error)) & set("\x1b\ud800")
                continue
            taken += 1
            assert not set(shown(request.config, message)) & set("\x1b\ud800")
    assert taken > 100 and refused > 500


def test_random_bytes() -> None:
    source = random.Random(5)
    report = {"nodeid": NODEID, "longrepr": ["a", 1, None]}
    line = _wire.encode({"kind": "report", "report": report})
    for _ in range(5000):
        data = bytearray(line)
        for _ in range(source.randrange(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        with pytest.raises(_wire.Malformed):
            _wire.decode(bytes(data), NODEID)


def test_genuine_reports_are_as_they_were(request: pytest.FixtureRequest) -> None:
    config = request.config
    for style in ("long", "short", "native"):
        data = genuine(config, style)
        line = _wire.encode({"kind": "report", "report": data})
        ours = shown(config, _wire.decode(line, NODEID))
        theirs = config.hook.pytest_report_from_serializable(config=config, data=data)
        assert theirs.longreprtext in ours and "outer 5" in ours


def test_lines() -> None:
    lines = _wire.Lines()
    assert lines.feed(b"ab") == []
    assert lines.feed(b"c\nde\n\nf") == [b"abc", b"de", b""]
    with pytest.raises(_wire.Malformed):
        lines.finish()
    assert lines.feed(b"\n") == [b"f"]
    lines.finish()
    for size, count in ((_wire.LINE_LIMIT + 1, 1), (_wire.LINE_LIMIT // 2, 8)):
        lines = _wire.Lines()
        with pytest.raises(_wire.Malformed):
            for _ in range(count):
                lines.feed(b"x" * size + (b"\n" if count > 1 else b""))


def test_neutral() -> None:
    assert neutral("plain \u00fc \U0001f600\n\t") == "plain \u00fc \U0001f600\n\t"
    assert neutral("\x00\x1b\x9b\u202e\ud800") == "\\x00\\x1b\\x9b\\u202e\\ud800"
    assert neutral("\U000e0041") == "\\U000e0041"
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if character not in "\n\t" and len(neutral(character)) == 1:
            assert code >= 32 and not 0x7F <= code < 0xA0 and not 0xD800 <= code < 0xE000


def test_cut() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcdefgh", 4) == "ab\n[... 4 characters left out ...]\ngh"
