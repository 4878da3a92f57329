"""The scans: split by digit, and drawn at any size."""

import cv2
import numpy as np

from demo.digits import draw_digit, load_scans


def test_the_split_holds_a_fifth_of_every_digit_for_validation():
    train, val = (np.bincount(load_scans(split, seed=3).digit) for split in ("train", "val"))
    np.testing.assert_allclose(val / (train + val), 0.2, atol=0.003)  # rounded to a whole scan of about 180
    assert set(load_scans("val", seed=3).index) != set(load_scans("val", seed=4).index)


def test_a_digit_keeps_its_shape_at_any_size():
    scans = load_scans("train", seed=0)
    for ink in scans.ink[:20]:
        small, large = draw_digit(ink, 40), draw_digit(ink, 80)
        assert max(small.shape) == 40
        assert max(large.shape) == 80
        assert small.min() >= 0
        assert small.max() <= 1
        shrunk = cv2.resize(large, small.shape[::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(shrunk - small).mean() < 0.03
