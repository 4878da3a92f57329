"""Weights that a training starts from: those of the zoo, a file, an earlier run; and those that do not fit."""

from dataclasses import replace

import pytest

from cnxv2_mm.config.load import load_config
from cnxv2_mm.recipes.pretraining.start import find_start
from tests.recipes.pretraining.test_normalisation import FOUND


def test_published_weights_show_their_licence_and_are_not_downloaded():
    start = find_start("convnextv2_atto_fcmae", None, FOUND)
    assert start.arguments["arch"] == "atto"
    assert start.checkpoint == "convnextv2_atto_fcmae"
    assert start.licence == "CC-BY-NC 4.0: no commercial use"
    assert start.mean == (123.675, 116.28, 103.53)


def test_none_is_a_random_start():
    assert find_start("none", "atto", FOUND) is None


def test_an_encoder_of_ours_brings_its_statistics(trained):
    start = find_start(str(trained.config.parent), None, FOUND)
    assert start.checkpoint == str(trained.encoder)
    assert start.arguments["arch"] == "atto"
    assert list(start.mean) == load_config(str(trained.config)).model.data_preprocessor.mean
    assert start.licence == "that of whoever trained them, from random weights"


@pytest.mark.parametrize(
    ("weights", "arch", "text"),
    [
        ("convnextv2_atto_fcmae", "tiny", "--arch 'tiny' contradicts --weights convnextv2_atto_fcmae"),
        ("convnextv2_atto_fcmea", None, "did you mean convnextv2_atto_fcmae"),
        ("absent.pth", None, "absent.pth is no file here"),
    ],
)
def test_weights_that_do_not_fit_are_one_line(weights, arch, text):
    with pytest.raises(ValueError, match=text) as error:
        find_start(weights, arch, FOUND)
    assert "\n" not in str(error.value)


def test_other_channels_and_folders_without_an_encoder_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match="is for images of 3 channels, and those in images have 5: leave --weights out"
    ):
        find_start("convnextv2_atto_fcmae", None, replace(FOUND, channels=5))
    with pytest.raises(FileNotFoundError, match=r"is a folder without encoder\.safetensors"):
        find_start(str(tmp_path), None, FOUND)
