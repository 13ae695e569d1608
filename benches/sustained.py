# SPDX-License-Identifier: MIT
"""Bench `sustained`: how many sandboxes a second, one and many at a time, on one core and on two."""

import pathlib
import statistics
import subprocess
from typing import Dict, List, NamedTuple

from figures import Group, Target
from suite import Place, User

# As bench-sustained calls them, and as they are called in tables.
CONTENDERS = {"plain": "vfork and exec", "call": "nucleus_sandbox_spawn()", "ahead": "the same, made ahead",
              "bwrap": "bwrap"}
CORES = (1, 2)
IN_FLIGHT = (1, 8, 64)
ROUNDS = 10
WINDOW_MS = 500
# 450 starts a second were asked for where the plain program made 1 / 0.63 ms: the ratio is what another machine has.
OF_PLAIN = 450 * 0.63e-3


class Config(NamedTuple):
    contender: str
    cores: int
    in_flight: int

    def __str__(self) -> str:
        return (f"{CONTENDERS[self.contender]}, {self.cores} core{'s' * (self.cores > 1)}, "
                f"{self.in_flight} in flight")


class Answer(NamedTuple):
    per_second: float
    median_us: float
    p99_us: float


def configs() -> List[Config]:
    """bwrap is a process of its own for each start: 64 of them show what 8 do, and take long."""
    return [Config(contender, cores, in_flight) for in_flight in IN_FLIGHT for cores in CORES
            for contender in CONTENDERS if contender != "bwrap" or in_flight <= 8]


def ask(place: pathlib.Path, prefix: List[str], rounds: int, window_ms: int) -> Dict[Config, List[Answer]]:
    """Takes turns. One process for all: what it prepares for a configuration is no part of its window."""
    found: Dict[Config, List[Answer]] = {config: [] for config in configs()}
    with subprocess.Popen([*prefix, str(place / "bench-sustained"), str(place / "bin" / "true")], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin and server.stdout
        try:
            for _ in range(rounds):
                for config, answers in found.items():
                    server.stdin.write(f"{config.contender} {config.cores} {config.in_flight} {window_ms}\n")
                    server.stdin.flush()
                    words = server.stdout.readline().split()
                    if len(words) != 3:
                        raise RuntimeError(f"bench-sustained ended at {config}")
                    answers.append(Answer(*map(float, words)))
        except BaseException:
            server.kill()  # its sandboxes end with it
            raise
    return found


def measure_as(place: Place, user: User) -> List[Group]:
    found = ask(place.path, user.prefix, 3 if place.quick else ROUNDS,
                100 if place.quick else WINDOW_MS)
    rates = Group("sustained", f"Starts per second of a static true, strict-agent, as {user.name}", "starts/s",
                  str(Config("plain", 1, 1)),
                  {str(config): [a.per_second for a in answers] for config, answers in found.items()})
    for contender in ("call", "ahead"):
        rates.targets.append(Target(str(Config(contender, 1, 1)), rates.baseline, round(OF_PLAIN, 2), True))
        rates.targets += [Target(str(Config(contender, 2, n)), str(Config(contender, 1, n)), 1.3, True)
                          for n in IN_FLIGHT[1:]]
    plain = statistics.median(rates.values[rates.baseline])
    rates.notes.append("Each in flight is a thread that starts, waits and closes, for "
                       f"{WINDOW_MS} ms a round; caller and sandboxes are confined to the cores.")
    rates.notes.append(f"450 starts a second were asked for of a machine on which {rates.baseline} took 0.63 ms: "
                       f"{OF_PLAIN:.2f} of its rate, here {OF_PLAIN * plain:.0f}.")
    single = [config for config in found if config.in_flight == 1 and config.cores == 2]
    times = Group("sustained", f"One start of a static true, 2 cores, one in flight, as {user.name}", "us", "", {})
    for config in single:
        name = CONTENDERS[config.contender]
        times.values[f"{name}, median of a round"] = [a.median_us for a in found[config]]
        times.values[f"{name}, p99 of a round"] = [a.p99_us for a in found[config]]
        if config.contender in ("call", "ahead"):
            times.targets.append(Target(f"{name}, p99 of a round", f"{name}, median of a round", 3))
    return [rates, times]


def measure(place: Place) -> List[Group]:
    return [group for user in place.users for group in measure_as(place, user)]
