"""Plots as SVG that takes over the colours of the page it stands in."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis

INK = "#010203"
"""Stands for the page's own text colour, which no file can know."""
COLOURED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
SHADES = ("#00897b", "#e65100", "#5c6bc0", "#8d6e63", "#757575", "#c2185b")
"""Readable on white and on dark grey."""


def lines(
    series: dict[str, tuple[Sequence[float], Sequence[float]]], x: str, y: str, log: bool = False
) -> str:
    """One line with points for each of `series`. x, y: what the axes show, with units."""
    figure, axes = _figure()
    for (name, (across, up)), shade, mark in zip(series.items(), SHADES, "osD^vP", strict=False):
        axes.plot(across, up, marker=mark, color=shade, label=name)
    if log:
        from matplotlib.ticker import LogLocator

        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(next(iter(series.values()))[0])  # what was measured
        values = [value for _, up in series.values() for value in up]
        if max(values) < 100 * min(values):  # else one tick would be all there is
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        _spell_out(axes.xaxis, axes.yaxis)
    return _finished(figure, axes, x, y, legend=len(series) > 1)


def bars(values: dict[str, float], x: str) -> str:
    """A bar for each of `values`, the first on top. x: what they show, with its unit."""
    figure, axes = _figure(height=0.5 + 0.32 * len(values))
    places = axes.barh(list(values), list(values.values()), color=SHADES[0])
    axes.bar_label(places, fmt=lambda value: f"{value:,.0f}", color=INK, padding=4)
    axes.margins(x=0.1)
    axes.invert_yaxis()
    return _finished(figure, axes, x, "")


def steps(series: dict[str, Sequence[float]], x: str, y: str = "share, %", log: bool = True) -> str:
    """For each of `series` how many of a hundred values are at most x."""
    figure, axes = _figure()
    for (name, values), shade in zip(series.items(), SHADES, strict=False):
        ordered = sorted(values)
        axes.step(
            ordered,
            [100 * (place + 1) / len(ordered) for place in range(len(ordered))],
            color=shade,
            label=name,
        )
    if log:
        axes.set_xscale("log")
        _spell_out(axes.xaxis)
    return _finished(figure, axes, x, y, legend=True)


def _figure(height: float = 3.0):
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams |= {
        "svg.fonttype": "none",
        "svg.hashsalt": "workshop",  # the same plot has the same ids
        "font.size": 10,
        **dict.fromkeys(COLOURED, INK),
    }
    return pyplot.subplots(figsize=(7, height), layout="constrained")


def _spell_out(*of: "Axis") -> None:
    """1,000 instead of ten to the third."""
    for axis in of:
        axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axis.set_minor_formatter(lambda value, _: "")


def _finished(figure, axes, x: str, y: str, legend: bool = False) -> str:
    from matplotlib import pyplot

    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(frameon=False)
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return _plain(file.getvalue())


def _plain(svg: str) -> str:
    """Without styles, metadata, fonts and names that nobody refers to; in the page's colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<metadata>.*?</metadata>|<!--.*?-->|<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.S
    )
    svg = re.sub(r'\s(?:width|height)="[\d.]+pt"', "", svg, count=2)
    svg = svg.replace("xlink:href", "href").replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    used = set(re.findall(r"[\"(]#([\w.]+)", svg))
    svg = re.sub(r' id="([\w.]+)"', lambda match: match[0] if match[1] in used else "", svg)
    svg = svg.replace(INK, "currentColor")
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip())


def named(svg: str, name: str) -> str:
    """With `name` before each id, so that several plots can stand on one page."""
    svg = re.sub(r' id="([\w.]+)"', rf' id="{name}-\1"', svg)
    return re.sub(r"([\"(])#([\w.]+)", rf"\1#{name}-\2", svg)
