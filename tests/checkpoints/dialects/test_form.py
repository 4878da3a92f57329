"""Shapes: those of any library become ours, and ours become those of the library's own modules."""

import pytest
import torch

from tests.checkpoints.peers import in_dialect, in_ours, random_network


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
        ("huggingface", (1, 1, 1, 32)),
        ("ours", (32,)),
    ],
)
def test_grn_gets_the_shape_of_the_dialect(dialect, shape):
    """Oracle: the parameters of each code's GRN module."""
    written = in_dialect(random_network(), dialect)
    assert {tuple(t.shape) for n, t in written.items() if ".grn." in n and t.numel() == 32} == {shape}
