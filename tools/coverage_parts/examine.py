"""What is asked of one config: does it build, swap, build swapped; does a training step of the swapped model run."""

import os
import re
import site
from pathlib import Path

from mmengine.config import Config

from cnxv2_mm import runner_config
from cnxv2_mm.swap import SwapRefused, swap_backbone
from coverage_parts.building import build_without_numbers
from coverage_parts.outcome import Outcome
from coverage_parts.published import backbones_of, describe
from coverage_parts.training import train_one_step

ARCH = "atto"
_MESSAGE_LENGTH = 300


def examine(name: str) -> Outcome:
    """Reads, builds, swaps and builds again, without weights."""
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


def train(outcome: Outcome) -> Outcome:
    """Runs a training step of a swapped config; if that fails, of the original, to tell whose fault it is."""
    config = _load(outcome.config)
    try:
        train_one_step(swap_backbone(config, ARCH), "ConvNeXtV2")
    except Exception as error:
        outcome.training_reason = _tell(error)
        own = _own_failure(config)
        # Another failure than its own may be the swap's.
        outcome.training = "unable" if own == outcome.training_reason else "failed"
        if own is not None and own != outcome.training_reason:
            outcome.training_reason = f"{outcome.training_reason}; with its own backbone: {own}"
        return outcome
    outcome.training = "trained"
    return outcome


def _own_failure(config: Config) -> str | None:
    try:
        train_one_step(config, None)
    except Exception as error:
        return _tell(error)
    return None


def _load(name: str) -> Config:
    # Some configs name others by their path in the library's repository, 'configs/...'.
    os.chdir(runner_config.shipped_config(f"{name.partition('::')[0]}::").parent)
    return runner_config.load_config(name)


def _tell(error: Exception) -> str:
    """The beginning of an error, without this machine's folders."""
    text = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")
    for folder in (*site.getsitepackages(), str(Path.home()), str(Path(__file__).parents[2])):
        text = text.replace(f"{folder}/", "")
    return text if len(text) <= _MESSAGE_LENGTH else f"{text[:_MESSAGE_LENGTH]} ..."
