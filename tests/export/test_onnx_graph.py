"""TensorRT's limits: what breaks them is found; what torch.onnx writes of it is rewritten with the same numbers."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxscript import ir

from cnxv2_mm.export.onnx_graph import adapt
from tests.export.tensorrt import violations


def save(folder, nodes, inputs, outputs, constants=(), opset=20):
    def described(values):
        return [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in values]

    graph = helper.make_graph(
        [helper.make_node(kind, names, made, **attributes) for kind, names, made, attributes in nodes],
        "graph",
        described(inputs),
        described(outputs),
        [numpy_helper.from_array(np.array(value), name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    file = folder / "model.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model), file)
    return file


def run(file, image):
    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(None, {"image": image})


def test_bytes_and_comparisons_of_bools_are_rewritten(tmp_path):
    file = save(
        tmp_path,
        [
            ("Shape", ["image"], ["shape"], {}),
            ("Cast", ["image"], ["numbers"], {"to": TensorProto.FLOAT}),
            ("Greater", ["numbers", "two"], ["above"], {}),
            ("Less", ["numbers", "five"], ["below"], {}),
            ("Equal", ["above", "below"], ["same"], {}),
        ],
        [("image", TensorProto.UINT8, [None, 8])],
        [("same", TensorProto.BOOL, [None, 8]), ("shape", TensorProto.INT64, [2])],
        [("two", np.float32(2)), ("five", np.float32(5))],
    )
    assert violations(file) == ["Shape () of UINT8", "Equal () of BOOL"]
    image = np.arange(16, dtype=np.uint8).reshape(2, 8)
    expected = run(file, image)
    model = ir.load(file)
    adapt(model)
    ir.save(model, file)
    assert violations(file) == []
    for found, wanted in zip(run(file, image), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(expected[0], (image > 2) == (image < 5))


NUMBERS = [("image", TensorProto.FLOAT, [1, 3, 8, 5000])]


@pytest.mark.parametrize(
    ("node", "constants", "output", "said"),
    [
        (("Det", ["image"], ["out"], {}), (), (TensorProto.FLOAT, [1]), ["Det () is not supported"]),
        (
            ("TopK", ["image", "k"], ["out", "places"], {}),
            [("k", np.array([3840]))],
            (TensorProto.FLOAT, [1, 3, 8, 3840]),
            ["TopK () of 3840"],
        ),
        (("TopK", ["image", "k"], ["out", "places"], {}), [("k", np.array([3839]))], (TensorProto.FLOAT, None), []),
        (
            ("Resize", ["image", "", "scales"], ["out"], {"mode": "cubic"}),
            [("scales", np.array([1, 1, 2, 2], dtype=np.float32))],
            (TensorProto.FLOAT, None),
            ["Resize () of mode b'cubic', antialias 0"],
        ),
    ],
)
def test_limits(node, constants, output, said, tmp_path):
    file = save(tmp_path, [node], NUMBERS, [("out", *output)], constants)
    assert violations(file) == said


def test_opsets(tmp_path):
    nodes, out = [("Relu", ["image"], ["out"], {})], [("out", TensorProto.FLOAT, [1, 3, 8, 5000])]
    assert violations(save(tmp_path, nodes, NUMBERS, out, opset=8)) == ["opset 8 of onnx"]
    assert violations(save(tmp_path, nodes, NUMBERS, out, opset=24)) == []
