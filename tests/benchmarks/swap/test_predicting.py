"""The prediction of the walk."""

import pytest
from mmengine.config import Config
from torch import nn

from benchmarks.swap import predicting


def test_a_prediction_gives_a_result_for_each_image(monkeypatch):
    class Model(nn.Module):
        data_preprocessor = staticmethod(lambda batch, training: batch)

        def forward(self, inputs, mode):
            assert not self.training
            return [mode] * 2

    monkeypatch.setattr(predicting, "build_model", lambda config: Model())
    monkeypatch.setattr(predicting, "make_prediction_batch", lambda config: {"inputs": inputs})
    for inputs in ([0, 0], [0]):
        if len(inputs) == 2:
            predicting.predict_once(Config({"model": {}}))
        else:
            with pytest.raises(predicting.PredictionFailed, match="2 results for 1 inputs"):
                predicting.predict_once(Config({"model": {}}))


def test_few_boxes_are_looked_at_and_the_config_stays():
    config = {"test_cfg": {"nms_pre": 1000, "rpn": [{"nms_pre": 5}], "score_thr": 0.05}}
    few = predicting._with_few_results(config)
    assert few == {"test_cfg": {"nms_pre": 20, "rpn": [{"nms_pre": 5}], "score_thr": 0.05}}
    assert config["test_cfg"]["nms_pre"] == 1000
