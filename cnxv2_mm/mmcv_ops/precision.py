"""The type in which the operators compute."""

import torch
from torch import Tensor


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """Return the type in which to compute with a tensor: its own, but float32 for the half-precision types.

    Sums and coordinates in half precision would be too coarse.
    """
    return torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype
