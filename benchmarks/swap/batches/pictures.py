"""Pictures of noise."""

from typing import Any

import torch
from torch import Tensor


def noise(height: int, width: int, seed: int) -> Tensor:
    """Return (3, height, width) random bytes, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)


def facts(side: int, seed: int) -> dict[str, Any]:
    """Return what detectors ask of a square picture that was neither scaled nor mirrored; ``side`` is in pixels."""
    return {
        "img_id": seed,
        "img_shape": (side, side),
        "ori_shape": (side, side),
        "pad_shape": (side, side),
        "scale_factor": (1.0, 1.0),
        "flip": False,
        "flip_direction": None,
    }
