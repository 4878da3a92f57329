"""What a safetensors file says about itself beside its tensors: in ours, how images are normalised."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open


def read_metadata(file: str | os.PathLike[str]) -> dict[str, str]:
    """Return the metadata of a safetensors file; nothing for any other file, and for one that cannot be read."""
    path = Path(file)
    if path.suffix != ".safetensors" or not path.is_file():
        return {}
    try:
        with safe_open(path, framework="pt") as opened:
            return opened.metadata() or {}
    except (SafetensorError, OSError):  # whoever reads its tensors says what is wrong
        return {}


def stated_statistics(metadata: Mapping[str, str]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the mean and the standard deviation of each channel that metadata state; None if they do not.

    They are in the units of the image files: 0 to 255 for bytes.

    Raises:
        ValueError: They are no two lists of as many numbers, with deviations above 0.
    """
    if not {"mean", "std"} <= metadata.keys():
        return None
    try:
        mean, std = (tuple(float(number) for number in json.loads(metadata[key])) for key in ("mean", "std"))
    except (ValueError, TypeError) as error:
        raise ValueError(f"its metadata have a mean or std that is no list of numbers: {error}") from None
    if len(mean) != len(std) or not mean or not all(number > 0 for number in std):
        raise ValueError(f"its metadata have a mean {mean} and a std {std} that do not belong together")
    return mean, std
