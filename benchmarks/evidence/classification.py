"""Classifiers on Fashion-MNIST: fine-tuned from a pre-trained encoder, or trained from random weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.evidence.fashion import NUM_CLASSES, enlarge_images
from benchmarks.evidence.pretraining import flip_some, make_optimizer, make_schedule
from benchmarks.evidence.probes import Labelled, pooled
from benchmarks.evidence.settings import Settings
from cnxv2_mm.backbone import ConvNeXtV2

_BATCH = 100


class Classifier(nn.Module):
    """An encoder on whole images, the mean over each, a layer norm and a linear layer, as the official code has it."""

    def __init__(self, encoder: ConvNeXtV2) -> None:
        super().__init__()
        self.encoder = encoder
        self.norm = nn.LayerNorm(encoder.num_features, eps=1e-6)
        self.head = nn.Linear(encoder.num_features, NUM_CLASSES)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of the classes, (N, 10), for (N, 3, H, W) images."""
        return self.head(self.norm(pooled(self.encoder, images)))


def train_classifier(
    encoder: ConvNeXtV2,
    labelled: Labelled,
    seed: int,
    steps: int,
    rate: float,
    settings: Settings,
    at_moment: Callable[[float, ConvNeXtV2], None] | None = None,
) -> Classifier:
    """Train an encoder with a new classifier on labelled images, all weights, and return both.

    Args:
        encoder: The encoder, changed in place.
        labelled: Images and labels.
        seed: Draws the classifier and the order of the images.
        steps: Number of steps.
        rate: The learning rate, after the warm-up.
        settings: Size of the images and of the batch, and the moments.
        at_moment: Called with each of ``settings.moments`` and the encoder when its time has come.
    """
    torch.manual_seed(seed)
    model = Classifier(encoder)
    optimizer = make_optimizer(model, rate, (0.9, 0.999))
    schedule = make_schedule(optimizer, steps)
    at_steps = {round(moment * steps): moment for moment in settings.moments}
    images, labels = labelled
    for step in range(steps):
        if at_moment and step in at_steps:
            at_moment(at_steps[step], encoder)
        chosen = torch.randint(len(images), (settings.finetune_batch,))
        scores = model(flip_some(enlarge_images(images[chosen], settings.image_size)))
        loss = F.cross_entropy(scores, labels[chosen], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    if at_moment:
        at_moment(1.0, encoder)
    return model


@torch.no_grad()
def accuracy(model: Classifier, part: Labelled, size: int) -> float:
    """Return the share of images that a classifier gets right."""
    model.eval()
    right = 0
    for images, labels in zip(part[0].split(_BATCH), part[1].split(_BATCH), strict=True):
        right += int((model(enlarge_images(images, size)).argmax(dim=1) == labels).sum())
    return right / len(part[1])
