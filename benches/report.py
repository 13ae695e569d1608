# SPDX-License-Identifier: MIT
"""What was measured, as text: tables for a terminal, RESULTS.md, and the picture beside it (picture.py)."""

import pathlib
import statistics
from typing import Dict, List, Optional, Sequence, Tuple

import figures
import picture
from figures import Group, Ratio, Target

# Of each bench: what it was measured on, and what was found.
Found = Dict[str, Tuple[Dict[str, str], List[Group]]]
HERE = pathlib.Path(__file__).resolve().parent


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def verdict(target: Target, reached: Optional[Ratio]) -> str:
    return "not measured" if not reached else "met" if target.met(reached) else "NOT met"


def rows(group: Group) -> List[List[str]]:
    head = ["", f"median, {group.unit}", "p95", "p99"]
    has_ratios = group.baseline in group.values  # else there is none, or it is left out
    if has_ratios:
        head.append(f"ratio to {group.baseline} (95 % interval)")
    found = [head]
    for name, values in group.values.items():
        row = [name, *(number(v) for v in (statistics.median(values), figures.quantile(values, 0.95),
                                           figures.quantile(values, 0.99)))]
        if has_ratios:
            row.append(str(group.ratio(name, group.baseline)))
        found.append(row)
    return found


def sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."


def remarks(group: Group) -> List[str]:
    said = [f"{len(next(iter(group.values.values()), []))} rounds." if group.values else "Nothing was measured."]
    said += [sentence(f"Left out: {name}: {why}") for name, why in group.left_out.items()]
    return said + [sentence(note) for note in group.notes]


def targets(groups: Sequence[Group]) -> List[List[str]]:
    """A row for each: where, who, the target, what there is, whether that meets it."""
    found = []
    for group in groups:
        for target in group.targets:
            reached = group.reached(target)
            found.append([f"{group.bench}: {group.title}", target.contender, str(target), str(reached or "-"),
                          verdict(target, reached)])
    return found


def table(group: Group) -> str:
    """For a terminal."""
    found = rows(group)
    widths = [max(len(row[i]) for row in found) for i in range(len(found[0]))]
    lines = ["", f"{group.bench}: {group.title}"]
    for row in found:
        lines.append("  ".join(cell.ljust(w) if not i else cell.rjust(w)
                               for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
    lines += [f"{who}: {ratio}; target {target}: {met}." for _, who, target, ratio, met in targets([group])]
    return "\n".join(lines + remarks(group))


def cells(row: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def markdown(group: Group) -> str:
    found = rows(group)
    lines = [f"### {group.title}", "", cells(found[0]), "|---|" + "---:|" * (len(found[0]) - 1)]
    lines += [cells(row) for row in found[1:]]
    return "\n".join([*lines, "", *(f"- {r}" for r in remarks(group)), ""])


def facts(some: Dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in some.items())


def document(found: Found, notes: str) -> str:
    """RESULTS.md: what all benches have in common, the targets, then each bench."""
    machines = [machine for machine, _ in found.values()]
    common = {k: v for k, v in machines[0].items() if all(m.get(k) == v for m in machines)} if machines else {}
    text = ["# What was measured", "",
            "Rendered by `sh benches/run.sh`, which measures all of it again: do not edit. Ratios are of medians from "
            "the same rounds, in brackets the 95 % interval.", "", facts(common), ""]
    rows_of_targets = targets([group for _, groups in found.values() for group in groups])
    if rows_of_targets:
        met = sum(row[-1] == "met" for row in rows_of_targets)
        text += ["## Targets", "", f"{met} of {len(rows_of_targets)} are met.", "",
                 cells(["measured", "contender", "target", "ratio", ""]), "|---|---|---|---:|---|"]
        text += [cells([*row[:-1], row[-1] if row[-1] == "met" else f"**{row[-1]}**"]) for row in rows_of_targets]
        text.append("")
    if notes:
        text += [notes.rstrip("\n"), ""]
    for name, (machine, groups) in found.items():
        own = {k: v for k, v in machine.items() if k not in common}
        text += [f"## {name}", "", f"`sh benches/run.sh {name}`", *(["", facts(own)] if own else []), ""]
        if picture.of(groups):
            text += [f"![{picture.TITLE}]({picture.FILE})", ""]
        text += [markdown(group) for group in groups]
    return "\n".join(text)


def render(results: pathlib.Path, folder: pathlib.Path, names: Sequence[str]) -> None:
    """What of these benches is under results (suite.py) as folder/RESULTS.md and its picture, with NOTES.md's prose."""
    paths = [results / f"{name}.json" for name in names]
    found: Found = {path.stem: figures.read(path) for path in paths if path.exists()}
    notes = HERE / "NOTES.md"
    text = document(found, notes.read_text(encoding="utf-8") if notes.exists() else "")
    (folder / "RESULTS.md").write_text(text, encoding="utf-8")
    for _, groups in found.values():
        bars = picture.of(groups)
        if bars:
            (folder / picture.FILE).write_text(picture.svg(bars), encoding="utf-8")
