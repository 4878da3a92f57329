"""OpenVINO files: weights in half precision if asked for, and graphs that OpenVINO does not read."""

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from cnxv2_mm.export.onnx_file import write_onnx
from cnxv2_mm.export.openvino_file import OpenVinoModel, write_openvino
from cnxv2_mm.export.program import record
from tests.export.test_program import EXAMPLE, whole


def test_half_precision_halves_the_weights(tmp_path):
    onnx_file = tmp_path / "model.onnx"
    write_onnx(record(whole(nn.Conv2d(3, 300, 7)), EXAMPLE, dynamic=False), onnx_file, ["map"], {})
    sizes, found = [], []
    for fp16 in (False, True):
        file = tmp_path / f"model{int(fp16)}.xml"
        write_openvino(onnx_file, file, {"task": '"x"'}, fp16=fp16)
        sizes.append(file.with_suffix(".bin").stat().st_size)
        model = OpenVinoModel(file)
        assert model.metadata == {"task": '"x"'}
        found.append(torch.from_numpy(model(EXAMPLE.numpy())["map"]))
    assert sizes[1] < 0.6 * sizes[0]
    torch.testing.assert_close(found[0], found[1], atol=1e-2, rtol=1e-2)
    assert not torch.equal(found[0], found[1])


def test_a_graph_that_openvino_cannot_read_is_named(tmp_path):
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("image", "map")]
    node = helper.make_node("Unheard", ["image"], ["map"], domain="of.nobody")
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("of.nobody", 1)]
    graph = helper.make_graph([node], "graph", value[:1], value[1:])
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=r"^OpenVINO has no translation of .*Unheard") as refused:
        write_openvino(tmp_path / "model.onnx", tmp_path / "model.xml", {}, fp16=False)
    assert "\n" not in str(refused.value)
