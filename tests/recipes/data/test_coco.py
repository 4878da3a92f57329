"""Whole data sets, read and written down: mmdet reads what was written, and finds what the user labelled."""

import json

import numpy as np
import pytest
from mmdet.registry import DATASETS
from mmengine.registry import DefaultScope

from cnxv2_mm.recipes.data.coco import read_coco
from tests.recipes.data.coco_folder import SIDE, CocoFolder


def as_mmdet_reads(coco, part):
    file = coco.train if part == "train" else coco.val
    settings = {
        "type": "CocoDataset",
        "ann_file": str(file),
        "data_prefix": {"img": f"{coco.root}/"},
        "metainfo": {"classes": coco.classes},
        "pipeline": [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True}],
    }
    with DefaultScope.overwrite_default_scope("mmdet"):
        return list(DATASETS.build(settings))


@pytest.mark.parametrize("form", ["coco", "plain", "roboflow"])
def test_both_parts_are_what_mmdet_loads(tmp_path, form):
    folder = CocoFolder(tmp_path / "data")
    coco = read_coco(folder.write(form), tmp_path / "out")
    assert (coco.num_train, coco.num_val, coco.classes, coco.masks) == (10, 4, ("roof", "petal"), True)
    assert not coco.held_out
    assert coco.findings == ()
    for part in ("train", "val"):
        samples = as_mmdet_reads(coco, part)
        assert all(sample["img"].shape == (SIDE, SIDE, 3) for sample in samples)
        boxes = np.concatenate([np.asarray(sample["gt_bboxes"].tensor) for sample in samples])
        labelled = np.array([annotation["bbox"] for annotation in folder.contents[part]["annotations"]], float)
        np.testing.assert_allclose(boxes, np.c_[labelled[:, :2], labelled[:, :2] + labelled[:, 2:]])
    assert coco.image_sizes.tolist() == [[SIDE, SIDE]] * 10
    np.testing.assert_array_equal(coco.box_sizes, [a["bbox"][2:] for a in folder.contents["train"]["annotations"]])
    np.testing.assert_array_equal(coco.box_images, np.repeat(np.arange(10), 2))


def test_one_file_is_divided(tmp_path):
    root = CocoFolder(tmp_path / "data", train=20).write_single()
    coco = read_coco(root, tmp_path / "out")
    assert (coco.num_train, coco.num_val, coco.held_out) == (16, 4, True)
    names = [{s["img_path"] for s in as_mmdet_reads(coco, part)} for part in ("train", "val")]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 20
    again = read_coco(root / "result.json", tmp_path / "again")
    assert [file.read_bytes() for file in (again.train, again.val)] == [
        file.read_bytes() for file in (coco.train, coco.val)
    ]
    assert (tmp_path / "out/images.txt").read_text().count("\n") == 20


def test_some_masks_are_none(tmp_path):
    folder = CocoFolder(tmp_path / "data")
    folder.contents["val"]["annotations"][0]["segmentation"] = []
    coco = read_coco(folder.write(), tmp_path / "out")
    assert not coco.masks
    assert [f.text for f in coco.findings] == [
        "27 of 28 objects have a mask, the others a box alone: the masks are not used."
    ]
    assert "segmentation" not in coco.train.read_text()


def test_no_masks(tmp_path):
    coco = read_coco(CocoFolder(tmp_path / "data", masks=False).write(), tmp_path / "out")
    assert not coco.masks
    assert coco.findings == ()


def test_findings_and_left_out_images(tmp_path):
    folder = CocoFolder(tmp_path / "data", train=20)
    told = folder.contents["train"]
    told["annotations"] = [a for a in told["annotations"] if a["image_id"] != 2]
    folder.contents["val"]["images"][0]["file_name"] = "000.jpg"
    root = folder.write("plain")
    (root / "images/train/003.jpg").write_text("no image")
    (root / "images/val/000.jpg").unlink()
    coco = read_coco(root, tmp_path / "out")
    assert [finding.text.partition(":")[0] for finding in coco.findings] == [
        f"1 of 20 images of {root}/annotations/train.json are left out",
        "1 images are for training and validation, so that scores are too good",
        "1 of 19 images for training have no object",
    ]
    assert (tmp_path / "out/left_out.txt").read_text().startswith("003.jpg\tis no image that")
    assert len(as_mmdet_reads(coco, "train")) == coco.num_train == 19


def test_every_fatal_reason_has_a_line(tmp_path):
    folder = CocoFolder(tmp_path / "data")
    for part in ("train", "val"):
        folder.contents[part]["annotations"][0]["bbox"] = "1 2 3 4"
    root = folder.write("coco")
    with pytest.raises(ValueError, match="not four finite numbers") as caught:
        read_coco(root, tmp_path / "out")
    assert [line.split(" of ")[0] for line in str(caught.value).splitlines()] == ["1", "1"]
    assert not (tmp_path / "out").exists()


def test_a_wrong_folder_of_images(tmp_path):
    root = CocoFolder(tmp_path / "data").write("coco")
    for file in (root / "train2017").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"10 of 10 images of .* are left out: 000.jpg does not exist"):
        read_coco(root, tmp_path / "out")


def test_no_annotation(tmp_path):
    folder = CocoFolder(tmp_path / "data")
    folder.contents["train"]["annotations"] = []
    with pytest.raises(ValueError, match="no annotation that can be used for training"):
        read_coco(folder.write(), tmp_path / "out")


def test_images_stay_where_they_are(tmp_path):
    """Nothing in the user's folder is written or changed."""
    root = CocoFolder(tmp_path / "data").write()
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    coco = read_coco(root, tmp_path / "out")
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert json.loads(coco.train.read_text())["images"][0]["file_name"] == "train2017/000.jpg"
