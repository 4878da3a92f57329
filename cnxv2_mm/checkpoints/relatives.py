"""Networks that are called ConvNeXt and differ from those of the papers: how to recognise them.

Most differences show in the tensors, some do not. Sources: timm 1.0.31 (models/convnext.py), which builds most of them;
vishalned/MMEarth-train @ 1157900 (models/convnextv2.py).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from torch import Tensor

from cnxv2_mm.checkpoints.architecture import Architecture
from cnxv2_mm.checkpoints.dialects import TIMM, TIMM_FEATURES, Dialect

_BLOCK = re.compile(r"backbone\.stages\.(\d)\.\d+\.(.+)")
_THEIR_BLOCK = re.compile(r"(?:.+\.)?(?:stages[._]\d|features\.\d)\.(?:blocks\.|layers\.)?\d+\.(.+)")
_FURTHER_STAGE = re.compile(r"(?:.+\.)?(?:stages[._](?:[4-9]|\d{2,})|features\.(?:[89]|\d{2,}))\..+")
# V1 networks of timm with the tensors of a plain one, by depths and channels: what their tensors do not show.
_Size = tuple[tuple[int, ...], tuple[int, ...]]
_WITH_TANH: dict[_Size, str] = {
    ((1, 2, 4, 2), (24, 32, 48, 64)): "test_convnext",
    ((1, 1, 1, 1), (32, 64, 96, 128)): "test_convnext2",
}
_EPS: dict[_Size, float] = {((3, 4, 30, 3), (384, 768, 1536, 3072)): 1e-5}  # convnext_xxlarge, CLIP's


def find_unseen_difference(dialect: Dialect, architecture: Architecture) -> str | None:
    """Recognise a network that has the tensors of a plain ConvNeXt and computes something else.

    Only its names and sizes show it. A network of your own with timm's names, without GRN and of exactly one of these
    sizes, is therefore taken for timm's.

    Returns:
        What it is and how it differs; None for all other networks.
    """
    name = _WITH_TANH.get(_size_in_timm(dialect, architecture))
    return name and f"timm's {name} by its sizes, whose GELU is the tanh formula, where this package has the exact GELU"


def find_eps_by_size(dialect: Dialect, architecture: Architecture) -> float | None:
    """Return the eps of the layer norms of one of timm's networks, where its size tells it; None for all others."""
    return _EPS.get(_size_in_timm(dialect, architecture))


def _size_in_timm(dialect: Dialect, architecture: Architecture) -> _Size:
    """Return depths and channels of a V1 network with timm's names; those of no network for all others."""
    is_timm = dialect in (TIMM, TIMM_FEATURES) and not architecture.use_grn
    return (architecture.depths, architecture.channels) if is_timm else ((), ())


def find_differences(tensors: Mapping[str, Tensor], unknown: Sequence[str], architecture: Architecture) -> list[str]:
    """Find differences from the papers' networks that run through the whole network, so that it is not just damaged.

    Args:
        tensors: The tensors, by our names.
        unknown: Names of tensors of the network that its dialect does not know.
        architecture: What :func:`cnxv2_mm.checkpoints.architecture.infer` reads off the tensors.

    Returns:
        One text for each difference; empty if there is none.
    """
    blocks: dict[str, dict[str, list[Tensor]]] = defaultdict(lambda: defaultdict(list))  # name in a block, stage
    for name, tensor in tensors.items():
        if match := _BLOCK.fullmatch(name):
            blocks[match[2]][match[1]].append(tensor)
    return [
        *_differences_of_stem(tensors, unknown),
        *_differences_of_blocks(blocks),
        *_additions(unknown, sum(architecture.depths)),
    ]


def _differences_of_stem(tensors: Mapping[str, Tensor], unknown: Sequence[str]) -> list[str]:
    conv = tensors.get("backbone.downsample_layers.0.0.weight")
    norm = tensors.get("backbone.downsample_layers.0.1.weight")
    if conv is not None and conv.ndim == 1 and "backbone.downsample_layers.3.0.weight" not in tensors:
        return ["a stem that does not stand among its downsampling layers, as in MMEarth's"]
    if conv is None or conv.ndim != 4 or conv.shape[2:] == (4, 4):
        return []
    if (norm is not None and norm.ndim == 4) or any("stem." in name or "stem_" in name for name in unknown):
        return ["an overlapping stem of two convolutions"]
    return [f"a stem of {conv.shape[2]} x {conv.shape[3]} pixels"]


def _differences_of_blocks(blocks: Mapping[str, Mapping[str, list[Tensor]]]) -> list[str]:
    found = [
        what
        for what, layer in (
            ("norms without bias, as RMS norm has", "norm"),
            ("depthwise convolutions without bias", "dwconv"),
            ("linear layers without bias", "pwconv1"),
        )
        if f"{layer}.weight" in blocks and f"{layer}.bias" not in blocks
    ]
    kernels = [{tuple(t.shape[2:]) for t in stage} for stage in blocks.get("dwconv.weight", {}).values()]
    if all(len(sides) == 1 for sides in kernels) and (others := set().union(*kernels) - {(7, 7)}):
        found.append(f"depthwise kernels of {', '.join(' x '.join(map(str, side)) for side in sorted(others))} cells")
    ratios = {
        t.shape[0] / t.shape[1] for stage in blocks.get("pwconv1.weight", {}).values() for t in stage if t.ndim == 2
    }
    if len(ratios) == 1 and ratios != {4.0}:
        found.append(f"an MLP of {ratios.pop():g} times the width")
    return found


def _additions(unknown: Sequence[str], num_blocks: int) -> list[str]:
    found = []
    if any(_FURTHER_STAGE.fullmatch(name) for name in unknown):
        found.append("more than four stages")
    inside = Counter(match[1] for name in unknown if (match := _THEIR_BLOCK.fullmatch(name)))
    everywhere = [name for name, number in inside.items() if number == num_blocks]
    if everywhere:
        found.append(f"more in each block ({', '.join(everywhere)})")
    return found
