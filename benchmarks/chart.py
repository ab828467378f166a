"""Draw small SVG charts, 360 pixels wide, in the text color of the page.

A chart is no wider than a phone's screen, so its text can be read on a phone without scrolling.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, EDGE = 360, 4
RED, ORANGE, BLUE, GREEN = "#d9534f", "#c77700", "#5c6bc0", "#00897b"
"""Colors that are visible on white and on dark gray."""
SMALL = 11
"""The font size of small text."""


@dataclass(frozen=True)
class Bar:
    """A bar with two texts above it.

    Attributes:
        label: The text above the bar, on the left.
        text: The text above the bar, on the right.
        parts: The length and color of each part of the bar, from left to right.
        whisker: The value at which the thin line after the bar ends. Zero means that there is no line.
    """

    label: str
    text: str
    parts: Sequence[tuple[float, str]]
    whisker: float = 0.0

    @property
    def end(self) -> float:
        """The value at which the bar or its whisker ends, whichever is larger."""
        return max(self.whisker, sum(length for length, _ in self.parts))


def bars(groups: dict[str, Sequence[Bar]], legend: dict[str, str] | None = None) -> str:
    """Draw the bars of each group below the group's name. Each group has its own scale.

    Args:
        groups: The bars of each group, by the group's name. A group with an empty name has no heading.
        legend: The color of each name in the legend. None means that there is no legend.
    """
    drawn, y = _legend(legend) if legend else ([], 0)
    for name, group in groups.items():
        if name:
            y += 22
            drawn.append(_text(EDGE, y - 4, name, bold=True))
        longest = max(bar.end for bar in group) or 1
        for bar in group:
            drawn += _bar(bar, y, (WIDTH - 2 * EDGE) / longest)
            y += 29
    return _svg(y + EDGE, drawn)


def _bar(bar: Bar, y: float, scale: float) -> list[str]:
    drawn = [_text(EDGE, y + 12, bar.label), _text(WIDTH - EDGE, y + 12, bar.text, "end")]
    x = float(EDGE)
    for length, color in bar.parts:
        if length:
            box = f'x="{x:.1f}" y="{y + 16}" width="{length * scale:.1f}" height="8"'
            drawn.append(f'<rect {box} style="fill: {color}"/>')
        x += length * scale
    if bar.whisker:
        end = EDGE + bar.whisker * scale
        drawn.append(
            f'<path d="M{x:.1f} {y + 20}H{end:.1f}M{end:.1f} {y + 16}v8" fill="none" stroke="currentColor"/>'
        )
    return drawn


def _legend(colors: dict[str, str]) -> tuple[list[str], int]:
    """Draw a legend with a line for each color. Return the drawing and its height."""
    drawn = []
    for place, (name, color) in enumerate(colors.items()):
        y = 4 + 18 * place
        drawn.append(f'<rect x="{EDGE}" y="{y}" width="10" height="10" style="fill: {color}"/>')
        drawn.append(_text(EDGE + 16, y + 10, name))
    return drawn, 8 + 18 * len(colors)


@dataclass(frozen=True)
class Ranking:
    """The rank of one value among several.

    Attributes:
        title: A description of what was measured.
        values: The values, by name. All values are greater than zero.
        ours: The name of the value to highlight.
        more_is_better: Whether the largest value is the best.
        unit: The unit of the values, with a leading space.
    """

    title: str
    values: dict[str, float]
    ours: str
    more_is_better: bool
    unit: str = ""

    @property
    def order(self) -> list[str]:
        """The names, ordered from the best value to the worst."""
        return sorted(self.values, key=self.values.__getitem__, reverse=self.more_is_better)

    @property
    def place(self) -> int:
        """The rank of the highlighted value. The best value has rank 1."""
        return self.order.index(self.ours) + 1

    @property
    def distance(self) -> float:
        """The factor (at least 1) by which the highlighted value is worse than the best value."""
        times = self.values[self.ours] / self.values[self.order[0]]
        return 1 / times if self.more_is_better else times

    @property
    def comparison(self) -> str:
        """A text that compares the highlighted value with the best value."""
        best = self.order[0]
        if best == self.ours:
            return f"{self.value(best)}, the best of all"
        return f"{self.value(self.ours)} compared with {self.value(best)} for {best}"

    def value(self, name: str) -> str:
        """Return the value of `name` with its unit."""
        return f"{self.values[name]:,.10g}{self.unit}"

    def with_value(self, name: str) -> str:
        """Return `name`, followed by its value and the unit."""
        return f"{name} {self.value(name)}"


def ranks(rows: Sequence[Ranking]) -> str:
    """For each row, draw a logarithmic scale from the worst to the best value, with a dot for each value.

    The highlighted value has a larger dot, and its number is above the line. The worst and the best value are
    below the line, with their names.
    """
    drawn: list[str] = []
    for number, row in enumerate(rows):
        drawn += _rank(row, 58 * number)
    return _svg(58 * len(rows), drawn)


def _rank(row: Ranking, y: int) -> list[str]:
    worst, best = row.order[-1], row.order[0]
    span = math.log(row.values[best] / row.values[worst]) or 1.0
    left, right = EDGE + 6, WIDTH - EDGE - 6
    xs = {
        name: left + (right - left) * math.log(value / row.values[worst]) / span
        for name, value in row.values.items()
    }
    ours = f"{row.value(row.ours)}, number {row.place} of {len(row.order)}"
    others = [x for name, x in xs.items() if name != row.ours]
    return [
        _text(EDGE, y + 14, row.title, bold=True),
        _text(WIDTH - EDGE, y + 14, ours, "end"),
        f'<path d="M{left} {y + 25}H{right}" stroke="currentColor" stroke-opacity=".4"/>',
        *(f'<circle cx="{x:.1f}" cy="{y + 25}" r="4" fill-opacity=".55"/>' for x in others),
        f'<circle cx="{xs[row.ours]:.1f}" cy="{y + 25}" r="6" style="fill: {GREEN}"/>',
        _text(EDGE, y + 44, row.with_value(worst), "", worst == row.ours, SMALL),
        _text(WIDTH - EDGE, y + 44, row.with_value(best), "end", best == row.ours, SMALL),
    ]


def _text(x: float, y: float, words: str, anchor: str = "", bold: bool = False, size: int = 0) -> str:
    attributes = f' text-anchor="{anchor}"' if anchor else ""
    attributes += ' font-weight="bold"' if bold else ""
    attributes += f' font-size="{size}"' if size else ""
    return f'<text x="{x:.1f}" y="{y:.0f}"{attributes}>{escape(words)}</text>'


def _svg(height: float, drawn: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height}" class="chart" font-size="12"'
    return "\n".join([f'{head} xmlns="http://www.w3.org/2000/svg">', *drawn, "</svg>"])
