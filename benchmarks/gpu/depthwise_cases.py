"""The depthwise convolution of visible cells, alone: ours on packed cells, and PyTorch's on the map of all cells.

PyTorch's convolution is given the map as it wants it (channels last, hidden cells zero); that the map must be made, and
the visible cells taken out of its result, is not counted. Bytes: two tensors of visible cells, read or written.
"""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.gpu.kernel_timing import Call, Case, call_without_triton, without_triton
from benchmarks.speed.parity import exact_float32
from cnxv2_mm.layouts import Layout, Packed
from cnxv2_mm.masking import count_visible, patch_grid, random_visible

Convolution = Callable[[Tensor, nn.Conv2d], Tensor]
PATCH_SIZE = 32
MASK_RATIO = 0.6
TAPS = 7


def depthwise_cases(
    num_images: int, size: int, channels: tuple[int, ...], device: torch.device, dtype: torch.dtype
) -> Iterator[Case]:
    """Give the cases of each stage, one after another, so that one stage is in memory at a time.

    Args:
        num_images: Number of images.
        size: Their height and width in pixels.
        channels: Channels of the stages.
        device: Where they run.
        dtype: Type of cells and kernels.
    """
    grid = patch_grid(size, size, PATCH_SIZE)
    num_visible = count_visible(grid[0] * grid[1], MASK_RATIO)
    visible = random_visible(num_images, grid, num_visible).to(device)
    layout: Layout = Packed.of_patches(visible, num_visible, PATCH_SIZE)
    cells = num_visible * (PATCH_SIZE // 4) ** 2
    halve = nn.Conv2d(1, 1, 2, 2, device=device)
    for stage, width in enumerate(channels):
        if stage:
            _, layout = layout.downsample(torch.zeros(num_images, cells, 1, device=device), halve)
            cells //= 4
        yield from _stage(layout, stage, (num_images, cells, width), device, dtype)


def _stage(
    layout: Layout, stage: int, shape: tuple[int, int, int], device: torch.device, dtype: torch.dtype
) -> Iterator[Case]:
    """Give the cases of one stage, of cells of the shape (N, M, C)."""
    num_images, cells, width = shape
    conv = nn.Conv2d(width, width, TAPS, padding=TAPS // 2, groups=width, device=device, dtype=dtype)
    x, grad = (torch.randn(shape, device=device).to(dtype) for _ in range(2))
    dense, dense_grad = (layout.to_dense(t).permute(0, 3, 1, 2) for t in (x, grad))  # channels last
    on_maps = _expected(dense, dense_grad, conv)
    places = _places(layout, num_images * cells, device)
    weight_shape = conv.weight.shape
    on_cells = {
        direction: right
        if right.shape == weight_shape
        else right.permute(0, 2, 3, 1).flatten(0, 2).index_select(0, places).view(shape)
        for direction, right in on_maps.items()
    }
    words = f"stage {stage + 1}: {num_images} x {cells} visible cells, {width} channels"
    size = 2 * x.numel() * x.element_size()
    for direction, call in _calls(layout.depthwise, x, grad, conv).items():
        yield Case("depthwise", direction, words, "ours", size, call, (on_cells[direction],))
    with without_triton():
        calls = _calls(layout.depthwise, x, grad, conv)
    for direction, call in calls.items():
        other = call_without_triton(call)
        yield Case("depthwise", direction, words, "ours, without Triton", size, other, (on_cells[direction],))
    for direction, call in _calls(_convolve, dense, dense_grad, conv).items():
        yield Case("depthwise", direction, words, "F.conv2d on all cells", size, call, (on_maps[direction],))


def _places(layout: Layout, count: int, device: torch.device) -> Tensor:
    """Return where each packed cell is among the cells of all maps, (N * M,)."""
    numbers = torch.arange(1, count + 1, device=device, dtype=torch.float32)
    return layout.to_dense(numbers.view(layout.num_images, -1, 1)).flatten().argsort()[-count:]


def _convolve(x: Tensor, conv: nn.Conv2d) -> Tensor:
    return F.conv2d(x, conv.weight, conv.bias, padding=conv.padding, groups=conv.groups)


def _expected(x: Tensor, grad: Tensor, conv: nn.Conv2d) -> dict[str, Tensor]:
    """Return what each direction gives, by PyTorch in float32, on the map of all cells."""
    x, conv = x.float().requires_grad_(), copy.deepcopy(conv).float()
    with exact_float32():
        y = _convolve(x, conv)
        grad_x, grad_weight = torch.autograd.grad(y, (x, conv.weight), grad.float())
    return {"forward": y.detach(), "input gradient": grad_x, "weight gradient": grad_weight}


def _calls(forward: Convolution, x: Tensor, grad: Tensor, conv: nn.Conv2d) -> dict[str, Call]:
    """Return the three directions, each gradient from a graph of its own in which nothing else needs one."""
    frozen, trained = (copy.deepcopy(conv).requires_grad_(False) for _ in range(2))
    trained.weight.requires_grad_()
    start = x.detach().clone().requires_grad_()
    from_input, from_weight = forward(start, frozen), forward(x, trained)
    return {
        "forward": lambda: (forward(x, frozen),),
        "input gradient": lambda: torch.autograd.grad(from_input, start, grad, retain_graph=True),
        "weight gradient": lambda: torch.autograd.grad(from_weight, trained.weight, grad, retain_graph=True),
    }
