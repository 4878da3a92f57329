"""The keys by which OpenMMLab's configs describe necks and heads: all that the swap knows about them is in this file.

The swap knows no class of a neck or a head. It finds these parts by their keys, changes the numbers under other keys,
and runs the result. A rule for a new neck or head is added here:

- a key with the channels of the maps that a part reads: ``INPUT_CHANNELS``, or ``FIRST_MAP_CHANNELS`` if it is always
  about the map of the highest resolution;
- another key whose channels depend on those of the maps: :func:`new_channels`;
- a key by which a part multiplies all its channels: ``_FACTOR``, and how the product is rounded: ``_WIDTHS``;
- a key that says which maps a part reads: :func:`maps_named` and :func:`keep_maps`;
- an entry of a model that reads no maps: ``NO_READERS``;
- an entry that is the last stage of the old backbone: ``LAST_STAGE``;
- an argument that heads take besides the maps: :func:`arguments_besides_maps`.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.structures import BaseDataElement

# Entries of a model that read no maps.
NO_READERS = ("backbone", "neck", "data_preprocessor", "train_cfg", "test_cfg", "init_cfg")
# In the heads of C4 detectors: the last stage of the old backbone, which runs on every region.
LAST_STAGE = "shared_head"

INPUT_CHANNELS = ("in_channels", "feature_channels", "in_dims")
FIRST_MAP_CHANNELS = ("c1_in_channels",)  # mmseg's DeepLabV3+ heads
_OUTPUT_CHANNELS = "out_channels"
# mmyolo's necks and heads have the channels that they state times this. Its classes round the product down, or up to a
# multiple of 8 (`make_divisible` of mmyolo/models/utils/misc.py, version 0.6.0); a config does not say which.
_FACTOR = "widen_factor"
_WIDTHS: tuple[Callable[[float], int], ...] = (int, lambda width: 8 * math.ceil(width / 8))
# Only extractors of regions have it. What they give out has the channels of the maps that they read.
_REGION_STRIDES = "featmap_strides"

# Heads of mmseg name the maps that they read, one index or a list of them.
_MAP_INDEX = "in_index"
# Necks name the first and the last map that they read; -1 is the last of all.
_FIRST_MAP = "start_level"
_LAST_MAP = "end_level"

# What heads do with maps: the one that does more comes first.
HEAD_METHODS = ("predict", "forward")

Channels = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """A neck or head in a model's config.

    Attributes:
        name: How messages call it: 'decode_head', 'auxiliary_head[1]'.
        owner: The dictionary or list that holds its config.
        key: Its key or index in the owner.
    """

    name: str
    owner: Any
    key: str | int

    @property
    def config(self) -> Any:
        """The config of the part."""
        return self.owner[self.key]

    def replace(self, config: Any) -> None:
        """Put another config in the place of the part's."""
        self.owner[self.key] = config


def is_teacher(key: str) -> bool:
    """Whether an entry of a model belongs to the teacher of a distillation, which is trained already and stays."""
    return key.startswith("teacher")


def necks(model: Mapping[str, Any]) -> list[Any]:
    """Return the configs of a model's necks, which run one after the other."""
    neck = model.get("neck") or []
    return neck if isinstance(neck, list) else [neck]


def set_necks(model: MutableMapping[str, Any], configs: list[Any]) -> None:
    """Put other necks in the place of a model's."""
    model["neck"] = configs if len(configs) > 1 or isinstance(model.get("neck"), list) else configs[0]


def readers(model: Mapping[str, Any]) -> list[Part]:
    """Return the parts that read the maps of the backbone: the first neck, or all heads if there is no neck."""
    if model.get("neck"):
        return [Part("neck", model["neck"], 0) if isinstance(model["neck"], list) else Part("neck", model, "neck")]
    return heads(model)


def heads(model: Mapping[str, Any]) -> list[Part]:
    """Return the parts behind backbone and neck."""
    found = []
    for key, entry in model.items():
        if key in NO_READERS or is_teacher(key) or not _is_part(entry):
            continue
        if isinstance(entry, list):
            found += [Part(f"{key}[{i}]", entry, i) for i in range(len(entry))]
        else:
            found.append(Part(key, model, key))
    return found


def _is_part(entry: Any) -> bool:
    if isinstance(entry, list):
        return bool(entry) and all(_is_part(item) for item in entry)
    return isinstance(entry, Mapping) and "type" in entry


def settings_in(config: Any) -> Iterator[MutableMapping[str, Any]]:
    """Yield the config of a part and every dictionary inside it."""
    if isinstance(config, MutableMapping):
        yield config
        for value in config.values():
            yield from settings_in(value)
    elif isinstance(config, list | tuple):
        for item in config:
            yield from settings_in(item)


def new_channels(
    settings: Mapping[str, Any],
    key: str,
    old: Channels,
    new: Channels,
    nested: bool,
    rounding: Callable[[float], int] = math.floor,
) -> tuple[Any, bool] | None:
    """Return what a value becomes if it states channels of the old maps.

    Args:
        settings: The dictionary that has the value: a part's config, or one inside it.
        key: The value's key.
        old: Channels of the old maps, high resolution first.
        new: Channels of the new maps.
        nested: Whether the dictionary is inside another one.
        rounding: Which whole number is stated if the part multiplies it by a ``widen_factor`` and the exact one is not
            whole: a part that rounds its product up needs ``math.floor``, one that rounds down ``math.ceil``.

    Returns:
        The value for the new maps, and whether it is certain: False if the same number may mean something else. None
        if the value is about something else.
    """
    factor = settings.get(_FACTOR, 1)
    if factor == 1 or not _are_numbers(settings[key]):
        return _new_channels(settings, key, old, new, nested)
    for width in _WIDTHS:
        widened = _each(lambda stated: width(stated * factor), settings[key])  # noqa: B023  called at once
        found = _new_channels({**settings, key: widened}, key, old, new, nested)
        if found is not None:
            value, certain = found
            return _each(lambda channels: rounding(channels / factor), value), certain
    return None


def _are_numbers(value: Any) -> bool:
    return all(type(item) is int for item in (value if isinstance(value, list | tuple) else [value]))


def _each(function: Callable[[int], int], value: Any) -> Any:
    """Return what a function makes of a number, or of each in a list."""
    return type(value)(map(function, value)) if isinstance(value, list | tuple) else function(value)


def _new_channels(
    settings: Mapping[str, Any], key: str, old: Channels, new: Channels, nested: bool
) -> tuple[Any, bool] | None:
    """Do what :func:`new_channels` does for a part that has the channels that it states."""
    value = settings[key]
    if isinstance(value, list | tuple):
        channels = _new_list(settings, key, tuple(value), old, new)
        return None if channels is None else (type(value)(channels), key in INPUT_CHANNELS)
    if type(value) is not int:
        return None
    if key in FIRST_MAP_CHANNELS and value == old[0]:
        return new[0], True
    if key in INPUT_CHANNELS:
        index = settings.get(_MAP_INDEX)
        if type(index) is int and -len(old) <= index < len(old):
            return (new[index], True) if old[index] == value else None
        if value in old:  # the deepest map with this number of channels
            deepest = max(i for i, channels in enumerate(old) if channels == value)
            return new[deepest], not nested
    if key == _OUTPUT_CHANNELS and _REGION_STRIDES in settings and value == old[-1]:
        return new[-1], False
    return None


def _new_list(
    settings: Mapping[str, Any], key: str, value: tuple[Any, ...], old: Channels, new: Channels
) -> Channels | None:
    indices = settings.get(_MAP_INDEX)
    if key in INPUT_CHANNELS:
        if isinstance(indices, list | tuple) and all(-len(old) <= i < len(old) for i in indices):
            if value == tuple(old[i] for i in indices):
                return tuple(new[i] for i in indices)
        elif value == old[::-1]:
            return new[::-1]
        for start in range(len(old) - len(value) + 1):  # all maps, or some of them that are neighbours
            if value == old[start : start + len(value)]:
                return new[start : start + len(value)]
    # Maps that are passed on as they are, in front of others that are made (SSD's neck).
    if key in (_OUTPUT_CHANNELS, *INPUT_CHANNELS) and len(value) >= len(old) > 1 and value[: len(old)] == old:
        return (*new, *value[len(old) :])
    return None


def maps_named(config: Mapping[str, Any], number: int) -> set[int]:
    """Return the indices of the maps that a part reads by its own settings.

    Args:
        config: The part's.
        number: How many maps there are.
    """
    indices = [settings[_MAP_INDEX] for settings in settings_in(config) if _MAP_INDEX in settings]
    named = {i % number for index in indices for i in (index if isinstance(index, list | tuple) else [index])}
    return named or set(range(config.get(_FIRST_MAP, 0), number))


def keep_maps(settings: MutableMapping[str, Any], kept: Sequence[int], channels: Channels) -> None:
    """Change the settings of a part so that they count only some of the maps.

    Args:
        settings: A part's config, or a dictionary inside it; changed in place.
        kept: Indices of the maps that are left, in order.
        channels: Channels of all the maps.
    """
    place = {index: place for place, index in enumerate(kept)}
    number = len(channels)
    indices, stated = settings.get(_MAP_INDEX), settings.get("in_channels")
    if isinstance(indices, list | tuple):
        left = [i for i, index in enumerate(indices) if index % number in place]
        settings[_MAP_INDEX] = type(indices)(place[indices[i] % number] for i in left)
        if isinstance(stated, list | tuple) and len(stated) == len(indices):
            settings["in_channels"] = type(stated)(stated[i] for i in left)
    elif type(indices) is int:
        settings[_MAP_INDEX] = place.get(indices % number, indices)
    elif isinstance(stated, list | tuple) and tuple(stated) == channels:
        settings["in_channels"] = type(stated)(stated[i] for i in kept)
    first, last = settings.get(_FIRST_MAP), settings.get(_LAST_MAP)
    if type(first) is int:
        settings[_FIRST_MAP] = sum(i < first for i in kept)
    if type(last) is int and last != -1:
        settings[_LAST_MAP] = place.get(last, -1)


def may_be_run(name: str) -> bool:
    """Whether a part behind the neck is a head, and no encoder or language model, which may download its weights."""
    return "head" in name


def arguments_besides_maps(
    method: Callable[..., Any] | None, model: Mapping[str, Any], image_size: tuple[int, int], num_images: int
) -> dict[str, Any] | None:
    """Return values for what a method of a head takes besides the maps.

    Args:
        method: The method of the head's class; None if it has none.
        model: The config that has the head.
        image_size: Height and width of the images, in pixels.
        num_images: How many images the maps are of.

    Returns:
        The values by name; None if the method asks for something else, or takes no maps.
    """
    if method is None:
        return None
    about: dict[str, Any] = dict.fromkeys(("img_shape", "ori_shape", "pad_shape", "batch_input_shape"), image_size)
    about |= {"scale_factor": (1.0, 1.0), "flip": False, "img_id": 0, "border": (0, image_size[0], 0, image_size[1])}
    known = {
        "batch_data_samples": [BaseDataElement(metainfo=about) for _ in range(num_images)],
        "batch_img_metas": [dict(about) for _ in range(num_images)],
        "test_cfg": model.get("test_cfg"),
    }
    parameters = list(inspect.signature(method).parameters.values())
    if len(parameters) < 2:  # itself and the maps
        return None
    others = parameters[2:]
    required = [p.name for p in others if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return {key: known[key] for key in required} if set(required) <= set(known) else None


def prediction_settings(name: str, model: Mapping[str, Any]) -> Any:
    """Return the ``test_cfg`` that a detector hands to one of its heads: 'rpn_head' has its own, under 'rpn'."""
    settings = model.get("test_cfg") or {}
    return settings.get(name.removesuffix("_head"), settings)
