"""Reading: Pillow and tifffile, which wrote the files, say what is in them."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps
from skimage import data

from cnxv2_mm.images import read_image
from tests.images.files import oriented, photograph, pixels, save


def as_rgb(path) -> np.ndarray:
    with Image.open(path) as picture:
        return pixels(ImageOps.exif_transpose(picture).convert("RGB"))


def assert_reads(path, expected: np.ndarray, channels=None) -> None:
    image = read_image(path, channels)
    assert image.dtype == (torch.uint8 if expected.dtype == np.uint8 else torch.float32)
    np.testing.assert_array_equal(image.numpy(), expected)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.gif", "a.webp", "a.tif", "a.ppm", "a.tga", "a.jp2"])
@pytest.mark.parametrize("channels", [None, 3])
def test_colours_are_pillows(tmp_path, name, channels):
    path = save(tmp_path / name)
    assert_reads(path, as_rgb(path), channels)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.bmp"])
def test_grey_stays_grey_or_becomes_rgb(tmp_path, name):
    path = save(tmp_path / name, photograph().convert("L"))
    with Image.open(path) as picture:
        assert_reads(path, pixels(picture))
    assert_reads(path, as_rgb(path), channels=3)
    assert_reads(path, as_rgb(path)[:1], channels=1)


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "P", {}),
        ("a.png", "P", {"transparency": 7}),
        ("a.tif", "P", {}),
        ("a.bmp", "P", {}),
        ("a.jpg", "CMYK", {}),
        ("a.tif", "CMYK", {}),
        pytest.param("a.tif", "YCbCr", {}, marks=pytest.mark.pinned),  # Pillow 12 cannot read what it writes
        ("a.tif", "YCbCr", {"compression": "jpeg"}),
        ("a.png", "RGBA", {}),
        ("a.tif", "RGBA", {}),
        ("a.webp", "RGBA", {"lossless": True}),
    ],
)
def test_palettes_cmyk_and_transparency_are_pillows_rgb(tmp_path, name, mode, options):
    picture = photograph().convert(mode)
    if mode == "RGBA":
        picture.putalpha(photograph().convert("L"))
    path = save(tmp_path / name, picture, **options)
    for channels in (None, 3):
        assert_reads(path, as_rgb(path), channels)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_transparency_is_kept_where_it_is_asked_for(tmp_path, name):
    for mode, channels in (("RGBA", 4), ("LA", 2)):
        picture = photograph().convert(mode)
        picture.putalpha(photograph().convert("L"))
        path = save(tmp_path / name, picture)
        assert_reads(path, pixels(picture), channels)
        assert_reads(path, pixels(picture)[:-1])


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_one_bit_is_black_and_white(tmp_path, name):
    picture = photograph().convert("1")
    assert_reads(save(tmp_path / name, picture), pixels(picture.convert("L")))


def test_white_may_be_zero_in_a_tiff(tmp_path):
    grey = pixels(photograph().convert("L"))
    tifffile.imwrite(tmp_path / "a.tif", 255 - grey[0], photometric="miniswhite")
    assert_reads(tmp_path / "a.tif", grey)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_is_applied(tmp_path, name, orientation):
    path = oriented(tmp_path / name, orientation)
    expected = as_rgb(path)
    assert expected.shape[1:] == ((60, 80) if orientation < 5 else (80, 60))
    for channels in (None, 3):
        assert_reads(path, expected, channels)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_sixteen_bits_are_not_cut_to_eight(tmp_path, name):
    grey = data.camera()[:60, :80].astype(np.uint16) * 250 + 3
    path = save(tmp_path / name, Image.fromarray(grey))
    assert_reads(path, grey[None].astype(np.float32))
    assert_reads(path, grey[None].repeat(3, axis=0).astype(np.float32), channels=3)


def test_a_png_may_have_three_channels_of_sixteen_bits(tmp_path):
    import cv2

    image = np.asarray(photograph()).astype(np.uint16) * 200 + 5
    assert cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
    assert_reads(tmp_path / "a.png", image.transpose(2, 0, 1).astype(np.float32))


def tile(channels: int, dtype=np.uint16) -> np.ndarray:
    image = np.asarray(photograph()).transpose(2, 0, 1)
    return np.concatenate([image, 255 - image, image // 2])[:channels].astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [2, 5, 8])
@pytest.mark.parametrize(
    ("order", "options"),
    [
        ("CHW", {"photometric": "minisblack", "planarconfig": "separate"}),
        ("HWC", {"photometric": "minisblack", "planarconfig": "contig"}),
        ("CHW", {"photometric": "minisblack"}),  # pages
        ("HWC", {"photometric": "minisblack"}),  # as users write them: nothing says which axis is which
        ("CHW", {"photometric": "minisblack", "metadata": {"axes": "CYX"}}),
        ("CHW", {"photometric": "minisblack", "imagej": True, "metadata": {"axes": "CYX"}}),
    ],
    ids=["planar", "interleaved", "pages", "unnamed", "named", "imagej"],
)
def test_a_tiff_has_any_number_of_channels_in_any_order(tmp_path, dtype, channels, order, options):
    if options.get("imagej") and dtype not in (np.uint8, np.uint16, np.float32):
        dtype = np.float32  # ImageJ has no other
    image = tile(channels, dtype)
    stored = image if order == "CHW" else np.ascontiguousarray(image.transpose(1, 2, 0))
    tifffile.imwrite(tmp_path / "a.tif", stored, **options)
    expected = image if dtype == np.uint8 else image.astype(np.float32)
    assert_reads(tmp_path / "a.tif", expected)
    assert_reads(tmp_path / "a.tif", expected, channels=channels)


def test_pages_of_a_tiff_are_channels(tmp_path):
    pages = [Image.fromarray(page) for page in tile(6, np.uint8)]
    path = save(tmp_path / "a.tif", pages[0], save_all=True, append_images=pages[1:])
    assert_reads(path, tile(6, np.uint8))


def test_a_fourth_channel_of_a_tiff_need_not_be_transparency(tmp_path):
    image = np.ascontiguousarray(tile(4, np.uint8).transpose(1, 2, 0))
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extrasamples=["unspecified"])
    assert_reads(tmp_path / "a.tif", tile(4, np.uint8))
    with pytest.raises(ValueError, match=r"a\.tif has 4 channels, but 3 are wanted"):
        read_image(tmp_path / "a.tif", 3)


def test_compressed_tiffs_need_no_further_library(tmp_path):
    for compression in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        path = save(tmp_path / f"{compression}.tif", compression=compression)
        assert_reads(path, as_rgb(path))


def test_one_pixel_is_an_image(tmp_path):
    for name in ("a.jpg", "a.png", "a.tif", "a.bmp"):
        path = save(tmp_path / name, photograph(1, 1))
        assert_reads(path, as_rgb(path), channels=3)


def test_the_content_counts_not_the_name(tmp_path):
    path = save(tmp_path / "a.png", format="JPEG")
    assert_reads(path, as_rgb(path))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.bmp", "a.webp", "a.gif"])
def test_a_damaged_file_is_named_in_one_line(tmp_path, name):
    path = save(tmp_path / name, photograph(300, 400))
    content = path.read_bytes()
    for length in (len(content) // 2, 9, 3, 0):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=rf"{name} cannot be read as an image: .+") as raised:
            read_image(path)
        assert "\n" not in str(raised.value)
        assert ".cpp" not in str(raised.value)


def test_a_text_is_not_an_image(tmp_path):
    (tmp_path / "a.jpg").write_text("not an image")
    with pytest.raises(ValueError, match=r"a\.jpg cannot be read as an image"):
        read_image(tmp_path / "a.jpg")


def test_a_missing_file_is_named(tmp_path):
    for path, error in ((tmp_path / "a.jpg", FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(error, match=str(path)):
            read_image(path)


def test_a_number_of_channels_that_cannot_be_is_refused(tmp_path):
    rgb, grey = save(tmp_path / "rgb.jpg"), save(tmp_path / "grey.png", photograph().convert("L"))
    cmyk = save(tmp_path / "cmyk.jpg", photograph().convert("CMYK"))
    for path, found, wanted in ((rgb, 3, 1), (rgb, 3, 4), (grey, 1, 4), (cmyk, 3, 4)):
        with pytest.raises(ValueError, match=f"{path.name} has {found} channels, but {wanted} are wanted"):
            read_image(path, wanted)
