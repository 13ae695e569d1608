# SPDX-License-Identifier: MIT
"""The picture of RESULTS.md: how many times as long as plain vfork and exec a start takes, as SVG.

Bars on a logarithmic axis that begins at 1, which is the plain start; the whisker is the 95 % interval.
"""

import math
from html import escape
from typing import Dict, List, Sequence, Tuple

from figures import Group, Ratio

FILE = "results.svg"
TITLE = "Cold start of a static true, times plain vfork and exec"
# The groups that are drawn, each user's as one.
DRAWN = ("static true, strict-agent", "static true, strict-agent, beside slow peers")
OURS = "nucleus"
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
WIDTH, ROW, BAR, LETTER = 860, 26, 14, 8.0  # LETTER: how wide one is on average, of 13 pixels, in a wide face
STYLE = """text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 15px }
.user { font-weight: 600 } .quiet { fill: #59636e; font-size: 12px } .grid { stroke: #d1d9e0 }
.ours { fill: #0969da } .peer { fill: #818b98 } .whisker { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
.ours { fill: #4493f8 } .peer { fill: #656c76 } .whisker { stroke: #f0f6fc } }"""

# Of each user: contenders with their ratios, fastest first.
Bars = Dict[str, List[Tuple[str, Ratio]]]


def of(groups: Sequence[Group]) -> Bars:
    """What of the groups is drawn; nothing if none of them is."""
    found: Bars = {}
    for group in groups:
        title, _, user = group.title.rpartition(", ")
        if group.bench != "start" or title not in DRAWN or group.baseline not in group.values:
            continue
        bars = found.setdefault(user, [])
        for name in group.values:
            if name != group.baseline and name not in [drawn for drawn, _ in bars]:
                bars.append((name, group.ratio(name, group.baseline)))
    return {user: sorted(bars, key=lambda bar: bar[1].value) for user, bars in found.items() if bars}


def svg(users: Bars) -> str:
    every = [bar for bars in users.values() for bar in bars]
    left = 24 + LETTER * max(len(name) for name, _ in every)
    label = 12 + LETTER * max(len(str(ratio)) for _, ratio in every)
    most = max(ratio.high for _, ratio in every)
    ticks = [t for t in TICKS if t <= most] or [1]

    def x(value: float) -> float:
        return left + (WIDTH - left - label) * math.log(max(value, 1)) / math.log(max(most, 2))

    height = 64 + sum(30 + ROW * len(bars) for bars in users.values()) + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
           f'role="img" aria-label="{escape(TITLE)}">', f"<style>{STYLE}</style>",
           f'<text class="title" x="16" y="28">{escape(TITLE)}</text>',
           '<text class="quiet" x="16" y="48">strict-agent; shorter is faster; logarithmic axis; whiskers: 95 % '
           'interval of the ratio</text>']
    for tick in ticks:
        out.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="64" y2="{height - 28}"/>')
        out.append(f'<text class="quiet" x="{x(tick):.1f}" y="{height - 12}" text-anchor="middle">{tick}</text>')
    y = 64.0
    for user, bars in users.items():
        out.append(f'<text class="user" x="16" y="{y + 20:.1f}">{escape(user)}</text>')
        y += 30
        for name, ratio in bars:
            out += row(name, ratio, y, [x(1), x(ratio.low), x(ratio.value), x(ratio.high)], left)
            y += ROW
    return "\n".join([*out, "</svg>", ""])


def row(name: str, ratio: Ratio, y: float, at: Sequence[float], left: float) -> List[str]:
    """at: where 1, the interval's ends and the value between them are."""
    one, low, value, high = at
    middle = y + ROW / 2
    return [
        f'<text x="{left - 10:.1f}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(name)}</text>',
        f'<rect class="{"ours" if name.startswith(OURS) else "peer"}" x="{one:.1f}" y="{middle - BAR / 2:.1f}" '
        f'width="{value - one:.1f}" height="{BAR}" rx="2"/>',
        f'<path class="whisker" fill="none" d="M{low:.1f} {middle:.1f}H{high:.1f}M{low:.1f} {middle - 4:.1f}v8'
        f'M{high:.1f} {middle - 4:.1f}v8"/>',
        f'<text class="quiet" x="{high + 8:.1f}" y="{middle + 4.5:.1f}">{escape(str(ratio))}</text>',
    ]
