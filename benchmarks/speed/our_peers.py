"""Ours: the packed layout, the masked dense one, the dense backbone, and the whole pre-trainer."""

import torch
from torch import Tensor, nn

from benchmarks.speed.peer import Network, Peer, Weights, Workload, gradients_of
from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.layouts import Dense, MaskedDense


class OurEncoder(Network):
    """Our encoder on visible patches, as one layout stores them."""

    def __init__(self, workload: Workload, layout: str) -> None:
        super().__init__()
        self.backbone = ConvNeXtV2(workload.arch, out_indices=())
        self.load_state_dict(workload.weights)
        self.layout = layout
        self.num_visible = workload.num_visible

    def forward(self, images: Tensor, visible: Tensor | None) -> tuple[Tensor, ...]:
        if visible is None:
            visible = images.new_ones(len(images), *(side // 32 for side in images.shape[2:]), dtype=torch.bool)
            return (self.backbone.encode_visible(images, visible, self.layout),)
        return (self.backbone.encode_visible(images, visible, self.layout, self.num_visible),)

    def gradients(self) -> Weights:
        return gradients_of(self)


class MaskedDenseByKernels(MaskedDense):
    """Masked dense with what of our kernels it can use: the depthwise convolution with its fast weight gradient.

    The fused MLP takes GRN's norms over all cells that it is given; here hidden ones must not count.
    """

    def depthwise(self, x: Tensor, conv: nn.Conv2d) -> Tensor:
        return Dense.depthwise(self, x * self.visible, conv)

    def downsample(self, x: Tensor, conv: nn.Conv2d) -> tuple[Tensor, "MaskedDenseByKernels"]:
        y, layout = super().downsample(x, conv)
        return y, MaskedDenseByKernels(layout.visible.squeeze(-1))


class OurMaskedDenseByKernels(OurEncoder):
    """Our encoder on :class:`MaskedDenseByKernels`: how much of the packed layout's gain is in the kernels."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload, "masked_dense")

    def forward(self, images: Tensor, visible: Tensor | None) -> tuple[Tensor, ...]:
        if visible is None or self.num_visible is None:
            return super().forward(images, visible)
        start = MaskedDenseByKernels.of_patches(visible, self.num_visible, images.shape[-1] // visible.shape[-1])
        *_, (x, last) = self.backbone._encode(images, start)
        return (last.to_dense(x).permute(0, 3, 1, 2),)


class OurBackbone(Network):
    """Our backbone with four outputs, as a detector uses it."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.backbone = ConvNeXtV2(workload.arch)
        self.load_state_dict(workload.weights)

    def forward(self, images: Tensor, visible: Tensor | None = None) -> tuple[Tensor, ...]:
        return self.backbone(images)

    def gradients(self) -> Weights:
        return gradients_of(self)


class OurStep(Network):
    """FCMAE in one of our layouts. It draws its own masks, from PyTorch's default generator."""

    def __init__(self, workload: Workload, layout: str) -> None:
        super().__init__()
        backbone = ConvNeXtV2(workload.arch, out_indices=())
        self.model = FCMAE(backbone, mask_ratio=workload.hidden_share, layout=layout)
        self.model.load_state_dict(workload.weights)

    def forward(self, images: Tensor, visible: Tensor | None = None) -> tuple[Tensor, ...]:
        return (self.model.loss(images)["loss"],)

    def gradients(self) -> Weights:
        return gradients_of(self.model)


def build_packed(workload: Workload) -> Network:
    return OurEncoder(workload, "packed")


def build_masked_dense(workload: Workload) -> Network:
    return OurEncoder(workload, "masked_dense")


def build_packed_step(workload: Workload) -> Network:
    return OurStep(workload, "packed")


def build_masked_dense_step(workload: Workload) -> Network:
    return OurStep(workload, "masked_dense")


ENCODERS = (
    Peer("packed", "ours: only visible cells are kept; on a CPU the depthwise convolution visits all", build_packed),
    Peer("masked_dense", "ours: all cells by PyTorch's operations, channels last", build_masked_dense),
    Peer("masked_dense_kernels", "the same with our depthwise gradient", OurMaskedDenseByKernels),
)
BACKBONES = (Peer("ours", "ours: the dense backbone, channels last inside", OurBackbone, hides=False),)
STEPS = (
    Peer("packed", "ours: FCMAE on the packed layout", build_packed_step),
    Peer("masked_dense", "ours: FCMAE on the masked dense layout", build_masked_dense_step),
)
