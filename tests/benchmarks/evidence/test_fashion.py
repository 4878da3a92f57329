"""Fashion-MNIST's files: read by their published format, enlarged as Pillow does it, fetched without root."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.evidence import fashion
from benchmarks.evidence.fashion import MEAN, STD, enlarge_images, find_fashion_mnist, load_fashion_mnist, read_idx
from tests.benchmarks.evidence.examples import digits, idx, write_digits


def test_images_and_labels_are_read(tmp_path):
    images, labels = load_fashion_mnist(write_digits(tmp_path), "test")
    expected_images, expected_labels = digits()
    assert images.equal(expected_images[200:])
    assert labels.equal(expected_labels[200:])


@pytest.mark.parametrize("data", [b"", b"\0\0\x0d\x01\0\0\0\x02ab", b"\0\0\x08\x01\0\0\0\x05ab"])
def test_another_format_is_refused(tmp_path, data):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(data))
    with pytest.raises(ValueError, match=r"x\.gz is not a file of bytes in MNIST's idx format"):
        read_idx(path)


def test_any_number_of_axes(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "x.gz").write_bytes(idx(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "x.gz"), array)


def test_images_are_enlarged_as_pillow_does():
    image = digits(1)[0]
    enlarged = enlarge_images(image, 96)
    assert enlarged.shape == (1, 3, 96, 96)
    pixels = np.asarray(Image.fromarray(image[0].numpy()).resize((96, 96), Image.Resampling.BILINEAR))
    expected = (torch.from_numpy(pixels.copy()).float() / 255 - MEAN) / STD
    for channel in enlarged[0]:
        torch.testing.assert_close(channel, expected, rtol=0, atol=1.1 / 255 / STD)  # Pillow rounds to bytes


def make_command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_package_that_is_not_installed_is_downloaded_and_unpacked(tmp_path, monkeypatch):
    """With stand-ins for apt-get and dpkg: the second one unpacks into the folder that it is told."""
    commands, data = tmp_path / "bin", tmp_path / "data"
    commands.mkdir()
    # As on a new machine: only with the list of packages can one be downloaded.
    update = f"{tmp_path}/list-of-packages"
    make_command(
        commands,
        "apt-get",
        f'if [ "$1" = update ]; then touch {update}; else [ -e {update} ] && [ "$2" = dataset-fashion-mnist ] && '
        "touch dataset_all.deb; fi",
    )
    make_command(
        commands,
        "dpkg",
        '[ "$1 ${2##*/}" = "-x dataset_all.deb" ] && mkdir -p "$3/usr/share/datasets/fashion-mnist" && '
        'touch "$3/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"',
    )
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    monkeypatch.setattr(fashion, "INSTALLED", Path("/usr/share/datasets/fashion-mnist"))
    found = find_fashion_mnist(data)
    assert found == data / "usr/share/datasets/fashion-mnist"
    make_command(commands, "apt-get", "exit 1")
    assert find_fashion_mnist(data) == found  # it is there: nothing is downloaded


def test_where_it_cannot_be_had_the_error_says_what_to_do(tmp_path, monkeypatch):
    make_command(tmp_path, "apt-get", "echo 'E: Unable to locate package' >&2; exit 100")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(OSError, match=r"had: E: Unable to locate package; on Debian or Ubuntu run `apt-get up") as e:
        find_fashion_mnist(tmp_path / "data")
    assert "\n" not in str(e.value)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(OSError, match=r"cannot be had: .*No such file.*'apt-get'"):
        find_fashion_mnist(tmp_path / "data")
