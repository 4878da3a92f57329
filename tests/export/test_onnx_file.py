"""An ONNX file: its names, its metadata, where its weights are; and operators that ONNX does not know."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from cnxv2_mm.export import onnx_file
from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.export.onnx_file import write_onnx
from cnxv2_mm.export.openvino_file import write_openvino
from cnxv2_mm.export.program import record
from cnxv2_mm.export.program_file import write_program
from tests.export.tensorrt import violations
from tests.export.test_program import EXAMPLE, whole

METADATA = {"cnxv2_mm": '"1.0"', "outputs": '[{"name": "map"}]', "classes": '["Bär", "猫"]'}
ENDINGS = (".onnx", ".xml", ".pt2")


@pytest.fixture(scope="module")
def program():
    torch.manual_seed(0)
    return record(whole(nn.Conv2d(3, 2, 3)), EXAMPLE, dynamic=True)


@pytest.fixture(scope="module")
def files(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_onnx(program, folder / "model.onnx", ["map"], METADATA)
    write_openvino(folder / "model.onnx", folder / "model.xml", METADATA, fp16=False)
    write_program(program, folder / "model.pt2", METADATA)
    return folder


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_file_gives_the_same_and_says_the_same(ending, files, program):
    model = ExportedModel(files / f"model{ending}")
    assert model.metadata == {key: json.loads(value) for key, value in METADATA.items()}
    for images in (EXAMPLE, torch.cat([EXAMPLE, EXAMPLE.flip(1)])[:, :31, :17].contiguous()):
        found = model(images.numpy())
        assert list(found) == ["map"]
        np.testing.assert_allclose(found["map"], program.module()(images)[0].detach(), atol=1e-5)


def test_the_input_says_what_its_axes_are(files):
    (image,) = onnx.load(files / "model.onnx").graph.input
    assert image.name == "image"
    axes = image.type.tensor_type.shape.dim
    assert [axis.dim_param or axis.dim_value for axis in axes] == ["images", "height", "width", 3]
    assert violations(files / "model.onnx") == []


def test_weights_of_a_large_model_are_beside_it(program, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "_LARGEST", 100)
    write_onnx(program, tmp_path / "large.onnx", ["map"], METADATA)
    assert {path.name for path in tmp_path.iterdir()} == {"large.onnx", "large.onnx.data"}
    found = ExportedModel(tmp_path / "large.onnx")(EXAMPLE.numpy())["map"]
    np.testing.assert_allclose(found, program.module()(EXAMPLE)[0].detach(), atol=1e-5)


class Unknown(nn.Module):
    def forward(self, images):
        return torch.special.bessel_j0(images)


def test_an_operator_without_translation_is_named(tmp_path):
    strange = record(whole(Unknown()), EXAMPLE, dynamic=False)
    with pytest.raises(ValueError, match=r"^the operator prims\.bessel_j0 cannot be exported to ONNX"):
        write_onnx(strange, tmp_path / "model.onnx", ["map"], {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model.onnx", "model.xml", "model.pt2"])
def test_files_that_do_not_exist(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"exported model .*{name} does not exist"):
        ExportedModel(tmp_path / name)


def test_files_of_others(tmp_path):
    with pytest.raises(ValueError, match=r"weights.pth is no exported model, whose name ends in .onnx, .xml, .pt2"):
        ExportedModel(tmp_path / "weights.pth")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("image", "map")]
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["map"])], "other", [values[0]], [values[1]])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "a.onnx")
    with pytest.raises(ValueError, match=r"a.onnx was not written by cnxv2 export"):
        ExportedModel(tmp_path / "a.onnx")
