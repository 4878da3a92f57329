"""One prediction, as mmengine's test loop makes it, of few objects."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config

from benchmarks.swap.batches import make_prediction_batch
from benchmarks.swap.building import build_model

# How many boxes of a level are looked at. A random detector finds something in a thousand, for each of LVIS' classes.
_COUNT = "nms_pre"
_MOST = 20


class PredictionFailed(RuntimeError):
    """The model ran, but did not give one result for each image."""


def predict_once(config: Config) -> None:
    """Build the model of a config with random weights and let it predict on a small batch.

    Args:
        config: The whole config.

    Raises:
        PredictionFailed: There is not one result for each image, or video.
        Exception: Whatever building the model or running it raises.
    """
    torch.manual_seed(0)
    model: Any = build_model(Config({**config, "model": _with_few_results(config.model)}))
    model.eval()  # some models return nothing from it
    batch = make_prediction_batch(config)
    expected = len(batch["inputs"])
    with torch.no_grad():
        results = model(**model.data_preprocessor(batch, training=False), mode="predict")
    if len(results) != expected:
        raise PredictionFailed(f"{len(results)} results for {expected} inputs")


def _with_few_results(value: Any) -> Any:
    if isinstance(value, Mapping):
        few: Any = type(value)
        return few({k: min(v, _MOST) if k == _COUNT else _with_few_results(v) for k, v in value.items()})
    return type(value)(map(_with_few_results, value)) if isinstance(value, list | tuple) else value
