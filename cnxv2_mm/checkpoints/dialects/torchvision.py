"""The names of torchvision 0.29.1 (models/convnext.py), whose stem, stages and downsampling stand in one list."""

from cnxv2_mm.checkpoints.dialects.form import COLUMN
from cnxv2_mm.checkpoints.dialects.table import CLASSIFIER, FINAL_NORM, Dialect, Row
from cnxv2_mm.variants import NUM_STAGES


def _stage(i: int) -> tuple[Row, ...]:
    """Return the rows of a stage and of what stands before it: the stem, or a downsampling layer."""
    place, ours = f"features.{2 * i + 1}.{{j}}.", f"backbone.stages.{i}.{{j}}."
    return (
        Row(f"features.{2 * i}.{{k}}.{{p}}", f"backbone.downsample_layers.{i}.{{k}}.{{p}}"),
        Row(place + "block.0.{p}", ours + "dwconv.{p}"),
        Row(place + "block.2.{p}", ours + "norm.{p}"),
        Row(place + "block.3.{p}", ours + "pwconv1.{p}"),
        Row(place + "block.5.{p}", ours + "pwconv2.{p}"),
        Row(place + "layer_scale", ours + "gamma", COLUMN),
    )


TORCHVISION = Dialect(
    name="torchvision",
    backbone=tuple(row for i in range(NUM_STAGES) for row in _stage(i)),
    around=(Row("classifier.0.{p}", FINAL_NORM), Row("classifier.2.{p}", CLASSIFIER)),
    signature="features.{f}.{j}.block.0.weight",
    other_heads=("classifier.",),
    needs_layer_scale=True,
)
