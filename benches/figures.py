# SPDX-License-Identifier: MIT
"""What was measured, and what is said of it: medians, quantiles, ratios with bootstrap intervals.

A measurement is a Group: contenders that took turns (A B C B C A ...), one value each a round, so that
whatever else the machine did hit all of them. A ratio is of two medians, from the same rounds; its interval holds
95 % of 1,000 resamplings of the rounds (B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

import dataclasses
import json
import math
import pathlib
import random
import statistics
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

RESAMPLINGS = 1000


class Ratio(NamedTuple):
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        digits = 3 if abs(self.value) < 0.3 else 2 if self.value < 20 else 0
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


@dataclasses.dataclass
class Target:
    """The ratio of two contenders, and what it should be.

    Of their medians; or, for the tail, of a quantile of the contender's to the other's median.
    """
    contender: str
    against: str
    limit: float
    at_least: bool = False  # else: at most
    q: float = 0.5

    def met(self, ratio: Ratio) -> bool:
        return ratio.value >= self.limit if self.at_least else ratio.value <= self.limit

    def __str__(self) -> str:
        return (f"{'p%g ' % (100 * self.q) if self.q != 0.5 else ''}{'at least' if self.at_least else 'at most'} "
                f"{self.limit:.3g} of {'its median' if self.against == self.contender else self.against}")


@dataclasses.dataclass
class Group:
    """One table of RESULTS.md.

    values: by contender, in the order of the rounds; all of one length. A contender that cannot run here is
    in left_out with the reason, and not in values. baseline: whom ratios are to, or "" for none. paired: ratios
    are the medians of the rounds' own, for what drifts more from round to round than it differs within one.
    """
    bench: str
    title: str
    unit: str
    baseline: str
    values: Dict[str, List[float]]
    left_out: Dict[str, str] = dataclasses.field(default_factory=dict)
    targets: List[Target] = dataclasses.field(default_factory=list)
    notes: List[str] = dataclasses.field(default_factory=list)
    paired: bool = False

    def ratio(self, contender: str, against: str, q: float = 0.5) -> Ratio:
        ours, theirs = self.values[contender], self.values[against]
        if self.paired:
            return ratio([a / b for a, b in zip(ours, theirs)], [1.0] * len(theirs), q)
        return ratio(ours, theirs, q)

    def reached(self, target: Target) -> Optional[Ratio]:
        """What there is in place of a target; None if one of both is left out."""
        if target.contender not in self.values or target.against not in self.values:
            return None
        return self.ratio(target.contender, target.against, target.q)


def quantile(values: Sequence[float], q: float) -> float:
    """By the nearest rank: the smallest value that at least q of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def middle(values: Sequence[float], q: float) -> float:
    """The median as it is usual (of an even number: the mean of both in the middle), or another quantile."""
    return statistics.median(values) if q == 0.5 else quantile(values, q)


def interval(statistic: Callable[[Sequence[int]], float], rounds: int) -> Ratio:
    """A statistic of the rounds that are given to it by number, of all; and its 95 % interval."""
    source = random.Random(1)
    again = sorted(statistic(source.choices(range(rounds), k=rounds)) for _ in range(RESAMPLINGS))
    return Ratio(statistic(range(rounds)), again[RESAMPLINGS * 25 // 1000], again[RESAMPLINGS * 975 // 1000 - 1])


def ratio(ours: Sequence[float], theirs: Sequence[float], q: float = 0.5) -> Ratio:
    """Of the medians, or of our quantile to their median; both of the same rounds."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} and {len(theirs)} rounds have no ratio")
    return interval(lambda picked: middle([ours[i] for i in picked], q) / middle([theirs[i] for i in picked], 0.5),
                    len(ours))


def write(path: pathlib.Path, machine: Dict[str, str], found: Sequence[Group]) -> None:
    """The groups of one bench, and on what and when they were measured."""
    text = json.dumps({"machine": machine, "groups": [dataclasses.asdict(g) for g in found]}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def groups(saved: Sequence[Dict[str, Any]]) -> List[Group]:
    """What dataclasses.asdict() has made of them."""
    found = []
    for fields in saved:
        group = Group(**fields)
        group.targets = [Target(**target) for target in fields["targets"]]
        found.append(group)
    return found


def read(path: pathlib.Path) -> "tuple[Dict[str, str], List[Group]]":
    whole: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return whole["machine"], groups(whole["groups"])
