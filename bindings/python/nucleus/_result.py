# SPDX-License-Identifier: MIT
"""What a run was: subprocess.CompletedProcess, and what only a sandbox can say."""

import subprocess
from typing import Any, Dict, Optional, Tuple

from ._errors import CalledProcessError
from ._handle import Denial, Handle, Timing


class CompletedProcess(subprocess.CompletedProcess):  # type: ignore[type-arg]
    """As subprocess.CompletedProcess, with:

    returncode: 0 to 255 if the program exited; -N if signal N ended it; -9 if it timed out, was killed from
        outside, or the memory limit ended it.
    outcome: "exited", "signalled", "timed out" (the option limits.timeout), "oom" (limits.memory), "killed"
        (the sandbox, from outside), or "refused": ended by SIGSYS, for a system call that its filter
        ends programs for.
    denials: what was refused, see Denial; denials_dropped: how many there were no place for.
    stats: figures by name, as wall_time_us, max_rss_bytes; those of a control group only if it has one.
    timing: what each step took, see Timing; empty without Policy.set_timing().
    warnings: what mode agent could not enforce here.
    stdout_dropped, stderr_dropped: bytes beyond max_output.
    """

    outcome: str
    denials: Tuple[Denial, ...]
    denials_dropped: int
    stats: Dict[str, int]
    timing: Tuple[Timing, ...]
    warnings: Tuple[str, ...]
    stdout_dropped: int
    stderr_dropped: int

    def __init__(self, args: Any, handle: Handle, stdout: Any = None, stderr: Any = None,
                 stdout_dropped: int = 0, stderr_dropped: int = 0) -> None:
        super().__init__(args, handle.returncode if handle.returncode is not None else -9, stdout, stderr)
        self.outcome = handle.outcome or "killed"
        self.denials = tuple(handle.denials)
        self.denials_dropped = handle.denials_dropped
        self.stats = handle.stats
        self.timing = handle.timing
        self.warnings = handle.warnings
        self.stdout_dropped, self.stderr_dropped = stdout_dropped, stderr_dropped

    def check_returncode(self) -> None:
        """Raises CalledProcessError unless the program exited with 0."""
        if self.returncode:
            error = CalledProcessError(self.returncode, self.args, self.stdout, self.stderr)
            error.result = self
            raise error

    def __repr__(self) -> str:
        words = super().__repr__()[:-1]
        words += f", outcome={self.outcome!r}" if self.outcome != "exited" else ""
        words += f", denials={len(self.denials)}" if self.denials else ""
        return words + ")"


def conclude(result: CompletedProcess, handle: Handle, check: bool) -> CompletedProcess:
    """The end of run(): the result, or what it is to raise."""
    error: Optional[Any] = handle.error
    if error is not None:
        error.result = result
        raise error
    if check:
        result.check_returncode()
    return result
