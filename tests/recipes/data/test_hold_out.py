"""A fifth of each class is held out, whatever the order of the samples."""

import random
from collections import Counter

import numpy as np
import pytest

from cnxv2_mm.recipes.data.hold_out import hold_out


def samples(seed, number=200):
    """Images with some of eight classes, of which the last is in a hundredth of them."""
    rng = np.random.default_rng(seed)
    shares = np.geomspace(0.6, 0.03, 8)
    return {f"{i}.jpg": {k for k in range(8) if rng.random() < shares[k]} for i in range(number)}


@pytest.mark.parametrize("seed", range(5))
def test_a_fifth_of_each_class(seed):
    classes = samples(seed)
    held = hold_out(classes)
    assert len(held) == 40
    total = Counter(label for labels in classes.values() for label in labels)
    chosen = Counter(label for name in held for label in classes[name])
    for label, number in total.items():
        assert abs(chosen[label] - number / 5) <= max(2, 0.12 * number), label


def test_the_order_of_the_samples_does_not_matter():
    classes = samples(0)
    names = list(classes)
    random.Random(1).shuffle(names)
    assert hold_out({name: classes[name] for name in names}) == hold_out(classes)


def test_the_last_image_of_a_class_stays_in_training():
    classes = {f"{i}": {min(i, 5)} for i in range(10)}  # of five classes there is one image, of the sixth five
    assert hold_out(classes) <= {"5", "6", "7", "8", "9"}
    assert len(hold_out(classes)) == 2


def test_one_of_two():
    assert len(hold_out({"a": {1}, "b": {2}})) == 1


@pytest.mark.parametrize("classes", [{}, {"a": {1}}])
def test_too_few(classes):
    with pytest.raises(ValueError, match="cannot be divided"):
        hold_out(classes)
