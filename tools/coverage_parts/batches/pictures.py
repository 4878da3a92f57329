"""Pictures of noise."""

import torch
from torch import Tensor


def noise(height: int, width: int, seed: int) -> Tensor:
    """(3, height, width) bytes."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)
