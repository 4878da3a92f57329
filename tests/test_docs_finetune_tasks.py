"""What docs/finetune.md says of segmentation and classification: its trees are found, its numbers are the code's."""

import re

import pytest

from cnxv2_mm.recipes.data.class_folders import read_class_folders
from cnxv2_mm.recipes.data.label_maps import read_label_maps
from tests.recipes.data.folders import write_image, write_labels
from tests.test_structure import ROOT

PAGE = (ROOT / "docs" / "finetune.md").read_text()


def section(name):
    return PAGE.split(f"## {name}\n")[1].split("\n## ")[0]


def trees(name):
    return re.search(r"```text\n(.*?)```", section(name), flags=re.DOTALL).group(1).splitlines()


@pytest.mark.parametrize("tree", trees("Segmentation"))
def test_the_trees_of_label_maps_are_found(tmp_path, tree):
    images, label_maps = re.findall(r"\S+\*\.\w+", tree)
    for i in range(5):
        write_image(tmp_path / "data" / images.replace("*", str(i)), i)
        write_labels(tmp_path / "data" / label_maps.replace("*", str(i)), 0, 1)
    found = read_label_maps(tmp_path / "data", tmp_path / "lists")
    assert (found.train.number, found.val.number) == (4, 1)
    assert found.train.images.relative_to(tmp_path / "data").as_posix() == images.rpartition("/")[0]


@pytest.mark.parametrize("tree", trees("Classification"))
def test_the_trees_of_classes_are_found(tmp_path, tree):
    (images, *_) = re.findall(r"\S+\*\.\w+", tree)
    for name in ("cat", "dog"):
        for i in range(5):
            path = tmp_path / "data" / images.replace("<class>", name).replace("*", str(i))
            write_image(path, i + 50 * (name == "cat"))
    found = read_class_folders(tmp_path / "data", tmp_path / "lists")
    assert found.classes == ("cat", "dog")
    assert (found.num_train.tolist(), found.num_val.tolist()) == ([4, 4], [1, 1])
