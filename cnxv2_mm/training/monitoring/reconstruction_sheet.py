"""What the model paints: the same images with the same masks, again and again during the training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.runner import Runner
from torch import Tensor, nn

from cnxv2_mm.masking import enlarge
from cnxv2_mm.registry import HOOKS
from cnxv2_mm.training.monitoring.held_out_images import pre_trained_model
from cnxv2_mm.training.monitoring.periodic import PeriodicHook
from cnxv2_mm.training.monitoring.show_picture import show_picture

_GREY = 0.5  # of what is hidden, between black and white
_GAP = 4  # pixels, white


@HOOKS.register_module()
class ReconstructionSheetHook(PeriodicHook):
    """Gives the visualizer a picture, ``reconstruction``: a column for each image, and in it three rows.

    The rows are the image, what the encoder sees of it, and what the model paints where it does not. With normalised
    pixels (``norm_pix``) the model paints the pattern of a patch; its mean and contrast are then those of the image.

    Images of bytes are shown as they are. Others are shown between the smallest and the largest value that the image
    has in the channels shown.

    Args:
        interval: Number of steps between two pictures; the first is drawn in front of the training, one at its end.
        num_images: Number of columns.
        channels: Which channels of the model's input are red, green and blue. None shows the first three, or a single
            channel in grey.

    Raises:
        ValueError: A number is less than 1, or ``channels`` does not name three.
    """

    def __init__(self, interval: int = 2000, num_images: int = 8, channels: Sequence[int] | None = None) -> None:
        super().__init__(interval, num_images)
        if channels is not None and len(channels) != 3:
            raise ValueError(f"channels={channels!r} must name three channels: red, green and blue; or be None")
        self.channels = channels

    def before_train(self, runner: Runner) -> None:
        """Load the images.

        Raises:
            ValueError: The images have fewer channels than ``channels`` names, or see :class:`PeriodicHook`.
        """
        in_channels = pre_trained_model(runner)[0].backbone.in_channels
        shown = self.channels if self.channels is not None else ((0, 1, 2) if in_channels >= 3 else (0, 0, 0))
        if not all(0 <= channel < in_channels for channel in shown):
            raise ValueError(f"channels={self.channels!r}: the model's images have {in_channels} channels, from 0")
        self._shown = list(shown)
        super().before_train(runner)

    def measure(self, runner: Runner, step: int) -> None:
        """Draw the picture."""
        model, run = pre_trained_model(runner)
        columns = []
        for images, samples in self.images.batches(model, runner.train_dataloader.batch_size or len(self.images)):
            painted = run(images, samples, mode="predict")
            whole = torch.stack([sample.reconstruction for sample in painted])
            visible = torch.stack([sample.visible for sample in painted])
            seen = enlarge(visible, model.patch_size).unsqueeze(1)  # (N, 1, height, width)
            image, paint = self._to_range(model.data_preprocessor, images, whole)
            columns += list(zip(image, torch.where(seen, image, image.new_tensor(_GREY)), paint, strict=True))
        show_picture(runner, "reconstruction", sheet(columns), step)

    def _to_range(self, preprocessor: nn.Module, images: Tensor, painted: Tensor) -> tuple[Tensor, Tensor]:
        """Return the channels shown of images and of what is painted, (N, 3, height, width) each, in [0, 1]."""
        mean, std = (getattr(preprocessor, name, default) for name, default in (("mean", 0.0), ("std", 1.0)))
        images, painted = ((x.float() * std + mean)[:, self._shown] for x in (images, painted))
        if self.images.first.dtype == torch.uint8:
            low, high = images.new_tensor(0.0), images.new_tensor(255.0)
        else:
            low = images.amin(dim=(1, 2, 3), keepdim=True)
            high = torch.maximum(images.amax(dim=(1, 2, 3), keepdim=True), low + 1e-6 * low.abs().clamp(min=1))
        shown = ((x - low) / (high - low) for x in (images, painted))
        first, second = (x.clamp(0, 1).nan_to_num(0.0) for x in shown)
        return first, second


def sheet(columns: Sequence[Sequence[Tensor]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Put pictures together to one, with a white gap between them.

    Args:
        columns: Columns of pictures, each from top to bottom: (3, height, width) in [0, 1], all of one size.

    Returns:
        (rows of pixels, columns of pixels, 3) RGB bytes.
    """
    pictures = torch.stack([torch.stack(list(column)) for column in columns]).cpu()  # (columns, rows, 3, height, width)
    padded = nn.functional.pad(pictures, (0, _GAP, 0, _GAP), value=1.0)
    whole = padded.permute(1, 3, 0, 4, 2).flatten(2, 3).flatten(0, 1)  # (rows * height, columns * width, 3)
    return (whole[:-_GAP, :-_GAP] * 255).round().byte().contiguous().numpy()
