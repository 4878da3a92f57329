"""Numbers, not names: a converted network computes what the library computes that it was converted from, or for.

Oracles: timm 1.0.31, torchvision 0.29.1, transformers 4.57.6 and mmpretrain (onedl 1.3.6 or 1.2.0) themselves, on
random weights.
"""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnxv2_mm.checkpoints.dialects import DIALECTS
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from cnxv2_mm.variants import Variant
from tests.checkpoints.peers import BUILDERS, FORMS, HOLDS_V2, SMALL, build, build_ours, find_size, maps_of, result_of
from tests.conftest import photographs, relative_error

V2_SIZES = ["atto", "femto", "pico", "nano", "tiny", "base", "large"]
TOLERANCE = 1e-5


def our_outputs(tensors: dict[str, Tensor], arch: str | Variant, v1: bool, images: Tensor) -> list[Tensor]:
    """Maps before their norms, and the pooled and normed one, or its logits, of a network by our names."""
    normed = "backbone.norm3.weight" in tensors
    backbone = build_ours(find_size(arch), v1, out_indices=(3,) if normed else ())
    state = {n.removeprefix("backbone."): t for n, t in tensors.items() if n.startswith("backbone.")}
    backbone.load_state_dict(state, assign=True)  # strict; a second set of huge's parameters is never made
    last = backbone.norm3 if normed else None
    for i in range(4):
        backbone.add_module(f"norm{i}", nn.Identity())
    backbone.out_indices = (0, 1, 2, 3)
    maps = list(backbone(images))
    if last is None:
        return maps
    pooled = last(maps[3].mean(dim=(2, 3)))
    head = [tensors.get(f"head.fc.{p}") for p in ("weight", "bias")]
    return [*maps, pooled if head[0] is None else F.linear(pooled, *head)]


@torch.no_grad()
def assert_parity(library: str, arch: str | Variant, v1: bool = False) -> None:
    """Maps and what stands behind them agree, on their weights in ours and on ours in theirs."""
    model = build(library, arch, v1)
    images = photographs(2, size=(64, 96))
    expected = [*maps_of(library, model, images), *result_of(library, model, images)]
    translation = to_ours(model.state_dict())
    assert translation.dialect.name == library
    assert not translation.dropped
    translation.check()
    results = our_outputs(translation.tensors, arch, v1, images)
    for ours, theirs in zip(results, expected, strict=True):
        assert relative_error(ours, theirs) < TOLERANCE

    ours = translation.tensors
    for tensor in ours.values():  # other weights, for the way back; in place, since huge has 2.6 GB of them
        tensor.copy_(tensor.flip(0))
    results = our_outputs(ours, arch, v1, images)
    model.load_state_dict(from_ours(ours, DIALECTS[library]).tensors, assign=True)  # strict
    theirs = [*maps_of(library, model, images), *result_of(library, model, images)]
    for result, expected_result, before in zip(theirs, results, expected, strict=True):
        assert relative_error(result, expected_result) < TOLERANCE
        assert relative_error(result, before) > 0.1


@pytest.mark.parametrize("arch", V2_SIZES)
@pytest.mark.parametrize("library", [name for name in BUILDERS if name in HOLDS_V2])
def test_v2_computes_the_same_either_way(library, arch):
    assert_parity(library, arch)


def test_huge_computes_the_same_either_way():
    """Of one library: its tensors have the names of large's, and 2.6 GB of them take 20 seconds a library."""
    assert_parity("timm", "huge")


@pytest.mark.parametrize("arch", ["tiny", "small"])
@pytest.mark.parametrize("library", BUILDERS)
def test_v1_computes_the_same_either_way(library, arch):
    assert_parity(library, arch, v1=True)


@pytest.mark.parametrize(("library", "v1"), [form for form in FORMS if form[0] in BUILDERS])
def test_sizes_without_a_name_compute_the_same(library, v1):
    assert_parity(library, SMALL, v1)
