# SPDX-License-Identifier: MIT
"""Finds libnucleus and declares its functions: the one module that knows the ABI's signatures.

The library is looked for in this order, and the first that is there is taken: the file that the
environment variable NUCLEUS_LIBRARY names; `libnucleus.so.0` beside this package; `libnucleus.so.0`
where the dynamic linker looks. What is found but cannot be used is an ImportError, never passed over.
"""

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from typing import Any, List, Optional, Tuple

SONAME = "libnucleus.so.0"
OLDEST = (0, 1, 0)  # the library that these bindings were made for

# A string that the library hands over: kept as a pointer, because c_char_p would lose it.
_OWNED = POINTER(c_void_p)
_ERROR = POINTER(c_void_p)
_ARGV = POINTER(c_char_p)

# Name: result, arguments. Objects are void pointers.
_FUNCTIONS = {
    "version": (c_char_p, ()),
    "has_feature": (c_int, (c_char_p,)),
    "free": (None, (c_void_p,)),
    "doctor": (c_int, (c_char_p, _OWNED)),
    "error_code": (c_int, (c_void_p,)),
    "error_stage": (c_char_p, (c_void_p,)),
    "error_layer": (c_char_p, (c_void_p,)),
    "error_message": (c_char_p, (c_void_p,)),
    "error_origin": (c_char_p, (c_void_p,)),
    "error_hint": (c_char_p, (c_void_p,)),
    "error_free": (None, (c_void_p,)),
    "option_attr": (c_char_p, (c_size_t, c_char_p)),
    "policy_new": (c_int, (_OWNED,)),
    "policy_copy": (c_int, (c_void_p, _OWNED)),
    "policy_free": (None, (c_void_p,)),
    "policy_load": (c_int, (c_void_p, c_char_p, _ERROR)),
    "policy_set_origin": (c_int, (c_void_p, c_char_p)),
    "policy_set": (c_int, (c_void_p, c_char_p, c_char_p, _ERROR)),
    "policy_add": (c_int, (c_void_p, c_char_p, c_char_p, _ERROR)),
    "policy_dump": (c_int, (c_void_p, c_char_p, _OWNED)),
    "policy_schema": (c_int, (_OWNED,)),
    "sandbox_new": (c_int, (_OWNED,)),
    "sandbox_free": (None, (c_void_p,)),
    "sandbox_apply_policy": (c_int, (c_void_p, c_void_p, _ERROR)),
    "sandbox_warning": (c_char_p, (c_void_p, c_size_t)),
    "sandbox_explain": (c_int, (c_void_p, c_char_p, _OWNED)),
    "sandbox_hash": (c_int, (c_void_p, _OWNED)),
    "sandbox_why": (c_int, (c_void_p, c_char_p, c_char_p, _OWNED, _ERROR)),
    "sandbox_set_stdio": (c_int, (c_void_p, c_int, c_int, c_int)),
    "sandbox_set_timing": (c_int, (c_void_p, c_int)),
    "sandbox_prepare": (c_int, (c_void_p, c_uint, _ERROR)),
    "sandbox_spawn": (c_int, (c_void_p, _ARGV, _OWNED, _ERROR)),
    "process_pid": (c_int, (c_void_p,)),
    "process_pidfd": (c_int, (c_void_p,)),
    "process_wait": (c_int, (c_void_p, c_int, POINTER(c_int), POINTER(c_int), _ERROR)),
    "process_signal": (c_int, (c_void_p, c_int)),
    "process_freeze": (c_int, (c_void_p,)),
    "process_thaw": (c_int, (c_void_p,)),
    "stats_attr": (c_char_p, (c_size_t, c_char_p)),
    "process_stats": (c_int, (c_void_p, c_char_p, POINTER(c_uint64))),
    "process_all_stats": (c_size_t, (c_void_p, POINTER(c_uint64), c_size_t)),
    "process_timing": (c_int, (c_void_p, c_size_t, POINTER(c_char_p), POINTER(c_char_p), POINTER(c_uint64))),
    "process_denial_fd": (c_int, (c_void_p,)),
    "process_next_denial": (c_int, (c_void_p, _OWNED)),
    "denial_json": (c_int, (c_void_p, _OWNED)),
    "denial_free": (None, (c_void_p,)),
    "process_close": (None, (c_void_p,)),
}


class _Functions:
    """The library's functions, without their prefix: `lib.policy_new(...)`."""

    def __init__(self, library: ctypes.CDLL, path: str) -> None:
        self.path = path
        missing = []
        for name, (result, arguments) in _FUNCTIONS.items():
            try:
                function = getattr(library, "nucleus_" + name)
            except AttributeError:
                missing.append("nucleus_" + name)
                continue
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)
        found = "?" if "nucleus_version" in missing else self.version().decode("ascii", "replace")
        if missing or _numbers(found) < OLDEST:
            wanted = ".".join(map(str, OLDEST))
            lacks = f" (it lacks {', '.join(missing[:3])})" if missing else ""
            raise ImportError(
                f"libnucleus {found} at {path} is too old: these bindings need {wanted} or newer"
                f"{lacks}; install a newer one, or name it by NUCLEUS_LIBRARY", name="nucleus", path=path)

    def __getattr__(self, name: str) -> Any:  # for type checkers: what is not set does not exist
        raise AttributeError(name)


def _numbers(version: str) -> Tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(p) for p in parts) if all(p.isdecimal() for p in parts) else ()


def _places() -> List[str]:
    named = os.environ.get("NUCLEUS_LIBRARY")
    if named:
        # Never one that the dynamic linker would look for by this name in other places.
        return [os.path.abspath(named)]
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), SONAME)
    return [beside, SONAME] if os.path.lexists(beside) else [SONAME]


def _file_of(library: ctypes.CDLL, name: str) -> str:
    """The file that the dynamic linker took, from the mappings of this process."""
    if os.path.isabs(name):
        return name
    address = ctypes.cast(library.nucleus_version, c_void_p).value or 0
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            for line in maps:
                fields = line.rstrip("\n").split(None, 5)
                first, last = (int(n, 16) for n in fields[0].split("-"))
                if first <= address < last and len(fields) == 6:
                    return fields[5]
    except OSError:
        pass
    return name


def _load() -> Any:
    place = _places()[0]
    try:
        library = ctypes.CDLL(place)
    except OSError as e:
        if os.environ.get("NUCLEUS_LIBRARY"):
            mend = "NUCLEUS_LIBRARY names it: correct or unset it"
        else:
            mend = ("install libnucleus (ninja -C build install; ldconfig), or name the file by the "
                    "environment variable NUCLEUS_LIBRARY")
        raise ImportError(f"cannot load libnucleus: {e}; {mend}", name="nucleus", path=place) from e
    try:
        path = _file_of(library, place)
    except AttributeError:
        path = place  # no nucleus_version: said by _Functions
    return _Functions(library, path)


lib = _load()


def text(value: Optional[bytes]) -> Optional[str]:
    """A string of the library's: UTF-8, but what it quotes may be anything."""
    return None if value is None else value.decode("utf-8", "surrogateescape")


def take(pointer: c_void_p) -> str:
    """The text of a string that the library handed over, which is freed."""
    try:
        value = ctypes.cast(pointer, c_char_p).value
        return (value or b"").decode("utf-8", "surrogateescape")
    finally:
        lib.free(pointer)
        pointer.value = None
