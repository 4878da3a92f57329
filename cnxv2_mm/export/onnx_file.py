"""ONNX: from a recorded program to a file, and running it in onnxruntime."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from cnxv2_mm.export.onnx_graph import adapt
from cnxv2_mm.export.packages import package
from cnxv2_mm.export.program import INPUT
from cnxv2_mm.export.quiet import quiet

# With LayerNormalization (17), grid samples of several kinds (16, 20) and Gelu (20); TensorRT 10 reads up to 24.
OPSET = 20
_AXES = ("images", "height", "width")
_LARGEST = 2 * 10**9  # bytes: a protobuf message, and with it an ONNX file, has less than 2 GiB


def write_onnx(program: ExportedProgram, file: Path, outputs: Sequence[str], metadata: Mapping[str, str]) -> None:
    """Write a program as an ONNX file; if it is larger than 2 GB, its weights as ``<file>.data`` beside it.

    Args:
        program: The recorded model.
        file: Where to write it.
        outputs: Names of its outputs.
        metadata: What is written into the file's ``metadata_props``.

    Raises:
        ValueError: ONNX has no translation of an operator; the message names it.
        ImportError: A package is missing.
    """
    package("onnx")
    package("onnxscript")
    try:
        with quiet():
            onnx = torch.onnx.export(
                program, dynamo=True, verbose=False, opset_version=OPSET, input_names=[INPUT], output_names=[*outputs]
            )
    except Exception as error:  # of a private class
        raise ValueError(_explanation(error)) from error
    assert onnx is not None
    _name_axes(onnx.model)
    adapt(onnx.model)
    onnx.model.metadata_props.update(metadata)
    weights = sum(value.const_value.nbytes for value in onnx.model.graph.initializers.values() if value.const_value)
    with quiet():
        onnx.save(file, external_data=weights > _LARGEST)


def _explanation(error: BaseException) -> str:
    """Return in one line which operator has no translation."""
    texts = []
    seen: BaseException | None = error
    while seen is not None:
        texts.append(str(seen))
        seen = seen.__cause__
    operators = re.findall(r"OpOverload\(op='([^']+)'", texts[-1]) or re.findall(r"OpOverload\(op='([^']+)'", texts[0])
    if operators:
        return f"the operator {operators[0]} cannot be exported to ONNX: torch.onnx has no translation of it"
    return f"the program cannot be exported to ONNX: {' '.join(texts[-1].split())[:200]}"


def _name_axes(model: Any) -> None:
    """Call the axes of the input by what they are, where torch.export calls them s0, s1 and so on."""
    axes = list(model.graph.inputs[0].shape)[: len(_AXES)]
    names = {str(axis.value): name for axis, name in zip(axes, _AXES, strict=True) if not isinstance(axis, int)}
    if not names:
        return
    pattern = re.compile(rf"\b({'|'.join(names)})\b")
    values = [*model.graph.inputs, *(output for node in model.graph.all_nodes() for output in node.outputs)]
    for value in values:
        for index, axis in enumerate(value.shape or ()):
            if not isinstance(axis, int) and axis.value is not None:
                value.shape[index] = pattern.sub(lambda found: names[found[0]], axis.value)


class OnnxModel:
    """An ONNX file in onnxruntime, on the CPU.

    Args:
        file: The file.

    Attributes:
        metadata: Its ``metadata_props``.
    """

    def __init__(self, file: Path) -> None:
        runtime = package("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # errors
        self._session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs of pictures (N, height, width, C) by name."""
        return dict(zip(self._names, self._session.run(None, {INPUT: image}), strict=True))
