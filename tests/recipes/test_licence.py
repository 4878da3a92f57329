"""Licences: the zoo's table and the metadata of files are the oracle."""

import pytest

from cnxv2_mm import zoo
from cnxv2_mm.recipes.licence import licence_of


@pytest.mark.parametrize("name", ["convnextv2_atto_fcmae", "convnext_tiny.dinov3_lvd1689m", "convnext_tiny.in12k"])
def test_published_weights_have_that_of_the_zoo(name):
    assert licence_of(name, {}) == zoo.find_weight(name).terms


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ({}, "not known: ask whoever made the file"),
        ({"task": "pretrain"}, "that of whoever trained them, from random weights"),
        ({"task": "pretrain", "start_licence": "CC-BY-NC 4.0"}, "CC-BY-NC 4.0"),
    ],
)
def test_a_file_has_that_of_its_start(metadata, licence):
    assert licence_of("weights.safetensors", metadata) == licence
