# SPDX-License-Identifier: MIT
"""What the parts of bench `work` share: a task, and how a command is run to its end."""

import dataclasses
import pathlib
import subprocess
from typing import Callable, Dict, List, NamedTuple, Sequence

# Bare, as in a sandbox: nothing is inherited.
ENVIRONMENT = ["/usr/bin/env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8"]


class Figure(NamedTuple):
    title: str
    unit: str
    at_least: float  # of bare; 0: no target


@dataclasses.dataclass(frozen=True)
class Task:
    """script: bash, after work_programs.PRELUDE; its $1 is the folder, then come words(quick)."""
    name: str
    figures: Dict[str, Figure]
    # The folder, with little if quick. Commands are begun by the list: they run in a sandbox, as the folder's owner.
    fill: Callable[[pathlib.Path, bool, List[str]], None]
    words: Callable[[bool], List[str]]
    script: str
    rounds: int
    in_runsc: bool = False
    options: Sequence[str] = ()  # of the sandbox, beside those of all
    notes: List[str] = dataclasses.field(default_factory=list)


def ended(command: Sequence[str], folder: pathlib.Path) -> str:
    """What it has printed. It is ended with its children if we are interrupted: scripts start servers."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL) as process:
        try:
            out, err = process.communicate(timeout=600)
        except BaseException:
            process.terminate()  # scripts end their servers; a sandbox ends with its program
            raise
    if process.returncode != 0:
        said = (err.strip() or out.strip()).splitlines() or ["nothing"]
        raise RuntimeError(f"it ended with {process.returncode} and said: {said[-1]}")
    return out


def nothing(folder: pathlib.Path, quick: bool, inside: List[str]) -> None:
    """For tasks whose folder stays empty."""
    del folder, quick, inside
