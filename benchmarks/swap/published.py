"""The configs that the installed libraries publish, the family of each, and which of them the walk is about."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cnxv2_mm.config.entry import type_name
from cnxv2_mm.config.load import shipped_config

LIBRARIES = ("mmdet", "mmseg", "mmpretrain", "mmpose", "mmrotate", "mmyolo")
# Under these keys a model has its backbone: 'backbone', 'teacher_backbone', 'image_encoder', 'vision_backbone', ...
_BACKBONE_KEY = re.compile(r".*backbone|image_encoder")
_BACKBONE_TYPE = re.compile(r"\w*(ResNet|ResNeXt|ResNeSt|RegNet|Res2Net|MobileNetV\d|SwinTransformer)\w*")
# mmyolo has backbones of its own. Other libraries use them too, in configs that the walk is not about.
_YOLO_TYPE = re.compile(r"YOLO\w*|PPYOLOE\w*|CSPNeXt")
_PART_KEY = re.compile(r".*(neck|head)|detector|transformer")


def importable() -> dict[str, str]:
    """Return the versions of the libraries that can be imported here; mmyolo wants another mmcv than the others."""
    versions = {}
    for name in LIBRARIES:
        if find_spec(name) is not None:
            try:
                versions[name] = import_module(name).__version__
            except (ImportError, AssertionError):  # how a library refuses the versions of others
                continue
    return versions


def list_configs(only: str | None = None) -> list[str]:
    """List all configs of the libraries that can be imported, ``mmdet::retinanet/...py`` and the like, in order.

    Args:
        only: A library, a family or a config, 'mmdet', 'mmdet/retinanet' or 'mmdet/retinanet/<file>'; None: all.

    Raises:
        ValueError: ``only`` names none.
    """
    found = []
    libraries = importable()
    for library in libraries:
        folder = shipped_config(f"{library}::")
        for path in sorted(folder.rglob("*.py")):
            place = path.relative_to(folder)
            wanted = only is None or f"{library}/{place}/".startswith(only.rstrip("/") + "/")
            if wanted and place.parts[0] != "_base_":
                found.append(f"{library}::{place}")
    if not found:
        raise ValueError(f"--only {only} names no published config; give {', '.join(libraries)} or mmdet/retinanet")
    return found


def family_of(config: str) -> str:
    """Return the library and the folder of a config: 'mmdet/retinanet'."""
    library, _, place = config.partition("::")
    return f"{library}/{place.split('/')[0]}"


def library_of(config: str) -> str:
    """Return the library of a config: 'mmdet'."""
    return config.partition("::")[0]


def backbones_of(model: Mapping[str, Any], library: str = "mmdet") -> list[str]:
    """Return the types of the backbones in a model's config that the walk is about, each once.

    Args:
        model: The model's config.
        library: The library that publishes it.
    """
    wanted = [_BACKBONE_TYPE, *[_YOLO_TYPE] * (library == "mmyolo")]
    types = (name for key, name in _parts(model) if _BACKBONE_KEY.fullmatch(key))
    return [name for name in dict.fromkeys(types) if any(kind.fullmatch(name) for kind in wanted)]


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
