"""Whose mean and standard deviation are taken."""

from dataclasses import replace
from pathlib import Path

import pytest

from cnxv2_mm.images.survey import Survey
from cnxv2_mm.recipes.pretraining.normalisation import choose_normalisation
from cnxv2_mm.recipes.pretraining.start import Start

IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))  # as torchvision's, times 255
FOUND = Survey(
    folder=Path("images"),
    files=("a.jpg", "b.jpg"),
    left_out=(),
    channels=3,
    bytes=True,
    smallest=(200, 300),
    largest=(500, 400),
    median_side=230,
    mean=(120.0, 110.0, 90.0),
    std=(60.0, 50.0, 70.0),
    measured=2,
    decoded=2,
)


def test_photographs_near_imagenet_have_its_statistics():
    chosen = choose_normalisation(FOUND, None)
    assert (chosen.mean, chosen.std) == IMAGENET


@pytest.mark.parametrize(
    "change",
    [
        {"mean": (120.0, 110.0, 60.0)},
        {"std": (80.0, 50.0, 70.0)},
        {"std": (40.0, 50.0, 70.0)},
        {"bytes": False},
        {"channels": 1, "mean": (120.0,), "std": (60.0,)},
    ],
)
def test_other_images_have_their_own(change):
    found = replace(FOUND, **change)
    chosen = choose_normalisation(found, None)
    assert (chosen.mean, chosen.std) == (found.mean, found.std)
    assert "2 of the images" in chosen.why


def test_weights_bring_theirs():
    start = Start("clip", "clip.pth", {"arch": "base"}, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "MIT")
    chosen = choose_normalisation(FOUND, start)
    assert (chosen.mean, chosen.std, chosen.why) == (start.mean, start.std, "those of clip")
