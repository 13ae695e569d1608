# SPDX-License-Identifier: MIT
"""What can be asked of a program that was started, and done to it, at once: without waiting."""

import signal as _signal
from typing import Any, Dict, Optional, Tuple

from ._handle import Denial, Handle, Timing


class Started:
    """What nucleus.Popen and nucleus.aio.Process share."""

    args: Any
    _handle: Handle

    @property
    def pid(self) -> int:
        """The sandbox's first process, an init; the program is one below it."""
        return self._handle.pid

    @property
    def returncode(self) -> Optional[int]:
        """None until the end was seen, by a wait or by the loop. See CompletedProcess."""
        return self._handle.returncode

    @property
    def outcome(self) -> Optional[str]:
        """None as long; then see CompletedProcess."""
        return self._handle.outcome

    @property
    def denials(self) -> Tuple[Denial, ...]:
        """What has been refused by now."""
        self._handle.drain()
        return tuple(self._handle.denials)

    @property
    def stats(self) -> Dict[str, int]:
        """Figures by name: those that are known by now."""
        return self._handle.read_stats()

    @property
    def timing(self) -> Tuple[Timing, ...]:
        """What each step took, once the end was seen; empty without Policy.set_timing()."""
        return self._handle.timing

    @property
    def warnings(self) -> Tuple[str, ...]:
        """What mode agent could not enforce on this host."""
        return self._handle.warnings

    def __repr__(self) -> str:
        state = f"outcome: {self.outcome}, {self.returncode}" if self.outcome else f"pid: {self.pid}"
        return f"<nucleus.{type(self).__name__}: {state}, args: {self.args!r:.80}>"

    def send_signal(self, sig: int) -> None:
        """To the program and its process group. Nothing happens if it has ended."""
        self._handle.signal(sig)

    def terminate(self) -> None:
        """SIGTERM, which the program may handle or ignore."""
        self.send_signal(_signal.SIGTERM)

    def kill(self) -> None:
        """Ends the whole sandbox at once."""
        self.send_signal(_signal.SIGKILL)

    def freeze(self) -> None:
        """Stops all processes. Needs a control group: the option limits.cgroup."""
        self._handle.freeze(True)

    def thaw(self) -> None:
        """Lets them run on."""
        self._handle.freeze(False)
