"""The images that are chosen, and their pixels, which Pillow reads for comparison."""

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from cnxv2_mm.analysis.report.images import MEAN, STD, Normalisation, choose_images, read_batches, read_pixels


def test_classes_are_the_folders_and_take_turns(folder, images):
    assert images.classes == ("astronaut", "chelsea")
    assert [images.classes[label] for label in images.labels] == [p.relative_to(folder).parts[0] for p in images.files]
    assert sorted(images.files) == sorted(folder.rglob("*.png"))
    assert images.labels.tolist() == [0, 1] * 5 + [1]
    few = choose_images(folder, 7)
    assert Counter(few.labels.tolist()) == {0: 4, 1: 3}
    assert few.files == images.files[:7]
    assert few.found == 11
    cats = [path for path in images.files if "chelsea" in path.parts]
    assert cats != sorted(cats)  # those taken of many are not the first ones by name


def test_one_in_five_of_each_class_is_held_out(images):
    held_out = images.held_out()
    assert Counter(images.labels[held_out].tolist()) == {0: 1, 1: 1}
    assert not choose_images(images.folder, 2).held_out().any()  # one image of each class


def test_a_folder_without_classes(folder, tmp_path):
    for images in (choose_images(folder / "chelsea", 4), choose_images(folder / "chelsea" / "crops", 4)):
        assert images.labels is None
        assert images.classes == ()
        assert len(images.files) == 4
        assert not images.held_out().any()
    (tmp_path / "class").mkdir()
    (tmp_path / "other").mkdir()
    for name in ("class/a.PNG", "other/b.jpg", "c.png", "other/.hidden.png", "other/text.txt"):
        (tmp_path / name).touch()
    mixed = choose_images(tmp_path, 100)
    assert mixed.labels is None
    assert sorted(path.name for path in mixed.files) == ["a.PNG", "b.jpg", "c.png"]


def test_pixels_are_those_of_the_file(folder, tmp_path):
    path = folder / "chelsea" / "crops" / "0.png"  # 96 x 128
    truth = np.asarray(Image.open(path))
    assert np.array_equal(read_pixels(path, 96, 3), truth[16:112])
    grey = read_pixels(path, 96, 1)
    assert grey.shape == (96, 96, 1)
    assert np.abs(grey[..., 0].astype(int) - np.asarray(Image.open(path).convert("L"))[16:112]).max() <= 1
    small = read_pixels(path, 48, 3).astype(float)  # half: each pixel is the mean of four
    assert np.abs(small - truth[16:112].reshape(48, 2, 48, 2, 3).mean(axis=(1, 3))).max() <= 1
    assert read_pixels(path, 128, 3).shape == (128, 128, 3)


def test_batches_are_normalised_and_in_order(images):
    batches = list(read_batches(images, 32, 4, Normalisation(3)))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    pixels = np.stack([read_pixels(file, 32, 3) for file in images.files])
    expected = (pixels - np.array(MEAN)) / np.array(STD)
    torch.testing.assert_close(
        torch.cat(batches), torch.from_numpy(expected).permute(0, 3, 1, 2).float(), rtol=1e-5, atol=1e-5
    )
    assert np.array_equal(Normalisation(3).undo(torch.cat(batches)), pixels)
    (grey,) = read_batches(images, 32, 11, Normalisation(1, [10.0], [2.0]))
    assert grey.shape == (11, 1, 32, 32)
    assert Normalisation(1).mean.item() == pytest.approx(sum(MEAN) / 3)


def test_what_cannot_be_measured_is_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        choose_images(tmp_path / "none", 10)
    with pytest.raises(ValueError, match=r"has no images: no file in it, at any depth, ends in \.jpg"):
        choose_images(tmp_path, 10)
    with pytest.raises(ValueError, match="max_images=1 leaves images of one class; take at least 2"):
        choose_images(folder, 1)
    for name, content in (("train/a.jpg", b"\xff\xd8 not an image"), ("val/b.jpg", b"")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read"):
            read_pixels(tmp_path / name, 32, 3)
    with pytest.raises(ValueError, match=r"holds train, val, which are no classes; name one: .*train$"):
        choose_images(tmp_path, 10)
    with pytest.raises(ValueError, match="images of 8 channels"):
        Normalisation(8)
    with pytest.raises(ValueError, match="--mean has 2 numbers; give one, or"):
        Normalisation(3, mean=[1.0, 2.0])
    with pytest.raises(ValueError, match="must be above 0"):
        Normalisation(3, std=[1.0, 0.0, 1.0])
