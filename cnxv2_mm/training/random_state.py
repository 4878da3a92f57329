"""The random generators of Python, numpy and PyTorch: what they were, and that they are so again."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class RandomState(NamedTuple):
    """The state of every generator that a training step draws from; ``cuda`` is None where there is no such device."""

    python: tuple[Any, ...]
    numpy: dict[str, Any]
    torch: Tensor
    cuda: Tensor | None


def random_state() -> RandomState:
    """Return the states as they are now. No device is waited for."""
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return RandomState(random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state(), cuda)  # noqa: NPY002


def set_random_state(state: RandomState) -> None:
    """Set every generator back to what :func:`random_state` has returned."""
    random.setstate(state.python)
    np.random.set_state(state.numpy)  # noqa: NPY002  the generator that augmentations draw from
    torch.set_rng_state(state.torch)
    if state.cuda is not None:
        torch.cuda.set_rng_state(state.cuda)


@contextmanager
def unchanged_random_state() -> Iterator[None]:
    """Let the body draw random numbers that nothing behind it can tell were drawn."""
    before = random_state()
    try:
        yield
    finally:
        set_random_state(before)
