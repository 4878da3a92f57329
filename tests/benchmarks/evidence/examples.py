"""A small data set in Fashion-MNIST's files, of scikit-learn's digit scans, and settings of seconds."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from benchmarks.evidence.runs import Run
from benchmarks.evidence.settings import QUICK

TINY = replace(QUICK, image_size=64, pretrain_steps=4, labelled=40, held_out=20, probe_train=40, test=30)


def digits(number=300):
    data, labels = load_digits(return_X_y=True)
    scans = torch.from_numpy(data[:number]).float().view(-1, 1, 8, 8) * (255 / 16)
    return F.interpolate(scans, size=(28, 28)).squeeze(1).byte(), torch.from_numpy(labels[:number])


def idx(array: np.ndarray) -> bytes:
    """The format as http://yann.lecun.com/exdb/mnist describes it."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


def write_digits(folder: Path) -> Path:
    images, labels = (part.numpy() for part in digits())
    for prefix, part in (("train", slice(0, 200)), ("t10k", slice(200, 300))):
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images[part]))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels[part]))
    return folder


def example_run(folder: Path, name: str = "v2", settings=TINY, seed: int = 0) -> Run:
    return Run(name, seed, settings, write_digits(folder), folder)


def example_result(name: str, seed: int, **numbers: float) -> dict:
    layers = [0.4 + 0.01 * seed + 0.001 * i for i in range(4)]
    common = {"finetuned": 0.8, "probe": 0.7, "knn": 0.6, "rank_me": 12.5, "distance": 0.41, "miou": 0.3}
    return {
        "name": name,
        "seed": seed,
        **common,
        **numbers,
        "distances": {"0": [0.5] * 4, "1": layers},
        "seconds": 60,
    }
