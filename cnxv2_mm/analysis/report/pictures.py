"""Pictures of a network at work, as arrays: the maps of single channels, and painted patches."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnxv2_mm.analysis.report.images import Normalisation
from cnxv2_mm.fcmae import FCMAE

NUM_CHANNELS = 64  # as in figure 3 of the paper
NUM_RECONSTRUCTIONS = 4
HIDDEN_GREY = 128


def channel_maps(cells: Tensor) -> np.ndarray:
    """Return the maps of channels at equal steps over the layer, at most 64.

    Args:
        cells: (H, W, C), one image.

    Returns:
        (channels, H, W) float32.
    """
    channels = cells.shape[-1]
    index = torch.linspace(0, channels - 1, min(NUM_CHANNELS, channels)).round().long()
    return cells[..., index.to(cells.device)].movedim(-1, 0).float().cpu().numpy()


@dataclass(frozen=True)
class Reconstruction:
    """One image, (H, W, C) bytes: as it is, what the encoder saw of it, and with its hidden patches painted."""

    original: np.ndarray
    seen: np.ndarray
    painted: np.ndarray


class Painting:
    """Collects what a pre-trained network paints over batches of images: the losses of all, the first few as pictures.

    The hidden patches are those of :meth:`cnxv2_mm.fcmae.FCMAE.predict`: the same at every call, and so the same for
    every network.

    Args:
        pre_trainer: The network; None collects nothing.
        normalisation: How the images were normalised.

    Attributes:
        reconstructions: The first few images.
    """

    def __init__(self, pre_trainer: FCMAE | None, normalisation: Normalisation) -> None:
        self._pre_trainer = pre_trainer
        self._normalisation = normalisation
        self._losses: list[tuple[float, float]] = []
        self.reconstructions: list[Reconstruction] = []

    def update(self, images: Tensor) -> None:
        """Add normalised images, (N, C, H, W)."""
        if self._pre_trainer is None:
            return
        for image, sample in zip(images, self._pre_trainer.predict(images), strict=True):
            self._losses.append((float(sample.loss), float(sample.patch_mean_loss)))
            if len(self.reconstructions) < NUM_RECONSTRUCTIONS:
                original, painted = self._normalisation.undo(torch.stack([image, sample.reconstruction]))
                seen = _cover(original, sample.visible.cpu().numpy())
                self.reconstructions.append(Reconstruction(original, seen, painted))

    def loss(self) -> float | None:
        """Return the mean loss of an image; None without a pre-trained network."""
        return float(np.mean([loss for loss, _ in self._losses])) if self._losses else None

    def patch_mean_loss(self) -> float | None:
        """Return the same for a painter who knows the mean colour of each patch and nothing else."""
        return float(np.mean([loss for _, loss in self._losses])) if self._losses else None


def _cover(image: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Cover the patches of an (H, W, C) image that are not in ``visible``, (h, w)."""
    patch = image.shape[0] // visible.shape[0]
    seen = visible.repeat(patch, axis=0).repeat(patch, axis=1)[..., None]
    return np.where(seen, image, np.uint8(HIDDEN_GREY))
