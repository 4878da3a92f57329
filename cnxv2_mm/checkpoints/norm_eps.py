"""The eps of the layer norms, which no tensor shows: that of a file, where something else tells it, and of a model."""

import os
import re
from pathlib import Path

from torch import nn

from cnxv2_mm import zoo
from cnxv2_mm.backbone import LAYER_NORM_EPS
from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.dialects import Dialect
from cnxv2_mm.checkpoints.hub_config import read_hub_config
from cnxv2_mm.checkpoints.relatives import find_eps_by_size
from cnxv2_mm.checkpoints.translate import Translation
from cnxv2_mm.checkpoints.wrappers import without_wrappers

_NORM = re.compile(r"backbone\.(?:stages\.\d\.\d+\.norm|downsample_layers\.(?:0\.1|[1-3]\.0))\.weight")


def find_eps_of_file(
    checkpoint: str | os.PathLike[str], path: Path | None, dialect: Dialect, architecture: Architecture
) -> float | None:
    """Return the eps of the norms of the network in a file, where it is known: nearest to the file first.

    Args:
        checkpoint: What the user wrote: a file, an address or a name.
        path: The file on this machine, if it is one.
        dialect: The dialect of the file.
        architecture: What its tensors show.

    Returns:
        What a ``config.json`` in its folder says, the zoo for its name, or timm for its size; None if none of these.

    Raises:
        ValueError: The ``config.json`` cannot be read, or has a network that no backbone of ours is.
    """
    eps = read_hub_config(path, dialect) if path is not None else None
    if eps is None and zoo.is_name(name := os.fspath(checkpoint)) and not Path(name).is_file():
        eps = zoo.find_weight(name).backbone.get("norm_eps", LAYER_NORM_EPS)
    return find_eps_by_size(dialect, architecture) if eps is None else eps


def find_eps_of_model(model: nn.Module, own: Translation) -> list[float]:
    """Return the eps of the norms of a backbone, those behind its outputs aside; more than one if they differ.

    Args:
        model: The backbone or the model around it, of any library.
        own: Its tensors, translated.
    """
    norms = {without_wrappers(own.origins[name]).rpartition(".")[0] for name in own.tensors if _NORM.fullmatch(name)}
    found = {
        float(module.eps)
        for name, module in model.named_modules()
        if without_wrappers(f"{name}.")[:-1] in norms and isinstance(getattr(module, "eps", None), float)
    }
    return sorted(found)


def check_eps(model: nn.Module, own: Translation, architecture: Architecture) -> None:
    """Refuse a model whose norms have another eps than the file's, where that is known.

    It is not set here: a model that is built from its config again, to load what was trained, would not have it.

    Raises:
        ValueError: They differ.
    """
    theirs, ours = architecture.norm_eps, find_eps_of_model(model, own)
    if theirs is not None and set(ours) - {theirs}:
        raise ValueError(
            f"its network has norms with eps {theirs} and this {type(model).__name__} has norms with eps "
            f"{', '.join(map(str, ours))}: set norm_eps={theirs} of the backbone"
        )
