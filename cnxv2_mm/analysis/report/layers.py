"""What happens in each block of a network while images run through it. No activation of a batch outlives it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, nn

from cnxv2_mm.analysis.activations import blocks, hidden_layers, watch
from cnxv2_mm.analysis.channel_activity import ActivityShares, ChannelActivity
from cnxv2_mm.analysis.class_selectivity import ClassSelectivity
from cnxv2_mm.analysis.feature_distance import feature_cosine_distance
from cnxv2_mm.analysis.report.pictures import channel_maps

_BLOCK = re.compile(r"stages\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Layer:
    """What was measured of one block: of the hidden layer of its MLP, and the selectivity of its output.

    Attributes:
        stage: Number of its stage, from 1.
        block: Number of the block in its stage, from 1.
        channels: Number of channels of the hidden layer.
        cosine_distance: Mean feature cosine distance of an image.
        activity: Shares of dead and saturated channels.
        selectivity: The class selectivity index of each channel of the output, (channels / 4,); None without classes.
    """

    stage: int
    block: int
    channels: int
    cosine_distance: float
    activity: ActivityShares
    selectivity: np.ndarray | None


class Layers:
    """Collects the measures of all blocks over batches of images.

    Args:
        backbone: The network whose blocks are watched, a ``ConvNeXtV2``.
        num_classes: Number of classes of the images; 0 if they have none.
    """

    def __init__(self, backbone: nn.Module, num_classes: int) -> None:
        self._hidden = hidden_layers(backbone)
        self._blocks = blocks(backbone)
        self._sums = {name: _Accumulator(num_classes) for name in self._hidden}
        self._last = {name.rpartition(".")[0]: name for name in self._hidden}  # of each stage
        self._maps: dict[str, np.ndarray] = {}

    @contextmanager
    def watching(self, labels: Tensor | None) -> Iterator[None]:
        """Measure the images that run through the backbone inside the context.

        Args:
            labels: The numbers of their classes, (N,); None if they have none.
        """

        def see_hidden(name: str, cells: Tensor) -> None:
            self._sums[name].update(cells)
            if name in self._last.values():
                self._maps.setdefault(name, channel_maps(cells[0]))

        def see_output(name: str, cells: Tensor) -> None:
            if labels is not None:
                self._sums[name].update_output(cells, labels)

        with watch(self._hidden, see_hidden), watch(self._blocks, see_output, side="output"):
            yield

    def compute(self) -> tuple[Layer, ...]:
        """Return the measures of each block, in order."""
        return tuple(total.finish(name) for name, total in self._sums.items())

    def maps(self) -> tuple[np.ndarray, ...]:
        """Return for each stage some maps of its last hidden layer on the first image; see :func:`channel_maps`."""
        return tuple(self._maps[name] for name in self._last.values())


@dataclass
class _Accumulator:
    """What is kept of one layer: sums, whatever the number of images."""

    num_classes: int
    distances: float = 0.0
    images: int = 0
    channels: int = 0
    activity: ChannelActivity = field(default_factory=ChannelActivity)
    selectivity: ClassSelectivity | None = None

    def __post_init__(self) -> None:
        if self.num_classes:
            self.selectivity = ClassSelectivity(self.num_classes)

    def update(self, cells: Tensor) -> None:
        """Add the hidden cells of some images, (N, ..., 4C)."""
        distances = feature_cosine_distance(cells)
        self.distances += float(distances.double().sum())
        self.images += len(distances)
        self.channels = cells.shape[-1]
        self.activity.update(cells)

    def update_output(self, cells: Tensor, labels: Tensor) -> None:
        """Add the cells that the block returned for some images, (N, ..., C)."""
        if self.selectivity is not None:
            self.selectivity.update(cells, labels)

    def finish(self, name: str) -> Layer:
        match = _BLOCK.fullmatch(name)
        assert match is not None  # the backbone is ours
        return Layer(
            stage=int(match[1]) + 1,
            block=int(match[2]) + 1,
            channels=self.channels,
            cosine_distance=self.distances / self.images,
            activity=self.activity.compute(),
            selectivity=None if self.selectivity is None else self.selectivity.compute().numpy(),
        )
