"""mmpretrain's image classifiers: a picture to the score of each class."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from mmpretrain.models.classifiers import ImageClassifier
from mmpretrain.models.heads import ClsHead, MultiLabelClsHead
from torch import Tensor, nn

from cnxv2_mm.export.models.base import ExportableModel, Output
from cnxv2_mm.export.models.overrides import method


class Classifier(ExportableModel):
    """An ``ImageClassifier`` of mmpretrain whose scores are the softmax, or the sigmoid, of what its head returns.

    That are heads that leave ``predict`` as ``ClsHead`` or ``MultiLabelClsHead`` have it, ``LinearClsHead`` among them.

    Raises:
        ValueError: The model is of another class, or its head predicts in another way.
    """

    task: ClassVar[str] = "classifier"

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        name = type(model).__name__
        if not isinstance(model, ImageClassifier) or method(model, "predict") is not ImageClassifier.predict:
            raise ValueError(f"{name} cannot be exported as a classifier: only ImageClassifier of mmpretrain is known")
        if not any(_predicts_as(model.head, kind) for kind in (ClsHead, MultiLabelClsHead)):
            raise ValueError(
                f"{name} with the head {type(model.head).__name__} cannot be exported: it predicts in its own way; "
                "known heads predict as ClsHead (LinearClsHead) or MultiLabelClsHead do"
            )
        self.multi_label = isinstance(model.head, MultiLabelClsHead)

    @property
    def outputs(self) -> tuple[Output, ...]:
        axes = ("images", getattr(self.model.head, "num_classes", "classes"))
        if self.multi_label:
            return (Output("scores", axes, "confidence of each class for itself, 0 to 1 (sigmoid)"),)
        return (Output("scores", axes, "confidence of each class, 0 to 1, summing to 1 (softmax)"),)

    def forward(self, images: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
        logits = self.model.head(self.model.extract_feat(images)).float()
        return (logits.sigmoid() if self.multi_label else logits.softmax(dim=1),)

    def reference(self, inputs: Tensor) -> tuple[Tensor, ...]:
        found = self.model.test_step({"inputs": inputs})
        return (torch.stack([sample.pred_score for sample in found]),)

    def description(self) -> Mapping[str, Any]:
        """Return which scores mean that a class is there, where several may be."""
        if not self.multi_label:
            return {}
        head = self.model.head
        return {"threshold": head.thr} if head.thr is not None else {"most_classes": head.topk}


def _predicts_as(head: nn.Module | None, kind: type[nn.Module]) -> bool:
    """Whether a head predicts with the methods of that class."""
    names = ("predict", "_get_predictions")
    return isinstance(head, kind) and all(method(head, name) is getattr(kind, name) for name in names)
