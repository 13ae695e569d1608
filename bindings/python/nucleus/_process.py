# SPDX-License-Identifier: MIT
"""run() and Popen: subprocess, for programs that are not yours."""

import errno
import io
import math
import operator
import os
import select
import signal as _signal
import time
import warnings
from subprocess import DEVNULL, PIPE, STDOUT
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from ._errors import NucleusError, TimeoutExpired
from ._handle import Handle, arguments
from ._output import Callback, Sink, Text, text_mode
from ._policy import Source, check_keywords, policy_for
from ._result import CompletedProcess, conclude
from ._started import Started
from ._stdio import STREAMS, File, Stdio

_CHUNK = 1 << 16  # bytes
_LOOK_AGAIN = 1000  # milliseconds
# So often nobody listens to denials, but looks for some afterwards: what ends by then costs no descriptor for
# that. See Handle.between.
_GLANCES = 2


def start(handle: Handle, function: str, own: Sequence[str], args: Any, stdio: Stdio, shell: bool,
          policy: Source, cwd: Any, env: Optional[Mapping[str, Any]], pass_fds: Sequence[int],
          options: Dict[str, Any]) -> None:
    """Starts a program with the arguments that run(), Popen and aio share."""
    vector = arguments(args, shell)
    if cwd is not None:
        options["cwd"] = cwd
    if env is not None:
        options["env"] = env
    if pass_fds:
        options["process_pass_fds"] = list(pass_fds)
    compiled = policy_for(function, policy, options, own)
    try:
        handle.start(compiled, vector, stdio.inside)
    except NucleusError as error:
        one = isinstance(args, (str, bytes)) and b" " in vector[0]
        if one and (error.layer, error.errno) == ("exec", errno.ENOENT):
            error.hint = "it is taken as the name of a program: give a list, or shell=True"
        raise
    finally:
        if compiled is not policy:
            compiled.drop_compiled()


OWN = ("args", "stdin", "stdout", "stderr", "shell", "cwd", "encoding", "errors", "text", "env", "pass_fds",
       "policy", "bufsize", "input", "capture_output", "timeout", "check", "max_output", "on_output")


class Popen(Started):
    """A program in a sandbox of its own; as subprocess.Popen, where this says nothing else.

    args: a sequence, or one string: the program, or with shell=True what /bin/sh is to run. A name without a
        slash is looked up in the sandbox's own PATH.
    stdin: None is /dev/null, not the caller's own: that may be the caller's protocol.
    stdout, stderr: None is the caller's own; PIPE, DEVNULL, STDOUT, a descriptor, a file.
    text, encoding, errors: streams of text; UTF-8 and "replace" unless told otherwise.
    cwd: a directory inside the sandbox, as an absolute path: "/workspace/src".
    env: variables beside the sandbox's own few; none is inherited.
    pass_fds: descriptors that are open inside under the same number.
    policy: a Policy, a path, a mapping; with **options, the table's options as keywords, see Policy.

    Attributes: args, stdin, stdout, stderr, pid, returncode, outcome, denials, stats, timing, warnings.

    The sandbox ends when its program does, with all that the program has started; it is ended by kill(),
    close(), an exception in the with-statement, the garbage collection of this object, and the end of the
    process that started it. An object that a fork has copied cannot be used there.

    Raises NucleusError (FileNotFoundError, PermissionError among them) where it cannot be started; then
    nothing is left behind. Since: 0.1
    """

    def __init__(self, args: Any, *, stdin: File = None, stdout: File = None, stderr: File = None,
                 bufsize: int = -1, shell: bool = False, cwd: Any = None, encoding: Optional[str] = None,
                 errors: Optional[str] = None, text: Optional[bool] = None,
                 env: Optional[Mapping[str, Any]] = None, pass_fds: Sequence[int] = (),
                 policy: Source = None, **options: Any) -> None:
        self.args = args
        self.stdin: Any = None
        self.stdout: Any = None
        self.stderr: Any = None
        self._text = text_mode(text, encoding, errors)
        self._pump: Optional["_Pump"] = None
        self._handle = Handle()
        stdio = Stdio(stdin, stdout, stderr, pass_fds)
        try:
            for number, name in enumerate(STREAMS):
                raw = stdio.outside[number]
                if raw is not None:
                    setattr(self, name, self._file(raw, number == 0, bufsize))
            start(self._handle, "Popen()", OWN, args, stdio, shell, policy, cwd, env, pass_fds, options)
            self._handle.note_pid()
            stdio.close_inside()
        except BaseException:
            self._handle.close()
            stdio.close()
            raise

    def _file(self, raw: io.FileIO, writing: bool, bufsize: int) -> Any:
        stream: Any = raw
        if bufsize not in (0, 1):
            size = io.DEFAULT_BUFFER_SIZE if bufsize < 0 else bufsize
            stream = io.BufferedWriter(raw, size) if writing else io.BufferedReader(raw, size)
        elif bufsize or self._text:
            stream = io.BufferedWriter(raw) if writing else io.BufferedReader(raw)
        if self._text:
            errors = self._text.input_errors if writing else self._text.errors
            stream = io.TextIOWrapper(stream, encoding=self._text.encoding, errors=errors,
                                      write_through=writing, line_buffering=writing and bufsize == 1)
        return stream

    # ---- what it is

    @property
    def pidfd(self) -> int:
        """Readable when the sandbox has ended; -1 once that was seen. Not to be closed."""
        return self._handle.pidfd

    def fileno(self) -> int:
        """The pidfd, for select, poll and the like."""
        fd = self._handle.pidfd
        if fd < 0:
            raise ValueError("the sandbox has ended, and its descriptor is closed")
        return fd

    # ---- what can be done with it

    def poll(self) -> Optional[int]:
        """The returncode, or None while it runs."""
        if not self._handle.finish():
            return None
        self._raise_error()
        return self.returncode

    def wait(self, timeout: Optional[float] = None) -> int:
        """Waits for the end; TimeoutExpired after `timeout` seconds. It runs on then."""
        deadline = _deadline_of(timeout)
        while not self._handle.finish():
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutExpired(self.args, timeout or 0)
            poll = select.poll()
            poll.register(self._handle.pidfd, select.POLLIN)
            poll.poll(_milliseconds(deadline))
        self._raise_error()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, input: Any = None, timeout: Optional[float] = None, *,
                    max_output: Optional[int] = None,
                    on_output: Optional[Callback] = None) -> Tuple[Any, Any]:
        """Writes `input`, reads all there is, waits for the end: (stdout, stderr), None for no pipe.

        max_output: bytes kept of each stream; the rest is read and counted. on_output: called with
        "stdout" or "stderr" and what has just come; what it raises goes on to the caller. After
        TimeoutExpired it may be called again, without input, and nothing is lost.
        """
        deadline = _deadline_of(timeout)
        if self._pump is None:
            streams = self.stdin, self.stdout, self.stderr
            self._pump = _Pump(self._handle, streams, self._text, input,
                               on_output is None or max_output is not None, max_output, on_output)
        elif input is not None:
            raise ValueError("input was given to an earlier call already")
        if not self._pump.run(deadline):
            raise TimeoutExpired(self.args, timeout or 0, *self._pump.raw())
        self._raise_error()
        return self._pump.value("stdout"), self._pump.value("stderr")

    def close(self) -> None:
        """Ends the sandbox if it runs, and closes the pipes; nothing is carried back to its workspace."""
        self._handle.close()
        self._close_streams()

    def _close_streams(self) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what was buffered has nobody to read it
                    pass

    def _raise_error(self) -> None:
        if self._handle.error is not None:
            raise self._handle.error

    def __enter__(self) -> "Popen":
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        """Closes the pipes and waits; after an exception, ends the sandbox."""
        if kind is not None:
            self.close()
            return
        try:
            self._close_streams()
            self.wait()
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle is not None and handle.running:
            try:
                warnings.warn(f"sandbox {handle.pid} is still running, and is ended", ResourceWarning,
                              source=self)
            finally:
                handle.close()  # before stdin, which is flushed when it is forgotten


def seconds_of(timeout: Any) -> Optional[float]:
    """The number that a timeout is, known to be one before anything is started. None: no end."""
    if timeout is None:
        return None
    try:
        if isinstance(timeout, (str, bytes, bytearray)):
            raise TypeError
        seconds = float(timeout)
    except TypeError:
        also = ' (the option limits_timeout takes "5s")' if isinstance(timeout, str) else ""
        raise TypeError(f"timeout: a number of seconds is wanted, not {type(timeout).__name__}{also}") from None
    except OverflowError:
        raise ValueError("timeout: a number of seconds is wanted, and that one is too large") from None
    if math.isnan(seconds):
        raise ValueError("timeout: a number of seconds is wanted, not nan")
    return seconds


def _deadline_of(timeout: Any) -> Optional[float]:
    seconds = seconds_of(timeout)
    return None if seconds is None else time.monotonic() + seconds


def _milliseconds(deadline: Optional[float]) -> int:
    """For poll: until the deadline, rounded up, but at most a second. Another thread that sees the end
    closes the pidfd, and the number may be another descriptor's by the time it is polled.
    """
    if deadline is None:
        return _LOOK_AGAIN
    left = max(0, min((deadline - time.monotonic()) * 1000, _LOOK_AGAIN - 1))  # before it is an int: it may be inf
    return max(0, int(left) + 1)


def _wait(handle: Handle, deadline: Optional[float]) -> bool:
    """Waits for the end of what has no pipes; False when the deadline came first."""
    glances = _GLANCES
    while glances:
        wait = handle.between if deadline is None else min(handle.between, _milliseconds(deadline))
        if handle.finish(wait):
            return True
        handle.drain()
        glances = 0 if handle.denials else glances - 1
        if deadline is not None and time.monotonic() >= deadline:
            return False
    return _until_end(handle, deadline, None, 0)


def _until_end(handle: Handle, deadline: Optional[float], pump: Optional["_Pump"], glances: int) -> bool:
    """Waits for the end, and serves the pipes and denials meanwhile; False when the deadline came first."""
    poll = select.poll()
    files: Mapping[int, Any] = pump.files if pump else {}
    for fd in files:
        poll.register(fd, select.POLLIN)
    writing = pump.begin_writing(poll) if pump else -1
    pidfd, denial_fd = handle.pidfd, -1
    ended = pidfd < 0
    if not ended:
        poll.register(pidfd, select.POLLIN)
    between = handle.between
    glance_at = time.monotonic() + between / 1000
    if not glances:
        denial_fd = _listen(handle, poll)
    while True:
        # Once it has ended, what is in the pipes is all there is: nobody waits for more, not even for an
        # end of file that a copy of the other end in some fork holds up.
        wait = 0 if ended else _LOOK_AGAIN if deadline is None else _milliseconds(deadline)
        ready = poll.poll(between if glances and wait > between else wait)
        more = 0
        for fd, _ in ready:
            if fd == pidfd:
                ended, more = True, 1
                if files:
                    poll.unregister(pidfd)
                    if denial_fd >= 0:
                        poll.unregister(denial_fd)
                        denial_fd = -1
            elif fd == denial_fd:
                handle.drain()
            elif pump and fd in files:
                more += pump.read(fd, poll)
            elif pump and fd == writing:
                writing = pump.write(fd, poll)
        if ended:
            if more and files:
                continue
            break
        now = time.monotonic()
        if handle.outcome is not None:  # another thread has seen it
            ended = True
        elif deadline is not None and now >= deadline:
            return False
        elif glances and now >= glance_at:
            handle.drain()
            glances, glance_at = 0 if handle.denials else glances - 1, now + between / 1000
            denial_fd = -1 if glances else _listen(handle, poll)
    if pump:
        pump.finish()
    return handle.finish()


def _listen(handle: Handle, poll: "select.poll") -> int:
    fd = handle.denial_fd
    if fd >= 0:
        poll.register(fd, select.POLLIN)
    return fd


class _Pump:
    """Moves input and output until the sandbox has ended and its pipes are empty."""

    def __init__(self, handle: Handle, streams: Sequence[Any], text: Optional[Text], input: Any, keep: bool,
                 limit: Optional[int], callback: Optional[Callback]) -> None:
        _check_limit(limit)
        # No Popen, which refers to this: it is to end when it is forgotten, not at the next collection.
        self._handle = handle
        self._stdin = streams[0]
        self._input = _as_input(input, self._stdin, text)
        self._sinks: Dict[str, Sink] = {}
        self.files: Dict[int, Any] = {}  # that are still to be read, by descriptor
        for name, stream in (("stdout", streams[1]), ("stderr", streams[2])):
            if stream is not None:
                self._sinks[name] = Sink(name, keep, limit, callback, text)
                if not stream.closed:
                    self.files[stream.fileno()] = (stream, self._sinks[name])

    def value(self, name: str) -> Any:
        return self._sinks[name].value() if name in self._sinks else None

    def dropped(self, name: str) -> int:
        return self._sinks[name].dropped if name in self._sinks else 0

    def raw(self) -> Tuple[Any, Any]:
        return self.value("stdout"), self.value("stderr")

    def run(self, deadline: Optional[float]) -> bool:
        """False when the deadline came first."""
        # Programs may open the pipes in /proc/self/fd, and take away what this is about to read. The other
        # end of a pipe is a description of its own: the program does not see this.
        for fd in self.files:
            os.set_blocking(fd, False)
        try:
            return _until_end(self._handle, deadline, self, _GLANCES)
        finally:
            for stream, _ in self.files.values():
                if not stream.closed:
                    os.set_blocking(stream.fileno(), True)  # the caller may read what is left

    def finish(self) -> None:
        """The sandbox has ended, and the pipes are empty."""
        for stream, sink in self.files.values():
            sink.finish()
            stream.close()
        self.files.clear()
        self._close_stdin()

    def read(self, fd: int, poll: "select.poll") -> int:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return 0
        stream, sink = self.files[fd]
        if data:
            sink.feed(data)
        else:
            poll.unregister(fd)
            del self.files[fd]
            stream.close()
            sink.finish()
        return len(data)

    def begin_writing(self, poll: "select.poll") -> int:
        stdin = self._stdin
        if stdin is None or stdin.closed:
            return -1
        fd: int = stdin.fileno()
        # The pipe's other end is a description of its own: the program does not see this.
        os.set_blocking(fd, False)
        poll.register(fd, select.POLLOUT)
        return self.write(fd, poll)

    def write(self, fd: int, poll: "select.poll") -> int:
        try:
            self._stdin.flush()  # what the caller has written before
            if self._input:
                self._input = self._input[os.write(fd, self._input[:_CHUNK]):]
        except BlockingIOError:
            return fd
        except BrokenPipeError:  # it does not want to know
            self._input = memoryview(b"")
        if self._input:
            return fd
        poll.unregister(fd)
        self._close_stdin()
        return -1

    def _close_stdin(self) -> None:
        stdin = self._stdin
        if stdin is not None:
            try:
                stdin.close()
            except OSError as e:
                if e.errno not in (errno.EPIPE, errno.EAGAIN):
                    raise


def _as_input(input: Any, stdin: Any, text: Optional[Text]) -> memoryview:
    if input is None:
        return memoryview(b"")
    if stdin is None:
        raise ValueError("input is given, but stdin is no pipe")
    return encode_input(input, text)


def encode_input(input: Any, text: Optional[Text]) -> memoryview:
    if isinstance(input, str):
        if text is None:
            raise TypeError("input is str, and the streams are bytes: give bytes, or text=True")
        return memoryview(text.encode(input))
    if text is not None:
        raise TypeError(f"input is {type(input).__name__}, and the streams are text")
    return memoryview(input).cast("B")


def _check_limit(max_output: Optional[int]) -> None:
    if max_output is not None and operator.index(max_output) < 0:
        raise ValueError(f"max_output: 0 or more bytes, not {max_output}")


def streams_of_run(input: Any, stdin: File, stdout: File, stderr: File, capture_output: bool,
                   max_output: Optional[int], on_output: Optional[Callable[..., Any]]
                   ) -> Tuple[File, File, File, bool]:
    """(stdin, stdout, stderr, whether output is kept) of run()'s arguments."""
    if input is not None:
        if stdin is not None:
            raise ValueError("stdin and input exclude each other")
        stdin = PIPE
    if capture_output and (stdout is not None or stderr is not None):
        raise ValueError("capture_output, and stdout or stderr, exclude each other")
    _check_limit(max_output)
    keep = bool(capture_output) or max_output is not None or on_output is None
    if capture_output or max_output is not None or on_output is not None:
        stdout = PIPE if stdout is None else stdout
        stderr = PIPE if stderr is None else stderr
    return stdin, stdout, stderr, keep


def run(args: Any, *, stdin: File = None, input: Any = None, stdout: File = None, stderr: File = None,
        capture_output: bool = False, shell: bool = False, cwd: Any = None,
        timeout: Optional[float] = None, check: bool = False, encoding: Optional[str] = None,
        errors: Optional[str] = None, text: Optional[bool] = None,
        env: Optional[Mapping[str, Any]] = None, pass_fds: Sequence[int] = (), policy: Source = None,
        max_output: Optional[int] = None, on_output: Optional[Callback] = None,
        **options: Any) -> CompletedProcess:
    """Runs a program in a sandbox of its own, to its end: subprocess.run for code that is not yours.

        nucleus.run(["python3", "job.py"], mode="strict-agent", workspace="job", capture_output=True,
                    text=True, timeout=60, limits_pids=64)

    Arguments as in Popen, and:

    input: bytes (str if text), the program's whole standard input.
    capture_output: the result has stdout and stderr. Both are kept as bytes, or as str if text.
    timeout: seconds; then the sandbox is ended, and TimeoutExpired raised with what there was in its
        `result`; a workspace in mode copy-in-out is carried back as it was then. (The option
        limits_timeout is kept by the sandbox itself: outcome "timed out".)
    check: CalledProcessError unless the program exited with 0. Nothing else about how it ended raises.
    max_output: captures, but keeps this many bytes of each stream; the rest is read and counted, so that
        the program is not held up.
    on_output: called as on_output("stdout" or "stderr", data) with what has just come, instead of
        capturing, or beside it. If it raises, the sandbox is ended, and that goes on to the caller.

    Whatever is raised, KeyboardInterrupt too, the sandbox is gone by then. Since: 0.1
    """
    if options:
        check_keywords("run()", options, OWN)
    stdin, stdout, stderr, keep = streams_of_run(input, stdin, stdout, stderr, capture_output,
                                                 max_output, on_output)
    patience = seconds_of(timeout)
    mode = text_mode(text, encoding, errors)
    handle, stdio = Handle(), None  # no Popen: nobody sees it, and its streams would be of no use
    try:
        stdio = Stdio(stdin, stdout, stderr, pass_fds)
        start(handle, "run()", OWN, args, stdio, shell, policy, cwd, env, pass_fds, options)
        stdio.close_inside()
        pump = None
        if any(stdio.outside):
            pump = _Pump(handle, stdio.outside, mode, input, keep, max_output, on_output)
        deadline = None if patience is None else time.monotonic() + patience
        on_time = pump.run(deadline) if pump else _wait(handle, deadline)
        if not on_time:
            handle.signal(_signal.SIGKILL)
            pump.run(None) if pump else _wait(handle, None)
    except BaseException:
        handle.close()
        if stdio is not None:
            stdio.close()
        raise
    output, error = pump.raw() if pump else (None, None)
    dropped = (pump.dropped("stdout"), pump.dropped("stderr")) if pump else (0, 0)
    result = CompletedProcess(args, handle, output, error, *dropped)
    if not on_time:
        late = TimeoutExpired(args, timeout or 0, output, error)
        late.result = result
        raise late
    return conclude(result, handle, check)


__all__ = ["CompletedProcess", "DEVNULL", "PIPE", "Popen", "STDOUT", "run"]
