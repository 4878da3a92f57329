"""Whole fine-tunings: what they leave, that ``cnxv2 train`` repeats them, that a killed one goes on exactly."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from mmdet.apis import inference_detector, init_detector

import cnxv2_mm
from cnxv2_mm.recipes.finetuning.finetune import finetune
from tests.recipes.data.coco_folder import CocoFolder
from tests.recipes.finetuning.conftest import EPOCHS, write_encoder
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool


def weights(file):
    content = torch.load(file, weights_only=False)
    return {"": content["state_dict"], "ema": content.get("ema_state_dict", {})}


def assert_same_weights(one, other):
    for part, tensors in weights(one).items():
        expected = weights(other)[part]
        assert tensors.keys() == expected.keys()
        assert [name for name, tensor in tensors.items() if not torch.equal(tensor, expected[name])] == []


def losses(work):
    (file,) = work.glob("*/vis_data/scalars.json")
    lines = map(json.loads, file.read_text().splitlines())
    return [{key: value for key, value in line.items() if "time" not in key} for line in lines]


def test_what_a_run_leaves(ended):
    folder = ended.config.parent
    assert {"config.py", "settings.json", "model.pth", "README.md", "report.html", "data", "run"} <= {
        p.name for p in folder.iterdir()
    }
    assert {path.name for path in (folder / "data").iterdir()} == {
        "train.json",
        "val.json",
        "images.txt",
        "left_out.txt",
        "findings.txt",
    }
    assert ended.classes == ("roof", "petal")
    assert ended.seconds > 0
    content = json.loads((folder / "settings.json").read_text())
    assert content["task"] == "detect"
    by_name = {setting["name"]: setting["value"] for setting in content["settings"]}
    assert by_name["iterations"] == "4 (1.6 epochs)"
    assert by_name["batch size"] == "4 images"
    assert len(content["next"]) == 3


def test_mmdets_own_functions_take_the_model(ended, labelled):
    model = init_detector(str(ended.config), str(ended.model), device="cpu")
    assert model.dataset_meta["classes"] == ("roof", "petal")
    found = inference_detector(model, str(labelled / "val2017/010.jpg")).pred_instances
    assert found.masks.shape[1:] == (64, 64)


def test_train_repeats_it(ended, tmp_path, run_training):
    run_training([str(ended.config), "--work-dir", str(tmp_path / "again")])
    assert losses(tmp_path / "again") == losses(ended.config.parent / "run")
    assert_same_weights(tmp_path / "again/iter_4.pth", ended.config.parent / "run/iter_4.pth")


@pytest.fixture(scope="module")
def run_training():
    return load_tool("train").main


def test_a_killed_run_goes_on_to_the_same_weights(labelled, pretrained, tmp_path):
    """The run that is not killed is the same command, and so this also shows that it is repeatable.

    It is killed behind a validation. Of one that is cut short, a resumed run knows no score.
    """
    runs = {name: tmp_path / name for name in ("whole", "killed")}
    command = [sys.executable, str(ROOT / "tools/finetune.py"), "detect", str(labelled), "--from", str(pretrained)]
    command += ["--epochs", "3.2", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*command, str(runs["killed"])],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        while not [*runs["killed"].glob("run/best_*.pth")]:  # of the first of two validations
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)  # with its data workers
    assert not (runs["killed"] / "model.pth").exists()
    resumed = finetune("detect", labelled, out=runs["killed"], resume=True)
    whole = finetune("detect", labelled, start=pretrained, out=runs["whole"], epochs=3.2)
    assert resumed.scores == whole.scores
    assert_same_weights(runs["killed"] / "run/iter_8.pth", runs["whole"] / "run/iter_8.pth")
    assert_same_weights(resumed.model, whole.model)


def test_a_folder_with_a_run_is_not_overwritten_by_mistake(ended, labelled, pretrained):
    with pytest.raises(ValueError, match="holds a run already"):
        finetune("detect", labelled, start=pretrained, out=ended.config.parent)
    for options in ({"epochs": 3}, {"overwrite": True}):
        with pytest.raises(ValueError, match="leave the other options out"):
            finetune("detect", labelled, out=ended.config.parent, resume=True, **options)
    assert ended.model.is_file()


def test_data_that_cannot_be_used_does_not_cost_the_run_before(ended, pretrained, tmp_path):
    before = {path: path.read_bytes() for path in ended.config.parent.rglob("*") if path.is_file()}
    folder = CocoFolder(tmp_path / "data")
    folder.contents["val"]["annotations"] = []
    folder.write()
    with pytest.raises(ValueError, match="no annotation that can be used for validation"):
        finetune("detect", tmp_path / "data", start=pretrained, out=ended.config.parent, overwrite=True)
    assert {path: path.read_bytes() for path in ended.config.parent.rglob("*") if path.is_file()} == before


def test_data_that_cannot_be_used_leaves_nothing_behind(pretrained, tmp_path):
    folder = CocoFolder(tmp_path / "data")
    folder.contents["val"]["annotations"] = []
    folder.write()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("the user's")
    for out in ("new", "out"):
        with pytest.raises(ValueError, match="no annotation that can be used for validation"):
            finetune("detect", tmp_path / "data", start=pretrained, out=tmp_path / out)
    assert not (tmp_path / "new").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"task": "detekt"}, ValueError, "choose one of detect"),
        ({"start": None}, ValueError, "--from is needed"),
        ({"data": "nowhere"}, FileNotFoundError, "'nowhere' does not exist"),
        ({"duration": "soon"}, ValueError, "cannot be read"),
        ({"resume": True}, ValueError, "no run to resume"),
    ],
)
def test_arguments_that_are_wrong(arguments, error, text, labelled, pretrained, tmp_path):
    settings = {"task": "detect", "data": labelled, "start": pretrained, "out": tmp_path / "out", **arguments}
    with pytest.raises(error, match=text) as caught:
        finetune(**settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_encoder_for_other_images(labelled, tmp_path):
    file = write_encoder(tmp_path / "weights.safetensors", {"mean": "[1]", "std": "[1]"})
    with pytest.raises(ValueError, match="states 1 means for images of 3 channels"):
        finetune("detect", labelled, start=file, out=tmp_path / "out")


def test_it_is_exported():
    assert cnxv2_mm.finetune is finetune
    assert EPOCHS == 1.6
