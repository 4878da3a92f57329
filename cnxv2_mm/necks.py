"""A neck for heads that cannot read channels-last maps."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor

from cnxv2_mm.registry import MODELS


@MODELS.register_module()
class ContiguousMaps(BaseModule):
    """Copies maps into PyTorch's default memory format, for heads that ``view`` them otherwise than they lie.

    The backbone's maps are channels last, the faster format for what usually reads them; mmseg's DMNet is an exception.
    """

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """(N, C, H, W) maps as they are, in default order."""
        return tuple(x.contiguous() for x in maps)
