"""The report names what a person needs; the run's folder and the batch may be of any kind."""

import json

import torch
from mmengine.structures import BaseDataElement

from cnxv2_mm.training.nonfinite_report import NonFiniteReport, files_of


def test_several_views_of_each_image():
    """Contrastive methods: one tensor a view, each with every image of the batch."""
    samples = [BaseDataElement(metainfo={"img_path": name}) for name in ("a.png", "b.png", "c.png")]
    views = [torch.zeros(3, 3, 4, 4), torch.zeros(3, 3, 4, 4)]
    views[1][2, 0, 0, 0] = float("inf")
    assert files_of({"inputs": views, "data_samples": samples}) == (["a.png", "b.png", "c.png"], ["c.png"])


def test_a_batch_without_names():
    assert files_of(torch.zeros(2)) == ([], [])
    assert files_of({"inputs": torch.tensor([0.0, float("nan")])}) == ([], ["image 2 of the batch"])


def report():
    losses = {"loss_cls": "nan", "loss_box": "inf"}
    return NonFiniteReport(7, 0, losses, 1e-3, "neck.conv (Conv2d)", "its input is finite", ["a.png", "b.png"], [])


def test_it_is_json_that_any_reader_takes(tmp_path):
    """Standard JSON knows no NaN: a strict reader must not meet one."""
    line = report().write(tmp_path)
    assert line == f"Report with the files of the batch: {tmp_path / 'nonfinite_step_7.json'}"

    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads((tmp_path / "nonfinite_step_7.json").read_text(), parse_constant=refuse)
    assert content["losses"] == {"loss_cls": "nan", "loss_box": "inf"}
    assert content["first_module"] == "neck.conv (Conv2d)"


def test_nothing_is_lost_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    line = report().write(tmp_path / "file")
    assert line.startswith("Files of the batch: a.png, b.png (no report: ")
