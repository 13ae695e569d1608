# SPDX-License-Identifier: MIT
"""Policies: what is wanted, from a document, a mapping or keywords; compiled once, used by many starts."""

import collections
import contextlib
import datetime
import difflib
import errno
import json
import operator
import os
import sys
import threading
import warnings
import weakref
from ctypes import byref, c_void_p
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ._errors import NucleusError, NucleusWarning, call, check
from ._library import lib, take, text

Source = Union[None, str, bytes, "os.PathLike[str]", Mapping[str, Any], "Policy"]
IDLE = 16  # compiled sandboxes that a policy keeps for the next start: one a thread is enough

_ATTRIBUTES = ("key", "flag", "short", "type", "values", "metavar", "group", "default", "help", "since")


def options() -> List[Dict[str, str]]:
    """The option table: for each option key, flag, type, values, default, help and more, as text.

    See nucleus_option_attr() for what each attribute is.
    """
    table: List[Dict[str, str]] = []
    while lib.option_attr(len(table), b"key") is not None:
        index = len(table)
        table.append({a: text(lib.option_attr(index, a.encode())) or "" for a in _ATTRIBUTES})
    return table


def _name(word: str) -> str:
    return word.lstrip("-").replace(".", "_").replace("-", "_")


_OPTIONS = {option["key"]: option for option in options()}
_TYPES = {key: option["type"] for key, option in _OPTIONS.items()}
# What a keyword may be called: by its flag, or by its key.
KEYWORDS = {_name(option[by]): key for by in ("flag", "key") for key, option in _OPTIONS.items()}


# What subprocess takes and this does not, because a sandbox has it so always, or never.
_OF_SUBPROCESS = {
    "close_fds": "no descriptors come along but those of pass_fds",
    "creationflags": "that is for Windows",
    "executable": "the program is the first of args",
    "extra_groups": "a sandbox's program has one group",
    "pipesize": "pipes have the kernel's default size",
    "preexec_fn": "nothing of the caller's runs in a sandbox",
    "restore_signals": "a sandbox's program starts with the default handlers",
    "start_new_session": "a sandbox is a session of its own",
    "startupinfo": "that is for Windows",
    "umask": "a sandbox has a umask of its own",
    "universal_newlines": "it is text=",
}


def unknown_keyword(function: str, word: str, also: Sequence[str] = ()) -> TypeError:
    near = difflib.get_close_matches(word, [*KEYWORDS, *also], 1)
    table = [key for key in _OPTIONS if key.startswith(word + ".")]
    if word in _OF_SUBPROCESS:
        mean = _OF_SUBPROCESS[word]
    elif table:
        mean = (f"its options are keywords each, as {_name(table[0])}; or of a mapping: "
                f"Policy({{'{word}': ...}})")
    else:
        mean = f"did you mean '{near[0]}'?" if near else "see nucleus.options()"
    return TypeError(f"{function} got an unexpected keyword argument '{word}': {mean}")


def check_keywords(function: str, options: Iterable[str], own: Sequence[str] = ()) -> None:
    for word in options:
        if word not in KEYWORDS:
            raise unknown_keyword(function, word, own)


def encode(value: Any, what: str, index: Optional[int] = None) -> bytes:
    """As the library takes strings: UTF-8. Bytes and paths stay what they are."""
    if type(value) is not str and isinstance(value, os.PathLike):  # the question costs more than the rest
        value = os.fspath(value)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if not isinstance(value, bytes) or b"\0" in value:
        what = what if index is None else f"{what}[{index}]"
        if isinstance(value, bytes):
            raise ValueError(f"{what}: embedded null byte")
        raise TypeError(f"{what}: str, bytes or a path is wanted, not {type(value).__name__}")
    return value


def _scalar(key: str, value: Any, what: str) -> bytes:
    """A value in the form that the command line has for it."""
    kind = _TYPES.get(key, "string")
    if isinstance(value, bool):
        if kind == "enum" and _OPTIONS[key]["values"] == "on|off":
            return b"on" if value else b"off"
        if kind != "bool":
            raise TypeError(f"{what}: bool is for options that are on or off; {key} is of type {kind}")
        return b"true" if value else b"false"
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, (int, float)):
        if kind == "duration":
            # 0 is no limit: what is less than a millisecond is not that.
            return b"%dms" % (round(value * 1000) or (value > 0) - (value < 0))
        if kind == "path":
            raise TypeError(f"{what}: str, bytes or a path is wanted, not {type(value).__name__}")
        return str(value).encode()
    return encode(value, what)


def _check_format(result: int, format: str, known: str) -> None:
    if result == -errno.EINVAL:
        raise NucleusError(errno.EINVAL, f"there is no format {format!r}", hint=f"one of: {known}")
    check(result)


def _words(word: str) -> str:
    return f"{word}="


class _Compiled:
    """Owns a nucleus_sandbox. Freed once, and with nothing between the taking of it and the call."""

    def __init__(self) -> None:
        self.pointer = c_void_p()
        self.prepared = 0
        self.timed = False
        self.stdio: Optional[Sequence[int]] = None  # as set last
        self._freeing = iter((self.pointer,))

    def free(self, free: Any = lib.sandbox_free) -> None:
        collections.deque(map(free, self._freeing), maxlen=0)

    def __del__(self) -> None:
        self.free()


class Policy:
    """What a sandbox is to be: an immutable set of options.

        Policy("policy.toml")                                   a document, TOML or JSON
        Policy({"mode": "strict-agent", "limits": {"pids": 64}})
        Policy(mode="strict-agent", workspace="src", limits_timeout=30, env={"CI": "1"})
        Policy("policy.toml", memory="1G")                      both: a contradiction is an error

    Keywords are the options of the table, by flag (`workspace_mode`) or key (`limits_timeout`), see
    options(). Values are written as on the command line, or as Python has them: bool, int (bytes, or
    seconds), float (seconds), timedelta, paths, a sequence for a list, a mapping for a map; None leaves
    an option unset. Relative paths start from the current directory, in a document from its own.

    It is compiled for this host at its first use, and used again by each start after that: a
    document or policy file that is changed later changes nothing. Any thread may use it.

    Raises NucleusError for what is not understood, TypeError for a keyword that does not exist.
    """

    def __init__(self, source: Source = None, **options: Any) -> None:
        self._policy = c_void_p()
        self._lock = threading.RLock()  # a signal handler may start a sandbox as well
        self._idle: List[_Compiled] = []
        self._warnings: Optional[Tuple[str, ...]] = None
        self._prepared = 0
        self._timed: bool = isinstance(source, Policy) and source._timed
        _every.add(self)
        if isinstance(source, Policy):
            with source._lock:
                check(lib.policy_copy(source._policy, byref(self._policy)))
        else:
            check(lib.policy_new(byref(self._policy)))
        if isinstance(source, Mapping):
            self._add_mapping(source, "")
        elif source is not None and not isinstance(source, Policy):
            call(lib.policy_load, self._policy, encode(source, "policy"))
        for word, value in options.items():
            check_keywords("Policy()", (word,))
            self._add(KEYWORDS[word], value, _words(word))

    @classmethod
    def from_file(cls, path: Union[str, bytes, "os.PathLike[str]"], **options: Any) -> "Policy":
        """A policy document: TOML, or JSON if its name ends in .json."""
        if isinstance(path, (Mapping, Policy)) or path is None:
            raise TypeError(f"a path is wanted, not {type(path).__name__}")
        return cls(path, **options)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], **options: Any) -> "Policy":
        """The same from a mapping: nested as a document is, or with dotted keys."""
        if not isinstance(mapping, Mapping):
            raise TypeError(f"a mapping is wanted, not {type(mapping).__name__}")
        return cls(mapping, **options)

    def extend(self, **options: Any) -> "Policy":
        """A policy with these options as well. One that contradicts this policy is an error."""
        return type(self)(self, **options)

    # ---- what it says

    def dump(self, format: str = "toml") -> str:
        """The options that are set, as a document ("toml", "json"), or as "text" with their origins."""
        out = c_void_p()
        with self._lock:
            result = lib.policy_dump(self._policy, encode(format, "format"), byref(out))
            _check_format(result, format, "toml, json, text")
        return take(out)

    @property
    def warnings(self) -> Tuple[str, ...]:
        """What mode agent cannot enforce on this host, and the mend for each."""
        with self._sandbox():
            return self._warnings or ()

    def prepare(self, count: int = 1) -> None:
        """Keeps sandboxes made ahead of their programs, so that a start is only the program's own.

        count: 0 to 64, for each thread that starts programs at once; 0 ends them. Every start takes one,
        and the next is made while its program runs. Each is for one program, and enforced like any other;
        a directory that was replaced meanwhile is noticed. An idle one is a process of some 30 KiB that ends
        with this policy object, and with this process. After a fork the child makes its own.

        Raises NucleusError (EOPNOTSUPP) where a program gets what is there only when it starts (a
        workspace that is copied, pass_fds, a trace), and for a volume inside of another directory. Since: 0.1
        """
        if not 0 <= operator.index(count) <= 64:  # ctypes would cut it down to an unsigned int
            raise ValueError(f"count: 0 to 64 are wanted, not {count}")
        before, self._prepared = self._prepared, operator.index(count)
        try:
            # Each that a thread has used has its own; those that are in use see to it at their next start.
            with contextlib.ExitStack() as stack:
                for _ in range(max(1, len(self._idle))):
                    stack.enter_context(self._sandbox())
        except BaseException:
            self._prepared = before
            raise

    def set_timing(self, on: bool = True) -> None:
        """Whether starts from now on note when each step was done, for `timing` of what is started, see Timing.

        Policies that are made from this one have it from here. Enforcement and hash are the same. Since: 0.1
        """
        self._timed = bool(on)

    def explain(self, format: str = "text") -> str:
        """The plan in words ("text"), or as canonical "json", which is what hash() hashes."""
        out = c_void_p()
        with self._sandbox() as sandbox:
            result = lib.sandbox_explain(sandbox, encode(format, "format"), byref(out))
            _check_format(result, format, "text, json")
        return take(out)

    def hash(self) -> str:
        """SHA-256 of the plan, as 64 hexadecimal digits. Equal hashes mean equal enforcement."""
        out = c_void_p()
        with self._sandbox() as sandbox:
            check(lib.sandbox_hash(sandbox, byref(out)))
        return take(out)

    def why(self, query: str) -> Dict[str, Any]:
        """Which layer would refuse something, and what would allow it, without running anything.

        Queries are "open:/PATH", "write:/PATH", "exec:PROGRAM", "connect:HOST:PORT", "bind:PORT",
        "syscall:NAME" and others: see nucleus_sandbox_why(). The keys of the answer: query, allowed,
        partly, certainty, layer, errno, kills, rule, origin, fix.
        """
        out = c_void_p()
        with self._sandbox() as sandbox:
            call(lib.sandbox_why, sandbox, encode(query, "query"), b"json", byref(out))
        answer: Dict[str, Any] = json.loads(take(out))
        return answer

    def __copy__(self) -> "Policy":
        return self  # it does not change, and two would free one object of the library's

    def __deepcopy__(self, _: Any) -> "Policy":
        return self

    def __repr__(self) -> str:
        return f"Policy({json.loads(self.dump('json'))!r})"

    def __del__(self) -> None:
        try:
            lib.policy_free(self._policy)
        except (AttributeError, TypeError):
            pass  # not made, or the interpreter is going

    # ---- how it is made

    def _add_mapping(self, mapping: Mapping[str, Any], above: str) -> None:
        for word, value in mapping.items():
            if not isinstance(word, str):
                raise TypeError(f"a policy's keys are str, not {type(word).__name__}")
            key = above + word
            if isinstance(value, Mapping) and key not in _TYPES:
                self._add_mapping(value, key + ".")
            else:
                self._add(key, value, key)

    def _add(self, key: str, value: Any, origin: str) -> None:
        if value is None and key in _TYPES:
            return
        if key not in _TYPES and not isinstance(value, Mapping):
            below = [k for k in _OPTIONS if k.startswith(key + ".")]
            if below:  # what the library would say of it is that there is no such option
                raise TypeError(f"{origin}: a mapping is wanted, not {type(value).__name__}, of options such as "
                                f"{below[0]}")
        name = encode(key, "a policy's key")
        check(lib.policy_set_origin(self._policy, encode(origin, "a policy's key")))
        kind = _TYPES.get(key)
        if kind == "map":
            if not isinstance(value, Mapping):
                raise TypeError(f"{origin}: a mapping is wanted, not {type(value).__name__}")
            for k, v in value.items():
                word = encode(k, origin)
                if b"=" in word:
                    raise ValueError(f"{origin}: a name cannot have a '=': {k!r}")
                call(lib.policy_add, self._policy, name, word + b"=" + encode(v, f"{origin}: {k!r}"))
        elif kind == "list" and not isinstance(value, (str, bytes, os.PathLike, int, Mapping)):
            items = list(value)  # an iterator does not tell that it has none
            for number, item in enumerate(items):
                call(lib.policy_add, self._policy, name, _scalar(key, item, f"{origin}: item {number}"))
            if not items and _OPTIONS[key]["metavar"] == "PORT":
                raise ValueError(f"{origin}: an empty list would allow every port: leave it out, or None")
        else:
            if isinstance(value, (Mapping, list, tuple)):
                wanted = "a value or a sequence" if kind == "list" else "one value"
                raise TypeError(f"{origin}: {wanted} is wanted, not {type(value).__name__}")
            # Of a key that does not exist the library says which is near, whatever the value.
            text_of_it = _scalar(key, value, origin) if kind is not None else b""
            call(lib.policy_set, self._policy, name, text_of_it)

    # ---- what is compiled from it

    @contextlib.contextmanager
    def _sandbox(self) -> Iterator[c_void_p]:
        """What take_compiled() gives, for a with-statement."""
        sandbox = self.take_compiled()
        try:
            yield sandbox.pointer
        finally:
            self.keep_compiled(sandbox)

    def take_compiled(self) -> _Compiled:
        """A compiled sandbox, for one thread at a time, with as many prepared ones as are wanted."""
        try:
            sandbox = self._idle.pop()
        except IndexError:
            sandbox = self._compile()
        if sandbox.timed is not self._timed:
            check(lib.sandbox_set_timing(sandbox.pointer, self._timed))
            sandbox.timed = self._timed
        if sandbox.prepared != self._prepared:
            try:
                call(lib.sandbox_prepare, sandbox.pointer, self._prepared)
                sandbox.prepared = self._prepared
            except BaseException:
                self.keep_compiled(sandbox)
                raise
        return sandbox

    def keep_compiled(self, sandbox: _Compiled) -> None:
        """Keeps what was taken, for the next."""
        if len(self._idle) < IDLE:
            self._idle.append(sandbox)

    def _compile(self) -> _Compiled:
        compiled = _Compiled()
        sandbox = compiled.pointer
        check(lib.sandbox_new(byref(sandbox)))
        with self._lock:
            call(lib.sandbox_apply_policy, sandbox, self._policy)
        if self._warnings is None:
            found: List[str] = []
            while lib.sandbox_warning(sandbox, len(found)) is not None:
                found.append(text(lib.sandbox_warning(sandbox, len(found))) or "")
            for words in found:
                warnings.warn(words, NucleusWarning, stacklevel=_depth_of_caller())
            self._warnings = tuple(found)  # not before: where it is an error, it is one each time
        return compiled

    def drop_compiled(self) -> None:
        """Of a policy that was made for one start. Python loses what a signal handler raises while it frees
        objects by itself, and the freeing with it.
        """
        for compiled in self._idle:
            compiled.free()
        self._idle.clear()


def _depth_of_caller() -> int:
    """The stacklevel that names the first line outside of this package, seen from _compile()."""
    here = os.path.dirname(__file__)
    depth, frame = 1, sys._getframe(1)
    while frame.f_back and (os.path.dirname(frame.f_code.co_filename) == here
                            or frame.f_code.co_filename == contextlib.__file__):
        depth, frame = depth + 1, frame.f_back
    return depth


def policy_for(function: str, policy: Source, options: Dict[str, Any], own: Sequence[str]) -> Policy:
    """The policy of a start: `policy` and the options that its other arguments are."""
    if not options and isinstance(policy, Policy):
        return policy
    check_keywords(function, options, own)
    options = {word: value for word, value in options.items() if value is not None}
    if isinstance(policy, Policy):
        return policy.extend(**options) if options else policy
    return Policy(policy, **options)


def schema() -> Dict[str, Any]:
    """The JSON Schema (2020-12) of policy documents."""
    out = c_void_p()
    check(lib.policy_schema(byref(out)))
    found: Dict[str, Any] = json.loads(take(out))
    return found


# After a fork, another thread of the parent's may have held a lock for ever: it has no thread here. What
# it was compiling is its own memory, and lost to the child.
_every: "weakref.WeakSet[Policy]" = weakref.WeakSet()


def _after_fork() -> None:
    for policy in list(_every):
        policy._lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
