"""The same file under two names is found; files that only look alike are not."""

import shutil

from cnxv2_mm.recipes.data.copies import find_copies
from tests.recipes.data.folders import write_image


def test_copies_are_found_by_content(tmp_path):
    train = [write_image(tmp_path / "train" / f"{i}.jpg", i) for i in range(4)]
    val = [write_image(tmp_path / "val" / f"{i}.jpg", 10 + i) for i in range(2)]
    assert find_copies(train, val) == {}
    val.append(tmp_path / "val" / "other_name.jpg")
    shutil.copy(train[2], val[-1])
    assert find_copies(train, val) == {train[2]: val[-1]}


def test_files_of_one_size_and_different_content_are_no_copies(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"12345")
    b.write_bytes(b"12346")
    assert find_copies([a], [b]) == {}
