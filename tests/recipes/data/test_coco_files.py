"""The usual trees are found, and labels of another format are named in one line."""

import json

import pytest
from PIL import Image

from cnxv2_mm.recipes.data.coco_files import find_files, locate, read_file
from tests.recipes.data.coco_folder import CocoFolder

TREES = {
    "coco": ("annotations/instances_train2017.json", "annotations/instances_val2017.json"),
    "plain": ("annotations/train.json", "annotations/val.json"),
    "roboflow": ("train/_annotations.coco.json", "valid/_annotations.coco.json"),
}


@pytest.mark.parametrize("form", TREES)
def test_the_trees(tmp_path, form):
    folder = CocoFolder(tmp_path)
    root = folder.write(form)
    files = find_files(root)
    assert files == tuple(root / name for name in TREES[form])
    for part, file in zip(("train", "val"), files, strict=True):
        names = [image["file_name"] for image in folder.contents[part]["images"]]
        found = locate(root, file, part, names)
        assert [path.name for path in found] == names
        assert all(path.is_file() for path in found)


@pytest.mark.parametrize(
    ("folder", "file"), [("images", "result.json"), (".", "labels.json"), ("a/b", "annotations/x.json")]
)
def test_one_file_beside_or_above_the_images(tmp_path, folder, file):
    coco = CocoFolder(tmp_path)
    root = coco.write_single(folder, file)
    assert find_files(root) == (root / file, None)
    assert find_files(root / file) == (root / file, None)
    names = [image["file_name"] for image in coco.contents["train"]["images"]]
    assert all(path.is_file() for path in locate(root, root / file, "train", names))


def test_names_with_another_machines_folders(tmp_path):
    """As Label Studio writes them."""
    root = CocoFolder(tmp_path).write_single()
    found = locate(
        root, root / "result.json", "train", ["..\\..\\data\\images\\000.jpg", "/data/upload/1/001.jpg", "x.jpg"]
    )
    assert found == [root / "images/000.jpg", root / "images/001.jpg", "does not exist"]


def test_two_images_of_that_name(tmp_path):
    root = CocoFolder(tmp_path).write_single("a/b")
    (root / "c").mkdir()
    (root / "c/000.jpg").write_bytes((root / "a/b/000.jpg").read_bytes())
    (found,) = locate(root, root / "result.json", "train", ["000.jpg"])
    assert found == f"could be {root}/a/b/000.jpg, {root}/c/000.jpg"


def refusal(folder):
    with pytest.raises(ValueError, match=f"^{folder} has ") as caught:
        find_files(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert "expected" in text or "meant" in text
    return text


OTHERS = {
    "labels/a.txt": ("0 0.5 0.5 0.25 0.25\n", "YOLO"),
    "Annotations/a.xml": ("<annotation/>", "Pascal VOC"),
    "a.json": ('{"shapes": [], "imagePath": "a.jpg"}', "LabelMe"),
    "b.json": ('[{"data": {}, "annotations": []}]', "Label Studio's own"),
    "c.json": ('[{"image": "a.jpg", "annotations": []}]', "CreateML"),
    "d.json": ('{"a.jpg123": {"regions": []}}', "VGG Image Annotator"),
    "e.json": ("{", "no JSON"),
    "f.json": ('{"images": []}', "no COCO file"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_format_is_named(tmp_path, name):
    text, what = OTHERS[name]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert what in refusal(tmp_path)


def test_images_with_other_labels_or_none(tmp_path):
    picture = Image.new("RGB", (8, 8))
    for name, what in {
        "only/a.jpg": "1 images and no labels",
        "maps/images/training/a.jpg": "1 images and no labels",
        "maps/annotations/training/a.png": "label maps in annotations/",
        "classes/train/cat/a.jpg": "1 images and no labels",
        "classes/train/dog/a.jpg": "folders of classes (cat, dog)",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / name)
        assert what in refusal(tmp_path / name.split("/")[0])
    (tmp_path / "empty").mkdir()
    assert "no file" in refusal(tmp_path / "empty")


def test_what_cannot_be_decided(tmp_path):
    root = CocoFolder(tmp_path).write_single()
    (root / "second.json").write_bytes((root / "result.json").read_bytes())
    assert "several COCO files (result.json, second.json)" in refusal(root)
    root = CocoFolder(tmp_path / "b").write("coco")
    (root / "annotations/instances_train2014.json").write_text("{}")
    assert "several files annotations/instances_train*.json" in refusal(root)
    for file in root.glob("annotations/*train*"):
        file.unlink()
    assert "no such file for training" in refusal(root)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        find_files(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [[], {"images": []}, {"images": [], "annotations": [], "categories": [1]}])
def test_no_coco_file(tmp_path, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="is no COCO file"):
        read_file(tmp_path / "a.json")
