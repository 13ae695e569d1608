# SPDX-License-Identifier: MIT
"""run() and create_process() on asyncio: no threads, no child watcher, no handler of SIGCHLD.

    done = await nucleus.aio.run(["python3", "job.py"], workspace="job", capture_output=True, timeout=60)

A sandbox tells of its end by a pidfd, which the loop polls. A start blocks the loop for the two milliseconds
or so that it takes; of many, each waits for a round of the loop of its own, so that the loop serves others
in between. Carrying a workspace back (mode copy-in-out) blocks it as well, for as long as that takes.
"""

import asyncio
import contextlib
import errno
import inspect
import warnings
import weakref
from subprocess import DEVNULL, PIPE, STDOUT
from typing import Any, AsyncIterator, Dict, Mapping, Optional, Sequence, Tuple

from ._aio_pump import Pump
from ._aio_streams import Streams
from ._aio_watch import Loop, Watch, surely
from ._errors import TimeoutExpired
from ._handle import Handle
from ._output import Callback, Sink, text_mode
from ._policy import Source
from ._process import OWN, encode_input, seconds_of, start, streams_of_run
from ._result import CompletedProcess, conclude
from ._started import Started
from ._stdio import File, Stdio

_CHUNK = 1 << 16
_OWN_OF_PROCESS = tuple(sorted({*OWN, "limit"} - {"encoding", "errors", "text", "bufsize"}))

# Of each loop that starts something now. A lock refers to its loop: it must not live as long as this.
_turns: "weakref.WeakValueDictionary[Loop, asyncio.Lock]" = weakref.WeakValueDictionary()
# What run() is running, for one that there are no descriptors for.
_running: "weakref.WeakKeyDictionary[Watch, None]" = weakref.WeakKeyDictionary()


@contextlib.asynccontextmanager
async def _turn(loop: Loop) -> AsyncIterator[None]:
    """One start, then a round of the loop."""
    lock = _turns.get(loop)
    if lock is None:
        _turns[loop] = lock = asyncio.Lock()
    async with lock:
        await asyncio.sleep(0)
        yield


async def _another_ended(loop: Loop, error: OSError) -> bool:
    """Whether starting again may help: descriptors were short, and a run() of this loop has ended."""
    others = {watch.over for watch in list(_running) if watch.loop is loop and not watch.over.done()}
    if error.errno not in (errno.EMFILE, errno.ENFILE) or not others:
        return False
    await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
    return True


# ---- run()


async def run(args: Any, *, stdin: File = None, input: Any = None, stdout: File = None, stderr: File = None,
              capture_output: bool = False, shell: bool = False, cwd: Any = None,
              timeout: Optional[float] = None, check: bool = False, encoding: Optional[str] = None,
              errors: Optional[str] = None, text: Optional[bool] = None,
              env: Optional[Mapping[str, Any]] = None, pass_fds: Sequence[int] = (), policy: Source = None,
              max_output: Optional[int] = None, on_output: Optional[Callback] = None,
              **options: Any) -> CompletedProcess:
    """nucleus.run() on asyncio: the same arguments, the same result, the same exceptions.

    on_output may be a coroutine function, or return another awaitable: that is awaited, in this task, before
    more is read, so that calls follow one another and the program is held up by a slow one. Exceptions in it
    end the sandbox, as those of a plain function do. What it waits for is not bounded by `timeout`, which
    ends the sandbox only.

    Cancelling the task ends the sandbox. Whatever is raised, CancelledError too, the sandbox has ended and
    its pipes are closed by then; the loop is not blocked for that.

    Where there are no descriptors left for one more, it waits until another run() of this loop has ended.
    (A sandbox takes about ten of them.) Since: 0.1
    """
    stdin, stdout, stderr, keep = streams_of_run(input, stdin, stdout, stderr, capture_output,
                                                 max_output, on_output)
    patience = seconds_of(timeout)
    mode = text_mode(text, encoding, errors)
    data = memoryview(b"") if input is None else encode_input(input, mode)
    loop = asyncio.get_running_loop()
    sinks = {number: Sink(name, keep, max_output, on_output, mode)
             for number, name in ((1, "stdout"), (2, "stderr"))}
    while True:
        async with _turn(loop):
            handle = Handle()
            try:
                stdio = Stdio(stdin, stdout, stderr, pass_fds)
                try:
                    start(handle, "aio.run()", OWN, args, stdio, shell, policy, cwd, env, pass_fds,
                          dict(options))
                    stdio.close_inside()
                    pump = Pump(loop, handle, stdio.outside, sinks, data)
                except BaseException:
                    handle.close()
                    stdio.close()
                    raise
                break
            except OSError as e:
                if not await _another_ended(loop, e):
                    raise
    _running[pump.watch] = None
    await pump.run(patience)

    output, error = (sinks[number].value() if stdio.outside[number] else None for number in (1, 2))
    result = CompletedProcess(args, handle, output, error, sinks[1].dropped, sinks[2].dropped)
    if pump.late:
        late = TimeoutExpired(args, timeout or 0, output, error)
        late.result = result
        raise late
    return conclude(result, handle, check)


# ---- create_process()


class Process(Started):
    """What create_process() gives: as asyncio.subprocess.Process, and what nucleus.Popen has beside.

    Attributes: args, stdin (StreamWriter), stdout, stderr (StreamReader), each None without a pipe; pid,
    returncode, outcome, denials, stats, warnings. It is of one loop.

    The sandbox ends when its program does; it is ended by kill(), close(), an exception in the async
    with-statement, and the garbage collection of this object: keep it as long as its streams are read.
    """

    def __init__(self, args: Any, watch: Watch, streams: Streams) -> None:
        self.args = args
        self._watch, self._handle, self._streams = watch, watch.handle, streams
        self.stdin, self.stdout, self.stderr = streams.stdin, streams.stdout, streams.stderr
        self._sinks: Optional[Dict[str, Sink]] = None
        self._input = memoryview(b"")

    async def wait(self) -> int:
        """Waits for the end, and gives the returncode. If this is cancelled, the sandbox runs on.

        A program that writes more to a pipe than its reader takes does not end: see communicate().
        """
        await asyncio.wait({self._watch.over})
        self._watch.check()
        if self._handle.error is not None:
            raise self._handle.error
        assert self.returncode is not None
        return self.returncode

    async def communicate(self, input: Optional[bytes] = None, *, max_output: Optional[int] = None,
                          on_output: Optional[Callback] = None) -> Tuple[Any, Any]:
        """Writes `input`, reads all there is, waits for the end: (stdout, stderr), None for no pipe.

        max_output, on_output: as in run(), and nothing is kept with on_output alone. If this is cancelled,
        the sandbox runs on; it may be called again then, without input, and nothing is lost.
        """
        if self._sinks is None:
            if input is not None and self.stdin is None:
                raise ValueError("input is given, but stdin is no pipe")
            if max_output is not None and max_output < 0:
                raise ValueError(f"max_output: 0 or more bytes, not {max_output}")
            self._input = encode_input(b"" if input is None else input, None)
            keep = on_output is None or max_output is not None
            self._sinks = {name: Sink(name, keep, max_output, on_output, None)
                           for name in ("stdout", "stderr") if getattr(self, name) is not None}
        elif input is not None:
            raise ValueError("input was given to an earlier call already")
        tasks = [self._watch.loop.create_task(each) for each in (
            self._write(), *(self._read(getattr(self, name), sink) for name, sink in self._sinks.items()))]
        try:
            await asyncio.gather(*tasks)
        except GeneratorExit:
            raise  # the loop is going, and the tasks with it
        except BaseException:
            for task in tasks:
                task.cancel()
            await surely(*tasks)
            raise
        await self.wait()
        return tuple(self._sinks[name].value() if name in self._sinks else None
                     for name in ("stdout", "stderr"))  # type: ignore[return-value]

    async def _write(self) -> None:
        if self.stdin is None:
            return
        try:
            while self._input and not self.stdin.is_closing():
                self.stdin.write(self._input[:_CHUNK])
                self._input = self._input[_CHUNK:]
                await self.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it does not want to know
        self.stdin.close()

    async def _read(self, stream: asyncio.StreamReader, sink: Sink) -> None:
        while True:
            data = await stream.read(_CHUNK)
            told = sink.feed(data) if data else sink.finish()
            if inspect.isawaitable(told):
                await told
            if not data:
                return

    async def close(self) -> None:
        """Ends the sandbox if it runs, and closes the pipes; nothing is carried back to its workspace.

        That is so when this ends, even if it is cancelled meanwhile.
        """
        self._streams.close()
        try:
            await self._watch.end()
        finally:
            await self._streams.gone()

    async def __aenter__(self) -> "Process":
        return self

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        """Closes the pipes and waits; after an exception, or a cancellation, ends the sandbox."""
        if kind is GeneratorExit:  # nothing can be awaited any more: the loop is going
            self._streams.close()
            self._watch.close()
            return
        try:
            if kind is None:
                self._streams.close(flush=True)
                await self.wait()
        finally:
            await self.close()

    def __del__(self) -> None:
        watch = getattr(self, "_watch", None)
        if watch is not None and watch.handle.running:
            warnings.warn(f"sandbox {self.pid} is still running, and is ended", ResourceWarning, source=self)
            watch.kill()


async def create_process(args: Any, *, stdin: File = None, stdout: File = None, stderr: File = None,
                         shell: bool = False, cwd: Any = None, env: Optional[Mapping[str, Any]] = None,
                         pass_fds: Sequence[int] = (), policy: Source = None, limit: int = 1 << 16,
                         **options: Any) -> Process:
    """Starts a program in a sandbox of its own: nucleus.Popen on asyncio.

    Arguments as in Popen, but streams are of bytes: there is no text, encoding, errors, bufsize. `limit`:
    bytes that a StreamReader holds of one line; when it holds twice as much, the program waits.

    If it is cancelled, or fails, nothing was started. Since: 0.1
    """
    for word in ("text", "encoding", "errors", "bufsize"):
        if options.pop(word, None):
            raise TypeError(f"create_process() has no '{word}': its streams are of bytes")
    loop = asyncio.get_running_loop()
    handle, streams = Handle(), Streams()
    watch = Watch(loop, handle)
    stdio: Optional[Stdio] = None
    try:
        async with _turn(loop):
            stdio = Stdio(stdin, stdout, stderr, pass_fds)
            await streams.open(loop, stdio, limit)
            start(handle, "create_process()", _OWN_OF_PROCESS, args, stdio, shell, policy, cwd, env,
                  pass_fds, options)
            handle.note_pid()
            # From here on nothing is awaited, which could be cancelled.
            stdio.close_inside()
        watch.attach()
        streams.follow(watch)
        return Process(args, watch, streams)
    except BaseException as e:
        watch.close()
        streams.close()
        try:
            if not isinstance(e, GeneratorExit):
                await streams.gone()
        finally:
            if stdio is not None:
                stdio.close()
        raise


__all__ = ["CompletedProcess", "DEVNULL", "PIPE", "Process", "STDOUT", "create_process", "run"]
