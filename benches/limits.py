# SPDX-License-Identifier: MIT
"""What control groups add to a start: memory, processes and processor time bounded, beside crun with the same bounds.

In the test machine (tests/vm), where control groups are version 2 and root's to use. Its processor is emulated:
the times are not those of any machine, and only ratios are of use.
"""

import pathlib
import subprocess
import tempfile
from typing import TYPE_CHECKING, Dict, List

import drive
import peers
from drive import Contender
from figures import Group, Target
from start import CALL, CLI, PLAIN, STATIC

if TYPE_CHECKING:
    from suite import Place

VM = pathlib.Path(__file__).resolve().parents[1] / "tests" / "vm"
SECONDS = 1800
MEMORY, PIDS, CPUS = 256 << 20, 64, 1
LIMITS: Dict[str, object] = {"limits.memory": str(MEMORY), "limits.pids": str(PIDS), "limits.cpus": str(CPUS)}
FLAGS = [f"--memory={MEMORY}", f"--pids={PIDS}", f"--cpus={CPUS}"]
RESOURCES = {"memory": {"limit": MEMORY, "swap": MEMORY}, "pids": {"limit": PIDS},
             "cpu": {"quota": 100000 * CPUS, "period": 100000}}
# The host's directory, on a file system of the machine's own: the one that it comes by has no idmapped mounts.
OWN = 'cp -a "$1" /tmp/own && mount --bind /tmp/own "$1" && shift && exec "$@"'
LIMITED = ", limits"


def contenders(folder: pathlib.Path) -> List[Contender]:
    """folder holds what is measured; the machine sees it at the same path."""
    volume = f"{folder}/bin:/bench:ro"
    policy: Dict[str, object] = {"mode": "strict-agent", "volumes": [volume]}
    cli = [f"{folder}/nucleus-cli", "run", "--mode=strict-agent", "--volume", volume]
    program = peers.Program(STATIC, [f"{folder}/bin/true"], ["/bench/true"])
    corner = peers.Corner(folder, "root", 0, [])
    with drive.Driver(folder / "bench-launch", [], [
            {"name": peers.BWRAP, "kind": "bwrap", "argv": program.inside, "policy": policy}], warm_up=0) as driver:
        root = peers.parse(driver.commands[0], folder / "root")
    theirs = peers.contenders(corner, root, program, folder / "nucleus-cli", RESOURCES)
    (crun,) = (c for c in theirs if c["name"] == "crun")
    return [
        {"name": PLAIN, "kind": "exec", "argv": program.argv},
        {"name": CALL, "kind": "call", "argv": program.inside, "policy": policy},
        {"name": CALL + LIMITED, "kind": "call", "argv": program.inside, "policy": {**policy, **LIMITS}},
        {"name": CLI, "kind": "exec", "argv": [*cli, *program.inside]},
        {"name": CLI + LIMITED, "kind": "exec", "argv": [*cli, *FLAGS, *program.inside]},
        {**crun, "name": "crun" + LIMITED},
    ]


def measure(place: "Place") -> List[Group]:
    # vm.sh shows the machine the caller's directory if it is below /tmp.
    with tempfile.TemporaryDirectory(prefix="bench-limits.", dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        for what in ("bin", "nucleus-cli", "bench-launch"):
            subprocess.run(["cp", "-R", str(place.path / what), name], check=True)
        machine = ["sh", str(VM / "vm.sh"), "--kernel", "old", "--user", "root", "--cwd", name, "--timeout",
                   str(SECONDS), "--", "sh", "-c", OWN, "own", name]
        *ours, crun = contenders(folder)
        good, left_out = drive.usable(folder / "bench-launch", machine, [crun], 60, folder=folder)
        rounds = place.rounds(60)
        values, more = drive.measure(folder / "bench-launch", machine, [*ours, *good], rounds, folder=folder,
                                     seconds=60)
    return [Group("limits", f"{STATIC}, strict-agent, control groups, root, in a virtual machine", "us, emulated",
                  PLAIN, values, {**left_out, **more},
                  [Target(ours + LIMITED, "crun" + LIMITED, 1 / 4) for ours in (CALL, CLI)],
                  ["Linux 6.1 on an emulated processor (tests/vm): only the ratios are of use.",
                   f"Limits: {MEMORY >> 20} MiB of memory, {PIDS} processes, {CPUS} processor."])]
