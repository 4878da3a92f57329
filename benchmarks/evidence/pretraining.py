"""FCMAE on Fashion-MNIST: table 8's optimiser and schedule at our length."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.evidence.arms import Arm
from benchmarks.evidence.fashion import enlarge_images
from benchmarks.evidence.settings import Settings
from cnxv2_mm.backbone import ConvNeXtV2
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.training.layer_decay import LayerDecayOptimWrapperConstructor
from cnxv2_mm.training.warmup_cosine import WarmupCosineLR

WEIGHT_DECAY = 0.05  # table 8
WARMUP_SHARE = 0.05  # 40 of 800 epochs in table 8


def build_encoder(arm_backbone: dict, settings: Settings) -> ConvNeXtV2:
    """Return a random encoder without output norms."""
    arch = {"depths": settings.depths, "channels": settings.channels}
    return ConvNeXtV2(arch=arch, out_indices=(), **arm_backbone)


def pretrain(
    arm: Arm, images: Tensor, seed: int, settings: Settings, at_moment: Callable[[float, ConvNeXtV2], None]
) -> tuple[FCMAE, list[float]]:
    """Train an FCMAE from random weights.

    Args:
        arm: What to train.
        images: (N, 28, 28) bytes.
        seed: Draws weights, masks and the order of the images.
        settings: The length and sizes.
        at_moment: Called with each of ``settings.moments`` and the encoder when its time has come.

    Returns:
        The model, and the mean loss over each tenth of the steps.
    """
    torch.manual_seed(seed)
    model = FCMAE(
        build_encoder(arm.backbone, settings),
        decoder={"width": settings.decoder_width, **arm.decoder},
        mask_ratio=arm.mask_ratio,
        layout=arm.layout,
    )
    optimizer = make_optimizer(model, settings.pretrain_rate, (0.9, 0.95))
    schedule = make_schedule(optimizer, settings.pretrain_steps)
    at_steps = {round(moment * settings.pretrain_steps): moment for moment in settings.moments}
    losses = []
    order = torch.randperm(len(images))
    for step in range(settings.pretrain_steps):
        if step in at_steps:
            at_moment(at_steps[step], model.backbone)
        places = torch.arange(step * settings.pretrain_batch, (step + 1) * settings.pretrain_batch) % len(order)
        x = flip_some(enlarge_images(images[order[places]], settings.image_size))
        loss = model.loss(x)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    at_moment(1.0, model.backbone)
    tenths = torch.tensor(losses).tensor_split(min(10, len(losses)))
    return model, [tenth.mean().item() for tenth in tenths]


def flip_some(images: Tensor) -> Tensor:
    """Mirror every image, (N, C, H, W), with probability one half."""
    return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(3), images)


def make_optimizer(model: torch.nn.Module, rate: float, betas: tuple[float, float]) -> torch.optim.Optimizer:
    """Return the recipes' AdamW, with one learning rate for all layers."""
    optimizer = {"type": "AdamW", "lr": rate, "betas": betas, "weight_decay": WEIGHT_DECAY}
    return LayerDecayOptimWrapperConstructor({"optimizer": optimizer}, {"layer_decay_rate": 1.0})(model).optimizer


def make_schedule(optimizer: torch.optim.Optimizer, steps: int) -> WarmupCosineLR:
    """Return the recipes' schedule over a number of steps."""
    return WarmupCosineLR(optimizer, WARMUP_SHARE, by_epoch=False, end=steps)
