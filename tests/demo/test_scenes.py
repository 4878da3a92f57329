"""Digits pasted on a photograph."""

import numpy as np

from demo import scenes
from demo.digits import load_scans


def test_a_later_digit_hides_little_of_an_earlier_one():
    scans = load_scans("train", seed=0)
    background = np.full((160, 160, 3), 128, np.uint8)
    crowded = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(scans.index), size=8, replace=False)
        alone = [scenes.compose(background, scans, chosen[:1], (0.5, 0.5), np.random.default_rng(seed))]
        scene = scenes.compose(background, scans, chosen, (0.5, 0.5), np.random.default_rng(seed))
        crowded += len(scene.instances) < 8  # half the picture each: they cannot all find a place
        first = alone[0].instances[0].visible
        # Each of the seven later ones may take its share of what is left.
        assert scene.instances[0].visible.sum() >= (1 - scenes.MAX_COVERED) ** 7 * first.sum()
        assert not (scene.instances[0].visible & ~first).any()
    assert crowded


def test_a_digit_stands_out_from_what_is_under_it():
    """In front of a plain grey its colour is at least MIN_CONTRAST away; its shape covers what it changes."""
    scans, grey = load_scans("val", seed=0), np.full((64, 64, 3), 128, np.uint8)
    for seed in range(10):
        scene = scenes.compose(grey, scans, np.array([seed]), (0.8, 0.9), np.random.default_rng(seed))
        (one,) = scene.instances
        assert (one.digit, one.scan) == (scans.digit[seed], scans.index[seed])
        strongest = np.linalg.norm(scene.image[one.visible].astype(float) - 128, axis=1).max()
        assert strongest >= scenes.MIN_CONTRAST - 2  # rounded to bytes
        assert (scene.image[:2, :2] == 128).all() or one.visible[:2, :2].any()
