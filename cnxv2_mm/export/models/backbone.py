"""A ConvNeXt alone: a picture to the maps of its stages."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.export.models.base import ExportableModel, Output
from cnxv2_mm.images import ImagePreprocessor
from cnxv2_mm.prediction.statistics import Statistics


class Backbone(ExportableModel):
    """A backbone without a head, as :func:`cnxv2_mm.load_backbone` gives it.

    Args:
        model: The backbone.
        statistics: What pictures are normalised by: those that the weights were trained with
            (:func:`cnxv2_mm.prediction.statistics.find_statistics`).

    Attributes:
        preprocessor: The data preprocessor that normalises by them, which a backbone lacks.

    Raises:
        ValueError: The backbone has no outputs, or the statistics are for another number of channels.
    """

    task: ClassVar[str] = "backbone"

    def __init__(self, model: ConvNeXtV2, statistics: Statistics) -> None:
        super().__init__(model)
        if not model.out_indices:
            raise ValueError("this ConvNeXtV2 has no outputs (out_indices=()): build it with out_indices=(0, 1, 2, 3)")
        if len(statistics.mean) != model.in_channels:
            raise ValueError(
                f"this ConvNeXtV2 takes {model.in_channels} channels, and {statistics.source} have a mean of "
                f"{len(statistics.mean)}: give those of its images"
            )
        self.statistics = statistics
        self.preprocessor = ImagePreprocessor(statistics.mean, statistics.std, flip_prob=0.0)

    @property
    def outputs(self) -> tuple[Output, ...]:
        backbone = self.model
        outputs = []
        for index, channels, stride in zip(
            backbone.out_indices, backbone.out_channels, backbone.out_strides, strict=True
        ):
            if backbone.gap_before_final_norm:
                axes: tuple[int | str, ...] = ("images", channels)
                meaning = "features of the whole image: averaged over the image, then normalised"
            else:
                axes = ("images", channels, f"height / {stride}", f"width / {stride}")
                meaning = f"features of each cell of {stride} x {stride} pixels, normalised"
            outputs.append(Output(f"stage{index + 1}", axes, f"{meaning}; no unit"))
        return tuple(outputs)

    def forward(self, images: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        return tuple(output.contiguous() for output in self.model(images))

    def reference(self, inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model(self.preprocessor({"inputs": inputs})["inputs"]))

    def description(self) -> Mapping[str, Any]:
        """Return by what the file itself normalises pictures, in the units of the image files."""
        mean, std, source = self.statistics.mean, self.statistics.std, self.statistics.source
        return {"normalisation": {"mean": list(mean), "std": list(std), "source": source}}
