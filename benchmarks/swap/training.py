"""One training step, as mmengine's loop makes it but for the optimiser: losses, and gradients of the backbone."""

from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from torch import Tensor, nn

from benchmarks.swap.batches import make_batch
from benchmarks.swap.building import build_model


class StepFailed(RuntimeError):
    """The step ran, but what came out is not what training needs."""


def train_one_step(config: Config, backbone_type: str | None) -> None:
    """Build the model of a config with random weights and run forward and backward on a small batch.

    Args:
        config: The whole config.
        backbone_type: Class name of the backbones all of whose trainable parameters must get finite gradients, not
            all of them zero (but for a config with ``find_unused_parameters``); None looks at the losses alone.

    Raises:
        StepFailed: A loss is not finite, or a parameter got no or no finite gradient.
        Exception: Whatever building the model or running it raises.
    """
    torch.manual_seed(0)
    model: Any = build_model(config)
    model.train()  # some models return nothing from it
    _announce_progress(model)
    _backward(model, config)
    if backbone_type is None:
        return
    if not any(p.grad is not None and p.grad.any() for b in backbones_in(model, backbone_type) for p in b.parameters()):
        # A head whose last layer begins at zero (PPYOLOE) hands nothing down before that layer has made a step.
        _descend(model)
        _backward(model, config)
    check_gradients(model, backbone_type, every=not config.get("find_unused_parameters", False))


def _backward(model: Any, config: Config) -> None:
    batch = model.data_preprocessor(make_batch(config), training=True)
    losses = model(**batch, mode="loss")
    for name, loss in losses.items():
        if not all(value.isfinite().all() for value in _tensors(loss)):
            raise StepFailed(f"the loss {name!r} is not finite")
    total, _ = model.parse_losses(losses) if isinstance(model, BaseModel) else BaseModel.parse_losses(model, losses)
    total.backward()


def _descend(model: nn.Module, rate: float = 0.01) -> None:
    """Make a step of plain gradient descent, and forget the gradients."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=rate)
                parameter.grad = None


def _announce_progress(model: Any) -> None:
    """Set what mmengine's loop and mmdet's hook tell, which some losses ask.

    This is the first of many iterations.
    """
    for name, value in {"iter": 0, "max_iters": 1000, "epoch": 0, "max_epochs": 10}.items():
        MessageHub.get_current_instance().update_info(name, value)
    if hasattr(model, "set_epoch"):
        model.set_epoch(0)


def check_gradients(model: nn.Module, backbone_type: str, every: bool = True) -> None:
    """Look at the gradients of a model's backbones.

    Args:
        model: After a backward pass.
        backbone_type: Class name of the backbones.
        every: Whether every trainable parameter must have one; a config that says otherwise can do without.

    Raises:
        StepFailed: A gradient is missing or not finite, or all are zero.
    """
    trained = [
        (name, p) for b in backbones_in(model, backbone_type) for name, p in b.named_parameters() if p.requires_grad
    ]
    if not trained:
        raise StepFailed(f"the model has no {backbone_type} with trainable parameters")
    without = [name for name, p in trained if p.grad is None]
    if without and every:
        raise StepFailed(
            f"{len(without)} of {len(trained)} parameters of the backbone got no gradient: {without[0]} ..."
        )
    gradients = [p.grad for _, p in trained if p.grad is not None]
    if not all(gradient.isfinite().all() for gradient in gradients):
        raise StepFailed("a gradient of the backbone is not finite")
    if not any(gradient.any() for gradient in gradients):
        raise StepFailed("all gradients of the backbone are zero")


def backbones_in(model: nn.Module, backbone_type: str) -> list[nn.Module]:
    """Return the modules of a class, by its name."""
    return [module for module in model.modules() if type(module).__name__ == backbone_type]


def _tensors(loss: Tensor | list[Tensor]) -> list[Tensor]:
    return loss if isinstance(loss, list) else [loss]
