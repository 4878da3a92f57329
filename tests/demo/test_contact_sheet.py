"""The contact sheet: what it hides, what it tints, and that one is written for made-up predictions."""

import cv2
import numpy as np

from demo.contact_sheet import COLOURS, HIDDEN_GREY, draw_sheet, hide, tint
from demo.predictions import Objects, PictureExample, SceneExample


def make_scene(rng):
    mask = np.zeros((1, 64, 64), bool)
    mask[0, 10:30, 20:35] = True
    objects = Objects(np.array([[20.0, 10, 35, 30]]), mask, np.array([3]), np.array([0.9]))
    image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    nothing = Objects(np.zeros((0, 4)), np.zeros((0, 64, 64), bool), np.zeros(0, int), np.zeros(0))
    return SceneExample(image, np.eye(2, dtype=bool), image, objects, nothing)


def make_picture(rng, predicted):
    labels = np.zeros((64, 64), int)
    labels[10:30, 20:35] = 4
    return PictureExample(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), 3, predicted, 0.8, labels, labels)


def test_hidden_patches_are_grey_and_visible_ones_untouched():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    shown = hide(image, np.array([[True, False], [False, False]]))
    np.testing.assert_array_equal(shown[:32, :32], image[:32, :32])
    assert (shown[32:] == HIDDEN_GREY).all()
    assert (shown[:32, 32:] == HIDDEN_GREY).all()


def test_a_digit_is_tinted_in_its_own_colour():
    labels = np.array([[0, 1, 10]])
    shown = tint(np.zeros((1, 3, 3), np.uint8), labels)
    np.testing.assert_array_equal(shown[0, 0], [0, 0, 0])
    np.testing.assert_array_equal(shown[0, 1], COLOURS[0])
    np.testing.assert_array_equal(shown[0, 2], COLOURS[9])
    assert len({tuple(colour) for colour in COLOURS}) == 10


def test_a_sheet_is_drawn(tmp_path):
    rng = np.random.default_rng(0)
    scenes = [make_scene(rng), make_scene(rng)]
    pictures = [make_picture(rng, predicted) for predicted in (3, 5)] * 6  # a second strip begins
    draw_sheet(scenes, pictures, tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    height, width = sheet.shape[:2]
    assert width > 5 * 160  # five panels at no less than the scenes' own size
    assert height > 2 * 160
    green = (sheet == (0, 128, 0)).all(axis=2).sum()
    red = (sheet == (0, 0, 255)).all(axis=2).sum()
    assert green > 20  # the titles of right answers
    assert red > 20  # and of wrong ones
