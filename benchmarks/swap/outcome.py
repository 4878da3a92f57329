"""What the walk found out about one config."""

from dataclasses import dataclass
from typing import Literal

# From the first that fails to the last that holds: the config cannot be read; its model has none of the backbones that
# the walk is about; it does not build with its own backbone; the swap refuses it; the swap fails in another way; the
# swapped model does not build; it does.
State = Literal["unreadable", "other", "unbuilt", "refused", "failed", "broken", "swapped"]
# Not asked: another config of the same family and model was. Unable: it fails with its own backbone in the same way.
Training = Literal["not asked", "trained", "unable", "failed"]
Prediction = Literal["not asked", "predicted", "unable", "failed"]


@dataclass
class Outcome:
    """One config.

    Attributes:
        config: 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'.
        state: How far it came.
        backbone: Types of its own backbones, '' if they are not known.
        model: Types of its model, necks and heads.
        reason: Why it came no further, '' if it is swapped.
        kind: Short key of a refusal.
        by_hand: How a refused config is swapped by hand, if there is a way.
        training: What became of its training step.
        training_reason: Why the step failed.
        prediction: What became of its prediction.
        prediction_reason: Why that failed.
        seconds: Seconds that all of it took.
    """

    config: str
    state: State
    backbone: str = ""
    model: str = ""
    reason: str = ""
    kind: str = ""
    by_hand: str | None = None
    training: Training = "not asked"
    training_reason: str = ""
    prediction: Prediction = "not asked"
    prediction_reason: str = ""
    seconds: float = 0.0
