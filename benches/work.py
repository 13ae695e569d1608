# SPDX-License-Identifier: MIT
"""Bench `work`: steady work, bare and in strict-agent, in turns (A B A B ...).

A task is a script that runs the same words on the same paths in both: its folder is bound where it lies on the host.
It measures itself, so that no start of a sandbox is in its figures, and prints lines of NAME COUNT WALL_US CPU_US.
All figures are speeds, so that a ratio of 0.98 is 98 % of bare speed: by the clock, which is what somebody waits for,
and by processor time, which other programs of the machine disturb less. Ratios are medians of the rounds' own.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
from typing import Callable, Dict, Iterator, List, NamedTuple

import work_programs
import work_servers
import work_storm
from figures import Group, Target
from suite import USER, Place, User
from work_task import ENVIRONMENT, Figure, Task, ended

RUNSC_ROUNDS = 3
SANDBOX = "strict-agent"
RUNSC = ["runsc", "--platform=ptrace", "--network=none", "--ignore-cgroups", "do", "--"]


class Speed(NamedTuple):
    """Of one round; both are counts a second."""
    clock: float
    processor: float


# By contender, then by figure, in the order of the rounds.
Found = Dict[str, Dict[str, List[Speed]]]


def inside(task: Task, place: Place, user: User, folder: pathlib.Path) -> List[str]:
    return [*user.prefix, str(place.path / "nucleus-cli"), "run", "-q", "--mode", SANDBOX, "--volume",
            f"{folder}:{folder}:rw", "--cwd", str(folder), *task.options, "--"]


@contextlib.contextmanager
def folder_of(task: Task, place: Place, user: User) -> Iterator[pathlib.Path]:
    """Filled, and all of it the user's."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="nb-"))
    try:
        if user.prefix:
            os.chown(folder, USER, USER)
        task.fill(folder, place.quick, inside(task, place, user, folder))
        (folder / "work.sh").write_text(work_programs.PRELUDE + task.script, encoding="utf-8")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commands(task: Task, place: Place, user: User, folder: pathlib.Path) -> Dict[str, List[str]]:
    words = ["/bin/bash", "-c", '. "$0"', str(folder / "work.sh"), str(folder), *task.words(place.quick)]
    return {
        "bare": [*user.prefix, *ENVIRONMENT, *words],
        SANDBOX: [*inside(task, place, user, folder), *words],
        "runsc": [*RUNSC, *ENVIRONMENT, *words],
    }


def one_round(task: Task, command: List[str], folder: pathlib.Path) -> Dict[str, Speed]:
    found = {}
    for line in ended(command, folder).splitlines():
        figure, count, wall, cpu = line.split()
        found[figure] = Speed(float(count) * 1e6 / float(wall), float(count) * 1e6 / max(float(cpu), 1))
    if set(found) != set(task.figures):
        raise RuntimeError(f"{task.name}: measured {', '.join(found) or 'nothing'}")
    return found


def take_turns(contenders: Dict[str, List[str]], task: Task, folder: pathlib.Path, rounds: int) -> Found:
    found: Found = {name: {} for name in contenders}
    for _ in range(rounds):
        for name, command in contenders.items():
            for figure, speed in one_round(task, command, folder).items():
                found[name].setdefault(figure, []).append(speed)
    return found


def refusal(task: Task, command: List[str], folder: pathlib.Path) -> str:
    """Why it does not run; "" if it does. This round is not counted: it fills the caches."""
    try:
        one_round(task, command, folder)
    except RuntimeError as e:
        return str(e)
    return ""


def groups_of(task: Task, user: User, found: Found, who: str) -> List[Group]:
    def group(key: str, figure: Figure, how: str, pick: Callable[[Speed], float]) -> Group:
        return Group("work", f"{figure.title}, {who}, as {user.name}, by {how}", figure.unit, "bare",
                     {name: [pick(speed) for speed in speeds[key]] for name, speeds in found.items()}, paired=True)

    made = []
    for key, figure in task.figures.items():
        clock = group(key, figure, "the clock", lambda speed: speed.clock)
        if SANDBOX in found and figure.at_least:
            clock.targets.append(Target(SANDBOX, "bare", figure.at_least, at_least=True))
        clock.notes += task.notes
        made += [clock, group(key, figure, "processor time", lambda speed: speed.processor)]
    return made


def measure_task(task: Task, place: Place, user: User) -> List[Group]:
    """runsc in fewer rounds of its own: it takes many times as long."""
    groups: List[Group] = []
    left_out: Dict[str, str] = {}
    with folder_of(task, place, user) as folder:
        every = commands(task, place, user, folder)
        for name, rounds in ((SANDBOX, task.rounds), ("runsc", RUNSC_ROUNDS)):
            if name == "runsc" and (user.prefix or not task.in_runsc):
                continue
            why = refusal(task, every[name], folder)
            if why:
                left_out[name] = why
                continue
            found = take_turns({who: every[who] for who in ("bare", name)}, task, folder,
                               2 if place.quick else rounds)
            groups += groups_of(task, user, found, f"bare and in {name}")
    if not groups:
        groups = [Group("work", f"{task.name}, as {user.name}", "", "", {})]
    groups[0].left_out.update(left_out)
    return groups


def measure(place: Place) -> List[Group]:
    """Storms as everybody; the rest as an unprivileged user, and what runsc is beside as root, too."""
    groups = [group for user in place.users for group in work_storm.measure_as(place, user)]
    for task in (*work_servers.TASKS, *work_programs.TASKS):
        for user in place.users:
            if user.prefix or len(place.users) == 1 or task.in_runsc:
                groups += measure_task(task, place, user)
    return groups
