"""What README.md and CONTRIBUTING.md show works and is true: Python blocks, versions, order of the package."""

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
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def load(block: str, tmp_path: Path) -> Config:
    """The block as a config file."""
    path = tmp_path / "config.py"
    path.write_text(block.replace('"cnxv2_mm::', f'"{ROOT}/configs/'))  # test_wheel.py has the installed one
    return Config.fromfile(str(path))


def test_the_first_lines_print_the_shapes_that_they_say(capsys):
    exec(BLOCKS[0], {})
    assert f"# {capsys.readouterr().out.strip()}" in BLOCKS[0]


def test_a_stranger_reads_it_in_one_go():
    assert len(README.splitlines()) <= 150


def test_the_swapped_detector_trains(tmp_path):
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    cfg = load(BLOCKS[1], tmp_path)
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

    cfg = load(BLOCKS[1], tmp_path)
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


def test_the_reading_order_is_the_order_of_the_package():
    rows = re.findall(r"^\| `cnxv2_mm/(\w+)[./]", CONTRIBUTING, flags=re.MULTILINE)
    assert rows == [row for row in ROWS if row != "version"]


def test_the_table_of_versions_is_what_is_pinned():
    for name in ("requirements.txt", "requirements/original.txt"):
        for line in (ROOT / name).read_text().splitlines():
            package, _, version = line.partition("==")
            if package.startswith(("torch", "mm", "onedl")):
                assert version in CONTRIBUTING, f"{line} of {name} is not in CONTRIBUTING.md"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(p.name for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page):
    file = ROOT / page if (ROOT / page).is_file() else ROOT / "docs" / page
    for target in re.findall(r"\]\(([^)#]+)\)", file.read_text()):
        assert target.startswith("https://") or (file.parent / target).exists(), f"{page}: {target}"


def test_paths_in_contributing_exist():
    for path in re.findall(
        r"`((?:cnxv2_mm|tests|configs|tools|docs|benchmarks|demo|requirements)/[\w./-]*)`", CONTRIBUTING
    ):
        assert (ROOT / path).exists(), path


def test_the_coverage_of_the_swap_is_the_one_that_was_measured():
    report = json.loads((ROOT / "benchmarks" / "swap" / "coverage.json").read_text())
    states = [config["state"] for config in report["configs"]]
    swapped = states.count("swapped")
    build = sum(state not in ("other", "unreadable", "unbuilt") for state in states)
    text = " ".join(README.split())
    assert f"{swapped} ({swapped / build:.1%}) of the {build} published configs".replace("%", " %") in text
    trained = [c["training"] for c in report["configs"] if c["training"] != "not asked"]
    predicted = [c["prediction"] for c in report["configs"] if c["prediction"] != "not asked"]
    ran = f"{trained.count('trained')} of them ran a training step and {predicted.count('predicted')} a prediction"
    assert f"{len(trained)} kinds of model: {ran}" in text
    assert "failed" not in trained + predicted
