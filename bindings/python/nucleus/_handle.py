# SPDX-License-Identifier: MIT
"""One running sandbox: owns the library's process object, and ends with what it was, in Python.

Three things are dealt with here, for all that is built on it:

* An exception out of a signal handler (KeyboardInterrupt) can be raised after any call. The library writes
  the object's address into memory that the Handle has already, so that it is never only on the way;
  and closing is one call into C for the interpreter, so that it happens once.
* A fork copies the Handle, not the sandbox, which is the parent's: in the child it does nothing.
* The library's object is for one thread at a time: a lock. It is re-entrant, for signal handlers.
"""

import collections
import errno
import json
import operator
import os
import signal as _signal
import threading
import time
from ctypes import byref, c_char_p, c_int, c_uint64, c_void_p
from typing import Any, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ._errors import NucleusError, call, check, from_record
from ._library import lib, take, text
from ._policy import Policy, encode

OUTCOMES = {1: "exited", 2: "signalled", 3: "timed out", 4: "killed", 5: "oom"}
DENIALS = 4096  # kept of one sandbox; the library tells of a repeated one at 1, 2, 4, 8, ... times
_BATCH = 256


class Denial(NamedTuple):
    """Something that was refused to a program in a sandbox.

    Programs choose their names and paths: what is no printable UTF-8 in them is written as \\xHH.

    time: RFC 3339, UTC. pid: inside the sandbox. program: what it calls itself, it may lie. layer: what
    refused it, "seccomp", "landlock", "mount", ... operation, target: what it tried. errno: what it got, a
    name. rule: why. origin: what in the policy asked for that. fix: what would allow it, and what that opens.
    certainty: "certain" or "inferred". count: how often so far. weight: "low" for what programs try and
    live without. What is not known is None.
    """

    time: Optional[str] = None
    pid: Optional[int] = None
    program: Optional[str] = None
    layer: Optional[str] = None
    operation: Optional[str] = None
    target: Optional[str] = None
    errno: Optional[str] = None
    rule: Optional[str] = None
    origin: Optional[str] = None
    fix: Optional[str] = None
    certainty: Optional[str] = None
    count: Optional[int] = None  # type: ignore[assignment]  # tuple.count is of no use here
    weight: Optional[str] = None

    @property
    def query(self) -> str:
        """The question to Policy.why() that this is an answer to."""
        return f"{self.operation}:{self.target}"

    def __str__(self) -> str:
        what = self.query if self.target is not None else str(self.operation)
        words = f"{what}: {self.errno or 'refused'} by {self.layer}"
        if self.program or self.pid:  # a time limit is nobody's
            words = f"{self.program or '?'}[{self.pid or '?'}]: " + words
        words += f": {self.rule}" if self.rule else ""
        words += f" ({self.certainty})" if self.certainty not in (None, "certain") else ""
        return words + (f"; to allow it: {self.fix}" if self.fix else "")


class Timing(NamedTuple):
    """What one step of a start took, see Policy.set_timing().

    side: who it was: "parent" (this process), "child" (until it executes init), "init", "program", "kernel".
    what: the step as explain() words it, or "open-descriptors", "clone", "take-prepared", "hand-over", "run",
    "tear-down". ns: nanoseconds. The rows leave nothing out: their sum is the time from the start to when the end
    was seen.
    """

    side: str
    what: str
    ns: int


_FIELDS = frozenset(Denial._fields)


def _denial(record: c_void_p) -> Denial:
    out = c_void_p()
    try:
        check(lib.denial_json(record, byref(out)))
        known = json.loads(take(out))
    finally:
        lib.denial_free(record)
    return Denial(**{k: v for k, v in known.items() if k in _FIELDS})


def _stats_names() -> List[bytes]:
    names: List[bytes] = []
    while True:
        name = lib.stats_attr(len(names), b"name")
        if name is None:
            return names
        names.append(name)


_STATS = [name.decode().replace("-", "_") for name in _stats_names()]
_Figures = c_uint64 * len(_STATS)
_UNLIMITED = 2**64 - 1


class _ThisProcess:
    def __init__(self) -> None:
        self.pid = os.getpid()


_here = _ThisProcess()  # another object in every process that is forked: to ask for the pid each time costs more


def _after_fork() -> None:
    global _here
    _here = _ThisProcess()


os.register_at_fork(after_in_child=_after_fork)


class Handle:
    """A running sandbox. Attributes outcome, returncode, stats, error are set by finish()."""

    # As they are at first; what can be changed in place is made by __init__().
    launch = 0.0  # seconds that the start took
    outcome: Optional[str] = None
    returncode: Optional[int] = None
    denials_dropped = 0
    timed = False
    timing: Tuple[Timing, ...] = ()
    warnings: Tuple[str, ...] = ()
    error: Optional[NucleusError] = None
    _open = _closed = False
    pid = -1  # until note_pid()

    def __init__(self) -> None:
        self._process = c_void_p()
        self._closing = iter((self._process,))
        self._owner = _here
        self._lock = threading.RLock()
        self._said: Deque[c_void_p] = collections.deque()  # of the library's, that are to become denials
        self.denials: List[Denial] = []
        self.stats: Dict[str, int] = {}

    def start(self, policy: Policy, argv: Sequence[bytes], stdio: Sequence[int]) -> None:
        """Starts a program; `stdio` are its descriptors 0, 1, 2, as Stdio.inside has them.

        What is raised may come after the start: close() then.
        """
        array = (c_char_p * (len(argv) + 1))(*argv, None)
        compiled = policy.take_compiled()
        self.timed = compiled.timed
        try:
            if compiled.stdio is not stdio:  # which is one list, of all starts that ask for nothing
                compiled.stdio = None
                check(lib.sandbox_set_stdio(compiled.pointer, *stdio))
                compiled.stdio = stdio
            self._open = True
            begun = time.monotonic()
            try:
                call(lib.sandbox_spawn, compiled.pointer, array, byref(self._process))
            except NucleusError:
                self._open = False
                raise
            self.launch = time.monotonic() - begun
            self.warnings = policy._warnings or ()
        finally:
            policy.keep_compiled(compiled)

    @property
    def between(self) -> int:
        """Milliseconds until it is worth to look again whether it has ended: a part of what the start took, and on
        any machine too short for init to fill its pipe with denials.
        """
        return min(max(1, round(self.launch * 700)), 4)

    @property
    def running(self) -> bool:
        """Started by this process, and not seen to end."""
        return self._open and self.mine

    @property
    def mine(self) -> bool:
        """Whether this process started it."""
        return self._owner is _here

    def note_pid(self) -> None:
        """For `pid`, after a start."""
        with self._lock:
            if self._open:
                self.pid = int(lib.process_pid(self._process))

    def _require(self) -> None:
        if not self.mine:
            raise RuntimeError(f"this sandbox belongs to process {self._owner.pid}, which started it")

    @property
    def pidfd(self) -> int:
        """Readable when the sandbox has ended; -1 once it is closed. Not to be closed, nor read."""
        if self._owner is not _here:  # before the lock, which another thread may have held at the fork
            return -1
        with self._lock:
            return int(lib.process_pidfd(self._process)) if self._open else -1

    @property
    def denial_fd(self) -> int:
        """Readable when drain() may find something; -1 when there is nothing to tell."""
        if not self.mine:
            return -1
        with self._lock:
            return max(-1, int(lib.process_denial_fd(self._process))) if self._open else -1

    def signal(self, number: int) -> None:
        """Sends a signal; nothing happens if it has ended. SIGKILL ends the whole sandbox."""
        self._require()
        number = operator.index(number)
        if not 1 <= number <= 64:  # ctypes would cut it down to an int of C
            raise ValueError(f"a signal is wanted, 1 to 64, not {number}")
        with self._lock:
            if self._open:
                result = lib.process_signal(self._process, number)
                if result != -errno.ESRCH:
                    check(result)

    def freeze(self, frozen: bool) -> None:
        self._require()
        with self._lock:
            if not self._open:
                raise ProcessLookupError(errno.ESRCH, "the sandbox has ended")
            result = (lib.process_freeze if frozen else lib.process_thaw)(self._process)
            if result == -errno.EOPNOTSUPP:
                raise NucleusError(
                    errno.EOPNOTSUPP, "the sandbox has no control group to be frozen with", "run",
                    "cgroup", hint="limits_cgroup=True, where the host has such groups: see "
                    "python3 -m nucleus")
            check(result)

    def drain(self) -> None:
        """Takes what can be told by now into `denials`. Never waits."""
        if self.mine:
            with self._lock:
                self._drain()

    # _drain(), _read_stats(), _close() are for who has the lock, in the process that this belongs to.

    def _drain(self) -> None:
        said, more = self._said, True
        while more:
            # First out of the pipe, which could be full otherwise before they are put into words.
            while self._open and len(said) < _BATCH:  # a signal handler may close it meanwhile
                record = c_void_p()
                more = lib.process_next_denial(self._process, byref(record)) >= 0
                if not more:
                    break
                said.append(record)
            more = more and self._open
            while said:
                record = said.popleft()
                if len(self.denials) < DENIALS:
                    self.denials.append(_denial(record))
                else:
                    lib.denial_free(record)
                    self.denials_dropped += 1

    def read_stats(self) -> Dict[str, int]:
        """What is known by now, by name; a limit that is not set is left out."""
        if not self.mine:
            return dict(self.stats)
        with self._lock:
            return self._read_stats()

    def _read_stats(self) -> Dict[str, int]:
        if not self._open:
            return dict(self.stats)
        figures = _Figures()
        lib.process_all_stats(self._process, figures, len(_STATS))
        return {name: value for name, value in zip(_STATS, figures) if value != _UNLIMITED}

    def _read_timing(self) -> Tuple[Timing, ...]:
        rows: List[Timing] = []
        side, what, ns = c_char_p(), c_char_p(), c_uint64()
        while lib.process_timing(self._process, len(rows), byref(side), byref(what), byref(ns)) == 0:
            rows.append(Timing(text(side.value) or "", text(what.value) or "", ns.value))
        return tuple(rows)

    def finish(self, wait: int = 0) -> bool:
        """Waits for at most so many milliseconds, in which no signal handler runs. False while it runs. Else takes
        over all there is to know, and frees the library's object.
        """
        if self._owner is not _here:
            self._require()
        with self._lock:
            if self._open:
                outcome, code, record = c_int(), c_int(), c_void_p()
                result = lib.process_wait(self._process, wait, byref(outcome), byref(code), byref(record))
                if result == -errno.ETIMEDOUT and outcome.value == 0:
                    lib.error_free(record)
                    return False
                if result < 0:
                    self.error = from_record(result, record)
                self._drain()
                self.stats = self._read_stats()
                if self.timed:
                    self.timing = self._read_timing()
                self._conclude(outcome.value, code.value)
                self._close()
            return True

    def _conclude(self, outcome: int, code: int) -> None:
        self.outcome = OUTCOMES.get(outcome, "killed")
        self.returncode = code if outcome == 1 else -_signal.SIGKILL
        if outcome == 2:
            self.returncode = -code
            if code == _signal.SIGSYS:
                self.outcome = "refused"

    def close(self) -> None:
        """Ends the sandbox if it runs, waits until it is gone, and carries nothing back."""
        if not self.mine:
            return
        with self._lock:
            if self._open and self.outcome is None:
                self._conclude(4, 0)
            self._close()

    def _close(self) -> None:
        self._open = False
        # Once, and with nothing between the taking of it and the call.
        collections.deque(map(lib.process_close, self._closing), maxlen=0)
        while self._said:  # by an exception in the midst of them
            lib.denial_free(self._said.popleft())
        self._closed = True

    def __del__(self) -> None:
        try:
            if not self._closed:
                self.close()
        except (AttributeError, TypeError):
            pass  # the interpreter is going: the sandbox goes with the process


def arguments(args: Any, shell: bool) -> List[bytes]:
    """The argument vector of a start, as subprocess understands `args`."""
    # Most are a list: whether it is a path costs more to ask than all the rest.
    if type(args) is not list and isinstance(args, (str, bytes, os.PathLike)):
        vector = [encode(args, "args")]
    else:
        vector = [encode(a, "args", i) for i, a in enumerate(args)]
    if not vector:
        raise ValueError("args: a program is wanted, not an empty sequence")
    return [b"/bin/sh", b"-c", *vector] if shell else vector
