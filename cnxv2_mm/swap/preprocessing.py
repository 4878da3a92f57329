"""Gives the new backbone images as it expects them: RGB, with the mean and deviation of its weights, in whole cells."""

from collections.abc import Iterator, MutableMapping
from math import lcm
from typing import Any

from mmengine.config import Config

from cnxv2_mm.config.entry import type_name
from cnxv2_mm.swap.image_statistics import Statistics
from cnxv2_mm.variants import LAST_STRIDE

# Keys for the order of the channels. mmdet and mmseg use the first; mmpretrain and the steps of pipelines the second.
_ORDERS = ("bgr_to_rgb", "to_rgb", "rgb_to_bgr")
_NUM_CHANNELS = 3
_PADDING = "pad_size_divisor"  # of mmdet's preprocessors, where it is 1 by default


def normalise_images(config: Config, images: Statistics) -> list[str]:
    """Change every data preprocessor of a config, also those inside others, and the ``Normalize`` steps of pipelines.

    A preprocessor without a mean gets one only if no pipeline normalises, because images would be normalised twice.

    Args:
        config: The whole config; changed in place.
        images: Mean and standard deviation that the new weights expect.

    Returns:
        A sentence about what was changed, if anything was.
    """
    before: list[str] = []
    parts = [part for key, value in config.items() for part in _parts(value, key)]
    steps = [part for key, part in parts if _is_step(key, part)]
    preprocessors = [part for key, part in parts if _is_preprocessor(key, part) and (part.get("mean") or not steps)]
    for part, is_step in [*((part, False) for part in preprocessors), *((step, True) for step in steps)]:
        if part.get("mean") and len(part["mean"]) != _NUM_CHANNELS:
            continue
        old = {key: part[key] for key in ("mean", "std", *_ORDERS) if key in part}
        if is_step and max(part["mean"]) <= 1:
            # It follows a step that divides by 255; one that only divides is such a step itself.
            new = _numbers(images.as_unit()) if max(part["std"]) <= 1 else {}
        else:
            order = next((key for key in ("to_rgb", "bgr_to_rgb") if key in part), _order_of(part, config))
            new = {**_numbers(images), order: True}
            if part.get("rgb_to_bgr"):
                new["rgb_to_bgr"] = False
        if any(_as_list(old.get(key)) != value for key, value in new.items()):
            before.append(", ".join(f"{key}={_as_list(value)}" for key, value in old.items()) or "none")
            part.update(new)
    if not before:
        return []
    return [
        f"images: RGB with {images.owner} mean and standard deviation, as the new weights expect (before: {before[0]})"
    ]


def pad_to_cells(config: Config) -> list[str]:
    """Let the data preprocessors of detectors pad images to sides that are multiples of the backbone's last stride.

    A ResNet pads the maps inside, so that no pixel is lost. ConvNeXt V2 leaves out rows and columns that do not fill a
    cell. DETR's relatives, which take positions as shares of the whole image, would be up to 31 pixels off.

    Args:
        config: The whole config; changed in place.

    Returns:
        A sentence about what was changed, if anything was.
    """
    before = None
    for key, part in (item for name, value in config.items() for item in _parts(value, name)):
        divisor = part.get(_PADDING, 1 if type_name(part) == "DetDataPreprocessor" else None)
        if _is_preprocessor(key, part) and divisor is not None and divisor % LAST_STRIDE:
            part[_PADDING] = lcm(divisor, LAST_STRIDE)
            before = divisor
    if before is None:
        return []
    return [
        f"images: padded to multiples of {LAST_STRIDE} pixels, because the backbone leaves out what does not fill a "
        f"cell (before: {_PADDING}={before})"
    ]


def _numbers(images: Statistics) -> dict[str, Any]:
    return {"mean": list(images.mean), "std": list(images.std)}


def _order_of(part: MutableMapping[str, Any], config: Config) -> str:
    """Return the key by which a step of a pipeline, or a data preprocessor, says that the images are RGB."""
    scope, dot, _ = str(part.get("type")).partition(".")
    is_mmpretrain = (scope if dot else config.get("default_scope")) == "mmpretrain"
    return "to_rgb" if is_mmpretrain or type_name(part).endswith("Normalize") else "bgr_to_rgb"


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_preprocessor(key: str, part: MutableMapping[str, Any]) -> bool:
    return key == "data_preprocessor" and "data_preprocessor" not in part


def _is_step(key: str, part: MutableMapping[str, Any]) -> bool:
    """Whether a dictionary is a step of a pipeline that normalises images."""
    is_normalize = type_name(part).endswith("Normalize") and isinstance(part.get("mean"), list | tuple)
    return is_normalize and key != "data_preprocessor"


def _parts(value: Any, key: str) -> Iterator[tuple[str, MutableMapping[str, Any]]]:
    """Yield every dictionary in a value, with its key; a dictionary in a list has the key of the list."""
    if isinstance(value, MutableMapping):
        yield key, value
        for name, item in value.items():
            yield from _parts(item, name)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item, key)
