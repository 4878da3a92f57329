"""The backgrounds are photographs."""

import numpy as np
import pytest
import skimage.data

from demo import photographs
from demo.photographs import PUBLIC_DOMAIN, load_photographs, random_background


def test_backgrounds_are_photographs(split):
    rng = np.random.default_rng(0)
    pictures = load_photographs(split)
    crops = [random_background(pictures, 160, rng) for _ in range(20)]
    for crop in crops:
        assert crop.shape == (160, 160, 3)
        assert crop.std() > 4
        assert len(np.unique(crop)) > 40  # neither flat nor a drawing of a few colours
    assert len({crop.tobytes() for crop in crops}) == 20


def test_a_photograph_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "val", {"skimage": ("data/no_such.png",)})
    with pytest.raises(FileNotFoundError, match=r"no_such\.png is missing or unreadable"):
        load_photographs("val")
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "val", {"no_such_package": ("data/a.png",)})
    with pytest.raises(ModuleNotFoundError, match="need no_such_package"):
        load_photographs("val")


def test_the_packages_say_that_they_are_in_the_public_domain():
    for name, statement in PUBLIC_DOMAIN.items():
        function = name.removeprefix("data/").removesuffix(".png")
        assert statement.endswith(f"docstring of skimage.data.{function}")
        text = getattr(skimage.data, function).__doc__
        assert "CC0 by the photographer" in text or "Creative Commons CC0 License" in text
