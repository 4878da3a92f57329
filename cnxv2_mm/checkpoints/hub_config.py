"""The ``config.json`` that timm and transformers write beside their weights: it says what no tensor shows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnxv2_mm.backbone import LAYER_NORM_EPS
from cnxv2_mm.checkpoints.dialects import DINOV3, HUGGING_FACE, TIMM, Dialect

_NAME = "config.json"
_EXACT_GELU = ("gelu", "gelu_python")
_XXLARGE = "convnext_xxlarge"  # the only network of timm's with other norms and the exact GELU


def read_hub_config(path: Path, dialect: Dialect) -> float | None:
    """Read the eps of a network's norms in the ``config.json`` in its folder, and refuse another activation than ours.

    Args:
        path: The file that was read. If there is no ``config.json`` in its folder, nothing is known.
        dialect: The dialect of its tensors; the ``config.json`` of another library is not about them.

    Returns:
        The eps; None if nothing is known.

    Raises:
        ValueError: The network has another activation than the exact GELU, or norms that no backbone of ours has; or
            the ``config.json`` cannot be read.
    """
    beside = path.with_name(_NAME)
    if dialect not in (TIMM, HUGGING_FACE, DINOV3) or not beside.is_file():
        return None
    config = read_description(beside)
    try:
        return _read_timm(config) if dialect is TIMM else _read_transformers(config, is_dinov3=dialect is DINOV3)
    except ValueError as error:
        raise ValueError(
            f"{str(beside)!r} says {error}: choose another checkpoint, or move the weights to another folder if that "
            "file is not about them"
        ) from error


def read_description(path: Path) -> Mapping[str, Any]:
    """Read what a library wrote in JSON about the weights in the same folder; nothing if it is no object.

    Raises:
        ValueError: It is no valid JSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{str(path)!r}, which describes the network, is no valid JSON; correct it, or move it to another folder"
        ) from error
    return content if isinstance(content, Mapping) else {}


def _read_timm(config: Mapping[str, Any]) -> float | None:
    if "architecture" not in config:
        return None
    options = config.get("model_args")
    options = options if isinstance(options, Mapping) else {}
    _check_activation("act_layer", options.get("act_layer"))
    is_xxlarge = str(config["architecture"]).partition(".")[0] == _XXLARGE
    eps = options.get("norm_eps")
    return 1e-5 if eps is None and is_xxlarge else _check_eps("norm_eps", eps)


def _read_transformers(config: Mapping[str, Any], is_dinov3: bool) -> float | None:
    """Read what transformers wrote about a network, or about a model around one.

    ``layer_norm_eps`` is the eps of all norms of DINOv3's networks. In all others it is that of the norm behind the
    pooling, and the norms inside have 1e-6. It is 1e-12 in all published files; an eps below that of the others is
    accepted, it makes no difference.
    """
    model_type = "dinov3_convnext" if is_dinov3 else "convnext"  # how transformers' begin
    found = None
    for part in (config, config.get("backbone_config")):
        if isinstance(part, Mapping) and str(part.get("model_type")).startswith(model_type):
            _check_activation("hidden_act", part.get("hidden_act"))
            eps = _check_eps("layer_norm_eps", part.get("layer_norm_eps"))
            found = eps if is_dinov3 else LAYER_NORM_EPS
            if eps > found:
                raise ValueError(f"layer_norm_eps={eps} of its last norm alone, and here all have the same, {found}")
    return found


def _check_activation(name: str, value: Any) -> None:
    if value is not None and value not in _EXACT_GELU:
        raise ValueError(f"{name}={value!r}, and this package has the exact GELU")


def _check_eps(name: str, value: Any) -> float:
    """Return an eps, 1e-6 if None: both libraries' layers have that where nothing is said."""
    if value is None:
        return LAYER_NORM_EPS
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"{name}={value!r}, which is no number above 0")
    return value
