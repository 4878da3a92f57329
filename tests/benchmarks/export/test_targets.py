"""Each form of a model gives the outputs of the model, in its order."""

import numpy as np
import pytest
import torch

from benchmarks.export.measure import photograph
from benchmarks.export.models import whole_model
from benchmarks.export.random_heads import spread_scores
from benchmarks.export.targets import BUILDERS, Work
from tests.benchmarks.export.test_models import small_case


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    config, model = small_case("UperNet").build()
    whole = whole_model(config, model)
    image = photograph(96, 128)
    with torch.no_grad():
        spread_scores(model, lambda: whole.reference(image))
    return Work(whole, whole_model(config, model, fp16=True), image, tmp_path_factory.mktemp("files"), 1)


@pytest.mark.parametrize("target", ["PyTorch", "torch.export", "OpenVINO"])
def test_a_form_predicts_the_picture(work, target):
    with torch.no_grad():
        (found,) = BUILDERS[target](work).call()
        (expected,) = work.whole.reference(work.image)
    assert found.shape == (1, 96, 128)
    assert np.unique(found).size > 5
    assert (found != expected.numpy()).mean() < 1e-3
