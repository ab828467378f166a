"""Measure the similarity of two pictures."""

import math

import numpy

RADIUS = 5
SIGMA = 1.5
K1, K2, RANGE = 0.01, 0.03, 255


def psnr(best: numpy.ndarray, other: numpy.ndarray) -> float:
    """Return the peak signal-to-noise ratio in decibels, which is infinite for identical pictures.

    Args:
        best: The reference picture, with values from 0 to 255.
        other: The picture to compare with the reference, in the same shape.
    """
    error = numpy.mean((_as_float(best) - _as_float(other)) ** 2)
    return 10 * math.log10(RANGE**2 / error) if error else math.inf


def ssim(best: numpy.ndarray, other: numpy.ndarray) -> float:
    """Return the structural similarity (SSIM), which is 1 for identical pictures.

    The parameters are those of Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
    visibility to structural similarity" (IEEE Transactions on Image Processing 13, 2004): a Gaussian window
    of 11×11 pixels with a standard deviation of 1.5, K1 = 0.01, K2 = 0.03, and L = 255. The result is the
    mean over all channels and over all positions where the window fits.

    Args:
        best: The reference picture, in the shape (height, width, channels), with values from 0 to 255.
        other: The picture to compare with the reference, in the same shape.

    Raises:
        ValueError: If the shapes of the pictures differ, or if the pictures are smaller than the window.
    """
    if best.shape != other.shape or min(best.shape[:2]) <= 2 * RADIUS:
        raise ValueError(f"{best.shape} and {other.shape} cannot be compared.")
    x, y = _as_float(best), _as_float(other)
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x = _blurred(x * x) - mean_x**2
    variance_y = _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    c1, c2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return float(numpy.mean(luminance * structure))


def _as_float(pixels: numpy.ndarray) -> numpy.ndarray:
    return numpy.asarray(pixels, dtype=numpy.float64)


def _blurred(pixels: numpy.ndarray) -> numpy.ndarray:
    """Return the weighted mean around each pixel, except at the edges, where the window doesn't fit."""
    weights = numpy.exp(-(numpy.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SIGMA**2))
    weights /= weights.sum()
    for axis in (0, 1):
        windows = numpy.lib.stride_tricks.sliding_window_view(pixels, len(weights), axis)
        pixels = windows @ weights
    return pixels
