"""Images as the new weights know them: RGB, mean and deviation of ImageNet, whatever the old weights wanted."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from mmengine.config import Config

MEAN = [123.675, 116.28, 103.53]
STD = [58.395, 57.12, 57.375]

_ORDERS = ("bgr_to_rgb", "to_rgb", "rgb_to_bgr")  # the first is mmdet's and mmseg's, the second mmpretrain's
_NUM_CHANNELS = 3


def normalise_images(config: Config) -> list[str]:
    """Changes every data preprocessor of a config, also those inside others, and ``Normalize`` steps of pipelines.

    Returns:
        What was changed, in words; empty if nothing was.
    """
    before: list[str] = []
    for part in (part for key, value in config.items() for part in _normalisers(value, key)):
        old = {key: part[key] for key in ("mean", "std", *_ORDERS) if key in part}
        order = next((key for key in ("to_rgb", "bgr_to_rgb") if key in part), _order_of(part, config))
        new = {"mean": MEAN, "std": STD, order: True}
        if part.get("rgb_to_bgr"):
            new["rgb_to_bgr"] = False
        if any(_as_list(old.get(key)) != value for key, value in new.items()):
            before.append(", ".join(f"{key}={_as_list(value)}" for key, value in old.items()) or "none")
            part.update({key: list(value) if isinstance(value, list) else value for key, value in new.items()})
    if not before:
        return []
    return [f"images: RGB, mean and deviation of ImageNet, as for the new weights (before: {before[0]})"]


def _order_of(part: MutableMapping[str, Any], config: Config) -> str:
    """What the library of a data preprocessor calls the order of its channels."""
    scope, _, _ = str(part.get("type")).rpartition(".")
    return "to_rgb" if (scope or config.get("default_scope")) == "mmpretrain" else "bgr_to_rgb"


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _normalisers(value: Any, key: str) -> Iterator[MutableMapping[str, Any]]:
    """Every part below a value that normalises three-channel images; ``key`` is the value's own."""
    if isinstance(value, MutableMapping):
        mean = value.get("mean")
        kind = value.get("type")
        name = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
        if key == "data_preprocessor" and "data_preprocessor" not in value:
            normalises = not mean or len(mean) == _NUM_CHANNELS
        else:  # means of at most 1 are for images that were divided by 255
            normalises = name.endswith("Normalize") and len(mean or ()) == _NUM_CHANNELS and max(mean) > 1
        if normalises:
            yield value
        for name, item in value.items():
            yield from _normalisers(item, name)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _normalisers(item, key)
