"""What the runner knows is told as it is."""

import platform
from importlib.metadata import version

import torch

from cnxv2_mm.run_report.facts import facts_of
from cnxv2_mm.training.runner import build_runner
from tests.run_report import runs


def build_parts(run):
    """What mmengine does in front of the first hook."""
    run._train_loop, run._val_loop = run.build_train_loop(run._train_loop), run.build_val_loop(run._val_loop)
    run.optim_wrapper = run.build_optim_wrapper(run.optim_wrapper)


def test_of_a_pre_training(pretraining, odd_images):
    facts = facts_of(pretraining.run)
    parameters = sum(p.numel() for p in pretraining.run.model.parameters()) / 1e6
    assert facts.task == "pretrain"
    assert facts.model == f"FCMAE with ConvNeXtV2, {parameters:.1f} M parameters"
    assert facts.folder == str(odd_images)
    assert facts.data == f"18 images of {odd_images}; 2 more are held out"
    settings = {name: value for name, value, _ in facts.settings}
    assert settings["images in a step"] == "4"
    assert (settings["epochs"], settings["steps"]) == ("2", "10")
    assert (settings["optimiser"], settings["learning rate"], settings["seed"]) == ("AdamW", "0.001", "0")
    assert facts.machine["system"].startswith(platform.system())
    assert facts.machine["device"]
    assert facts.versions["torch"] == version("torch") == torch.__version__.partition("+")[0]


def test_of_a_detector(tmp_path, detector_data):
    run = build_runner(runs.task("mask_rcnn", detector_data(tmp_path), ()))
    build_parts(run)
    facts = facts_of(run)
    assert facts.task == "detect"
    assert facts.model.startswith("MaskRCNN with ConvNeXtV2, ")
    assert facts.folder == str(tmp_path / "train2017")
    assert facts.data == f"6 images of {tmp_path / 'train2017'}; validated on 6"
    settings = {name: value for name, value, _ in facts.settings}
    assert settings["steps"] == "4"
    assert "epochs" not in settings


def test_of_something_else(tmp_path):
    run = build_runner(runs.digits(tmp_path, hooks=()))
    build_parts(run)
    facts = facts_of(run)
    assert (facts.task, facts.folder, facts.data) == ("train", None, "40 images; validated on 32")
    assert facts.model.startswith("DigitClassifier, ")
