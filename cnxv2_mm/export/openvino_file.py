"""OpenVINO: from an ONNX file to OpenVINO's own form, and running it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cnxv2_mm.export.packages import package
from cnxv2_mm.export.quiet import quiet

_ROOT = "cnxv2_mm"  # of our part of ``rt_info``


def write_openvino(onnx_file: Path, file: Path, metadata: Mapping[str, str], *, fp16: bool) -> None:
    """Write an ONNX file as OpenVINO's ``.xml``, and its weights as the ``.bin`` of the same name beside it.

    Args:
        onnx_file: The file that :func:`cnxv2_mm.export.onnx_file.write_onnx` has written.
        file: Where to write it, a name that ends in ``.xml``.
        metadata: What is written into the model's ``rt_info``, below ``cnxv2_mm``.
        fp16: Whether the weights are stored in float16.

    Raises:
        ValueError: OpenVINO has no translation of an operator; the message names it.
        ImportError: OpenVINO is not installed.
    """
    openvino = package("openvino")
    try:
        with quiet():
            model = openvino.convert_model(onnx_file)
    except Exception as error:  # of several classes of OpenVINO
        text = " ".join(str(error).split())
        unknown = re.search(r"No conversion rule found for operations?:? ([^ ]+)", text)
        detail = text.rpartition("detailed log:")[2].strip()[:200]
        reason = f"has no translation of {unknown[1]}" if unknown else f"cannot read the ONNX graph: {detail}"
        raise ValueError(f"OpenVINO {reason}") from error
    for key, value in metadata.items():
        model.set_rt_info(value, [_ROOT, key])
    openvino.save_model(model, file, compress_to_fp16=fp16)


class OpenVinoModel:
    """An OpenVINO file on the CPU, in float32 where the file does not ask for another type.

    Args:
        file: The ``.xml``; its ``.bin`` is beside it.

    Attributes:
        metadata: Its ``rt_info`` below ``cnxv2_mm``.
    """

    def __init__(self, file: Path) -> None:
        core = package("openvino").Core()
        model = core.read_model(file)
        self.metadata: dict[str, str] = {}
        if model.has_rt_info([_ROOT]):
            keys = model.get_rt_info([_ROOT]).astype(dict)
            self.metadata = {key: model.get_rt_info([_ROOT, key]).astype(str) for key in keys}
        # An output has several names where OpenVINO has left out an operation before it.
        known = [output["name"] for output in json.loads(self.metadata.get("outputs", "[]"))]
        named = [sorted(output.get_names(), key=lambda name: name not in known) for output in model.outputs]
        self._names = [names[0] for names in named]
        # Without the hint a CPU that can computes in bfloat16.
        self._compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs of pictures (N, height, width, C) by name."""
        found = self._compiled([image])
        return {name: np.array(found[output]) for name, output in zip(self._names, self._compiled.outputs, strict=True)}
