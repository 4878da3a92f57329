"""Data that was given to the wrong task is recognised."""

import json

from cnxv2_mm.recipes.data.kinds import other_kind
from tests.recipes.data.folders import ade, classes, write_image


def test_a_coco_file(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "train.json").write_text(json.dumps({"images": [], "annotations": []}))
    for wanted in ("segment", "classify"):
        assert other_kind(tmp_path, wanted).endswith(f"cnxv2 finetune detect {tmp_path}")


def test_label_maps(tmp_path):
    ade(tmp_path)
    assert other_kind(tmp_path, "segment") == ""
    assert other_kind(tmp_path, "classify").endswith(f"cnxv2 finetune segment {tmp_path}")


def test_class_folders(tmp_path):
    classes(tmp_path)
    assert other_kind(tmp_path, "classify") == ""
    text = other_kind(tmp_path, "segment")
    assert "a folder for each class (cat, dog, owl)" in text
    assert text.endswith(f"cnxv2 finetune classify {tmp_path}")


def test_images_alone_are_no_kind(tmp_path):
    write_image(tmp_path / "images" / "a.jpg")
    (tmp_path / "settings.json").write_text("{}")
    assert other_kind(tmp_path, "segment") == other_kind(tmp_path, "classify") == ""
