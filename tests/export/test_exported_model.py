"""A whole exported file as a function; what the three runtimes have in common is in test_onnx_file.py."""

import pytest
import torch
from torch import nn

from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.export.program import record
from cnxv2_mm.export.program_file import write_program
from tests.export.test_program import EXAMPLE, whole


def test_an_image_that_is_no_array_in_a_row(tmp_path):
    """Slices of arrays go in as they are: numpy's views have strides, also negative ones."""
    program = record(whole(nn.Conv2d(3, 2, 3)), EXAMPLE, dynamic=True)
    write_program(program, tmp_path / "model.pt2", {"cnxv2_mm": '"1"', "outputs": '[{"name": "map"}]'})
    model = ExportedModel(str(tmp_path / "model.pt2"))
    view = EXAMPLE.numpy()[:, ::2, ::-1]
    expected = program.module()(EXAMPLE[:, ::2].flip(2))[0].detach()
    torch.testing.assert_close(torch.from_numpy(model(view)["map"]), expected)


def test_a_program_of_others(tmp_path):
    write_program(record(whole(nn.Identity()), EXAMPLE, dynamic=False), tmp_path / "other.pt2", {})
    with pytest.raises(ValueError, match=r"other.pt2 was not written by cnxv2 export: it does not say"):
        ExportedModel(tmp_path / "other.pt2")
