# SPDX-License-Identifier: MIT
"""What this host has, and which library this is."""

import json
from ctypes import byref, c_void_p
from typing import Any, Dict, Tuple

from ._errors import check
from ._library import lib, take, text


def version() -> str:
    """The version of the library that is loaded, as "MAJOR.MINOR.PATCH"."""
    return text(lib.version()) or ""


def library_path() -> str:
    """The file of the library that is loaded."""
    return str(lib.path)


def has_feature(name: str) -> bool:
    """Whether the library, not this host, has a feature: "landlock", "cgroup", ..."""
    return bool(lib.has_feature(name.encode()))


def _report(format: bytes) -> Tuple[int, str]:
    out = c_void_p()
    strict = check(lib.doctor(format, byref(out)))
    return strict, take(out)


def doctor() -> Dict[str, Any]:
    """Which mechanisms this host, and this user, has: takes milliseconds, it tries them in a child.

    Keys: kernel; checks, a list of {name, status, required, detail, mend}; strict_agent, whether a
    sandbox in mode strict-agent would run here.
    """
    strict, words = _report(b"json")
    found: Dict[str, Any] = json.loads(words)
    found["strict_agent"] = strict == 1
    return found


def summary() -> str:
    """The same as text."""
    return _report(b"text")[1]
