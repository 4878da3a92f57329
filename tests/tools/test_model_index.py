"""Read back by the library that OpenMMLab's tools read it with."""

import pytest
from modelindex.load_model_index import load

from cnxv2_mm.zoo.convnextv2_weights import weights
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

model_index = load_tool("model_index")
WEIGHTS = {weight.name: weight for weight in weights()}


@pytest.mark.parametrize("path", model_index.index_files())
def test_the_committed_files_are_those_that_the_command_writes(path, tmp_path):
    model_index.main(["--to", str(tmp_path)])
    assert (ROOT / path).read_text() == (tmp_path / path).read_text(), "run `python tools/model_index.py`"


def test_no_weight_is_said_to_be_that_of_a_config():
    """mmengine would load a config's weight by mmengine's names, which the official files do not have."""
    assert all(model.config is None for model in load(str(ROOT / "model-index.yml")).models)


def test_openmmlabs_tools_read_every_weight():
    index = load(str(ROOT / "model-index.yml"))
    assert index.check(silent=True) == []
    assert [collection.name for collection in index.collections] == ["ConvNeXt V2"]
    models = {model.name: model for model in index.models}
    assert models.keys() == WEIGHTS.keys()
    for name, model in models.items():
        weight = WEIGHTS[name]
        assert model.weights == weight.files["official"].address
        assert model.in_collection == "ConvNeXt V2"
        assert model.metadata.parameters == weight.parameters
        assert model.metadata.data["License"] == "CC-BY-NC 4.0"


def test_every_accuracy_is_said_to_be_the_papers():
    for model in load(str(ROOT / "model-index.yml")).models:
        weight = WEIGHTS[model.name]
        if weight.training == "fcmae":
            assert model.results is None
            assert "Results From" not in model.metadata.data
        else:
            assert [result.metrics for result in model.results] == [{"Top 1 Accuracy": weight.accuracies[0].top1}]
            table = 14 if weight.training == "in1k" else 15
            assert model.metadata.data["Results From"] == f"arXiv 2301.00808, table {table}"
