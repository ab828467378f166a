"""Line plots as SVG files that use the colors of the page they are on."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis

INK = "#010203"
"""A placeholder for the page's text color, which the file can't know."""
COLOURED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
SHADES = ("#00897b", "#e65100", "#5c6bc0", "#8d6e63", "#757575", "#c2185b")
"""Colors that are readable on white and on dark gray."""


def lines(
    series: dict[str, tuple[Sequence[float], Sequence[float]]], x: str, y: str, log: bool = False
) -> str:
    """Draw a line with points for each of `series`. x, y: labels of the axes, with units."""
    figure, axes = _figure()
    for (name, (across, up)), shade, mark in zip(series.items(), SHADES, "osD^vP", strict=False):
        axes.plot(across, up, marker=mark, color=shade, label=name)
    if log:
        from matplotlib.ticker import LogLocator

        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(next(iter(series.values()))[0])  # the measured values
        values = [value for _, up in series.values() for value in up]
        if max(values) < 100 * min(values):  # otherwise there would be only one tick
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        _spell_out(axes.xaxis, axes.yaxis)
    return _finished(figure, axes, x, y, legend=len(series) > 1)


def _figure():
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams |= {
        "svg.fonttype": "none",
        "svg.hashsalt": "workshop",  # the same plot has the same ids
        "font.size": 10,
        **dict.fromkeys(COLOURED, INK),
    }
    return pyplot.subplots(figsize=(7, 3.0), layout="constrained")


def _spell_out(*of: "Axis") -> None:
    """Write 1,000 instead of ten to the power of three."""
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
    """Remove styles, metadata, fonts and unused IDs from `svg`, and use the page's text color."""
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
    """Prefix each ID with `name`, so that a page can contain several plots."""
    svg = re.sub(r' id="([\w.]+)"', rf' id="{name}-\1"', svg)
    return re.sub(r"([\"(])#([\w.]+)", rf"\1#{name}-\2", svg)
