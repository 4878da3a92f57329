"""The shapes that libraries give to the same tensor. Letters: O outputs, I inputs, C channels, S side of a kernel."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from cnxv2_mm.variants import VARIANTS

# timm's smallest sizes write the MLP's linear layers as 1 x 1 convolutions (conv_mlp=True).
_TIMM_CONV_MLP = {VARIANTS[name].channels for name in ("atto", "femto", "pico", "nano")}


@dataclass(frozen=True)
class Form:
    """How a dialect shapes a tensor.

    Attributes:
        read: Turns the library's tensor into ours. A tensor of an unexpected shape stays as it is: the check of shapes
            refuses it later.
        write: Turns our tensor into the library's. Its second argument is the number of channels of each stage.
    """

    read: Callable[[Tensor], Tensor]
    write: Callable[[Tensor, tuple[int, ...]], Tensor]


def _as_vector(tensor: Tensor) -> Tensor:
    """(1, ..., 1, C) -> (C,)."""
    return tensor.reshape(-1) if tensor.numel() == tensor.shape[-1:].numel() else tensor


def _as_channels(tensor: Tensor) -> Tensor:
    """(C, 1, 1) -> (C,)."""
    return tensor.reshape(-1) if tensor.ndim == 3 and tensor.shape[1:] == (1, 1) else tensor


def _without_kernel(tensor: Tensor) -> Tensor:
    """(O, I, 1, 1) -> (O, I)."""
    return tensor.flatten(1) if tensor.ndim == 4 and tensor.shape[2:] == (1, 1) else tensor


def _side(tensor: Tensor) -> int:
    """S of an (S * S, ...) kernel; 0 if there is none."""
    side = math.isqrt(len(tensor))
    return side if side**2 == len(tensor) else 0


def _read_kernel(kernel: Tensor) -> Tensor:
    """(S * S, I, O), rows of the kernel fastest -> (O, I, S, S)."""
    if kernel.ndim != 3 or not _side(kernel):
        return kernel
    return kernel.unflatten(0, (_side(kernel), -1)).permute(3, 2, 1, 0)  # (x, y, I, O) -> (O, I, y, x)


def _write_kernel(weight: Tensor, _: tuple[int, ...]) -> Tensor:
    return weight.permute(3, 2, 1, 0).flatten(0, 1)


def _read_depthwise(kernel: Tensor) -> Tensor:
    """(S * S, C), rows of the kernel fastest -> (C, 1, S, S)."""
    if kernel.ndim != 2 or not _side(kernel):
        return kernel
    return kernel.unflatten(0, (_side(kernel), -1)).permute(2, 1, 0).unsqueeze(1)  # (x, y, C) -> (C, 1, y, x)


def _write_depthwise(weight: Tensor, _: tuple[int, ...]) -> Tensor:
    return weight.squeeze(1).permute(2, 1, 0).flatten(0, 1)


def _write_timm_linear(weight: Tensor, channels: tuple[int, ...]) -> Tensor:
    return weight[..., None, None] if weight.ndim == 2 and channels in _TIMM_CONV_MLP else weight


SAME = Form(read=lambda t: t, write=lambda t, _: t)
VECTOR = Form(read=_as_vector, write=lambda t, _: t)
ROW = Form(read=_as_vector, write=lambda t, _: t[None])  # (1, C)
CELL = Form(read=_as_vector, write=lambda t, _: t[None, None, None])  # (1, 1, 1, C)
COLUMN = Form(read=_as_channels, write=lambda t, _: t[:, None, None])  # (C, 1, 1)
TOKEN = Form(read=lambda t: t.reshape(-1), write=lambda t, _: t[None, :, None, None])  # (1, C, 1, 1)
LINEAR = Form(read=_without_kernel, write=lambda t, _: t)
CONV_1X1 = Form(read=_without_kernel, write=lambda t, _: t[..., None, None] if t.ndim == 2 else t)
TIMM_LINEAR = Form(read=_without_kernel, write=_write_timm_linear)
KERNEL = Form(read=_read_kernel, write=_write_kernel)
DEPTHWISE = Form(read=_read_depthwise, write=_write_depthwise)
