"""Pipelines from JPEG files to normalised images on the device, each as its library's documentation writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import default_collate
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor
from torch.utils.data import Dataset
from torch.utils.data import default_collate as torch_collate

from cnxv2_mm.images import find_images

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
WHOLE = {"crop_ratio_range": (1.0, 1.0), "aspect_ratio_range": (4 / 3, 4 / 3)}
RANDOM = {"crop_ratio_range": (0.2, 1.0)}


@dataclass(frozen=True)
class Loading:
    """A pipeline, built.

    Attributes:
        dataset: Yields what its pipeline makes of each file.
        collate: Makes a batch of samples.
        finish: Makes of a batch (N, 3, size, size) float32 on the device, flipped and normalised.
    """

    dataset: Dataset
    collate: Callable[[list], Any]
    finish: Callable[[Any], Tensor]


@dataclass(frozen=True)
class LoadingPeer:
    """A pipeline that is timed.

    Attributes:
        name: In the table.
        computes: What it does, in words.
        build: Takes the folder of the files, the size of the images, the device, and whether they are whole and not
            flipped, which leaves nothing to chance.
        levels: By how many of 255 grey levels its images may differ on average from the former pipeline's.
    """

    name: str
    computes: str
    build: Callable[[Path, int, torch.device, bool], Loading]
    levels: float = 0.5


def _mmpretrain(
    pipeline: Callable[[int, bool], list[dict]],
    preprocessor: Callable[[bool], dict],
    folder: Path,
    size: int,
    device: torch.device,
    whole: bool,
) -> Loading:
    """Return a data set, its collate function and a data preprocessor, as mmengine's runner uses them."""
    from mmpretrain.datasets import CustomDataset

    init_default_scope("mmpretrain")
    dataset = CustomDataset(data_root=str(folder), with_label=False, pipeline=pipeline(size, whole))
    prepare = MODELS.build(preprocessor(whole)).to(device)
    return Loading(dataset, default_collate, lambda batch: prepare(batch, True)["inputs"])


def _our_pipeline(size: int, whole: bool) -> list[dict]:
    crop = {"type": "cnxv2_mm.RandomResizedCrop", "scale": size, **(WHOLE if whole else RANDOM)}
    return [{"type": "cnxv2_mm.LoadImage"}, crop, {"type": "PackInputs"}]


def _our_preprocessor(whole: bool) -> dict:
    return {"type": "cnxv2_mm.ImagePreprocessor", "mean": MEAN, "std": STD, "flip_prob": 0.0 if whole else 0.5}


def _mmcv_pipeline(options: dict, size: int, whole: bool) -> list[dict]:
    crop = {"type": "RandomResizedCrop", "scale": size, **options, **(WHOLE if whole else RANDOM)}
    flip = {"type": "RandomFlip", "prob": 0.0 if whole else 0.5}
    return [{"type": "LoadImageFromFile"}, crop, flip, {"type": "PackInputs"}]


def _mmcv_preprocessor(whole: bool) -> dict:
    return {"type": "SelfSupDataPreprocessor", "mean": MEAN, "std": STD, "to_rgb": True}


class _Files(Dataset):
    """Files that Pillow reads and torchvision transforms."""

    def __init__(self, folder: Path, transform: Callable[[Any], Tensor]) -> None:
        from torchvision.datasets.folder import pil_loader

        self._paths, self._load, self._transform = [str(path) for path in find_images(folder)], pil_loader, transform

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        return self._transform(self._load(self._paths[index]))


def _torchvision(folder: Path, size: int, device: torch.device, whole: bool) -> Loading:
    """Return the pipeline of the official code: everything in the worker, in float32."""
    from torchvision import transforms

    crop = WHOLE if whole else {**RANDOM, "aspect_ratio_range": (3 / 4, 4 / 3)}
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(
                size,
                scale=crop["crop_ratio_range"],
                ratio=crop["aspect_ratio_range"],
                interpolation=transforms.InterpolationMode.BICUBIC,
            ),
            transforms.RandomHorizontalFlip(0.0 if whole else 0.5),
            transforms.ToTensor(),
            transforms.Normalize([m / 255 for m in MEAN], [s / 255 for s in STD]),
        ]
    )
    return Loading(_Files(folder, transform), torch_collate, lambda batch: batch.to(device, non_blocking=True))


PEERS: dict[str, LoadingPeer] = {
    peer.name: peer
    for peer in (
        LoadingPeer(
            "ours",
            "libjpeg-turbo by torchvision, bicubic on bytes; flip and normalisation on the device",
            partial(_mmpretrain, _our_pipeline, _our_preprocessor),
        ),
        LoadingPeer(
            "mmcv_pillow",
            "our configs' former pipeline: OpenCV decodes, Pillow resizes bicubically; normalisation on the device",
            partial(
                _mmpretrain,
                partial(_mmcv_pipeline, {"backend": "pillow", "interpolation": "bicubic"}),
                _mmcv_preprocessor,
            ),
        ),
        LoadingPeer(
            "torchvision_pillow",
            "the official code's pipeline: Pillow decodes and resizes bicubically; all of it in the worker",
            _torchvision,
        ),
        LoadingPeer(
            "mmpretrain",
            "mmpretrain's defaults: OpenCV decodes and resizes bilinearly without antialiasing: other images",
            partial(_mmpretrain, partial(_mmcv_pipeline, {}), _mmcv_preprocessor),
            levels=16.0,
        ),
    )
}
SPECIFICATION = PEERS["mmcv_pillow"]
