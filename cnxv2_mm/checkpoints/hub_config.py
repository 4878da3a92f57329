"""The ``config.json`` that timm and transformers put beside their weights: what it says and no tensor shows."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnxv2_mm.checkpoints.dialects import HUGGING_FACE, TIMM, Dialect

_NAME = "config.json"
_EPS = 1e-6
_EXACT_GELU = ("gelu", "gelu_python")


def check_hub_config(checkpoint: str | os.PathLike[str], dialect: Dialect) -> None:
    """Refuses a network of which the file beside it says that it computes something else than ours.

    Ours has the exact GELU and norms with eps 1e-6. transformers' ``layer_norm_eps`` is that of the norm behind the
    pooling alone, 1e-12 in all that is published; a smaller one than ours changes no digit that counts.

    Args:
        checkpoint: What was read; nothing is done unless it is a file with a ``config.json`` in its folder.
        dialect: Its dialect: the file speaks of weights in its own library's names.

    Raises:
        ValueError: It has another activation or another eps, or the ``config.json`` cannot be read.
    """
    path = Path(checkpoint).expanduser()
    beside = path.with_name(_NAME)
    if dialect not in (HUGGING_FACE, TIMM) or not path.is_file() or not beside.is_file():
        return
    try:
        config = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{str(beside)!r}, which tells what its tensors do not, is no JSON; mend it, or move it away"
        ) from error
    for name, value, fits in _settings(config if isinstance(config, Mapping) else {}, dialect):
        if value is not None and not fits:
            raise ValueError(
                f"{str(beside)!r} says {name}={value!r}, and this package has the exact GELU and norms with eps 1e-6: "
                "choose another checkpoint, or move the weights away from that file if it is not theirs"
            )


def _settings(config: Mapping[str, Any], dialect: Dialect) -> list[tuple[str, Any, bool]]:
    """Names, values, and whether ours is the same."""
    if dialect is TIMM:
        options = config.get("model_args") if "architecture" in config else None
        options = options if isinstance(options, Mapping) else {}
        act, eps = options.get("act_layer"), options.get("norm_eps")
        return [("act_layer", act, act == "gelu"), ("norm_eps", eps, eps == _EPS)]
    found = []
    for part in (config, config.get("backbone_config")):
        if isinstance(part, Mapping) and str(part.get("model_type")).startswith("convnext"):
            act, eps = part.get("hidden_act"), part.get("layer_norm_eps")
            found += [
                ("hidden_act", act, act in _EXACT_GELU),
                ("layer_norm_eps", eps, isinstance(eps, int | float) and eps <= _EPS),
            ]
    return found
