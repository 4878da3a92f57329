"""Scenes: digits of random size, colour and place pasted on a photograph, with the visible part of each."""

import colorsys
from dataclasses import dataclass

import numpy as np

from demo.digits import Scans, draw_digit

# A digit is pasted only where it covers at most this share of the visible part of any earlier one.
MAX_COVERED = 0.15
# A digit's colour differs from the mean colour under it by at least this distance in RGB.
MIN_CONTRAST = 150.0
# After so many places that cover too much, the digit is left out; a colour is the best of as many.
ATTEMPTS = 20


@dataclass(frozen=True)
class Instance:
    """One pasted digit: its class 0..9, its scan's index in the digits set and its ``visible`` pixels (H, W)."""

    digit: int
    scan: int
    visible: np.ndarray


@dataclass(frozen=True)
class Scene:
    """An (H, W, 3) RGB picture in bytes and the digits in it; the visible parts never overlap."""

    image: np.ndarray
    instances: tuple[Instance, ...]


def compose(
    background: np.ndarray,
    scans: Scans,
    chosen: np.ndarray,
    size_share: tuple[float, float],
    rng: np.random.Generator,
) -> Scene:
    """Paste the scans at positions ``chosen`` of ``scans`` on ``background`` (S, S, 3), one after another.

    A digit's longer side is between ``size_share[0]`` and ``size_share[1]`` of the picture's. The first always
    finds a place; a later one that would hide too much of the earlier ones is left out.
    """
    image = background.astype(np.float32)
    size = len(image)
    instances: list[Instance] = []
    for position in chosen:
        for _ in range(ATTEMPTS):
            digit = draw_digit(scans.ink[position], round(size * rng.uniform(*size_share)))
            opacity = _place(digit, size, rng)
            shape = opacity > 0.5
            if all((shape & one.visible).sum() <= MAX_COVERED * one.visible.sum() for one in instances):
                break
        else:
            continue
        colour = _contrasting_colour(image[shape].mean(axis=0), rng)
        image += opacity[..., None] * (colour - image)
        instances = [Instance(one.digit, one.scan, one.visible & ~shape) for one in instances]
        instances.append(Instance(int(scans.digit[position]), int(scans.index[position]), shape))
    return Scene(image.round().astype(np.uint8), tuple(instances))


def _place(digit: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return the digit at a random place of an empty (size, size) canvas, wholly inside it."""
    canvas = np.zeros((size, size), np.float32)
    height, width = digit.shape
    top, left = rng.integers(size - height + 1), rng.integers(size - width + 1)
    canvas[top : top + height, left : left + width] = digit
    return canvas


def _contrasting_colour(beneath: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random vivid RGB colour, 0..255, at least MIN_CONTRAST from ``beneath``, or the farthest of ATTEMPTS."""
    candidates = []
    for _ in range(ATTEMPTS):
        hsv = rng.random(), rng.uniform(0.6, 1.0), rng.uniform(0.7, 1.0)
        colour = 255 * np.array(colorsys.hsv_to_rgb(*hsv), np.float32)
        if np.linalg.norm(colour - beneath) >= MIN_CONTRAST:
            return colour
        candidates.append(colour)
    return max(candidates, key=lambda colour: float(np.linalg.norm(colour - beneath)))
