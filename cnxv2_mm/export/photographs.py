"""Real images for the check of an export, as the model's test pipeline gives them."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from cnxv2_mm.export.quiet import quiet
from cnxv2_mm.export.subject import Subject
from cnxv2_mm.images import find_images, read_image
from cnxv2_mm.prediction.embedding import shape_for
from cnxv2_mm.prediction.pipeline import ImagePipeline, test_dataset

_OF_CONFIG = 4  # images of the config's own tests that are compared
_SIZE = 224  # of images for a backbone alone: the side of a square with as many pixels
_PARTS = ((0, 0), (2, 0), (0, 2), (3, 1))  # quarters of an image that are cut off at the right and below


def find_photographs(words: Sequence[str | os.PathLike[str]], config: Config | None) -> list[Path]:
    """Find image files: those that are named, or some of the config's own tests, or the one that is everywhere.

    That is the photograph among the example data of matplotlib, which mmengine needs.

    Args:
        words: Image files, and folders, in which images are looked for at any depth.
        config: The config of the model.

    Raises:
        FileNotFoundError: A file that is named does not exist, or a folder has no images.
    """
    found: list[Path] = []
    for word in map(Path, words):
        files = find_images(word) if word.is_dir() else [word]
        if not files or not files[0].is_file():
            raise FileNotFoundError(f"--images {word} {'has no images' if word.is_dir() else 'does not exist'}")
        found += files
    return found or _of_config(config) or [_example()]


def pipeline_size(pipeline: ImagePipeline | None, file: Path) -> tuple[int, int] | None:
    """Return height and width of what a pipeline makes of every image; None if that depends on the image.

    Args:
        pipeline: The pipeline; without one the size is that of the image.
        file: An image, of which parts of several proportions are tried.
    """
    if pipeline is None:
        return None
    image = pipeline.load(file)
    height, width = pipeline.size(image)
    parts = [(0, 0, width - width * right // 4, height - height * low // 4) for right, low in _PARTS]
    sizes = {tuple(_prepared(pipeline, pipeline.crop(image, part), file).shape[-2:]) for part in parts}
    height, width = sizes.pop()
    return None if sizes else (height, width)


def pictures(subject: Subject, files: Sequence[Path], size: tuple[int, int] | None, channels: int) -> list[Tensor]:
    """Read images as the file will get them: (1, height, width, C) each, RGB.

    Args:
        subject: The model; its test pipeline sets the size.
        files: The images.
        size: Height and width that all have at the end; None for at least two different ones, so that a file for any
            size is tried with another than it was recorded with.
        channels: Number of channels of a backbone's images.

    Raises:
        ValueError: A file is no image, or the pipeline gives something else than the pixels of an image.
        OSError: A file cannot be read.
    """
    found = []
    for file in files:
        image = _of_pipeline(subject.pipeline, file) if subject.pipeline else read_image(file, channels)
        shape = size
        if shape is None and subject.pipeline is None:
            shape = shape_for(image.shape[1], image.shape[2], _SIZE)
        if shape is not None and tuple(image.shape[1:]) != shape:
            image = transforms.resize(image, list(shape), InterpolationMode.BICUBIC, antialias=True)
        if not torch.is_floating_point(image) and image.dtype != torch.uint8:
            image = image.float()
        found.append(image.permute(1, 2, 0)[None].contiguous())  # (C, H, W) -> (1, H, W, C)
    if size is None and len({image.shape for image in found}) == 1:
        height, width = found[0].shape[1:3]
        image = found[0].permute(0, 3, 1, 2)  # (1, H, W, C) -> (1, C, H, W)
        # Larger ones: a file for any size may have a smallest size.
        image = transforms.resize(image, [height * 5 // 4, width * 3 // 2], InterpolationMode.BICUBIC, antialias=True)
        found.append(image.permute(0, 2, 3, 1).contiguous())
    return found


def _of_pipeline(pipeline: ImagePipeline, file: Path) -> Tensor:
    """Return an image as a pipeline prepares it, (C, H, W), RGB."""
    image = _prepared(pipeline, pipeline.load(file), file)
    return image if pipeline.reads_rgb or len(image) != 3 else image.flip(0)


def _prepared(pipeline: ImagePipeline, image: object, file: Path) -> Tensor:
    inputs = pipeline.prepare(image, file)["inputs"]
    if isinstance(inputs, Sequence):
        raise ValueError(
            f"the config's test pipeline makes {len(inputs)} images of one (test-time augmentation), and an exported "
            "model takes one: give a config without"
        )
    assert isinstance(inputs, Tensor)
    return inputs


def _of_config(config: Config | None) -> list[Path]:
    """Return images of the dataset of a config's tests, evenly spread over it, if they are on this machine."""
    if config is None:
        return []
    try:
        with quiet():
            dataset = DATASETS.build(test_dataset(config))
        step = max(1, len(dataset) // _OF_CONFIG)
        files = [Path(dataset.get_data_info(i)["img_path"]) for i in range(0, len(dataset), step)][:_OF_CONFIG]
    except Exception:  # a dataset that is not here fails in any way
        return []
    return [file for file in files if file.is_file()]


def _example() -> Path:
    spec = find_spec("matplotlib")  # found, not imported
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"
