"""What every kind of model keeps: each target gives what the model's own library does."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnxv2_mm.export.differences import differences, score_threshold
from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.export.onnx_file import write_onnx
from cnxv2_mm.export.openvino_file import write_openvino
from cnxv2_mm.export.program import record
from cnxv2_mm.export.whole_model import WholeModel
from tests.export.tensorrt import violations


@torch.no_grad()
def check_targets(
    whole: WholeModel,
    images: Sequence[Tensor],
    folder: Path,
    *,
    dynamic: bool,
    tensorrt_refuses: Sequence[str] = (),
) -> list[dict[str, np.ndarray]]:
    """Compare eager PyTorch, the recorded program, onnxruntime and OpenVINO with the model's own library.

    What TensorRT documents of its ONNX parser is checked as well: it cannot be run here.

    Args:
        whole: The model, with ``fp16`` or not.
        images: Pictures (N, height, width, C), bytes; the first is the example that the program is recorded with. All
            have its shape unless ``dynamic``.
        folder: Where ``model.onnx``, ``model.xml`` and ``model.bin`` are written.
        dynamic: Whether the program takes other sides, and batches if the model does: then a batch is compared too.
        tensorrt_refuses: What TensorRT is known not to take of this model: the beginnings of the lines of
            :func:`tests.export.tensorrt.violations`.

    Returns:
        For each image, what the library gives, by the names of the outputs.
    """
    outputs = whole.model.outputs
    names = [output.name for output in outputs]
    metadata = {"cnxv2_mm": '"test"', "outputs": json.dumps([{"name": name} for name in names])}
    program = record(whole, images[0], dynamic=dynamic)
    onnx_file, openvino_file = folder / "model.onnx", folder / "model.xml"
    write_onnx(program, onnx_file, names, metadata)
    write_openvino(onnx_file, openvino_file, metadata, fp16=whole.fp16)
    files = [ExportedModel(file) for file in (onnx_file, openvino_file)]
    refused = [line for line in violations(onnx_file) if not line.startswith(tuple(tensorrt_refuses))]
    assert not refused, f"TensorRT: {'; '.join(refused)}"
    module = program.module()
    if dynamic and whole.model.takes_batches:
        images = [*images, torch.cat([images[0], images[0].flip(2)])]
    threshold = score_threshold(whole.model.model)
    references = []
    for image in images:
        expected = [value.numpy() for value in whole.reference(image)]
        assert all(value.size for value in expected), f"nothing to compare: {[value.shape for value in expected]}"
        found = {
            "eager": [value.numpy() for value in whole(image)],
            "torch.export": [value.numpy() for value in module(image)],
        }
        for file, target in zip(files, ("onnxruntime", "OpenVINO"), strict=True):
            by_name = file(image.numpy())
            assert list(by_name) == names
            found[target] = [by_name[name] for name in names]
        for target, values in found.items():
            assert [value.ndim for value in values] == [value.ndim for value in expected], target
            compared = differences(whole.model.task, outputs, expected, values, whole.fp16, threshold=threshold)
            apart = [str(difference) for difference in compared if not difference.is_within]
            assert not apart, f"{target}, image of {tuple(image.shape[1:3])}: {'; '.join(apart)}"
        references.append(dict(zip(names, expected, strict=True)))
    return references
