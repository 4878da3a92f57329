"""All measures of one network, in one pass over the images."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnxv2_mm.analysis.linear_probe import linear_probe_accuracy
from cnxv2_mm.analysis.nearest_neighbours import knn_accuracy
from cnxv2_mm.analysis.rank import FeatureSpectrum
from cnxv2_mm.analysis.report.images import Images, Normalisation
from cnxv2_mm.analysis.report.layers import Layer, Layers
from cnxv2_mm.analysis.report.network import Network, Source
from cnxv2_mm.analysis.report.pictures import Painting, Reconstruction


@dataclass(frozen=True)
class Measures:
    """What was measured of one network.

    Attributes:
        source: Where the network comes from.
        layers: The hidden layer of each block, in order.
        singular_values: Of the (images, dim) features, largest first.
        rank_me: Their effective rank.
        dim: Number of features of an image.
        knn, linear_probe: Accuracies on the held-out images; None without classes.
        reconstruction_loss, patch_mean_loss: The mean losses of FCMAE and of a painter who knows the mean colour of
            each patch; None without a decoder.
        maps: For each stage the maps of some channels of its last hidden layer on the first image.
        reconstructions: The first images, what was visible and what was painted; empty without a decoder.
    """

    source: Source
    layers: tuple[Layer, ...]
    singular_values: np.ndarray
    rank_me: float
    dim: int
    knn: float | None
    linear_probe: float | None
    reconstruction_loss: float | None
    patch_mean_loss: float | None
    maps: tuple[np.ndarray, ...]
    reconstructions: tuple[Reconstruction, ...]

    @property
    def num_stages(self) -> int:
        """Number of stages of the network."""
        return self.layers[-1].stage

    def of_stage(self, stage: int) -> list[Layer]:
        """Return the layers of one stage, counted from 1."""
        return [layer for layer in self.layers if layer.stage == stage]


def measure(network: Network, images: Images, batches: Iterable[Tensor], normalisation: Normalisation) -> Measures:
    """Measure a network.

    Args:
        network: The network.
        images: What the batches hold.
        batches: The images in order, (N, C, size, size), normalised.
        normalisation: How they were.

    Raises:
        ValueError: The network's numbers are not finite.
    """
    device = next(network.backbone.parameters()).device
    layers = Layers(network.backbone, len(images.classes))
    painting = Painting(network.pre_trainer, normalisation)
    pooled: list[Tensor] = []
    start = 0
    with torch.no_grad():
        for batch in batches:
            with layers.watching(None if images.labels is None else images.labels[start : start + len(batch)]):
                pooled.append(network.features(batch.to(device)).float().cpu())
            painting.update(batch.to(device))
            start += len(batch)
    features = torch.cat(pooled)
    if not features.isfinite().all():
        raise ValueError(
            f"checkpoint={network.source.checkpoint!r} gives features that are not finite: its training diverged; take "
            "an earlier one"
        )
    spectrum = FeatureSpectrum(features.shape[1])
    spectrum.update(features)
    knn, linear_probe = _accuracies(features, images)
    return Measures(
        source=network.source,
        layers=layers.compute(),
        singular_values=spectrum.singular_values().numpy(),
        rank_me=spectrum.rank_me(),
        dim=features.shape[1],
        knn=knn,
        linear_probe=linear_probe,
        reconstruction_loss=painting.loss(),
        patch_mean_loss=painting.patch_mean_loss(),
        maps=layers.maps(),
        reconstructions=tuple(painting.reconstructions),
    )


def _accuracies(features: Tensor, images: Images) -> tuple[float | None, float | None]:
    """Return the accuracies of k-NN and of the linear probe on the held-out images."""
    held_out = images.held_out()
    if images.labels is None or not held_out.any():
        return None, None
    train, test = ~held_out, held_out
    sets = (features[train], images.labels[train], features[test], images.labels[test])
    return knn_accuracy(*sets), linear_probe_accuracy(*sets)
