"""``python -m cnxv2_mm TOOL``: tools of the libraries, which import their models before they read a config."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import torch
from skimage import data

from cnxv2_mm.__main__ import find_tool, main
from tests.configs.common import build

ROOT = Path(__file__).parents[1]


def run_tool(folder, *arguments):
    command = [sys.executable, "-m", "cnxv2_mm", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def detector(tmp_path):
    """The demo's detector on one photograph with one box."""
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "cat.png"), data.chelsea()[:96, :128, ::-1])
    annotations = {
        "images": [{"id": 1, "file_name": "cat.png", "width": 128, "height": 96}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [8, 8, 64, 64],
                "area": 4096,
                "iscrowd": 0,
                "segmentation": [[8, 8, 72, 8, 72, 72, 8, 72]],
            }
        ],
        "categories": [{"id": 1 + digit, "name": str(digit)} for digit in range(10)],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(annotations))
    return [
        str(ROOT / "configs/demo/mask_rcnn.py"),
        "--cfg-options",
        *(
            f"{part}_dataloader.{key}"
            for part in ("train", "test")
            for key in ("dataset.ann_file=boxes.json", "dataset.data_prefix.img=images/", "num_workers=0")
        ),
        "test_evaluator.ann_file=boxes.json",
    ]


def test_mmdets_browse_dataset(detector, tmp_path):
    config, option, *changes = detector
    changes = [change for change in changes if not change.startswith("test")]  # it knows no test_evaluator's type
    tool = "mmdet::analysis_tools/browse_dataset.py"
    result = run_tool(tmp_path, tool, config, "--not-show", "--output-dir", "drawn", option, *changes)
    assert result.returncode == 0, result.stderr
    assert cv2.imread(str(tmp_path / "drawn" / "cat.png")) is not None


def test_mmdets_test(detector, tmp_path):
    config, *changes = detector
    torch.save({"state_dict": build("configs/demo/mask_rcnn.py").state_dict()}, tmp_path / "weights.pth")
    result = run_tool(tmp_path, "mmdet::test.py", config, "weights.pth", "--work-dir", "out", *changes)
    assert result.returncode == 0, result.stderr
    assert "coco/bbox_mAP" in result.stdout + result.stderr or "The testing results" in result.stdout + result.stderr


def test_a_file_runs_as_the_main_program_with_its_own_arguments_and_neighbours(tmp_path):
    (tmp_path / "neighbour.py").write_text("word = 'found'")
    tool = tmp_path / "tool.py"
    tool.write_text(
        "import sys, cnxv2_mm, mmcv.ops, neighbour\n"
        "print(__name__, sys.argv, neighbour.word, sys.path[0])\n"
        "raise SystemExit(3)"
    )
    result = run_tool("/", tool, "--help", "x")
    assert result.stdout.split("\n")[-2] == f"__main__ {[str(tool), '--help', 'x']} found {tmp_path}"
    assert result.returncode == 3


def test_the_tools_of_each_library_are_found():
    for library in ("mmdet", "mmseg", "mmpretrain"):
        assert find_tool(f"{library}::test.py").is_file()


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("nowhere.py", "tool 'nowhere.py' does not exist (looked for /"),
        ("mmnowhere::test.py", "'mmnowhere' is not installed"),
        ("mmdet::browse_dataset.py", "similar: mmdet::analysis_tools/browse_dataset.py"),
        ("mmdet::tests.py", "similar: mmdet::test.py"),
        ("mmdet::xyzzy", "see /"),
    ],
)
def test_a_tool_that_is_not_there(tool, words, capsys):
    with pytest.raises(SystemExit) as stop:
        main([tool])
    assert stop.value.code == 2
    assert words in capsys.readouterr().err
