# SPDX-License-Identifier: MIT
"""Bench `idle`: what sandboxes that do nothing take, and what a start costs beside many of them."""

import contextlib
import pathlib
import re
import subprocess
import time
from typing import Dict, Iterator, List, NamedTuple, Set

from figures import Group
from suite import Place, User

COUNT = 500
ROUNDS = 3
SIZES = (125, 250, 500, 1000, 2000)
STARTS = 20  # timed at each size
# Of /proc/meminfo, in KiB: what the kernel keeps for processes, namespaces, mounts; Shmem: what is in tmpfs.
KERNEL = ("Slab", "KernelStack", "PageTables", "Percpu", "Shmem")


class Started(NamedTuple):
    pid: int  # of its init
    us: float


class Idle:
    """bench-idle, whose sandboxes end with it, however this ends."""

    def __init__(self, place: pathlib.Path, user: User) -> None:
        self.process = subprocess.Popen([*user.prefix, str(place / "bench-idle"), str(place / "bin" / "pause")],
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, line: str, answers: int) -> List[str]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        said = [self.process.stdout.readline() for _ in range(answers)]
        if not said[-1]:
            raise RuntimeError(f"bench-idle ended at {line!r}")
        return said

    def run(self, count: int) -> List[Started]:
        return [Started(int(pid), float(us)) for pid, us in map(str.split, self.ask(f"run {count}", count))]

    def prepare(self, count: int) -> None:
        """Until all wait for a program: each is a child of bench-idle, as is the maker of each 64."""
        self.ask(f"prepare {count}", 1)
        makers = -(-count // 64)
        end = time.monotonic() + 60 + count / 10
        while len(children(self.process.pid)) < count + makers:
            if time.monotonic() > end:
                raise RuntimeError(f"{len(children(self.process.pid)) - makers} of {count} sandboxes were prepared")
            time.sleep(0.05)
        time.sleep(1)  # the last ones are made, and not yet ready

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@contextlib.contextmanager
def idle(place: pathlib.Path, user: User) -> Iterator[Idle]:
    made = Idle(place, user)
    try:
        yield made
    except BaseException:
        made.process.kill()
        raise
    finally:
        made.close()


def children(pid: int) -> Set[int]:
    return {int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()}


def pss(pid: int) -> int:
    """KiB: what it has alone, and its part of what it shares."""
    found = re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found.group(1)) if found else 0  # a process that has ended


def kernel() -> Dict[str, int]:
    text = pathlib.Path("/proc/meminfo").read_text()
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)
            if name in KERNEL}


def descriptors(pid: int) -> int:
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def settled() -> Dict[str, int]:
    """kernel() once it no longer shrinks: what has ended is freed a while later."""
    found, end = kernel(), time.monotonic() + 10
    while time.monotonic() < end:
        time.sleep(0.5)
        last, found = found, kernel()
        if sum(last.values()) - sum(found.values()) < 100:
            break
    return found


def grown(before: Dict[str, int], count: int) -> Dict[str, float]:
    after = kernel()
    found = {f"kernel, {name}": (after[name] - before[name]) / count for name in KERNEL}
    found["kernel, all of these"] = sum(found.values())
    return found


class Before(NamedTuple):
    kernel: Dict[str, int]
    pss: int  # of the caller
    descriptors: int  # open in it

    @classmethod
    def of(cls, pid: int) -> "Before":
        return cls(settled(), pss(pid), descriptors(pid))


def look(pid: int, inits: List[int], before: Before) -> Dict[str, float]:
    """What one of them takes on average, in KiB; the kernel's part first: what is looked at here costs, too."""
    count = len(inits)
    found = grown(before.kernel, count)
    programs = [child for init in inits for child in children(init)]
    found["PSS, init"] = sum(map(pss, inits)) / count
    if programs:
        found["PSS, program"] = sum(map(pss, programs)) / count
    found["PSS, caller"] = (pss(pid) - before.pss) / count
    return found


def add(values: Dict[str, List[float]], found: Dict[str, float]) -> None:
    for name, value in found.items():
        values.setdefault(name, []).append(value)


def running(place: Place, user: User, count: int, rounds: int) -> Group:
    group = Group("idle", f"Each of {count} idle sandboxes, strict-agent, as {user.name}", "KiB", "", {})
    fds = 0.0
    for _ in range(rounds):
        with idle(place.path, user) as made:
            made.run(1)
            before = Before.of(made.process.pid)
            inits = [started.pid for started in made.run(count)]
            fds = (descriptors(made.process.pid) - before.descriptors) / count
            add(group.values, look(made.process.pid, inits, before))
    group.notes.append(f"Open descriptors of the caller: {fds:.1f} for each.")
    group.notes.append("The program is static and waits. The kernel's figures are what /proc/meminfo grew by, whoever "
                       "else did something meanwhile; no control group is made, so there is none to ask.")
    return group


def prepared(place: Place, user: User, count: int, rounds: int) -> Group:
    group = Group("idle", f"Each of {count} prepared sandboxes, strict-agent, as {user.name}", "KiB", "", {})
    fds = 0.0
    for _ in range(rounds):
        with idle(place.path, user) as made:
            before = Before.of(made.process.pid)
            made.prepare(count)
            fds = (descriptors(made.process.pid) - before.descriptors) / count
            # The makers, one of 64, are among them: their part is a sandbox's, too.
            add(group.values, look(made.process.pid, sorted(children(made.process.pid)), before))
    group.notes.append(f"Open descriptors of the caller: {fds:.1f} for each. Makers, one for 64, are counted in.")
    return group


def growth(place: Place, user: User, sizes: List[int], starts: int) -> List[Group]:
    times = Group("idle", f"The next start beside idle sandboxes, strict-agent, as {user.name}", "us",
                  f"beside {sizes[0]}", {})
    memory = Group("idle", f"Each idle sandbox of many, strict-agent, as {user.name}", "KiB", "", {})
    with idle(place.path, user) as made:
        made.run(1)
        before = Before.of(made.process.pid)
        inits: List[int] = []
        for size in sizes:
            inits += [started.pid for started in made.run(size - len(inits))]
            found = look(made.process.pid, inits, before)
            memory.values[f"of {size}: kernel"] = [found["kernel, all of these"]]
            memory.values[f"of {size}: PSS"] = [sum(kib for name, kib in found.items() if name.startswith("PSS"))]
            timed = made.run(starts)
            times.values[f"beside {size}"] = [started.us for started in timed]
            inits += [started.pid for started in timed]
    return [times, memory]


def measure_as(place: Place, user: User) -> List[Group]:
    count, rounds, sizes, starts = COUNT, ROUNDS, list(SIZES), STARTS
    if place.quick:
        count, rounds, sizes, starts = 50, 1, [25, 50, 100], 5
    return [running(place, user, count, rounds), prepared(place, user, count, rounds),
            *growth(place, user, sizes, starts)]


def measure(place: Place) -> List[Group]:
    return [group for user in place.users for group in measure_as(place, user)]
