"""The names of timm 1.0.31: models/convnext.py, and models/_features.py for ``features_only=True``."""

from cnxv2_mm.checkpoints.dialects.form import TIMM_LINEAR, VECTOR
from cnxv2_mm.checkpoints.dialects.table import CLASSIFIER, FINAL_NORM, Dialect, Row, blocks

_BLOCK = (
    ("conv_dw.{p}", "dwconv.{p}"),
    ("norm.{p}", "norm.{p}"),
    ("mlp.fc1.{p}", "pwconv1.{p}", TIMM_LINEAR),
    ("mlp.grn.weight", "grn.gamma", VECTOR),
    ("mlp.grn.bias", "grn.beta", VECTOR),
    ("mlp.fc2.{p}", "pwconv2.{p}", TIMM_LINEAR),
    ("gamma", "gamma"),
)

TIMM = Dialect(
    name="timm",
    backbone=(
        Row("stem.{k}.{p}", "backbone.downsample_layers.0.{k}.{p}"),
        Row("stages.{d}.downsample.{k}.{p}", "backbone.downsample_layers.{d}.{k}.{p}"),
        *blocks("stages.{i}.blocks.{j}.", *_BLOCK),
    ),
    around=(Row("head.norm.{p}", FINAL_NORM), Row("head.fc.{p}", CLASSIFIER)),
    signature="stages.{i}.blocks.{j}.conv_dw.weight",
    other_heads=("head.pre_logits.", "norm_pre."),
)

TIMM_FEATURES = Dialect(
    name="timm-features",
    backbone=(
        Row("stem_{k}.{p}", "backbone.downsample_layers.0.{k}.{p}"),
        Row("stages_{d}.downsample.{k}.{p}", "backbone.downsample_layers.{d}.{k}.{p}"),
        *blocks("stages_{i}.blocks.{j}.", *_BLOCK),
    ),
    around=(),
    signature="stages_{i}.blocks.{j}.conv_dw.weight",
)
