"""Plots as SVG: text is text, and colours follow the reader's light or dark page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from bench.page.numbers import number

WIDTH = 720
LABELS = 220
VALUES = 90
BAR = 20
GAP = 6
GROUP = 30
HEIGHT = 240
"""Of a plot of lines."""
LEFT, BOTTOM, TOP = 64, 40, 34

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 14px }
  .group, .tick { fill: #57606a }
  .ours { fill: #0f766e }
  .other { fill: #9aa4af }
  .line { fill: none; stroke: #0f766e; stroke-width: 2; stroke-linejoin: round }
  .line.second { stroke: #b45309 }
  .axis { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .group, .tick { fill: #9198a1 }
    .ours { fill: #2dd4bf }
    .other { fill: #57606a }
    .line { stroke: #2dd4bf }
    .line.second { stroke: #f59e0b }
    .axis { stroke: #3d444d }
  }
"""

OURS = "orderbell"
"""Entrants that begin like this, in whatever case, are drawn in the colour of the house."""


def svg(plot: Mapping[str, Any]) -> str:
    """The plot of a line of JSON."""
    drawn, height = _lines(plot) if plot["lines"] else _bars(plot)
    title = escape(plot["title"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" aria-label="{title}">\n<style>{STYLE}</style>\n'
        f'<text class="title" x="0" y="16">{title}</text>\n{drawn}</svg>\n'
    )


def _bars(plot: Mapping[str, Any]) -> tuple[str, int]:
    groups: Mapping[str, Mapping[str, float]] = plot["bars"]
    most = max((value for group in groups.values() for value in group.values()), default=1.0) or 1.0
    room = WIDTH - LABELS - VALUES
    drawn, y = [], TOP
    for name, group in groups.items():
        if name:
            drawn.append(_text(0, y + 16, name, "group"))
            y += GROUP
        for entrant, value in group.items():
            width = max(1.0, room * value / most)
            kind = "ours" if entrant.lower().startswith(OURS) else "other"
            drawn += [
                _text(LABELS - 10, y + 15, entrant, anchor="end"),
                f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>\n',
                _text(LABELS + width + 6, y + 15, number(value)),
            ]
            y += BAR + GAP
        y += GAP
    return "".join(drawn), y


def _lines(plot: Mapping[str, Any]) -> tuple[str, int]:
    lines: Mapping[str, Sequence[Sequence[float]]] = plot["lines"]
    points = [point for line in lines.values() for point in line]
    far = max(x for x, _ in points) or 1.0
    top = _round_up(max(y for _, y in points) or 1.0)
    wide, high = WIDTH - LEFT - 20, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + wide * x / far, TOP + high * (1 - y / top)

    drawn = []
    for quarter in range(5):
        value = top * quarter / 4
        _, y = place(0, value)
        drawn += [
            f'<line class="axis" x1="{LEFT}" x2="{LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}"/>\n',
            _text(LEFT - 8, y + 4, number(value), "tick", "end"),
            _text(LEFT + wide * quarter / 4, TOP + high + 18, number(far * quarter / 4), "tick", "middle"),
        ]
    for index, (name, line) in enumerate(lines.items()):
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in line)
        drawn.append(f'<polyline class="line{" second" if index else ""}" points="{path}"/>\n')
        x, y = place(*line[-1])
        drawn.append(_text(x, y - 6, name, anchor="end"))
    drawn.append(_text(LEFT + wide, TOP + high + 34, plot["across"], "tick", "end"))
    return "".join(drawn), HEIGHT


def _round_up(value: float) -> float:
    """To a number that four parts of it are easy to read of."""
    step = 1.0
    while step * 10 < value:
        step *= 10
    while step * 10 >= value * 10:
        step /= 10
    return next(step * times for times in (1, 2, 4, 6, 8, 10, 20) if step * times >= value)


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    marked = f' class="{kind}"' if kind else ""
    return f'<text{marked} x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(words)}</text>\n'
