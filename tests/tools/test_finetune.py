"""The command: its options reach the function, and a user's mistake is one line."""

import subprocess
import sys

import pytest

from tests.recipes.data.coco_folder import CocoFolder
from tests.tools.conftest import TOOLS, load_tool


@pytest.fixture(scope="module")
def tool():
    return load_tool("finetune")


def test_options(tool):
    args = tool.parse_args(["detect", "data", "--from", "w.pth", "--time", "2h", "--size", "480", "--no-flip"])
    assert (args.task, args.data, args.start, args.time, args.size, args.no_flip) == (
        "detect",
        "data",
        "w.pth",
        "2h",
        480,
        True,
    )
    assert (args.epochs, args.out, args.resume, args.overwrite) == (None, None, False, False)


@pytest.mark.parametrize("words", [["--time", "1h", "--epochs", "2"], ["--resume", "--overwrite"]])
def test_options_that_exclude_each_other(tool, words, capsys):
    with pytest.raises(SystemExit):
        tool.parse_args(["detect", "data", *words])
    assert "not allowed with" in capsys.readouterr().err


def test_a_mistake_is_one_line(tmp_path):
    root = CocoFolder(tmp_path / "data").write()
    command = [sys.executable, str(TOOLS / "finetune.py"), "detect", str(root), "--from", "convnextv2_tiny_fcma"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    message, hint = done.stderr.strip().splitlines()[-2:]
    assert message.startswith("finetune: weight 'convnextv2_tiny_fcma' is unknown; did you mean convnextv2_tiny_fcmae?")
    assert hint == "(--traceback shows where this arose.)"
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]
