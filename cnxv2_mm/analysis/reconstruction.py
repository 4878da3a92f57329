"""How well a pre-trained model paints hidden patches, on images that it was not trained on."""

from collections.abc import Sequence

from mmengine.evaluator import BaseMetric

from cnxv2_mm.registry import METRICS


@METRICS.register_module()
class ReconstructionLoss(BaseMetric):
    """FCMAE's mean loss over a data set, and for comparison the loss of painting each hidden patch in its mean colour.

    A ``loss`` below ``patch_mean_loss`` shows that the network has learnt something about the inside of patches. With
    normalised pixels ``patch_mean_loss`` is close to 1.
    """

    default_prefix = "reconstruction"

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Collect the two losses of each image that ``FCMAE.predict`` returned."""
        self.results += [(float(sample["loss"]), float(sample["patch_mean_loss"])) for sample in data_samples]

    def compute_metrics(self, results: list[tuple[float, float]]) -> dict[str, float]:
        """Average the two losses over the images, which all have the same number of hidden patches."""
        losses, patch_mean_losses = zip(*results, strict=True)
        return {"loss": sum(losses) / len(losses), "patch_mean_loss": sum(patch_mean_losses) / len(patch_mean_losses)}
