"""What the README shows works, and what it counts is what was counted."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

import cnxv2_mm
from cnxv2_mm.__main__ import COMMANDS
from tests.conftest import photographs
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SHELL = "\n".join(re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL))


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


def test_its_commands_take_the_arguments_that_it_shows():
    lines = re.findall(r"^cnxv2 (\w+) (.*?)(?:  #.*)?$", SHELL, flags=re.MULTILINE)
    assert {"pretrain", "finetune", "predict", "embed", "swap", "train", "zoo", "convert"} <= {
        command for command, _ in lines
    }
    for command, arguments in lines:
        tool = load_tool(COMMANDS[command][0].removesuffix(".py"))
        tool.parse_args(shlex.split(arguments))  # exits where it does not know one
    listed = re.search(r"^cnxv2 --help +# (.*): in any folder", SHELL, flags=re.MULTILINE)[1]
    assert listed.split(", ") == list(COMMANDS)


def test_its_make_targets_exist():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"^make ([\w-]+)", SHELL, flags=re.MULTILINE)
    assert {"demo", "test"} <= set(named) <= set(targets)


def test_the_wheel_that_it_names_is_that_of_this_version():
    assert f"cnxv2_mm-{cnxv2_mm.__version__}-py3-none-any.whl[onedl]" in SHELL
    projects = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in projects for extra in re.findall(r"`\[(\w+)\]`", README))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", path.read_text()):
        if target.startswith("https://"):
            continue
        page = path.parent / target if target else path
        assert page.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_the_coverage_of_the_swap_is_the_one_that_was_measured():
    report = json.loads((ROOT / "benchmarks" / "swap" / "coverage.json").read_text())
    three = ("mmdet::", "mmseg::", "mmpretrain::")  # what `make install` installs; others have rows of their own
    configs = [config for config in report["configs"] if config["config"].startswith(three)]
    states = [config["state"] for config in configs]
    swapped = states.count("swapped")
    build = sum(state not in ("other", "unreadable", "unbuilt") for state in states)
    text = " ".join(README.split())
    assert f"{swapped} ({swapped / build:.1%}) of the {build} published configs".replace("%", " %") in text
    trained = [c["training"] for c in configs if c["training"] != "not asked"]
    predicted = [c["prediction"] for c in configs if c["prediction"] != "not asked"]
    ran = f"{trained.count('trained')} of them ran a training step and {predicted.count('predicted')} a prediction"
    assert f"{len(trained)} kinds of model: {ran}" in text
    assert "failed" not in trained + predicted
