"""Folders of images as mmpretrain reads them."""

import pytest

from tests.training.data_check.conftest import error, remarks, write_image


def settings(root, with_label=False, **more):
    return {"type": "CustomDataset", "data_root": str(root), "with_label": with_label, **more}


def test_sound_folders_need_no_remark(tmp_path):
    for name in ("a/0.jpg", "a/deep/1.JPG", "b/2.png"):
        write_image(tmp_path / name.replace("JPG", "jpg")).rename(tmp_path / name)
    (tmp_path / "README.md").touch()
    (tmp_path / ".hidden.webp").touch()
    assert remarks(settings(tmp_path), "mmpretrain") == []
    assert remarks(settings(tmp_path, with_label=True), "mmpretrain") == []


def test_endings_that_are_left_out_are_counted(tmp_path):
    write_image(tmp_path / "0.jpg")
    for name in ("1.webp", "x/2.webp", "3.gif", "4.tiff"):
        write_image(tmp_path / "pixels.png").rename(tmp_path / "5.png")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"pixels")
    (line,) = remarks(settings(tmp_path), "mmpretrain")
    assert line.startswith(f"train_dataloader.dataset: 2 .webp, 1 .gif, 1 .tiff in {tmp_path} are left out")
    assert line.endswith("2 files are taken.")
    (line,) = remarks(settings(tmp_path, extensions=(".jpg", ".png", ".webp", ".gif")), "mmpretrain")
    assert ": 1 .tiff in" in line


@pytest.mark.parametrize("with_label", [False, True])
def test_no_file_has_an_ending_that_is_taken(tmp_path, with_label):
    write_image(tmp_path / "class" / "0.png").rename(tmp_path / "class" / "0.webp")
    text = error(settings(tmp_path, with_label=with_label), "mmpretrain")
    assert "no file in" in text
    assert "(other images: 1 .webp)" in text


def test_images_beside_the_class_folders(tmp_path):
    for name in ("class/0.png", "1.png", "2.png"):
        write_image(tmp_path / name)
    (line,) = remarks(settings(tmp_path, with_label=True), "mmpretrain")
    assert f"2 images in {tmp_path} itself are left out" in line


def test_empty_files_are_named(tmp_path):
    write_image(tmp_path / "0.jpg")
    (tmp_path / "1.jpg").touch()
    assert error(settings(tmp_path), "mmpretrain").endswith(f"1 of 2 files are empty (0 bytes): {tmp_path / '1.jpg'}")


def test_imagenet_by_class_folders(tmp_path):
    write_image(tmp_path / "train" / "n01440764" / "0.JPEG")
    (tmp_path / "train" / "n01440764" / "1.JPEG").touch()
    dataset = {"type": "ImageNet", "data_root": str(tmp_path), "split": "train"}
    assert "1 of 2 files are empty" in error(dataset, "mmpretrain")
