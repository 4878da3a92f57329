"""What the README shows works: its Python blocks are configs that build, its table of files is the package's order."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

import cnxv2_mm  # noqa: F401  (registers, and stands in for mmcv's operators)
from tests.conftest import photographs
from tests.test_structure import ROOT, ROWS

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def load(block: str, tmp_path: Path) -> Config:
    """The block as a config file at the root of the project, where a reader would put it."""
    path = tmp_path / "config.py"
    path.write_text(block.replace('"configs/', f'"{ROOT}/configs/'))
    return Config.fromfile(str(path))


def test_the_swapped_detector_trains(tmp_path):
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    cfg = load(BLOCKS[0] + BLOCKS[1], tmp_path)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.arch = "atto"
    cfg.model.neck.in_channels = [80, 160, 320]
    model = MODELS.build(cfg.model)
    sample = DetDataSample(metainfo={"img_shape": (96, 64), "pad_shape": (96, 64), "batch_input_shape": (96, 64)})
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[8.0, 8.0, 40.0, 60.0]]), labels=torch.tensor([3]))
    losses = model(photographs(1), [sample], mode="loss")
    assert all(torch.isfinite(torch.stack(list(v) if isinstance(v, list) else [v])).all() for v in losses.values())


def test_the_swapped_detector_has_the_layer_decay_of_the_readme(tmp_path):
    from mmengine.optim import build_optim_wrapper

    cfg = load(BLOCKS[0] + BLOCKS[1], tmp_path)
    init_default_scope(cfg.default_scope)
    with torch.device("meta"):
        model = MODELS.build(cfg.model)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).param_groups
    # tiny has 18 blocks: its stem learns at 0.9 ** 18 of the full rate.
    assert min(group["lr"] for group in groups) == pytest.approx(1e-4 * 0.9**18)


def test_the_pre_training_builds(tmp_path):
    cfg = load(BLOCKS[2], tmp_path)
    init_default_scope(cfg.default_scope)
    assert cfg.train_dataloader.dataset.data_root == "my_images"
    assert cfg.train_cfg.max_epochs == 100
    loss = MODELS.build(cfg.model).loss(photographs(1, size=(224, 224)))["loss"]
    assert loss.isfinite()


def test_the_table_of_files_is_the_order_of_the_package():
    rows = re.findall(r"^\| `cnxv2_mm/(\w+)[./]", README, flags=re.MULTILINE)
    assert rows == [row for row in ROWS if row != "version"]


def test_the_table_of_versions_is_what_is_pinned():
    for name in ("requirements.txt", "requirements/original.txt"):
        for line in (ROOT / name).read_text().splitlines():
            package, _, version = line.partition("==")
            if package.startswith(("torch", "mm", "onedl")):
                assert version in README, f"{line} of {name} is not in the README"


def test_the_coverage_of_the_swap_is_the_one_that_was_measured():
    report = json.loads((ROOT / "benchmarks" / "swap" / "coverage.json").read_text())
    states = [config["state"] for config in report["configs"]]
    swapped = states.count("swapped")
    build = sum(state not in ("other", "unreadable", "unbuilt") for state in states)
    assert f"Of the {build} published configs" in README
    assert f"{swapped} ({swapped / build:.1%})".replace("%", " %") in README
    trained = [c["training"] for c in report["configs"] if c["training"] != "not asked"]
    predicted = [c["prediction"] for c in report["configs"] if c["prediction"] != "not asked"]
    kinds = f"{len(trained)} kinds of model, of which {trained.count('trained')} ran a training step and "
    assert kinds + f"{predicted.count('predicted')} a prediction" in " ".join(README.split())
    assert "failed" not in trained + predicted
