"""A neck for heads that cannot read channels-last maps."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor

from cnxv2_mm.registry import MODELS


@MODELS.register_module()
class ContiguousMaps(BaseModule):
    """Copies maps into PyTorch's default memory format, for heads whose ``view`` fails on channels-last maps.

    The backbone's maps are channels last: most necks and heads are faster on that format. mmseg's DMNet is one that
    cannot read it.
    """

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the (N, C, H, W) maps with the same numbers, contiguous in that order."""
        return tuple(x.contiguous() for x in maps)
