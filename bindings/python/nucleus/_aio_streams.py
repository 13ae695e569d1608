# SPDX-License-Identifier: MIT
"""The pipes of create_process(), as asyncio's streams."""

import array
import asyncio
import fcntl
import io
import termios
from typing import Any, List, Optional

from ._aio_watch import Loop, Watch, surely
from ._stdio import Stdio


class _Protocol(asyncio.StreamReaderProtocol):
    """One pipe. Ends with the sandbox too: where a fork holds the pipe, an end of file may never come."""

    def __init__(self, reader: asyncio.StreamReader, pipe: Any, loop: Loop) -> None:
        super().__init__(reader)
        self.reader = reader
        self.gone: "asyncio.Future[None]" = loop.create_future()  # the descriptor is closed
        self._pipe = pipe
        self._over = False
        self._loop_of_pipe = loop

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._over:
            self.close_if_empty()

    def sandbox_ended(self) -> None:
        self._over = True
        self.close_if_empty()

    def close_if_empty(self) -> None:
        """What is there is read first, at the reader's pace."""
        if self._pipe.closed:
            return
        left = array.array("i", [0])
        fcntl.ioctl(self._pipe.fileno(), termios.FIONREAD, left)
        if not left[0]:
            self.transport_of_pipe.close()

    def connection_made(self, transport: Any) -> None:
        self.transport_of_pipe = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        super().connection_lost(exc)
        # The transport closes the pipe when this has returned.
        self._loop_of_pipe.call_soon(self._tell)

    def _tell(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)


class Streams:
    """stdin, stdout and stderr: None where there is no pipe."""

    def __init__(self) -> None:
        self.stdin: Optional[asyncio.StreamWriter] = None
        self.stdout: Optional[asyncio.StreamReader] = None
        self.stderr: Optional[asyncio.StreamReader] = None
        self._reading: List[_Protocol] = []
        self._gone: List["asyncio.Future[None]"] = []
        self._pipes: List[io.FileIO] = []
        self._loop: Optional[Loop] = None

    async def open(self, loop: Loop, stdio: Stdio, limit: int) -> None:
        """Takes the pipes of `stdio` over. Where it fails, close() closes those that were."""
        self._loop = loop
        for number, pipe in enumerate(stdio.outside):
            if pipe is None:
                continue
            self._pipes.append(pipe)
            reader = asyncio.StreamReader(limit)
            protocol = _Protocol(reader, pipe, loop)
            if number == 0:
                transport = await self._connected(loop, loop.connect_write_pipe, protocol, pipe)
                self.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
                continue
            await self._connected(loop, loop.connect_read_pipe, protocol, pipe)
            self._reading.append(protocol)
            if number == 1:
                self.stdout = reader
            else:
                self.stderr = reader

    async def _connected(self, loop: Loop, connect: Any, protocol: _Protocol, pipe: Any) -> Any:
        # In a task of its own: asyncio may leave a pipe registered whose connecting is cancelled.
        task = loop.create_task(connect(lambda: protocol, pipe))
        cancelled: Optional[BaseException] = None
        try:
            await surely(task)
        except asyncio.CancelledError as e:
            cancelled = e
        transport, _ = task.result()
        self._gone.append(protocol.gone)
        if cancelled is not None:
            transport.close()
            raise cancelled
        return transport

    def follow(self, watch: Watch) -> None:
        """Closes each when the sandbox has ended: stdin at once, the others when they are empty."""
        watch.over.add_done_callback(self._sandbox_ended)

    def _sandbox_ended(self, _: Any) -> None:
        self._abort_stdin()
        for protocol in self._reading:
            protocol.sandbox_ended()

    def _abort_stdin(self) -> None:
        if self.stdin is None:
            return
        transport = self.stdin.transport
        # Where it is closing with nothing to write, its end is on the way: asyncio takes no second one.
        if not transport.is_closing() or transport.get_write_buffer_size():
            transport.abort()

    def close(self, flush: bool = False) -> None:
        if self._loop is not None and self._loop.is_closed():
            for pipe in self._pipes:
                pipe.close()
            return
        if not flush:
            self._abort_stdin()
        elif self.stdin is not None:
            self.stdin.close()
        for protocol in self._reading:
            protocol.transport_of_pipe.close()

    async def gone(self) -> None:
        """Once closed: until the descriptors are, whatever cancels the task."""
        await surely(*self._gone)
