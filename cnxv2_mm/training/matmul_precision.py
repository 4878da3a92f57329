"""How exactly a GPU multiplies matrices of float32."""

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from cnxv2_mm.registry import HOOKS

PRECISIONS = ("highest", "high", "medium")


@HOOKS.register_module()
class MatmulPrecisionHook(Hook):
    """A hook that sets PyTorch's ``torch.set_float32_matmul_precision`` for a run on CUDA, and logs it.

    It is about products of matrices in float32: linear layers, and our stem and downsampling. Sums are in float32 at
    each setting. Convolutions of cuDNN have a switch of their own (``torch.backends.cudnn``), which is 'high' by
    default. What autocast makes bfloat16 or float16 is not concerned. Without a CUDA device nothing is changed.

    Args:
        precision: 'highest' multiplies float32, 24 binary digits (PyTorch's default); 'high' multiplies TF32, 11 of
            them, on the tensor cores of compute capability 8.0 and later; 'medium' bfloat16, 8 of them.

    Raises:
        ValueError: The precision is none of these.
    """

    priority = "VERY_HIGH"

    def __init__(self, precision: str) -> None:
        if precision not in PRECISIONS:
            raise ValueError(
                f"MatmulPrecisionHook(precision={precision!r}): set precision to one of {', '.join(PRECISIONS)}."
            )
        self.precision = precision
        self._before: str | None = None

    def before_run(self, runner: Runner) -> None:
        """Set the precision."""
        if get_device() == "cuda":
            self._before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision(self.precision)
            print_log(f"Matrix products in float32: precision {self.precision!r}.", logger="current")

    def after_run(self, runner: Runner) -> None:
        """Set what was there before the run."""
        if self._before is not None:
            torch.set_float32_matmul_precision(self._before)
