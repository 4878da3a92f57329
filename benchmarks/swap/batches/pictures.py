"""Pictures of noise."""

import torch
from torch import Tensor


def noise(height: int, width: int, seed: int) -> Tensor:
    """Return (3, height, width) random bytes, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)
