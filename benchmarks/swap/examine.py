"""What is asked of one config: does it build, swap, build swapped; does the swapped model train a step and predict."""

import os
from collections.abc import Callable
from typing import Literal

from mmengine.config import Config

from benchmarks.swap.attempt import Failure, attempt
from benchmarks.swap.building import build_without_numbers
from benchmarks.swap.outcome import Outcome
from benchmarks.swap.predicting import predict_once
from benchmarks.swap.published import backbones_of, describe, library_of
from benchmarks.swap.training import train_one_step
from cnxv2_mm.config.load import load_config, shipped_config
from cnxv2_mm.swap import SwapRefused, swap_backbone

ARCH = "atto"


def examine(name: str) -> Outcome:
    """Read a config, build its model, swap the backbone and build again, all without weights.

    Args:
        name: 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'.
    """
    config = attempt(_load, name)
    if isinstance(config, Failure):
        return Outcome(name, "unreadable", reason=config.reason)
    backbones = backbones_of(config.model, library_of(name)) if isinstance(config.get("model"), dict) else []
    if not backbones:
        return Outcome(name, "other")
    outcome = Outcome(name, "unbuilt", ", ".join(backbones), describe(config.model))
    built = attempt(build_without_numbers, config)
    if isinstance(built, Failure):
        outcome.reason = built.reason
        return outcome
    swapped = attempt(swap_backbone, config, ARCH)
    if isinstance(swapped, Failure):
        if isinstance(swapped.error, SwapRefused):
            outcome.state, outcome.reason = "refused", swapped.error.reason
            outcome.kind, outcome.by_hand = swapped.error.kind, swapped.error.by_hand
        else:
            outcome.state, outcome.reason = "failed", swapped.reason
        return outcome
    built = attempt(build_without_numbers, swapped)
    if isinstance(built, Failure):
        outcome.state, outcome.reason = "broken", built.reason
    else:
        outcome.state = "swapped"
    return outcome


def run(outcome: Outcome) -> Outcome:
    """Train a swapped config for a step and let it predict.

    What fails is tried with the original backbone too, to tell whose fault it is.
    """
    config = _load(outcome.config)
    swapped = swap_backbone(config, ARCH)
    state, outcome.training_reason = _compare(
        lambda: train_one_step(swapped, "ConvNeXtV2"), lambda: train_one_step(config, None)
    )
    outcome.training = state or "trained"
    state, outcome.prediction_reason = _compare(lambda: predict_once(swapped), lambda: predict_once(config))
    outcome.prediction = state or "predicted"
    return outcome


def _compare(swapped: Callable[[], None], own: Callable[[], None]) -> tuple[Literal["unable", "failed"] | None, str]:
    """Return what becomes of a swapped model, None if all is well, and why.

    Only the same failure of the config's own backbone excuses the failure of the swapped one.
    """
    failure = attempt(swapped)
    if failure is None:
        return None, ""
    excuse = attempt(own)
    if excuse is None:
        return "failed", failure.reason
    if excuse.reason == failure.reason:
        return "unable", failure.reason
    # Another failure than its own may be the swap's.
    return "failed", f"{failure.reason}; with its own backbone: {excuse.reason}"


def _load(name: str) -> Config:
    # Some configs name others by their path in the library's repository, 'configs/...'.
    os.chdir(shipped_config(f"{library_of(name)}::").parent)
    return load_config(name)
