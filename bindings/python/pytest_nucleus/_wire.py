# SPDX-License-Identifier: MIT
"""What a sandboxed test may say of itself, and the reader that believes nothing else.

One JSON object a line: {"kind": "report", "report": {...}}, as pytest serializes a TestReport, at
most one for each of setup, call, teardown, in this order; {"kind": "error", "text": "..."}, which
fails the test; {"kind": "end"}, the last.

The sender is a sandbox whose code may be hostile. A report is therefore not taken over but made
anew from the few fields that are known, each of the type and form that pytest's own code relies
on. Names of other tests, attributes that a report does not have, and everything beyond the limits
are Malformed.
"""

import json
import math
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar

from ._text import neutral

LINE_LIMIT = 4 << 20
"""Bytes of one line; the sender keeps to it by leaving out the middle of long texts."""
TOTAL_LIMIT = 3 * LINE_LIMIT + (64 << 10)
"""Bytes of all lines of one test."""

PHASES = ("setup", "call", "teardown")
_STYLES = ("long", "short", "line", "no", "native", "value", "auto")

T = TypeVar("T")


class Malformed(ValueError):
    """What was received is not what a test may report."""


class Message(NamedTuple):
    kind: str
    """"report", "error" or "end"."""
    report: Dict[str, Any]
    """Fit for the hook pytest_report_from_serializable; location and keywords are missing."""
    text: str
    """Of an error."""


def encode(message: Dict[str, Any]) -> bytes:
    """One line. Halves of surrogate pairs become escapes, as JSON has them."""
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


class Lines:
    """Cuts a stream into lines, within the limits."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._total = 0

    def feed(self, data: bytes) -> List[bytes]:
        """The lines that `data` completes. Raises Malformed beyond a limit."""
        self._total += len(data)
        if self._total > TOTAL_LIMIT:
            raise Malformed(f"more than {TOTAL_LIMIT} bytes of reports")
        *whole, rest = data.split(b"\n")
        lines = []
        for line in whole:
            lines.append(bytes(self._rest) + line)
            self._rest.clear()
        self._rest += rest
        if max([len(self._rest), *map(len, lines)]) > LINE_LIMIT:
            raise Malformed(f"a report of more than {LINE_LIMIT} bytes")
        return lines

    def finish(self) -> None:
        """Raises Malformed if the stream ended within a line."""
        if self._rest:
            raise Malformed("the last report is not complete")


def decode(line: bytes, nodeid: str) -> Message:
    """The message in `line` of the test `nodeid`. Raises Malformed."""
    try:
        value = json.loads(line.decode("utf-8"), parse_int=_number, parse_constant=_no_constant)
    except RecursionError:
        raise Malformed("a report of too many levels") from None
    except ValueError as error:
        raise Malformed(f"a report that is not JSON: {neutral(str(error))}") from None
    message = _dict(value, "message")
    kind = message.get("kind")
    if kind == "report":
        return Message(kind, _report(_dict(message.get("report"), "report"), nodeid), "")
    if kind == "error":
        return Message(kind, {}, _text(message.get("text"), "text"))
    if kind == "end":
        return Message(kind, {}, "")
    raise Malformed("a message of unknown kind")


def _number(digits: str) -> int:
    if len(digits) > 18:
        raise ValueError("a number out of range")
    return int(digits)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# ---- a report ----------------------------------------------------------------------------------


def _report(data: Dict[str, Any], nodeid: str) -> Dict[str, Any]:
    if data.get("$report_type") != "TestReport":
        raise Malformed("a report that is not of a test")
    if data.get("nodeid") != nodeid:
        raise Malformed("a report of another test")
    when, outcome = data.get("when"), data.get("outcome")
    if when not in PHASES:
        raise Malformed("a report of an unknown phase")
    if outcome not in ("passed", "failed", "skipped"):
        raise Malformed("a report with an unknown outcome")
    report: Dict[str, Any] = {
        "$report_type": "TestReport",
        "nodeid": nodeid,
        "when": when,
        "outcome": outcome,
        "longrepr": None,
        "sections": _list(data.get("sections"), "sections", _section),
        "user_properties": _list(data.get("user_properties"), "user_properties", _property),
        "duration": _seconds(data.get("duration"), "duration"),
    }
    for name in ("start", "stop"):
        if name in data:
            report[name] = _seconds(data[name], name)
    if "wasxfail" in data:
        if outcome == "failed":
            raise Malformed("a failure that is said to be expected")
        report["wasxfail"] = _text(data["wasxfail"], "wasxfail")
    if outcome != "passed":
        plain_skip = outcome == "skipped" and "wasxfail" not in report
        report["longrepr"] = (_skip if plain_skip else _failure)(data.get("longrepr"))
    return report


def _skip(value: Any) -> Tuple[str, int, str]:
    if not isinstance(value, list) or len(value) != 3:
        raise Malformed("a skip without its place and reason")
    return _text(value[0], "path"), _line(value[1], "line"), _text(value[2], "reason")


def _failure(value: Any) -> Any:
    if isinstance(value, str):
        return neutral(value)
    data = _dict(value, "longrepr")
    chain = data.get("chain")
    return {
        "reprcrash": _optional(data.get("reprcrash"), _location),
        "reprtraceback": _traceback(data.get("reprtraceback")),
        "sections": _list(data.get("sections"), "sections", _titled),
        "chain": None if chain is None else _list(chain, "chain", _link),
    }


def _link(value: Any) -> Tuple[Any, Any, Optional[str]]:
    if not isinstance(value, list) or len(value) != 3:
        raise Malformed("a chain of exceptions of a wrong form")
    return (
        _traceback(value[0]),
        _optional(value[1], _location),
        _optional(value[2], lambda text: _text(text, "description")),
    )


def _traceback(value: Any) -> Dict[str, Any]:
    data = _dict(value, "reprtraceback")
    return {
        "reprentries": _list(data.get("reprentries"), "reprentries", _entry),
        "extraline": _optional(data.get("extraline"), lambda text: _text(text, "extraline")),
        "style": _style(data.get("style")),
    }


def _entry(value: Any) -> Dict[str, Any]:
    entry = _dict(value, "entry")
    data = _dict(entry.get("data"), "data")
    lines = _list(data.get("lines"), "lines", lambda text: _text(text, "line"))
    if entry.get("type") == "ReprEntryNative":
        return {"type": "ReprEntryNative", "data": {"lines": lines}}
    if entry.get("type") != "ReprEntry":
        raise Malformed("an entry of a traceback of unknown type")
    if data.get("style") == "short" and data.get("reprfileloc") is None:
        raise Malformed("a short entry of a traceback without its place")  # pytest asserts this
    return {
        "type": "ReprEntry",
        "data": {
            "lines": lines,
            "reprfuncargs": _optional(data.get("reprfuncargs"), _arguments),
            "reprlocals": _optional(data.get("reprlocals"), _locals),
            "reprfileloc": _optional(data.get("reprfileloc"), _location),
            "style": _style(data.get("style")),
        },
    }


def _arguments(value: Any) -> Dict[str, Any]:
    data = _dict(value, "reprfuncargs")
    return {"args": _list(data.get("args"), "args", lambda pair: _pair(pair, "argument"))}


def _locals(value: Any) -> Dict[str, Any]:
    data = _dict(value, "reprlocals")
    return {"lines": _list(data.get("lines"), "lines", lambda text: _text(text, "line"))}


def _location(value: Any) -> Dict[str, Any]:
    data = _dict(value, "location")
    return {
        "path": _text(data.get("path"), "path"),
        "lineno": _line(data.get("lineno"), "lineno"),
        "message": _text(data.get("message"), "message"),
    }


def _titled(value: Any) -> Tuple[str, str, str]:
    if not isinstance(value, list) or len(value) != 3:
        raise Malformed("a section of a wrong form")
    separator = _text(value[2], "separator")
    if len(separator) != 1 or not separator.isprintable():
        raise Malformed("a section with an unfit separator")
    return _text(value[0], "title"), _text(value[1], "content"), separator


def _section(value: Any) -> Tuple[str, str]:
    return _pair(value, "section")


def _property(value: Any) -> Tuple[str, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise Malformed("a property of a wrong form")
    content = value[1]
    if content is None or isinstance(content, (bool, int, float)):
        return _text(value[0], "name"), content
    return _text(value[0], "name"), _text(content, "value")


# ---- values ------------------------------------------------------------------------------------


def _dict(value: Any, what: str) -> Dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not an object")
    return value


def _list(value: Any, what: str, each: Callable[[Any], T]) -> List[T]:
    if not isinstance(value, list):
        raise Malformed(f"{what} is not a list")
    return [each(part) for part in value]


def _optional(value: Any, make: Callable[[Any], T]) -> Optional[T]:
    return None if value is None else make(value)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise Malformed(f"{what} is not a string")
    return neutral(value)


def _pair(value: Any, what: str) -> Tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise Malformed(f"{what} is not a pair")
    return _text(value[0], what), _text(value[1], what)


def _line(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -1 <= value < 1 << 31:
        raise Malformed(f"{what} is not a line's number")
    return value


def _seconds(value: Any, what: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise Malformed(f"{what} is not a number")
    if not math.isfinite(value) or not 0 <= value < 1e12:
        raise Malformed(f"{what} is out of range")
    return float(value)


def _style(value: Any) -> str:
    if not isinstance(value, str) or value not in _STYLES:
        raise Malformed("a traceback of unknown style")
    return value
