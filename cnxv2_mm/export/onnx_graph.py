"""Changes to an ONNX graph of torch.onnx that keep its numbers, for runtimes that take less than ONNX allows."""

from typing import Any

from cnxv2_mm.export.packages import package


def adapt(model: Any) -> None:
    """Rewrite what TensorRT does not take, though it is valid ONNX.

    - Bytes may only be converted there: what asks for the input's shape asks the converted input.
    - Bools cannot be compared there: ``a == b`` becomes ``not (a xor b)``. ``torch.onnx`` compares the signs where it
      divides whole numbers.

    Source: the lists of types in NVIDIA's "Supported ONNX Operators" and "TensorRT Operators", 10.15.

    Args:
        model: An ``onnx_ir.Model``; it is changed.
    """
    ir = package("onnxscript").ir
    graph = model.graph
    _convert_first(ir, graph)
    for node in list(graph):
        if node.op_type == "Equal" and node.inputs[0].dtype == ir.DataType.BOOL:
            differ = ir.node("Xor", list(node.inputs))
            differ.outputs[0].dtype, differ.outputs[0].shape = ir.DataType.BOOL, node.outputs[0].shape
            same = ir.node("Not", [differ.outputs[0]])
            ir.convenience.replace_nodes_and_values(graph, node, [node], [differ, same], node.outputs, same.outputs)


def _convert_first(ir: Any, graph: Any) -> None:
    image = graph.inputs[0]
    if image.dtype != ir.DataType.UINT8:
        return
    cast = next(node for node in graph if node.op_type == "Cast" and node.inputs[0] is image)
    graph.remove(cast)
    graph.insert_before(graph[0], cast)
    for node, index in list(image.uses()):
        if node.op_type == "Shape":
            node.replace_input_with(index, cast.outputs[0])
