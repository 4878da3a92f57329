"""torch.compile takes the whole step in one graph: a graph break raises with ``fullgraph=True``."""

import copy

import pytest
import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.masking import random_visible
from tests.conftest import photographs, relative_error, wake_grn
from tests.layouts.contract import ARCH


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters()}


def compiled(function: object, backend: object = "aot_eager") -> object:
    """Graphs as the compiler sees them, forward and backward, run without generating code, in seconds."""
    torch.compiler.reset()
    return torch.compile(function, fullgraph=True, backend=backend)


@pytest.mark.parametrize("with_cp", [False, True])
@pytest.mark.parametrize("use_grn", [True, False])
def test_the_backbone_compiles_without_a_graph_break(use_grn, with_cp):
    plain = wake_grn(ConvNeXtV2(ARCH, use_grn=use_grn, with_cp=with_cp, drop_path_rate=0.0))
    other = copy.deepcopy(plain)
    images = photographs(2)
    ours, expected = compiled(other)(images), plain(images)
    for a, b in zip(ours, expected, strict=True):
        assert relative_error(a, b) < 1e-5
    # Random weights: squares of normed maps add up to a constant, and their gradient would be rounding alone.
    weights = [torch.randn_like(m) for m in expected]
    for maps in (ours, expected):
        sum((m * weight).sum() for m, weight in zip(maps, weights, strict=True)).backward()
    for name, gradient in gradients(plain).items():
        assert relative_error(gradients(other)[name], gradient) < 2e-5, name


@pytest.mark.parametrize("layout", ["packed", "masked_dense"])
def test_the_pre_training_compiles_without_a_graph_break(layout):
    plain = wake_grn(FCMAE(ConvNeXtV2(ARCH, out_indices=()), {"width": 16}, layout=layout))
    other = copy.deepcopy(plain)
    images, visible = photographs(2, size=(96, 96)), random_visible(2, (3, 3), 3)

    losses = []
    for model in (plain, other):
        step = model.reconstruction_loss if model is plain else compiled(model.reconstruction_loss)
        losses.append(step(images, visible, 3))
        losses[-1].backward()
    assert relative_error(*losses[::-1]) < 1e-5
    for name, gradient in gradients(plain).items():
        assert relative_error(gradients(other)[name], gradient) < 2e-5, name


def test_the_random_draw_of_patches_compiles_too():
    """What mmengine's ``Runner(compile=True)`` compiles: the model's forward, data samples and all."""
    model = FCMAE(ConvNeXtV2(ARCH, out_indices=(), drop_path_rate=0.1), {"width": 16})
    forward = compiled(model.forward)
    samples = [BaseDataElement(metainfo={"img_path": f"{i}.png"}) for i in range(2)]
    losses = [forward(photographs(2, size=(96, 96)), samples, mode="loss")["loss"] for _ in range(2)]
    assert all(0.5 < loss < 2 for loss in losses)  # about 1: targets have variance 1, predictions are still small


@pytest.mark.parametrize("layout", ["packed", "masked_dense"])
def test_compiled_code_has_our_operators(layout):
    """torch 2.11 says of all that it compiles that it is exported, where our operators must not be."""
    found = []

    def backend(graph, inputs):
        found.extend(str(node.target) for node in graph.graph.nodes if "cnxv2_mm" in str(node.target))
        return graph.forward

    backbone = ConvNeXtV2(ARCH, out_indices=())
    encode = compiled(backbone.encode_visible, backend)
    with torch.no_grad():
        encode(photographs(2, size=(96, 96)), random_visible(2, (3, 3), 3), layout, 3)
    assert found.count("cnxv2_mm.grn_mlp.default") == (sum(ARCH["depths"]) if layout == "packed" else 0)
    assert bool(found) == (layout == "packed")
