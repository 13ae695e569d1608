# SPDX-License-Identifier: MIT
"""The section of a failed test's report that says what was refused."""

from typing import TYPE_CHECKING, Iterable, List

from ._text import neutral

if TYPE_CHECKING:
    import nucleus

TITLE = "sandbox denials"
SHOWN = 50


def words(denials: "Iterable[nucleus.Denial]") -> str:
    """One line for each, with what would allow it; "" if nothing was refused."""
    lines: List[str] = []
    for denial in denials:
        line = neutral(str(denial)).replace("\n", " ")
        if line not in lines:
            lines.append(line)
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"... and {len(lines) - SHOWN} more"]
    return "\n".join(lines)
