# SPDX-License-Identifier: MIT
"""bench-launch from Python: which of the contenders run here, and the times of those that do."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Tuple, Type

# As bench-launch takes it: see launch.c.
Contender = Dict[str, Any]


class Stopped(Exception):
    """bench-launch has ended: because of whom, and why."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class Driver:
    """bench-launch, started with its contenders; in the place that `prefix` enters first.

    folder: where its file is to be, if that place does not have them all. names and commands are what it says that
    it runs, once all contenders are made.
    """

    def __init__(self, launcher: pathlib.Path, prefix: Sequence[str], contenders: Sequence[Contender],
                 folder: Optional[pathlib.Path] = None, **spec: Any) -> None:
        self._asked = [str(c["name"]) for c in contenders]
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json", dir=folder) as file:
            json.dump({**spec, "contenders": list(contenders)}, file)
            file.flush()
            pathlib.Path(file.name).chmod(0o644)
            self._process = subprocess.Popen([*prefix, str(launcher), file.name], text=True, bufsize=1,
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                                             start_new_session=True)
            try:
                self.names: List[str] = self._answer()
                self.commands: List[List[str]] = self._answer()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line.startswith("["):
            return json.loads(line)
        # No answer: either there is no more, or (tests/vm) it is all on one stream.
        rest = self._process.communicate()[0]
        self._errors.seek(0)
        said = [text.strip() for text in (line, *rest.splitlines(), *self._errors) if text.strip()]
        name = next((n for n in self._asked if said and said[-1].startswith(n + ": ")), "bench-launch")
        # What the contender itself had to say comes before what we say of it.
        why = said[-2:][0] if said else f"status {self._process.returncode}"
        raise Stopped(name, why[len(name) + 2:] if why.startswith(name + ": ") else why)

    def round(self) -> List[float]:
        """Asks for one, if the spec has no rounds; microseconds."""
        assert self._process.stdin
        if self._process.poll() is None:
            self._process.stdin.write("\n")
        return [float(value) for value in self._answer()]

    def rounds(self, count: int) -> Dict[str, List[float]]:
        """The rounds that the spec has."""
        found = [[float(value) for value in self._answer()] for _ in range(count)]
        return {name: [values[i] for values in found] for i, name in enumerate(self.names)}

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass
        self._process.stdout.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self._process.pid, signal.SIGKILL)  # and what hangs in its group
        except ProcessLookupError:
            pass
        self._process.wait()
        self._errors.close()


def usable(launcher: pathlib.Path, prefix: Sequence[str], contenders: Sequence[Contender],
           seconds: int = 20, **spec: Any) -> Tuple[List[Contender], Dict[str, str]]:
    """Those that run twice, each within the seconds; and of the others why not."""
    good, left_out = [], {}
    for contender in contenders:
        try:
            with Driver(launcher, prefix, [contender], rounds=2, warm_up=0, seconds=seconds, **spec) as driver:
                driver.rounds(2)
            good.append(contender)
        except Stopped as error:
            left_out[str(contender["name"])] = error.why
    return good, left_out


def measure(launcher: pathlib.Path, prefix: Sequence[str], contenders: Sequence[Contender], rounds: int,
            **spec: Any) -> Tuple[Dict[str, List[float]], Dict[str, str]]:
    """The times of all, in turns, and why some were left out: a contender that fails now has failed for good."""
    left: List[Contender] = list(contenders)
    left_out: Dict[str, str] = {}
    while left:
        try:
            with Driver(launcher, prefix, left, rounds=rounds, **spec) as driver:
                return driver.rounds(rounds), left_out
        except Stopped as error:
            if error.name not in [c["name"] for c in left]:
                raise
            left_out[error.name] = error.why
            left = [c for c in left if c["name"] != error.name]
    return {}, left_out
