"""The visible cells as a MinkowskiEngine sparse tensor: the engine of the official pre-training code.

x is (M, C), the visible cells of all N images in the order in which the engine keeps their coordinates. These are
(image, row, column), counted in cells of the first stage at every stage, as the engine does.

Source: facebookresearch/ConvNeXt-V2 @ 2553895 (models/convnextv2_sparse.py) has a copy of the network made of the
engine's modules. What differs: the parameters are those of the dense backbone, given to the engine call by call; GRN's
norms are taken per image; the dense map is as large as the image, whichever cells are hidden.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.kernels.rows import scatter_rows
from cnxv2_mm.layouts.base import MaskedLayout, at_least_float32
from cnxv2_mm.layouts.minkowski_engine import import_engine
from cnxv2_mm.masking import enlarge
from cnxv2_mm.variants import STEM_STRIDE

if TYPE_CHECKING:
    from MinkowskiEngine import CoordinateManager, CoordinateMapKey, SparseTensor

ME = import_engine()


def depthwise_class(is_cuda: bool) -> type[nn.Module]:
    """Return the class of the engine's depthwise convolution.

    The official code's fork (shwoo93/MinkowskiEngine) has a kernel of its own for it, on GPUs only; the released engine
    multiplies and adds for one of the 49 offsets after another.
    """
    own_kernel = getattr(ME, "MinkowskiDepthwiseConvolution", None)
    return own_kernel if is_cuda and own_kernel is not None else ME.MinkowskiChannelwiseConvolution


def engine_kernel(weight: Tensor) -> Tensor:
    """Return (O, I, S, S) weights as the engine's (S * S, I, O), whose rows of the kernel count fastest."""
    return weight.permute(3, 2, 1, 0).flatten(0, 1)  # (O, I, row, column) -> (column, row, I, O)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run the body in one thread, to pair cells in it.

    Several threads would find the pairs in a random order, in which the gradients are then summed.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Minkowski(MaskedLayout):
    """The M visible cells of N images, the same number of them in each.

    Args:
        key: The engine's name for the cells of this stage.
        manager: What the engine knows about the coordinates of all stages.
        num_images: Number of images, N.
        size: (H, W) of this stage, hidden cells counted in.
    """

    is_batch_of_visible_cells = False  # x is not divided into images

    def __init__(
        self, key: "CoordinateMapKey", manager: "CoordinateManager", num_images: int, size: tuple[int, int]
    ) -> None:
        self.key = key
        self.manager = manager
        self.num_images = num_images
        self.size = size
        height, width = size
        stride, _ = key.get_tensor_stride()
        self.image, row, column = manager.get_coordinates(key).long().unbind(1)  # (M,) each
        self.place = (self.image * height + row // stride) * width + column // stride  # among all N * H * W cells
        self.by_image = self.image.argsort()  # the first image's cells, then the second's, ...
        self.paired: set[int] = set()  # sides of the depthwise kernels whose pairs of cells the engine has

    @classmethod
    def of_patches(cls, visible: Tensor, num_visible: int, patch_size: int) -> "Minkowski":
        if visible.device.type != "cpu" and not (visible.is_cuda and ME.is_cuda_available()):
            raise ValueError(
                f"the MinkowskiEngine installed here runs on {'cpu and cuda' if ME.is_cuda_available() else 'cpu'}, "
                f"not on {visible.device.type}; move model and images there, or use layout='packed'"
            )
        seen = enlarge(visible, patch_size // STEM_STRIDE)
        map_type = ME.CoordinateMapType.CUDA if visible.is_cuda else ME.CoordinateMapType.CPU
        # 0: any other number, and the default, would set the number of threads of PyTorch too.
        manager = ME.CoordinateManager(D=2, num_threads=0, coordinate_map_type=map_type)
        key, _ = manager.insert_and_map(seen.nonzero().int().contiguous())
        return cls(key, manager, seen.shape[0], (seen.shape[1], seen.shape[2]))

    def embed(self, images: Tensor, conv: nn.Conv2d) -> Tensor:
        blocks = F.pixel_unshuffle(images, STEM_STRIDE).permute(0, 2, 3, 1)  # (N, H, W, 16C), laid out as the weight is
        return F.linear(blocks.flatten(0, 2).index_select(0, self.place), conv.weight.flatten(1), conv.bias)

    def depthwise(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        side = conv.kernel_size[0]
        if side not in self.paired:
            with _one_thread():
                self.manager.kernel_map(self.key, self.key, kernel_size=side)
            self.paired.add(side)
        options = {"in_channels": conv.in_channels, "kernel_size": side}
        kernel = engine_kernel(conv.weight).squeeze(1)  # (S * S, C)
        return self._convolve(x, depthwise_class(x.is_cuda), options, kernel, conv.bias).F.to(x.dtype)

    def downsample(self, x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, "Minkowski"]:
        options = {"in_channels": conv.in_channels, "out_channels": conv.out_channels, "kernel_size": 2, "stride": 2}
        with _one_thread():
            y = self._convolve(x, ME.MinkowskiConvolution, options, engine_kernel(conv.weight), conv.bias)
        size = (self.size[0] // 2, self.size[1] // 2)
        return y.F.to(x.dtype), Minkowski(y.coordinate_map_key, self.manager, self.num_images, size)

    def image_norm(self, x: Tensor) -> Tensor:
        return self.per_image(torch.linalg.vector_norm(self.visible_cells(x), dim=1, dtype=at_least_float32(x)))

    def visible_cells(self, x: Tensor) -> Tensor:
        return x.index_select(0, self.by_image).unflatten(0, (self.num_images, -1))  # (M, C) -> (N, M / N, C)

    def per_image(self, values: Tensor) -> Tensor:
        return values.index_select(0, self.image)

    def to_dense(self, x: Tensor) -> Tensor:
        return scatter_rows(x, self.place, (self.num_images, *self.size))

    def _convolve(
        self, x: Tensor, module_class: type[nn.Module], options: dict[str, int], kernel: Tensor, bias: Tensor | None
    ) -> "SparseTensor":
        """Run one of the engine's modules on our parameters, in float32 or better: it knows no shorter type."""
        dtype = at_least_float32(x)
        cells = ME.SparseTensor(x.to(dtype), coordinate_map_key=self.key, coordinate_manager=self.manager)
        with torch.random.fork_rng(devices=()):  # the module draws parameters of its own, which nobody will see
            module = module_class(**options, bias=bias is not None, dimension=2)
        parameters = {"kernel": kernel.to(dtype).contiguous()}
        if bias is not None:
            parameters["bias"] = bias.to(dtype).unsqueeze(0)
        return torch.func.functional_call(module, parameters, (cells,))
