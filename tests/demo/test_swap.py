"""The command that swaps published configs and trains them."""

import json
import subprocess
import sys

from demo import swap
from tests.test_structure import ROOT


def test_losses_are_those_of_the_latest_training(tmp_path):
    for day, losses in (("20260101_000000", [9.0]), ("20260102_000000", [2.0, 1.0])):
        folder = tmp_path / day / "vis_data"
        folder.mkdir(parents=True)
        lines = [{"lr": 0.1, "loss": loss, "iter": i} for i, loss in enumerate(losses)] + [{"mIoU": 3.0}]
        (folder / "scalars.json").write_text("\n".join(map(json.dumps, lines)))
    assert swap.read_losses(tmp_path) == [2.0, 1.0]


def test_without_data_it_says_what_writes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # where it goes; undone after the test
    monkeypatch.setattr(swap, "ROOT", tmp_path)
    assert swap.main([]) == 1
    assert "make demo-quick" in capsys.readouterr().out


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "demo.swap", "--help"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.startswith("usage: python -m demo.swap [-h] [--iterations N]")
