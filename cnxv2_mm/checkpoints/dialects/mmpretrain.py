"""The names of mmpretrain, mmdet and mmseg: open-mmlab/mmpretrain @ ee7f2e88 (models/backbones/convnext.py)."""

from cnxv2_mm.checkpoints.dialects.form import LINEAR, VECTOR
from cnxv2_mm.checkpoints.dialects.table import CLASSIFIER, STEM_AND_DOWNSAMPLING, Dialect, Row, blocks

MMPRETRAIN = Dialect(
    name="mmpretrain",
    backbone=(
        STEM_AND_DOWNSAMPLING,
        *blocks(
            "stages.{i}.{j}.",
            ("depthwise_conv.{p}", "dwconv.{p}"),
            ("norm.{p}", "norm.{p}"),
            ("pointwise_conv1.{p}", "pwconv1.{p}", LINEAR),
            ("grn.{g}", "grn.{g}", VECTOR),
            ("pointwise_conv2.{p}", "pwconv2.{p}", LINEAR),
            ("gamma", "gamma"),
        ),
        Row("norm{i}.{p}", "backbone.norm{i}.{p}"),
    ),
    around=(Row("head.fc.{p}", CLASSIFIER),),
    signature="stages.{i}.{j}.depthwise_conv.weight",
    roots=("backbone.",),
    write_root=lambda _: "backbone.",
    wrapper="state_dict",
)
