"""The MLP of a block, linear - GELU - GRN - linear: ours as one operation, and PyTorch's operations one by one.

With C channels, D = 4 C hidden ones and R cells, the bytes of the forward pass are those of y and the result, R C each,
and of the hidden layer: written by the first product, read for the sums, read and written where GELU and GRN are
applied, read by the second product, 5 R D. Backward: y, the incoming gradient and that of y, 3 R C; the hidden layer is
read three times, the scaled one written and read, its gradient written and read three times, that of h written and read
twice, 12 R D. Weights are small beside that.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.gpu.kernel_timing import Call, Case, call_without_triton, without_triton
from benchmarks.speed.parity import exact_float32
from cnxv2_mm.kernels import grn_mlp

EPS = 1e-6


def mlp_cases(shapes: Sequence[tuple[int, ...]], device: torch.device, dtype: torch.dtype) -> Iterator[Case]:
    """Give the cases of each shape, one after another, so that one is in memory at a time.

    Args:
        shapes: Shapes of the cells: (N, M, C) of packed ones, (N, H, W, C) of maps.
        device: Where they run.
        dtype: Type of cells and weights, as autocast gives it to them; GRN's parameters and the last bias are float32.
    """
    for shape in shapes:
        yield from _shape(shape, device, dtype)


def _shape(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Iterator[Case]:
    channels = shape[-1]
    hidden = 4 * channels
    y, grad = (torch.randn(shape, device=device).to(dtype) for _ in range(2))
    parameters = [
        torch.randn(hidden, channels, device=device).div(channels**0.5).to(dtype),
        torch.randn(hidden, device=device).div(10).to(dtype),
        torch.randn(hidden, device=device) / 2,
        torch.randn(hidden, device=device) / 2,
        torch.randn(channels, hidden, device=device).div(hidden**0.5).to(dtype),
        torch.randn(channels, device=device) / 10,
    ]
    rows = y.numel() // channels
    sizes = {"forward": 2 * channels + 5 * hidden, "backward": 3 * channels + 12 * hidden}
    words = f"{' x '.join(map(str, shape))}"
    expected = _expected(y, grad, parameters)
    with without_triton():
        off = _calls(grn_mlp, y, grad, parameters)
    variants = {
        "ours": _calls(grn_mlp, y, grad, parameters),
        "ours, without Triton": {direction: call_without_triton(call) for direction, call in off.items()},
        "PyTorch's operations": _calls(one_by_one, y, grad, parameters),
    }
    for by, calls in variants.items():
        for direction, call in calls.items():
            size = rows * sizes[direction] * y.element_size()
            yield Case("mlp", direction, words, by, size, call, expected[direction])


def one_by_one(
    y: Tensor, weight1: Tensor, bias1: Tensor, gamma: Tensor, beta: Tensor, weight2: Tensor, bias2: Tensor, eps: float
) -> Tensor:
    """Return what ``cnxv2_mm.kernels.grn_mlp`` does, as the official code writes it.

    Source: ``GRN`` and ``Block`` of facebookresearch/ConvNeXt-V2 @ 2553895; its norm has the type of the cells under
    autocast too, here it is summed in float32.
    """
    g = F.gelu(F.linear(y, weight1, bias1))
    cells = tuple(range(1, g.ndim - 1))
    norm = torch.linalg.vector_norm(g, dim=cells, keepdim=True, dtype=torch.float32)
    relative = norm / (norm.mean(-1, keepdim=True) + eps)
    return F.linear((gamma * (g * relative) + beta + g).to(y.dtype), weight2, bias2.to(y.dtype))


def _expected(y: Tensor, grad: Tensor, parameters: Sequence[Tensor]) -> dict[str, tuple[Tensor, ...]]:
    """Return result and gradients by PyTorch in float32."""
    inputs = [t.float().requires_grad_() for t in (y, *parameters)]
    with exact_float32():
        out = one_by_one(*inputs, EPS)  # type: ignore[call-arg, arg-type]
        return {"forward": (out.detach(),), "backward": torch.autograd.grad(out, inputs, grad.float())}


def _calls(mlp: Callable[..., Tensor], y: Tensor, grad: Tensor, parameters: Sequence[Tensor]) -> dict[str, Call]:
    inputs = [t.detach().clone().requires_grad_() for t in (y, *parameters)]
    fixed = [t.detach() for t in inputs]
    out = mlp(*inputs, EPS)
    return {
        "forward": lambda: (mlp(*fixed, EPS),),
        "backward": lambda: torch.autograd.grad(out, inputs, grad, retain_graph=True),
    }
