# SPDX-License-Identifier: MIT
"""What can go wrong, as exceptions."""

import errno as _errno
import json
import os
import subprocess
from ctypes import byref, c_void_p
from typing import Any, Callable, Dict, Optional, Type

from ._library import lib, text


def _visible(words: str) -> str:
    """On a line and on a terminal as itself: paths and names of programs may be a model's words."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
                   for c in words)


class NucleusError(OSError):
    """What libnucleus refused or could not do.

    One with errno ENOENT is a FileNotFoundError too, one with EACCES or EPERM a PermissionError.

    Attributes:
        errno: a number of the module errno; strerror: the message.
        stage: "policy", "compile", "launch" or "run".
        layer: the mechanism: "option", "mount", "landlock", ...
        message: one line.
        origin: what asked for it: "web.toml:12:3", "workspace="; or None.
        hint: what to do about it; or None.
        result: a CompletedProcess where the program did run (its workspace could not be carried back);
            else None.
    """

    stage: str
    layer: str
    message: str
    origin: Optional[str]
    hint: Optional[str]
    result: Any

    def __init__(self, code: int, message: str, stage: str = "api", layer: str = "api",
                 origin: Optional[str] = None, hint: Optional[str] = None) -> None:
        super().__init__(code, message)
        self.stage, self.layer, self.message = stage, layer, message
        self.origin, self.hint = origin, hint
        self.result = None

    def __str__(self) -> str:
        words = f"{self.origin}: {self.message}" if self.origin else self.message
        words += f" [{self.layer}, {_errno.errorcode.get(self.errno or 0, self.errno)}]"
        return _visible(words) + (f"\n  hint: {_visible(self.hint)}" if self.hint else "")

    def __reduce__(self) -> Any:
        return (_again, (type(self), self.errno, self.message, self.stage, self.layer, self.origin, self.hint))

    def as_dict(self) -> Dict[str, Any]:
        """As nucleus_error_json() has it: code, errno (name), stage, layer, message, origin, hint."""
        return {"code": -(self.errno or 0), "errno": _errno.errorcode.get(self.errno or 0),
                "stage": self.stage, "layer": self.layer, "message": self.message,
                "origin": self.origin, "hint": self.hint}

    def json(self) -> str:
        """as_dict() as one line of JSON."""
        return json.dumps(self.as_dict())


class NotFoundError(NucleusError, FileNotFoundError):
    """ENOENT: the program, or a path that the policy names, is not there."""


class DeniedError(NucleusError, PermissionError):
    """EACCES or EPERM."""


class NucleusWarning(RuntimeWarning):
    """What mode agent could not enforce on this host; the message says what to do about it."""


class TimeoutExpired(subprocess.TimeoutExpired):
    """The caller's patience (`timeout=`) ended before the program; run() has ended the sandbox.

    `.result` is a CompletedProcess with what was known by then, from run(); else None.
    """

    result: Any = None


class CalledProcessError(subprocess.CalledProcessError):
    """check=True, and the program did not exit with 0. `.result` is the CompletedProcess."""

    result: Any = None

    def __str__(self) -> str:
        words = super().__str__()
        if self.result is None:
            return words
        if self.result.outcome not in ("exited", "signalled"):
            words += f" ({self.result.outcome})"
        return "\n  ".join([words] + [str(d) for d in self.result.denials[-3:]])


def _class_for(code: int, layer: str = "") -> Type[NucleusError]:
    if layer == "option":  # an option that does not exist is no file
        return NucleusError
    if code == _errno.ENOENT:
        return NotFoundError
    return DeniedError if code in (_errno.EACCES, _errno.EPERM) else NucleusError


def _again(kind: Type[NucleusError], code: int, *rest: Any) -> NucleusError:
    return kind(code, *rest)


def from_record(code: int, record: c_void_p) -> NucleusError:
    """The exception for a negative errno and its nucleus_error, which is freed. NULL is allowed."""
    if not record:
        return _class_for(-code)(-code, os.strerror(-code))
    try:
        layer = text(lib.error_layer(record)) or ""
        return _class_for(-code, layer)(
            -code, text(lib.error_message(record)) or "", text(lib.error_stage(record)) or "",
            layer, text(lib.error_origin(record)), text(lib.error_hint(record)))
    finally:
        lib.error_free(record)
        record.value = None


def call(function: Callable[..., int], *arguments: Any) -> int:
    """Calls what takes a `ret_err` last, and raises what it says."""
    record = c_void_p()
    result = function(*arguments, byref(record))
    if result < 0:
        raise from_record(result, record)
    return result


def check(result: int) -> int:
    """The same for what takes none."""
    if result < 0:
        raise from_record(result, c_void_p())
    return result
