"""COCO files with the faults that users' files have. mmdet itself is the oracle of what is left out."""

import pytest
from mmdet.registry import DATASETS
from mmengine.registry import DefaultScope

from cnxv2_mm.training.data_check import coco as module
from tests.training.data_check.conftest import error, remarks


def boxes_that_mmdet_keeps(dataset):
    with DefaultScope.overwrite_default_scope("mmdet"):
        return sum(len(entry["instances"]) for entry in DATASETS.build({**dataset, "pipeline": []}))


def only(lines):
    (line,) = lines
    assert "\n" not in line
    return line


def test_a_sound_file_needs_no_remark_in_any_wrapping(coco):
    dataset = coco.dataset()
    assert remarks(dataset, "mmdet") == []
    repeated = {"type": "RepeatDataset", "times": 2, "dataset": dataset}
    assert remarks({"type": "ConcatDataset", "datasets": [repeated, dataset]}, "mmdet") == []
    # Crowds, ignored boxes, a box a pixel beyond the edge, an image without boxes, a category without any.
    first, second, third, _ = coco.content["annotations"]
    first["iscrowd"] = 1
    second.update(ignore=True, bbox=[0, 0, 0, 0], area=0)
    third["bbox"] = [-1, 40, 20, 25.5]
    coco.content["images"].append({"id": 9, "file_name": "not/there.jpg", "width": 640, "height": 480})
    coco.content["categories"].append({"id": 0, "name": "animal"})
    assert remarks(coco.dataset(), "mmdet") == []


def test_boxes_that_mmdet_leaves_out_are_counted_by_its_own_rule(coco):
    kinds = [[70, 0, 5, 5], [1, 70, 5, 5], [1, 1, 0, 4], [1, 1, 4, 0.5], [10, 10, 60, 5], [10, 10, 5, 5]]
    for i, box in enumerate(kinds):
        area = 0 if i == 5 else 20
        coco.content["annotations"].append({"id": 10 + i, "image_id": 1, "category_id": 7, "bbox": box, "area": area})
    dataset = coco.dataset()
    lines = remarks(dataset, "mmdet")
    outside, empty, beyond = lines
    assert "2 of 10 boxes" in outside
    assert "outside" in outside
    assert "first annotation id 10." in outside
    assert "3 of 10 boxes" in empty
    assert "1 of 10 boxes" in beyond
    assert boxes_that_mmdet_keeps(dataset) == 10 - 2 - 3


def test_no_box_is_left(coco):
    for annotation in coco.content["annotations"]:
        annotation["bbox"] = [100, 100, 5, 5]
    assert "has no box to train on" in error(coco.dataset(), "mmdet")


@pytest.mark.parametrize("box", [[1, 2, 3], [1, 2, 3, None], [1, 2, 3, float("nan")], "1 2 3 4"])
def test_boxes_that_are_none(coco, box):
    coco.content["annotations"][2]["bbox"] = box
    text = error(coco.dataset(), "mmdet")
    assert "1 of 4 boxes" in text
    assert "first annotation id 3" in text


def test_categories_that_are_not_in_classes(coco):
    """mmdet numbers the file's categories, in its order: with classes=('dog',) a cat is no object."""
    line = only(remarks(coco.dataset(("dog",)), "mmdet"))
    assert "2 of 4 boxes" in line
    assert line.endswith("not in classes: cat.")
    assert boxes_that_mmdet_keeps(coco.dataset(("dog",))) == 2


def test_classes_that_are_not_in_the_file(coco):
    assert "1 of 3 classes are not in" in only(remarks(coco.dataset(("cat", "dog", "emu")), "mmdet"))
    dataset = coco.dataset(("ant", "cat", "dog"))
    absent, shifted = remarks(dataset, "mmdet")
    assert absent.endswith(": ant.")
    assert "label 0 is 'cat', classes[0] is 'ant'" in shifted
    # So it is: the first box, a cat's, has the label 0.
    with DefaultScope.overwrite_default_scope("mmdet"):
        assert DATASETS.build({**dataset, "pipeline": []})[0]["instances"][0]["bbox_label"] == 0


def test_classes_in_another_order(coco):
    assert "label 0 is 'cat', classes[0] is 'dog'" in only(remarks(coco.dataset(("dog", "cat")), "mmdet"))


def test_no_category_at_all_is_in_classes(coco):
    """What happens to a file of one's own under the classes of COCO."""
    text = error(coco.dataset(("person", "car")), "mmdet")
    assert "the file has cat, dog, classes has person, car" in text
    assert "metainfo=dict(classes=(...))" in text
    # The same of validation data is a remark.
    (line,) = remarks(coco.dataset(("person", "car")), "mmdet", "val_dataloader")
    assert line.startswith("val_dataloader.dataset: no category of")


def test_the_missing_comma(coco):
    assert "write ('cat',)" in error(coco.dataset("cat"), "mmdet")


def test_repeated_ids(coco):
    coco.content["images"][2]["id"] = 1
    assert "1 image ids occur more than once" in error(coco.dataset(), "mmdet")
    coco.content["images"][2]["id"] = 2
    coco.content["annotations"][2]["id"] = 1
    dataset = coco.dataset()
    assert "1 annotation ids occur more than once" in error(dataset, "mmdet")
    with pytest.raises(AssertionError, match="not unique"):
        boxes_that_mmdet_keeps(dataset)


def test_boxes_of_no_image(coco):
    coco.content["annotations"][3]["image_id"] = 77
    assert "1 annotations of" in only(remarks(coco.dataset(), "mmdet"))


@pytest.mark.parametrize(("part", "key"), [("images", "width"), ("annotations", "bbox"), ("categories", "name")])
def test_entries_without_what_mmdet_reads(coco, part, key):
    del coco.content[part][1][key]
    assert f"{part} have no '{key}', first number 1 of the list" in error(coco.dataset(), "mmdet")


def test_files_of_another_kind(coco):
    dataset = coco.dataset()
    (coco.root / "labels.json").write_text("<html>")
    assert "no JSON file" in error(dataset, "mmdet")
    (coco.root / "labels.json").write_text('{"shapes": []}')
    assert "no COCO file: it has no images and no categories" in error(dataset, "mmdet")


def test_images_that_are_missing_or_empty(coco):
    (coco.root / "images" / "0.jpg").unlink()
    (coco.root / "images" / "3.jpg").write_bytes(b"")
    missing, empty = error(coco.dataset(), "mmdet").splitlines()
    assert missing.endswith(f"1 of 4 files do not exist: {coco.root / 'images/0.jpg'}")
    assert empty.endswith(f"1 of 4 files are empty (0 bytes): {coco.root / 'images/3.jpg'}")


def test_images_without_boxes_are_wanted_unless_they_are_filtered_out(coco):
    coco.content["images"].append({"id": 9, "file_name": "not/there.jpg", "width": 640, "height": 480})
    assert "1 of 5 files do not exist" in error(coco.dataset(filter_cfg=None), "mmdet")
    (line,) = remarks(coco.dataset(test_mode=True), "mmdet", "val_dataloader")
    assert "1 of 5 files do not exist" in line


def test_large_files_are_not_read(coco, monkeypatch):
    monkeypatch.setattr(module, "_LARGEST_FILE", 10)
    assert "only files up to 200 MB are checked" in only(remarks(coco.dataset(("person",)), "mmdet"))
