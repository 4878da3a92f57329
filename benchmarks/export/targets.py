"""What runs a model: PyTorch, as it is and compiled, and each kind of file, all with the same number of threads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram

from cnxv2_mm.export.onnx_file import write_onnx
from cnxv2_mm.export.openvino_file import write_openvino
from cnxv2_mm.export.packages import package
from cnxv2_mm.export.program import INPUT, record
from cnxv2_mm.export.program_file import write_program
from cnxv2_mm.export.whole_model import WholeModel

Call = Callable[[], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Work:
    """A model and a picture, and what files are made of.

    Attributes:
        whole: The model in float32.
        half: The same with float16.
        image: (1, height, width, 3) RGB bytes.
        folder: Where files are written.
        threads: How many each of them gets.
    """

    whole: WholeModel
    half: WholeModel
    image: Tensor
    folder: Path
    threads: int

    @cached_property
    def program(self) -> ExportedProgram:
        """The recorded program, for this size of picture."""
        return record(self.whole, self.image, dynamic=False)

    @property
    def names(self) -> list[str]:
        """The names of the outputs."""
        return [output.name for output in self.whole.model.outputs]


@dataclass(frozen=True)
class Form:
    """A model that is ready to run.

    Attributes:
        call: Predicts the picture.
        size: Bytes of its file, or of the weights in PyTorch.
    """

    call: Call
    size: int


def pytorch(work: Work) -> Form:
    """Return the model as its own library predicts, from the picture that the config's pipeline gives."""
    weights = [*work.whole.model.parameters(), *work.whole.model.buffers()]
    return Form(lambda: _numpy(work.whole.reference(work.image)), sum(t.numel() * t.element_size() for t in weights))


def compiled(work: Work) -> Form:
    """Return what is exported, compiled by ``torch.compile`` instead."""
    torch._dynamo.reset()
    network = torch.compile(work.whole, dynamic=False)
    return Form(lambda: _numpy(network(work.image)), 0)


def torch_export(work: Work) -> Form:
    """Return the recorded program in PyTorch."""
    file = work.folder / "model.pt2"
    write_program(work.program, file, {})
    module = torch.export.load(file).module()
    return Form(lambda: _numpy(module(work.image)), _size(file))


def onnx(work: Work) -> Form:
    """Return the ONNX file in onnxruntime."""
    return _onnx(work, work.program, work.folder / "model.onnx")


def onnx_fp16(work: Work) -> Form:
    """Return the ONNX file that computes in float16, in onnxruntime."""
    return _onnx(work, record(work.half, work.image, dynamic=False), work.folder / "half.onnx")


def openvino(work: Work) -> Form:
    """Return the OpenVINO file in OpenVINO."""
    onnx_file, file = work.folder / "model.onnx", work.folder / "model.xml"
    if not onnx_file.is_file():
        write_onnx(work.program, onnx_file, work.names, {})
    write_openvino(onnx_file, file, {}, fp16=False)
    # In float32 as the others: without the hint some processors compute in bfloat16.
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": work.threads}
    network = package("openvino").Core().compile_model(file, "CPU", options)
    picture = work.image.numpy()
    return Form(
        lambda: [np.array(array) for array in network([picture]).values()], _size(file, file.with_suffix(".bin"))
    )


# The first is what the others are compared with; then what has no file.
BUILDERS: dict[str, Callable[[Work], Form]] = {
    "PyTorch": pytorch,
    "compiled": compiled,
    "torch.export": torch_export,
    "ONNX": onnx,
    "OpenVINO": openvino,
    "ONNX, float16": onnx_fp16,
}
TARGETS = tuple(BUILDERS)
HALF = ("ONNX, float16",)


def _onnx(work: Work, program: ExportedProgram, file: Path) -> Form:
    onnxruntime = package("onnxruntime")
    write_onnx(program, file, work.names, {})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = work.threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    picture = work.image.numpy()
    return Form(lambda: session.run(None, {INPUT: picture}), _size(*work.folder.glob(f"{file.name}*")))


def _numpy(tensors: Sequence[Tensor]) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


def _size(*files: Path) -> int:
    return sum(file.stat().st_size for file in files)
