"""The encoder's file: read by the swap, and refused formats."""

import json

import pytest
from safetensors import safe_open

from cnxv2_mm.recipes.pretraining.encoder import check_formats
from cnxv2_mm.swap.network import find_network


def test_its_metadata_say_what_it_is(trained):
    with safe_open(trained.encoder, framework="pt") as file:
        stated = file.metadata()
    assert (stated["task"], stated["arch"], json.loads(stated["image_size"])) == ("pretrain", "atto", 64)
    assert len(json.loads(stated["mean"])) == len(json.loads(stated["std"])) == 3


def test_the_swap_takes_size_mean_and_deviation_from_it(trained):
    network = find_network(None, str(trained.encoder))
    with safe_open(trained.encoder, framework="pt") as file:
        stated = file.metadata()
    assert network.arguments["arch"] == "atto"
    assert list(network.images.mean) == json.loads(stated["mean"])
    assert list(network.images.std) == json.loads(stated["std"])


def test_unknown_formats_are_refused_before_anything_is_computed():
    check_formats(["timm", "official"])
    with pytest.raises(ValueError, match="--export keras is unknown: choose one of timm, huggingface, mmpretrain, off"):
        check_formats(["timm", "keras"])
