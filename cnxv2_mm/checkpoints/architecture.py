"""Which network a set of tensors makes up, and whether all of it is there. Tensors have our names here.

Which shapes a network needs is read off one that is built on the meta device, where tensors have shapes and no numbers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from cnxv2_mm.backbone import LAYER_NORM_EPS, ConvNeXtV2
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.variants import NUM_STAGES, VARIANTS

_WIDEST = 1 << 20  # channels; a network beyond would overflow PyTorch's sizes
_BLOCK = re.compile(r"backbone\.stages\.(\d)\.(\d+)\.")
_ONLY_BLOCK = re.compile(r"(stages\.\d|blocks)\.0\.(.+)")  # of the networks that are built here
_OUTPUT_NORM = re.compile(r"backbone\.norm\d\.")
_DECODER_BLOCK = re.compile(r"blocks\.(\d+)\.")
_LAYER_SCALE = re.compile(r"backbone\.stages\.\d\.\d+\.gamma")
# What stands in the place of GRN, and a tensor of it that those before it lack.
_SIGNS = {"grn": "gamma", "bn": "running_mean", "cbam": "conv.weight", "se": "fc1.weight", "ln": "weight"}
_SHOWN = 5
_LETTERS = 80
# Parts that a network may have or not, and the names of their tensors.
PARTS = {
    "output norms": re.compile(r"backbone\.norm[0-2]\."),
    "final norm": re.compile(r"backbone\.norm3\."),
    "classifier": re.compile(r"head\.fc\."),
    "decoder": re.compile(r"decoder\."),
}


def part_of(name: str) -> str | None:
    """Return the optional part (:data:`PARTS`) that a tensor belongs to; None if every network must have the tensor."""
    return next((part for part, names in PARTS.items() if names.match(name)), None)


@dataclass(frozen=True)
class Architecture:
    """What is known of a network: what its tensors show, and the eps of its norms, which they do not.

    Attributes:
        depths: Number of blocks of each stage; a file may lack the last stages.
        channels: Number of channels of each of these stages.
        in_channels: Number of channels of the images.
        use_grn: Whether the blocks have GRN, as in V2, or tensors of something else in its place.
        layer_scale: Whether the blocks have a layer scale, as in V1.
        grn: Which of ``cnxv2_mm.feature_norms`` it is. All with GRN's two vectors are 'grn'; one without any tensors
            ('lrn') does not show.
        norm_eps: The eps of its layer norms, if something beside the tensors tells it
            (:func:`cnxv2_mm.checkpoints.read.read_network`); None otherwise.
    """

    depths: tuple[int, ...]
    channels: tuple[int, ...]
    in_channels: int
    use_grn: bool
    layer_scale: bool
    grn: str = "grn"
    norm_eps: float | None = None

    def __str__(self) -> str:
        names = [n for n, v in VARIANTS.items() if (v.depths, v.channels) == (self.depths, self.channels)]
        parts = self.grn.upper() if self.use_grn else "no GRN"
        if self.layer_scale:
            parts += ", layer scale"
        if self.norm_eps not in (None, LAYER_NORM_EPS):
            parts += f", norms with eps {self.norm_eps}"
        return (
            f"{names[0] + ': ' if names else ''}depths {self.depths}, channels {self.channels}, "
            f"{self.in_channels} input channels, {parts}"
        )


def infer(tensors: Mapping[str, Tensor]) -> Architecture:
    """Read the architecture off names and shapes. They may contradict each other: :func:`find_problems` says so."""
    depths = [0] * NUM_STAGES
    channels = [0] * NUM_STAGES
    for name, tensor in tensors.items():
        if match := _BLOCK.match(name):
            stage, block = map(int, match.groups())
            depths[stage] = max(depths[stage], block + 1)
            if name.endswith(("dwconv.weight", "dwconv.bias")):
                channels[stage] = channels[stage] or _length(tensor)
    built = max((i + 1 for i in range(NUM_STAGES) if depths[i]), default=0)
    stem = tensors.get("backbone.downsample_layers.0.0.weight")
    in_grn = {name.partition(".grn.")[2] for name in tensors if name.startswith("backbone.") and ".grn." in name}
    return Architecture(
        depths=tuple(max(depth, 1) for depth in depths[:built]),  # a stage without blocks lacks at least one
        channels=tuple(map(_as_width, channels[:built])),
        in_channels=_as_width(stem.shape[1]) if stem is not None and stem.ndim == 4 else 3,
        use_grn=bool(in_grn),
        grn=next((grn for grn, sign in _SIGNS.items() if sign in in_grn), "grn"),
        layer_scale=any(_LAYER_SCALE.fullmatch(name) for name in tensors),
    )


def infer_decoder(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the config of the decoder in tensors named as ours, for ``FCMAE(decoder=...)``.

    How many attention heads a Transformer has, no tensor shows; the config leaves it open.
    """
    names = {name.removeprefix("decoder.") for name in tensors if name.startswith("decoder.")}
    use_grn = any(".grn." in name for name in names)
    if any(name.startswith("levels.") for name in names):
        return {
            "type": "cnxv2_mm.UNetDecoder",
            "skip": any(name.startswith("skips.") for name in names),
            "use_grn": use_grn,
        }
    numbers = [int(match[1]) for match in map(_DECODER_BLOCK.match, names) if match]
    size = {"depth": max(numbers, default=0) + 1, "width": _as_width(_length(tensors.get("decoder.mask_token")))}
    if any(name.startswith("norm.") for name in names):
        return {"type": "cnxv2_mm.TransformerDecoder", **size}
    return {"type": "cnxv2_mm.FCMAEDecoder", **size, "use_grn": use_grn}


def find_problems(tensors: Mapping[str, Tensor], architecture: Architecture) -> list[str]:
    """Compare tensors with those that a network of this architecture has.

    An optional part (:data:`PARTS`) may be absent as a whole. If any tensor of it is there, all must be.

    Returns:
        One text for each kind of difference; empty if the tensors are the whole network.
    """
    expected = _expected_shapes(tensors, architecture)
    missing = [name for name in expected if name not in tensors]
    misfit = [
        f"{name} {tuple(tensors[name].shape)} instead of {shape}"
        for name, shape in expected.items()
        if name in tensors and tensors[name].shape != shape
    ]
    unknown = [name for name in tensors if name not in expected]
    infinite = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    return [
        f"{len(names)} {what} ({shorten(names)})"
        for what, names in (
            ("missing", missing),
            ("of another shape", misfit),
            ("unknown to such a network", unknown),
            ("with NaN or infinite numbers", infinite),
        )
        if names
    ]


def shorten(names: list[str]) -> str:
    """Return the first few names for a message; a very long name is cut."""
    shown = [name if len(name) <= _LETTERS else f"{name[:_LETTERS]}..." for name in names[:_SHOWN]]
    return "; ".join(shown) + ("; ..." if len(names) > _SHOWN else "")


def _expected_shapes(tensors: Mapping[str, Tensor], architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a whole network, with those optional parts of which ``tensors`` have anything."""
    shapes = dict(_backbone_shapes(architecture))
    if any(name.startswith("head.fc.") for name in tensors):
        classes = max(_length(tensors.get(f"head.fc.{p}")) for p in ("weight", "bias"))
        shapes |= _head_shapes(architecture.channels[-1], _as_width(classes))
    if any(name.startswith("decoder.") for name in tensors):
        config = infer_decoder(tensors)
        depth = config.pop("depth", 1)
        if config["type"] == "cnxv2_mm.TransformerDecoder":  # shapes do not depend on its heads
            config |= {"width": config["width"] + -config["width"] % 4, "num_heads": 1}
        shapes |= _decoder_shapes(architecture, tuple(config.items()), depth)
    norms = {match[0] for match in map(_OUTPUT_NORM.match, tensors) if match}
    return {n: shape for n, shape in shapes.items() if not (m := _OUTPUT_NORM.match(n)) or m[0] in norms}


@lru_cache(maxsize=32)
def _backbone_shapes(architecture: Architecture) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of a backbone with a norm behind each of its stages."""
    backbone = _build_backbone(architecture, out_indices=range(len(architecture.depths)))
    return _shapes(backbone, "backbone.", {f"stages.{i}": depth for i, depth in enumerate(architecture.depths)})


@lru_cache(maxsize=32)
def _decoder_shapes(
    architecture: Architecture, config: tuple[tuple[str, Any], ...], depth: int
) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of the decoder that FCMAE puts behind a backbone; one block is built, whatever the depth."""
    with torch.device("meta"):
        pre_trainer = FCMAE(_build_backbone(architecture, out_indices=()), dict(config))
    return _shapes(pre_trainer.decoder, "decoder.", {"blocks": depth})


@lru_cache(maxsize=32)
def _head_shapes(channels: int, classes: int) -> Mapping[str, tuple[int, ...]]:
    return _shapes(nn.Linear(channels, classes, device="meta"), "head.fc.", {})


def _build_backbone(architecture: Architecture, out_indices: Sequence[int]) -> ConvNeXtV2:
    """Build a backbone of one block in each stage: a file may claim thousands of them, and they are all alike."""
    channels = (*architecture.channels, *[1] * (NUM_STAGES - len(architecture.channels)))
    with torch.device("meta"):
        return ConvNeXtV2(
            {"depths": [1] * NUM_STAGES, "channels": channels},
            in_channels=architecture.in_channels,
            out_indices=out_indices,
            use_grn=architecture.use_grn,
            grn=architecture.grn,
            layer_scale_init_value=1.0 if architecture.layer_scale else 0.0,
        )


def _shapes(network: nn.Module, prefix: str, depths: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of a network's tensors.

    Args:
        network: Each of its lists of blocks holds one.
        prefix: What to put before its names.
        depths: The names of those lists, and the number of blocks for which that one stands.
    """
    shapes = {}
    for name, tensor in network.state_dict().items():
        match = _ONLY_BLOCK.match(name)
        names = [name] if match is None else [f"{match[1]}.{j}.{match[2]}" for j in range(depths[match[1]])]
        shapes.update(dict.fromkeys((prefix + one for one in names), tuple(tensor.shape)))
    return shapes


def _length(tensor: Tensor | None) -> int:
    """Return the first dimension; 0 of a tensor that is not there or holds no numbers."""
    return 0 if tensor is None or tensor.ndim == 0 or not tensor.numel() else len(tensor)


def _as_width(channels: int) -> int:
    """Return a number of channels that a network can be built with; it then differs from a file that has none such."""
    return min(max(channels, 1), _WIDEST)
