"""The names of transformers 4.57.6: models/convnextv2 and models/convnext, and those of models/dinov3_convnext."""

from collections.abc import Mapping

from torch import Tensor

from cnxv2_mm.checkpoints.dialects.form import CELL
from cnxv2_mm.checkpoints.dialects.table import CLASSIFIER, FINAL_NORM, Dialect, Row, blocks


def _has_classifier(tensors: Mapping[str, Tensor]) -> bool:
    return "head.fc.weight" in tensors


def _is_classifier_or_bare(tensors: Mapping[str, Tensor]) -> bool:
    """Whether these tensors are of a class of transformers with a norm behind the pooling.

    Its ``Backbone`` class has norms of the stages' maps instead.
    """
    return _has_classifier(tensors) or not any(f"backbone.norm{i}.weight" in tensors for i in range(3))


def _hugging_face_root(tensors: Mapping[str, Tensor]) -> str:
    """Return the level that ``ForImageClassification`` puts before its network; the bare ``Model`` has none."""
    if not _has_classifier(tensors):
        return ""
    return "convnextv2." if any(".grn." in name for name in tensors) else "convnext."


HUGGING_FACE = Dialect(
    name="huggingface",
    backbone=(
        Row("embeddings.patch_embeddings.{p}", "backbone.downsample_layers.0.0.{p}"),
        Row("embeddings.layernorm.{p}", "backbone.downsample_layers.0.1.{p}"),
        Row("encoder.stages.{d}.downsampling_layer.{k}.{p}", "backbone.downsample_layers.{d}.{k}.{p}"),
        *blocks(
            "encoder.stages.{i}.layers.{j}.",
            ("dwconv.{p}", "dwconv.{p}"),
            ("layernorm.{p}", "norm.{p}"),
            ("pwconv1.{p}", "pwconv1.{p}"),
            ("grn.weight", "grn.gamma", CELL),
            ("grn.bias", "grn.beta", CELL),
            ("pwconv2.{p}", "pwconv2.{p}"),
            ("layer_scale_parameter", "gamma"),
        ),
        Row("layernorm.{p}", FINAL_NORM, when=_is_classifier_or_bare),
        Row("hidden_states_norms.stage1.{p}", "backbone.norm0.{p}"),  # of ConvNextV2Backbone
        Row("hidden_states_norms.stage2.{p}", "backbone.norm1.{p}"),
        Row("hidden_states_norms.stage3.{p}", "backbone.norm2.{p}"),
        Row("hidden_states_norms.stage4.{p}", FINAL_NORM),
    ),
    around=(Row("classifier.{p}", CLASSIFIER),),
    signature="encoder.stages.{i}.layers.{j}.dwconv.weight",
    roots=("convnextv2.", "convnext."),
    write_root=_hugging_face_root,
)

# In transformers 5 the stages stand under 'model.' and the final norm does not. It reads these names too.
DINOV3 = Dialect(
    name="dinov3",
    backbone=(
        Row("stages.{i}.downsample_layers.{k}.{p}", "backbone.downsample_layers.{i}.{k}.{p}"),
        *blocks(
            "stages.{i}.layers.{j}.",
            ("depthwise_conv.{p}", "dwconv.{p}"),
            ("layer_norm.{p}", "norm.{p}"),
            ("pointwise_conv1.{p}", "pwconv1.{p}"),
            ("pointwise_conv2.{p}", "pwconv2.{p}"),
            ("gamma", "gamma"),
        ),
        Row("layer_norm.{p}", FINAL_NORM),
    ),
    around=(Row("layer_norm.{p}", FINAL_NORM),),
    signature="stages.{i}.layers.{j}.depthwise_conv.weight",
    roots=("model.",),
    needs_layer_scale=True,
)
