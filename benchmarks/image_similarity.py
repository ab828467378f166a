"""Measure the similarity of two pictures."""

import math

import numpy

RADIUS = 5
SIGMA = 1.5
K1, K2, RANGE = 0.01, 0.03, 255


def psnr(best: numpy.ndarray, found: numpy.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels, infinite for equal pictures. Same shape, values 0 to 255."""
    error = numpy.mean((_as_float(best) - _as_float(found)) ** 2)
    return 10 * math.log10(RANGE**2 / error) if error else math.inf


def ssim(best: numpy.ndarray, found: numpy.ndarray) -> float:
    """Structural similarity, 1 for equal pictures. Both have the shape (height, width, channels), 0 to 255.

    As in Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
    similarity" (IEEE Transactions on Image Processing 13, 2004): a Gaussian window of 11×11 pixels with a
    standard deviation of 1.5, K1 = 0.01, K2 = 0.03, L = 255; the mean over all places where the window fits,
    and over the channels. Raises ValueError if the shapes differ or are smaller than the window.
    """
    if best.shape != found.shape or min(best.shape[:2]) <= 2 * RADIUS:
        raise ValueError(f"{best.shape} and {found.shape} cannot be compared.")
    one, other = _as_float(best), _as_float(found)
    mean_one, mean_other = _blurred(one), _blurred(other)
    spread_one = _blurred(one * one) - mean_one**2
    spread_other = _blurred(other * other) - mean_other**2
    common = _blurred(one * other) - mean_one * mean_other
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    brightness = (2 * mean_one * mean_other + c1) / (mean_one**2 + mean_other**2 + c1)
    structure = (2 * common + c2) / (spread_one + spread_other + c2)
    return float(numpy.mean(brightness * structure))


def _as_float(pixels: numpy.ndarray) -> numpy.ndarray:
    return numpy.asarray(pixels, dtype=numpy.float64)


def _blurred(pixels: numpy.ndarray) -> numpy.ndarray:
    """The window's mean around each pixel, without the edges, where the window doesn't fit."""
    weights = numpy.exp(-(numpy.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SIGMA**2))
    weights /= weights.sum()
    for axis in (0, 1):
        length = pixels.shape[axis] - 2 * RADIUS
        places = [[slice(None)] * axis + [slice(start, start + length)] for start in range(len(weights))]
        pixels = sum(weight * pixels[*place] for place, weight in zip(places, weights, strict=True))
    return pixels
