"""A whole training in miniature: scikit-learn's scanned digits, one convolution, seconds on a CPU core.

Configs import it by ``custom_imports``; its classes are registered in mmengine's root registries.
"""

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


@DATASETS.register_module(force=True)
class DigitScans(BaseDataset):
    """8 x 8 scans of handwritten digits; the first ``count`` of 1797."""

    METAINFO = {"classes": tuple("0123456789")}  # noqa: RUF012  mmengine's own way

    def __init__(self, count=32, **kwargs):
        self.count = count
        super().__init__(**kwargs)

    def load_data_list(self):
        digits = load_digits()
        return [
            {"inputs": torch.from_numpy(image.astype(np.float32))[None] / 16, "labels": int(label)}
            for image, label in zip(digits.images[: self.count], digits.target[: self.count], strict=True)
        ]


@MODELS.register_module(force=True)
class DigitClassifier(BaseModel):
    """Remembers in which precision its forward pass ran."""

    output_dtypes: list = []  # noqa: RUF012  one list for the process, cleared by the tests

    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3)
        self.fc = nn.Linear(width, 10)

    def forward(self, inputs, labels, sample_idx=None, mode="tensor"):
        logits = self.fc(F.relu(self.conv(inputs)).mean((2, 3)))
        self.output_dtypes.append(logits.dtype)
        if mode == "loss":
            return {"loss": F.cross_entropy(logits.float(), labels)}
        return [{"pred": int(p), "label": int(t)} for p, t in zip(logits.argmax(1), labels, strict=True)]


@METRICS.register_module(force=True)
class DigitAccuracy(BaseMetric):
    default_prefix = "digits"

    def process(self, data_batch, data_samples):
        self.results.extend(sample["pred"] == sample["label"] for sample in data_samples)

    def compute_metrics(self, results):
        return {"accuracy": sum(results) / len(results), "count": len(results)}
