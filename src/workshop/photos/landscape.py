"""Draw the landscape that the sample photos show."""

import math
import random
from collections.abc import Iterator

from PIL import Image, ImageChops, ImageDraw, ImageOps


def scene(width: int, height: int, seed: int = 0, grain: int = 14, sun: float = 0.7) -> Image.Image:
    """Draw a landscape scene, right side up, with an arrow pointing up.

    Args:
        width: The width in pixels.
        height: The height in pixels.
        seed: The seed of the random number generator for the hills and clouds.
        grain: The strength of the noise, as the maximum change in brightness on a scale from 0 to 255.
        sun: The sun's horizontal position, from 0 (left) to 1 (right).
    """
    chance = random.Random(f"{seed} {width} {height}")
    sky = Image.linear_gradient("L").resize((width, height))
    picture = ImageOps.colorize(sky, (48, 108, 190), (250, 214, 170))
    clouds = _noise(chance, (9, 9)).resize((width, height), Image.Resampling.BICUBIC)
    picture.paste((252, 246, 240), mask=clouds.point([max(0, level - 130) for level in range(256)]))
    draw, unit = ImageDraw.Draw(picture), min(width, height)
    draw.circle((width * sun, height * 0.28), unit * 0.08, fill=(255, 238, 150))
    for horizon, color in ((0.55, (96, 128, 148)), (0.66, (70, 122, 84)), (0.78, (44, 92, 52))):
        draw.polygon([*_ridge(chance, width, height, horizon), (width, height), (0, height)], fill=color)
    x, top, bottom = width * 0.25, height * 0.6, height * 0.9
    head = unit * 0.09
    draw.line((x, top, x, bottom), fill="white", width=max(1, round(unit * 0.05)))
    draw.polygon([(x, top - head), (x - head, top + head / 2), (x + head, top + head / 2)], fill="white")
    if not grain:
        return picture
    noise = _noise(chance, (width, height)).point(
        [128 + (level - 128) * grain // 128 for level in range(256)]
    )
    return ImageChops.add(picture, Image.merge("RGB", [noise] * 3), offset=-128)


def _ridge(chance: random.Random, width: int, height: int, horizon: float) -> Iterator[tuple[float, float]]:
    """Yield the points along the top edge of a row of hills, from left to right."""
    waves = [(chance.uniform(1, 9), chance.uniform(0, 6), chance.uniform(0.005, 0.03)) for _ in range(5)]
    for step in range(101):
        rise = sum(size * math.sin(often * step / 16 + shift) for often, shift, size in waves)
        yield width * step / 100, height * (horizon + rise)


def _noise(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
