"""The weights that the new backbone starts from, and the old network's weights, which are no longer loaded."""

from collections.abc import MutableMapping, Sequence
from typing import Any

from mmengine.config import Config

from cnxv2_mm import zoo
from cnxv2_mm.config.entry import type_name

NO_WEIGHTS = "none"


def default_weights(arch: Any, scope: str, freeze: bool = False) -> str:
    """Return the name in ``cnxv2_mm.zoo`` of the published weights that suit a task.

    As in the paper, detectors start from FCMAE weights (table 6) and segmenters from weights fine-tuned on ImageNet-1k
    (appendix A.4). Classifiers start from the latter too, because their own data is often small; and frozen backbones,
    because the paper only ever fine-tunes those of FCMAE (our choice).

    Args:
        arch: A size of ``cnxv2_mm.variants``.
        scope: The library of the model: 'mmdet', 'mmseg' or 'mmpretrain'.
        freeze: Whether the backbone is frozen.

    Raises:
        ValueError: No weights are published for this size.
    """
    training = "fcmae" if scope == "mmdet" and not freeze else "in1k"
    name = f"convnextv2_{arch}_{training}"
    if name not in zoo.WEIGHTS:
        sizes = ", ".join(dict.fromkeys(weight.size for weight in zoo.WEIGHTS.values() if weight.version == 2))
        raise ValueError(
            f"no weights of V2 are published for arch={arch!r} (they are for {sizes}): give checkpoint, a file, an "
            f"address or a name of the zoo, or {NO_WEIGHTS!r} for a random start"
        )
    return name


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
