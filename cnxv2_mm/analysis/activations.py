"""What goes through the layers of a network, seen by a measure while the network runs.

Nothing is kept: each batch is handed to the measure and forgotten.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn

from cnxv2_mm.backbone import ConvNeXtV2Block

# The second linear layer of a block's MLP: ours and the official one, mmpretrain's, timm's.
_SECOND_LAYERS = ("pwconv2", "pointwise_conv2", "mlp.fc2")


def hidden_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layer behind the hidden layer of each block, by the name of the block, in order.

    What enters it is the hidden layer, of four times the width: behind GELU, and behind GRN where there is one. The
    paper measures collapse there ("mainly in the dimension-expansion MLP layers", section 4 of arXiv 2301.00808).

    Args:
        model: A network of ConvNeXt blocks, V1 or V2, of this package, the official code, mmpretrain or timm.

    Raises:
        ValueError: The network has no such blocks.
    """
    layers = {
        name.removesuffix(end).removesuffix("."): module
        for name, module in model.named_modules()
        for end in _SECOND_LAYERS
        if name == end or name.endswith("." + end)
    }
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no ConvNeXt blocks: no layer is named {', '.join(_SECOND_LAYERS)}; "
            "name the modules to watch by model.get_submodule"
        )
    return layers


def blocks(model: nn.Module) -> dict[str, nn.Module]:
    """Return the blocks whose hidden layers :func:`hidden_layers` finds, by the same names."""
    return {name: model.get_submodule(name) for name in hidden_layers(model)}


@contextmanager
def watch(
    modules: Mapping[str, nn.Module],
    callback: Callable[[str, Tensor], None],
    side: Literal["input", "output"] = "input",
) -> Iterator[None]:
    """Call ``callback(name, cells)`` whenever one of the modules runs, until the context ends.

    A hooked module is called, never bypassed: our own fused operations step aside.

    Args:
        modules: The modules by name, such as those of :func:`hidden_layers`.
        callback: Gets the name and the cells without gradient, (N, ..., C): channels last, whatever the module has.
        side: Whether to look at what enters the module or at what it returns.
    """

    def see(name: str, module: nn.Module, args: tuple[Any, ...], output: Any = None) -> None:
        x = args[0] if side == "input" else output
        if not isinstance(x, Tensor) or x.ndim < 2:
            raise ValueError(f"the {side} of {name} is not one tensor of images, but {type(x).__name__}; watch a layer")
        callback(name, _channels_last(module, x.detach()))

    with ExitStack() as stack:
        for name, module in modules.items():
            register = module.register_forward_pre_hook if side == "input" else module.register_forward_hook
            stack.enter_context(register(partial(see, name)))
        yield


def _channels_last(module: nn.Module, x: Tensor) -> Tensor:
    """Move the channels of (N, C, H, W) maps to the end; linear layers and our blocks have them there already."""
    if x.ndim != 4 or isinstance(module, nn.Linear | ConvNeXtV2Block):
        return x
    if isinstance(module, nn.LayerNorm) and x.shape[-1] == module.normalized_shape[-1]:
        return x
    return x.movedim(1, -1)
