"""What a backbone gives: built from its config and run on an image without numbers, whatever its name is."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnxv2_mm.swap import meta
from cnxv2_mm.swap.refusal import SwapRefused

# Two images, so that a result that is not one map per image shows.
NUM_IMAGES = 2
# Height and width. As flat as the crops of person re-identification, whose poolings have a fixed size; else, where
# windows do not fit or the size is fixed, what classifiers take. The usual strides divide all sides.
IMAGE_SIZES = ((256, 128), (256, 256), (224, 224), (384, 384))


@dataclass(frozen=True)
class Maps:
    """The maps that one part of a model hands to the next, in that order.

    Attributes:
        shapes: (N, C, H, W) of each map, or (N, C) of a vector for each image.
        image_size: Height and width of the images that they are of, in pixels.
    """

    shapes: tuple[meta.Shape, ...]
    image_size: tuple[int, int] = IMAGE_SIZES[0]

    @property
    def channels(self) -> tuple[int, ...]:
        """C of each map."""
        return tuple(shape[1] for shape in self.shapes)

    @property
    def cells(self) -> tuple[meta.Shape, ...]:
        """(H, W) of each map, () of a vector."""
        return tuple(shape[2:] for shape in self.shapes)

    def empty(self) -> tuple[Tensor, ...]:
        """The maps, without numbers."""
        return tuple(torch.empty(shape, device="meta") for shape in self.shapes)


@dataclass(frozen=True)
class OldBackbone:
    """What the swap must know of the backbone that it replaces.

    Attributes:
        maps: What it returns.
        dilated: It has convolutions with holes: strides were traded for dilation, so that the last map comes from the
            last stage, whatever its stride.
        mixes_scales: Its finest map is computed from most of its parameters, the deep ones too: it is its own decoder.
        in_channels: Of the images.
        param_names: Of all its parameters.
    """

    maps: Maps
    dilated: bool
    mixes_scales: bool
    in_channels: int
    param_names: tuple[str, ...]


def measure(config: Mapping[str, Any], scope: str) -> OldBackbone:
    """Builds a backbone and runs it.

    Args:
        config: The backbone's.
        scope: The library whose types have no prefix.

    Raises:
        SwapRefused: It cannot be built, takes more than images, or returns something else than maps.
    """
    kind = config.get("type")
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    wrapped = [key for key, value in config.items() if key.startswith("backbone") and isinstance(value, Mapping)]
    if wrapped:
        raise SwapRefused(
            "wraps a backbone",
            f"{name} builds its paths around another backbone ({', '.join(wrapped)}): it is the method itself.",
        )
    try:
        module = meta.build(config, scope)
    except Exception as error:
        raise SwapRefused("does not build", f"The config's own backbone {name} does not build: {error!r}.") from error
    in_channels = config.get("in_channels", 3)
    maps, mixes_scales = _run(module, name, in_channels)
    dilated = any(isinstance(m, nn.Conv2d) and max(m.dilation) > 1 for m in module.modules())
    names = tuple(name for name, _ in module.named_parameters())
    return OldBackbone(maps, dilated, mixes_scales, in_channels, names)


def _run(module: nn.Module, name: str, in_channels: int) -> tuple[Maps, bool]:
    """The maps, and whether the finest one mixes scales."""
    refusal: SwapRefused | None = None
    for size in IMAGE_SIZES:
        images = torch.empty(NUM_IMAGES, in_channels, *size, device="meta")
        try:
            inspect.signature(module.forward).bind(images)
        except TypeError as error:
            raise SwapRefused("takes more than images", f"{name} takes more than images: {error}.") from error
        try:
            in_training, outputs = [_outputs(module, images, training) for training in (True, False)]
        except Exception as error:
            refusal = refusal or SwapRefused("does not run", f"{name} does not run on an image alone: {error!r}.")
            continue
        shapes = meta.shapes_of(outputs)
        if meta.shapes_of(in_training) != shapes:
            raise SwapRefused(
                "other outputs in training",
                f"{name} returns {meta.shapes_of(in_training)} in training and {shapes} in evaluation, for "
                f"{NUM_IMAGES} images: it is the method itself.",
            )
        _check(name, shapes)
        return Maps(shapes, size), _mixes_scales(outputs)
    assert refusal is not None
    raise refusal


def _outputs(module: nn.Module, images: Tensor, training: bool) -> Any:
    module.train(training)
    module.requires_grad_(True)  # what is frozen counts as computed from parameters too
    return meta.run(module, images, with_graph=True)


def _mixes_scales(maps: Sequence[Tensor]) -> bool:
    finest = max(maps, key=lambda x: x.shape[2:].numel())
    everything = set().union(*map(meta.parameters_behind, maps))
    behind_finest = meta.parameters_behind(finest)
    return len(maps) > 1 and 2 * sum(p.numel() for p in behind_finest) > sum(p.numel() for p in everything)


def _check(name: str, shapes: meta.Shapes) -> None:
    is_list = isinstance(shapes, tuple) and shapes and all(isinstance(shape, tuple) for shape in shapes)
    if not is_list or not all(len(shape) in (2, 4) and shape[0] == NUM_IMAGES for shape in shapes):
        raise SwapRefused(
            "other outputs",
            f"{name} returns {shapes} for {NUM_IMAGES} images instead of a list of maps, one for each image.",
        )
