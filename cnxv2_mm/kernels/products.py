"""Matrix products on a CPU: by oneDNN where MKL, which PyTorch takes for float32, is slow.

On AMD's processors with AVX-512, oneDNN, which is in PyTorch, too, multiplies about twice as fast as MKL (measured on
one of family 26 alone: 190 to 240 GFLOP/s of a core, and 100). Elsewhere PyTorch's own choice stands, as it does for
other types, which PyTorch gives to oneDNN anyway. Either way float32 is multiplied and summed in float32.

Shape letters: n images, M cells each, K and D channels.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return ``x weight' + bias`` of (n, M, K), (D, K) and (D,): :func:`torch.nn.functional.linear`."""
    return _by_onednn(x, weight, bias) if _prefers_onednn(x) else F.linear(x, weight, bias)


def multiply(left: Tensor, right: Tensor, out: Tensor, bias: Tensor | None = None) -> Tensor:
    """Write ``left right + bias`` of (n, M, K), (K, D) and (D,) into ``out``, (n, M, D), and return it."""
    if _prefers_onednn(left):
        return out.copy_(_by_onednn(left, right.t(), bias))
    rows, result = left.flatten(0, 1), out.flatten(0, 1)
    if bias is None:
        torch.mm(rows, right, out=result)
    else:
        torch.addmm(bias, rows, right, out=result)
    return out


def add_product(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """Return a total, (D, K), and ``left' right`` of (n, M, D) and (n, M, K), summed over images and cells.

    A product that is alone (``total`` is None) keeps the type of its factors; a sum of several is float32 or better.
    The total's memory is used again.
    """
    turned, rows = left.flatten(0, 1).t(), right.flatten(0, 1)
    if total is None:
        return _by_onednn(turned, rows.t()) if _prefers_onednn(left) else turned @ rows
    if _prefers_onednn(left):
        return total.add_(_by_onednn(turned, rows.t()))
    total = total.to(torch.promote_types(total.dtype, torch.float32))
    return total.addmm_(turned, rows) if total.dtype == left.dtype else total.add_(turned @ rows)


def _by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x weight' + bias``."""
    # What torch.compile calls for linear layers that do not train; PyTorch has no public name for it.
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return result


def _prefers_onednn(x: Tensor) -> bool:
    return x.dtype == torch.float32 and x.device.type == "cpu" and x.numel() > 0 and mkl_is_slow()


@cache
def mkl_is_slow() -> bool:
    """Whether this is a processor of AMD with AVX-512, as far as PyTorch can tell (2.14 can, 2.7 cannot)."""
    describe = getattr(torch.cpu, "get_capabilities", dict)
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return False
    processor: dict[str, Any] = describe()
    return "AMD" in processor.get("cpu_name", "") and bool(processor.get("avx512_f"))
