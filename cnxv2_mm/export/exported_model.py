"""A file that was exported, as a function of pictures, whatever it is run with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cnxv2_mm.export.onnx_file import OnnxModel
from cnxv2_mm.export.openvino_file import OpenVinoModel
from cnxv2_mm.export.program_file import ProgramModel

VERSION = "cnxv2_mm"  # the metadata that every file of ours has


class _Runtime(Protocol):
    """A file in the library that runs it."""

    metadata: Mapping[str, str]

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]: ...


_RUNTIMES: dict[str, Any] = {".onnx": OnnxModel, ".xml": OpenVinoModel, ".pt2": ProgramModel}
SUFFIXES = tuple(_RUNTIMES)


class ExportedModel:
    """A file of ``cnxv2 export``, run on the CPU: ``.onnx`` in onnxruntime, ``.xml`` in OpenVINO, ``.pt2`` in PyTorch.

    >>> model = ExportedModel("detector.onnx")
    >>> model.metadata["classes"]
    >>> model(image[None])["boxes"]  # image: (height, width, 3), RGB bytes

    Args:
        file: The file.

    Attributes:
        metadata: What the file says of itself: see ``docs/export.md``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is of another kind, or was not written by ``cnxv2 export``.
    """

    def __init__(self, file: str | Path) -> None:
        file = Path(file)
        kind = _RUNTIMES.get(file.suffix)
        if kind is None:
            raise ValueError(f"{file} is no exported model, whose name ends in {', '.join(SUFFIXES)}")
        if not file.is_file():
            raise FileNotFoundError(f"exported model {file} does not exist")
        self._runtime: _Runtime = kind(file)
        if VERSION not in self._runtime.metadata:
            raise ValueError(f"{file} was not written by cnxv2 export: it does not say what goes in and comes out")
        self.metadata: dict[str, Any] = {key: json.loads(value) for key, value in self._runtime.metadata.items()}

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs by name.

        Args:
            image: Pictures, (N, height, width, C), RGB, of the type and the sides in ``metadata["input"]``.
        """
        return self._runtime(image)
