"""The weights that the new backbone starts from, and those of the old network that must not be loaded any more."""

import difflib
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from cnxv2_mm import zoo
from cnxv2_mm.command_line import command
from cnxv2_mm.swap.refusal import SwapRefused

NO_WEIGHTS = "none"


def default_weights(arch: Any, scope: str) -> str:
    """Return the name in ``cnxv2_mm.zoo`` of the published weights that suit a task.

    The paper's choices: detectors start from FCMAE weights (table 6), segmenters from weights fine-tuned on ImageNet-1k
    (appendix A.4); so do classifiers, whose own data is often small.

    Raises:
        ValueError: None are published for this size.
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

    Raises:
        SwapRefused: The published weights are for images of three channels.
        ValueError: There are no published weights for this size, or ``checkpoint`` is no file, no name of the zoo and
            no address.
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
    """Says of weights that there are none now rather than when training starts."""
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
    """Remove what would fill the model with weights trained with the old backbone.

    Args:
        config: The whole config; its ``load_from`` is removed.
        owners: Every part of its model that contains a swapped backbone. A ``Pretrained`` of theirs is removed; with it
            mmengine would leave out the new backbone's own.

    Returns:
        What was removed, in words.
    """
    removed = []
    for owner in owners:
        if owner.get("pretrained"):
            removed.append(f"pretrained={owner['pretrained']!r}")
            owner["pretrained"] = None
        init = owner.get("init_cfg")
        if isinstance(init, MutableMapping) and _is_pretrained(init.get("type")):
            removed.append(f"init_cfg of {owner.get('type')}: {init.get('checkpoint')!r}")
            owner["init_cfg"] = None
    if config.get("load_from"):
        removed.append(f"load_from={config['load_from']!r}")
        config["load_from"] = None
    return [f"not loaded any more, since the old backbone is part of it: {', '.join(removed)}"] if removed else []


def _is_pretrained(kind: Any) -> bool:
    """Whether an ``init_cfg`` loads a file; new-style configs give mmengine's class, under its full name here."""
    return str(kind).rpartition(".")[2] in ("Pretrained", "PretrainedInit")
