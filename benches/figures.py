# SPDX-License-Identifier: MIT
"""What was measured, and what is said of it: medians, quantiles, ratios with bootstrap intervals.

A measurement is a Group: contenders that took turns (A B C A B C ...), one value each a round, so that
whatever else the machine did hit all of them. A ratio is of two medians, from the same rounds; its interval holds 95 % of
1,000 resamplings of the rounds (B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

import dataclasses
import json
import math
import pathlib
import random
import statistics
from typing import Any, Dict, List, NamedTuple, Sequence

RESAMPLINGS = 1000


class Ratio(NamedTuple):
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        digits = 2 if self.value < 20 else 0
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


@dataclasses.dataclass
class Target:
    """The ratio of two contenders, and what it should be."""
    contender: str
    against: str
    limit: float
    at_least: bool = False  # else: at most

    def met(self, ratio: Ratio) -> bool:
        return ratio.value >= self.limit if self.at_least else ratio.value <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g} of {self.against}"


@dataclasses.dataclass
class Group:
    """One table of RESULTS.md.

    values: by contender, in the order of the rounds; all of one length. A contender that cannot run here is
    in left_out with the reason, and not in values. baseline: whom ratios are to, or "" for none.
    """
    bench: str
    title: str
    unit: str
    baseline: str
    values: Dict[str, List[float]]
    left_out: Dict[str, str] = dataclasses.field(default_factory=dict)
    targets: List[Target] = dataclasses.field(default_factory=list)
    notes: List[str] = dataclasses.field(default_factory=list)

    def ratio(self, contender: str, against: str) -> Ratio:
        return ratio(self.values[contender], self.values[against])


def quantile(values: Sequence[float], q: float) -> float:
    """By the nearest rank: the smallest value that at least q of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Of the medians; both of the same rounds."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} and {len(theirs)} rounds have no ratio")
    source = random.Random(1)
    again = []
    for _ in range(RESAMPLINGS):
        picked = source.choices(range(len(ours)), k=len(ours))
        again.append(statistics.median([ours[i] for i in picked]) / statistics.median([theirs[i] for i in picked]))
    again.sort()
    return Ratio(statistics.median(ours) / statistics.median(theirs), again[RESAMPLINGS * 25 // 1000],
                 again[RESAMPLINGS * 975 // 1000 - 1])


def write(path: pathlib.Path, machine: Dict[str, str], groups: Sequence[Group]) -> None:
    """The groups of one bench, and on what and when they were measured."""
    text = json.dumps({"machine": machine, "groups": [dataclasses.asdict(g) for g in groups]}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: pathlib.Path) -> "tuple[Dict[str, str], List[Group]]":
    whole: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    groups = []
    for g in whole["groups"]:
        g["targets"] = [Target(**t) for t in g["targets"]]
        groups.append(Group(**g))
    return whole["machine"], groups
