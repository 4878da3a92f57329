"""The ``init_cfg`` of a model: with ``type='Pretrained'``, our initialiser takes the place of mmengine's.

mmengine's loads what fits and only logs the rest. Ours, :class:`cnxv2_mm.checkpoints.Pretrained`, raises an error.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.model import PretrainedInit


def make_strict(init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None) -> dict | list[dict] | None:
    """Replace mmengine's ``Pretrained`` in an ``init_cfg`` by ours, which raises an error where mmengine's only logs.

    Args:
        init_cfg: One initialiser, several, or None; it is not changed.

    Returns:
        The same initialisers. Of several, ours comes last, so that none of the others draws over loaded weights; that
        is mmengine's order too.
    """
    if init_cfg is None:
        return None
    if not isinstance(init_cfg, Mapping):
        strict = [_make_one_strict(one) for one in init_cfg]
        return sorted(strict, key=lambda one: one.get("type") == "cnxv2_mm.Pretrained")
    return _make_one_strict(init_cfg)


def _make_one_strict(init_cfg: Mapping[str, Any]) -> dict:
    is_lenient = init_cfg.get("type") in ("Pretrained", PretrainedInit)
    # By name: the registry knows the class, which is in ``cnxv2_mm.checkpoints`` and needs the backbone.
    return {**init_cfg, "type": "cnxv2_mm.Pretrained"} if is_lenient else dict(init_cfg)
