"""Shapes: those of any library become ours, and ours become those of the library's own modules."""

import pytest
import torch

from cnxv2_mm.checkpoints.translate import to_ours
from tests.checkpoints.peers import HOLDS_V1, in_dialect, in_ours, random_network


@pytest.mark.parametrize("leading", [(), (1,), (1, 1, 1)])
def test_grn_of_any_shape_becomes_a_vector(leading):
    """Official files have (1, 1, 1, C) after fine-tuning; the loader of those of pre-training expects (1, C)."""
    network = random_network()
    official = in_dialect(network, "official")
    shaped = {n: t.reshape(*leading, -1) if ".grn." in n else t for n, t in official.items()}
    assert torch.equal(in_ours(shaped)["backbone.stages.2.1.grn.beta"], network["backbone.stages.2.1.grn.beta"])


@pytest.mark.parametrize(
    ("dialect", "shape"),
    [
        ("official", (1, 1, 1, 32)),
        ("official-sparse", (1, 32)),
        ("mmpretrain", (32,)),
        ("timm", (32,)),
        ("timm-features", (32,)),
        ("huggingface", (1, 1, 1, 32)),
        ("ours", (32,)),
    ],
)
def test_grn_gets_the_shape_of_the_dialect(dialect, shape):
    """Oracle: the parameters of each code's GRN module."""
    written = in_dialect(random_network(), dialect)
    assert {tuple(t.shape) for n, t in written.items() if ".grn." in n and t.numel() == 32} == {shape}


@pytest.mark.parametrize("dialect", HOLDS_V1)
def test_layer_scale_gets_the_shape_of_the_dialect(dialect):
    """Oracle: the parameter of torchvision's CNBlock; a vector in all other codes."""
    network = random_network(v1=True)
    written = in_dialect(network, dialect)
    name = to_ours(written).origins["backbone.stages.3.0.gamma"]
    assert written[name].shape == ((32, 1, 1) if dialect == "torchvision" else (32,))
    assert torch.equal(written[name].flatten(), network["backbone.stages.3.0.gamma"])


@pytest.mark.parametrize("shape", [(1, 1, 32), (4, 8, 1), (32, 1), (32, 1, 1, 1)])
def test_a_layer_scale_of_another_shape_is_not_turned_into_one(shape):
    tensors = in_dialect(random_network(v1=True), "torchvision")
    tensors["features.7.0.layer_scale"] = tensors["features.7.0.layer_scale"].reshape(shape)
    with pytest.raises(ValueError, match=r"1 of another shape \(backbone\.stages\.3\.0\.gamma \("):
        to_ours(tensors).check()
