# SPDX-License-Identifier: MIT
"""What was measured, as text: tables for a terminal, RESULTS.md."""

import pathlib
import statistics
from typing import Dict, List, Optional, Tuple

import figures
from figures import Group


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def rows(group: Group) -> List[List[str]]:
    head = ["", f"median, {group.unit}", "p95", "p99"]
    if group.baseline:
        head.append(f"ratio to {group.baseline} (95 % interval)")
    found = [head]
    for name, values in group.values.items():
        row = [name, *(number(v) for v in (statistics.median(values), figures.quantile(values, 0.95),
                                           figures.quantile(values, 0.99)))]
        if group.baseline:
            row.append(str(group.ratio(name, group.baseline)))
        found.append(row)
    return found


def verdict(target: figures.Target, reached: Optional[figures.Ratio]) -> str:
    return "not measured" if not reached else "met" if target.met(reached) else "NOT met"


def remarks(group: Group) -> List[str]:
    said = [f"{len(next(iter(group.values.values()), []))} rounds." if group.values else "Nothing was measured."]
    for target in group.targets:
        reached = group.reached(target)
        if reached:
            said.append(f"{target.contender}: {reached}; target {target}: {verdict(target, reached)}.")
    said += [f"Left out: {name}: {why}." for name, why in group.left_out.items()]
    return said + group.notes


def table(group: Group) -> str:
    """For a terminal."""
    found = rows(group)
    widths = [max(len(row[i]) for row in found) for i in range(len(found[0]))]
    lines = ["", f"{group.bench}: {group.title}"]
    for row in found:
        lines.append("  ".join(cell.ljust(w) if not i else cell.rjust(w)
                               for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
    return "\n".join(lines + remarks(group))


def markdown(group: Group) -> str:
    found = rows(group)
    lines = [f"### {group.title}", "", "| " + " | ".join(found[0]) + " |",
             "|---|" + "---:|" * (len(found[0]) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in found[1:]]
    return "\n".join([*lines, "", *(f"- {r}" for r in remarks(group)), ""])


def render(results: pathlib.Path, folder: pathlib.Path) -> None:
    """Everything under results (suite.py) as folder/RESULTS.md."""
    text = ["# What was measured", "", "Rendered by `sh benches/run.sh`: do not edit.", ""]
    found: Dict[str, Tuple[Dict[str, str], List[Group]]] = {
        path.stem: figures.read(path) for path in sorted(results.glob("*.json"))}
    for name, (machine, groups) in found.items():
        text += [f"## {name}", "", ", ".join(f"{k} {v}" for k, v in machine.items()), ""]
        text += [markdown(group) for group in groups]
    (folder / "RESULTS.md").write_text("\n".join(text), encoding="utf-8")
