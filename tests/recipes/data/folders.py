"""Folders of labelled images for the tests: crops of real photographs, and labels that are known."""

from functools import cache

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images


@cache
def _photographs():
    return load_sample_images().images


def write_image(path, number=0, size=(48, 40)):
    """A crop of a photograph, (width, height); each number gives another one."""
    photograph = _photographs()[number % 2]
    top, left = 31 * number % 300, 47 * number % 500
    crop = photograph[top : top + size[1], left : left + size[0]]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(crop).save(path)
    return path


def write_labels(path, *labels, size=(48, 40), mode=None):
    """Pixels with these labels, in equal parts from left to right."""
    width, height = size
    columns = np.array(labels)[np.arange(width) * len(labels) // width]
    pixels = np.repeat(columns[None], height, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels.astype(np.uint8) if mode is None else pixels.astype(mode))
    image.save(path)
    return path


def write_pair(root, split, name, number, *labels, trees=("images", "annotations"), size=(48, 40)):
    write_image(root / trees[0] / split / f"{name}.jpg", number, size)
    write_labels(root / trees[1] / split / f"{name}.png", *labels, size=size)


def ade(root, train=8, val=3, labels=(0, 1, 2)):
    """ADE20K's tree with a few images, each of which shows all labels."""
    for split, number, first in (("training", train, 0), ("validation", val, 100)):
        for i in range(number):
            write_pair(root, split, f"{split[0]}{i:02d}", first + i, *labels)
    return root


def classes(root, train=6, val=2, names=("cat", "dog", "owl")):
    """Folders of classes."""
    for i, name in enumerate(names):
        for part, number, first in (("train", train, 0), ("val", val, 50)):
            for j in range(number):
                write_image(root / part / name / f"{part}{j}.jpg", 100 * i + first + j)
    return root
