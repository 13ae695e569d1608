# SPDX-License-Identifier: MIT
"""The descriptors of a start: pipes and files that become the program's 0, 1 and 2."""

import fcntl
import functools
import io
import itertools
import os
from subprocess import DEVNULL, PIPE, STDOUT
from typing import Any, List, Optional, Sequence, Union

STREAMS = ("stdin", "stdout", "stderr")
_OWN, _NULL = -1, -2  # NUCLEUS_STDIO_OWN, NUCLEUS_STDIO_NULL

File = Union[None, int, Any]  # as subprocess takes it: PIPE, DEVNULL, a descriptor, a file object


class Stdio:
    """The program's ends are `inside`: descriptors, -1 for the caller's own, -2 for /dev/null; the caller's ends
    of pipes are `outside`, as raw files, or None.

    A signal handler may raise between any two steps of the interpreter: so a descriptor is never held by a
    variable alone, but is a file in `_files` within one call into C. None of ours is 0, 1 or 2, even if
    the caller has closed these: what is the caller's own would be another then.
    """

    # Of most starts. Nobody changes these: __init__() makes others.
    inside: List[int] = [_NULL, _OWN, _OWN]
    outside: List[Optional[io.FileIO]] = [None, None, None]
    _files: List[io.FileIO] = []

    def __init__(self, stdin: File, stdout: File, stderr: File, passed: Sequence[int] = ()) -> None:
        if stdin is stdout is stderr is None and not passed:
            return
        self.inside = [_OWN, _OWN, _OWN]
        self.outside = [None, None, None]
        self._files = []
        both = stderr is not None and not hasattr(stderr, "fileno") and stderr == STDOUT
        # All, before one of ours can have the number of one that is closed.
        checked = (DEVNULL if stdin is None else _check(0, stdin),
                   None if stdout is None else _check(1, stdout),
                   None if stderr is None or both else _check(2, stderr))
        for fd in passed:
            _check_open("pass_fds", fd)
        try:
            for number, file in enumerate(checked):
                if file is not None:
                    self._open(number, file)
            if both:
                self.inside[2] = 1 if self.inside[1] == _OWN else self.inside[1]
        except BaseException:
            self.close()
            raise

    def _open(self, number: int, wanted: int) -> None:
        if wanted == PIPE:
            pipes: Any = map(functools.partial(map, io.FileIO), iter(os.pipe, None),
                             itertools.repeat(("rb", "wb")))
            next(map(self._files.extend, pipes))
            reading, writing = self._above_stdio(-2, "rb"), self._above_stdio(-1, "wb")
            here, there = (writing, reading) if number == 0 else (reading, writing)
            self.outside[number] = here
            self.inside[number] = there.fileno()
        elif wanted == DEVNULL:
            self.inside[number] = _NULL
        else:
            self.inside[number] = wanted

    def _above_stdio(self, index: int, mode: str) -> io.FileIO:
        """The file there, or in its place one of a number that no stream of the caller's has."""
        low = self._files[index]
        if low.fileno() <= 2:
            number = itertools.starmap(fcntl.fcntl, ((low.fileno(), fcntl.F_DUPFD_CLOEXEC, 3),))
            place = len(self._files) + index
            self._files[place:place + 1] = map(io.FileIO, number, (mode,))
            low.close()
        return self._files[index]

    def close_inside(self) -> None:
        """The program's ends, which this process must not keep."""
        for file in self._files:
            if file not in self.outside:
                file.close()

    def close(self) -> None:
        for file in self._files:
            file.close()


def _check_open(what: str, fd: Any) -> None:
    try:
        os.fstat(fd)
    except OSError as e:
        raise OSError(e.errno, f"{what}: descriptor {fd}: {e.strerror}") from None
    except (TypeError, OverflowError):
        raise TypeError(f"{what}: descriptors are wanted, not {fd!r}") from None


def _check(number: int, wanted: Any) -> int:
    if hasattr(wanted, "fileno"):
        wanted = wanted.fileno()
    elif wanted in (PIPE, DEVNULL):
        return int(wanted)
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
        raise ValueError(f"{STREAMS[number]}: PIPE, DEVNULL, a descriptor or a file is wanted, not {wanted!r}")
    _check_open(STREAMS[number], wanted)
    return wanted
