"""What users name: a config and a checkpoint, the folder of a run, a backbone alone."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.export.subject import load_subject
from cnxv2_mm.prediction.source import Source
from tests.export.conftest import CLASSES

SMALL = {"depths": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}


def test_a_config_and_its_checkpoint(classifier):
    subject = load_subject(classifier)
    assert subject.name == "classifier"
    assert subject.model.task == "classifier"
    assert subject.classes == CLASSES
    assert subject.source == {"config": classifier.config, "checkpoint": classifier.checkpoint}
    assert subject.preprocessor is subject.model.model.data_preprocessor


def test_the_folder_of_a_run(detector, tmp_path):
    run = tmp_path / "beans"
    run.mkdir()
    shutil.copy(detector.config, run / "config.py")
    shutil.copy(detector.checkpoint, run / "model.pth")
    subject = load_subject(run)
    assert subject.name == "beans"
    assert subject.model.task == "detector"
    assert [Path(file).name for file in subject.source.values()] == ["config.py", "model.pth"]


@pytest.mark.parametrize("form", ["file", "folder"])
def test_a_backbone_has_the_statistics_of_its_weights(form, tmp_path):
    state = ConvNeXtV2(SMALL, out_indices=()).state_dict()
    file = tmp_path / "encoder.safetensors"
    save_file(state, file, metadata={"mean": "[10.0, 20.0, 30.0]", "std": "[4.0, 5.0, 6.0]"})
    subject = load_subject(file if form == "file" else tmp_path)
    assert subject.name == ("encoder" if form == "file" else tmp_path.name)
    assert subject.model.task == "backbone"
    assert subject.preprocessor.mean.flatten().tolist() == [10, 20, 30]
    assert subject.config is None
    assert subject.pipeline is None
    loaded = subject.model.model.state_dict()
    assert state
    for name, weight in state.items():
        torch.testing.assert_close(loaded[name], weight)


def test_mistakes(classifier, tmp_path):
    with pytest.raises(ValueError, match=r"classifier.py is a config: its checkpoint has to stand behind it"):
        load_subject(classifier.config)
    with pytest.raises(FileNotFoundError, match=r"checkpoint none.pth does not exist"):
        load_subject(Source(classifier.config, "none.pth"))
    with pytest.raises(FileNotFoundError, match=r"has no config"):
        load_subject(tmp_path)
