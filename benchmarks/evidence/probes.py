"""What is measured of an encoder: its features on whole images, and what they tell about classes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.evidence.fashion import enlarge_images
from benchmarks.evidence.settings import Settings
from cnxv2_mm.analysis.activations import hidden_layers, watch
from cnxv2_mm.analysis.channel_activity import ChannelActivity
from cnxv2_mm.analysis.feature_distance import feature_cosine_distance
from cnxv2_mm.analysis.linear_probe import linear_probe_accuracy
from cnxv2_mm.analysis.nearest_neighbours import knn_accuracy
from cnxv2_mm.analysis.rank import FeatureSpectrum
from cnxv2_mm.backbone import ConvNeXtV2

Labelled = tuple[Tensor, Tensor]  # (N, 28, 28) bytes, (N,) labels
_BATCH = 100


def pooled(encoder: ConvNeXtV2, images: Tensor) -> Tensor:
    """Return the mean of the last stage over each whole image, (N, C), of (N, 3, H, W) images."""
    everything = torch.ones(len(images), images.shape[2] // 32, images.shape[3] // 32, dtype=torch.bool)
    return encoder.encode_visible(images, everything, "packed", everything[0].numel()).mean(dim=(2, 3))


@torch.no_grad()
def features(encoder: ConvNeXtV2, images: Tensor, size: int) -> Tensor:
    """Return :func:`pooled` of any number of (N, 28, 28) images, in evaluation mode."""
    training = encoder.training
    encoder.eval()
    found = [pooled(encoder, enlarge_images(batch, size)) for batch in images.split(_BATCH)]
    encoder.train(training)
    return torch.cat(found)


def distances(encoder: ConvNeXtV2, images: Tensor, size: int) -> list[float]:
    """Return the feature cosine distance of the hidden layer of each block, averaged over images."""
    sums = dict.fromkeys(hidden_layers(encoder), 0.0)

    def add(name: str, cells: Tensor) -> None:
        sums[name] += feature_cosine_distance(cells).sum().item()

    with watch(hidden_layers(encoder), add):
        features(encoder, images, size)
    return [total / len(images) for total in sums.values()]


def activity(encoder: ConvNeXtV2, images: Tensor, size: int) -> tuple[list[float], list[float]]:
    """Return the shares of dead and of saturated channels in the hidden layer of each block."""
    found = {name: ChannelActivity() for name in hidden_layers(encoder)}
    with watch(hidden_layers(encoder), lambda name, cells: found[name].update(cells)):
        features(encoder, images, size)
    shares = [measure.compute() for measure in found.values()]
    return [share.dead for share in shares], [share.saturated for share in shares]


def probe(encoder: ConvNeXtV2, train: Labelled, held_out: Labelled, test: Labelled, settings: Settings) -> dict:
    """Return accuracies of k-NN and of the linear probe on test images, RankMe, and the penalty chosen."""
    x, y = features(encoder, train[0], settings.image_size), train[1]
    x_held, x_test = (features(encoder, part[0], settings.image_size) for part in (held_out, test))
    penalty = best(
        settings.probe_penalties,
        [linear_probe_accuracy(x, y, x_held, held_out[1], p) for p in settings.probe_penalties],
    )
    spectrum = FeatureSpectrum(x_test.shape[1])
    spectrum.update(x_test)
    return {
        "knn": knn_accuracy(x, y, x_test, test[1]),
        "probe": linear_probe_accuracy(x, y, x_test, test[1], penalty),
        "probe_penalty": penalty,
        "rank_me": spectrum.rank_me(),
    }


def best(choices: Sequence[float], scores: Sequence[float]) -> float:
    """Return the choice with the highest score; the first of equal ones."""
    return choices[max(range(len(choices)), key=scores.__getitem__)]
