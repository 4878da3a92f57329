"""A measure in the middle of a training leaves no trace in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from cnxv2_mm.training.random_state import unchanged_random_state


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Switch a model to evaluation, without gradients; afterwards modes and random numbers are as they were.

    The modes are those of each module: some may be frozen, and so in evaluation from the start.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), unchanged_random_state():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
