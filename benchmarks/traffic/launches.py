"""How many kernels PyTorch's operators launch on a CUDA device: estimates, where a library chooses.

Most launch one. What views and what only allocates launches none. The others, from the CUDA code of PyTorch 2.14:

- ``addmv`` copies the vector that it adds to, then multiplies.
- ``convolution`` adds its bias after cuDNN's kernel. ``convolution_backward`` is one kernel for each gradient that is
  wanted. What cuDNN launches beside, to change memory formats or to split a sum, is not counted.
- ``native_layer_norm_backward``: the gradient of the input, and those of weight and bias together. For many rows of few
  channels the second is three kernels; it is counted as one.
- ``sort`` copies the numbers, writes the indices, and sorts.
- ``index_put`` with accumulation computes places, sorts them by radix, and adds: about ten.
- ``slice_backward`` and its like fill a tensor with zeros, then copy. So does ``constant_pad_nd``.
- A matrix product is one kernel; cuBLAS may split it into two.
"""

from typing import Any

from torch._ops import OpOverload

ALLOCATES = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}
LAUNCHES = {
    "addmv": 2,
    "constant_pad_nd": 2,
    "native_layer_norm_backward": 2,
    "select_backward": 2,
    "slice_backward": 2,
    "sort": 3,
}
INDEX_PUT = {"index_put", "index_put_", "_index_put_impl_"}
SORTING_INDEX_PUT = 10


def count_launches(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Return how many kernels a call launches. It is not asked about views."""
    name = func.overloadpacket.__name__
    if name in ALLOCATES:
        return 0
    if name == "convolution":
        return 2 if _argument(func, "bias", args, kwargs) is not None else 1
    if name == "convolution_backward":
        return sum(_argument(func, "output_mask", args, kwargs))
    if name in INDEX_PUT:
        return SORTING_INDEX_PUT if _argument(func, "accumulate", args, kwargs) else 1
    return LAUNCHES.get(name, 1)


def _argument(func: OpOverload, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    place = next(i for i, argument in enumerate(func._schema.arguments) if argument.name == name)
    if place < len(args):
        return args[place]
    return kwargs.get(name, func._schema.arguments[place].default_value)
