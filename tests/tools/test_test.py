"""Real tests by ``tools/test.py``: the toy model, and an mmpretrain classifier on a folder of PNG files."""

import pickle

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.checkpoints.hostile import write_hostile

PRETRAIN_CONFIG = """
default_scope = "mmpretrain"
model = dict(
    type="ImageClassifier", data_preprocessor=dict(mean=[127.0], std=[64.0], to_rgb=False),
    backbone=dict(type="LeNet5", num_classes=10), neck=None,
    head=dict(type="ClsHead", loss=dict(type="CrossEntropyLoss", loss_weight=1.0), topk=(1,)))
pipeline = [
    dict(type="LoadImageFromFile", color_type="grayscale"),
    dict(type="Resize", scale=32),
    dict(type="PackInputs"),
]
train_dataloader = dict(
    batch_size=10, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="CustomDataset", data_root="{root}", data_prefix="train", pipeline=pipeline))
val_dataloader = dict(
    batch_size=10, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="CustomDataset", data_root="{root}", data_prefix="val", pipeline=pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type="Accuracy", topk=(1,))
test_evaluator = val_evaluator
train_cfg = dict(by_epoch=True, max_epochs=1)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.01))
randomness = dict(seed=0)
"""


@pytest.fixture(scope="module")
def digits_folder(tmp_path_factory):
    """root/{train,val}/<class>/<n>.png: twenty scans each."""
    root = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for split, start in (("train", 0), ("val", 20)):
        for i in range(start, start + 20):
            folder = root / split / str(digits.target[i])
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[i] * 15).astype(np.uint8)).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def classifier(digits_folder, run_training):
    """A config of mmpretrain and a checkpoint trained with it."""
    config = digits_folder / "lenet.py"
    config.write_text(PRETRAIN_CONFIG.replace("{root}", str(digits_folder)))
    work_dir = digits_folder / "trained"
    run_training([str(config), "--work-dir", str(work_dir)])
    return str(config), str(work_dir / "epoch_1.pth")


def test_reports_metrics_and_dumps_predictions(run_training, run_test, config, tmp_path):
    run_training([str(config), "--work-dir", str(tmp_path / "run")])
    checkpoint = str(tmp_path / "run" / "iter_4.pth")
    out = tmp_path / "new folder" / "predictions.pkl"
    metrics = run_test([str(config), checkpoint, "--work-dir", str(tmp_path / "test"), "--out", str(out)])
    assert metrics["digits/count"] == 32
    predictions = pickle.loads(out.read_bytes())
    # The accuracy is what the dumped predictions say.
    expected = np.mean([sample["pred"] == sample["label"] for sample in predictions])
    assert len(predictions) == 32
    assert metrics["digits/accuracy"] == pytest.approx(expected)


def test_wrong_arguments(run_test, config, tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match=r"checkpoint .*absent\.pth"):
        run_test([str(config), str(tmp_path / "absent.pth")])
    with pytest.raises(ValueError, match="did you mean 'test_evaluator'"):
        run_test([str(config), str(tmp_path / "absent.pth"), "--cfg-options", "test_evalutor.type=A"])
    with pytest.raises(SystemExit):
        run_test([str(config), "some.pth", "--out", "predictions.json"])
    assert "must end in .pkl" in capsys.readouterr().err


def test_a_checkpoint_that_runs_code_is_refused(run_test, config, tmp_path):
    hostile, trace = write_hostile(tmp_path, state_dict={})
    with pytest.raises(ValueError, match=r"hostile\.pth' holds more than tensors.*--trust-pickle"):
        run_test([str(config), str(hostile), "--work-dir", str(tmp_path / "test")])
    assert not trace.exists()


def test_weights_of_another_model_are_refused(run_training, run_test, config, tmp_path):
    run_training([str(config), "--work-dir", str(tmp_path / "run")])
    checkpoint = str(tmp_path / "run" / "iter_4.pth")
    options = ["--cfg-options", "model.width=3"]
    # conv.weight, conv.bias and fc.weight depend on the width; fc.bias does not.
    with pytest.raises(
        ValueError, match=r"lacks 3 of the model's 4 parameters.*\(conv\.weight, conv\.bias, fc\.weight\)"
    ):
        run_test([str(config), checkpoint, "--work-dir", str(tmp_path / "test"), *options])


def test_draws_every_picture(run_test, classifier, tmp_path):
    shown = tmp_path / "shown"
    run_test([*classifier, "--work-dir", str(tmp_path / "test"), "--show-dir", str(shown)])
    assert len(list(shown.glob("*.png"))) == 20


def test_amp_and_augmentation_average_both_mirror_images(run_test, classifier, tmp_path):
    """Oracle: the mean of the class scores of two plain tests, one of them on mirrored images."""
    config, checkpoint = classifier

    def scores(name, *arguments):
        out = tmp_path / f"{name}.pkl"
        run_test([config, checkpoint, "--work-dir", str(tmp_path / name), "--out", str(out), *arguments])
        return np.stack([sample["pred_score"].float().numpy() for sample in pickle.loads(out.read_bytes())])

    mirrored = tmp_path / "mirrored.py"
    mirrored.write_text(
        f"_base_ = {config!r}\n"
        "test_dataloader = dict(dataset=dict(pipeline=[\n"
        "    dict(type='LoadImageFromFile', color_type='grayscale'), dict(type='Resize', scale=32),\n"
        "    dict(type='RandomFlip', prob=1.0), dict(type='PackInputs')]))\n"
    )
    plain = scores("plain")
    config = str(mirrored)
    flipped = scores("flipped")
    config = classifier[0]
    assert not np.allclose(plain, flipped)
    np.testing.assert_allclose(scores("tta", "--tta"), (plain + flipped) / 2, atol=1e-6)
    half = scores("amp", "--amp")
    assert not np.array_equal(half, plain)
    # bfloat16 has eight bits of mantissa: class scores agree to about 2 ** -8 per layer.
    np.testing.assert_allclose(half, plain, atol=0.02)
