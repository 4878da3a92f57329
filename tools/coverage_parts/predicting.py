"""One prediction, as mmengine's test loop makes it."""

import torch
from mmengine.config import Config

from coverage_parts.batches import make_prediction_batch
from coverage_parts.building import build_model


class PredictionFailed(RuntimeError):
    """The model ran, but gives no result for each image."""


def predict_once(config: Config) -> None:
    """Builds the model of a config with random weights and lets it predict on a small batch.

    Args:
        config: The whole config.

    Raises:
        PredictionFailed: There is not one result for each image, or video.
        Exception: Whatever building the model or running it raises.
    """
    torch.manual_seed(0)
    model = build_model(config).eval()
    batch = make_prediction_batch(config)
    expected = len(batch["inputs"])
    with torch.no_grad():
        results = model(**model.data_preprocessor(batch, training=False), mode="predict")
    if len(results) != expected:
        raise PredictionFailed(f"{len(results)} results for {expected} inputs")
