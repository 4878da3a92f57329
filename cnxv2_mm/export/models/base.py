"""What every kind of model does to be exported: it is a function from normalised images to named tensors."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn


@dataclass(frozen=True)
class Output:
    """A tensor that an exported model gives.

    Attributes:
        name: Its name in the file.
        axes: The length of each axis: a number, or what it counts.
        meaning: What the numbers are, with their unit and range.
    """

    name: str
    axes: tuple[int | str, ...]
    meaning: str


class ExportableModel(nn.Module, ABC):
    """A model of a user, as a function that ``torch.export`` can record.

    The user's model stays as it is: what cannot be recorded is written here a second time, and no method of it is
    replaced.

    Args:
        model: A model of mmdet, mmseg or mmpretrain, or a backbone, in evaluation mode.

    Attributes:
        task: 'backbone', 'classifier', 'segmentor' or 'detector'.
        takes_batches: Whether it takes several images at once. A detector takes one: of each it finds another number
            of things.

    Raises:
        ValueError: The model cannot be exported. The message names what in it cannot be, and the reason.
    """

    task: ClassVar[str]
    takes_batches: ClassVar[bool] = True

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    @property
    @abstractmethod
    def outputs(self) -> tuple[Output, ...]:
        """The tensors that :meth:`forward` returns, in its order."""

    @abstractmethod
    def forward(self, images: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Compute the outputs.

        Args:
            images: (N, C, H, W) float32: normalised, in the channel order of the network, filled up with zeros at the
                right and below to sides that the network takes. N is 1 without ``takes_batches``.
            size: Height and width of the picture in it, in pixels.
        """

    @abstractmethod
    def reference(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the same outputs as the model's own library computes them: what an exported file is compared with.

        Args:
            inputs: (N, C, height, width), as the pipeline of the config gives them to the model's data preprocessor.
        """

    def description(self) -> Mapping[str, Any]:
        """Return more that a user of the file wants to know, as values of JSON; empty unless a kind of model has it."""
        return {}
