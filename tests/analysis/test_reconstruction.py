"""The metric is an average."""

import torch
from mmengine.registry import METRICS


def test_losses_are_averaged_over_images():
    metric = METRICS.build({"type": "cnxv2_mm.ReconstructionLoss"})
    metric.process(None, [{"loss": torch.tensor(0.5), "patch_mean_loss": torch.tensor(1.0)}])
    metric.process(None, [{"loss": torch.tensor(0.7), "patch_mean_loss": torch.tensor(0.9)}] * 3)
    result = metric.evaluate(size=4)
    torch.testing.assert_close(result["reconstruction/loss"], (0.5 + 3 * 0.7) / 4)
    torch.testing.assert_close(result["reconstruction/patch_mean_loss"], (1.0 + 3 * 0.9) / 4)
