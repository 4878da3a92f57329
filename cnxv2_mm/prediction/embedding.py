"""The features of whole images, one vector each: the last stage of an encoder, averaged over the image."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from cnxv2_mm.analysis.report.network import Network
from cnxv2_mm.images import read_image
from cnxv2_mm.prediction.statistics import Statistics
from cnxv2_mm.variants import LAST_STRIDE

_BATCH = 32


def shape_for(height: int, width: int, size: int) -> tuple[int, int]:
    """Return the height and width at which an image is seen whole.

    Nothing is cut off and nothing is added: the image keeps its proportions, up to rounding, and has as many pixels as
    a square of ``size``. Both sides are multiples of 32, so that each pixel is in a cell of the last stage.

    Args:
        height: Of the image.
        width: Of the image.
        size: Side of a square with as many pixels; a multiple of 32.
    """
    scale = size / (height * width) ** 0.5
    rounded = (max(1, round(side * scale / LAST_STRIDE)) * LAST_STRIDE for side in (height, width))
    return next(rounded), next(rounded)


@torch.no_grad()
def embed(
    network: Network,
    files: Sequence[Path],
    statistics: Statistics,
    size: int = 224,
    advance: Callable[[int], None] = lambda number: None,
) -> tuple[Tensor, list[int], list[tuple[Path, str]]]:
    """Compute the features of image files.

    Args:
        network: The encoder.
        files: The images.
        statistics: What its images are normalised by.
        size: Of :func:`shape_for`.
        advance: Called with the number of images that are done since it was called last.

    Returns:
        Features (N, D) on the CPU, the index of each row's file, ascending, and the files that could not be read, with
        the reason.
    """
    device = next(network.backbone.parameters()).device
    vectors: dict[int, Tensor] = {}
    waiting: dict[tuple[int, int], list[tuple[int, Tensor]]] = {}  # images of one shape, with the index of their file
    unreadable = []

    def flush(shape: tuple[int, int]) -> None:
        indices, images = zip(*waiting.pop(shape), strict=True)
        batch = statistics.normalise(torch.stack(images).to(device))
        vectors.update(zip(indices, network.features(batch).cpu(), strict=True))
        advance(len(indices))

    for index, file in enumerate(files):
        try:
            image = read_image(file, network.source.architecture.in_channels)
        except (ValueError, OSError) as error:
            unreadable.append((file, str(error)))
            advance(1)
            continue
        shape = shape_for(image.shape[1], image.shape[2], size)
        image = transforms.resize(image, list(shape), InterpolationMode.BICUBIC, antialias=True)
        waiting.setdefault(shape, []).append((index, image))
        if len(waiting[shape]) == _BATCH:
            flush(shape)
    for shape in list(waiting):
        flush(shape)
    order = sorted(vectors)
    features = torch.stack([vectors[index] for index in order]) if order else torch.zeros(0, 0)
    return features, order, unreadable
