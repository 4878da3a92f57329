"""On how fine a map each parameter of a network works: counted while the network runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

_LAYERS = (nn.Conv2d, nn.Linear, nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


@contextmanager
def cells_of_parameters(module: nn.Module) -> Iterator[dict[nn.Parameter, float]]:
    """Count, for each parameter of a plain layer, the cells of one image that the layer returns.

    Run the module inside the ``with``, then read the dictionary. A parameter without an entry belongs to another kind
    of layer, or was not used; if a layer runs twice, its latest run counts. Cells are the numbers that a layer returns
    divided by its channels, so that (N, C, H, W), (N, H, W, C), tokens and windows give the same count.
    """
    cells: dict[nn.Parameter, float] = {}
    images = [1]

    def remember_images(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        images[0] = len(inputs[0])

    def note(layer: nn.Module, _: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor) and isinstance(layer.weight, Tensor):
            made = output.numel() / (images[0] * len(layer.weight))
            cells.update(dict.fromkeys(layer.parameters(recurse=False), made))

    handles = [module.register_forward_pre_hook(remember_images)]
    handles += [layer.register_forward_hook(note) for layer in module.modules() if isinstance(layer, _LAYERS)]
    try:
        yield cells
    finally:
        for handle in handles:
            handle.remove()
