"""Dialects are told by structure: by what stands in the names and shapes, never by the name of a file."""

import pytest
import torch

from cnxv2_mm.checkpoints.detect import find_network
from cnxv2_mm.checkpoints.dialects import DIALECTS
from tests.checkpoints.peers import in_dialect, network_for, random_decoder, random_network


def place_of(tensors):
    place = find_network(tensors)
    return place.dialect.name, place.inner, place.outer


@pytest.mark.parametrize(
    ("dialect", "inner"),
    [
        ("official", ""),
        ("official-sparse", "encoder."),
        ("mmpretrain", "backbone."),
        ("timm", ""),
        ("timm-features", ""),
        ("torchvision", ""),
        ("huggingface", "convnextv2."),
        ("dinov3", ""),
        ("ours", "backbone."),
    ],
)
def test_every_dialect_is_recognised_bare_or_inside_a_model(dialect, inner):
    tensors = in_dialect(network_for(dialect) | random_decoder(), dialect)
    assert place_of(tensors) == (dialect, inner, "")
    bare = {n.removeprefix(inner): t for n, t in tensors.items() if n.startswith(inner)}
    assert place_of(bare) == (dialect, "", "")
    nested = {f"detector.{n}": t for n, t in tensors.items()}
    assert place_of(nested) == (dialect, f"detector.{inner}", "detector.")


@pytest.mark.parametrize(("dialect", "inner"), [("official", ""), ("huggingface", "convnext."), ("timm", "")])
def test_v1_is_recognised(dialect, inner):
    assert place_of(in_dialect(random_network(v1=True), dialect)) == (dialect, inner, "")


def test_official_files_of_pre_training_are_told_from_ours_by_their_grn():
    """Neither has a head, and the names are the same."""
    encoder = {n: t for n, t in random_network().items() if ".stages." in n or ".downsample" in n}
    assert place_of(in_dialect(encoder, "official"))[0] == "official"
    assert place_of({n.removeprefix("backbone."): t for n, t in encoder.items()})[0] == "ours"


def test_detectors_with_official_grn_are_read_as_ours():
    """Weights that others renamed for OpenMMLab keep (1, 1, 1, C) beside output norms, which no official file has."""
    tensors = {f"backbone.{n}": t for n, t in in_dialect(random_network(), "official").items() if "head" not in n}
    tensors["backbone.norm3.weight"] = tensors.pop("backbone.norm.weight")
    tensors["backbone.norm3.bias"] = tensors.pop("backbone.norm.bias")
    assert place_of(tensors) == ("ours", "backbone.", "")


@pytest.mark.parametrize("part", ["norm", "head"])
def test_official_names_inside_a_backbone_are_told_by_their_norm_or_head(part):
    """As in the teacher and student of DINO."""
    tensors = in_dialect(random_network(), "official")
    inside = {f"teacher.backbone.{n}": t for n, t in tensors.items() if n.startswith(("down", "stages", part))}
    assert place_of(inside) == ("official", "teacher.backbone.", "teacher.backbone.")


def test_another_network_is_named_with_what_could_have_been():
    resnet = {"conv1.weight": torch.ones(1), "layer1.0.conv1.weight": torch.ones(1)}
    known = ", ".join(DIALECTS)
    with pytest.raises(
        ValueError, match=rf"no ConvNeXt in any of the dialects {known}: its names begin with conv1\., la"
    ):
        find_network(resnet)


def test_several_networks_are_named():
    one = in_dialect(random_network(), "ours")
    both = {f"{who}.{n}": t for who in ("student", "teacher") for n, t in one.items()}
    with pytest.raises(ValueError, match=r"2 networks, under 'student\.backbone\.', 'teacher\.backbone\.': name one"):
        find_network(both)
