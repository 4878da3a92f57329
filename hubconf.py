"""For ``torch.hub``: ``backbone = torch.hub.load(REPOSITORY, "convnextv2_tiny_fcmae")``.

There is an entry for each published weight, which ``torch.hub.list`` shows, and ``load_backbone`` for files.
"""

from collections.abc import Callable as _Callable
from typing import Any as _Any

from cnxv2_mm import ConvNeXtV2 as _ConvNeXtV2
from cnxv2_mm import load_backbone
from cnxv2_mm.zoo import WEIGHTS as _WEIGHTS
from cnxv2_mm.zoo import Weight as _Weight

__all__ = ["load_backbone"]  # and the names of the weights
dependencies = ["torch", "torchvision", "mmengine", "mmcv", "numpy", "PIL", "rich", "safetensors", "filelock"]


def _entry(weight: _Weight) -> _Callable[..., _ConvNeXtV2]:
    def entry(**changes: _Any) -> _ConvNeXtV2:
        return load_backbone(weight.name, **changes)

    entry.__doc__ = f"Load {weight.name} ({weight.terms}); changes are those of cnxv2_mm.load_backbone."
    return entry


globals().update({weight.name: _entry(weight) for weight in _WEIGHTS.values()})
