"""What a pre-training has measured on its held-out images, read from its log."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cnxv2_mm.recipes.logged_numbers import logged_numbers

_PREFIX = "held_out/"


@dataclass(frozen=True)
class Measures:
    """The held-out images before the first step and after the last one.

    Attributes:
        first: Numbers by name, as :class:`cnxv2_mm.FeatureProbeHook` lists them: ``loss``, ``patch_mean_loss``,
            ``rank_me``, ``cosine_distance``, and with class folders ``knn``.
        last: The same.
    """

    first: Mapping[str, float]
    last: Mapping[str, float]


def read_measures(work: Path) -> Measures:
    """Return what a run has measured.

    Args:
        work: Its working folder.

    Raises:
        ValueError: Nothing was measured: the config has been changed.
    """
    found: dict[int, dict[str, float]] = {}
    for numbers in logged_numbers(work):
        if f"{_PREFIX}loss" in numbers:
            held_out = {key: value for key, value in numbers.items() if key.startswith(_PREFIX)}
            found[numbers["step"]] = {key.removeprefix(_PREFIX): value for key, value in held_out.items()}
    if not found:
        raise ValueError(f"{work} has no measures of held-out images: the config needs cnxv2_mm.FeatureProbeHook.")
    return Measures(found[min(found)], found[max(found)])
