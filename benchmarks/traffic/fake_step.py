"""A step of ours on fake tensors of a GPU: shapes and types, no numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks.traffic.plan import Row
from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.masking import count_visible, patch_grid

MASK_RATIO = 0.6
PATCH_SIZE = 32


@dataclass
class FakeStep:
    """A function of fake tensors.

    Attributes:
        mode: The mode in which it has to be called.
        forward: Returns the results.
        inputs: Its arguments.
    """

    mode: FakeTensorMode
    forward: Callable[..., Any]
    inputs: tuple[Tensor, ...]

    def cotangents(self, results: Any) -> list[Tensor]:
        """Return tensors like the results, as the gradients that reach them from behind."""
        with self.mode:
            return [torch.empty_like(result) for result in results]


def new_fake_mode() -> FakeTensorMode:
    """Return a mode in which tensors of a device that is not there can be made."""
    # It allocates a real tensor in older versions of PyTorch.
    context: Any = fake_tensor
    context.init_gpu_context = lambda *_: None
    return FakeTensorMode(allow_non_fake_inputs=True)


def make_fake_step(row: Row, device: str = "cuda") -> FakeStep:
    """Return what a row of the plan counts, for a device that need not be there."""
    mode = new_fake_mode()
    with torch.device("meta"):
        if row.part == "backbone":
            model: nn.Module = ConvNeXtV2(row.arch)
        else:
            model = FCMAE(ConvNeXtV2(row.arch, out_indices=()), layout=row.layout)
    to_fake(model, mode, device).train()
    with mode:
        images = torch.empty(row.images, 3, row.size, row.size, device=device)
        if row.part == "backbone":
            return FakeStep(mode, model, (images,))
        grid = patch_grid(row.size, row.size, PATCH_SIZE)
        visible = torch.empty(row.images, *grid, device=device, dtype=torch.bool)
    num_visible = count_visible(grid[0] * grid[1], MASK_RATIO)
    fcmae: Any = model

    def step(images: Tensor, visible: Tensor) -> Tensor:
        return fcmae.reconstruction_loss(images, visible, num_visible)

    def encode(images: Tensor, visible: Tensor) -> Tensor:
        return fcmae.backbone.encode_visible(images, visible, row.layout, num_visible)

    return FakeStep(mode, step if row.part == "step" else encode, (images, visible))


def to_fake(model: nn.Module, mode: FakeTensorMode, device: str) -> nn.Module:
    """Replace the parameters and buffers of a model by fake tensors of a device, and return it."""
    with mode:
        for module in model.modules():
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    fake = torch.empty(parameter.shape, device=device, dtype=parameter.dtype)
                    module._parameters[name] = nn.Parameter(fake, requires_grad=parameter.requires_grad)
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = torch.empty(buffer.shape, device=device, dtype=buffer.dtype)
    return model
