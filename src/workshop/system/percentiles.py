"""Calculate percentiles, and format medians and ranges."""

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the `percent`th percentile of `values`.

    The percentile is the smallest value that is greater than or equal to `percent` percent of the values.

    Raises:
        ValueError: `values` is empty.
    """
    if not values:
        raise ValueError("Cannot calculate a percentile without values.")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(values: Sequence[float], digits: int = 2, scale: float = 1) -> str:
    """Return the median and the range, for example "2.31 (2.20–2.64)".

    Args:
        values: The measured values.
        digits: The number of digits after the decimal point.
        scale: The number by which to multiply the values. For example, 1000 converts seconds to milliseconds.
    """
    low, middle, high = min(values) * scale, statistics.median(values) * scale, max(values) * scale
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"
