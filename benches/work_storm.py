# SPDX-License-Identifier: MIT
"""A storm of stat, open, read, close: the worst case of steady work, and which layer of it costs what."""

import pathlib
import shutil
import statistics
import tempfile
from typing import Dict, List

from figures import Group, Target
from suite import Place, User
from work_task import ended

ROUNDS = 20
MS = 30  # of each phase a round
FILES = 200  # as in storm.c
PLACES = ("1", "4/a/b/c", "12/a/b/c/d/e/f/g/h/i/j/k")
# Phase of bench-storm, and what one operation of it is.
PHASES = {
    "storm": "stat, open, read, close of a file 4 deep",
    "call": "a call without arguments (getppid)",
    "futex": "a call whose arguments the filter looks at (futex)",
    "read": "pread of 512 bytes",
    "stat 4": "stat, 4 deep",
    "open 1": "open and close, 1 deep",
    "open 4": "open and close, 4 deep",
    "open 12": "open and close, 12 deep",
}
WHOLE = "strict-agent"
# As a workspace is. Each opening asks whether the file may be truncated, too: where nothing grants that, up to the root.
WRITABLE = "strict-agent, writable"
OFF = {"seccomp": ["--seccomp", "off"], "Landlock": ["--landlock", "off"]}


def make_tree(tree: pathlib.Path) -> None:
    for below in PLACES:
        folder = tree / below
        folder.mkdir(parents=True)
        for i in range(FILES):
            (folder / f"f{i}").write_bytes(b"x" * 2000)


def contenders(place: pathlib.Path, tree: pathlib.Path) -> Dict[str, List[str]]:
    """Each layer alone on the host, then the sandbox without and with it."""
    programs = place / "bin"
    volumes = [f"{tree}:{tree}:ro", f"{programs}:{programs}:ro"]

    def alone(layers: str) -> List[str]:
        return [str(place / "bench-layers"), layers, ",".join(volumes)]

    def sandbox(mode: str, *flags: str, tree_is: str = "ro") -> List[str]:
        return [str(place / "nucleus-cli"), "run", "-q", "--mode", mode, *flags, "--volume", f"{tree}:{tree}:{tree_is}",
                "--volume", volumes[1], "--"]

    return {
        "bare": alone("none"),
        "bare, a filter that allows all": alone("entry"),
        "bare, seccomp": alone("seccomp"),
        "bare, Landlock": alone("landlock"),
        "bare, both": alone("landlock,seccomp"),
        "namespaces and mounts": sandbox("agent", *OFF["seccomp"], *OFF["Landlock"]),
        "the same, seccomp": sandbox("agent", *OFF["Landlock"]),
        "the same, Landlock": sandbox("agent", *OFF["seccomp"]),
        WHOLE: sandbox(WHOLE),
        WRITABLE: sandbox(WHOLE, tree_is="rw"),
    }


def ask(commands: Dict[str, List[str]], storm: List[str], rounds: int, folder: pathlib.Path
        ) -> Dict[str, Dict[str, List[float]]]:
    """Nanoseconds of an operation: by phase, then by contender."""
    found: Dict[str, Dict[str, List[float]]] = {phase: {name: [] for name in commands} for phase in PHASES}
    for _ in range(rounds):
        for name, command in commands.items():
            said = dict(line.split("\t") for line in ended([*command, *storm], folder).splitlines())
            for phase, values in found.items():
                values[name].append(float(said[phase]))
    return found


def costs(values: Dict[str, List[float]]) -> str:
    """What each contender takes more than bare: medians of the rounds' own differences."""
    bare = values["bare"]
    more = [f"{name.replace('bare, ', '')} {statistics.median(a - b for a, b in zip(ours, bare)):+.0f}"
            for name, ours in values.items() if name != "bare"]
    return f"{statistics.median(bare):.0f} ns bare; {', '.join(more)}"


def measure_as(place: Place, user: User) -> List[Group]:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="nb-"))
    try:
        folder.chmod(0o755)
        make_tree(folder / "tree")
        commands = {name: [*user.prefix, *command]
                    for name, command in contenders(place.path, folder / "tree").items()}
        storm = [str(place.path / "bin" / "bench-storm"), str(folder / "tree"), str(10 if place.quick else MS)]
        found = ask(commands, storm, 3 if place.quick else ROUNDS, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    group = Group("work", f"Storm: {PHASES['storm']}, as {user.name}", "files/s of processor time", "bare",
                  {name: [1e9 / ns for ns in values] for name, values in found["storm"].items()}, paired=True)
    group.targets += [Target(name, "bare", 0.85, at_least=True) for name in (WHOLE, WRITABLE)]
    group.notes += [f"Of {what}: {costs(found[phase])}." for phase, what in PHASES.items()]
    return [group]
