"""The names and shapes that each library gives to the tensors of a ConvNeXt: one table for each dialect.

Each row pairs a name of the library with one of ours. Any two libraries translate into each other through
our names. Sources:

- official, official-sparse: facebookresearch/ConvNeXt-V2 @ 2553895 (models/convnextv2.py, models/fcmae.py,
  models/convnextv2_sparse.py, utils.remap_checkpoint_keys) and, for V1, facebookresearch/ConvNeXt @ 048efce;
- mmpretrain: open-mmlab/mmpretrain @ ee7f2e88 (models/backbones/convnext.py); timm: 1.0.31 (models/convnext.py);
- huggingface: transformers 4.57.6 (models/convnextv2, models/convnext).

In the templates ``{i}`` is a stage, ``{d}`` one behind the first, ``{j}`` a block, ``{k}`` a place in the stem or in a
downsampling layer, ``{p}`` 'weight' or 'bias', ``{g}`` 'gamma' or 'beta'. Shape letters: O outputs, I inputs, C
channels, S side of a kernel.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from cnxv2_mm.variants import VARIANTS

_PLACES = {
    "i": r"(?P<i>[0-3])",
    "d": r"(?P<d>[1-3])",
    "j": r"(?P<j>0|[1-9]\d{0,2})",  # at most three digits: up to the highest block, every missing one is listed
    "k": r"(?P<k>[01])",
    "p": r"(?P<p>weight|bias)",
    "g": r"(?P<g>gamma|beta)",
}
# timm's smallest sizes write the MLP's linear layers as 1 x 1 convolutions (conv_mlp=True).
_TIMM_CONV_MLP = {VARIANTS[name].channels for name in ("atto", "femto", "pico", "nano")}


def compile_template(template: str) -> re.Pattern[str]:
    """Return a pattern that matches the names of a template."""
    parts = re.split(r"{(\w)}", template)
    return re.compile("".join(_PLACES[p] if i % 2 else re.escape(p) for i, p in enumerate(parts)))


@dataclass(frozen=True)
class Form:
    """How a dialect shapes a tensor.

    Attributes:
        read: Turns the library's tensor into ours. A tensor of an unexpected shape stays as it is: the check of shapes
            refuses it later.
        write: Turns our tensor into the library's. Its second argument is the number of channels of each stage.
    """

    read: Callable[[Tensor], Tensor]
    write: Callable[[Tensor, tuple[int, ...]], Tensor]


def _as_vector(tensor: Tensor) -> Tensor:
    """(1, ..., 1, C) -> (C,)."""
    return tensor.reshape(-1) if tensor.numel() == tensor.shape[-1:].numel() else tensor


def _without_kernel(tensor: Tensor) -> Tensor:
    """(O, I, 1, 1) -> (O, I)."""
    return tensor.flatten(1) if tensor.ndim == 4 and tensor.shape[2:] == (1, 1) else tensor


def _side(tensor: Tensor) -> int:
    """S of an (S * S, ...) kernel; 0 if there is none."""
    side = math.isqrt(len(tensor))
    return side if side**2 == len(tensor) else 0


def _read_kernel(kernel: Tensor) -> Tensor:
    """(S * S, I, O), rows of the kernel fastest -> (O, I, S, S)."""
    if kernel.ndim != 3 or not _side(kernel):
        return kernel
    return kernel.unflatten(0, (_side(kernel), -1)).permute(3, 2, 1, 0)  # (x, y, I, O) -> (O, I, y, x)


def _write_kernel(weight: Tensor, _: tuple[int, ...]) -> Tensor:
    return weight.permute(3, 2, 1, 0).flatten(0, 1)


def _read_depthwise(kernel: Tensor) -> Tensor:
    """(S * S, C), rows of the kernel fastest -> (C, 1, S, S)."""
    if kernel.ndim != 2 or not _side(kernel):
        return kernel
    return kernel.unflatten(0, (_side(kernel), -1)).permute(2, 1, 0).unsqueeze(1)  # (x, y, C) -> (C, 1, y, x)


def _write_depthwise(weight: Tensor, _: tuple[int, ...]) -> Tensor:
    return weight.squeeze(1).permute(2, 1, 0).flatten(0, 1)


def _write_timm_linear(weight: Tensor, channels: tuple[int, ...]) -> Tensor:
    return weight[..., None, None] if weight.ndim == 2 and channels in _TIMM_CONV_MLP else weight


SAME = Form(read=lambda t: t, write=lambda t, _: t)
VECTOR = Form(read=_as_vector, write=lambda t, _: t)
ROW = Form(read=_as_vector, write=lambda t, _: t[None])  # (1, C)
CELL = Form(read=_as_vector, write=lambda t, _: t[None, None, None])  # (1, 1, 1, C)
TOKEN = Form(read=lambda t: t.reshape(-1), write=lambda t, _: t[None, :, None, None])  # (1, C, 1, 1)
LINEAR = Form(read=_without_kernel, write=lambda t, _: t)
CONV_1X1 = Form(read=_without_kernel, write=lambda t, _: t[..., None, None] if t.ndim == 2 else t)
TIMM_LINEAR = Form(read=_without_kernel, write=_write_timm_linear)
KERNEL = Form(read=_read_kernel, write=_write_kernel)
DEPTHWISE = Form(read=_read_depthwise, write=_write_depthwise)


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        theirs: Template of the library's name.
        ours: Template of our name.
        form: How the library shapes the tensor.
        when: Whether the row is used when a file with these tensors (our names) is written. For reading it always is.
    """

    theirs: str
    ours: str
    form: Form = SAME
    when: Callable[[Mapping[str, Tensor]], bool] = lambda _: True

    @cached_property
    def their_names(self) -> re.Pattern[str]:
        return compile_template(self.theirs)

    @cached_property
    def our_names(self) -> re.Pattern[str]:
        return compile_template(self.ours)


@dataclass(frozen=True)
class Dialect:
    """The names and shapes of one library.

    Attributes:
        name: The name by which users choose it.
        backbone: Rows of the network without its head. The first row that matches counts, for reading and for writing.
        around: Rows of what follows the network: a final norm inside a head, classifier, decoder.
        signature: Template of a tensor of every block, by which the dialect is recognised; official and ours share one.
        roots: Levels that may stand before the names of ``backbone`` but not before those of ``around``.
        write_root: Returns the one of them to write, for a file with these tensors (our names).
        wrapper: Entry of the file under which the library looks for the tensors; '' for the top level.
        other_heads: First levels of names of heads that are more than a linear layer behind the pooled and normed map.
    """

    name: str
    backbone: tuple[Row, ...]
    around: tuple[Row, ...]
    signature: str
    roots: tuple[str, ...] = ()
    write_root: Callable[[Mapping[str, Tensor]], str] = lambda _: ""
    wrapper: str = ""
    other_heads: tuple[str, ...] = ()

    @cached_property
    def levels(self) -> re.Pattern[str]:
        """The first levels of the names of ``backbone``."""
        first = dict.fromkeys(row.theirs.split(".")[0] for row in self.backbone)
        return re.compile("|".join(compile_template(level).pattern for level in first))

    @cached_property
    def signature_names(self) -> re.Pattern[str]:
        return re.compile(rf"(?P<prefix>(?:.+\.)?){compile_template(self.signature).pattern}")


_STEM_AND_DOWNSAMPLING = Row("downsample_layers.{i}.{k}.{p}", "backbone.downsample_layers.{i}.{k}.{p}")
FINAL_NORM = "backbone.norm3.{p}"  # of the last stage, in the libraries that have no other
_CLASSIFIER = "head.fc.{p}"


def _blocks(theirs: str, *rows: tuple[str, str] | tuple[str, str, Form]) -> tuple[Row, ...]:
    """Return the rows of the tensors of a block, given their names inside the block."""
    return tuple(Row(theirs + row[0], "backbone.stages.{i}.{j}." + row[1], *row[2:]) for row in rows)


OURS = Dialect(
    name="ours",
    backbone=(
        _STEM_AND_DOWNSAMPLING,
        *_blocks(
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
        Row("head.fc.{p}", _CLASSIFIER),
        Row("decoder.proj.{p}", "decoder.proj.{p}"),
        Row("decoder.mask_token", "decoder.mask_token"),
        Row("decoder.blocks.{j}.dwconv.{p}", "decoder.blocks.{j}.dwconv.{p}"),
        Row("decoder.blocks.{j}.norm.{p}", "decoder.blocks.{j}.norm.{p}"),
        Row("decoder.blocks.{j}.pwconv1.{p}", "decoder.blocks.{j}.pwconv1.{p}"),
        Row("decoder.blocks.{j}.grn.{g}", "decoder.blocks.{j}.grn.{g}"),
        Row("decoder.blocks.{j}.pwconv2.{p}", "decoder.blocks.{j}.pwconv2.{p}"),
        Row("decoder.pred.{p}", "decoder.pred.{p}"),
    ),
    signature="stages.{i}.{j}.dwconv.weight",
    roots=("backbone.",),
    write_root=lambda _: "backbone.",
    wrapper="state_dict",
)

OFFICIAL = Dialect(
    name="official",
    backbone=(
        _STEM_AND_DOWNSAMPLING,
        *_blocks(
            "stages.{i}.{j}.",
            ("dwconv.{p}", "dwconv.{p}"),
            ("norm.{p}", "norm.{p}"),
            ("pwconv1.{p}", "pwconv1.{p}"),
            ("grn.{g}", "grn.{g}", CELL),
            ("pwconv2.{p}", "pwconv2.{p}"),
            ("gamma", "gamma"),
        ),
        Row("norm.{p}", FINAL_NORM),
        Row("norms.3.{p}", FINAL_NORM),  # DINOv3's second name for it
    ),
    around=(Row("head.{p}", _CLASSIFIER),),
    signature="stages.{i}.{j}.dwconv.weight",
    wrapper="model",
)

OFFICIAL_SPARSE = Dialect(
    name="official-sparse",
    backbone=(
        Row("downsample_layers.0.{k}.{p}", "backbone.downsample_layers.0.{k}.{p}"),
        Row("downsample_layers.{d}.0.ln.{p}", "backbone.downsample_layers.{d}.0.{p}"),
        Row("downsample_layers.{d}.1.kernel", "backbone.downsample_layers.{d}.1.weight", KERNEL),
        Row("downsample_layers.{d}.1.bias", "backbone.downsample_layers.{d}.1.bias", ROW),
        *_blocks(
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

MMPRETRAIN = Dialect(
    name="mmpretrain",
    backbone=(
        _STEM_AND_DOWNSAMPLING,
        *_blocks(
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
    around=(Row("head.fc.{p}", _CLASSIFIER),),
    signature="stages.{i}.{j}.depthwise_conv.weight",
    roots=("backbone.",),
    write_root=lambda _: "backbone.",
    wrapper="state_dict",
)

TIMM = Dialect(
    name="timm",
    backbone=(
        Row("stem.{k}.{p}", "backbone.downsample_layers.0.{k}.{p}"),
        Row("stages.{d}.downsample.{k}.{p}", "backbone.downsample_layers.{d}.{k}.{p}"),
        *_blocks(
            "stages.{i}.blocks.{j}.",
            ("conv_dw.{p}", "dwconv.{p}"),
            ("norm.{p}", "norm.{p}"),
            ("mlp.fc1.{p}", "pwconv1.{p}", TIMM_LINEAR),
            ("mlp.grn.weight", "grn.gamma", VECTOR),
            ("mlp.grn.bias", "grn.beta", VECTOR),
            ("mlp.fc2.{p}", "pwconv2.{p}", TIMM_LINEAR),
            ("gamma", "gamma"),
        ),
    ),
    around=(Row("head.norm.{p}", FINAL_NORM), Row("head.fc.{p}", _CLASSIFIER)),
    signature="stages.{i}.blocks.{j}.conv_dw.weight",
    other_heads=("head.pre_logits.", "norm_pre."),
)


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
        *_blocks(
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
    around=(Row("classifier.{p}", _CLASSIFIER),),
    signature="encoder.stages.{i}.layers.{j}.dwconv.weight",
    roots=("convnextv2.", "convnext."),
    write_root=_hugging_face_root,
)

DIALECTS = {d.name: d for d in (OFFICIAL, OFFICIAL_SPARSE, MMPRETRAIN, TIMM, HUGGING_FACE, OURS)}
