# SPDX-License-Identifier: MIT
"""The end of a sandbox, as an event of a loop."""

import asyncio
import signal as _signal
from typing import Any, Callable, Optional

from ._handle import Handle

Loop = asyncio.AbstractEventLoop


async def surely(*futures: "asyncio.Future[Any]") -> None:
    """Waits until all are done, whatever cancels the task meanwhile; only then that is told of."""
    cancelled: Optional[BaseException] = None
    while not all(future.done() for future in futures):
        try:
            await asyncio.wait(set(futures))
        except asyncio.CancelledError as e:
            cancelled = e
    if cancelled is not None:
        raise cancelled


class Watch:
    """Follows a sandbox by its pidfd, and takes its denials. Of one loop, and for its thread.

    The loop keeps this alive, and the handle by it, until the sandbox has ended: not whoever uses it.
    """

    def __init__(self, loop: Loop, handle: Handle) -> None:
        self.loop, self.handle = loop, handle
        self.over: "asyncio.Future[None]" = loop.create_future()  # the sandbox has ended, all is known
        self._pidfd = self._denial_fd = -1
        self._unwanted = False
        self._failure: Optional[BaseException] = None

    def attach(self) -> None:
        try:
            self._pidfd = self._add(self.handle.pidfd, self._ended)
            self._denial_fd = self._add(self.handle.denial_fd, self.handle.drain)
        except BaseException:
            self.close()  # nothing could tell of the end
            raise

    def _add(self, fd: int, callback: Callable[[], None]) -> int:
        if fd >= 0:
            self.loop.add_reader(fd, callback)
        return fd

    def _detach(self) -> None:
        for fd in (self._pidfd, self._denial_fd):
            if fd >= 0 and not self.loop.is_closed():
                self.loop.remove_reader(fd)
        self._pidfd = self._denial_fd = -1

    def _ended(self) -> None:
        self._detach()  # before the descriptors are closed
        try:
            if self._unwanted:
                self.handle.drain()
                self.handle.close()
            elif not self.handle.finish():
                self.attach()
                return
        except BaseException as e:
            self._failure = e
            self.handle.close()
        self._tell()

    def _tell(self) -> None:
        if not self.over.done() and not self.loop.is_closed():
            self.over.set_result(None)

    def check(self) -> None:
        """Raises what has gone wrong in the end."""
        if self._failure is not None:
            raise self._failure

    def kill(self) -> None:
        """Ends it, with nothing carried back to its workspace. Any thread may call."""
        if self.over.done():
            return
        self._unwanted = True
        if self.loop.is_closed():
            self.handle.close()
        else:
            self.handle.signal(_signal.SIGKILL)

    async def end(self) -> None:
        """The same, and waits for the end, whatever cancels the task."""
        self.kill()
        if self._pidfd < 0:
            self.close()
        await surely(self.over)

    def close(self) -> None:
        """The same without a loop: blocks for the milliseconds that it takes."""
        self._detach()
        self.handle.close()
        self._tell()
