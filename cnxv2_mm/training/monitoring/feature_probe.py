"""How good the features are while they are learnt: loss, rank, cosine distance and k-NN on held-out images."""

from collections import defaultdict
from typing import Any

import torch
from mmengine.runner import Runner
from torch import Tensor

from cnxv2_mm.analysis.activations import hidden_layers, watch
from cnxv2_mm.analysis.feature_distance import feature_cosine_distance
from cnxv2_mm.analysis.nearest_neighbours import knn_accuracy
from cnxv2_mm.analysis.rank import FeatureSpectrum
from cnxv2_mm.checkpoints.wrappers import as_in_state_dict
from cnxv2_mm.registry import HOOKS
from cnxv2_mm.training.monitoring.collapse import COLLAPSED_BELOW, collapsed_layers
from cnxv2_mm.training.monitoring.held_out_images import FixedImages, pre_trained_model, training_images
from cnxv2_mm.training.monitoring.periodic import PeriodicHook


@HOOKS.register_module()
class FeatureProbeHook(PeriodicHook):
    """Measures held-out images, for the log and the visualizer.

    - ``held_out/loss``: FCMAE's loss, with masks that stay the same; ``held_out/patch_mean_loss``: the same loss of
      painting each hidden patch in its mean colour.
    - ``held_out/rank_me``: RankMe of the features: the last stage's, averaged over the cells of a whole image. It is at
      most the number of images, and at most the number of channels.
    - ``held_out/cosine_distance``: the feature cosine distance of the encoder's hidden layers on whole images, averaged
      over the layers; ``cosine_distance/<block>``: of each.
    - ``held_out/knn``, if the data set has labels: the share of held-out images that their 20 nearest neighbours among
      as many images of the training classify correctly.

    If the features have collapsed (:mod:`~cnxv2_mm.training.monitoring.collapse`), the log has a warning. The numbers
    are in mmengine's message hub, too, and so in checkpoints.

    At the defaults the cost is below 1 % of a training with 64 images in a step, as measured on a CPU:
    ``docs/pretrain.md``.

    Args:
        interval: Number of steps between two measures; the first is made in front of the training, one at its end.
        num_images: Number of held-out images; all of them if there are fewer.

    Raises:
        ValueError: An argument is not a whole number, or is less than 1.
    """

    def __init__(self, interval: int = 1000, num_images: int = 256) -> None:
        super().__init__(interval, num_images)
        self._neighbours: FixedImages | None = None

    def measure(self, runner: Runner, step: int) -> None:
        """Measure, report, and warn of a collapse."""
        model, run = pre_trained_model(runner)
        size = runner.train_dataloader.batch_size or len(self.images)
        losses: list[tuple[float, float]] = []
        features: list[Tensor] = []
        distances: dict[str, list[Tensor]] = defaultdict(list)
        layers = hidden_layers(model.backbone)
        for images, samples in self.images.batches(model, size):
            losses += [(float(s.loss), float(s.patch_mean_loss)) for s in run(images, samples, mode="predict")]
            with watch(layers, lambda name, cells: distances[name].append(feature_cosine_distance(cells))):
                features.append(_pooled(run, images))
        by_layer = {
            as_in_state_dict(f"{name}.").removesuffix("."): torch.cat(values).mean().item()
            for name, values in distances.items()
        }
        held_out = {
            "loss": sum(loss for loss, _ in losses) / len(losses),
            "patch_mean_loss": sum(loss for _, loss in losses) / len(losses),
            "rank_me": _rank_me(torch.cat(features)),
            "cosine_distance": sum(by_layer.values()) / len(by_layer),
        }
        labels = self.images.labels
        if labels is not None:
            held_out["knn"] = self._knn(runner, torch.cat(features), labels)
        _report(runner, step, held_out, by_layer)

    def _knn(self, runner: Runner, features: Tensor, labels: Tensor) -> float:
        model, run = pre_trained_model(runner)
        if self._neighbours is None:
            self._neighbours = training_images(runner, self.num_images)
        known = self._neighbours.labels
        assert known is not None
        size = runner.train_dataloader.batch_size or len(known)
        bank = torch.cat([_pooled(run, images) for images, _ in self._neighbours.batches(model, size)])
        return knn_accuracy(bank, known, features, labels)


def _pooled(run: Any, images: Tensor) -> Tensor:
    """Return the features of whole images, (N, C), on the CPU."""
    return run(images, mode="tensor").float().mean(dim=(2, 3)).cpu()


def _rank_me(features: Tensor) -> float:
    if not features.isfinite().all():
        return float("nan")
    spectrum = FeatureSpectrum(features.shape[1])
    spectrum.update(features)
    return spectrum.rank_me()


def _report(runner: Runner, step: int, held_out: dict[str, float], by_layer: dict[str, float]) -> None:
    numbers = {f"held_out/{name}": value for name, value in held_out.items()}
    numbers |= {f"cosine_distance/{name}": value for name, value in by_layer.items()}
    runner.visualizer.add_scalars({**numbers, "iter": step}, step=step)  # W&B has "iter" alone, as of the losses
    runner.message_hub.update_scalars(numbers)
    runner.logger.info(f"Step {step}, held-out images: " + "  ".join(f"{k}: {v:.4g}" for k, v in held_out.items()))
    collapsed = collapsed_layers(by_layer)
    if collapsed:
        runner.logger.warning(
            f"Step {step}: the features have collapsed in {len(collapsed)} of {len(by_layer)} hidden layers "
            f"({', '.join(collapsed[:3])}{', ...' if len(collapsed) > 3 else ''}): their feature cosine distance is "
            f"below {COLLAPSED_BELOW}, their channels show nearly the same. Look at GRN (use_grn), the learning rate "
            "and the images."
        )
