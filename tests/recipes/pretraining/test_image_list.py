"""The lists of a run folder, read by mmpretrain's data set too."""

import pytest
from mmpretrain.datasets import CustomDataset

from cnxv2_mm.images.survey import survey
from cnxv2_mm.recipes.pretraining.image_list import check_images, class_names, read_images, write_lists
from tests.images.test_survey import write_images


def test_lists_are_what_mmpretrain_reads(tmp_path):
    images = tmp_path / "my images"
    for name in ("a cat", "dog"):
        write_images(images / name, 5)
    (images / "broken.png").write_bytes(b"broken")
    write_lists(survey(images), tmp_path / "data")
    assert read_images(tmp_path / "data") == [f"{name}/0{i}.png" for name in ("a cat", "dog") for i in range(5)]
    assert (tmp_path / "data" / "left_out.txt").read_text().startswith("broken.png\t")
    for file, labelled in (("images.txt", False), ("classes.txt", True)):
        data = CustomDataset(data_root=str(images), ann_file=str(tmp_path / "data" / file), with_label=labelled)
        entries = [data.get_data_info(i) for i in range(len(data))]
        assert len(entries) == 10
        assert entries[7]["img_path"] == str(images / "dog" / "02.png")
        assert [entry.get("gt_label") for entry in entries] == ([0] * 5 + [1] * 5 if labelled else [None] * 10)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ([f"{c}/{i}.png" for c in "ab" for i in range(5)], ("a", "b")),
        ([f"x/{c}/{i}.png" for c in "ab" for i in range(5)], ("x/a", "x/b")),
        ([f"{c}/{i}.png" for c in "ab" for i in range(4)], ()),
        ([f"a/{i}.png" for i in range(9)], ()),
        ([f"{i}.png" for i in range(9)], ()),
        ([*(f"{c}/{i}.png" for c in "ab" for i in range(5)), "c/d/0.png"], ()),
    ],
)
def test_folders_are_classes_if_all_images_lie_in_several_of_one_depth(files, names):
    assert class_names(files) == names


def test_images_that_have_vanished_are_named(tmp_path):
    images = write_images(tmp_path / "images", 6)
    write_lists(survey(images), tmp_path / "data")
    check_images(tmp_path / "data", images)
    for number in range(1, 6):
        (images / f"0{number}.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"^5 of the 6 images .*: 01\.png, 02\.png, 03\.png and 2 more\.") as e:
        check_images(tmp_path / "data", images)
    assert "\n" not in str(e.value)
