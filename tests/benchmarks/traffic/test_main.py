"""The command: one row on the screen, all of them in the folder."""

import json

import pytest

from benchmarks.markdown import END
from benchmarks.traffic import __main__ as command
from benchmarks.traffic.page import BEGIN, RESULTS
from benchmarks.traffic.plan import Row
from tests.benchmarks.traffic.test_page import ROW


def test_all_rows_are_written(monkeypatch, tmp_path):
    rows = (Row("step", "packed", "atto", 2, "eager", 64), Row("backbone", "dense", "atto", 1, "eager", 64))
    monkeypatch.setattr(command, "PLAN", rows)
    (tmp_path / "README.md").write_text(f"Before.\n{BEGIN}\n{END}\n")
    assert command.main(["--folder", str(tmp_path)]) == 0
    document = json.loads((tmp_path / RESULTS).read_text())
    assert [(row["part"], row["layout"], row["images"]) for row in document["rows"]] == [
        ("step", "packed", 2),
        ("backbone", "dense", 1),
    ]
    assert document["versions"]["triton"]
    assert "**Backbone, atto**" in (tmp_path / "README.md").read_text()


def test_a_row_is_described():
    largest = [{"pass": "forward", "what": "mm", "bytes_an_image": 1_500_000, "launches": 3}]
    own = {**ROW["forward"], "own_operators": {"grn_mlp": 19}}
    text = command.describe_row({**ROW, "forward": own, "largest": largest, "host_question": "aten.nonzero"})
    assert text.startswith("step, packed, tiny, 128, 224, eager\n")
    assert "12.3 MB an image      5 launches   our operators: 19 x grn_mlp" in text
    assert "1.50 MB an image      3 launches   mm" in text
    assert "asks the device for a number, and was counted up to there: aten.nonzero" in text


def test_options_of_inductor(capsys):
    args = command.parse_args(["row", "--inductor", "combo_kernels=True", "combo_kernel_max_num_nodes=4"])
    assert dict(args.inductor) == {"combo_kernels": True, "combo_kernel_max_num_nodes": 4}
    with pytest.raises(SystemExit):
        command.parse_args(["row", "--inductor", "combo_kernels"])
    assert "must be KEY=VALUE" in capsys.readouterr().err
