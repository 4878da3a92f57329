"""The names of the papers' own code, dense and sparse.

Sources: facebookresearch/ConvNeXt-V2 @ 2553895 (models/convnextv2.py, models/fcmae.py, models/convnextv2_sparse.py,
utils.remap_checkpoint_keys); for V1 facebookresearch/ConvNeXt @ 048efce; for DINOv3 facebookresearch/dinov3 @ 6876159
(models/convnext.py), whose names EUPE has too.
"""

from cnxv2_mm.checkpoints.dialects.form import CELL, CONV_1X1, DEPTHWISE, KERNEL, ROW, TOKEN
from cnxv2_mm.checkpoints.dialects.table import CLASSIFIER, FINAL_NORM, STEM_AND_DOWNSAMPLING, Dialect, Row, blocks

OFFICIAL = Dialect(
    name="official",
    backbone=(
        STEM_AND_DOWNSAMPLING,
        *blocks(
            "stages.{i}.{j}.",
            ("dwconv.{p}", "dwconv.{p}"),
            ("norm.{p}", "norm.{p}"),
            ("pwconv1.{p}", "pwconv1.{p}"),
            ("grn.{g}", "grn.{g}", CELL),
            ("pwconv2.{p}", "pwconv2.{p}"),
            ("gamma", "gamma"),
        ),
        Row("norm.{p}", FINAL_NORM),
        # DINOv3's norms of the stages' maps. It has the last one alone, which is the final norm under a second name.
        Row("norms.{i}.{p}", "backbone.norm{i}.{p}", when=lambda _: False),
    ),
    around=(Row("head.{p}", CLASSIFIER),),
    signature="stages.{i}.{j}.dwconv.weight",
    wrapper="model",
    beside=(("projectors.", "projectors of its distillation"),),
)

OFFICIAL_SPARSE = Dialect(
    name="official-sparse",
    backbone=(
        Row("downsample_layers.0.{k}.{p}", "backbone.downsample_layers.0.{k}.{p}"),
        Row("downsample_layers.{d}.0.ln.{p}", "backbone.downsample_layers.{d}.0.{p}"),
        Row("downsample_layers.{d}.1.kernel", "backbone.downsample_layers.{d}.1.weight", KERNEL),
        Row("downsample_layers.{d}.1.bias", "backbone.downsample_layers.{d}.1.bias", ROW),
        *blocks(
            "stages.{i}.{j}.",
            ("dwconv.kernel", "dwconv.weight", DEPTHWISE),
            ("dwconv.bias", "dwconv.bias", ROW),
            ("norm.ln.{p}", "norm.{p}"),
            ("pwconv1.linear.{p}", "pwconv1.{p}"),
            ("grn.{g}", "grn.{g}", ROW),
            ("pwconv2.linear.{p}", "pwconv2.{p}"),
        ),
    ),
    around=(
        Row("proj.{p}", "decoder.proj.{p}", CONV_1X1),
        Row("mask_token", "decoder.mask_token", TOKEN),
        Row("decoder.{j}.dwconv.{p}", "decoder.blocks.{j}.dwconv.{p}"),
        Row("decoder.{j}.norm.{p}", "decoder.blocks.{j}.norm.{p}"),
        Row("decoder.{j}.pwconv1.{p}", "decoder.blocks.{j}.pwconv1.{p}"),
        Row("decoder.{j}.grn.{g}", "decoder.blocks.{j}.grn.{g}", CELL),
        Row("decoder.{j}.pwconv2.{p}", "decoder.blocks.{j}.pwconv2.{p}"),
        Row("pred.{p}", "decoder.pred.{p}", CONV_1X1),
    ),
    signature="stages.{i}.{j}.dwconv.kernel",
    roots=("encoder.",),
    write_root=lambda _: "encoder.",
    wrapper="model",
)
