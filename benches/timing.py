# SPDX-License-Identifier: MIT
"""Where the time of a strict-agent start goes: what each kind of step takes, from the call until all is gone.

As a bench of suite.py: measure(). As a program, for measure() to run as each user:
timing.py DIRECTORY ROUNDS, with NUCLEUS_LIBRARY and PYTHONPATH set, where DIRECTORY holds a static `true`; prints
for each round two objects of microseconds, in JSON.
"""

import collections
import json
import os
import statistics
import subprocess
import sys
from typing import Any, Dict, List

SHOWN = 16
WARM_UP = 5
AGAIN, FIRST = "of an object that is used again", "the first of an object"


def one_round(nucleus: Any, policy: Any) -> Dict[str, float]:
    """By side and operation: all binds are one."""
    found: Dict[str, float] = collections.defaultdict(float)
    for row in nucleus.run(["/bench/true"], policy=policy, check=True).timing:
        found[f"{row.side}: {row.what.split()[0]}"] += row.ns / 1000
    return found


def main() -> None:
    import nucleus

    def make() -> Any:
        policy = nucleus.Policy(mode="strict-agent", volumes=[f"{sys.argv[1]}:/bench:ro"])
        policy.set_timing()
        policy.hash()  # made now: a start does not wait for it
        return policy
    policy = make()
    for number in range(int(sys.argv[2]) + WARM_UP):
        found = {AGAIN: one_round(nucleus, policy), FIRST: one_round(nucleus, make())}
        if number >= WARM_UP:
            print(json.dumps(found))


def largest(rounds: List[Dict[str, float]]) -> Dict[str, List[float]]:
    """The whole, the steps that take most by their medians, and what is left of the whole."""
    names = sorted(rounds[0], key=lambda name: -statistics.median(r.get(name, 0) for r in rounds))
    values = {"whole": [sum(r.values()) for r in rounds]}
    values.update({name: [r.get(name, 0) for r in rounds] for name in names[:SHOWN]})
    values[f"{len(names[SHOWN:])} others"] = [sum(r.get(name, 0) for name in names[SHOWN:]) for r in rounds]
    return values


def measure(place: Any) -> List[Any]:
    import figures
    groups = []
    for user in place.users:
        env = {**os.environ, "NUCLEUS_LIBRARY": str(place.path / "libnucleus.so.0"),
               "PYTHONPATH": str(place.path / "bindings" / "python")}
        said = subprocess.run([*user.prefix, "/usr/bin/python3", "-B", str(place.path / "benches" / "timing.py"),
                               str(place.path / "bin"), str(place.rounds(300))], check=True, env=env, text=True,
                              stdout=subprocess.PIPE, cwd="/").stdout
        rounds = [json.loads(line) for line in said.splitlines()]
        groups += [figures.Group(
            "timing", f"Where the time of a strict-agent start of a static true goes, {which}, as {user.name}", "us",
            "whole", largest([one[which] for one in rounds]),
            notes=["The whole is from the call until all was seen to be gone, from Python; reading the clock at each step "
                   "is in it. Steps of a kind are added up: `nucleus run --timing` lists each."])
                   for which in (AGAIN, FIRST)]
    return groups


if __name__ == "__main__":
    main()
