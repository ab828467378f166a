"""Draw line plots as SVG files that use the text color of the page."""

import io
import re
from collections.abc import Sequence

INK = "#010203"
"""A placeholder for the text color of the page, which isn't known when the plot is drawn."""
INK_PARAMETERS = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
COLORS = ("#00897b", "#e65100", "#5c6bc0", "#8d6e63", "#757575", "#c2185b")
"""Line colors that are visible on white and on dark gray."""


def draw(series: dict[str, tuple[Sequence[float], Sequence[float]]], x: str, y: str) -> str:
    """Draw a line with markers for each series, on logarithmic axes.

    Args:
        series: The x values and the y values of each line, by the name of the line.
        x: The label of the x axis, with its unit.
        y: The label of the y axis, with its unit.

    Returns:
        The plot as SVG.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator

    pyplot.rcParams |= {
        "svg.fonttype": "none",
        "svg.hashsalt": "workshop",  # so that the same plot always has the same IDs
        "font.size": 10,
        **dict.fromkeys(INK_PARAMETERS, INK),
    }
    figure, axes = pyplot.subplots(figsize=(7, 3.0), layout="constrained")
    for (name, (xs, ys)), color, marker in zip(series.items(), COLORS, "osD^vP", strict=False):
        axes.plot(xs, ys, marker=marker, color=color, label=name)
    axes.set(xlabel=x, ylabel=y, xscale="log", yscale="log")
    axes.set_xticks(next(iter(series.values()))[0])  # ticks only at the measured values
    values = [value for _, ys in series.values() for value in ys]
    if max(values) < 100 * min(values):  # otherwise there would be only one tick
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):  # write 1,000 instead of 10 to the power of 3
        axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axis.set_minor_formatter(lambda value, _: "")
    axes.spines[["top", "right"]].set_visible(False)
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


def with_prefix(svg: str, name: str) -> str:
    """Return `svg` with `name` added before each ID, so that one page can contain several plots."""
    svg = re.sub(r' id="([\w.]+)"', rf' id="{name}-\1"', svg)
    return re.sub(r"([\"(])#([\w.]+)", rf"\1#{name}-\2", svg)
