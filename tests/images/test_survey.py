"""Folders as users have them: whole images, broken ones, tiny ones, and those of another kind than most."""

import threading

import numpy as np
import pytest
import tifffile
from PIL import Image
from sklearn.datasets import load_sample_images

from cnxv2_mm.images import survey as module
from cnxv2_mm.images.survey import SMALLEST_SIDE, survey
from cnxv2_mm.variants import LAST_STRIDE

FLOWER = load_sample_images().images[1]  # 427 x 640, RGB


def write_images(folder, num=10, mode="RGB", ending=".png"):
    """Writes ``num`` crops, 64 rows and 80 columns and more: 00.png, 01.png, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(num):
        crop = Image.fromarray(FLOWER[10 * i : 10 * i + 64 + i, 200:280])
        crop.convert(mode).save(folder / f"{i:02d}{ending}")
    return folder


def test_finds_images_at_any_depth_and_tells_their_sizes(tmp_path):
    write_images(tmp_path / "b" / "c", 3)
    write_images(tmp_path / "a", 2, ending=".JPG")
    (tmp_path / "notes.txt").write_text("no image")
    found = survey(tmp_path)
    assert found.files == ("a/00.JPG", "a/01.JPG", "b/c/00.png", "b/c/01.png", "b/c/02.png")
    assert (found.channels, found.bytes, found.left_out) == (3, True, ())
    assert (found.smallest, found.largest, found.median_side) == ((64, 80), (66, 80), 65)
    assert found.decoded == found.measured == 5
    found.check()


def test_mean_and_deviation_are_those_of_all_pixels(tmp_path):
    folder = write_images(tmp_path, 4)
    images = [np.asarray(Image.open(file), dtype=np.float64) for file in sorted(folder.iterdir())]
    means = np.mean([image.mean(axis=(0, 1)) for image in images], axis=0)
    squares = np.mean([(image**2).mean(axis=(0, 1)) for image in images], axis=0)
    found = survey(folder)
    np.testing.assert_allclose(found.mean, means)
    np.testing.assert_allclose(found.std, np.sqrt(squares - means**2))


def test_files_that_cannot_be_used_are_left_out_with_their_reasons(tmp_path):
    folder = write_images(tmp_path, 3, ending=".jpg")
    whole = (folder / "00.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no image at all")
    Image.fromarray(FLOWER[:31, :64]).save(folder / "tiny.png")
    Image.fromarray(FLOWER[:64, :64]).save(folder / " blank.png")
    tifffile.imwrite(folder / "nan.tif", np.full((64, 64), np.nan, np.float32))
    found = survey(folder)
    reasons = {one.file: one.reason for one in found.left_out}
    assert found.files == ("00.jpg", "01.jpg", "02.jpg")
    assert reasons.keys() == {"truncated.jpg", "empty.png", "text.jpg", "tiny.png", " blank.png", "nan.tif"}
    assert reasons["tiny.png"] == "64 x 31 pixels, a patch has 32 x 32"
    assert "truncated" in reasons["truncated.jpg"]
    assert "not finite" in reasons["nan.tif"]
    assert str(tmp_path) not in "".join(reasons.values())
    assert found.reasons() == {"unreadable": 4, "too small": 1, "with odd names": 1}
    with pytest.raises(ValueError, match=r"^6 of 9 images in .* cannot be used \(4 unreadable, 1 .*10%"):
        found.check()


def test_up_to_one_in_ten_may_be_left_out(tmp_path):
    folder = write_images(tmp_path, 18)
    for number in range(2):
        (folder / f"broken{number}.png").write_bytes(b"broken")
    survey(folder).check()
    (folder / "broken2.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"^3 of 21 images .* All are listed in data/left_out\.txt\.$") as error:
        survey(folder).check("data/left_out.txt")
    assert "\n" not in str(error.value)


def test_grey_among_rgb_counts_as_rgb(tmp_path):
    write_images(tmp_path / "rgb", 3)
    write_images(tmp_path / "grey", 5, mode="L")
    found = survey(tmp_path)
    assert (found.channels, len(found.files), found.left_out) == (3, 8, ())


def test_a_few_rgb_images_do_not_make_grey_ones_rgb(tmp_path):
    write_images(tmp_path, 19, mode="L")
    Image.fromarray(FLOWER).save(tmp_path / "preview.png")
    found = survey(tmp_path)
    assert (found.channels, len(found.files)) == (1, 19)
    assert [one.file for one in found.left_out] == ["preview.png"]
    assert found.left_out[0].reason == "3 channels of 8 bits, where most have 1 channel of 8 bits"


def test_many_channels_of_16_bits_stay_in_the_units_of_the_files(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 4000, (6, 40, 50), dtype=np.uint16) for _ in range(4)]
    for i, array in enumerate(arrays):
        tifffile.imwrite(tmp_path / f"{i}.tif", array, photometric="minisblack", planarconfig="separate")
    found = survey(tmp_path)
    assert (found.channels, found.bytes, found.smallest) == (6, False, (40, 50))
    np.testing.assert_allclose(found.mean, np.mean(arrays, axis=(0, 2, 3)))
    np.testing.assert_allclose(found.std, np.std(arrays, axis=(0, 2, 3)))


def test_of_many_files_a_spread_sample_is_decoded(tmp_path, monkeypatch):
    folder = write_images(tmp_path, 10)
    write_images(folder / "grey", 10, mode="L")
    monkeypatch.setattr(module, "DECODED", 4)
    monkeypatch.setattr(module, "MEASURED", 2)
    decoded, lock = [], threading.Lock()

    def read(path):
        with lock:
            decoded.append(path.relative_to(folder).as_posix())
        return read_image(path)

    read_image = module.read_image
    monkeypatch.setattr(module, "read_image", read)
    found = survey(folder)
    assert sorted(decoded) == ["02.png", "07.png", "grey/02.png", "grey/07.png"]
    assert (found.decoded, len(found.files), found.channels, found.median_side) == (4, 20, 3, 69)


def test_reports_its_progress(tmp_path):
    calls = []
    survey(write_images(tmp_path, 3), lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_folders_without_images_are_refused_in_one_line(tmp_path):
    file = write_images(tmp_path / "images", 1) / "00.png"
    cases = {
        tmp_path / "absent": (FileNotFoundError, "does not exist"),
        file: (NotADirectoryError, "is a file: give the folder"),
        tmp_path / "empty": (ValueError, "no image was found in"),
        tmp_path / "broken": (ValueError, r"none of the 1 images .* can be used: x\.png: "),
    }
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "x.png").write_bytes(b"x")
    for folder, (kind, text) in cases.items():
        with pytest.raises(kind, match=text) as error:
            survey(folder)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"has one image, 00\.png: a training needs at least two"):
        survey(file.parent).check()


def test_the_smallest_side_is_a_patch():
    assert SMALLEST_SIDE == LAST_STRIDE
