"""Which files are images: the libraries' own lists, and folders with all that a folder may hold."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from cnxv2_mm.config.load import load_config
from cnxv2_mm.images.formats import LONGEST_START, find_images, format_of, image_endings, is_image_name
from tests.images.files import photograph, save
from tests.test_structure import ROOT


def test_the_endings_are_those_of_pillow_and_tifffile():
    assert {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".ppm", ".jp2", ".mpo"} <= image_endings()  # Pillow
    assert {".tif", ".tiff", ".lsm", ".svs", ".ndpi"} <= image_endings()  # tifffile
    # What Pillow only writes, or only knows the name of: documents, containers of numbers, videos.
    assert image_endings().isdisjoint({".pdf", ".h5", ".hdf", ".grib", ".mpg", ".mpeg", ".eps", ".ps", ".txt", ".mp4"})


@pytest.mark.parametrize("ending", [".bmp", ".gif", ".ico", ".im", ".jp2", ".pcx", ".ppm", ".sgi", ".tga", ".webp"])
def test_pillow_reads_what_is_listed(tmp_path, ending):
    path = save(tmp_path / f"a{ending}")
    with Image.open(path) as picture:
        assert picture.convert("RGB").load() is not None
    assert is_image_name(path.name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.JPG", True),
        ("b.Tiff", True),
        ("c.ome.tif", True),
        (".hidden.jpg", False),
        ("jpg", False),
        ("a.jpg.txt", False),
    ],
)
def test_a_name_tells_an_image(name, expected):
    assert is_image_name(name) is expected


def test_images_are_found_at_any_depth_and_sorted(tmp_path):
    for name in ("b.png", "a/2.JPG", "a/1.tif", "a/c/d/e.webp", "a-b/x.png", "notes.txt", ".hidden.png", ".git/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a-b/x.png", "a/1.tif", "a/2.JPG", "a/c/d/e.webp", "b.png"]


def test_links_are_followed_once(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for directory in (outside, folder / "a"):
        directory.mkdir(parents=True)
        (directory / "image.png").touch()
    (folder / "a" / "up").symlink_to(folder)  # a loop
    (folder / "link").symlink_to(outside)
    (folder / "same").symlink_to(outside)
    (folder / "file.jpg").symlink_to(outside / "image.png")
    found = [path.relative_to(folder).as_posix() for path in find_images(folder)]
    assert found == ["a/image.png", "file.jpg", "link/image.png"]


def test_a_folder_that_is_missing_or_a_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_images(tmp_path / "nowhere")
    save(tmp_path / "a.png")
    with pytest.raises(NotADirectoryError, match=r"a\.png"):
        find_images(tmp_path / "a.png")


def test_an_empty_folder_has_none(tmp_path):
    assert find_images(tmp_path) == []


def test_the_first_bytes_tell_the_format(tmp_path):
    for ending, expected in ((".jpg", "jpeg"), (".png", "png"), (".bmp", "other"), (".tif", "tiff")):
        path = save(tmp_path / f"a{ending}")
        assert format_of(path.read_bytes()[:LONGEST_START]) == expected
    for options in ({"bigtiff": True}, {"byteorder": ">"}, {"bigtiff": True, "byteorder": ">"}):
        tifffile.imwrite(tmp_path / "b.tif", np.asarray(photograph()), photometric="rgb", **options)
        assert format_of((tmp_path / "b.tif").read_bytes()[:LONGEST_START]) == "tiff"
    assert format_of(b"") == "other"


def test_the_recipe_for_a_folder_takes_them_all():
    extensions = load_config(f"{ROOT}/configs/fcmae/folder.py").train_dataloader.dataset.extensions
    assert set(extensions) >= image_endings()
