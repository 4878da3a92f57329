"""Fashion-MNIST (Xiao et al., arXiv 1708.07747; MIT licence) from Debian's package ``dataset-fashion-mnist``.

Where the package is installed, its files are read from /usr/share. Where it is not, it is downloaded by ``apt-get`` and
unpacked below ``data/`` by ``dpkg``; neither needs root.
"""

import gzip
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

PACKAGE = "dataset-fashion-mnist"
INSTALLED = Path("/usr/share/datasets/fashion-mnist")
MEAN, STD = 0.2860, 0.3530  # of the training images, pixels in 0 ... 1
NUM_CLASSES = 10


def find_fashion_mnist(folder: Path) -> Path:
    """Return the folder of the data set's four files; unpack them below ``folder`` if they are nowhere.

    Raises:
        OSError: The package is not installed and cannot be downloaded.
    """
    for place in (INSTALLED, folder / INSTALLED.relative_to("/")):
        if (place / "train-images-idx3-ubyte.gz").is_file():
            return place
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as download:
        try:
            try:
                _run(["apt-get", "download", PACKAGE], download)
            except subprocess.CalledProcessError:  # a new machine has no list of packages yet; root may fetch it
                subprocess.run(["apt-get", "update"], capture_output=True)
                _run(["apt-get", "download", PACKAGE], download)
            _run(["dpkg", "-x", *map(str, Path(download).glob("*.deb")), str(folder.resolve())], download)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or str(error)
            raise OSError(
                f"Fashion-MNIST cannot be had: {reason.strip().splitlines()[-1]}; on Debian or Ubuntu run `apt-get "
                f"update` and `apt-get install {PACKAGE}`, elsewhere put its four *-ubyte.gz files into "
                f"{folder / INSTALLED.relative_to('/')}"
            ) from error
    return find_fashion_mnist(folder)


def _run(command: list[str], folder: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


def load_fashion_mnist(folder: Path, split: Literal["train", "test"]) -> tuple[Tensor, Tensor]:
    """Return the images, (N, 28, 28) bytes, and the numbers of their classes, (N,)."""
    prefix = "train" if split == "train" else "t10k"
    return (
        torch.from_numpy(read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")),
        torch.from_numpy(read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")).long(),
    )


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped file of bytes in MNIST's format: two zeros, the type (8), the number of axes, their lengths.

    Raises:
        ValueError: The file is not of this format.
    """
    data = gzip.decompress(path.read_bytes())
    axes = data[3] if len(data) > 3 else 0
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
    if data[:3] != b"\0\0\x08" or len(data) != 4 + 4 * axes + int(np.prod(shape)):
        raise ValueError(f"{path} is not a file of bytes in MNIST's idx format; fetch {PACKAGE} again")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()


def enlarge_images(images: Tensor, size: int) -> Tensor:
    """Return (N, 28, 28) bytes as normalised (N, 3, size, size) images, enlarged bilinearly, channels alike."""
    x = (images.unsqueeze(1).float() / 255 - MEAN) / STD
    return F.interpolate(x, size=(size, size), mode="bilinear").expand(-1, 3, -1, -1)
