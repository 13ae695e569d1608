# SPDX-License-Identifier: MIT
"""The input and output of nucleus.aio.run(): on the descriptors themselves, without streams between."""

import asyncio
import inspect
import io
import os
import signal as _signal
from typing import Any, Awaitable, Dict, List, Optional

from ._aio_watch import Loop, Watch
from ._handle import Handle
from ._output import Sink

_CHUNK = 1 << 16  # bytes


class Pump:
    """Moves the input and output of one sandbox until it has ended and its pipes are empty."""

    def __init__(self, loop: Loop, handle: Handle, pipes: List[Optional[io.FileIO]],
                 sinks: Dict[int, Sink], data: memoryview) -> None:
        self.late = False
        self._loop, self._handle = loop, handle
        self._reading = {pipe.fileno(): (pipe, sinks[number])
                         for number, pipe in enumerate(pipes) if number and pipe is not None}
        self._writing = pipes[0]
        self._input = data
        self._told: Optional[Awaitable[Any]] = None  # what a callback gave us to wait for
        self._error: Optional[BaseException] = None
        self._wake: Optional["asyncio.Future[None]"] = None
        self.watch = Watch(loop, handle)
        self.watch.over.add_done_callback(self._poke)

    async def run(self, timeout: Optional[float]) -> None:
        """Whatever ends this, nothing remains of the sandbox and of the pipes."""
        timer: Optional[asyncio.TimerHandle] = None
        try:
            self.watch.attach()
            for fd in self._reading:
                os.set_blocking(fd, False)
            self._resume()
            self._begin_writing()
            if timeout is not None:
                timer = self._loop.call_later(timeout, self._too_late)
            await self._until_over()
            self._close_stdin()
            self._pause()
            await self._rest()
        except GeneratorExit:  # nothing can be awaited any more: the loop is going
            self._close_all()
            self.watch.close()
            raise
        except BaseException:
            self._close_all()
            await self.watch.end()
            raise
        finally:
            if timer is not None:
                timer.cancel()
            if inspect.iscoroutine(self._told):
                self._told.close()
            self._told = None
        self._close_all()
        self.watch.check()

    async def _until_over(self) -> None:
        while True:
            if self._error is not None:
                raise self._error
            if self._told is not None:
                await self._told
                self._told = None
                self._resume()
            elif self.watch.over.done():
                return
            else:
                self._wake = self._loop.create_future()
                await self._wake

    async def _rest(self) -> None:
        """Once it has ended, what is in the pipes is all there is: an end of file may never come."""
        for fd, (_, sink) in list(self._reading.items()):
            while True:
                try:
                    data = os.read(fd, _CHUNK)
                except BlockingIOError:
                    data = b""
                told = sink.feed(data) if data else sink.finish()
                if inspect.isawaitable(told):
                    await told
                if not data:
                    break
            self._close(fd)

    def _poke(self, _: Any = None) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _too_late(self) -> None:
        if not self.watch.over.done():
            self.late = True
            self._handle.signal(_signal.SIGKILL)

    def _resume(self) -> None:
        for fd in self._reading:
            self._loop.add_reader(fd, self._read, fd)

    def _pause(self) -> None:
        for fd in self._reading:
            self._loop.remove_reader(fd)

    def _read(self, fd: int) -> None:
        if fd not in self._reading or self._told is not None or self._error is not None:
            return  # it was ready together with another, which has stopped the reading
        sink = self._reading[fd][1]
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        try:
            if not data:
                self._close(fd)
            told = sink.feed(data) if data else sink.finish()
            if inspect.isawaitable(told):
                self._told = told
        except BaseException as e:
            self._error = e
        if self._told is not None or self._error is not None:
            self._pause()  # the program waits, as it would for a slow reader
            self._poke()

    def _begin_writing(self) -> None:
        if not self._input:
            self._close_stdin()
        elif self._writing is not None:
            os.set_blocking(self._writing.fileno(), False)
            self._loop.add_writer(self._writing.fileno(), self._write)

    def _write(self) -> None:
        if self._writing is None:
            return
        try:
            self._input = self._input[os.write(self._writing.fileno(), self._input[:_CHUNK]):]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want to know
            self._input = memoryview(b"")
        if not self._input:
            self._close_stdin()

    def _close_stdin(self) -> None:
        if self._writing is not None:
            self._detach(self._loop.remove_writer, self._writing.fileno())
            self._writing.close()
            self._writing = None

    def _close(self, fd: int) -> None:
        self._detach(self._loop.remove_reader, fd)
        self._reading.pop(fd)[0].close()

    def _detach(self, remove: Any, fd: int) -> None:
        if not self._loop.is_closed():
            remove(fd)

    def _close_all(self) -> None:
        self._close_stdin()
        for fd in list(self._reading):
            self._close(fd)
