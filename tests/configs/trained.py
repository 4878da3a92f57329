"""What a training has to leave, whatever it trains."""

from pathlib import Path

import torch
from torch import Tensor

from cnxv2_mm.checkpoints import allow_checkpoint_types


def check_trained(file: Path, steps: int) -> dict[str, Tensor]:
    """That many updates of every trained parameter, and finite weights; the weights."""
    allow_checkpoint_types()
    checkpoint = torch.load(file, weights_only=True)
    assert {int(state["step"]) for state in checkpoint["optimizer"]["state"].values()} == {steps}
    weights = checkpoint["state_dict"]
    assert all(w.isfinite().all() for w in weights.values() if w.is_floating_point())
    return weights
