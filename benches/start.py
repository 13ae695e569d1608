# SPDX-License-Identifier: MIT
"""What a start costs: from the call to when the caller knows how a program ended, beside every peer.

Ours: the C call, the same with sandboxes made ahead, the command line. Each table is of contenders that took
turns in the same rounds, as one user, for one program and mode.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile
from typing import TYPE_CHECKING, Dict, List, Sequence, Tuple

import drive
import figures
import peers
from drive import Contender
from figures import Group, Target
from peers import Program

if TYPE_CHECKING:
    from suite import Place, User

PLAIN = "vfork and exec, no sandbox"
FLOOR = "clone3 into the namespaces, and exec"
CALL = "nucleus_sandbox_spawn()"
WHOLE = "nucleus_sandbox_spawn(), until all is gone"
AHEAD = "nucleus_sandbox_spawn(), made ahead"
CLI = "nucleus run"
STATIC = "static true"
# More than ten times as slow as a plain start: they have rounds of their own, and fewer. Who comes after one of them
# finds nothing in the processor's caches, and of the others the quickest lose most by that.
SLOW = ("firejail", "crun", "crun, no control group", "runc", "runsc", "podman")
# Those of the peers that start a program which takes long itself.
SOME = (peers.BWRAP, "crun", "runc")
RESIDENT = {"10 MB": 0.01, "1 GB": 1.0, "8 GB": 8.0}
SPARE = 2.0  # GiB that must be left then
PRIVATE = ("All contenders ran in one mount and control group namespace of the bench's own, for the sake of crun "
           "and podman: see benches/peers.py. Entering it is not measured.")
AGAIN = (f"{CALL} is that of an object which is used again, and so copies its root from its third start on: "
         "`nucleus run`, which starts once, builds one.")
NOTHING = (f"{FLOOR}: those that the call asks clone3 for, by one clone3 as it makes it, and nothing else: no root, no "
           "maps, no filter, nobody who reaps. What the kernel takes for them belongs to no library.")
TOLD = (f"{WHOLE}: with what nucleus_process_close() waits for, as `nucleus run` does: that the kernel has taken down "
        "mounts and namespaces. Of the other calls that is not measured: their caller knows the outcome before.")
PAUSE = 60  # ms: what was taken is made again after 20 ms, which takes as long as a start


@dataclasses.dataclass
class Bench:
    """One user, and a folder where the user's peers have their things."""
    place: "Place"
    user: "User"
    corner: peers.Corner

    @property
    def launcher(self) -> pathlib.Path:
        return self.place.path / "bench-launch"

    def policy(self, mode: str) -> Dict[str, object]:
        return {"mode": mode, "volumes": [f"{self.place.path}/bin:/bench:ro"]}

    def ours(self, program: Program, mode: str) -> List[Contender]:
        policy = self.policy(mode)
        return [
            {"name": PLAIN, "kind": "exec", "argv": program.argv},
            {"name": FLOOR, "kind": "floor", "argv": program.argv, "policy": policy},
            {"name": CALL, "kind": "call", "argv": program.inside, "policy": policy},
            {"name": WHOLE, "kind": "call", "argv": program.inside, "policy": policy, "whole": True},
            {"name": AHEAD, "kind": "ahead", "argv": program.inside, "policy": policy, "pause_ms": PAUSE},
            {"name": CLI, "kind": "exec", "argv": [
                f"{self.place.path}/nucleus-cli", "run", f"--mode={mode}", "--volume",
                f"{self.place.path}/bin:/bench:ro", *program.inside]},
            {"name": peers.BWRAP, "kind": "bwrap", "argv": program.inside, "policy": policy},
        ]

    def theirs(self, program: Program) -> List[Contender]:
        folder = self.corner.path / ("root of " + program.name).replace(" ", "-")
        bwrap = self.ours(program, "strict-agent")[-1]
        with drive.Driver(self.launcher, self.user.prefix, [bwrap], warm_up=0) as driver:
            root = peers.parse(driver.commands[0], folder)
        return peers.contenders(self.corner, root, program, self.place.path / "nucleus-cli")

    def group(self, title: str, contenders: Sequence[Contender], left_out: Dict[str, str], rounds: int,
              targets: Sequence[Target]) -> Group:
        values, more = drive.measure(self.launcher, self.corner.enter(), contenders, self.place.rounds(rounds))
        names = [str(c["name"]) for c in contenders]
        notes = [AGAIN, *([NOTHING] if FLOOR in names else []), *([TOLD] if WHOLE in names else []),
                 *([PRIVATE] if os.geteuid() == 0 else [])]
        if AHEAD in names:
            notes.append(f"After a start of what was made ahead, {PAUSE} ms of rest, in which the next is made.")
        return Group("start", f"{title}, {self.user.name}", "us", PLAIN, values, {**left_out, **more}, list(targets),
                     notes)


def programs(place: "Place") -> List[Program]:
    return [
        Program(STATIC, [f"{place.path}/bin/true"], ["/bench/true"]),
        Program("dynamic true", ["/usr/bin/true"], ["/usr/bin/true"]),
        Program("python3 -c pass", ["/usr/bin/python3", "-c", "pass"], ["/usr/bin/python3", "-c", "pass"]),
        Program("node -e 0", ["/usr/bin/node", "-e", "0"], ["/usr/bin/node", "-e", "0"]),
    ]


# Of the static true under strict-agent. The call is compared with OCI runtimes too, though they are programs.
TARGETS = [Target(CALL, PLAIN, 4), Target(AHEAD, PLAIN, 1.6), Target(CLI, PLAIN, 6), Target(CLI, peers.BWRAP, 0.7),
           *(Target(ours, ours, 3, q=0.99) for ours in (CALL, AHEAD, CLI))]
OF_RUNTIMES = [Target(ours, theirs, 1 / times) for theirs, times in (("crun", 4), ("runc", 7)) for ours in (CALL, CLI)]


def named(contenders: Sequence[Contender], names: Sequence[str]) -> List[Contender]:
    return [c for c in contenders if c["name"] in names]


def checked(bench: Bench, program: Program) -> Tuple[List[Contender], Dict[str, str]]:
    """The peers that run the program here, and those that have a filter if they should; and what keeps the others."""
    enter = bench.corner.enter()
    both = []
    for some in (program, peers.PROBE):
        everybody = [bench.ours(some, "strict-agent")[-1], *bench.theirs(some)]
        both.append([c for c in everybody if some is program or c["name"] not in peers.NO_FILTER])
    good, left_out = drive.usable(bench.launcher, enter, both[0])
    unfiltered = drive.usable(bench.launcher, enter, [c for c in both[1] if c["name"] not in left_out])[1]
    left_out.update({name: f"no seccomp filter: {why}" for name, why in unfiltered.items()})
    return [c for c in good if c["name"] not in left_out], left_out


def static_true(bench: Bench, program: Program) -> List[Group]:
    ours = bench.ours(program, "strict-agent")[:-1]
    theirs, left_out = checked(bench, program)
    fast = [c for c in theirs if c["name"] not in SLOW]
    return [
        bench.group(f"{STATIC}, strict-agent", ours + fast, {n: w for n, w in left_out.items() if n not in SLOW}, 200,
                    TARGETS),
        bench.group(f"{STATIC}, strict-agent, beside slow peers", named(ours, (PLAIN, CALL, CLI)) + named(theirs, SLOW),
                    {n: w for n, w in left_out.items() if n in SLOW}, 60, OF_RUNTIMES),
        bench.group(f"{STATIC}, agent", bench.ours(program, "agent"), {}, 200, []),
    ]


def other(bench: Bench, program: Program) -> Group:
    everybody = bench.ours(program, "strict-agent") + named(bench.theirs(program), SOME)
    good, left_out = drive.usable(bench.launcher, bench.corner.enter(), everybody)
    return bench.group(f"{program.name}, strict-agent", good, left_out, 100, [])


def available() -> float:
    """GiB."""
    with open("/proc/meminfo", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:")) / (1 << 20)


def resident(bench: Bench, program: Program) -> Group:
    """Callers of several sizes, each a process of its own, that take turns."""
    values: Dict[str, List[float]] = {}
    left_out: Dict[str, str] = {}
    drivers: List[drive.Driver] = []
    rounds = bench.place.rounds(200)
    try:
        for size, gib in RESIDENT.items():
            if available() < gib + SPARE:
                left_out[size] = f"{available():.1f} GiB of memory are available"
                continue
            mine = [{**c, "name": f"{c['name']}, {size}"} for c in bench.ours(program, "strict-agent")
                    if c["name"] in (PLAIN, CALL)]
            drivers.append(drive.Driver(bench.launcher, bench.corner.enter(), mine, gib_resident=gib))
            drivers[-1].round()  # not before this is its memory all there
        for _ in range(rounds):
            for driver in drivers:
                for name, value in zip(driver.names, driver.round()):
                    values.setdefault(name, []).append(value)
    finally:
        for driver in drivers:
            driver.close()
    sizes = [size for size in RESIDENT if size not in left_out]
    return Group("start", f"{STATIC}, strict-agent, by memory resident in the caller, {bench.user.name}", "us",
                 f"{PLAIN}, {sizes[0]}" if sizes else "", values, left_out,
                 [Target(f"{CALL}, {size}", f"{CALL}, 10 MB", 1.1) for size in list(RESIDENT)[1:]],
                 ["The target is ours: the same whatever the caller's memory, give or take a tenth."])


def python(bench: Bench) -> List[Group]:
    """nucleus.run, by a process of this user: benches/python.py."""
    place = bench.place
    said = subprocess.run(
        [*bench.user.prefix, "env", f"NUCLEUS_LIBRARY={place.path}/libnucleus.so.0", "/usr/bin/python3", "-B",
         f"{place.path}/benches/python.py", str(place.path), str(place.rounds(200)), bench.user.name],
        stdout=subprocess.PIPE, check=True, timeout=3600).stdout
    return figures.groups(json.loads(said))


def of_user(bench: Bench) -> List[Group]:
    static, *others = programs(bench.place)
    return [*static_true(bench, static), *(other(bench, program) for program in others), resident(bench, static),
            *python(bench)]


def measure(place: "Place") -> List[Group]:
    groups = []
    with tempfile.TemporaryDirectory(prefix="bench-start.") as scratch:
        pathlib.Path(scratch).chmod(0o755)
        for user in place.users:
            corner = peers.Corner(pathlib.Path(scratch) / user.name, user.name, user.uid, user.prefix)
            corner.prepare()
            try:
                groups += of_user(Bench(place, user, corner))
            finally:
                corner.end()
    return groups
