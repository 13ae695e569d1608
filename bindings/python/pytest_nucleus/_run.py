# SPDX-License-Identifier: MIT
"""Runs one marked test in its sandbox, and collects what comes out of it."""

import codecs
import fcntl
import json
import os
import selectors
import signal
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import pytest

from . import _binds, _inner, _options, _wire
from ._text import neutral

if TYPE_CHECKING:
    import nucleus

_CHUNK = 1 << 16
_TAIL = 1 << 16
"""Bytes kept of the end of each output stream."""

# What decides which tests are run, or where reports go, is decided outside.
_OPTIONS_INSIDE: Dict[str, Any] = {
    "keyword": "", "markexpr": "", "maxfail": 0, "collectonly": False, "deselect": None,
    "ignore": None, "ignore_glob": None, "pyargs": False, "lf": False, "failedfirst": False,
    "newfirst": False, "stepwise": False, "stepwise_skip": False, "cacheclear": False,
    "cacheshow": None, "usepdb": False, "trace": False, "setuponly": False, "setupshow": False,
    "setupplan": False, "xmlpath": None, "pastebin": None, "debug": None, "log_file": None,
    "durations": None, "basetemp": "/tmp/nucleus-pytest", "color": "no",
    # rerunfailures, xdist, cov, html
    "reruns": 0, "numprocesses": None, "dist": "no", "tx": [], "looponfail": False, "no_cov": True,
    "htmlpath": None,
}  # fmt: skip
_OF_COMMAND_LINE = ("file_or_dir", "plugins", "help", "version")
_ENVIRONMENT = ("PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTHONHASHSEED")


class Result:
    """What was received from the sandbox, and how it ended."""

    def __init__(self) -> None:
        self.reports: List[Dict[str, Any]] = []
        """In the order of the phases; validated."""
        self.problem: Optional[str] = None
        """Why the test has failed, whatever the reports say."""
        self.denials: "Tuple[nucleus.Denial, ...]" = ()
        self.output: Dict[str, str] = {}
        """What came on "stdout" and "stderr", beside what pytest captured inside; the end of it."""


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _spec(item: pytest.Item, fd: int) -> Dict[str, Any]:
    """What the program inside is told."""
    config = item.config
    options = {name: value for name, value in vars(config.option).items() if _plain(value)}
    options.update({name: v for name, v in _OPTIONS_INSIDE.items() if name in options})
    options["rootdir"] = str(config.rootpath)
    options["inifilename"] = None if config.inipath is None else str(config.inipath)
    overrides = list(options.get("override_ini") or [])
    options["override_ini"] = [*overrides, "cache_dir=/tmp/nucleus-pytest-cache"]
    arguments = ["-p", "no:terminal"]
    for plugin in options.pop("plugins", None) or []:
        arguments += ["-p", plugin]
    for name in _OF_COMMAND_LINE:
        options.pop(name, None)
    return {
        "fd": fd,
        "nodeid": item.nodeid,
        "path": [entry if entry else os.getcwd() for entry in sys.path],
        "argv": sys.argv,
        "options": options,
        "args": [*arguments, _argument(item)],
    }


def _argument(item: pytest.Item) -> str:
    """The least that has to be collected: the item's file, and in it all of one function."""
    names: List[str] = []
    for node in item.listchain():
        if isinstance(node, pytest.File):
            names.clear()
        names.append(getattr(node, "originalname", None) or node.name)
    return "::".join([str(item.path), *names[1:]])


def _interpreter() -> List[str]:
    flags = ["-B"]
    if sys.flags.optimize:
        flags.append("-" + "O" * sys.flags.optimize)
    if sys.flags.dev_mode:
        flags += ["-X", "dev"]
    for option in sys.warnoptions:
        flags += ["-W", option]
    return [sys.executable, *flags, os.path.abspath(_inner.__file__)]


def _sandbox_options(item: pytest.Item) -> Dict[str, Any]:
    options = _options.of_markers(item, "sandboxed")
    options = _options.complete(options, {"mode": _options.mode(item.config)})
    binds = _binds.needed(item)
    volumes = options.get("volumes") or []
    if isinstance(volumes, str):
        volumes = [volumes]
    options["volumes"] = [*(f"{path}:{path}" for path in binds), *volumes]
    options.setdefault("cwd", _binds.start_directory(item, binds))
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    options["env"] = {**environment, **options.get("env", {})}
    for name in ("process_pass_fds", "process_cwd"):
        if name in options:
            raise TypeError(f"{name} is not an option of @pytest.mark.sandboxed; cwd= is")
    return options


def run(item: pytest.Item) -> Result:
    """Runs `item`, all of it, in a sandbox of its own.

    Raises nucleus.NucleusError, _binds.Unfit and TypeError (unknown options) where it cannot be.
    """
    import nucleus

    options = _sandbox_options(item)
    reading, writing = os.pipe()
    try:
        fd = os.memfd_create("nucleus-pytest")
        with open(fd, "w+b") as spec:
            spec.write(json.dumps(_spec(item, writing)).encode("utf-8", "backslashreplace"))
            spec.seek(0)
            process = nucleus.Popen(
                _interpreter(),
                stdin=spec,
                stdout=nucleus.PIPE,
                stderr=nucleus.PIPE,
                pass_fds=(writing,),
                **options,
            )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    try:
        return _Reader(item, process, reading).read()
    finally:
        process.close()
        os.close(reading)


class _Reader:
    """Reads all that a sandbox says until it has ended."""

    def __init__(self, item: pytest.Item, process: "nucleus.Popen", reading: int) -> None:
        self._item = item
        self._process = process
        self._reading = reading
        self._lines = _wire.Lines()
        self._result = Result()
        self._ended = False
        capture = item.config.getoption("capture", "fd")
        self._live = capture in ("no", "tee-sys")
        self._tails = {"stdout": bytearray(), "stderr": bytearray()}
        utf8 = codecs.getincrementaldecoder("utf-8")
        self._decoders = {name: utf8("replace") for name in self._tails}

    def read(self) -> Result:
        with selectors.DefaultSelector() as selector:
            pipes = {
                self._reading: "reports",
                self._process.stdout.fileno(): "stdout",
                self._process.stderr.fileno(): "stderr",
            }
            for fd, name in pipes.items():
                # These ends are this process's alone: nobody inside sees them not to block.
                fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
                selector.register(fd, selectors.EVENT_READ, name)
            pidfd = self._process.fileno()
            selector.register(pidfd, selectors.EVENT_READ, "end")
            running = True
            while running:
                for key, _ in selector.select():
                    if key.data == "end":
                        running = False
                    elif not self._some(key.fd, key.data):
                        selector.unregister(key.fd)
            # What is in the pipes now is all there is, whoever else may hold their other ends.
            for fd, name in pipes.items():
                if fd in selector.get_map():
                    while self._some(fd, name):
                        pass
        return self._conclude()

    def _some(self, fd: int, name: str) -> bool:
        """Takes a chunk of what there is; False at the end of it."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            return False
        if name == "reports":
            self._take(data)
        else:
            self._tails[name] += data
            del self._tails[name][:-_TAIL]
            if self._live:
                stream = sys.stdout if name == "stdout" else sys.stderr
                stream.write(neutral(self._decoders[name].decode(data)))
                stream.flush()
        return True

    def _take(self, data: bytes) -> None:
        if self._result.problem is not None:
            return
        try:
            for line in self._lines.feed(data):
                self._message(_wire.decode(line, self._item.nodeid))
        except _wire.Malformed as error:
            self._result.problem = f"the sandbox of this test reported what is not valid: {error}"
            self._process.kill()

    def _message(self, message: _wire.Message) -> None:
        if self._ended:
            raise _wire.Malformed("a message after the last one")
        if message.kind == "end":
            self._ended = True
        elif message.kind == "error":
            self._result.problem = f"pytest failed in the sandbox of this test:\n{message.text}"
        else:
            done = self._result.reports
            phase = _next_phase(done)
            if message.report["when"] != phase:
                raise _wire.Malformed(f"a report of {message.report['when']}, not of {phase}")
            done.append(message.report)

    def _conclude(self) -> Result:
        result, process = self._result, self._process
        process.wait()
        result.denials = process.denials
        for name, tail in self._tails.items():
            result.output[name] = neutral(tail.decode("utf-8", "replace"))
        if result.problem is None:
            result.problem = self._wrong_end()
        return result

    def _wrong_end(self) -> Optional[str]:
        code = self._process.returncode or 0
        if self._process.outcome != "exited":
            return bad_end(str(self._process.outcome), code)
        if not self._ended or _next_phase(self._result.reports) is not None:
            return f"the test's process exited with {code} before it had reported its result"
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return f"the test's process exited with {code}"
        try:
            self._lines.finish()
        except _wire.Malformed as error:
            return f"the sandbox of this test reported what is not valid: {error}"
        return None


def bad_end(outcome: str, code: int) -> str:
    """What it means that a test's process did not exit."""
    reasons = {
        "timed out": "its time limit was over (limits.timeout)",
        "oom": "its memory limit was reached (limits.memory)",
        "refused": "it made a system call that the sandbox ends programs for (SIGSYS)",
        "killed": "the sandbox was killed from outside",
    }
    reason = reasons.get(outcome, f"ended by {_signal_name(-code)}")
    return f"the sandbox of this test did not end well: {outcome}: {reason}"


def _next_phase(reports: List[Dict[str, Any]]) -> Optional[str]:
    """The phase that has to come next, None after teardown: no call without a setup that passed."""
    if not reports:
        return "setup"
    last = reports[-1]
    if last["when"] == "setup" and last["outcome"] == "passed":
        return "call"
    return None if last["when"] == "teardown" else "teardown"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
