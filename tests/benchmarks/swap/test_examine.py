"""The questions asked of a config: on a sample of the real walk, whose own checks are the oracle, and on toys."""

import pytest

from benchmarks.swap import examine as examining
from benchmarks.swap.examine import examine, run
from benchmarks.swap.outcome import Outcome
from benchmarks.swap.report import reached
from tests.benchmarks.swap.examples import RETINANET

WELL = ("predicted", "")


@pytest.mark.parametrize(
    ("config", "prediction"),
    [
        ("mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py", WELL),
        ("mmdet::centernet/centernet_r18_8xb16-crop512-140e_coco.py", WELL),
        ("mmdet::sparse_rcnn/sparse-rcnn_r50_fpn_1x_coco.py", WELL),  # its proposals are made by itself alone
        ("mmseg::pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py", WELL),
        ("mmpretrain::resnet/resnet18_8xb32_in1k.py", WELL),
        # Whoever learns without labels has nothing to predict.
        (
            "mmpretrain::simsiam/simsiam_resnet50_8xb32-coslr-100e_in1k.py",
            ("unable", 'RuntimeError: Invalid mode "predict".'),
        ),
    ],
)
def test_a_sample_of_the_walk(config, prediction):
    examined = examine(config)
    assert (examined.state, examined.reason) == ("swapped", "")
    ran = run(examined)
    assert (ran.training, ran.training_reason) == ("trained", "")
    assert (ran.prediction, ran.prediction_reason) == prediction


def test_refusals_and_broken_configs_say_why():
    refused = examine("mmdet::detectors/detectors_cascade-rcnn_r50_1x_coco.py")
    assert refused.state == "refused"
    assert refused.kind
    assert refused.reason
    assert examine("mmdet::yolox/yolox_s_8xb8-300e_coco.py").state == "other"
    assert examine("mmpretrain::swin_transformer_v2/swinv2-base-w12_8xb128_in21k-192px.py").state == "unreadable"


@pytest.mark.parametrize(("step", "state"), [("swap_backbone", "failed"), ("build_without_numbers", "unbuilt")])
def test_any_error_is_an_answer(step, state, monkeypatch):
    def fail(*_):
        raise TypeError("a mistake in the code")

    monkeypatch.setattr(examining, step, fail)
    found = examine(RETINANET)
    assert (found.state, found.reason) == (state, "TypeError: a mistake in the code")
    assert found.backbone == "ResNet"


def test_a_model_that_builds_only_with_its_own_backbone_is_broken(monkeypatch):
    def build(config):
        if config.model.backbone.type == "cnxv2_mm.ConvNeXtV2":
            raise RuntimeError("no such channels")

    monkeypatch.setattr(examining, "build_without_numbers", build)
    found = examine(RETINANET)
    assert (found.state, found.reason) == ("broken", "RuntimeError: no such channels")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, "failed"),
        (ValueError("a label is missing"), "unable"),
        (KeyError("something else"), "failed"),
    ],
)
def test_whose_fault_a_failure_is(own, expected, monkeypatch):
    """Only a failure that the config has with its own backbone, word for word, is not the swap's."""

    def step(config, *_):
        if config.model.backbone.type == "cnxv2_mm.ConvNeXtV2":
            raise ValueError("a label is missing")
        if own is not None:
            raise own

    monkeypatch.setattr(examining, "train_one_step", step)
    monkeypatch.setattr(examining, "predict_once", step)
    found = run(Outcome(RETINANET, "swapped"))
    assert (found.training, found.prediction) == (expected, expected)
    assert reached([found]) == (expected == "unable")
