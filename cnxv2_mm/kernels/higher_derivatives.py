"""Gradients that can themselves be differentiated, by PyTorch's operations.

Where more derivatives than the first are wanted, they stand in for the operations that were written for speed.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def differentiable_gradients(
    function: Callable[..., Tensor], grad: Tensor, inputs: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Return the gradients of ``function(*inputs)`` as functions of ``grad`` and of the inputs.

    Each has derivatives in turn; an input that is None or requires no gradient has None.
    """
    with torch.enable_grad():
        # An input may depend on another one, but their views do not.
        views = [None if t is None else t.view_as(t) for t in inputs]
        out = function(*views)
    wanted = [view is not None and view.requires_grad for view in views]
    needed = [view for view, is_wanted in zip(views, wanted, strict=True) if view is not None and is_wanted]
    gradients = iter(torch.autograd.grad(out, needed, grad, create_graph=True))
    return [next(gradients) if is_wanted else None for is_wanted in wanted]
