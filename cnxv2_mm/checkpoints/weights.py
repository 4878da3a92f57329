"""Which tensors can be weights of a network: dense floating-point numbers that are all stored."""

import torch
from torch import Tensor

_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_FLOATS_OF_8_BITS = (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)


def as_weight(name: str, tensor: Tensor) -> Tensor:
    """Check that a tensor can be a weight, and return it; numbers of 8 bits become float32.

    Args:
        name: Its name, for the message.
        tensor: The tensor of a file or of a model.

    Raises:
        ValueError: The tensor is not of a floating-point type, is quantised or sparse, or stores fewer numbers than its
            shape has.
    """
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_quantized:
        raise ValueError(f"tensor {name!r} is quantised ({dtype}); save tensor.dequantize() instead")
    if tensor.dtype not in (*_FLOATS, *_FLOATS_OF_8_BITS):
        raise ValueError(
            f"tensor {name!r} is of type {dtype}, and weights are of float64, float32, float16, bfloat16 or float8; if "
            "the network was quantised, multiply by its scales to get float32 first"
        )
    if tensor.layout is not torch.strided or tensor.is_nested:
        layout = "nested" if tensor.is_nested else f"sparse ({str(tensor.layout).removeprefix('torch.')})"
        raise ValueError(f"tensor {name!r} is {layout}; save it dense, with tensor.to_dense() where it is sparse")
    if tensor.is_meta:
        raise ValueError(
            f"tensor {name!r} has a shape but no numbers (it is on the meta device); give the network its weights first"
        )
    repeats = any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
    if repeats or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(
            f"tensor {name!r} of shape {tuple(tensor.shape)} stores fewer numbers than its shape has (stride "
            f"{tensor.stride()}); save tensor.contiguous() instead"
        )
    return tensor.float() if tensor.dtype in _FLOATS_OF_8_BITS else tensor
