"""The names of this package: pre-training, classifiers, detectors."""

from cnxv2_mm.checkpoints.dialects.form import VECTOR
from cnxv2_mm.checkpoints.dialects.table import CLASSIFIER, STEM_AND_DOWNSAMPLING, Dialect, Row, blocks, same

OURS = Dialect(
    name="ours",
    backbone=(
        STEM_AND_DOWNSAMPLING,
        *blocks(
            "stages.{i}.{j}.",
            ("dwconv.{p}", "dwconv.{p}"),
            ("norm.{p}", "norm.{p}"),
            ("pwconv1.{p}", "pwconv1.{p}"),
            ("grn.{g}", "grn.{g}", VECTOR),
            ("grn.{p}", "grn.{p}"),  # and these: what cnxv2_mm.feature_norms puts in the place of GRN
            ("grn.fc1.{p}", "grn.fc1.{p}"),
            ("grn.fc2.{p}", "grn.fc2.{p}"),
            ("grn.conv.weight", "grn.conv.weight"),
            ("grn.running_mean", "grn.running_mean"),
            ("grn.running_var", "grn.running_var"),
            ("pwconv2.{p}", "pwconv2.{p}"),
            ("gamma", "gamma"),
        ),
        Row("norm{i}.{p}", "backbone.norm{i}.{p}"),
    ),
    around=(
        Row("head.fc.{p}", CLASSIFIER),
        *same("decoder.", "proj.{p}", "mask_token", "pred.{p}"),
        *same("decoder.blocks.{j}.", "dwconv.{p}", "norm.{p}", "pwconv1.{p}", "grn.{g}", "pwconv2.{p}"),
        # A Transformer's.
        *same("decoder.blocks.{j}.", "norm1.{p}", "qkv.{p}", "proj.{p}", "norm2.{p}", "fc1.{p}", "fc2.{p}"),
        *same("decoder.", "norm.{p}"),
        # A U-Net's.
        *same("decoder.levels.{i}.", "dwconv.{p}", "norm.{p}", "pwconv1.{p}", "grn.{g}", "pwconv2.{p}"),
        *same("decoder.", "ups.{i}.{k}.{p}", "skips.{i}.{p}"),
    ),
    signature="stages.{i}.{j}.dwconv.weight",
    roots=("backbone.",),
    write_root=lambda _: "backbone.",
    wrapper="state_dict",
)
