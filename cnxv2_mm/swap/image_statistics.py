"""Mean and standard deviation of the images that a network was pre-trained on, and where they are known from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnxv2_mm.checkpoints.hub_config import read_description
from cnxv2_mm.checkpoints.metadata import read_metadata, stated_statistics
from cnxv2_mm.zoo.weight import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD, Colour

_CLIP_TOWER = "visual.trunk."
_WHOLE_RANGE = 255
_DIGITS = 8


@dataclass(frozen=True)
class Statistics:
    """How the images of a network are normalised.

    Attributes:
        mean: Mean of red, green and blue, in 0 ... 255.
        std: Standard deviation of each, in the same unit.
    """

    mean: Colour
    std: Colour

    @property
    def owner(self) -> str:
        """Whose numbers these are, for a sentence: "ImageNet's" or "CLIP's"; "the weights' own" for all others."""
        return next((name for name, known in _KNOWN.items() if known.is_close(self)), "the weights' own")

    def is_close(self, other: "Statistics") -> bool:
        """Whether two normalisations are the same, up to the digits that files leave out."""
        pairs = zip((*self.mean, *self.std), (*other.mean, *other.std), strict=True)
        return all(abs(a - b) < 0.01 for a, b in pairs)

    def as_unit(self) -> "Statistics":
        """Return the same for images whose numbers are in 0 ... 1."""
        return Statistics(_scaled(self.mean, 1 / _WHOLE_RANGE), _scaled(self.std, 1 / _WHOLE_RANGE))


def _scaled(numbers: Iterable[float], factor: float) -> Colour:
    red, green, blue = (round(number * factor, _DIGITS) for number in numbers)
    return red, green, blue


def of_unit_range(mean: Iterable[float], std: Iterable[float]) -> Statistics:
    """Return the statistics of images whose numbers are in 0 ... 1, as most libraries state them."""
    return Statistics(_scaled(mean, _WHOLE_RANGE), _scaled(std, _WHOLE_RANGE))


IMAGENET = Statistics(IMAGENET_MEAN, IMAGENET_STD)
CLIP = Statistics(CLIP_MEAN, CLIP_STD)
_KNOWN = {"ImageNet's": IMAGENET, "CLIP's": CLIP}


def find_statistics(file: Path, names: Iterable[str]) -> tuple[Statistics, str]:
    """Find the statistics of a file with weights: in it, in what its library writes beside it, or by its names.

    Args:
        file: The file.
        names: Names of the tensors in it.

    Returns:
        The statistics, those of ImageNet if nothing says others; and the reason, for a sentence.

    Raises:
        ValueError: The file or one beside it should say them and cannot be read.
    """
    try:
        stated = stated_statistics(read_metadata(file))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    if stated is not None and len(stated[0]) == 3:
        (mean_r, mean_g, mean_b), (std_r, std_g, std_b) = stated
        return Statistics((mean_r, mean_g, mean_b), (std_r, std_g, std_b)), "as the file itself says"
    for beside, find in _BESIDE.items():
        path = file.with_name(beside)
        if path.is_file() and (found := _as_statistics(*find(read_description(path)))):
            return found, f"as {beside} beside the file says"
    if any(_CLIP_TOWER in name for name in names):
        return CLIP, f"because the file holds a tower of CLIP ({_CLIP_TOWER}*)"
    return IMAGENET, f"because nothing says others ({', '.join(_BESIDE)} beside the file would)"


def _of_timm(config: Mapping[str, Any]) -> tuple[Any, Any]:
    if "architecture" not in config:  # a config.json of another library
        return None, None
    return _entries(config.get("pretrained_cfg", config), "mean", "std")  # old files have them at the top


def _of_transformers(config: Mapping[str, Any]) -> tuple[Any, Any]:
    return _entries(config, "image_mean", "image_std")


def _of_open_clip(config: Mapping[str, Any]) -> tuple[Any, Any]:
    return _entries(config.get("preprocess_cfg"), "mean", "std")


def _entries(config: Any, *keys: str) -> tuple[Any, Any]:
    mean, std = (config.get(key) if isinstance(config, Mapping) else None for key in keys)
    return mean, std


# In the order in which they are looked for: transformers writes a config.json too, which does not say them.
_BESIDE = {
    "config.json": _of_timm,
    "preprocessor_config.json": _of_transformers,
    "open_clip_config.json": _of_open_clip,
}


def _as_statistics(mean: Any, std: Any) -> Statistics | None:
    for numbers in (mean, std):
        if not isinstance(numbers, list) or len(numbers) != 3:
            return None
        if not all(isinstance(number, int | float) and 0 <= number <= 1 for number in numbers):
            return None
    return of_unit_range(mean, std) if all(std) else None
