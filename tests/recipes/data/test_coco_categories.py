"""Both parts have the same categories; mmdet, which numbers them, is the oracle."""

import json
from pathlib import Path

import pytest
from mmdet.registry import DATASETS
from mmengine.registry import DefaultScope

from cnxv2_mm.recipes.data.coco_categories import settle_categories
from cnxv2_mm.recipes.data.coco_part import Part
from tests.recipes.data.coco_folder import content


def parts(train, val):
    made = []
    for name, categories in (("train", train), ("val", val)):
        told = content(4, 0, masks=False)
        told["categories"] = [{"id": number, "name": name} for name, number in categories.items()]
        for i, annotation in enumerate(told["annotations"]):
            annotation["category_id"] = list(categories.values())[i % len(categories)]
        made.append(Part(Path(f"{name}.json"), told["images"], told["annotations"], told["categories"]))
    return made


def labels_of_mmdet(part, tmp_path):
    file = tmp_path / part.file.name
    told = {"images": part.images, "annotations": part.annotations, "categories": part.categories}
    file.write_text(json.dumps(told))
    names = tuple(category["name"] for category in part.categories)
    settings = {"type": "CocoDataset", "ann_file": str(file), "metainfo": {"classes": names}, "pipeline": []}
    settings["data_prefix"] = {"img": ""}
    with DefaultScope.overwrite_default_scope("mmdet"):
        return names, [i["bbox_label"] for sample in DATASETS.build(settings) for i in sample["instances"]]


def test_another_order_and_other_ids_in_the_validation_file(tmp_path):
    """mmdet alone would take one class for the other there."""
    train, val = parts({"roof": 1, "petal": 2}, {"petal": 1, "roof": 2})
    assert settle_categories(train, val) == []
    assert train.categories == val.categories == [{"id": 1, "name": "roof"}, {"id": 2, "name": "petal"}]
    names, labels = labels_of_mmdet(train, tmp_path)
    assert (names, labels) == (("roof", "petal"), [0, 1] * 4)
    assert labels_of_mmdet(val, tmp_path) == (names, [1, 0] * 4)


def test_categories_of_one_part_only():
    train, val = parts({"roof": 1, "petal": 2}, {"roof": 1, "sky": 2})
    absent_in_val, absent_in_train = [finding.text for finding in settle_categories(train, val)]
    assert absent_in_val == "1 of 3 categories have no object for validation and get no score: petal."
    assert absent_in_train == "1 of 3 categories have no object for training and cannot be learnt: sky."
    assert train.categories == val.categories
    assert [category["id"] for category in val.categories] == [1, 2, 3]
    assert {annotation["category_id"] for annotation in val.annotations} == {1, 3}


def test_categories_without_any_object_are_no_classes():
    """Roboflow writes one, the name of the project."""
    train, val = parts({"roof": 1, "petal": 2}, {"roof": 1, "petal": 2})
    for part in (train, val):
        part.categories.insert(0, {"id": 0, "name": "my-project"})
    (finding,) = settle_categories(train, val)
    assert finding.text == "1 of 3 categories have no object and are left out: my-project."
    assert [category["name"] for category in train.categories] == ["roof", "petal"]


def test_gaps_do_no_harm(tmp_path):
    train, val = parts({"roof": 3, "petal": 90}, {"roof": 3, "petal": 90})
    (finding,) = settle_categories(train, val)
    assert "have gaps (3, 90)" in finding.text
    assert labels_of_mmdet(train, tmp_path) == (("roof", "petal"), [0, 1] * 4)


@pytest.mark.parametrize("empty", ["train", "val"])
def test_no_object_at_all(empty):
    both = dict(zip(("train", "val"), parts({"roof": 1}, {"roof": 1}), strict=True))
    both[empty].annotations = []
    (finding,) = settle_categories(both["train"], both["val"])
    assert finding.fatal
    assert finding.text.startswith(f"{empty}.json has no annotation that can be used for ")
