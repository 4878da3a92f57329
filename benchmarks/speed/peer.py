"""What a peer is: a network that computes the same as ours, on the same weights."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnxv2_mm.variants import find_variant

Arch = str | Mapping[str, Sequence[int]]
Weights = dict[str, Tensor]  # names of cnxv2_mm, 'backbone.' and 'decoder.' in front


class PeerUnavailable(Exception):
    """A peer cannot be measured here, since something is not installed; the message says what."""


@dataclass(frozen=True)
class Workload:
    """What every peer of a table is given.

    Attributes:
        benchmark: 'pretrain' (the encoder on visible patches), 'backbone' or 'step'.
        arch: As in :class:`cnxv2_mm.ConvNeXtV2`.
        images: (N, 3, size, size), on the device of the measurement.
        visible: (N, h, w) booleans, patches of 32 pixels; None for whole images.
        num_visible: Number of visible patches of each image.
        mask_ratio: Share of hidden patches that was asked for; None for whole images.
        weights: Parameters drawn at random, on the CPU.
    """

    benchmark: str
    arch: Arch
    images: Tensor
    visible: Tensor | None
    num_visible: int | None
    mask_ratio: float | None
    weights: Weights

    @property
    def hidden_share(self) -> float:
        """The share of hidden patches, for what trains with a mask.

        Raises:
            ValueError: The images are whole.
        """
        if self.mask_ratio is None:
            raise ValueError(f"mask_ratio=None, but {self.benchmark!r} hides patches; give a share in (0, 1)")
        return self.mask_ratio

    @property
    def channels(self) -> tuple[int, ...]:
        return find_variant(self.arch).channels


class Network(nn.Module):
    """A peer's network under our interface."""

    @abstractmethod
    def forward(self, images: Tensor, visible: Tensor | None) -> tuple[Tensor, ...]:
        """Return (N, C, h, w) maps of the images, or a loss; ``visible`` is None for networks that hide nothing."""

    @abstractmethod
    def gradients(self) -> Weights:
        """Return the gradients of all parameters by our names, in our shapes."""


def gradients_of(module: nn.Module) -> Weights:
    """Return the gradients of a module's parameters by their names; a parameter without one is left out."""
    return {name: parameter.grad for name, parameter in module.named_parameters() if parameter.grad is not None}


@dataclass(frozen=True)
class Peer:
    """One line of a table.

    Attributes:
        name: Its name on the command line.
        computes: What it computes and how, in a line.
        build: Function that makes the network with the weights of a workload; raises :class:`PeerUnavailable`.
        hides: Whether it hides patches; a network without a mask computes every patch.
        channels_last: Whether network and images are turned into PyTorch's channels-last format.
        compilable: Whether ``torch.compile`` is worth trying.
        adapt: Function that changes the weights where it computes the same numbers only for some.
    """

    name: str
    computes: str
    build: Callable[[Workload], Network]
    hides: bool = True
    channels_last: bool = False
    compilable: bool = True
    adapt: Callable[[Weights], Weights] = dict

    def prepare(self, workload: Workload) -> tuple[Network, Tensor, Tensor | None]:
        """Return the network on the device of the workload, in training mode, and its inputs."""
        images = workload.images
        network = self.build(workload).to(images.device).train()
        if self.channels_last:
            network = network.to(memory_format=torch.channels_last)
            images = images.contiguous(memory_format=torch.channels_last)
        return network, images, workload.visible if self.hides else None
