"""The configs that the installed libraries publish, the family of each, and which of them the walk is about."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cnxv2_mm.config.entry import type_name
from cnxv2_mm.config.load import shipped_config

LIBRARIES = ("mmdet", "mmseg", "mmpretrain")
# Under these keys a model has its backbone: 'backbone', 'teacher_backbone', 'image_encoder', 'vision_backbone', ...
_BACKBONE_KEY = re.compile(r".*backbone|image_encoder")
_BACKBONE_TYPE = re.compile(r"\w*(ResNet|ResNeXt|ResNeSt|RegNet|Res2Net|MobileNetV\d|SwinTransformer)\w*")
_PART_KEY = re.compile(r".*(neck|head)|detector|transformer")


def list_configs(only: str | None = None) -> list[str]:
    """All published configs, ``mmdet::retinanet/retinanet_r50_fpn_1x_coco.py`` and the like, in order.

    Args:
        only: A library, a family or a config, 'mmdet', 'mmdet/retinanet' or 'mmdet/retinanet/<file>'; None: all.

    Raises:
        ValueError: ``only`` names none.
    """
    found = []
    for library in LIBRARIES:
        folder = shipped_config(f"{library}::")
        for path in sorted(folder.rglob("*.py")):
            place = path.relative_to(folder)
            wanted = only is None or f"{library}/{place}/".startswith(only.rstrip("/") + "/")
            if wanted and place.parts[0] != "_base_":
                found.append(f"{library}::{place}")
    if not found:
        raise ValueError(f"--only {only} names no published config; give {', '.join(LIBRARIES)} or mmdet/retinanet")
    return found


def family_of(config: str) -> str:
    """Return the library and the folder of a config: 'mmdet/retinanet'."""
    library, _, place = config.partition("::")
    return f"{library}/{place.split('/')[0]}"


def backbones_of(model: Mapping[str, Any]) -> list[str]:
    """Types of the backbones in a model's config that the walk is about, each once."""
    types = (name for key, name in _parts(model) if _BACKBONE_KEY.fullmatch(key))
    return [name for name in dict.fromkeys(types) if _BACKBONE_TYPE.fullmatch(name)]


def describe(model: Mapping[str, Any]) -> str:
    """Return what tells the models of one folder apart: the types of the model, its necks and its heads."""
    parts = dict.fromkeys(name for key, name in _parts(model) if _PART_KEY.fullmatch(key))
    return ", ".join([type_name(model), *parts])


def _parts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield the key and the type of every part of a model; those in a list have the list's key."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, Mapping) and "type" in item:
                yield str(name), type_name(item)
            yield from _parts(item, str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, Mapping) and "type" in item:
                yield key, type_name(item)
            yield from _parts(item, key)
