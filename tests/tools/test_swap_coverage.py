"""The coverage walk: its parts on toys, and a sample of the real walk.

The oracle for coverage itself is the walk: what it asserts (builds, finite losses, gradients) is asked of real models.
"""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from rich.console import Console
from torch import nn

from coverage_parts import examine as examining
from coverage_parts import predicting
from coverage_parts.examine import examine, run
from coverage_parts.outcome import Outcome
from coverage_parts.processes import map_in_processes
from coverage_parts.published import backbones_of, describe, family_of, list_configs
from coverage_parts.report import headline, print_table, reached, rows_of, write_json, write_markdown
from coverage_parts.training import StepFailed, check_gradients
from coverage_parts.walk import representatives
from tests.tools.conftest import load_tool

RETINANET = "mmdet::retinanet/retinanet_r18_fpn_1x_coco.py"


@pytest.fixture(autouse=True)
def stay_here(monkeypatch):
    """Examining a config goes to the folder that its paths are relative to."""
    monkeypatch.chdir(Path.cwd())


def test_all_published_configs_are_found():
    """As many as there are files, but for those that others inherit from."""
    configs = list_configs()
    assert len(configs) == len(set(configs)) > 2000
    assert RETINANET in configs
    assert not any("::_base_" in name for name in configs)
    assert list_configs("mmdet/retinanet/retinanet_r18_fpn_1x_coco.py") == [RETINANET]
    assert {family_of(name) for name in list_configs("mmseg/pspnet")} == {"mmseg/pspnet"}
    with pytest.raises(ValueError, match="--only mmdet/retina names no published config"):
        list_configs("mmdet/retina")


def test_backbones_are_found_wherever_they_are():
    model = {
        "type": "mmdet.Wrapper",
        "detector": {"type": "A", "backbone": {"type": "mmpretrain.ResNet"}, "neck": [{"type": "N1"}, {"type": "N2"}]},
        "roi_head": {"type": "R", "bbox_head": [{"type": "B"}, {"type": "B"}]},
        "teacher_backbone": {"type": "HRNet"},
        "image_encoder": [{"type": "SwinTransformer"}, {"type": "GlobalAveragePooling"}],
    }
    assert backbones_of(model) == ["ResNet", "SwinTransformer"]
    assert describe(model) == "Wrapper, A, N1, N2, R, B"
    assert backbones_of({"type": "A", "backbone": {"type": "ConvNeXt"}, "loss": {"type": "ResNetLoss"}}) == []


def test_a_crash_or_an_endless_item_costs_that_item_alone():
    """Items are exit codes and seconds; 0 seconds return None."""
    crashed = list(map_in_processes(os._exit, [3, 4], processes=1, chunk=2, limit=60))
    assert crashed == [(3, None, "the process ended with exit code 3"), (4, None, "the process ended with exit code 4")]
    started = time.monotonic()
    slept = list(map_in_processes(time.sleep, [0, 10_000, 0.01], processes=1, chunk=3, limit=1))
    assert slept[0] == (0, None, "")
    assert slept[1:] == [(10_000, None, "took longer than 1 seconds"), (0.01, None, "")]
    assert time.monotonic() - started < 60


def outcome(config: str, state: str, training: str = "not asked", **more: str) -> Outcome:
    return Outcome(config, state, model="M", training=training, **more)


OUTCOMES = [
    outcome("mmdet::a/1.py", "swapped", "trained", prediction="failed", prediction_reason="no view"),
    outcome("mmdet::a/2.py", "swapped"),
    outcome("mmdet::a/3.py", "refused", kind="strides", reason="The strides do not fit."),
    outcome("mmdet::b/1.py", "unbuilt", reason="no lvis"),
    outcome("mmdet::b/2.py", "swapped", "unable", training_reason="no data", prediction="predicted"),
    outcome("mmseg::c/1.py", "broken", reason="bad head"),
    outcome("mmseg::c/2.py", "unreadable", reason="no base"),
]


def test_the_report_counts_and_gives_reasons(tmp_path):
    rows = {row.name: row for row in rows_of(OUTCOMES)}
    assert list(rows) == ["mmdet/a", "mmdet/b", "mmseg/c", "all of mmdet", "all of mmseg", "all"]
    a, b, total = rows["mmdet/a"], rows["mmdet/b"], rows["all"]
    assert (a.configs, a.build, a.swapped, a.models, a.trained) == (3, 3, 2, 1, 1)
    assert a.reasons == ["1 x prediction fails (no view)", "1 x refused: strides"]
    assert b.reasons[-1] == "1 x no training step with its own backbone either (no data)"
    assert [(row.predicted, row.unable_to_predict) for row in (a, b, total)] == [(0, 0), (1, 0), (1, 0)]
    assert (b.configs, b.build, b.swapped, b.models, b.trained, b.unable) == (2, 1, 1, 1, 0, 1)
    assert (total.configs, total.build, total.swapped, total.models, total.trained) == (6, 5, 3, 2, 1)
    assert headline(OUTCOMES).startswith("3 of the 5 configs that build with their own backbone build swapped (60.0%);")
    assert "1 of 2 models train, 1 cannot with their own backbone either; 1 of 2 models predict. " in headline(OUTCOMES)
    write_json(tmp_path / "r.json", OUTCOMES, "command", 90.0)
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["minutes"], len(report["configs"]), report["configs"][2]["kind"]) == (1.5, 7, "strides")
    write_markdown(tmp_path / "r.md", OUTCOMES, "command", 90.0)
    assert "| mmdet/a | 3 | 3 | 2 | 1 | 1 | 0 | 1 x prediction" in (tmp_path / "r.md").read_text()
    console = Console(record=True, width=200)
    print_table(console, OUTCOMES)
    assert "mmseg/c" in console.export_text()


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["swapped"] * 19 + ["refused"], True),
        (["swapped"] * 18 + ["refused"] * 2, False),
        (["swapped"] * 19 + ["refused"] + ["unbuilt"] * 9, True),
    ],
)
def test_the_target_is_95_percent_of_what_builds_and_every_step(states, expected):
    outcomes = [outcome(f"mmdet::a/{i}.py", state) for i, state in enumerate(states)]
    assert reached(outcomes) == expected
    outcomes[0].training, outcomes[0].prediction = "trained", "unable"
    assert reached(outcomes) == expected
    for broken in ({"training": "failed"}, {"prediction": "failed"}):
        assert not reached([replace(outcomes[0], **broken), *outcomes[1:]])


def test_one_swapped_config_of_each_family_and_model_is_run():
    chosen = representatives(OUTCOMES[::-1])
    assert [o.config for o in chosen] == ["mmdet::b/2.py", "mmdet::a/2.py"]


def test_parameters_without_gradients_are_noticed():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for used, message in ((model[:1], "2 of 4 parameters"), (model, None)):
        model.zero_grad()
        used(torch.ones(1, 2)).sum().backward()
        if message is None:
            check_gradients(model, "Sequential")
        else:
            with pytest.raises(StepFailed, match=message):
                check_gradients(model, "Sequential")
    model[0].weight.grad.fill_(float("nan"))
    with pytest.raises(StepFailed, match="not finite"):
        check_gradients(model, "Sequential")
    with pytest.raises(StepFailed, match="no ConvNeXtV2 with trainable"):
        check_gradients(model, "ConvNeXtV2")


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


def test_the_command_walks_a_config(tmp_path, capsys):
    tool = load_tool("swap_coverage")
    only = ["--only", "mmdet/retinanet/retinanet_r18_fpn_1x_coco.py", "--processes", "1"]
    assert tool.main([*only, "--json", str(tmp_path / "r.json")]) == 0
    (found,) = json.loads((tmp_path / "r.json").read_text())["configs"]
    assert [found[key] for key in ("config", "state", "training", "prediction")] == [
        RETINANET,
        "swapped",
        "trained",
        "predicted",
    ]
    assert "1 of 1 models train; 1 of 1 models predict." in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"--sample 3 must lie in 1 \.\.\. 1"):
        tool.main([*only, "--sample", "3"])


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
