"""What is asked of one config: does it build, swap, build swapped; does the swapped model train a step and predict."""

import os
import site
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from mmengine.config import Config

from cnxv2_mm.config.load import load_config, shipped_config
from cnxv2_mm.swap import SwapRefused, swap_backbone
from cnxv2_mm.swap.refusal import tell
from coverage_parts.building import build_without_numbers
from coverage_parts.outcome import Outcome
from coverage_parts.predicting import predict_once
from coverage_parts.published import backbones_of, describe
from coverage_parts.training import train_one_step

ARCH = "atto"
_MESSAGE_LENGTH = 300


def examine(name: str) -> Outcome:
    """Read, builds, swaps and build again, without weights."""
    try:
        config = _load(name)
    except Exception as error:
        return Outcome(name, "unreadable", reason=_tell(error))
    if not isinstance(config.get("model"), dict) or not backbones_of(config.model):
        return Outcome(name, "other")
    outcome = Outcome(name, "unbuilt", ", ".join(backbones_of(config.model)), describe(config.model))
    try:
        build_without_numbers(config)
    except Exception as error:
        outcome.reason = _tell(error)
        return outcome
    try:
        swapped = swap_backbone(config, ARCH)
    except SwapRefused as error:
        outcome.state, outcome.reason = "refused", error.reason
        outcome.kind, outcome.by_hand = error.kind, error.by_hand
        return outcome
    except Exception as error:
        outcome.state, outcome.reason = "failed", _tell(error)
        return outcome
    try:
        build_without_numbers(swapped)
    except Exception as error:
        outcome.state, outcome.reason = "broken", _tell(error)
        return outcome
    outcome.state = "swapped"
    return outcome


def run(outcome: Outcome) -> Outcome:
    """Trains a swapped config for a step and let it predict.

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

    The config's own failure excuses the same one.
    """
    try:
        swapped()
    except Exception as error:
        reason = _tell(error)
    else:
        return None, ""
    try:
        own()
    except Exception as error:
        excuse = _tell(error)
        # Another failure than its own may be the swap's.
        return ("unable", reason) if excuse == reason else ("failed", f"{reason}; with its own backbone: {excuse}")
    return "failed", reason


def _load(name: str) -> Config:
    # Some configs name others by their path in the library's repository, 'configs/...'.
    os.chdir(shipped_config(f"{name.partition('::')[0]}::").parent)
    return load_config(name)


def _tell(error: Exception) -> str:
    """Return the beginning of an error, without this machine's folders."""
    text = tell(error)
    for folder in (*site.getsitepackages(), str(Path.home()), str(Path(__file__).parents[2])):
        text = text.replace(f"{folder}/", "")
    return text if len(text) <= _MESSAGE_LENGTH else f"{text[:_MESSAGE_LENGTH]} ..."
