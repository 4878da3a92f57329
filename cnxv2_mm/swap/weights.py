"""The weights that the new backbone starts from, and the old network's weights, which are no longer loaded."""

import difflib
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cnxv2_mm import zoo
from cnxv2_mm.command_line import command
from cnxv2_mm.config.entry import type_name
from cnxv2_mm.swap.refusal import SwapRefused

NO_WEIGHTS = "none"


def default_weights(arch: Any, scope: str) -> str:
    """Return the name in ``cnxv2_mm.zoo`` of the published weights that suit a task.

    As in the paper, detectors start from FCMAE weights (table 6) and segmenters from weights fine-tuned on ImageNet-1k
    (appendix A.4). Classifiers start from the latter too, because their own data is often small.

    Args:
        arch: A size of ``cnxv2_mm.variants``.
        scope: The library of the model: 'mmdet', 'mmseg' or 'mmpretrain'.

    Raises:
        ValueError: No weights are published for this size.
    """
    training = "fcmae" if scope == "mmdet" else "in1k"
    name = f"convnextv2_{arch}_{training}"
    if name not in zoo.WEIGHTS:
        sizes = ", ".join(dict.fromkeys(weight.size for weight in zoo.WEIGHTS.values()))
        raise ValueError(
            f"no weights are published for arch={arch!r} (they are for {sizes}): give checkpoint, a file, an address "
            f"or a name of the zoo, or {NO_WEIGHTS!r} for a random start"
        )
    return name


def init_cfg(arch: Any, checkpoint: str | None, scope: str, in_channels: int) -> dict[str, Any] | None:
    """Return the backbone's ``init_cfg``; None for a random start.

    Args:
        arch: A size of ``cnxv2_mm.variants``.
        checkpoint: A file, an address, a name of the zoo, or 'none'; None for :func:`default_weights`.
        scope: The library of the model.
        in_channels: Channels of the images.

    Raises:
        SwapRefused: No checkpoint is given, and the images have not the three channels of the published weights.
        ValueError: No weights are published for this size, or ``checkpoint`` is no file, no name of the zoo and no
            address.
    """
    if checkpoint == NO_WEIGHTS:
        return None
    if checkpoint is None:
        if in_channels != 3:
            raise SwapRefused(
                "other channels",
                f"The images have {in_channels} channels and the published weights are for 3.",
                f"give checkpoint={NO_WEIGHTS!r}, or weights pre-trained on such images.",
            )
        checkpoint = default_weights(arch, scope)
    else:
        _check_source(checkpoint)
    return {"type": "cnxv2_mm.Pretrained", "checkpoint": checkpoint}


def _check_source(checkpoint: str) -> None:
    """Raise an error now if the weights do not exist; else training would raise it later."""
    if Path(checkpoint).is_file() or "://" in checkpoint:
        return
    if zoo.is_name(checkpoint):
        zoo.find_file(checkpoint)
        return
    near = difflib.get_close_matches(checkpoint, zoo.WEIGHTS, n=1)
    raise ValueError(
        f"checkpoint={checkpoint!r} is no file here, no address (https://...) and no name of the zoo"
        f"{f'; did you mean {near[0]}?' if near else ''} (`{command('zoo')} list` shows the names; {NO_WEIGHTS!r} "
        "is a random start)"
    )


def forget_old_weights(config: Config, owners: Sequence[MutableMapping[str, Any]]) -> list[str]:
    """Remove settings that would load weights which were trained with the old backbone.

    Args:
        config: The whole config; its ``load_from`` is removed.
        owners: Every part of its model that contains a swapped backbone. If it has a ``Pretrained`` of its own, that is
            removed: mmengine would load it and ignore the new backbone's.

    Returns:
        A sentence about what was removed, if anything was.
    """
    removed = []
    for owner in owners:
        if owner.get("pretrained"):
            removed.append(f"pretrained={owner['pretrained']!r}")
            owner["pretrained"] = None
        init = owner.get("init_cfg")
        if isinstance(init, MutableMapping) and type_name(init) in ("Pretrained", "PretrainedInit"):
            removed.append(f"init_cfg of {type_name(owner)}: {init.get('checkpoint')!r}")
            owner["init_cfg"] = None
    if config.get("load_from"):
        removed.append(f"load_from={config['load_from']!r}")
        config["load_from"] = None
    note = f"weights: no longer loaded, because they contain the old backbone: {', '.join(removed)}"
    return [note] if removed else []
