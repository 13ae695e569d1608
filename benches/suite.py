# SPDX-License-Identifier: MIT
"""Runs the benches and renders what they found: python3 benches/suite.py PLACE [--quick] [NAME...]

Started by run.sh, which says what the names are. PLACE holds what is measured, where every user may run it.
Each bench's groups (figures.py) go to build-benches/results/NAME.json; RESULTS.md and results.svg are
rendered from all that are there (report.py), so that one bench can be run again alone. With --quick all of it goes to
build-benches/results/quick: such figures are not to be taken for the others.
"""

import dataclasses
import datetime
import importlib
import os
import pathlib
import platform
import subprocess
import sys
from typing import Dict, List

import figures
import peers
import report

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
USER = 12345
# Each a module beside this file with measure(Place) -> List[figures.Group].
BENCHES = {
    "start": "cold starts, beside every peer",
    "timing": "where the time of a start goes",
    "limits": "cold starts with limits by control group, in a virtual machine",
    "sustained": "starts per second, many at a time, on one core and two",
    "idle": "memory of idle and of prepared sandboxes, and how it grows",
    "work": "steady work, bare and sandboxed, and which layer costs what",
}


@dataclasses.dataclass(frozen=True)
class User:
    name: str  # "root" or "user"
    prefix: List[str]  # of a command that is to run as this user
    uid: int


@dataclasses.dataclass(frozen=True)
class Place:
    """nucleus-cli, bench-*, bin/ (static programs), libnucleus.so.0, bindings/python, benches: all may read."""
    path: pathlib.Path
    quick: bool  # a tenth of the rounds: to see that all runs, not to publish
    users: List[User]

    def rounds(self, full: int) -> int:
        return max(5, full // 10) if self.quick else full


def first_line(*words: str) -> str:
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0].strip() if said else ""


def machine() -> Dict[str, str]:
    """What was measured on, and what."""
    model = [line.partition(":")[2].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
             if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    dirty = subprocess.run(["git", "-C", str(REPOSITORY), "diff", "--quiet", "HEAD", "--", "lib", "cli", "include",
                            "bindings"], check=False).returncode
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": first_line("git", "-C", str(REPOSITORY), "rev-parse", "--short=12", "HEAD") +
                  " and changes" * bool(dirty),
        "kernel": f"{platform.system()} {platform.release()}",
        "processors": f"{os.cpu_count()} x {model[0] if model else 'unknown'}",
        "memory": f"{memory:.0f} GiB",
        "load": "%.1f before the start" % os.getloadavg()[0],
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "peers": peers.versions(),
    }


def main() -> int:
    words = sys.argv[1:]
    quick = "--quick" in words
    place, *names = [word for word in words if word != "--quick"]
    for name in names:
        if name not in BENCHES:
            print(f"run.sh: no bench {name!r}: choose from {', '.join(BENCHES)}", file=sys.stderr)
            return 2
    as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all"]
    users = ([User("root", [], 0), User("user", as_user, USER)] if os.geteuid() == 0
             else [User("user", [], os.geteuid())])
    results = REPOSITORY / "build-benches" / "results" / ("quick" if quick else "")
    results.mkdir(parents=True, exist_ok=True)
    for name in names or BENCHES:
        found = machine()
        groups = importlib.import_module(name).measure(Place(pathlib.Path(place), quick, users))
        figures.write(results / f"{name}.json", found, groups)
        for group in groups:
            print(report.table(group))
        report.render(results, results if quick else REPOSITORY / "benches", list(BENCHES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
