"""The ``config.json`` that timm and transformers write beside their weights: it says what no tensor shows."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnxv2_mm.checkpoints.dialects import DINOV3, HUGGING_FACE, TIMM, Dialect

_NAME = "config.json"
_EPS = 1e-6
_EXACT_GELU = ("gelu", "gelu_python")


def check_hub_config(checkpoint: str | os.PathLike[str], dialect: Dialect) -> None:
    """Refuse a network that computes something else than ours, according to the ``config.json`` in its folder.

    Ours has the exact GELU and norms with eps 1e-6. ``layer_norm_eps`` of transformers concerns the norm behind the
    pooling alone, but for DINOv3, where it concerns all norms. It is 1e-12 in the other published files; an eps below
    ours is accepted there, it makes no difference.

    Args:
        checkpoint: What was read. If it is no file, or there is no ``config.json`` in its folder, nothing is checked.
        dialect: The dialect of its tensors; the ``config.json`` of another library is not about them.

    Raises:
        ValueError: The network has another activation or another eps, or the ``config.json`` cannot be read.
    """
    path = Path(checkpoint).expanduser()
    beside = path.with_name(_NAME)
    if dialect not in (HUGGING_FACE, DINOV3, TIMM) or not path.is_file() or not beside.is_file():
        return
    try:
        config = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{str(beside)!r}, which describes the network, is no valid JSON; correct it, or move it to another folder"
        ) from error
    for name, value, fits in _settings(config if isinstance(config, Mapping) else {}, dialect):
        if value is not None and not fits:
            raise ValueError(
                f"{str(beside)!r} says {name}={value!r}, and this package has the exact GELU and norms with eps 1e-6: "
                "choose another checkpoint, or move the weights to another folder if that file is not about them"
            )


def _settings(config: Mapping[str, Any], dialect: Dialect) -> list[tuple[str, Any, bool]]:
    """Return the settings that no tensor shows: name, value (None if unknown), and whether ours is the same."""
    if dialect is TIMM:
        options = config.get("model_args") if "architecture" in config else None
        options = options if isinstance(options, Mapping) else {}
        act, eps = options.get("act_layer"), options.get("norm_eps")
        return [("act_layer", act, act == "gelu"), ("norm_eps", eps, eps == _EPS)]
    found = []
    for part in (config, config.get("backbone_config")):
        kind = "dinov3_convnext" if dialect is DINOV3 else "convnext"
        if isinstance(part, Mapping) and str(part.get("model_type")).startswith(kind):
            act, eps = part.get("hidden_act"), part.get("layer_norm_eps")
            below = isinstance(eps, int | float) and eps <= _EPS
            found += [
                ("hidden_act", act, act in _EXACT_GELU),
                ("layer_norm_eps", eps, eps == _EPS if dialect is DINOV3 else below),
            ]
    return found
