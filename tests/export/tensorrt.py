"""Whether TensorRT's ONNX parser can read a file, by what NVIDIA documents. TensorRT itself needs a GPU."""

import json
from pathlib import Path

import onnx
from onnx import TensorProto, numpy_helper

DOCUMENTED = json.loads(Path(__file__).with_name("tensorrt_operators.json").read_text())
TYPES = {
    TensorProto.FLOAT: "FP32",
    TensorProto.FLOAT16: "FP16",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.UINT8: "UINT8",
    TensorProto.BOOL: "BOOL",
}
# The input whose type the table means; ConstantOfShape's is that of its output.
DATA_INPUT = {"Where": 1}
# NVIDIA's table of the parser lists floats only, its pages of the layers more:
# https://docs.nvidia.com/deeplearning/tensorrt/latest/_static/operators/NonZero.html and .../Cumulative.html
MORE_TYPES = {"NonZero": {"BOOL", "INT32"}, "CumSum": {"INT32", "INT64"}}
FIRST_OUTPUT_ONLY = ("LayerNormalization", "MaxPool")
HANDS_ON = ("Reshape", "Unsqueeze", "Squeeze", "Cast", "Identity")


def violations(file: Path) -> list[str]:
    """What of an ONNX file TensorRT's parser does not take, a line each."""
    model = onnx.load(file)
    graph = model.graph
    low, high = DOCUMENTED["opsets"]
    found = [f"opset {o.version} of {o.domain or 'onnx'}" for o in model.opset_import if not low <= o.version <= high]
    found += [f"domain {o.domain}" for o in model.opset_import if o.domain not in ("", "ai.onnx")]
    found += [f"function {function.name}" for function in model.functions]
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.output, *graph.value_info)}
    types |= {value.name: value.data_type for value in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    constants = {value.name: value for value in graph.initializer}
    for node in graph.node:
        where = f"{node.op_type} ({node.name})"
        allowed = DOCUMENTED["operators"].get(node.op_type)
        if allowed is None:
            found.append(f"{where} is not supported")
            continue
        data = node.output[0] if node.op_type == "ConstantOfShape" else node.input[DATA_INPUT.get(node.op_type, 0)]
        kind = TYPES.get(types.get(data, 0), "an unknown type")
        if kind not in {*allowed.split(), *MORE_TYPES.get(node.op_type, ())}:
            found.append(f"{where} of {kind}")
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type in FIRST_OUTPUT_ONLY and len([name for name in node.output if name]) > 1:
            found.append(f"{where} with several outputs")
        if node.op_type == "TopK":
            most = upper_limit(node.input[1], makers, constants)
            if most is None or most >= DOCUMENTED["topk_below"] or not attributes.get("sorted", 1):
                found.append(f"{where} of {most}")
        if node.op_type == "ScatterND" and attributes.get("reduction", b"none") != b"none":
            found.append(f"{where} with reduction")
        if node.op_type.startswith("Reduce") and len(node.input) > 1 and node.input[1] not in constants:
            found.append(f"{where} with axes that are computed")
        if node.op_type == "GridSample" and attributes.get("mode", b"linear") not in (b"linear", b"nearest", b"cubic"):
            found.append(f"{where} of mode {attributes['mode']!r}")
        if node.op_type == "Resize":
            modes = attributes.get("mode", b"nearest"), attributes.get("antialias", 0)
            if modes[0] == b"cubic" or modes[1] or attributes.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
                found.append(f"{where} of mode {modes[0]!r}, antialias {modes[1]}")
    return found


def upper_limit(name: str, makers: dict[str, onnx.NodeProto], constants: dict[str, TensorProto]) -> int | None:
    """The largest that a number can become, if it is a constant or the minimum of one and others."""
    if name in constants:
        return int(numpy_helper.to_array(constants[name]).max())
    node = makers.get(name)
    if node is None:
        return None
    if node.op_type in HANDS_ON:
        return upper_limit(node.input[0], makers, constants)
    if node.op_type == "Min":
        limits = [upper_limit(each, makers, constants) for each in node.input]
        return min((limit for limit in limits if limit is not None), default=None)
    return None
