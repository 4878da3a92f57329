"""The command in a folder of its own: what it prints, what it leaves, and what it says of mistakes."""

import os
import re
import subprocess
import sys

import pytest

from cnxv2_mm import command_line
from cnxv2_mm.export.exported_model import ExportedModel
from tests.export.conftest import cat, classifier, detector  # noqa: F401  fixtures
from tests.test_structure import ROOT
from tests.tools.conftest import load_tool


def test_the_command(classifier, cat, tmp_path):  # noqa: F811
    words = ["export", classifier.config, classifier.checkpoint, "--to", "onnx", "--images", cat]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "cnxv2_mm", *words]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"│ scores │ 1 x 4 +│ +\S+ │ +0\.001 │", ran.stdout)
    said = ran.stdout.splitlines()[-2:]
    assert said[0] == "compared on cat.png; the input is 1 x 64 x 64 x 3 (RGB bytes)"
    assert re.fullmatch(r"classifier\.onnx: \d\.\d MB, in \d+ seconds", said[1])
    assert [path.name for path in tmp_path.iterdir()] == ["classifier.onnx"]
    # Exporters warn of much that a user can do nothing about.
    assert "Warning" not in ran.stderr
    assert "torch.onnx" not in ran.stdout + ran.stderr
    assert ExportedModel(tmp_path / "classifier.onnx").metadata["task"] == "classifier"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "--to", "onnx"], "export: "),
        (["{config}", "none.pth", "--to", "onnx"], "export: checkpoint none.pth does not exist."),
        (
            ["{config}", "{checkpoint}", "--to", "openvino", "--logits"],
            "export: --logits is for segmentors, and Retina",
        ),
        (
            ["{config}", "{checkpoint}", "--to", "onnx", "--size", "64", "-1"],
            "export: --size=-1 must be a whole number",
        ),
    ],
)
def test_mistakes_are_one_line(words, said, detector, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    values = {"config": detector.config, "checkpoint": detector.checkpoint}
    main = load_tool("export").main
    with pytest.raises(SystemExit) as ended:
        command_line.run("export", lambda: main([word.format(**values) for word in words]))
    first, hint = str(ended.value.code).split("\n")
    assert first.startswith(said)
    assert hint == "(--traceback shows where this arose.)"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["a.py", "b.pth", "c.pth"], ["run", "--size", "8", "8", "--dynamic"], ["run"]])
def test_words_that_no_export_has(words, capsys):
    with pytest.raises(SystemExit):
        load_tool("export").main([*words, *(["--to", "onnx"] if len(words) > 1 else [])])
    assert "error:" in capsys.readouterr().err
